//! Samples that lines give, by series.
//!
//! What is only added up, or of which only the smallest or largest matters, is kept by the pieces of time that all windows
//! are made of, so that a million lines of a stream are some hundred numbers. What needs each value keeps each value; how
//! many bytes all workers hold is counted, and a query that holds too many is told which label makes its series so many.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use columns::WindowSteps;
use logstage::Row;
use model::{Labels, LabelsKey};

use crate::error::{EvalError, Limit};

/// What a series takes besides its labels and samples: an entry in a map and its vectors.
const SERIES_BYTES: usize = 200;
const SAMPLE_BYTES: usize = 16;
/// A worker tells what it holds more when it is this many bytes.
const TELL_BYTES: usize = 64 << 10;
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
    pub(super) held_bytes_max: usize,
}

impl Plan {
    /// The millisecond at whose end a moment counts: windows are open on the left and closed on the right, so that this
    /// changes no window.
    fn ms(&self, at_ns: i64) -> i64 {
        let shifted = at_ns.saturating_sub(self.shift_ns);
        shifted.div_euclid(1_000_000) + i64::from(shifted.rem_euclid(1_000_000) != 0)
    }

    /// The end of the piece of time that a moment lies in; `None` between windows.
    fn piece(&self, ms: i64) -> Option<i64> {
        let WindowSteps { steps, range_ms } = self.windows;
        let since = ms - (steps.start.0 - range_ms) - 1;
        if since < 0 {
            return None;
        }
        if self.join == Join::Never {
            return Some(ms);
        }
        let length = if steps.count == 1 { range_ms } else { gcd(steps.step_ms, range_ms) };
        // Where windows do not touch, what lies between them is in none.
        if steps.count > 1 && since % steps.step_ms >= range_ms {
            return None;
        }
        Some(steps.start.0 - range_ms + (since / length + 1) * length)
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Samples of one series.
#[derive(Debug)]
pub(super) struct SeriesSamples {
    pub(super) labels: Labels,
    pub(super) times_ms: Vec<i64>,
    pub(super) values: Vec<f64>,
}

impl SeriesSamples {
    /// Adds a sample; answers whether it takes room.
    fn push(&mut self, ms: i64, value: f64, join: Join) -> bool {
        if let (Some(last_ms), Some(last)) = (self.times_ms.last(), self.values.last_mut())
            && *last_ms == ms
            && join != Join::Never
        {
            *last = joined(join, *last, value);
            return false;
        }
        self.times_ms.push(ms);
        self.values.push(value);
        true
    }

    /// Puts samples of several streams in order of time.
    pub(super) fn settle(&mut self, join: Join) {
        if self.times_ms.is_sorted() && join == Join::Never {
            return;
        }
        let mut all: Vec<(i64, f64)> = self.times_ms.drain(..).zip(self.values.drain(..)).collect();
        all.sort_by_key(|(ms, _)| *ms);
        for (ms, value) in all {
            self.push(ms, value, join);
        }
    }
}

fn joined(join: Join, a: f64, b: f64) -> f64 {
    match join {
        Join::Add => a + b,
        Join::Smaller if b < a || a.is_nan() => b,
        Join::Larger if b > a || a.is_nan() => b,
        _ => a,
    }
}

/// Series of one worker.
pub(super) struct Samples<'a> {
    plan: &'a Plan,
    /// Bytes that all workers hold.
    held: &'a AtomicUsize,
    untold: usize,
    ids: HashMap<String, usize>,
    series: Vec<SeriesSamples>,
    key: LabelsKey,
    /// The series of lines that have the labels of their stream and no other.
    of_stream: Option<usize>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(plan: &'a Plan, held: &'a AtomicUsize) -> Self {
        let (ids, series, key) = (HashMap::new(), Vec::new(), LabelsKey::default());
        Self { plan, held, untold: 0, ids, series, key, of_stream: None }
    }

    /// The next lines are of another stream.
    pub(super) fn begin_stream(&mut self) {
        self.of_stream = None;
    }

    /// Adds the sample of a line; `number` is what was unwrapped.
    pub(super) fn add(&mut self, row: &Row<'_>, number: f64) -> Result<(), EvalError> {
        let Some(ms) = self.plan.piece(self.plan.ms(row.at_ns())) else { return Ok(()) };
        let value = match self.plan.sample {
            Sample::Line => 1.0,
            Sample::Bytes => row.line().len() as f64,
            Sample::Unwrapped => number,
        };
        let id = self.id(row)?;
        if self.series[id].push(ms, value, self.plan.join) {
            self.hold(SAMPLE_BYTES)?;
        }
        Ok(())
    }

    fn id(&mut self, row: &Row<'_>) -> Result<usize, EvalError> {
        let is_plain = row.is_plain() && !row.has_metadata();
        if let (true, Some(id)) = (is_plain, self.of_stream) {
            return Ok(id);
        }
        set_key(&mut self.key, &self.plan.by, row);
        let id = match self.ids.get(self.key.as_str()) {
            Some(&id) => id,
            None => {
                let labels = self.key.to_labels();
                self.hold(SERIES_BYTES + 2 * labels.heap_bytes())?;
                self.ids.insert(self.key.as_str().to_owned(), self.series.len());
                self.series.push(SeriesSamples { labels, times_ms: Vec::new(), values: Vec::new() });
                self.series.len() - 1
            }
        };
        if is_plain {
            self.of_stream = Some(id);
        }
        Ok(id)
    }

    fn hold(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.untold += bytes;
        if self.untold < TELL_BYTES {
            return Ok(());
        }
        let held = self.held.fetch_add(self.untold, Ordering::Relaxed) + self.untold;
        self.untold = 0;
        if held > self.plan.held_bytes_max { Err(self.too_many()) } else { Ok(()) }
    }

    /// The refusal, which says which label to leave out.
    fn too_many(&self) -> EvalError {
        let mut values: HashMap<&str, HashSet<&str>> = HashMap::new();
        let looked_at = &self.series[..self.series.len().min(LOOKED_AT_MAX)];
        for series in looked_at {
            series.labels.iter().for_each(|(name, value)| {
                values.entry(name).or_default().insert(value);
            });
        }
        let most = values.iter().map(|(name, values)| (values.len(), *name)).max();
        let mib = self.plan.held_bytes_max >> 20;
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

    /// Takes over what another worker found.
    pub(super) fn join(mut self, other: Self) -> Self {
        if self.series.len() < other.series.len() {
            return other.join(self);
        }
        self.untold += other.untold;
        let mut keys: Vec<(String, usize)> = other.ids.into_iter().collect();
        keys.sort_unstable_by_key(|(_, id)| *id);
        for ((key, _), series) in keys.into_iter().zip(other.series) {
            match self.ids.get(&key) {
                Some(&id) => {
                    self.series[id].times_ms.extend(series.times_ms);
                    self.series[id].values.extend(series.values);
                }
                None => {
                    self.ids.insert(key, self.series.len());
                    self.series.push(series);
                }
            }
        }
        self
    }

    pub(super) fn into_series(self) -> Vec<SeriesSamples> {
        self.series
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
