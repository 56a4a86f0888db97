//! Where orders are kept: one trait, one folder per database.
//!
//! **Where the SQL lies.** Each database's schema and seed data are `.sql` files beside its store, embedded in the binary
//! and applied in order at start. SQLite's are `sqlite/0001_schema.sql` and `sqlite/0002_seed.sql`. The files `db/schema.sql`
//! and `db/seed.sql` at the root are MySQL's, because other tools run those as they are; they come with that store.

pub mod sqlite;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::domain::{NewOrder, Order, OrderId, OrderStatus};

/// What a store's methods return: boxed, so that a store can be chosen by URL at run time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A database of orders. Each statement runs in `common::account::query`, which times it for the request that asks. Every method may be called at once from many tasks, and dropped half-way: a dropped `create`
/// either happened whole or not at all.
pub trait OrderStore: Send + Sync {
    /// The order with its items, or none if there is no such order. At most two round trips.
    fn order(&self, id: OrderId) -> Answer<'_, Option<Order>>;

    /// Stores customer (if unknown), order and items in one transaction. When it returns the order is durable.
    fn create(&self, new: NewOrder) -> Answer<'_, Order>;

    /// Changes the status of an order that is there. When it returns the change is durable.
    fn set_status(&self, id: OrderId, status: OrderStatus) -> Answer<'_, ()>;

    /// Whether the database answers; a cheap read of a real table.
    fn ping(&self) -> Answer<'_, ()>;

    /// The connection pool, now.
    fn pool(&self) -> PoolStatus;

    /// The database's name for people, such as `sqlite`.
    fn kind(&self) -> &'static str;

    /// Waits until connections in use come back, then closes all.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// How full a connection pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections that somebody holds.
    pub used: u32,
    /// Open connections that wait for work.
    pub idle: u32,
    /// Most connections there can be.
    pub connections_max: u32,
    /// Callers that wait for a connection or for their turn to write.
    pub waiting: u32,
}

/// How many connections, and how long to wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Most connections at once. A caller beyond it waits.
    pub connections_max: u32,
    /// How long a caller waits, for a connection and for its turn to write; then it is told `Unavailable`.
    pub acquire_timeout: Duration,
}

impl PoolLimits {
    /// Eight connections, which two cores cannot keep busy, and 5 s: a client that waited longer has given up.
    pub fn standard() -> Self {
        Self { connections_max: 8, acquire_timeout: Duration::from_secs(5) }
    }
}

/// Why a store could not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or is too busy: asking again later may help.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The database answered with something that must not be: asking again will not help.
    #[error("database failed: {0}")]
    Failed(String),
}

/// Why a database could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The URL itself is wrong; trying again is of no use.
    #[error("database URL `{url}` is not supported: {reason}")]
    Url {
        /// The URL without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database was written by a newer program; trying again is of no use.
    #[error("database has schema version {found}, this program knows versions up to {known}")]
    Newer {
        /// Version in the database.
        found: i64,
        /// Latest version this program knows.
        known: i64,
    },
    /// The database could not be reached, which may pass, or not be prepared, which will not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ConnectError {
    /// Whether a later try may end better.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)))
    }
}

/// Opens the database that `url` names, creates its tables and seed data if they are missing.
///
/// Known so far: `sqlite:PATH` (also `sqlite://PATH`), a file that is created if it is not there.
///
/// # Errors
/// When the URL is not understood, or the database cannot be reached or prepared; [`ConnectError::may_pass`] says which.
pub async fn connect(url: &str, limits: PoolLimits) -> Result<Arc<dyn OrderStore>, ConnectError> {
    if let Some(path) = sqlite::path_of(url) {
        return Ok(Arc::new(sqlite::SqliteStore::open(path?, limits).await?));
    }
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    Err(ConnectError::Url {
        url: format!("{scheme}:…"),
        reason: "it must start with `sqlite:`, followed by a path".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unknown_databases_are_refused_without_their_password() {
        let check = async |url: &str, expect: &str| {
            let error = connect(url, PoolLimits::standard()).await.err().expect("refused");
            assert!(!error.may_pass());
            assert_eq!(error.to_string(), expect);
        };
        let reason = "is not supported: it must start with `sqlite:`, followed by a path";
        check("postgres://app_user:secret@host/orders_db", &format!("database URL `postgres:…` {reason}"))
            .await;
        check("/tmp/orders.db", &format!("database URL `:…` {reason}")).await;
        check("sqlite:", "database URL `sqlite:` is not supported: the path of a file is missing").await;
        check(
            "sqlite::memory:",
            "database URL `sqlite::memory:` is not supported: instances share a file, memory cannot be shared",
        )
        .await;
    }
}
