//! Work on a store that nobody runs: checking all of it, and putting in samples of any age, those of a Prometheus too.

mod import;
pub(crate) mod prometheus;
mod read_only;
mod verify;

pub use import::{ImportReport, ImportSeries};
pub use prometheus::{PrometheusBlock, PrometheusBlockError, PrometheusSeries, is_prometheus_block};
pub use verify::{Verified, verify};
