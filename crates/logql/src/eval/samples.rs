//! Samples that lines give, by series.
//!
//! What is only added up, or of which only the smallest or largest matters, is kept by the pieces of time that all windows
//! are made of, so that a million lines of a stream are some hundred numbers. What needs each value keeps each value. Readings that tell
//! series apart by the same labels share the keys of these.

use std::collections::{HashMap, HashSet};

use columns::WindowSteps;
use logstage::Row;
use model::{Labels, LabelsKey};

use crate::error::{EvalError, Limit};

/// What a series takes besides its labels and samples: an entry in a map and its vectors.
const SERIES_BYTES: usize = 200;
/// What a reading takes of that for each series that others have met, though it has no sample of it.
const SLOT_BYTES: usize = size_of::<SeriesSamples>();
const _: () = assert!(SLOT_BYTES < SERIES_BYTES);
/// Series that are looked at to find the label that makes them many.
const LOOKED_AT_MAX: usize = 2000;

/// What a sample of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    /// One.
    Line,
    /// The bytes of the line.
    Bytes,
    /// The number that was unwrapped.
    Unwrapped,
}

/// How samples of one piece of time become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// They do not.
    Never,
    Add,
    /// They add up, and how many there were is kept.
    Mean,
    Smaller,
    Larger,
}

/// Which labels tell series apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SeriesBy {
    All,
    /// Only these; sorted.
    By(Vec<String>),
    /// All but these.
    Without(Vec<String>),
}

/// How lines become samples.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) sample: Sample,
    pub(super) join: Join,
    pub(super) by: SeriesBy,
    pub(super) windows: WindowSteps,
    /// By how many nanoseconds the steps lie behind whole milliseconds.
    pub(super) shift_ns: i64,
}

impl Plan {
    /// The end of the piece of time that a moment lies in, or of [`Join::Never`] the moment in nanoseconds, as steps count them: which of
    /// two in a millisecond came first matters. `None` between windows.
    pub(super) fn piece(&self, at_ns: i64) -> Option<i64> {
        let shifted_ns = at_ns.saturating_sub(self.shift_ns);
        let ms = to_ms(shifted_ns);
        let WindowSteps { steps, range_ms } = self.windows;
        let since = ms - (steps.start.0 - range_ms) - 1;
        if since < 0 {
            return None;
        }
        if self.join == Join::Never {
            return Some(shifted_ns);
        }
        let length = if steps.count == 1 { range_ms } else { gcd(steps.step_ms, range_ms) };
        // Where windows do not touch, what lies between them is in none.
        if steps.count > 1 && since % steps.step_ms >= range_ms {
            return None;
        }
        Some(steps.start.0 - range_ms + (since / length + 1) * length)
    }
}

