//! Tables of the database that the URL names: scans, rows, vacuums, blocks, sizes. The busiest first: a limit on rows
//! leaves the quietest out.

use crate::databases::answer::Answer;
use crate::write::{Column, Out, counter, gauge};

const LABELS: [&str; 3] = ["datname", "schemaname", "relname"];

pub(super) const QUERY: &str = "SELECT current_database() AS datname, schemaname, relname, seq_scan, seq_tup_read, \
     COALESCE(idx_scan, 0) AS idx_scan, COALESCE(idx_tup_fetch, 0) AS idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del, \
     n_tup_hot_upd, n_live_tup, n_dead_tup, n_mod_since_analyze, \
     COALESCE(EXTRACT(EPOCH FROM last_vacuum), 0) AS last_vacuum, \
     COALESCE(EXTRACT(EPOCH FROM last_autovacuum), 0) AS last_autovacuum, \
     COALESCE(EXTRACT(EPOCH FROM last_analyze), 0) AS last_analyze, \
     COALESCE(EXTRACT(EPOCH FROM last_autoanalyze), 0) AS last_autoanalyze, \
     vacuum_count, autovacuum_count, analyze_count, autoanalyze_count FROM pg_stat_user_tables \
     ORDER BY seq_scan + COALESCE(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del DESC";

macro_rules! column {
    ($kind:ident, $prefix:literal, $name:literal, $help:literal) => {
        ($name, $kind(concat!($prefix, $name), $help))
    };
}

const COLUMNS: [(&str, Column); 19] = [
    column!(counter, "pg_stat_user_tables_", "seq_scan", "Scans of the whole table."),
    column!(counter, "pg_stat_user_tables_", "seq_tup_read", "Rows read by scans of the whole table."),
    column!(counter, "pg_stat_user_tables_", "idx_scan", "Scans of an index."),
    column!(counter, "pg_stat_user_tables_", "idx_tup_fetch", "Rows fetched by an index."),
    column!(counter, "pg_stat_user_tables_", "n_tup_ins", "Rows inserted."),
    column!(counter, "pg_stat_user_tables_", "n_tup_upd", "Rows updated."),
    column!(counter, "pg_stat_user_tables_", "n_tup_del", "Rows deleted."),
    column!(counter, "pg_stat_user_tables_", "n_tup_hot_upd", "Rows updated in their page."),
    column!(gauge, "pg_stat_user_tables_", "n_live_tup", "Rows, as estimated."),
    column!(gauge, "pg_stat_user_tables_", "n_dead_tup", "Dead rows, as estimated."),
    column!(gauge, "pg_stat_user_tables_", "n_mod_since_analyze", "Rows changed since it was analysed."),
    column!(gauge, "pg_stat_user_tables_", "last_vacuum", "When it was vacuumed by hand, in Unix time."),
    column!(gauge, "pg_stat_user_tables_", "last_autovacuum", "When it was vacuumed, in Unix time."),
    column!(gauge, "pg_stat_user_tables_", "last_analyze", "When it was analysed by hand, in Unix time."),
    column!(gauge, "pg_stat_user_tables_", "last_autoanalyze", "When it was analysed, in Unix time."),
    column!(counter, "pg_stat_user_tables_", "vacuum_count", "Vacuums by hand."),
    column!(counter, "pg_stat_user_tables_", "autovacuum_count", "Vacuums."),
    column!(counter, "pg_stat_user_tables_", "analyze_count", "Analyses by hand."),
    column!(counter, "pg_stat_user_tables_", "autoanalyze_count", "Analyses."),
];

/// [`QUERY`].
pub(super) fn render(answer: &Answer, out: &mut Out) {
    answer.table(&LABELS, &COLUMNS, out);
}

/// Apart from the counters, and not each time: a size is asked from the file system, file by file.
pub(super) const SIZES: &str = "SELECT current_database() AS datname, schemaname, relname, \
     pg_indexes_size(relid) AS index_size_bytes, pg_table_size(relid) AS table_size_bytes FROM pg_stat_user_tables \
     ORDER BY n_live_tup DESC";

/// [`SIZES`].
pub(super) fn sizes(answer: &Answer, out: &mut Out) {
    let values = [
        column!(gauge, "pg_stat_user_tables_", "index_size_bytes", "Size of its indexes."),
        column!(gauge, "pg_stat_user_tables_", "table_size_bytes", "Size of the table without its indexes."),
    ];
    answer.table(&LABELS, &values, out);
}

/// A table without indexes or long values has nothing to count there; the exporter says 0.
pub(super) const BLOCKS: &str = "SELECT current_database() AS datname, schemaname, relname, \
     heap_blks_read AS heap_blocks_read, heap_blks_hit AS heap_blocks_hit, \
     COALESCE(idx_blks_read, 0) AS idx_blocks_read, COALESCE(idx_blks_hit, 0) AS idx_blocks_hit, \
     COALESCE(toast_blks_read, 0) AS toast_blocks_read, COALESCE(toast_blks_hit, 0) AS toast_blocks_hit, \
     COALESCE(tidx_blks_read, 0) AS tidx_blocks_read, COALESCE(tidx_blks_hit, 0) AS tidx_blocks_hit \
     FROM pg_statio_user_tables ORDER BY heap_blks_read + heap_blks_hit DESC";

/// [`BLOCKS`].
pub(super) fn blocks(answer: &Answer, out: &mut Out) {
    let values = [
        column!(counter, "pg_statio_user_tables_", "heap_blocks_read", "Blocks of the table read from disk."),
        column!(counter, "pg_statio_user_tables_", "heap_blocks_hit", "Blocks of the table found in memory."),
        column!(
            counter,
            "pg_statio_user_tables_",
            "idx_blocks_read",
            "Blocks of its indexes read from disk."
        ),
        column!(
            counter,
            "pg_statio_user_tables_",
            "idx_blocks_hit",
            "Blocks of its indexes found in memory."
        ),
        column!(
            counter,
            "pg_statio_user_tables_",
            "toast_blocks_read",
            "Blocks of long values read from disk."
        ),
        column!(
            counter,
            "pg_statio_user_tables_",
            "toast_blocks_hit",
            "Blocks of long values found in memory."
        ),
        column!(
            counter,
            "pg_statio_user_tables_",
            "tidx_blocks_read",
            "Blocks of their index read from disk."
        ),
        column!(
            counter,
            "pg_statio_user_tables_",
            "tidx_blocks_hit",
            "Blocks of their index found in memory."
        ),
    ];
    answer.table(&LABELS, &values, out);
}
