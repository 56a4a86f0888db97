//! MySQL and MariaDB under mysqld_exporter's names. Each file is a subject; each part has the exporter's name for it.

mod performance;
mod processlist;
mod replication;
mod schema;
mod status;

use super::exporter::Outcome;
use super::part::Part;
use crate::write::{Out, Row, counter, gauge};

/// There is no such table, or not in `information_schema`.
const NO_TABLE: [&str; 2] = ["1146", "1109"];
/// There is no binary log.
const NO_BINARY_LOG: [&str; 1] = ["1381"];
/// This user may not see that table or database.
const DENIED: [&str; 4] = ["1146", "1109", "1142", "1044"];

/// All of them, in the order in which they are asked for.
pub(super) const PARTS: &[Part] = &[
    Part::new("global_status", &["SHOW GLOBAL STATUS"], status::status),
    // Half of the whole work, for what changes when somebody changes it: a restart is seen at once, by the connection.
    Part::new("global_variables", &["SHOW GLOBAL VARIABLES"], status::variables).slow(),
    // MariaDB with all its connections, either with its only one, MySQL since 8.4.
    Part::new(
        "slave_status",
        &["SHOW ALL SLAVES STATUS", "SHOW SLAVE STATUS", "SHOW REPLICA STATUS"],
        replication::replica,
    ),
    Part::new("binlog_size", &["SHOW BINARY LOGS"], replication::binary_logs).absent(&NO_BINARY_LOG),
    Part::new("heartbeat", &[replication::HEARTBEAT], replication::heartbeat).on_demand().absent(&DENIED),
    Part::new("info_schema.processlist", &[processlist::QUERY], processlist::render),
    Part::new("info_schema.innodb_cmp", &[schema::COMPRESSION], schema::compression).absent(&NO_TABLE),
    Part::new("info_schema.innodb_cmpmem", &[schema::COMPRESSED_POOL], schema::compressed_pool)
        .absent(&NO_TABLE),
    Part::new("info_schema.query_response_time", &[schema::RESPONSE_TIME], schema::response_time)
        .absent(&NO_TABLE),
    Part::new("info_schema.tables", &[schema::TABLES], schema::tables).slow(),
    Part::new("auto_increment.columns", &[schema::AUTO_INCREMENT], schema::auto_increment).slow(),
    Part::new(
        "info_schema.innodb_metrics",
        &[schema::INNODB_METRICS_MARIADB, schema::INNODB_METRICS_MYSQL],
        schema::innodb_metrics,
    )
    .on_demand(),
    Part::new("perf_schema.eventsstatements", &[performance::STATEMENTS], performance::statements)
        .on_demand(),
    Part::new("perf_schema.tableiowaits", &[performance::TABLE_IO], performance::table_io).on_demand(),
    Part::new("perf_schema.indexiowaits", &[performance::INDEX_IO], performance::index_io).on_demand(),
    Part::new("perf_schema.tablelocks", &[performance::TABLE_LOCKS], performance::table_locks).on_demand(),
    Part::new("perf_schema.eventswaits", &[performance::WAITS], performance::waits).on_demand(),
    Part::new("perf_schema.file_events", &[performance::FILE_EVENTS], performance::file_events).on_demand(),
    Part::new("perf_schema.memory_events", &[performance::MEMORY], performance::memory).on_demand(),
];

/// What the exporter says of itself.
pub(super) fn own(outcome: &Outcome, out: &mut Out) {
    let mut rows = vec![Row::new("collector", "connection", vec![Some(outcome.connect_s), None])];
    rows.extend(outcome.parts.iter().map(|(name, took_s, is_good)| {
        let values = vec![Some(*took_s), Some(f64::from(u8::from(*is_good)))];
        Row::new("collector", &format!("collect.{name}"), values)
    }));
    let columns = [
        gauge("mysql_exporter_collector_duration_seconds", "Time that a collector took."),
        gauge("mysql_exporter_collector_success", "Whether a collector had an answer."),
    ];
    out.table(&columns, &rows);
    let failures: Vec<Row> = outcome
        .n_failures
        .iter()
        .map(|(name, n)| Row::new("collector", &format!("collect.{name}"), vec![Some(*n as f64)]))
        .collect();
    out.table(
        &[counter("mysql_exporter_scrape_errors_total", "Scrapes in which a collector failed.")],
        &failures,
    );
    let is_bad = !outcome.is_up || outcome.parts.iter().any(|(_, _, is_good)| !is_good);
    for (column, value) in [
        (counter("mysql_exporter_scrapes_total", "Scrapes of this server."), outcome.n_scrapes as f64),
        (
            gauge("mysql_exporter_last_scrape_error", "Whether something failed in this scrape."),
            f64::from(u8::from(is_bad)),
        ),
        (gauge("mysql_up", "Whether the server answers."), f64::from(u8::from(outcome.is_up))),
    ] {
        out.value(&column, Some(value));
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.info("mysqld_exporter_build_info", "The version of this agent.", &version);
}
