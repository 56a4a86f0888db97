//! 5,000 rules over 20,000 series, ours beside Prometheus: both scrape the same targets and evaluate the same file at
//! the same interval on the same machine at the same time, first without rules, then with them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::promql::servers::{self, Server};
use super::promql::{Folder, exporter, moving};
use crate::tools::{has, root};

/// Seconds between scrapes and between evaluations.
const INTERVAL_S: u64 = 15;
const TARGETS: usize = 10;
const JOBS: [&str; 5] = ["shop-api", "cart", "payments", "search", "users"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const PATHS: usize = 25;
/// Rules that stand in one group.
const GROUP_RULES: usize = 100;

/// What `cargo xtask bench rules` takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RulesOptions {
    /// rules: how long each of both phases is measured, after a minute of scraping.
    #[arg(long, default_value_t = 90)]
    phase_seconds: u64,
}

/// What a server took.
struct Measured {
    name: String,
    /// CPU seconds a second: scraping alone, and with rules.
    alone: f64,
    with_rules: f64,
    resident_mb: f64,
    /// The slowest group's last evaluation, in seconds.
    slowest_group_s: f64,
    evaluated: f64,
    missed: f64,
    failed: f64,
    recorded: usize,
}

/// Measures and writes the section.
pub(crate) fn run(options: &RulesOptions, given: Option<&Path>) -> Result<()> {
    let program = super::binary_or_build(given)?;
    if !has("prometheus") {
        bail!("prometheus is not installed (Debian's package of that name)");
    }
    let folder = Folder::make()?;
    let ports = exporter::start(TARGETS)?;
    let phase = Duration::from_secs(options.phase_seconds);
    let rules = rules_yml();
    let count = rules.matches("expr:").count();
    let alone = {
        let config = write_config(&folder.0, "alone", &ports, false)?;
        let servers = both(&program, &folder.0.join("alone"), &config)?;
        println!("── scraping alone for {} s", phase.as_secs());
        cpu_per_second(&servers, phase)?
    };
    let config = write_config(&folder.0, "rules", &ports, true)?;
    std::fs::write(folder.0.join("rules/rules.yml"), rules)?;
    let servers = both(&program, &folder.0.join("rules"), &config)?;
    println!("── with {count} rules for {} s", phase.as_secs());
    let with_rules = cpu_per_second(&servers, phase)?;
    let measured = servers
        .iter()
        .zip(alone.iter().zip(&with_rules))
        .map(|(server, (alone, with_rules))| look(server, *alone, *with_rules));
    let measured = measured.collect::<Result<Vec<_>>>()?;
    super::page::write("rules", &table(count, options, &measured))
}

/// Both servers, in a folder of their own.
fn both(program: &Path, folder: &Path, config: &Path) -> Result<Vec<Server>> {
    let servers = vec![servers::ours(program, folder, config)?, servers::prometheus(folder, config)?];
    // Four scrapes, so that rates of a minute are whole.
    std::thread::sleep(Duration::from_secs(4 * INTERVAL_S));
    Ok(servers)
}

fn cpu_per_second(servers: &[Server], phase: Duration) -> Result<Vec<f64>> {
    let used = || -> Result<Vec<f64>> { servers.iter().map(|server| Ok(server.usage()?.cpu_s)).collect() };
    let (before, begun) = (used()?, Instant::now());
    std::thread::sleep(phase);
    let seconds = begun.elapsed().as_secs_f64();
    Ok(used()?.into_iter().zip(before).map(|(after, before)| (after - before) / seconds).collect())
}

fn look(server: &Server, alone: f64, with_rules: f64) -> Result<Measured> {
    let measured = Measured {
        name: format!("{} {}", server.name, server.version),
        alone,
        with_rules,
        resident_mb: server.usage()?.resident_mb,
        slowest_group_s: highest(server, "prometheus_rule_group_last_duration_seconds")?,
        evaluated: server.sum("prometheus_rule_evaluations_total")?,
        missed: server.sum("prometheus_rule_group_iterations_missed_total")?,
        failed: server.sum("prometheus_rule_evaluation_failures_total")?,
        recorded: recorded(server)?,
    };
    println!(
        "   {:<24} {:.3} CPU s a second, {:.3} of it for rules; slowest group {:.0} ms; {} series recorded",
        measured.name,
        with_rules,
        with_rules - alone,
        measured.slowest_group_s * 1e3,
        measured.recorded
    );
    if measured.missed > 0.0 || measured.failed > 0.0 || measured.evaluated == 0.0 {
        println!(
            "   {} evaluated, {} missed, {} failed",
            measured.evaluated, measured.missed, measured.failed
        );
    }
    Ok(measured)
}

