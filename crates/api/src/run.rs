//! Running queries off the async threads, a bounded number at once, within their time, and giving up when the caller
//! has gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use columns::Steps;
use model::{DurationMs, TimestampMs};
use promql::{Answer, Cancel, EvalError, Expr, ParseError, QueryRequest};
use storage::MetricQuery;
use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::measured::{Measured, Timings, Wanted};
use crate::state::ApiState;

/// Queries evaluated at once (Prometheus' `--query.max-concurrency`); more wait their turn, counted by
/// `watchfire_api_queries_waiting`, until their time is up or their client leaves.
pub(crate) const QUERIES_MAX: usize = 20;

/// The turnstile before the engine.
#[derive(Debug)]
pub(crate) struct Turnstile(Arc<Semaphore>);

impl Turnstile {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(QUERIES_MAX)))
    }
}

/// Cancels when dropped: a handler's future goes when its client leaves or its time is up.
struct CancelWhenDropped(Cancel);

impl Drop for CancelWhenDropped {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What to evaluate, and how.
#[derive(Debug)]
pub(crate) struct Question {
    pub query: Expr,
    pub steps: Steps,
    /// The end of a range as asked for, which may lie after the last step; `None` for an instant.
    pub end: Option<TimestampMs>,
    pub lookback: Option<DurationMs>,
    /// Never more than the engine's own limit.
    pub timeout: Option<DurationMs>,
    pub stats: Wanted,
}

/// Parses on a blocking thread: compiling what a hostile query holds may take a while.
pub(crate) async fn parse(state: &ApiState, text: &str) -> Result<Result<Expr, ParseError>, ApiError> {
    let text = text.to_owned();
    let parsed =
        tokio::task::spawn_blocking(move || promql::parse(&text)).await.map_err(ApiError::internal)?;
    if let Some(limit) = parsed.as_ref().err().and_then(|error| error.limit) {
        state.metrics.refused(limit);
    }
    Ok(parsed)
}

/// Evaluates, counting what is refused. With the answer comes the JSON of its statistics when they are wanted.
pub(crate) async fn eval(
    state: &Arc<ApiState>,
    question: Question,
) -> Result<(Answer, Option<Vec<u8>>), EvalError> {
    let outcome = eval_in_time(state, question).await;
    if let Some(limit) = outcome.as_ref().err().and_then(EvalError::limit) {
        state.metrics.refused(limit);
    }
    outcome
}

/// Evaluates on a blocking thread, and waits no longer than it may take.
async fn eval_in_time(
    state: &Arc<ApiState>,
    question: Question,
) -> Result<(Answer, Option<Vec<u8>>), EvalError> {
    let limit = state.engine.options().timeout;
    let asked = question.timeout.map(|t| Duration::from_millis(t.0.max(0).unsigned_abs()));
    // No time at all is too little, however quick the answer would be.
    if asked == Some(Duration::ZERO) {
        return Err(EvalError::Timeout);
    }
    let asked_at = Instant::now();
    let work = blocking(state, move |state, cancel| eval_now(state, cancel, &question, asked_at));
    match tokio::time::timeout(asked.map_or(limit, |asked| asked.min(limit)), work).await {
        Ok(outcome) => outcome.unwrap_or(Err(EvalError::Canceled)),
        Err(_) => Err(EvalError::Timeout),
    }
}

fn eval_now(
    state: &ApiState,
    cancel: &Cancel,
    question: &Question,
    asked_at: Instant,
) -> Result<(Answer, Option<Vec<u8>>), EvalError> {
    let queued = asked_at.elapsed();
    let Question { query, steps, end, lookback, .. } = question;
    let request = QueryRequest { query, steps: *steps, lookback: *lookback, cancel };
    let measured = Measured::new(state.store.clone(), question.stats, steps);
    let started = Instant::now();
    let store: &dyn MetricQuery = match &measured {
        Some(measured) => measured,
        None => state.store.as_ref(),
    };
    let outcome = state.metrics.query(|| match end {
        Some(end) => state.engine.eval_until(store, &request, *end),
        None => state.engine.eval(store, &request),
    });
    // A short query may end before it notices; nobody waits for its answer either.
    if cancel.is_cancelled() {
        state.metrics.canceled();
        return Err(EvalError::Canceled);
    }
    let answer = outcome?;
    let stats = measured.map(|m| m.to_json(&answer.stats, Timings { queued, evaluated: started.elapsed() }));
    Ok((answer, stats))
}

/// Runs `work` on a blocking thread once there is room.
///
/// # Errors
/// When `work` panicked; the panic has been reported.
pub(crate) async fn blocking<T: Send + 'static>(
    state: &Arc<ApiState>,
    work: impl FnOnce(&ApiState, &Cancel) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let cancel = Cancel::new();
    let _guard = CancelWhenDropped(cancel.clone());
    let waiting = state.metrics.waiting();
    let slot = state.turnstile.0.clone().acquire_owned().await.map_err(ApiError::internal)?;
    drop(waiting);
    let state = state.clone();
    let task = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        work(&state, &cancel)
    });
    task.await.map_err(ApiError::internal)
}
