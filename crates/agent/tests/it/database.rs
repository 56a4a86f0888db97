//! MariaDB and PostgreSQL asked by the agent: what it tells of them, what it does when they are gone or hang.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use agent::{DatabaseOptions, DatabaseUrl, Engine, Options, Roots, Running};
use dbserver::{Account, DATABASE, Server};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection as _;

use crate::exposed::{Exposed, get, get_within};

/// A limit for what must not hang; nothing takes this long when it works.
const PATIENCE: Duration = Duration::from_secs(180);

/// What dashboards ask of MySQL, as far as MariaDB without replication has it.
const MYSQL_WANTED: &str = "mysql_up mysql_exporter_collector_success mysql_exporter_collector_duration_seconds \
    mysql_global_status_commands_total mysql_global_status_handlers_total mysql_global_status_connection_errors_total \
    mysql_global_status_buffer_pool_pages mysql_global_status_buffer_pool_dirty_pages \
    mysql_global_status_buffer_pool_page_changes_total \
    mysql_global_status_performance_schema_lost_total mysql_version_info mysql_transaction_isolation \
    mysql_info_schema_table_size mysql_info_schema_table_rows mysql_info_schema_table_version \
    mysql_info_schema_auto_increment_column mysql_info_schema_auto_increment_column_max \
    mysql_info_schema_processlist_threads mysql_info_schema_processlist_seconds \
    mysql_info_schema_processlist_processes_by_user mysql_info_schema_processlist_processes_by_host \
    mysql_info_schema_threads mysql_info_schema_threads_seconds \
    mysql_binlog_size_bytes mysql_binlog_files mysql_binlog_file_number";

/// Ends of `mysql_global_status_`.
const STATUS_WANTED: &str = "uptime queries questions slow_queries threads_connected threads_running threads_cached \
    threads_created max_used_connections connections aborted_connects aborted_clients bytes_received bytes_sent \
    created_tmp_tables created_tmp_disk_tables created_tmp_files select_full_join select_full_range_join select_range \
    select_range_check select_scan sort_rows sort_range sort_scan sort_merge_passes table_locks_immediate \
    table_locks_waited opened_tables open_tables open_files opened_files table_open_cache_hits table_open_cache_misses \
    opened_table_definitions open_table_definitions innodb_page_size innodb_buffer_pool_read_requests \
    innodb_buffer_pool_reads innodb_data_reads innodb_data_writes innodb_data_read innodb_data_written \
    innodb_data_fsyncs innodb_log_waits innodb_log_writes innodb_os_log_written innodb_row_lock_time \
    innodb_row_lock_waits innodb_row_lock_current_waits innodb_num_open_files qcache_hits key_read_requests key_reads \
    wsrep_connected";

/// Ends of `mysql_global_variables_`.
const VARIABLES_WANTED: &str = "max_connections innodb_buffer_pool_size innodb_log_buffer_size innodb_log_file_size \
    thread_cache_size table_open_cache table_definition_cache open_files_limit read_only key_buffer_size \
    query_cache_size tmp_table_size max_heap_table_size long_query_time server_id innodb_flush_log_at_trx_commit \
    sync_binlog performance_schema";

