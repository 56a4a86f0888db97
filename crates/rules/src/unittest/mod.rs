//! Unit tests of rules, in the format of `promtool test rules`: series in, time passed, alerts and samples expected.
//!
//! A test group has a store in memory and a clock of its own. At each `evaluation_interval` the samples that are due are
//! added and every group is evaluated once, whatever its own interval; alerts are judged by the last evaluation that is
//! not after their `eval_time`, expressions once all is over. As promtool does it, so that a file means the same to both.

mod compare;
mod file;
mod plot;
mod report;
mod run;

pub use file::TestFile;
#[cfg(test)]
pub(crate) use report::Found;
pub use report::{FileReport, GroupReport};
pub use run::run;

#[cfg(test)]
mod tests;
