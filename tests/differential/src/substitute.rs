//! Our operation on Prometheus' operands: what we would say if the parts of an expression were to the last bit what
//! Prometheus says they are.

use std::sync::Arc;

use anyhow::Result;
use model::Labels;
use promql::ast::{Expr, ExprKind, ValueKind};
use promql::parse;
use promql::script::MemoryStore;
use storage::{MetricQuery, QueryError, Selection, SeriesSet};

use crate::answer::Answer;
use crate::isolate::{Pair, parts};
use crate::moment::When;

/// The label by which a selector names the part it stands for.
const PART: &str = "__part__";

/// Our answer on their parts; `None` for what has no parts or whose parts fail.
pub(crate) fn with_their_parts(pair: &mut Pair, expr: &Expr, when: When) -> Result<Option<Answer>> {
    let mut stores = Parts(Vec::new());
    for (part, part_when) in parts(expr, when) {
        let (_, answer) = pair.ask(&part.to_string(), part_when)?;
        let Some(store) = stored(&answer, part_when) else { return Ok(None) };
        stores.0.push(Arc::new(store));
    }
    if stores.0.is_empty() {
        return Ok(None);
    }
    let mut number = 0;
    let replaced = replaced(expr, &mut number);
    // A millisecond back: nothing is carried over to steps where the part had no value.
    Ok(Some(pair.ours.eval_on(&stores, &replaced.to_string(), when, Some(1))))
}

fn stored(answer: &Answer, when: When) -> Option<MemoryStore> {
    let mut store = MemoryStore::new();
    match (answer, when) {
        (Answer::Lines(lines), _) => {
            let points = lines.iter().flat_map(|line| line.points.iter().map(|point| (&line.labels, *point)));
            let all = points.fold(true, |all, (labels, (at, value))| store.push(labels, at, value) && all);
            all.then_some(store)
        }
        (Answer::Scalar(value), When::Instant(at)) => {
            store.push(&Labels::empty(), at, *value).then_some(store)
        }
        _ => None,
    }
}

/// The expression with each of its `parts` replaced by a selector, in the same order.
fn replaced(expr: &Expr, number: &mut usize) -> Expr {
    let mut all = expr.clone();
    let put = |child: &mut Expr, number: &mut usize| {
        if let ExprKind::Subquery(subquery) = &mut child.kind {
            subquery.expr = selector(ValueKind::Vector, number);
        } else if matches!(child.kind(), ValueKind::Scalar | ValueKind::Vector) {
            *child = selector(child.kind(), number);
        }
    };
    match &mut all.kind {
        ExprKind::Paren(inner) => return replaced(inner, number),
        ExprKind::Unary(_, inner) => put(inner, number),
        ExprKind::Binary(binary) => {
            put(&mut binary.lhs, number);
            put(&mut binary.rhs, number);
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|param| put(param, number));
            put(&mut aggregate.expr, number);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(|arg| put(arg, number)),
        _ => {}
    }
    all
}

fn selector(kind: ValueKind, number: &mut usize) -> Expr {
    let text = match kind {
        ValueKind::Scalar => format!("scalar({{{PART}=\"{number}\"}})"),
        _ => format!("{{{PART}=\"{number}\"}}"),
    };
    *number += 1;
    parse(&text).expect("a selector in the simplest form")
}

/// One store a part.
struct Parts(Vec<Arc<MemoryStore>>);

impl MetricQuery for Parts {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let part = selection.matchers.iter().find(|matcher| matcher.name == PART);
        let store = part.and_then(|matcher| self.0.get(matcher.value.parse::<usize>().ok()?));
        match store {
            Some(store) => store.select(&Selection { matchers: &[], ..selection.clone() }),
            None => Err(QueryError::Unavailable("no such part".to_owned())),
        }
    }

    fn label_names(&self, _: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn time_span(&self) -> Option<(model::TimestampMs, model::TimestampMs)> {
        None
    }
}
