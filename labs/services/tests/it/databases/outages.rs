//! What a database server may do to its clients: cut them off, end, come back, not be there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dbserver::{Account, Engine};
use services::orders::ConnectRetry;
use services::orders::domain::OrderId;
use services::orders::store::{OrderStore, PoolLimits, StoreError, connect};
use sqlx::Connection;
use tokio::task::block_in_place;

use super::backend::{Backend, Database, new_order};
use crate::bench::{Client, PATIENCE, options};

/// Ends all sessions of the application's user.
fn cut_all(backend: &mut Backend, database: &Database) {
    let server = backend.engine().expect("a server");
    let statement = match server {
        Engine::Mysql => {
            let list = "SELECT id FROM information_schema.processlist WHERE user = 'app_user'";
            let ids = block_in_place(|| backend.real_server().admin(&database.name, &format!("{list};")))
                .expect("a list");
            ids.lines().map(|id| format!("KILL CONNECTION {id};\n")).collect()
        }
        Engine::Postgres => {
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_user';".to_owned()
        }
    };
    // One that has just ended by itself is an error to MariaDB, and as good.
    let _ = block_in_place(|| backend.real_server().admin(&database.name, &statement));
}

/// How many sessions of the application's user wait for a lock.
async fn blocked(backend: &Backend, database: &Database) -> i64 {
    let sql = match backend.engine().expect("a server") {
        Engine::Mysql => "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
        Engine::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    };
    backend.number(database, sql).await
}

async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Holds a customer's row that is not there yet, so that an order of that customer stops in the middle of its transaction.
enum Holder {
    Mysql(sqlx::MySqlConnection),
    Postgres(sqlx::PgConnection),
}

const HOLD: &str = "INSERT INTO customer (customer_id, name, email) VALUES (4711, 'x', 'y')";

impl Holder {
    async fn hold(backend: &mut Backend, database: &Database) -> Self {
        // Another user, who is not cut off.
        let url = backend.real_server().url(Account::Admin, &database.name).expect("a URL");
        if backend.engine() == Some(Engine::Mysql) {
            let mut session = sqlx::MySqlConnection::connect(&url).await.expect("connects");
            sqlx::raw_sql("START TRANSACTION").execute(&mut session).await.expect("begun");
            sqlx::raw_sql(HOLD).execute(&mut session).await.expect("held");
            return Self::Mysql(session);
        }
        let mut session = sqlx::PgConnection::connect(&url).await.expect("connects");
        sqlx::raw_sql("BEGIN").execute(&mut session).await.expect("begun");
        sqlx::raw_sql(HOLD).execute(&mut session).await.expect("held");
        Self::Postgres(session)
    }

    async fn let_go(self) {
        match self {
            Self::Mysql(mut session) => sqlx::raw_sql("ROLLBACK").execute(&mut session).await.map(drop),
            Self::Postgres(mut session) => sqlx::raw_sql("ROLLBACK").execute(&mut session).await.map(drop),
        }
        .expect("rolled back");
    }
}

pub(super) async fn a_killed_connection_is_tried_again(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    // While idle: the next request finds it dead.
    cut_all(backend, &database);
    store.order(OrderId(1)).await.expect("read").expect("there");
    cut_all(backend, &database);
    store.create(new_order(7, &[(1, 1, 1)])).await.expect("stored");
    assert_eq!(backend.orders(&database).await, 1);
    // In the middle of a transaction, after its first statements.
    let holder = Holder::hold(backend, &database).await;
    let writing = tokio::spawn({
        let store: Arc<dyn OrderStore> = store.clone();
        async move { store.create(new_order(4711, &[(1, 2, 3)])).await }
    });
    until("the order waits", || async { blocked(backend, &database).await == 1 }).await;
    let discarded = store.pool().discarded;
    cut_all(backend, &database);
    until("the next attempt", || async { store.pool().discarded > discarded }).await;
    assert!(!writing.is_finished());
    holder.let_go().await;
    let stored = writing.await.expect("no panic").expect("stored by another attempt");
    assert_eq!(store.order(stored.id).await.expect("read"), Some(stored));
    assert_eq!(backend.orders(&database).await, 2);
    assert_eq!(backend.half_written(&database).await, 0);
}

pub(super) async fn killing_at_random_loses_and_doubles_nothing(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = (0..4)
        .map(|writer| {
            let (store, stop) = (store.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut acknowledged, mut in_doubt, mut refused) = (Vec::new(), 0, 0);
                while !stop.load(Ordering::Relaxed) {
                    match store.create(new_order(2000 + writer, &[(1, 2, 3), (2, 1, 5)])).await {
                        Ok(order) => acknowledged.push(order),
                        Err(StoreError::InDoubt(_)) => in_doubt += 1,
                        Err(StoreError::Unavailable(_)) => refused += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                }
                (acknowledged, in_doubt, refused)
            })
        })
        .collect();
    for _ in 0..10 {
        let before = backend.orders(&database).await;
        cut_all(backend, &database);
        until("orders go on", || async { backend.orders(&database).await > before }).await;
    }
    stop.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut in_doubt) = (Vec::new(), 0);
    for writer in writing {
        let (orders, doubts, _) = writer.await.expect("no panic");
        acknowledged.extend(orders);
        in_doubt += doubts;
    }
    let (stored, least) = (backend.orders(&database).await, acknowledged.len() as i64);
    assert!(
        (least..=least + in_doubt).contains(&stored),
        "{stored} stored, {least} acknowledged, {in_doubt} in doubt"
    );
    assert_eq!(backend.half_written(&database).await, 0);
    assert!(store.pool().discarded > 0, "nothing was cut: the test tests nothing");
    for order in acknowledged {
        assert_eq!(store.order(order.id).await.expect("read"), Some(order));
    }
}

