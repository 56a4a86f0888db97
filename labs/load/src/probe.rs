//! Finds orders that were there before us, so that reads touch more than what this run wrote.
//!
//! Nothing lists orders, so it asks for single ones: ids run upwards from 1, so doubling finds an id that isn't there,
//! halving finds the border, and a random sample below it is asked for one by one. Only an id that answered counts as
//! known: ids may have gaps, and a 404 to a user's read must stay a real failure. At most 130 requests (33 doublings, 33
//! halvings, 64 samples), counted in `load_probes_total` and not as load. The users don't wait for it.

use std::time::Duration;

use stdx::Backoff;
use tokio::time::sleep;

use crate::connection::Connection;
use crate::orders::Shop;
use crate::outcome::Outcome;

/// Ids above this are not looked for.
const ID_MAX: u64 = 1 << 32;
/// Orders asked for one by one: all of them, or a random sample when there are more.
const SAMPLE: u64 = 64;
/// The target may come up after us.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Looks for existing orders until it has an answer, however long the target takes to come up. Ends by being dropped
/// at the latest.
pub(crate) async fn discover(shop: &Shop, seed: u64) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut probe = Probe {
        shop,
        connection: shop.connection(),
        random: fastrand::Rng::with_seed(seed),
        request: Vec::new(),
    };
    while let Err(outcome) = probe.search().await {
        tracing::debug!(outcome = outcome.name(), "existing orders not found yet");
        sleep(backoff.next_wait()).await;
    }
}

struct Probe<'a> {
    shop: &'a Shop,
    connection: Connection,
    random: fastrand::Rng,
    request: Vec<u8>,
}

impl Probe<'_> {
    async fn search(&mut self) -> Result<(), Outcome> {
        let last = self.last_id().await?;
        for sample in 1..=SAMPLE.min(last) {
            let id = if last <= SAMPLE { sample } else { self.random.u64(1..=last) };
            if self.exists(id).await? {
                self.shop.learn(id, &mut self.random);
            }
        }
        tracing::debug!(last, known = self.shop.known.count(), "existing orders found");
        Ok(())
    }

    /// An id that exists while its successor doesn't; 0 when there is no order 1.
    async fn last_id(&mut self) -> Result<u64, Outcome> {
        let (mut there, mut missing) = (0, 1);
        while missing < ID_MAX && self.exists(missing).await? {
            there = missing;
            missing *= 2;
        }
        while missing - there > 1 {
            let middle = there + (missing - there) / 2;
            match self.exists(middle).await? {
                true => there = middle,
                false => missing = middle,
            }
        }
        Ok(there)
    }

    async fn exists(&mut self, id: u64) -> Result<bool, Outcome> {
        self.shop.target.write_read(id, &mut self.request);
        let outcome = self.connection.call(&self.request, self.shop.request_timeout).await;
        self.shop.metrics.probed(outcome);
        match (outcome, self.connection.status()) {
            (Outcome::Ok, _) => Ok(true),
            (Outcome::Http4xx, 404) => Ok(false),
            (outcome, _) => Err(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::Router;
    use axum::extract::{Path, State};
    use axum::http::StatusCode;
    use axum::routing::get;
    use net::{Server, ServerLimits};
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::known::KnownOrders;
    use crate::metrics::Metrics;
    use crate::target::Target;

    type Exists = fn(u64) -> bool;

    /// A shop whose orders are those that `exists` says; the first `failing` answers are 503.
    async fn check(exists: Exists, failing: u64, known_expected: std::ops::RangeInclusive<usize>) {
        let asked = Arc::new(AtomicU64::new(0));
        let answer = async move |Path(id): Path<u64>, State(asked): State<Arc<AtomicU64>>| match (
            asked.fetch_add(1, Ordering::SeqCst) < failing,
            exists(id),
        ) {
            (true, _) => StatusCode::SERVICE_UNAVAILABLE,
            (_, true) => StatusCode::OK,
            (_, false) => StatusCode::NOT_FOUND,
        };
        let router = Router::new().route("/api/order/{id}", get(answer)).with_state(asked.clone());
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        let server = Server::start(listener, router, ServerLimits::standard());
        let shop = Shop {
            target: Arc::new(Target::parse(&server.url()).expect("a good target")),
            known: KnownOrders::default(),
            request_timeout: Duration::from_secs(60),
            metrics: Metrics::new(&mut Registry::default()),
        };
        discover(&shop, 1).await;
        assert!(known_expected.contains(&shop.known.count()), "{}", shop.known.count());
        let mut random = fastrand::Rng::with_seed(2);
        assert!((0..100).filter_map(|_| shop.known.choose(&mut random)).all(exists));
        assert!(asked.load(Ordering::SeqCst) - failing <= 130);
        server.stop().await;
    }

    #[tokio::test]
    async fn finds_what_is_there_and_nothing_else() {
        check(|id| (1..=20).contains(&id), 0, 20..=20).await;
        check(|id| id == 1, 0, 1..=1).await;
        check(|_| false, 0, 0..=0).await;
        check(|_| true, 0, 64..=64).await;
        check(|id| (1..=5000).contains(&id) && (id % 3 != 0), 0, 1..=63).await;
    }

    #[tokio::test]
    async fn tries_again_until_the_target_answers() {
        check(|id| (1..=20).contains(&id), 2, 20..=20).await;
    }
}
