//! Two monitors that watch the same, of which one dies: what the simulation found, step by step.

use std::sync::atomic::{AtomicBool, Ordering};

use model::Matcher;

use super::*;
use crate::peers::{Line, Said};
use crate::silence::SilenceDraft;
use crate::state::wire::Exchange;

/// As [`CONFIG`]; what "b1" is fires instead of "a1".
const INHIBITED: &str = "
route: {receiver: inbox, group_by: [group], group_wait: 10s, group_interval: 1m, repeat_interval: 1h}
receivers: [{name: inbox, webhook_configs: [{url: 'http://inbox/'}]}]
inhibit_rules: [{source_matchers: [name=b1], target_matchers: [name=a1]}]
";

type Living = Arc<[Mutex<Option<Arc<Dispatcher>>>; 2]>;

/// The line to one of the two, unless it is cut.
struct Wire(Living, usize, Arc<AtomicBool>);

impl Line for Wire {
    fn say<'a>(&'a self, said: &'a Exchange) -> Said<'a> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.2.load(Ordering::Relaxed) {
                return Err("cut".to_owned());
            }
            let other = lock(&self.0[self.1]).clone().ok_or("nobody there")?;
            let bytes = serde_json::to_vec(said).expect("serialises");
            other.hear_peer(None, true, &bytes).map_err(|cause| cause.to_string())
        })
    }
}

/// "a" and "b".
struct Two {
    config: &'static str,
    inbox: Arc<Inbox>,
    disks: [disk::MemDisk; 2],
    living: Living,
    is_cut: Arc<AtomicBool>,
}

impl Two {
    fn new(config: &'static str) -> Self {
        let this = Self {
            config,
            inbox: Inbox::new(),
            disks: Default::default(),
            living: Arc::default(),
            is_cut: Arc::default(),
        };
        this.start(0);
        this.start(1);
        this
    }

    fn start(&self, which: usize) {
        let peers = PeerOptions {
            name: ["a", "b"][which].to_owned(),
            urls: vec!["http://other".to_owned()],
            token: None,
            wait: Duration::from_secs(15),
        };
        let (dispatcher, _) = start(self.config, &self.inbox, &self.disks[which], Some(peers));
        let wire = || Wire(Arc::clone(&self.living), 1 - which, Arc::clone(&self.is_cut));
        dispatcher.start_pushing(|_, _| Arc::new(wire()));
        *lock(&self.living[which]) = Some(Arc::new(dispatcher));
    }

    async fn kill(&self, which: usize) {
        let dispatcher = lock(&self.living[which]).take().expect("it lives");
        kill(&dispatcher).await;
        self.disks[which].crash(disk::Crash::PowerLoss, 1);
    }

    /// Tells those that live, as a rule does.
    fn put(&self, name: &str, age_s: i64, state: AlertState) {
        let valid_s = if state == AlertState::Firing { 240 } else { 0 };
        for living in self.living.iter().filter_map(|one| lock(one).clone()) {
            living.put(vec![self.inbox.alert(name, age_s, valid_s, state)]);
        }
    }

    /// How many alerts somebody has in hand.
    fn in_hand(&self, which: usize) -> usize {
        let monitor = lock(&self.living[which]).clone().expect("it lives");
        monitor.with_core(|core, _| core.saved(TimestampMs(0)).1.acks.len())
    }

    async fn until(&self, second: u64) {
        tokio::time::sleep_until(self.inbox.begun + Duration::from_secs(second)).await;
    }
}

/// "a" has not heard of what inhibits when its turn comes; "b" has, and would tell first if there were anything to tell.
#[tokio::test(start_paused = true)]
async fn who_has_just_started_leaves_all_to_the_other() {
    let two = Two::new(INHIBITED);
    two.until(60).await;
    two.kill(0).await;
    two.until(100).await;
    two.put("b1", 0, AlertState::Firing);
    two.until(120).await;
    two.start(0);
    two.until(125).await;
    two.put("a1", 60, AlertState::Firing);
    two.put("a2", 60, AlertState::Firing);
    for second in [180, 240, 300, 360] {
        two.until(second).await;
        let age = i64::try_from(second).expect("small");
        two.put("b1", age - 100, AlertState::Firing);
        two.put("a1", age - 65, AlertState::Firing);
        two.put("a2", age - 65, AlertState::Firing);
    }
    two.until(430).await;
    assert_eq!(two.inbox.told(), ["110 b1|", "140 a2|"]);
}

/// The elder dies before the other has learned everything: the other tells, at once.
#[tokio::test(start_paused = true)]
async fn who_has_just_started_tells_when_the_other_dies() {
    let two = Two::new(CONFIG);
    two.until(60).await;
    two.kill(0).await;
    two.until(120).await;
    two.start(0);
    two.until(150).await;
    two.kill(1).await;
    two.until(170).await;
    two.put("a1", 0, AlertState::Firing);
    two.until(300).await;
    assert_eq!(two.inbox.told(), ["180 a1|"]);
}

