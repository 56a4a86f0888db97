//! Clients that others wrote, against our API. `promtool` comes with Debian's package `prometheus`; without it the test
//! says so and proves nothing.
//!
//! The Python client is tried by hand, as it needs the network to be installed:
//! `python3 -m venv /tmp/venv && /tmp/venv/bin/pip install "prometheus-api-client[dataframe]"`, then
//! `/tmp/venv/bin/python tests/e2e/python_client.py http://127.0.0.1:PORT`.

use std::process::Command;
use std::time::Duration;

use e2e::{RunningLab, until};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs `promtool query ARGUMENTS`; gives what it printed.
fn promtool(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("promtool").arg("query").args(arguments).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn holds(text: Result<String, String>, words: &[&str]) -> Result<(), String> {
    let text = text?;
    match words.iter().find(|word| !text.contains(**word)) {
        Some(missing) => Err(format!("{missing} is missing in: {text}")),
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_reads_our_answers() {
    if Command::new("promtool").arg("--version").output().is_err() {
        println!("SKIPPED: promtool is not installed (apt-get install prometheus)");
        return;
    }
    let lab = RunningLab::start(&[]).await;
    let url = lab.url("monitor", "prometheus");
    let selector = r#"up{job="watchfire"}"#;
    until("an instant query", LIMIT, async || {
        holds(promtool(&["instant", &url, selector]), &["job=\"watchfire\"", "=> 1 @["])
    })
    .await;
    let json = promtool(&["instant", "--format=json", &url, "vector(1)"]).expect("an answer");
    assert!(json.contains(r#""1""#), "{json}");
    let spans: [&[&str]; 2] = [&[], &["--step=1s"]];
    for options in spans {
        let arguments = [&["range"], options, &[url.as_str(), selector]].concat();
        holds(promtool(&arguments), &["job=\"watchfire\"", "1 @["]).expect("a range");
    }
    holds(promtool(&["series", &format!("--match={selector}"), &url]), &["up", "watchfire"]).expect("series");
    until("labels", LIMIT, async || {
        holds(promtool(&["labels", &url, "job"]), &["watchfire", "order-service"])
    })
    .await;
    let refused = promtool(&["instant", &url, "up{"]).expect_err("a wrong query");
    assert!(refused.contains("parse error"), "{refused}");
    lab.stop().await;
}
