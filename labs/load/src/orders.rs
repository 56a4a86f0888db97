//! A user of the order service: reads orders that exist, writes new ones, learns ids from what is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use crate::closed::Caller;
use crate::connection::Connection;
use crate::known::KnownOrders;
use crate::metrics::Metrics;
use crate::outcome::{Outcome, RequestKind};
use crate::target::{Target, acknowledged_order};

/// What all users of one run share.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) target: Arc<Target>,
    pub(crate) known: KnownOrders,
    pub(crate) request_timeout: Duration,
    pub(crate) metrics: Metrics,
}

impl Shop {
    /// Remembers an order that exists.
    pub(crate) fn learn(&self, id: u64, random: &mut fastrand::Rng) {
        self.known.add(id, random);
        self.metrics.known_orders.set(i64::try_from(self.known.count()).unwrap_or(i64::MAX));
    }

    /// A connection of its own, not yet made.
    pub(crate) fn connection(&self) -> Connection {
        Connection::new(self.target.clone(), self.metrics.connections.clone())
    }
}

/// One user with a connection.
#[derive(Debug)]
pub(crate) struct OrderUser {
    shop: Arc<Shop>,
    connection: Connection,
    random: fastrand::Rng,
    request: Vec<u8>,
}

impl OrderUser {
    pub(crate) fn new(shop: Arc<Shop>, seed: u64) -> Self {
        // Turned so that what is ordered is not tied to how long the user thinks, which comes from the same seed.
        let random = fastrand::Rng::with_seed(seed.rotate_left(32));
        Self { connection: shop.connection(), shop, random, request: Vec::new() }
    }

    fn learn_from_acknowledgement(&mut self) -> Outcome {
        match acknowledged_order(self.connection.body()) {
            Some(id) => {
                self.shop.learn(id, &mut self.random);
                Outcome::Ok
            }
            None => Outcome::BadResponse,
        }
    }
}

impl Caller for OrderUser {
    /// A read while no order is known becomes a write: there is nothing to read yet, and waiting would be no load.
    async fn call(&mut self, wish: RequestKind) -> (RequestKind, Outcome) {
        let order = match wish {
            RequestKind::Read => self.shop.known.choose(&mut self.random),
            RequestKind::Write => None,
        };
        let kind = match order {
            Some(id) => {
                self.shop.target.write_read(id, &mut self.request);
                RequestKind::Read
            }
            None => {
                self.shop.target.write_order(&mut self.random, &mut self.request);
                RequestKind::Write
            }
        };
        let outcome = match (kind, self.connection.call(&self.request, self.shop.request_timeout).await) {
            (RequestKind::Write, Outcome::Ok) => self.learn_from_acknowledgement(),
            (_, outcome) => outcome,
        };
        (kind, outcome)
    }
}
