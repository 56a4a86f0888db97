//! Where orders are kept: one trait, one store over all databases (`sql.rs`), a folder for what each has of its own.
//!
//! **Where the SQL lies.** Statements stand in each database's `mod.rs`. Tables and sample data are `.sql` files, embedded in the
//! binary and applied in order at start: those of SQLite and PostgreSQL beside their statements, MySQL's at the root as
//! `db/schema.sql` and `db/seed.sql`, because other tools run those as they are.

mod driver;
mod fault;
mod mysql;
mod pool;
mod postgres;
mod schema;
mod sql;
mod sqlite;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::domain::{NewOrder, Order, OrderId, OrderStatus};
use sql::SqlStore;

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
    /// Connections opened so far.
    pub opened: u64,
    /// Connections closed so far because something went wrong on them, or their caller left in the middle.
    pub discarded: u64,
    /// Callers so far that waited in vain.
    pub timeouts: u64,
}

/// How many connections, and how long to wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Most connections at once. A caller beyond it waits.
    pub connections_max: u32,
    /// How long a caller waits, for a connection and for its turn to write; then it is told `Unavailable`.
    pub acquire_timeout: Duration,
    /// How long one statement may take; then its connection is closed and the caller told.
    pub statement_timeout: Duration,
}

impl PoolLimits {
    /// Eight connections, which two cores cannot keep busy, and 5 s: a client that waited longer has given up. A statement may take
    /// 10 s, twice what the databases themselves let it wait for a lock.
    pub fn standard() -> Self {
        Self {
            connections_max: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// Why a store could not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or is too busy: asking again later may help.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The database did not answer in time and may still be at it.
    #[error("database too slow: {0}")]
    TimedOut(String),
    /// The connection was lost while a transaction was being committed: it is not known whether it was. Asking again could do
    /// it twice.
    #[error("database lost at the commit, which may have been done: {0}")]
    InDoubt(String),
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
/// Known are `sqlite:PATH` (also `sqlite://PATH`), a file that is created if it is not there; `mysql://USER:PASSWORD@HOST/DATABASE`
/// (also `mariadb:`) and `postgres://USER:PASSWORD@HOST/DATABASE` (also `postgresql:`), with parameters like `?ssl-mode=VERIFY_CA`.
///
/// # Errors
/// When the URL is not understood, or the database cannot be reached or prepared; [`ConnectError::may_pass`] says which.
pub async fn connect(url: &str, limits: PoolLimits) -> Result<Arc<dyn OrderStore>, ConnectError> {
    if let Some(path) = sqlite::path_of(url) {
        return Ok(Arc::new(SqlStore::open(sqlite::File::new(path?), limits).await?));
    }
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "mysql" | "mariadb" => Ok(Arc::new(SqlStore::open(mysql::Server::new(url)?, limits).await?)),
        "postgres" | "postgresql" => Ok(Arc::new(SqlStore::open(postgres::Server::new(url)?, limits).await?)),
        _ => Err(ConnectError::Url {
            url: format!("{scheme}:…"),
            reason: "it must begin with `sqlite:`, `mysql:` or `postgres:`".to_owned(),
        }),
    }
}

/// `url` with `password` as that of its user.
///
/// # Errors
/// When the URL names no user, or has a password already.
pub fn with_password(url: &str, password: &str) -> Result<String, ConnectError> {
    let refused = |reason: &str| ConnectError::Url { url: shown(url), reason: reason.to_owned() };
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)));
    match parts {
        Some((scheme, (user, place))) if !user.contains([':', '/']) => {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
            Ok(format!("{scheme}://{user}:{encoded}@{place}"))
        }
        Some((_, (user, _))) if user.contains(':') => Err(refused("it has a password already")),
        _ => Err(refused("it names no user that a password could belong to")),
    }
}

/// `url` without a password, for messages.
pub(super) fn shown(url: &str) -> String {
    let hidden = || {
        let (scheme, rest) = url.split_once("://")?;
        let (login, place) = rest.rsplit_once('@')?;
        let user = login.split_once(':')?.0;
        // Parameters may hold secrets too.
        Some(format!("{scheme}://{user}@{}", place.split_once('?').map_or(place, |(place, _)| place)))
    };
    hidden().unwrap_or_else(|| url.to_owned())
}

/// The reason in an error about settings, without the words around it.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(inside) => inside.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            shown("mysql://app_user:se@cret@host:3306/orders_db?x=y"),
            "mysql://app_user@host:3306/orders_db"
        );
        assert_eq!(shown("postgres://app_user@host/orders_db"), "postgres://app_user@host/orders_db");
        assert_eq!(shown("sqlite:///data/a@b:c/orders.db"), "sqlite:///data/a@b:c/orders.db");
    }

    #[test]
    fn a_password_is_put_where_it_belongs() {
        let good = with_password("mysql://app_user@host/orders_db", "a:@1");
        assert_eq!(good.as_deref(), Ok("mysql://app_user:%61%3A%40%31@host/orders_db"));
        for wrong in ["sqlite://a/orders.db", "mysql://host/orders_db", "mysql://app_user:x@host/orders_db"] {
            assert!(with_password(wrong, "x").is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn unknown_databases_are_refused_without_their_password() {
        let check = async |url: &str, expect: &str| {
            let error = connect(url, PoolLimits::standard()).await.err().expect("refused");
            assert!(!error.may_pass());
            assert_eq!(error.to_string(), expect);
        };
        let reason = "is not supported: it must begin with `sqlite:`, `mysql:` or `postgres:`";
        check("oracle://app_user:secret@host/orders_db", &format!("database URL `oracle:…` {reason}")).await;
        check("/tmp/orders.db", &format!("database URL `:…` {reason}")).await;
        check(
            "mysql://app_user:secret@host:x/orders_db",
            "database URL `mysql:…` is not supported: invalid port number",
        )
        .await;
        check(
            "postgres://app_user:secret@host/",
            "database URL `postgres:…` is not supported: the name of a database is missing",
        )
        .await;
        check("sqlite:", "database URL `sqlite:` is not supported: the path of a file is missing").await;
        check(
            "sqlite::memory:",
            "database URL `sqlite::memory:` is not supported: instances share a file, memory cannot be shared",
        )
        .await;
    }
}
