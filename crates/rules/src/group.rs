//! A group at work: evaluates its rules in the order that [`crate::order`] allows, keeps their state, tells of it.
//!
//! Everything here blocks (the metric engine and the store are synchronous) and runs on a blocking thread. No lock is
//! held while an expression is evaluated, so that whoever asks for the state is never kept waiting by a slow query.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use model::{Alert, AlertState, DurationMs, Labels, TimestampMs};

use crate::book::{ActiveAlert, Book, Found, Times, alert_labels};
use crate::evaluate::query_text;
use crate::manager::World;
use crate::metrics::GroupLabel;
use crate::order;
use crate::restore::{self, Limits};
use crate::rule::{Action, Alerting, Group, Rule, as_written};
use crate::status::{AlertStatus, AlertingStatus, GroupStatus, Health, RuleStatus};
use crate::template::{Context, QueryFn};
use crate::write::{recorded, write};

/// The most rules of one group that are evaluated at one moment. Each spreads over the engine's own threads already;
/// what is gained is the time in which one is written while the next is evaluated.
const RULES_AT_ONCE_MAX: usize = 4;

/// A group whose last evaluation was quicker than this is evaluated on one thread: starting others would take longer
/// than they save.
const SIDE_BY_SIDE_FROM_SECONDS: f64 = 0.005;

/// A group with the state of its rules.
pub(crate) struct RunningGroup {
    pub(crate) group: Arc<Group>,
    pub(crate) interval: DurationMs,
    pub(crate) label: GroupLabel,
    query_offset: DurationMs,
    rules: Vec<RunningRule>,
    /// Which rules may be evaluated at one moment.
    rounds: Vec<Vec<usize>>,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    last_evaluation: Option<TimestampMs>,
    evaluation_seconds: f64,
    /// Series of rules that a reload took away, to be ended at the next evaluation.
    orphans: BTreeSet<Labels>,
}

struct RunningRule {
    rule: Arc<Rule>,
    state: Mutex<RuleState>,
}

#[derive(Default)]
struct RuleState {
    book: Book,
    /// False until it is settled since when alerts are active; series about that are not written before.
    restored: bool,
    /// Series written by the last evaluation.
    series: BTreeSet<Labels>,
    health: Health,
    last_error: Option<String>,
    last_evaluation: Option<TimestampMs>,
    evaluation_seconds: f64,
}

