//! From words to a checked tree: recursive descent over stages, precedence climbing over operators.

mod hints;
mod lexer;
mod metric;
mod selector;
mod stages;

use std::ops::Range;

use model::Matcher;

use crate::ast::{Expr, LogExpr, Metric, StageExpr, UnwrapExpr};
use crate::error::{Limit, ParseError};
use lexer::{Kind, Token};

/// The longest query taken, as Loki's.
pub const QUERY_BYTES_MAX: usize = 128 << 10;

/// How deep an expression may nest. Parser, printer and evaluation recurse that deep on whatever stack the caller has.
pub const DEPTH_MAX: usize = 120;

/// Parses and checks a query.
///
/// # Errors
/// Where the first mistake stands and what was expected.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query)?;
    let expr = parser.whole()?;
    if parser.peek().kind == Kind::End { Ok(expr) } else { Err(parser.more_behind(&expr)) }
}

/// Parses a selector without stages, as the endpoints for labels and series take it: `{}` selects everything here.
///
/// # Errors
/// As [`parse`]; and when there are stages.
pub fn parse_matchers(query: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(query)?;
    let matchers = parser.matchers()?;
    if parser.peek().kind != Kind::End {
        return Err(parser.meaning(parser.peek().span.clone(), "only label matchers are supported"));
    }
    Ok(matchers)
}

/// Parses a selector with stages for lines that are at hand, such as an agent's: it may select everything.
///
/// # Errors
/// As [`parse`].
pub fn parse_filter(query: &str) -> Result<LogExpr, ParseError> {
    let mut parser = Parser::new(query)?;
    let matchers = parser.matchers()?;
    let (stages, unwrap) = parser.stages()?;
    if unwrap.is_some() {
        return Err(parser.meaning(0..query.len(), "lines cannot be filtered by unwrap"));
    }
    parser.end()?;
    Ok(LogExpr { matchers, stages })
}

/// The parts of a log range that may stand in any order around `[5m]`.
struct Ranged {
    log: LogExpr,
    unwrap: Option<UnwrapExpr>,
    range_ms: i64,
    offset_ms: i64,
}

