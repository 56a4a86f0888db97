//! Silences: of what nobody is told for a while. Alertmanager's rules for changing, ending and forgetting them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{DurationMs, Labels, Matcher, TimestampMs};

/// How long a silence that is over is kept for whoever asks: Alertmanager's `--data.retention`.
const RETENTION: DurationMs = DurationMs::from_secs(120 * 3600);

/// The most silences kept, those that are over included. Ten times what a large fleet has; each costs about 1 kB and a
/// look at every alert of every flush. Beyond it new ones are refused, which the caller is told.
pub const SILENCES_MAX: usize = 10_000;

/// Of what nobody is told, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// A UUID.
    pub id: String,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    pub starts_at: TimestampMs,
    /// When it is over.
    pub ends_at: TimestampMs,
    /// When it was last changed.
    pub updated_at: TimestampMs,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Where a silence is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// At work.
    Active,
    /// Not begun.
    Pending,
    /// Over.
    Expired,
}

impl SilenceState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// A silence that somebody asks for; with an id, a change of one that is there.
#[derive(Debug, Clone)]
pub struct SilenceDraft {
    /// Which one to change.
    pub id: Option<String>,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    pub starts_at: TimestampMs,
    /// When it is over.
    pub ends_at: TimestampMs,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Why a silence was not made, changed or ended. Texts are Alertmanager's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SilenceError {
    /// There is none of this id.
    #[error("silence not found")]
    NotFound,
    /// It is over already.
    #[error("silence {0} already expired")]
    Expired(String),
    /// It ends before it begins.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// It is over before it is made.
    #[error("end time can't be in the past")]
    EndsInPast,
    /// It has no matchers.
    #[error("at least one matcher required")]
    NoMatchers,
    /// It would silence everything.
    #[error("at least one matcher must not match the empty string")]
    MatchesAll,
    /// [`SILENCES_MAX`] are there.
    #[error("{SILENCES_MAX} silences are known already")]
    Full,
    /// It is in force but could not be written to disk, so a restart may forget it.
    #[error("the silence is in force, but could not be written to disk")]
    NotSaved,
}

impl Silence {
    /// Where it is in its life.
    pub fn state(&self, now: TimestampMs) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }

    /// Whether this is the later of two states of one silence.
    fn outdoes(&self, known: &Self) -> bool {
        let shortness = |one: &Self| Reverse((one.ends_at, one.starts_at));
        (self.updated_at, shortness(self)) > (known.updated_at, shortness(known))
    }

    /// When a change of now happened, as far as its order counts.
    fn changed_at(&self, now: TimestampMs) -> TimestampMs {
        TimestampMs(now.0.max(self.updated_at.0.saturating_add(1)))
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }

    fn can_become(&self, draft: &SilenceDraft, now: TimestampMs) -> bool {
        let second = |at: TimestampMs| at.0.div_euclid(1000);
        self.matchers == draft.matchers
            && match self.state(now) {
                SilenceState::Active => {
                    second(draft.starts_at) == second(self.starts_at) && draft.ends_at >= now
                }
                SilenceState::Pending => draft.starts_at >= now,
                SilenceState::Expired => false,
            }
    }
}

/// All silences by their ids. So that an alert is not held against all of them, most lie under a pair of label and value
/// that an alert must have to fall under them.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    all: BTreeMap<String, Silence>,
    /// Ids by name and value.
    by_pair: HashMap<String, HashMap<String, BTreeSet<String>>>,
    /// Ids of those that no such pair is known of: they are tried on every alert.
    others: BTreeSet<String>,
}

/// The label, and its values one of which an alert must have, or it does not fall under these matchers.
fn needed(matchers: &[Matcher]) -> Option<(&str, &[String])> {
    let literal = |matcher: &&Matcher| !matcher.matches_empty() && matcher.only_values().is_some();
    // The fewer values the better, and an equality has one.
    let best = matchers.iter().filter(literal).min_by_key(|matcher| matcher.only_values().map(<[_]>::len))?;
    Some((&best.name, best.only_values()?))
}

impl Silences {
    pub(crate) fn restored(silences: Vec<Silence>) -> Self {
        let mut this = Self::default();
        silences.into_iter().for_each(|silence| this.insert(silence));
        this
    }

    fn insert(&mut self, silence: Silence) {
        self.remove(&silence.id);
        match needed(&silence.matchers) {
            Some((name, values)) => {
                let of_name = self.by_pair.entry(name.to_owned()).or_default();
                for value in values {
                    of_name.entry(value.clone()).or_default().insert(silence.id.clone());
                }
            }
            None => drop(self.others.insert(silence.id.clone())),
        }
        self.all.insert(silence.id.clone(), silence);
    }

