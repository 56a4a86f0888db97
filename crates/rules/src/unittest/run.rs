//! Runs the test groups of a file.

use std::sync::Arc;

use columns::Steps;
use model::{Alert, AlertState, Labels, TimestampMs};
use prometheus_client::registry::Registry;
use promql::script::Point;
use promql::{Cancel, Engine, EngineOptions, Expr, QueryRequest, Series, Value};
use regex::Regex;
use stdx::ManualClock;
use storage::{MetricAppend, MetricQuery};

use crate::evaluate::EngineEvaluator;
use crate::group::RunningGroup;
use crate::manager::World;
use crate::memory::Memory;
use crate::unittest::compare::{differences, same_value};
use crate::unittest::file::{AlertCase, QueryCase, Test, TestFile};
use crate::unittest::plot::COLUMNS_MAX;
use crate::unittest::report::{Difference, Failure, FileReport, GroupReport, Plot};
use crate::{AlertSink, Groups, ManagerOptions, Metrics, Ports};

/// What is said where a test needs what the metric engine does not have.
const NO_HISTOGRAMS: &str = "native histograms are not supported yet";

/// Runs the tests of `file` on `groups`, those whose name `filter` matches when there is one.
pub fn run(file: &TestFile, groups: &Groups, filter: Option<&Regex>) -> FileReport {
    let options = EngineOptions { threads: 1, subquery_step: file.interval, ..EngineOptions::standard() };
    let engine = Arc::new(Engine::new(options));
    let wanted = file.tests.iter().filter(|test| filter.is_none_or(|filter| filter.is_match(&test.name)));
    let groups = wanted.map(|test| GroupReport {
        name: test.name.clone(),
        at: test.at,
        failures: Bench::new(file, test, groups, &engine).run(),
    });
    FileReport { path: file.path.clone(), groups: groups.collect() }
}

/// Nobody is told of alerts in a test.
struct Nobody;

impl AlertSink for Nobody {
    fn alerts(&self, _: Vec<Alert>) {}
}

/// One test group at work.
struct Bench<'a> {
    file: &'a TestFile,
    test: &'a Test,
    engine: Arc<Engine>,
    memory: Arc<Memory>,
    world: World,
    groups: Vec<RunningGroup>,
    /// How many values of each series have been added.
    added: Vec<usize>,
}

impl<'a> Bench<'a> {
    fn new(file: &'a TestFile, test: &'a Test, groups: &Groups, engine: &Arc<Engine>) -> Self {
        let memory = Arc::new(Memory::default());
        let store = Arc::clone(&memory) as Arc<dyn MetricQuery>;
        let ports = Ports {
            evaluate: Arc::new(EngineEvaluator::new(Arc::clone(engine), Arc::clone(&store))),
            store,
            append: Arc::clone(&memory) as Arc<dyn MetricAppend>,
            sink: Arc::new(Nobody),
            clock: Arc::new(ManualClock::new(test.start_ms)),
            backfill: None,
        };
        let mut options = ManagerOptions::standard(test.external_url.clone());
        options.external_labels = test.external_labels.clone();
        options.default_interval = file.interval;
        let world = World::new(ports, options, Arc::new(Metrics::new(&mut Registry::default())));
        let rank = |name: &str| file.group_order.iter().position(|known| known == name).unwrap_or(0);
        let mut groups: Vec<_> =
            groups.0.iter().map(|group| RunningGroup::new(Arc::clone(group), &world, None, false)).collect();
        groups.sort_by_key(|running| rank(&running.group.name));
        Self {
            file,
            test,
            engine: Arc::clone(engine),
            memory,
            world,
            groups,
            added: vec![0; test.series.len()],
        }
    }

    /// What did not go as expected.
    fn run(mut self) -> Vec<Failure> {
        let times =
            self.test.alerts.iter().map(|c| c.eval_time).chain(self.test.queries.iter().map(|c| c.eval_time));
        let end = self.test.start_ms + times.max().map_or(0, |last| last.0);
        let mut failures = Vec::new();
        let mut now = self.test.start_ms;
        while now <= end {
            if let Err(cause) = self.step(now) {
                failures.push(Failure::broken(self.test.at, cause));
                return failures;
            }
            let next = now.saturating_add(self.file.interval.0);
            let judged = self
                .test
                .alerts
                .iter()
                .filter(|case| (now..next).contains(&(self.test.start_ms + case.eval_time.0)));
            failures.extend(judged.filter_map(|case| self.alert_case(case)));
            now = next;
        }
        failures.extend(self.test.queries.iter().filter_map(|case| self.query_case(case)));
        failures.sort_by_key(|failure| failure.at);
        failures
    }

    /// Adds what is due and evaluates all groups.
    fn step(&mut self, now: i64) -> Result<(), String> {
        for ((labels, points), added) in self.test.series.iter().zip(&mut self.added) {
            while let Some(point) = points.get(*added) {
                let at = self.test.start_ms + self.test.interval.0 * *added as i64;
                if at > now {
                    break;
                }
                *added += 1;
                match point {
                    Point::None => {}
                    Point::Float(value) if self.memory.add(labels, at, *value) => {}
                    Point::Float(_) => return Err(format!("{labels} has two values at {at} ms")),
                    _ => return Err(NO_HISTOGRAMS.to_owned()),
                }
            }
        }
        for group in &self.groups {
            group.evaluate(&self.world, TimestampMs(now));
            if let Some((rule, cause)) = group.first_error() {
                return Err(format!("rule {rule} of group {}: {cause}", group.group.name));
            }
        }
        Ok(())
    }

