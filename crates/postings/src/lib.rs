//! Which of many things have which labels: a bitmap of slots for each pair of name and value. A thing is a series of samples or
//! a stream of lines; whoever keeps it gives it a slot.

mod bulk;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Labels, MatchOp, Matcher};
use roaring::RoaringBitmap;

/// Postings of all things. Names and values are kept once, as the keys here.
#[derive(Debug, Default)]
pub struct Index {
    names: BTreeMap<Arc<str>, Name>,
    all: RoaringBitmap,
}

#[derive(Debug, Default)]
struct Name {
    values: HashMap<Arc<str>, RoaringBitmap>,
    /// Slots of things that have the label at all.
    any: RoaringBitmap,
}

impl Index {
    /// Adds the thing in `slot`.
    pub fn insert(&mut self, slot: u32, labels: &Labels) {
        self.all.insert(slot);
        for (name, value) in labels {
            if !self.names.contains_key(name) {
                self.names.insert(Arc::from(name), Name::default());
            }
            let Some(entry) = self.names.get_mut(name) else { continue };
            entry.any.insert(slot);
            match entry.values.get_mut(value) {
                Some(slots) => drop(slots.insert(slot)),
                None => drop(entry.values.insert(Arc::from(value), RoaringBitmap::from([slot]))),
            }
        }
    }

    /// Adds all of another index, of things in other slots.
    pub fn absorb(&mut self, other: Self) {
        self.all |= other.all;
        for (text, name) in other.names {
            let Name { values, any } = name;
            let entry = self.names.entry(text).or_default();
            entry.any |= any;
            for (value, slots) in values {
                *entry.values.entry(value).or_default() |= slots;
            }
        }
    }

    /// Takes the thing in `slot`, whose labels these are, out.
    pub fn remove(&mut self, slot: u32, labels: &Labels) {
        self.all.remove(slot);
        for (name, value) in labels {
            let Some(entry) = self.names.get_mut(name) else { continue };
            entry.any.remove(slot);
            if let Some(slots) = entry.values.get_mut(value) {
                slots.remove(slot);
                if slots.is_empty() {
                    entry.values.remove(value);
                }
            }
            if entry.any.is_empty() {
                self.names.remove(name);
            }
        }
    }

    /// Slots of what satisfies all matchers.
    pub fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        // A matcher that an absent label satisfies only takes away; the others say where to look. Equality first: it is
        // a lookup, and leaves little for the rest.
        let (takes_away, mut looks): (Vec<&Matcher>, Vec<&Matcher>) =
            matchers.iter().partition(|m| m.matches_empty());
        looks.sort_by_key(|m| m.only_values().map_or(usize::MAX, <[String]>::len));
        let mut found: Option<RoaringBitmap> = None;
        for matcher in looks {
            let slots = self.with_value(matcher);
            found = Some(match found {
                None => slots,
                Some(so_far) => so_far & slots,
            });
            if found.as_ref().is_some_and(RoaringBitmap::is_empty) {
                return RoaringBitmap::new();
            }
        }
        let mut found = found.unwrap_or_else(|| self.all.clone());
        for matcher in takes_away {
            found -= self.without_value(matcher);
        }
        found
    }

    /// Slots of things whose value, not empty, satisfies the matcher.
    fn with_value(&self, matcher: &Matcher) -> RoaringBitmap {
        let Some(name) = self.names.get(matcher.name.as_str()) else { return RoaringBitmap::new() };
        if let Some(values) = matcher.only_values() {
            return union(values.iter().filter_map(|value| name.values.get(value.as_str())));
        }
        let takes_all =
            matches!((matcher.op, matcher.value.as_str()), (MatchOp::Regex, ".+") | (MatchOp::NotEqual, ""));
        if takes_all {
            return name.any.clone();
        }
        union(name.values.iter().filter(|(value, _)| matcher.matches(value)).map(|(_, slots)| slots))
    }

    /// Slots of things whose value does not satisfy a matcher that an absent label satisfies.
    fn without_value(&self, matcher: &Matcher) -> RoaringBitmap {
        let Some(name) = self.names.get(matcher.name.as_str()) else { return RoaringBitmap::new() };
        match (matcher.op, matcher.value.as_str()) {
            (MatchOp::Equal, _) => name.any.clone(),
            (MatchOp::NotEqual, value) => name.values.get(value).cloned().unwrap_or_default(),
            (MatchOp::Regex, ".*") => RoaringBitmap::new(),
            _ => {
                union(name.values.iter().filter(|(value, _)| !matcher.matches(value)).map(|(_, slots)| slots))
            }
        }
    }

    /// Names of labels that the things in `slots` have, sorted.
    pub fn names_of(&self, slots: &RoaringBitmap) -> Vec<String> {
        let has = self.names.iter().filter(|(_, name)| !name.any.is_disjoint(slots));
        has.map(|(text, _)| text.to_string()).collect()
    }

    /// Values of label `name` that the things in `slots` have, sorted.
    pub fn values_of(&self, name: &str, slots: &RoaringBitmap) -> Vec<String> {
        let Some(name) = self.names.get(name) else { return Vec::new() };
        let has = name.values.iter().filter(|(_, of)| !of.is_disjoint(slots));
        let mut all: Vec<String> = has.map(|(text, _)| text.to_string()).collect();
        all.sort_unstable();
        all
    }

    /// How many pairs of name and value there are.
    pub fn pairs(&self) -> usize {
        self.names.values().map(|name| name.values.len()).sum()
    }

    /// Visits each pair with the number of things that have it.
    pub fn for_each_pair(&self, mut visit: impl FnMut(&str, &str, u64)) {
        for (name, entry) in &self.names {
            entry.values.iter().for_each(|(value, slots)| visit(name, value, slots.len()));
        }
    }
}

