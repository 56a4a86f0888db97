//! Logs in OpenTelemetry's protocol, made into streams by Loki's rules.
//!
//! Some attributes of a resource become labels of the stream; all else (the other attributes, those of the scope and of the line,
//! severity, trace) becomes structured metadata of the line, whose text is the body.

mod json;
mod message;
mod text;

use std::collections::HashMap;

use model::{Labels, LabelsBuilder, LogEntry, TimestampNs};
use prost::Message;
use storage::StreamPush;

use crate::{Decoded, WireError, sanitise_label_name};
use message::{ExportRequest, KeyValue, LogRecord, ResourceLogs, Scope};
use text::{for_each_attribute, text_of};

/// Attributes of a resource that become labels: Loki's `default_resource_attributes_as_index_labels`.
pub const INDEX_ATTRIBUTES: [&str; 18] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];

/// Reads a body in protobuf, which is not compressed beyond what HTTP says of it. A line without a time gets `now`.
///
/// # Errors
/// [`WireError::Protobuf`].
pub fn read_protobuf(bytes: &[u8], now: TimestampNs) -> Result<Decoded, WireError> {
    Ok(to_streams(ExportRequest::decode(bytes)?, now))
}

/// Reads a body in JSON. A line without a time gets `now`.
///
/// # Errors
/// [`WireError::Json`].
pub fn read_json(bytes: &[u8], now: TimestampNs) -> Result<Decoded, WireError> {
    let text = String::from_utf8_lossy(bytes);
    Ok(to_streams(serde_json::from_str(&text)?, now))
}

/// The body of an answer to a request in protobuf that was refused: a `google.rpc.Status`.
pub fn status_protobuf(code: i32, message: &str) -> Vec<u8> {
    message::Status { code, message: message.to_owned() }.encode_to_vec()
}

fn to_streams(request: ExportRequest, now: TimestampNs) -> Decoded {
    let mut decoded = Decoded::default();
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for resource in request.resource_logs {
        let (labels, common) = split(&resource);
        let entries = entries_of(resource, &common, now);
        if entries.is_empty() {
            continue;
        }
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            decoded.streams.push(StreamPush { labels, entries: Vec::new() });
            decoded.streams.len() - 1
        });
        decoded.streams[place].entries.extend(entries);
    }
    decoded
}

/// Labels of a resource's stream, and metadata that all its lines share.
fn split(resource: &ResourceLogs) -> (Labels, LabelsBuilder) {
    let (mut labels, mut common) = (LabelsBuilder::default(), LabelsBuilder::default());
    for attribute in resource.resource.iter().flat_map(|resource| &resource.attributes) {
        if INDEX_ATTRIBUTES.contains(&attribute.key.as_str()) {
            let value = attribute.value.as_ref().map(text_of).unwrap_or_default();
            labels.set(sanitise_label_name(&attribute.key), value);
        } else {
            add(&mut common, std::slice::from_ref(attribute));
        }
    }
    (labels.build(), common)
}

fn entries_of(resource: ResourceLogs, common: &LabelsBuilder, now: TimestampNs) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    for scope in resource.scope_logs {
        let mut shared = common.clone();
        add_scope(&mut shared, scope.scope.as_ref());
        entries.extend(scope.log_records.into_iter().map(|record| entry_of(&record, &shared, now)));
    }
    entries
}

fn add_scope(metadata: &mut LabelsBuilder, scope: Option<&Scope>) {
    let Some(scope) = scope else { return };
    add(metadata, &scope.attributes);
    metadata.set("scope_name", scope.name.as_str());
    metadata.set("scope_version", scope.version.as_str());
    set_count(metadata, "scope_dropped_attributes_count", scope.dropped_attributes_count);
}

