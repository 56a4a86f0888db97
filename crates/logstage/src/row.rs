//! One line on its way through the stages: its text, the labels it has and the fields that were found in it.
//!
//! Labels of the stream and structured metadata stay where they are; only what stages set or take away is kept beside
//! them, so that a line that is filtered out has cost no memory.

use std::borrow::Cow;

use model::Labels;

use crate::name::same;

/// The label that says that a stage failed on a line, and how.
pub const ERROR: &str = "__error__";
/// The label with the details.
pub const ERROR_DETAILS: &str = "__error_details__";

/// Fields that stages may set on one line. Real lines have tens; beyond this the rest is left out and the line is
/// marked with the error `TooManyFieldsErr`.
pub const FIELDS_MAX: usize = 1000;

/// Behind the name of a field that the stream or the metadata have a label for already.
pub const EXTRACTED: &str = "_extracted";

/// Where a label of a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The stream.
    Stream,
    /// The line's structured metadata.
    Metadata,
    /// A stage.
    Parsed,
}

/// What a stage set.
#[derive(Debug, Clone)]
struct Field<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

/// A line and all that is known of it.
#[derive(Debug)]
pub struct Row<'a> {
    at_ns: i64,
    line: Cow<'a, str>,
    stream: &'a Labels,
    metadata: Option<&'a Labels>,
    fields: Vec<Field<'a>>,
    /// Labels of the stream and of the metadata that a stage took away.
    gone: Vec<Cow<'a, str>>,
    error: Option<(Cow<'static, str>, String)>,
}

impl Clone for Row<'_> {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.at_ns, "", self.stream, self.metadata);
        copy.clone_from(self);
        copy
    }

    /// Uses the memory of the row before: who takes a line several ways copies it each time.
    fn clone_from(&mut self, other: &Self) {
        let Self { at_ns, line, stream, metadata, fields, gone, error } = other;
        (self.at_ns, self.stream, self.metadata) = (*at_ns, stream, *metadata);
        self.line.clone_from(line);
        self.fields.clone_from(fields);
        self.gone.clone_from(gone);
        self.error.clone_from(error);
    }
}

impl<'a> Row<'a> {
    /// A line as it was stored.
    pub fn new(at_ns: i64, line: &'a str, stream: &'a Labels, metadata: Option<&'a Labels>) -> Self {
        let (fields, gone) = (Vec::new(), Vec::new());
        Self { at_ns, line: Cow::Borrowed(line), stream, metadata, fields, gone, error: None }
    }

    /// The next line of the same stream, in the memory of the one before.
    pub fn reset(&mut self, at_ns: i64, line: &'a str, metadata: Option<&'a Labels>) {
        self.at_ns = at_ns;
        self.line = Cow::Borrowed(line);
        self.metadata = metadata;
        self.fields.clear();
        self.gone.clear();
        self.error = None;
    }

    /// When, nanoseconds.
    pub fn at_ns(&self) -> i64 {
        self.at_ns
    }

