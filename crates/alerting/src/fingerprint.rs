//! The short name of an alert: Alertmanager's hash of its labels, so that receivers and tools know it again.

use model::Labels;

/// Between names and values in what is hashed; no UTF-8 text contains it.
const SEPARATOR: u8 = 0xff;

/// 64-bit FNV-1a over the sorted labels.
pub(crate) fn fingerprint(labels: &Labels) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for (name, value) in labels {
        name.bytes().for_each(&mut add);
        add(SEPARATOR);
        value.bytes().for_each(&mut add);
        add(SEPARATOR);
    }
    hash
}

/// As it is shown: 16 hexadecimal digits.
pub(crate) fn shown(labels: &Labels) -> String {
    format!("{:016x}", fingerprint(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_prometheus_computes_it() {
        // The empty set's fingerprint is FNV's offset; the other one is FNV-1a of `a\xffb\xff`, computed by hand.
        assert_eq!(shown(&Labels::empty()), "cbf29ce484222325");
        let bytes = [b'a', 0xff, b'b', 0xff];
        let by_hand = bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
        assert_eq!(fingerprint(&Labels::from_pairs([("a", "b")])), by_hand);
    }
}
