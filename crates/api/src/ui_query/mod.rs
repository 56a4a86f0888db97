//! `POST /api/ui/query`: all queries of a dashboard in one round, answered as columns; `live` has the rounds of a page that
//! looks again and again. The shapes stand in `docs/formats/ui-query.md`.

pub(crate) mod lines;
pub(crate) mod live;
mod results;
mod same;
mod why;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use columns::{Steps, is_absent};
use model::TimestampMs;
use model::float::write_float;
use promql::{EvalError, ParseError, Series, Stats, Value};
use serde::Deserialize;
use serde_json::json;

use crate::error::ApiError;
use crate::measured::Wanted;
use crate::query::{POINTS_MAX, require_range_kind};
use crate::run::{self, Question};
use crate::state::ApiState;
use crate::stream::Writer;
use crate::{json, stream};

use results::{Frame, Results};

/// Targets in one request: more than the largest dashboards have in view. Beyond it the request is refused.
const TARGETS_MAX: usize = 100;

/// How long the reason of an empty answer is looked for: whoever looks at an empty panel waits no longer. Beyond it there is none;
/// `watchfire_api_why_timeouts_total` counts.
const WHY_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// First step of targets that name none, milliseconds.
    from: i64,
    /// Not after this, for targets that name none, milliseconds.
    to: i64,
    targets: Vec<Target>,
    /// Whether answers without any value say why they have none.
    #[serde(default)]
    why: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    /// Chosen by the caller, given back.
    id: String,
    expr: String,
    step_ms: i64,
    /// One value at `to` instead of a range.
    #[serde(default)]
    instant: bool,
    /// Its own first step: panels whose steps differ align differently.
    from: Option<i64>,
    /// Its own end.
    to: Option<i64>,
    /// What the expression is written in.
    #[serde(default)]
    language: Language,
    /// Lines at the most, of a query for lines.
    limit: Option<usize>,
    /// Which lines come first.
    #[serde(default)]
    direction: Direction,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    #[default]
    PromQL,
    LogQL,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    /// The newest.
    #[default]
    Backward,
    /// The oldest.
    Forward,
}

/// What makes two targets the same work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    expr: String,
    from: i64,
    to: i64,
    step_ms: i64,
    instant: bool,
    language: Language,
    limit: usize,
    is_forward: bool,
    why: bool,
}

impl Key {
    fn of(request: &Request, target: &Target) -> Self {
        Self {
            expr: target.expr.clone(),
            from: target.from.unwrap_or(request.from),
            to: target.to.unwrap_or(request.to),
            // Where there is but one value the step changes nothing.
            step_ms: if target.instant { 1 } else { target.step_ms },
            instant: target.instant,
            language: target.language,
            limit: target.limit.unwrap_or(lines::LINES_DEFAULT),
            is_forward: target.direction == Direction::Forward,
            why: request.why,
        }
    }

    /// Whether it asks logs for numbers, as far as one can tell without parsing it: a query for lines begins with its selector, and reads
    /// but a few of them.
    fn is_read_together(&self) -> bool {
        self.language == Language::LogQL && !self.expr.trim_start().starts_with('{')
    }

    fn steps(&self) -> Steps {
        if self.instant {
            return Steps::instant(TimestampMs(self.to));
        }
        Steps::range(TimestampMs(self.from), TimestampMs(self.to), self.step_ms)
    }
}

