//! `stats` of a query: a store that looks on while a query asks it, and the numbers as Prometheus gives them.
//!
//! Prometheus counts, at each step, the samples that selectors load there: one a series for an instant selector, all in
//! the window for a range. So does this store, where the engine asks by step or by window. Plain samples, which the
//! engine takes for functions without a kernel and in subqueries, are counted once each, at the first step not before
//! them; Prometheus counts them again in every window they lie in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use columns::{Edges, Steps, TimeRange, WindowOp, WindowSteps, is_absent};
use model::{Labels, TimestampMs};
use promql::Stats;
use serde_json::json;
use storage::{MetricQuery, QueryError, Samples, Selection, SeriesSet, StepValues};

use crate::json::{list, timestamp};

/// Which statistics a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    Totals,
    /// Totals, and samples by step.
    PerStep,
}

/// Times that only the caller of the engine knows.
pub(crate) struct Timings {
    pub queued: Duration,
    pub evaluated: Duration,
}

/// A store and who watches it.
pub(crate) struct Measured {
    store: Arc<dyn MetricQuery>,
    wanted: Wanted,
    select_ns: AtomicU64,
    counts: Arc<Counts>,
}

impl Measured {
    /// `None` when nothing is wanted: looking on costs time.
    pub(crate) fn new(store: Arc<dyn MetricQuery>, wanted: Wanted, steps: &Steps) -> Option<Self> {
        let counts = || {
            Arc::new(Counts { steps: *steps, samples: (0..steps.count).map(|_| AtomicU64::new(0)).collect() })
        };
        (wanted != Wanted::Nothing).then(|| Self {
            store,
            wanted,
            select_ns: AtomicU64::new(0),
            counts: counts(),
        })
    }

    /// The value of `stats`, in Prometheus' order. Results come sorted from the engine, so sorting takes no time of its
    /// own.
    pub(crate) fn to_json(&self, stats: &Stats, timings: Timings) -> Vec<u8> {
        let selected = Duration::from_nanos(self.select_ns.load(Ordering::Relaxed)).min(timings.evaluated);
        let head = json!(timings.evaluated.as_secs_f64());
        let inner = json!((timings.evaluated - selected).as_secs_f64());
        let queued = json!(timings.queued.as_secs_f64());
        let total = json!((timings.queued + timings.evaluated).as_secs_f64());
        let mut out = format!(
            r#"{{"timings":{{"evalTotalTime":{head},"resultSortTime":0,"queryPreparationTime":{},"innerEvalTime":{inner},"execQueueTime":{queued},"execTotalTime":{total}}},"samples":{{"#,
            json!(selected.as_secs_f64()),
        )
        .into_bytes();
        let counts: Vec<u64> = self.counts.samples.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        if self.wanted == Wanted::PerStep {
            out.extend_from_slice(br#""totalQueryableSamplesPerStep":"#);
            list(&mut out, self.counts.steps.iter().zip(&counts), |out, (at_ms, count)| {
                out.push(b'[');
                timestamp(out, at_ms);
                out.extend_from_slice(format!(",{count}]").as_bytes());
            });
            out.push(b',');
        }
        let (all, peak, read) = (counts.iter().sum::<u64>(), stats.samples_peak, stats.samples_read);
        let tail = format!(r#""totalQueryableSamples":{all},"peakSamples":{peak},"samplesRead":{read}}}}}"#);
        out.extend_from_slice(tail.as_bytes());
        out
    }
}

impl MetricQuery for Measured {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let started = Instant::now();
        let found = self.store.select(selection);
        let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.select_ns.fetch_add(took, Ordering::Relaxed);
        Ok(Box::new(MeasuredSet { set: found?, counts: self.counts.clone() }))
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.store.label_names(selection)
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.store.label_values(name, selection)
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        self.store.time_span()
    }
}

/// Samples seen at each step of the query.
struct Counts {
    steps: Steps,
    samples: Vec<AtomicU64>,
}

impl Counts {
    /// `seen` gives, for each of `steps`, how many samples were there.
    fn add(&self, steps: &Steps, seen: impl Iterator<Item = u64>) {
        for (i, count) in seen.enumerate().filter(|(_, count)| *count > 0) {
            match (steps.count, self.samples.len()) {
                // An offset shifts moments, not their order.
                (asked, all) if asked == all => self.add_at(i, count),
                // Pinned by `@`: the same at every step.
                (1, all) => (0..all).for_each(|slot| self.add_at(slot, count)),
                _ => self.add_near(steps.at(i), count),
            }
        }
    }

    fn add_at(&self, slot: usize, count: u64) {
        if let Some(sum) = self.samples.get(slot) {
            sum.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// At the first step not before `at_ms`.
    fn add_near(&self, at_ms: i64, count: u64) {
        let after = at_ms.saturating_sub(self.steps.start.0).max(0);
        let slot = after.saturating_add(self.steps.step_ms - 1) / self.steps.step_ms;
        let last = self.samples.len().saturating_sub(1);
        self.add_at(usize::try_from(slot).unwrap_or(last).min(last), count);
    }
}

struct MeasuredSet {
    set: Box<dyn SeriesSet>,
    counts: Arc<Counts>,
}

impl MeasuredSet {
    fn count_windows(&self, i: usize, windows: &WindowSteps) -> Result<(), QueryError> {
        let mut counts = Vec::new();
        self.set.window(i, WindowOp::Count, windows, &mut counts)?;
        let counts = counts.iter().map(|n| if is_absent(*n) { 0 } else { *n as u64 });
        self.counts.add(&windows.steps, counts);
        Ok(())
    }
}

impl SeriesSet for MeasuredSet {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn labels(&self, i: usize) -> Labels {
        self.set.labels(i)
    }

    fn with_labels(&self, i: usize, visit: &mut dyn FnMut(&Labels)) {
        self.set.with_labels(i, visit);
    }

    fn samples_with_stale(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        self.set.samples_with_stale(i, range, out)?;
        out.times_ms.iter().for_each(|at_ms| self.counts.add_near(*at_ms, 1));
        Ok(())
    }

    fn samples(&self, i: usize, range: TimeRange, out: &mut Samples) -> Result<(), QueryError> {
        self.set.samples(i, range, out)?;
        out.times_ms.iter().for_each(|at_ms| self.counts.add_near(*at_ms, 1));
        Ok(())
    }

    fn values_at(
        &self,
        i: usize,
        steps: &Steps,
        lookback_ms: i64,
        out: &mut StepValues,
    ) -> Result<usize, QueryError> {
        let read = self.set.values_at(i, steps, lookback_ms, out)?;
        self.counts.add(steps, out.values.iter().map(|v| u64::from(!is_absent(*v))));
        Ok(read)
    }

    fn window(
        &self,
        i: usize,
        op: WindowOp,
        windows: &WindowSteps,
        out: &mut Vec<f64>,
    ) -> Result<usize, QueryError> {
        self.count_windows(i, windows)?;
        self.set.window(i, op, windows, out)
    }

    fn window_edges(&self, i: usize, windows: &WindowSteps, out: &mut Edges) -> Result<usize, QueryError> {
        self.count_windows(i, windows)?;
        self.set.window_edges(i, windows, out)
    }
}
