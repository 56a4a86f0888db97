//! What the store needs to know of one database: its SQL, its way to connect, its error codes.

use std::time::Duration;

use sqlx::{Connection, Row};

use super::fault::Fault;
use super::{ConnectError, StoreError};

/// A value in a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Int(i64),
    Text(&'a str),
}

/// The statements, with their values in the order in which they stand here. Money is in cents, times in milliseconds since the
/// epoch on this side; the statements convert where columns are others.
#[derive(Debug)]
pub(super) struct Sql {
    /// Run once on each new connection; empty for none.
    pub(super) session: &'static str,
    pub(super) begin: &'static str,
    pub(super) commit: &'static str,
    /// Order. A row per item: customer, total, status, time, item, product, quantity, price; one row without an item where
    /// there are none.
    pub(super) select_order: &'static str,
    /// Customer, name, e-mail address, time. Leaves a known customer alone.
    pub(super) insert_customer: &'static str,
    /// Customer, total, status, time.
    pub(super) insert_order: Insert,
    /// Order, items as in [`super::sql`]'s JSON: one statement for any number of them.
    pub(super) insert_items: Insert,
    /// Status, order.
    pub(super) update_status: &'static str,
    /// Reads a page of the real table, which `SELECT 1` would not.
    pub(super) ping: &'static str,
}

/// An insertion that the database gives ids to.
#[derive(Debug)]
pub(super) enum Insert {
    /// It returns the ids itself.
    Returning(&'static str),
    /// A second statement asks for them, with this many of the first one's values.
    ThenAsk(&'static str, &'static str, usize),
}

/// A database.
pub(super) trait Driver: Send + Sync + 'static {
    type Connection: Connection + Send;
    type Row: Cells + Send + Sync;

    /// The name for people.
    const KIND: &'static str;
    const SQL: Sql;
    /// Whether only one transaction at a time may write.
    const ONE_WRITER: bool;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, sqlx::Error>> + Send;

    /// Makes tables and sample data where they are missing. To connect may take no longer than `limit`.
    fn prepare(&self, limit: Duration) -> impl Future<Output = Result<(), ConnectError>> + Send;

    /// Whether what was opened is still what would be opened now.
    fn is_in_place(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn fault(error: &sqlx::Error) -> Fault;

    /// Runs statements without values and throws their rows away.
    fn run(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Runs a prepared statement; how many rows it met.
    fn execute(
        connection: &mut Self::Connection,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;

    /// Runs a prepared statement for its rows.
    fn fetch(
        connection: &mut Self::Connection,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, sqlx::Error>> + Send;
}

/// Opens a connection and says what every session is to know. Whatever is wrong with it, nothing has happened yet.
pub(super) async fn connect<D: Driver>(driver: &D, limit: Duration) -> Result<D::Connection, StoreError> {
    let opening = async {
        let mut connection = driver.connect().await?;
        if !D::SQL.session.is_empty() {
            D::run(&mut connection, D::SQL.session).await?;
        }
        Ok(connection)
    };
    let opened = tokio::time::timeout(limit, opening).await;
    let opened = opened.map_err(|_| StoreError::Unavailable(format!("no connection within {limit:?}")))?;
    opened.map_err(|error| D::fault(&error).told())
}

/// A row, read by places.
pub(super) trait Cells {
    /// A whole number, or nothing.
    fn int(&self, place: usize) -> Result<Option<i64>, sqlx::Error>;

    /// A whole number that is always there.
    fn id(&self, place: usize) -> Result<i64, sqlx::Error> {
        let missing = || sqlx::Error::Decode(format!("nothing in column {place}").into());
        self.int(place)?.ok_or_else(missing)
    }

    /// A text.
    fn text(&self, place: usize) -> Result<String, sqlx::Error>;
}

impl<R> Cells for R
where
    R: Row,
    usize: sqlx::ColumnIndex<R>,
    for<'r> Option<i64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn int(&self, place: usize) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(place)
    }

    fn text(&self, place: usize) -> Result<String, sqlx::Error> {
        self.try_get(place)
    }
}

/// The three calls of [`Driver`], which read the same for each database and cannot be written for all of them at once: the library's
/// traits are about each database's own types, and naming them all takes more lines than this.
macro_rules! calls {
    ($database:ty) => {
        async fn run(connection: &mut Self::Connection, sql: &'static str) -> Result<(), sqlx::Error> {
            sqlx::raw_sql(sql).execute(connection).await.map(drop)
        }

        async fn execute(
            connection: &mut Self::Connection,
            sql: &'static str,
            values: &[$crate::orders::store::driver::Value<'_>],
        ) -> Result<u64, sqlx::Error> {
            let query = $crate::orders::store::driver::bound!($database, sql, values);
            Ok(query.execute(connection).await?.rows_affected())
        }

        async fn fetch(
            connection: &mut Self::Connection,
            sql: &'static str,
            values: &[$crate::orders::store::driver::Value<'_>],
        ) -> Result<Vec<Self::Row>, sqlx::Error> {
            let query = $crate::orders::store::driver::bound!($database, sql, values);
            query.fetch_all(connection).await
        }
    };
}

/// A prepared statement with its values.
macro_rules! bound {
    ($database:ty, $sql:expr, $values:expr) => {
        $values.iter().fold(sqlx::query::<$database>($sql), |query, value| match *value {
            $crate::orders::store::driver::Value::Int(number) => query.bind(number),
            $crate::orders::store::driver::Value::Text(text) => query.bind(text),
        })
    };
}

pub(super) use {bound, calls};
