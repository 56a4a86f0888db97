//! Whole groups on a false clock: what is written, what is sent, what survives a reload and a restart.
//!
//! Time is tokio's paused time; nothing sleeps. An expression is a name, and a script says at which seconds since the
//! start it has which elements.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::AlertState;
use prometheus_client::registry::Registry;

use super::*;
use crate::file::RuleFile;
use crate::memory::Memory;
use crate::status::Health;
use crate::testing::{START_MS, Sent, TokioClock};

/// Expressions by name: seconds since the start to elements.
type Script = BTreeMap<&'static str, fn(i64) -> Result<Vec<(Labels, f64)>, String>>;

struct Scripted(Script);

impl Evaluate for Scripted {
    fn instant(&self, expr: &promql::Expr, at: TimestampMs) -> Result<Vec<(Labels, f64)>, String> {
        self.0[expr.to_string().as_str()]((at.0 - START_MS).div_euclid(1000))
    }
}

struct Bench {
    memory: Arc<Memory>,
    sent: Arc<Sent>,
    ports: Ports,
    options: ManagerOptions,
    metrics: Arc<Metrics>,
    registry: Registry,
}

impl Bench {
    fn new(script: Script) -> Self {
        let (memory, sent) = (Arc::new(Memory::default()), Arc::new(Sent::default()));
        let ports = Ports {
            evaluate: Arc::new(Scripted(script)),
            store: Arc::clone(&memory) as Arc<dyn MetricQuery>,
            append: Arc::clone(&memory) as Arc<dyn MetricAppend>,
            sink: Arc::clone(&sent) as Arc<dyn AlertSink>,
            clock: Arc::new(TokioClock::new()),
            backfill: None,
        };
        let mut options = ManagerOptions::standard("http://mon:9090/");
        options.external_labels = Labels::from_pairs([("region", "eu"), ("job", "outer")]);
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::new(&mut registry));
        Self { memory, sent, ports, options, metrics, registry }
    }

    fn start(&self, rules: &str) -> Manager {
        Manager::start(groups(rules), self.ports.clone(), self.options.clone(), Arc::clone(&self.metrics))
    }

    fn exposed(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encodes");
        text
    }

    fn sent(&self) -> Vec<Alert> {
        self.sent.all()
    }
}

fn groups(text: &str) -> Groups {
    Groups::new([RuleFile::parse(Path::new("r.yml"), text).expect("valid rules")])
}

async fn seconds(n: u64) {
    tokio::time::sleep(Duration::from_secs(n)).await;
}

fn one(job: &str, value: f64) -> Vec<(Labels, f64)> {
    vec![(Labels::from_pairs([("__name__", "m"), ("job", job)]), value)]
}

fn up(_: i64) -> Result<Vec<(Labels, f64)>, String> {
    Ok(one("a", 1.0))
}

