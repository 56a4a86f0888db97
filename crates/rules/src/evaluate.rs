//! How a rule's expression is evaluated: a port, so that rules can be tried without an engine.

use std::sync::Arc;

use columns::{Steps, is_absent};
use model::{Labels, TimestampMs};
use promql::{Cancel, Engine, QueryRequest, Series, Value};
use storage::MetricQuery;

use crate::past::{self, Past};

/// Evaluates expressions at one moment.
pub trait Evaluate: Send + Sync {
    /// The elements of the result; a scalar is one element without labels. Blocks until done.
    ///
    /// # Errors
    /// A sentence, as it is shown as the rule's last error.
    fn instant(&self, expr: &promql::Expr, at: TimestampMs) -> Result<Vec<(Labels, f64)>, String>;

    /// Gives up what is being evaluated and refuses what comes: the program stops.
    fn cancel(&self) {}
}

/// The metric engine as rules use it.
#[derive(Clone)]
pub struct EngineEvaluator {
    engine: Arc<Engine>,
    store: Arc<dyn MetricQuery>,
    cancel: Cancel,
}

impl EngineEvaluator {
    /// Evaluates on `engine` over `store`.
    pub fn new(engine: Arc<Engine>, store: Arc<dyn MetricQuery>) -> Self {
        Self { engine, store, cancel: Cancel::new() }
    }
}

impl std::fmt::Debug for EngineEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineEvaluator")
    }
}

impl Evaluate for EngineEvaluator {
    fn instant(&self, expr: &promql::Expr, at: TimestampMs) -> Result<Vec<(Labels, f64)>, String> {
        let request =
            QueryRequest { query: expr, steps: Steps::instant(at), lookback: None, cancel: &self.cancel };
        let answer = self.engine.eval(&*self.store, &request).map_err(|e| e.to_string())?;
        elements(answer.value)
    }

    fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Past for EngineEvaluator {
    fn range(&self, query: &str, steps: Steps) -> Result<Vec<Series>, String> {
        past::range(&self.engine, &*self.store, query, steps)
    }
}

fn elements(value: Value) -> Result<Vec<(Labels, f64)>, String> {
    match value {
        Value::Vector(series) => Ok(series
            .into_iter()
            .filter_map(|one| Some((one.labels, one.values.first().copied().filter(|v| !is_absent(*v))?)))
            .collect()),
        Value::Scalar(values) => {
            Ok(values.first().map(|value| (Labels::empty(), *value)).into_iter().collect())
        }
        Value::String(_) | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
    }
}

/// Parses and evaluates a query of a template.
pub(crate) fn query_text(
    evaluate: &dyn Evaluate,
    query: &str,
    at: TimestampMs,
) -> Result<Vec<(Labels, f64)>, String> {
    let expr = promql::parse(query).map_err(|e| e.to_string())?;
    evaluate.instant(&expr, at)
}