/// Ends of `pg_`, as far as a primary without replicas has them.
const POSTGRES_WANTED: &str = "up exporter_last_scrape_duration_seconds exporter_scrapes_total \
    exporter_last_scrape_error scrape_collector_success scrape_collector_duration_seconds static \
    stat_database_numbackends stat_database_xact_commit stat_database_xact_rollback stat_database_blks_read \
    stat_database_blks_hit stat_database_tup_returned stat_database_tup_fetched stat_database_tup_inserted \
    stat_database_tup_updated stat_database_tup_deleted stat_database_conflicts stat_database_temp_files \
    stat_database_temp_bytes stat_database_deadlocks stat_database_blk_read_time stat_database_blk_write_time \
    stat_database_active_time_seconds_total stat_database_stats_reset stat_database_conflicts_confl_tablespace \
    stat_database_conflicts_confl_lock stat_database_conflicts_confl_snapshot stat_database_conflicts_confl_bufferpin \
    stat_database_conflicts_confl_deadlock database_size_bytes database_connection_limit roles_connection_limit \
    database_wraparound_age_datfrozenxid_seconds database_wraparound_age_datminmxid_seconds stat_activity_count \
    stat_activity_max_tx_duration long_running_transactions long_running_transactions_oldest_timestamp_seconds \
    locks_count settings_max_connections settings_shared_buffers_bytes settings_effective_cache_size_bytes \
    settings_work_mem_bytes settings_maintenance_work_mem_bytes settings_max_wal_size_bytes settings_random_page_cost \
    settings_seq_page_cost settings_max_worker_processes settings_max_parallel_workers \
    settings_superuser_reserved_connections settings_statement_timeout_seconds settings_autovacuum_freeze_max_age \
    stat_bgwriter_checkpoints_timed_total stat_bgwriter_checkpoints_req_total \
    stat_bgwriter_checkpoint_write_time_total stat_bgwriter_checkpoint_sync_time_total \
    stat_bgwriter_buffers_checkpoint_total stat_bgwriter_buffers_clean_total stat_bgwriter_maxwritten_clean_total \
    stat_bgwriter_buffers_backend_total stat_bgwriter_buffers_backend_fsync_total stat_bgwriter_buffers_alloc_total \
    stat_bgwriter_stats_reset_total replication_lag_seconds replication_lag replication_is_replica \
    wal_segments wal_size_bytes stat_archiver_archived_count stat_archiver_failed_count \
    stat_archiver_last_archive_age stat_user_tables_seq_scan stat_user_tables_seq_tup_read stat_user_tables_idx_scan \
    stat_user_tables_idx_tup_fetch stat_user_tables_n_tup_ins stat_user_tables_n_tup_upd stat_user_tables_n_tup_del \
    stat_user_tables_n_tup_hot_upd stat_user_tables_n_live_tup stat_user_tables_n_dead_tup \
    stat_user_tables_n_mod_since_analyze stat_user_tables_last_vacuum stat_user_tables_last_autovacuum \
    stat_user_tables_last_analyze stat_user_tables_last_autoanalyze stat_user_tables_vacuum_count \
    stat_user_tables_autovacuum_count stat_user_tables_analyze_count stat_user_tables_autoanalyze_count \
    stat_user_tables_index_size_bytes stat_user_tables_table_size_bytes statio_user_tables_heap_blocks_read \
    statio_user_tables_heap_blocks_hit statio_user_tables_idx_blocks_read statio_user_tables_idx_blocks_hit \
    statio_user_tables_toast_blocks_read statio_user_tables_toast_blocks_hit statio_user_tables_tidx_blocks_read \
    statio_user_tables_tidx_blocks_hit postmaster_start_time_seconds";

/// A table with a key that counts, and rows in it.
const TABLE: [(Engine, &str); 2] = [
    (
        Engine::Mysql,
        "CREATE TABLE customer (customer_id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT); \
         INSERT INTO customer (name) VALUES ('Ada'), ('Grace');",
    ),
    (
        Engine::Postgres,
        "CREATE TABLE customer (customer_id BIGSERIAL PRIMARY KEY, name TEXT); \
         INSERT INTO customer (name) VALUES ('Ada'), ('Grace');",
    ),
];

/// A server with an agent that asks it.
pub(crate) struct Pair {
    pub server: Server,
    running: Running,
    /// Where the agent tells of the server.
    pub at: SocketAddr,
    host_at: SocketAddr,
    password: String,
}