#[tokio::test(start_paused = true)]
async fn recording_rules_write_and_end_series() {
    let bench = Bench::new(BTreeMap::from([(
        "m",
        (|second| Ok(if second < 35 { one("a", second as f64) } else { Vec::new() })) as fn(i64) -> _,
    )]));
    let manager = bench
        .start("groups: [{name: g, interval: 10s, rules: [{record: 'job:m', expr: m, labels: {x: y}}]}]");
    seconds(62).await;
    let shown = bench.memory.shown(r#"job:m{job="a", x="y"}"#);
    assert!(shown.starts_with("1 ") || shown.starts_with("0 "), "evaluated within a second: {shown}");
    assert!(shown.ends_with(" #") && shown.matches('#').count() == 1, "ended once: {shown}");
    let status = manager.groups();
    assert_eq!((status[0].rules[0].health, &status[0].rules[0].last_error), (Health::Ok, &None));
    assert!(status[0].last_evaluation.is_some());
    manager.stop().await;
    let text = bench.exposed();
    assert!(text.contains(r#"prometheus_rule_group_iterations_total{rule_group="r.yml;g"} 7"#), "{text}");
    assert!(text.contains(r#"prometheus_rule_group_interval_seconds{rule_group="r.yml;g"} 10.0"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_alert_goes_its_way() {
    let bench = Bench::new(BTreeMap::from([(
        "m",
        (|second| Ok(if second < 45 { one("a", 0.5) } else { Vec::new() })) as fn(i64) -> _,
    )]));
    let manager = bench.start(
        "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: m, for: 20s, labels: {severity: '{{ $labels.job }}!'},\
         annotations: {summary: '{{ $value }} of {{ $externalLabels.region }}'}}]}]",
    );
    seconds(2).await;
    let alerting = manager.groups()[0].rules[0].alerting.clone().expect("an alerting rule");
    assert_eq!((alerting.state, alerting.alerts.len()), (AlertState::Pending, 1));
    assert!(bench.sent().is_empty(), "pending alerts are not sent");
    seconds(33).await;
    let firing = bench.sent();
    assert_eq!(firing.len(), 1);
    assert_eq!(firing[0].labels.to_string(), r#"{alertname="A", job="a", region="eu", severity="a!"}"#);
    assert_eq!(firing[0].annotations.get("summary"), Some("0.5 of eu"));
    assert_eq!(firing[0].generator_url, "http://mon:9090/graph?g0.expr=m&g0.tab=1");
    assert_eq!(firing[0].state, AlertState::Firing);
    assert_eq!(firing[0].ends_at.0 - firing[0].starts_at.0, 4 * 60_000, "valid for four resend delays");
    seconds(25).await;
    let all = bench.sent();
    assert_eq!(all.iter().map(|a| a.state).collect::<Vec<_>>(), [AlertState::Firing, AlertState::Resolved]);
    assert_eq!(all[1].starts_at, all[0].starts_at);
    assert!(all[1].ends_at > all[0].starts_at && all[1].ends_at < all[0].ends_at);
    let pending =
        bench.memory.shown(r#"ALERTS{alertname="A", alertstate="pending", job="a", severity="a!"}"#);
    assert!(pending.ends_with(" #"), "the pending series ends when it fires: {pending}");
    let firing = bench.memory.shown(r#"ALERTS{alertname="A", alertstate="firing", job="a", severity="a!"}"#);
    assert!(firing.starts_with('1') && firing.ends_with(" #"), "{firing}");
    assert!(bench.memory.shown(r#"ALERTS_FOR_STATE{alertname="A", job="a", severity="a!"}"#).ends_with(" #"));
    manager.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_and_change_no_alert() {
    let bench = Bench::new(BTreeMap::from([
        (
            "m",
            (|second| if second < 15 { Ok(one("a", 1.0)) } else { Err("no luck".to_owned()) })
                as fn(i64) -> _,
        ),
        ("two", |_| {
            Ok([one("a", 1.0), vec![(Labels::from_pairs([("__name__", "n"), ("job", "a")]), 2.0)]].concat())
        }),
        ("many", |_| Ok([one("a", 1.0), one("b", 2.0)].concat())),
    ]));
    let manager = bench.start(
        "groups: [{name: g, interval: 10s, limit: 1, rules: [{alert: A, expr: m}, {record: r, expr: two},\
         {alert: B, expr: two}, {record: s, expr: many}, {alert: C, expr: many}]}]",
    );
    seconds(22).await;
    let rules = manager.groups().remove(0).rules;
    let errors: Vec<_> = rules.iter().map(|rule| rule.last_error.as_deref().unwrap_or("")).collect();
    assert_eq!(
        errors,
        [
            "no luck",
            "vector contains metrics with the same labelset after applying rule labels",
            "vector contains metrics with the same labelset after applying alert labels",
            "exceeded limit of 1 with 2 series",
            "exceeded limit of 1 with 2 alerts",
        ]
    );
    assert!(rules.iter().all(|rule| rule.health == Health::Err));
    assert_eq!(rules[0].alerting.as_ref().map(|a| a.state), Some(AlertState::Firing), "kept while unknown");
    assert!(!bench.memory.shown(r#"ALERTS{alertname="A", alertstate="firing", job="a"}"#).contains('#'));
    manager.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_goes_on_and_ends_the_rest() {
    let bench = Bench::new(BTreeMap::from([("m", up as fn(i64) -> _), ("m > 0", up)]));
    let manager = bench.start(
        "groups: [{name: same, interval: 10s, rules: [{record: r, expr: m}]},\
         {name: edited, interval: 10s, rules: [{alert: A, expr: m, for: 1m}, {record: gone, expr: m}]},\
         {name: lost, interval: 10s, rules: [{record: lost, expr: m}]}]",
    );
    seconds(25).await;
    let active_at = |manager: &Manager| {
        let groups = manager.groups();
        let edited = groups.iter().find(|g| g.name == "edited").expect("still there");
        edited.rules[0].alerting.as_ref().expect("alerting").alerts[0].active_at
    };
    let before = active_at(&manager);
    let same =
        |manager: &Manager| manager.groups().iter().find(|g| g.name == "same").map(|g| g.last_evaluation);
    let untouched = same(&manager);
    manager
        .reload(
            groups(
                "groups: [{name: same, interval: 10s, rules: [{record: r, expr: m}]},\
                 {name: edited, interval: 10s, rules: [{alert: A, expr: m > 0, for: 2m}, {alert: New, expr: m}]}]",
            ),
            bench.options.clone(),
        )
        .await;
    assert_eq!(same(&manager), untouched);
    seconds(2).await;
    assert_eq!(active_at(&manager), before, "pending since before the reload");
    let lost = bench.memory.shown(r#"lost{job="a"}"#);
    assert!(lost.ends_with(" #"), "{lost}");
    seconds(10).await;
    let gone = bench.memory.shown(r#"gone{job="a"}"#);
    assert!(gone.ends_with(" #"), "{gone}");
    assert!(!bench.memory.shown(r#"r{job="a"}"#).contains('#'));
    let times = bench.memory.times(r#"r{job="a"}"#);
    let gaps: Vec<i64> = times.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        !gaps.is_empty() && gaps.iter().all(|gap| *gap == 10_000),
        "no evaluation for the reload: {gaps:?}"
    );
    assert_eq!(manager.groups().len(), 2);
    assert!(!bench.exposed().contains("r.yml;lost"), "counts of lost groups go too");
    manager.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_start_a_long_wait_anew() {
    let bench = Bench::new(BTreeMap::from([("m", up as fn(i64) -> _)]));
    let rules = "groups: [{name: g, interval: 60s, rules: [{alert: Long, expr: m, for: 1h}, {alert: Short, expr: m, for: 5m}]}]";
    let manager = bench.start(rules);
    seconds(1800).await;
    manager.stop().await;
    let began = manager.groups()[0].rules[0].alerting.as_ref().expect("alerting").alerts[0].active_at;
    seconds(600).await;
    let written = bench.memory.shown(r#"ALERTS_FOR_STATE{alertname="Long", job="a"}"#);

    let again = bench.start(rules);
    seconds(20).await;
    assert_eq!(
        bench.memory.shown(r#"ALERTS_FOR_STATE{alertname="Long", job="a"}"#),
        written,
        "nothing before it is settled"
    );
    seconds(200).await;
    let rules = again.groups().remove(0).rules;
    let restored = rules[0].alerting.as_ref().expect("alerting").alerts[0].active_at;
    let shift = restored.0 - began.0;
    assert!((600_000..=780_000).contains(&shift), "moved by the time it was down: {shift} ms");
    let short = rules[1].alerting.as_ref().expect("alerting").alerts[0].active_at;
    assert!(short.0 - began.0 > 2_000_000, "short waits are not restored");
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn templates_can_ask() {
    let bench = Bench::new(BTreeMap::from([("m", up as fn(i64) -> _), ("n", |_| Ok(one("b", 7.0)))]));
    let manager = bench.start(
        "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: m,\
         annotations: {s: '{{ query \"n\" | first | value }}', bad: '{{ query \"rate(hi)\" }}'}}]}]",
    );
    seconds(2).await;
    let sent = bench.sent();
    assert_eq!(sent[0].annotations.get("s"), Some("7"));
    let bad = sent[0].annotations.get("bad").expect("explained");
    assert!(bad.starts_with("<error expanding template: 1:"), "{bad}");
    assert!(bench.memory.has(r#"ALERTS{alertname="A", alertstate="firing", job="a"}"#));
    manager.stop().await;
}

/// Takes a while over its first evaluation.
struct SlowAtFirst {
    clock: Arc<TokioClock>,
    calls: AtomicU32,
}

impl Evaluate for SlowAtFirst {
    fn instant(&self, _: &promql::Expr, _: TimestampMs) -> Result<Vec<(Labels, f64)>, String> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            self.clock.set_forward(35_000);
        }
        Ok(one("a", 1.0))
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_counted() {
    let mut bench = Bench::new(BTreeMap::new());
    let clock = Arc::new(TokioClock::new());
    bench.ports.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    bench.ports.evaluate = Arc::new(SlowAtFirst { clock, calls: AtomicU32::new(0) });
    let manager = bench.start("groups: [{name: g, interval: 10s, rules: [{record: r, expr: m}]}]");
    seconds(15).await;
    manager.stop().await;
    let times = bench.memory.times(r#"r{job="a"}"#);
    let text = bench.exposed();
    let missed = text.lines().find_map(|line| {
        line.strip_prefix(r#"prometheus_rule_group_iterations_missed_total{rule_group="r.yml;g"} "#)
    });
    // From the first, between 30 and 40 seconds pass; the moments of the grid in between are gone.
    assert!(matches!(missed, Some("2" | "3")), "{missed:?}");
    assert!(times.len() >= 2 && times[1] - times[0] > 20_000, "{times:?}");
    assert!(times.windows(2).skip(1).all(|pair| pair[1] - pair[0] == 10_000), "{times:?}");
}