/// The elder dies when the other has left an alert to it, which is then not to wait for the group's next turn.
#[tokio::test(start_paused = true)]
async fn what_was_left_to_the_other_is_told_soon_after_it_dies() {
    let two = Two::new(CONFIG);
    two.until(60).await;
    two.kill(0).await;
    two.until(120).await;
    two.start(0);
    two.until(140).await;
    two.put("a1", 0, AlertState::Firing);
    // "a" has left it to "b" at 150, and "b" waits its turn until 165.
    two.until(155).await;
    two.kill(1).await;
    two.until(400).await;
    let told = two.inbox.told();
    let (second, what) = told[0].split_once(' ').expect("a time");
    assert_eq!((what, told.len()), ("a1|", 1), "{told:?}");
    assert!((160..=180).contains(&second.parse::<u64>().expect("seconds")), "{told:?}");
}

/// "b" was away when it began, and each finds out by itself when that was.
#[tokio::test(start_paused = true)]
async fn what_was_in_hand_before_a_start_is_heard_of_after_it() {
    let two = Two::new(CONFIG);
    let monitor = |which: usize| lock(&two.living[which]).clone().expect("it lives");
    let labels = two.inbox.alert("a1", 0, 0, AlertState::Firing).labels;
    two.until(20).await;
    two.kill(1).await;
    two.until(60).await;
    two.put("a1", 0, AlertState::Firing);
    two.until(100).await;
    assert!(monitor(0).acknowledge(crate::ledger::Fingerprint::of(&labels), "me", "on it"));
    two.until(130).await;
    two.start(1);
    for second in (160..900).step_by(60) {
        two.until(second).await;
        let age_s = i64::try_from(second).expect("small");
        // A rule of its own has found it later.
        for (which, age_s) in [(0, age_s - 60), (1, age_s - 160)] {
            monitor(which).put(vec![two.inbox.alert("a1", age_s, 240, AlertState::Firing)]);
        }
    }
    assert_eq!([two.in_hand(0), two.in_hand(1)], [1, 1]);
}

/// "a" comes back from a state in which somebody has it in hand; meanwhile it has ended, and fires anew since so many seconds after "b"
/// was started.
async fn check_in_hand_an_outage_ago(fires_after: u64) {
    let two = Two::new(CONFIG);
    let monitor = |which: usize| lock(&two.living[which]).clone().expect("it lives");
    let print = crate::ledger::Fingerprint::of(&two.inbox.alert("a1", 0, 0, AlertState::Firing).labels);
    two.until(60).await;
    two.put("a1", 0, AlertState::Firing);
    two.until(75).await;
    assert!(monitor(0).acknowledge(print, "me", "on it"));
    two.until(100).await;
    two.kill(1).await;
    two.start(1);
    two.until(130).await;
    two.put("a1", 70, AlertState::Firing);
    two.until(150).await;
    assert_eq!([two.in_hand(0), two.in_hand(1)], [1, 1]);
    two.kill(0).await;
    two.until(200).await;
    two.put("a1", 0, AlertState::Resolved);
    assert_eq!(two.in_hand(1), 0);
    two.until(100 + fires_after).await;
    two.put("a1", 0, AlertState::Firing);
    two.until(120 + fires_after).await;
    two.start(0);
    two.until(160 + fires_after).await;
    assert_eq!(two.in_hand(1), 0, "{fires_after}");
}

#[tokio::test(start_paused = true)]
async fn what_was_in_hand_an_outage_ago_is_not_any_more() {
    for fires_after in [200, 1100, 3000] {
        check_in_hand_an_outage_ago(fires_after).await;
    }
}

/// Somebody has it in hand before the other has evaluated its rules.
#[tokio::test(start_paused = true)]
async fn what_somebody_has_in_hand_early_the_other_knows_once_it_fires_there() {
    let two = Two::new(CONFIG);
    let monitor = |which: usize| lock(&two.living[which]).clone().expect("it lives");
    two.until(60).await;
    let alert = two.inbox.alert("a1", 0, 240, AlertState::Firing);
    let print = crate::ledger::Fingerprint::of(&alert.labels);
    monitor(0).put(vec![alert]);
    two.until(75).await;
    assert!(monitor(0).acknowledge(print, "me", "on it"));
    two.until(115).await;
    monitor(1).put(vec![two.inbox.alert("a1", 0, 240, AlertState::Firing)]);
    two.until(120).await;
    assert_eq!([two.in_hand(0), two.in_hand(1)], [1, 1]);
}

