//! Work on a store that nobody runs: checking all of it, and putting in samples of any age.

mod import;
mod read_only;
mod verify;

pub use import::{ImportReport, ImportSeries};
pub use verify::{Verified, verify};
