//! The door: a query and a store in, an answer out, within limits.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use columns::Steps;
pub use columns::vector::Cancel;
use model::{DurationMs, Labels, TimestampMs};
use storage::MetricQuery;

use crate::ast::Expr;
use crate::error::EvalError;
use crate::eval;

/// Stack of each worker: evaluation recurses as deep as the parser lets an expression be, and unoptimised builds take
/// some kilobytes a level. Only touched pages cost memory.
const WORKER_STACK_BYTES: usize = 64 << 20;

/// How an engine evaluates and what it refuses.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How far back an instant looks for a sample, unless the request says otherwise. Prometheus: 5 m.
    pub lookback: DurationMs,
    /// Step of subqueries that name none; Prometheus takes the global evaluation interval (1 m).
    pub subquery_step: DurationMs,
    /// Values held in memory at once; beyond it the query is refused. Prometheus: 50 million.
    pub samples_max: usize,
    /// Series that one selector may find.
    pub series_max: usize,
    /// Steps of a query or a subquery.
    pub steps_max: usize,
    /// How long a query may take.
    pub timeout: Duration,
    /// Whether experimental functions and aggregations are allowed.
    pub experimental: bool,
    /// Whether metric names are dropped at the end instead of at once (Prometheus' `promql-delayed-name-removal`).
    pub delayed_name_removal: bool,
    /// Worker threads; 0 takes one a core.
    pub threads: usize,
}

impl EngineOptions {
    /// Prometheus' defaults.
    pub fn standard() -> Self {
        Self {
            lookback: DurationMs::from_secs(300),
            subquery_step: DurationMs::from_secs(60),
            samples_max: 50_000_000,
            // Ten times the largest single metric in the fleets we know; a selector beyond it is a slip.
            series_max: 1_000_000,
            // The API refuses beyond 11,000 steps; subqueries need more (a week by the second).
            steps_max: 1_000_000,
            timeout: Duration::from_secs(120),
            experimental: false,
            delayed_name_removal: false,
            threads: 0,
        }
    }
}

/// What to evaluate, when.
#[derive(Debug)]
pub struct QueryRequest<'a> {
    /// What.
    pub query: &'a Expr,
    /// When; [`Steps::instant`] for an instant query.
    pub steps: Steps,
    /// How far back an instant looks for a sample; the engine's own when `None`.
    pub lookback: Option<DurationMs>,
    /// By which to stop early.
    pub cancel: &'a Cancel,
}

/// What a query gave.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The result.
    pub value: Value,
    /// Things that are probably wrong, with line and column; Prometheus' texts.
    pub warnings: Vec<String>,
    /// Things worth a look.
    pub infos: Vec<String>,
    /// What it took.
    pub stats: Stats,
}

/// What a query took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples that the store looked at.
    pub samples_read: usize,
    /// Series that selectors found.
    pub series_read: usize,
    /// The most values held at once.
    pub samples_peak: usize,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Series with one value a step. Sorted by labels, unless an instant query asked for an order of its own.
    Vector(Vec<Series>),
    /// One number a step.
    Scalar(Vec<f64>),
    /// A text.
    String(String),
    /// Samples of a range: only at the top of an instant query.
    Matrix(Vec<RawSeries>),
}

/// A series of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// A value a step; [`columns::ABSENT`] where there is none.
    pub values: Vec<f64>,
}

/// A series with its own times.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSeries {
    /// Its labels.
    pub labels: Labels,
    /// When, milliseconds.
    pub times_ms: Vec<i64>,
    /// What.
    pub values: Vec<f64>,
}

/// Evaluates queries on a pool of its own, so that a heavy query cannot starve ingest.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    /// Where a change of [`EngineOptions::subquery_step`] is kept.
    subquery_step_ms: AtomicI64,
    pool: rayon::ThreadPool,
}

impl Engine {
    /// An engine with its own threads.
    ///
    /// # Panics
    /// When the system gives no threads.
    pub fn new(options: EngineOptions) -> Self {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .stack_size(WORKER_STACK_BYTES)
            .thread_name(|i| format!("promql-{i}"))
            .build()
            .expect("a machine that gives no threads at start cannot run at all");
        Self { subquery_step_ms: AtomicI64::new(options.subquery_step.0), options, pool }
    }

    /// Changes the step of subqueries that name none, from the next query on: it is a setting that is loaded anew.
    pub fn set_subquery_step(&self, step: DurationMs) {
        self.subquery_step_ms.store(step.0, Ordering::Relaxed);
    }

    /// The options as they are now.
    fn current(&self) -> EngineOptions {
        let subquery_step = DurationMs(self.subquery_step_ms.load(Ordering::Relaxed));
        EngineOptions { subquery_step, ..self.options.clone() }
    }

    /// The options it was made with.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Evaluates a query. Blocks until done: call it off the async threads.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn eval(&self, store: &dyn MetricQuery, request: &QueryRequest<'_>) -> Result<Answer, EvalError> {
        let options = self.current();
        self.pool.install(|| eval::run(&options, store, request, None))
    }

    /// Evaluates a range query that ends at `end`, which need not be a step: `@ end()` and `range()` mean it, and a
    /// range of a single step stays a range.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn eval_until(
        &self,
        store: &dyn MetricQuery,
        request: &QueryRequest<'_>,
        end: TimestampMs,
    ) -> Result<Answer, EvalError> {
        let options = self.current();
        self.pool.install(|| eval::run(&options, store, request, Some(end)))
    }
}
