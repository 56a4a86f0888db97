//! `performance_schema`: statements by their digest; waits for tables, indexes, locks, files; memory by instrument.
//!
//! Nothing of it is asked for by default: a busy server has thousands of rows here, and MariaDB has it switched off.

use crate::databases::answer::{Answer, Cells};
use crate::write::{Column, Out, counter, gauge};

/// Timers count picoseconds.
const PICOSECONDS: f64 = 1e-12;

/// As many statements as the exporter tells, the slowest in sum, seen within a day, 120 characters of each.
pub(super) const STATEMENTS: &str = "SELECT IFNULL(schema_name, 'NONE') AS `schema`, digest, \
     LEFT(digest_text, 120) AS digest_text, count_star, sum_timer_wait, sum_lock_time, sum_errors, sum_warnings, \
     sum_rows_affected, sum_rows_sent, sum_rows_examined, sum_created_tmp_tables, sum_created_tmp_disk_tables, \
     sum_sort_merge_passes, sum_sort_rows, sum_no_index_used \
     FROM performance_schema.events_statements_summary_by_digest \
     WHERE schema_name NOT IN ('mysql', 'performance_schema', 'information_schema') \
     AND last_seen > DATE_SUB(NOW(), INTERVAL 86400 SECOND) ORDER BY sum_timer_wait DESC LIMIT 250";

macro_rules! statement {
    ($name:literal, $help:literal) => {
        counter(concat!("mysql_perf_schema_events_statements_", $name, "total"), $help)
    };
}

/// [`STATEMENTS`].
pub(super) fn statements(answer: &Answer, out: &mut Out) {
    let values = [
        ("count_star", statement!("", "Executions of a statement.")),
        ("sum_timer_wait", statement!("seconds_", "Time in a statement.").times(PICOSECONDS)),
        ("sum_lock_time", statement!("lock_time_seconds_", "Time waiting for locks.").times(PICOSECONDS)),
        ("sum_errors", statement!("errors_", "Executions that failed.")),
        ("sum_warnings", statement!("warnings_", "Warnings.")),
        ("sum_rows_affected", statement!("rows_affected_", "Rows changed.")),
        ("sum_rows_sent", statement!("rows_sent_", "Rows sent.")),
        ("sum_rows_examined", statement!("rows_examined_", "Rows read.")),
        ("sum_created_tmp_tables", statement!("tmp_tables_", "Temporary tables made.")),
        ("sum_created_tmp_disk_tables", statement!("tmp_disk_tables_", "Temporary tables made on disk.")),
        ("sum_sort_merge_passes", statement!("sort_merge_passes_", "Merge passes of sorting.")),
        ("sum_sort_rows", statement!("sort_rows_", "Rows sorted.")),
        ("sum_no_index_used", statement!("no_index_used_", "Executions that read a whole table.")),
    ];
    answer.table(&["schema", "digest", "digest_text"], &values, out);
}

pub(super) const TABLE_IO: &str = "SELECT object_schema AS `schema`, object_name AS name, count_fetch, count_insert, \
     count_update, count_delete, sum_timer_fetch, sum_timer_insert, sum_timer_update, sum_timer_delete \
     FROM performance_schema.table_io_waits_summary_by_table \
     WHERE object_schema NOT IN ('mysql', 'performance_schema')";

const ROW_OPERATIONS: [&str; 4] = ["fetch", "insert", "update", "delete"];

/// [`TABLE_IO`].
pub(super) fn table_io(answer: &Answer, out: &mut Out) {
    let families = [
        ("count_", counter("mysql_perf_schema_table_io_waits_total", "Waits for a table's rows.")),
        (
            "sum_timer_",
            counter("mysql_perf_schema_table_io_waits_seconds_total", "Time of waits for a table's rows.")
                .times(PICOSECONDS),
        ),
    ];
    by_operation(answer, &["schema", "name"], &families, &same(ROW_OPERATIONS), out);
}

pub(super) const INDEX_IO: &str = "SELECT object_schema AS `schema`, object_name AS name, \
     IFNULL(index_name, 'NONE') AS `index`, count_fetch, IF(index_name IS NULL, count_insert, NULL) AS count_insert, \
     count_update, count_delete, sum_timer_fetch, IF(index_name IS NULL, sum_timer_insert, NULL) AS sum_timer_insert, \
     sum_timer_update, sum_timer_delete FROM performance_schema.table_io_waits_summary_by_index_usage \
     WHERE object_schema NOT IN ('mysql', 'performance_schema')";

