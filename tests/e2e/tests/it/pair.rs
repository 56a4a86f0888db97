//! Two monitors that watch the same: one tells, either may die.

use std::time::Duration;

use e2e::{Receiver, Relay, RunningMonitor, until};

const LIMIT: Duration = Duration::from_secs(90);

/// How long the second waits for the first in these tests. Long enough that what the first says is there by then, even where it is
/// halted for some seconds.
const WAIT: &str = "15s";

struct Pair {
    folder: tempfile::TempDir,
    /// Where each is reached, whichever port it got: the other has to know before it starts.
    ways: [Relay; 2],
}

impl Pair {
    async fn new(receiver: &Receiver) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("there is room");
        };
        write("rules.yml", "groups: [{name: g, rules: [{alert: First, expr: vector(1)}]}]\n".to_owned());
        write(
            "alertmanager.yml",
            format!(
                "route: {{receiver: r, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}}\n\
                 receivers: [{{name: r, webhook_configs: [{{url: '{}'}}]}}]\n",
                receiver.url()
            ),
        );
        for name in ["a", "b"] {
            let text = "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n";
            write(&format!("{name}.yml"), text.to_owned());
        }
        Self { folder, ways: [Relay::start().await, Relay::start().await] }
    }

    /// Starts the first or the second.
    async fn start(&self, which: usize) -> RunningMonitor {
        let name = ["a", "b"][which];
        let peer = self.ways[1 - which].url();
        let routes = self.folder.path().join("alertmanager.yml").display().to_string();
        let arguments = [
            "--alertmanager-config",
            &routes,
            "--peer",
            &peer,
            "--peer-name",
            name,
            "--peer-wait",
            WAIT,
            "--enable-lifecycle",
        ];
        let config = self.folder.path().join(format!("{name}.yml"));
        let monitor = RunningMonitor::start_on(&config, &self.folder.path().join(name), &arguments).await;
        self.ways[which].lead_to(monitor.alertmanager_url());
        monitor
    }

    /// Both take these rules from now on.
    async fn rules(&self, monitors: &[&RunningMonitor], names: &[&str]) {
        let rules: Vec<String> =
            names.iter().map(|name| format!("{{alert: {name}, expr: vector(1)}}")).collect();
        let text = format!("groups: [{{name: g, rules: [{}]}}]\n", rules.join(", "));
        std::fs::write(self.folder.path().join("rules.yml"), text).expect("there is room");
        for monitor in monitors {
            post_to(monitor, monitor.url(), "/-/reload", &serde_json::Value::Null).await;
        }
    }
}

async fn post_to(monitor: &RunningMonitor, url: &str, path: &str, body: &serde_json::Value) {
    let (status, text) = monitor.post_to(url, path, body).await.expect("an answer");
    assert_eq!(status, 200, "{path}: {text}");
}

/// Sends an alert to both, as a Prometheus does.
async fn post(monitors: &[&RunningMonitor], name: &str, is_over: bool) {
    let ends = if is_over { "2020-01-01T00:01:00Z" } else { "2100-01-01T00:00:00Z" };
    let alerts = serde_json::json!([
        { "labels": { "alertname": name }, "startsAt": "2020-01-01T00:00:00Z", "endsAt": ends },
    ]);
    for monitor in monitors {
        post_to(monitor, monitor.alertmanager_url(), "/api/v2/alerts", &alerts).await;
    }
}

fn told(receiver: &Receiver, name: &str, state: &str) -> usize {
    receiver.taken().iter().filter(|one| one.tells(name, state)).count()
}

async fn until_told(receiver: &Receiver, name: &str, state: &str) {
    until("it is told", LIMIT, async || match told(receiver, name, state) {
        0 => Err(receiver.taken()),
        _ => Ok(()),
    })
    .await;
}

/// Whether the ledger of this one says that the other has told it.
async fn until_left_to_the_other(monitor: &RunningMonitor, name: &str) {
    until("the other has told it", LIMIT, async || {
        let (_, text) = monitor.get_from(monitor.ui_url(), &format!("/api/ui/why?name={name}")).await?;
        if text.contains("by the other monitor of the pair") { Ok(()) } else { Err(text) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_pair_tells_and_either_may_die() {
    let receiver = Receiver::start().await;
    let pair = Pair::new(&receiver).await;
    let (a, b) = tokio::join!(pair.start(0), pair.start(1));
    until_told(&receiver, "First", "firing").await;
    until_left_to_the_other(&b, "First").await;
    assert_eq!(told(&receiver, "First", "firing"), 1, "{:?}", receiver.taken());

    // What a Prometheus sends to both is told once, and so is its end.
    post(&[&a, &b], "Posted", false).await;
    until_told(&receiver, "Posted", "firing").await;
    until_left_to_the_other(&b, "Posted").await;
    post(&[&a, &b], "Posted", true).await;
    until_told(&receiver, "Posted", "resolved").await;

    // What is silenced at one is silenced at the other.
    let silence = serde_json::json!({
        "matchers": [{ "name": "alertname", "value": "Quiet", "isRegex": false }], "createdBy": "me", "comment": "work",
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
    });
    post_to(&a, a.alertmanager_url(), "/api/v2/silences", &silence).await;
    until("the other knows", LIMIT, async || {
        let (_, text) = b.get_from(b.alertmanager_url(), "/api/v2/silences").await?;
        if text.contains("Quiet") { Ok(()) } else { Err(text) }
    })
    .await;
    let (_, status) = b.get_from(b.alertmanager_url(), "/api/v2/status").await.expect("an answer");
    assert!(status.contains("\"ready\"") && status.contains("\"a\"") && status.contains("\"b\""), "{status}");

    // The first dies: the second goes on alone, and knows who was told of what.
    a.kill().await;
    pair.rules(&[&b], &["First", "Quiet", "Second"]).await;
    until_told(&receiver, "Second", "firing").await;
    assert_eq!((told(&receiver, "First", "firing"), told(&receiver, "Quiet", "firing")), (1, 0));

    // It comes back, and hears what was told meanwhile before it tells anything.
    let a = pair.start(0).await;
    until_left_to_the_other(&a, "Second").await;

    // The second dies: the first goes on alone.
    b.kill().await;
    pair.rules(&[&a], &["First", "Quiet", "Third"]).await;
    until_told(&receiver, "Third", "firing").await;
    let count = |name: &str, state: &str| told(&receiver, name, state);
    assert_eq!(
        ["First", "Second", "Third", "Posted", "Quiet"].map(|name| count(name, "firing")),
        [1, 1, 1, 1, 0],
        "{:?}",
        receiver.taken()
    );
    assert_eq!(count("Posted", "resolved"), 1);
    a.kill().await;
}
