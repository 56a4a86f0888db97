//! Those who are told of lines as they are stored.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use model::{Labels, LogEntry, Matcher};
use storage::LogFollow;

/// All followers.
#[derive(Default)]
pub(crate) struct Followers {
    all: Mutex<Vec<Follower>>,
    /// So that a push without followers takes no lock.
    count: AtomicUsize,
}

struct Follower {
    matchers: Vec<Matcher>,
    tells: Weak<dyn LogFollow>,
}

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followers").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Followers {
    pub(crate) fn add(&self, matchers: &[Matcher], follower: &Arc<dyn LogFollow>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|follower| follower.tells.strong_count() > 0);
        all.push(Follower { matchers: matchers.to_vec(), tells: Arc::downgrade(follower) });
        self.count.store(all.len(), Ordering::Relaxed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Tells of lines of a stream; forgets who is gone.
    pub(crate) fn tell(&self, stream: &Labels, entries: &[&LogEntry]) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copies: Vec<LogEntry> = Vec::new();
        all.retain(|follower| {
            let Some(tells) = follower.tells.upgrade() else { return false };
            if !entries.is_empty() && follower.matchers.iter().all(|matcher| matcher.matches_labels(stream)) {
                if copies.is_empty() {
                    copies.extend(entries.iter().map(|entry| (*entry).clone()));
                }
                tells.stored(stream, &copies);
            }
            true
        });
        self.count.store(all.len(), Ordering::Relaxed);
    }
}
