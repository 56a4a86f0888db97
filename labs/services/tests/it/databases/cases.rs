//! What every database has to do.

use std::sync::Arc;
use std::time::Instant;

use services::common::money::Money;
use services::orders::domain::{OrderId, OrderStatus};
use services::orders::store::{ConnectError, OrderStore, PoolLimits, StoreError, connect};

use super::backend::{Backend, new_order, open};
use crate::bench::PATIENCE;

pub(super) async fn orders_come_back_as_they_were_stored(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let lines = [(101, 2, 1999), (5, 1, 10), (101, 3, 20)];
    let stored = store.create(new_order(7, &lines)).await.expect("stored");
    assert_eq!((stored.id, stored.total), (OrderId(301), Money::from_cents(4068)));
    assert_eq!(store.order(stored.id).await.expect("read"), Some(stored.clone()));
    assert_eq!(store.order(OrderId(999_999)).await.expect("read"), None);
    assert_eq!(store.order(OrderId(i64::MAX)).await.expect("read"), None);
    store.ping().await.expect("answers");
    for _ in 0..2 {
        // The second time changes nothing and is as good.
        store.set_status(stored.id, OrderStatus::Paid).await.expect("set");
        assert_eq!(store.order(stored.id).await.expect("read").expect("there").status, "paid");
    }
    let unknown = store.set_status(OrderId(999_999), OrderStatus::Paid).await;
    assert!(matches!(unknown, Err(StoreError::Failed(_))), "{unknown:?}");
    // The most items that a basket may hold, and the largest ids.
    let many: Vec<(i64, i64, i64)> = (0..100).map(|n| (i64::from(i32::MAX) - n, 10_000, n)).collect();
    let stored = store.create(new_order(i64::from(i32::MAX), &many)).await.expect("stored");
    assert_eq!(store.order(stored.id).await.expect("read"), Some(stored));
    assert_eq!(backend.orders(&database).await, 2);
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

pub(super) async fn sample_data_is_the_same_everywhere(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let (_, ours) = Backend::sqlite().store().await;
    for id in 1..=300 {
        let order = store.order(OrderId(id)).await.expect("read");
        assert!(order.is_some());
        assert_eq!(order, ours.order(OrderId(id)).await.expect("read"), "order {id}");
    }
    let people = "SELECT count(*) FROM customer WHERE (customer_id = 1 AND name = 'Hiro Novak' AND email = 'hiro.novak1@example.com') \
        OR (customer_id = 50 AND name = 'Ada Rossi')";
    assert_eq!(backend.number(&database, people).await, 2);
    assert_eq!(backend.number(&database, "SELECT count(*) FROM customer").await, 50);
    assert_eq!(backend.half_written(&database).await, 0);
}

pub(super) async fn unknown_customers_are_made_and_known_ones_left_alone(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let mut order = new_order(4711, &[(1, 1, 1)]);
    // Characters of four bytes, and what SQL would take for its own.
    order.customer.name = "Jänë 'Doe' \\ 🦀 --".to_owned();
    store.create(order.clone()).await.expect("stored");
    order.customer.name = "Somebody Else".to_owned();
    store.create(order).await.expect("stored");
    assert_eq!(backend.number(&database, "SELECT count(*) FROM customer").await, 51);
    let name = backend.one(&database, "SELECT name FROM customer WHERE customer_id = 4711").await;
    assert_eq!(name.replace("\\\\", "\\"), "Jänë 'Doe' \\ 🦀 --");
}

pub(super) async fn a_failing_item_leaves_nothing(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    for wrong in [(2, 0, 1), (0, 1, 1)] {
        let answer = store.create(new_order(4711, &[(1, 1, 1), wrong])).await;
        assert!(matches!(&answer, Err(StoreError::Failed(_))), "{answer:?}");
    }
    // More than the column holds, whatever the routes would have said.
    let answer = store.create(new_order(4711, &[(1, 10_000, 10_000_000)])).await;
    assert!(matches!(&answer, Err(StoreError::Failed(_))), "{answer:?}");
    assert_eq!(backend.orders(&database).await, 0);
    assert_eq!(backend.number(&database, "SELECT count(*) FROM customer WHERE customer_id = 4711").await, 0);
    assert_eq!(backend.number(&database, "SELECT count(*) FROM order_items WHERE order_id > 300").await, 0);
    store.create(new_order(4711, &[(1, 1, 1)])).await.expect("the next is served");
    assert_eq!(store.pool().discarded, 3);
}

pub(super) async fn money_is_exact(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let check = async |lines: &[(i64, i64, i64)], total: &str| {
        let stored = store.create(new_order(7, lines)).await.expect("stored");
        assert_eq!(stored.total.to_string(), total);
        assert_eq!(store.order(stored.id).await.expect("read").as_ref(), Some(&stored));
        let sql = format!("SELECT total_amount FROM orders WHERE order_id = {}", stored.id.0);
        assert_eq!(backend.one(&database, &sql).await, total);
    };
    // What floats make 0.30000000000000004 and 1.1500000000000001 of.
    check(&[(1, 1, 10), (2, 1, 20)], "0.30").await;
    check(&[(1, 1, 29), (2, 3, 115), (3, 7, 1)], "3.81").await;
    check(&[(1, 1, 0)], "0.00").await;
    check(&[(1, 1, 999_999_999)], "9999999.99").await;
    check(&[(1, 1, 9_999_999_999)], "99999999.99").await;
    check(&[(1, 9999, 999_999), (2, 1, 1)], "99989900.02").await;
    for cents in (0..1000).step_by(37) {
        check(&[(1, 1, cents)], &format!("{}.{:02}", cents / 100, cents % 100)).await;
    }
}

const WRITERS: i64 = 8;
const ORDERS_EACH: i64 = 15;

pub(super) async fn at_once_nothing_is_lost_or_doubled(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let writing: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store: Arc<dyn OrderStore> = store.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for n in 0..ORDERS_EACH {
                    // All want the same new customers at the same time, and two of them the same product.
                    let order = new_order(1000 + n, &[(writer / 2 + 1, 2, 105), (7, 1, n)]);
                    ids.push(store.create(order).await.expect("stored").id);
                }
                ids
            })
        })
        .collect();
    let mut ids = Vec::new();
    for writer in writing {
        ids.extend(writer.await.expect("no panic"));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len() as i64, WRITERS * ORDERS_EACH);
    assert_eq!(backend.orders(&database).await, WRITERS * ORDERS_EACH);
    let customers = "SELECT count(*) FROM customer WHERE customer_id >= 1000";
    assert_eq!(backend.number(&database, customers).await, ORDERS_EACH);
    assert_eq!(backend.half_written(&database).await, 0);
    let pool = store.pool();
    assert!((1..=8).contains(&pool.opened) && pool.used == 0 && pool.waiting == 0, "{pool:?}");
}

