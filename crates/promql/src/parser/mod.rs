//! From tokens to a checked syntax tree: a Pratt parser, one token ahead, that stops at the first mistake.

mod calls;
mod check;
mod durations;
pub(crate) use durations::QueryLengths;
mod expr;
mod lexer;
mod modifiers;
pub(crate) mod number;
mod selector;
mod token;

use model::{Labels, MatchOp, Matcher};

use crate::ast::{Expr, ExprKind, Span};
use crate::error::{Limit, ParseError};
use token::{Token, TokenKind};

/// The longest query taken. Generated rules reach some tens of kilobytes; the tokens of this many bytes take some
/// megabytes.
pub const QUERY_BYTES_MAX: usize = 256 << 10;

/// How deep an expression may nest, a chain of operators counting one a link. Parser, printer and destructor recurse
/// that deep on whatever stack the caller has; of 2 MB, the smallest we run on, this takes 1.2 in an unoptimised build.
pub const DEPTH_MAX: usize = 250;

/// Parses and checks a query.
///
/// # Errors
/// Where the first mistake stands and what was expected.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query)?;
    let mut expr = parser.whole()?;
    check::check(&mut expr)?;
    Ok(expr)
}

/// Parses one instant selector without modifiers, as `match[]` takes it. Matchers that select everything pass here:
/// what they are good for is the caller's to judge.
///
/// # Errors
/// As [`parse`].
pub fn parse_metric_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let expr = Parser::new(text)?.whole()?;
    match expr.kind {
        ExprKind::Selector(selector) if selector.offset.is_none() && selector.at.is_none() => {
            Ok(selector.matchers)
        }
        _ => Err(ParseError::at(expr.span, "expected a metric selector without modifiers")),
    }
}

/// Parses a label set written as `name{label="value"}`; `{}` is the empty one.
///
/// # Errors
/// As [`parse`]; and for matchers other than `=`.
pub fn parse_metric(text: &str) -> Result<Labels, ParseError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.whole()?;
    let ExprKind::Selector(selector) = &expr.kind else {
        return Err(ParseError::at(expr.span, "expected a metric"));
    };
    if selector.offset.is_some() || selector.at.is_some() {
        return Err(ParseError::at(expr.span, "expected a metric without modifiers"));
    }
    if let Some(matcher) = selector.matchers.iter().find(|matcher| matcher.op != MatchOp::Equal) {
        return Err(ParseError::at(expr.span, format!("expected = in a metric, got {matcher}")));
    }
    Ok(Labels::from_pairs(
        selector.matchers.iter().map(|matcher| (matcher.name.as_str(), matcher.value.as_str())),
    ))
}

/// Line and column (bytes, both from 1) of the byte `at` of `query`.
pub fn line_col(query: &str, at: usize) -> (usize, usize) {
    let before = &query.as_bytes()[..at.min(query.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |i| i + 1);
    (line, before.len() - line_start + 1)
}

/// An expression and how deep it nests.
struct Node {
    expr: Expr,
    height: usize,
}

impl Node {
    fn leaf(span: Span, kind: ExprKind) -> Self {
        Self { expr: Expr { span, kind }, height: 1 }
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    /// How many expressions are open.
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(query: &'a str) -> Result<Self, ParseError> {
        if query.len() > QUERY_BYTES_MAX {
            let span = Span { start: 0, end: 0, line: 1, column: 1 };
            let message = format!("query of {} bytes is longer than {QUERY_BYTES_MAX}", query.len());
            return Err(ParseError::beyond(Limit::Length, span, message));
        }
        Ok(Self { tokens: lexer::tokens(query), at: 0, depth: 0 })
    }

    /// An expression up to the end.
    fn whole(&mut self) -> Result<Expr, ParseError> {
        if self.peek().kind == TokenKind::Eof {
            return Err(ParseError::at(self.peek().span, "no expression found in input"));
        }
        let node = self.expr(0)?;
        if self.peek().kind != TokenKind::Eof {
            return Err(self.unexpected("", ""));
        }
        Ok(node.expr)
    }

    /// The next token; the last one (end or error) again and again.
    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    /// The one after the next.
    fn second(&self) -> &Token<'a> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Takes the next token if it is `kind`.
    fn eat(&mut self, kind: &TokenKind) -> Option<Span> {
        (self.peek().kind == *kind).then(|| self.take().span)
    }

    /// Takes `kind` or fails with what was expected, in which part of the grammar.
    fn expect(&mut self, kind: &TokenKind, context: &str, expected: &str) -> Result<Span, ParseError> {
        match self.eat(kind) {
            Some(span) => Ok(span),
            None => Err(self.unexpected(context, expected)),
        }
    }

    /// "unexpected X in CONTEXT, expected EXPECTED" for the next token; what the lexer says of it if it is no token.
    fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let token = self.peek();
        if let TokenKind::Error(message) = &token.kind {
            return ParseError::at(token.span, message);
        }
        let mut message = format!("unexpected {}", token.describe());
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        ParseError::at(token.span, message)
    }

    /// Puts a node on top of others, the highest of which is `below`.
    fn above(&self, below: usize, span: Span, kind: ExprKind) -> Result<Node, ParseError> {
        let height = below + 1;
        if height > DEPTH_MAX {
            return Err(too_deep(span));
        }
        Ok(Node { expr: Expr { span, kind }, height })
    }
}

fn too_deep(span: Span) -> ParseError {
    ParseError::beyond(Limit::Depth, span, format!("expression nests deeper than {DEPTH_MAX}"))
}

#[cfg(test)]
mod tests;