/// A panic while a lock is held is told by the task that ran; the state behind it is whole, for nothing below leaves
/// it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RunningGroup {
    /// A group that takes over from `old`, its state before an edit, or starts anew. With `restore` rules with a long
    /// `for` wait for [`RunningGroup::restore`].
    pub(crate) fn new(group: Arc<Group>, world: &World, old: Option<&Self>, restore: bool) -> Self {
        let fresh = |rule: &Arc<Rule>| {
            let waits = rule.alerting().is_some_and(|a| a.hold >= world.options.for_grace_period);
            let state = RuleState { restored: !(restore && waits), ..RuleState::default() };
            RunningRule { rule: Arc::clone(rule), state: Mutex::new(state) }
        };
        let running = Self {
            interval: group.interval.unwrap_or(world.options.default_interval),
            query_offset: group.query_offset.unwrap_or(world.options.query_offset),
            label: GroupLabel::new(group.key()),
            rules: group.rules.iter().map(fresh).collect(),
            rounds: order::rounds(group.rules.iter().map(AsRef::as_ref)),
            shared: Mutex::default(),
            group,
        };
        if let Some(old) = old {
            running.adopt(old);
        }
        let metrics = &world.metrics;
        metrics.interval.get_or_create(&running.label).set(running.interval.as_secs_f64());
        metrics
            .rules
            .get_or_create(&running.label)
            .set(i64::try_from(running.rules.len()).unwrap_or(i64::MAX));
        // Counters exist from the beginning, so that a first miss is an increase and not a new series.
        let _ = metrics.iterations_missed.get_or_create(&running.label);
        let _ = metrics.failures.get_or_create(&running.label);
        running
    }

    /// Takes the state of each old rule that goes on; rules with one name are paired in their order.
    fn adopt(&self, old: &Self) {
        let mut left: Vec<&RunningRule> = old.rules.iter().collect();
        for running in &self.rules {
            let Some(at) = left.iter().position(|known| running.rule.continues(&known.rule)) else {
                continue;
            };
            let known = left.remove(at);
            *lock(&running.state) = std::mem::take(&mut *lock(&known.state));
        }
        let mut shared = lock(&self.shared);
        shared.last_evaluation = lock(&old.shared).last_evaluation;
        shared.orphans = std::mem::take(&mut lock(&old.shared).orphans);
        for gone in left {
            shared.orphans.append(&mut lock(&gone.state).series);
        }
    }

    /// Evaluates all rules as of `at`.
    pub(crate) fn evaluate(&self, world: &World, at: TimestampMs) {
        let started = Instant::now();
        let samples = AtomicUsize::new(0);
        let threads = self.threads();
        for round in &self.rounds {
            order::spread(round, threads, &|place| {
                let given = self.evaluate_and_note(world, &self.rules[place], at);
                samples.fetch_add(given, Ordering::Relaxed);
            });
        }
        self.end_orphans(world, at);
        self.finished(world, at, started.elapsed().as_secs_f64(), samples.into_inner());
    }

    /// How many threads the next evaluation is worth.
    fn threads(&self) -> usize {
        if lock(&self.shared).evaluation_seconds < SIDE_BY_SIDE_FROM_SECONDS {
            return 1;
        }
        std::thread::available_parallelism().map_or(1, NonZero::get).min(RULES_AT_ONCE_MAX)
    }

    /// Evaluates one rule and keeps how that went. Answers how many samples it gave.
    fn evaluate_and_note(&self, world: &World, running: &RunningRule, at: TimestampMs) -> usize {
        let started = Instant::now();
        let result = self.evaluate_rule(world, running, at);
        let seconds = started.elapsed().as_secs_f64();
        world.metrics.evaluations.get_or_create(&self.label).inc();
        world.metrics.rule_duration.observe(seconds);
        let mut state = lock(&running.state);
        (state.last_evaluation, state.evaluation_seconds) = (Some(at), seconds);
        match result {
            Ok(count) => {
                (state.health, state.last_error) = (Health::Ok, None);
                count
            }
            Err(cause) => {
                world.metrics.failures.get_or_create(&self.label).inc();
                let (group, rule) = (self.group.key(), &running.rule.name);
                tracing::warn!(group, rule, "rule failed: {cause}");
                (state.health, state.last_error) = (Health::Err, Some(cause));
                0
            }
        }
    }

    fn finished(&self, world: &World, at: TimestampMs, seconds: f64, samples: usize) {
        let mut shared = lock(&self.shared);
        (shared.last_evaluation, shared.evaluation_seconds) = (Some(at), seconds);
        let metrics = &world.metrics;
        metrics.group_duration.observe(seconds);
        metrics.last_duration.get_or_create(&self.label).set(seconds);
        metrics.last_evaluation.get_or_create(&self.label).set(at.0 as f64 / 1000.0);
        metrics.samples.get_or_create(&self.label).set(i64::try_from(samples).unwrap_or(i64::MAX));
    }

    /// Answers how many samples the rule gave.
    fn evaluate_rule(&self, world: &World, running: &RunningRule, at: TimestampMs) -> Result<usize, String> {
        let data_at = TimestampMs(at.0 - self.query_offset.0);
        let elements = world.ports.evaluate.instant(&running.rule.expr, data_at)?;
        let samples = match &running.rule.action {
            Action::Record => recorded(&running.rule, elements, self.group.limit)?,
            Action::Alert(alerting) => self.alert(world, running, alerting, elements, at)?,
        };
        let count = samples.len();
        let before = lock(&running.state).series.clone();
        let written = write(&*world.ports.append, data_at, samples, &before).map_err(|e| e.to_string())?;
        lock(&running.state).series = written.series;
        match written.refused {
            Some(error) => Err(error.to_string()),
            None => Ok(count),
        }
    }

    /// Turns elements into alerts, sends those that are due, and gives the series to write.
    fn alert(
        &self,
        world: &World,
        running: &RunningRule,
        alerting: &Alerting,
        elements: Vec<(Labels, f64)>,
        at: TimestampMs,
    ) -> Result<Vec<(Labels, f64)>, String> {
        let query = template_query(world, TimestampMs(at.0 - self.query_offset.0));
        let found = elements
            .into_iter()
            .map(|(labels, value)| expand(world, &running.rule, alerting, (labels, value), at, &query))
            .collect();
        let times = Times { hold: alerting.hold, keep_firing_for: alerting.keep_firing_for };
        let (due, series) = {
            let mut state = lock(&running.state);
            state.book.update(times, self.group.limit, at, found).map_err(|e| e.to_string())?;
            let due = state.book.take_due(at, world.options.resend_delay);
            (due, if state.restored { state.book.series() } else { Vec::new() })
        };
        if !due.is_empty() {
            let alerts = due.into_iter().map(|due| self.outgoing(world, &running.rule, due, at)).collect();
            world.ports.sink.alerts(alerts);
        }
        Ok(series)
    }

    fn outgoing(&self, world: &World, rule: &Rule, due: (Labels, ActiveAlert), at: TimestampMs) -> Alert {
        let (labels, alert) = due;
        // A sender that fails twice must not make a firing alert look resolved.
        let valid_until = at.0 + 4 * self.interval.max(world.options.resend_delay).0;
        let mut builder = labels.to_builder();
        for (name, value) in &world.options.external_labels {
            if labels.get(name).is_none() {
                builder.set(name, value);
            }
        }
        Alert {
            labels: builder.build(),
            annotations: alert.annotations,
            starts_at: alert.fired_at.unwrap_or(alert.active_at),
            ends_at: alert.resolved_at.unwrap_or(TimestampMs(valid_until)),
            state: alert.state,
            generator_url: world.generator_url(&rule.query),
        }
    }

    /// Settles since when alerts are active, with the help of what was written before a restart.
    pub(crate) fn restore(&self, world: &World, now: TimestampMs) {
        let limits = Limits {
            outage_tolerance: world.options.for_outage_tolerance,
            grace_period: world.options.for_grace_period,
        };
        for running in &self.rules {
            let Some(alerting) = running.rule.alerting() else { continue };
            let mut state = lock(&running.state);
            if state.restored {
                continue;
            }
            let store = &*world.ports.store;
            match restore::restore(&mut state.book, &running.rule.name, alerting.hold, limits, now, store) {
                Ok(count) => tracing::debug!(rule = running.rule.name, count, "alerts restored"),
                Err(cause) => tracing::warn!(rule = running.rule.name, "cannot restore alerts: {cause}"),
            }
            state.restored = true;
        }
    }

    /// Ends all series of the group: it is gone for good.
    pub(crate) fn end(&self, world: &World, now: TimestampMs) {
        // Not at a moment that has a sample already.
        let last = lock(&self.shared).last_evaluation;
        let at = last.map_or(now, |last| now.max(TimestampMs(last.0 + 1)));
        let mut orphans = std::mem::take(&mut lock(&self.shared).orphans);
        for running in &self.rules {
            orphans.append(&mut lock(&running.state).series);
        }
        lock(&self.shared).orphans = orphans;
        self.end_orphans(world, at);
    }

    fn end_orphans(&self, world: &World, at: TimestampMs) {
        let orphans = std::mem::take(&mut lock(&self.shared).orphans);
        let data_at = TimestampMs(at.0 - self.query_offset.0);
        if let Err(cause) = write(&*world.ports.append, data_at, Vec::new(), &orphans) {
            tracing::warn!(group = self.group.key(), "cannot end series of rules that are gone: {cause}");
        }
    }

    /// The first rule whose last evaluation failed, and why.
    pub(crate) fn first_error(&self) -> Option<(&str, String)> {
        self.rules.iter().find_map(|running| {
            let cause = lock(&running.state).last_error.clone()?;
            Some((running.rule.name.as_str(), cause))
        })
    }

    pub(crate) fn status(&self) -> GroupStatus {
        let (last_evaluation, evaluation_seconds) = {
            let shared = lock(&self.shared);
            (shared.last_evaluation, shared.evaluation_seconds)
        };
        GroupStatus {
            name: self.group.name.clone(),
            file: self.group.file.clone(),
            interval: self.interval,
            limit: self.group.limit,
            last_evaluation,
            evaluation_seconds,
            rules: self.rules.iter().map(RunningRule::status).collect(),
        }
    }
}

