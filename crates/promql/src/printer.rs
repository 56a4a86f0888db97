//! Back from the tree to text, in Prometheus' form: what is printed parses to the same tree.

use std::fmt;

use model::{METRIC_NAME, Matcher};

use crate::ast::{
    Aggregate, At, Binary, BinaryOp, Cardinality, DurationExpr, Edge, Expr, ExprKind, Matching, Number,
    Selector, Text, UnaryOp,
};
use crate::parser::text;

/// Prints an expression on one line.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(number) => write!(f, "{number}"),
            ExprKind::Text(text) => write!(f, "{text}"),
            ExprKind::Selector(selector) => {
                write_metric(f, selector)?;
                write_modifiers(f, selector.at, selector.offset.as_ref(), selector.edge)
            }
            ExprKind::Matrix(matrix) => {
                let selector = &matrix.selector;
                write_metric(f, selector)?;
                write!(f, "[{}]", matrix.range)?;
                write_modifiers(f, selector.at, selector.offset.as_ref(), selector.edge)
            }
            ExprKind::Subquery(subquery) => {
                write!(f, "{}[{}:", subquery.expr, subquery.range)?;
                if let Some(step) = &subquery.step {
                    write!(f, "{step}")?;
                }
                f.write_str("]")?;
                write_modifiers(f, subquery.at, subquery.offset.as_ref(), Edge::Plain)
            }
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary(UnaryOp::Plus, inner) => write!(f, "+{inner}"),
            ExprKind::Unary(UnaryOp::Minus, inner) => write!(f, "-{inner}"),
            ExprKind::Binary(binary) => write_binary(f, binary),
            ExprKind::Aggregate(aggregate) => write_aggregate(f, aggregate),
            ExprKind::Call(call) => {
                let args: Vec<String> = call.args.iter().map(Expr::to_string).collect();
                write!(f, "{}({})", call.function.name, args.join(", "))
            }
        }
    }
}

fn write_binary(f: &mut fmt::Formatter<'_>, binary: &Binary) -> fmt::Result {
    match &binary.lhs.kind {
        // A sign binds looser than "^", and infinity is printed with one.
        ExprKind::Number(n) if binary.op == BinaryOp::Pow && n.value == f64::INFINITY => {
            f.write_str("Inf")?
        }
        _ => write!(f, "{}", binary.lhs)?,
    }
    write!(f, " {}", binary.op.as_str())?;
    if binary.bool_modifier {
        f.write_str(" bool")?;
    }
    if let Some(matching) = &binary.matching {
        write_matching(f, matching)?;
    }
    write!(f, " {}", binary.rhs)
}

fn write_aggregate(f: &mut fmt::Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
    f.write_str(aggregate.op.as_str())?;
    if aggregate.without {
        write!(f, " without ({}) ", names(&aggregate.grouping))?;
    } else if !aggregate.grouping.is_empty() {
        write!(f, " by ({}) ", names(&aggregate.grouping))?;
    }
    match &aggregate.param {
        Some(param) => write!(f, "({param}, {})", aggregate.expr),
        None => write!(f, "({})", aggregate.expr),
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = (self.value.abs() * 1000.0).round();
        if self.duration && ms < i64::MAX as f64 {
            let sign = if self.value < 0.0 { "-" } else { "" };
            return write!(f, "{sign}{}", model::DurationMs(ms as i64));
        }
        if self.value.is_finite() {
            write!(f, "{}", self.value)
        } else {
            f.write_str(&model::format_float(self.value))
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::quote(&self.0))
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Paren(inner) => write!(f, "({inner})"),
            Self::MinOf(a, b) => write!(f, "min_of({a}, {b})"),
            Self::MaxOf(a, b) => write!(f, "max_of({a}, {b})"),
            Self::Binary(op, a, b) => write!(f, "{a} {} {b}", op.as_str()),
        }
    }
}

fn write_metric(f: &mut fmt::Formatter<'_>, selector: &Selector) -> fmt::Result {
    let bare = selector.name.as_deref().filter(|name| is_metric_name(name));
    let mut parts: Vec<String> = Vec::new();
    if let Some(name) = &selector.name
        && bare.is_none()
    {
        parts.push(text::quote(name.as_bytes()));
    }
    let named = selector.name.as_deref();
    let is_the_name = |matcher: &&Matcher| {
        matcher.name == METRIC_NAME
            && matcher.op == model::MatchOp::Equal
            && named == Some(matcher.value.as_str())
    };
    parts.extend(selector.matchers.iter().filter(|matcher| !is_the_name(matcher)).map(matcher_text));
    f.write_str(bare.unwrap_or(""))?;
    if bare.is_none() || !parts.is_empty() { write!(f, "{{{}}}", parts.join(",")) } else { Ok(()) }
}

fn matcher_text(matcher: &Matcher) -> String {
    format!("{}{}{}", label_name(&matcher.name), matcher.op.as_str(), text::quote(matcher.value.as_bytes()))
}

/// `@` before `offset`, as Prometheus prints them.
fn write_modifiers(
    f: &mut fmt::Formatter<'_>,
    at: Option<At>,
    offset: Option<&DurationExpr>,
    edge: Edge,
) -> fmt::Result {
    match at {
        Some(At::Timestamp(ms)) => {
            let sign = if ms < 0 { "-" } else { "" };
            write!(f, " @ {sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)?;
        }
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    if let Some(offset) = offset {
        write!(f, " offset {offset}")?;
    }
    match edge {
        Edge::Plain => Ok(()),
        Edge::Anchored => f.write_str(" anchored"),
        Edge::Smoothed => f.write_str(" smoothed"),
    }
}

fn write_matching(f: &mut fmt::Formatter<'_>, matching: &Matching) -> fmt::Result {
    let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    if matching.on || !matching.labels.is_empty() || grouped {
        let word = if matching.on { "on" } else { "ignoring" };
        write!(f, " {word} ({})", names(&matching.labels))?;
    }
    match matching.cardinality {
        Cardinality::ManyToOne => write!(f, " group_left ({})", names(&matching.include))?,
        Cardinality::OneToMany => write!(f, " group_right ({})", names(&matching.include))?,
        _ => {}
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left == right => write!(f, " fill ({left})"),
        (left, right) => {
            left.map_or(Ok(()), |value| write!(f, " fill_left ({value})"))?;
            right.map_or(Ok(()), |value| write!(f, " fill_right ({value})"))
        }
    }
}

fn names(labels: &[String]) -> String {
    labels.iter().map(|label| label_name(label)).collect::<Vec<_>>().join(", ")
}

fn label_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain =
        !name.is_empty() && name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { text::quote(name.as_bytes()) }
}

/// Whether a name can stand bare before the braces; words that mean something else there cannot.
fn is_metric_name(name: &str) -> bool {
    const TAKEN: [&str; 8] = ["inf", "nan", "bool", "on", "ignoring", "group_left", "group_right", "atan2"];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !name.is_empty()
        && name.chars().all(is_plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !TAKEN.contains(&name.to_ascii_lowercase().as_str())
}
