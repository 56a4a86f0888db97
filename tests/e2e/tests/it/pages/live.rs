//! A dashboard that refreshes by itself: one stream brings its rounds, while somebody looks at it and there is room.

use std::path::Path;
use std::time::Duration;

use e2e::{Browser, Relay, RunningMonitor, Target, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(60);
/// As many as the monitor allows.
const STREAMS_MAX: usize = 64;

/// Whether the page has its beat from a stream.
const PACED: &str = "document.querySelector('[data-paced]')?.dataset.paced === 'true'";
/// Rounds that the page asked for by itself since it was told to forget.
const ASKED: &str =
    "performance.getEntriesByType('resource').filter((entry) => entry.name.endsWith('/api/ui/query')).length";
/// The newest value of the first panel's series: it grows with each scrape.
const NEWEST: &str =
    "Number(document.querySelector('[data-panel=\"1\"] .legend tbody td:last-child')?.textContent ?? 0)";

/// Three panels, one of which asks for a moment and one for its own range by name, which no stream can know.
fn board() -> String {
    let panel = |id: u32, kind: &str, target: Value| {
        json!({
            "id": id, "type": kind, "title": format!("Panel {id}"),
            "gridPos": { "x": (id - 1) * 8, "y": 0, "w": 8, "h": 8 },
            "options": { "legend": { "displayMode": "table", "calcs": ["lastNotNull"] } },
            "fieldConfig": { "defaults": { "unit": "none", "decimals": 0 }, "overrides": [] },
            "targets": [target],
        })
    };
    let panels = [
        panel(1, "timeseries", json!({ "refId": "A", "expr": "m{i=\"1\"}" })),
        panel(2, "stat", json!({ "refId": "A", "expr": "m{i=\"2\"}", "instant": true })),
        panel(3, "timeseries", json!({ "refId": "A", "expr": "m{i=\"0\"} + 0 * $__to" })),
    ];
    json!({ "uid": "live", "title": "Live", "schemaVersion": 39, "panels": panels }).to_string()
}

fn site(folder: &Path, target: &Target) {
    std::fs::create_dir(folder.join("boards")).expect("made");
    std::fs::write(folder.join("boards/live.json"), board()).expect("written");
    let text = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n- job_name: app\n  static_configs: [{{targets: ['{}']}}]\n",
        target.address
    );
    std::fs::write(folder.join("prometheus.yml"), text).expect("written");
}

async fn start(folder: &Path) -> RunningMonitor {
    let boards = folder.join("boards");
    let flags = ["--dashboards", boards.to_str().expect("UTF-8")];
    RunningMonitor::start_on(&folder.join("prometheus.yml"), &folder.join("data"), &flags).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_refreshes_is_sent_its_rounds() {
    let target = Target::start(3).await;
    let folder = tempfile::tempdir().expect("a folder");
    site(folder.path(), &target);
    let monitor = start(folder.path()).await;
    let relay = Relay::start().await;
    relay.lead_to(monitor.ui_url());
    let (browser, ui) = (Browser::start(1440, 900).await, relay.url());
    let page = format!("{ui}/d/live?from=now-2m&to=now&refresh=1s&viewPanel=1");
    browser.open(&page).await;
    browser.wait("a stream", PACED).await;
    streams(&monitor, 1.0).await;
    rounds_come(&browser).await;
    only_while_it_is_seen(&browser, &monitor).await;
    odd_panels_ask(&browser, &ui).await;
    there_and_back(&browser, &monitor).await;
    no_room(&browser, &monitor, &page).await;

    // The monitor is killed and comes back at the same address: so does the stream.
    browser.open(&page).await;
    browser.wait("a stream", PACED).await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());
    monitor.kill().await;
    browser.wait("it is missed", &format!("!({PACED}) && document.querySelector('.lost')")).await;
    let monitor = start(folder.path()).await;
    relay.lead_to(monitor.ui_url());
    browser.wait("a stream again", PACED).await;
    rounds_come(&browser).await;
    browser.stop().await;
    drop(monitor);
}

