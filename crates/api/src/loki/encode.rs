//! Answers in Loki's JSON.

use std::time::Duration;

use axum::response::Response;
use columns::is_absent;
use logql::{Entry, LogAnswer, MetricAnswer, MetricValue, ResultStream, Stats};
use model::TimestampNs;

use crate::json;
use crate::stream::{self, Writer};

/// `{"status":"success","data":{"resultType":KIND,"result":[`
fn head(kind: &str) -> Vec<u8> {
    format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":["#).into_bytes()
}

/// What stands behind the result.
fn tail(stats: &Stats, entries: usize, took: Duration, flags: bool) -> Vec<u8> {
    let flags = if flags { r#","encodingFlags":["categorize-labels"]"# } else { "" };
    format!(r#"],"stats":{}{flags}}}}}"#, self::stats(stats, entries, took)).into_bytes()
}

/// Lines by streams.
pub(super) fn lines(answer: LogAnswer, is_categorized: bool, took: Duration) -> Response {
    let LogAnswer { streams, stats } = answer;
    let count = streams.iter().map(|stream| stream.entries.len()).sum();
    let tail = tail(&stats, count, took, is_categorized);
    stream::json(stream::between(head("streams"), streams_writer(streams, is_categorized), tail))
}

/// Writes streams line by line.
fn streams_writer(streams: Vec<ResultStream>, is_categorized: bool) -> Writer {
    let (mut stream, mut entry) = (0, 0);
    Box::new(move |out| {
        let Some(ResultStream { labels, entries }) = streams.get(stream) else { return false };
        if entry == 0 {
            out.extend_from_slice(if stream == 0 { br#"{"stream":"# } else { br#",{"stream":"# });
            json::labels(out, labels);
            out.extend_from_slice(br#","values":["#);
        } else {
            out.push(b',');
        }
        if let Some(found) = entries.get(entry) {
            line(out, found, is_categorized);
        }
        entry += 1;
        if entry >= entries.len() {
            out.extend_from_slice(b"]}");
            (stream, entry) = (stream + 1, 0);
        }
        stream < streams.len()
    })
}

/// `["time","line"]`, with a third element for labels of the line alone when they are asked for.
pub(super) fn line(out: &mut Vec<u8>, entry: &Entry, is_categorized: bool) {
    out.extend_from_slice(format!("[\"{}\",", entry.at.0).as_bytes());
    json::string(out, &entry.line);
    if is_categorized {
        out.extend_from_slice(b",{");
        let both = [("structuredMetadata", &entry.metadata), ("parsed", &entry.parsed)];
        for (i, (name, labels)) in both.into_iter().filter(|(_, labels)| !labels.is_empty()).enumerate() {
            out.extend_from_slice(if i > 0 { b",\"" } else { b"\"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            json::labels(out, labels);
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// Columns over a range.
pub(super) fn matrix(answer: MetricAnswer, took: Duration) -> Response {
    let MetricAnswer { steps, value, stats } = answer;
    let series = match value {
        MetricValue::Vector(series) => series,
        MetricValue::Scalar(value) => {
            vec![logql::Series { labels: model::Labels::empty(), values: vec![value; steps.count] }]
        }
    };
    let tail = tail(&stats, series.len(), took, false);
    let rows = stream::items(series.into_iter(), move |out, series| {
        out.extend_from_slice(br#"{"metric":"#);
        json::labels(out, &series.labels);
        out.extend_from_slice(br#","values":"#);
        let points = steps.iter().zip(&series.values).filter(|(_, value)| !is_absent(**value));
        json::list(out, points, |out, (at, value)| json::point(out, at, *value));
        out.push(b'}');
    });
    stream::json(stream::between(head("matrix"), rows, tail))
}

/// The value of one moment.
pub(super) fn instant(answer: MetricAnswer, at: TimestampNs, took: Duration) -> Response {
    let MetricAnswer { value, stats, .. } = answer;
    let at_ms = at.to_ms().0;
    let series = match value {
        MetricValue::Vector(series) => series,
        MetricValue::Scalar(value) => {
            let mut out = br#"{"status":"success","data":{"resultType":"scalar","result":["#.to_vec();
            // Of a number alone the time is in milliseconds, as Loki gives it.
            out.extend_from_slice(format!("{at_ms},\"").as_bytes());
            json::point_tail(&mut out, value);
            out.extend_from_slice(format!(r#","stats":{}}}}}"#, self::stats(&stats, 1, took)).as_bytes());
            return stream::json(stream::between(out, Box::new(|_| false), Vec::new()));
        }
    };
    let tail = tail(&stats, series.len(), took, false);
    let rows = stream::items(series.into_iter(), move |out, series| {
        out.extend_from_slice(br#"{"metric":"#);
        json::labels(out, &series.labels);
        out.extend_from_slice(br#","value":"#);
        json::point(out, at_ms, series.values.first().copied().unwrap_or(f64::NAN));
        out.push(b'}');
    });
    stream::json(stream::between(head("vector"), rows, tail))
}

/// The statistics that clients read; what we do not have is not there.
pub(super) fn stats(stats: &Stats, entries: usize, took: Duration) -> serde_json::Value {
    let seconds = took.as_secs_f64();
    let per_second = |count: u64| if seconds > 0.0 { (count as f64 / seconds) as u64 } else { 0 };
    let chunk = serde_json::json!({
        "totalChunksRef": stats.parts_read + stats.parts_skipped,
        "totalChunksDownloaded": stats.parts_read,
        "decompressedBytes": stats.bytes_read,
        "decompressedLines": stats.lines_read,
        "postFilterLines": stats.lines_passed,
    });
    serde_json::json!({
        "summary": {
            "bytesProcessedPerSecond": per_second(stats.bytes_read),
            "linesProcessedPerSecond": per_second(stats.lines_read),
            "totalBytesProcessed": stats.bytes_read,
            "totalLinesProcessed": stats.lines_read,
            "execTime": seconds,
            "queueTime": 0,
            "subqueries": 0,
            "totalEntriesReturned": entries,
            "splits": 0,
            "shards": 0,
            "totalPostFilterLines": stats.lines_passed,
            "totalStructuredMetadataBytesProcessed": 0,
        },
        "querier": { "store": { "chunk": chunk } },
        "ingester": {},
        "cache": {},
    })
}
