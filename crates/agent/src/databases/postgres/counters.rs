//! Counters of databases and of the server's own processes; sizes, ages, limits.

use crate::databases::answer::Answer;
use crate::write::{Out, counter, gauge};

pub(super) const DATABASE: &str = "SELECT datid, datname, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, \
     tup_returned, tup_fetched, tup_inserted, tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, \
     blk_read_time, blk_write_time, active_time, session_time, idle_in_transaction_time, sessions, sessions_abandoned, \
     sessions_fatal, sessions_killed, COALESCE(EXTRACT(EPOCH FROM stats_reset), 0) AS stats_reset \
     FROM pg_stat_database WHERE datname IS NOT NULL";
/// Before release 14 sessions were not counted.
pub(super) const DATABASE_13: &str = "SELECT datid, datname, numbackends, xact_commit, xact_rollback, blks_read, \
     blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, \
     deadlocks, blk_read_time, blk_write_time, COALESCE(EXTRACT(EPOCH FROM stats_reset), 0) AS stats_reset \
     FROM pg_stat_database WHERE datname IS NOT NULL";

/// [`DATABASE`]. Times are in milliseconds, except in the one family whose name says otherwise.
pub(super) fn database(answer: &Answer, out: &mut Out) {
    let values = [
        ("numbackends", gauge("pg_stat_database_numbackends", "Connections to a database.")),
        ("xact_commit", counter("pg_stat_database_xact_commit", "Transactions committed.")),
        ("xact_rollback", counter("pg_stat_database_xact_rollback", "Transactions rolled back.")),
        ("blks_read", counter("pg_stat_database_blks_read", "Blocks read from disk.")),
        ("blks_hit", counter("pg_stat_database_blks_hit", "Blocks found in the buffer cache.")),
        ("tup_returned", counter("pg_stat_database_tup_returned", "Rows read by scans.")),
        ("tup_fetched", counter("pg_stat_database_tup_fetched", "Rows fetched by queries.")),
        ("tup_inserted", counter("pg_stat_database_tup_inserted", "Rows inserted.")),
        ("tup_updated", counter("pg_stat_database_tup_updated", "Rows updated.")),
        ("tup_deleted", counter("pg_stat_database_tup_deleted", "Rows deleted.")),
        ("conflicts", counter("pg_stat_database_conflicts", "Queries cancelled by recovery.")),
        ("temp_files", counter("pg_stat_database_temp_files", "Temporary files made.")),
        ("temp_bytes", counter("pg_stat_database_temp_bytes", "Bytes written to temporary files.")),
        ("deadlocks", counter("pg_stat_database_deadlocks", "Deadlocks.")),
        ("blk_read_time", counter("pg_stat_database_blk_read_time", "Time reading blocks, in ms.")),
        ("blk_write_time", counter("pg_stat_database_blk_write_time", "Time writing blocks, in ms.")),
        (
            "active_time",
            counter("pg_stat_database_active_time_seconds_total", "Time executing statements.").times(1e-3),
        ),
        ("active_time", counter("pg_stat_database_active_time", "Time executing statements, in ms.")),
        ("session_time", counter("pg_stat_database_session_time", "Time of sessions, in ms.")),
        (
            "idle_in_transaction_time",
            counter("pg_stat_database_idle_in_transaction_time", "Time idle in transactions, in ms."),
        ),
        ("sessions", counter("pg_stat_database_sessions", "Sessions begun.")),
        (
            "sessions_abandoned",
            counter("pg_stat_database_sessions_abandoned", "Sessions whose client was lost."),
        ),
        ("sessions_fatal", counter("pg_stat_database_sessions_fatal", "Sessions ended by fatal errors.")),
        ("sessions_killed", counter("pg_stat_database_sessions_killed", "Sessions ended by an operator.")),
        ("stats_reset", counter("pg_stat_database_stats_reset", "When these began to count, in Unix time.")),
    ];
    answer.table(&["datid", "datname"], &values, out);
}

