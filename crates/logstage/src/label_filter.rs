//! Filters over labels and fields: as text, as numbers, lengths of time, amounts of bytes, addresses.

use model::Matcher;

use crate::ip::IpRange;
use crate::{Row, StageError, units};

/// Marks lines whose label is no number where one is compared.
const FILTER_ERROR: &str = "LabelFilterErr";

/// How numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`, or `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Comparison {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }

    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
        }
    }
}

/// What a label's value is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// A number.
    Plain,
    /// A length of time as Go writes it; compared in seconds.
    Duration,
    /// An amount of bytes.
    Bytes,
}

impl NumberKind {
    pub(crate) fn read(self, text: &str) -> Option<f64> {
        match self {
            Self::Plain => text.parse().ok(),
            Self::Duration => units::go_duration_seconds(text),
            Self::Bytes => units::bytes(text),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "number",
            Self::Duration => "duration",
            Self::Bytes => "amount of bytes",
        }
    }
}

/// A comparison of a label with a number.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberFilter {
    /// The label.
    pub name: String,
    /// How.
    pub op: Comparison,
    /// What the label is read as.
    pub kind: NumberKind,
    /// With what, in seconds or bytes where it is no plain number.
    pub value: f64,
}

/// A condition on labels and fields.
#[derive(Debug, Clone)]
pub enum LabelFilter {
    /// On the text; a label that is not there is "".
    Text(Matcher),
    /// On the number in it. A line without the label does not pass; one whose label is no number passes and is marked.
    Number(NumberFilter),
    /// On the address in it.
    Ip(IpFilter),
    /// Both.
    And(Box<LabelFilter>, Box<LabelFilter>),
    /// One at least.
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

/// Whether a label is an address of a range.
#[derive(Debug, Clone)]
pub struct IpFilter {
    name: String,
    is_negative: bool,
    range: IpRange,
}

impl IpFilter {
    /// A condition on the label `name`.
    ///
    /// # Errors
    /// When `range` is no address, range or network.
    pub fn new(name: &str, is_negative: bool, range: &str) -> Result<Self, StageError> {
        Ok(Self { name: name.to_owned(), is_negative, range: IpRange::parse(range)? })
    }
}

impl LabelFilter {
    pub(crate) fn apply(&self, row: &mut Row<'_>) -> bool {
        match self {
            Self::Text(matcher) => matcher.matches(row.get(&matcher.name).unwrap_or("")),
            Self::Number(filter) => filter.apply(row),
            // As upstream: a line that is marked already is not judged again.
            Self::Ip(_) if row.error().is_some() => true,
            Self::Ip(filter) => {
                let is_inside = row.get(&filter.name).map(|text| filter.range.matches(text));
                is_inside.is_some_and(|is_inside| is_inside != filter.is_negative)
            }
            Self::And(a, b) => a.apply(row) && b.apply(row),
            Self::Or(a, b) => a.apply(row) || b.apply(row),
        }
    }

    /// Names of the labels that are asked for.
    pub(crate) fn names(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Self::Text(matcher) => visit(&matcher.name),
            Self::Number(filter) => visit(&filter.name),
            Self::Ip(filter) => visit(&filter.name),
            Self::And(a, b) | Self::Or(a, b) => {
                a.names(visit);
                b.names(visit);
            }
        }
    }
}

impl NumberFilter {
    fn apply(&self, row: &mut Row<'_>) -> bool {
        let Some(text) = row.get(&self.name).filter(|text| !text.is_empty()) else { return false };
        if let Some(number) = self.kind.read(text) {
            return self.op.holds(number, self.value);
        }
        let details = format!("label {} is no {}: {text:?}", self.name, self.kind.as_str());
        row.fail(FILTER_ERROR, || details);
        true
    }
}
