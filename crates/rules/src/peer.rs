//! What ships, evaluated by us and by Debian's promtool on the same random series: every recorded value and every alert with its
//! words. With `WATCHFIRE_PEERS=1` (as `cargo xtask test --full` sets it) and promtool installed; `WATCHFIRE_RULES_SEED=N`
//! replays one run.
//!
//! Ours writes the expectations: a test file that expects nothing fails with all there is. The same file with that put in is
//! what promtool has to pass. Samples lie off every moment of evaluation: windows are closed on the left in Prometheus 2, which
//! Debian has, and open in 3, which we follow.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use model::Labels;

use crate::Groups;
use crate::rule::Action;
use crate::unittest::{Found, TestFile, run};

const RULE_FILES: [&str; 3] = ["alerts.yml", "recording-rules.yml", "slo-rules.yml"];
/// Minutes at which everything is compared.
const MINUTES: [usize; 4] = [3, 12, 25, 40];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision/rules")
}

/// Series of services in good and bad times: runs of steady values, each run another one.
fn input(random: &mut fastrand::Rng) -> String {
    let mut out = String::new();
    let mut add = |series: &str, values: String| {
        let _ = writeln!(out, "  - {{series: '{series}', values: '_ {values}'}}");
    };
    for (job, instance) in [
        ("payment-processor", "p-1"),
        ("merchant-api", "m-1"),
        ("order-service", "o-1"),
        ("order-service", "o-2"),
    ] {
        let own = format!("job=\"{job}\", instance=\"{instance}\"");
        add(&format!("up{{{own}}}"), gauge(random, &[1, 1, 1, 0]));
        for status in ["200", "404", "500", "503"] {
            let most = if status == "200" { 4_000 } else { 300 };
            let labels = format!("{own}, endpoint=\"/api\", method=\"GET\", status=\"{status}\"");
            add(&format!("http_requests_total{{{labels}}}"), counter(random, most));
        }
        let mut below = String::new();
        for le in ["0.1", "0.5", "1", "2", "5", "+Inf"] {
            // A share of 0 would leave a bucket below the one before; every bucket holds the ones before.
            let _ = write!(below, "{le} ");
            let labels = format!("{own}, endpoint=\"/api\", method=\"GET\", status=\"200\", le=\"{le}\"");
            let steps = below.split_whitespace().count();
            add(
                &format!("http_request_duration_seconds_bucket{{{labels}}}"),
                format!("0+{}x200", steps * steps * 40),
            );
        }
        let labels = format!("{own}, endpoint=\"/api\", method=\"GET\", status=\"200\"");
        add(&format!("http_request_duration_seconds_count{{{labels}}}"), format!("0+{}x200", 6 * 6 * 40));
        add(&format!("cpu_usage_percent{{{own}}}"), gauge(random, &[5, 40, 85, 95]));
        add(&format!("process_resident_memory_bytes{{{own}}}"), gauge(random, &[20, 60, 92, 99]));
        add(&format!("service_memory_limit_bytes{{{own}}}"), "100x200".to_owned());
        add(&format!("process_cpu_seconds_total{{{own}}}"), counter(random, 12));
    }
    let host = "job=\"node\", instance=\"host\"";
    add(&format!("node_cpu_seconds_total{{{host}, cpu=\"0\", mode=\"idle\"}}"), counter(random, 15));
    add(&format!("node_memory_MemTotal_bytes{{{host}}}"), "100x200".to_owned());
    add(&format!("node_memory_MemAvailable_bytes{{{host}}}"), gauge(random, &[3, 8, 40]));
    let disk = format!("{host}, device=\"sda\", fstype=\"ext4\", mountpoint=\"/\"");
    add(&format!("node_filesystem_size_bytes{{{disk}}}"), "100x200".to_owned());
    add(&format!("node_filesystem_avail_bytes{{{disk}}}"), gauge(random, &[5, 14, 50]));
    for status in ["success", "failed", "timeout"] {
        add(&format!("payment_transactions_total{{status=\"{status}\"}}"), counter(random, 500));
    }
    add("payment_amount_sum{merchant=\"shop\"}", counter(random, 9_000));
    add("gateway_requests_total{job=\"gateway\", status=\"200\"}", counter(random, 900));
    add("gateway_requests_total{job=\"gateway\", status=\"503\"}", counter(random, 90));
    out
}

/// Runs of one of `values`, with a gap now and then.
fn gauge(random: &mut fastrand::Rng, values: &[usize]) -> String {
    let mut steps = 0;
    let mut out = String::new();
    while steps < 200 {
        let run = random.usize(5..60);
        let value = values[random.usize(0..values.len())];
        let _ = write!(out, "{value}x{run} {}", if random.u8(0..6) == 0 { "_x3 " } else { "" });
        steps += run;
    }
    out.trim().to_owned()
}

