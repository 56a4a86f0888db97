//! Filters over the text of a line.

use memchr::memmem;
use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

use crate::error::regex;
use crate::ip::IpRange;
use crate::pattern::LinePattern;
use crate::{Row, StageError};

/// Texts in which a regular expression must be found are asked for only while there are few.
const NEEDLES_MAX: usize = 16;

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineOp {
    /// `|=`
    Contains,
    /// `!=`
    Lacks,
    /// `|~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `|>`
    Looks,
    /// `!>`
    LooksNot,
}

impl LineOp {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "|=",
            Self::Lacks => "!=",
            Self::Matches => "|~",
            Self::MatchesNot => "!~",
            Self::Looks => "|>",
            Self::LooksNot => "!>",
        }
    }

    /// `!=`, `!~`, `!>`.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::Lacks | Self::MatchesNot | Self::LooksNot)
    }
}

/// What a filter looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOperand {
    /// A text, a regular expression or a pattern, as the operator has it.
    Text(String),
    /// `ip("…")`
    Ip(String),
}

/// A filter over a line: any of its operands, or none of them.
#[derive(Debug, Clone)]
pub struct LineFilter {
    is_negative: bool,
    tests: Vec<Test>,
}

#[derive(Debug, Clone)]
enum Test {
    Contains(Box<memmem::Finder<'static>>),
    Regex(Regex, Option<Vec<String>>),
    Pattern(LinePattern),
    Ip(IpRange),
}

impl LineFilter {
    /// A filter `op a or b or …`.
    ///
    /// # Errors
    /// When an operand is not what the operator needs.
    pub fn new(op: LineOp, operands: &[LineOperand]) -> Result<Self, StageError> {
        let test = |operand: &LineOperand| match (operand, op) {
            (LineOperand::Ip(range), LineOp::Contains | LineOp::Lacks) => IpRange::parse(range).map(Test::Ip),
            (LineOperand::Ip(_), _) => {
                Err(StageError::new(format!("ip() is for |= and != only, not for {}", op.as_str())))
            }
            (LineOperand::Text(text), LineOp::Contains | LineOp::Lacks) => Ok(contains(text)),
            (LineOperand::Text(text), LineOp::Matches | LineOp::MatchesNot) => {
                let compiled = regex(text)?;
                Ok(literal(text)
                    .map_or_else(|| Test::Regex(compiled, required(text)), |text| contains(&text)))
            }
            (LineOperand::Text(text), LineOp::Looks | LineOp::LooksNot) => {
                LinePattern::new(text).map(Test::Pattern).map_err(|e| StageError(e.0))
            }
        };
        Ok(Self {
            is_negative: op.is_negative(),
            tests: operands.iter().map(test).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the line passes.
    pub fn passes(&self, line: &str) -> bool {
        self.tests.iter().any(|test| test.holds(line)) != self.is_negative
    }

    pub(crate) fn apply(&self, row: &mut Row<'_>) -> bool {
        self.passes(row.line())
    }

    /// For a filter that is one text to be contained: that text, made to be searched for.
    pub(crate) fn finder(&self) -> Option<&memmem::Finder<'static>> {
        match (&*self.tests, self.is_negative) {
            ([Test::Contains(finder)], false) if !finder.needle().is_empty() => Some(finder),
            _ => None,
        }
    }

    /// Texts of which a line that passes must contain one, a group each; none when there is no telling.
    pub(crate) fn needles(&self) -> Vec<Vec<String>> {
        if self.is_negative {
            return Vec::new();
        }
        if let [Test::Pattern(pattern)] = &*self.tests {
            return pattern.literals().map(|text| vec![text.to_owned()]).collect();
        }
        let mut group = Vec::new();
        for test in &self.tests {
            match test {
                Test::Contains(finder) => group.extend(String::from_utf8(finder.needle().to_vec()).ok()),
                Test::Regex(_, Some(texts)) => group.extend(texts.iter().cloned()),
                Test::Regex(_, None) | Test::Ip(_) => return Vec::new(),
                Test::Pattern(pattern) => match pattern.literals().max_by_key(|text| text.len()) {
                    Some(text) => group.push(text.to_owned()),
                    None => return Vec::new(),
                },
            }
        }
        if group.iter().any(String::is_empty) { Vec::new() } else { vec![group] }
    }
}

impl Test {
    fn holds(&self, line: &str) -> bool {
        match self {
            Self::Contains(finder) => finder.find(line.as_bytes()).is_some(),
            Self::Regex(regex, _) => regex.is_match(line),
            Self::Pattern(pattern) => pattern.matches(line),
            Self::Ip(range) => range.is_found_in(line),
        }
    }
}

fn contains(text: &str) -> Test {
    Test::Contains(Box::new(memmem::Finder::new(text).into_owned()))
}

/// The text that an expression is, if it is nothing else.
fn literal(pattern: &str) -> Option<String> {
    match regex_syntax::parse(pattern).ok()?.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Empty => Some(String::new()),
        _ => None,
    }
}

/// Texts of which one must be in whatever the expression matches.
fn required(pattern: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    required_of(&hir).filter(|texts| texts.len() <= NEEDLES_MAX && texts.iter().all(|text| !text.is_empty()))
}

fn required_of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Capture(capture) => required_of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_of(&repetition.sub),
        // Of parts that must all be there the one whose shortest text is longest says most.
        HirKind::Concat(parts) => {
            let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or(0);
            parts.iter().filter_map(required_of).max_by_key(shortest)
        }
        HirKind::Alternation(parts) => {
            let all: Option<Vec<Vec<String>>> = parts.iter().map(required_of).collect();
            all.map(|all| all.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(op: LineOp, texts: &[&str]) -> LineFilter {
        let operands: Vec<_> = texts.iter().map(|text| LineOperand::Text((*text).to_owned())).collect();
        LineFilter::new(op, &operands).expect("a filter")
    }

    #[test]
    fn any_of_them_or_none() {
        for (op, texts, line, expected) in [
            (LineOp::Contains, &["a", "b"] as &[&str], "xb", true),
            (LineOp::Contains, &["a", "b"], "xc", false),
            (LineOp::Contains, &[""], "", true),
            (LineOp::Lacks, &["a", "b"], "xb", false),
            (LineOp::Lacks, &["a", "b"], "xc", true),
            (LineOp::Matches, &["^a.c"], "a\nc", false),
            (LineOp::Matches, &["(?i)ERR"], "an error", true),
            (LineOp::MatchesNot, &["e.r"], "err", false),
            (LineOp::Looks, &["<_> x", "y <_>"], "y 1", true),
            (LineOp::LooksNot, &["<_> x"], "1 x", false),
        ] {
            assert_eq!(filter(op, texts).passes(line), expected, "{op:?} {texts:?} on {line:?}");
        }
        assert!(LineFilter::new(LineOp::Matches, &[LineOperand::Ip("::1".into())]).is_err());
        assert!(LineFilter::new(LineOp::Matches, &[LineOperand::Text("(".into())]).is_err());
    }

    #[test]
    fn needles_are_what_must_be_there() {
        let needles = |op, texts: &[&str]| filter(op, texts).needles();
        let groups = |all: &[&[&str]]| -> Vec<Vec<String>> {
            all.iter().map(|group| group.iter().map(|text| (*text).to_owned()).collect()).collect()
        };
        assert_eq!(needles(LineOp::Contains, &["a", "b"]), groups(&[&["a", "b"]]));
        assert_eq!(needles(LineOp::Lacks, &["a"]), groups(&[]));
        assert_eq!(
            needles(LineOp::Matches, &["err(or)? (timeout|refused)"]),
            groups(&[&["timeout", "refused"]])
        );
        assert_eq!(needles(LineOp::Matches, &["foo|ba+r"]), groups(&[&["foo", "r"]]));
        assert_eq!(needles(LineOp::Matches, &["(?i)foo"]), groups(&[]));
        assert_eq!(needles(LineOp::Matches, &["foo|.*"]), groups(&[]));
        assert_eq!(needles(LineOp::Contains, &["a", ""]), groups(&[]));
        assert_eq!(needles(LineOp::Looks, &["<_> a <_>b"]), groups(&[&[" a "], &["b"]]));
    }
}
