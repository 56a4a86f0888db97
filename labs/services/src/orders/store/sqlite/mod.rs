//! Orders in one SQLite file, shared by all instances on this host.
//!
//! Write-ahead logging lets readers go on while somebody writes. There is one writer at a time over all processes:
//! within a process callers queue up fairly for their turn, between processes SQLite waits up to [`BUSY_TIMEOUT`].
//! A write takes its lock at once (`BEGIN IMMEDIATE`), so it never fails half-way for want of it.

mod migrate;
#[cfg(test)]
mod tests;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, Sqlite};
use stdx::Clock;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Answer, ConnectError, OrderStore, PoolLimits, PoolStatus, StoreError};
use crate::common::money::Money;
use crate::orders::domain::{CustomerId, Item, NewItem, NewOrder, Order, OrderId, ProductId};

/// How long a statement waits for another process' write. A write takes well under a millisecond of lock, so this is
/// only reached when a process is stopped in the middle of one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One row per item, the order's columns repeated: one round trip, and one state of the database.
const SELECT_ORDER: &str = "SELECT o.customer_id, o.total_amount_cents, o.status, o.created_at_ms, \
    i.item_id, i.product_id, i.quantity, i.unit_price_cents \
    FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id WHERE o.order_id = ?1 ORDER BY i.item_id";
const INSERT_CUSTOMER: &str = "INSERT INTO customer (customer_id, name, email, created_at_ms) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (customer_id) DO NOTHING";
const INSERT_ORDER: &str = "INSERT INTO orders (customer_id, total_amount_cents, status, created_at_ms) \
    VALUES (?1, ?2, ?3, ?4) RETURNING order_id";
/// All items at once from a JSON array: one prepared statement for any number of them.
const INSERT_ITEMS: &str = "INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents) \
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE true ORDER BY key RETURNING item_id";
/// Reads a page of the real table, which `SELECT 1` would not.
const PING: &str = "SELECT order_id FROM orders LIMIT 1";

/// The status of an order that was just placed.
const STATUS_NEW: &str = "pending";

/// The path in `url`, if it is a SQLite URL at all.
pub(super) fn path_of(url: &str) -> Option<Result<&Path, ConnectError>> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let refuse = |reason: &str| Err(ConnectError::Url { url: url.to_owned(), reason: reason.to_owned() });
    Some(match path {
        "" => refuse("the path of a file is missing"),
        ":memory:" => refuse("instances share a file, memory cannot be shared"),
        _ if path.contains('?') => refuse("it takes no parameters"),
        _ => Ok(Path::new(path)),
    })
}

/// A pool of connections to one file.
#[derive(Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
    limits: PoolLimits,
    path: PathBuf,
    /// The file that was opened; see [`SqliteStore::is_in_place`].
    inode: u64,
    /// The one turn to write. Without it writers of this process would poll SQLite's lock, unfairly and with sleeps.
    write_turn: Semaphore,
    waiting: AtomicU32,
}

impl SqliteStore {
    /// Opens the file at `path`, creates it, its tables and its seed data if they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened or prepared, or a newer program has changed its tables.
    pub async fn open(path: &Path, limits: PoolLimits) -> Result<Self, ConnectError> {
        let options = connect_options(path);
        let start_lock = migrate::lock(path).await?;
        let mut first = options.connect().await.map_err(store_error)?;
        migrate::run(&mut first).await?;
        let pool = pool_options(limits).connect_with(options).await.map_err(store_error)?;
        // Closed only now: the last connection to close would fold the log back and take it down for the next.
        first.close().await.map_err(store_error)?;
        drop(start_lock);
        let gone = || StoreError::Unavailable(format!("{} is gone", path.display()));
        let inode = inode(path).ok_or_else(gone)?;
        let path = path.to_owned();
        Ok(Self { pool, limits, path, inode, write_turn: Semaphore::new(1), waiting: AtomicU32::new(0) })
    }

    async fn read(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let mut connection = self.waiting(self.pool.acquire()).await.map_err(store_error)?;
        let rows =
            sqlx::query(SELECT_ORDER).bind(id.0).fetch_all(&mut *connection).await.map_err(store_error)?;
        order_of(id, &rows).map_err(store_error)
    }

    async fn write(&self, new: NewOrder) -> Result<Order, StoreError> {
        let _turn = self.turn_to_write().await?;
        // An order that nobody can ever read again must not be acknowledged.
        self.is_in_place()?;
        let created_at_ms = stdx::SystemClock.now_ms();
        let connection = self.waiting(self.pool.acquire()).await.map_err(store_error)?;
        let mut writing = Writing { connection, is_done: false };
        let begin = writing.connection.begin_with("BEGIN IMMEDIATE");
        let mut transaction = self.waiting(begin).await.map_err(store_error)?;
        // Dropped before the commit, by an error or because the caller left, the transaction rolls back.
        let (id, items) = insert(&mut transaction, &new, created_at_ms).await.map_err(store_error)?;
        if items.len() != new.items.len() {
            let counts = format!("{} of {} items stored", items.len(), new.items.len());
            return Err(StoreError::Failed(counts));
        }
        transaction.commit().await.map_err(store_error)?;
        writing.is_done = true;
        let (customer_id, status) = (new.customer_id, STATUS_NEW.to_owned());
        Ok(Order { id, customer_id, status, total: new.total, created_at_ms, items })
    }

