//! Queries as text: one way to write each, which reads back as the same tree.

use std::fmt;

use columns::vector::{BinaryOp, Cardinality};
use logstage::{Conversion, LineOperand};
use model::Matcher;
use model::quoted::quote;

use crate::ast::{
    AggregateExpr, BinaryExpr, Expr, FormatValue, Grouping, LabelExpr, LogExpr, Metric, MetricKind, NameExpr,
    RangeExpr, StageKind, UnwrapExpr,
};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(log) => log.fmt(f),
            Self::Metric(metric) => metric.fmt(f),
        }
    }
}

fn text(value: &str) -> String {
    quote(value.as_bytes())
}

fn matcher(matcher: &Matcher) -> String {
    format!("{}{}{}", matcher.name, matcher.op.as_str(), text(&matcher.value))
}

fn joined<T>(items: &[T], show: impl Fn(&T) -> String, between: &str) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(between)
}

impl fmt::Display for LogExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", joined(&self.matchers, matcher, ", "))?;
        self.stages.iter().try_for_each(|stage| write!(f, " {}", stage.kind))
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = |(name, source): &(String, String)| format!("{name}={}", text(source));
        match self {
            Self::Line { op, operands } => {
                let operand = |operand: &LineOperand| match operand {
                    LineOperand::Text(value) => text(value),
                    LineOperand::Ip(range) => format!("ip({})", text(range)),
                };
                write!(f, "{} {}", op.as_str(), joined(operands, operand, " or "))
            }
            Self::Json(fields) if fields.is_empty() => f.write_str("| json"),
            Self::Json(fields) => write!(f, "| json {}", joined(fields, field, ", ")),
            Self::Logfmt { is_strict, keeps_empty, fields } => {
                f.write_str("| logfmt")?;
                f.write_str(if *is_strict { " --strict" } else { "" })?;
                f.write_str(if *keeps_empty { " --keep-empty" } else { "" })?;
                if fields.is_empty() { Ok(()) } else { write!(f, " {}", joined(fields, field, ", ")) }
            }
            Self::Regexp(pattern) => write!(f, "| regexp {}", text(pattern)),
            Self::Pattern(pattern) => write!(f, "| pattern {}", text(pattern)),
            Self::Unpack => f.write_str("| unpack"),
            Self::Decolorize => f.write_str("| decolorize"),
            Self::Label(filter) => write!(f, "| {filter}"),
            Self::LineFormat(template) => write!(f, "| line_format {}", text(template)),
            Self::LabelFormat(formats) => {
                let format = |(name, value): &(String, FormatValue)| match value {
                    FormatValue::Label(source) => format!("{name}={source}"),
                    FormatValue::Template(template) => format!("{name}={}", text(template)),
                };
                write!(f, "| label_format {}", joined(formats, format, ", "))
            }
            Self::Drop(names) => write!(f, "| drop {}", joined(names, name, ", ")),
            Self::Keep(names) => write!(f, "| keep {}", joined(names, name, ", ")),
        }
    }
}

fn name(expr: &NameExpr) -> String {
    match expr {
        NameExpr::Name(name) => name.clone(),
        NameExpr::Value(value) => matcher(value),
    }
}

impl fmt::Display for LabelExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(value) => f.write_str(&matcher(value)),
            Self::Ip { name, is_negative, range } => {
                write!(f, "{name}{}ip({})", if *is_negative { "!=" } else { "=" }, text(range))
            }
            Self::Number { name, op, text, .. } => write!(f, "{name}{}{text}", op.as_str()),
            Self::And(a, b) => write!(f, "( {a} , {b} )"),
            Self::Or(a, b) => write!(f, "( {a} or {b} )"),
        }
    }
}

impl fmt::Display for UnwrapExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Conversion::None => write!(f, "| unwrap {}", self.label)?,
            Conversion::Bytes => write!(f, "| unwrap bytes({})", self.label)?,
            Conversion::Duration => write!(f, "| unwrap duration({})", self.label)?,
            Conversion::DurationSeconds => write!(f, "| unwrap duration_seconds({})", self.label)?,
        }
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

/// A length of time in the largest units that fit.
pub(crate) fn length(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let mut left = ms.unsigned_abs();
    let mut out = String::new();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if left >= length {
            out.push_str(&format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { format!("{sign}{out}") }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MetricKind::Number(value) => f.write_str(&model::format_float(*value)),
            MetricKind::Vector(value) => write!(f, "vector({})", model::format_float(*value)),
            MetricKind::Range(range) => range.fmt(f),
            MetricKind::Aggregate(aggregate) => aggregate.fmt(f),
            MetricKind::Binary(binary) => binary.fmt(f),
            MetricKind::LabelReplace(replace) => {
                let texts = &replace.texts;
                let all = [&texts.target, &texts.replacement, &texts.source, &texts.pattern];
                write!(f, "label_replace({}, {})", replace.expr, joined(&all, |value| text(value), ", "))
            }
        }
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", if self.without { "without" } else { "by" }, self.labels.join(", "))
    }
}

impl fmt::Display for RangeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.as_str())?;
        if let Some(param) = self.param {
            write!(f, "{}, ", model::format_float(param))?;
        }
        self.log.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            write!(f, " {unwrap}")?;
        }
        write!(f, " [{}]", length(self.range_ms))?;
        if self.offset_ms != 0 {
            write!(f, " offset {}", length(self.offset_ms))?;
        }
        f.write_str(")")?;
        self.grouping.as_ref().map_or(Ok(()), |grouping| write!(f, " {grouping}"))
    }
}

impl fmt::Display for AggregateExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if let Some(grouping) = &self.grouping {
            write!(f, " {grouping} ")?;
        }
        f.write_str("(")?;
        if let Some(count) = self.count {
            write!(f, "{count}, ")?;
        }
        write!(f, "{})", self.expr)
    }
}

impl fmt::Display for BinaryExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strength = self.op.precedence();
        // `^` binds to the right, all others to the left; the other side needs parentheses when it binds no tighter.
        let (left, right) =
            if self.op == BinaryOp::Pow { (strength + 1, strength) } else { (strength, strength + 1) };
        side(f, &self.lhs, left)?;
        write!(f, " {}", self.op.as_str())?;
        if self.is_bool {
            f.write_str(" bool")?;
        }
        let matching = &self.matching;
        if matching.on
            || !matching.labels.is_empty()
            || matching.cardinality == Cardinality::ManyToOne
            || matching.cardinality == Cardinality::OneToMany
        {
            write!(f, " {} ({})", if matching.on { "on" } else { "ignoring" }, matching.labels.join(", "))?;
            match matching.cardinality {
                Cardinality::ManyToOne => write!(f, " group_left ({})", matching.include.join(", "))?,
                Cardinality::OneToMany => write!(f, " group_right ({})", matching.include.join(", "))?,
                Cardinality::OneToOne | Cardinality::ManyToMany => {}
            }
        }
        f.write_str(" ")?;
        side(f, &self.rhs, right)
    }
}

fn side(f: &mut fmt::Formatter<'_>, metric: &Metric, weakest: u8) -> fmt::Result {
    match &metric.kind {
        MetricKind::Binary(binary) if binary.op.precedence() < weakest => write!(f, "({metric})"),
        _ => write!(f, "{metric}"),
    }
}
