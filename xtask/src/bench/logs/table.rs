//! The tables that `docs/benchmarks.md` shows.

use std::fmt::Write as _;

use super::questions::{Row, Took};
use super::ship::Shipped;
use super::yardsticks::Yardsticks;
use super::{GOAL_MEGABYTES, Ingest, Made};

/// All that was measured.
pub(super) struct Figures<'a> {
    pub(super) made: &'a Made,
    pub(super) ingest: &'a Ingest,
    pub(super) rows: &'a [Row],
    /// Anonymous memory after the questions, and the most that was resident until then.
    pub(super) after_mb: (f64, f64),
    pub(super) yardsticks: Option<&'a Yardsticks>,
    pub(super) shipped: &'a Shipped,
    /// Load average of the machine.
    pub(super) load: &'a str,
}

/// What taking, keeping, searching and shipping cost.
pub(super) fn table(figures: &Figures<'_>) -> String {
    let mut out = introduction(figures);
    costs(&mut out, figures);
    searches(&mut out, figures);
    shipping(&mut out, figures);
    out
}

fn introduction(figures: &Figures<'_>) -> String {
    let made = figures.made;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let mut out = format!(
        "{:.0} MB of lines ({} in {} streams, {:.0} MB of them JSON access lines with a random 128-bit id each, the rest the profiler's and \
         lines for people), pushed over HTTP on one connection, the earlier half as JSON, the later as snappy protobuf; `service_name` and \
         `detected_level` are found out as by default. Load average at the end: {}.\n\n",
        mb(made.bytes),
        made.lines,
        made.streams,
        mb(made.access_bytes),
        figures.load,
    );
    if made.bytes < 2 * GOAL_MEGABYTES * 1_000_000 {
        let _ = write!(
            out,
            "**Too few lines for the goals**, which are for {GOAL_MEGABYTES} MB, half of what is asked by default.\n\n"
        );
    }
    out
}

/// A figure, marked when it is on the wrong side of its goal.
fn judged(figure: f64, goal: Option<(char, f64)>, digits: usize) -> String {
    let missed = match goal {
        Some(('≤', goal)) => figure > goal,
        Some((_, goal)) => figure < goal,
        None => false,
    };
    format!("{figure:.digits$}{}", if missed { " **missed**" } else { "" })
}

fn goal_text(goal: Option<(char, f64)>) -> String {
    goal.map_or_else(|| "–".to_owned(), |(side, goal)| format!("{side} {goal}"))
}

fn costs(out: &mut String, figures: &Figures<'_>) {
    let Ingest {
        json_mb_per_core,
        protobuf_mb_per_core,
        mb_per_s,
        anonymous_mb,
        resident_mb,
        peak_mb,
        disk_share,
    } = figures.ingest;
    let (after_mb, after_peak_mb) = figures.after_mb;
    *out += "| what | goal | figure |\n|---|---|---|\n";
    let rows = [
        ("JSON pushes taken, packed and written, MB/s of one core", Some(('≥', 100.0)), *json_mb_per_core, 0),
        ("protobuf pushes, the same", Some(('≥', 100.0)), *protobuf_mb_per_core, 0),
        ("both, by the clock, MB/s", None, *mb_per_s, 0),
        ("anonymous memory after it, MB", Some(('≤', 150.0)), *anonymous_mb, 0),
        ("resident memory after it, MB", Some(('≤', 150.0)), *resident_mb, 0),
        ("the most that was resident, MB", None, *peak_mb, 0),
        ("anonymous memory after all questions, MB", None, after_mb, 0),
        ("the most that was resident, files that queries read included, MB", None, after_peak_mb, 0),
        ("bytes on disk for a byte of lines, filters included", None, *disk_share, 3),
    ];
    for (what, goal, figure, digits) in rows {
        let _ = writeln!(out, "| {what} | {} | {} |", goal_text(goal), judged(figure, goal, digits));
    }
    if let Some(yardsticks) = figures.yardsticks {
        let _ = writeln!(
            out,
            "| the same of the files packed by `zstd -3` | – | {:.3} |",
            yardsticks.packed_share
        );
    }
}

fn searches(out: &mut String, figures: &Figures<'_>) {
    let _ = write!(
        out,
        "\nQuestions over HTTP to the whole API, medians of up to five after a first; milliseconds, in brackets those of CPU. Goals are for \
         {GOAL_MEGABYTES} MB: the later half."
    );
    if let Some(yardsticks) = figures.yardsticks {
        let _ = write!(
            out,
            " Beside them {} over the files of all access lines, which were in memory, as they are (with a thread a core) and through `zstd -dc`; \
             the numbers of lines are equal.",
            yardsticks.version
        );
    }
    *out += "\n\n| question | goal | the later half | all | `rg`, all | `zstd -dc` and `rg`, all |\n|---|---|---|---|---|---|\n";
    for row in figures.rows {
        let goal = row.goal_ms.map(|goal| ('≤', goal));
        let shown = |took: Took, goal| format!("{} ({:.0})", judged(took.wall_ms, goal, 1), took.cpu_ms);
        let query = if row.query.is_empty() {
            String::new()
        } else {
            format!(": `{}`", row.query.replace('|', "\\|"))
        };
        let searched = row.found.and_then(|(text, _)| figures.yardsticks?.of(text));
        let of = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0}"));
        let _ = writeln!(
            out,
            "| {}{query} | {} | {} | {} | {} | {} |",
            row.name,
            goal_text(goal),
            shown(row.half, goal),
            shown(row.all, None),
            of(searched.map(|searched| searched.raw_ms)),
            of(searched.map(|searched| searched.packed_ms)),
        );
    }
}

fn shipping(out: &mut String, figures: &Figures<'_>) {
    let Shipped { mb_per_core, mb_per_s, anonymous_mb, resident_mb } = figures.shipped;
    let _ = write!(
        out,
        "\nThe agent tails the files of all lines and ships them to another monitor, with the lab's stages; every line is there once.\n\n\
         | what | figure |\n|---|---|\n\
         | shipped, MB/s of one core of the agent | {mb_per_core:.0} |\n\
         | by the clock, agent and monitor on one machine, MB/s | {mb_per_s:.0} |\n\
         | the agent's anonymous memory after it, MB | {anonymous_mb:.0} |\n\
         | its resident memory, MB | {resident_mb:.0} |\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_marked_on_either_side() {
        assert_eq!(judged(99.6, Some(('≥', 100.0)), 0), "100 **missed**");
        assert_eq!(judged(151.0, Some(('≤', 150.0)), 0), "151 **missed**");
        assert_eq!(
            (judged(100.0, Some(('≥', 100.0)), 0), judged(7.0, None, 1)),
            ("100".to_owned(), "7.0".to_owned())
        );
        assert_eq!((goal_text(Some(('≤', 30.0))), goal_text(None)), ("≤ 30".to_owned(), "–".to_owned()));
    }
}
