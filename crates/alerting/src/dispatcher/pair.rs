//! What a monitor of a pair says to the other, hears of it, and leaves to it.

use std::sync::Arc;
use std::time::Duration;

use model::TimestampMs;

use super::{Dispatcher, Shared, lock};
use crate::grouping::{End, Job};
use crate::peers::{self, Heard, Line, PeerStatus, Peers};
use crate::state::Saved;
use crate::state::wire::Exchange;

/// Why another monitor is not listened to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// No pair is configured here.
    #[error("this monitor has no --peer")]
    Alone,
    /// The token is missing or another one, or there is none and the caller is not on this machine.
    #[error("not let in: give both monitors the same --peer-token-file")]
    Stranger,
    /// It makes no sense.
    #[error("{0}")]
    Nonsense(String),
}

impl Dispatcher {
    /// Pushes what is new to other monitors, over a line to each.
    pub(super) fn start_pushing(&self, line: impl Fn(&Peers, usize) -> Arc<dyn Line>) {
        let Some(peers) = &self.shared.peers else { return };
        let push = |number| {
            let line = line(peers, number);
            let (shared, peers) = (Arc::clone(&self.shared), Arc::clone(peers));
            tokio::spawn(peers::run(shared, peers, number, line, self.stop.clone()))
        };
        lock(&self.pushers).extend((0..peers.options.urls.len()).map(push));
    }

    /// Takes over what another monitor of a pair says; answers with this one's run. The error is for that monitor's log.
    ///
    /// # Errors
    /// When there is no pair, the caller is a stranger, or what it says makes no sense.
    pub fn hear_peer(
        &self,
        authorization: Option<&str>,
        is_from_here: bool,
        body: &[u8],
    ) -> Result<Heard, PeerError> {
        let Some(peers) = &self.shared.peers else { return Err(PeerError::Alone) };
        if !peers.lets_in(authorization, is_from_here) {
            return Err(PeerError::Stranger);
        }
        let said: Exchange = serde_json::from_slice(body).map_err(|e| PeerError::Nonsense(e.to_string()))?;
        if said.boot == peers.boot {
            return Err(PeerError::Nonsense("this monitor is its own peer: look at --peer".to_owned()));
        }
        let head = said.head();
        let is_news = said.has_news();
        let shared = said.read().map_err(PeerError::Nonsense)?;
        self.shared.hear_order(head.order);
        if is_news {
            self.with_core(|core, now| core.take_over(shared, now));
        }
        peers.hear(&head);
        if head.complete {
            lock(&self.shared.core).trust_log();
        }
        Ok(Heard { boot: peers.boot.clone(), order: self.shared.order() })
    }

    /// This monitor's name in a pair, and the others; `None` when it is alone.
    pub fn peers(&self) -> Option<(String, Vec<PeerStatus>)> {
        self.shared.peers.as_ref().map(|peers| (peers.options.name.clone(), peers.status()))
    }
}

impl Shared {
    /// What another monitor of a pair is told.
    pub(crate) fn exchange(&self, since: Option<i64>) -> Vec<Exchange> {
        lock(&self.core).exchange(since)
    }

    /// How far the order of tellings has come, in milliseconds.
    pub(crate) fn order(&self) -> i64 {
        let now = self.now().wall;
        lock(&self.core).order(now).0
    }

    /// How far the order of tellings has come at another monitor of a pair.
    pub(crate) fn hear_order(&self, theirs: i64) {
        let now = self.now();
        lock(&self.core).hear_order(TimestampMs(theirs), now);
    }

    /// Whether another monitor of a pair knows better what happened before this one's start.
    pub(super) fn is_elder_alive(&self) -> bool {
        self.peers.as_ref().is_some_and(|peers| peers.is_elder_alive())
    }

    /// Whether this one of a pair has started so lately that it has not heard all senders.
    pub(super) fn is_learning(&self) -> bool {
        self.peers.as_ref().is_some_and(|peers| peers.is_learning())
    }

    /// What others have made of a job since it was decided.
    pub(super) fn told_meanwhile(&self, job: &Job) -> Option<End> {
        let is_elder_alive = self.is_elder_alive();
        let mut core = lock(&self.core);
        core.has_elder = is_elder_alive;
        core.is_learning = self.is_learning();
        core.told_meanwhile(job, self.now())
    }

    /// There may be news for other monitors.
    pub(super) fn tell_peers(&self) {
        if let Some(peers) = &self.peers {
            peers.tell_news();
        }
    }
}

/// For how long nobody was there before this start: for ever when there is no past.
pub(super) fn blind_for(saved: &Saved, now_ms: i64) -> Duration {
    if saved.at <= TimestampMs(0) {
        return peers::BLIND_FOR_EVER;
    }
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(saved.at.0)).unwrap_or(0))
}
