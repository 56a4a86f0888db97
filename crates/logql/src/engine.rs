//! The door: a query and a store in, lines or columns out, within limits.

use std::time::Duration;

use columns::Steps;
use columns::vector::Cancel;
use model::{Labels, TimestampNs};
use storage::{LogQuery, NsRange};

use crate::ast::{LogExpr, Metric};
use crate::error::EvalError;
use crate::eval;

/// Stack of each worker: evaluation recurses as deep as the parser lets an expression be.
const WORKER_STACK_BYTES: usize = 16 << 20;

/// Queries that have the time of one when they are read together: four at once share the workers anyway.
pub(crate) const TOGETHER: usize = 4;

/// How an engine evaluates and what it refuses. Limits without another word are Loki's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Lines that one answer may have (`max_entries_limit_per_query`).
    pub entries_max: usize,
    /// Series that one answer may have (`max_query_series`).
    pub series_max: usize,
    /// Streams that one selector may find: a hundred times what one tenant may have active.
    pub streams_max: usize,
    /// How long a time a query may span (`max_query_length`).
    pub length_max: Duration,
    /// Steps of a range query.
    pub steps_max: usize,
    /// Bytes of lines that one query may read (`max_query_bytes_read`); 0 for no limit, as there.
    pub bytes_max: u64,
    /// Bytes that a query may hold for its series before they are aggregated: a third of what the monitor is meant to take
    /// in a small team's machine. Functions that are read together, and what waits for others, may hold no more than that in all; the
    /// largest are then put off and read by themselves ([`Together::put_off`]), with as much room again.
    pub held_bytes_max: usize,
    /// How long a query may take (`query_timeout`). Of queries that are asked together the time of each runs while it is read or
    /// evaluated only, and the slower the more are read with it: as if they were read four at a time.
    pub timeout: Duration,
    /// Worker threads; 0 takes one a core.
    pub threads: usize,
}

impl EngineOptions {
    /// Loki's defaults.
    pub fn standard() -> Self {
        Self {
            entries_max: 5000,
            series_max: 500,
            streams_max: 500_000,
            length_max: Duration::from_secs(721 * 3600),
            steps_max: 11_000,
            bytes_max: 0,
            held_bytes_max: 256 << 20,
            timeout: Duration::from_secs(60),
            threads: 0,
        }
    }

    /// When to give up queries that are asked together: nothing that goes on as it should takes so long, since each has no more than its
    /// own time. The time of one more is for what they wait before they begin.
    pub fn timeout_of(&self, queries: usize) -> Duration {
        match u32::try_from(queries) {
            Ok(0 | 1) => self.timeout,
            Ok(queries) => self.timeout.saturating_mul(queries.saturating_add(1)),
            Err(_) => Duration::MAX,
        }
    }
}

/// Which lines are asked for.
#[derive(Debug)]
pub struct LogRequest<'a> {
    /// What.
    pub query: &'a LogExpr,
    /// Of what time.
    pub range: NsRange,
    /// How many at the most.
    pub limit: usize,
    /// The oldest first instead of the newest.
    pub is_forward: bool,
    /// Whether streams are told apart by their own labels only, and the rest comes with each line.
    pub is_categorized: bool,
    /// By which to stop early.
    pub cancel: &'a Cancel,
}

/// Which numbers are asked for.
#[derive(Debug)]
pub struct MetricRequest<'a> {
    /// What.
    pub query: &'a Metric,
    /// The first moment.
    pub start: TimestampNs,
    /// Milliseconds between moments; any above zero when there is but one.
    pub step_ms: i64,
    /// How many moments.
    pub count: usize,
    /// By which to stop early.
    pub cancel: &'a Cancel,
}

/// Lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LogAnswer {
    /// By streams, which are sorted by labels.
    pub streams: Vec<ResultStream>,
    /// What it took.
    pub stats: Stats,
}

/// Lines of equal labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultStream {
    /// The labels.
    pub labels: Labels,
    /// In the order asked for.
    pub entries: Vec<Entry>,
}

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: TimestampNs,
    /// The text as the stages left it.
    pub line: String,
    /// What was stored with the line.
    pub metadata: Labels,
    /// What the stages found in it.
    pub parsed: Labels,
}

/// Numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricAnswer {
    /// The moments.
    pub steps: Steps,
    /// The result.
    pub value: MetricValue,
    /// What it took.
    pub stats: Stats,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// Of literals only.
    Scalar(f64),
    /// Sorted by labels, unless an instant query asked for an order of its own.
    Vector(Vec<Series>),
}

/// A series of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// A value a step; [`columns::ABSENT`] where there is none.
    pub values: Vec<f64>,
}

/// What a query took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Streams that selectors found.
    pub streams: u64,
    /// Parts of them that were read.
    pub parts_read: u64,
    /// Parts that were passed over because they could hold no line of the answer.
    pub parts_skipped: u64,
    /// Bytes of lines that were decompressed.
    pub bytes_read: u64,
    /// Lines in what was read.
    pub lines_read: u64,
    /// Lines that passed all stages.
    pub lines_passed: u64,
}

/// What came of queries that were asked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Together {
    /// An answer each, in the order of the queries.
    pub answers: Vec<Result<MetricAnswer, EvalError>>,
    /// Queries that read something together with others of them.
    pub shared: u64,
    /// Functions that were too much to be read together with others, and were read by themselves after them.
    pub put_off: u64,
}

/// Evaluates queries on a pool of its own, so that a heavy query cannot starve ingest.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
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
            .thread_name(|i| format!("logql-{i}"))
            .build()
            .expect("a machine that gives no threads at start cannot run at all");
        Self { options, pool }
    }

    /// The options it was made with.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Finds lines. Blocks until done: call it off the async threads.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn logs(&self, store: &dyn LogQuery, request: &LogRequest<'_>) -> Result<LogAnswer, EvalError> {
        self.pool.install(|| eval::logs(&self.options, store, request))
    }

    /// Evaluates metric queries together: lines that several of them ask for are read once, and what they do with them alike is done
    /// once. The answers are those that they would have one by one; none is there before all are. Blocks until done: call it off the async threads.
    pub fn metrics(&self, store: &dyn LogQuery, requests: &[MetricRequest<'_>]) -> Together {
        self.pool.install(|| eval::metrics(&self.options, store, requests))
    }

    /// Evaluates a metric query. Blocks until done: call it off the async threads.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub fn metric(
        &self,
        store: &dyn LogQuery,
        request: &MetricRequest<'_>,
    ) -> Result<MetricAnswer, EvalError> {
        let one = MetricRequest { ..*request };
        let answer = self.metrics(store, &[one]).answers.pop();
        answer.unwrap_or_else(|| Err(EvalError::Invalid("one query has one answer".to_owned())))
    }
}
