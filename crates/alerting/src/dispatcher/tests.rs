//! Alerts over hours of false time: who was told what, and when. Time is tokio's paused time; nothing sleeps.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use model::{AlertState, Labels};
use prometheus_client::registry::Registry;

use super::*;
use crate::notify::{Answer, Attempt, Integration, Notification, Notify, http};

const START_MS: i64 = 1_767_225_600_000;

/// Wall-clock time that goes with tokio's, but where somebody has set it.
#[derive(Debug)]
struct TokioClock(Arc<Inbox>);

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        self.0.wall_ms()
    }
}

/// A notification that was taken.
#[derive(Debug, Clone, PartialEq)]
struct Taken {
    second: u64,
    receiver: String,
    group_key: String,
    firing: BTreeSet<String>,
    resolved: BTreeSet<String>,
}

/// A receiver that answers with whatever status it is set to, as slowly as it is set to, and remembers what it took.
#[derive(Debug)]
struct Inbox {
    begun: Instant,
    /// By how much somebody has set the clock forward.
    jumped_ms: std::sync::atomic::AtomicI64,
    status: Mutex<u16>,
    slow: Mutex<Duration>,
    taken: Mutex<Vec<Taken>>,
}

impl Inbox {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            jumped_ms: 0.into(),
            status: Mutex::new(200),
            slow: Mutex::default(),
            taken: Mutex::default(),
        })
    }

    /// What was taken: second, names that fired, names that had ended.
    fn told(&self) -> Vec<String> {
        let shown = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(",");
        let all = lock(&self.taken);
        all.iter().map(|t| format!("{} {}|{}", t.second, shown(&t.firing), shown(&t.resolved))).collect()
    }

    /// An alert that began `age_s` seconds ago and is to be believed for `valid_s` more.
    fn alert(&self, name: &str, age_s: i64, valid_s: i64, state: AlertState) -> Alert {
        let now = self.wall_ms();
        let group = name.get(..1).unwrap_or_default();
        Alert {
            labels: Labels::from_pairs([("alertname", "A"), ("group", group), ("name", name)]),
            annotations: Labels::empty(),
            starts_at: TimestampMs(now - age_s * 1000),
            ends_at: TimestampMs(now + valid_s * 1000),
            state,
            generator_url: String::new(),
        }
    }

    fn wall_ms(&self) -> i64 {
        let passed = i64::try_from(self.begun.elapsed().as_millis()).expect("short tests");
        START_MS + passed + self.jumped_ms.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Notify for Inbox {
    fn attempt<'a>(&'a self, notification: &'a Notification, _: Duration) -> Attempt<'a> {
        let status = *lock(&self.status);
        if (200..300).contains(&status) {
            let names = |ended: bool| {
                let side = notification.alerts.iter().filter(|alert| alert.ended_at.is_some() == ended);
                side.map(|alert| alert.labels.get("name").unwrap_or("").to_owned()).collect()
            };
            lock(&self.taken).push(Taken {
                second: self.begun.elapsed().as_secs(),
                receiver: notification.receiver.clone(),
                group_key: notification.group_key.clone(),
                firing: names(false),
                resolved: names(true),
            });
        }
        let slow = *lock(&self.slow);
        Box::pin(async move {
            tokio::time::sleep(slow).await;
            http::judge(status, "").map(|status| Answer { status, text: "noted".to_owned() })
        })
    }
}

fn start(
    config: &str,
    inbox: &Arc<Inbox>,
    disk: &disk::MemDisk,
    peers: Option<PeerOptions>,
) -> (Dispatcher, Registry) {
    let clock = Arc::new(TokioClock(Arc::clone(inbox)));
    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let notify = Arc::clone(inbox);
    let build: Build = Box::new(move |config| {
        let integration = |(index, send_resolved): (usize, bool)| Integration {
            kind: "webhook",
            index,
            send_resolved,
            notify: Arc::clone(&notify) as Arc<dyn Notify>,
        };
        let of = |receiver: &crate::config::Receiver| {
            receiver.calls.iter().map(|call| call.send_resolved).enumerate().map(integration).collect()
        };
        config.receivers.iter().map(|(name, receiver)| (name.clone(), of(receiver))).collect()
    });
    let options = Options { external_url: "http://mon".to_owned(), peers };
    let dir = Path::new("/data/alerting");
    let state = State::open(
        Arc::new(disk.clone()),
        dir,
        TimestampMs(clock.now_ms()),
        crate::ledger_metrics(&mut registry),
    );
    let state = state.expect("readable");
    assert_eq!(state.damage(), [""; 0]);
    (Dispatcher::start_with(parse(config), state, build, clock, metrics, options), registry)
}

/// Ends a dispatcher where it stands.
async fn kill(dispatcher: &Dispatcher) {
    let tasks = [&dispatcher.task, &dispatcher.keeper, &dispatcher.scribe].map(|task| lock(task).take());
    let pushers = std::mem::take(&mut *lock(&dispatcher.pushers));
    for task in tasks.into_iter().flatten().chain(pushers) {
        task.abort();
        assert!(task.await.is_err_and(|end| end.is_cancelled()), "it ran until it was killed");
    }
}

struct Bench {
    inbox: Arc<Inbox>,
    dispatcher: Dispatcher,
    registry: Registry,
    config: String,
    disk: disk::MemDisk,
}

impl Bench {
    fn new(config: &str) -> Self {
        let inbox = Inbox::new();
        let disk = disk::MemDisk::new();
        let (dispatcher, registry) = start(config, &inbox, &disk, None);
        Self { inbox, dispatcher, registry, config: config.to_owned(), disk }
    }

    /// Kills the dispatcher where it stands and starts another one `down_s` later.
    async fn kill(&mut self, down_s: u64) {
        kill(&self.dispatcher).await;
        self.disk.crash(disk::Crash::PowerLoss, down_s);
        tokio::time::sleep(Duration::from_secs(down_s)).await;
        (self.dispatcher, self.registry) = start(&self.config, &self.inbox, &self.disk, None);
    }

    /// Reports an alert that began `age_s` seconds ago and is to be believed for `valid_s` more.
    fn fire(&self, name: &str, age_s: i64, valid_s: i64) {
        self.report(name, age_s, valid_s, AlertState::Firing);
    }

    /// Reports that an alert which began `age_s` seconds ago ends now.
    fn resolve(&self, name: &str, age_s: i64) {
        self.report(name, age_s, 0, AlertState::Resolved);
    }

    fn report(&self, name: &str, age_s: i64, valid_s: i64, state: AlertState) {
        self.dispatcher.put(vec![self.inbox.alert(name, age_s, valid_s, state)]);
    }

    /// What was taken: second, names that fired, names that had ended.
    fn taken(&self) -> Vec<String> {
        self.inbox.told()
    }

    fn answer(&self, status: u16) {
        *lock(&self.inbox.status) = status;
    }

    fn exposed(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encodes");
        text
    }
}

fn parse(text: &str) -> Config {
    Config::parse(Path::new("am.yml"), text).expect("valid")
}

/// Waits 10 s, looks every minute, repeats every hour.
const CONFIG: &str = "
route: {receiver: inbox, group_by: [group], group_wait: 10s, group_interval: 1m, repeat_interval: 1h}
receivers: [{name: inbox, webhook_configs: [{url: 'http://inbox/'}]}]
";

async fn until(bench: &Bench, second: u64) {
    tokio::time::sleep_until(bench.inbox.begun + Duration::from_secs(second)).await;
}

/// Nobody looks again before ten minutes are over, long after the last repeat was due: its end is told all the same.
#[tokio::test(start_paused = true)]
async fn an_end_is_told_where_a_group_is_looked_at_more_seldom_than_it_is_repeated() {
    let bench = Bench::new(
        &CONFIG
            .replace("group_interval: 1m, repeat_interval: 1h", "group_interval: 10m, repeat_interval: 2m"),
    );
    bench.fire("a1", 0, 240);
    until(&bench, 60).await;
    bench.resolve("a1", 60);
    until(&bench, 900).await;
    assert_eq!(bench.taken(), ["10 a1|", "610 |a1"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_and_is_told_together() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    until(&bench, 5).await;
    bench.fire("a2", 0, 9999);
    bench.fire("b1", 0, 9999);
    until(&bench, 20).await;
    bench.fire("a3", 0, 9999);
    until(&bench, 300).await;
    assert_eq!(bench.taken(), ["10 a1,a2|", "15 b1|", "70 a1,a2,a3|"]);
    bench.dispatcher.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_old_already_is_told_at_once() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 11, 9999);
    until(&bench, 9).await;
    assert_eq!(bench.taken(), ["0 a1|"]);
}

#[tokio::test(start_paused = true)]
async fn unchanged_alerts_are_told_again_after_the_repeat_interval() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 99_999);
    until(&bench, 2 * 3600 + 300).await;
    // Looked at each minute from second 10 on; an hour has to be over, not just reached.
    assert_eq!(bench.taken(), ["10 a1|", "3670 a1|", "7330 a1|"]);
}

