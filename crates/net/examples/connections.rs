//! Measures what the client's connections cost: fifty that are kept, each with a body of 250 KB every so often.
//!
//! `cargo run --release -p net --example connections [ROUNDS]`. The servers are a process of their own, so that what is counted is the
//! client's alone: its processor time for a body, and its anonymous memory before the first connection and when all are idle.

#![allow(clippy::print_stdout, reason = "a bench speaks to whoever runs it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use net::{Client, ClientOptions, Server, ServerLimits};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TARGETS: usize = 50;
const BODY_BYTES: usize = 250_000;
/// Between two bodies, so that each finds threads that sleep, as scrapes do.
const PAUSE: Duration = Duration::from_millis(3);
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    match std::env::args().nth(1).as_deref() {
        Some("serve") => runtime.block_on(serve()),
        rounds => {
            let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(60);
            // A task of its own, as a target's is: what the program waits for itself is on a thread alone.
            runtime.block_on(async { tokio::spawn(fetch(rounds)).await }).expect("no panic");
        }
    }
}

/// Serves until nobody holds the other end of its standard input.
async fn serve() {
    let body = Bytes::from(vec![b'x'; BODY_BYTES]);
    let router = Router::new().route("/", get(async move || body.clone()));
    let mut servers = Vec::new();
    for _ in 0..TARGETS {
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        servers.push(Server::start(listener, router.clone(), ServerLimits::standard()));
        println!("{}", servers.last().expect("just pushed").url());
    }
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    let _ = ended.await;
}

async fn fetch(rounds: usize) {
    let (mut servers, urls) = start_servers();
    let client = Client::new(ClientOptions::named("bench")).expect("a client");
    let round = async || {
        for url in &urls {
            let answer = client.get(url, &[], PATIENCE, BODY_BYTES).await.expect("an answer");
            assert_eq!(answer.body.len(), BODY_BYTES);
            tokio::time::sleep(PAUSE).await;
        }
    };
    let empty_kb = anonymous_kb();
    round().await;
    let begin_s = processor_s();
    for _ in 0..rounds {
        round().await;
    }
    let took_s = processor_s() - begin_s;
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!(
        "{:.1} µs of the processor for a body; {empty_kb} KB of memory before, {} KB with {TARGETS} idle connections",
        took_s * 1e6 / (rounds * TARGETS) as f64,
        anonymous_kb()
    );
    drop(servers.stdin.take());
    servers.wait().expect("it ends");
}

fn start_servers() -> (Child, Vec<String>) {
    let mut servers = Command::new(std::env::current_exe().expect("this program"))
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(servers.stdout.take().expect("piped above"));
    let urls = said.lines().take(TARGETS).map(|line| line.expect("it says where it listens")).collect();
    (servers, urls)
}

/// Of all threads, to the nanosecond: `/proc/self/stat` counts in hundredths of a second.
fn processor_s() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let spent = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.expect("readable").path().join("schedstat"));
        text.ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0)
    });
    spent.sum::<f64>() / 1e9
}

fn anonymous_kb() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("there");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
