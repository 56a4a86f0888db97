//! All sorts of data that can be run, by name.

use std::path::{Path, PathBuf};

use crate::expected::{self, Case, Comparison};
use crate::run::Run;
#[cfg(feature = "monitor")]
use crate::{dashboards, exposition, files, promtool, routing};
use crate::{folder, promql};

/// One sort of data: where it lies, how it is run.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// What people call it.
    pub name: &'static str,
    /// The name of its folder.
    pub folder: &'static str,
    /// Runs all that is in a folder.
    pub run: fn(&Path) -> std::io::Result<Run>,
    /// Outcomes of cases that are known to wait for something.
    pub waiting: &'static [&'static str],
}

/// Prometheus' scripts for PromQL.
pub const PROMQL: Door =
    Door { name: "promql", folder: promql::FOLDER, run: promql::run, waiting: &["native"] };

/// All there are.
#[cfg(feature = "monitor")]
pub const ALL: [Door; 8] = [
    PROMQL,
    Door { name: "exposition", folder: exposition::FOLDER, run: exposition::run, waiting: &[] },
    Door {
        name: "prometheus-config",
        folder: files::CONFIG_FOLDER,
        run: files::prometheus_config,
        waiting: &["unsupported"],
    },
    Door { name: "rulefmt", folder: files::RULES_FOLDER, run: files::rulefmt, waiting: &[] },
    Door { name: "promtool", folder: promtool::FOLDER, run: promtool::run, waiting: promtool::WAITING },
    Door {
        name: "alertmanager-config",
        folder: files::ALERTMANAGER_FOLDER,
        run: files::alertmanager_config,
        waiting: &["unsupported"],
    },
    Door { name: "alertmanager-routing", folder: routing::FOLDER, run: routing::run, waiting: &[] },
    Door {
        name: "dashboards",
        folder: dashboards::FOLDER,
        run: dashboards::run,
        waiting: &[dashboards::UNSUPPORTED, dashboards::UNPARSED],
    },
];

impl Door {
    /// The folder of this data below `root`; see [`folder`].
    pub fn folder_in(&self, root: &Path) -> Option<PathBuf> {
        folder(root, self.folder)
    }

    /// The committed list.
    pub fn list(&self) -> PathBuf {
        expected::list(self.name)
    }

    /// Compares a run with the committed list, or writes that anew when `UPDATE_EXPECT` is set.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn compare(&self, run: &Run) -> std::io::Result<Comparison> {
        expected::compare_with_file(&run.cases, &self.list())
    }

    /// Whether a case that the list does not know is a reason to worry.
    pub fn is_bad(&self, case: &Case) -> bool {
        case.outcome != "passed" && !self.waiting.contains(&case.outcome)
    }
}
