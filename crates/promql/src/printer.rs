//! Back from the tree to text, in Prometheus' form: what is printed parses to the same tree.

use std::fmt;

use model::{METRIC_NAME, Matcher};

use crate::ast::{
    Aggregate, At, Binary, BinaryOp, Cardinality, DurationExpr, Edge, Expr, ExprKind, Matching, Number,
    Selector, Subquery, Text, UnaryOp,
};
use model::quoted as text;

/// Prints an expression on one line.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(number) => write!(f, "{number}"),
            ExprKind::Text(text) => write!(f, "{text}"),
            ExprKind::Selector(selector) => {
                write_metric(f, selector)?;
                f.write_str(&modifiers_text(selector.at, selector.offset.as_ref(), selector.edge))
            }
            ExprKind::Matrix(matrix) => {
                let selector = &matrix.selector;
                write_metric(f, selector)?;
                write!(f, "[{}]", matrix.range)?;
                f.write_str(&modifiers_text(selector.at, selector.offset.as_ref(), selector.edge))
            }
            ExprKind::Subquery(subquery) => {
                write!(f, "{}{}", subquery.expr, subquery_steps(subquery))
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
    write!(f, " {} {}", operator(binary), binary.rhs)
}

/// An operator with what stands between it and its right side.
pub(crate) fn operator(binary: &Binary) -> String {
    let bool_modifier = if binary.bool_modifier { " bool" } else { "" };
    let matching = binary.matching.as_ref().map_or(String::new(), matching_text);
    format!("{}{bool_modifier}{matching}", binary.op.as_str())
}

fn write_aggregate(f: &mut fmt::Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
    f.write_str(&aggregation(aggregate))?;
    match &aggregate.param {
        Some(param) => write!(f, "({param}, {})", aggregate.expr),
        None => write!(f, "({})", aggregate.expr),
    }
}

/// An aggregation up to its opening parenthesis.
pub(crate) fn aggregation(aggregate: &Aggregate) -> String {
    let (op, labels) = (aggregate.op.as_str(), names(&aggregate.grouping));
    if aggregate.without {
        format!("{op} without ({labels}) ")
    } else if aggregate.grouping.is_empty() {
        op.to_owned()
    } else {
        format!("{op} by ({labels}) ")
    }
}

/// What makes a subquery of an expression: `[1h:1m] offset 5m`.
pub(crate) fn subquery_steps(subquery: &Subquery) -> String {
    let step = subquery.step.as_ref().map_or(String::new(), DurationExpr::to_string);
    let modifiers = modifiers_text(subquery.at, subquery.offset.as_ref(), Edge::Plain);
    format!("[{}:{step}]{modifiers}", subquery.range)
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
    // The rest in order of their text, as Prometheus prints them.
    let first = usize::from(selector.name.is_some() && bare.is_none());
    parts[first..].sort_unstable();
    f.write_str(bare.unwrap_or(""))?;
    if bare.is_none() || !parts.is_empty() { write!(f, "{{{}}}", parts.join(",")) } else { Ok(()) }
}

fn matcher_text(matcher: &Matcher) -> String {
    format!("{}{}{}", label_name(&matcher.name), matcher.op.as_str(), text::quote(matcher.value.as_bytes()))
}

/// `@` before `offset`, as Prometheus prints them.
fn modifiers_text(at: Option<At>, offset: Option<&DurationExpr>, edge: Edge) -> String {
    let at = match at {
        Some(At::Timestamp(ms)) => {
            let sign = if ms < 0 { "-" } else { "" };
            format!(" @ {sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
        }
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
        None => String::new(),
    };
    let offset = offset.map_or(String::new(), |offset| format!(" offset {offset}"));
    let edge = match edge {
        Edge::Plain => "",
        Edge::Anchored => " anchored",
        Edge::Smoothed => " smoothed",
    };
    format!("{at}{offset}{edge}")
}

fn matching_text(matching: &Matching) -> String {
    let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    let mut out = String::new();
    if matching.on || !matching.labels.is_empty() || grouped {
        let word = if matching.on { "on" } else { "ignoring" };
        out += &format!(" {word} ({})", names(&matching.labels));
    }
    match matching.cardinality {
        Cardinality::ManyToOne => out += &format!(" group_left ({})", names(&matching.include)),
        Cardinality::OneToMany => out += &format!(" group_right ({})", names(&matching.include)),
        _ => {}
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left == right => out += &format!(" fill ({left})"),
        (left, right) => {
            out += &left.map_or(String::new(), |value| format!(" fill_left ({value})"));
            out += &right.map_or(String::new(), |value| format!(" fill_right ({value})"));
        }
    }
    out
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
