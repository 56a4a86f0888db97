//! The SQLite store against a real file.

use sqlx::Row;

use super::*;
use crate::common::money::Money;
use crate::orders::domain::{Customer, CustomerId, NewItem, NewOrder, OrderId, ProductId};
use crate::orders::store::sql::SqlStore;
use crate::orders::store::{OrderStore, PoolLimits, PoolStatus, connect};

/// The store under test; what it shares with other databases is tested over all of them in `tests/it/databases`.
type Store = SqlStore<File>;

async fn open(path: &Path, limits: PoolLimits) -> Result<Store, ConnectError> {
    SqlStore::open(File::new(path), limits).await
}

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// A busy machine refuses nobody.
fn patient() -> PoolLimits {
    let long = std::time::Duration::from_secs(180);
    PoolLimits { acquire_timeout: long, statement_timeout: long, ..PoolLimits::standard() }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.db");
        Self { _folder: folder, path }
    }

    async fn open(&self) -> Store {
        open(&self.path, patient()).await.expect("opens")
    }

    /// One number from the file, read past the store.
    async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = connect_options(&self.path).connect().await.expect("connects");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
    }

    async fn run(&self, sql: &'static str) {
        let mut connection = connect_options(&self.path).connect().await.expect("connects");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("runs");
    }
}

fn new_order(customer_id: i64, lines: &[(i64, i64, i64)]) -> NewOrder {
    let items: Vec<NewItem> = lines
        .iter()
        .map(|&(product_id, quantity, cents)| NewItem {
            product_id: ProductId(product_id),
            quantity,
            unit_price: Money::from_cents(cents),
        })
        .collect();
    let customer_id = CustomerId(customer_id);
    let total = Money::from_cents(lines.iter().map(|(_, quantity, cents)| quantity * cents).sum());
    NewOrder { customer_id, customer: Customer::generated(customer_id), items, total }
}

#[tokio::test]
async fn seed_data_is_there_consistent_and_the_same_each_time() {
    let bench = Bench::new();
    let store = bench.open().await;
    assert_eq!(bench.number("SELECT count(*) FROM customer").await, 50);
    assert_eq!(bench.number("SELECT count(*) FROM orders").await, 300);
    assert_eq!(bench.number("SELECT count(*) FROM order_items").await, 750);
    assert_eq!(bench.number("SELECT count(*) FROM pragma_foreign_key_check").await, 0);
    let wrong = "SELECT count(*) FROM orders o WHERE total_amount_cents IS NOT \
        (SELECT sum(quantity * unit_price_cents) FROM order_items i WHERE i.order_id = o.order_id)";
    assert_eq!(bench.number(wrong).await, 0);
    let other = Bench::new();
    let again = other.open().await;
    for id in [1, 150, 300] {
        let order = store.order(OrderId(id)).await.expect("read");
        assert!(order.is_some());
        assert_eq!(again.order(OrderId(id)).await.expect("read"), order);
    }
}

#[tokio::test]
async fn people_see_decimals_and_dates() {
    let bench = Bench::new();
    let store = bench.open().await;
    let id = store.create(new_order(7, &[(101, 1, 5)])).await.expect("stored").id;
    let mut connection = connect_options(&bench.path).connect().await.expect("connects");
    let row = sqlx::query(
        "SELECT total_amount, (SELECT unit_price FROM order_items WHERE order_id = ?1), created_at \
        FROM orders WHERE order_id = ?1",
    );
    let row = row.bind(id.0).fetch_one(&mut connection).await.expect("a row");
    assert_eq!((row.get::<String, _>(0), row.get::<String, _>(1)), ("0.05".to_owned(), "0.05".to_owned()));
    assert!(row.get::<String, _>(2).starts_with("20"), "{}", row.get::<String, _>(2));
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let bench = Bench::new();
    bench.open().await.close().await;
    let store = bench.open().await;
    assert_eq!(bench.number("SELECT count(*) FROM orders").await, 300);
    assert_eq!(bench.number("PRAGMA user_version").await, migrate::VERSION);
    store.close().await;
    let answer = store.create(new_order(1, &[(1, 1, 1)])).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_new_file_at_once() {
    let bench = Bench::new();
    let path = bench.path.clone();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path, patient()).await.map(drop) })
        })
        .collect();
    for one in opening {
        one.await.expect("no panic").expect("opens");
    }
    assert_eq!(bench.number("SELECT count(*) FROM orders").await, 300);
}

