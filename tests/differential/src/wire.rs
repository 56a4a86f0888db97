//! Remote write by hand: the few protobuf fields that samples need, in a snappy block of literals only.

use model::Labels;

/// One series with samples of its own times.
pub(crate) struct Written<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) samples: &'a [(i64, f64)],
}

/// A `WriteRequest`, compressed as the receiver wants it.
pub(crate) fn write_request(series: &[Written<'_>]) -> Vec<u8> {
    let mut request = Vec::new();
    for one in series {
        let mut body = Vec::new();
        for (name, value) in one.labels.iter() {
            let mut pair = Vec::new();
            field(&mut pair, 1, name.as_bytes());
            field(&mut pair, 2, value.as_bytes());
            field(&mut body, 1, &pair);
        }
        for (at_ms, value) in one.samples {
            // Field 1 is a double, field 2 a varint.
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_bits().to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, at_ms.cast_unsigned());
            field(&mut body, 2, &sample);
        }
        field(&mut request, 1, &body);
    }
    snappy_literals(&request)
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Snappy's block format, nothing found to be repeated.
fn snappy_literals(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 60 + 16);
    varint(&mut out, bytes.len() as u64);
    // Tag 61 << 2: a literal whose length less one follows in two bytes.
    for piece in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend_from_slice(&((piece.len() - 1) as u16).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out
}
