//! What is true of alerts, silences and who is to be told, as somebody knows it who has only seen what senders and people
//! said, and the clock. Where that does not decide (after a restart, or while two monitors cannot hear each other) it is
//! left open.

use super::plan::{Condition, LabelSet, Plan, all_hold};

/// Yes, no, or cannot be said.
pub(super) type Truth = Option<bool>;

fn not(truth: Truth) -> Truth {
    truth.map(|is| !is)
}

fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut is_open = false;
    for truth in truths {
        match truth {
            Some(true) => return truth,
            Some(false) => {}
            None => is_open = true,
        }
    }
    (!is_open).then_some(false)
}

fn both(a: Truth, b: Truth) -> Truth {
    not(any([not(a), not(b)].into_iter()))
}

/// An alert as its sender told of it. Times are those of the wall's clock.
#[derive(Debug, Clone)]
pub(super) struct TrueAlert {
    pub(super) labels: LabelSet,
    /// Until then it fires for sure.
    sure_until: i64,
    /// Until then it may be believed to fire.
    open_until: i64,
    said_at: i64,
    pub(super) said_ms: i64,
    /// Whether somebody has it in hand, and since when it is so.
    pub(super) in_hand: Truth,
    pub(super) in_hand_since_ms: i64,
}

#[derive(Debug, Clone)]
pub(super) struct TrueSilence {
    pub(super) id: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) starts: i64,
    pub(super) ends: i64,
    /// Whoever changed it was told that this may be forgotten.
    pub(super) is_unsaved: bool,
}

impl TrueSilence {
    fn lasts(&self, wall: i64) -> bool {
        (self.starts..self.ends).contains(&wall)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) plan: Plan,
    pub(super) alerts: Vec<TrueAlert>,
    pub(super) silences: Vec<TrueSilence>,
    /// Whether monitors may disagree about silences, or one may have forgotten some.
    pub(super) are_silences_open: bool,
}

impl TrueAlert {
    pub(super) fn new(labels: LabelSet) -> Self {
        Self {
            labels,
            sure_until: i64::MIN,
            open_until: i64::MIN,
            said_at: 0,
            said_ms: -1,
            in_hand: Some(false),
            in_hand_since_ms: 0,
        }
    }

    /// Its sender says that it fires and is to be believed for so long.
    pub(super) fn fired(&mut self, ms: i64, wall: i64, valid_ms: i64) {
        self.sure_until = wall + valid_ms;
        // An end that was told before may lie later where the clock was set back.
        self.open_until = self.open_until.max(self.sure_until);
        (self.said_ms, self.said_at) = (ms, wall);
    }

    /// Its sender says that it is over, and so it is whatever the clock shows later.
    pub(super) fn ended(&mut self, ms: i64, wall: i64) {
        (self.sure_until, self.open_until) = (i64::MIN, i64::MIN);
        (self.said_ms, self.said_at) = (ms, wall);
        if self.in_hand != Some(false) {
            self.changes_hands(ms, Some(false));
        }
    }

    /// Time passes: of what nobody has said anything for too long, nothing can be said if the clock is set back.
    pub(super) fn passes(&mut self, wall: i64) {
        if self.sure_until > i64::MIN && wall >= self.sure_until {
            self.sure_until = i64::MIN;
            self.may_be_let_go();
        }
        if wall >= self.open_until {
            self.may_be_let_go();
        }
    }

    /// Somebody has it in hand from now on, or nobody any more.
    pub(super) fn changes_hands(&mut self, ms: i64, in_hand: Truth) {
        (self.in_hand, self.in_hand_since_ms) = (in_hand, ms);
    }

    /// Something happened by which it may be forgotten that somebody has it in hand.
    pub(super) fn may_be_let_go(&mut self) {
        if self.in_hand == Some(true) {
            self.in_hand = None;
        }
    }

    /// A monitor dies that may not have written what happened since then: that nobody has it in hand any more, too.
    pub(super) fn may_be_in_hand_still(&mut self, unwritten_ms: i64) {
        if self.in_hand == Some(false) && self.in_hand_since_ms > unwritten_ms.max(0) {
            self.in_hand = None;
        }
    }

    /// A monitor of a pair is started anew: it counts anew for how long to believe, which is less than what is left where the clock
    /// was set back.
    pub(super) fn is_counted_anew(&mut self, wall: i64) {
        if self.said_at > wall {
            self.sure_until = i64::MIN;
        }
    }

    /// A monitor is started anew that has heard nothing since `died_ms`: what had not ended `long_ago` may be believed, for as
    /// long again as its sender asked.
    pub(super) fn is_left_open(&mut self, died_ms: i64, wall: i64, long_ago: i64) {
        let was_over = self.open_until < long_ago && self.said_ms < died_ms;
        if was_over || self.said_ms < 0 {
            return;
        }
        // Who has it in hand is known after a restart, if that was written.
        if self.sure_until == i64::MIN || self.in_hand_since_ms > died_ms {
            self.may_be_let_go();
        }
        let believed = self.open_until.saturating_sub(self.said_at).max(super::RESOLVE_TIMEOUT_MS);
        self.sure_until = i64::MIN;
        self.open_until = self.open_until.max(wall + believed);
    }

    pub(super) fn fires(&self, wall: i64) -> Truth {
        if wall < self.sure_until {
            Some(true)
        } else if wall < self.open_until {
            None
        } else {
            Some(false)
        }
    }
}

impl Facts {
    pub(super) fn fires(&self, alert: usize, wall: i64) -> Truth {
        self.alerts[alert].fires(wall)
    }

    pub(super) fn is_silenced(&self, alert: usize, wall: i64) -> Truth {
        let labels = &self.alerts[alert].labels;
        if self.are_silences_open {
            return None;
        }
        Some(self.silences.iter().any(|one| one.lasts(wall) && all_hold(&one.conditions, labels)))
    }

    pub(super) fn is_inhibited(&self, alert: usize, wall: i64) -> Truth {
        let target = &self.alerts[alert].labels;
        let sources = self.alerts.iter().filter(|source| self.plan.inhibits(&source.labels, target));
        any(sources.map(|source| source.fires(wall)))
    }

    /// Whether news of the alert reach the receiver of a route.
    pub(super) fn is_heard(&self, alert: usize, route: usize, wall: i64) -> Truth {
        let held = any([self.is_silenced(alert, wall), self.is_inhibited(alert, wall)].into_iter());
        both(not(held), Some(self.plan.is_on(route, wall)))
    }

    /// Whether the receiver of a route is to be told that the alert fires.
    pub(super) fn is_to_be_told(&self, alert: usize, route: usize, wall: i64) -> Truth {
        both(self.fires(alert, wall), self.is_heard(alert, route, wall))
    }
}
