//! `information_schema`: tables and their sizes, keys that run out, InnoDB's compression and counters, response times.

use model::MetricKind;

use crate::databases::answer::Answer;
use crate::write::{Column, Out, counter, gauge};

/// Schemas that belong to the server.
macro_rules! own_schemas {
    () => {
        "('mysql', 'performance_schema', 'information_schema', 'sys')"
    };
}

pub(super) const COMPRESSION: &str = "SELECT page_size, compress_ops, compress_ops_ok, compress_time, uncompress_ops, \
     uncompress_time FROM information_schema.innodb_cmp";

/// [`COMPRESSION`]: times are in seconds already.
pub(super) fn compression(answer: &Answer, out: &mut Out) {
    let values = [
        ("compress_ops", counter("mysql_info_schema_innodb_cmp_compress_ops_total", "Pages compressed.")),
        (
            "compress_ops_ok",
            counter("mysql_info_schema_innodb_cmp_compress_ops_ok_total", "Pages compressed with success."),
        ),
        (
            "compress_time",
            counter("mysql_info_schema_innodb_cmp_compress_time_seconds_total", "Time spent on compressing."),
        ),
        (
            "uncompress_ops",
            counter("mysql_info_schema_innodb_cmp_uncompress_ops_total", "Pages uncompressed."),
        ),
        (
            "uncompress_time",
            counter(
                "mysql_info_schema_innodb_cmp_uncompress_time_seconds_total",
                "Time spent on uncompressing.",
            ),
        ),
    ];
    answer.table(&["page_size"], &values, out);
}

pub(super) const COMPRESSED_POOL: &str = "SELECT page_size, buffer_pool_instance AS buffer_pool, pages_used, pages_free, \
     relocation_ops, relocation_time FROM information_schema.innodb_cmpmem";

/// [`COMPRESSED_POOL`]. The time is in microseconds by the manual; the exporter divides by a thousand, and so do we.
pub(super) fn compressed_pool(answer: &Answer, out: &mut Out) {
    let values = [
        (
            "pages_used",
            counter("mysql_info_schema_innodb_cmpmem_pages_used_total", "Blocks of this size in use."),
        ),
        (
            "pages_free",
            counter("mysql_info_schema_innodb_cmpmem_pages_free_total", "Blocks of this size that are free."),
        ),
        ("relocation_ops", counter("mysql_info_schema_innodb_cmpmem_relocation_ops_total", "Blocks moved.")),
        (
            "relocation_time",
            counter(
                "mysql_info_schema_innodb_cmpmem_relocation_time_seconds_total",
                "Time spent on moving blocks.",
            )
            .times(1e-3),
        ),
    ];
    answer.table(&["page_size", "buffer_pool"], &values, out);
}

/// Of the plugin of MariaDB and Percona Server; others have no such table.
pub(super) const RESPONSE_TIME: &str =
    "SELECT time, count, total FROM information_schema.query_response_time";

/// [`RESPONSE_TIME`]: buckets, the last of which is called `TOO LONG`. Nothing while the plugin does not count.
pub(super) fn response_time(answer: &Answer, out: &mut Out) {
    const NAME: &str = "mysql_info_schema_query_response_time_seconds";
    let (mut n, mut sum, mut buckets) = (0.0, 0.0, Vec::new());
    for row in answer.rows() {
        n += row.number(1).unwrap_or(0.0);
        sum += row.number(2).unwrap_or(0.0);
        // Written as the exporter writes it: the text is a label.
        if let Some(bound) = row.number(0).filter(|bound| *bound > 0.0) {
            let is_small = bound < 1e-4;
            let text = if is_small { model::float::exponent_form(bound) } else { model::format_float(bound) };
            buckets.push((text, n));
        }
    }
    if n == 0.0 {
        return;
    }
    out.family(MetricKind::Histogram, NAME, "How long queries took.");
    buckets.push(("+Inf".to_owned(), n));
    for (bound, n) in &buckets {
        out.sample(&format!("{NAME}_bucket"), &[("le", bound)], *n);
    }
    out.sample(&format!("{NAME}_sum"), &[], sum);
    out.sample(&format!("{NAME}_count"), &[], n);
}