async fn streams(monitor: &RunningMonitor, wanted: f64) {
    until(&format!("{wanted} streams"), LIMIT, async || {
        match monitor.metric("watchfire_api_streams").await {
            Ok(open) if open == wanted => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// New values are shown, and nothing was asked for them.
async fn rounds_come(browser: &Browser) {
    browser.eval::<Value>("performance.clearResourceTimings(); return null;").await.expect("cleared");
    for _ in 0..3 {
        let before: f64 = browser.eval(&format!("return {NEWEST};")).await.expect("a number");
        browser.wait("a newer value", &format!("{NEWEST} > {before}")).await;
    }
    assert_eq!(browser.eval::<u32>(&format!("return {ASKED};")).await, Ok(0), "the page asked by itself");
}

/// A hidden page has no stream; seen again it has one.
async fn only_while_it_is_seen(browser: &Browser, monitor: &RunningMonitor) {
    for (hidden, open) in [(true, 0.0), (false, 1.0)] {
        let turn = format!(
            "Object.defineProperty(document, 'hidden', {{ get: () => {hidden}, configurable: true }});
             document.dispatchEvent(new Event('visibilitychange')); return null;"
        );
        browser.eval::<Value>(&turn).await.expect("it is told");
        streams(monitor, open).await;
    }
}

/// A query that names the end of its range is another one at each round: its panel asks, the others are sent theirs.
async fn odd_panels_ask(browser: &Browser, ui: &str) {
    browser.open(&format!("{ui}/d/live?from=now-2m&to=now&refresh=1s")).await;
    browser.wait("a stream", PACED).await;
    let drawn = |id: u32| {
        format!("Number(document.querySelector('[data-panel=\"{id}\"] [data-points]')?.dataset.points ?? 0)")
    };
    browser.wait("panel 3 is drawn", &format!("{} > 1", drawn(3))).await;
    let before: f64 = browser.eval(&format!("return {NEWEST};")).await.expect("a number");
    browser.wait("the first has newer values", &format!("{NEWEST} > {before}")).await;
    browser.wait("the third asked", &format!("{ASKED} > 3")).await;
    browser.wait("and still a stream", PACED).await;
    assert_eq!(browser.troubles().await, Vec::<String>::new());
}

/// Another page has no rounds; the way back opens a stream again.
async fn there_and_back(browser: &Browser, monitor: &RunningMonitor) {
    browser.click("a[href^='/targets']").await;
    browser.wait_words("main", "app").await;
    streams(monitor, 0.0).await;
    browser.page.back().await.expect("Back works");
    browser.wait("a stream", PACED).await;
}

/// Where there is no room for another stream the page asks by itself.
async fn no_room(browser: &Browser, monitor: &RunningMonitor, page: &str) {
    browser.open("about:blank").await;
    streams(monitor, 0.0).await;
    let mut others = Vec::new();
    for _ in 0..STREAMS_MAX {
        others.push(other_stream(monitor).await);
    }
    streams(monitor, STREAMS_MAX as f64).await;
    browser.open(page).await;
    browser.wait("it asks by itself", &format!("{ASKED} > 4 && !({PACED})")).await;
    assert!(monitor.metric("watchfire_api_streams_refused_total").await >= Ok(1.0));
    drop(others);
    streams(monitor, 0.0).await;
}

/// A stream that somebody else reads, open for as long as it lives.
async fn other_stream(monitor: &RunningMonitor) -> TcpStream {
    let body = r#"{"round":{"from":0,"to":1000,"targets":[]},"moves":[],"every_ms":60000}"#;
    let (host, length) = (monitor.ui_url().trim_start_matches("http://"), body.len());
    let request = format!(
        "POST /api/ui/stream HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    stream
}
