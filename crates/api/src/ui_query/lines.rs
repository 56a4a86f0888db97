//! Targets in LogQL: lines as columns, or numbers over lines.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use columns::{Steps, is_absent};
use logql::ast::{LogExpr, Metric};
use logql::{Expr, LogAnswer, MetricAnswer, MetricValue, Stats};
use model::{Labels, TimestampNs};
use serde_json::json;
use storage::NsRange;

use super::{Key, Outcome, Shown};
use crate::error::ApiError;
use crate::json;
use crate::loki::asked;
use crate::loki::query::{Aligned, Lines, metrics, parsed};
use crate::state::ApiState;
use crate::stream::{self, Writer};

/// Lines of a target that does not say how many.
pub(super) const LINES_DEFAULT: usize = 1000;

/// Lines as columns.
pub(super) struct ShownLines {
    times_ns: Vec<i64>,
    lines: Vec<String>,
    sets: Vec<Labels>,
    /// For each set the names of those labels that stages made.
    parsed: Vec<Vec<String>>,
    labels: Vec<usize>,
    /// Empty as a whole when no line has any.
    metadata: Vec<Labels>,
    took_ms: f64,
    stats: Stats,
}

impl ShownLines {
    /// How much room it takes, in values.
    pub(super) fn values(&self) -> usize {
        self.lines.iter().map(|line| 2 + line.len() / size_of::<f64>()).sum()
    }

    /// Hashes all of it that a page shows.
    pub(super) fn hash_shown<H: Hasher>(&self, state: &mut H) {
        (&self.times_ns, &self.lines, &self.sets, &self.labels, &self.metadata).hash(state);
    }

    fn new(answer: LogAnswer, is_forward: bool, took_ms: f64) -> Self {
        let LogAnswer { streams, stats } = answer;
        let mut sets: Vec<Labels> = Vec::new();
        let mut parsed: Vec<Vec<String>> = Vec::new();
        let mut places: HashMap<(Labels, Vec<String>), usize> = HashMap::new();
        let mut all = Vec::new();
        for stream in streams {
            for entry in stream.entries {
                // What the pipeline added belongs to the labels, what was stored with the line does not.
                let mut pairs: Vec<_> = stream.labels.iter().chain(&entry.parsed).collect();
                pairs.sort_unstable();
                let labels = Labels::from_sorted(pairs);
                let made = entry.parsed.iter().map(|(name, _)| name.to_owned()).collect();
                let place = *places.entry((labels, made)).or_insert_with_key(|(labels, made)| {
                    sets.push(labels.clone());
                    parsed.push(made.clone());
                    sets.len() - 1
                });
                all.push((entry.at.0, place, entry.line, entry.metadata));
            }
        }
        all.sort_by_key(|(at, ..)| if is_forward { *at } else { at.saturating_neg() });
        let has_metadata = all.iter().any(|(.., metadata)| !metadata.is_empty());
        let mut shown = Self {
            times_ns: Vec::with_capacity(all.len()),
            lines: Vec::with_capacity(all.len()),
            labels: Vec::with_capacity(all.len()),
            metadata: Vec::new(),
            sets,
            parsed,
            took_ms,
            stats,
        };
        for (at, place, line, metadata) in all {
            shown.times_ns.push(at);
            shown.labels.push(place);
            shown.lines.push(line);
            if has_metadata {
                shown.metadata.push(metadata);
            }
        }
        shown
    }

