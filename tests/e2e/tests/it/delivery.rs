//! From a rule that is true to a receiver that knows, with the built monitor and whatever may go wrong between.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Receiver, RunningMonitor, binary, now_s, until};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(90);

/// A folder with rules, routes to `url`, and what a monitor needs besides.
fn folder(rules: &str, url: &str, group_wait: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("there is room");
    write("rules.yml", format!("groups: [{{name: g, rules: [{rules}]}}]\n"));
    write("prometheus.yml", "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n".to_owned());
    write(
        "alertmanager.yml",
        format!(
            "route: {{receiver: r, group_by: [alertname], group_wait: {group_wait}, group_interval: 2s, repeat_interval: 1h}}\n\
             receivers: [{{name: r, webhook_configs: [{{url: '{url}'}}]}}]\n"
        ),
    );
    folder
}

async fn start(folder: &tempfile::TempDir) -> RunningMonitor {
    let routes = folder.path().join("alertmanager.yml").display().to_string();
    let arguments = ["--alertmanager-config", routes.as_str()];
    RunningMonitor::start_on(&folder.path().join("prometheus.yml"), &folder.path().join("data"), &arguments)
        .await
}

/// Rules that become true at known moments; the receiver says when it hears of each. Beyond the configured waits it is tens of
/// milliseconds on a quiet machine, and printed; a busy one may be halted for seconds, so only what waits for something else fails.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_true_is_told_soon_after_the_configured_waits() {
    const RULES: usize = 7;
    /// Between two evaluations, and for the group.
    const CONFIGURED_S: f64 = 1.0 + 1.0;
    /// Half of what a rule waits before it repeats what fires.
    const BEYOND_MAX_S: f64 = 30.0;
    let receiver = Receiver::start().await;
    let begin = now_s().ceil() + 8.0;
    let due = |n: usize| begin + n as f64 * 1.3;
    let rules: Vec<String> =
        (0..RULES).map(|n| format!("{{alert: A{n}, expr: 'vector(time()) > {:.3}'}}", due(n))).collect();
    let folder = folder(&rules.join(", "), receiver.url(), "1s");
    let monitor = start(&folder).await;
    let ready = now_s();
    let mut beyond: Vec<f64> = Vec::new();
    for n in 0..RULES {
        let name = format!("A{n}");
        let at_s = until("it is told", LIMIT, async || {
            let found = receiver.received().into_iter().find(|one| one.tells(&name, "firing"));
            found.map(|one| one.at_s).ok_or(())
        })
        .await;
        assert!(at_s >= due(n), "{name} is told before it is true");
        beyond.push(at_s - due(n).max(ready) - CONFIGURED_S);
    }
    beyond.sort_by(f64::total_cmp);
    let (median, worst) = (beyond[RULES / 2], beyond[RULES - 1]);
    eprintln!(
        "rule true to first attempt, beyond the waits of {CONFIGURED_S} s: median {median:.3} s, worst {worst:.3} s"
    );
    assert!(worst < BEYOND_MAX_S, "{beyond:?}");
    monitor.kill().await;
}

/// Killed after it fired and before anybody took it; and again after somebody did.
#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_is_killed_before_the_delivery_tells_after_it_and_once() {
    let receiver = Receiver::start().await;
    receiver.answer(503, Duration::ZERO);
    let folder = folder("{alert: Always, expr: vector(1)}", receiver.url(), "0s");
    let monitor = start(&folder).await;
    let tried = until("it is tried", LIMIT, async || receiver.received().pop().ok_or(())).await;
    assert!(tried.tells("Always", "firing"));
    // On disk it is at the latest a second later.
    until("it is on disk", LIMIT, async || {
        let text = std::fs::read_to_string(folder.path().join("data/alerting/state")).unwrap_or_default();
        if text.contains("Always") { Ok(()) } else { Err(text) }
    })
    .await;
    monitor.kill().await;
    receiver.answer(200, Duration::ZERO);
    let monitor = start(&folder).await;
    let taken = until("it is taken", LIMIT, async || receiver.taken().pop().ok_or(())).await;
    assert_eq!(taken.body["groupKey"], tried.body["groupKey"], "the same key as before");
    until("it is noted", LIMIT, async || {
        let text = std::fs::read_to_string(folder.path().join("data/alerting/state")).unwrap_or_default();
        let is_noted = text.split("\"firing\":[").skip(1).any(|told| !told.starts_with(']'));
        if is_noted { Ok(()) } else { Err(text) }
    })
    .await;
    monitor.kill().await;
    let monitor = start(&folder).await;
    // It fires again, and some looks at the group go by.
    until("it was looked at", LIMIT, async || {
        let (_, text) = monitor.get("/metrics").await?;
        let evaluated = text.lines().find_map(|line| line.strip_prefix("prometheus_rule_evaluations_total"));
        let count = evaluated.and_then(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0);
        if count >= 6.0 { Ok(()) } else { Err(text) }
    })
    .await;
    assert_eq!(receiver.taken().len(), 1, "{:?}", receiver.taken());
    monitor.kill().await;
}

/// `watchfire … | head`: who prints to nobody any more ends, without complaint.
fn nobody_reads(arguments: &[&str]) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = std::process::Command::new(binary());
    let ended = command.args(arguments).stdout(writer).stderr(Stdio::piped()).spawn().expect("it runs");
    let ended = ended.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(141), ""));
}

/// Somebody else answers under the receiver's name: nothing is sent to him, and the answer says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_certificate_is_told_and_nothing_is_sent() {
    let folder = folder("{alert: Never, expr: vector(1) > 2}", "https://localhost:1/", "0s");
    let (key, cert) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status();
    if !made.await.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: openssl is not installed (apt-get install openssl)");
        return;
    }
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
        .arg(&cert)
        .arg("-key")
        .arg(&key)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    // Held to the end: it ends itself when nobody hears what it prints.
    let mut said = BufReader::new(server.stdout.take().expect("piped above")).lines();
    let port: u16 = loop {
        let line = said.next_line().await.expect("readable").expect("it says where it listens");
        if let Some(place) = line.strip_prefix("ACCEPT ") {
            break place.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        }
    };
    let routes = std::fs::read_to_string(folder.path().join("alertmanager.yml")).expect("there");
    let routes = routes.replace("https://localhost:1/", &format!("https://localhost:{port}/"));
    std::fs::write(folder.path().join("alertmanager.yml"), routes).expect("there is room");
    let monitor = start(&folder).await;
    let output = Command::new(binary())
        .args(["alert", "test-receiver", "r", "--url", monitor.ui_url()])
        .output()
        .await
        .expect("it runs");
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{answer}");
    assert!(
        answer.contains("NOT TAKEN") && answer.contains("certificate: it is signed by itself"),
        "{answer}"
    );
    let why =
        Command::new(binary()).args(["alert", "why", "Never", "--url", monitor.ui_url()]).output().await;
    let why = String::from_utf8_lossy(&why.expect("it runs").stdout).into_owned();
    assert!(why.contains("nobody was told"), "{why}");
    nobody_reads(&["alert", "why", "Never", "--url", monitor.ui_url()]);
    server.kill().await.expect("it ends");
    drop(said);
    monitor.kill().await;
}