pub(crate) async fn query(
    State(state): State<Arc<ApiState>>,
    Json(request): Json<Request>,
) -> Result<Response, ApiError> {
    let targets = checked(request.keys())?;
    let frame = Frame { head: br#"{"results":["#, tail: b"]}" };
    let body = Body::new(Results::new(state, targets, frame, None));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

impl Request {
    /// Ids and what they ask.
    fn keys(&self) -> Vec<(String, Key)> {
        self.targets.iter().map(|target| (target.id.clone(), Key::of(self, target))).collect()
    }
}

/// The same targets, when they may be asked.
fn checked(targets: Vec<(String, Key)>) -> Result<Vec<(String, Key)>, ApiError> {
    if targets.len() > TARGETS_MAX {
        let count = targets.len();
        return Err(ApiError::bad_data(format!("{count} targets are more than the {TARGETS_MAX} allowed")));
    }
    for (id, Key { from, to, step_ms, .. }) in targets.iter().filter(|(_, key)| !key.instant) {
        let wrong = match (to < from, *step_ms <= 0) {
            (true, _) => "to is before from".to_owned(),
            (_, true) => "step_ms must be above zero".to_owned(),
            _ if to.saturating_sub(*from) / step_ms > POINTS_MAX => {
                format!("more than {POINTS_MAX} points; make step_ms larger")
            }
            _ => continue,
        };
        return Err(ApiError::bad_data(format!("target {id:?}: {wrong}")));
    }
    Ok(targets)
}

/// What a target gave.
enum Outcome {
    Answer(Shown),
    Lines(lines::ShownLines),
    Error(serde_json::Value),
}

struct Shown {
    steps: Steps,
    series: Vec<Series>,
    warnings: Vec<String>,
    took_ms: f64,
    stats: Took,
    why: Option<why::Why>,
}

/// What a target read.
enum Took {
    Samples(Stats),
    Lines(logql::Stats),
}

async fn answer_one(state: &Arc<ApiState>, key: &Key) -> Outcome {
    if key.language == Language::LogQL {
        return lines::answer(state, key).await;
    }
    let (started, steps) = (Instant::now(), key.steps());
    let query = match run::parse(state, &key.expr).await {
        Ok(Ok(query)) => query,
        Ok(Err(error)) => return Outcome::Error(parse_error(&error)),
        Err(error) => return Outcome::Error(json!({ "message": error.message })),
    };
    if !key.instant
        && let Err(error) = require_range_kind(query.kind())
    {
        return Outcome::Error(json!({ "message": error.message }));
    }
    let (end, stats) = ((!key.instant).then_some(TimestampMs(key.to)), Wanted::Nothing);
    let asked_again = key.why.then(|| query.clone());
    let question = Question { query, steps, end, lookback: None, timeout: None, stats };
    let answer = match run::eval(state, question).await {
        Ok((answer, _)) => answer,
        Err(error) => return Outcome::Error(eval_error(&error, &key.expr)),
    };
    let took_ms = started.elapsed().as_secs_f64() * 1000.0;
    let series = series_of(answer.value, &steps);
    let why = match asked_again {
        Some(query) if series.is_empty() => why_empty(state, query, steps, TimestampMs(key.to)).await,
        _ => None,
    };
    let stats = Took::Samples(answer.stats);
    Outcome::Answer(Shown { steps, series, warnings: answer.warnings, took_ms, stats, why })
}

/// Looks for the reason as long as it may take; without one the answer is just empty.
async fn why_empty(
    state: &Arc<ApiState>,
    query: promql::Expr,
    steps: Steps,
    end: TimestampMs,
) -> Option<why::Why> {
    let work = run::blocking(state, move |state, cancel| why::explain(state, cancel, &query, &steps, end));
    match tokio::time::timeout(WHY_TIMEOUT, work).await {
        Ok(found) => found.ok()?,
        Err(_) => {
            state.metrics.why_timed_out();
            None
        }
    }
}

pub(crate) fn parse_error(error: &ParseError) -> serde_json::Value {
    json!({
        "message": error.message,
        "start": error.span.start,
        "end": error.span.end,
        "line": error.line,
        "column": error.column,
    })
}

fn eval_error(error: &EvalError, expr: &str) -> serde_json::Value {
    match error {
        EvalError::Parse(error) => parse_error(error),
        EvalError::Execution { message, span } => {
            let (line, column) = promql::line_col(expr, span.start);
            json!({ "message": message, "start": span.start, "end": span.end, "line": line, "column": column })
        }
        other => json!({ "message": other.to_string() }),
    }
}

/// Series with at least one value. A scalar is a series without labels; a text and raw samples are not for panels.
fn series_of(value: Value, steps: &Steps) -> Vec<Series> {
    match value {
        Value::Vector(mut all) => {
            all.retain(|s| s.values.iter().any(|v| !is_absent(*v)));
            all
        }
        Value::Scalar(values) => vec![Series { labels: model::Labels::empty(), values }],
        Value::Matrix(all) => all.into_iter().map(|s| newest(s, steps)).collect(),
        Value::String(_) => Vec::new(),
    }
}

/// Of raw samples the newest: what an instant panel can show of a range.
fn newest(series: promql::RawSeries, steps: &Steps) -> Series {
    let mut values = vec![columns::ABSENT; steps.count];
    if let (Some(slot), Some(value)) = (values.last_mut(), series.values.last()) {
        *slot = *value;
    }
    Series { labels: series.labels, values }
}

/// Writes behind `before` that a target gave what it gave in the round before.
fn same_writer(mut before: Vec<u8>, id: &str) -> Writer {
    before.extend_from_slice(br#"{"id":"#);
    json::string(&mut before, id);
    before.extend_from_slice(br#","same":true}"#);
    stream::between(before, Box::new(|_| false), Vec::new())
}

/// Writes a target's object behind `before`.
fn target_writer(mut before: Vec<u8>, id: &str, outcome: Arc<Outcome>) -> Writer {
    before.extend_from_slice(br#"{"id":"#);
    json::string(&mut before, id);
    let (shown, count) = match outcome.as_ref() {
        Outcome::Error(error) => {
            before.extend_from_slice(format!(r#","error":{error}}}"#).as_bytes());
            return stream::between(before, Box::new(|_| false), Vec::new());
        }
        Outcome::Lines(_) => return lines::ShownLines::writer(before, outcome),
        Outcome::Answer(shown) => (shown, shown.series.len()),
    };
    let Steps { start, step_ms, count: steps } = shown.steps;
    let head = format!(r#","start":{},"step":{step_ms},"count":{steps},"series":["#, start.0);
    before.extend_from_slice(head.as_bytes());
    let mut tail = br#"],"warnings":"#.to_vec();
    json::list(&mut tail, shown.warnings.iter(), |out, text| json::string(out, text));
    let read = match &shown.stats {
        Took::Samples(stats) => {
            format!(r#""series_read":{},"samples_read":{}"#, stats.series_read, stats.samples_read)
        }
        Took::Lines(stats) => {
            format!(r#""lines_read":{},"bytes_read":{}"#, stats.lines_read, stats.bytes_read)
        }
    };
    let rest = format!(r#","took_ms":{:.3},{read}"#, shown.took_ms);
    tail.extend_from_slice(rest.as_bytes());
    if let Some(why) = &shown.why {
        tail.extend_from_slice(format!(r#","why":{}"#, why.to_json()).as_bytes());
    }
    tail.push(b'}');
    let rows = stream::items(0..count, move |out, i| {
        if let Outcome::Answer(shown) = outcome.as_ref() {
            row(out, &shown.series[i]);
        }
    });
    stream::between(before, rows, tail)
}

fn row(out: &mut Vec<u8>, series: &Series) {
    out.extend_from_slice(br#"{"labels":"#);
    json::labels(out, &series.labels);
    out.extend_from_slice(br#","values":"#);
    json::list(out, series.values.iter(), |out, value| number(out, *value));
    out.push(b'}');
}

/// JSON has no NaN and no infinities: they go as Prometheus' words.
fn number(out: &mut Vec<u8>, value: f64) {
    match value {
        v if is_absent(v) => out.extend_from_slice(b"null"),
        v if v.is_finite() => write_float(out, v),
        v => {
            out.push(b'"');
            write_float(out, v);
            out.push(b'"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_are_words() {
        let mut out = Vec::new();
        for value in [1.5, columns::ABSENT, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1e-9] {
            number(&mut out, value);
            out.push(b' ');
        }
        assert_eq!(String::from_utf8_lossy(&out), r#"1.5 null "NaN" "+Inf" "-Inf" 1e+300 1e-09 "#);
    }

    #[test]
    fn a_request_is_checked_before_work_starts() {
        let request = |text: &str| {
            let request: Request = serde_json::from_str(text).expect("the right shape");
            checked(request.keys())
        };
        let one = |step: i64| {
            format!(r#"{{"from":0,"to":1000000,"targets":[{{"id":"A","expr":"1","step_ms":{step}}}]}}"#)
        };
        assert!(request(&one(1000)).is_ok());
        assert!(request(&one(0)).is_err());
        assert!(request(&one(10)).is_err());
        assert!(request(r#"{"from":2,"to":1,"targets":[{"id":"A","expr":"1","step_ms":1}]}"#).is_err());
        let own = r#"{"from":2,"to":1,"targets":[{"id":"A","expr":"1","step_ms":1,"from":0,"to":5}]}"#;
        assert!(request(own).is_ok());
        let targets = vec![r#"{"id":"A","expr":"1","step_ms":1000}"#; 101].join(",");
        assert!(request(&format!(r#"{{"from":0,"to":1,"targets":[{targets}]}}"#)).is_err());
    }
}
