//! Running queries off the async threads, a bounded number at once, and giving up when the caller has gone.

use std::sync::Arc;

use columns::Steps;
use model::{DurationMs, TimestampMs};
use promql::{Answer, Cancel, EvalError, Expr, QueryRequest};
use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::state::ApiState;

/// Queries evaluated at once (Prometheus' `--query.max-concurrency`); more wait their turn.
pub(crate) const QUERIES_MAX: usize = 20;

/// The turnstile before the engine.
#[derive(Debug)]
pub(crate) struct Turnstile(Arc<Semaphore>);

impl Turnstile {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(QUERIES_MAX)))
    }
}

/// Cancels when dropped: a handler's future goes when its client leaves.
struct CancelWhenDropped(Cancel);

impl Drop for CancelWhenDropped {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Evaluates `query` at one moment.
pub(crate) async fn eval_at(
    state: &Arc<ApiState>,
    query: Expr,
    at: TimestampMs,
    lookback: Option<DurationMs>,
) -> Result<Answer, EvalError> {
    eval_until(state, query, Steps::instant(at), at, lookback).await
}

/// Evaluates `query` at `steps` of a range that ends at `end`, on a blocking thread.
pub(crate) async fn eval_until(
    state: &Arc<ApiState>,
    query: Expr,
    steps: Steps,
    end: TimestampMs,
    lookback: Option<DurationMs>,
) -> Result<Answer, EvalError> {
    let outcome = blocking(state, move |state, cancel| {
        let request = QueryRequest { query: &query, steps, lookback, cancel };
        state.metrics.query(|| state.engine.eval_until(state.store.as_ref(), &request, end))
    });
    outcome.await.unwrap_or(Err(EvalError::Canceled))
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
    let slot = state.turnstile.0.clone().acquire_owned().await.map_err(ApiError::internal)?;
    let state = state.clone();
    let task = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        work(&state, &cancel)
    });
    task.await.map_err(ApiError::internal)
}