    fn remove(&mut self, id: &str) {
        let Some(gone) = self.all.remove(id) else { return };
        self.others.remove(id);
        let Some((name, values)) = needed(&gone.matchers) else { return };
        let Some(of_name) = self.by_pair.get_mut(name) else { return };
        for value in values {
            if let Some(ids) = of_name.get_mut(value) {
                ids.remove(id);
                if ids.is_empty() {
                    of_name.remove(value);
                }
            }
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id)
    }

    /// Takes over what another monitor knows; the later change of a silence counts, and of two in the same moment the one that
    /// silences less. True when anything was news.
    pub(crate) fn merge(&mut self, silences: Vec<Silence>) -> bool {
        let mut changed = false;
        for silence in silences {
            let is_news = match self.all.get(&silence.id) {
                Some(known) => silence.outdoes(known),
                None => self.all.len() < SILENCES_MAX,
            };
            if is_news {
                self.insert(silence);
                changed = true;
            }
        }
        changed
    }

    /// Makes or changes a silence and answers its id. What cannot be changed in place is ended, and a new one made.
    pub(crate) fn set(&mut self, draft: SilenceDraft, now: TimestampMs) -> Result<String, SilenceError> {
        check(&draft, now)?;
        let before = match &draft.id {
            Some(id) => Some(self.all.get(id).ok_or(SilenceError::NotFound)?),
            None => None,
        };
        // Later than what it was before, also where somebody has set the clock back: the later change counts in a pair.
        let updated_at = before.map_or(now, |known| known.changed_at(now));
        let (id, starts_at) = match before {
            Some(known) if known.can_become(&draft, now) => (known.id.clone(), draft.starts_at),
            _ if self.all.len() >= SILENCES_MAX => return Err(SilenceError::Full),
            Some(known) => {
                let id = known.id.clone();
                if known.state(now) != SilenceState::Expired {
                    self.expire(&id, now)?;
                }
                (new_id(), draft.starts_at.max(now))
            }
            None => (new_id(), draft.starts_at.max(now)),
        };
        let silence = Silence {
            id: id.clone(),
            matchers: draft.matchers,
            starts_at,
            ends_at: draft.ends_at,
            updated_at,
            created_by: draft.created_by,
            comment: draft.comment,
        };
        self.insert(silence);
        Ok(id)
    }

    /// Ends a silence; one that has not begun never will.
    pub(crate) fn expire(&mut self, id: &str, now: TimestampMs) -> Result<(), SilenceError> {
        let silence = self.all.get_mut(id).ok_or(SilenceError::NotFound)?;
        match silence.state(now) {
            SilenceState::Expired => return Err(SilenceError::Expired(id.to_owned())),
            SilenceState::Pending => silence.starts_at = now,
            SilenceState::Active => {}
        }
        (silence.ends_at, silence.updated_at) = (now, silence.changed_at(now));
        Ok(())
    }

