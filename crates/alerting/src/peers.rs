//! A pair: monitors that watch the same and do not both tell. They share silences and the notification log.
//!
//! Each pushes what has changed to the others' `/api/peer`, at once and every [`HEARTBEAT`] as a sign of life; to one that
//! has started anew, everything. Who is first by name tells at once. The others wait their turn, `wait` for each living one
//! before them, and then tell only what the log says was not told meanwhile. So either may die, and nothing is lost: whoever
//! hears nothing of another does not wait for it. A message is doubled only if one dies between the receiver's answer and
//! its note of it, as with one monitor alone.
//!
//! After a start nobody is told before the others have said what they know, or [`SETTLE_MAX`] has passed. Alerts themselves are
//! not shared, so who has just started may believe in one that has ended meanwhile, and may not know of one that inhibits: for
//! [`LEARN_FOR`] it leaves everything to another that knows better, and afterwards all news of what it has not heard of since.
//! Who cannot hear the others after a start doubts its log instead: they may have told ends since it was written.

mod push;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::Secret;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::state::wire::Exchange;

#[cfg(test)]
pub(crate) use push::Said;
pub(crate) use push::{Line, Post, run};

/// The path of the exchange.
pub const PATH: &str = "/api/peer";

/// How often a sign of life is pushed.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// Who was not heard of for so long does not live: some signs of life may be lost or late.
pub const ALIVE_FOR: Duration = Duration::from_secs(10);

/// How long a start waits for what others know.
pub const SETTLE_MAX: Duration = Duration::from_secs(10);

/// How long after its start a monitor may not know of all that fires: whoever has not spoken since then is not believed any
/// more by the others either. The default of `resolve_timeout`.
const LEARN_FOR: Duration = Duration::from_secs(300);

/// Who has no past knows nothing of what was before.
pub(crate) const BLIND_FOR_EVER: Duration = Duration::from_millis(u64::MAX);

/// Who is older by no more than this is not older: a pair that is started together.
const SAME_MOMENT: Duration = Duration::from_secs(10);

/// The most others. A pair is what this is made for; the order of some more still works.
pub const PEERS_MAX: usize = 8;

/// How this monitor takes part.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Its own name; the order of names is the order of telling.
    pub name: String,
    /// The others: addresses of their Alertmanager ports.
    pub urls: Vec<String>,
    /// What callers must know. Without it only callers on this machine are let in.
    pub token: Option<Secret>,
    /// How long each waits for those before it: Alertmanager's `--cluster.peer-timeout`.
    pub wait: Duration,
}

/// Another monitor, as it was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its name.
    pub name: String,
    /// Whether it was heard of lately.
    pub is_alive: bool,
}

/// What a monitor of a pair answers when another has spoken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heard {
    /// Which run of the monitor it was that heard.
    pub(crate) boot: String,
    /// How far the order of tellings has come here, in milliseconds.
    #[serde(default = "long_ago")]
    pub(crate) order: i64,
}

/// One of an older version does not say how far the order has come.
pub(crate) fn long_ago() -> i64 {
    i64::MIN
}

/// The others.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) options: PeerOptions,
    /// Tells this run from an earlier one under the same name.
    pub(crate) boot: String,
    begun: Instant,
    /// For how long before that nobody was there.
    blind: Duration,
    heard: Mutex<BTreeMap<String, Life>>,
    /// Something was heard.
    ear: Notify,
    /// There is something to push, for each URL.
    pub(crate) news: Vec<Notify>,
}

#[derive(Debug)]
struct Life {
    at: Instant,
    began: Instant,
    blind: Duration,
    boot: String,
    /// It has said all that it knows since we began.
    is_complete: bool,
}

