//! Writes a body. Names are written as given: where a source's metric has another name than a library would make, this
//! is the place that keeps it.

use std::fmt::Write as _;

use model::{MetricKind, TimestampMs, format_float};

use crate::Format;
use crate::series::{is_label_name, is_metric_name};

/// Collects families and their samples. The caller writes each family once, with its samples behind it.
#[derive(Debug)]
pub struct Writer {
    out: String,
    format: Format,
}

impl Writer {
    /// An empty body.
    pub fn new(format: Format) -> Self {
        Self { out: String::new(), format }
    }

    /// Opens a family. `name` is that of its samples without `_bucket`, `_sum`, `_count`; of a counter the full name,
    /// with or without `_total`.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str) -> &mut Self {
        let (family, kind) = self.family_line(name, kind);
        let family = quoted_unless(family, is_metric_name(family));
        let help = escape_help(help, self.format);
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "# HELP {family} {help}");
        let _ = writeln!(self.out, "# TYPE {family} {kind}");
        self
    }

    /// Adds one sample. `name` is the full name of the series.
    pub fn sample<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
    ) -> &mut Self {
        self.series(name, labels);
        let _ = writeln!(self.out, " {}", format_float(value));
        self
    }

    /// Adds one sample with its own time.
    pub fn sample_at<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        at: TimestampMs,
    ) -> &mut Self {
        self.series(name, labels);
        let value = format_float(value);
        let _ = match self.format {
            Format::Text => writeln!(self.out, " {value} {}", at.0),
            Format::OpenMetrics => writeln!(self.out, " {value} {}", at.0 as f64 / 1000.0),
        };
        self
    }

    /// What was written since the last call, for whoever sends a body in pieces; [`Writer::finish`] gives the last.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// The finished body.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    /// OpenMetrics names a counter's family without `_total` and demands it on the sample; a counter called otherwise
    /// is of unknown type there, which keeps its name. Text knows fewer types.
    fn family_line<'n>(&self, name: &'n str, kind: MetricKind) -> (&'n str, &'static str) {
        match (self.format, kind) {
            (Format::OpenMetrics, MetricKind::Counter) => match name.strip_suffix("_total") {
                Some(family) => (family, "counter"),
                None => (name, "unknown"),
            },
            (Format::OpenMetrics, kind) => (name, kind.as_str()),
            (Format::Text, MetricKind::Info | MetricKind::StateSet) => (name, "gauge"),
            (Format::Text, MetricKind::Unknown | MetricKind::GaugeHistogram) => (name, "untyped"),
            (Format::Text, kind) => (name, kind.as_str()),
        }
    }

    fn series<'l>(&mut self, name: &str, labels: impl IntoIterator<Item = (&'l str, &'l str)>) {
        let is_bare = is_metric_name(name);
        let mut separator = "{";
        if is_bare {
            self.out.push_str(name);
        } else {
            let _ = write!(self.out, "{{{}", quoted_unless(name, false));
            separator = ",";
        }
        for (label, value) in labels {
            self.out.push_str(separator);
            push_name(&mut self.out, label, is_label_name(label));
            self.out.push_str("=\"");
            push_label_value(&mut self.out, value);
            self.out.push('"');
            separator = ",";
        }
        if separator == "," {
            self.out.push('}');
        }
    }
}

/// Most names and values need nothing done: a body of a thousand series is written without an allocation for each.
fn push_name(out: &mut String, name: &str, is_bare: bool) {
    if is_bare { out.push_str(name) } else { out.push_str(&quoted_unless(name, false)) }
}

fn push_label_value(out: &mut String, value: &str) {
    let is_plain = !value.bytes().any(|b| matches!(b, b'\\' | b'\n' | b'"'));
    if is_plain { out.push_str(value) } else { out.push_str(&escape_label_value(value)) }
}

fn quoted_unless(name: &str, is_bare: bool) -> String {
    if is_bare { name.to_owned() } else { format!("\"{}\"", escape_label_value(name)) }
}

/// A help text as it stands in a body.
pub fn escape_help(help: &str, format: Format) -> String {
    let escaped = help.replace('\\', r"\\").replace('\n', r"\n");
    match format {
        Format::Text => escaped,
        Format::OpenMetrics => escaped.replace('"', r#"\""#),
    }
}

/// A label value as it stands between quotes.
pub fn escape_label_value(value: &str) -> String {
    value.replace('\\', r"\\").replace('\n', r"\n").replace('"', r#"\""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(format: Format) -> String {
        let mut writer = Writer::new(format);
        writer.family("flask_app_request_count", MetricKind::Counter, "Requests\\ \"all\"\nof them").sample(
            "flask_app_request_count",
            [("path", "a\"b\\c\nd")],
            3.0,
        );
        writer.family("jobs_total", MetricKind::Counter, "Jobs").sample("jobs_total", [], f64::INFINITY);
        writer.family("my.metric", MetricKind::Gauge, "Dots").sample_at(
            "my.metric",
            [("label.x", "v")],
            0.5,
            TimestampMs(1500),
        );
        writer.finish()
    }

    #[test]
    fn writes_text() {
        let expected = [
            r#"# HELP flask_app_request_count Requests\\ "all"\nof them"#,
            "# TYPE flask_app_request_count counter",
            r#"flask_app_request_count{path="a\"b\\c\nd"} 3"#,
            "# HELP jobs_total Jobs",
            "# TYPE jobs_total counter",
            "jobs_total +Inf",
            r#"# HELP "my.metric" Dots"#,
            r#"# TYPE "my.metric" gauge"#,
            r#"{"my.metric","label.x"="v"} 0.5 1500"#,
            "",
        ];
        assert_eq!(body(Format::Text), expected.join("\n"));
    }

    #[test]
    fn writes_openmetrics() {
        let expected = [
            r#"# HELP flask_app_request_count Requests\\ \"all\"\nof them"#,
            "# TYPE flask_app_request_count unknown",
            r#"flask_app_request_count{path="a\"b\\c\nd"} 3"#,
            "# HELP jobs Jobs",
            "# TYPE jobs counter",
            "jobs_total +Inf",
            r#"# HELP "my.metric" Dots"#,
            r#"# TYPE "my.metric" gauge"#,
            r#"{"my.metric","label.x"="v"} 0.5 1.5"#,
            "# EOF",
            "",
        ];
        assert_eq!(body(Format::OpenMetrics), expected.join("\n"));
    }

    #[test]
    fn what_is_written_reads_back() {
        for format in [Format::Text, Format::OpenMetrics] {
            let body = body(format);
            let entries: Result<Vec<_>, _> =
                crate::Reader::new(format, body.as_bytes()).expect("UTF-8").collect();
            let rows = entries.expect("well formed").into_iter().filter_map(|e| match e {
                crate::Entry::Sample(row) => {
                    Some((row.series.labels().expect("valid"), row.value, row.timestamp))
                }
                crate::Entry::Meta(_) => None,
            });
            let names: Vec<String> = rows.map(|(l, v, t)| format!("{} {v} {t:?}", l.metric_name())).collect();
            assert_eq!(
                names,
                [
                    "flask_app_request_count 3 None",
                    "jobs_total inf None",
                    "my.metric 0.5 Some(TimestampMs(1500))"
                ]
            );
        }
    }
}
