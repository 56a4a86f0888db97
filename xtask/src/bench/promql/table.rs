//! The table that `docs/benchmarks.md` shows.

use std::fmt::Write as _;

use anyhow::Result;

use super::servers::Server;
use super::{Options, Query, moving};

/// What one query cost on all servers, ours first.
pub(super) struct Row<'a> {
    pub(super) query: &'a Query,
    pub(super) cells: Vec<Cell>,
}

/// What one query cost on one server.
pub(super) struct Cell {
    /// The median.
    pub(super) wall_ms: f64,
    /// The mean, without what storing takes meanwhile.
    pub(super) cpu_ms: f64,
    /// Series of the answer.
    pub(super) series: usize,
}

/// Queries, then what each server is and holds.
pub(super) fn table(options: &Options, servers: &[Server], rows: &[Row<'_>]) -> Result<String> {
    let mut out = format!(
        "{} targets with {} series each, scraped every {} s by all at once, {} s of it when queries begin; scraping goes on. \
         Each figure is the median of {} answers over HTTP, in milliseconds, with the CPU time of one in brackets.\n\n",
        options.targets,
        moving::SERIES,
        super::INTERVAL_S,
        options.seconds,
        options.repeats,
    );
    out += &queries(servers, rows);
    out.push('\n');
    out += "| server | version | samples stored | resident | of it anonymous |\n|---|---|---|---|---|\n";
    for server in servers {
        let millions = server.samples()? / 1e6;
        let usage = server.usage()?;
        let (resident, anonymous) = (usage.resident_mb, usage.anonymous_mb);
        writeln!(
            out,
            "| {} | {} | {millions:.1} M | {resident:.0} MB | {anonymous:.0} MB |",
            server.name, server.version
        )?;
    }
    Ok(out)
}

fn queries(servers: &[Server], rows: &[Row<'_>]) -> String {
    let mut out = String::from("| query | goal |");
    servers.iter().for_each(|server| out += &format!(" {} |", server.name));
    servers.iter().skip(1).for_each(|server| out += &format!(" {} / ours |", server.name));
    out += &format!("\n|---|---|{}\n", "---|".repeat(servers.len() * 2 - 1));
    for Row { query, cells } in rows {
        let kind = if query.is_range { "range" } else { "instant" };
        let goal = query.goal_ms.map_or("–".to_owned(), |goal| format!("≤ {goal}"));
        // A bar in a query would end the cell.
        out += &format!("| {kind}: `{}` | {goal} |", query.text.replace('|', "\\|"));
        for (i, cell) in cells.iter().enumerate() {
            let missed = i == 0 && query.goal_ms.is_some_and(|goal| cell.wall_ms > goal);
            let mark = if missed { " **missed**" } else { "" };
            out += &format!(" {:.1} ({:.0}){mark} |", cell.wall_ms, cell.cpu_ms);
        }
        for cell in &cells[1..] {
            out += &format!(" {:.1} |", cell.wall_ms / cells[0].wall_ms);
        }
        out.push('\n');
    }
    out
}
