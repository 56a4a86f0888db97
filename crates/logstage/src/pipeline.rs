//! Stages one after another, each told what those behind it need.

use std::borrow::Cow;

use memchr::memmem;
use model::Matcher;

use crate::format::{LabelFormat, Template};
use crate::name::same;
use crate::row::{ERROR, ERROR_DETAILS, EXTRACTED};
use crate::{Json, LabelFilter, LineFilter, Logfmt, PatternParser, Regexp, Row, Unpack, Unwrap};

/// Which fields are needed behind a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// All that there are.
    All,
    /// These, by their final names; sorted.
    Only(Vec<String>),
}

impl Needed {
    /// Only these.
    pub fn only<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self::Only(names)
    }

    fn add(&mut self, name: &str) {
        if let Self::Only(names) = self
            && let Err(place) = names.binary_search_by(|other| other.as_str().cmp(name))
        {
            names.insert(place, name.to_owned());
        }
    }

    /// What either needs.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        match other {
            Self::All => Self::All,
            Self::Only(names) => {
                names.iter().for_each(|name| self.add(name));
                self
            }
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|other| same(other, name)),
        }
    }

    /// Whether a field that is found under this name may be needed: it may get another where the stream has it.
    pub fn wants(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|other| match other.len().checked_sub(name.len()) {
                Some(0) => same(other, name),
                Some(more) if more == EXTRACTED.len() => {
                    other.strip_prefix(name).is_some_and(|rest| rest == EXTRACTED)
                }
                _ => false,
            }),
        }
    }

    /// Whether a field of this name is needed, or one whose name begins with it and `_`.
    pub(crate) fn wants_within(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|other| {
                other.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            }),
        }
    }

    /// After how many more fields a parser of this line may stop. Where somebody asks whether it failed it never may.
    pub(crate) fn count(&self, row: &Row<'_>) -> usize {
        match self {
            Self::Only(names) if !self.contains(ERROR) && !self.contains(ERROR_DETAILS) => {
                names.iter().filter(|name| row.is_open(name)).count()
            }
            _ => usize::MAX,
        }
    }

    /// Whether a parser has nothing to do at all.
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Only(names) if names.is_empty())
    }
}

/// A name to drop or keep, or a condition on it.
#[derive(Debug, Clone)]
pub enum NameFilter {
    /// Whatever its value is.
    Name(String),
    /// If its value is like this.
    Value(Matcher),
}

impl NameFilter {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Value(matcher) => &matcher.name,
        }
    }

    fn holds(&self, name: &str, value: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Value(matcher) => matcher.name == name && matcher.matches(value),
        }
    }
}

/// What is done with a line.
#[derive(Debug, Clone)]
pub enum Stage {
    /// `|=` and the like.
    Line(LineFilter),
    /// `| json`
    Json(Json),
    /// `| logfmt`
    Logfmt(Logfmt),
    /// `| regexp`
    Regexp(Regexp),
    /// `| pattern`
    Pattern(PatternParser),
    /// `| unpack`
    Unpack(Unpack),
    /// `| decolorize`
    Decolorize,
    /// `| status >= 500`
    Label(LabelFilter),
    /// `| line_format`
    LineFormat(Template),
    /// `| label_format`
    LabelFormat(Vec<LabelFormat>),
    /// `| drop`
    Drop(Vec<NameFilter>),
    /// `| keep`
    Keep(Vec<NameFilter>),
}

impl Stage {
    /// Takes a line through this stage alone, behind which these fields are needed; false when it filters the line out.
    pub fn apply<'a>(&'a self, row: &mut Row<'a>, needed: &Needed) -> bool {
        match self {
            Self::Line(filter) => return filter.apply(row),
            Self::Label(filter) => return filter.apply(row),
            Self::Unpack(parser) => parser.apply(row, needed),
            Self::Json(_) | Self::Logfmt(_) | Self::Regexp(_) | Self::Pattern(_) if needed.is_nothing() => {}
            Self::Json(parser) => parser.apply(row, needed),
            Self::Logfmt(parser) => parser.apply(row, needed),
            Self::Regexp(parser) => parser.apply(row, needed),
            Self::Pattern(parser) => parser.apply(row, needed),
            Self::Decolorize => decolorize(row),
            Self::LineFormat(template) => template.format_line(row),
            Self::LabelFormat(formats) => formats.iter().for_each(|format| format.apply(row)),
            Self::Drop(names) => drop_labels(row, names),
            Self::Keep(names) => keep_labels(row, names),
        }
        true
    }

    /// The same stage, less what nobody needs of it.
    #[must_use]
    pub fn only(self, needed: &Needed) -> Self {
        match self {
            Self::Json(json) => Self::Json(json.only(needed)),
            other => other,
        }
    }

    /// What is needed before this stage, given what is needed behind it.
    fn needs(&self, mut needed: Needed) -> Needed {
        match self {
            Self::Label(filter) => filter.names(&mut |name| needed.add(name)),
            Self::LineFormat(template) => match template.names() {
                Some(names) => names.iter().for_each(|name| needed.add(name)),
                None => needed = Needed::All,
            },
            Self::LabelFormat(formats) => {
                for format in formats.iter().rev() {
                    match format.names() {
                        Some(names) => names.iter().for_each(|name| needed.add(name)),
                        None => needed = Needed::All,
                    }
                }
            }
            Self::Drop(names) => names.iter().for_each(|filter| needed.add(filter.name())),
            Self::Keep(names) => {
                let kept = |name: &&str| {
                    needed.contains(name) || names.iter().any(|f| matches!(f, NameFilter::Value(_)))
                };
                let errors = [ERROR, ERROR_DETAILS].into_iter().filter(|name| needed.contains(name));
                needed = Needed::only(names.iter().map(NameFilter::name).filter(kept).chain(errors));
            }
            _ => {}
        }
        needed
    }

    /// Whether how much of a line it reads depends on which fields are needed, and with that whether it fails.
    pub fn reads_fields(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Logfmt(_) | Self::Regexp(_) | Self::Pattern(_) | Self::Unpack(_))
    }

    /// When it looks for a single text: who has many lines in one piece can find that by itself.
    pub fn finder(&self) -> Option<&memmem::Finder<'static>> {
        match self {
            Self::Line(filter) => filter.finder(),
            _ => None,
        }
    }

    /// Whether the text behind this stage may be another.
    fn changes_line(&self) -> bool {
        matches!(self, Self::LineFormat(_) | Self::Unpack(_) | Self::Decolorize)
    }
}