/// The highest value of a metric that a server serves of itself.
fn highest(server: &Server, name: &str) -> Result<f64> {
    let (_, body) = server.get("/metrics")?;
    let of_it =
        body.lines().filter_map(|line| line.strip_prefix(name)?.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(of_it.fold(0.0, f64::max))
}

/// How many series the rules have made.
fn recorded(server: &Server) -> Result<usize> {
    let (status, body) = server.get("/api/v1/query?query=count(%7B__name__%3D~%22bench:.*%22%7D)")?;
    let value = body.rsplit(",\"").next().and_then(|rest| rest.split('"').next());
    match value.and_then(|value| value.parse().ok()) {
        Some(count) if status == 200 => Ok(count),
        _ => bail!("{} does not count its series: {status} {body:.200}", server.name),
    }
}

fn write_config(folder: &Path, phase: &str, ports: &[u16], with_rules: bool) -> Result<PathBuf> {
    let folder = folder.join(phase);
    std::fs::create_dir_all(&folder)?;
    let mut text =
        format!("global: {{scrape_interval: {INTERVAL_S}s, evaluation_interval: {INTERVAL_S}s}}\n");
    if with_rules {
        text.push_str("rule_files: [rules.yml]\n");
    }
    text.push_str("scrape_configs:\n");
    for (i, job) in JOBS.iter().enumerate() {
        let targets: Vec<String> =
            ports.iter().skip(i).step_by(JOBS.len()).map(|port| format!("'127.0.0.1:{port}'")).collect();
        writeln!(text, "  - job_name: {job}\n    static_configs: [{{targets: [{}]}}]", targets.join(", "))?;
    }
    let path = folder.join("prometheus.yml");
    std::fs::write(&path, text)?;
    // Relative to the project, so that no server starts elsewhere.
    Ok(root().join(path))
}

/// Ten rules for each route of each job, in groups of a hundred: rates, shares, percentiles, alerts.
fn rules_yml() -> String {
    let routes = JOBS.iter().flat_map(|job| {
        METHODS.iter().flat_map(move |method| {
            (0..PATHS).map(move |path| {
                format!("job=\"{job}\",method=\"{method}\",path=\"/api/v1/resource{path:02}\"")
            })
        })
    });
    let rules: Vec<String> =
        routes.enumerate().flat_map(|(number, route)| of_route(number, &route)).collect();
    let mut text = "groups:\n".to_owned();
    for (number, group) in rules.chunks(GROUP_RULES).enumerate() {
        text.push_str(&format!("- name: g{number}\n  rules:\n{}", group.concat()));
    }
    text
}

fn of_route(number: usize, route: &str) -> Vec<String> {
    let requests = format!("http_requests_total{{{route}}}");
    let failed = format!("http_requests_total{{{route},status=~\"5..\"}}");
    let (bucket, sum, count) = (
        format!("http_request_duration_seconds_bucket{{{route}}}"),
        format!("http_request_duration_seconds_sum{{{route}}}"),
        format!("http_request_duration_seconds_count{{{route}}}"),
    );
    let percentile = |share: f64| format!("histogram_quantile({share}, sum by (le) (rate({bucket}[1m])))");
    let share = format!("sum(rate({failed}[1m])) / sum(rate({requests}[1m]))");
    let records = [
        ("rate1m", format!("sum by (instance) (rate({requests}[1m]))")),
        ("status_rate1m", format!("sum by (status) (rate({requests}[1m]))")),
        ("rate5m", format!("sum(rate({requests}[5m]))")),
        ("increase5m", format!("sum by (status) (increase({requests}[5m]))")),
        ("error_ratio1m", share.clone()),
        ("p95", percentile(0.95)),
        ("p99", percentile(0.99)),
        ("mean1m", format!("sum(rate({sum}[1m])) / sum(rate({count}[1m]))")),
    ];
    let mut rules: Vec<String> = records
        .iter()
        .map(|(name, expr)| {
            format!("  - {{record: 'bench:{name}', expr: '{expr}', labels: {{route: 'r{number}'}}}}\n")
        })
        .collect();
    rules.push(format!("  - {{alert: 'Errors{number}', expr: '{share} > 0.5', for: 1m}}\n"));
    rules.push(format!("  - {{alert: 'Slow{number}', expr: '{} > 9', for: 1m}}\n", percentile(0.99)));
    rules
}

fn table(count: usize, options: &RulesOptions, measured: &[Measured]) -> String {
    let mut text = format!(
        "{count} rules (8 of 10 recording, 2 alerting) in groups of {GROUP_RULES}, every {INTERVAL_S} s, over {} series of \
         {TARGETS} targets. Both at the same time on the same machine; CPU seconds a second over {} s, first scraping alone, \
         then with the rules.\n\n\
         | server | scraping | with rules | for rules | slowest group | missed | failed | series recorded | resident |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        TARGETS * moving::SERIES,
        options.phase_seconds,
    );
    for one in measured {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.3} | {:.3} | {:.3} | {:.0} ms | {} | {} | {} | {:.0} MB |",
            one.name,
            one.alone,
            one.with_rules,
            one.with_rules - one.alone,
            one.slowest_group_s * 1e3,
            one.missed,
            one.failed,
            one.recorded,
            one.resident_mb,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_five_thousand_rules() {
        let text = rules_yml();
        assert_eq!((text.matches("expr:").count(), text.matches("- name: g").count()), (5_000, 50));
    }
}
