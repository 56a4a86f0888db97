//! The same query in other words: with `@` wherever a time is looked up, it must not matter when it is evaluated.

use crate::ast::{At, Expr, ExprKind};

/// Functions whose result depends on when they are evaluated, whatever `@` says.
const OF_THE_MOMENT: [&str; 15] = [
    "time",
    "timestamp",
    "predict_linear",
    "start",
    "end",
    "range",
    "step",
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
];

/// The expression with `@ at_ms` on every selector and subquery that has none; `None` when the twin would mean
/// something else.
pub(super) fn pinned(expr: &Expr, at_ms: i64) -> Option<String> {
    if depends_on_the_moment(expr) {
        return None;
    }
    let mut twin = expr.clone();
    pin(&mut twin, At::Timestamp(at_ms));
    Some(twin.to_string())
}

fn depends_on_the_moment(expr: &Expr) -> bool {
    let own = matches!(&expr.kind, ExprKind::Call(call) if OF_THE_MOMENT.contains(&call.function.name));
    own || expr.children().into_iter().any(depends_on_the_moment)
}

fn pin(expr: &mut Expr, at: At) {
    match &mut expr.kind {
        ExprKind::Selector(selector) => selector.at = selector.at.or(Some(at)),
        ExprKind::Matrix(matrix) => matrix.selector.at = matrix.selector.at.or(Some(at)),
        // What is within is evaluated at the subquery's own steps.
        ExprKind::Subquery(subquery) => subquery.at = subquery.at.or(Some(at)),
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => pin(inner, at),
        ExprKind::Binary(binary) => {
            pin(&mut binary.lhs, at);
            pin(&mut binary.rhs, at);
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|param| pin(param, at));
            pin(&mut aggregate.expr, at);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(|arg| pin(arg, at)),
        ExprKind::Number(_) | ExprKind::Text(_) => {}
    }
}

/// When to evaluate a twin of a query at `at_ms`.
pub(super) fn moments(at_ms: i64) -> Vec<i64> {
    if at_ms == 0 { vec![-1000, 0, 1000] } else { vec![-10 * at_ms, 0, at_ms / 5, at_ms, 10 * at_ms] }
}