impl Pair {
    /// Starts both; `settings` are the server's, `collect` the agent's.
    pub(crate) async fn start(engine: Engine, settings: &[&str], collect: &[&str]) -> Self {
        let kind = match engine {
            Engine::Mysql => dbserver::Engine::Mysql,
            Engine::Postgres => dbserver::Engine::Postgres,
        };
        let settings = settings.iter().map(|s| (*s).to_owned()).collect();
        let options = dbserver::Options { settings, ..dbserver::Options::temporary(kind) };
        let started = tokio::task::spawn_blocking(move || Server::start(options)).await.expect("no panic");
        let server = started.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        for (_, sql) in TABLE.iter().filter(|(of, _)| *of == engine) {
            server.admin(DATABASE, sql).expect("a table");
        }
        let text = server.url(Account::Exporter, DATABASE).expect("a URL");
        let password = text.split([':', '@']).nth(2).expect("a password").to_owned();
        let url = DatabaseUrl::parse(engine, &text).expect("a URL");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let collect: Vec<String> = collect.iter().map(|s| (*s).to_owned()).collect();
        let database = DatabaseOptions::new(engine, url, listen, &collect).expect("known collectors");
        let (databases, beside) = (vec![database], Vec::new());
        let options = Options { listen, roots: Roots::host(), processes: None, databases, beside };
        let running = agent::start(options).await.expect("ports");
        let at = |name: &str| running.urls()[name].trim_start_matches("http://").parse().expect("an address");
        let (at, host_at) = (at(engine.name()), at("http"));
        Self { server, running, at, host_at, password }
    }

    /// What the agent tells once nothing has failed: where the machine is halted for as long as a scrape may take, the next one says
    /// what this one could not.
    async fn scrape_whole(&self, engine: Engine) -> Exposed {
        let end = Instant::now() + PATIENCE;
        loop {
            let exposed = self.scrape().await;
            if exposed.one(up_name(engine)) == Some(1.0)
                && success(engine, &exposed).iter().all(|it| *it == 1.0)
            {
                return exposed;
            }
            assert!(Instant::now() < end, "{engine:?}: {:?}", success(engine, &exposed));
        }
    }

    /// What the agent tells now.
    pub(crate) async fn scrape(&self) -> Exposed {
        self.scrape_within(20.0).await
    }

    async fn scrape_within(&self, timeout_s: f64) -> Exposed {
        let at = self.at;
        let body = tokio::task::spawn_blocking(move || get_within(at, "/metrics", timeout_s)).await;
        let body = body.expect("no panic").expect("an answer");
        let leak = body.lines().find(|line| line.contains(&self.password));
        assert_eq!(leak, None, "a password in a body");
        Exposed::parse(&body, &[])
    }

    /// Another connection to MariaDB, so that there is a list of connections to tell.
    pub(crate) async fn somebody_else(&self) -> sqlx::MySqlConnection {
        let url = self.server.url(Account::App, DATABASE).expect("a URL");
        sqlx::MySqlConnection::connect(&url).await.expect("connected")
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

fn up_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Mysql => "mysql_up",
        Engine::Postgres => "pg_up",
    }
}