fn entry_of(record: &LogRecord, shared: &LabelsBuilder, now: TimestampNs) -> LogEntry {
    let mut metadata = shared.clone();
    add(&mut metadata, &record.attributes);
    if record.observed_time_unix_nano != 0 {
        metadata.set("observed_timestamp", record.observed_time_unix_nano.to_string());
    }
    if record.severity_number != 0 {
        metadata.set("severity_number", record.severity_number.to_string());
    }
    metadata.set("severity_text", record.severity_text.as_str());
    metadata.set("trace_id", text::hex(&record.trace_id));
    metadata.set("span_id", text::hex(&record.span_id));
    set_count(&mut metadata, "flags", record.flags);
    set_count(&mut metadata, "dropped_attributes_count", record.dropped_attributes_count);
    let times = [record.time_unix_nano, record.observed_time_unix_nano];
    let at = times.into_iter().find(|ns| *ns != 0);
    let at = at.map_or(now, |ns| TimestampNs(i64::try_from(ns).unwrap_or(i64::MAX)));
    let line = record.body.as_ref().map(text_of).unwrap_or_default();
    LogEntry { at, line, metadata: metadata.build() }
}

fn set_count(metadata: &mut LabelsBuilder, name: &str, count: u32) {
    if count != 0 {
        metadata.set(name, count.to_string());
    }
}

fn add(metadata: &mut LabelsBuilder, attributes: &[KeyValue]) {
    for_each_attribute("", attributes, &mut |name, value| {
        metadata.set(sanitise_label_name(name), value);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"resourceLogs":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"cart"}},{"key":"host.id","value":{"intValue":"7"}}]},
        "scopeLogs":[{"scope":{"name":"s","version":"1"},"logRecords":[
          {"timeUnixNano":"1700000000000000001","severityNumber":9,"severityText":"INFO","body":{"stringValue":"hello"},
           "traceId":"0102","spanId":"0a","flags":1,
           "attributes":[{"key":"http","value":{"kvlistValue":{"values":[{"key":"status","value":{"intValue":200}}]}}}]},
          {"observedTimeUnixNano":5,"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"boolValue":true},{"doubleValue":1.5},{}]}}}]}}},
          {"body":{"bytesValue":"AQI="}}]}]}]}"#;

    fn check(decoded: &Decoded) {
        let [stream] = decoded.streams.as_slice() else { panic!("{decoded:?}") };
        assert_eq!(stream.labels, Labels::from_pairs([("service_name", "cart")]));
        let shared = [("host_id", "7"), ("scope_name", "s"), ("scope_version", "1")];
        let first = [
            ("flags", "1"),
            ("http_status", "200"),
            ("severity_number", "9"),
            ("severity_text", "INFO"),
            ("span_id", "0a"),
            ("trace_id", "0102"),
        ];
        let with = |more: &[(&str, &str)]| Labels::from_pairs(shared.iter().chain(more).copied());
        let expected = [
            (1_700_000_000_000_000_001, "hello", with(&first)),
            (5, r#"{"a":[true,1.5,null]}"#, with(&[("observed_timestamp", "5")])),
            (99, "AQI=", with(&[])),
        ];
        for (entry, (at, line, metadata)) in stream.entries.iter().zip(expected) {
            assert_eq!((entry.at.0, entry.line.as_str(), &entry.metadata), (at, line, &metadata));
        }
        assert_eq!(stream.entries.len(), 3);
    }

    #[test]
    fn json_and_protobuf_say_the_same() {
        check(&read_json(BODY.as_bytes(), TimestampNs(99)).unwrap());
        let request: ExportRequest = serde_json::from_str(BODY).unwrap();
        check(&read_protobuf(&request.encode_to_vec(), TimestampNs(99)).unwrap());
    }

    #[test]
    fn resources_of_one_label_set_are_one_stream() {
        let one = r#"{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1"}]}]}"#;
        let body = format!("{{\"resourceLogs\":[{one},{one},{{}}]}}");
        let decoded = read_json(body.as_bytes(), TimestampNs(0)).unwrap();
        assert_eq!((decoded.streams.len(), decoded.lines()), (1, 2));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert!(matches!(read_protobuf(b"\xff\xff", TimestampNs(0)), Err(WireError::Protobuf(_))));
        let wrong = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"x"}]}]}]}"#;
        let error = read_json(wrong, TimestampNs(0)).unwrap_err().to_string();
        assert_eq!(error, "\"x\" is no number at line 1, column 66");
    }
}