#[tokio::test(start_paused = true)]
async fn ends_are_told_once_and_groups_go() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    bench.fire("a2", 0, 9999);
    until(&bench, 30).await;
    bench.resolve("a1", 30);
    until(&bench, 100).await;
    assert_eq!(bench.dispatcher.status().alerts.len(), 1);
    bench.resolve("a2", 100);
    until(&bench, 4000).await;
    assert_eq!(bench.taken(), ["10 a1,a2|", "70 a2|a1", "130 |a2"]);
    let status = bench.dispatcher.status();
    assert!(status.alerts.is_empty() && status.groups.is_empty());
    assert!(bench.exposed().contains("alertmanager_dispatcher_aggregation_groups 0\n"));
}

#[tokio::test(start_paused = true)]
async fn what_ends_before_the_first_notification_is_never_told() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    until(&bench, 5).await;
    bench.resolve("a1", 5);
    until(&bench, 600).await;
    assert_eq!(bench.taken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_heard_of_no_more_ends() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 240);
    until(&bench, 120).await;
    bench.fire("a1", 120, 240);
    until(&bench, 600).await;
    assert_eq!(bench.taken(), ["10 a1|", "370 |a1"]);
}

#[tokio::test(start_paused = true)]
async fn ends_are_not_told_to_who_does_not_want_them() {
    let quiet = CONFIG.replace("url: 'http://inbox/'", "url: 'http://inbox/', send_resolved: false");
    let bench = Bench::new(&quiet);
    bench.fire("a1", 0, 9999);
    until(&bench, 30).await;
    bench.resolve("a1", 30);
    until(&bench, 200).await;
    // The next outage is news again.
    bench.fire("a1", 0, 9999);
    until(&bench, 300).await;
    assert_eq!(bench.taken(), ["10 a1|", "210 a1|"]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_is_told_when_it_is_back() {
    let bench = Bench::new(CONFIG);
    bench.answer(503);
    bench.fire("a1", 0, 9999);
    until(&bench, 40).await;
    bench.answer(200);
    until(&bench, 300).await;
    // Attempts at 10, 10.5, 11.5, 13.5, 17.5, 25.5, 41.5 seconds.
    assert_eq!(bench.taken(), ["41 a1|"]);
    let record = bench.dispatcher.status().notifications.remove(0);
    assert_eq!((record.attempts, record.http_status, record.error), (7, Some(200), None));
    let text = bench.exposed();
    assert!(
        text.contains("alertmanager_notification_requests_failed_total{integration=\"webhook\"} 6"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_counted_and_tried_again_when_the_group_is_due() {
    let bench = Bench::new(CONFIG);
    bench.answer(400);
    bench.fire("a1", 0, 9999);
    until(&bench, 65).await;
    let record = bench.dispatcher.status().notifications.remove(0);
    assert_eq!((record.attempts, record.http_status), (1, Some(400)));
    assert_eq!(record.error.as_deref(), Some("unexpected status code 400"));
    bench.answer(200);
    until(&bench, 300).await;
    assert_eq!(bench.taken(), ["70 a1|"]);
    let text = bench.exposed();
    let failed = "alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"clientError\"} 1";
    assert!(text.contains(failed), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_end_during_an_outage_of_the_receiver_is_not_lost() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    until(&bench, 30).await;
    bench.answer(500);
    bench.resolve("a1", 30);
    until(&bench, 700).await;
    bench.answer(200);
    until(&bench, 900).await;
    let taken = bench.taken();
    assert_eq!((taken.len(), taken[0].as_str()), (2, "10 a1|"));
    assert!(taken[1].ends_with(" |a1"), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_back_before_its_end_was_told_stays() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    until(&bench, 30).await;
    bench.resolve("a1", 30);
    *lock(&bench.inbox.slow) = Duration::from_secs(20);
    // Its end is being told from second 70 to 90.
    until(&bench, 80).await;
    bench.fire("a1", 0, 9999);
    until(&bench, 300).await;
    assert_eq!(bench.taken(), ["10 a1|", "70 |a1", "130 a1|"]);
}

#[tokio::test(start_paused = true)]
async fn what_came_while_a_slow_receiver_was_told_follows_at_once() {
    let bench = Bench::new(&CONFIG.replace("group_interval: 1m", "group_interval: 5s"));
    *lock(&bench.inbox.slow) = Duration::from_secs(8);
    bench.fire("a1", 0, 9999);
    until(&bench, 12).await;
    bench.fire("a2", 0, 9999);
    until(&bench, 60).await;
    assert_eq!(bench.taken(), ["10 a1|", "18 a1,a2|"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_groups_anew_and_tells_nobody_twice() {
    let bench = Bench::new(CONFIG);
    bench.fire("a1", 0, 9999);
    bench.fire("a2", 0, 9999);
    until(&bench, 30).await;
    bench.dispatcher.reload(parse(CONFIG));
    until(&bench, 200).await;
    assert_eq!(bench.taken(), ["10 a1,a2|"]);
    bench.dispatcher.reload(parse(&CONFIG.replace("group_by: [group]", "group_by: ['...']")));
    until(&bench, 300).await;
    assert_eq!(bench.taken()[1..], ["200 a1|", "200 a2|"]);
    let keys: Vec<String> =
        bench.dispatcher.status().groups.into_iter().map(|group| group.group_key).collect();
    assert_eq!(keys[0], r#"{}:{alertname="A", group="a", name="a1"}"#);
}

#[tokio::test(start_paused = true)]
async fn routes_tell_their_receivers() {
    let bench = Bench::new(
        "route: {receiver: inbox, group_wait: 1s, routes: [{matchers: [group=a], receiver: team, continue: true}, {matchers: [group=a]}]}\n\
         receivers: [{name: inbox, webhook_configs: [{url: 'http://x'}]}, {name: team, webhook_configs: [{url: 'http://x'}, {url: 'http://y'}]}]\n",
    );
    bench.fire("a1", 0, 9999);
    bench.fire("b1", 0, 9999);
    until(&bench, 5).await;
    let mut told: Vec<String> =
        lock(&bench.inbox.taken).iter().map(|t| format!("{} {}", t.receiver, t.group_key)).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            r#"inbox {}/{group="a"}:{}"#,
            "inbox {}:{}",
            r#"team {}/{group="a"}:{}"#,
            r#"team {}/{group="a"}:{}"#
        ]
    );
    let status = bench.dispatcher.status();
    assert_eq!(status.alerts[0].receivers, ["team", "inbox"]);
    assert_eq!(status.receivers, ["inbox", "team"]);
}

#[tokio::test(start_paused = true)]
async fn alerts_that_are_none_are_counted() {
    let bench = Bench::new(CONFIG);
    let nameless = Alert {
        labels: Labels::empty(),
        annotations: Labels::empty(),
        starts_at: TimestampMs(START_MS),
        ends_at: TimestampMs(START_MS + 1000),
        state: AlertState::Firing,
        generator_url: String::new(),
    };
    assert_eq!(bench.dispatcher.put_from_outside(vec![nameless]), ["at least one label pair required"]);
    assert!(bench.dispatcher.status().alerts.is_empty());
    assert!(bench.exposed().contains("alertmanager_alerts_invalid_total 1\n"));
}

#[tokio::test]
async fn a_real_webhook_is_posted() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let config = format!(
        "route: {{receiver: r, group_wait: 0s}}\nreceivers: [{{name: r, webhook_configs: [{{url: '{url}', http_config: {{authorization: {{credentials: s3}}}}}}]}}]\n"
    );
    let client = Arc::new(Client::new(net::ClientOptions::named("Alertmanager/0.28.0")).expect("a client"));
    let metrics = Arc::new(Metrics::new(&mut Registry::default()));
    let clock = Arc::new(stdx::ManualClock::new(START_MS));
    let options = Options { external_url: "http://mon/".to_owned(), peers: None };
    let dispatcher = Dispatcher::start(parse(&config), State::in_memory(), client, clock, metrics, options);
    dispatcher.put(vec![Alert {
        labels: Labels::from_pairs([("alertname", "A")]),
        annotations: Labels::empty(),
        starts_at: TimestampMs(START_MS),
        ends_at: TimestampMs(START_MS + 60_000),
        state: AlertState::Firing,
        generator_url: String::new(),
    }]);
    let (mut stream, _) = listener.accept().await.expect("the dispatcher calls");
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert!(stream.read_buf(&mut request).await.expect("readable") > 0, "broken off");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("writable");
    let request = String::from_utf8(request).expect("text");
    let (head, body) = request.split_once("\r\n\r\n").expect("head and body");
    let head = head.to_lowercase();
    assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
    for header in ["content-type: application/json", "authorization: bearer s3", "user-agent: alertmanager/"]
    {
        assert!(head.contains(header), "{header} in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((body["version"].as_str(), body["externalURL"].as_str()), (Some("4"), Some("http://mon")));
    let records = async {
        while dispatcher.status().notifications.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), records).await.expect("noted");
    assert_eq!(dispatcher.status().notifications[0].http_status, Some(200));
    dispatcher.stop().await;
}

mod jumps;
mod ledger;
mod muting;
mod pair;
mod restarts;
mod simulation;
