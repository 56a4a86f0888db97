//! The table that `docs/benchmarks.md` shows.

use std::fmt::Write as _;

use super::{Figures, RESTARTS, StorageOptions, WARM_UP};
use crate::bench::promql::{INTERVAL_S, moving};

/// A row: what, the goal, and the figure of each server.
type Row = (&'static str, Option<f64>, fn(&Figures) -> f64, usize);

const ROWS: [Row; 13] = [
    ("CPU seconds for a million samples scraped and stored", Some(0.25), |f| f.ingest_cpu_s, 3),
    ("the same from the scrape into a block", None, |f| f.ingest_cpu_s + f.block_cpu_s, 3),
    ("anonymous memory, MB", Some(130.0), |f| f.anonymous_mb, 0),
    ("resident memory, MB", None, |f| f.resident_mb, 0),
    ("anonymous memory after the query set, MB", Some(130.0), |f| f.anonymous_after_queries_mb, 0),
    ("resident memory after the query set, MB", None, |f| f.resident_after_queries_mb, 0),
    ("slope of anonymous memory, MB an hour", None, |f| f.anonymous_slope, 0),
    ("slope of resident memory, MB an hour", None, |f| f.resident_slope, 0),
    ("bytes a sample in blocks, index included", None, |f| f.bytes_per_sample, 2),
    ("start after `kill -9` until all series are counted, seconds", None, |f| f.after_kill.counted_s, 2),
    ("clean stop, seconds", None, |f| f.stop_s, 3),
    ("start after a clean stop until all series are counted, seconds", None, |f| f.after_stop.counted_s, 2),
    ("samples stored, millions", None, |f| f.samples / 1e6, 1),
];

/// What each cost, ours first; `load` is that of the machine over the last quarter of an hour.
pub(super) fn table(options: &StorageOptions, ports: &[u16], figures: &[Figures], load: &str) -> String {
    let mut out = format!(
        "{} targets of {} series each, scraped every {INTERVAL_S} s by all at once for {} min; identity encoding. CPU and slopes without the \
         first {} s; slopes by least squares over the rest. Memory at the end. Blocks: a snapshot with the head in it (VictoriaMetrics: \
         flush and merge of all; it writes small parts while samples come in, which is in its first row). Starts: each alone on the \
         machine, until a query that counts all series is answered, with the number of before, the middle of {RESTARTS}. Load \
         average at the end: {load}; the servers and the targets are part of it.\n\n",
        ports.len(),
        moving::SERIES,
        options.minutes,
        WARM_UP.as_secs(),
    );
    out += "| what | goal |";
    for server in figures {
        // Writing into a string cannot fail.
        let _ = write!(out, " {} {} |", server.name, server.version);
    }
    let _ = writeln!(out, "\n|---|---|{}", "---|".repeat(figures.len()));
    for (what, goal, of, digits) in ROWS {
        let shown = goal.map_or("–".to_owned(), |goal| format!("≤ {goal}"));
        let _ = write!(out, "| {what} | {shown} |");
        for (i, server) in figures.iter().enumerate() {
            let missed = i == 0 && goal.is_some_and(|goal| of(server) > goal);
            let mark = if missed { " **missed**" } else { "" };
            let _ = write!(out, " {:.digits$}{mark} |", of(server));
        }
        out.push('\n');
    }
    let each = |of: fn(&Figures) -> String| figures.iter().map(of).collect::<Vec<_>>().join(", ");
    let _ = write!(
        out,
        "\nIn the same order: into a block alone {} CPU seconds a million. They say that they are ready {} s after a kill and {} s after \
         a stop, by which VictoriaMetrics means that it can begin to look for series, the others that they have them.\n",
        each(|f| format!("{:.3}", f.block_cpu_s)),
        each(|f| format!("{:.2}", f.after_kill.ready_s)),
        each(|f| format!("{:.2}", f.after_stop.ready_s)),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_marked_and_only_ours() {
        let figures = |name, ingest_cpu_s| Figures { name, ingest_cpu_s, ..Figures::default() };
        let all = [figures("watchfire", 0.3), figures("prometheus", 1.2)];
        let text = table(&StorageOptions { minutes: 6 }, &[1, 2], &all, "0.50");
        assert!(text.contains("| ≤ 0.25 | 0.300 **missed** | 1.200 |"), "{text}");
        assert_eq!(text.matches("missed").count(), 1);
    }
}
