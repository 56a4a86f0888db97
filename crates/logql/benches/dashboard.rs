//! The numbers of the dashboard *Endpoint performance from logs* over access lines that lie ready in memory, asked one by one and together.
//! `cargo bench -p logql --bench dashboard`; what unpacking costs is not in it. With `-- together` only that, for a profile.

mod ready;

use std::time::Instant;

use columns::vector::Cancel;
use logql::{Engine, EngineOptions, Expr, MetricRequest, parse};
use model::TimestampNs;

const LINES: usize = 1_300_000;
const STEP_NS: i64 = 300_000;
const SELECT: &str = r#"{job="access", service=~".+"} | json method, view, status, duration_ms"#;
const FILTERS: &str = r#"| method !~ "OPTIONS|HEAD" | view =~ ".+" | status =~ ".+" | duration_ms >= 0"#;

/// Queries, and whether they are asked for one moment only.
fn queries(range: &str) -> Vec<(String, bool)> {
    let (log, unwrapped) = (format!("{SELECT} {FILTERS}"), r#"| unwrap duration_ms | __error__="""#);
    let count = format!("sum(count_over_time({log} [{range}]))");
    let mut all = vec![
        (count.clone(), true),
        (format!("sum(sum_over_time({log} {unwrapped} [{range}])) / {count}"), true),
        (format!("(sum(count_over_time({log} | status >= 500 [{range}])) or vector(0)) / {count}"), true),
        (format!("max(quantile_over_time(0.95, {log} {unwrapped} [{range}]) by (view))"), true),
        (format!("avg_over_time({log} {unwrapped} [15s]) by (method, view, status)"), false),
        (format!("sum by (method, view, status) (count_over_time({log} [15s]))"), false),
        (format!("sum by (method, view, status) (count_over_time({log} [{range}]))"), true),
        (format!("avg_over_time({log} {unwrapped} [{range}]) by (method, view, status)"), true),
        (format!("quantile_over_time(0.95, {log} {unwrapped} [{range}]) by (method, view, status)"), true),
    ];
    for field in ["response_bytes", "db_queries", "db_ms", "external_calls", "external_ms"] {
        let log = format!(r#"{SELECT}, {field} {FILTERS} | unwrap {field} | __error__="""#);
        all.push((format!("avg_over_time({log} [15s]) by (view)"), false));
    }
    all
}

fn line(i: usize) -> String {
    let random = (i as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let of = |shift: u32, max: usize| (random >> shift) as usize % max;
    let method = ["GET", "GET", "GET", "POST"][of(64, 4)];
    let view =
        ["orders:detail", "orders:create", "data", "random", "error", "charge", "merchant:list"][of(70, 7)];
    let status = if of(76, 20) == 0 { [200, 201, 500, 404][of(80, 4)] } else { 200 };
    let (ms, hundredths, bytes, queries) = (of(85, 60), of(90, 100), of(95, 20_000), of(100, 6));
    format!(
        r#"{{"ts":{i},"level":"INFO","method":"{method}","view":"{view}","status":{status},"duration_ms":{ms}.{hundredths:02},"response_bytes":{bytes},"db_queries":{queries},"trace":"{random:032x}","msg":"request done"}}"#
    )
}

#[allow(clippy::print_stdout)]
fn main() {
    let store = ready::Store::new(&[("job", "access"), ("service", "orders")], LINES, STEP_NS, line);
    let end_ms = LINES as i64 * STEP_NS / 1_000_000;
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() });
    let cancel = Cancel::new();
    let texts = queries(&format!("{end_ms}ms"));
    let parsed = texts.iter().map(|(text, _)| match parse(text).expect("a query") {
        Expr::Metric(query) => query,
        Expr::Log(_) => panic!("{text} asks for lines"),
    });
    let parsed: Vec<_> = parsed.collect();
    let request = |(query, (_, is_instant)): (_, &(String, bool))| {
        let (start, step_ms, count) = if *is_instant { (end_ms, 1, 1) } else { (0, 15_000, end_ms / 15_000) };
        let start = TimestampNs(start * 1_000_000);
        MetricRequest { query, start, step_ms, count: count as usize, cancel: &cancel }
    };
    let requests: Vec<_> = parsed.iter().zip(&texts).map(request).collect();
    println!("{} MB of lines", store.bytes() / 1_000_000);
    let begun = Instant::now();
    let is_alone_left_out = std::env::args().any(|argument| argument == "together");
    for (request, (text, _)) in requests.iter().zip(&texts).filter(|_| !is_alone_left_out) {
        let started = Instant::now();
        engine.metric(&store, request).expect("an answer");
        println!("{:8.1} ms  {text}", started.elapsed().as_secs_f64() * 1e3);
    }
    println!("{:8.1} ms  one by one", begun.elapsed().as_secs_f64() * 1e3);
    let begun = Instant::now();
    let together = engine.metrics(&store, &requests);
    println!("{:8.1} ms  together", begun.elapsed().as_secs_f64() * 1e3);
    let failed = together.answers.iter().filter(|answer| answer.is_err()).count();
    println!("{} shared, {} put off, {failed} failed", together.shared, together.put_off);
}
