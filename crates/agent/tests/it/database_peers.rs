//! The agent beside Debian's `prometheus-mysqld-exporter` 0.14 and `prometheus-postgres-exporter` 0.11, both asking the
//! same server in one breath. What differs is in the rules, by name and with the reason.

use agent::Engine;
use dbserver::{Account, DATABASE};

use crate::compare::{Rules, compare};
use crate::database::Pair;
use crate::peer;

const MYSQLD_EXPORTER: &str = "prometheus-mysqld-exporter";
const POSTGRES_EXPORTER: &str = "prometheus-postgres-exporter";

const MYSQL: Rules = Rules {
    missing: &[
        ("go_", "the state of a Go runtime"),
        ("promhttp_", "a Go library's counters of scrapes"),
        ("process_", "the agent tells of itself on its first port"),
        ("mysql_exporter_scrape_errors_total", "nothing failed here"),
    ],
    untyped: &[],
    labels: &[],
    // Release 0.14 tells the two kinds of temporary tables the wrong way round.
    own_values: &[
        "mysqld_exporter_build_info",
        "mysql_exporter_",
        "mysql_perf_schema_events_statements_tmp_",
    ],
    moving: &[
        ("mysql_global_status_threads_", 3.0),
        ("mysql_global_status_", 0.2),
        ("mysql_info_schema_innodb_metrics_", 0.2),
        ("mysql_info_schema_threads", 5.0),
        ("mysql_info_schema_processlist_", 5.0),
        ("mysql_perf_schema_", 0.5),
    ],
    finer: &[],
    is_missing: |name, labels, value| {
        // They list every state that they know of; we those that somebody is in.
        let is_state = name.starts_with("mysql_info_schema_threads") && value == 0.0;
        // We leave out the server's own tables.
        let is_own = |schema: &str| labels.contains(&("schema".to_owned(), schema.to_owned()));
        // They see our connection, and we see theirs only while they ask.
        let is_us = labels.contains(&("mysql_user".to_owned(), "exporter".to_owned()));
        is_us || is_state || is_own("sys") || is_own("mysql")
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_as_mysqld_exporter() {
    if !peer::is_wanted(MYSQLD_EXPORTER) {
        return;
    }
    let settings = ["--log-bin=bin", "--server-id=1", "--performance-schema=ON"];
    let ours: Vec<&str> =
        Engine::Mysql.collectors().map(|(name, _)| name).filter(|n| *n != "heartbeat").collect();
    let pair = Pair::start(Engine::Mysql, &settings, &ours).await;
    let _other = pair.somebody_else().await;
    let flags: Vec<String> = ours.iter().map(|name| format!("--collect.{name}")).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let url = pair.server.url(Account::Exporter, DATABASE).expect("a URL");
    // mysql://user:password@host:port/database, as their library writes it.
    let source = url.replace("mysql://", "").replace('@', "@(").replace('/', ")/");
    let Some(peer) = peer::start(MYSQLD_EXPORTER, &flags, &[("DATA_SOURCE_NAME", source)]) else { return };
    let (at, theirs_at) = (pair.at, peer.at);
    let (n_series, n_families) =
        tokio::task::spawn_blocking(move || compare(at, theirs_at, &MYSQL)).await.expect("they agree");
    eprintln!("compared {n_series} series of {n_families} families with {MYSQLD_EXPORTER}");
    pair.stop().await;
}

const POSTGRES: Rules = Rules {
    missing: &[
        ("go_", "the state of a Go runtime"),
        ("promhttp_", "a Go library's counters of scrapes"),
        ("process_", "the agent tells of itself on its first port"),
        ("postgres_exporter_build_info", "our own version, no Go"),
        ("pg_stat_database_checksum_", "nothing, where there are no checksums; later releases left them out"),
        ("pg_scrape_collector_", "theirs has other names of collectors"),
    ],
    untyped: &[
        "pg_stat_database_active_time",
        "pg_stat_database_idle_in_transaction_time",
        "pg_stat_database_session_time",
        "pg_stat_database_sessions",
        "pg_stat_database_sessions_abandoned",
        "pg_stat_database_sessions_fatal",
        "pg_stat_database_sessions_killed",
    ],
    // Later releases have left the server out: the scrape adds an instance.
    labels: &[("pg_", "server")],
    own_values: &["pg_exporter_", "pg_stat_database_stats_reset"],
    moving: &[
        ("pg_stat_activity_", 5.0),
        ("pg_locks_count", 10.0),
        ("pg_stat_database_numbackends", 5.0),
        ("pg_stat_database_", 0.5),
        ("pg_database_size_bytes", 0.2),
        ("pg_stat_bgwriter_", 0.5),
    ],
    finer: &["pg_stat_activity_count", "pg_stat_activity_max_tx_duration"],
    // Objects that all databases share have no name; later releases leave that row out.
    is_missing: |_, labels, _| labels.contains(&("datid".to_owned(), "0".to_owned())),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_as_postgres_exporter() {
    if !peer::is_wanted(POSTGRES_EXPORTER) {
        return;
    }
    let pair = Pair::start(Engine::Postgres, &[], &[]).await;
    let url = pair.server.url(Account::Exporter, DATABASE).expect("a URL");
    let source = format!("{url}?sslmode=disable");
    let Some(peer) = peer::start(POSTGRES_EXPORTER, &[], &[("DATA_SOURCE_NAME", source)]) else { return };
    let (at, theirs_at) = (pair.at, peer.at);
    let (n_series, n_families) =
        tokio::task::spawn_blocking(move || compare(at, theirs_at, &POSTGRES)).await.expect("they agree");
    eprintln!("compared {n_series} series of {n_families} families with {POSTGRES_EXPORTER}");
    pair.stop().await;
}
