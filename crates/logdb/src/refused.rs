//! What was left out lately: for people who ask whether something is wrong now, where counters only say that it ever was.

use std::sync::{Mutex, PoisonError};

use storage::LogRefusal;

use crate::Db;

/// A stretch of refusals has ended when none came for so long.
const STRETCH_GAP_MS: i64 = 300_000;

/// Lines that were left out lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLately {
    /// How many, since the first.
    pub lines: u64,
    /// When the first was, milliseconds since 1970.
    pub since_ms: i64,
    /// Why the last was.
    pub last: LogRefusal,
    /// When that was.
    pub last_ms: i64,
}

/// The present stretch of refusals, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Stretch(Mutex<Option<RefusedLately>>);

impl Stretch {
    fn note(&self, refusal: &LogRefusal, now_ms: i64) {
        let mut stretch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = stretch.take().filter(|stretch| stretch.is_on(now_ms));
        let (lines, since_ms) = before.map_or((0, now_ms), |before| (before.lines, before.since_ms));
        let (lines, last) = (lines + refusal.lines as u64, refusal.clone());
        *stretch = Some(RefusedLately { lines, since_ms, last, last_ms: now_ms });
    }

    fn now(&self, now_ms: i64) -> Option<RefusedLately> {
        let stretch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stretch.clone().filter(|stretch| stretch.is_on(now_ms))
    }
}

impl RefusedLately {
    /// A clock that was set back ends nothing.
    fn is_on(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.last_ms) < STRETCH_GAP_MS
    }
}

impl Db {
    /// Counts lines that were left out, also those that whoever read the push left out.
    pub fn discarded(&self, refusal: &LogRefusal) {
        self.metrics.discarded(refusal);
        self.refused.note(refusal, self.clock.now_ms());
    }

    /// What was left out in the last five minutes, and before them without a pause as long.
    pub fn refused_lately(&self) -> Option<RefusedLately> {
        self.refused.now(self.clock.now_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_of_refusals_ends_after_a_pause() {
        let stretch = Stretch::default();
        let refusal = |lines| LogRefusal { reason: "r", message: "m".into(), lines, bytes: 1 };
        assert_eq!(stretch.now(0), None);
        stretch.note(&refusal(2), 1000);
        stretch.note(&refusal(3), 200_000);
        let now = stretch.now(499_999).unwrap();
        assert_eq!((now.lines, now.since_ms, now.last.lines, now.last_ms), (5, 1000, 3, 200_000));
        assert_eq!(stretch.now(500_000), None);
        stretch.note(&refusal(1), 600_000);
        assert_eq!(stretch.now(600_000).map(|now| (now.lines, now.since_ms)), Some((1, 600_000)));
    }
}
