//! The generator against a server that counts: what it says it did is what was done.

mod shop;
mod traffic;

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use load::{Options, Running, Stage, StartError, ThinkTime};
use net::{Client, ClientOptions, Fetched};
use shop::{Counts, SEEDED, Shop};

const PATIENCE: Duration = Duration::from_secs(180);

/// A stage that hurries: eight users at once who hardly think.
fn hurried(name: &str, duration: Option<Duration>) -> Stage {
    Stage {
        name: name.to_owned(),
        users: 8,
        ramp_per_second: 10_000.0,
        read_share: 0.7,
        think: ThinkTime { min: Duration::ZERO, max: Duration::from_millis(4) },
        duration,
    }
}

fn options(target: &str, stages: Vec<Stage>) -> Options {
    Options {
        target: target.to_owned(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        stages,
        seed: 42,
        request_timeout: Duration::from_secs(60),
        traffic: None,
    }
}

async fn start(target: &str, stages: Vec<Stage>) -> Running {
    load::start(options(target, stages)).await.expect("starts")
}

/// Waits until `condition` holds; fails the test when that takes too long.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, waiting).await;
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

async fn fetch(running: &Running, path: &str) -> Fetched {
    let client = Client::new(ClientOptions::named("test")).expect("a client");
    let url = format!("{}{path}", running.urls()["http"]);
    client.get(&url, &[], PATIENCE, 1 << 20).await.expect("an answer")
}

fn metric(text: &str, series: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a number")
}

#[tokio::test]
async fn counts_equal_what_the_server_saw() {
    let shop = Shop::start().await;
    // Without an end, and then stopped: requests under way must be finished and counted.
    let running = start(&shop.server.url(), vec![hurried("normal", None)]).await;
    until("a thousand requests", || running.snapshot().requests_total > 1000).await;
    let endless = running.snapshot();
    assert_eq!((endless.stage.as_deref(), endless.users), (Some("normal"), 8));
    running.stop().await;
    until("all connections closed", || shop.connections_open() == 0).await;

    let running = start(&shop.server.url(), vec![hurried("first", Some(Duration::from_secs(2)))]).await;
    let (reads_before, writes_before) = (Counts::get(&shop.counts.reads), Counts::get(&shop.counts.writes));
    let orders_before = shop.orders();
    within("the stage", running.finished()).await;
    let text = String::from_utf8(fetch(&running, "/metrics").await.body.to_vec()).expect("UTF-8");
    let snapshot = running.snapshot();
    running.stop().await;

    let (read, write) = (&snapshot.requests["read"], &snapshot.requests["write"]);
    assert_eq!((snapshot.failures_total, snapshot.users), (0, 0));
    assert!(read.total > write.total && write.total > 0, "{snapshot:?}");
    assert_eq!(Counts::get(&shop.counts.writes) - writes_before, write.ok);
    assert_eq!(shop.orders() - orders_before, write.ok);
    let probes: f64 = ["ok", "http_4xx"]
        .iter()
        .map(|outcome| metric(&text, &format!(r#"load_probes_total{{outcome="{outcome}"}}"#)))
        .sum();
    assert_eq!(Counts::get(&shop.counts.reads) - reads_before, read.total + probes as u64);
    let counted = metric(&text, r#"load_requests_total{stage="first",request="read",outcome="ok"}"#);
    assert_eq!(counted as u64, read.ok);
    let timed = metric(&text, r#"load_request_duration_seconds_count{stage="first",request="read"}"#);
    assert_eq!(timed as u64, read.ok);
}

#[tokio::test]
async fn the_first_request_does_not_wait_for_the_ramp() {
    let shop = Shop::start().await;
    let slow_ramp = Stage { ramp_per_second: 0.001, ..Stage::normal() };
    let running = start(&shop.server.url(), vec![slow_ramp]).await;
    // By the ramp the second user comes a quarter of an hour later.
    until("a first request", || running.snapshot().requests_total > 0).await;
    assert_eq!((running.snapshot().users, running.snapshot().failures_total), (1, 0));
    running.stop().await;
}

#[tokio::test]
async fn old_orders_are_read_and_nothing_that_does_not_exist() {
    let shop = Shop::start().await;
    let reads_only = Stage { read_share: 1.0, ..hurried("reads", None) };
    let running = start(&shop.server.url(), vec![reads_only]).await;
    until("many reads", || running.snapshot().requests["read"].total > 500).await;
    let snapshot = running.snapshot();
    running.stop().await;
    assert_eq!(snapshot.failures_total, 0);
    // Only a user that came before any id was known wrote instead.
    assert!(snapshot.requests["write"].total <= 8 * 4, "{snapshot:?}");
    assert!(Counts::get(&shop.counts.missed) <= 6, "the probes' alone: doubling and halving around {SEEDED}");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let shop = Shop::start().await;
    let writes_only = Stage { read_share: 0.0, ..hurried("writes", None) };
    let running = start(&shop.server.url(), vec![writes_only]).await;
    for (status, name) in [(503, "http_5xx"), (422, "http_4xx"), (302, "bad_response")] {
        shop.counts.refuse_writes.store(status, Ordering::SeqCst);
        until(name, || running.snapshot().failures[name] > 10).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_target_that_goes_and_comes_is_a_matter_of_figures() {
    let shop = Shop::start().await;
    let (addr, target) = (shop.server.addr(), shop.server.url());
    shop.server.stop().await;
    let running = start(&target, vec![hurried("early", None)]).await;
    until("refused connections", || running.snapshot().failures["connect"] > 10).await;
    let listener = net::bind(addr).await.expect("the port is free again");
    let router =
        axum::Router::new().fallback(|| async { (axum::http::StatusCode::CREATED, r#"{"order_id":1}"#) });
    let server = net::Server::start(listener, router, net::ServerLimits::standard());
    until("good answers", || running.snapshot().requests["write"].ok > 10).await;
    running.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn figures_are_served() {
    let shop = Shop::start().await;
    let running = start(&shop.server.url(), vec![hurried("normal", None)]).await;
    until("some of both", || running.snapshot().requests.values().all(|kind| kind.ok > 20)).await;
    assert_eq!(fetch(&running, "/health").await.status, 200);
    let stats: serde_json::Value =
        serde_json::from_slice(&fetch(&running, "/api/stats").await.body).expect("JSON");
    assert_eq!(
        (&stats["model"], &stats["stage"], &stats["users"]),
        (&"closed".into(), &"normal".into(), &8.into())
    );
    assert!(stats["requests"]["read"]["latency_ms"]["p99"].as_f64() > Some(0.0), "{stats}");
    assert_eq!(stats["failures"]["timeout"], 0);
    let text = String::from_utf8(fetch(&running, "/metrics").await.body.to_vec()).expect("UTF-8");
    assert_eq!(metric(&text, "load_users"), 8.0);
    assert!(metric(&text, r#"load_latency_seconds{request="read",quantile="0.95"}"#) > 0.0);
    assert!(metric(&text, "load_connections_total") >= 8.0);
    assert!(metric(&text, "process_resident_memory_bytes") > 0.0);
    running.stop().await;
}

#[tokio::test]
async fn stages_run_one_after_another_and_end() {
    let shop = Shop::start().await;
    // Long enough for one good answer on a busy machine.
    let short = Some(Duration::from_secs(3));
    let running = start(&shop.server.url(), vec![hurried("one", short), hurried("two", short)]).await;
    within("both stages", running.finished()).await;
    until("all connections closed", || shop.connections_open() == 0).await;
    assert_eq!((running.snapshot().stage, running.snapshot().users), (None, 0));
    let text = String::from_utf8(fetch(&running, "/metrics").await.body.to_vec()).expect("UTF-8");
    for stage in ["one", "two"] {
        assert!(
            metric(&text, &format!(r#"load_requests_total{{stage="{stage}",request="read",outcome="ok"}}"#))
                > 0.0
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_does_not_start() {
    let check = async |change: fn(&mut Options), expected: &str| {
        let mut options = options("http://127.0.0.1:1", vec![Stage::normal()]);
        change(&mut options);
        let error = load::start(options).await.expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    check(|options| options.stages.clear(), "no stages to run").await;
    check(|options| options.target = "ftp://h".to_owned(), r#"target "ftp://h": must begin with http://"#)
        .await;
    check(|options| options.stages[0].users = 0, "stage normal: 0 users; must be 1 to 20000").await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut options = options("http://127.0.0.1:1", vec![Stage::normal()]);
    options.listen = taken.local_addr().expect("bound");
    assert!(matches!(load::start(options).await, Err(StartError::Bind(_))));
}
