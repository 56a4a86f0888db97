//! Label sets: sorted, unique, without empty values, in one allocation that clones by reference.

use std::fmt;
use std::sync::Arc;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// An immutable label set, sorted by name, each name once, no empty value (an empty value means "no such label",
/// as in Prometheus). Equality and hashing are by content.
///
/// The pairs lie one after another in a single string, each name and value behind its length. Lengths are written
/// six bits a byte in ASCII, so that the whole stays valid UTF-8 and can be sliced without copying.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<str>);

impl Labels {
    /// The set without labels.
    pub fn empty() -> Self {
        Self(Arc::from(""))
    }

    /// A set of `pairs` in any order. Of a name given twice the last counts; empty values are left out.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// A set of pairs that are already sorted by name, unique and not empty in value: the fast way in.
    ///
    /// # Panics
    /// In debug builds, when the pairs are not sorted and unique.
    pub fn from_sorted<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut packed = String::new();
        let mut previous: Option<&str> = None;
        for (name, value) in pairs {
            debug_assert!(previous.is_none_or(|p| p < name), "label {name:?} is not above {previous:?}");
            previous = Some(name);
            push_part(&mut packed, name);
            push_part(&mut packed, value);
        }
        Self(Arc::from(packed))
    }

    /// The pairs in order of name.
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: &self.0 }
    }

    /// The value of `name`, if the set has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        // Names of another length are passed over without a look at them, which is quicker than to stop where the order says so.
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The metric name, or "" when there is none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// True when the set has no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many labels the set has.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// How many bytes the set takes on the heap, without the reference counts.
    pub fn heap_bytes(&self) -> usize {
        self.0.len()
    }

    /// The same set without the labels for which `drop` says so.
    #[must_use]
    pub fn without(&self, drop: impl Fn(&str) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(|(name, _)| !drop(name)))
    }

    /// The same set with only the labels for which `keep` says so.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(|(name, _)| keep(name)))
    }

    /// A builder that starts from this set.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder { pairs: self.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }
}

/// Some labels of a set, in memory that is used from set to set: who looks up very many in a map makes none of them.
#[derive(Debug, Clone, Default)]
pub struct LabelsKey(String);

impl LabelsKey {
    /// Takes over those labels of `labels` for which `keep` says so.
    pub fn set_only(&mut self, labels: &Labels, keep: impl Fn(&str) -> bool) {
        self.0.clear();
        let mut rest = &*labels.0;
        while !rest.is_empty() {
            let pair = rest;
            let name = take_part(&mut rest);
            take_part(&mut rest);
            if keep(name) {
                self.0.push_str(&pair[..pair.len() - rest.len()]);
            }
        }
    }

    /// Takes over those labels of `labels` that are among `names`, which are sorted. Looks no further than the last of
    /// them.
    pub fn set_named(&mut self, labels: &Labels, names: &[&str]) {
        self.0.clear();
        let (mut rest, mut names) = (&*labels.0, names.iter().peekable());
        while let Some(&&wanted) = names.peek()
            && !rest.is_empty()
        {
            let pair = rest;
            let name = take_part(&mut rest);
            if name < wanted {
                take_part(&mut rest);
                continue;
            }
            if name == wanted {
                take_part(&mut rest);
                self.0.push_str(&pair[..pair.len() - rest.len()]);
            } else {
                // The set does not have it; the next may be this one.
                rest = pair;
            }
            names.next();
        }
    }

    /// Forgets all labels.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a label, which must be above those that are there and not empty in value.
    pub fn push(&mut self, name: &str, value: &str) {
        push_part(&mut self.0, name);
        push_part(&mut self.0, value);
    }

    /// A text that is equal for equal labels, and says nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels as a set.
    pub fn to_labels(&self) -> Labels {
        Labels(Arc::from(self.0.as_str()))
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Pair by pair, name before value; a set that is the beginning of another comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let same = common_prefix(self.0.as_bytes(), other.0.as_bytes());
        if same == self.0.len().min(other.0.len()) {
            return self.0.len().cmp(&other.0.len());
        }
        // Neighbours have most in common: only the part in which they differ is looked at, which begins at the same place in both.
        let mut at = 0;
        let mut rest = &*self.0;
        while !rest.is_empty() {
            take_part(&mut rest);
            let end = self.0.len() - rest.len();
            if end > same {
                break;
            }
            at = end;
        }
        take_part(&mut &self.0[at..]).cmp(take_part(&mut &other.0[at..]))
    }
}

/// How many bytes both begin with.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = size_of::<u64>();
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD)).take_while(|(a, b)| a == b).count() * WORD;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}

/// Shows a set as PromQL would: `name{a="x", b="y"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric_name())?;
        if !self.metric_name().is_empty() && self.count() == 1 {
            return Ok(());
        }
        let pairs: Vec<String> =
            self.iter().filter(|(n, _)| *n != METRIC_NAME).map(|(n, v)| format!("{n}={v:?}")).collect();
        write!(f, "{{{}}}", pairs.join(", "))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

/// The pairs of a [`Labels`], in order of name.
#[derive(Debug, Clone)]
pub struct LabelsIter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let name = take_part(&mut self.rest);
        let value = take_part(&mut self.rest);
        Some((name, value))
    }
}

const LENGTH_BITS: usize = 6;
const LENGTH_MASK: usize = (1 << LENGTH_BITS) - 1;
const LENGTH_MORE: u8 = 1 << LENGTH_BITS;

