//! Whether the parts of an expression fit together: kinds of operands and arguments, how many there are.

use model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{Aggregate, Binary, Call, Expr, ExprKind, Selector, Span, ValueKind};
use crate::error::ParseError;

/// Checks the whole tree and drops matching where an operand is no vector. Returns what the expression evaluates to.
pub(super) fn check(expr: &mut Expr) -> Result<ValueKind, ParseError> {
    let span = expr.span;
    match &mut expr.kind {
        ExprKind::Number(_) => Ok(ValueKind::Scalar),
        ExprKind::Text(_) => Ok(ValueKind::String),
        ExprKind::Selector(selector) => selects_something(selector, span).map(|()| ValueKind::Vector),
        ExprKind::Matrix(matrix) => selects_something(&matrix.selector, span).map(|()| ValueKind::Matrix),
        ExprKind::Subquery(subquery) => match check(&mut subquery.expr)? {
            ValueKind::Vector => Ok(ValueKind::Matrix),
            other => {
                let message =
                    format!("subquery is only allowed on instant vector, got {} instead", other.as_str());
                Err(ParseError::at(span, message))
            }
        },
        ExprKind::Paren(inner) => check(inner),
        ExprKind::Unary(_, inner) => match check(inner)? {
            kind @ (ValueKind::Scalar | ValueKind::Vector) => Ok(kind),
            other => {
                let what = other.documented();
                let message = format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {what:?}"
                );
                Err(ParseError::at(span, message))
            }
        },
        ExprKind::Binary(binary) => check_binary(binary, span),
        ExprKind::Aggregate(aggregate) => check_aggregate(aggregate),
        ExprKind::Call(call) => check_call(call, span),
    }
}

fn selects_something(selector: &Selector, span: Span) -> Result<(), ParseError> {
    // One of the matchers is the name itself, wherever among the others it was written.
    let is_name = |matcher: &&Matcher| {
        matcher.name == METRIC_NAME
            && matcher.op == MatchOp::Equal
            && selector.name.as_ref() == Some(&matcher.value)
    };
    let own = selector.matchers.iter().position(|matcher| is_name(&matcher));
    let others = selector.matchers.iter().enumerate().filter(|(i, _)| Some(*i) != own);
    if let Some(name) = &selector.name
        && let Some((_, again)) = others.into_iter().find(|(_, matcher)| matcher.name == METRIC_NAME)
    {
        let message = format!("metric name must not be set twice: {name:?} or {:?}", again.value);
        return Err(ParseError::at(span, message));
    }
    if selector.matchers.iter().all(Matcher::matches_empty) {
        return Err(ParseError::at(span, "vector selector must contain at least one non-empty matcher"));
    }
    Ok(())
}

fn expect(expr: &mut Expr, want: ValueKind, context: &str) -> Result<(), ParseError> {
    let got = check(expr)?;
    if got == want {
        return Ok(());
    }
    let message = format!("expected type {} in {context}, got {}", want.documented(), got.documented());
    Err(ParseError::at(expr.span, message))
}

fn check_aggregate(aggregate: &mut Aggregate) -> Result<ValueKind, ParseError> {
    expect(&mut aggregate.expr, ValueKind::Vector, "aggregation expression")?;
    if let (Some(param), Some(want)) = (&mut aggregate.param, crate::ast::param_kind(aggregate.op)) {
        expect(param, want, "aggregation parameter")?;
    }
    Ok(ValueKind::Vector)
}

fn check_call(call: &mut Call, span: Span) -> Result<ValueKind, ParseError> {
    let (function, got) = (call.function, call.args.len());
    let name = function.name;
    let wrong = |bound: &str, count: usize| {
        ParseError::at(span, format!("expected {bound}{count} argument(s) in call to {name:?}, got {got}"))
    };
    match (function.args_min(), function.args_max()) {
        (min, Some(max)) if min == max && got != min => return Err(wrong("", min)),
        (min, _) if got < min => return Err(wrong("at least ", min)),
        (_, Some(max)) if got > max => return Err(wrong("at most ", max)),
        _ => {}
    }
    let context = format!("call to function {name:?}");
    for (i, arg) in call.args.iter_mut().enumerate() {
        // The second argument of info() only lists labels of the info metric; it may match nothing at all.
        if name == "info" && i == 1 {
            if !matches!(&arg.kind, ExprKind::Selector(selector) if selector.name.is_none()) {
                return Err(ParseError::at(
                    arg.span,
                    "expected label selectors only as the second argument of info()",
                ));
            }
            continue;
        }
        expect(arg, function.arg(i), &context)?;
    }
    Ok(function.returns)
}

fn check_binary(binary: &mut Binary, span: Span) -> Result<ValueKind, ParseError> {
    let (lhs, rhs) = (check(&mut binary.lhs)?, check(&mut binary.rhs)?);
    for (kind, side) in [(lhs, &binary.lhs), (rhs, &binary.rhs)] {
        if !matches!(kind, ValueKind::Scalar | ValueKind::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return Err(ParseError::at(side.span, message));
        }
    }
    if lhs == ValueKind::Vector && rhs == ValueKind::Vector {
        return Ok(ValueKind::Vector);
    }
    if binary.op.is_set() {
        let message =
            format!("set operator {:?} not allowed in binary scalar expression", binary.op.as_str());
        return Err(ParseError::at(span, message));
    }
    if let Some(matching) = binary.matching.take() {
        if !matching.labels.is_empty() {
            return Err(ParseError::at(span, "vector matching only allowed between instant vectors"));
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return Err(ParseError::at(
                span,
                "filling in missing series only allowed between instant vectors",
            ));
        }
    }
    if lhs == ValueKind::Scalar && rhs == ValueKind::Scalar {
        if binary.op.is_comparison() && !binary.bool_modifier {
            return Err(ParseError::at(span, "comparisons between scalars must use BOOL modifier"));
        }
        return Ok(ValueKind::Scalar);
    }
    Ok(ValueKind::Vector)
}
