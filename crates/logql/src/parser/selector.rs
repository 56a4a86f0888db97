//! Selectors of streams: `{app="x", level=~"warn|error"}`.

use model::{MatchOp, Matcher};

use super::Parser;
use super::lexer::Kind;
use crate::error::ParseError;

/// Loki's words for a selector that would select everything.
const EMPTY: &str = "queries require at least one regexp or equality matcher that does not have an empty-compatible value. \
                     For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will";

impl Parser<'_> {
    /// A selector that does not select everything.
    pub(super) fn selector(&mut self) -> Result<Vec<Matcher>, ParseError> {
        let start = self.peek().span.start;
        let matchers = self.matchers()?;
        if matchers.iter().all(Matcher::matches_empty) {
            return Err(self.meaning(start..self.before(), EMPTY));
        }
        Ok(matchers)
    }

    pub(super) fn matchers(&mut self) -> Result<Vec<Matcher>, ParseError> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        if self.eat("}") {
            return Ok(matchers);
        }
        loop {
            matchers.push(self.matcher()?);
            if self.eat("}") {
                return Ok(matchers);
            }
            if !self.eat(",") {
                return Err(self.unexpected("} or ,"));
            }
        }
    }

    pub(super) fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let start = self.peek().span.start;
        let name = self.ident()?;
        let Some(op) = self.match_op() else { return Err(self.unexpected("!= or =~ or !~ or =")) };
        self.at += 1;
        self.matcher_of(start, name, op)
    }

    /// The operator that comes next, if it is one that a text may follow.
    pub(super) fn match_op(&self) -> Option<MatchOp> {
        match self.peek().kind {
            Kind::Sign("=") => Some(MatchOp::Equal),
            Kind::Sign("!=") => Some(MatchOp::NotEqual),
            Kind::Sign("=~") => Some(MatchOp::Regex),
            Kind::Sign("!~") => Some(MatchOp::NotRegex),
            _ => None,
        }
    }

    /// The matcher whose text comes next.
    pub(super) fn matcher_of(
        &mut self,
        start: usize,
        name: String,
        op: MatchOp,
    ) -> Result<Matcher, ParseError> {
        let value = self.text()?;
        Matcher::new(name, op, value).map_err(|error| self.meaning(start..self.before(), error.to_string()))
    }
}
