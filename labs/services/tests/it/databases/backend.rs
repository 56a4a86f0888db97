//! A database to test on, and a way past the store.

use std::path::PathBuf;
use std::sync::Arc;

use dbserver::{Account, Engine, Options, Server};
use services::common::money::Money;
use services::orders::domain::{Customer, CustomerId, NewItem, NewOrder, ProductId};
use services::orders::store::{OrderStore, PoolLimits, connect};
use tokio::task::block_in_place;

use crate::bench::PATIENCE;

/// Where databases come from.
pub(crate) struct Backend {
    kind: Kind,
    made: u32,
}

enum Kind {
    Sqlite(tempfile::TempDir),
    Server(Engine, Box<Server>),
}

/// One database; its name on the server, or its file.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Backend {
    pub(crate) fn sqlite() -> Self {
        Self { kind: Kind::Sqlite(tempfile::tempdir().expect("a folder")), made: 0 }
    }

    pub(crate) fn server(engine: Engine) -> Self {
        let started = block_in_place(|| Server::start(Options::temporary(engine)));
        let server = started.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        Self { kind: Kind::Server(engine, Box::new(server)), made: 0 }
    }

    /// A database without tables.
    pub(crate) fn database(&mut self) -> Database {
        self.made += 1;
        match &self.kind {
            Kind::Sqlite(folder) => {
                let name = folder.path().join(format!("orders-{}.db", self.made)).display().to_string();
                Database { url: format!("sqlite://{name}"), name }
            }
            Kind::Server(_, server) => {
                let name = format!("orders_{}", self.made);
                block_in_place(|| server.create_database(&name)).expect("made");
                Database { url: server.url(Account::App, &name).expect("a URL"), name }
            }
        }
    }

    /// A database and a store over it.
    pub(crate) async fn store(&mut self) -> (Database, Arc<dyn OrderStore>) {
        let database = self.database();
        let store = open(&database).await;
        (database, store)
    }

    pub(crate) fn engine(&self) -> Option<Engine> {
        match &self.kind {
            Kind::Sqlite(_) => None,
            Kind::Server(engine, _) => Some(*engine),
        }
    }

    pub(crate) fn real_server(&mut self) -> &mut Server {
        match &mut self.kind {
            Kind::Sqlite(_) => panic!("SQLite has no server"),
            Kind::Server(_, server) => server,
        }
    }

    /// What a query gives that has one row and column, read past the store.
    pub(crate) async fn one(&self, database: &Database, sql: &str) -> String {
        match &self.kind {
            Kind::Sqlite(_) => sqlite_one(database.name.clone().into(), sql).await,
            Kind::Server(_, server) => {
                let said = block_in_place(|| server.admin(&database.name, &format!("{sql};")));
                said.unwrap_or_else(|error| panic!("{sql}: {error}"))
            }
        }
    }

    pub(crate) async fn number(&self, database: &Database, sql: &str) -> i64 {
        let text = self.one(database, sql).await;
        text.parse().unwrap_or_else(|_| panic!("{sql}: {text:?}"))
    }

    /// Orders beside the sample data.
    pub(crate) async fn orders(&self, database: &Database) -> i64 {
        self.number(database, "SELECT count(*) FROM orders WHERE order_id > 300").await
    }

    /// Orders whose total is not the sum of their items, or that have none. There must be none.
    pub(crate) async fn half_written(&self, database: &Database) -> i64 {
        let cents = if self.engine().is_some() { "" } else { "_cents" };
        let sql = format!(
            "SELECT count(*) FROM orders o WHERE total_amount{cents} <> coalesce((SELECT sum(quantity * unit_price{cents}) \
            FROM order_items i WHERE i.order_id = o.order_id), -1)"
        );
        self.number(database, &sql).await
    }
}

pub(crate) async fn open(database: &Database) -> Arc<dyn OrderStore> {
    // A busy machine refuses nobody.
    let limits =
        PoolLimits { acquire_timeout: PATIENCE, statement_timeout: PATIENCE, ..PoolLimits::standard() };
    let opened = connect(&database.url, limits).await;
    opened.unwrap_or_else(|error| panic!("{}: {error}", database.name))
}

async fn sqlite_one(path: PathBuf, sql: &str) -> String {
    use sqlx::{ConnectOptions, Row};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.expect("connects");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.expect(sql);
    row.try_get::<i64, _>(0).map_or_else(|_| row.get::<String, _>(0), |number| number.to_string())
}

/// An order of lines: product, quantity, cents.
pub(crate) fn new_order(customer_id: i64, lines: &[(i64, i64, i64)]) -> NewOrder {
    let line = |&(product_id, quantity, cents)| NewItem {
        product_id: ProductId(product_id),
        quantity,
        unit_price: Money::from_cents(cents),
    };
    let customer_id = CustomerId(customer_id);
    let total = Money::from_cents(lines.iter().map(|(_, quantity, cents)| quantity * cents).sum());
    let items = lines.iter().map(line).collect();
    NewOrder { customer_id, customer: Customer::generated(customer_id), items, total }
}