    /// SQLite itself would go on in a file that nobody can find any more.
    fn is_in_place(&self) -> Result<(), StoreError> {
        if inode(&self.path) == Some(self.inode) {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("{} was removed or replaced", self.path.display())))
    }

    async fn answers(&self) -> Result<(), StoreError> {
        self.is_in_place()?;
        let mut connection = self.waiting(self.pool.acquire()).await.map_err(store_error)?;
        sqlx::query(PING).fetch_optional(&mut *connection).await.map(drop).map_err(store_error)
    }

    async fn turn_to_write(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let turn =
            self.waiting(tokio::time::timeout(self.limits.acquire_timeout, self.write_turn.acquire())).await;
        let limit = self.limits.acquire_timeout;
        turn.map_err(|_| StoreError::Unavailable(format!("no turn to write within {limit:?}")))?
            .map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))
    }

    /// Counts the caller as waiting until `wait` is over, or dropped.
    async fn waiting<F: Future>(&self, wait: F) -> F::Output {
        struct Waiting<'a>(&'a AtomicU32);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _counted = Waiting(&self.waiting);
        wait.await
    }
}

/// A connection with a write under way. If that does not end well the connection is closed: on a full disk SQLite rolls
/// back by itself, the driver's own rollback then fails, and it would refuse every later transaction on that connection.
struct Writing {
    connection: PoolConnection<Sqlite>,
    is_done: bool,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}

impl OrderStore for SqliteStore {
    fn order(&self, id: OrderId) -> Answer<'_, Option<Order>> {
        Box::pin(self.read(id))
    }

    fn create(&self, new: NewOrder) -> Answer<'_, Order> {
        Box::pin(self.write(new))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(self.answers())
    }

    fn pool(&self) -> PoolStatus {
        let open = self.pool.size();
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX).min(open);
        PoolStatus {
            used: open - idle,
            idle,
            connections_max: self.limits.connections_max,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.write_turn.close();
        Box::pin(self.pool.close())
    }
}

/// Writes customer, order and items; the ids that the database gave.
async fn insert(
    connection: &mut SqliteConnection,
    new: &NewOrder,
    created_at_ms: i64,
) -> Result<(OrderId, Vec<Item>), sqlx::Error> {
    sqlx::query(INSERT_CUSTOMER)
        .bind(new.customer_id.0)
        .bind(&new.customer.name)
        .bind(&new.customer.email)
        .bind(created_at_ms)
        .execute(&mut *connection)
        .await?;
    let id: i64 = sqlx::query_scalar(INSERT_ORDER)
        .bind(new.customer_id.0)
        .bind(new.total.cents())
        .bind(STATUS_NEW)
        .bind(created_at_ms)
        .fetch_one(&mut *connection)
        .await?;
    let items = sqlx::query_scalar(INSERT_ITEMS).bind(id).bind(items_json(&new.items));
    let mut item_ids: Vec<i64> = items.fetch_all(&mut *connection).await?;
    // Ids rise in the order of insertion, but RETURNING does not promise to list them so.
    item_ids.sort_unstable();
    let items = item_ids.into_iter().zip(&new.items).map(|(item_id, line)| Item { item_id, line: *line });
    Ok((OrderId(id), items.collect()))
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged order survives a power cut too: the log is synced at each commit.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

fn pool_options(limits: PoolLimits) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(limits.connections_max)
        // A connection is a thread with a few hundred kilobytes; there is no server whose patience it would try.
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(limits.acquire_timeout)
        // A file does not hang up: asking before each use would double the round trips.
        .test_before_acquire(false)
}

/// `[[product, quantity, cents], …]`: numbers only, so there is nothing to escape.
fn items_json(items: &[NewItem]) -> String {
    let rows: Vec<String> = items
        .iter()
        .map(|item| format!("[{},{},{}]", item.product_id.0, item.quantity, item.unit_price.cents()))
        .collect();
    format!("[{}]", rows.join(","))
}

fn order_of(id: OrderId, rows: &[SqliteRow]) -> Result<Option<Order>, sqlx::Error> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let items = rows.iter().filter_map(|row| item_of(row).transpose()).collect::<Result<_, _>>()?;
    Ok(Some(Order {
        id,
        customer_id: CustomerId(first.try_get(0)?),
        total: Money::from_cents(first.try_get(1)?),
        status: first.try_get(2)?,
        created_at_ms: first.try_get(3)?,
        items,
    }))
}

/// The item in a row; none in the single row of an order without items.
fn item_of(row: &SqliteRow) -> Result<Option<Item>, sqlx::Error> {
    let Some(item_id) = row.try_get(4)? else {
        return Ok(None);
    };
    let line = NewItem {
        product_id: ProductId(row.try_get(5)?),
        quantity: row.try_get(6)?,
        unit_price: Money::from_cents(row.try_get(7)?),
    };
    Ok(Some(Item { item_id, line }))
}

/// SQLite's primary result codes after which a later try may end better: busy, locked, I/O, full, cannot open, protocol.
const CODES_THAT_MAY_PASS: [i32; 6] = [5, 6, 10, 13, 14, 15];

pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    match &error {
        sqlx::Error::Database(inside) => {
            // The upper bits only say more about the same.
            let code = inside.code().and_then(|code| code.parse::<i32>().ok()).map_or(0, |code| code & 0xff);
            match CODES_THAT_MAY_PASS.contains(&code) {
                true => StoreError::Unavailable(inside.message().to_owned()),
                false => StoreError::Failed(inside.message().to_owned()),
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable(text),
        _ => StoreError::Failed(text),
    }
}
