//! Orders in an SQL database: the same course of action for each, over the statements of its [`Driver`].
//!
//! **Transactions.** An order is one transaction on one connection. Whatever ends it before the commit (an error, a killed
//! connection, a caller who left) closes the connection, and the database undoes all of it. So an attempt that did not come to
//! its commit may be made again, and is where that can help: on a connection that was lost, and on a deadlock. An answer that was lost
//! *at* the commit is told as what it is, in doubt, and never tried again: that could place the order twice.

use std::pin::Pin;
use std::time::Duration;

use sqlx::Connection;
use stdx::Clock;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::driver::{self, Cells, Driver, Insert, Value};
use super::fault::Fault;
use super::pool::{Lease, Pool};
use super::{Answer, ConnectError, OrderStore, PoolLimits, PoolStatus, StoreError};
use crate::common::account::query;
use crate::common::money::Money;
use crate::orders::domain::{CustomerId, Item, NewItem, NewOrder, Order, OrderId, OrderStatus, ProductId};

/// Attempts at one request. The second meets a new connection, or the table as the winner of a deadlock left it; who loses a
/// third time had better wait.
const ATTEMPTS_MAX: u32 = 3;
/// All of the work on tables and sample data at start, with the wait for another instance that is at it.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(60);

/// A pool of connections to one database.
pub(super) struct SqlStore<D: Driver> {
    driver: D,
    pool: Pool<D::Connection>,
    limits: PoolLimits,
    /// Where one writes at a time: without it writers would poll the database's lock, unfairly and with sleeps.
    write_turn: Semaphore,
}

impl<D: Driver> SqlStore<D> {
    /// Prepares the database and opens a first connection to it.
    pub(super) async fn open(driver: D, limits: PoolLimits) -> Result<Self, ConnectError> {
        let late = || StoreError::Unavailable(format!("not prepared within {} s", PREPARE_TIMEOUT.as_secs()));
        tokio::time::timeout(PREPARE_TIMEOUT, driver.prepare(limits.acquire_timeout))
            .await
            .map_err(|_| late())??;
        let writers = if D::ONE_WRITER { 1 } else { Semaphore::MAX_PERMITS };
        let store = Self { driver, pool: Pool::new(limits), limits, write_turn: Semaphore::new(writers) };
        store.lease().await.map_err(Fault::told)?.give_back();
        Ok(store)
    }