    /// The text as it is now.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The text, which stays when the row goes on.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        self.line.clone()
    }

    /// The labels of the stream.
    pub fn stream(&self) -> &'a Labels {
        self.stream
    }

    pub(crate) fn set_line(&mut self, line: impl Into<Cow<'a, str>>) {
        self.line = line.into();
    }

    /// The value of a label or field; `None` when there is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some(field) = self.fields.iter().find(|field| same(&field.name, name)) {
            return Some(&field.value);
        }
        match (name, &self.error) {
            (ERROR, Some((kind, _))) => return Some(kind),
            (ERROR_DETAILS, Some((_, details))) if !details.is_empty() => return Some(details),
            _ => {}
        }
        if self.gone.iter().any(|gone| same(gone, name)) {
            return None;
        }
        self.given(name)
    }

    /// The value that the stream or the metadata give, whatever stages did.
    fn given(&self, name: &str) -> Option<&'a str> {
        self.metadata.and_then(|metadata| metadata.get(name)).or_else(|| self.stream.get(name))
    }

    /// Whether the stream or the metadata have this label.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// What a field that a parser found is called: what the stream has is not overwritten.
    pub(crate) fn name_for<'n>(&self, name: Cow<'n, str>) -> Cow<'n, str> {
        if self.is_given(&name) { Cow::Owned(format!("{name}{EXTRACTED}")) } else { name }
    }

    /// Adds a field that a parser found, under its final name; one that is there already stays. Whether it was added.
    pub(crate) fn extract(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) -> bool {
        if self.has_field(&name) {
            return false;
        }
        self.push(name, value);
        true
    }

    fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|field| same(&field.name, name))
    }

    /// Whether a parser may still find a field that is then called so.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        let is_renamed = || name.strip_suffix(EXTRACTED).is_some_and(|found| self.is_given(found));
        !self.has_field(name) && (!self.is_given(name) || is_renamed())
    }

    /// Sets a label, whatever it was.
    pub(crate) fn set(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
            field.value = value;
            return;
        }
        self.push(name, value);
    }

    fn push(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        if self.fields.len() == FIELDS_MAX {
            return self.fail("TooManyFieldsErr", || format!("more than {FIELDS_MAX} fields on one line"));
        }
        self.fields.push(Field { name, value });
    }

    /// Takes a label away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.fields.retain(|field| field.name != name);
        if name == ERROR {
            self.error = None;
        } else if let (ERROR_DETAILS, Some((_, details))) = (name, &mut self.error) {
            details.clear();
        }
        if self.is_given(name) {
            self.gone.push(Cow::Owned(name.to_owned()));
        }
    }

    /// Marks the line: a stage failed on it. The first failure stays.
    pub(crate) fn fail(&mut self, kind: &'static str, details: impl FnOnce() -> String) {
        if self.error.is_none() {
            self.error = Some((Cow::Borrowed(kind), details()));
        }
    }

    /// How a stage failed on this line.
    pub fn error(&self) -> Option<&str> {
        self.error.as_ref().map(|(kind, _)| &**kind)
    }

    /// All labels with their origin, in no promised order, each name once; the error last.
    pub fn for_each<'r>(&'r self, mut visit: impl FnMut(&'r str, &'r str, Origin)) {
        let is_hidden = |name: &str| {
            self.gone.iter().any(|gone| same(gone, name))
                || self.fields.iter().any(|field| same(&field.name, name))
        };
        for (name, value) in self.metadata.into_iter().flatten() {
            if !is_hidden(name) {
                visit(name, value, Origin::Metadata);
            }
        }
        for (name, value) in self.stream {
            let is_covered = self.metadata.is_some_and(|metadata| metadata.get(name).is_some());
            if !is_covered && !is_hidden(name) {
                visit(name, value, Origin::Stream);
            }
        }
        self.fields.iter().for_each(|field| visit(&field.name, &field.value, Origin::Parsed));
        if let Some((kind, details)) = &self.error {
            visit(ERROR, kind, Origin::Parsed);
            if !details.is_empty() {
                visit(ERROR_DETAILS, details, Origin::Parsed);
            }
        }
    }

    /// Whether no stage has set, hidden or marked anything: then the labels are those of the stream and the metadata.
    pub fn is_plain(&self) -> bool {
        self.fields.is_empty() && self.gone.is_empty() && self.error.is_none()
    }

    /// Takes away all labels but those for which `keep` says so, and the error.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        let Self { stream, metadata, fields, gone, .. } = self;
        // What a field covers is gone with it.
        let given = metadata.iter().flat_map(|metadata| metadata.iter()).chain(stream.iter());
        for (name, value) in given {
            let is_covered = fields.iter().any(|field| field.name == name);
            if (is_covered || !keep(name, value)) && !gone.iter().any(|other| other == name) {
                gone.push(Cow::Borrowed(name));
            }
        }
        fields
            .retain(|field| matches!(&*field.name, ERROR | ERROR_DETAILS) || keep(&field.name, &field.value));
    }

    /// Whether the line was stored with labels of its own.
    pub fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }
}
