//! `pg_stat_statements`, where that extension is loaded: the hundred slowest statements in sum.

use std::collections::BTreeSet;

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::{Out, counter};

/// Constants of queries are left out of their texts by the extension, but statements like `ALTER ROLE … PASSWORD '…'` stand there
/// as they were written: those texts are not shown.
macro_rules! query {
    ($read:literal, $write:literal) => {
        concat!(
            "SELECT pg_get_userbyid(s.userid) AS \"user\", d.datname, s.queryid, CASE WHEN s.query ~* 'password' THEN '<withheld>' ELSE LEFT(s.query, 120) END AS query, s.calls, ",
            "s.total_exec_time, s.rows, s.",
            $read,
            " AS reading, s.",
            $write,
            " AS writing FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid ",
            "ORDER BY s.total_exec_time DESC LIMIT 100"
        )
    };
}

pub(super) const QUERY_17: &str = query!("shared_blk_read_time", "shared_blk_write_time");
pub(super) const QUERY_13: &str = query!("blk_read_time", "blk_write_time");

/// [`QUERY_17`]: times are in milliseconds there.
pub(super) fn render(answer: &Answer, out: &mut Out) {
    let values = [
        ("calls", counter("pg_stat_statements_calls_total", "Executions of a statement.")),
        ("total_exec_time", counter("pg_stat_statements_seconds_total", "Time in a statement.").times(1e-3)),
        ("rows", counter("pg_stat_statements_rows_total", "Rows read or changed.")),
        (
            "reading",
            counter("pg_stat_statements_block_read_seconds_total", "Time reading blocks.").times(1e-3),
        ),
        (
            "writing",
            counter("pg_stat_statements_block_write_seconds_total", "Time writing blocks.").times(1e-3),
        ),
    ];
    answer.table(&["user", "datname", "queryid"], &values, out);
    let mut named = BTreeSet::new();
    for row in answer.rows() {
        let (Some(id), Some(text)) = (row.text(2), row.text(3)) else { continue };
        if named.is_empty() {
            out.family(MetricKind::Counter, "pg_stat_statements_query_id", "The text of a statement.");
        }
        if named.insert(id) {
            out.sample("pg_stat_statements_query_id", &[("queryid", id), ("query", text)], 1.0);
        }
    }
}
