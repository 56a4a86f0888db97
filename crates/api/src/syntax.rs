//! `/api/v1/parse_query`: the syntax tree as Prometheus' user interface reads it.

use model::{METRIC_NAME, MatchOp, Matcher};
use promql::Expr;
use promql::ast::{
    Aggregate, At, Binary, Call, Cardinality, DurationExpr, ExprKind, Matching, Number, Selector, UnaryOp,
};
use serde_json::{Value, json};

/// The tree below `expr`. The parser bounds its depth.
pub(crate) fn tree(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number(number) => json!({ "type": "numberLiteral", "val": plain(number) }),
        ExprKind::Text(text) => json!({ "type": "stringLiteral", "val": text.to_lossy() }),
        ExprKind::Selector(s) => selector("vectorSelector", s),
        ExprKind::Matrix(matrix) => {
            let mut node = selector("matrixSelector", &matrix.selector);
            node["range"] = json!(milliseconds(&matrix.range));
            node
        }
        ExprKind::Subquery(s) => json!({
            "type": "subquery",
            "expr": tree(&s.expr),
            "range": milliseconds(&s.range),
            "offset": s.offset.as_ref().map_or(0, milliseconds),
            "step": s.step.as_ref().map_or(0, milliseconds),
            "timestamp": timestamp(s.at),
            "startOrEnd": start_or_end(s.at),
        }),
        ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": tree(inner) }),
        ExprKind::Unary(op, inner) => {
            let op = if *op == UnaryOp::Plus { "+" } else { "-" };
            json!({ "type": "unaryExpr", "op": op, "expr": tree(inner) })
        }
        ExprKind::Binary(b) => binary(b),
        ExprKind::Aggregate(a) => aggregate(a),
        ExprKind::Call(c) => call(c),
    }
}

fn selector(kind: &str, selector: &Selector) -> Value {
    json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or_default(),
        "offset": selector.offset.as_ref().map_or(0, milliseconds),
        "matchers": matchers(selector),
        "timestamp": timestamp(selector.at),
        "startOrEnd": start_or_end(selector.at),
    })
}

/// As upstream: what the name before the braces means comes last.
fn matchers(selector: &Selector) -> Vec<Value> {
    let is_name = |m: &Matcher| {
        m.name == METRIC_NAME && m.op == MatchOp::Equal && Some(m.value.as_str()) == selector.name.as_deref()
    };
    let mut all: Vec<&Matcher> = selector.matchers.iter().collect();
    all.sort_by_key(|m| is_name(m));
    all.into_iter().map(matcher).collect()
}

fn matcher(matcher: &Matcher) -> Value {
    json!({ "name": matcher.name, "type": matcher.op.as_str(), "value": matcher.value })
}

fn binary(binary: &Binary) -> Value {
    json!({
        "type": "binaryExpr",
        "op": binary.op.as_str(),
        "lhs": tree(&binary.lhs),
        "rhs": tree(&binary.rhs),
        "matching": binary.matching.as_ref().map(matching),
        "bool": binary.bool_modifier,
    })
}

/// `fillValues` is there only where a query fills: no client that knows it not is surprised.
fn matching(matching: &Matching) -> Value {
    let mut node = json!({
        "card": match matching.cardinality {
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
            Cardinality::ManyToMany => "many-to-many",
        },
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
    });
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        let (left, right) = (matching.fill_left.map(|n| n.value), matching.fill_right.map(|n| n.value));
        node["fillValues"] = json!({ "lhs": left, "rhs": right });
    }
    node
}

fn aggregate(aggregate: &Aggregate) -> Value {
    json!({
        "type": "aggregation",
        "op": aggregate.op.as_str(),
        "expr": tree(&aggregate.expr),
        "param": aggregate.param.as_ref().map(tree),
        "grouping": aggregate.grouping,
        "without": aggregate.without,
    })
}

fn call(call: &Call) -> Value {
    let function = call.function;
    json!({
        "type": "call",
        "func": {
            "name": function.name,
            "argTypes": function.args.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
            "variadic": function.variadic,
            "returnType": function.returns.as_str(),
        },
        "args": call.args.iter().map(tree).collect::<Vec<_>>(),
    })
}

/// Without an exponent, whatever the size.
fn plain(number: &Number) -> String {
    if number.value.is_finite() { number.value.to_string() } else { model::format_float(number.value) }
}

/// Milliseconds of a duration that is written out; 0 of one that only a query's span decides, as upstream.
pub(crate) fn milliseconds(duration: &DurationExpr) -> i64 {
    match duration {
        DurationExpr::Number(number) => (number.value * 1000.0).round() as i64,
        DurationExpr::Negate(inner) => milliseconds(inner).saturating_neg(),
        DurationExpr::Paren(inner) => milliseconds(inner),
        _ => 0,
    }
}

fn timestamp(at: Option<At>) -> Value {
    match at {
        Some(At::Timestamp(ms)) => json!(ms),
        _ => Value::Null,
    }
}

fn start_or_end(at: Option<At>) -> Value {
    match at {
        Some(At::Start) => json!("start"),
        Some(At::End) => json!("end"),
        _ => Value::Null,
    }
}
