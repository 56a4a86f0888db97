//! Chunks that no Prometheus at hand writes.

use storage::Samples;

use super::chunk::{self, Encoding};

/// A chunk as it lies in a file.
fn framed(encoding: u8, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    stdx::varint::put_u64(&mut out, data.len() as u64);
    let begin = out.len();
    out.push(encoding);
    out.extend_from_slice(data);
    let sum = crc32c::crc32c(&out[begin..]);
    out.extend_from_slice(&sum.to_be_bytes());
    out
}

#[test]
fn histograms_are_told_apart_and_unknown_kinds_refused() {
    let mut samples = Samples::default();
    for encoding in [2, 3] {
        assert_eq!(chunk::read(&framed(encoding, &[0, 1, 2]), 0, &mut samples).unwrap(), Encoding::Histogram);
    }
    let wrong = chunk::read(&framed(9, &[0, 0]), 0, &mut samples).unwrap_err();
    assert_eq!((wrong.0, wrong.1.as_str()), (0, "a chunk of encoding 9, which is not known"));
    assert!(samples.times_ms.is_empty());
}

#[test]
fn more_samples_than_there_are_bits_for_are_refused() {
    for count in 0..300_u16 {
        let mut data = count.to_be_bytes().to_vec();
        data.extend([0; 9]);
        let read = chunk::read(&framed(1, &data), 0, &mut Samples::default());
        assert_eq!(read.is_ok(), count <= 1, "{count}");
    }
}
