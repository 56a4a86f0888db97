//! A pair: monitors that watch the same and do not both tell. They share silences and the notification log.
//!
//! Each pushes what has changed to the others' `/api/peer`, at once and every [`HEARTBEAT`] as a sign of life; to one that
//! has started anew, everything. Who is first by name tells at once. The others wait their turn, `wait` for each living one
//! before them, and then tell only what the log says was not told meanwhile. So either may die, and nothing is lost: whoever
//! hears nothing of another does not wait for it. A message is doubled only if one dies between the receiver's answer and
//! its note of it, as with one monitor alone.
//!
//! After a start nobody is told before the others have said what they know, or [`SETTLE_MAX`] has passed. Alerts themselves are
//! not shared, so who has just started may believe in one that has ended meanwhile: of what it has not heard of since, it
//! leaves all news to another that has been running for longer.

mod push;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::Secret;
use tokio::sync::Notify;
use tokio::time::Instant;

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

/// The others.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) options: PeerOptions,
    /// Tells this run from an earlier one under the same name.
    pub(crate) boot: String,
    begun: Instant,
    heard: Mutex<BTreeMap<String, Heard>>,
    /// Something was heard.
    ear: Notify,
    /// There is something to push, for each URL.
    pub(crate) news: Vec<Notify>,
}

#[derive(Debug)]
struct Heard {
    at: Instant,
    began: Instant,
    boot: String,
    /// It has said all that it knows since we began.
    is_complete: bool,
}

impl Peers {
    pub(crate) fn new(options: PeerOptions) -> Self {
        let news = options.urls.iter().map(|_| Notify::new()).collect();
        Self {
            boot: format!("{:016x}", fastrand::u64(..)),
            begun: Instant::now(),
            heard: Mutex::default(),
            ear: Notify::new(),
            news,
            options,
        }
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
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

    /// Takes note of a sign of life of one that has been running for `up_ms`.
    pub(crate) fn hear(&self, name: &str, boot: &str, is_complete: bool, up_ms: u64) {
        let mut heard = self.heard();
        if heard.len() >= 2 * PEERS_MAX && !heard.contains_key(name) {
            heard.retain(|_, one| one.at.elapsed() < ALIVE_FOR);
        }
        let known = heard.get(name).filter(|one| one.boot == boot);
        let is_complete = is_complete || known.is_some_and(|one| one.is_complete);
        let at = Instant::now();
        let began = at.checked_sub(Duration::from_millis(up_ms)).unwrap_or(at);
        heard.insert(name.to_owned(), Heard { at, began, boot: boot.to_owned(), is_complete });
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

    /// Whether another one lives that has been running for longer than this one, and may know better what ended meanwhile.
    pub(crate) fn is_elder_alive(&self) -> bool {
        self.heard().values().any(|one| one.at.elapsed() < ALIVE_FOR && one.began < self.begun)
    }

    /// Waits until the others have said what they know, as far as they are there.
    pub(crate) async fn settled(&self) {
        let deadline = self.begun + SETTLE_MAX;
        loop {
            let ear = self.ear.notified();
            let complete = self.heard().values().filter(|one| one.is_complete).count();
            if complete >= self.options.urls.len() || Instant::now() >= deadline {
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
        let one = |(name, heard): (&String, &Heard)| PeerStatus {
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
        Peers::new(PeerOptions {
            name: name.to_owned(),
            urls: vec!["http://127.0.0.1:1".to_owned()],
            token: token.map(Secret::new),
            wait: Duration::from_secs(15),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_first_by_name_does_not_wait_and_nobody_waits_for_the_dead() {
        let peers = peers("b", None);
        assert_eq!(peers.wait(), Duration::ZERO);
        peers.hear("c", "1", false, 0);
        assert_eq!(peers.wait(), Duration::ZERO);
        assert!(!peers.is_elder_alive());
        peers.hear("a", "1", false, 60_000);
        assert!(peers.is_elder_alive());
        assert_eq!(peers.wait(), Duration::from_secs(15));
        tokio::time::sleep(ALIVE_FOR).await;
        assert_eq!(peers.wait(), Duration::ZERO);
        assert!(!peers.is_elder_alive());
        assert!(peers.status().iter().all(|peer| !peer.is_alive));
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
            other.hear("a", "1", false, 0);
            tokio::time::sleep(Duration::from_secs(2)).await;
            other.hear("a", "1", true, 0);
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