pub(super) const CONFLICTS: &str = "SELECT datid, datname, confl_tablespace, confl_lock, confl_snapshot, \
     confl_bufferpin, confl_deadlock FROM pg_stat_database_conflicts WHERE datname IS NOT NULL";

/// [`CONFLICTS`]: what a replica cancelled, by reason.
pub(super) fn conflicts(answer: &Answer, out: &mut Out) {
    let values = [
        (
            "confl_tablespace",
            counter("pg_stat_database_conflicts_confl_tablespace", "By dropped tablespaces."),
        ),
        ("confl_lock", counter("pg_stat_database_conflicts_confl_lock", "By locks.")),
        ("confl_snapshot", counter("pg_stat_database_conflicts_confl_snapshot", "By old snapshots.")),
        ("confl_bufferpin", counter("pg_stat_database_conflicts_confl_bufferpin", "By pinned buffers.")),
        ("confl_deadlock", counter("pg_stat_database_conflicts_confl_deadlock", "By deadlocks.")),
    ];
    answer.table(&["datid", "datname"], &values, out);
}

/// Until release 16 checkpoints and backends are counted here too.
pub(super) const WRITER_16: &str = "SELECT checkpoints_timed, checkpoints_req, checkpoint_write_time, \
     checkpoint_sync_time, buffers_checkpoint, buffers_clean, maxwritten_clean, buffers_backend, buffers_backend_fsync, \
     buffers_alloc, EXTRACT(EPOCH FROM stats_reset) AS stats_reset FROM pg_stat_bgwriter";
pub(super) const WRITER_17: &str = "SELECT buffers_clean, maxwritten_clean, buffers_alloc, \
     EXTRACT(EPOCH FROM stats_reset) AS stats_reset FROM pg_stat_bgwriter";

macro_rules! families {
    ($prefix:literal, $(($column:literal, $help:literal)),+ $(,)?) => {
        [$(($column, counter(concat!($prefix, $column, "_total"), $help))),+]
    };
}

/// [`WRITER_16`] and [`WRITER_17`]. Times are in milliseconds.
pub(super) fn writer(answer: &Answer, out: &mut Out) {
    let values = families!(
        "pg_stat_bgwriter_",
        ("checkpoints_timed", "Checkpoints that were due."),
        ("checkpoints_req", "Checkpoints that were asked for."),
        ("checkpoint_write_time", "Time of checkpoints writing, in ms."),
        ("checkpoint_sync_time", "Time of checkpoints syncing, in ms."),
        ("buffers_checkpoint", "Buffers written by checkpoints."),
        ("buffers_clean", "Buffers written by the background writer."),
        ("maxwritten_clean", "Times that the background writer stopped because it had written too much."),
        ("buffers_backend", "Buffers written by backends themselves."),
        ("buffers_backend_fsync", "Times that a backend had to sync itself."),
        ("buffers_alloc", "Buffers allocated."),
        ("stats_reset", "When these began to count, in Unix time."),
    );
    answer.table(&[], &values, out);
}

/// Since release 17; `restartpoints_done` counts replicas.
pub(super) const CHECKPOINTER: &str = "SELECT num_timed, num_requested, restartpoints_timed, \
     restartpoints_req, restartpoints_done, write_time, sync_time, buffers_written, \
     EXTRACT(EPOCH FROM stats_reset) AS stats_reset FROM pg_stat_checkpointer";
/// Since release 18 those that were done are told apart.
pub(super) const CHECKPOINTER_18: &str = "SELECT num_timed, num_requested, num_done, restartpoints_timed, \
     restartpoints_req, restartpoints_done, write_time, sync_time, buffers_written, \
     EXTRACT(EPOCH FROM stats_reset) AS stats_reset FROM pg_stat_checkpointer";

