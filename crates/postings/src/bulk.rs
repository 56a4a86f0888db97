//! An index of very many things at once.
//!
//! Made one by one, most of the time goes into looking for where each label belongs. But neighbours have nearly the same labels: the
//! names stand in the same places, and many values are those of the thing before.

use std::collections::HashMap;
use std::sync::Arc;

use model::Labels;
use roaring::RoaringBitmap;

use crate::{Index, Name};

#[derive(Default)]
struct Columns<'a> {
    all: Vec<Column<'a>>,
    by_name: HashMap<&'a str, usize>,
}

/// Labels of one name, as they come.
struct Column<'a> {
    name: &'a str,
    slots: Vec<u32>,
    numbers: HashMap<&'a str, usize>,
    values: Vec<Value<'a>>,
    /// Number of the value that was met last.
    last: usize,
}

struct Value<'a> {
    text: &'a str,
    slots: Vec<u32>,
}

impl Index {
    /// The index of these things, each in its slot.
    pub fn of<'a>(things: impl IntoIterator<Item = (u32, &'a Labels)>) -> Self {
        let (mut columns, mut all) = (Columns::default(), Vec::new());
        for (slot, labels) in things {
            all.push(slot);
            let mut hint = 0;
            for (name, value) in labels {
                let at = columns.at(hint, name);
                columns.all[at].push(value, slot);
                hint = at + 1;
            }
        }
        let names = columns.all.into_iter().map(|column| (Arc::from(column.name), column.into_name()));
        Self { names: names.collect(), all: bitmap(all) }
    }
}

impl<'a> Columns<'a> {
    /// Where the column of `name` is, most likely at `hint`.
    fn at(&mut self, hint: usize, name: &'a str) -> usize {
        if self.all.get(hint).is_some_and(|column| column.name == name) {
            return hint;
        }
        let next = self.all.len();
        let at = *self.by_name.entry(name).or_insert(next);
        if at == next {
            let numbers = HashMap::new();
            self.all.push(Column { name, slots: Vec::new(), numbers, values: Vec::new(), last: 0 });
        }
        at
    }
}

impl<'a> Column<'a> {
    fn push(&mut self, text: &'a str, slot: u32) {
        self.slots.push(slot);
        if self.values.get(self.last).is_none_or(|last| last.text != text) {
            let next = self.values.len();
            self.last = *self.numbers.entry(text).or_insert(next);
            if self.last == next {
                self.values.push(Value { text, slots: Vec::new() });
            }
        }
        self.values[self.last].slots.push(slot);
    }

    fn into_name(self) -> Name {
        let values = self.values.into_iter().map(|value| (Arc::from(value.text), bitmap(value.slots)));
        Name { values: values.collect(), any: bitmap(self.slots) }
    }
}

/// Quickest when the slots rise.
fn bitmap(slots: Vec<u32>) -> RoaringBitmap {
    RoaringBitmap::from_sorted_iter(slots.iter().copied()).unwrap_or_else(|_| slots.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_once_is_as_one_by_one() {
        let labels = |i: u32| {
            let usual = [("__name__", format!("m{}", i / 7)), ("job", "a".to_owned())];
            let rare = i.is_multiple_of(5).then(|| ("env", format!("e{i}")));
            Labels::from_pairs(usual.into_iter().chain(rare))
        };
        for slots in [(0..100).collect::<Vec<u32>>(), vec![70_000, 3, 9, 4, 80], Vec::new()] {
            let things: Vec<(u32, Labels)> = slots.iter().map(|&slot| (slot, labels(slot))).collect();
            let mut expected = Index::default();
            things.iter().for_each(|(slot, labels)| expected.insert(*slot, labels));
            let index = Index::of(things.iter().map(|(slot, labels)| (*slot, labels)));
            assert_eq!(index.all, expected.all);
            assert!(index.names.keys().eq(expected.names.keys()));
            for (name, entry) in &index.names {
                assert_eq!(
                    (&entry.values, &entry.any),
                    (&expected.names[name].values, &expected.names[name].any)
                );
            }
        }
    }
}
