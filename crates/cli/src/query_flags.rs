//! Flags of `watchfire monitor` that are about queries.

use app::{Feature, QueryOptions};
use model::DurationMs;

#[derive(Debug, clap::Args)]
pub(crate) struct QueryFlags {
    /// How long a query may take.
    #[arg(
        long,
        alias = "query.timeout",
        env = "WATCHFIRE_QUERY_TIMEOUT",
        default_value = "2m",
        value_name = "DURATION"
    )]
    query_timeout: DurationMs,
    /// How far back a query looks for the newest sample of a series.
    #[arg(
        long,
        alias = "query.lookback-delta",
        env = "WATCHFIRE_QUERY_LOOKBACK",
        default_value = "5m",
        value_name = "DURATION"
    )]
    query_lookback: DurationMs,
    /// Values that a query may hold in memory at once (8 bytes each); one that needs more is refused.
    #[arg(
        long,
        alias = "query.max-samples",
        env = "WATCHFIRE_QUERY_SAMPLES_MAX",
        default_value_t = 50_000_000,
        value_name = "NUMBER"
    )]
    query_samples_max: usize,
    /// Series that one selector of a query may find.
    #[arg(long, env = "WATCHFIRE_QUERY_SERIES_MAX", default_value_t = 1_000_000, value_name = "NUMBER")]
    query_series_max: usize,
    /// Parts of PromQL that are off otherwise: promql-experimental-functions, promql-delayed-name-removal.
    #[arg(long, env = "WATCHFIRE_ENABLE_FEATURE", value_delimiter = ',', value_name = "NAME,…")]
    enable_feature: Vec<Feature>,
}

impl QueryFlags {
    /// Names and values, as `/api/v1/status/flags` shows them.
    pub(crate) fn shown(&self) -> Vec<(String, String)> {
        let features: Vec<&str> = self.enable_feature.iter().map(|feature| feature.as_str()).collect();
        let flags = [
            ("query-timeout", self.query_timeout.to_string()),
            ("query-lookback", self.query_lookback.to_string()),
            ("query-samples-max", self.query_samples_max.to_string()),
            ("query-series-max", self.query_series_max.to_string()),
            ("enable-feature", features.join(",")),
        ];
        flags.map(|(name, value)| (name.to_owned(), value)).into()
    }

    pub(crate) fn options(self) -> QueryOptions {
        QueryOptions {
            timeout: self.query_timeout,
            lookback: self.query_lookback,
            samples_max: self.query_samples_max,
            series_max: self.query_series_max,
            features: self.enable_feature,
        }
    }
}
