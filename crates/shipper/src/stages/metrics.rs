//! `metrics`: counters, gauges and histograms of what is found in lines, with the lines' labels.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use exposition::Writer;
use model::{Labels, MetricKind, format_float};

use super::{Change, Context};
use crate::config::seconds;
use crate::entry::Entry;

/// Series of one metric. A line's labels are few values by nature; with more, a line that would make another series is
/// not counted, and that is (`stage="metrics"` of the failures).
const SERIES_MAX: usize = 10_000;

/// What one value does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    Inc,
    Dec,
    Add,
    Sub,
    Set,
    Observe,
}

/// One metric of the stage.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its full name.
    pub name: String,
    pub kind: MetricKind,
    pub help: String,
    pub source: String,
    pub action: Action,
    /// Only lines whose value is this.
    pub value: Option<String>,
    /// Every line counts, whatever was found in it.
    pub match_all: bool,
    /// With that, by its bytes.
    pub count_bytes: bool,
    /// Upper bounds of a histogram, sorted.
    pub buckets: Vec<f64>,
    /// A series that nobody touched for so long is forgotten.
    pub idle: Duration,
}

/// The stage, shared by all files of its job.
#[derive(Debug)]
pub(crate) struct CustomMetrics {
    rules: Vec<Rule>,
    /// Series of each rule.
    series: Mutex<Vec<BTreeMap<Labels, Series>>>,
}

#[derive(Debug)]
struct Series {
    value: f64,
    count: u64,
    /// Observations up to each bound, not summed up.
    buckets: Vec<u64>,
    touched: Instant,
}

impl CustomMetrics {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let series = Mutex::new(rules.iter().map(|_| BTreeMap::new()).collect());
        Self { rules, series }
    }

    /// Writes all series that are not idle, and forgets the others.
    pub(crate) fn write(&self, now: Instant, out: &mut Writer) {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, series) in self.rules.iter().zip(all.iter_mut()) {
            series.retain(|_, one| now.saturating_duration_since(one.touched) < rule.idle);
            if series.is_empty() {
                continue;
            }
            out.family(&rule.name, rule.kind, &rule.help);
            for (labels, one) in series.iter() {
                rule.write(labels, one, out);
            }
        }
    }
}

impl Change for CustomMetrics {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, series) in self.rules.iter().zip(all.iter_mut()) {
            let Some(number) = rule.number(entry) else { continue };
            if series.len() >= SERIES_MAX && !series.contains_key(&entry.labels) {
                context.metrics.stage_failed("metrics");
                continue;
            }
            let new = || Series {
                value: 0.0,
                count: 0,
                buckets: vec![0; rule.buckets.len()],
                touched: context.now,
            };
            rule.apply(number, context.now, series.entry(entry.labels.clone()).or_insert_with(new));
        }
        true
    }
}

impl Rule {
    /// What the line brings; `None` when it does not count.
    fn number(&self, entry: &Entry) -> Option<f64> {
        if self.match_all {
            return Some(if self.count_bytes { entry.line.len() as f64 } else { 1.0 });
        }
        let text = entry.get(&self.source)?;
        if self.value.as_deref().is_some_and(|value| value != text) {
            return None;
        }
        match self.action {
            Action::Inc | Action::Dec => Some(1.0),
            _ => text.parse().ok().or_else(|| seconds(text)),
        }
    }

    fn apply(&self, number: f64, now: Instant, series: &mut Series) {
        series.touched = now;
        match self.action {
            // A counter only grows.
            Action::Add if self.kind == MetricKind::Counter => series.value += number.max(0.0),
            Action::Inc | Action::Add => series.value += number,
            Action::Dec | Action::Sub => series.value -= number,
            Action::Set => series.value = number,
            Action::Observe => {
                series.value += number;
                series.count += 1;
                let bucket = self.buckets.iter().position(|bound| number <= *bound);
                if let Some(count) = bucket.and_then(|at| series.buckets.get_mut(at)) {
                    *count += 1;
                }
            }
        }
    }

    fn write(&self, labels: &Labels, series: &Series, out: &mut Writer) {
        if self.kind != MetricKind::Histogram {
            out.sample(&self.name, labels, series.value);
            return;
        }
        let name = format!("{}_bucket", self.name);
        let mut sum = 0;
        for (bound, count) in self.buckets.iter().zip(&series.buckets) {
            sum += count;
            let bound = format_float(*bound);
            out.sample(&name, labels.iter().chain([("le", bound.as_str())]), sum as f64);
        }
        out.sample(&name, labels.iter().chain([("le", "+Inf")]), series.count as f64);
        out.sample(&format!("{}_sum", self.name), labels, series.value);
        out.sample(&format!("{}_count", self.name), labels, series.count as f64);
    }
}
