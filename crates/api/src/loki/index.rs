//! What an index knows without reading a line: streams, parts, lines, bytes; and how bytes spread over labels and time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use logql::EvalError;
use model::{Labels, LabelsKey, Matcher};
use serde_json::json;
use storage::{LogSelection, LogStats, NsRange, PartInfo, StreamSet};

use super::error::LokiError;
use super::params::{LINES_SINCE_NS, LokiParams};
use super::query::Aligned;
use super::{Logs, asked, encode};
use crate::json as write;
use crate::state::ApiState;

/// Groups of an answer when nobody says how many (`volume_max_series` bounds what may be asked for).
const VOLUMES_DEFAULT: usize = 100;
const VOLUMES_MAX: usize = 1000;

fn select(logs: &Logs, matchers: &[Matcher], range: NsRange) -> Result<Box<dyn StreamSet>, EvalError> {
    let streams_max = logs.engine.options().streams_max;
    Ok(logs.query.select(&LogSelection { matchers, range, streams_max })?)
}

pub(crate) async fn stats(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let range = params.range(&state, LINES_SINCE_NS)?;
    let matchers = logql::parse_matchers(params.query())?;
    let stats = asked(&state, move |logs, _| {
        let set = select(logs, &matchers, range)?;
        let mut stats = LogStats::default();
        for parts in (0..set.len()).map(|stream| set.parts(stream)).filter(|parts| !parts.is_empty()) {
            stats.streams += 1;
            stats.chunks += parts.len() as u64;
            stats.entries += parts.iter().map(|part| share(part, range, part.lines)).sum::<u64>();
            stats.bytes += parts.iter().map(|part| share(part, range, part.bytes)).sum::<u64>();
        }
        Ok(stats)
    });
    let LogStats { streams, chunks, entries, bytes } = stats.await?;
    let body = json!({ "streams": streams, "chunks": chunks, "entries": entries, "bytes": bytes });
    Ok(Json(body).into_response())
}

/// How much of what a part has falls into a span, by time; at least one when there is any.
fn share(part: &PartInfo, range: NsRange, whole: usize) -> u64 {
    let (from, to) = (part.first.0.max(range.from.0), part.last.0.min(range.until.0.saturating_sub(1)));
    if to < from {
        return 0;
    }
    let length = |from: i64, to: i64| (i128::from(to) - i128::from(from) + 1) as f64;
    let part_of = length(from, to) / length(part.first.0, part.last.0);
    (whole as f64 * part_of).round().max(f64::from(u8::from(whole > 0))) as u64
}

/// What bytes are added up by.
enum By {
    /// Streams, by some of their labels.
    Streams(Vec<String>),
    /// Names of labels.
    Labels(Option<Vec<String>>),
}

struct Volume {
    matchers: Vec<Matcher>,
    by: By,
    limit: usize,
}

impl Volume {
    fn new(params: &LokiParams) -> Result<Self, LokiError> {
        let matchers = logql::parse_matchers(params.query())?;
        let limit = params.count("limit", VOLUMES_DEFAULT)?;
        if limit > VOLUMES_MAX {
            return Err(LokiError::bad_request(format!(
                "limit of {limit} is more than the {VOLUMES_MAX} series allowed"
            )));
        }
        let targets = params
            .get("targetLabels")
            .map(|list| list.split(',').map(|name| name.trim().to_owned()).collect());
        let by = match params.get("aggregateBy") {
            None | Some("series") => By::Streams(
                targets.unwrap_or_else(|| matchers.iter().map(|matcher| matcher.name.clone()).collect()),
            ),
            Some("labels") => By::Labels(targets),
            Some(other) => return Err(LokiError::bad_request(format!("invalid aggregateBy '{other}'"))),
        };
        Ok(Self { matchers, by, limit })
    }

