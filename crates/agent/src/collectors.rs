//! The list of collectors, run one after another; one that fails never hides the others.

use std::path::PathBuf;
use std::time::Instant;

use crate::files::{Failure, Files, Roots};
use crate::write::{Out, Row, counter, gauge};
use crate::{cgroups, host, own, processes};

/// One collector: reads files, writes families. It may remember what makes its counters monotone.
pub(crate) type Collect = Box<dyn FnMut(&mut Files, &mut Out) -> Result<(), Failure> + Send>;

/// All collectors and what they share.
pub(crate) struct Collectors {
    files: Files,
    all: Vec<(&'static str, Collect)>,
    n_dropped: u64,
}

impl Collectors {
    /// Those of the host, its control groups, the processes in `processes` if that is given, and the agent itself.
    pub(crate) fn new(roots: Roots, processes: Option<PathBuf>) -> Self {
        let mut all = host::collectors();
        all.push(("cgroups", Box::new(cgroups::collect)));
        all.push(("machine", Box::new(cgroups::machine)));
        if let Some(list) = processes {
            let mut groups = processes::Groups::new(list);
            all.push(("processes_named", Box::new(move |files, out| groups.collect(files, out))));
        }
        all.push(("self", Box::new(own::collect)));
        Self { files: Files::new(roots), all, n_dropped: 0 }
    }

    /// One scrape.
    pub(crate) fn collect(&mut self) -> String {
        let mut out = Out::new(self.n_dropped);
        let mut rows = Vec::with_capacity(self.all.len());
        for (name, collect) in &mut self.all {
            let started = Instant::now();
            let result = collect(&mut self.files, &mut out);
            if let Err(error @ (Failure::Unreadable { .. } | Failure::Odd { .. })) = &result {
                tracing::debug!(collector = name, %error, "collector failed");
            }
            let values =
                vec![Some(started.elapsed().as_secs_f64()), Some(f64::from(u8::from(result.is_ok())))];
            rows.push(Row::new("collector", name, values));
        }
        let columns = [
            gauge("node_scrape_collector_duration_seconds", "Time that a collector took."),
            gauge("node_scrape_collector_success", "Whether a collector had something to say."),
        ];
        out.table(&columns, &rows);
        self.n_dropped = out.n_dropped;
        out.value(&ROWS_DROPPED, Some(self.n_dropped as f64));
        out.value(&FILES_CUT, Some(self.files.n_cut as f64));
        out.finish()
    }
}

const ROWS_DROPPED: crate::write::Column =
    counter("watchfire_agent_rows_dropped_total", "Rows left out because a table had more than its limit.");
const FILES_CUT: crate::write::Column =
    counter("watchfire_agent_files_cut_total", "Files and folders read only up to their limit.");
