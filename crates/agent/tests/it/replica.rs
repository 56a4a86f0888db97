//! A replica of MariaDB that is behind, and catches up.

use std::time::{Duration, Instant};

use agent::Engine;
use dbserver::{DATABASE, Options, Server};

use crate::database::Pair;

const PATIENCE: Duration = Duration::from_secs(180);
const LAG: &str = "mysql_slave_status_seconds_behind_master";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_above_zero_while_a_replica_is_behind() {
    let settings = vec!["--log-bin=bin".to_owned(), "--server-id=1".to_owned()];
    let options = Options { settings, ..Options::temporary(dbserver::Engine::Mysql) };
    let primary = tokio::task::spawn_blocking(move || Server::start(options)).await.expect("no panic");
    let primary = primary.expect("a primary");
    let admin = |server: &Server, sql: &str| {
        server.admin(DATABASE, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    admin(
        &primary,
        "CREATE USER 'copy'@'%' IDENTIFIED BY 'copy'; GRANT REPLICATION SLAVE ON *.* TO 'copy'@'%';",
    );
    admin(&primary, "CREATE TABLE copied (n INT PRIMARY KEY);");
    // From here on, so that the replica's own accounts are not touched.
    let position = admin(&primary, "SHOW MASTER STATUS;");
    let mut position = position.split('\t');
    let (file, at) = (position.next().expect("a file"), position.next().expect("a place"));

    let pair = Pair::start(Engine::Mysql, &["--server-id=2"], &[]).await;
    let replica = &pair.server;
    admin(replica, "CREATE TABLE copied (n INT PRIMARY KEY);");
    // What comes is held back for an hour.
    let source = format!(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='copy', MASTER_PASSWORD='copy', \
         MASTER_LOG_FILE='{file}', MASTER_LOG_POS={at}, MASTER_DELAY=3600; START SLAVE;",
        primary.address().port()
    );
    admin(replica, &source);
    admin(&primary, "INSERT INTO copied VALUES (1);");
    let behind = wait(&pair, |lag| lag > 0.0).await;
    assert!(behind < 3600.0, "{behind}");
    let state = pair.scrape().await;
    for name in ["slave_io_running", "slave_sql_running"] {
        assert_eq!(state.one(&format!("mysql_slave_status_{name}")), Some(1.0), "{name}");
    }
    assert_eq!(state.one("mysql_slave_status_sql_delay"), Some(3600.0));
    assert_eq!(admin(replica, "SELECT COUNT(*) FROM copied;"), "0");

    admin(replica, "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE;");
    wait(&pair, |lag| lag == 0.0).await;
    let end = Instant::now() + PATIENCE;
    while admin(replica, "SELECT COUNT(*) FROM copied;") != "1" {
        assert!(Instant::now() < end, "the row did not come");
    }
    pair.stop().await;
}

/// The lag, once it is as wanted.
async fn wait(pair: &Pair, is_wanted: impl Fn(f64) -> bool) -> f64 {
    let end = Instant::now() + PATIENCE;
    loop {
        let lag = pair.scrape().await.one(LAG);
        match lag {
            Some(lag) if is_wanted(lag) => return lag,
            lag => assert!(Instant::now() < end, "{lag:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
