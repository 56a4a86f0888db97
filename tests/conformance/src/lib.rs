//! Other people's test data, run in place, and the committed lists of how each case goes: nothing passes one day and
//! fails the next unseen. Started by `cargo xtask conformance`, and by the tests of the crates concerned.

#[cfg(feature = "monitor")]
pub mod dashboards;
pub mod doors;
pub mod expected;
#[cfg(feature = "monitor")]
pub mod exposition;
#[cfg(feature = "monitor")]
pub mod files;
pub mod promql;
#[cfg(feature = "monitor")]
pub mod promtool;
#[cfg(feature = "monitor")]
pub mod routing;
pub mod run;
#[cfg(feature = "monitor")]
mod verdicts;

use std::path::{Path, PathBuf};

/// Where conformance data lies when nobody says otherwise: `WATCHFIRE_CONFORMANCE`, or `../shared` beside the workspace.
pub fn default_root() -> PathBuf {
    match std::env::var_os("WATCHFIRE_CONFORMANCE") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

/// The folder of one sort of data: `root` may be it, or the folder above, or the one above that.
pub fn folder(root: &Path, name: &str) -> Option<PathBuf> {
    if root.file_name().is_some_and(|own| own == name) && root.is_dir() {
        return Some(root.to_owned());
    }
    [root.join(name), root.join("conformance").join(name)].into_iter().find(|folder| folder.is_dir())
}
