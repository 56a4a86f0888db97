//! What senders leave to the server: the name of a stream's service, the level of a line.

use std::collections::HashMap;

use logwire::level::{DETECTED_LEVEL, Levels};
use logwire::service::with_service_name;
use model::Labels;
use storage::StreamPush;

use super::state::LogDiscovery;

/// Adds what is missing.
pub(crate) fn discover(discovery: &LogDiscovery, streams: &mut [StreamPush]) {
    // Lines have one of a few levels, and mostly no other metadata: then they share one set.
    let mut level_alone: HashMap<String, Labels> = HashMap::new();
    for stream in streams {
        // A stream without labels is refused for that.
        if !discovery.service_labels.is_empty()
            && !stream.labels.is_empty()
            && let Some(labels) = with_service_name(&stream.labels, &discovery.service_labels)
        {
            stream.labels = labels;
        }
        let Some(fields) = &discovery.level_fields else { continue };
        let levels = Levels::of(&stream.labels, fields);
        for entry in &mut stream.entries {
            let level = levels.detect(&entry.metadata, &entry.line);
            if !entry.metadata.is_empty() {
                let mut metadata = entry.metadata.to_builder();
                metadata.set(DETECTED_LEVEL, level);
                entry.metadata = metadata.build();
                continue;
            }
            let known = level_alone.get(level).cloned();
            let metadata = known.unwrap_or_else(|| {
                let metadata = Labels::from_pairs([(DETECTED_LEVEL, level)]);
                level_alone.insert(level.to_owned(), metadata.clone());
                metadata
            });
            entry.metadata = metadata;
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{LogEntry, TimestampNs};

    use super::*;

    #[test]
    fn service_and_level_are_added_where_they_are_wanted_and_missing() {
        let discovery = LogDiscovery {
            service_labels: vec!["app".to_owned()],
            level_fields: Some(vec!["level".to_owned()]),
        };
        let entry = |line: &str, metadata: &[(&str, &str)]| LogEntry {
            at: TimestampNs(1),
            line: line.to_owned(),
            metadata: Labels::from_pairs(metadata.iter().copied()),
        };
        let push = StreamPush {
            labels: Labels::from_pairs([("app", "a")]),
            entries: vec![entry("an ERROR", &[]), entry("x", &[("id", "1")])],
        };
        let mut streams = vec![push.clone()];
        discover(&discovery, &mut streams);
        assert_eq!(streams[0].labels, Labels::from_pairs([("app", "a"), ("service_name", "a")]));
        let metadata: Vec<String> =
            streams[0].entries.iter().map(|entry| entry.metadata.to_string()).collect();
        assert_eq!(metadata, [r#"{detected_level="error"}"#, r#"{detected_level="unknown", id="1"}"#]);
        let mut untouched = vec![push.clone()];
        discover(&LogDiscovery { service_labels: vec![], level_fields: None }, &mut untouched);
        assert_eq!(untouched, [push]);
    }
}