/// [`CHECKPOINTER`]. Times are in milliseconds.
pub(super) fn checkpointer(answer: &Answer, out: &mut Out) {
    let values = families!(
        "pg_stat_checkpointer_",
        ("num_timed", "Checkpoints that were due."),
        ("num_requested", "Checkpoints that were asked for."),
        ("num_done", "Checkpoints that were done."),
        ("restartpoints_timed", "Restart points that were due."),
        ("restartpoints_req", "Restart points that were asked for."),
        ("restartpoints_done", "Restart points that were done."),
        ("write_time", "Time of checkpoints writing, in ms."),
        ("sync_time", "Time of checkpoints syncing, in ms."),
        ("buffers_written", "Buffers written by checkpoints."),
        ("stats_reset", "When these began to count, in Unix time."),
    );
    answer.table(&[], &values, out);
}

pub(super) const ARCHIVER: &str = "SELECT archived_count, failed_count, \
     EXTRACT(EPOCH FROM now() - last_archived_time) AS last_archive_age FROM pg_stat_archiver";

/// [`ARCHIVER`]. A server that never archived has no age; the exporter says NaN, which no rule compares with.
pub(super) fn archiver(answer: &Answer, out: &mut Out) {
    let values = [
        ("archived_count", counter("pg_stat_archiver_archived_count", "Segments of the log archived.")),
        ("failed_count", counter("pg_stat_archiver_failed_count", "Attempts at archiving that failed.")),
    ];
    answer.table(&[], &values, out);
    let age = answer.column("last_archive_age").and_then(|place| answer.rows().next()?.number(place));
    let age_column = gauge("pg_stat_archiver_last_archive_age", "Seconds since a segment was archived.");
    out.value(&age_column, Some(age.unwrap_or(f64::NAN)));
}

/// Only those that this user may connect to: sizes of others are refused, and with them the whole answer.
pub(super) const SIZES: &str = "SELECT datname, datconnlimit AS connection_limit, \
     CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') \
     THEN pg_database_size(oid) END AS size_bytes FROM pg_database WHERE datconnlimit != -2";

/// [`SIZES`].
pub(super) fn sizes(answer: &Answer, out: &mut Out) {
    let values = [
        ("size_bytes", gauge("pg_database_size_bytes", "Size of a database on disk.")),
        (
            "connection_limit",
            gauge("pg_database_connection_limit", "Connections that a database allows; -1 is any number."),
        ),
    ];
    answer.table(&["datname"], &values, out);
}

pub(super) const WRAPAROUND: &str = "SELECT datname, age(datfrozenxid) AS frozen, mxid_age(datminmxid) AS multi \
     FROM pg_database WHERE datallowconn";

/// [`WRAPAROUND`]. They are numbers of transactions; the exporter's names say seconds.
pub(super) fn wraparound(answer: &Answer, out: &mut Out) {
    let values = [
        (
            "frozen",
            gauge(
                "pg_database_wraparound_age_datfrozenxid_seconds",
                "Age of the oldest transaction that is not frozen, in transactions.",
            ),
        ),
        (
            "multi",
            gauge(
                "pg_database_wraparound_age_datminmxid_seconds",
                "Age of the oldest shared lock that is not frozen, in transactions.",
            ),
        ),
    ];
    answer.table(&["datname"], &values, out);
}

pub(super) const ROLES: &str = "SELECT rolname, rolconnlimit FROM pg_roles";

/// [`ROLES`].
pub(super) fn roles(answer: &Answer, out: &mut Out) {
    let limit = gauge("pg_roles_connection_limit", "Connections that a role may have; -1 is any number.");
    answer.table(&["rolname"], &[("rolconnlimit", limit)], out);
}

pub(super) const POSTMASTER: &str = "SELECT EXTRACT(EPOCH FROM pg_postmaster_start_time()) AS start";

/// [`POSTMASTER`].
pub(super) fn postmaster(answer: &Answer, out: &mut Out) {
    let start = gauge("pg_postmaster_start_time_seconds", "When the server started, in Unix time.");
    answer.table(&[], &[("start", start)], out);
}
