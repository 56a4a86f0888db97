//! Which targets of a round gave what they gave in the round before. Where steps are minutes and rounds seconds, most do.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Outcome;

/// The answers of a round, by the place of their target: of each a hash of all that a page shows of it. Two that differ have
/// the same of 64 bits once in ages, and then a page shows for one round what it showed before.
#[derive(Debug)]
pub(super) struct Seen(Vec<Option<u64>>);

impl Seen {
    /// Nothing yet, of so many targets.
    pub(super) fn nothing(targets: usize) -> Self {
        Self(vec![None; targets])
    }

    /// Whether the target at `place` gave the same before; remembers what it gives now.
    pub(super) fn is_same(&mut self, place: usize, outcome: &Outcome) -> bool {
        let Some(known) = self.0.get_mut(place) else { return false };
        let mut hasher = DefaultHasher::new();
        outcome.hash(&mut hasher);
        known.replace(hasher.finish()) == Some(hasher.finish())
    }
}

/// What is measured of an answer (time, samples read) is no part of it.
impl Hash for Outcome {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Error(error) => error.to_string().hash(state),
            Self::Lines(lines) => lines.hash_shown(state),
            Self::Answer(shown) => {
                let columns::Steps { start, step_ms, count } = shown.steps;
                (start.0, step_ms, count, shown.series.len()).hash(state);
                for series in &shown.series {
                    series.labels.hash(state);
                    series.values.iter().for_each(|value| value.to_bits().hash(state));
                }
                shown.warnings.hash(state);
                shown.why.as_ref().map(|why| why.to_json().to_string()).hash(state);
            }
        }
    }
}