/// Lets others run so many times.
async fn turns(count: u64) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// A caller may leave at any moment of a write: then all of the order is there or nothing, and nothing is held.
pub(super) async fn who_leaves_half_way_leaves_no_half_order(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    let (mut acknowledged, mut left) = (0, 0);
    let deadline = Instant::now() + PATIENCE;
    let mut step = 0;
    // Where every answer is there before anybody can look away, it takes more tries until somebody has left.
    while step < 120 || (left == 0 && Instant::now() < deadline) {
        // By turns, not by time: how long a write takes is the machine's affair.
        tokio::select! {
            biased;
            stored = store.create(new_order(4711, &[(1, 2, 5), (2, 1, 7)])) => {
                stored.unwrap_or_else(|error| panic!("step {step}: {error}"));
                acknowledged += 1;
            }
            () = turns(step % 120 * (step % 120) / 2) => left += 1,
        }
        step += 1;
    }
    assert!(left > 0, "nobody left: the test tests nothing");
    store.create(new_order(4711, &[(1, 1, 1)])).await.expect("the next one is served");
    let orders = backend.orders(&database).await;
    assert!((acknowledged + 1..=acknowledged + 1 + left).contains(&orders), "{orders} {acknowledged} {left}");
    assert_eq!(backend.half_written(&database).await, 0);
    assert_eq!(store.pool().used, 0);
}

pub(super) async fn many_may_prepare_at_once_and_again(backend: &mut Backend) {
    let database = backend.database();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let url = database.url.clone();
            tokio::spawn(async move { connect(&url, PoolLimits::standard()).await.map(drop) })
        })
        .collect();
    for one in opening {
        one.await.expect("no panic").expect("opens");
    }
    open(&database).await.close().await;
    assert_eq!(backend.number(&database, "SELECT count(*) FROM orders").await, 300);
    assert_eq!(backend.number(&database, "SELECT count(*) FROM order_items").await, 750);
}

pub(super) async fn a_newer_schema_is_refused(backend: &mut Backend) {
    let (database, store) = backend.store().await;
    store.close().await;
    match backend.engine() {
        None => return,
        Some(_) => {
            let insert = "INSERT INTO schema_version (version) VALUES (99); SELECT 1";
            assert_eq!(backend.number(&database, insert).await, 1);
        }
    }
    let refused = connect(&database.url, PoolLimits::standard()).await.err();
    assert_eq!(refused, Some(ConnectError::Newer { found: 99, known: 2 }));
}

/// `db/*.sql` by the server's own client, as a person would.
pub(super) async fn files_loaded_by_hand_are_what_the_service_makes(backend: &mut Backend) {
    let (by_service, store) = backend.store().await;
    store.close().await;
    let by_hand = backend.database();
    let (schema, seed) =
        (include_str!("../../../../../db/schema.sql"), include_str!("../../../../../db/seed.sql"));
    for file in [schema, schema, seed] {
        let loaded = tokio::task::block_in_place(|| backend.real_server().admin(&by_hand.name, file));
        loaded.expect("loads");
    }
    let again = tokio::task::block_in_place(|| backend.real_server().admin(&by_hand.name, seed));
    assert!(again.is_err_and(|error| error.to_string().contains("Duplicate entry")));
    for table in ["customer", "orders", "order_items", "schema_version"] {
        let dump = format!("SHOW CREATE TABLE {table}; SELECT * FROM {table} ORDER BY 1");
        assert_eq!(backend.one(&by_hand, &dump).await, backend.one(&by_service, &dump).await, "{table}");
    }
    let store = open(&by_hand).await;
    assert_eq!(store.create(new_order(7, &[(1, 1, 1)])).await.expect("stored").id, OrderId(301));
}
