//! Expressions whose value is numbers.

use columns::vector::{BinaryOp, Cardinality};

use super::lexer::Kind;
use super::{Parser, Ranged, hints, node};
use crate::ast::{
    AggregateExpr, BinaryExpr, Grouping, MatchingExpr, Metric, MetricKind, RangeExpr, RangeOp, ReplaceExpr,
    ReplaceTexts, VectorOp,
};
use crate::error::{Limit, ParseError};
use crate::eval::scalar;

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `weakest`.
    pub(super) fn metric(&mut self, weakest: u8) -> Result<Metric, ParseError> {
        let start = self.peek().span.start;
        let mut left = self.nested(Self::unit)?;
        let mut links = 0;
        while let Some(op) = self.operator().filter(|op| op.precedence() >= weakest) {
            links += 1;
            if self.depth + links > super::DEPTH_MAX {
                let message = format!("more than {} operators in a row", super::DEPTH_MAX);
                return Err(ParseError::beyond(Limit::Depth, self.query, self.peek().span.clone(), message));
            }
            let operator_at = self.peek().span.clone();
            self.at += 1;
            let is_bool = self.eat_word("bool");
            if is_bool && !op.is_comparison() {
                return Err(self.meaning(
                    operator_at,
                    format!("bool modifier can only be used on comparison operators, not {}", op.as_str()),
                ));
            }
            let matching = self.matching(op)?;
            // `^` binds to the right.
            let tighter = if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 };
            let right = self.nested(|parser| parser.metric(tighter))?;
            if op.is_set() && (left.as_number().is_some() || right.as_number().is_some()) {
                let message = format!(
                    "unexpected literal for a side of logical/set binary operation ({})",
                    op.as_str()
                );
                return Err(self.meaning(operator_at, message));
            }
            let span = start..self.before();
            // Two literals are one, if it can be written as one.
            let folded = left.as_number().zip(right.as_number()).map(|(a, b)| scalar(op)(a, b));
            left = match folded.filter(|value| value.is_finite()) {
                Some(value) => node(MetricKind::Number(value), span),
                None => node(
                    MetricKind::Binary(Box::new(BinaryExpr { op, lhs: left, rhs: right, is_bool, matching })),
                    span,
                ),
            };
        }
        Ok(left)
    }

    fn operator(&self) -> Option<BinaryOp> {
        Some(match &self.peek().kind {
            Kind::Sign("+") => BinaryOp::Add,
            Kind::Sign("-") => BinaryOp::Sub,
            Kind::Sign("*") => BinaryOp::Mul,
            Kind::Sign("/") => BinaryOp::Div,
            Kind::Sign("%") => BinaryOp::Mod,
            Kind::Sign("^") => BinaryOp::Pow,
            Kind::Sign("==") => BinaryOp::Eq,
            Kind::Sign("!=") => BinaryOp::Ne,
            Kind::Sign(">") => BinaryOp::Gt,
            Kind::Sign(">=") => BinaryOp::Ge,
            Kind::Sign("<") => BinaryOp::Lt,
            Kind::Sign("<=") => BinaryOp::Le,
            Kind::Ident(word) if word.eq_ignore_ascii_case("and") => BinaryOp::And,
            Kind::Ident(word) if word.eq_ignore_ascii_case("or") => BinaryOp::Or,
            Kind::Ident(word) if word.eq_ignore_ascii_case("unless") => BinaryOp::Unless,
            _ => return None,
        })
    }

    /// `on (…) group_left (…)`, if it comes next.
    fn matching(&mut self, op: BinaryOp) -> Result<MatchingExpr, ParseError> {
        let cardinality = if op.is_set() { Cardinality::ManyToMany } else { Cardinality::OneToOne };
        let mut matching = MatchingExpr { cardinality, labels: Vec::new(), on: false, include: Vec::new() };
        let on = self.eat_word("on");
        if !on && !self.eat_word("ignoring") {
            return Ok(matching);
        }
        matching.on = on;
        matching.labels = self.label_list()?;
        let group_at = self.peek().span.clone();
        let grouped = [("group_left", Cardinality::ManyToOne), ("group_right", Cardinality::OneToMany)];
        let Some((_, cardinality)) = grouped.into_iter().find(|(word, _)| self.is_word(word)) else {
            return Ok(matching);
        };
        if op.is_set() {
            return Err(self.meaning(group_at, format!("no grouping allowed for {} operation", op.as_str())));
        }
        self.at += 1;
        matching.cardinality = cardinality;
        if self.peek().kind == Kind::Sign("(") {
            matching.include = self.label_list()?;
        }
        Ok(matching)
    }

    fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            labels.push(self.ident()?);
            if !self.eat(",") && self.peek().kind != Kind::Sign(")") {
                return Err(self.unexpected(", or )"));
            }
        }
        Ok(labels)
    }

    fn unit(&mut self) -> Result<Metric, ParseError> {
        let start = self.peek().span.start;
        let kind = match &self.peek().kind {
            Kind::Number(value) => {
                let value = *value;
                self.at += 1;
                MetricKind::Number(value)
            }
            Kind::Sign("-" | "+") => {
                let sign = if self.eat("-") {
                    -1.0
                } else {
                    self.at += 1;
                    1.0
                };
                let Kind::Number(value) = self.peek().kind else { return Err(self.unexpected("NUMBER")) };
                self.at += 1;
                MetricKind::Number(sign * value)
            }
            Kind::Sign("(") => {
                self.at += 1;
                let inner = self.metric(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Kind::Ident(name) => {
                let name = name.to_ascii_lowercase();
                return self.named(&name, start);
            }
            _ => return Err(self.no_expression()),
        };
        Ok(node(kind, start..self.before()))
    }

    /// A function or an aggregation.
    fn named(&mut self, name: &str, start: usize) -> Result<Metric, ParseError> {
        let range = RangeOp::ALL.into_iter().find(|op| op.as_str() == name);
        let vector = VectorOp::ALL.into_iter().find(|op| op.as_str() == name);
        let kind = match (range, vector) {
            (Some(op), _) => {
                self.at += 1;
                self.range_call(op, start)?
            }
            (None, Some(op)) => {
                self.at += 1;
                self.aggregate(op, start)?
            }
            (None, None) if name == "vector" => {
                self.at += 1;
                self.expect("(")?;
                let Kind::Number(value) = self.peek().kind else { return Err(self.unexpected("NUMBER")) };
                self.at += 1;
                self.expect(")")?;
                MetricKind::Vector(value)
            }
            (None, None) if name == "label_replace" => {
                self.at += 1;
                self.label_replace()?
            }
            _ => return Err(self.unknown_function(name)),
        };
        Ok(node(kind, start..self.before()))
    }

    fn range_call(&mut self, op: RangeOp, start: usize) -> Result<MetricKind, ParseError> {
        self.expect("(")?;
        let param_at = self.peek().span.clone();
        let negative = matches!(self.second(), Kind::Number(_)) && self.eat("-");
        let param = match self.peek().kind {
            Kind::Number(value) => {
                self.at += 1;
                self.expect(",")?;
                Some(if negative { -value } else { value })
            }
            _ => None,
        };
        let Ranged { log, unwrap, range_ms, offset_ms } = self.nested(Self::ranged)?;
        self.expect(")")?;
        let grouping = self.grouping_if()?;
        let span = start..self.before();
        let name = op.as_str();
        match (op, param) {
            (RangeOp::QuantileOverTime, None) => {
                let message = format!("parameter required for operation {name}: {name}(0.95, …)");
                return Err(self.meaning(span, message));
            }
            (RangeOp::QuantileOverTime, Some(quantile)) if quantile < 0.0 => {
                return Err(
                    self.meaning(param_at, format!("invalid parameter for operation {name}: {quantile}"))
                );
            }
            (RangeOp::QuantileOverTime, Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                return Err(self.meaning(span, format!("parameter not allowed for operation {name}")));
            }
        }
        use RangeOp::{AbsentOverTime, BytesOverTime, BytesRate, CountOverTime, Rate};
        let wrong = match (op, unwrap.is_some()) {
            (CountOverTime | BytesOverTime | BytesRate, true) => Some("with"),
            (CountOverTime | BytesOverTime | BytesRate | Rate | AbsentOverTime, _) | (_, true) => None,
            (_, false) => Some("without"),
        };
        if let Some(wrong) = wrong {
            let advice = if wrong == "without" { hints::WITHOUT_UNWRAP } else { hints::WITH_UNWRAP };
            return Err(self.meaning(span, format!("invalid aggregation {name} {wrong} unwrap{advice}")));
        }
        if grouping.is_some() && !op.takes_grouping() {
            let message = format!(
                "grouping not allowed for {name} aggregation; write it before: sum by (…) ({name}(…))"
            );
            return Err(self.meaning(span, message));
        }
        Ok(MetricKind::Range(Box::new(RangeExpr { op, param, log, unwrap, range_ms, offset_ms, grouping })))
    }

    fn aggregate(&mut self, op: VectorOp, start: usize) -> Result<MetricKind, ParseError> {
        let before = self.grouping_if()?;
        self.expect("(")?;
        let mut count = None;
        if let (Kind::Number(value), Kind::Sign(",")) = (&self.peek().kind, self.second()) {
            let value = *value;
            if !op.takes_count() {
                return Err(self.meaning(
                    self.peek().span.clone(),
                    format!("unsupported parameter for operation {}", op.as_str()),
                ));
            }
            if value < 1.0 || value.fract() != 0.0 || value > f64::from(u32::MAX) {
                let rule = if value < 1.0 { "greater than 0" } else { "a whole number" };
                let message = format!("invalid parameter (must be {rule}) {}({value}", op.as_str());
                return Err(self.meaning(self.peek().span.clone(), message));
            }
            count = Some(value as u32);
            self.at += 2;
        }
        let expr = self.metric(0)?;
        self.expect(")")?;
        let after = self.grouping_if()?;
        let span = start..self.before();
        if before.is_some() && after.is_some() {
            return Err(self.meaning(span, "an aggregation takes one grouping, not two"));
        }
        let grouping = before.or(after);
        if op.takes_count() && count.is_none() {
            let name = op.as_str();
            return Err(self.meaning(span, format!("parameter required for operation {name}: {name}(10, …)")));
        }
        if grouping.is_some() && matches!(op, VectorOp::Sort | VectorOp::SortDesc | VectorOp::ApproxTopk) {
            return Err(self.meaning(span, format!("grouping not allowed for {} aggregation", op.as_str())));
        }
        if expr.as_number().is_some() {
            return Err(self.meaning(expr.span, "an aggregation needs a vector, not a number"));
        }
        Ok(MetricKind::Aggregate(Box::new(AggregateExpr { op, count, expr, grouping })))
    }

    fn grouping_if(&mut self) -> Result<Option<Grouping>, ParseError> {
        let without = self.is_word("without");
        if !without && !self.is_word("by") {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Grouping { labels: self.label_list()?, without }))
    }

    fn label_replace(&mut self) -> Result<MetricKind, ParseError> {
        self.expect("(")?;
        let expr = self.metric(0)?;
        let mut texts = [const { String::new() }; 4];
        let mut span = 0..0;
        for text in &mut texts {
            self.expect(",")?;
            span = self.peek().span.clone();
            *text = self.text()?;
        }
        self.expect(")")?;
        let [target, replacement, source, pattern] = texts;
        if let Err(error) = crate::compile::anchored(&pattern) {
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default();
            let cause = cause.strip_prefix("error: ").unwrap_or(cause);
            return Err(self.meaning(span, format!("invalid regex in label_replace: {cause}")));
        }
        let texts = ReplaceTexts { target, replacement, source, pattern };
        Ok(MetricKind::LabelReplace(Box::new(ReplaceExpr { expr, texts })))
    }
}