#[tokio::test]
async fn who_opens_waits_for_whoever_is_opening() {
    let bench = Bench::new();
    let held = migrate::lock(&bench.path).await.expect("locked");
    let path = bench.path.clone();
    let mut opening = tokio::spawn(async move { open(&path, patient()).await.map(drop) });
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut opening).await.is_err());
    assert!(!bench.path.exists());
    drop(held);
    opening.await.expect("no panic").expect("opens");
}

#[tokio::test]
async fn the_store_s_connections_watch_the_foreign_keys() {
    let bench = Bench::new();
    let store = bench.open().await;
    let orphan =
        "INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents) VALUES (999999, 1, 1, 1)";
    let mut lease = store.lease().await.expect("a connection");
    let error = sqlx::raw_sql(orphan).execute(&mut *lease).await.map(drop).expect_err("refused");
    assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_not_healthy_and_takes_no_orders() {
    let bench = Bench::new();
    let store = bench.open().await;
    store.ping().await.expect("answers");
    let aside = bench.path.with_extension("aside");
    std::fs::rename(&bench.path, &aside).expect("moved");
    let answer = store.ping().await;
    assert!(matches!(&answer, Err(StoreError::Unavailable(text)) if text.contains("removed")), "{answer:?}");
    let order = store.create(new_order(7, &[(1, 1, 1)])).await;
    assert!(matches!(&order, Err(StoreError::Unavailable(text)) if text.contains("removed")), "{order:?}");
    std::fs::rename(&aside, &bench.path).expect("moved back");
    store.ping().await.expect("answers again");
}

#[tokio::test]
async fn who_waits_too_long_for_the_pool_is_told() {
    let bench = Bench::new();
    let acquire_timeout = Duration::from_millis(200);
    let limits = PoolLimits { connections_max: 1, acquire_timeout, ..PoolLimits::standard() };
    let store = open(&bench.path, limits).await.expect("opens");
    let held = store.lease().await.expect("the only connection");
    let busy =
        PoolStatus { used: 1, idle: 0, connections_max: 1, waiting: 0, opened: 1, discarded: 0, timeouts: 0 };
    assert_eq!(store.pool(), busy);
    for answer in [store.ping().await, store.order(OrderId(1)).await.map(drop)] {
        assert!(matches!(&answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(store.pool().timeouts, 2);
    held.give_back();
    store.ping().await.expect("answers again");
}

#[tokio::test]
async fn damaged_newer_and_unreachable_databases_are_told_apart() {
    let check = async |bench: &Bench, may_pass: bool, expect: &str| {
        let url = format!("sqlite://{}", bench.path.display());
        let error = connect(&url, PoolLimits::standard()).await.err().expect("refused");
        assert_eq!((error.may_pass(), error.to_string().contains(expect)), (may_pass, true), "{error}");
    };
    let damaged = Bench::new();
    std::fs::write(&damaged.path, vec![b'x'; 8192]).expect("written");
    check(&damaged, false, "file is not a database").await;
    let mut missing = Bench::new();
    missing.path = missing.path.join("no").join("orders.db");
    check(&missing, true, "orders.db.lock: No such file or directory").await;

    let newer = Bench::new();
    newer.run("PRAGMA user_version = 99").await;
    let error = connect(&format!("sqlite:{}", newer.path.display()), PoolLimits::standard()).await.err();
    assert_eq!(error, Some(ConnectError::Newer { found: 99, known: migrate::VERSION }));
}

#[tokio::test]
async fn a_database_that_was_full_takes_orders_again() {
    let bench = Bench::new();
    // One connection only: the one that met the full database is the one that must serve afterwards.
    let limits = PoolLimits { connections_max: 1, ..patient() };
    let store = open(&bench.path, limits).await.expect("opens");
    let limit_pages = async |pages: &'static str| {
        let mut lease = store.lease().await.expect("a connection");
        sqlx::raw_sql(pages).execute(&mut *lease).await.expect("set");
        lease.give_back();
    };
    limit_pages("PRAGMA max_page_count = 1").await;
    let many: Vec<(i64, i64, i64)> = (1..=100).map(|product| (product, 1, 1)).collect();
    let mut refused = 0;
    for _ in 0..50 {
        // The limit is the connection's own, and refusals close it.
        limit_pages("PRAGMA max_page_count = 1").await;
        if let Err(error) = store.create(new_order(7, &many)).await {
            assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("full")), "{error:?}");
            refused += 1;
        }
    }
    assert!(refused > 0, "the database was never full");
    limit_pages("PRAGMA max_page_count = 1000000").await;
    store.create(new_order(7, &many)).await.expect("there is room again");
}
