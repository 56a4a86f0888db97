//! What queries may do and how much they may take, as flags say it.

use std::str::FromStr;
use std::time::Duration;

use model::DurationMs;
use promql::EngineOptions;

/// Parts of the language that are off unless asked for, under the names of Prometheus' `--enable-feature`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Functions and aggregations that upstream calls experimental.
    ExperimentalFunctions,
    /// Metric names go at the end of a query instead of at once.
    DelayedNameRemoval,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ExperimentalFunctions, Self::DelayedNameRemoval];

    /// The name of the feature.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExperimentalFunctions => "promql-experimental-functions",
            Self::DelayedNameRemoval => "promql-delayed-name-removal",
        }
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("no feature {text:?}; there are {}", known.join(", "))
        })
    }
}

/// Limits of queries, and what is switched on.
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// How long one may take.
    pub timeout: DurationMs,
    /// How far back an instant looks for a sample.
    pub lookback: DurationMs,
    /// Values held in memory at once.
    pub samples_max: usize,
    /// Series that one selector may find.
    pub series_max: usize,
    /// What is switched on.
    pub features: Vec<Feature>,
}

impl QueryOptions {
    /// As the engine wants it; `subquery_step` is that of subqueries that name none.
    pub(crate) fn engine(&self, subquery_step: DurationMs) -> EngineOptions {
        EngineOptions {
            timeout: Duration::from_millis(self.timeout.0.max(0).unsigned_abs()),
            lookback: self.lookback,
            samples_max: self.samples_max,
            series_max: self.series_max,
            subquery_step,
            experimental: self.features.contains(&Feature::ExperimentalFunctions),
            delayed_name_removal: self.features.contains(&Feature::DelayedNameRemoval),
            ..EngineOptions::standard()
        }
    }
}
