//! Queries against the built binary: given up when their client leaves, refused when they are made to hurt.

use std::time::{Duration, Instant};

use e2e::{RunningMonitor, until};
use net::{Client, ClientOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(180);
/// What any of the hostile queries may take in an unoptimised build on a busy machine; less than what a query may take at all.
const SOON: Duration = Duration::from_secs(100);
const ANSWER_MAX_BYTES: usize = 16 << 20;
/// What hostile queries together may make the monitor grow by: one holds the 50 million values (400 MB) that are allowed,
/// while what a query held before goes back to the allocator.
const GROWTH_MAX_MB: f64 = 700.0;

/// A CPU for minutes, without any data: at each of 11,000 steps the median of ten thousand values.
const LONG: &str = "quantile_over_time(0.5,vector(time())[10000s:1s])";

fn client() -> Client {
    Client::new(ClientOptions::named("watchfire-e2e")).expect("a client")
}

/// The sum of all series of a metric of the monitor itself, with these words in its labels.
async fn metric(client: &Client, monitor: &RunningMonitor, name: &str, labels: &str) -> Result<f64, String> {
    let url = format!("{}/metrics", monitor.url());
    let answer = client.get(&url, &[], LIMIT, ANSWER_MAX_BYTES).await.map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let own = text.lines().filter_map(|line| line.strip_prefix(name));
    let own = own.filter(|rest| rest.starts_with([' ', '{']) && rest.contains(labels));
    Ok(own.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

fn expect(holds: bool, seen: f64) -> Result<(), f64> {
    if holds { Ok(()) } else { Err(seen) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_client_leaves_stops_using_the_cpu() {
    let (monitor, client) = (RunningMonitor::start().await, client());
    let mut leaver = TcpStream::connect(monitor.address()).await.expect("it listens");
    let target = format!("/api/v1/query_range?query={LONG}&start=0&end=11000&step=1");
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    leaver.write_all(request.as_bytes()).await.expect("sent");
    let begun_s = monitor.cpu_s();
    until("the query computes", LIMIT, async || {
        let used_s = monitor.cpu_s() - begun_s;
        expect(used_s > 1.0, used_s)
    })
    .await;
    drop(leaver);
    until("the query is given up", LIMIT, async || {
        let canceled = metric(&client, &monitor, "watchfire_api_queries_canceled_total", "").await?;
        let running = metric(&client, &monitor, "prometheus_engine_queries", "").await?;
        expect(canceled == 1.0 && running == 0.0, canceled).map_err(|seen| seen.to_string())
    })
    .await;
    // Less than a tenth of a core over a second: what an idle monitor needs.
    until("the CPU is idle", LIMIT, async || {
        let (before_s, begun) = (monitor.cpu_s(), Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let share = (monitor.cpu_s() - before_s) / begun.elapsed().as_secs_f64();
        expect(share < 0.1, share)
    })
    .await;
}

/// The query, the status with which it is refused, what the answer says, and the limit that counts it.
fn hostile() -> Vec<(String, u16, &'static str, Option<&'static str>)> {
    let labels: Vec<String> = (0..1_000_000).map(|i| format!("l{i}")).collect();
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let bomb = "((a{1000}){1000}){1000}";
    vec![
        ("foo[1e30]".to_owned(), 400, "1:4: parse error: duration out of range", None),
        ("foo offset 1e30".to_owned(), 400, "duration out of range", None),
        ("foo @ 1e300".to_owned(), 400, "timestamp out of bounds", None),
        (deep("(", ")"), 400, "nests deeper than 250", Some("depth")),
        (deep("-", ""), 400, "nests deeper than 250", Some("depth")),
        (deep("sum(", ")"), 400, "nests deeper than 250", Some("depth")),
        (vec!["1"; 10_000].join("+"), 400, "nests deeper than 250", Some("depth")),
        (format!("foo{{a=~\"{bomb}\"}}"), 400, "error parsing regexp", None),
        (
            format!("label_replace(vector(1),\"a\",\"$1\",\"b\",\"{bomb}\")"),
            422,
            "invalid regular expression in label_replace()",
            None,
        ),
        (format!("sum by ({}) (foo)", labels.join(",")), 413, "length limit exceeded", None),
        (format!("sum by ({}) (foo)", labels[..100_000].join(",")), 400, "is longer than", Some("length")),
        ("max_over_time(vector(1)[100y:1ms])".to_owned(), 422, "steps are more than", Some("steps")),
        (
            "sum_over_time(count_values(\"v\", vector(time()))[1d:1s])".to_owned(),
            422,
            "too many samples",
            Some("samples"),
        ),
        // Worked out once for all steps, and then wanted at each.
        (
            "sum_over_time((label_replace(vector(1),\"a\",\"b\",\"c\",\"\") or vector(2))[11d:1s] @ 0)"
                .to_owned(),
            200,
            "success",
            None,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_queries_are_refused_soon_and_in_bounded_memory() {
    let (monitor, client) = (RunningMonitor::start().await, client());
    let url = format!("{}/api/v1/query", monitor.url());
    let before_mb = monitor.resident_peak_mb();
    for (query, status, text, limit) in hostile() {
        let counted = async || match limit {
            Some(limit) => {
                let labels = format!("limit=\"{limit}\"");
                metric(&client, &monitor, "watchfire_api_queries_refused_total", &labels)
                    .await
                    .expect("metrics")
            }
            None => 0.0,
        };
        let (before, begun) = (counted().await, Instant::now());
        let answer = client.post_form(&url, &[("query", &query)], LIMIT).await.expect("an answer");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let what = format!("{query:.60}: {} {body:.300}", answer.status);
        assert!(begun.elapsed() < SOON, "{what} took {:?}", begun.elapsed());
        assert_eq!(answer.status, status, "{what}");
        assert!(body.contains(text), "{what}");
        assert_eq!(counted().await - before, if limit.is_some() { 1.0 } else { 0.0 }, "{what}");
    }
    let begun = Instant::now();
    let form = [("query", LONG), ("start", "0"), ("end", "11000"), ("step", "1"), ("timeout", "1s")];
    let slow = client.post_form(&format!("{}/api/v1/query_range", monitor.url()), &form, LIMIT).await;
    assert_eq!(slow.expect("an answer").status, 503);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let timed_out = metric(&client, &monitor, "watchfire_api_queries_refused_total", "limit=\"time\"").await;
    assert_eq!(timed_out, Ok(1.0));
    // The largest body that is read, what its text comes to as labels, and the values of the query that holds most.
    let grown_mb = monitor.resident_peak_mb() - before_mb;
    assert!(grown_mb < GROWTH_MAX_MB, "{grown_mb:.0} MB more than before");
    let alive = client.post_form(&url, &[("query", "1+1")], LIMIT).await.expect("an answer");
    assert_eq!(alive.status, 200);
}

/// Status of a query, and the answer.
async fn ask(client: &Client, monitor: &RunningMonitor, query: &str) -> (u16, String) {
    let url = format!("{}/api/v1/query", monitor.url());
    let answer = client.post_form(&url, &[("query", query)], LIMIT).await.expect("an answer");
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_say_what_queries_may() {
    let flags = ["--enable-feature", "promql-experimental-functions", "--query.max-samples", "1000"];
    let (monitor, plain) = (RunningMonitor::start_with(&flags).await, RunningMonitor::start().await);
    let client = client();
    for query in ["mad_over_time(vector(time())[5m:1m])", "limitk(1, vector(1))"] {
        assert_eq!(ask(&client, &monitor, query).await.0, 200, "{query}");
        let (status, body) = ask(&client, &plain, query).await;
        assert!(status == 400 && body.contains("experimental and not enabled"), "{query}: {body}");
    }
    let long = "sum_over_time(vector(1)[2000s:1s])";
    let (status, body) = ask(&client, &monitor, long).await;
    assert!(status == 422 && body.contains("too many samples"), "{body}");
    assert_eq!(ask(&client, &plain, long).await.0, 200);
    let wrong = std::process::Command::new(e2e::binary())
        .args(["monitor", "--check", "--enable-feature", "promql-magic"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("promql-delayed-name-removal"), "{said}");
}