    /// A connection, for as long as it is held.
    pub(super) async fn lease(&self) -> Result<Lease<'_, D::Connection>, Fault> {
        let permit = self.pool.permit().await?;
        let connection = match self.pool.idle() {
            Some(connection) => connection,
            None => {
                let limit = self.limits.acquire_timeout;
                let connection = self.pool.waiting(driver::connect(&self.driver, limit)).await?;
                self.pool.opened();
                connection
            }
        };
        Ok(self.pool.lend(connection, permit))
    }

    async fn read(&self, id: OrderId) -> Result<Option<Order>, Fault> {
        let mut lease = self.lease().await?;
        let values = [Value::Int(id.0)];
        let select = D::fetch(&mut lease, D::SQL.select_order, &values);
        let rows = self.statement("select_order", select).await?;
        let order = order_of(id, &rows).map_err(|error| D::fault(&error))?;
        lease.give_back();
        Ok(order)
    }

    async fn write(&self, new: &NewOrder) -> Result<Order, Fault> {
        let _turn = self.turn_to_write().await?;
        // An order that nobody can ever read again must not be acknowledged.
        self.driver.is_in_place()?;
        let created_at_ms = stdx::SystemClock.now_ms();
        let mut lease = self.lease().await?;
        let begin = self.statement("begin", D::run(&mut lease, D::SQL.begin));
        self.pool.waiting(begin).await?;
        let (id, items) = self.insert(&mut lease, new, created_at_ms).await?;
        if items.len() != new.items.len() {
            let counts = format!("{} of {} items stored", items.len(), new.items.len());
            return Err(StoreError::Failed(counts).into());
        }
        self.statement("commit", D::run(&mut lease, D::SQL.commit)).await.map_err(Fault::at_commit)?;
        lease.give_back();
        let (customer_id, status) = (new.customer_id, OrderStatus::Pending.name().to_owned());
        Ok(Order { id, customer_id, status, total: new.total, created_at_ms, items })
    }

    /// Writes customer, order and items; the ids that the database gave.
    async fn insert(
        &self,
        connection: &mut D::Connection,
        new: &NewOrder,
        created_at_ms: i64,
    ) -> Result<(OrderId, Vec<Item>), Fault> {
        let (customer_id, at) = (Value::Int(new.customer_id.0), Value::Int(created_at_ms));
        let values = [customer_id, Value::Text(&new.customer.name), Value::Text(&new.customer.email), at];
        let customer = D::execute(connection, D::SQL.insert_customer, &values);
        self.statement("insert_customer", customer).await?;
        let total = Value::Int(new.total.cents());
        let values = [customer_id, total, Value::Text(OrderStatus::Pending.name()), at];
        let names = ["insert_order", "select_order_id"];
        let ids = self.insert_for_ids(connection, names, &D::SQL.insert_order, &values).await?;
        let id = *ids.first().ok_or_else(|| StoreError::Failed("the new order has no id".to_owned()))?;
        let items = items_json(&new.items);
        let values = [Value::Int(id), Value::Text(&items)];
        let names = ["insert_items", "select_item_ids"];
        let mut item_ids = self.insert_for_ids(connection, names, &D::SQL.insert_items, &values).await?;
        // Ids rise in the order of insertion, but nobody promises to list them so.
        item_ids.sort_unstable();
        let items = item_ids.into_iter().zip(&new.items).map(|(item_id, line)| Item { item_id, line: *line });
        Ok((OrderId(id), items.collect()))
    }

    async fn insert_for_ids(
        &self,
        connection: &mut D::Connection,
        names: [&'static str; 2],
        insert: &Insert,
        values: &[Value<'_>],
    ) -> Result<Vec<i64>, Fault> {
        let rows = match *insert {
            Insert::Returning(sql) => self.statement(names[0], D::fetch(connection, sql, values)).await?,
            Insert::ThenAsk(sql, ask, count) => {
                self.statement(names[0], D::execute(connection, sql, values)).await?;
                self.statement(names[1], D::fetch(connection, ask, &values[..count])).await?
            }
        };
        rows.iter().map(|row| row.id(0)).collect::<Result<_, _>>().map_err(|error| D::fault(&error))
    }

    /// One statement is a transaction of its own, and this one may be made twice.
    async fn update_status(&self, id: OrderId, status: OrderStatus) -> Result<(), Fault> {
        let _turn = self.turn_to_write().await?;
        self.driver.is_in_place()?;
        let mut lease = self.lease().await?;
        let values = [Value::Text(status.name()), Value::Int(id.0)];
        let update = D::execute(&mut lease, D::SQL.update_status, &values);
        let rows = self.statement("update_status", update).await?;
        lease.give_back();
        match rows {
            1 => Ok(()),
            rows => Err(StoreError::Failed(format!("status of order {} set in {rows} rows", id.0)).into()),
        }
    }

    async fn answers(&self) -> Result<(), Fault> {
        self.driver.is_in_place()?;
        let mut lease = self.lease().await?;
        self.statement("ping", D::run(&mut lease, D::SQL.ping)).await?;
        lease.give_back();
        Ok(())
    }

    async fn turn_to_write(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.pool.turn(&self.write_turn, "no turn to write").await
    }

    /// Runs one statement, timed for the request that asks, no longer than the limit.
    async fn statement<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Fault> {
        let limit = self.limits.statement_timeout;
        match tokio::time::timeout(limit, query(name, work)).await {
            Ok(done) => done.map_err(|error| D::fault(&error)),
            Err(_) => Err(StoreError::TimedOut(format!("{name} took more than {limit:?}")).into()),
        }
    }

    /// Makes attempts until one ends in a way that another would not better.
    async fn attempts<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Fault>> + Send,
    {
        for _ in 1..ATTEMPTS_MAX {
            match attempt().await {
                Err(Fault::Lost(reason)) => {
                    tracing::warn!(reason, "a database connection was lost, trying again");
                    self.pool.forget_idle();
                }
                Err(Fault::Conflict(reason)) => {
                    tracing::info!(reason, "the database chose another transaction, trying again");
                }
                ended => return ended.map_err(Fault::told),
            }
        }
        attempt().await.map_err(Fault::told)
    }
}

impl<D: Driver> OrderStore for SqlStore<D> {
    fn order(&self, id: OrderId) -> Answer<'_, Option<Order>> {
        Box::pin(self.attempts(move || self.read(id)))
    }

    fn create(&self, new: NewOrder) -> Answer<'_, Order> {
        Box::pin(async move { self.attempts(|| self.write(&new)).await })
    }

    fn set_status(&self, id: OrderId, status: OrderStatus) -> Answer<'_, ()> {
        Box::pin(self.attempts(move || self.update_status(id, status)))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(self.attempts(|| self.answers()))
    }

    fn pool(&self) -> PoolStatus {
        self.pool.status()
    }

    fn kind(&self) -> &'static str {
        D::KIND
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.write_turn.close();
        Box::pin(async {
            for connection in self.pool.close().await {
                // What cannot take its leave is gone already.
                let _ = connection.close().await;
            }
        })
    }
}

/// `[[product, quantity, cents], …]`: numbers only, so there is nothing to escape.
fn items_json(items: &[NewItem]) -> String {
    let rows: Vec<String> = items
        .iter()
        .map(|item| format!("[{},{},{}]", item.product_id.0, item.quantity, item.unit_price.cents()))
        .collect();
    format!("[{}]", rows.join(","))
}

fn order_of<R: Cells>(id: OrderId, rows: &[R]) -> Result<Option<Order>, sqlx::Error> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let items = rows.iter().filter_map(|row| item_of(row).transpose()).collect::<Result<_, _>>()?;
    Ok(Some(Order {
        id,
        customer_id: CustomerId(first.id(0)?),
        total: Money::from_cents(first.id(1)?),
        status: first.text(2)?,
        created_at_ms: first.id(3)?,
        items,
    }))
}

/// The item in a row; none in the single row of an order without items.
fn item_of<R: Cells>(row: &R) -> Result<Option<Item>, sqlx::Error> {
    let Some(item_id) = row.int(4)? else {
        return Ok(None);
    };
    let line = NewItem {
        product_id: ProductId(row.id(5)?),
        quantity: row.id(6)?,
        unit_price: Money::from_cents(row.id(7)?),
    };
    Ok(Some(Item { item_id, line }))
}