    fn alert_case(&self, case: &AlertCase) -> Option<Failure> {
        let rules = self.groups.iter().flat_map(|group| group.status().rules);
        let alerts = rules.filter(|rule| rule.name == case.name).filter_map(|rule| rule.alerting);
        let (firing, waiting): (Vec<_>, Vec<_>) =
            alerts.flat_map(|alerting| alerting.alerts).partition(|alert| alert.state == AlertState::Firing);
        let got: Vec<_> = firing.into_iter().map(|alert| (alert.labels, alert.annotations)).collect();
        let (missing, surplus) = differences(&case.expected, &got, |a, b| a == b);
        if missing.is_empty() && surplus.is_empty() {
            return None;
        }
        let pending = waiting.into_iter().map(|alert| (alert.labels, alert.active_at)).collect();
        Some(Failure {
            at: case.at,
            what: format!("alert {} at {}", case.name, case.eval_time),
            difference: Difference::Alerts {
                known: self.knows(&case.name),
                missing,
                surplus,
                pending,
                start_ms: self.test.start_ms,
            },
            plots: self.alert_plots(case),
        })
    }

    fn knows(&self, alert: &str) -> bool {
        let mut rules = self.groups.iter().flat_map(|group| &group.group.rules);
        rules.any(|rule| rule.name == alert && rule.alerting().is_some())
    }

    fn query_case(&self, case: &QueryCase) -> Option<Failure> {
        let failure = |difference, plots| Failure {
            at: case.at,
            what: format!("{} at {}", case.text.trim(), case.eval_time),
            difference,
            plots,
        };
        if case.wants_histogram {
            return Some(failure(Difference::Broken(NO_HISTOGRAMS.to_owned()), Vec::new()));
        }
        let at = TimestampMs(self.test.start_ms + case.eval_time.0);
        let got = match self.world.ports.evaluate.instant(&case.expr, at) {
            Ok(got) => got,
            Err(cause) => return Some(failure(Difference::Broken(cause), Vec::new())),
        };
        let same = |a: &(Labels, f64), b: &(Labels, f64)| a.0 == b.0 && same_value(a.1, b.1, self.file.fuzzy);
        let (missing, surplus) = differences(&case.expected, &got, same);
        if missing.is_empty() && surplus.is_empty() {
            return None;
        }
        let plot = self.plot(case.text.trim().to_owned(), &case.expr, case.eval_time.0);
        Some(failure(Difference::Samples { missing, surplus }, plot.into_iter().collect()))
    }

    /// What the rules of this name compare, and the states of their alerts.
    fn alert_plots(&self, case: &AlertCase) -> Vec<Plot> {
        let rules = self.groups.iter().flat_map(|group| &group.group.rules);
        let rules = rules.filter(|rule| rule.name == case.name && rule.alerting().is_some());
        let mut plots: Vec<Plot> = rules
            .filter_map(|rule| {
                let compared = compared(&rule.expr);
                self.plot(compared.to_string(), compared, case.eval_time.0)
            })
            .collect();
        let states = format!("count by (alertstate) (ALERTS{{alertname={:?}}})", case.name);
        if let Ok(expr) = promql::parse(&states) {
            plots.extend(self.plot(states, &expr, case.eval_time.0).filter(|plot| !plot.series.is_empty()));
        }
        plots
    }

    fn plot(&self, title: String, expr: &Expr, until_ms: i64) -> Option<Plot> {
        let columns = COLUMNS_MAX as i64 - 1;
        // Whole evaluations a column, the last one at the time in question.
        let every = self.file.interval.0 * (until_ms / self.file.interval.0).div_euclid(columns).max(0)
            + self.file.interval.0;
        let count = (until_ms / every).min(columns);
        if count == 0 {
            return None;
        }
        let end = self.test.start_ms + until_ms;
        let steps = Steps::range(TimestampMs(end - count * every), TimestampMs(end), every);
        let request = QueryRequest { query: expr, steps, lookback: None, cancel: &Cancel::new() };
        let series = match self.engine.eval(&*self.memory, &request).ok()?.value {
            Value::Vector(series) => series,
            Value::Scalar(values) => vec![Series { labels: Labels::empty(), values }],
            Value::String(_) | Value::Matrix(_) => return None,
        };
        let from_ms = until_ms - count * every;
        Some(Plot { title, from_ms, until_ms, every_ms: every, series })
    }
}

/// The left side of the comparison that decides, which has values when the alert is silent too.
fn compared(expr: &Expr) -> &Expr {
    use promql::ast::ExprKind;
    match &expr.unwrap_parens().kind {
        ExprKind::Binary(binary) if binary.op.is_comparison() => &binary.lhs,
        ExprKind::Binary(binary) if binary.op.is_set() => compared(&binary.lhs),
        _ => expr,
    }
}
