//! Parsers: stages that find fields in a line.

use std::borrow::Cow;
use std::ops::ControlFlow;

use regex::Regex;

use crate::error::regex;
use crate::json::{self, PathStep, Raw, sanitized};
use crate::pattern::{Piece, capture, pieces};
use crate::pipeline::Needed;
use crate::row::{ERROR, ERROR_DETAILS, EXTRACTED};
use crate::{Row, StageError, logfmt};

/// Marks lines that `json` and `unpack` cannot read.
const JSON_ERROR: &str = "JSONParserErr";
/// Marks lines that a strict `logfmt` cannot read.
const LOGFMT_ERROR: &str = "LogfmtParserErr";
/// The field of a packed line that holds the line as it was.
const PACKED_LINE: &str = "_entry";

/// Where the name of a field comes from: it is copied only if that does not outlive the row.
enum Name<'n, 't> {
    /// The stage.
    Stage(&'n str),
    /// The text.
    Text(Cow<'t, str>),
}

/// Takes a field; `Break` when no other is needed.
type Found<'f, 'n, 't> = &'f mut dyn FnMut(Name<'n, 't>, Cow<'t, str>) -> ControlFlow<()>;

/// Has `read` show the fields of the row's text, and adds those that are needed under their final names.
fn extract<'a, E>(
    row: &mut Row<'a>,
    needed: &Needed,
    read: impl for<'t> Fn(&'t str, Found<'_, 'a, 't>) -> Result<(), E>,
) -> Result<(), E> {
    let (text, left) = (row.text(), needed.count(row));
    let mut adding = Adding { row, needed, left };
    match &text {
        // What lies in the stored line is not copied.
        Cow::Borrowed(text) => read(text, &mut |name, value| match name {
            Name::Stage(name) => adding.field(Cow::Borrowed(name), value),
            Name::Text(name) => adding.field(name, value),
        }),
        Cow::Owned(text) => read(text, &mut |name, value| match name {
            Name::Stage(name) => adding.field(Cow::Borrowed(name), Cow::Owned(value.into_owned())),
            Name::Text(name) => adding.field(Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned())),
        }),
    }
}

struct Adding<'r, 'a> {
    row: &'r mut Row<'a>,
    needed: &'r Needed,
    /// Fields that are still to be found; one that is found twice counts once.
    left: usize,
}

impl<'a> Adding<'_, 'a> {
    fn field(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) -> ControlFlow<()> {
        // JSON has keys without a letter; labels without a name there are none.
        if name.is_empty() || !self.needed.wants(&name) {
            return ControlFlow::Continue(());
        }
        let name = self.row.name_for(name);
        if self.left > 0 && self.needed.contains(&name) && self.row.extract(name, value) {
            self.left -= 1;
        }
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// `| json`: the fields of an object, all of them or those at given paths.
#[derive(Debug, Clone, Default)]
pub struct Json {
    /// Of each path the name that its value gets.
    names: Vec<String>,
    paths: Vec<Vec<PathStep>>,
    is_by_path: bool,
    /// Where two values may get one name the path that comes first counts, not what stands first in the text.
    order: json::Order,
}

impl Json {
    /// All fields when `fields` is empty, otherwise those named, each with the path at which it is.
    ///
    /// # Errors
    /// When a path makes no sense.
    pub fn new<'p>(fields: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Self, StageError> {
        let (mut names, mut paths) = (Vec::new(), Vec::new());
        for (name, path) in fields {
            names.push(name.to_owned());
            paths.push(json::parse_path(path).map_err(StageError)?);
        }
        let is_by_path = !names.is_empty();
        let mut finals: Vec<&str> =
            names.iter().map(|name| name.strip_suffix(EXTRACTED).unwrap_or(name)).collect();
        finals.sort_unstable();
        let has_rivals = finals.windows(2).any(|pair| pair[0] == pair[1]);
        let order = if has_rivals { json::Order::Paths } else { json::Order::Text };
        Ok(Self { names, paths, is_by_path, order })
    }

    /// The same without paths whose values nobody needs. Where somebody asks whether it failed all stay.
    pub(crate) fn only(self, needed: &Needed) -> Self {
        if needed.contains(ERROR) || needed.contains(ERROR_DETAILS) {
            return self;
        }
        let fields = self.names.into_iter().zip(self.paths);
        let (names, paths) = fields.filter(|(name, _)| needed.wants(name)).unzip();
        Self { names, paths, ..self }
    }

    pub(crate) fn apply<'a>(&'a self, row: &mut Row<'a>, needed: &Needed) {
        let result = if self.is_by_path {
            extract(row, needed, |text, found| {
                json::at_paths(text, &self.paths, self.order, |i, value| match value.value() {
                    // A label without a value is no label.
                    value if value.is_empty() => ControlFlow::Continue(()),
                    value => found(Name::Stage(&self.names[i]), value),
                })
            })
        } else {
            extract(row, needed, |text, found| json::flatten(text, &mut Wanted { needed, found }))
        };
        if let Err(error) = result {
            row.fail(JSON_ERROR, || error.to_string());
        }
    }
}

/// Has JSON's fields shown to who adds them, if they are wanted.
struct Wanted<'f, 'n, 't> {
    needed: &'f Needed,
    found: Found<'f, 'n, 't>,
}