/// [`INDEX_IO`]: rows are inserted into tables, so that insertions stand where no index is named.
pub(super) fn index_io(answer: &Answer, out: &mut Out) {
    let families = [
        ("count_", counter("mysql_perf_schema_index_io_waits_total", "Waits for an index.")),
        (
            "sum_timer_",
            counter("mysql_perf_schema_index_io_waits_seconds_total", "Time of waits for an index.")
                .times(PICOSECONDS),
        ),
    ];
    by_operation(answer, &["schema", "name", "index"], &families, &same(ROW_OPERATIONS), out);
}

pub(super) const TABLE_LOCKS: &str = "SELECT object_schema AS `schema`, object_name AS name, \
     count_read_normal, count_read_with_shared_locks, count_read_high_priority, count_read_no_insert, \
     count_read_external, count_write_allow_write, count_write_concurrent_insert, count_write_low_priority, \
     count_write_normal, count_write_external, sum_timer_read_normal, sum_timer_read_with_shared_locks, \
     sum_timer_read_high_priority, sum_timer_read_no_insert, sum_timer_read_external, sum_timer_write_allow_write, \
     sum_timer_write_concurrent_insert, sum_timer_write_low_priority, sum_timer_write_normal, \
     sum_timer_write_external FROM performance_schema.table_lock_waits_summary_by_table \
     WHERE object_schema NOT IN ('mysql', 'performance_schema', 'information_schema')";

/// [`TABLE_LOCKS`].
pub(super) fn table_locks(answer: &Answer, out: &mut Out) {
    let sql = same([
        "read_normal",
        "read_with_shared_locks",
        "read_high_priority",
        "read_no_insert",
        "write_normal",
        "write_allow_write",
        "write_concurrent_insert",
        "write_low_priority",
    ]);
    let external = [("read_external", "read"), ("write_external", "write")];
    let families = [
        ("count_", counter("mysql_perf_schema_sql_lock_waits_total", "Waits for locks of SQL.")),
        (
            "sum_timer_",
            counter("mysql_perf_schema_sql_lock_waits_seconds_total", "Time of waits for locks of SQL.")
                .times(PICOSECONDS),
        ),
    ];
    by_operation(answer, &["schema", "name"], &families, &sql, out);
    let families = [
        ("count_", counter("mysql_perf_schema_external_lock_waits_total", "Waits for locks of the engine.")),
        (
            "sum_timer_",
            counter(
                "mysql_perf_schema_external_lock_waits_seconds_total",
                "Time of waits for locks of the engine.",
            )
            .times(PICOSECONDS),
        ),
    ];
    by_operation(answer, &["schema", "name"], &families, &external, out);
}

pub(super) const WAITS: &str = "SELECT event_name, count_star, sum_timer_wait \
     FROM performance_schema.events_waits_summary_global_by_event_name";

/// [`WAITS`].
pub(super) fn waits(answer: &Answer, out: &mut Out) {
    let values = [
        ("count_star", counter("mysql_perf_schema_events_waits_total", "Waits by their kind.")),
        (
            "sum_timer_wait",
            counter("mysql_perf_schema_events_waits_seconds_total", "Time of waits by their kind.")
                .times(PICOSECONDS),
        ),
    ];
    answer.table(&["event_name"], &values, out);
}

pub(super) const FILE_EVENTS: &str = "SELECT event_name, count_read, sum_timer_read, \
     sum_number_of_bytes_read, count_write, sum_timer_write, sum_number_of_bytes_write, count_misc, sum_timer_misc \
     FROM performance_schema.file_summary_by_event_name";

/// [`FILE_EVENTS`].
pub(super) fn file_events(answer: &Answer, out: &mut Out) {
    let families = [
        ("count_", counter("mysql_perf_schema_file_events_total", "Calls for files.")),
        (
            "sum_timer_",
            counter("mysql_perf_schema_file_events_seconds_total", "Time in calls for files.")
                .times(PICOSECONDS),
        ),
        (
            "sum_number_of_bytes_",
            counter("mysql_perf_schema_file_events_bytes_total", "Bytes read from and written to files."),
        ),
    ];
    by_label(answer, &["event_name"], "mode", &families, &same(["read", "write", "misc"]), out);
}

