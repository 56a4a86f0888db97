//! Silences that people make, change and end, at random; and what is true of them afterwards.

use std::time::Duration;

use model::{MatchOp, Matcher, TimestampMs};

use super::plan::{Condition, LabelSet};
use super::truth::TrueSilence;
use super::{PAIR_NOTICES_MS, Simulation, lock};
use crate::silence::{Silence, SilenceDraft, SilenceError};

impl Simulation {
    /// Perhaps somebody does something about a silence.
    pub(super) async fn silence(&mut self, ms: i64) {
        let known = lock(&self.world.judge).facts.silences.len();
        let monitor = if self.is_pair { self.rng.usize(..2) } else { 0 };
        if self.world.monitor(monitor).is_none() {
            return;
        }
        if self.chance(50) {
            let conditions: Vec<Condition> =
                (0..self.rng.usize(1..3)).map(|_| Condition::random(&mut self.rng)).collect();
            let wall = self.world.wall();
            let starts = if self.rng.bool() { wall } else { wall + self.minutes(1, 10) };
            let ends = starts + self.minutes(2, 60);
            let silence = TrueSilence { id: String::new(), conditions, starts, ends, is_unsaved: false };
            self.set(monitor, silence, None, ms).await;
        } else if known > 0 && self.chance(60) {
            let which = self.rng.usize(..known);
            let mut silence = lock(&self.world.judge).facts.silences[which].clone();
            let wall = self.world.wall();
            silence.ends = wall.max(silence.starts) + self.minutes(2, 40);
            if self.rng.bool() {
                silence.conditions.push(Condition::random(&mut self.rng));
            }
            self.set(monitor, silence, Some(which), ms).await;
        } else if known > 0 && self.chance(60) {
            let which = self.rng.usize(..known);
            self.expire(monitor, which).await;
        }
        self.agree_on_silences(ms);
    }

    /// Somebody is about to change a silence: until that is written and known to all it may be in force or not.
    fn silence_changes(&mut self) {
        self.silences_changed = true;
        lock(&self.world.judge).facts.are_silences_open = true;
    }

    /// What was changed while they could not hear each other is known to all some seconds later.
    pub(super) fn agree_on_silences(&mut self, ms: i64) {
        let is_settled = self.is_known_to_all(ms);
        let mut judge = lock(&self.world.judge);
        if self.is_forgetful
            && is_settled
            && let Some(monitor) = self.world.monitors().next()
        {
            self.is_forgetful = false;
            let shown = monitor.silences();
            let others = self.world.monitors().map(|other| other.silences());
            others.for_each(|other| assert_eq!(shown, other, "both have the same silences"));
            remember(&mut judge.facts.silences, &shown, self.world.wall());
        }
        judge.facts.are_silences_open = self.is_forgetful || !is_settled && self.silences_changed;
    }

    /// Whether what was changed before now is known to all. What one changes of which the other knows something else is whatever
    /// they make of it in the end.
    fn is_known_to_all(&self, ms: i64) -> bool {
        let together_since = lock(&self.world.judge).together_since;
        !self.is_pair || together_since.is_some_and(|since| ms - since > PAIR_NOTICES_MS)
    }