fn union<'a>(all: impl Iterator<Item = &'a RoaringBitmap>) -> RoaringBitmap {
    let mut union = RoaringBitmap::new();
    all.for_each(|slots| union |= slots);
    union
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: [&[(&str, &str)]; 5] = [
        &[("__name__", "up"), ("job", "a")],
        &[("__name__", "up"), ("job", "b")],
        &[("__name__", "up"), ("job", "b"), ("env", "prod")],
        &[("__name__", "down"), ("job", "a")],
        &[("__name__", "up")],
    ];

    fn index() -> Index {
        let mut index = Index::default();
        for (slot, pairs) in SERIES.iter().enumerate() {
            index.insert(slot as u32, &Labels::from_pairs(pairs.iter().copied()));
        }
        index
    }

    fn matchers(all: &[(&str, &str, &str)]) -> Vec<Matcher> {
        let op = |text| match text {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            _ => MatchOp::NotRegex,
        };
        all.iter().map(|(name, how, value)| Matcher::new(*name, op(*how), *value).unwrap()).collect()
    }

    /// The bitmap way must find what asking each series finds.
    fn check(all: &[(&str, &str, &str)], expect: &[u32]) {
        let matchers = matchers(all);
        assert_eq!(index().matching(&matchers).iter().collect::<Vec<_>>(), expect, "{all:?}");
        let asked = SERIES.iter().enumerate().filter(|(_, pairs)| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            matchers.iter().all(|m| m.matches_labels(&labels))
        });
        assert_eq!(asked.map(|(slot, _)| slot as u32).collect::<Vec<_>>(), expect, "{all:?}");
    }

    #[test]
    fn every_kind_of_matcher_finds_what_it_should() {
        check(&[], &[0, 1, 2, 3, 4]);
        check(&[("__name__", "=", "up")], &[0, 1, 2, 4]);
        check(&[("__name__", "=", "up"), ("job", "=", "b")], &[1, 2]);
        check(&[("job", "=~", "a|b")], &[0, 1, 2, 3]);
        check(&[("job", "=~", "[ab]")], &[0, 1, 2, 3]);
        check(&[("job", "=~", ".+")], &[0, 1, 2, 3]);
        check(&[("job", "=~", ".*")], &[0, 1, 2, 3, 4]);
        check(&[("job", "=~", "a|")], &[0, 3, 4]);
        check(&[("job", "=~", "b?")], &[1, 2, 4]);
        check(&[("job", "!=", "a")], &[1, 2, 4]);
        check(&[("job", "!=", "")], &[0, 1, 2, 3]);
        check(&[("job", "=", "")], &[4]);
        check(&[("job", "!~", "a|c")], &[1, 2, 4]);
        check(&[("job", "!~", "")], &[0, 1, 2, 3]);
        check(&[("job", "!~", ".*")], &[]);
        check(&[("job", "!~", ".+")], &[4]);
        check(&[("env", "!=", "prod"), ("job", "=", "b")], &[1]);
        check(&[("env", "=~", "prod|dev"), ("job", "!=", "b")], &[]);
        check(&[("nothing", "=", "x")], &[]);
        check(&[("nothing", "!=", "x")], &[0, 1, 2, 3, 4]);
        check(&[("nothing", "=", "")], &[0, 1, 2, 3, 4]);
    }

    #[test]
    fn parts_that_absorb_each_other_are_the_whole() {
        let pairs = |index: &Index| {
            let mut all = Vec::new();
            index.for_each_pair(|name, value, count| all.push((name.to_owned(), value.to_owned(), count)));
            all.sort();
            all
        };
        for parts in 1..4 {
            let mut all: Vec<Index> = (0..parts).map(|_| Index::default()).collect();
            for (slot, pairs) in SERIES.iter().enumerate() {
                all[slot % parts].insert(slot as u32, &Labels::from_pairs(pairs.iter().copied()));
            }
            let mut whole = Index::default();
            all.into_iter().for_each(|part| whole.absorb(part));
            assert_eq!((pairs(&whole), &whole.all), (pairs(&index()), &index().all));
            for (name, entry) in &index().names {
                assert_eq!(whole.names[name].any, entry.any, "{name}");
                assert_eq!(whole.names[name].values, entry.values, "{name}");
            }
        }
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut index = index();
        for (slot, pairs) in SERIES.iter().enumerate() {
            index.remove(slot as u32, &Labels::from_pairs(pairs.iter().copied()));
        }
        assert!(index.names.is_empty() && index.all.is_empty());
    }

    #[test]
    fn names_and_values_of_some_series() {
        let index = index();
        let some = RoaringBitmap::from([1, 2]);
        assert_eq!(index.names_of(&some), ["__name__", "env", "job"]);
        assert_eq!(index.values_of("job", &some), ["b"]);
        assert_eq!(index.values_of("job", &index.all), ["a", "b"]);
        assert_eq!(index.pairs(), 5);
    }
}