/// The largest first: a limit on rows leaves the smallest out.
pub(super) const TABLES: &str = concat!(
    "SELECT table_schema AS `schema`, table_name AS `table`, table_type AS type, IFNULL(engine, 'NONE') AS engine, ",
    "IFNULL(row_format, 'NONE') AS row_format, IFNULL(create_options, 'NONE') AS create_options, ",
    "IFNULL(version, 0) AS version, IFNULL(table_rows, 0) AS table_rows, IFNULL(data_length, 0) AS data_length, ",
    "IFNULL(index_length, 0) AS index_length, IFNULL(data_free, 0) AS data_free ",
    "FROM information_schema.tables WHERE table_schema NOT IN ",
    own_schemas!(),
    " ORDER BY data_length + index_length DESC"
);

const SIZE: Column = gauge("mysql_info_schema_table_size", "Size of a table's parts, in bytes.");

/// [`TABLES`].
pub(super) fn tables(answer: &Answer, out: &mut Out) {
    let labels = ["schema", "table", "type", "engine", "row_format", "create_options"];
    let version = gauge("mysql_info_schema_table_version", "Version of a table's description.");
    answer.table(&labels, &[("version", version)], out);
    let rows = gauge("mysql_info_schema_table_rows", "Rows of a table, as estimated by its engine.");
    answer.table(&["schema", "table"], &[("table_rows", rows)], out);
    let place = |name: &str| answer.column(name).unwrap_or_default();
    let (schema, table) = (place("schema"), place("table"));
    out.family(SIZE.kind, SIZE.name, SIZE.help);
    for row in answer.rows() {
        let text = |place| row.text(place).unwrap_or_default();
        for component in ["data_length", "index_length", "data_free"] {
            let labels = [("schema", text(schema)), ("table", text(table)), ("component", component)];
            out.sample(SIZE.name, &labels, row.number(place(component)).unwrap_or(0.0));
        }
    }
}

/// The next key of a table, and the largest that its type can hold.
pub(super) const AUTO_INCREMENT: &str = concat!(
    "SELECT t.table_schema AS `schema`, t.table_name AS `table`, c.column_name AS `column`, t.auto_increment AS next, ",
    "POW(2, CASE c.data_type WHEN 'tinyint' THEN 7 WHEN 'smallint' THEN 15 WHEN 'mediumint' THEN 23 ",
    "WHEN 'int' THEN 31 WHEN 'bigint' THEN 63 END + (c.column_type LIKE '% unsigned%')) - 1 AS largest ",
    "FROM information_schema.tables t JOIN information_schema.columns c ",
    "ON c.table_schema = t.table_schema AND c.table_name = t.table_name ",
    "WHERE c.extra = 'auto_increment' AND t.auto_increment IS NOT NULL AND t.table_schema NOT IN ",
    own_schemas!()
);

/// [`AUTO_INCREMENT`].
pub(super) fn auto_increment(answer: &Answer, out: &mut Out) {
    let values = [
        ("next", gauge("mysql_info_schema_auto_increment_column", "The next value of a key.")),
        ("largest", gauge("mysql_info_schema_auto_increment_column_max", "The largest value of a key.")),
    ];
    answer.table(&["schema", "table", "column"], &values, out);
}

pub(super) const INNODB_METRICS_MARIADB: &str =
    "SELECT name, subsystem, type, count, comment FROM information_schema.innodb_metrics WHERE enabled = 1";
pub(super) const INNODB_METRICS_MYSQL: &str = "SELECT name, subsystem, type, count, comment FROM information_schema.innodb_metrics WHERE status = 'enabled'";