fn push_part(packed: &mut String, part: &str) {
    let mut length = part.len();
    while length > LENGTH_MASK {
        packed.push(((length & LENGTH_MASK) as u8 | LENGTH_MORE) as char);
        length >>= LENGTH_BITS;
    }
    packed.push(length as u8 as char);
    packed.push_str(part);
}

#[inline]
fn take_part<'a>(rest: &mut &'a str) -> &'a str {
    // Nearly all parts are short, and their length is one byte.
    if let Some(&byte) = rest.as_bytes().first()
        && byte & LENGTH_MORE == 0
    {
        let (part, tail) = rest[1..].split_at(byte as usize);
        *rest = tail;
        return part;
    }
    take_long_part(rest)
}

#[cold]
fn take_long_part<'a>(rest: &mut &'a str) -> &'a str {
    let (mut length, mut shift, mut at) = (0usize, 0, 0);
    for &byte in rest.as_bytes() {
        length |= (byte as usize & LENGTH_MASK) << shift;
        shift += LENGTH_BITS;
        at += 1;
        if byte & LENGTH_MORE == 0 {
            break;
        }
    }
    let (part, tail) = rest[at..].split_at(length);
    *rest = tail;
    part
}

/// Collects labels in any order, then makes a [`Labels`] of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Sets `name` to `value`; an empty value removes the label.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let (name, value) = (name.into(), value.into());
        self.remove(&name);
        if !value.is_empty() {
            self.pairs.push((name, value));
        }
        self
    }

    /// Removes the label `name`, if it is there.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|(n, _)| n != name);
        self
    }

    /// Keeps the labels for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, v)| keep(n, v));
        self
    }

    /// The value of `name`, if it was set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The pairs, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The finished set.
    pub fn build(mut self) -> Labels {
        self.pairs.sort_unstable();
        Labels::from_sorted(self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_unique_and_without_empty_values() {
        let labels = Labels::from_pairs([("z", "1"), ("a", "2"), ("z", "3"), ("empty", "")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("z", "3")]);
        assert_eq!(labels.get("z"), Some("3"));
        assert_eq!(labels.get("empty"), None);
        assert_eq!(labels.count(), 2);
    }

    #[test]
    fn long_and_unicode_parts_survive() {
        let long = "ü".repeat(5000);
        let labels = Labels::from_pairs([
            ("name", long.as_str()),
            ("b", "→"),
            ("c", &"x".repeat(63)),
            ("d", &"y".repeat(64)),
        ]);
        assert_eq!(labels.get("name"), Some(long.as_str()));
        assert_eq!(labels.get("b"), Some("→"));
        assert_eq!(labels.get("c").map(str::len), Some(63));
        assert_eq!(labels.get("d").map(str::len), Some(64));
    }

    #[test]
    fn order_is_by_pair_not_by_packed_bytes() {
        let short = Labels::from_pairs([("a", "b")]);
        let long_value = Labels::from_pairs([("a", "aaaaaaaaaaaaaaaa")]);
        let more = Labels::from_pairs([("a", "b"), ("c", "d")]);
        assert!(long_value < short && short < more && Labels::empty() < short);
    }

    #[test]
    fn order_is_that_of_the_pairs_wherever_they_differ() {
        let long = |end: &str| format!("{}{end}", "v".repeat(80));
        let parts = ["", "a", "b", "ab", "ü", "→x", &"v".repeat(63), &"v".repeat(64), &long("a"), &long("b")];
        let mut all = vec![Labels::empty()];
        for x in parts {
            for y in parts {
                all.push(Labels::from_pairs([("a", x), ("b", y)]));
                all.push(Labels::from_pairs([("a", "same"), (&format!("n{x}"), "1"), ("z", y)]));
            }
        }
        for a in &all {
            for b in &all {
                assert_eq!(a.cmp(b), a.iter().cmp(b.iter()), "{a} and {b}");
            }
        }
    }

    #[test]
    fn shown_as_promql_shows_it() {
        assert_eq!(Labels::from_pairs([("__name__", "up")]).to_string(), "up");
        assert_eq!(
            Labels::from_pairs([("__name__", "up"), ("job", "a\"b")]).to_string(),
            r#"up{job="a\"b"}"#
        );
        assert_eq!(Labels::empty().to_string(), "{}");
    }

    #[test]
    fn a_key_is_the_set_of_its_labels() {
        let labels = Labels::from_pairs([("a", "1"), ("b", &"x".repeat(70)), ("c", "3")]);
        let mut key = LabelsKey::default();
        for kept in ["", "a", "b", "ac", "abc"] {
            key.set_only(&labels, |name| kept.contains(name));
            let mut named = LabelsKey::default();
            for others in [&[] as &[&str], &["0", "aa", "z"], &["a", "b", "c"]] {
                let mut names: Vec<&str> = kept.split("").filter(|name| !name.is_empty()).collect();
                names.extend(others.iter().filter(|name| kept.contains(**name) || !"abc".contains(**name)));
                names.sort_unstable();
                named.set_named(&labels, &names);
                assert_eq!(named.as_str(), key.as_str(), "{names:?}");
            }
            assert_eq!(key.to_labels(), labels.only(|name| kept.contains(name)));
        }
    }

    #[test]
    fn builder_changes_a_set() {
        let mut builder = Labels::from_pairs([("a", "1"), ("b", "2")]).to_builder();
        builder.set("c", "3").remove("a").set("b", "");
        assert_eq!(builder.build(), Labels::from_pairs([("c", "3")]));
    }
}
