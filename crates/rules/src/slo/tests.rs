//! The three formats, the rules made of them, and that those rules notice after the time that the arithmetic says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Alert, AlertState, TimestampMs};
use prometheus_client::registry::Registry;
use promql::{Engine, EngineOptions};
use stdx::ManualClock;
use storage::{MetricAppend, MetricQuery};

use super::*;
use crate::backfill::{STEP, is_new};
use crate::group::RunningGroup;
use crate::manager::World;
use crate::memory::Memory;
use crate::{AlertSink, EngineEvaluator, ManagerOptions, Metrics, Ports, RuleFile};

const OWN: &str = "slos:
- name: availability
  service: pay
  objective: 99.9
  sli: {errors: 'req{code=~\"5..\"}', total: req}
  labels: {team: a}
  alerting: {name: PayBurn, annotations: {runbook_url: x.md}, ticket: {labels: {severity: low}}}
";

fn parse(text: &str) -> Result<SloFile, crate::RulesError> {
    SloFile::parse(Path::new("slo.yml"), text)
}

fn slos(text: &str) -> Vec<Slo> {
    parse(text).unwrap_or_else(|e| panic!("{e}\n{text}")).slos
}

fn rules_of(slos: &[Slo]) -> RuleFile {
    let text = generate(slos, "slo.yml");
    RuleFile::parse(Path::new("generated.yml"), &text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn our_own_format() {
    let slo = &slos(OWN)[0];
    assert_eq!((slo.id().as_str(), slo.budget(), slo.period), ("pay-availability", 0.001, DEFAULT_PERIOD));
    let Indicator::Events { errors, total, errors_min } = &slo.indicator else { panic!("{slo:?}") };
    assert_eq!(errors, "sum(rate(req{code=~\"5..\"}[{{.window}}]))");
    assert_eq!((total.as_str(), *errors_min), ("sum(rate(req[{{.window}}]))", Some(5.0)));
    let good = OWN.replace("errors: 'req{code=~\"5..\"}'", "good: 'req{code=\"200\"}'");
    let Indicator::Events { errors, .. } = &slos(&good)[0].indicator else { panic!("events") };
    assert!(errors.starts_with("clamp_min(sum(rate(req[{{.window}}])) - (sum(rate("), "{errors}");
}

#[test]
fn rules_are_those_of_sloth_and_alerts_name_their_window() {
    let file = rules_of(&slos(OWN));
    assert!(file.warnings.is_empty(), "{:?}", file.warnings);
    let rules: Vec<_> = file.groups.iter().flat_map(|group| &group.rules).collect();
    let recorded = |name: &str| rules.iter().filter(|rule| rule.name == name).count();
    for window in ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"] {
        assert_eq!(recorded(&format!("slo:sli_error:ratio_rate{window}")), 1, "{window}");
    }
    assert_eq!(recorded("slo:error_budget_exhaustion:seconds"), 3);
    let labels = rules[0].labels_as_written();
    assert_eq!(
        labels.to_string(),
        r#"{sloth_id="pay-availability", sloth_service="pay", sloth_slo="availability", sloth_window="5m", team="a"}"#
    );
    let alerts: Vec<String> = rules
        .iter()
        .filter(|rule| rule.alerting().is_some())
        .map(|rule| {
            let labels = rule.labels_as_written();
            let of = |name| labels.get(name).unwrap_or("").to_owned();
            format!("{} {} {} {}", rule.name, of("window"), of("severity"), of("service"))
        })
        .collect();
    assert_eq!(
        alerts,
        ["PayBurn 1h critical pay", "PayBurn 6h critical pay", "PayBurn 1d low pay", "PayBurn 3d low pay"]
    );
    assert!(rules.iter().any(|rule| rule.query.contains("> 14.4 * 0.001")));
    assert!(rules.iter().any(|rule| rule.query.ends_with("* 3600 >= 5")), "the guard");
}

#[test]
fn sloth() {
    let text = "version: prometheus/v1
service: web
labels: {owner: team}
slos:
- name: availability
  objective: 99.5
  labels: {tier: one}
  sli:
    events:
      error_query: sum(rate(http{code=~\"5..\"}[{{.window}}]))
      total_query: sum(rate(http[{{ .window }}]))
  alerting:
    name: WebBurn
    labels: {category: availability}
    page_alert: {labels: {severity: pager}}
    ticket_alert: {disable: true}
- name: raw
  objective: 90
  sli: {raw: {error_ratio_query: '1 - avg_over_time(probe_success[{{.window}}])'}}
";
    let read = slos(text);
    assert_eq!(read[0].labels.to_string(), r#"{owner="team", tier="one"}"#);
    assert_eq!((read[0].alerting.ticket.as_ref(), read[1].alerting.name.as_str()), (None, "web-raw"));
    assert!(matches!(&read[1].indicator, Indicator::Ratio { errors } if errors.contains(WINDOW)));
    assert_eq!(rules_of(&read).groups.len(), 4);
    let resource = "apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: web, namespace: monitoring}
spec:
  service: web
  labels: {owner: team}
  slos:
  - name: availability
    objective: 99.5
    labels: {tier: one}
    sli:
      events:
        errorQuery: sum(rate(http{code=~\"5..\"}[{{.window}}]))
        totalQuery: sum(rate(http[{{.window}}]))
    alerting: {name: WebBurn, labels: {category: availability}, pageAlert: {labels: {severity: pager}}, ticketAlert: {disable: true}}
";
    assert_eq!(slos(resource)[0], read[0]);
}

#[test]
fn openslo() {
    let alpha = "apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: orders, displayName: Orders}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindows: [{count: 4, unit: Week, isRolling: true}]
  objectives:
  - ratioMetrics:
      good: {source: prometheus, queryType: promql, query: 'sum(rate(ok[{{.window}}]))'}
      total: {source: prometheus, queryType: promql, query: 'sum(rate(all[{{.window}}]))'}
    target: 0.99
";
    let read = slos(alpha);
    assert_eq!((read[0].id().as_str(), read[0].objective), ("shop-orders", 0.99));
    assert_eq!(read[0].period.to_string(), "4w");
    rules_of(&read);
    let v1 = "apiVersion: openslo/v1
kind: SLO
metadata: {name: orders}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'http{code=~\"5..\"}'}}}
        total: {metricSource: {type: Prometheus, spec: {query: http}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.99}, {targetPercent: 99.9}]
";
    let read = slos(v1);
    let ids: Vec<String> = read.iter().map(Slo::id).collect();
    assert_eq!(ids, ["shop-orders-0", "shop-orders-1"]);
    let Indicator::Events { errors, .. } = &read[1].indicator else { panic!("events") };
    assert_eq!(errors, "sum(rate(http{code=~\"5..\"}[{{.window}}]))");
}

#[test]
fn several_documents() {
    let read = slos(&format!("# a head\n---\n{OWN}---\n{}", OWN.replace("pay", "other")));
    assert_eq!(read.iter().map(Slo::id).collect::<Vec<_>>(), ["pay-availability", "other-availability"]);
}

#[test]
fn faults_have_their_place() {
    for (text, expected) in [
        ("x: 1", "slo.yml: no objectives: neither slos nor version nor apiVersion is in it"),
        ("slos: []", "slo.yml: there is no objective in it"),
        (
            "version: prometheus/v2",
            "slo.yml:1:10: \"prometheus/v2\" is no format of objectives that is known",
        ),
        (
            &OWN.replace("99.9", "100"),
            "slo.yml:2:3: pay-availability: an objective of 100.0000 % leaves nothing",
        ),
        (
            &OWN.replace("total: req", "total: 'rate(req[5m])'"),
            "slo.yml:5:44: \"rate(req[5m])\" is no selector",
        ),
        (&OWN.replace("errors:", "error:"), "slo.yml:5:9: unknown field error"),
        (
            &OWN.replace("alerting", "period: 1d\n  alerting"),
            "slo.yml:2:3: pay-availability: a period of 1d is too short",
        ),
        (&format!("{OWN}---\n{OWN}"), "slo.yml:10:3: pay-availability is there twice"),
        (
            "version: prometheus/v1\nservice: a\nslos:\n- name: b\n  objective: 99\n  sli: {raw: {error_ratio_query: 'x'}}\n",
            "slo.yml:4:3: a-b: error ratio has no {{.window}}",
        ),
        (
            "version: prometheus/v1\nservice: a\nslos:\n- name: b\n  objective: 99\n  sli: {plugin: {id: p}}\n",
            "slo.yml:6:17: plugins of Sloth are not supported",
        ),
        (
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n  service: s\n  indicatorRef: i\n  objectives: []\n",
            "slo.yml:6:17: indicatorRef is not supported",
        ),
        ("apiVersion: openslo/v1\nkind: Service\n", "slo.yml:2:7: kind \"Service\" is not read; SLO is"),
    ] {
        let error = parse(text).map(|_| "no fault").expect_err(text).to_string();
        assert!(error.starts_with(expected), "{error}\nfor {text}");
    }
}

#[test]
fn the_rules_that_ship_are_those_of_their_objectives() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("deploy/provision/slo/slos.yml")).expect("readable");
    let rules = std::fs::read_to_string(root.join("deploy/provision/rules/slo-rules.yml")).expect("readable");
    let file = SloFile::parse(Path::new("slos.yml"), &text).unwrap_or_else(|e| panic!("{e}"));
    assert!(
        generate(&file.slos, "slos.yml") == rules,
        "run the command at the head of deploy/provision/slo/slos.yml"
    );
}

#[test]
fn the_arithmetic_in_words() {
    let text = explain(&slos(OWN)[0], Some(200.0));
    for line in [
        "pay-availability: 99.9% of events over 30d",
        "0.1% may fail: as much as 43m12s of nothing but errors",
        "at 200 a second: 518400 of 518400000 in 30d",
        "page      14.4  1h     5m     1.44%        2%           52s        8m38s      43m12s     4m56s",
        "ticket       1  3d     6h     0.1%         10%          4m19s      43m12s     3h36m      5h59m",
        "silent below 5 errors within the long window",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

struct Nobody;

impl AlertSink for Nobody {
    fn alerts(&self, _: Vec<Alert>) {}
}

/// A service with ten requests a second, scraped and looked at on a false clock.
struct Service {
    memory: Arc<Memory>,
    world: World,
    groups: Vec<RunningGroup>,
    counts: (f64, f64),
    now_ms: i64,
}

const STEP_MS: i64 = 30_000;

impl Service {
    fn new(objectives: &str) -> Self {
        let memory = Arc::new(Memory::default());
        let store = Arc::clone(&memory) as Arc<dyn MetricQuery>;
        let engine = Arc::new(Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() }));
        let ports = Ports {
            evaluate: Arc::new(EngineEvaluator::new(engine, Arc::clone(&store))),
            store,
            append: Arc::clone(&memory) as Arc<dyn MetricAppend>,
            sink: Arc::new(Nobody),
            clock: Arc::new(ManualClock::new(0)),
            backfill: None,
        };
        let metrics = Arc::new(Metrics::new(&mut Registry::default()));
        let world = World::new(ports, ManagerOptions::standard("http://mon"), metrics);
        let file = rules_of(&slos(objectives));
        let groups = file.groups.into_iter().map(|g| RunningGroup::new(Arc::new(g), &world, None, false));
        let groups = groups.collect();
        Self { memory, world, groups, counts: (0.0, 0.0), now_ms: 0 }
    }

    /// Lets one step pass, with that share of errors at that rate.
    fn pass(&mut self, rate: f64, share: f64) {
        self.now_ms += STEP_MS;
        let events = rate * STEP_MS as f64 / 1000.0;
        self.counts.0 += events * (1.0 - share);
        self.counts.1 += events * share;
        for (code, count) in [("200", self.counts.0), ("500", self.counts.1)] {
            let labels = Labels::from_pairs([("__name__", "req"), ("code", code)]);
            assert!(self.memory.add(&labels, self.now_ms, count));
        }
    }

    /// Evaluates, and gives the windows of the alerts that fire.
    fn firing(&self) -> Vec<String> {
        let mut windows = Vec::new();
        for group in &self.groups {
            group.evaluate(&self.world, TimestampMs(self.now_ms));
            assert_eq!(group.first_error(), None);
            let alerts =
                group.status().rules.into_iter().filter_map(|rule| rule.alerting).flat_map(|a| a.alerts);
            let firing = alerts.filter(|alert| alert.state == AlertState::Firing);
            windows.extend(firing.filter_map(|alert| alert.labels.get("window").map(str::to_owned)));
        }
        windows
    }

    fn value(&self, name: &str) -> f64 {
        let expr = promql::parse(name).expect("a name");
        let found = self.world.ports.evaluate.instant(&expr, TimestampMs(self.now_ms)).expect("evaluates");
        let [(_, value)] = found.as_slice() else { panic!("{name}: {found:?}") };
        *value
    }
}

/// Good for `before`, then `share` of errors: after how long which window told, and that it was not told before.
fn check_detection(before: DurationMs, share: f64, windows: &[&str]) {
    let mut service = Service::new(OWN);
    while service.now_ms < before.0 {
        service.pass(10.0, 0.0);
    }
    assert_eq!(service.firing(), Vec::<String>::new(), "healthy");
    let begun_ms = service.now_ms;
    let mut waiting: Vec<&str> = windows.to_vec();
    for _ in 0..500 {
        if waiting.is_empty() {
            return;
        }
        service.pass(10.0, share);
        let firing = service.firing();
        waiting.retain(|window| {
            if !firing.iter().any(|known| known == window) {
                return true;
            }
            let pair = burn_windows(DEFAULT_PERIOD).into_iter().find(|p| p.long.to_string() == *window);
            let expected = pair.and_then(|pair| pair.detection(0.001, share)).expect("this share is seen").0;
            let took = service.now_ms - begun_ms;
            // The first step that is over; a step more, since `rate` sees the error that came first as a beginning.
            assert!(
                (expected..=expected + 2 * STEP_MS).contains(&took),
                "{window} at {share}: {took} ms and not {expected}"
            );
            false
        });
    }
    panic!("never told: {waiting:?} at {share}");
}

#[test]
fn pages_come_when_the_arithmetic_says() {
    let before = DurationMs(7 * 3_600_000);
    check_detection(before, 1.0, &["1h", "6h"]);
    check_detection(before, 0.1, &["1h", "6h"]);
    check_detection(before, 0.02, &["1h", "6h"]);
}

#[test]
fn tickets_come_when_the_arithmetic_says() {
    check_detection(DurationMs(73 * 3_600_000), 1.0, &["1d", "3d"]);
}

#[test]
fn budgets_are_right_from_the_first_evaluation() {
    let mut service = Service::new(OWN);
    // A day of traffic that nobody looked at, a thousandth of it failed: just what is allowed.
    for _ in 0..2880 {
        service.pass(10.0, 0.001);
    }
    assert_eq!(service.firing(), Vec::<String>::new());
    let close = |name: &str, expected: f64| {
        let value = service.value(name);
        assert!(
            (value - expected).abs() < 0.02 * expected.abs().max(0.05),
            "{name}: {value}, not {expected}"
        );
    };
    close("slo:sli_error:ratio_rate30d", 0.001);
    close("slo:period_burn_rate:ratio", 1.0);
    close("slo:current_burn_rate:ratio", 1.0);
    close("slo:period_error_budget_remaining:ratio", 0.0);
    // Half of it, and the other half lasts the whole period at that pace.
    let mut service = Service::new(OWN);
    for _ in 0..2880 {
        service.pass(10.0, 0.0005);
    }
    service.firing();
    assert!((service.value("slo:period_error_budget_remaining:ratio") - 0.5).abs() < 0.01);
    let left = service.value("slo:error_budget_exhaustion:seconds{sloth_window=\"6h\"}");
    assert!((left / 2_592_000.0 - 1.0).abs() < 0.03, "{left} s");
}

#[test]
fn low_traffic_calls_nobody() {
    // Without the guard the same errors call somebody.
    for (objectives, expected) in [
        (OWN.to_owned(), &[] as &[&str]),
        (OWN.replace("  labels", "  min_errors: 0\n  labels"), &["1h", "6h"]),
    ] {
        let mut service = Service::new(&objectives);
        // Seven hours of a request every five minutes, and the last one failed.
        for step in 0..841 {
            let rate = if step % 10 == 0 { 1.0 / 30.0 } else { 0.0 };
            service.pass(rate, if step == 840 { 1.0 } else { 0.0 });
        }
        let mut firing = service.firing();
        firing.retain(|window| window.ends_with('h'));
        assert_eq!(firing, expected);
    }
}

/// A week of a service before anybody wrote down its objective: the program starts with the objective, and its series begin with the
/// week; the next start leaves them as they are.
#[tokio::test]
async fn a_new_objective_gets_its_past() {
    const HOUR_MS: i64 = 3_600_000;
    let mut service = Service::new(OWN);
    while service.now_ms < 7 * 24 * HOUR_MS {
        let share = if service.now_ms < 24 * HOUR_MS { 0.001 } else { 0.0 };
        service.pass(10.0, share);
    }
    let (memory, now_ms) = (Arc::clone(&service.memory), service.now_ms);
    let store = Arc::clone(&memory) as Arc<dyn MetricQuery>;
    let engine = Arc::new(Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() }));
    let ports = |now_ms: i64| {
        let append = Arc::clone(&memory) as Arc<dyn MetricAppend>;
        let clock = Arc::new(ManualClock::new(now_ms));
        Ports::of_engine(Arc::clone(&engine), Arc::clone(&store), append, Arc::new(Nobody), clock)
            .with_backfill(Arc::clone(&engine), Arc::clone(&memory) as Arc<_>, DurationMs(30 * 24 * HOUR_MS))
    };
    let metrics = Arc::new(Metrics::new(&mut Registry::default()));
    let groups = crate::Groups::new([rules_of(&slos(OWN))]);
    let lately = TimestampMs(now_ms - HOUR_MS);
    let is_new = || groups.iter().all(|group| is_new(group, &*store, lately).expect("memory answers"));
    assert!(is_new());
    let options = ManagerOptions::standard("http://mon");
    let manager = crate::Manager::start(groups.clone(), ports(now_ms), options.clone(), Arc::clone(&metrics));
    let filled = async {
        while metrics.backfilled_samples.get() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(300), filled).await.expect("the past is filled in");
    manager.stop().await;
    assert!(!is_new() && metrics.backfill_failures.get() == 0);
    let left = r#"slo:period_error_budget_remaining:ratio{sloth_id="pay-availability", sloth_service="pay", sloth_slo="availability", team="a"}"#;
    let times = memory.times(left);
    assert!(times.first().is_some_and(|at| *at < HOUR_MS), "{:?}", times.first());
    assert!(times.windows(2).all(|two| two[1] - two[0] <= STEP.0), "a gap that queries see");
    // One of a thousand failed on one day of seven, and one may: six sevenths are left.
    let share = service.value(left);
    assert!((share - 6.0 / 7.0).abs() < 0.01, "{share}");
    // The next start, after a day of being down, finds what was recorded and adds nothing to it: its groups begin, so it is decided.
    let later_ms = now_ms + 24 * HOUR_MS;
    let metrics = Arc::new(Metrics::new(&mut Registry::default()));
    let manager = crate::Manager::start(groups, ports(later_ms), options, Arc::clone(&metrics));
    manager.past_is_in().await;
    assert_eq!((metrics.backfilled_samples.get(), metrics.backfill_failures.get()), (0, 0));
    manager.stop().await;
    assert_eq!(memory.times(left).iter().filter(|at| **at < now_ms).count(), times.len());
}
