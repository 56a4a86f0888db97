//! What one request costs: database queries and calls to other services, added up in a task-local while it is handled.
//!
//! [`query`] and [`external`] time the work they are given, wherever it is done below the handler, without anything being
//! passed down. Work that is dropped half-way, because the client left, counts for as long as it took. Outside of a
//! request (at start, in a background task) nothing is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of a query's time in seconds: SQLite answers in tens of microseconds, a locked table after seconds.
const QUERY_BUCKETS_S: [f64; 10] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0];
/// Upper bounds of an external call's time in seconds.
const EXTERNAL_BUCKETS_S: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];

tokio::task_local! {
    static ACCOUNT: Arc<Account>;
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    query: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabels {
    query: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    service: &'static str,
    outcome: &'static str,
}

/// Queries and external calls of all requests.
#[derive(Debug, Clone)]
pub(crate) struct AccountMetrics {
    queries: Family<QueryLabels, Counter>,
    query_durations: Family<NameLabels, Histogram, fn() -> Histogram>,
    external_durations: Family<CallLabels, Histogram, fn() -> Histogram>,
}

impl AccountMetrics {
    /// Adds `db_queries_total`, `db_query_duration_seconds` and `external_call_duration_seconds`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            queries: Family::default(),
            query_durations: Family::new_with_constructor(|| Histogram::new(QUERY_BUCKETS_S)),
            external_durations: Family::new_with_constructor(|| Histogram::new(EXTERNAL_BUCKETS_S)),
        };
        registry.register(
            "db_queries",
            "Database queries made for requests, by how they ended",
            metrics.queries.clone(),
        );
        registry.register(
            "db_query_duration_seconds",
            "Time of database queries made for requests",
            metrics.query_durations.clone(),
        );
        registry.register(
            "external_call_duration_seconds",
            "Time of calls to other services made for requests",
            metrics.external_durations.clone(),
        );
        metrics
    }
}

/// The sums of one request.
#[derive(Debug)]
pub(crate) struct Account {
    db_queries: AtomicU64,
    db_us: AtomicU64,
    external_calls: AtomicU64,
    external_us: AtomicU64,
    metrics: AccountMetrics,
}

/// What an account holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Database queries.
    pub db_queries: u64,
    /// Time in them.
    pub db: Duration,
    /// Calls to other services.
    pub external_calls: u64,
    /// Time in those.
    pub external: Duration,
}

impl Account {
    pub(crate) fn open(metrics: AccountMetrics) -> Arc<Self> {
        let zero = AtomicU64::default;
        Arc::new(Self {
            db_queries: zero(),
            db_us: zero(),
            external_calls: zero(),
            external_us: zero(),
            metrics,
        })
    }

    pub(crate) fn spent(&self) -> Spent {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        Spent {
            db_queries: read(&self.db_queries),
            db: Duration::from_micros(read(&self.db_us)),
            external_calls: read(&self.external_calls),
            external: Duration::from_micros(read(&self.external_us)),
        }
    }
}

/// Runs `work` with `account` open: what it asks and calls is added there.
pub(crate) async fn charged<F: Future>(account: Arc<Account>, work: F) -> F::Output {
    ACCOUNT.scope(account, work).await
}

/// Runs a database query under `name`, one of a fixed set.
pub(crate) async fn query<T, E>(
    name: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut entry = Entry::begin(What::Query(name), "cut");
    let result = work.await;
    entry.ended = if result.is_ok() { "ok" } else { "error" };
    result
}

/// Calls another service; `outcome` gives one word of a fixed set for what came of it.
pub(crate) async fn external<T>(
    service: &'static str,
    work: impl Future<Output = T>,
    outcome: impl FnOnce(&T) -> &'static str,
) -> T {
    let mut entry = Entry::begin(What::Call(service), "cut");
    let result = work.await;
    entry.ended = outcome(&result);
    result
}

enum What {
    Query(&'static str),
    Call(&'static str),
}

/// Work under way; written into the account when it is dropped.
struct Entry {
    account: Option<Arc<Account>>,
    what: What,
    began: Instant,
    ended: &'static str,
}

impl Entry {
    fn begin(what: What, ended: &'static str) -> Self {
        Self { account: ACCOUNT.try_with(Arc::clone).ok(), what, began: Instant::now(), ended }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(account) = &self.account else { return };
        let took = self.began.elapsed();
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (count, sum) = match self.what {
            What::Query(_) => (&account.db_queries, &account.db_us),
            What::Call(_) => (&account.external_calls, &account.external_us),
        };
        count.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(us, Ordering::Relaxed);
        let metrics = &account.metrics;
        match self.what {
            What::Query(query) => {
                metrics.queries.get_or_create(&QueryLabels { query, result: self.ended }).inc();
                metrics.query_durations.get_or_create(&NameLabels { query }).observe(took.as_secs_f64());
            }
            What::Call(service) => {
                let labels = CallLabels { service, outcome: self.ended };
                metrics.external_durations.get_or_create(&labels).observe(took.as_secs_f64());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queries_and_calls_add_up_where_the_account_is_open() {
        let mut registry = Registry::default();
        let account = Account::open(AccountMetrics::register(&mut registry));
        let nap = Duration::from_millis(2);
        let asked = async {
            for _ in 0..3 {
                let read = query("read", async {
                    tokio::time::sleep(nap).await;
                    Ok::<_, ()>(7)
                });
                assert_eq!(read.await, Ok(7));
            }
            let _ = query("read", async { Err::<(), _>("broken") }).await;
            external("payments", std::future::ready(402), |_| "declined").await
        };
        assert_eq!(charged(account.clone(), asked).await, 402);
        let _ = query("read", std::future::ready(Ok::<_, ()>(1))).await;
        let spent = account.spent();
        assert_eq!((spent.db_queries, spent.external_calls), (4, 1));
        assert!(spent.db >= nap * 3, "{spent:?}");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("written");
        for line in [
            r#"db_queries_total{query="read",result="ok"} 3"#,
            r#"db_queries_total{query="read",result="error"} 1"#,
            r#"db_query_duration_seconds_count{query="read"} 4"#,
            r#"external_call_duration_seconds_count{service="payments",outcome="declined"} 1"#,
        ] {
            assert!(text.lines().any(|each| each == line), "{line} is not in\n{text}");
        }
    }

    #[tokio::test]
    async fn work_that_is_dropped_half_way_counts_too() {
        let account = Account::open(AccountMetrics::register(&mut Registry::default()));
        let endless = charged(account.clone(), query("read", std::future::pending::<Result<(), ()>>()));
        assert!(tokio::time::timeout(Duration::from_millis(5), endless).await.is_err());
        assert_eq!(account.spent().db_queries, 1);
    }
}