/// The millisecond at whose end a moment counts: windows are open on the left and closed on the right, so that this
/// changes no window.
fn to_ms(shifted_ns: i64) -> i64 {
    shifted_ns.div_euclid(1_000_000) + i64::from(shifted_ns.rem_euclid(1_000_000) != 0)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Samples of one series.
#[derive(Debug, Default)]
pub(super) struct SeriesSamples {
    pub(super) labels: Labels,
    /// Of [`Join::Never`] nanoseconds until all are there ([`SeriesSamples::settle`]).
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<f64>,
    /// Of [`Join::Mean`] how many values each is the sum of; otherwise empty.
    pub(super) counts: Vec<f64>,
}

impl SeriesSamples {
    /// Adds a sample, which `count` values came to; answers how many bytes more that takes.
    fn push(&mut self, ms: i64, value: f64, count: f64, join: Join) -> usize {
        if let (Some(last_ms), Some(last)) = (self.times_ms.last(), self.values.last_mut())
            && *last_ms == ms
            && join != Join::Never
        {
            *last = joined(join, *last, value);
            if let (Join::Mean, Some(last)) = (join, self.counts.last_mut()) {
                *last += count;
            }
            return 0;
        }
        self.times_ms.push(ms);
        self.values.push(value);
        if join != Join::Mean {
            return size_of::<(i64, f64)>();
        }
        self.counts.push(count);
        size_of::<(i64, f64, f64)>()
    }

    /// How much room it takes, as it is counted while lines are read.
    pub(super) fn bytes(&self) -> usize {
        let samples = size_of_val(&*self.times_ms) + size_of_val(&*self.values) + size_of_val(&*self.counts);
        samples + SERIES_BYTES + 2 * self.labels.heap_bytes()
    }

    /// Puts samples of several streams and parts in order of time.
    pub(super) fn settle(&mut self, join: Join) {
        if join == Join::Never {
            return self.settle_each();
        }
        let counts = std::mem::take(&mut self.counts).into_iter().chain(std::iter::repeat(1.0));
        let samples = self.times_ms.drain(..).zip(self.values.drain(..)).zip(counts);
        let mut all: Vec<(i64, f64, f64)> = samples.map(|((ms, value), count)| (ms, value, count)).collect();
        all.sort_by_key(|(ms, ..)| *ms);
        for (ms, value, count) in all {
            self.push(ms, value, count, join);
        }
    }

    fn settle_each(&mut self) {
        if !self.times_ms.is_sorted() {
            let mut all: Vec<(i64, f64)> = self.times_ms.drain(..).zip(self.values.drain(..)).collect();
            all.sort_by_key(|(at_ns, _)| *at_ns);
            (self.times_ms, self.values) = all.into_iter().unzip();
        }
        self.times_ms.iter_mut().for_each(|time| *time = to_ms(*time));
    }
}

fn joined(join: Join, a: f64, b: f64) -> f64 {
    match join {
        Join::Add | Join::Mean => a + b,
        Join::Smaller if b < a || a.is_nan() => b,
        Join::Larger if b > a || a.is_nan() => b,
        _ => a,
    }
}

/// The series that one worker has met, told apart by the same labels for all readings that want it so.
#[derive(Default)]
pub(super) struct Keys {
    ids: HashMap<String, usize>,
    labels: Vec<Labels>,
    key: LabelsKey,
    /// The series of lines that have the labels of their stream and no other.
    of_stream: Option<usize>,
    /// The number of the line that was asked for last, and its series.
    latest: Option<(usize, usize)>,
}

impl Keys {
    /// The next lines are of another part of a stream.
    pub(super) fn begin_part(&mut self) {
        (self.of_stream, self.latest) = (None, None);
    }

    /// The number of a line's series, which is worked out once for each number of a line.
    pub(super) fn id(&mut self, by: &SeriesBy, row: &Row<'_>, line: usize) -> usize {
        match self.latest {
            Some((latest, id)) if latest == line => id,
            _ => {
                let id = self.find(by, row);
                self.latest = Some((line, id));
                id
            }
        }
    }

    /// The number of the series that a row belongs to.
    pub(super) fn find(&mut self, by: &SeriesBy, row: &Row<'_>) -> usize {
        let is_one = matches!(by, SeriesBy::By(names) if names.is_empty());
        let is_plain = is_one || (row.is_plain() && !row.has_metadata());
        if let (true, Some(id)) = (is_plain, self.of_stream) {
            return id;
        }
        set_key(&mut self.key, by, row);
        let id = match self.ids.get(self.key.as_str()) {
            Some(&id) => id,
            None => {
                self.ids.insert(self.key.as_str().to_owned(), self.labels.len());
                self.labels.push(self.key.to_labels());
                self.labels.len() - 1
            }
        };
        if is_plain {
            self.of_stream = Some(id);
        }
        id
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Takes over another worker's series; answers which of ours each of them is.
    pub(super) fn join(&mut self, other: Self) -> Vec<usize> {
        let mut keys: Vec<(String, usize)> = other.ids.into_iter().collect();
        keys.sort_unstable_by_key(|(_, id)| *id);
        let ours = keys.into_iter().zip(other.labels).map(|((key, _), labels)| {
            *self.ids.entry(key).or_insert_with(|| {
                self.labels.push(labels);
                self.labels.len() - 1
            })
        });
        ours.collect()
    }
}

/// What one worker has of one reading: samples by the numbers of the series in [`Keys`].
#[derive(Default)]
pub(super) struct Samples {
    series: Vec<SeriesSamples>,
}

impl Samples {
    /// Adds a sample to a series; answers how many bytes more that takes.
    pub(super) fn add(&mut self, keys: &Keys, id: usize, (ms, value): (i64, f64), join: Join) -> usize {
        let slots = if id < self.series.len() { 0 } else { self.grow(keys.len()) };
        let series = &mut self.series[id];
        let is_new = series.times_ms.is_empty();
        let bytes = slots * SLOT_BYTES + series.push(ms, value, 1.0, join);
        if is_new { bytes + SERIES_BYTES - SLOT_BYTES + 2 * keys.labels[id].heap_bytes() } else { bytes }
    }

    /// Makes room for so many series; answers how many more that are.
    fn grow(&mut self, count: usize) -> usize {
        let more = count.saturating_sub(self.series.len());
        if more > 0 {
            self.series.resize_with(count, SeriesSamples::default);
        }
        more
    }

    /// Takes over what another worker found; `ours` says which of our series each of its is. Answers how many bytes more that takes than
    /// both took before.
    pub(super) fn join(&mut self, other: Self, ours: &[usize]) -> usize {
        let theirs = other.series.len();
        let more = self.grow(ours.iter().take(theirs).max().map_or(0, |last| last + 1));
        for (series, id) in other.series.into_iter().zip(ours) {
            let into = &mut self.series[*id];
            if into.times_ms.is_empty() {
                *into = series;
                continue;
            }
            into.times_ms.extend(series.times_ms);
            into.values.extend(series.values);
            into.counts.extend(series.counts);
        }
        more.saturating_sub(theirs) * SLOT_BYTES
    }

    /// All series that have a sample.
    pub(super) fn into_series(self, keys: &Keys) -> Vec<SeriesSamples> {
        let series = self.series.into_iter().zip(&keys.labels);
        let with_labels = series.map(|(series, labels)| SeriesSamples { labels: labels.clone(), ..series });
        with_labels.filter(|series| !series.times_ms.is_empty()).collect()
    }

    /// The refusal when these are too many, which says which label to leave out.
    pub(super) fn too_many(&self, keys: &Keys, held_bytes_max: usize) -> EvalError {
        let mut values: HashMap<&str, HashSet<&str>> = HashMap::new();
        let held = self.series.iter().zip(&keys.labels).filter(|(series, _)| !series.times_ms.is_empty());
        let looked_at: Vec<&Labels> = held.map(|(_, labels)| labels).take(LOOKED_AT_MAX).collect();
        for labels in &looked_at {
            labels.iter().for_each(|(name, value)| {
                values.entry(name).or_default().insert(value);
            });
        }
        let most = values.iter().map(|(name, values)| (values.len(), *name)).max();
        let mib = held_bytes_max >> 20;
        let advice = match most {
            Some((count, name)) if count > 1 && count * 2 > looked_at.len() => format!(
                "label {name:?} has {count} values in the first {} series: write `| drop {name}` behind the parser, \
                 `| keep` with the labels that are needed, or `by (…)` behind the function over time",
                looked_at.len()
            ),
            _ => "shorten the time, add a filter, or aggregate with sum, min or max directly over the function over time".to_owned(),
        };
        EvalError::too_much(Limit::Memory, format!("the query holds more than {mib} MiB of series; {advice}"))
    }
}

/// The labels of a line that tell its series apart.
fn set_key(key: &mut LabelsKey, by: &SeriesBy, row: &Row<'_>) {
    key.clear();
    if let SeriesBy::By(names) = by {
        for name in names {
            if let Some(value) = row.get(name).filter(|value| !value.is_empty()) {
                key.push(name, value);
            }
        }
        return;
    }
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    row.for_each(|name, value, _| {
        let is_left_out = matches!(by, SeriesBy::Without(names) if names.iter().any(|other| other == name));
        if !value.is_empty() && !is_left_out {
            pairs.push((name, value));
        }
    });
    pairs.sort_unstable();
    pairs.into_iter().for_each(|(name, value)| key.push(name, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: usize = 1000;

    /// The series of so many lines of as many streams.
    fn keys() -> Keys {
        let mut keys = Keys::default();
        for i in 0..SERIES {
            let labels = Labels::from_pairs([("stream", i.to_string().as_str())]);
            keys.begin_part();
            keys.find(&SeriesBy::All, &Row::new(0, "", &labels, None));
        }
        keys
    }

    #[test]
    fn samples_of_one_millisecond_are_in_order_of_their_nanoseconds() {
        let mut series = SeriesSamples::default();
        for (at_ns, value) in [(5_000_002, 3.0), (4_999_999, 1.0), (5_000_001, 2.0)] {
            series.push(at_ns, value, 1.0, Join::Never);
        }
        series.settle(Join::Never);
        assert_eq!((series.times_ms, series.values), (vec![5, 6, 6], vec![1.0, 2.0, 3.0]));
    }

    #[test]
    fn room_for_series_of_others_is_counted() {
        let keys = keys();
        let mut sparse = Samples::default();
        let last = sparse.add(&keys, SERIES - 1, (1, 1.0), Join::Add);
        assert!(last > SERIES * SLOT_BYTES, "{last}");
        let first = sparse.add(&keys, 0, (1, 1.0), Join::Add);
        assert!(first < SERIES_BYTES + 100, "{first}");
        // One that has all of them takes what it did.
        let mut few = Keys::default();
        few.find(&SeriesBy::All, &Row::new(0, "", &Labels::empty(), None));
        let one = Samples::default().add(&few, 0, (1, 1.0), Join::Add);
        assert_eq!(one, SERIES_BYTES + 2 * Labels::empty().heap_bytes() + size_of::<(i64, f64)>());
    }

    #[test]
    fn joining_takes_no_room_for_nothing() {
        let ours: Vec<usize> = (0..SERIES).rev().collect();
        let mut all = Samples::default();
        assert_eq!((all.join(Samples::default(), &ours), all.series.len()), (0, 0));
        // The other worker's first is the last of ours: room for all before it is new.
        let (mut other, keys) = (Samples::default(), keys());
        let mut first = Keys::default();
        first.find(&SeriesBy::All, &Row::new(0, "", &Labels::empty(), None));
        other.add(&first, 0, (1, 1.0), Join::Add);
        assert_eq!((all.join(other, &ours), all.series.len()), ((SERIES - 1) * SLOT_BYTES, SERIES));
        // As many series as ours take no more than both took.
        let mut other = Samples::default();
        other.add(&keys, SERIES - 1, (1, 1.0), Join::Add);
        assert_eq!((all.join(other, &ours), all.series.len()), (0, SERIES));
    }
}