impl RunningRule {
    fn status(&self) -> RuleStatus {
        let state = lock(&self.state);
        RuleStatus {
            name: self.rule.name.clone(),
            query: self.rule.query.clone(),
            labels: self.rule.labels_as_written(),
            health: state.health,
            last_error: state.last_error.clone(),
            last_evaluation: state.last_evaluation,
            evaluation_seconds: state.evaluation_seconds,
            alerting: self.rule.alerting().map(|alerting| alerting_status(alerting, &state.book)),
        }
    }
}

fn alerting_status(alerting: &Alerting, book: &Book) -> AlertingStatus {
    let alerts: Vec<AlertStatus> = book
        .active()
        .map(|(labels, alert)| AlertStatus {
            labels: labels.clone(),
            annotations: alert.annotations.clone(),
            state: alert.state,
            active_at: alert.active_at,
            keep_firing_since: alert.keep_firing_since,
            value: alert.value,
        })
        .collect();
    let firing = alerts.iter().any(|alert| alert.state == AlertState::Firing);
    let state = match (firing, alerts.is_empty()) {
        (true, _) => AlertState::Firing,
        (false, false) => AlertState::Pending,
        (false, true) => AlertState::Resolved,
    };
    AlertingStatus {
        state,
        hold: alerting.hold,
        keep_firing_for: alerting.keep_firing_for,
        annotations: as_written(&alerting.annotations),
        alerts,
    }
}

fn expand(
    world: &World,
    rule: &Rule,
    alerting: &Alerting,
    element: (Labels, f64),
    at: TimestampMs,
    query: &QueryFn,
) -> Found {
    let context = Context {
        labels: element.0,
        value: element.1,
        at,
        external_labels: world.options.external_labels.clone(),
        external_url: Arc::clone(&world.external_url),
        query: Arc::clone(query),
    };
    let expanded = |pairs: &[(String, crate::template::Template)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| (name.clone(), text.expand_or_explain(&context))).collect()
    };
    let (labels, annotations) = (expanded(&rule.labels), expanded(&alerting.annotations));
    let named = labels.iter().map(|(name, text)| (name.as_str(), text.clone()));
    Found {
        labels: alert_labels(&context.labels, named, &rule.name),
        annotations: Labels::from_pairs(annotations),
        value: context.value,
    }
}

fn template_query(world: &World, at: TimestampMs) -> QueryFn {
    let evaluate = Arc::clone(&world.ports.evaluate);
    Arc::new(move |query| query_text(&*evaluate, query, at))
}