    /// Ids of the silences that an alert with these labels falls under now.
    pub(crate) fn muting(&self, labels: &Labels, now: TimestampMs) -> Vec<String> {
        let of_pairs = labels.iter().filter_map(|(name, value)| self.by_pair.get(name)?.get(value));
        let candidates = of_pairs.chain([&self.others]).flatten().filter_map(|id| self.all.get(id));
        let at_work = candidates.filter(|silence| silence.state(now) == SilenceState::Active);
        let mut ids: Vec<String> =
            at_work.filter(|silence| silence.matches(labels)).map(|silence| silence.id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.values()
    }

    /// Forgets what has long been over; true when there was any.
    pub(crate) fn collect(&mut self, now: TimestampMs) -> bool {
        let old = self.all.values().filter(|silence| silence.ends_at.0 + RETENTION.0 <= now.0);
        let old: Vec<String> = old.map(|silence| silence.id.clone()).collect();
        old.iter().for_each(|id| self.remove(id));
        !old.is_empty()
    }
}

fn check(draft: &SilenceDraft, now: TimestampMs) -> Result<(), SilenceError> {
    if draft.matchers.is_empty() {
        return Err(SilenceError::NoMatchers);
    }
    if draft.matchers.iter().all(Matcher::matches_empty) {
        return Err(SilenceError::MatchesAll);
    }
    if draft.starts_at >= draft.ends_at {
        return Err(SilenceError::EndsBeforeStart);
    }
    if draft.ends_at < now {
        return Err(SilenceError::EndsInPast);
    }
    Ok(())
}

/// A random UUID, version 4.
fn new_id() -> String {
    let bits = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(id: Option<&str>, starts_at: i64, ends_at: i64) -> SilenceDraft {
        SilenceDraft {
            id: id.map(str::to_owned),
            matchers: vec![Matcher::equal("job", "db")],
            starts_at: TimestampMs(starts_at),
            ends_at: TimestampMs(ends_at),
            created_by: "me".to_owned(),
            comment: "work".to_owned(),
        }
    }

    #[test]
    fn it_mutes_while_it_lasts() {
        let mut silences = Silences::default();
        let id = silences.set(draft(None, 1000, 5000), TimestampMs(500)).expect("valid");
        let db = Labels::from_pairs([("job", "db")]);
        for (now, expected) in [(999, 0), (1000, 1), (4999, 1), (5000, 0)] {
            assert_eq!(silences.muting(&db, TimestampMs(now)).len(), expected, "at {now}");
        }
        assert!(silences.muting(&Labels::from_pairs([("job", "web")]), TimestampMs(2000)).is_empty());
        silences.expire(&id, TimestampMs(2000)).expect("active");
        assert!(silences.muting(&db, TimestampMs(2000)).is_empty());
        assert_eq!(silences.expire(&id, TimestampMs(2001)), Err(SilenceError::Expired(id)));
    }

    #[test]
    fn a_change_that_cannot_be_made_in_place_makes_a_new_one() {
        let mut silences = Silences::default();
        let id = silences.set(draft(None, 0, 5000), TimestampMs(1000)).expect("valid");
        let same = silences.set(draft(Some(&id), 1000, 9000), TimestampMs(2000)).expect("longer");
        assert_eq!(same, id);
        let mut other = draft(Some(&id), 1000, 9000);
        other.matchers.push(Matcher::equal("zone", "a"));
        let new = silences.set(other, TimestampMs(3000)).expect("replaced");
        assert_ne!(new, id);
        let states: Vec<_> =
            [&id, &new].map(|id| silences.all[id.as_str()].state(TimestampMs(3000)).as_str()).to_vec();
        assert_eq!(states, ["expired", "active"]);
        assert_eq!(silences.set(draft(Some("x"), 0, 9000), TimestampMs(3000)), Err(SilenceError::NotFound));
    }

    #[test]
    fn what_is_no_silence_is_refused() {
        let mut silences = Silences::default();
        let mut check = |draft, expected| assert_eq!(silences.set(draft, TimestampMs(1000)), Err(expected));
        check(draft(None, 5, 5), SilenceError::EndsBeforeStart);
        check(draft(None, 5, 999), SilenceError::EndsInPast);
        check(SilenceDraft { matchers: Vec::new(), ..draft(None, 5, 2000) }, SilenceError::NoMatchers);
        let all = vec![Matcher::equal("job", "")];
        check(SilenceDraft { matchers: all, ..draft(None, 5, 2000) }, SilenceError::MatchesAll);
    }

    /// What lies under a pair is found as what is tried on everything.
    #[test]
    fn any_matchers_are_found() {
        let of = |texts: &[&str]| {
            let matchers = texts.iter().flat_map(|text| crate::matchers::parse(text).expect("matchers"));
            SilenceDraft { matchers: matchers.collect(), ..draft(None, 0, 5000) }
        };
        let all: [&[&str]; 7] = [
            &["job=db"],
            &["job=~\"db|web\""],
            &["job=~\"d.*\""],
            &["job!=\"web\"", "zone=\"a\""],
            &["zone=\"\"", "job=db"],
            &["zone=~\"a|\"", "job!=web", "job!=\"\""],
            &["job!~\"w.*\"", "job!=\"\""],
        ];
        for texts in all {
            let mut silences = Silences::default();
            let id = silences.set(of(texts), TimestampMs(0)).expect("valid");
            for labels in [
                [("job", "db"), ("zone", "a")],
                [("job", "db"), ("zone", "b")],
                [("job", "web"), ("zone", "")],
            ] {
                let labels = Labels::from_pairs(labels);
                let expected = silences.all[&id].matches(&labels);
                let found = silences.muting(&labels, TimestampMs(1));
                assert_eq!(!found.is_empty(), expected, "{texts:?} on {labels}");
            }
            assert!(silences.collect(TimestampMs(5000 + RETENTION.0)));
            assert!(silences.others.is_empty() && silences.by_pair.values().all(HashMap::is_empty));
        }
    }

    #[test]
    fn the_later_change_counts_between_two() {
        let (mut here, mut there) = (Silences::default(), Silences::default());
        let id = here.set(draft(None, 0, 5000), TimestampMs(0)).expect("valid");
        assert!(there.merge(here.iter().cloned().collect()));
        assert!(!there.merge(here.iter().cloned().collect()), "no news the second time");
        there.expire(&id, TimestampMs(100)).expect("active");
        assert!(!there.merge(here.iter().cloned().collect()), "an older state is no news");
        assert!(here.merge(there.iter().cloned().collect()));
        assert_eq!(here.all[&id].state(TimestampMs(100)), SilenceState::Expired);
    }

    #[test]
    fn ids_are_uuids_and_old_ones_are_forgotten() {
        let mut silences = Silences::default();
        let id = silences.set(draft(None, 0, 5000), TimestampMs(0)).expect("valid");
        let shape: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!((shape, &id[14..15]), (vec![8, 4, 4, 4, 12], "4"));
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert!(!silences.collect(TimestampMs(5000 + RETENTION.0 - 1)));
        assert!(silences.collect(TimestampMs(5000 + RETENTION.0)));
    }
}
