//! Queries over parts that lie ready in memory: what stages and aggregation cost without a store behind.
//! `cargo bench -p logql`; megabytes of lines a second, all workers together.

mod ready;

use std::time::Instant;

use columns::vector::Cancel;
use logql::{Engine, EngineOptions, Expr, LogRequest, MetricRequest, parse};
use model::TimestampNs;
use storage::NsRange;

const LINES: usize = 1_280_000;
const STEP_NS: i64 = 1_000_000;

/// An access line in JSON, some 200 bytes.
fn line(i: usize) -> String {
    let (view, status) = (i % 17, if i.is_multiple_of(50) { 500 } else { 200 });
    let level = if status == 500 { "ERROR" } else { "INFO" };
    format!(
        r#"{{"ts":"2026-11-20T10:00:00.{:06}Z","level":"{level}","method":"GET","view":"/api/order/{view}","status":{status},"duration_ms":{}.{},"request_id":"{:016x}","client":"192.0.2.{}","db":{{"queries":{},"ms":1.5}}}}"#,
        i % 1_000_000,
        i % 300,
        i % 10,
        i * 7919,
        i % 250,
        i % 4
    )
}

#[allow(clippy::print_stdout)]
fn main() {
    let store = ready::Store::new(&[("app", "web"), ("env", "prod")], LINES, STEP_NS, line);
    let bytes = store.bytes();
    let engine = Engine::new(EngineOptions::standard());
    let end = TimestampNs(LINES as i64 * STEP_NS);
    for query in [
        r#"{app="web"} |= "00000000deadbeef""#,
        r#"{app="web"} |~ "order/(3|4)\".*\"status\":500""#,
        r#"{app="web"} | json | duration_ms > 299.8"#,
        r#"count_over_time({app="web"}[1m])"#,
        r#"sum(count_over_time({app="web"} |= "ERROR" [1m]))"#,
        r#"sum by (view) (count_over_time({app="web"} | json | status >= 500 [1m]))"#,
        r#"sum by (view) (count_over_time({app="web"} | json [1m]))"#,
        r#"quantile_over_time(0.99, {app="web"} | json | unwrap duration_ms [1m]) by (view)"#,
        r#"count_over_time({app="web"} | json | keep view, status [1m])"#,
    ] {
        let (cancel, started) = (Cancel::new(), Instant::now());
        let outcome = match parse(query).expect("a query") {
            Expr::Log(query) => {
                let range = NsRange { from: TimestampNs(0), until: end };
                let request = LogRequest {
                    query: &query,
                    range,
                    limit: 100,
                    is_forward: false,
                    is_categorized: true,
                    cancel: &cancel,
                };
                engine.logs(&store, &request).map(|answer| answer.stats)
            }
            Expr::Metric(query) => {
                let request = MetricRequest {
                    query: &query,
                    start: TimestampNs(0),
                    step_ms: 10_000,
                    count: 129,
                    cancel: &cancel,
                };
                engine.metric(&store, &request).map(|answer| answer.stats)
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        let read = outcome.map(|stats| stats.bytes_read).expect("an answer");
        println!(
            "{:8.1} ms {:8.0} MB/s of {:4} MB  {query}",
            seconds * 1e3,
            read as f64 / seconds / 1e6,
            bytes / 1_000_000
        );
    }
}
