//! Orders in PostgreSQL 12 and later.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Postgres};

use super::ConnectError;
use super::driver::{Driver, Insert, Sql, calls};
use super::fault::{Codes, Fault};
use super::schema::{self, Schema};

/// SQL states and their classes.
const CODES: Codes = Codes {
    // Connection failures; the server stops, was killed or ended the session; a session that idled in a transaction.
    lost: &["08", "57P01", "57P02", "57P05", "25P03"],
    // Serialization failure, deadlock.
    conflict: &["40001", "40P01"],
    // Starting up; out of connections, memory, disk; a lock not given, a statement cancelled; read-only; failures of the system.
    busy: &["57P03", "53", "55P03", "57014", "25006", "58"],
};

const SCHEMA: Schema = Schema {
    // A number that nobody else is likely to choose.
    lock: "SET lock_timeout = 0; SELECT pg_advisory_lock(7290361518)",
    versions: "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)",
    steps: &[include_str!("0001_schema.sql"), include_str!("0002_seed.sql")],
};

/// A server and how to log in to it.
#[derive(Debug)]
pub(super) struct Server(PgConnectOptions);

impl Server {
    /// Reads a URL, whose password goes no further.
    pub(super) fn new(url: &str) -> Result<Self, ConnectError> {
        let refused = |reason: String| ConnectError::Url { url: "postgres:…".to_owned(), reason };
        let options = PgConnectOptions::from_str(url).map_err(|error| refused(super::reason(&error)))?;
        match options.get_database() {
            None | Some("") => Err(refused("the name of a database is missing".to_owned())),
            Some(_) => Ok(Self(options.disable_statement_logging())),
        }
    }
}

impl Driver for Server {
    type Connection = PgConnection;
    type Row = PgRow;

    const KIND: &'static str = "postgres";
    const ONE_WRITER: bool = false;
    const SQL: Sql = Sql {
        session: "SET lock_timeout = '5s'",
        begin: "BEGIN",
        commit: "COMMIT",
        // One row per item, the order's columns repeated: one round trip, and one state of the database.
        select_order: "SELECT o.customer_id::bigint, (o.total_amount * 100)::bigint, o.status, \
            (extract(epoch FROM o.created_at) * 1000)::bigint, \
            i.item_id, i.product_id::bigint, i.quantity::bigint, (i.unit_price * 100)::bigint \
            FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id \
            WHERE o.order_id = $1 ORDER BY i.item_id",
        insert_customer: "INSERT INTO customer (customer_id, name, email, created_at) \
            VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0)) ON CONFLICT (customer_id) DO NOTHING",
        insert_order: Insert::Returning(
            "INSERT INTO orders (customer_id, total_amount, status, created_at) \
            VALUES ($1, $2::bigint / 100.0, $3, to_timestamp($4::bigint / 1000.0)) RETURNING order_id",
        ),
        insert_items: Insert::Returning(
            "INSERT INTO order_items (order_id, product_id, quantity, unit_price) \
            SELECT $1, (item ->> 0)::int, (item ->> 1)::int, (item ->> 2)::bigint / 100.0 \
            FROM json_array_elements($2::json) WITH ORDINALITY AS t (item, place) ORDER BY place RETURNING item_id",
        ),
        update_status: "UPDATE orders SET status = $1 WHERE order_id = $2",
        ping: "SELECT order_id FROM orders LIMIT 1",
    };

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.0.connect().await
    }

    async fn prepare(&self, limit: Duration) -> Result<(), ConnectError> {
        schema::prepare(self, &SCHEMA, limit).await
    }

    fn fault(error: &sqlx::Error) -> Fault {
        Fault::of(error, &CODES, |error| error.code().unwrap_or_default().into_owned())
    }

    calls!(Postgres);
}
