//! Spoiling bytes so that most of them stay what they were: readers are then met deep inside.

use fastrand::Rng;

/// Beyond this an input only costs time.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// What is written over a few bytes: ends of ranges, where arithmetic goes wrong.
const EXTREMES: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, i64::MIN as u64, u64::MAX];

/// Changes one to some places of `bytes`; `other` is another valid input, of which parts are taken over.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    for _ in 0..1 + rng.usize(..4) * rng.usize(..4) {
        mutate_once(bytes, other, rng);
    }
    bytes.truncate(INPUT_BYTES_MAX);
}

fn mutate_once(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..16)).min(bytes.len());
    match rng.u8(..9) {
        0 => set(bytes, at, |byte| byte ^ (1 << rng.u8(..8))),
        1 => set(bytes, at, |_| rng.u8(..)),
        2 => set(bytes, at, |byte| byte.wrapping_add(rng.u8(..3)).wrapping_sub(1)),
        3 => {
            let value = EXTREMES[rng.usize(..EXTREMES.len())].to_le_bytes();
            let width = [1, 2, 4, 8][rng.usize(..4)];
            bytes.iter_mut().skip(at).zip(&value[..width]).for_each(|(place, byte)| *place = *byte);
        }
        4 => drop(bytes.drain(at..end)),
        5 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        6 => {
            let from = rng.usize(..=other.len());
            let to = (from + rng.usize(..64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        7 => {
            let from = rng.usize(..=bytes.len());
            let part: Vec<u8> = bytes.iter().skip(from).take(end - at).copied().collect();
            bytes.splice(at..end, part);
        }
        _ if rng.u8(..8) == 0 => bytes.truncate(at),
        _ => bytes.insert(at, rng.u8(..)),
    }
}

fn set(bytes: &mut [u8], at: usize, change: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = change(*byte);
    }
}