pub(super) async fn a_server_that_restarts_is_found_again(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let stored = store.create(new_order(7, &[(1, 1, 1)])).await.expect("stored");
    for end in [dbserver::Server::kill as fn(&dbserver::Server), dbserver::Server::stop] {
        block_in_place(|| end(backend.real_server()));
        let asked = Instant::now();
        for answer in [
            store.ping().await,
            store.order(stored.id).await.map(drop),
            store.create(new_order(7, &[(1, 1, 1)])).await.map(drop),
        ] {
            assert!(matches!(&answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        // Less than three are given who wait for a connection.
        assert!(
            asked.elapsed() < 3 * PoolLimits::standard().acquire_timeout,
            "told after {:?}",
            asked.elapsed()
        );
        block_in_place(|| backend.real_server().start_again()).expect("starts again");
        assert_eq!(store.order(stored.id).await.expect("read").as_ref(), Some(&stored));
        store.ping().await.expect("answers");
    }
    assert_eq!(backend.orders(&database).await, 1);
}

const ORDER: &str = r#"{"customer_id":1,"items":[{"product_id":1,"quantity":3,"unit_price":0.1}]}"#;

pub(super) async fn a_service_waits_for_its_server_and_tells_the_truth(backend: &mut Backend) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = backend.database();
    block_in_place(|| backend.real_server().stop());
    // Not there at all tries: a clear error.
    let mut never = options(folder.path(), "orders-0");
    never.database_url = database.url.clone();
    let error = services::orders::start(never).await.err().expect("refused").to_string();
    assert!(error.contains("(tries: 2)") && error.contains("efused"), "{error}");
    assert!(error.contains("app_user@127.0.0.1") && !error.contains(&password(&database.url)), "{error}");
    // Not there at first: not ready, with the reason, then ready.
    let mut late = options(folder.path(), "orders-1");
    late.database_url = database.url.clone();
    late.connect_retry = ConnectRetry { tries: 1000, wait: Duration::from_millis(20) };
    late.basics.listen =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let client = Client::at(&format!("http://{}", late.basics.listen), "");
    let starting = tokio::spawn(services::orders::start(late));
    let not_ready = async || client.try_get("/health").await.is_some_and(|(status, _)| status == 503);
    until("it says that it is not ready", &not_ready).await;
    assert_eq!(client.get("/api/order/1").await.0, 503);
    block_in_place(|| backend.real_server().start_again()).expect("starts again");
    let running =
        tokio::time::timeout(PATIENCE, starting).await.expect("in time").expect("no panic").expect("starts");
    let kind = backend.engine().expect("a server").name();
    let healthy = (200, format!(r#"{{"status":"ok","instance":"orders-1","database":"{kind}"}}"#));
    assert_eq!(client.get("/health").await, healthy);
    // Gone while it runs: not ready, orders refused in JSON, and back by itself.
    block_in_place(|| backend.real_server().kill());
    assert_eq!(client.get("/health").await.0, 503);
    let (status, body) = client.post("/api/order", ORDER).await.expect("an answer");
    assert_eq!(status, 503);
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok_and(|it| it.is_object()), "{body}");
    block_in_place(|| backend.real_server().start_again()).expect("starts again");
    assert_eq!(client.get("/health").await, healthy);
    let (status, body) = client.post("/api/order", ORDER).await.expect("an answer");
    assert!(status == 201 && body.contains("\"total_amount\":0.30,"), "{status} {body}");
    assert_eq!(backend.orders(&database).await, 1);
    running.stop().await;
}

fn password(url: &str) -> String {
    url.split([':', '@']).nth(2).expect("a password").to_owned()
}

pub(super) async fn wrong_passwords_and_silent_ports_are_told(backend: &mut Backend) {
    let database = backend.database();
    let wrong = database.url.replace(&password(&database.url), "wrong");
    let error = connect(&wrong, PoolLimits::standard()).await.err().expect("refused");
    assert!(!error.may_pass() && !error.to_string().contains("wrong"), "{error}");
    // Somebody who listens and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = backend.real_server().address().to_string();
    let url = database.url.replace(&at, &silent.local_addr().expect("bound").to_string());
    let limits = PoolLimits { acquire_timeout: Duration::from_millis(50), ..PoolLimits::standard() };
    let error = connect(&url, limits).await.err().expect("refused");
    assert!(error.may_pass(), "{error}");
}
