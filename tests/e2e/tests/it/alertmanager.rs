//! Others' programs on our Alertmanager port: amtool, and a Prometheus that sends its alerts. Without them (Debian's packages
//! `prometheus-alertmanager` and `prometheus`) the tests say so and pass.

use std::process::Stdio;
use std::time::Duration;

use e2e::{RunningMonitor, until};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);
/// Free ports that are tried where a program cannot take any by itself.
const PORT_TRIES: usize = 5;

const ROUTES: &str = "route:
  receiver: default
  group_by: [alertname]
  routes:
  - {matchers: ['team=\"db\"'], receiver: db, continue: true}
  - {matchers: ['severity=~\"crit.*\"'], receiver: pager}
receivers:
- {name: default}
- {name: db, webhook_configs: [{url: 'http://127.0.0.1:9/t0ken'}]}
- {name: pager}
";

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn is_there(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.await.is_ok() {
        return true;
    }
    eprintln!("SKIPPED: {program} is not installed (apt-get install {package})");
    false
}

/// A monitor that routes by [`ROUTES`].
async fn monitor(folder: &tempfile::TempDir) -> RunningMonitor {
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "scrape_configs: []\n").expect("there is room");
    let routes = folder.path().join("alertmanager.yml");
    std::fs::write(&routes, ROUTES).expect("there is room");
    let routes = routes.display().to_string();
    RunningMonitor::start_on(&config, &folder.path().join("data"), &["--alertmanager-config", &routes]).await
}

