//! Stages of a pipeline.

use logstage::{Comparison, Conversion, LineOp, LineOperand, NumberKind};
use model::MatchOp;

use super::Parser;
use super::lexer::Kind;
use crate::ast::{FormatValue, LabelExpr, NameExpr, StageExpr, StageKind, UnwrapExpr};
use crate::compile;
use crate::error::{Limit, ParseError};

/// What comes behind a selector.
pub(super) enum Found {
    Stage(StageExpr),
    Unwrap(UnwrapExpr),
}

impl Parser<'_> {
    /// The next stage, if there is one.
    pub(super) fn stage(&mut self) -> Result<Option<Found>, ParseError> {
        let start = self.peek().span.start;
        let Kind::Sign(sign) = self.peek().kind else { return Ok(None) };
        let kind = if let Some(op) = line_op(sign) {
            self.at += 1;
            StageKind::Line { op, operands: self.operands()? }
        } else if sign == "|" {
            self.at += 1;
            if self.eat_word("unwrap") {
                return self.unwrap().map(|unwrap| Some(Found::Unwrap(unwrap)));
            }
            self.piped()?
        } else {
            return Ok(None);
        };
        let stage = StageExpr { kind, span: start..self.before() };
        if let Err(error) = compile::stage(&stage.kind) {
            let shown = self.query.get(stage.span.clone()).unwrap_or_default();
            return Err(self.meaning(stage.span, format!("stage '{shown}' : {error}")));
        }
        Ok(Some(Found::Stage(stage)))
    }

    fn operands(&mut self) -> Result<Vec<LineOperand>, ParseError> {
        let mut operands = vec![self.operand()?];
        while self.eat_word("or") {
            operands.push(self.operand()?);
        }
        Ok(operands)
    }

    fn operand(&mut self) -> Result<LineOperand, ParseError> {
        if self.is_word("ip") && *self.second() == Kind::Sign("(") {
            self.at += 2;
            let range = self.text()?;
            self.expect(")")?;
            return Ok(LineOperand::Ip(range));
        }
        self.text().map(LineOperand::Text)
    }

    /// What stands behind a bar.
    fn piped(&mut self) -> Result<StageKind, ParseError> {
        let Kind::Ident(word) = &self.peek().kind else {
            return self.label_filter().map(StageKind::Label);
        };
        // A label may be called like a stage: then an operator follows.
        let is_label =
            matches!(self.second(), Kind::Sign("=" | "==" | "!=" | "=~" | "!~" | ">" | ">=" | "<" | "<="));
        let word = word.to_ascii_lowercase();
        if is_label || !STAGES.contains(&word.as_str()) {
            return self.label_filter().map(StageKind::Label);
        }
        self.at += 1;
        Ok(match word.as_str() {
            "json" => StageKind::Json(self.fields()?),
            "logfmt" => self.logfmt()?,
            "regexp" => StageKind::Regexp(self.text()?),
            "pattern" => StageKind::Pattern(self.text()?),
            "unpack" => StageKind::Unpack,
            "decolorize" => StageKind::Decolorize,
            "line_format" => StageKind::LineFormat(self.text()?),
            "label_format" => StageKind::LabelFormat(self.formats()?),
            "drop" => StageKind::Drop(self.names()?),
            _ => StageKind::Keep(self.names()?),
        })
    }

    fn logfmt(&mut self) -> Result<StageKind, ParseError> {
        let (mut is_strict, mut keeps_empty) = (false, false);
        while let Kind::Flag(flag) = &self.peek().kind {
            match flag.as_str() {
                "strict" => is_strict = true,
                "keep-empty" => keeps_empty = true,
                _ => return Err(self.unexpected("--strict or --keep-empty")),
            }
            self.at += 1;
        }
        Ok(StageKind::Logfmt { is_strict, keeps_empty, fields: self.fields()? })
    }

    /// `a="b", c`: fields that a parser takes, if any are named.
    fn fields(&mut self) -> Result<Vec<(String, String)>, ParseError> {
        let mut fields = Vec::new();
        if !matches!(self.peek().kind, Kind::Ident(_)) || self.is_word("offset") {
            return Ok(fields);
        }
        loop {
            let name = self.ident()?;
            let source = if self.eat("=") { self.text()? } else { name.clone() };
            fields.push((name, source));
            if !self.eat(",") {
                return Ok(fields);
            }
        }
    }

    fn formats(&mut self) -> Result<Vec<(String, FormatValue)>, ParseError> {
        let mut formats: Vec<(String, FormatValue)> = Vec::new();
        loop {
            let span = self.peek().span.clone();
            let name = self.ident()?;
            self.expect("=")?;
            let value = match &self.peek().kind {
                Kind::Ident(_) => FormatValue::Label(self.ident()?),
                Kind::Text(_) => FormatValue::Template(self.text()?),
                _ => return Err(self.unexpected("IDENTIFIER or STRING")),
            };
            if formats.iter().any(|(other, _)| *other == name) {
                let message =
                    format!("multiple label name '{name}' not allowed in a single format operation");
                return Err(self.meaning(span, message));
            }
            formats.push((name, value));
            if !self.eat(",") {
                return Ok(formats);
            }
        }
    }

    fn names(&mut self) -> Result<Vec<NameExpr>, ParseError> {
        let mut names = Vec::new();
        loop {
            let start = self.peek().span.start;
            let name = self.ident()?;
            names.push(match self.match_op() {
                Some(op) => {
                    self.at += 1;
                    NameExpr::Value(self.matcher_of(start, name, op)?)
                }
                None => NameExpr::Name(name),
            });
            if !self.eat(",") {
                return Ok(names);
            }
        }
    }

    fn unwrap(&mut self) -> Result<UnwrapExpr, ParseError> {
        let name = self.ident()?;
        let conversion = match name.to_ascii_lowercase().as_str() {
            _ if self.peek().kind != Kind::Sign("(") => None,
            "bytes" => Some(Conversion::Bytes),
            "duration" => Some(Conversion::Duration),
            "duration_seconds" => Some(Conversion::DurationSeconds),
            _ => return Err(self.unexpected("| or [ or )")),
        };
        let (label, conversion) = match conversion {
            None => (name, Conversion::None),
            Some(conversion) => {
                self.expect("(")?;
                let label = self.ident()?;
                self.expect(")")?;
                (label, conversion)
            }
        };
        let mut filters = Vec::new();
        while self.eat("|") {
            filters.push(self.label_filter()?);
        }
        Ok(UnwrapExpr { label, conversion, filters })
    }

    /// `a="x" and b > 5 or c`: `or` binds least; a comma and nothing at all mean `and`.
    fn label_filter(&mut self) -> Result<LabelExpr, ParseError> {
        let mut left = self.label_and()?;
        let mut count = 1;
        while self.eat_word("or") {
            count += 1;
            self.check_conditions(count)?;
            left = LabelExpr::Or(Box::new(left), Box::new(self.nested(Self::label_and)?));
        }
        Ok(left)
    }

    fn label_and(&mut self) -> Result<LabelExpr, ParseError> {
        let mut left = self.label_unit()?;
        let mut count = 1;
        loop {
            let is_next =
                matches!(self.peek().kind, Kind::Ident(_)) && !self.is_word("or") && !self.is_word("offset");
            if !self.eat_word("and") && !self.eat(",") && !is_next && self.peek().kind != Kind::Sign("(") {
                return Ok(left);
            }
            count += 1;
            self.check_conditions(count)?;
            left = LabelExpr::And(Box::new(left), Box::new(self.label_unit()?));
        }
    }

    /// Each condition is one level of the tree.
    fn check_conditions(&self, count: usize) -> Result<(), ParseError> {
        if self.depth + count <= super::DEPTH_MAX {
            return Ok(());
        }
        let message = format!("more than {} conditions in one filter", super::DEPTH_MAX);
        Err(ParseError::beyond(Limit::Depth, self.query, self.peek().span.clone(), message))
    }

    fn label_unit(&mut self) -> Result<LabelExpr, ParseError> {
        if self.eat("(") {
            let inner = self.nested(Self::label_filter)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let start = self.peek().span.start;
        let name = self.ident()?;
        let text_op = self.match_op();
        let Some(op) = text_op.and_then(comparison_of).or_else(|| self.comparison()) else {
            // `=~` and `!~` take texts only.
            let Some(op) = text_op else { return Err(self.no_comparison(&name)) };
            self.at += 1;
            return self.matcher_of(start, name, op).map(LabelExpr::Text);
        };
        self.at += 1;
        if let (Some(op), Kind::Text(_)) = (text_op, &self.peek().kind) {
            return self.matcher_of(start, name, op).map(LabelExpr::Text);
        }
        if let (Some(op), true) = (text_op, self.is_word("ip")) {
            self.at += 1;
            self.expect("(")?;
            let range = self.text()?;
            self.expect(")")?;
            return Ok(LabelExpr::Ip { name, is_negative: op == MatchOp::NotEqual, range });
        }
        self.number_filter(name, op)
    }

    fn number_filter(&mut self, name: String, op: Comparison) -> Result<LabelExpr, ParseError> {
        let from = self.peek().span.start;
        let sign = if self.eat("-") { -1.0 } else { 1.0 };
        let (kind, value) = match self.peek().kind {
            Kind::Number(value) => (NumberKind::Plain, value),
            Kind::Duration(nanos) => (NumberKind::Duration, nanos / 1e9),
            Kind::Bytes(bytes) => (NumberKind::Bytes, bytes),
            _ => return Err(self.unexpected("BYTES or DURATION or NUMBER or STRING")),
        };
        self.at += 1;
        let text = self.query.get(from..self.before()).unwrap_or_default().replace(' ', "");
        Ok(LabelExpr::Number { name, op, kind, text, value: sign * value })
    }

    fn comparison(&self) -> Option<Comparison> {
        match self.peek().kind {
            Kind::Sign("==") => Some(Comparison::Equal),
            Kind::Sign(">") => Some(Comparison::Greater),
            Kind::Sign(">=") => Some(Comparison::GreaterOrEqual),
            Kind::Sign("<") => Some(Comparison::Less),
            Kind::Sign("<=") => Some(Comparison::LessOrEqual),
            _ => None,
        }
    }
}

/// Words that begin a stage.
pub(super) const STAGES: [&str; 10] = [
    "json",
    "logfmt",
    "regexp",
    "pattern",
    "unpack",
    "decolorize",
    "line_format",
    "label_format",
    "drop",
    "keep",
];

fn line_op(sign: &str) -> Option<LineOp> {
    Some(match sign {
        "|=" => LineOp::Contains,
        "!=" => LineOp::Lacks,
        "|~" => LineOp::Matches,
        "!~" => LineOp::MatchesNot,
        "|>" => LineOp::Looks,
        "!>" => LineOp::LooksNot,
        _ => return None,
    })
}

fn comparison_of(op: MatchOp) -> Option<Comparison> {
    match op {
        MatchOp::Equal => Some(Comparison::Equal),
        MatchOp::NotEqual => Some(Comparison::NotEqual),
        MatchOp::Regex | MatchOp::NotRegex => None,
    }
}