    /// Writes a target's object behind `before`, up to its closing brace.
    pub(super) fn writer(mut before: Vec<u8>, outcome: Arc<Outcome>) -> Writer {
        let Outcome::Lines(shown) = outcome.as_ref() else {
            return stream::between(before, Box::new(|_| false), Vec::new());
        };
        before.extend_from_slice(br#","kind":"logs","times_ns":"#);
        json::list(&mut before, shown.times_ns.iter(), |out, at| {
            out.extend_from_slice(format!("\"{at}\"").as_bytes())
        });
        before.extend_from_slice(br#","lines":["#);
        let mut tail = br#"],"label_sets":"#.to_vec();
        json::list(&mut tail, shown.sets.iter(), json::labels);
        if shown.parsed.iter().any(|names| !names.is_empty()) {
            tail.extend_from_slice(br#","parsed":"#);
            json::list(&mut tail, shown.parsed.iter(), |out, names| {
                json::list(out, names.iter(), |out, name| json::string(out, name))
            });
        }
        tail.extend_from_slice(br#","labels":"#);
        json::list(&mut tail, shown.labels.iter(), |out, place| {
            out.extend_from_slice(place.to_string().as_bytes())
        });
        if !shown.metadata.is_empty() {
            tail.extend_from_slice(br#","metadata":"#);
            json::list(&mut tail, shown.metadata.iter(), |out, labels| {
                if labels.is_empty() { out.extend_from_slice(b"null") } else { json::labels(out, labels) }
            });
        }
        let Stats { lines_read, bytes_read, .. } = shown.stats;
        let took_ms = shown.took_ms;
        let rest = format!(
            r#","warnings":[],"took_ms":{took_ms:.3},"lines_read":{lines_read},"bytes_read":{bytes_read}}}"#
        );
        tail.extend_from_slice(rest.as_bytes());
        let count = shown.lines.len();
        let rows = stream::items(0..count, move |out, i| {
            if let Outcome::Lines(shown) = outcome.as_ref() {
                json::string(out, &shown.lines[i]);
            }
        });
        stream::between(before, rows, tail)
    }
}

/// Evaluates a target in LogQL.
pub(super) async fn answer(state: &Arc<ApiState>, key: &Key) -> Outcome {
    match query_of(state, key).await {
        Err(outcome) => outcome,
        Ok(Expr::Log(query)) => found(state, key, query).await,
        Ok(Expr::Metric(query)) => {
            let asked = vec![(key.clone(), query)];
            let outcome = numbers(state, asked).await.pop();
            outcome.map_or_else(|| failed("the query has no answer"), |(_, outcome)| outcome)
        }
    }
}

/// Evaluates targets in LogQL of which most ask for numbers: those share what they read.
pub(super) async fn answer_together(state: &Arc<ApiState>, keys: Vec<Key>) -> Vec<(Key, Outcome)> {
    let (mut outcomes, mut asked) = (Vec::new(), Vec::new());
    for key in keys {
        match query_of(state, &key).await {
            Err(outcome) => outcomes.push((key, outcome)),
            Ok(Expr::Log(query)) => {
                let outcome = found(state, &key, query).await;
                outcomes.push((key, outcome));
            }
            Ok(Expr::Metric(query)) => asked.push((key, query)),
        }
    }
    outcomes.extend(numbers(state, asked).await);
    outcomes
}

fn failed(message: impl Into<String>) -> Outcome {
    Outcome::Error(json!({ "message": message.into() }))
}

async fn query_of(state: &ApiState, key: &Key) -> Result<Expr, Outcome> {
    match parsed(state, &key.expr).await {
        Ok(Ok(query)) => Ok(query),
        Ok(Err(error)) => Err(Outcome::Error(parse_error(&error))),
        Err(error) => Err(failed(error.message)),
    }
}

/// The lines of a target.
async fn found(state: &Arc<ApiState>, key: &Key, query: LogExpr) -> Outcome {
    if key.instant {
        return failed("an instant has no lines: a log query needs a range");
    }
    let started = Instant::now();
    let ns = |ms: i64| TimestampNs(ms.saturating_mul(1_000_000));
    let range = NsRange { from: ns(key.from), until: ns(key.to) };
    let (limit, is_forward) = (key.limit, key.is_forward);
    let lines = Lines { range, limit, is_forward, is_categorized: true, interval_ns: 0 };
    match asked(state, move |logs, cancel| lines.find(logs, &query, cancel)).await {
        Ok(answer) => Outcome::Lines(ShownLines::new(answer, is_forward, took_ms(started))),
        Err(error) => failed(error.message),
    }
}

/// The numbers of targets, whose queries share what they read.
async fn numbers(state: &Arc<ApiState>, asked: Vec<(Key, Metric)>) -> Vec<(Key, Outcome)> {
    let started = Instant::now();
    let (keys, queries): (Vec<Key>, Vec<(Metric, Aligned)>) = asked
        .into_iter()
        .map(|(key, query)| {
            let Steps { start, step_ms, count } = key.steps();
            (key, (query, Aligned { start: start.into(), step_ms, count }))
        })
        .unzip();
    let answers = metrics(state, queries).await.into_iter();
    let outcomes = keys.into_iter().zip(answers).map(|(key, answer)| {
        let outcome = answer.map_or_else(|error| failed(error.message), |answer| shown(answer, started));
        (key, outcome)
    });
    outcomes.collect()
}

fn shown(answer: MetricAnswer, started: Instant) -> Outcome {
    let MetricAnswer { steps, value, stats } = answer;
    let series = match value {
        MetricValue::Vector(series) => series,
        MetricValue::Scalar(value) => {
            vec![logql::Series { labels: Labels::empty(), values: vec![value; steps.count] }]
        }
    };
    let series = series.into_iter().filter(|series| series.values.iter().any(|value| !is_absent(*value)));
    let series = series.map(|series| promql::Series { labels: series.labels, values: series.values });
    Outcome::Answer(Shown {
        steps,
        series: series.collect(),
        warnings: Vec::new(),
        took_ms: took_ms(started),
        stats: super::Took::Lines(stats),
        why: None,
    })
}

fn took_ms(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}

/// What an editor wants to know of a query while it is typed.
pub(crate) async fn explained(state: &ApiState, query: &str) -> Result<serde_json::Value, ApiError> {
    Ok(match parsed(state, query).await? {
        Ok(Expr::Log(_)) => json!({ "kind": "logs" }),
        Ok(Expr::Metric(metric)) => {
            json!({ "kind": if metric.as_number().is_some() { "scalar" } else { "vector" } })
        }
        Err(error) => json!({ "error": parse_error(&error) }),
    })
}

fn parse_error(error: &logql::ParseError) -> serde_json::Value {
    json!({
        "message": error.message,
        "start": error.span.start,
        "end": error.span.end,
        "line": error.line,
        "column": error.column,
    })
}
