//! Function calls and aggregations.

use crate::ast::{Aggregate, AggregateOp, Call, Expr, ExprKind, Span};
use crate::error::ParseError;
use crate::functions;
use crate::parser::token::{Keyword, TokenKind};
use crate::parser::{Node, Parser};

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Result<Node, ParseError> {
        let name = self.take();
        // Known first, so that a wrong name is told before anything within the parentheses.
        let Some(function) = functions::find(&name.text.to_ascii_lowercase()) else {
            let hint = functions::did_you_mean(name.text)
                .map_or(String::new(), |m| format!(", did you mean {m:?}?"));
            return Err(ParseError::at(
                name.span,
                format!("unknown function with name {:?}{hint}", name.text),
            ));
        };
        let (args, below, close) = self.args()?;
        let span = name.span.to(close);
        self.above(below, span, ExprKind::Call(Box::new(Call { function, args })))
    }

    /// `(a, b, …)`: the arguments, how high the highest is, and where the end stands.
    fn args(&mut self) -> Result<(Vec<Expr>, usize, Span), ParseError> {
        self.expect(&TokenKind::LeftParen, "function call", "\"(\"")?;
        let (mut args, mut below) = (Vec::new(), 0);
        if let Some(close) = self.eat(&TokenKind::RightParen) {
            return Ok((args, below, close));
        }
        loop {
            let arg = self.expr(0)?;
            below = below.max(arg.height);
            args.push(arg.expr);
            if let Some(close) = self.eat(&TokenKind::RightParen) {
                return Ok((args, below, close));
            }
            self.expect(&TokenKind::Comma, "", "")?;
            if self.peek().kind == TokenKind::RightParen {
                return Err(ParseError::at(
                    self.peek().span,
                    "trailing commas not allowed in function call args",
                ));
            }
        }
    }

    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Result<Node, ParseError> {
        let word = self.take().span;
        let mut clause = self.aggregate_clause()?;
        let (args, below, close) = self.args()?;
        let mut span = word.to(close);
        if clause.is_none() {
            clause = self.aggregate_clause()?;
            if clause.is_some() {
                span = word.to(self.tokens[self.at - 1].span);
            }
        }
        let aggregate = aggregate_of(op, args, clause.unwrap_or_default(), span)?;
        self.above(below, span, ExprKind::Aggregate(Box::new(aggregate)))
    }

    /// `by (…)` or `without (…)`, if it stands here: whether it is `without`, and the labels.
    fn aggregate_clause(&mut self) -> Result<Option<(bool, Vec<String>)>, ParseError> {
        let without = match self.peek().kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.take();
        Ok(Some((without, self.grouping()?)))
    }

    /// `(label, label, …)`.
    pub(super) fn grouping(&mut self) -> Result<Vec<String>, ParseError> {
        const CONTEXT: &str = "grouping opts";
        self.expect(&TokenKind::LeftParen, CONTEXT, "\"(\"")?;
        let mut labels = Vec::new();
        loop {
            if self.eat(&TokenKind::RightParen).is_some() {
                return Ok(labels);
            }
            labels.push(self.grouping_label()?);
            if self.eat(&TokenKind::RightParen).is_some() {
                return Ok(labels);
            }
            self.expect(&TokenKind::Comma, CONTEXT, "\",\" or \")\"")?;
        }
    }

    fn grouping_label(&mut self) -> Result<String, ParseError> {
        let token = self.peek();
        if token.is_label_name() {
            return Ok(self.take().text.to_owned());
        }
        if let TokenKind::Text(bytes) = &token.kind {
            let name = std::str::from_utf8(bytes).ok().filter(|name| !name.is_empty()).map(str::to_owned);
            let error = ParseError::at(token.span, format!("invalid label name {}", token.text));
            self.take();
            return name.ok_or(error);
        }
        Err(self.unexpected("grouping opts", "label"))
    }
}

fn aggregate_of(
    op: AggregateOp,
    mut args: Vec<Expr>,
    (without, grouping): (bool, Vec<String>),
    span: Span,
) -> Result<Aggregate, ParseError> {
    let expected = 1 + usize::from(crate::ast::param_kind(op).is_some());
    if args.is_empty() {
        return Err(ParseError::at(span, "no arguments for aggregate expression provided"));
    }
    if args.len() != expected {
        let message = format!(
            "wrong number of arguments for aggregate expression provided, expected {expected}, got {}",
            args.len()
        );
        return Err(ParseError::at(span, message));
    }
    let param = if expected == 2 { Some(args.remove(0)) } else { None };
    Ok(Aggregate { op, expr: args.remove(0), param, grouping, without })
}