    /// Until the other monitor has heard of it too.
    async fn until_known(&self) {
        if self.is_pair {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it is in force, and whether it may be forgotten; only a broken disk is a reason for that.
    fn outcome<T>(&self, monitor: usize, outcome: &Result<T, SilenceError>) -> Option<bool> {
        match outcome {
            Ok(_) => Some(false),
            Err(SilenceError::NotSaved) => {
                assert!(!self.disks[monitor].is_sound(), "a silence was not written to a sound disk");
                Some(true)
            }
            Err(_) => None,
        }
    }

    async fn expire(&mut self, monitor: usize, which: usize) {
        let id = lock(&self.world.judge).facts.silences[which].id.clone();
        let wall = self.world.wall();
        self.silence_changes();
        let at = self.world.monitor(monitor).expect("it lives");
        let ended = at.expire_silence(&id).await;
        self.until_known().await;
        self.world.note(format!("silence {id} is ended: {ended:?}"));
        let is_known = self.is_known_to_all(self.world.ms());
        if let Some(is_unsaved) = self.outcome(monitor, &ended) {
            self.is_forgetful |= !is_known;
            let mut judge = lock(&self.world.judge);
            let silence = &mut judge.facts.silences[which];
            (silence.starts, silence.ends) = (silence.starts.min(wall), wall);
            silence.is_unsaved |= is_unsaved || !is_known;
        }
    }

    /// Makes or changes a silence, and takes note of it as somebody would who knows the rules for that.
    async fn set(&mut self, monitor: usize, silence: TrueSilence, which: Option<usize>, ms: i64) {
        let wall = self.world.wall();
        let at = self.world.monitor(monitor).expect("it lives");
        self.silence_changes();
        let set = at.set_silence(draft(&silence, which.is_some())).await;
        self.until_known().await;
        self.world.note(format!("silence {silence:?}: {set:?}"));
        let would_hold_all = silence.conditions.iter().all(|one| one.holds(&LabelSet::new()));
        let is_unsaved = self.outcome(monitor, &set);
        let is_known = which.is_none() || self.is_known_to_all(ms);
        self.is_forgetful |= !is_known && is_unsaved.is_some();
        let mut judge = lock(&self.world.judge);
        let Some(is_unsaved) = is_unsaved else {
            let may_fail = would_hold_all || !is_known || which.is_some() && self.is_forgetful;
            assert!(may_fail, "a silence was refused: {set:?}");
            return;
        };
        assert!(!would_hold_all, "a silence of everything was taken");
        let all = &mut judge.facts.silences;
        let id = set.unwrap_or_else(|_| newest(&at.silences(), all, &silence.id));
        if let Some(old) = which.map(|which| &mut all[which]) {
            old.is_unsaved |= is_unsaved || !is_known;
            if old.id == id {
                (old.starts, old.ends) = (silence.starts, silence.ends);
                return;
            }
            if old.ends > wall {
                (old.starts, old.ends) = (old.starts.min(wall), wall);
            }
        }
        all.push(TrueSilence { id, starts: silence.starts.max(wall), is_unsaved, ..silence });
    }
}

fn draft(silence: &TrueSilence, is_change: bool) -> SilenceDraft {
    let matcher = |one: &Condition| {
        let op = match (one.is_equal, one.is_regex) {
            (true, false) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (false, true) => MatchOp::NotRegex,
        };
        Matcher::new(one.name.clone(), op, one.value()).expect("a plain pattern")
    };
    SilenceDraft {
        id: is_change.then(|| silence.id.clone()),
        matchers: silence.conditions.iter().map(matcher).collect(),
        starts_at: TimestampMs(silence.starts),
        ends_at: TimestampMs(silence.ends),
        created_by: "sim".to_owned(),
        comment: String::new(),
    }
}

/// The id that nobody was told, because the silence could not be written: of one that is not known yet, or it was changed in
/// place.
fn newest(shown: &[Silence], known: &[TrueSilence], changed: &str) -> String {
    let new = shown.iter().find(|one| known.iter().all(|known| known.id != one.id));
    new.map_or_else(|| changed.to_owned(), |one| one.id.clone())
}

/// Whoever was told that a silence is kept was told the truth; of the others it is whatever is left.
fn remember(silences: &mut Vec<TrueSilence>, shown: &[Silence], wall: i64) {
    silences.retain_mut(|silence| {
        let kept = shown.iter().find(|one| one.id == silence.id);
        let Some(kept) = kept else {
            assert!(silence.is_unsaved, "a silence that was written is forgotten: {silence:?}");
            return false;
        };
        let as_kept = (kept.starts_at.0, kept.ends_at.0);
        // One that was ended here and changed there, while they could not hear each other, is over either way.
        let is_over = silence.ends <= wall && kept.ends_at.0 <= wall;
        let is_true = is_over || as_kept == (silence.starts, silence.ends);
        assert!(silence.is_unsaved || is_true, "{silence:?}: {kept:?}");
        (silence.starts, silence.ends) = as_kept;
        silence.is_unsaved = false;
        true
    });
}
