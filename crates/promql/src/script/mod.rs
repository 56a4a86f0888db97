//! Test scripts for PromQL: data in, query, expected series out. Prometheus' own format, so that its scripts run here
//! and ours could run there. Used by this crate's tests and by `cargo xtask conformance`.

mod compare;
mod parse;
mod run;
mod series;
mod store;
mod twins;

pub use parse::ScriptError;
pub use run::{Case, Outcome, Report, run};
pub use series::{Point, parse_values};
pub use store::MemoryStore;
