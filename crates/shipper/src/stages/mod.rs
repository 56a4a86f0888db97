//! Pipeline stages: what is made of a line between its file and the batch.
//!
//! A [`Blueprint`] is compiled once for a job; each file gets a [`Pipeline`] of its own made from it, since some stages
//! hold lines back (multi-line blocks) and blocks of two files must not mix. What a stage counts or limits is shared by
//! all files of the job.

mod build;
mod fields;
mod filters;
mod hold;
mod labels;
mod layout;
pub(crate) mod metrics;
mod selector;
mod texts;
mod timestamp;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::config::Spanned;

use crate::config::stages::StageConfig;
use crate::entry::{Entry, Origin};
use crate::metrics::Metrics;
pub(crate) use filters::TokenBucket;
use hold::{Cri, Hold, Multiline};
use metrics::CustomMetrics;
use selector::Selector;

/// Blocks within blocks of `match`; people write two.
const NESTING_MAX: usize = 10;

/// What holds for one line while it passes.
pub(crate) struct Context<'a> {
    pub now: Instant,
    /// The wall clock, in nanoseconds since the epoch.
    pub now_ns: i64,
    pub metrics: &'a Metrics,
    /// How long the file should rest before its next line, when a limit says so.
    pub rest: Duration,
}

/// A stage that changes a line or drops it.
pub(crate) trait Change: Send + Sync + std::fmt::Debug {
    /// False when the line is dropped; the stage has counted it then.
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool;
}

/// The stages of a job, compiled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blueprint {
    parts: Vec<Part>,
    n_stages: usize,
}

#[derive(Debug, Clone)]
enum Part {
    Change(Arc<dyn Change>),
    Multiline(Arc<hold::MultilineRule>),
    Cri,
    Match { selector: Arc<Selector>, inner: Blueprint },
    Metrics(Arc<CustomMetrics>),
}

/// The stages of one file, with what they hold.
pub(crate) struct Pipeline {
    steps: Vec<Step>,
}

enum Step {
    Change(Arc<dyn Change>),
    Hold(Box<dyn Hold>),
    Match { selector: Arc<Selector>, inner: Pipeline },
}

impl Blueprint {
    /// Checks and compiles `stages`.
    ///
    /// # Errors
    /// A sentence and its place.
    pub(crate) fn new(stages: Vec<Spanned<StageConfig>>) -> Result<Self, Spanned<String>> {
        Self::nested(stages, NESTING_MAX)
    }

    fn nested(stages: Vec<Spanned<StageConfig>>, levels: usize) -> Result<Self, Spanned<String>> {
        let n_stages = stages.len();
        let mut parts = Vec::with_capacity(n_stages);
        for stage in stages {
            build::parts_of(stage, levels, &mut parts)?;
        }
        Ok(Self { parts, n_stages })
    }

    /// How many stages were written.
    pub(crate) fn len(&self) -> usize {
        self.n_stages
    }

    /// The metrics that its stages keep, those within `match` too.
    pub(crate) fn metrics(&self) -> Vec<Arc<CustomMetrics>> {
        let of_part = |part: &Part| match part {
            Part::Metrics(metrics) => vec![metrics.clone()],
            Part::Match { inner, .. } => inner.metrics(),
            _ => Vec::new(),
        };
        self.parts.iter().flat_map(of_part).collect()
    }

    /// Stages for one file.
    pub(crate) fn pipeline(&self) -> Pipeline {
        let step = |part: &Part| match part {
            Part::Change(change) => Step::Change(change.clone()),
            Part::Metrics(metrics) => Step::Change(metrics.clone()),
            Part::Multiline(rule) => Step::Hold(Box::new(Multiline::new(rule.clone()))),
            Part::Cri => Step::Hold(Box::new(Cri::default())),
            Part::Match { selector, inner } => {
                Step::Match { selector: selector.clone(), inner: inner.pipeline() }
            }
        };
        Pipeline { steps: self.parts.iter().map(step).collect() }
    }
}

impl Pipeline {
    /// Sends a line through; what comes out is added to `out`.
    pub(crate) fn take(&mut self, entry: Entry, context: &mut Context<'_>, out: &mut Vec<Entry>) {
        run(&mut self.steps, entry, context, out);
    }

    /// Lets go of what has been held long enough, or of everything when `all` says so.
    pub(crate) fn release(&mut self, all: bool, context: &mut Context<'_>, out: &mut Vec<Entry>) {
        for i in 0..self.steps.len() {
            let Some((step, rest)) = self.steps.get_mut(i..).and_then(<[Step]>::split_first_mut) else {
                return;
            };
            let mut released = Vec::new();
            match step {
                Step::Change(_) => {}
                Step::Hold(hold) => hold.release(all, context.now, &mut released),
                Step::Match { inner, .. } => inner.release(all, context, &mut released),
            }
            released.into_iter().for_each(|entry| run(rest, entry, context, out));
        }
    }

    /// Where each block of lines begins that is held.
    pub(crate) fn held(&self) -> Vec<Origin> {
        let of_step = |step: &Step| match step {
            Step::Change(_) => Vec::new(),
            Step::Hold(hold) => hold.origins(),
            Step::Match { inner, .. } => inner.held(),
        };
        self.steps.iter().flat_map(of_step).collect()
    }
}

/// A time by a layout, in UTC where it has no zone; for `tests/fuzz`.
pub(crate) fn read_time(layout: &str, text: &str) -> Option<i64> {
    layout::Layout::of(layout).parse(text, &jiff::tz::TimeZone::UTC, 0)
}

fn run(steps: &mut [Step], mut entry: Entry, context: &mut Context<'_>, out: &mut Vec<Entry>) {
    let mut steps = steps;
    while let Some((step, rest)) = steps.split_first_mut() {
        let mut passed = Vec::new();
        match step {
            Step::Change(change) => {
                if !change.change(&mut entry, context) {
                    return;
                }
                steps = rest;
                continue;
            }
            Step::Match { selector, .. } if !selector.matches(&entry) => {
                steps = rest;
                continue;
            }
            Step::Hold(hold) => hold.take(entry, context.now, &mut passed),
            Step::Match { inner, .. } => inner.take(entry, context, &mut passed),
        }
        passed.into_iter().for_each(|entry| run(rest, entry, context, out));
        return;
    }
    out.push(entry);
}

#[cfg(test)]
mod tests;
