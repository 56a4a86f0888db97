//! Lengths of time, possibly computed: `5m`, `300`, `2m*(10+5)`, `step()`, `max_of(step(), 5s)`.

use crate::ast::{BinaryOp, DurationExpr, Number, Span};
use crate::error::ParseError;
use crate::parser::token::TokenKind;
use crate::parser::{DEPTH_MAX, Parser, too_deep};

const CONTEXT: &str = "duration expression";
const EXPECTED: &str = "number, duration, step(), or range()";

/// The longest length in seconds; Prometheus' own (64 bits of nanoseconds).
const SECONDS_MAX: f64 = 9.2e9;

/// What the lengths that depend on the query depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLengths {
    pub(crate) step_ms: i64,
    pub(crate) range_ms: i64,
}

impl DurationExpr {
    /// The length in milliseconds.
    ///
    /// # Errors
    /// Division by zero, or out of bounds.
    pub(crate) fn ms(&self, query: QueryLengths) -> Result<i64, String> {
        let seconds = self.seconds(query)?;
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            return Err("duration out of range".to_owned());
        }
        Ok((seconds * 1000.0).round() as i64)
    }

    fn seconds(&self, query: QueryLengths) -> Result<f64, String> {
        Ok(match self {
            Self::Number(number) => number.value,
            Self::Step => query.step_ms as f64 / 1000.0,
            Self::Range => query.range_ms as f64 / 1000.0,
            Self::Negate(inner) => -inner.seconds(query)?,
            Self::Paren(inner) => inner.seconds(query)?,
            Self::MinOf(a, b) => a.seconds(query)?.min(b.seconds(query)?),
            Self::MaxOf(a, b) => a.seconds(query)?.max(b.seconds(query)?),
            Self::Binary(op, a, b) => {
                let (a, b) = (a.seconds(query)?, b.seconds(query)?);
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div if b == 0.0 => return Err("division by zero".to_owned()),
                    BinaryOp::Div => a / b,
                    BinaryOp::Mod if b == 0.0 => return Err("modulo by zero".to_owned()),
                    BinaryOp::Mod => a % b,
                    _ => a.powf(b),
                }
            }
        })
    }

    /// Whether the length is the same whatever the query's step and range.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Step | Self::Range => false,
            Self::Negate(inner) | Self::Paren(inner) => inner.is_constant(),
            Self::MinOf(a, b) | Self::MaxOf(a, b) | Self::Binary(_, a, b) => {
                a.is_constant() && b.is_constant()
            }
        }
    }
}

impl Parser<'_> {
    /// A length within brackets or parentheses.
    pub(super) fn duration_expr(
        &mut self,
        precedence_min: u8,
        depth: usize,
    ) -> Result<DurationExpr, ParseError> {
        if depth > DEPTH_MAX {
            return Err(too_deep(self.peek().span));
        }
        let mut lhs = match self.sign() {
            // A sign binds like a product.
            Some(negative) => signed(negative, self.duration_expr(BinaryOp::Pow.precedence(), depth + 1)?),
            None => self.duration_atom(depth)?,
        };
        let mut links = depth;
        while let TokenKind::Operator(op) = self.peek().kind {
            let precedence = op.precedence();
            if precedence < precedence_min || op == BinaryOp::Atan2 || op.is_comparison() || op.is_set() {
                break;
            }
            self.take();
            links += 1;
            let next = if op == BinaryOp::Pow { precedence } else { precedence + 1 };
            lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(self.duration_expr(next, links)?));
        }
        Ok(lhs)
    }

    /// A length after `offset`: one term with an optional sign; anything longer needs parentheses.
    pub(super) fn offset_value(&mut self) -> Result<DurationExpr, ParseError> {
        let start = self.peek().span;
        let value = match self.sign() {
            Some(negative) => signed(negative, self.duration_atom(0)?),
            None => self.duration_atom(0)?,
        };
        if value.is_constant() {
            value.ms(NO_QUERY).map_err(|message| ParseError::at(start, message))?;
        }
        Ok(value)
    }

    fn sign(&mut self) -> Option<bool> {
        let negative = match self.peek().kind {
            TokenKind::Operator(BinaryOp::Sub) => true,
            TokenKind::Operator(BinaryOp::Add) => false,
            _ => return None,
        };
        self.take();
        Some(negative)
    }

    fn duration_atom(&mut self, depth: usize) -> Result<DurationExpr, ParseError> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Number(value) => {
                self.take();
                Ok(DurationExpr::Number(Number { value, duration: false }))
            }
            TokenKind::Duration(ms) => {
                self.take();
                Ok(DurationExpr::Number(Number { value: ms as f64 / 1000.0, duration: true }))
            }
            TokenKind::LeftParen => {
                self.take();
                let inner = self.duration_expr(0, depth + 1)?;
                self.expect(&TokenKind::RightParen, CONTEXT, "\")\"")?;
                Ok(DurationExpr::Paren(Box::new(inner)))
            }
            TokenKind::Ident if self.second().kind == TokenKind::LeftParen => {
                self.duration_call(token.text, depth)
            }
            _ => Err(self.unexpected(CONTEXT, EXPECTED)),
        }
    }

    fn duration_call(&mut self, name: &str, depth: usize) -> Result<DurationExpr, ParseError> {
        let name = name.to_ascii_lowercase();
        if !matches!(name.as_str(), "step" | "range" | "min_of" | "max_of") {
            return Err(self.unexpected(CONTEXT, EXPECTED));
        }
        self.take();
        self.take();
        let value = match name.as_str() {
            "step" => DurationExpr::Step,
            "range" => DurationExpr::Range,
            _ => {
                let a = Box::new(self.duration_expr(0, depth + 1)?);
                self.expect(&TokenKind::Comma, CONTEXT, "\",\"")?;
                let b = Box::new(self.duration_expr(0, depth + 1)?);
                if name == "min_of" { DurationExpr::MinOf(a, b) } else { DurationExpr::MaxOf(a, b) }
            }
        };
        self.expect(&TokenKind::RightParen, CONTEXT, "\")\"")?;
        Ok(value)
    }

    /// Refuses a range or a step that is constant and not above zero.
    pub(super) fn above_zero(&self, length: &DurationExpr, at: Span) -> Result<(), ParseError> {
        if !length.is_constant() {
            return Ok(());
        }
        match length.ms(NO_QUERY) {
            Ok(ms) if ms > 0 => Ok(()),
            Ok(_) => Err(ParseError::at(at, "duration must be greater than 0")),
            Err(message) => Err(ParseError::at(at, message)),
        }
    }
}

/// For lengths that are constant.
const NO_QUERY: QueryLengths = QueryLengths { step_ms: 0, range_ms: 0 };

fn signed(negative: bool, value: DurationExpr) -> DurationExpr {
    match (negative, value) {
        (true, DurationExpr::Number(number)) => {
            DurationExpr::Number(Number { value: -number.value, ..number })
        }
        (true, other) => DurationExpr::Negate(Box::new(other)),
        (false, other) => other,
    }
}