impl<'t> json::Fields<'t> for Wanted<'_, '_, 't> {
    fn wants(&mut self, name: &str) -> bool {
        self.needed.wants_within(name)
    }

    fn field(&mut self, name: Cow<'t, str>, value: Raw<'t>) -> ControlFlow<()> {
        if !self.needed.wants(&name) {
            return ControlFlow::Continue(());
        }
        match value.value() {
            // A label without a value is no label.
            value if value.is_empty() => ControlFlow::Continue(()),
            value => (self.found)(Name::Text(name), value),
        }
    }
}

/// `| logfmt`: pairs, all of them or those named.
#[derive(Debug, Clone, Default)]
pub struct Logfmt {
    /// Whether a pair that is none marks the line.
    pub is_strict: bool,
    /// Whether keys without a value are kept.
    pub keeps_empty: bool,
    /// Which keys to take, each with the name it gets; all when empty.
    pub fields: Vec<(String, String)>,
}

impl Logfmt {
    pub(crate) fn apply<'a>(&'a self, row: &mut Row<'a>, needed: &Needed) {
        let result = extract(row, needed, |text, found| {
            logfmt::pairs(text, self.is_strict, |key, value| {
                if value.is_empty() && !self.keeps_empty {
                    return ControlFlow::Continue(());
                }
                if self.fields.is_empty() {
                    return found(Name::Text(sanitized(key)), value);
                }
                let named = self.fields.iter().filter(|(_, wanted)| wanted == key);
                for (name, _) in named {
                    found(Name::Stage(name), value.clone())?;
                }
                ControlFlow::Continue(())
            })
        });
        if let Err(error) = result {
            row.fail(LOGFMT_ERROR, || error.to_string());
        }
    }
}

/// `| regexp`: the named groups of the first match.
#[derive(Debug, Clone)]
pub struct Regexp {
    regex: Regex,
    /// Name and number of each group that has a name.
    names: Vec<(String, usize)>,
}

impl Regexp {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, or has no named group, or one that no label may be called.
    pub fn new(pattern: &str) -> Result<Self, StageError> {
        let regex = regex(pattern)?;
        let names: Vec<(String, usize)> = regex
            .capture_names()
            .enumerate()
            .filter_map(|(i, name)| name.map(|name| (name.to_owned(), i)))
            .collect();
        if names.is_empty() {
            return Err(StageError::new("at least one named capture must be supplied"));
        }
        if let Some((name, _)) = names.iter().find(|(name, _)| sanitized(name) != name.as_str()) {
            return Err(StageError::new(format!("invalid extracted label name '{name}'")));
        }
        Ok(Self { regex, names })
    }

    pub(crate) fn apply<'a>(&'a self, row: &mut Row<'a>, needed: &Needed) {
        let wanted: Vec<_> = self.names.iter().filter(|(name, _)| needed.wants(name)).collect();
        if wanted.is_empty() {
            return;
        }
        let result: Result<(), std::convert::Infallible> = extract(row, needed, |text, found| {
            let Some(captures) = self.regex.captures(text) else { return Ok(()) };
            for (name, group) in &wanted {
                let Some(part) = captures.get(*group).filter(|part| !part.is_empty()) else { continue };
                if found(Name::Stage(name), Cow::Borrowed(part.as_str())).is_break() {
                    break;
                }
            }
            Ok(())
        });
        let Ok(()) = result;
    }
}

/// `| pattern`: the text between literal parts.
#[derive(Debug, Clone)]
pub struct PatternParser {
    pieces: Vec<Piece>,
}

impl PatternParser {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it has no named capture, the same twice, or two in a row.
    pub fn new(pattern: &str) -> Result<Self, StageError> {
        let pieces = pieces(pattern).map_err(|e| StageError(e.0))?;
        let mut names: Vec<&str> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Capture(name) => name.as_deref(),
                Piece::Literal(_) => None,
            })
            .collect();
        if names.is_empty() {
            return Err(StageError::new(format!(
                "invalid pattern {pattern:?}: at least one capture is required"
            )));
        }
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(StageError::new(format!(
                "invalid pattern {pattern:?}: duplicate capture name ({})",
                twice[0]
            )));
        }
        Ok(Self { pieces })
    }

    pub(crate) fn apply<'a>(&'a self, row: &mut Row<'a>, needed: &Needed) {
        let result: Result<(), std::convert::Infallible> = extract(row, needed, |text, found| {
            let mut is_done = false;
            capture(&self.pieces, text, |name, place| {
                if !is_done && !place.is_empty() && needed.wants(name) {
                    is_done = found(Name::Stage(name), Cow::Borrowed(&text[place])).is_break();
                }
            });
            Ok(())
        });
        let Ok(()) = result;
    }
}

/// `| unpack`: labels that were packed into the line, and the line itself.
#[derive(Debug, Clone, Default)]
pub struct Unpack;

impl Unpack {
    pub(crate) fn apply(&self, row: &mut Row<'_>, needed: &Needed) {
        let line = std::cell::RefCell::new(None);
        let result = extract(row, needed, |text, found| {
            let mut is_done = false;
            json::entries(text, |key, value| {
                let Raw::Text(..) = value else { return Ok(()) };
                if key == PACKED_LINE {
                    *line.borrow_mut() = Some(value.value().into_owned());
                } else if !is_done && needed.wants(&key) {
                    let name = Name::Text(Cow::Owned(sanitized(&key).into_owned()));
                    is_done = found(name, value.value()).is_break();
                }
                Ok(())
            })
        });
        match (result, line.into_inner()) {
            (Err(error), _) => row.fail(JSON_ERROR, || error.to_string()),
            (Ok(()), Some(line)) => row.set_line(line),
            (Ok(()), None) => {}
        }
    }
}
