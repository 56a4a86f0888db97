//! Which group a series belongs to, by some of its labels.

use std::collections::HashMap;

use model::{Labels, LabelsKey, METRIC_NAME};

use super::{Column, GroupBy, Names, Rows, is_metadata};

/// Which group each series belongs to, and what the groups are called.
#[derive(Debug)]
pub struct Groups {
    /// A group number a series.
    pub of_series: Vec<usize>,
    /// Labels of each group, and whether its name goes at the end.
    pub labels: Vec<(Labels, bool)>,
}

/// Sorts series into groups.
pub fn groups(by: GroupBy<'_>, columns: &[Column], is_nameless: bool) -> Groups {
    let mut grouping = Grouping::new(by, is_nameless);
    let of_series = (0..columns.len()).map(|i| grouping.id(columns, i) as usize).collect();
    Groups {
        of_series,
        labels: grouping.into_groups().into_iter().map(|(_, labels, drop)| (labels, drop)).collect(),
    }
}

/// Groups so far, numbered as they were met.
pub(super) struct Grouping<'a> {
    clause: Clause<'a>,
    key: LabelsKey,
    ids: HashMap<String, u32>,
    groups: Vec<(String, Labels, bool)>,
}

/// What of a label set counts.
enum Clause<'a> {
    Nothing,
    By(Names<'a>),
    Without(Names<'a>),
}

impl<'a> Grouping<'a> {
    /// Groups of an aggregation; the series have names no more when `is_nameless`, even if they show them.
    pub(super) fn new(by: GroupBy<'a>, is_nameless: bool) -> Self {
        let gone = |name: &String| is_nameless && is_metadata(name);
        let clause = if by.without {
            let named = if is_nameless { vec!["__type__", "__unit__"] } else { Vec::new() };
            Clause::Without(Names::of(by.names.iter().map(String::as_str).chain(named).chain([METRIC_NAME])))
        } else {
            match Names::of(by.names.iter().filter(|name| !gone(name)).map(String::as_str)) {
                names if names.is_empty() => Clause::Nothing,
                names => Clause::By(names),
            }
        };
        Self { clause, key: LabelsKey::default(), ids: HashMap::new(), groups: Vec::new() }
    }

    /// The number of the group of row `i`.
    pub(super) fn id<R: Rows + ?Sized>(&mut self, rows: &R, i: usize) -> u32 {
        let Self { clause, key, .. } = self;
        match clause {
            // All are one, and need not show what they are called.
            Clause::Nothing if !self.groups.is_empty() => return 0,
            Clause::Nothing => {}
            Clause::By(names) => {
                rows.with_labels(i, &mut |labels| key.set_named(labels, names.sorted()));
            }
            Clause::Without(names) => {
                rows.with_labels(i, &mut |labels| key.set_only(labels, |name| !names.contains(name)));
            }
        }
        if let Some(&id) = self.ids.get(self.key.as_str()) {
            return id;
        }
        self.add(self.key.as_str().to_owned(), self.key.to_labels(), rows.drop_name(i))
    }

    /// The number of a group that another grouping has met.
    pub(super) fn id_of(&mut self, (key, labels, drop_name): (String, Labels, bool)) -> u32 {
        match self.ids.get(&key) {
            Some(&id) => id,
            None => self.add(key, labels, drop_name),
        }
    }

    fn add(&mut self, key: String, labels: Labels, drop_name: bool) -> u32 {
        let id = self.groups.len() as u32;
        self.ids.insert(key.clone(), id);
        self.groups.push((key, labels, drop_name));
        id
    }

    /// Key, labels of each group, and whether its name goes at the end; in order of number.
    pub(super) fn into_groups(self) -> Vec<(String, Labels, bool)> {
        self.groups
    }
}
