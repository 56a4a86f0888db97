//! Clients of Loki that others wrote, against the built monitor: what they push is there when it is asked for.
//!
//! `cargo xtask test --full` installs them from PyPI and npm into `target/clients`; without them the test says so and proves
//! nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{RunningMonitor, binary, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

/// Where `xtask` installs clients.
fn clients() -> PathBuf {
    binary().ancestors().nth(2).expect("target/PROFILE/watchfire").join("clients")
}

fn sent(program: &Path, script: &Path, url: &str) {
    let output = Command::new(program).arg(script).arg(url).output().expect("it starts");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("sent"), "{}: {said}", script.display());
}

/// How many lines a selector finds, and the labels of the first stream.
async fn lines(monitor: &RunningMonitor, query: &str) -> Result<(usize, Value), String> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!("/loki/api/v1/query_range?query={encoded}");
    let (code, body) = monitor.get_from(monitor.loki_url(), &path).await?;
    if code != 200 {
        return Err(format!("{code}: {body}"));
    }
    let body: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    let streams = body["data"]["result"].as_array().ok_or("no result")?;
    let count = streams.iter().filter_map(|stream| stream["values"].as_array()).map(Vec::len).sum();
    Ok((count, streams.first().map_or(Value::Null, |stream| stream["stream"].clone())))
}

async fn arrived(monitor: &RunningMonitor, query: &str, labels: &Value) {
    until(query, LIMIT, async || match lines(monitor, query).await? {
        (5, found)
            if labels
                .as_object()
                .is_some_and(|all| all.iter().all(|(name, value)| &found[name] == value)) =>
        {
            Ok(())
        }
        (count, found) => Err(format!("{count} lines, {found}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_loki_push_and_their_lines_are_found() {
    let folder = clients();
    let (python, modules) = (folder.join("venv/bin/python"), folder.join("node_modules"));
    if !python.is_file() || !modules.is_dir() {
        println!("SKIPPED: no clients in {}; `cargo xtask test --full` installs them", folder.display());
        return;
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let monitor = RunningMonitor::start().await;
    sent(&python, &scripts.join("python_loki.py"), monitor.loki_url());
    let labels = json!({ "application": "from-python", "severity": "error", "logger": "python-logger", "service": "my-service" });
    arrived(&monitor, r#"{application="from-python"} |= "python line""#, &labels).await;
    // Modules are looked for beside the script.
    let script = folder.join("winston_loki.mjs");
    std::fs::copy(scripts.join("winston_loki.mjs"), &script).expect("there is room");
    sent(Path::new("node"), &script, monitor.loki_url());
    for form in ["json", "protobuf"] {
        let labels = json!({ "app": format!("winston-{form}"), "level": "info", "part": "test" });
        arrived(&monitor, &format!(r#"{{app="winston-{form}"}} |= "winston line""#), &labels).await;
    }
    let counted = lines(&monitor, r#"{app=~"winston.*"} |~ "line [0-4]""#).await;
    assert_eq!(counted.map(|(count, _)| count), Ok(10));
}
