//! The alerts that ship with the program, on the real engine and a simulated lab: they fire when they should and at no
//! other time, and each has its runbook.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{AlertState, DurationMs, Labels};
use prometheus_client::registry::Registry;
use promql::{Engine, EngineOptions};
use stdx::Clock;
use storage::{MetricAppend, MetricQuery};

use crate::memory::Memory;
use crate::rule::{Alerting, Rule, as_written};
use crate::testing::{START_MS, Sent, TokioClock};
use crate::unittest::TestFile;
use crate::{AlertSink, Groups, Manager, ManagerOptions, Metrics, Ports, RuleFile};

mod week;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder of the project, sorted.
fn files_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the project");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

fn read(path: &Path) -> RuleFile {
    crate::files::read_one(path).unwrap_or_else(|e| panic!("{e}"))
}

fn shipped() -> RuleFile {
    read(&root().join("deploy/provision/rules/alerts.yml"))
}

fn tests() -> Vec<TestFile> {
    let parse = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("readable");
        TestFile::parse(&path, &text).unwrap_or_else(|e| panic!("{e}"))
    };
    files_in("tests/scripts/rules").into_iter().map(parse).collect()
}

#[test]
fn every_unit_test_passes() {
    let tests = tests();
    assert!(!tests.is_empty());
    for file in tests {
        let rules = file.read_rules().unwrap_or_else(|e| panic!("{e}"));
        let report = crate::unittest::run(&file, &rules, None);
        assert!(report.passed() && !report.groups.is_empty(), "\n{report}");
    }
}

#[test]
fn every_alert_says_what_to_do_and_was_seen_to_fire() {
    let tests = tests();
    let fires: BTreeSet<&str> = tests.iter().flat_map(TestFile::alerts_that_fire).collect();
    let listed = std::fs::read_to_string(root().join("docs/runbooks/README.md")).expect("readable");
    let mut alerts = 0;
    for path in files_in("deploy/provision/rules") {
        let file = read(&path);
        assert!(file.warnings.is_empty(), "{:?}", file.warnings);
        for rule in file.groups.iter().flat_map(|group| &group.rules) {
            let Some(alerting) = rule.alerting() else { continue };
            alerts += 1;
            check_words(rule, alerting);
            assert!(fires.contains(&*rule.name), "no test in tests/scripts/rules has {} fire", rule.name);
            assert!(
                listed.contains(&format!("]({}.md)", rule.name)),
                "{} in docs/runbooks/README.md",
                rule.name
            );
        }
    }
    assert!(alerts >= 11, "{alerts} alerts");
}

/// A panel on a name that nobody records stays empty for good.
#[test]
fn what_dashboards_read_is_recorded() {
    let files = files_in("deploy/provision/rules");
    let rules: Vec<_> =
        files.iter().flat_map(|path| read(path).groups).flat_map(|group| group.rules).collect();
    let recorded: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let name = regex::Regex::new(r"\b[a-z_]+(:[a-z0-9_]+)+\b").expect("a pattern");
    let mut read_names = 0;
    for entry in std::fs::read_dir(root().join("deploy/provision/dashboards")).expect("a folder") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        for line in text.lines().filter(|line| line.trim_start().starts_with("\"expr\"")) {
            for found in name.find_iter(line) {
                read_names += 1;
                assert!(recorded.contains(found.as_str()), "{}: {}", path.display(), found.as_str());
            }
        }
    }
    assert!(read_names > 30, "{read_names} names");
}

/// Annotations, labels and the runbook.
fn check_words(rule: &Rule, alerting: &Alerting) {
    let annotations = as_written(&alerting.annotations);
    for name in ["summary", "description", "runbook_url"] {
        assert!(annotations.get(name).is_some(), "{}: {name}", rule.name);
    }
    let labels = rule.labels_as_written();
    assert!(labels.get("severity").is_some() && labels.get("service").is_some(), "{}", rule.name);
    let runbook = root().join(annotations.get("runbook_url").unwrap_or_default());
    let page = std::fs::read_to_string(&runbook).unwrap_or_else(|e| panic!("{}: {e}", runbook.display()));
    for heading in
        [format!("# {}", rule.name), "## First three checks".to_owned(), "## Keep it quiet".to_owned()]
    {
        assert!(page.contains(&heading), "{}: {heading}", runbook.display());
    }
}

