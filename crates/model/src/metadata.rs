//! What an exposition says about a metric besides its samples.

/// The kind of a metric family, by Prometheus' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MetricKind {
    /// Only grows, or starts over at zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets, sum and count.
    Histogram,
    /// A histogram whose buckets may shrink.
    GaugeHistogram,
    /// Quantiles, sum and count.
    Summary,
    /// Constant 1 with text in labels.
    Info,
    /// One series a state, 0 or 1.
    StateSet,
    /// Not said.
    #[default]
    Unknown,
}

impl MetricKind {
    /// The name in OpenMetrics and in the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }
}

/// Kind, help and unit of a metric family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Metadata {
    /// The kind.
    pub kind: MetricKind,
    /// One sentence for people; may be empty.
    pub help: String,
    /// The unit's name; may be empty.
    pub unit: String,
}
