//! What is kept, with the built binary: exemplars through `kill -9`, snapshots that a monitor starts from, the tools on a stopped store.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::{RunningMonitor, binary, until};
use net::{Client, ClientOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(60);
const BODY: &str = "# TYPE a counter\n# HELP a An example.\na_total{x=\"1\"} 5 # {trace_id=\"t1\"} 0.5 1520879607.789\n# EOF\n";
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers every request with [`BODY`], as long as the test runs.
async fn target() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut some = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut some).await {
                    head.extend_from_slice(&some[..count]);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        let length = BODY.len();
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\nContent-Type: {KIND}\r\nContent-Length: {length}\r\n\r\n{BODY}"
                        );
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// The answer of the monitor to a path, its data.
async fn data(monitor: &RunningMonitor, path: &str) -> Value {
    let (status, body) = monitor.get(path).await.expect("an answer");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str::<Value>(&body).expect("JSON")["data"].clone()
}

fn tool(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("tsdb").args(arguments).arg("--data-dir").arg(data_dir);
    command.output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const EXEMPLARS: &str = "/api/v1/query_exemplars?query=rate(a_total%5B5m%5D)&start=1520879600&end=1520879700";
const COUNT: &str = "/api/v1/query?query=count_over_time(a_total%5B1h%5D)";

#[tokio::test(flavor = "multi_thread")]
async fn exemplars_snapshots_and_tools() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data_dir, scraping, idle) =
        (folder.path().join("data"), folder.path().join("a.yml"), folder.path().join("b.yml"));
    let address = target().await;
    let yml = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n- job_name: j\n  static_configs: [{{targets: ['{address}']}}]\n"
    );
    std::fs::write(&scraping, yml).expect("written");
    std::fs::write(&idle, "scrape_configs: []\n").expect("written");
    let monitor = RunningMonitor::start_on(&scraping, &data_dir, &["--enable-admin-api"]).await;
    until("an exemplar is kept", LIMIT, async || {
        let found = data(&monitor, EXEMPLARS).await;
        if found[0]["exemplars"].as_array().is_some_and(|all| !all.is_empty()) { Ok(()) } else { Err(found) }
    })
    .await;
    let kept = data(&monitor, EXEMPLARS).await;
    let exemplars =
        serde_json::json!([{"labels": {"trace_id": "t1"}, "value": "0.5", "timestamp": 1_520_879_607.789}]);
    assert_eq!(
        (&kept[0]["exemplars"], &kept[0]["seriesLabels"]["__name__"]),
        (&exemplars, &"a_total".into())
    );
    until("what its target says of it", LIMIT, async || {
        let told = data(&monitor, "/api/v1/metadata?metric=a").await;
        if told["a"][0]["help"] == "An example." { Ok(()) } else { Err(told) }
    })
    .await;

    let in_use = tool(&data_dir, &["verify"]);
    assert!(
        !in_use.status.success() && text(&in_use.stderr).contains("in use by another watchfire"),
        "{in_use:?}"
    );

    let client = Client::new(ClientOptions::named("watchfire-e2e")).expect("a client");
    let url = format!("{}/api/v1/admin/tsdb/snapshot", monitor.url());
    let answer = client.post_form(&url, &[], LIMIT).await.expect("an answer");
    let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let snapshot = data_dir.join("snapshots").join(answer["data"]["name"].as_str().expect("a name"));
    monitor.kill().await;

    let again = RunningMonitor::start_on(&idle, &data_dir, &[]).await;
    assert_eq!(data(&again, EXEMPLARS).await, kept, "they survive kill -9");
    again.kill().await;

    let verified = tool(&data_dir, &["verify"]);
    assert!(verified.status.success() && text(&verified.stdout).contains("no damage"), "{verified:?}");
    let dumped = tool(&data_dir, &["dump", "--match", "a_total"]);
    let lines = text(&dumped.stdout);
    assert!(lines.starts_with("a_total{instance=") && lines.ends_with("# EOF\n"), "{dumped:?}");

    let copy = RunningMonitor::start_on(&idle, &snapshot, &[]).await;
    let count = data(&copy, COUNT).await["result"][0]["value"][1].as_str().map(str::to_owned);
    let count: usize = count.and_then(|count| count.parse().ok()).expect("samples are in the snapshot");
    assert!(count >= 1 && count < lines.lines().count(), "{count} of {}", lines.lines().count());
}
