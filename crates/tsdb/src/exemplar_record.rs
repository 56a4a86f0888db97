//! Exemplars in the log, as bytes (docs/formats/records.md). Reading never panics, whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use model::{Labels, TimestampMs};
use stdx::varint::{put_i64, put_u64, take_i64};
use storage::Exemplar;

use crate::symbols::{SymbolReader, SymbolWriter, take_count};

/// Bit of the flags: the program said when.
const HAS_OWN_TIME: u8 = 1;

/// An exemplar and the series that it belongs to. By its labels: it stays when the series has left memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExemplarRecord {
    pub(crate) series: Labels,
    pub(crate) exemplar: Exemplar,
}

/// Writes the body of a record.
pub(crate) fn put(all: &[ExemplarRecord], out: &mut Vec<u8>) {
    let mut symbols = SymbolWriter::default();
    for record in all {
        symbols.add(&record.series);
        symbols.add(&record.exemplar.labels);
    }
    symbols.put_table(out);
    put_u64(out, all.len() as u64);
    let mut previous_ms = 0i64;
    for ExemplarRecord { series, exemplar } in all {
        symbols.put_labels(series, out);
        symbols.put_labels(&exemplar.labels, out);
        out.push(if exemplar.has_own_time { HAS_OWN_TIME } else { 0 });
        put_i64(out, exemplar.at.0.wrapping_sub(previous_ms));
        previous_ms = exemplar.at.0;
        out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    }
}

/// Reads the body of a record off the front of `input`.
pub(crate) fn take(input: &mut &[u8]) -> Option<Vec<ExemplarRecord>> {
    let mut symbols = SymbolReader::take_table(input)?;
    let count = take_count(input)?;
    let mut previous_ms = 0i64;
    let mut one = || {
        let (series, labels) = (symbols.take_labels(input)?, symbols.take_labels(input)?);
        let (flags, rest) = input.split_first()?;
        *input = rest;
        previous_ms = previous_ms.wrapping_add(take_i64(input)?);
        let (bits, rest) = input.split_first_chunk::<8>()?;
        *input = rest;
        let value = f64::from_bits(u64::from_le_bytes(*bits));
        let has_own_time = *flags == HAS_OWN_TIME;
        let exemplar = Exemplar { labels, value, at: TimestampMs(previous_ms), has_own_time };
        (*flags <= HAS_OWN_TIME).then_some(ExemplarRecord { series, exemplar })
    };
    (0..count).map(|_| one()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels() -> impl Strategy<Value = Labels> {
        prop::collection::btree_map("[a-c_]{1,3}", "[x-z→]{1,3}", 0..4).prop_map(Labels::from_pairs)
    }

    fn records() -> impl Strategy<Value = Vec<ExemplarRecord>> {
        let one = (labels(), labels(), any::<i64>(), -1e9..1e9f64, any::<bool>()).prop_map(
            |(series, labels, at_ms, value, has_own_time)| ExemplarRecord {
                series,
                exemplar: Exemplar { labels, value, at: TimestampMs(at_ms), has_own_time },
            },
        );
        prop::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back_and_nothing_less(all in records()) {
            let mut bytes = Vec::new();
            put(&all, &mut bytes);
            let mut input = bytes.as_slice();
            prop_assert_eq!(take(&mut input), Some(all));
            prop_assert!(input.is_empty());
            for len in 0..bytes.len() {
                prop_assert!(take(&mut &bytes[..len]).is_none());
            }
        }

        #[test]
        fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            take(&mut bytes.as_slice());
        }
    }

    /// The format page in bytes.
    #[test]
    fn layout_is_as_the_format_page_says() {
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("t", "a")]),
            value: 1.0,
            at: TimestampMs(3),
            has_own_time: true,
        };
        let mut bytes = Vec::new();
        put(&[ExemplarRecord { series: Labels::from_pairs([("a", "b")]), exemplar }], &mut bytes);
        let symbols: &[u8] = &[3, 1, b'a', 1, b'b', 1, b't'];
        let one: &[u8] = &[1, 0, 1, 1, 2, 0, 1, 6, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        assert_eq!(bytes, [symbols, &[1], one].concat());
    }
}
