//! One line on its way through the stages.

use std::collections::BTreeMap;

use model::Labels;

/// The label by which a stage chooses the tenant of a line; it is never sent.
pub(crate) const TENANT: &str = "__tenant_id__";

/// A file as the system knows it, whatever its name is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub device: u64,
    pub inode: u64,
}

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub file: FileId,
    pub offset: u64,
}

/// What a stage has found in a line.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    Text(String),
    /// There, and without a value: JSON's null.
    Null,
    /// A label of the beginning that a stage took away.
    Gone,
}

/// A line, its labels, and what the stages before found in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Nanoseconds since the epoch: when it was read, unless a stage knows better.
    pub at_ns: i64,
    pub line: String,
    pub labels: Labels,
    /// Structured metadata.
    pub metadata: Vec<(String, String)>,
    /// Where it begins; of joined lines the first.
    pub origin: Origin,
    /// The labels it began with, which count as found.
    first_labels: Labels,
    found: BTreeMap<String, Found>,
}

impl Entry {
    pub(crate) fn new(at_ns: i64, line: String, labels: Labels, origin: Origin) -> Self {
        let first_labels = labels.clone();
        Self { at_ns, line, labels, metadata: Vec::new(), origin, first_labels, found: BTreeMap::new() }
    }

    /// The text found under `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        match self.found.get(name) {
            Some(Found::Text(text)) => Some(text),
            Some(Found::Null | Found::Gone) => None,
            None => self.first_labels.get(name),
        }
    }

    /// Whether something was found under `name`, be it nothing.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self.found.get(name) {
            Some(found) => *found != Found::Gone,
            None => self.first_labels.get(name).is_some(),
        }
    }

    pub(crate) fn set(&mut self, name: &str, text: impl Into<String>) {
        self.put(name, Found::Text(text.into()));
    }

    pub(crate) fn set_null(&mut self, name: &str) {
        self.put(name, Found::Null);
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.put(name, Found::Gone);
    }

    fn put(&mut self, name: &str, found: Found) {
        match self.found.get_mut(name) {
            Some(place) => *place = found,
            None => _ = self.found.insert(name.to_owned(), found),
        }
    }

    /// All texts found, by name.
    pub(crate) fn all(&self) -> BTreeMap<&str, &str> {
        let labels = self.first_labels.iter();
        let mut all: BTreeMap<&str, &str> =
            labels.filter(|(name, _)| !self.found.contains_key(*name)).collect();
        for (name, found) in &self.found {
            if let Found::Text(text) = found {
                all.insert(name, text);
            }
        }
        all
    }

    /// `source` of a stage, or the line itself.
    pub(crate) fn input(&self, source: Option<&str>) -> Option<&str> {
        match source {
            Some(name) => self.get(name),
            None => Some(&self.line),
        }
    }

    /// Sets labels; an empty value takes one away.
    pub(crate) fn set_labels<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, String)>) {
        let mut pairs = pairs.into_iter().peekable();
        if pairs.peek().is_none() {
            return;
        }
        let mut labels = self.labels.to_builder();
        for (name, value) in pairs {
            labels.set(name, value);
        }
        self.labels = labels.build();
    }

    #[cfg(test)]
    pub(crate) fn of(line: &str, labels: &[(&str, &str)]) -> Self {
        let file = FileId { device: 1, inode: 1 };
        let labels = Labels::from_pairs(labels.iter().copied());
        Self::new(1_000, line.to_owned(), labels, Origin { file, offset: 0 })
    }
}