impl Peers {
    pub(crate) fn new(options: PeerOptions, blind: Duration) -> Self {
        let news = options.urls.iter().map(|_| Notify::new()).collect();
        Self {
            boot: format!("{:016x}", fastrand::u64(..)),
            begun: Instant::now(),
            blind,
            heard: Mutex::default(),
            ear: Notify::new(),
            news,
            options,
        }
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<String, Life>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a caller may take part.
    pub(crate) fn lets_in(&self, authorization: Option<&str>, is_from_here: bool) -> bool {
        match &self.options.token {
            None => is_from_here,
            Some(token) => {
                let given = authorization.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
                is_same(given.as_bytes(), token.expose().as_bytes())
            }
        }
    }

    /// For how long this monitor has been running.
    pub(crate) fn up_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// For how long before that nobody was there.
    pub(crate) fn blind_ms(&self) -> u64 {
        u64::try_from(self.blind.as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes note of a sign of life.
    pub(crate) fn hear(&self, said: &Exchange) {
        let (name, boot) = (&said.name, &said.boot);
        let mut heard = self.heard();
        if heard.len() >= 2 * PEERS_MAX && !heard.contains_key(name) {
            heard.retain(|_, one| one.at.elapsed() < ALIVE_FOR);
        }
        let known = heard.get(name).filter(|one| one.boot == *boot);
        let is_complete = said.complete || known.is_some_and(|one| one.is_complete);
        let at = Instant::now();
        let began = at.checked_sub(Duration::from_millis(said.up_ms)).unwrap_or(at);
        let blind = Duration::from_millis(said.blind_ms);
        heard.insert(name.clone(), Life { at, began, blind, boot: boot.clone(), is_complete });
        drop(heard);
        self.ear.notify_waiters();
    }

    /// There is something to push.
    pub(crate) fn tell_news(&self) {
        self.news.iter().for_each(Notify::notify_one);
    }

    /// How many living ones come before this one.
    pub(crate) fn position(&self) -> usize {
        let own = (self.options.name.as_str(), self.boot.as_str());
        let heard = self.heard();
        let living = heard.iter().filter(|(_, one)| one.at.elapsed() < ALIVE_FOR);
        living.filter(|(name, one)| (name.as_str(), one.boot.as_str()) < own).count()
    }

    /// Whether another one lives that knows better what there is: it has been running for longer, or, of two that started
    /// together, it is the one that ran last. Both may think so of themselves, but never each of the other: what is heard of
    /// the other's age is less by the time that takes.
    pub(crate) fn is_elder_alive(&self) -> bool {
        let (up, known) = (self.begun.elapsed(), self.begun.elapsed() + self.blind);
        let knows_better = |one: &Life| {
            let (its_up, its_known) = (one.began.elapsed(), one.began.elapsed() + one.blind);
            let is_younger = up > its_up + SAME_MOMENT;
            !is_younger && (its_up > up + SAME_MOMENT || its_known + SAME_MOMENT < known)
        };
        self.heard().values().any(|one| one.at.elapsed() < ALIVE_FOR && knows_better(one))
    }

    /// Whether there are senders that this monitor has not heard yet.
    pub(crate) fn is_learning(&self) -> bool {
        self.begun.elapsed() < LEARN_FOR
    }

    /// Whether all others have said what they know.
    pub(crate) fn have_all(&self) -> bool {
        self.heard().values().filter(|one| one.is_complete).count() >= self.options.urls.len()
    }

    /// Waits until the others have said what they know, as far as they are there.
    pub(crate) async fn settled(&self) {
        let deadline = self.begun + SETTLE_MAX;
        loop {
            let ear = self.ear.notified();
            if self.have_all() || Instant::now() >= deadline {
                return;
            }
            // Asked again at the deadline, and whenever something is heard; what came between is in `complete`.
            let soon = deadline.min(Instant::now() + HEARTBEAT);
            let _ = tokio::time::timeout_at(soon, ear).await;
        }
    }

    /// How long to wait before telling.
    pub(crate) fn wait(&self) -> Duration {
        self.options.wait * u32::try_from(self.position()).unwrap_or(u32::MAX)
    }

    pub(crate) fn status(&self) -> Vec<PeerStatus> {
        let one = |(name, heard): (&String, &Life)| PeerStatus {
            name: name.clone(),
            is_alive: heard.at.elapsed() < ALIVE_FOR,
        };
        self.heard().iter().map(one).collect()
    }
}

/// Compares without telling by the time it takes where the first difference is.
fn is_same(given: &[u8], wanted: &[u8]) -> bool {
    given.len() == wanted.len() && given.iter().zip(wanted).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(name: &str, token: Option<&str>) -> Peers {
        let options = PeerOptions {
            name: name.to_owned(),
            urls: vec!["http://127.0.0.1:1".to_owned()],
            token: token.map(Secret::new),
            wait: Duration::from_secs(15),
        };
        Peers::new(options, Duration::ZERO)
    }

    fn said(name: &str, complete: bool, up_s: u64, blind_s: u64) -> Exchange {
        let (name, boot) = (name.to_owned(), "1".to_owned());
        let blind_ms = blind_s.saturating_mul(1000);
        Exchange { name, boot, complete, up_ms: up_s * 1000, blind_ms, ..Exchange::hello() }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_first_by_name_does_not_wait_and_nobody_waits_for_the_dead() {
        let peers = peers("b", None);
        assert_eq!(peers.wait(), Duration::ZERO);
        peers.hear(&said("c", false, 0, 0));
        assert_eq!(peers.wait(), Duration::ZERO);
        assert!(!peers.is_elder_alive());
        peers.hear(&said("a", false, 60, 0));
        assert!(peers.is_elder_alive());
        assert_eq!(peers.wait(), Duration::from_secs(15));
        tokio::time::sleep(ALIVE_FOR).await;
        assert_eq!(peers.wait(), Duration::ZERO);
        assert!(!peers.is_elder_alive());
        assert!(peers.status().iter().all(|peer| !peer.is_alive));
    }

    /// This one has been running for a minute, `blind_s` after it was there last; the other as it says. Who knows better what
    /// was before?
    async fn check_elder(blind_s: u64, (up_s, its_blind_s): (u64, u64), expected: bool) {
        let mut one = peers("b", None);
        one.blind = Duration::from_millis(blind_s.saturating_mul(1000));
        tokio::time::sleep(Duration::from_secs(60)).await;
        one.hear(&said("a", false, up_s, its_blind_s));
        assert_eq!(one.is_elder_alive(), expected, "{blind_s} {up_s} {its_blind_s}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_there_meanwhile_knows_better_and_else_who_was_there_last() {
        // It has been running for longer, this one has.
        check_elder(30, (3600, 0), true).await;
        check_elder(900, (300, 1800), true).await;
        check_elder(300, (3, 20), false).await;
        // Both were gone, one of them before the other.
        check_elder(300, (60, 900), false).await;
        check_elder(900, (55, 300), true).await;
        check_elder(900, (65, 300), true).await;
        // Only one of them has a past.
        check_elder(u64::MAX, (62, 900), true).await;
        check_elder(900, (62, u64::MAX), false).await;
        check_elder(u64::MAX, (62, u64::MAX), false).await;
        // Both went and came together.
        check_elder(0, (62, 0), false).await;
        check_elder(300, (58, 303), false).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_for_what_others_know_but_not_for_ever() {
        let one = std::sync::Arc::new(peers("b", None));
        let begun = Instant::now();
        one.settled().await;
        assert_eq!(begun.elapsed(), SETTLE_MAX);
        let two = std::sync::Arc::new(peers("b", None));
        let (begun, other) = (Instant::now(), std::sync::Arc::clone(&two));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            other.hear(&said("a", false, 0, 0));
            tokio::time::sleep(Duration::from_secs(2)).await;
            other.hear(&said("a", true, 0, 0));
        });
        two.settled().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }

    #[test]
    fn strangers_are_not_let_in() {
        let open = peers("a", None);
        assert!(open.lets_in(None, true) && !open.lets_in(None, false));
        let closed = peers("a", Some("s3cret"));
        for (given, expected) in [
            (None, false),
            (Some("Bearer s3cret"), true),
            (Some("Bearer s3creT"), false),
            (Some("s3cret"), false),
        ] {
            assert_eq!(closed.lets_in(given, true), expected, "{given:?}");
        }
    }
}
