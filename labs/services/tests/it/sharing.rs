//! Two instances on one file, as separate processes, and what a kill leaves behind.
//!
//! The second process is this test binary, started once more for one test with [`CHILD`] set.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use sqlx::ConnectOptions;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::bench::{Bench, Client, HALF_WRITTEN, PATIENCE, number, options};

/// Names the folder that the second process works in.
const CHILD: &str = "SERVICES_TEST_CHILD_FOLDER";
/// What the second process prints before what it has to say; the test harness prints other lines.
const SAYS: &str = "child says ";

const WRITERS: usize = 4;
const ORDERS_EACH: usize = 40;

/// The second process; killed when the test ends, however it ends.
struct Other(Child);

impl Other {
    /// Runs the test `name` in a process of its own and waits for what it says.
    async fn run(name: &str, folder: &Path) -> (Self, String) {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = child.stdout.take().expect("piped");
        let output = tokio::process::ChildStdout::from_std(output).expect("a pipe");
        let mut lines = BufReader::new(output).lines();
        let said = async {
            loop {
                let line = lines.next_line().await.expect("read").expect("it says something before it ends");
                // The harness begins a line with the test's name and does not end it.
                if let Some((_, said)) = line.split_once(SAYS) {
                    return said.to_owned();
                }
            }
        };
        let said = tokio::time::timeout(PATIENCE, said).await.expect("in time");
        (Self(child), said)
    }

    /// `kill -9`, and gone when it returns.
    fn kill(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("gone");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In the second process: says `what`, then lives until the first one lets go of its input.
#[expect(clippy::print_stdout, reason = "standard output is how the first process hears of it")]
async fn say_and_stay(what: &str) {
    println!("{SAYS}{what}");
    let _ = tokio::io::stdin().read_u8().await;
}

fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

fn order_of(customer: usize, place: usize) -> String {
    format!(
        r#"{{"customer_id":{},"items":[{{"product_id":{},"quantity":1,"unit_price":0.1}},{{"product_id":1,"quantity":3,"unit_price":19.99}}]}}"#,
        1000 + customer,
        place + 1
    )
}

/// Places orders one after the other until told so many, or until the instance is gone; the ids of those acknowledged.
async fn place_orders(client: Client, writer: usize, count: usize) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    for place in 0..count {
        match client.post("/api/order", &order_of(writer, place)).await {
            Ok((201, body)) => {
                let order: serde_json::Value = serde_json::from_str(&body).expect("JSON");
                acknowledged.push(order["order_id"].as_i64().expect("an id"));
            }
            Ok(refused) => panic!("{refused:?}"),
            Err(_) => return acknowledged,
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_lose_and_double_nothing() {
    if let Some(folder) = child_folder() {
        let running = services::orders::start(options(&folder, "orders-2")).await.expect("starts");
        say_and_stay(&running.urls()["http"]).await;
        return;
    }
    let bench = Bench::start().await;
    let name = "sharing::two_processes_lose_and_double_nothing";
    let (_other, url) = Other::run(name, bench.folder.path()).await;
    let clients = [bench.client.clone(), Client::at(&url, "")];
    let writing: Vec<_> = (0..2 * WRITERS)
        .map(|writer| tokio::spawn(place_orders(clients[writer % 2].clone(), writer, ORDERS_EACH)))
        .collect();
    let mut acknowledged = Vec::new();
    for writer in writing {
        acknowledged.extend(writer.await.expect("no panic"));
    }
    acknowledged.sort_unstable();
    acknowledged.dedup();
    assert_eq!(acknowledged.len(), 2 * WRITERS * ORDERS_EACH);
    let database = bench.database();
    assert_eq!(
        number(&database, "SELECT count(*) - 300 FROM orders").await,
        (2 * WRITERS * ORDERS_EACH) as i64
    );
    assert_eq!(
        number(&database, "SELECT count(*) FROM customer WHERE customer_id >= 1000").await,
        2 * WRITERS as i64
    );
    assert_eq!(number(&database, HALF_WRITTEN).await, 0);
    // What one wrote the other reads.
    let last = acknowledged.last().expect("orders");
    let path = format!("/api/order/{last}");
    assert_eq!(clients[0].get(&path).await, clients[1].get(&path).await);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_loses_nothing_that_it_acknowledged() {
    if let Some(folder) = child_folder() {
        let running = services::orders::start(options(&folder, "orders-2")).await.expect("starts");
        say_and_stay(&running.urls()["http"]).await;
        return;
    }
    let bench = Bench::start().await;
    let name = "sharing::a_killed_instance_loses_nothing_that_it_acknowledged";
    let (mut other, url) = Other::run(name, bench.folder.path()).await;
    let database = bench.database();
    let writing: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(place_orders(Client::at(&url, ""), writer, 1_000_000)))
        .collect();
    let some_written = async { while number(&database, "SELECT count(*) - 300 FROM orders").await < 20 {} };
    tokio::time::timeout(PATIENCE, some_written).await.expect("orders are written");
    other.kill();
    let mut acknowledged = Vec::new();
    for writer in writing {
        acknowledged.extend(writer.await.expect("no panic"));
    }
    let stored = number(&database, "SELECT count(*) - 300 FROM orders").await;
    let least = acknowledged.len() as i64;
    // Each writer may have had one order stored whose acknowledgement the kill cut off.
    assert!((least..=least + WRITERS as i64).contains(&stored), "{stored} stored, {least} acknowledged");
    for id in acknowledged {
        assert_eq!(bench.client.get(&format!("/api/order/{id}")).await.0, 200, "order {id}");
    }
    assert_eq!(number(&database, HALF_WRITTEN).await, 0);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_transaction_leaves_nothing() {
    if let Some(folder) = child_folder() {
        let database = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("orders.db"));
        let mut connection = database.connect().await.expect("connects");
        let half = "BEGIN IMMEDIATE; \
            INSERT INTO customer (customer_id, name, email, created_at_ms) VALUES (7777, 'x', 'y', 0); \
            INSERT INTO orders (customer_id, total_amount_cents, created_at_ms) VALUES (7777, 100, 0);";
        sqlx::raw_sql(half).execute(&mut connection).await.expect("half-way");
        say_and_stay("half-way").await;
        return;
    }
    let bench = Bench::start().await;
    let (mut other, _) =
        Other::run("sharing::a_killed_transaction_leaves_nothing", bench.folder.path()).await;
    // The lock is held: this order waits, and goes through as soon as the holder is dead.
    let waiting = tokio::spawn(place_orders(bench.client.clone(), 0, 1));
    let metrics = bench.client.clone();
    let under_way = async {
        while metrics.sample(r#"http_requests_in_progress{method="POST",endpoint="/api/order"}"#).await != 1 {
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.expect("the order is under way");
    other.kill();
    assert_eq!(waiting.await.expect("no panic").len(), 1);
    let database = bench.database();
    assert_eq!(number(&database, "SELECT count(*) FROM customer WHERE customer_id = 7777").await, 0);
    assert_eq!(number(&database, "SELECT count(*) FROM orders").await, 301);
    bench.running.stop().await;
}
