//! What the agent says of itself: its process, its server.

use exposition::{Entry, Format, Meta, Reader, Writer};
use model::MetricKind;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::files::{Failure, Files};
use crate::processes::stat::{self, Usage};
use crate::write::{Column, Out, counter, gauge};

type Value = fn(&Usage) -> Option<f64>;

const COLUMNS: [(Column, Value); 7] = [
    (counter("process_cpu_seconds_total", "CPU time of this agent, in seconds."), |u| {
        Some(u.cpu_user_s + u.cpu_system_s)
    }),
    (gauge("process_resident_memory_bytes", "Memory of this agent that is in RAM."), |u| {
        Some(u.resident_bytes)
    }),
    (gauge("process_virtual_memory_bytes", "Address space of this agent."), |u| Some(u.virtual_bytes)),
    (gauge("process_threads", "Threads of this agent."), |u| Some(u.threads)),
    (gauge("process_start_time_seconds", "Start of this agent since the Unix epoch."), |u| {
        Some(u.start_time_s)
    }),
    (gauge("process_open_fds", "File descriptors that this agent has open."), |u| u.open_fds),
    (gauge("process_max_fds", "File descriptors that this agent may have open."), |u| u.max_fds),
];

/// `process_*`, from the machine's own `/proc` whatever the roots say.
pub(crate) fn collect(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let usage = stat::read(files, std::path::Path::new("/proc"), "self")?;
    for (column, value) in &COLUMNS {
        out.value(column, value(&usage));
    }
    Ok(())
}

/// Adds the families of `registry`, which come as OpenMetrics, to a text body: there a counter's family carries its
/// `_total`.
pub(crate) fn append_registry(body: &mut String, registry: &Registry) {
    let mut encoded = String::new();
    let is_encoded = encode(&mut encoded, registry).is_ok();
    match rewrite(&encoded) {
        Some(text) if is_encoded => body.push_str(&text),
        _ => tracing::warn!("own counters could not be written"),
    }
}

fn rewrite(openmetrics: &str) -> Option<String> {
    let mut writer = Writer::new(Format::Text);
    let mut help = String::new();
    for entry in Reader::new(Format::OpenMetrics, openmetrics.as_bytes()).ok()? {
        match entry.ok()? {
            Entry::Meta(Meta::Help { text, .. }) => help = text.into_owned(),
            Entry::Meta(Meta::Type { name, kind: MetricKind::Counter }) => {
                writer.family(&format!("{name}_total"), MetricKind::Counter, &help);
            }
            Entry::Meta(Meta::Type { name, kind }) => {
                writer.family(&name, kind, &help);
            }
            Entry::Meta(Meta::Unit { .. }) => {}
            Entry::Sample(row) => {
                let labels = row.series.labels().ok()?;
                let others = labels.iter().filter(|(name, _)| *name != "__name__");
                writer.sample(labels.metric_name(), others, row.value);
            }
        }
    }
    Some(writer.finish())
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;

    #[test]
    fn counters_get_their_total_in_text() {
        let mut registry = Registry::default();
        let (seen, open): (Counter, Gauge) = Default::default();
        registry.register("things", "Things seen", seen.clone());
        registry.register("open", "Open now", open);
        seen.inc();
        let mut body = String::new();
        append_registry(&mut body, &registry);
        let expected = "# HELP things_total Things seen.\n# TYPE things_total counter\nthings_total 1\n\
                        # HELP open Open now.\n# TYPE open gauge\nopen 0\n";
        assert_eq!(body, expected);
    }
}
