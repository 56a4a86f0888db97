//! Our own scripts for LogQL: lines in, queries, what they give. Described in `docs/testing.md`.

mod run;
mod store;

pub use run::{Failure, Report, run};
pub use store::MemoryLogs;