/// Takes the codes of colours and other terminal controls out of the text.
fn decolorize(row: &mut Row<'_>) {
    let text = row.text();
    if memchr::memchr(0x1b, text.as_bytes()).is_none() {
        return;
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), &*text);
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let code = &rest[at + 2..];
        let length = code.bytes().take_while(|byte| !(0x40..=0x7e).contains(byte)).count();
        rest = code.get(length + 1..).unwrap_or("");
    }
    out.push_str(rest);
    row.set_line(out);
}

fn drop_labels(row: &mut Row<'_>, names: &[NameFilter]) {
    for filter in names {
        if row.get(filter.name()).is_some_and(|value| filter.holds(filter.name(), value)) {
            row.remove(filter.name());
        }
    }
}

/// Takes away all labels but these and the error.
fn keep_labels(row: &mut Row<'_>, names: &[NameFilter]) {
    row.retain(|name, value| names.iter().any(|filter| filter.holds(name, value)));
}

/// Stages in order.
#[derive(Debug, Clone)]
pub struct Pipeline {
    stages: Vec<(Stage, Needed)>,
}

impl Pipeline {
    /// Stages of whose fields these are needed in the end, besides what the stages and the `unwrap` behind them need.
    pub fn new(stages: Vec<Stage>, unwrap: Option<&Unwrap>, mut needed: Needed) -> Self {
        if let Some(unwrap) = unwrap {
            unwrap.names(&mut |name| needed.add(name));
        }
        let mut with_needs: Vec<(Stage, Needed)> = Vec::with_capacity(stages.len());
        for stage in stages.into_iter().rev() {
            let behind = needed.clone();
            needed = stage.needs(needed);
            with_needs.push((stage.only(&behind), behind));
        }
        with_needs.reverse();
        Self { stages: with_needs }
    }

    /// What is needed behind each stage.
    pub fn needs(&self) -> impl Iterator<Item = &Needed> {
        self.stages.iter().map(|(_, needed)| needed)
    }

    /// True when nothing is done with lines.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Takes a line through all stages; false when one filters it out.
    pub fn run<'a>(&'a self, row: &mut Row<'a>) -> bool {
        self.stages.iter().all(|(stage, needed)| stage.apply(row, needed))
    }

    /// When the first stage looks for a single text: who has many lines in one piece can find that by itself.
    pub fn finder(&self) -> Option<&memmem::Finder<'static>> {
        self.stages.first().and_then(|(stage, _)| stage.finder())
    }

    /// Texts of which a line that passes must contain one, as stored; one group a condition.
    pub fn needles(&self) -> Vec<Vec<String>> {
        let as_stored = self.stages.iter().map(|(stage, _)| stage).take_while(|stage| !stage.changes_line());
        as_stored
            .flat_map(|stage| match stage {
                Stage::Line(filter) => filter.needles(),
                _ => Vec::new(),
            })
            .collect()
    }

    /// Whether lines pass unchanged or not at all, without a label looked at.
    pub fn is_text_only(&self) -> bool {
        self.stages.iter().all(|(stage, _)| matches!(stage, Stage::Line(_)))
    }

    /// Whether a line passes, for a pipeline of line filters only.
    pub fn passes(&self, line: &str) -> bool {
        self.stages.iter().all(|(stage, _)| match stage {
            Stage::Line(filter) => filter.passes(line),
            _ => true,
        })
    }
}

/// A name that a template or a rename asks for.
pub(crate) type Name = Cow<'static, str>;