    /// Bytes of each group in each of `spans`; those with most first.
    fn sums(&self, logs: &Logs, spans: &[NsRange]) -> Result<Vec<(Group, Vec<u64>)>, EvalError> {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(Vec::new()) };
        let set = select(logs, &self.matchers, NsRange { from: first.from, until: last.until })?;
        let mut sums: BTreeMap<Group, Vec<u64>> = BTreeMap::new();
        let mut key = LabelsKey::default();
        for stream in 0..set.len() {
            let bytes: Vec<u64> = spans
                .iter()
                .map(|span| set.parts(stream).iter().map(|part| share(part, *span, part.bytes)).sum())
                .collect();
            let mut add = |group: Group| {
                let into = sums.entry(group).or_insert_with(|| vec![0; spans.len()]);
                into.iter_mut().zip(&bytes).for_each(|(into, bytes)| *into += bytes);
            };
            match &self.by {
                By::Streams(names) => {
                    key.set_only(set.labels(stream), |name| names.iter().any(|other| other == name));
                    add(Group::Labels(key.to_labels()));
                }
                By::Labels(wanted) => set
                    .labels(stream)
                    .iter()
                    .filter(|(name, _)| {
                        wanted.as_ref().is_none_or(|all| all.iter().any(|other| other == name))
                    })
                    .for_each(|(name, _)| add(Group::Name(name.to_owned()))),
            }
        }
        let mut sums: Vec<_> = sums.into_iter().filter(|(_, bytes)| bytes.iter().any(|n| *n > 0)).collect();
        sums.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.iter().sum::<u64>()));
        sums.truncate(self.limit);
        Ok(sums)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Labels(Labels),
    /// Shown as a label without a value.
    Name(String),
}

impl Group {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Labels(labels) => write::labels(out, labels),
            Self::Name(name) => {
                out.push(b'{');
                write::string(out, name);
                out.extend_from_slice(br#":""}"#);
            }
        }
    }
}

pub(crate) async fn volume(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let started = Instant::now();
    let (range, volume) = (params.range(&state, LINES_SINCE_NS)?, Volume::new(&params)?);
    let sums = asked(&state, move |logs, _| volume.sums(logs, &[range])).await?;
    let at_ms = range.until.to_ms().0;
    Ok(answer("vector", &sums, started, |out, bytes| {
        out.extend_from_slice(br#","value":"#);
        write::point(out, at_ms, bytes.first().copied().unwrap_or(0) as f64);
    }))
}

pub(crate) async fn volume_range(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let started = Instant::now();
    let (range, volume) = (params.range(&state, LINES_SINCE_NS)?, Volume::new(&params)?);
    let Aligned { start, step_ms, count } = Aligned::new(range, params.step_ms(range)?);
    if count as i64 > crate::query::POINTS_MAX {
        let message = "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter";
        return Err(LokiError::bad_request(message));
    }
    let step_ns = step_ms * 1_000_000;
    let moment = move |i: usize| model::TimestampNs(start.0 + step_ns * i as i64);
    let spans: Vec<NsRange> = (0..count).map(|i| NsRange { from: moment(i), until: moment(i + 1) }).collect();
    let sums = asked(&state, move |logs, _| volume.sums(logs, &spans)).await?;
    Ok(answer("matrix", &sums, started, |out, bytes| {
        out.extend_from_slice(br#","values":"#);
        let points = bytes.iter().enumerate().filter(|(_, bytes)| **bytes > 0);
        write::list(out, points, |out, (i, bytes)| write::point(out, moment(i).to_ms().0, *bytes as f64));
    }))
}

fn answer(
    kind: &str,
    sums: &[(Group, Vec<u64>)],
    started: Instant,
    mut values: impl FnMut(&mut Vec<u8>, &[u64]),
) -> Response {
    let mut out = format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":"#).into_bytes();
    write::list(&mut out, sums.iter(), |out, (group, bytes)| {
        out.extend_from_slice(br#"{"metric":"#);
        group.write(out);
        values(out, bytes);
        out.push(b'}');
    });
    let stats = encode::stats(&logql::Stats::default(), sums.len(), started.elapsed());
    out.extend_from_slice(format!(r#","stats":{stats}}}}}"#).as_bytes());
    ([(axum::http::header::CONTENT_TYPE, "application/json")], out).into_response()
}
