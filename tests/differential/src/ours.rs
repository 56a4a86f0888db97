//! Our side: the engine over a store in memory.

use std::time::Duration;

use columns::Steps;
use model::{DurationMs, TimestampMs};
use promql::ast::{AggregateOp, ExprKind};
use promql::{Cancel, Engine, EngineOptions, QueryRequest, parse};
use storage::MetricQuery;

use crate::answer::{Answer, Order};
use crate::moment::When;

/// Our engine and what it reads.
pub(crate) struct Ours {
    engine: Engine,
    store: Box<dyn MetricQuery>,
}

impl Ours {
    pub(crate) fn new(store: impl MetricQuery + 'static) -> Self {
        let options = EngineOptions {
            experimental: true,
            timeout: Duration::from_secs(60),
            threads: 2,
            ..EngineOptions::standard()
        };
        Self { engine: Engine::new(options), store: Box::new(store) }
    }

    /// Evaluates a query on the samples of this run.
    pub(crate) fn eval(&self, query: &str, when: When) -> Answer {
        self.eval_on(&*self.store, query, when, None)
    }

    /// Evaluates a query on other samples, with another lookback if one is given.
    pub(crate) fn eval_on(
        &self,
        store: &dyn MetricQuery,
        query: &str,
        when: When,
        lookback_ms: Option<i64>,
    ) -> Answer {
        let expr = match parse(query) {
            Ok(expr) => expr,
            Err(error) => return Answer::Error(error.to_string()),
        };
        let cancel = Cancel::new();
        let lookback = lookback_ms.map(DurationMs);
        let request = |steps| QueryRequest { query: &expr, steps, lookback, cancel: &cancel };
        let result = match when {
            When::Instant(at) => self.engine.eval(store, &request(Steps::instant(TimestampMs(at)))),
            When::Range { start, end, step } => {
                let steps = Steps::range(TimestampMs(start), TimestampMs(end), step);
                self.engine.eval_until(store, &request(steps), TimestampMs(end))
            }
        };
        match result {
            Ok(answer) => Answer::ours(answer.value, when),
            Err(error) => Answer::Error(error.to_string()),
        }
    }
}

/// Which order a query's result has.
pub(crate) fn order(query: &str, when: When) -> Order {
    if matches!(when, When::Range { .. }) {
        return Order::ByLabels;
    }
    let by_value = parse(query).is_ok_and(|expr| match &expr.unwrap_parens().kind {
        ExprKind::Call(call) => call.function.name.starts_with("sort"),
        // Within a group only, and groups come in any order.
        ExprKind::Aggregate(a) => {
            matches!(a.op, AggregateOp::Topk | AggregateOp::Bottomk) && a.grouping.is_empty() && !a.without
        }
        _ => false,
    });
    if by_value { Order::ByValue } else { Order::Free }
}
