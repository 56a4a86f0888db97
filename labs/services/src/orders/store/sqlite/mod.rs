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
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite};

use super::driver::{Driver, Insert, Sql, calls};
use super::fault::{Codes, Fault};
use super::{ConnectError, StoreError};

/// How long a statement waits for another process' write. A write takes well under a millisecond of lock, so this is
/// only reached when a process is stopped in the middle of one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite's primary result codes: busy, locked, I/O, full, cannot open, protocol. A lost connection is not among them, as there is
/// none to a file.
const CODES: Codes = Codes { lost: &[], conflict: &[], busy: &["5", "6", "10", "13", "14", "15"] };

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

/// One file.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// The file that was opened; see [`Driver::is_in_place`].
    inode: OnceLock<u64>,
    /// The connection that prepared the file. It is the first that is used: were it closed before another is open, it would
    /// fold the log back and take it down for the next.
    first: Mutex<Option<SqliteConnection>>,
}

impl File {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), inode: OnceLock::new(), first: Mutex::default() }
    }
}

impl Driver for File {
    type Connection = SqliteConnection;
    type Row = SqliteRow;

    const KIND: &'static str = "sqlite";
    const ONE_WRITER: bool = true;
    const SQL: Sql = Sql {
        session: "",
        begin: "BEGIN IMMEDIATE",
        commit: "COMMIT",
        // One row per item, the order's columns repeated: one round trip, and one state of the database.
        select_order: "SELECT o.customer_id, o.total_amount_cents, o.status, o.created_at_ms, \
            i.item_id, i.product_id, i.quantity, i.unit_price_cents \
            FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id \
            WHERE o.order_id = ?1 ORDER BY i.item_id",
        insert_customer: "INSERT INTO customer (customer_id, name, email, created_at_ms) \
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT (customer_id) DO NOTHING",
        insert_order: Insert::Returning(
            "INSERT INTO orders (customer_id, total_amount_cents, status, created_at_ms) \
            VALUES (?1, ?2, ?3, ?4) RETURNING order_id",
        ),
        insert_items: Insert::Returning(
            "INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents) \
            SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE true ORDER BY key \
            RETURNING item_id",
        ),
        update_status: "UPDATE orders SET status = ?1 WHERE order_id = ?2",
        ping: "SELECT order_id FROM orders LIMIT 1",
    };

    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some(connection) => Ok(connection),
            None => connect_options(&self.path).connect().await,
        }
    }

    async fn prepare(&self, _limit: Duration) -> Result<(), ConnectError> {
        let _start_lock = migrate::lock(&self.path).await?;
        let opened = connect_options(&self.path).connect().await;
        let mut first = opened.map_err(|error| Self::fault(&error).told())?;
        migrate::run(&mut first).await?;
        let gone = || StoreError::Unavailable(format!("{} is gone", self.path.display()));
        let inode = inode(&self.path).ok_or_else(gone)?;
        self.inode.get_or_init(|| inode);
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        Ok(())
    }

    /// SQLite itself would go on in a file that nobody can find any more.
    fn is_in_place(&self) -> Result<(), StoreError> {
        if inode(&self.path).as_ref() == self.inode.get() {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("{} was removed or replaced", self.path.display())))
    }

    fn fault(error: &sqlx::Error) -> Fault {
        Fault::of(error, &CODES, primary_code)
    }

    calls!(Sqlite);
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// The upper bits of a code only say more about the same.
fn primary_code(error: &dyn DatabaseError) -> String {
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    (code.unwrap_or_default() & 0xff).to_string()
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