/// Runs of one pace, with a reset now and then.
fn counter(random: &mut fastrand::Rng, pace_max: usize) -> String {
    let (mut steps, mut at) = (0, 0);
    let mut out = String::new();
    while steps < 200 {
        let (run, pace) = (random.usize(5..60), random.usize(0..pace_max));
        if random.u8(0..8) == 0 {
            at = 0;
        }
        let _ = write!(out, "{at}+{pace}x{run} ");
        at += pace * run + pace;
        steps += run + 1;
    }
    out.trim().to_owned()
}

fn groups() -> Groups {
    crate::files::read(RULE_FILES.map(|name| folder().join(name))).expect("ships")
}

/// Names of what is recorded and of what alerts.
fn names() -> (Vec<String>, Vec<String>) {
    let groups = groups();
    let (mut recorded, mut alerts) = (Vec::new(), Vec::new());
    for rule in groups.iter().flat_map(|group| &group.rules) {
        match rule.action {
            Action::Record => recorded.push(rule.name.clone()),
            Action::Alert(_) => alerts.push(rule.name.clone()),
        }
    }
    for names in [&mut recorded, &mut alerts] {
        names.sort();
        names.dedup();
    }
    (recorded, alerts)
}

/// The text of a test file with what is expected of the case on each line.
fn test_file(input: &str, expected: &dyn Fn(usize) -> String) -> String {
    let (recorded, alerts) = names();
    let files: Vec<String> =
        RULE_FILES.iter().map(|name| format!("'{}'", folder().join(name).display())).collect();
    // Some groups read what others write, and promtool takes them in any order unless it is told one.
    let order: Vec<String> = groups().iter().map(|group| group.name.clone()).collect();
    let mut out = format!(
        "rule_files: [{}]\nevaluation_interval: 15s\ngroup_eval_order: [{}]\ntests:\n- interval: 14999ms\n  input_series:\n{input}",
        files.join(", "),
        order.join(", ")
    );
    out.push_str("  alert_rule_test:\n");
    for name in &alerts {
        for minute in MINUTES {
            let here = expected(out.lines().count() + 1);
            let _ = writeln!(out, "  - {{alertname: {name}, eval_time: {minute}m, exp_alerts: [{here}]}}");
        }
    }
    out.push_str("  promql_expr_test:\n");
    for name in &recorded {
        for minute in MINUTES {
            // Sums of fractions differ in the last place by the order of adding.
            let expr = format!("round({name}, 1e-6)");
            let here = expected(out.lines().count() + 1);
            let _ = writeln!(out, "  - {{expr: '{expr}', eval_time: {minute}m, exp_samples: [{here}]}}");
        }
    }
    out
}

fn text(found: &Found) -> String {
    let quoted = |text: &str| format!("{text:?}");
    let mapping = |labels: &Labels| {
        let pairs: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    match found {
        Found::Alert(labels, annotations) => {
            format!("{{exp_labels: {}, exp_annotations: {}}}", mapping(labels), mapping(annotations))
        }
        Found::Sample(labels, value) => {
            format!("{{labels: {}, value: {value:?}}}", quoted(&labels.to_string()))
        }
    }
}

#[test]
fn promtool_finds_what_we_find() {
    if std::env::var_os("WATCHFIRE_PEERS").is_none() {
        println!("skipped: WATCHFIRE_PEERS is not set");
        return;
    }
    let seeds = match std::env::var("WATCHFIRE_RULES_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => vec![seed],
        None => (0..3).collect(),
    };
    for seed in seeds {
        let input = input(&mut fastrand::Rng::with_seed(seed));
        let file = parse(&test_file(&input, &|_| String::new()));
        let groups = groups();
        let found = run(&file, &groups, None).found_beyond();
        assert!(found.len() > 60, "seed {seed}: {} cases with anything in them", found.len());
        let of_case = |line: usize| {
            let all = found.get(&line).map(Vec::as_slice).unwrap_or_default();
            all.iter().map(text).collect::<Vec<_>>().join(", ")
        };
        let full = test_file(&input, &of_case);
        let again = run(&parse(&full), &groups, None);
        assert!(again.passed(), "seed {seed}: we do not agree with ourselves\n{again}");
        let path = std::env::temp_dir().join(format!("watchfire-rules-{}-{seed}.yml", std::process::id()));
        std::fs::write(&path, &full).expect("a temporary file");
        let answer = Command::new("promtool")
            .args(["test", "rules"])
            .arg(&path)
            .output()
            .expect("promtool is installed");
        let said =
            String::from_utf8_lossy(&answer.stdout).into_owned() + &String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.success(), "seed {seed}, {}:\n{said:.4000}", path.display());
        // Kept when it fails, to be looked at.
        let _ = std::fs::remove_file(&path);
    }
}

fn parse(text: &str) -> TestFile {
    TestFile::parse(Path::new("random.yml"), text).unwrap_or_else(|e| panic!("{e}"))
}