/// What one order instance does at one time.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    up: bool,
    requests_per_second: f64,
    errors: f64,
    /// Share of requests that take between one and two seconds; all others stay below 10 ms.
    slow: f64,
}

const HEALTHY: Traffic = Traffic { up: true, requests_per_second: 2.5, errors: 0.0, slow: 0.01 };

const BUCKETS: [(&str, f64); 12] = [
    ("0.001", 0.0),
    ("0.0025", 0.3),
    ("0.005", 0.9),
    ("0.01", 1.0),
    ("0.025", 1.0),
    ("0.05", 1.0),
    ("0.1", 1.0),
    ("0.25", 1.0),
    ("0.5", 1.0),
    ("1", 1.0),
    ("2", 2.0),
    ("+Inf", 2.0),
];

/// Writes ten minutes of two instances, scraped every `scrape_s`: the first is healthy, the second (or both) does what `traffic` says
/// for each second.
fn write_lab(memory: &Memory, scrape_s: i64, both: bool, traffic: impl Fn(i64) -> Traffic + Copy) {
    for instance in ["orders-1", "orders-2"] {
        let (mut ok, mut failed, mut slow) = (0.0, 0.0, 0.0);
        for second in 0..600 {
            let now = if both || instance == "orders-2" { traffic(second) } else { HEALTHY };
            if now.up {
                ok += now.requests_per_second * (1.0 - now.errors);
                failed += now.requests_per_second * now.errors;
                slow += now.requests_per_second * now.slow;
            }
            if second % scrape_s != 0 {
                continue;
            }
            let at = START_MS + second * 1000;
            let labels = |name: &str, more: &[(&str, &str)]| {
                let fixed = [("__name__", name), ("job", "order-service"), ("instance", instance)];
                Labels::from_pairs(fixed.iter().chain(more).copied())
            };
            memory.add(&labels("up", &[]), at, f64::from(u8::from(now.up)));
            if !now.up {
                continue;
            }
            for (status, count) in [("200", ok), ("500", failed)] {
                let more = [("endpoint", "/api/order"), ("method", "GET"), ("status", status)];
                memory.add(&labels("http_requests_total", &more), at, f64::floor(count));
            }
            let (fast, more) =
                (ok + failed - slow, [("endpoint", "/api/order"), ("method", "GET"), ("status", "200")]);
            for (le, share) in BUCKETS {
                let count = if share > 1.0 { fast + slow } else { fast * share };
                let with_le: Vec<_> = more.iter().copied().chain([("le", le)]).collect();
                memory.add(&labels("http_request_duration_seconds_bucket", &with_le), at, f64::floor(count));
            }
            memory.add(&labels("http_request_duration_seconds_count", &more), at, f64::floor(fast + slow));
        }
    }
}

/// Names of alerts that fired within ten minutes, and of those that were resolved.
async fn alerts_of(
    scrape_s: i64,
    both: bool,
    traffic: impl Fn(i64) -> Traffic + Copy,
) -> (Vec<String>, Vec<String>) {
    let memory = Arc::new(Memory::default());
    write_lab(&memory, scrape_s, both, traffic);
    alerts_over(memory, scrape_s).await
}

