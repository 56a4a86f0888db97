//! The selector of `match`: labels of the line, and what its text must and must not contain.

use model::{MatchOp, Matcher};
use regex::{Regex, RegexBuilder};

use crate::entry::Entry;

/// Matchers and line filters; a line must satisfy all of them.
#[derive(Debug)]
pub(crate) struct Selector {
    matchers: Vec<Matcher>,
    filters: Vec<LineFilter>,
}

#[derive(Debug)]
struct LineFilter {
    test: LineTest,
    wanted: bool,
}

#[derive(Debug)]
enum LineTest {
    Contains(String),
    Matches(Regex),
}

impl Selector {
    /// Reads `{name="value", …} |= "text" …`.
    ///
    /// # Errors
    /// A sentence on the first thing that cannot be read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text.trim_start() };
        reader.expect("{")?;
        let mut matchers = Vec::new();
        while !reader.take("}") {
            if !matchers.is_empty() {
                reader.expect(",")?;
            }
            matchers.push(reader.matcher()?);
        }
        let mut filters = Vec::new();
        while !reader.rest.is_empty() {
            filters.push(reader.filter()?);
        }
        Ok(Self { matchers, filters })
    }

    /// Whether a line is selected.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let fits = |filter: &LineFilter| match &filter.test {
            LineTest::Contains(text) => entry.line.contains(text) == filter.wanted,
            LineTest::Matches(regex) => regex.is_match(&entry.line) == filter.wanted,
        };
        self.matchers.iter().all(|matcher| matcher.matches_labels(&entry.labels))
            && self.filters.iter().all(fits)
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(&format!("{token:?}"))) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found: String = self.rest.chars().take(20).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("{found:?}") };
        format!("invalid selector: expected {wanted}, found {found}")
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected("a label's name"));
        }
        let name = name.to_owned();
        self.rest = rest.trim_start();
        let ops = [
            ("=~", MatchOp::Regex),
            ("!~", MatchOp::NotRegex),
            ("!=", MatchOp::NotEqual),
            ("=", MatchOp::Equal),
        ];
        let op = ops.into_iter().find(|(token, _)| self.take(token));
        let (_, op) = op.ok_or_else(|| self.unexpected("=, !=, =~ or !~"))?;
        let value = self.string()?;
        Matcher::new(name, op, value).map_err(|error| error.to_string())
    }

    fn filter(&mut self) -> Result<LineFilter, String> {
        let ops = [("|=", false, true), ("!=", false, false), ("|~", true, true), ("!~", true, false)];
        let op = ops.into_iter().find(|(token, ..)| self.take(token));
        let (_, is_regex, wanted) = op.ok_or_else(|| {
            self.unexpected(
                "a line filter (|=, !=, |~, !~); other stages of LogQL are not supported in a selector",
            )
        })?;
        let text = self.string()?;
        let test = match is_regex {
            false => LineTest::Contains(text),
            true => LineTest::Matches(regex(&text)?),
        };
        Ok(LineFilter { test, wanted })
    }

    /// A text between double quotes with escapes, or between backticks without.
    fn string(&mut self) -> Result<String, String> {
        if let Some(inner) = self.rest.strip_prefix('`') {
            let (text, rest) = inner.split_once('`').ok_or_else(|| self.unexpected("a closing backtick"))?;
            self.rest = rest.trim_start();
            return Ok(text.to_owned());
        }
        let inner = self.rest.strip_prefix('"').ok_or_else(|| self.unexpected("a text in quotes"))?;
        let (mut text, mut chars) = (String::new(), inner.chars());
        loop {
            match chars.next() {
                None => return Err(self.unexpected("a closing quote")),
                Some('"') => break,
                Some('\\') => match chars.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(c @ ('"' | '\\')) => text.push(c),
                    _ => return Err(self.unexpected("an escape that is known")),
                },
                Some(c) => text.push(c),
            }
        }
        self.rest = chars.as_str().trim_start();
        Ok(text)
    }
}

/// A regular expression with the limit that all of ours have.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(model::matcher::REGEX_SIZE_MAX_BYTES).build();
    built.map_err(|error| {
        let cause = error.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("invalid regular expression {pattern:?}: {cause}")
    })
}
