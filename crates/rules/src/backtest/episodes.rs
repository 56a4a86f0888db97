//! From values over time to alerts over time: the state machine of a running rule, fed step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use columns::{Steps, is_absent};
use model::{AlertState, DurationMs, Labels, TimestampMs};
use promql::Series;

use crate::book::{Book, Found, Times, alert_labels};
use crate::rule::{Alerting, Rule};
use crate::template::Context;

/// One alert that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// Its labels.
    pub labels: Labels,
    /// When it began to fire.
    pub from: TimestampMs,
    /// When it ended, or the end of the span.
    pub to: TimestampMs,
    /// Whether it still fired at the end of the span.
    pub still_fires: bool,
    /// The value of the expression when it began to fire.
    pub value: f64,
}

impl Episode {
    /// For how long it fired.
    pub fn length(&self) -> DurationMs {
        DurationMs(self.to.0 - self.from.0)
    }
}

/// One rule on its way through time.
pub(super) struct Watch<'a> {
    rule: &'a Rule,
    times: Times,
    limit: usize,
    book: Book,
    /// Alerts that wait or fire now: for those that fire, when they began and with which value.
    now: BTreeMap<Labels, Option<(TimestampMs, f64)>>,
    fired: Vec<Episode>,
    gave_up: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(rule: &'a Rule, alerting: &Alerting, limit: usize) -> Self {
        let times = Times { hold: alerting.hold, keep_firing_for: alerting.keep_firing_for };
        let book = Book::default();
        Self { rule, times, limit, book, now: BTreeMap::new(), fired: Vec::new(), gave_up: 0 }
    }

    /// Takes the values of a span, in order of time.
    pub(super) fn take(&mut self, series: &[Series], steps: &Steps) -> Result<(), String> {
        for (step, at) in steps.iter().enumerate() {
            let here = series.iter().filter_map(|one| {
                let value = *one.values.get(step)?;
                (!is_absent(value)).then(|| self.found(&one.labels, value, TimestampMs(at)))
            });
            let found: Vec<Found> = here.collect();
            if found.is_empty() && self.now.is_empty() {
                continue;
            }
            self.book.update(self.times, self.limit, TimestampMs(at), found).map_err(|e| e.to_string())?;
            self.note(TimestampMs(at));
        }
        Ok(())
    }

    /// Labels are expanded as when the rule runs, annotations are of no interest. Queries in labels find nothing.
    fn found(&self, labels: &Labels, value: f64, at: TimestampMs) -> Found {
        let context = Context {
            labels: labels.clone(),
            value,
            at,
            external_labels: Labels::empty(),
            external_url: Arc::from(""),
            query: Arc::new(|_| Ok(Vec::new())),
        };
        let own = self.rule.labels.iter();
        let own = own.map(|(name, text)| (name.as_str(), text.expand_or_explain(&context)));
        Found { labels: alert_labels(labels, own, &self.rule.name), annotations: Labels::empty(), value }
    }

    /// Compares the alerts of now with those of the step before.
    fn note(&mut self, at: TimestampMs) {
        let mut before = std::mem::take(&mut self.now);
        for (labels, alert) in self.book.active() {
            let known = before.remove(labels).flatten();
            let firing = (alert.state == AlertState::Firing).then(|| known.unwrap_or((at, alert.value)));
            self.now.insert(labels.clone(), firing);
        }
        self.end(before, at, false);
    }

    fn end(
        &mut self,
        gone: BTreeMap<Labels, Option<(TimestampMs, f64)>>,
        to: TimestampMs,
        still_fires: bool,
    ) {
        for (labels, firing) in gone {
            match firing {
                Some((from, value)) => self.fired.push(Episode { labels, from, to, still_fires, value }),
                None if still_fires => {}
                None => self.gave_up += 1,
            }
        }
    }

    /// All that fired, in order, and how many gave up waiting.
    pub(super) fn finish(mut self, end: TimestampMs) -> (Vec<Episode>, usize) {
        let now = std::mem::take(&mut self.now);
        self.end(now, end, true);
        self.fired.sort_by_key(|episode| episode.from);
        (self.fired, self.gave_up)
    }
}
