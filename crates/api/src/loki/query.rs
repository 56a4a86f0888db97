//! `/query` and `/query_range`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use columns::vector::Cancel;
use logql::ast::{LogExpr, Metric};
use logql::{EvalError, Expr, LogAnswer, LogRequest, MetricAnswer, MetricRequest, ParseError, Together};
use model::TimestampNs;
use storage::NsRange;

use super::error::LokiError;
use super::params::{LINES_SINCE_NS, LokiParams};
use super::{Logs, asked, asked_together, counted, encode};
use crate::error::ApiError;
use crate::state::ApiState;

/// By this header clients ask for labels apart from where they come from; Grafana does.
pub(super) const FLAGS: &str = "x-loki-response-encoding-flags";
pub(super) const CATEGORIZE: &str = "categorize-labels";

pub(super) fn is_categorized(headers: &HeaderMap) -> bool {
    let flags = headers.get(FLAGS).and_then(|value| value.to_str().ok()).unwrap_or_default();
    flags.split(',').any(|flag| flag.trim() == CATEGORIZE)
}

/// Parses on a blocking thread: compiling what a hostile query holds may take a while.
pub(crate) async fn parsed(state: &ApiState, query: &str) -> Result<Result<Expr, ParseError>, ApiError> {
    let query = query.to_owned();
    let parsed =
        tokio::task::spawn_blocking(move || logql::parse(&query)).await.map_err(ApiError::internal)?;
    if let Some(limit) = parsed.as_ref().err().and_then(|error| error.limit) {
        state.metrics.refused_lines(limit);
    }
    Ok(parsed)
}

pub(super) async fn parse(state: &ApiState, query: &str) -> Result<Expr, LokiError> {
    Ok(parsed(state, query).await??)
}

pub(crate) async fn range(
    State(state): State<Arc<ApiState>>,
    headers: HeaderMap,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let started = Instant::now();
    let range = params.range(&state, LINES_SINCE_NS)?;
    let (limit, is_forward) = (params.limit()?, params.is_forward()?);
    let (step_ms, interval_ns) = (params.step_ms(range)?, params.duration_ns("interval")?.unwrap_or(0));
    match parse(&state, params.query()).await? {
        Expr::Log(query) => {
            if range.until <= range.from {
                return Err(LokiError::bad_request(
                    "end timestamp must not be before or equal to start time",
                ));
            }
            let is_categorized = is_categorized(&headers);
            let answer = asked(&state, move |logs, cancel| {
                let request = Lines { range, limit, is_forward, is_categorized, interval_ns };
                request.find(logs, &query, cancel)
            });
            Ok(encode::lines(answer.await?, is_categorized, started.elapsed()))
        }
        Expr::Metric(query) => {
            let aligned = Aligned::new(range, step_ms);
            let answer = metric(&state, query, aligned).await?;
            Ok(encode::matrix(answer, started.elapsed()))
        }
    }
}

pub(crate) async fn instant(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let started = Instant::now();
    let at = params.at(&state)?;
    params.limit()?;
    params.is_forward()?;
    let Expr::Metric(query) = parse(&state, params.query()).await? else {
        let message = "log queries are not supported as an instant query type, please change your query to a range query type";
        return Err(LokiError::bad_request(message));
    };
    let instant = Aligned { start: at, step_ms: 1, count: 1 };
    let answer = metric(&state, query, instant).await?;
    Ok(encode::instant(answer, at, started.elapsed()))
}

/// Which lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    pub(crate) range: NsRange,
    pub(crate) limit: usize,
    pub(crate) is_forward: bool,
    pub(crate) is_categorized: bool,
    /// Of lines of a stream that are no further apart only the first is given.
    pub(crate) interval_ns: i64,
}

impl Lines {
    pub(crate) fn find(&self, logs: &Logs, query: &LogExpr, cancel: &Cancel) -> Result<LogAnswer, EvalError> {
        let Self { range, limit, is_forward, is_categorized, interval_ns } = *self;
        let request = LogRequest { query, range, limit, is_forward, is_categorized, cancel };
        let mut answer = logs.engine.logs(logs.query.as_ref(), &request)?;
        if interval_ns > 0 {
            for stream in &mut answer.streams {
                let mut last: Option<i64> = None;
                stream.entries.retain(|entry| {
                    let is_far =
                        last.is_none_or(|last| entry.at.0.abs_diff(last) >= interval_ns.unsigned_abs());
                    if is_far {
                        last = Some(entry.at.0);
                    }
                    is_far
                });
            }
        }
        Ok(answer)
    }
}

/// Moments of a metric query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aligned {
    pub(crate) start: TimestampNs,
    pub(crate) step_ms: i64,
    pub(crate) count: usize,
}

impl Aligned {
    /// Multiples of the step around a span, as Loki's front end aligns them: the start down, the end up.
    pub(crate) fn new(range: NsRange, step_ms: i64) -> Self {
        let step_ns = step_ms.saturating_mul(1_000_000);
        let start = range.from.0.div_euclid(step_ns).saturating_mul(step_ns);
        let end = range.until.0.div_euclid(step_ns) + i64::from(range.until.0.rem_euclid(step_ns) != 0);
        let steps = end.saturating_sub(start / step_ns).max(0);
        Self {
            start: TimestampNs(start),
            step_ms,
            count: usize::try_from(steps).unwrap_or(usize::MAX - 1) + 1,
        }
    }
}

async fn metric(state: &Arc<ApiState>, query: Metric, aligned: Aligned) -> Result<MetricAnswer, LokiError> {
    let answer = metrics(state, vec![(query, aligned)]).await.pop();
    answer.unwrap_or_else(|| Err(EvalError::Invalid("one query has one answer".to_owned()).into()))
}

/// Evaluates metric queries together, an answer each.
pub(crate) async fn metrics(
    state: &Arc<ApiState>,
    queries: Vec<(Metric, Aligned)>,
) -> Vec<Result<MetricAnswer, LokiError>> {
    let count = queries.len();
    if count == 0 {
        return Vec::new();
    }
    let all = asked_together(state, count, move |logs, cancel| {
        let requests: Vec<MetricRequest<'_>> = queries
            .iter()
            .map(|(query, Aligned { start, step_ms, count })| MetricRequest {
                query,
                start: *start,
                step_ms: *step_ms,
                count: *count,
                cancel,
            })
            .collect();
        Ok(logs.engine.metrics(logs.query.as_ref(), &requests))
    });
    match all.await {
        Ok(Together { answers, shared, put_off }) => {
            state.metrics.read_together(shared);
            state.metrics.put_off(put_off);
            answers.into_iter().map(|answer| counted(state, answer)).collect()
        }
        Err(error) => vec![Err(error); count],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_multiples_of_the_step() {
        let aligned = |from_ms: i64, until_ms: i64, step_ms| {
            let ns = |ms: i64| TimestampNs(ms * 1_000_000);
            let Aligned { start, count, .. } =
                Aligned::new(NsRange { from: ns(from_ms), until: ns(until_ms) }, step_ms);
            (start.0 / 1_000_000, count)
        };
        assert_eq!(aligned(1500, 4200, 1000), (1000, 5));
        assert_eq!(aligned(2000, 4000, 1000), (2000, 3));
        assert_eq!(aligned(2000, 2000, 1000), (2000, 1));
        assert_eq!(aligned(-1500, 500, 1000), (-2000, 4));
    }
}
