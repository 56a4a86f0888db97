//! Label matchers, with regular expressions anchored as in Prometheus.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::Labels;

/// The most memory that one compiled regular expression may take; a pattern beyond it is refused.
pub const REGEX_SIZE_MAX_BYTES: usize = 1 << 20;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A pattern that is no regular expression or takes too much memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {cause}")]
pub struct MatcherError {
    /// The pattern as given.
    pub pattern: String,
    /// What is wrong with it, one line.
    pub cause: String,
}

/// One condition on one label. A label that a set lacks has the value "".
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// How to compare.
    pub op: MatchOp,
    /// The value or the pattern, as given.
    pub value: String,
    pattern: Pattern,
}

#[derive(Debug, Clone)]
enum Pattern {
    /// Only these values match; sorted. Equality is a list of one, `a|b|c` a list of three.
    Literals(Vec<String>),
    /// `.*`: what a variable of a dashboard becomes when everything is chosen.
    Anything,
    /// `.+`, the same for who wants the label to be there.
    Something,
    Regex(Regex),
}

impl Matcher {
    /// A matcher on the label `name`.
    ///
    /// # Errors
    /// When `op` is a regular expression and `value` is not one, or it would take more than
    /// [`REGEX_SIZE_MAX_BYTES`].
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => Pattern::Literals(vec![value.clone()]),
            MatchOp::Regex | MatchOp::NotRegex => compile(&value)?,
        };
        Ok(Self { name, op, value, pattern })
    }

    /// The matcher `name="value"`, which cannot fail.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        Self { name, op: MatchOp::Equal, pattern: Pattern::Literals(vec![value.clone()]), value }
    }

    /// Whether `value` satisfies the condition.
    pub fn matches(&self, value: &str) -> bool {
        let hit = match &self.pattern {
            // Lengths alone tell most apart, without a call; most of all where "" is asked for.
            Pattern::Literals(all) if all.len() == 1 => {
                all[0].len() == value.len() && (value.is_empty() || all[0] == value)
            }
            Pattern::Literals(all) => all.binary_search_by(|l| l.as_str().cmp(value)).is_ok(),
            Pattern::Anything => true,
            Pattern::Something => !value.is_empty(),
            Pattern::Regex(regex) => regex.is_match(value),
        };
        hit != self.is_negative()
    }

    /// Whether the set satisfies the condition.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }

    /// True for `!=` and `!~`.
    pub fn is_negative(&self) -> bool {
        matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }

    /// True when a set without the label satisfies the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// For `=` and `=~` whose pattern is a list of plain words: the only values that can match, sorted.
    pub fn only_values(&self) -> Option<&[String]> {
        match &self.pattern {
            Pattern::Literals(all) if !self.is_negative() => Some(all),
            _ => None,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

fn compile(pattern: &str) -> Result<Pattern, MatcherError> {
    const SPECIAL: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$'];
    if !pattern.contains(SPECIAL) {
        let mut all: Vec<String> = pattern.split('|').map(str::to_owned).collect();
        all.sort_unstable();
        all.dedup();
        return Ok(Pattern::Literals(all));
    }
    match pattern {
        ".*" => return Ok(Pattern::Anything),
        ".+" => return Ok(Pattern::Something),
        _ => {}
    }
    // Checked alone first: "a)(b" must not become valid by the group around it.
    build(pattern)
        .and_then(|_| build(&format!("^(?s:{pattern})$")))
        .map(Pattern::Regex)
        .map_err(|e| MatcherError { pattern: pattern.to_owned(), cause: one_line(&e) })
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(REGEX_SIZE_MAX_BYTES).dfa_size_limit(REGEX_SIZE_MAX_BYTES).build()
}

/// The library explains a syntax error over several lines with a drawing; the last line says what is wrong.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: MatchOp, pattern: &str, yes: &[&str], no: &[&str]) {
        let matcher = Matcher::new("l", op, pattern).expect("valid pattern");
        for value in yes {
            assert!(matcher.matches(value), "{matcher} should match {value:?}");
        }
        for value in no {
            assert!(!matcher.matches(value), "{matcher} should not match {value:?}");
        }
    }

    #[test]
    fn regexes_are_anchored_and_dot_takes_newlines() {
        check(MatchOp::Regex, "foo.*", &["foo", "foobar", "foo\nbar"], &["xfoo", ""]);
        check(MatchOp::Regex, "a|b.", &["a", "bx"], &["ax", "b"]);
        check(MatchOp::NotRegex, "5..", &["404", ""], &["500"]);
        check(MatchOp::Regex, "(?i)FOO", &["foo"], &["foox"]);
        check(MatchOp::Regex, ".+", &["a", "\n"], &[""]);
        check(MatchOp::NotRegex, ".+", &[""], &["a"]);
        check(MatchOp::Regex, ".*", &["a", "\n", ""], &[]);
        check(MatchOp::NotRegex, ".*", &[], &["", "a"]);
    }

    #[test]
    fn plain_alternatives_become_a_list() {
        check(MatchOp::Regex, "b|a|", &["a", "b", ""], &["ab", "c"]);
        let matcher = Matcher::new("l", MatchOp::Regex, "b|a").expect("valid");
        assert_eq!(matcher.only_values(), Some(["a".to_owned(), "b".to_owned()].as_slice()));
        assert_eq!(Matcher::new("l", MatchOp::NotRegex, "b|a").expect("valid").only_values(), None);
    }

    #[test]
    fn wrong_patterns_are_refused_in_one_line() {
        let error = Matcher::new("l", MatchOp::Regex, "(").expect_err("unclosed");
        assert_eq!(error.to_string(), r#"invalid regular expression "(": unclosed group"#);
        assert!(Matcher::new("l", MatchOp::Regex, "a)(b").is_err());
        assert!(Matcher::new("l", MatchOp::Regex, "(a{1000}){1000}").is_err());
    }
}
