//! Metric names, braces and matchers.

use model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{BinaryOp, Edge, ExprKind, Selector, Span};
use crate::error::ParseError;
use crate::parser::token::TokenKind;
use crate::parser::{Node, Parser};

const CONTEXT: &str = "label matching";

impl Parser<'_> {
    /// `name`, `name{…}` or `{…}`.
    pub(super) fn selector(&mut self) -> Result<Node, ParseError> {
        let start = self.peek().span;
        let (mut name, mut matchers, mut end) = (None, Vec::new(), start);
        if self.peek().kind != TokenKind::LeftBrace {
            let word = self.take().text.to_owned();
            matchers.push(Matcher::equal(METRIC_NAME, word.clone()));
            name = Some(word);
        }
        if self.eat(&TokenKind::LeftBrace).is_some() {
            end = self.matchers(&mut name, &mut matchers)?;
        }
        let selector = Selector { name, matchers, offset: None, at: None, edge: Edge::Plain };
        Ok(Node::leaf(start.to(end), ExprKind::Selector(Box::new(selector))))
    }

    fn matchers(
        &mut self,
        name: &mut Option<String>,
        matchers: &mut Vec<Matcher>,
    ) -> Result<Span, ParseError> {
        loop {
            if let Some(close) = self.eat(&TokenKind::RightBrace) {
                return Ok(close);
            }
            self.matcher(name, matchers)?;
            if let Some(close) = self.eat(&TokenKind::RightBrace) {
                return Ok(close);
            }
            self.expect(&TokenKind::Comma, CONTEXT, "\",\" or \"}\"")?;
        }
    }

    /// `label op "value"`, or a quoted metric name alone.
    fn matcher(&mut self, name: &mut Option<String>, matchers: &mut Vec<Matcher>) -> Result<(), ParseError> {
        let label_span = self.peek().span;
        let (label, quoted) = match &self.peek().kind {
            TokenKind::Ident => (self.peek().text.to_owned(), false),
            TokenKind::Text(bytes) => {
                let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty());
                let error = || ParseError::at(label_span, format!("invalid label name {}", self.peek().text));
                (text.ok_or_else(error)?.to_owned(), true)
            }
            _ => return Err(self.unexpected(CONTEXT, "identifier or \"}\"")),
        };
        self.take();
        let op = match self.peek().kind {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::Ne) => MatchOp::NotEqual,
            TokenKind::MatchRegex => MatchOp::Regex,
            TokenKind::MatchNotRegex => MatchOp::NotRegex,
            _ if quoted => {
                if let Some(before) = name {
                    let message = format!("metric name must not be set twice: {before:?} or {label:?}");
                    return Err(ParseError::at(label_span, message));
                }
                matchers.push(Matcher::equal(METRIC_NAME, label.clone()));
                *name = Some(label);
                return Ok(());
            }
            _ => return Err(self.unexpected(CONTEXT, "label matching operator")),
        };
        self.take();
        matchers.push(self.matcher_value(label, op, label_span)?);
        Ok(())
    }

    fn matcher_value(&mut self, label: String, op: MatchOp, start: Span) -> Result<Matcher, ParseError> {
        let TokenKind::Text(bytes) = &self.peek().kind else {
            return Err(self.unexpected(CONTEXT, "string"));
        };
        let span = start.to(self.peek().span);
        let value = String::from_utf8(bytes.clone())
            .map_err(|_| ParseError::at(self.peek().span, "label value is no valid UTF-8"))?;
        self.take();
        // Go's library says "error parsing regexp: …"; clients show the text and do not compare it.
        Matcher::new(label, op, value).map_err(|error| {
            ParseError::at(span, format!("error parsing regexp: {} in {:?}", error.cause, error.pattern))
        })
    }
}
