//! Texts, labels and lines as bytes, the same in the log and in chunks (docs/formats/logs.md). Reading never panics and never
//! takes memory beyond the bytes that are there.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::HashMap;

use model::{Labels, LogEntry, TimestampNs};
use stdx::varint::{put_i64, put_u64, take_i64, take_u64};

/// Appends a text behind its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Takes a number that has to be a length or a count of what `input` holds: each is at least a byte.
pub(crate) fn take_len(input: &mut &[u8]) -> Option<usize> {
    let len = usize::try_from(take_u64(input)?).ok()?;
    (len <= input.len()).then_some(len)
}

/// Takes `len` bytes.
pub(crate) fn take_bytes<'a>(input: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

/// Takes what [`put_text`] wrote.
pub(crate) fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_len(input)?;
    std::str::from_utf8(take_bytes(input, len)?).ok()
}

/// Appends a label set: a count, then names and values.
pub(crate) fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    put_u64(out, labels.count() as u64);
    for (name, value) in labels {
        put_text(out, name);
        put_text(out, value);
    }
}

/// Takes what [`put_labels`] wrote; `None` too when names do not grow or a value is empty.
pub(crate) fn take_labels(input: &mut &[u8]) -> Option<Labels> {
    let count = take_len(input)?;
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for _ in 0..count {
        let (name, value) = (take_text(input)?, take_text(input)?);
        if value.is_empty() || pairs.last().is_some_and(|(previous, _)| *previous >= name) {
            return None;
        }
        pairs.push((name, value));
    }
    Some(Labels::from_sorted(pairs))
}

/// Different label sets, and which of them each line has: 0 for none, 1 for the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sets {
    all: Vec<Labels>,
    places: HashMap<Labels, u32>,
    bytes: usize,
}

impl Sets {
    /// The place of a set, which is added if it is not there.
    pub(crate) fn place(&mut self, set: &Labels) -> u32 {
        if set.is_empty() {
            return 0;
        }
        // The line before mostly has the same.
        if self.all.last() == Some(set) {
            return self.all.len() as u32;
        }
        if let Some(place) = self.places.get(set) {
            return *place;
        }
        self.all.push(set.clone());
        let place = self.all.len() as u32;
        self.places.insert(set.clone(), place);
        self.bytes += set.heap_bytes();
        place
    }

    /// All sets, in order of place.
    pub(crate) fn all(&self) -> &[Labels] {
        &self.all
    }

    /// The set at a place; the empty one for 0.
    pub(crate) fn get<'a>(&'a self, place: u32, none: &'a Labels) -> &'a Labels {
        place.checked_sub(1).and_then(|place| self.all.get(place as usize)).unwrap_or(none)
    }

    /// Bytes of the sets, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.places.clear();
        self.bytes = 0;
    }
}

/// Appends sets and, if there is one, the place for each line.
pub(crate) fn put_sets(out: &mut Vec<u8>, sets: &[Labels], places: impl Iterator<Item = u32>) {
    put_u64(out, sets.len() as u64);
    sets.iter().for_each(|set| put_labels(out, set));
    if !sets.is_empty() {
        places.for_each(|place| put_u64(out, u64::from(place)));
    }
}

/// Takes sets and, if there is one, `lines` places; each is one of a set or 0.
pub(crate) fn take_sets(input: &mut &[u8], lines: usize) -> Option<(Vec<Labels>, Vec<u32>)> {
    let count = take_len(input)?;
    let sets: Vec<Labels> = (0..count).map(|_| take_labels(input)).collect::<Option<_>>()?;
    if sets.is_empty() {
        return Some((sets, Vec::new()));
    }
    let place = |input: &mut &[u8]| {
        let place = u32::try_from(take_u64(input)?).ok()?;
        (place as usize <= count).then_some(place)
    };
    let places = (0..lines).map(|_| place(input)).collect::<Option<_>>()?;
    Some((sets, places))
}

/// Appends moments that mostly grow: the first, then differences.
pub(crate) fn put_times(out: &mut Vec<u8>, times: impl Iterator<Item = i64>) {
    let mut previous = 0;
    for at in times {
        put_i64(out, at.wrapping_sub(previous));
        previous = at;
    }
}

/// Takes `count` moments.
pub(crate) fn take_times(input: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    // Each is at least a byte.
    let mut times = Vec::with_capacity(count.min(input.len()));
    let mut at = 0i64;
    for _ in 0..count {
        at = at.wrapping_add(take_i64(input)?);
        times.push(at);
    }
    Some(times)
}

/// Appends lines as the log has them: count, times, lengths, metadata, text.
pub(crate) fn put_lines<'a>(
    out: &mut Vec<u8>,
    lines: impl Iterator<Item = (i64, &'a str, &'a Labels)> + Clone,
    sets: &mut Sets,
) {
    sets.clear();
    let places: Vec<u32> = lines.clone().map(|(_, _, metadata)| sets.place(metadata)).collect();
    put_u64(out, places.len() as u64);
    put_times(out, lines.clone().map(|(at, _, _)| at));
    lines.clone().for_each(|(_, line, _)| put_u64(out, line.len() as u64));
    put_sets(out, sets.all(), places.into_iter());
    lines.for_each(|(_, line, _)| out.extend_from_slice(line.as_bytes()));
}

/// Takes lines that [`put_lines`] wrote.
pub(crate) fn take_lines(input: &mut &[u8], none: &Labels) -> Option<Vec<LogEntry>> {
    let count = take_len(input)?;
    let times = take_times(input, count)?;
    let lens: Vec<usize> = (0..count)
        .map(|_| take_u64(input).and_then(|len| usize::try_from(len).ok()))
        .collect::<Option<_>>()?;
    let (sets, places) = take_sets(input, count)?;
    let mut entries = Vec::with_capacity(count);
    for (i, (at, len)) in times.into_iter().zip(lens).enumerate() {
        let line = std::str::from_utf8(take_bytes(input, len)?).ok()?.to_owned();
        let place = places.get(i).and_then(|place| place.checked_sub(1));
        let metadata = place.and_then(|place| sets.get(place as usize)).unwrap_or(none).clone();
        entries.push(LogEntry { at: TimestampNs(at), line, metadata });
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(rows: Vec<(i64, String, Option<String>)>) -> Vec<LogEntry> {
        let entry = |(at, line, trace): (i64, String, Option<String>)| {
            let metadata = Labels::from_pairs(trace.map(|trace| ("trace_id", trace)));
            LogEntry { at: TimestampNs(at), line, metadata }
        };
        rows.into_iter().map(entry).collect()
    }

    proptest! {
        #[test]
        fn lines_read_back(rows in prop::collection::vec((any::<i64>(), any::<String>(), prop::option::of("[a-c]?")), 0..20)) {
            let entries = entries(rows);
            let mut bytes = Vec::new();
            put_lines(&mut bytes, entries.iter().map(|e| (e.at.0, e.line.as_str(), &e.metadata)), &mut Sets::default());
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_lines(&mut rest, &Labels::empty()), Some(entries));
            prop_assert!(rest.is_empty());
            for cut in 0..bytes.len() {
                prop_assert_eq!(take_lines(&mut &bytes[..cut], &Labels::empty()), None);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            drop(take_lines(&mut bytes.as_slice(), &Labels::empty()));
            drop(take_labels(&mut bytes.as_slice()));
        }
    }
}
