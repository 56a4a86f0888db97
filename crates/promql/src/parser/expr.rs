//! Operators, parentheses and literals: the Pratt loop.

use std::collections::HashSet;

use crate::ast::{Binary, BinaryOp, Cardinality, ExprKind, Matching, Number, Text, UnaryOp};
use crate::error::ParseError;
use crate::parser::token::{Keyword, TokenKind};
use crate::parser::{DEPTH_MAX, Node, Parser, too_deep};

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `precedence_min`.
    pub(super) fn expr(&mut self, precedence_min: u8) -> Result<Node, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep(self.peek().span));
        }
        let mut lhs = self.unary()?;
        while let TokenKind::Operator(op) = self.peek().kind {
            let precedence = op.precedence();
            if precedence < precedence_min {
                break;
            }
            self.take();
            lhs = self.binary(lhs, op)?;
        }
        self.depth -= 1;
        Ok(lhs)
    }

    /// What follows an operator, joined with what stands before it. By itself, as all that has much to keep: what an
    /// expression within parentheses takes of the stack is what [`Parser::expr`] takes.
    fn binary(&mut self, lhs: Node, op: BinaryOp) -> Result<Node, ParseError> {
        let (bool_modifier, matching) = self.binary_modifiers(op)?;
        // "^" groups to the right: its right side may hold another one.
        let precedence = op.precedence();
        let rhs = self.expr(if op == BinaryOp::Pow { precedence } else { precedence + 1 })?;
        let (below, span) = (lhs.height.max(rhs.height), lhs.expr.span.to(rhs.expr.span));
        let binary = Binary { op, lhs: lhs.expr, rhs: rhs.expr, bool_modifier, matching: Some(matching) };
        self.above(below, span, ExprKind::Binary(Box::new(binary)))
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        let op = match self.peek().kind {
            TokenKind::Operator(BinaryOp::Add) => UnaryOp::Plus,
            TokenKind::Operator(BinaryOp::Sub) => UnaryOp::Minus,
            _ => return self.operand(),
        };
        let sign = self.take().span;
        // A sign binds like a product, looser than "^".
        let inner = self.expr(BinaryOp::Pow.precedence())?;
        let span = sign.to(inner.expr.span);
        match (&inner.expr.kind, op) {
            (ExprKind::Number(number), UnaryOp::Minus) => {
                Ok(Node::leaf(span, ExprKind::Number(Number { value: -number.value, ..*number })))
            }
            (ExprKind::Number(number), UnaryOp::Plus) => Ok(Node::leaf(span, ExprKind::Number(*number))),
            _ => self.above(inner.height, span, ExprKind::Unary(op, Box::new(inner.expr))),
        }
    }

    fn operand(&mut self) -> Result<Node, ParseError> {
        let primary = self.primary()?;
        self.modified(primary)
    }

    fn primary(&mut self) -> Result<Node, ParseError> {
        let token = self.peek();
        let span = token.span;
        match &token.kind {
            TokenKind::Number(value) => {
                let number = Number { value: *value, duration: false };
                self.take();
                Ok(Node::leaf(span, ExprKind::Number(number)))
            }
            TokenKind::Duration(ms) => {
                let number = Number { value: *ms as f64 / 1000.0, duration: true };
                self.take();
                Ok(Node::leaf(span, ExprKind::Number(number)))
            }
            TokenKind::Text(bytes) => {
                let text = Text(bytes.clone());
                self.take();
                Ok(Node::leaf(span, ExprKind::Text(text)))
            }
            TokenKind::LeftParen => self.parenthesised(),
            TokenKind::LeftBrace => self.selector(),
            TokenKind::Aggregator(op) if self.starts_aggregation() => {
                let op = *op;
                self.aggregate(op)
            }
            TokenKind::Ident if self.second().kind == TokenKind::LeftParen => self.call(),
            _ if token.is_metric_name() => self.selector(),
            _ => Err(self.unexpected("", "")),
        }
    }

    /// Whether the word ahead is an aggregation and not a metric that happens to be called so.
    fn starts_aggregation(&self) -> bool {
        matches!(
            self.second().kind,
            TokenKind::LeftParen | TokenKind::Keyword(Keyword::By) | TokenKind::Keyword(Keyword::Without)
        )
    }

    fn parenthesised(&mut self) -> Result<Node, ParseError> {
        let open = self.take().span;
        let inner = self.expr(0)?;
        let close = self.expect(&TokenKind::RightParen, "", "")?;
        self.above(inner.height, open.to(close), ExprKind::Paren(Box::new(inner.expr)))
    }

    /// What may stand between an operator and its right side.
    fn binary_modifiers(&mut self, op: BinaryOp) -> Result<(bool, Matching), ParseError> {
        let mut matching = Matching {
            cardinality: if op.is_set() { Cardinality::ManyToMany } else { Cardinality::OneToOne },
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        let bool_at = self.peek().span;
        let bool_modifier = self.eat(&TokenKind::Keyword(Keyword::Bool)).is_some();
        if bool_modifier && !op.is_comparison() {
            return Err(ParseError::at(bool_at, "bool modifier can only be used on comparison operators"));
        }
        self.match_labels(op, &mut matching)?;
        self.fill_modifiers(op, &mut matching)?;
        Ok((bool_modifier, matching))
    }

    fn match_labels(&mut self, op: BinaryOp, matching: &mut Matching) -> Result<(), ParseError> {
        matching.on = match self.peek().kind {
            TokenKind::Keyword(Keyword::On) => true,
            TokenKind::Keyword(Keyword::Ignoring) => false,
            _ => return Ok(()),
        };
        self.take();
        matching.labels = self.grouping()?;
        let group = self.peek().span;
        let cardinality = match self.peek().kind {
            TokenKind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            TokenKind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.take();
        if op.is_set() {
            return Err(ParseError::at(
                group,
                format!("no grouping allowed for {:?} operation", op.as_str()),
            ));
        }
        matching.cardinality = cardinality;
        if self.peek().kind == TokenKind::LeftParen {
            matching.include = self.grouping()?;
        }
        let listed: HashSet<&String> = matching.labels.iter().collect();
        if matching.on
            && let Some(both) = matching.include.iter().find(|label| listed.contains(label))
        {
            let message = format!("label {both:?} must not occur in ON and GROUP clause at once");
            return Err(ParseError::at(group, message));
        }
        Ok(())
    }

    fn fill_modifiers(&mut self, op: BinaryOp, matching: &mut Matching) -> Result<(), ParseError> {
        while let TokenKind::Keyword(keyword @ (Keyword::Fill | Keyword::FillLeft | Keyword::FillRight)) =
            self.peek().kind
        {
            // Without a parenthesis it is a metric of that name.
            if self.second().kind != TokenKind::LeftParen {
                return Ok(());
            }
            let word = self.take().span;
            if op.is_set() {
                let message =
                    format!("filling in missing series not allowed for {:?} operation", op.as_str());
                return Err(ParseError::at(word, message));
            }
            self.take();
            let value = self.signed_number("fill modifier")?;
            self.expect(&TokenKind::RightParen, "fill modifier", "\")\"")?;
            if keyword != Keyword::FillRight {
                matching.fill_left = Some(value);
            }
            if keyword != Keyword::FillLeft {
                matching.fill_right = Some(value);
            }
        }
        Ok(())
    }

    /// A number with an optional sign.
    pub(super) fn signed_number(&mut self, context: &str) -> Result<Number, ParseError> {
        let negative = match self.peek().kind {
            TokenKind::Operator(BinaryOp::Sub) => true,
            TokenKind::Operator(BinaryOp::Add) => false,
            _ => return self.unsigned_number(context),
        };
        self.take();
        let number = self.unsigned_number(context)?;
        Ok(Number { value: if negative { -number.value } else { number.value }, ..number })
    }

    fn unsigned_number(&mut self, context: &str) -> Result<Number, ParseError> {
        let number = match self.peek().kind {
            TokenKind::Number(value) => Number { value, duration: false },
            TokenKind::Duration(ms) => Number { value: ms as f64 / 1000.0, duration: true },
            _ => return Err(self.unexpected(context, "number")),
        };
        self.take();
        Ok(number)
    }
}
