//! Families as the collectors know them: one value, or a table of rows under columns.

use exposition::{Format, Writer};
use model::MetricKind;

/// Rows that one table may have, as many as a host with a thousand mounts or control groups has. More are left out and
/// counted, so that a machine gone wild does not flood whoever scrapes it.
const ROWS_MAX: usize = 1024;

/// A family that a table gives one value a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub kind: MetricKind,
    pub name: &'static str,
    pub help: &'static str,
    /// What the kernel's unit is multiplied with.
    pub scale: f64,
}

/// A column of a counter.
pub(crate) const fn counter(name: &'static str, help: &'static str) -> Column {
    Column { kind: MetricKind::Counter, name, help, scale: 1.0 }
}

/// A column of a gauge.
pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Column {
    Column { kind: MetricKind::Gauge, name, help, scale: 1.0 }
}

impl Column {
    /// The same in another unit.
    pub(crate) const fn times(self, scale: f64) -> Self {
        Self { scale, ..self }
    }
}

/// One thing's values, in the order of the columns. What is `None` is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub labels: Vec<(&'static str, String)>,
    pub values: Vec<Option<f64>>,
}

impl Row {
    /// A row of a thing with one label.
    pub(crate) fn new(label: &'static str, value: &str, values: Vec<Option<f64>>) -> Self {
        Self { labels: vec![(label, value.to_owned())], values }
    }
}

/// A body under construction.
#[derive(Debug)]
pub(crate) struct Out {
    writer: Writer,
    /// Rows that did not fit, since the agent started.
    pub n_dropped: u64,
}

impl Out {
    pub(crate) fn new(n_dropped: u64) -> Self {
        Self { writer: Writer::new(Format::Text), n_dropped }
    }

    /// Opens a family.
    pub(crate) fn family(&mut self, kind: MetricKind, name: &str, help: &str) {
        self.writer.family(name, kind, help);
    }

    /// Adds a sample to the family that is open. Empty labels are written, as exporters do.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.writer.sample(name, labels.iter().copied(), value);
    }

    /// A family with one sample without labels.
    pub(crate) fn one(&mut self, kind: MetricKind, name: &str, help: &str, value: f64) {
        self.family(kind, name, help);
        self.sample(name, &[], value);
    }

    /// A family with one sample without labels, in the unit of its column.
    pub(crate) fn value(&mut self, column: &Column, value: Option<f64>) {
        if let Some(value) = value {
            self.one(column.kind, column.name, column.help, value * column.scale);
        }
    }

    /// A gauge that is 1 and says something by its labels.
    pub(crate) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.family(MetricKind::Gauge, name, help);
        self.sample(name, labels, 1.0);
    }

    /// A family for each column that has a value in any row.
    pub(crate) fn table(&mut self, columns: &[Column], rows: &[Row]) {
        self.n_dropped += rows.len().saturating_sub(ROWS_MAX) as u64;
        for (idx, column) in columns.iter().enumerate() {
            let mut is_open = false;
            for row in rows.iter().take(ROWS_MAX) {
                let Some(value) = row.values.get(idx).copied().flatten() else { continue };
                if !is_open {
                    self.family(column.kind, column.name, column.help);
                    is_open = true;
                }
                let labels = row.labels.iter().map(|(name, value)| (*name, value.as_str()));
                self.writer.sample(column.name, labels, value * column.scale);
            }
        }
    }

    pub(crate) fn finish(self) -> String {
        self.writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_by_columns_and_leaves_out_what_is_missing() {
        let columns = [counter("a_total", "A.").times(0.5), gauge("b", "B."), gauge("c", "C.")];
        let rows = [
            Row::new("device", "x", vec![Some(3.0), None, None]),
            Row::new("device", "y", vec![Some(1.0), Some(2.0)]),
        ];
        let mut out = Out::new(0);
        out.table(&columns, &rows);
        let expected = [
            "# HELP a_total A.",
            "# TYPE a_total counter",
            "a_total{device=\"x\"} 1.5",
            "a_total{device=\"y\"} 0.5",
            "# HELP b B.",
            "# TYPE b gauge",
            "b{device=\"y\"} 2",
            "",
        ];
        assert_eq!(out.finish(), expected.join("\n"));
    }

    #[test]
    fn rows_beyond_the_limit_are_dropped_and_counted() {
        let rows = vec![Row::new("id", "x", vec![Some(1.0)]); ROWS_MAX + 3];
        let mut out = Out::new(4);
        out.table(&[gauge("a", "A.")], &rows);
        assert_eq!(out.n_dropped, 7);
        assert_eq!(out.finish().lines().count(), ROWS_MAX + 2);
    }
}
