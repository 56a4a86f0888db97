//! Which expressions have the same value at every step, so that one evaluation serves all.

use crate::ast::{Expr, ExprKind};

/// Functions whose result depends on the step even when their arguments do not.
const OF_THE_STEP: [&str; 2] = ["time", "predict_linear"];

/// Functions that take the step when they have no argument.
const OF_THE_STEP_ALONE: [&str; 8] =
    ["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"];

/// Whether `expr` has one value for all steps.
pub(crate) fn is_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => true,
        ExprKind::Selector(selector) => selector.at.is_some(),
        ExprKind::Matrix(matrix) => matrix.selector.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.at.is_some(),
        ExprKind::Call(call) if OF_THE_STEP.contains(&call.function.name) => false,
        ExprKind::Call(call) if call.args.is_empty() => !OF_THE_STEP_ALONE.contains(&call.function.name),
        // Of a selector it is the sample's own time, of anything else the step.
        ExprKind::Call(call) if call.function.name == "timestamp" => {
            matches!(&call.args[0].unwrap_parens().kind, ExprKind::Selector(selector) if selector.at.is_some())
        }
        // The labels it adds are those of the info series' time.
        ExprKind::Call(call) if call.function.name == "info" => is_invariant(&call.args[0]),
        _ => expr.children().into_iter().all(is_invariant),
    }
}