struct Parser<'a> {
    query: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(query: &'a str) -> Result<Self, ParseError> {
        if query.len() > QUERY_BYTES_MAX {
            let message = format!("input size too long ({} > {QUERY_BYTES_MAX})", query.len());
            return Err(ParseError::beyond(Limit::Length, "", 0..0, message));
        }
        Ok(Self { query, tokens: lexer::tokens(query)?, at: 0, depth: 0 })
    }

    fn whole(&mut self) -> Result<Expr, ParseError> {
        // Parentheses may stand around lines as well as around numbers: what is inside tells.
        let opened = self.tokens.iter().take_while(|token| token.kind == Kind::Sign("(")).count();
        if self.tokens[opened].kind != Kind::Sign("{") {
            return self.metric(0).map(Expr::Metric);
        }
        self.log_in_parens().map(Expr::Log)
    }

    fn log_in_parens(&mut self) -> Result<LogExpr, ParseError> {
        if self.eat("(") {
            let log = self.nested(Self::log_in_parens)?;
            self.expect(")")?;
            return Ok(log);
        }
        let (log, unwrap) = self.log()?;
        match unwrap {
            Some(_) => Err(self.advised("[5m]", hints::UNWRAP)),
            None => Ok(log),
        }
    }

    /// A selector with its stages, and `unwrap` where it stands.
    fn log(&mut self) -> Result<(LogExpr, Option<UnwrapExpr>), ParseError> {
        let matchers = self.selector()?;
        let (stages, unwrap) = self.stages()?;
        Ok((LogExpr { matchers, stages }, unwrap))
    }

    fn stages(&mut self) -> Result<(Vec<StageExpr>, Option<UnwrapExpr>), ParseError> {
        let (mut stages, mut unwrap) = (Vec::new(), None);
        while unwrap.is_none() {
            match self.stage()? {
                None => break,
                Some(stages::Found::Stage(stage)) => stages.push(stage),
                Some(stages::Found::Unwrap(found)) => unwrap = Some(found),
            }
        }
        Ok((stages, unwrap))
    }

    /// Selector, stages, `unwrap`, `[5m]` and `offset` as an argument of a function.
    fn ranged(&mut self) -> Result<Ranged, ParseError> {
        let start = self.peek().span.start;
        let (log, mut unwrap, mut range) = if self.eat("(") {
            let (log, unwrap) = self.nested(Self::ranged_in_parens)?;
            self.expect(")")?;
            (log, unwrap, None)
        } else {
            let matchers = self.selector()?;
            let range = self.range_if()?;
            let (stages, unwrap) = self.stages()?;
            (LogExpr { matchers, stages }, unwrap, range)
        };
        if range.is_none() {
            range = self.range_if()?;
            if range.is_some() && unwrap.is_none() && self.peek().kind == Kind::Sign("|") {
                // `({…} |= "x")[5m] | unwrap y`
                let (more, found) = self.stages()?;
                if !more.is_empty() {
                    return Err(self.unexpected(")"));
                }
                unwrap = found;
            }
        }
        let Some((range_ms, offset_ms)) = range else { return Err(self.unexpected("[")) };
        if range_ms <= 0 {
            return Err(self.meaning(start..self.before(), "a range must be above zero"));
        }
        Ok(Ranged { log, unwrap, range_ms, offset_ms })
    }

    fn ranged_in_parens(&mut self) -> Result<(LogExpr, Option<UnwrapExpr>), ParseError> {
        if self.eat("(") {
            let inner = self.nested(Self::ranged_in_parens)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.log()
    }

    /// `[5m] offset 1h`, if it comes next.
    fn range_if(&mut self) -> Result<Option<(i64, i64)>, ParseError> {
        if !self.eat("[") {
            return Ok(None);
        }
        let range_ms = self.length_ms(false)?;
        self.expect("]")?;
        let offset_ms = if self.eat_word("offset") { self.length_ms(true)? } else { 0 };
        Ok(Some((range_ms, offset_ms)))
    }

    /// A length of time in milliseconds, rounded up.
    fn length_ms(&mut self, may_be_negative: bool) -> Result<i64, ParseError> {
        let sign = if may_be_negative && self.eat("-") { -1 } else { 1 };
        let Kind::Duration(nanos) = self.peek().kind else { return Err(self.unexpected("DURATION")) };
        self.at += 1;
        Ok(sign * (nanos / 1e6).ceil() as i64)
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn second(&self) -> &Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    /// Where the word before ends.
    fn before(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at.min(self.tokens.len() - 1)].span.end)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek().kind, Kind::Sign(found) if found == sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.eat(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    /// Whether the next word is this one; case does not matter.
    fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().kind, Kind::Ident(name) if name.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_it = self.is_word(word);
        self.at += usize::from(is_it);
        is_it
    }

    fn ident(&mut self) -> Result<String, ParseError> {
        match &self.peek().kind {
            Kind::Ident(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    fn text(&mut self) -> Result<String, ParseError> {
        match &self.peek().kind {
            Kind::Text(text) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("STRING")),
        }
    }

    fn end(&self) -> Result<(), ParseError> {
        if self.peek().kind == Kind::End { Ok(()) } else { Err(self.unexpected(hints::STAGE)) }
    }

    /// Reads something one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("expression nests deeper than {DEPTH_MAX}");
            return Err(ParseError::beyond(Limit::Depth, self.query, self.peek().span.clone(), message));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        let token = self.peek();
        let mut message = format!("syntax error: unexpected {}", token.described(self.query));
        if !expected.is_empty() {
            message.push_str(&format!(", expecting {expected}"));
        }
        if token.kind == Kind::Sign("$") {
            message.push_str(hints::VARIABLE);
        }
        ParseError::at(self.query, token.span.clone(), message)
    }

    fn meaning(&self, span: Range<usize>, message: impl Into<String>) -> ParseError {
        ParseError::at(self.query, span, message)
    }
}

/// The metric below, made a tree node.
fn node(kind: crate::ast::MetricKind, span: Range<usize>) -> Metric {
    Metric { kind, span }
}