/// What amtool prints; its complaints where it fails.
async fn amtool(url: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("amtool").arg("--alertmanager.url").arg(url).args(arguments).output().await;
    let output = output.map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn holds(text: &str, wanted: &[&str]) {
    for word in wanted {
        assert!(text.contains(word), "{word} is missing in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_works() {
    if !is_there("amtool", "prometheus-alertmanager").await {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let monitor = monitor(&folder).await;
    let url = monitor.alertmanager_url().to_owned();
    let run = async |arguments: &[&str]| amtool(&url, arguments).await.unwrap_or_else(|e| panic!("{e}"));

    run(&["alert", "add", "Slow", "team=db", "severity=critical", "--annotation=summary=late"]).await;
    holds(&run(&["alert", "query"]).await, &["Slow", "late", "active"]);
    holds(
        &run(&["alert", "query", "-o", "json", "team=~d."]).await,
        &["\"name\":\"db\"", "\"name\":\"pager\""],
    );

    let id =
        run(&["silence", "add", "alertname=Slow", "--comment=work", "--author=me", "--duration=1h"]).await;
    let id = id.trim().lines().last().expect("an id").to_owned();
    holds(&run(&["silence", "query"]).await, &[&id, "alertname=\"Slow\"", "work", "me"]);
    assert!(!run(&["alert", "query"]).await.contains("Slow"), "a silenced alert is shown only on demand");
    holds(&run(&["alert", "query", "--silenced"]).await, &["Slow"]);
    run(&["silence", "update", "--comment=longer", "--duration=2h", &id]).await;
    holds(&run(&["silence", "query"]).await, &["longer"]);
    let dump = folder.path().join("silences.json");
    std::fs::write(&dump, run(&["silence", "query", "-o", "json"]).await).expect("there is room");
    run(&["silence", "expire", &id]).await;
    holds(&run(&["silence", "query", "--expired"]).await, &["longer"]);
    holds(&run(&["alert", "query"]).await, &["Slow"]);
    silences_come_out_of_a_file(&url, &dump).await;

    let shown = run(&["config", "show"]).await;
    holds(&shown, &["receiver:", "db", "<secret>"]);
    assert!(!shown.contains("t0ken"), "{shown}");
    holds(&run(&["config", "routes"]).await, &["default", "db", "pager"]);
    let told = run(&["config", "routes", "test", "team=db", "severity=critical", "alertname=Slow"]).await;
    assert_eq!(told.trim().lines().last(), Some("db,pager"));
    run(&["cluster", "show"]).await;
    let refused = amtool(&url, &["silence", "expire", "00000000-0000-4000-8000-000000000000"]).await;
    assert!(refused.is_err(), "an unknown silence: {refused:?}");
    monitor.kill().await;
}

/// By amtool's command and by ours; what is there already is not made again.
async fn silences_come_out_of_a_file(url: &str, dump: &std::path::Path) {
    let file = dump.display().to_string();
    amtool(url, &["silence", "import", "--force", &file]).await.unwrap_or_else(|e| panic!("{e}"));
    holds(&amtool(url, &["silence", "query"]).await.expect("an answer"), &["longer"]);
    let import = async |file: &str| {
        let output =
            Command::new(e2e::binary()).args(["alert", "silence", "import", file, "--url", url]).output();
        let output = output.await.expect("it runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    assert_eq!(import(&file).await, (true, "0 made, 1 there already, 0 over\n".to_owned()));
    let text = std::fs::read_to_string(dump).expect("written").replace("longer", "another");
    std::fs::write(dump, &text).expect("there is room");
    let (is_good, said) = import(&file).await;
    assert!(is_good && said.ends_with("1 made, 0 there already, 0 over\n"), "{said}");
    holds(&amtool(url, &["silence", "query"]).await.expect("an answer"), &["longer", "another"]);
    std::fs::write(dump, &text[..text.len() / 2]).expect("there is room");
    let (is_good, said) = import(&file).await;
    assert!(!is_good && said.contains("silences.json:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_sends_its_alerts() {
    if !is_there("prometheus", "prometheus").await {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let monitor = monitor(&folder).await;
    let address = monitor.alertmanager_url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let theirs = tempfile::tempdir().expect("a folder");
    let rules = "groups: [{name: g, rules: [{alert: Always, expr: vector(1), labels: {team: db}, annotations: {summary: theirs}}]}]\n";
    std::fs::write(theirs.path().join("rules.yml"), rules).expect("there is room");
    let config = format!(
        "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}\n"
    );
    let file = theirs.path().join("prometheus.yml");
    std::fs::write(&file, config).expect("there is room");
    let mut prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", theirs.path().join("data").display()))
        .arg("--web.listen-address=127.0.0.1:0")
        // It finds us some seconds after the first evaluation, and would wait for a minute before it sends again.
        .arg("--rules.alert.resend-delay=1s")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    until("their alert is here", LIMIT, async || {
        let (_, text) = monitor.get_from(monitor.alertmanager_url(), "/api/v2/alerts").await?;
        if text.contains("\"Always\"") && text.contains("\"theirs\"") { Ok(()) } else { Err(text) }
    })
    .await;
    prometheus.kill().await.expect("it ends");
    monitor.kill().await;
}

/// Debian's Alertmanager on free ports, and its URL.
async fn their_alertmanager(folder: &std::path::Path) -> (tokio::process::Child, String) {
    let config = folder.join("theirs.yml");
    std::fs::write(&config, "route: {receiver: a}\nreceivers: [{name: a}]\n").expect("there is room");
    for _ in 0..PORT_TRIES {
        // A port that was free a moment ago; it has no way to say which one it took.
        let port = {
            let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            taken.local_addr().expect("bound").port()
        };
        let mut child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("theirs").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        // It ends where somebody else was quicker to take the port.
        let is_up = until("it listens or ends", LIMIT, async || match child.try_wait().expect("its state") {
            Some(_) => Ok(false),
            None => tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(|_| true),
        });
        if is_up.await {
            return (child, format!("http://127.0.0.1:{port}"));
        }
    }
    panic!("prometheus-alertmanager ended {PORT_TRIES} times before it listened");
}

/// Found in a file that is written later; told while our own receivers are too; gone when the file is.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_alertmanager_gets_our_alerts() {
    if !is_there("prometheus-alertmanager", "prometheus-alertmanager").await {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (mut theirs, url) = their_alertmanager(folder.path()).await;
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("there is room");
    write(
        "rules.yml",
        "groups: [{name: g, rules: [{alert: Ours, expr: vector(1), labels: {team: db, replica: a}, annotations: {summary: ours}}]}]\n",
    );
    write(
        "prometheus.yml",
        "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\nalerting:\n  alert_relabel_configs: [{regex: replica, action: labeldrop}]\n  \
         alertmanagers: [{file_sd_configs: [{files: [theirs.json]}]}]\n",
    );
    let config = folder.path().join("prometheus.yml");
    let monitor = RunningMonitor::start_on(&config, &folder.path().join("data"), &[]).await;
    let address = url.trim_start_matches("http://");
    write("theirs.json", &format!("[{{\"targets\": [\"{address}\"]}}]"));
    until("it is found", LIMIT, async || {
        let (_, text) = monitor.get("/api/v1/alertmanagers").await?;
        if text.contains(address) { Ok(()) } else { Err(text) }
    })
    .await;
    // A rule repeats what fires once a minute.
    until("our alert is there", Duration::from_secs(120), async || {
        let (_, text) = monitor.get_from(&url, "/api/v2/alerts").await?;
        let good = text.contains("\"Ours\"") && text.contains("\"ours\"") && !text.contains("replica");
        if good { Ok(()) } else { Err(text) }
    })
    .await;
    let (_, text) = monitor.get_from(monitor.alertmanager_url(), "/api/v2/alerts").await.expect("an answer");
    assert!(text.contains("\"Ours\"") && text.contains("replica"), "ours too, as it was: {text}");
    let (_, metrics) = monitor.get("/metrics").await.expect("an answer");
    assert!(metrics.contains("prometheus_notifications_alertmanagers_discovered 1"), "{metrics}");
    std::fs::remove_file(folder.path().join("theirs.json")).expect("it was there");
    until("it is gone", LIMIT, async || {
        let (_, text) = monitor.get("/api/v1/alertmanagers").await?;
        if text.contains(address) { Err(text) } else { Ok(()) }
    })
    .await;
    theirs.kill().await.expect("it ends");
    monitor.kill().await;
}