pub(super) const MEMORY: &str = "SELECT IF(event_name LIKE 'memory/%', SUBSTRING(event_name, 8), event_name) AS event_name, \
     sum_number_of_bytes_alloc, sum_number_of_bytes_free, current_number_of_bytes_used \
     FROM performance_schema.memory_summary_global_by_event_name WHERE count_alloc > 0";

/// [`MEMORY`].
pub(super) fn memory(answer: &Answer, out: &mut Out) {
    let values = [
        (
            "sum_number_of_bytes_alloc",
            counter("mysql_perf_schema_memory_events_alloc_bytes_total", "Bytes allocated."),
        ),
        (
            "sum_number_of_bytes_free",
            counter("mysql_perf_schema_memory_events_free_bytes_total", "Bytes given back."),
        ),
        (
            "current_number_of_bytes_used",
            gauge("mysql_perf_schema_memory_events_used_bytes", "Bytes allocated now."),
        ),
    ];
    answer.table(&["event_name"], &values, out);
}

/// Ends of columns that are their label's value too.
fn same<const N: usize>(names: [&'static str; N]) -> [(&'static str, &'static str); N] {
    names.map(|name| (name, name))
}

fn by_operation(
    answer: &Answer,
    labels: &[&str],
    families: &[(&str, Column)],
    operations: &[(&str, &str)],
    out: &mut Out,
) {
    by_label(answer, labels, "operation", families, operations, out);
}

/// Columns `{start}{end}` as samples of one family for each start; the end's name is the value of `label`.
fn by_label(
    answer: &Answer,
    labels: &[&str],
    label: &str,
    families: &[(&str, Column)],
    ends: &[(&str, &str)],
    out: &mut Out,
) {
    let label_places: Vec<Option<usize>> = labels.iter().map(|name| answer.column(name)).collect();
    for (start, column) in families {
        out.family(column.kind, column.name, column.help);
        for row in answer.rows() {
            let text = |row: &Cells<'_>, place: &Option<usize>| {
                place.and_then(|place| row.text(place)).unwrap_or_default().to_owned()
            };
            let values: Vec<String> = label_places.iter().map(|place| text(&row, place)).collect();
            for (end, named) in ends {
                let place = answer.column(&format!("{start}{end}"));
                let Some(value) = place.and_then(|place| row.number(place)) else { continue };
                let pairs = labels.iter().copied().zip(values.iter().map(String::as_str));
                let pairs: Vec<(&str, &str)> = pairs.chain([(label, *named)]).collect();
                out.sample(column.name, &pairs, value * column.scale);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    #[test]
    fn columns_become_operations() {
        let text = "schema|name|index|count_fetch|count_insert|sum_timer_fetch|sum_timer_insert\n\
                    s|t|PRIMARY|5|NULL|2000000000000|NULL\ns|t|NONE|0|7|0|500000000000";
        let expected = [
            "# TYPE mysql_perf_schema_index_io_waits_total counter",
            r#"mysql_perf_schema_index_io_waits_total{schema="s",name="t",index="PRIMARY",operation="fetch"} 5"#,
            r#"mysql_perf_schema_index_io_waits_total{schema="s",name="t",index="NONE",operation="fetch"} 0"#,
            r#"mysql_perf_schema_index_io_waits_total{schema="s",name="t",index="NONE",operation="insert"} 7"#,
            "# TYPE mysql_perf_schema_index_io_waits_seconds_total counter",
            r#"mysql_perf_schema_index_io_waits_seconds_total{schema="s",name="t",index="PRIMARY",operation="fetch"} 2"#,
            r#"mysql_perf_schema_index_io_waits_seconds_total{schema="s",name="t",index="NONE",operation="fetch"} 0"#,
            r#"mysql_perf_schema_index_io_waits_seconds_total{schema="s",name="t",index="NONE",operation="insert"} 0.5"#,
        ];
        assert_eq!(samples(index_io, text), expected);
    }
}
