//! Orders in MySQL 8 or MariaDB 10.6 and later.

use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{ConnectOptions, MySql};

use super::ConnectError;
use super::driver::{Driver, Insert, Sql, calls};
use super::fault::{Codes, Fault};
use super::schema::{self, Schema};

/// Numbers of the server's errors.
const CODES: Codes = Codes {
    // The server stops; a query or a connection was killed, also while it waited for the next id.
    lost: &["1053", "1317", "1927", "1467"],
    // A deadlock; MariaDB's row that changed since it was read.
    conflict: &["1213", "1020"],
    // Too many connections or out of memory; a lock that was not given in time; disk or table full; read-only; a limit of the user.
    busy: &["1037", "1038", "1040", "1041", "1203", "1205", "1021", "1114", "1290", "1836", "1226", "1129"],
};

/// `db/schema.sql` and `db/seed.sql` are also for people.
const SCHEMA: Schema = Schema {
    lock: "DO GET_LOCK('watchfire orders schema', 60)",
    versions: "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)",
    steps: &[include_str!("../../../../../../db/schema.sql"), include_str!("../../../../../../db/seed.sql")],
};

/// A server and how to log in to it.
#[derive(Debug)]
pub(super) struct Server(MySqlConnectOptions);

impl Server {
    /// Reads a URL, whose password goes no further.
    pub(super) fn new(url: &str) -> Result<Self, ConnectError> {
        let refused = |reason: String| ConnectError::Url { url: "mysql:…".to_owned(), reason };
        let options = MySqlConnectOptions::from_str(url).map_err(|error| refused(super::reason(&error)))?;
        match options.get_database() {
            None | Some("") => Err(refused("the name of a database is missing".to_owned())),
            Some(_) => Ok(Self(options.disable_statement_logging())),
        }
    }
}

impl Driver for Server {
    type Connection = MySqlConnection;
    type Row = MySqlRow;

    const KIND: &'static str = "mysql";
    const ONE_WRITER: bool = false;
    const SQL: Sql = Sql {
        // The default is 50 s, which no caller of ours waits; the server would go on holding other locks meanwhile.
        session: "SET SESSION innodb_lock_wait_timeout = 5",
        begin: "START TRANSACTION",
        commit: "COMMIT",
        // One row per item, the order's columns repeated: one round trip, and one state of the database.
        select_order: "SELECT o.customer_id, CAST(o.total_amount * 100 AS SIGNED), o.status, \
            CAST(UNIX_TIMESTAMP(o.created_at) * 1000 AS SIGNED), \
            i.item_id, i.product_id, i.quantity, CAST(i.unit_price * 100 AS SIGNED) \
            FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id \
            WHERE o.order_id = ? ORDER BY i.item_id",
        // IGNORE would also bend other values into shape, but all of them have been checked. ON DUPLICATE KEY would lock the
        // customer's row against others who order for the same one.
        insert_customer: "INSERT IGNORE INTO customer (customer_id, name, email, created_at) \
            VALUES (?, ?, ?, FROM_UNIXTIME(? / 1000))",
        insert_order: Insert::ThenAsk(
            "INSERT INTO orders (customer_id, total_amount, status, created_at) \
            VALUES (?, ? / 100, ?, FROM_UNIXTIME(? / 1000))",
            "SELECT CAST(LAST_INSERT_ID() AS SIGNED)",
            0,
        ),
        insert_items: Insert::ThenAsk(
            "INSERT INTO order_items (order_id, product_id, quantity, unit_price) \
            SELECT ?, t.product_id, t.quantity, t.cents / 100 FROM JSON_TABLE(?, '$[*]' COLUMNS \
            (place FOR ORDINALITY, product_id INT PATH '$[0]', quantity INT PATH '$[1]', cents BIGINT PATH '$[2]')) AS t \
            ORDER BY t.place",
            "SELECT item_id FROM order_items WHERE order_id = ?",
            1,
        ),
        update_status: "UPDATE orders SET status = ? WHERE order_id = ?",
        ping: "SELECT order_id FROM orders LIMIT 1",
    };

    async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        self.0.connect().await
    }

    async fn prepare(&self, limit: Duration) -> Result<(), ConnectError> {
        schema::prepare(self, &SCHEMA, limit).await
    }

    fn fault(error: &sqlx::Error) -> Fault {
        Fault::of(error, &CODES, number)
    }

    calls!(MySql);
}

/// The SQL state says too little: most of the server's own errors share one.
fn number(error: &dyn DatabaseError) -> String {
    error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number).to_string()
}