/// The same over any samples.
async fn alerts_over(memory: Arc<Memory>, scrape_s: i64) -> (Vec<String>, Vec<String>) {
    let sent = Arc::new(Sent::default());
    let written = Arc::new(Memory::default());
    let engine = Arc::new(Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() }));
    let ports = Ports::of_engine(
        engine,
        memory as Arc<dyn MetricQuery>,
        written as Arc<dyn MetricAppend>,
        Arc::clone(&sent) as Arc<dyn AlertSink>,
        Arc::new(TokioClock::new()) as Arc<dyn Clock>,
    );
    let mut options = ManagerOptions::standard("http://mon");
    options.default_interval = DurationMs::from_secs(scrape_s);
    let metrics = Arc::new(Metrics::new(&mut Registry::default()));
    let manager = Manager::start(Groups::new([shipped()]), ports, options, metrics);
    tokio::time::sleep(Duration::from_secs(595)).await;
    for rule in manager.groups().iter().flat_map(|group| &group.rules) {
        assert_eq!(rule.last_error, None, "{}", rule.name);
    }
    manager.stop().await;
    let names = |state: AlertState| {
        let mut names: Vec<String> = sent
            .all()
            .iter()
            .filter(|alert| alert.state == state)
            .map(|alert| {
                format!(
                    "{} {}",
                    alert.labels.get("alertname").unwrap_or(""),
                    alert.labels.get("service").unwrap_or("")
                )
            })
            .collect();
        names.sort();
        names.dedup();
        names
    };
    (names(AlertState::Firing), names(AlertState::Resolved))
}

/// In the lab and at production's pace.
async fn check(both: bool, traffic: impl Fn(i64) -> Traffic + Copy, fired: &[&str]) {
    for scrape_s in [2, 15] {
        let (firing, resolved) = alerts_of(scrape_s, both, traffic).await;
        assert_eq!(firing, fired, "firing, scraped every {scrape_s} s");
        assert_eq!(resolved, fired, "resolved, scraped every {scrape_s} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_lab_is_quiet() {
    check(true, |_| HEALTHY, &[]).await;
    check(true, |_| Traffic { errors: 0.02, slow: 0.03, ..HEALTHY }, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_gone_is_noticed() {
    check(
        false,
        |second| Traffic { up: !(180..300).contains(&second), ..HEALTHY },
        &["InstanceDown order-service"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_single_scrape_that_fails_calls_nobody() {
    let blip = |second| Traffic { up: !(180..195).contains(&second), ..HEALTHY };
    assert_eq!(alerts_of(15, false, blip).await, (Vec::new(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn errors_are_noticed() {
    let errors = |second| Traffic { errors: if (120..360).contains(&second) { 0.2 } else { 0.0 }, ..HEALTHY };
    check(false, errors, &["HighErrorRate order-service"]).await;
}

#[tokio::test(start_paused = true)]
async fn slowness_is_noticed() {
    let slow = |second| Traffic { slow: if (120..360).contains(&second) { 0.3 } else { 0.0 }, ..HEALTHY };
    check(false, slow, &["HighLatencyP95 order-service"]).await;
}

#[tokio::test(start_paused = true)]
async fn little_traffic_calls_nobody() {
    check(true, |_| Traffic { requests_per_second: 0.1, errors: 1.0, slow: 1.0, ..HEALTHY }, &[]).await;
}

/// No backend is healthy: the gateway refuses everything, and the services behind it see no request at all.
#[tokio::test(start_paused = true)]
async fn an_outage_that_no_service_sees_is_noticed() {
    for scrape_s in [2, 15] {
        let memory = Arc::new(Memory::default());
        let (mut ok, mut refused) = (0.0, 0.0);
        for second in 0..600 {
            let is_out = (120..360).contains(&second);
            *(if is_out { &mut refused } else { &mut ok }) += 2.5;
            if second % scrape_s != 0 {
                continue;
            }
            for (backend, status, count) in [("orders-1", "200", ok), ("none", "503", refused)] {
                // A counter that never counted is not there.
                if count > 0.0 {
                    let labels = [
                        ("__name__", "gateway_requests_total"),
                        ("job", "gateway"),
                        ("instance", "gateway"),
                        ("backend", backend),
                        ("status", status),
                    ];
                    memory.add(&Labels::from_pairs(labels), START_MS + second * 1000, f64::floor(count));
                }
            }
        }
        let expected = vec!["HighErrorRate gateway".to_owned()];
        assert_eq!(alerts_over(memory, scrape_s).await, (expected.clone(), expected), "every {scrape_s} s");
    }
}