fn success(engine: Engine, exposed: &Exposed) -> Vec<f64> {
    let name = match engine {
        Engine::Mysql => "mysql_exporter_collector_success",
        Engine::Postgres => "pg_scrape_collector_success",
    };
    exposed.series[name].values().copied().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_tells_what_dashboards_ask() {
    let pair = Pair::start(Engine::Mysql, &["--log-bin=bin", "--server-id=1"], &[]).await;
    let _other = pair.somebody_else().await;
    let exposed = pair.scrape_whole(Engine::Mysql).await;
    let names = MYSQL_WANTED.split_whitespace().map(str::to_owned);
    let status = STATUS_WANTED.split_whitespace().map(|name| format!("mysql_global_status_{name}"));
    let variables = VARIABLES_WANTED.split_whitespace().map(|name| format!("mysql_global_variables_{name}"));
    check_names(&exposed, names.chain(status).chain(variables));
    check_collectors(Engine::Mysql, &exposed);
    let table = |component: &str| {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels =
            vec![label("component", component), label("schema", DATABASE), label("table", "customer")];
        exposed.value("mysql_info_schema_table_size", &labels)
    };
    assert!(table("data_length") > Some(0.0) && table("index_length") == Some(0.0));
    assert_eq!(exposed.one("mysql_info_schema_auto_increment_column"), Some(3.0));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_tells_what_dashboards_ask() {
    let pair = Pair::start(Engine::Postgres, &[], &[]).await;
    let exposed = pair.scrape_whole(Engine::Postgres).await;
    check_names(&exposed, POSTGRES_WANTED.split_whitespace().map(|name| format!("pg_{name}")));
    check_collectors(Engine::Postgres, &exposed);
    assert_eq!(exposed.one("pg_stat_user_tables_n_tup_ins"), Some(2.0));
    pair.stop().await;
}

fn check_names(exposed: &Exposed, names: impl Iterator<Item = String>) {
    let missing: Vec<String> = names.filter(|name| !exposed.series.contains_key(name)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

fn check_collectors(engine: Engine, exposed: &Exposed) {
    assert_eq!(exposed.one(up_name(engine)), Some(1.0));
    let success = success(engine, exposed);
    let n_standard = engine.collectors().filter(|(_, is_standard)| *is_standard).count();
    assert_eq!(success, vec![1.0; n_standard]);
    assert_eq!(exposed.one("watchfire_agent_rows_dropped_total"), Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_demand_collectors_work_too() {
    let cases = [
        (Engine::Mysql, &["--performance-schema=ON"][..]),
        (Engine::Postgres, &["shared_preload_libraries=pg_stat_statements"][..]),
    ];
    for (engine, settings) in cases {
        let all: Vec<&str> = engine.collectors().map(|(name, _)| name).collect();
        let pair = Pair::start(engine, settings, &all).await;
        if engine == Engine::Postgres {
            pair.server.admin(DATABASE, "CREATE EXTENSION pg_stat_statements;").expect("made");
        }
        let exposed = pair.scrape_whole(engine).await;
        assert_eq!(success(engine, &exposed), vec![1.0; all.len()], "{engine:?}");
        let wanted = match engine {
            Engine::Mysql => {
                "mysql_perf_schema_events_statements_total mysql_perf_schema_table_io_waits_total \
                mysql_perf_schema_index_io_waits_total mysql_perf_schema_sql_lock_waits_total \
                mysql_perf_schema_external_lock_waits_total mysql_perf_schema_events_waits_total \
                mysql_perf_schema_file_events_total mysql_perf_schema_memory_events_used_bytes \
                mysql_info_schema_innodb_metrics_buffer_pool_pages"
            }
            Engine::Postgres => {
                "pg_stat_statements_calls_total pg_stat_statements_seconds_total \
                pg_stat_statements_rows_total pg_stat_statements_block_read_seconds_total pg_stat_statements_query_id"
            }
        };
        check_names(&exposed, wanted.split_whitespace().map(str::to_owned));
        pair.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_down_until_it_is_back() {
    for engine in [Engine::Mysql, Engine::Postgres] {
        let mut pair = Pair::start(engine, &[], &[]).await;
        pair.scrape_whole(engine).await;
        pair.server.kill();
        let exposed = pair.scrape().await;
        assert_eq!(exposed.one(up_name(engine)), Some(0.0), "{engine:?}");
        assert!(success(engine, &exposed).iter().all(|value| *value == 0.0));
        let host_at = pair.host_at;
        let host = tokio::task::spawn_blocking(move || get(host_at, "/metrics")).await.expect("no panic");
        assert!(host.is_some_and(|body| body.contains("node_load1 ")), "the rest goes on");
        pair.server.start_again().expect("it comes back");
        pair.scrape_whole(engine).await;
        pair.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_costs_no_more_than_the_scrape_may_take() {
    for engine in [Engine::Mysql, Engine::Postgres] {
        let pair = Pair::start(engine, &[], &[]).await;
        pair.scrape_whole(engine).await;
        let processes = family_of(pair.server.pid());
        processes.iter().for_each(|pid| signal(*pid, Signal::STOP));
        let end = Instant::now() + PATIENCE;
        // A thread that has its answer nearly done gives it before it stops.
        while !processes.iter().all(|pid| stands_still(*pid)) {
            assert!(Instant::now() < end, "{engine:?} does not stop");
            tokio::task::yield_now().await;
        }
        let started = Instant::now();
        let exposed = pair.scrape_within(1.0).await;
        let took = started.elapsed();
        processes.iter().for_each(|pid| signal(*pid, Signal::CONT));
        assert_eq!(exposed.one(up_name(engine)), Some(0.0), "{engine:?}");
        // Half a second is what the agent gave the server; the rest is for a busy machine.
        assert!(took < Duration::from_secs(60), "{engine:?} {took:?}");
        let end = Instant::now() + PATIENCE;
        while pair.scrape().await.one(up_name(engine)) != Some(1.0) {
            assert!(Instant::now() < end, "{engine:?} did not recover");
        }
        pair.stop().await;
    }
}

/// A process and its children: each connection is one in PostgreSQL.
fn family_of(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children).collect()
}

/// Whether every thread of a process is stopped.
fn stands_still(pid: u32) -> bool {
    // One that has ended by itself does nothing any more either.
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    let stats =
        threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    // The state follows the name, which is in parentheses.
    stats.into_iter().all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not 0");
    // Workers of a server come and go: one that has just ended is as good.
    let _ = kill_process(pid, signal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_is_kept_and_reads_no_rows() {
    let cases = [
        (
            Engine::Mysql,
            "SELECT COUNT(*), MAX(id) FROM information_schema.processlist WHERE user = 'exporter';",
        ),
        (Engine::Postgres, "SELECT count(*), max(pid) FROM pg_stat_activity WHERE usename = 'exporter';"),
    ];
    for (engine, connections) in cases {
        let pair = Pair::start(engine, &[], &[]).await;
        pair.scrape_whole(engine).await;
        let first = pair.server.admin(DATABASE, connections).expect("counted");
        assert!(first.starts_with('1'), "{first}");
        for _ in 0..3 {
            pair.scrape().await;
        }
        assert_eq!(pair.server.admin(DATABASE, connections).expect("counted"), first, "{engine:?}");
        let url = pair.server.url(Account::Exporter, DATABASE).expect("a URL");
        let refused = match engine {
            Engine::Mysql => {
                let mut own = sqlx::MySqlConnection::connect(&url).await.expect("in");
                sqlx::raw_sql("SELECT * FROM customer").execute(&mut own).await.map(drop)
            }
            Engine::Postgres => {
                let mut own = sqlx::PgConnection::connect(&url).await.expect("in");
                sqlx::raw_sql("SELECT * FROM customer").execute(&mut own).await.map(drop)
            }
        };
        let error = refused.expect_err("no right to").to_string();
        assert!(error.contains("denied"), "{engine:?}: {error}");
        pair.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_scrapes_may_choose() {
    let pair = Pair::start(Engine::Mysql, &[], &[]).await;
    let at = pair.at;
    let ask = move |path: &'static str| tokio::task::spawn_blocking(move || get(at, path));
    let body = ask("/metrics?collect[]=global_status").await.expect("no panic").expect("an answer");
    let exposed = Exposed::parse(&body, &[]);
    assert_eq!(success(Engine::Mysql, &exposed), [1.0]);
    assert!(!exposed.series.contains_key("mysql_global_variables_max_connections"));
    assert!(ask("/metrics?collect[]=nothing").await.expect("no panic").is_none());
    pair.stop().await;
}
