//! Finding the smallest part of a query that is answered differently.

use anyhow::Result;
use promql::ast::{At, DurationExpr, Expr, ExprKind, Subquery, ValueKind};
use promql::parse;

use crate::answer::Answer;
use crate::moment::{When, seconds};
use crate::ours::{Ours, order};
use crate::prometheus::Prometheus;

/// Both sides, holding the same samples.
pub(crate) struct Pair {
    pub(crate) ours: Ours,
    pub(crate) prometheus: Prometheus,
}

impl Pair {
    /// Both answers to a query.
    pub(crate) fn ask(&mut self, query: &str, when: When) -> Result<(Answer, Answer)> {
        let ours = self.ours.eval(&Self::as_3(query), when);
        let theirs = self.prometheus.eval(&Self::as_2(query), when)?;
        Ok((ours, theirs))
    }

    /// A query in the words of Prometheus 3, which has renamed one function and not changed it.
    pub(crate) fn as_3(query: &str) -> String {
        query.replace("holt_winters(", "double_exponential_smoothing(")
    }

    /// A query in the words of Prometheus 2.
    pub(crate) fn as_2(query: &str) -> String {
        query.replace("double_exponential_smoothing(", "holt_winters(")
    }
}

/// A part that differs though its own parts do not.
pub(crate) struct Smallest {
    pub(crate) query: String,
    /// `None` when we cannot read it.
    pub(crate) expr: Option<Expr>,
    pub(crate) when: When,
    pub(crate) ours: Answer,
    pub(crate) theirs: Answer,
    pub(crate) difference: String,
}

/// Takes a query that differs apart.
pub(crate) fn smallest(pair: &mut Pair, query: &str, when: When) -> Result<Smallest> {
    // A part is asked for at other times than the whole, so these have to be said in numbers.
    let (start, end) = match when {
        When::Instant(at) => (at, at),
        When::Range { start, end, .. } => (start, end),
    };
    let fixed = query
        .replace("holt_winters(", "double_exponential_smoothing(")
        .replace("@ start()", &format!("@ {}", seconds(start)))
        .replace("@ end()", &format!("@ {}", seconds(end)));
    // Should the difference have gone by this, the difference is in the modifier itself.
    let found = differing(pair, &fixed, when)?;
    let whole = match found {
        Some(found) => found,
        None => {
            let (ours, theirs) = pair.ask(query, when)?;
            let difference = ours.difference(&theirs, order(query, when)).unwrap_or_default();
            let expr = parse(query).ok();
            return Ok(Smallest { query: query.to_owned(), expr, when, ours, theirs, difference });
        }
    };
    descend(pair, whole)
}

fn descend(pair: &mut Pair, whole: Smallest) -> Result<Smallest> {
    let Some(expr) = &whole.expr else { return Ok(whole) };
    for (child, when) in parts(expr, whole.when) {
        let text = child.to_string();
        if let Some(found) = differing(pair, &text, when)? {
            return descend(pair, found);
        }
    }
    Ok(whole)
}

/// How often a part is asked for: Prometheus adds up series in an order that changes from call to call.
const ASKED: usize = 4;

/// The part with both answers, if they differ.
fn differing(pair: &mut Pair, query: &str, when: When) -> Result<Option<Smallest>> {
    for _ in 0..ASKED {
        let (ours, theirs) = pair.ask(query, when)?;
        if let Some(difference) = ours.difference(&theirs, order(query, when)) {
            let (query, expr) = (query.to_owned(), parse(query).ok());
            return Ok(Some(Smallest { query, expr, when, ours, theirs, difference }));
        }
    }
    Ok(None)
}

/// The parts that can be asked for by themselves, and when.
pub(crate) fn parts(expr: &Expr, when: When) -> Vec<(&Expr, When)> {
    let children = expr.children().into_iter().filter_map(|child| match &child.unwrap_parens().kind {
        ExprKind::Subquery(subquery) => Some((&subquery.expr, inner_steps(subquery, when))),
        _ if matches!(child.kind(), ValueKind::Scalar | ValueKind::Vector) => Some((child, when)),
        _ => None,
    });
    children.collect()
}

/// The steps at which a subquery evaluates what it holds; one even when there is none.
pub(crate) fn inner_steps(subquery: &Subquery, when: When) -> When {
    let (start, end, step) = grid(subquery, when);
    When::Range { start, end: end.max(start), step }
}

/// Whether a subquery has any step at all.
pub(crate) fn has_steps(subquery: &Subquery, when: When) -> bool {
    let (start, end, _) = grid(subquery, when);
    start <= end
}

fn grid(subquery: &Subquery, when: When) -> (i64, i64, i64) {
    let (first, last) = match (subquery.at, when) {
        (Some(At::Timestamp(at)), _) => (at, at),
        (_, When::Instant(at)) => (at, at),
        (_, When::Range { start, end, step }) => (start, start + (end - start) / step * step),
    };
    let offset = subquery.offset.as_ref().map_or(0, length_ms);
    let step = subquery.step.as_ref().map_or(60_000, length_ms);
    let before = first - offset - length_ms(&subquery.range);
    ((before.div_euclid(step) + 1) * step, last - offset, step)
}

/// The grammar writes plain lengths only, with a sign at most.
fn length_ms(length: &DurationExpr) -> i64 {
    match length {
        DurationExpr::Number(number) => (number.value * 1000.0).round() as i64,
        DurationExpr::Negate(inner) => -length_ms(inner),
        _ => 0,
    }
}

/// First and last millisecond of a range argument's window at an instant, `@` with plain numbers only.
pub(crate) fn window(range: &Expr, at: i64) -> Option<(i64, i64)> {
    let (pinned, offset, length) = match &range.unwrap_parens().kind {
        ExprKind::Matrix(matrix) => (matrix.selector.at, matrix.selector.offset.as_ref(), &matrix.range),
        ExprKind::Subquery(subquery) => (subquery.at, subquery.offset.as_ref(), &subquery.range),
        _ => return None,
    };
    let at = if let Some(At::Timestamp(pinned)) = pinned { pinned } else { at };
    let end = at - offset.map_or(0, length_ms);
    Some((end - length_ms(length), end))
}
