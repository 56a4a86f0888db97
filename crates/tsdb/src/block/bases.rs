//! Which chunk of a block being written others may build on: of a histogram the bucket that comes first, which has all that
//! was counted. The other buckets differ from it by what they lack, and its count does not differ at all.

use std::collections::HashMap;

use model::Labels;

use super::scale::Scaled;
use super::values::{Draft, Kind, Values};

/// Bytes of integers that are remembered, as they are packed: those of some ten thousand histograms over two hours. All are
/// forgotten when there are more, and the next buckets are written by themselves.
const REMEMBERED_BYTES_MAX: usize = 8 << 20;
/// What an entry takes beside its text and integers.
const ENTRY_BYTES: usize = 64;

/// The chunks written so far that others may build on.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    known: HashMap<Key, Known>,
    known_bytes: usize,
    /// Integers of the base that was asked for last.
    integers: Vec<i64>,
}

/// A histogram, and the first moment of a chunk.
type Key = (Box<str>, i64);

#[derive(Debug)]
struct Known {
    offset_bytes: u64,
    count: usize,
    scale: u8,
    kind: Kind,
    /// As in a chunk, without exceptions: what stands for them is the same in both.
    values: Box<[u8]>,
}

/// What a series is to a histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// One of its buckets; the text is the same for all of them.
    Bucket(Box<str>),
    /// Its count, which is the same as that of the last bucket.
    Count(Box<str>),
}

impl Role {
    /// By name and labels, as everybody writes histograms.
    pub(crate) fn of(labels: &Labels) -> Option<Self> {
        let name = labels.get("__name__")?;
        if let Some(name) = name.strip_suffix("_bucket") {
            return labels.get("le").map(|_| Self::Bucket(histogram(name, labels)));
        }
        Some(Self::Count(histogram(name.strip_suffix("_count")?, labels)))
    }

    fn histogram(&self) -> &str {
        let (Self::Bucket(text) | Self::Count(text)) = self;
        text
    }
}

/// Name and labels of a histogram, in a form that no other has.
fn histogram(name: &str, labels: &Labels) -> Box<str> {
    let mut text = name.to_owned();
    for (name, value) in labels.iter().filter(|(name, _)| !["__name__", "le"].contains(name)) {
        // No label has this character, and if one had, a chunk would be longer than it need be.
        text.extend(["\0", name, "\0", value]);
    }
    text.into()
}

impl Bases {
    /// The place and the integers of the chunk on which one may build that begins at this moment.
    pub(crate) fn find(&mut self, role: &Role, first_ms: i64, scaled: &Scaled) -> Option<(u64, &[i64])> {
        let known = self.known.get(&(role.histogram().into(), first_ms))?;
        if known.count != scaled.integers.len() || known.scale != scaled.scale {
            return None;
        }
        let values = Values::parse(&known.values, known.count, known.kind, true)?;
        self.integers.clear();
        values.for_each(0, known.count, |k| self.integers.push(k));
        Some((known.offset_bytes, &self.integers))
    }

    /// Remembers a chunk that builds on none, if it is the first of its histogram at this moment.
    pub(crate) fn add(&mut self, role: &Role, first_ms: i64, scaled: &Scaled, offset_bytes: u64) {
        let Role::Bucket(histogram) = role else { return };
        let key = (histogram.clone(), first_ms);
        if self.known.contains_key(&key) {
            return;
        }
        let mut values = Vec::new();
        let draft = Draft::of(&scaled.integers);
        draft.put(false, &mut values);
        let bytes = values.len() + key.0.len() + ENTRY_BYTES;
        if self.known_bytes + bytes > REMEMBERED_BYTES_MAX {
            self.known.clear();
            self.known_bytes = 0;
        }
        self.known_bytes += bytes;
        let (count, scale) = (scaled.integers.len(), scaled.scale);
        let known = Known { offset_bytes, count, scale, kind: draft.kind, values: values.into() };
        self.known.insert(key, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_count_of_a_histogram_have_the_same_text_and_no_others() {
        let role = |pairs: &[(&str, &str)]| Role::of(&Labels::from_pairs(pairs.iter().copied()));
        let text = |pairs: &[(&str, &str)]| role(pairs).map(|role| role.histogram().to_owned());
        let first = text(&[("__name__", "h_bucket"), ("le", "1"), ("path", "/")]);
        assert!(first.is_some());
        assert_eq!(text(&[("__name__", "h_bucket"), ("le", "2"), ("path", "/")]), first);
        assert_eq!(text(&[("__name__", "h_count"), ("path", "/")]), first);
        assert_ne!(text(&[("__name__", "h_bucket"), ("le", "1"), ("path", "/a")]), first);
        assert_ne!(text(&[("__name__", "g_bucket"), ("le", "1"), ("path", "/")]), first);
        for other in [&[("__name__", "h_bucket")][..], &[("__name__", "h_sum")], &[("le", "1")]] {
            assert_eq!(role(other), None);
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut bases = Bases::default();
        let scaled = Scaled::of(&(0..4000).map(|i| f64::from(i * i % 9973)).collect::<Vec<_>>());
        let role = |i: usize| Role::Bucket(i.to_string().into());
        let all = 3 * REMEMBERED_BYTES_MAX / 4000;
        for i in 0..all {
            bases.add(&role(i), 0, &scaled, 16);
            assert!(bases.known_bytes <= REMEMBERED_BYTES_MAX);
        }
        assert!(bases.known.len() < all, "some were forgotten");
        assert!(bases.find(&role(0), 0, &scaled).is_none());
        let found = bases.find(&role(all - 1), 0, &scaled).map(|(at, integers)| (at, integers.to_vec()));
        assert_eq!(found, Some((16, scaled.integers)));
    }
}
