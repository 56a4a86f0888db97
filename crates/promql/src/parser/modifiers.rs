//! What may follow an operand: `[5m]`, `[5m:1m]`, `offset`, `@`, `anchored`, `smoothed`.

use crate::ast::{At, DurationExpr, Edge, Expr, ExprKind, MatrixSelector, Subquery};
use crate::error::ParseError;
use crate::parser::token::{Keyword, TokenKind};
use crate::parser::{Node, Parser};

impl Parser<'_> {
    pub(super) fn modified(&mut self, mut node: Node) -> Result<Node, ParseError> {
        loop {
            node = match self.peek().kind {
                TokenKind::LeftBracket => self.bracketed(node)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(node)?,
                TokenKind::At => self.at(node)?,
                TokenKind::Keyword(Keyword::Anchored) => self.edge(node, Edge::Anchored)?,
                TokenKind::Keyword(Keyword::Smoothed) => self.edge(node, Edge::Smoothed)?,
                _ => return Ok(node),
            };
        }
    }

    fn bracketed(&mut self, node: Node) -> Result<Node, ParseError> {
        let open = self.take().span;
        let range = self.duration_expr(0, 0)?;
        self.above_zero(&range, open)?;
        if self.eat(&TokenKind::Colon).is_some() {
            return self.subquery(node, range);
        }
        let close = self.expect(&TokenKind::RightBracket, "subquery or range selector", "\":\" or \"]\"")?;
        let span = node.expr.span.to(close);
        let ExprKind::Selector(selector) = node.expr.kind else {
            return Err(ParseError::at(open, "ranges only allowed for vector selectors"));
        };
        if selector.offset.is_some() {
            return Err(ParseError::at(open, "no offset modifiers allowed before range"));
        }
        if selector.at.is_some() {
            return Err(ParseError::at(open, "no @ modifiers allowed before range"));
        }
        Ok(Node::leaf(span, ExprKind::Matrix(Box::new(MatrixSelector { selector: *selector, range }))))
    }

    fn subquery(&mut self, node: Node, range: DurationExpr) -> Result<Node, ParseError> {
        let mut step = None;
        if self.peek().kind != TokenKind::RightBracket {
            let at = self.peek().span;
            let given = self.duration_expr(0, 0)?;
            self.above_zero(&given, at)?;
            step = Some(given);
        }
        let close = self.expect(&TokenKind::RightBracket, "subquery selector", "\"]\"")?;
        let span = node.expr.span.to(close);
        let subquery = Subquery { expr: node.expr, range, step, offset: None, at: None };
        self.above(node.height, span, ExprKind::Subquery(Box::new(subquery)))
    }

    fn offset(&mut self, mut node: Node) -> Result<Node, ParseError> {
        let word = self.take().span;
        let given = self.offset_value()?;
        let Some((offset, _)) = time_modifiers(&mut node.expr) else {
            let message = "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(ParseError::at(node.expr.span, message));
        };
        if offset.is_some() {
            return Err(ParseError::at(word, "offset may not be set multiple times"));
        }
        *offset = Some(given);
        self.extend_to_here(&mut node);
        Ok(node)
    }

    fn at(&mut self, mut node: Node) -> Result<Node, ParseError> {
        let word = self.take().span;
        let given = self.at_value()?;
        let Some((_, at)) = time_modifiers(&mut node.expr) else {
            let message = "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(ParseError::at(node.expr.span, message));
        };
        if at.is_some() {
            return Err(ParseError::at(word, "@ <timestamp> may not be set multiple times"));
        }
        *at = Some(given);
        self.extend_to_here(&mut node);
        Ok(node)
    }

    fn at_value(&mut self) -> Result<At, ParseError> {
        let token = self.peek();
        let word = token.text.to_ascii_lowercase();
        if token.kind == TokenKind::Ident && (word == "start" || word == "end") {
            self.take();
            self.expect(&TokenKind::LeftParen, "@", "\"(\"")?;
            self.expect(&TokenKind::RightParen, "@", "\")\"")?;
            return Ok(if word == "start" { At::Start } else { At::End });
        }
        let span = token.span;
        let number = self.signed_number("@")?;
        let ms = (number.value * 1000.0).round();
        // Beyond these a moment and a range around it might not fit 64 bits.
        if ms.is_nan() || ms.abs() >= (i64::MAX / 4) as f64 {
            return Err(ParseError::at(
                span,
                format!("timestamp out of bounds for @ modifier: {:.6}", number.value),
            ));
        }
        Ok(At::Timestamp(ms as i64))
    }

    fn edge(&mut self, mut node: Node, edge: Edge) -> Result<Node, ParseError> {
        let word = self.take().span;
        let selector = match &mut node.expr.kind {
            ExprKind::Selector(selector) => selector.as_mut(),
            ExprKind::Matrix(matrix) => &mut matrix.selector,
            _ => {
                let message =
                    "anchored and smoothed modifiers must be preceded by an instant or range vector selector";
                return Err(ParseError::at(word, message));
            }
        };
        if selector.edge != Edge::Plain {
            return Err(ParseError::at(
                word,
                "anchored and smoothed modifiers may not be set multiple times",
            ));
        }
        selector.edge = edge;
        self.extend_to_here(&mut node);
        Ok(node)
    }

    fn extend_to_here(&self, node: &mut Node) {
        node.expr.span = node.expr.span.to(self.tokens[self.at - 1].span);
    }
}

/// Where an expression keeps its offset and its `@`, if it can have them.
fn time_modifiers(expr: &mut Expr) -> Option<(&mut Option<DurationExpr>, &mut Option<At>)> {
    match &mut expr.kind {
        ExprKind::Selector(selector) => Some((&mut selector.offset, &mut selector.at)),
        ExprKind::Matrix(matrix) => Some((&mut matrix.selector.offset, &mut matrix.selector.at)),
        ExprKind::Subquery(subquery) => Some((&mut subquery.offset, &mut subquery.at)),
        _ => None,
    }
}