/// Counters of InnoDB, named by themselves; pages of the buffer pool by state, pages read and written by type.
pub(super) fn innodb_metrics(answer: &Answer, out: &mut Out) {
    let (mut states, mut read, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for row in answer.rows() {
        let text = |place| row.text(place).unwrap_or_default();
        let (name, subsystem, kind) = (text(0), text(1), text(2));
        let Some(value) = row.number(3) else { continue };
        let pool_pages = name.strip_prefix("buffer_pool_pages_").filter(|_| subsystem == "buffer");
        match (subsystem, pool_pages) {
            ("buffer_page_io", _) => {
                if let Some(page) = name.strip_prefix("buffer_page_read_") {
                    read.push((page, value));
                } else if let Some(page) = name.strip_prefix("buffer_page_written_") {
                    written.push((page, value));
                }
            }
            (_, Some("total")) => {}
            (_, Some("dirty")) => {
                let help = "Pages of InnoDB's buffer pool that are not on disk yet.";
                out.one(
                    MetricKind::Gauge,
                    "mysql_info_schema_innodb_metrics_buffer_pool_dirty_pages",
                    help,
                    value,
                );
            }
            (_, Some(state)) => states.push((state, value)),
            _ => {
                let is_counter = matches!(kind, "counter" | "status_counter") && value >= 0.0;
                let (metric, end) =
                    if is_counter { (MetricKind::Counter, "_total") } else { (MetricKind::Gauge, "") };
                let family = format!("mysql_info_schema_innodb_metrics_{subsystem}_{name}{end}");
                out.one(metric, &family, text(4), value);
            }
        }
    }
    for (kind, name, help, label, rows) in [
        (MetricKind::Gauge, "buffer_pool_pages", "Pages of InnoDB's buffer pool.", "state", states),
        (MetricKind::Counter, "buffer_page_read_total", "Pages read.", "type", read),
        (MetricKind::Counter, "buffer_page_written_total", "Pages written.", "type", written),
    ] {
        if rows.is_empty() {
            continue;
        }
        let family = format!("mysql_info_schema_innodb_metrics_{name}");
        out.family(kind, &family, help);
        rows.iter().for_each(|(value, count)| out.sample(&family, &[(label, value)], *count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::answer::tests::samples;

    fn values(render: fn(&Answer, &mut Out), text: &str) -> Vec<String> {
        let lines = samples(render, text).into_iter().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.replace("mysql_info_schema_", "")).collect()
    }

    #[test]
    fn sizes_of_tables_by_component() {
        let text = "schema|table|type|engine|row_format|create_options|version|table_rows|data_length|index_length|data_free\n\
                    orders_db|orders|BASE TABLE|InnoDB|Dynamic||10|5|16384|32768|0";
        let expected = [
            r#"table_version{schema="orders_db",table="orders",type="BASE TABLE",engine="InnoDB",row_format="Dynamic",create_options=""} 10"#,
            r#"table_rows{schema="orders_db",table="orders"} 5"#,
            r#"table_size{schema="orders_db",table="orders",component="data_length"} 16384"#,
            r#"table_size{schema="orders_db",table="orders",component="index_length"} 32768"#,
            r#"table_size{schema="orders_db",table="orders",component="data_free"} 0"#,
        ];
        assert_eq!(values(tables, text), expected);
    }

    #[test]
    fn response_times_as_a_histogram() {
        let text = "time|count|total\n      0.000001|2|0.1\n      0.1|3|0.25\nTOO LONG|1|TOO LONG";
        let expected = [
            r#"query_response_time_seconds_bucket{le="1e-06"} 2"#,
            r#"query_response_time_seconds_bucket{le="0.1"} 5"#,
            r#"query_response_time_seconds_bucket{le="+Inf"} 6"#,
            "query_response_time_seconds_sum 0.35",
            "query_response_time_seconds_count 6",
        ];
        assert_eq!(values(response_time, text), expected);
        assert!(values(response_time, "time|count|total\n0.1|0|0").is_empty());
    }

    #[test]
    fn counters_of_innodb_by_their_own_names() {
        let text = "name|subsystem|type|count|comment\nbuffer_pool_pages_data|buffer|gauge|7|x\n\
                    buffer_pool_pages_total|buffer|gauge|9|x\nlock_deadlocks|lock|counter|1|Deadlocks\n\
                    buffer_page_read_blob|buffer_page_io|counter|4|x\ntrx_len|transaction|value|3|Length";
        let expected = [
            "innodb_metrics_lock_lock_deadlocks_total 1",
            "innodb_metrics_transaction_trx_len 3",
            r#"innodb_metrics_buffer_pool_pages{state="data"} 7"#,
            r#"innodb_metrics_buffer_page_read_total{type="blob"} 4"#,
        ];
        assert_eq!(values(innodb_metrics, text), expected);
    }
}