/// What was changed after that has an earlier time than what the other has heard of last.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_hides_no_news_from_the_other() {
    let two = Two::new(CONFIG);
    let silences = |which: usize| lock(&two.living[which]).clone().expect("it lives").silences().len();
    two.until(60).await;
    two.is_cut.store(true, Ordering::Relaxed);
    two.until(70).await;
    two.inbox.jumped_ms.store(-3_600_000, Ordering::Relaxed);
    let now_ms = two.inbox.wall_ms();
    let draft = SilenceDraft {
        id: None,
        matchers: vec![Matcher::equal("name", "a1")],
        starts_at: TimestampMs(now_ms),
        ends_at: TimestampMs(now_ms + 600_000),
        created_by: "me".to_owned(),
        comment: "work".to_owned(),
    };
    let monitor = lock(&two.living[0]).clone().expect("it lives");
    monitor.set_silence(draft).await.expect("saved");
    two.until(100).await;
    assert_eq!((silences(0), silences(1)), (1, 0));
    two.is_cut.store(false, Ordering::Relaxed);
    two.until(110).await;
    assert_eq!(silences(1), 1);
}

/// Whoever says to "b" that he has it in hand is not reminded by "a" either; and is again when he says that he has not.
#[tokio::test(start_paused = true)]
async fn what_somebody_has_in_hand_both_know() {
    let two = Two::new(CONFIG);
    let monitor = |which: usize| lock(&two.living[which]).clone().expect("it lives");
    let alert = crate::ledger::Fingerprint::of(&two.inbox.alert("a1", 0, 0, AlertState::Firing).labels);
    for second in (0..5 * 3600).step_by(60) {
        two.until(second).await;
        two.put("a1", i64::try_from(second).expect("small"), AlertState::Firing);
        match second {
            60 => assert!(monitor(1).acknowledge(alert, "me", "on it")),
            // It hears again what it has forgotten, should it have.
            600 => two.kill(0).await,
            660 => two.start(0),
            10_800 => assert!(monitor(0).unacknowledge(alert)),
            _ => {}
        }
    }
    let told = two.inbox.told();
    assert_eq!((told[0].as_str(), told.len()), ("10 a1|", 3), "{told:?}");
    let again: u64 = told[1].split(' ').next().expect("a time").parse().expect("a number");
    assert!((10_800..10_900).contains(&again), "{told:?}");
}

/// The end was told while "b" was away, by "a", which is gone when "b" comes back: its log still says that the receiver knows.
#[tokio::test(start_paused = true)]
async fn a_log_that_may_be_outdated_keeps_nobody_from_telling() {
    for is_first_alive in [false, true] {
        let two = Two::new(CONFIG);
        two.put("a1", 0, AlertState::Firing);
        two.until(60).await;
        two.kill(1).await;
        two.until(71).await;
        two.put("a1", 71, AlertState::Resolved);
        two.until(200).await;
        if !is_first_alive {
            two.kill(0).await;
        }
        two.until(300).await;
        two.start(1);
        two.until(320).await;
        two.put("a1", 0, AlertState::Firing);
        two.until(500).await;
        let told = two.inbox.told();
        assert_eq!(
            (&told[..2], told.len()),
            (&["10 a1|".to_owned(), "130 |a1".to_owned()][..], 3),
            "{told:?}"
        );
        assert!(told[2].ends_with(" a1|"), "{told:?}");
    }
}

/// "a" told the end while "b" could not hear it; then the clock was set back, and "b" told the next outage. When they hear each
/// other again, both know that this was later.
#[tokio::test(start_paused = true)]
async fn what_was_told_apart_is_told_once_though_the_clock_was_set_back() {
    let two = Two::new(CONFIG);
    let put = |which: usize, state: AlertState| {
        let monitor = lock(&two.living[which]).clone().expect("it lives");
        let valid_s = if state == AlertState::Firing { 240 } else { 0 };
        monitor.put(vec![two.inbox.alert("a1", 0, valid_s, state)]);
    };
    two.until(60).await;
    two.is_cut.store(true, Ordering::Relaxed);
    two.until(100).await;
    put(0, AlertState::Firing);
    two.until(200).await;
    put(0, AlertState::Resolved);
    two.until(300).await;
    two.inbox.jumped_ms.store(-2_400_000, Ordering::Relaxed);
    two.until(320).await;
    put(1, AlertState::Firing);
    two.until(350).await;
    two.is_cut.store(false, Ordering::Relaxed);
    two.until(400).await;
    two.put("a1", 80, AlertState::Firing);
    two.until(550).await;
    assert_eq!(two.inbox.told(), ["110 a1|", "230 |a1", "330 a1|"]);
    two.put("a1", 230, AlertState::Resolved);
    two.until(700).await;
    assert_eq!(two.inbox.told().len(), 4, "{:?}", two.inbox.told());
}
