//! Traffic beside the stage: small groups of users, each on a target of its own, as a fleet has them all day.
//!
//! The model is closed, as that of `closed.rs`: a user waits for its answer, thinks, and only then sends again. What
//! groups send is data (`config.rs`), so their figures are counted by target and by the request's name.

mod config;
mod metrics;
mod template;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use config::{GroupConfig, RequestConfig, TrafficConfig, TrafficError};
pub(crate) use metrics::TrafficMetrics;
pub use metrics::TrafficSnapshot;

use crate::closed::{SEED_STEP, drain};
use crate::connection::Connection;
use crate::stage::ThinkTime;
use crate::target::Target;
use metrics::GroupMetrics;
use template::Template;

/// A group as its users need it.
#[derive(Debug)]
struct Group {
    target: Arc<Target>,
    users: u32,
    ramp_per_second: f64,
    think: ThinkTime,
    requests: Vec<Request>,
    weights: u32,
    metrics: GroupMetrics,
}

#[derive(Debug)]
struct Request {
    weight: u32,
    method: String,
    path: Template,
    body: Option<Template>,
}

/// All groups, ready to send.
#[derive(Debug)]
pub(crate) struct Traffic(Vec<Arc<Group>>);

impl Traffic {
    /// Checks `config` and makes its series, at zero.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub(crate) fn new(config: &TrafficConfig, metrics: &TrafficMetrics) -> Result<Self, TrafficError> {
        config.check()?;
        let groups = config.groups.iter().map(|config| Group::of(config, metrics).map(Arc::new));
        groups.collect::<Result<_, _>>().map(Self)
    }

    /// Runs all groups until `stop`; all users are gone when it returns.
    pub(crate) async fn run(self, seed: u64, request_timeout: Duration, stop: CancellationToken) {
        let began = Instant::now();
        let mut users = JoinSet::new();
        let mut place = 0u64;
        for group in self.0 {
            for index in 0..group.users {
                place += 1;
                let user = User {
                    connection: Connection::new(group.target.clone(), group.metrics.connections.clone()),
                    random: fastrand::Rng::with_seed(seed ^ SEED_STEP.wrapping_mul(place)),
                    group: group.clone(),
                    request_timeout,
                    stop: stop.clone(),
                };
                users.spawn(user.run(began + arrival(&group, index)));
            }
        }
        stop.cancelled().await;
        drain(users).await;
    }
}

/// Groups come by their ramp, so that a start is not one burst of connections.
fn arrival(group: &Group, index: u32) -> Duration {
    Duration::from_secs_f64(f64::from(index) / group.ramp_per_second)
}

impl Group {
    fn of(config: &GroupConfig, metrics: &TrafficMetrics) -> Result<Self, TrafficError> {
        let target = Target::parse(&config.url)
            .map_err(|error| TrafficError { target: config.target.clone(), reason: error.to_string() })?;
        let refuse = |reason| TrafficError { target: config.target.clone(), reason };
        let request = |request: &RequestConfig| {
            Ok(Request {
                weight: request.weight,
                method: request.method.clone(),
                path: Template::parse(&request.path).map_err(refuse)?,
                body: request.body.as_deref().map(Template::parse).transpose().map_err(refuse)?,
            })
        };
        let names: Vec<String> = config.requests.iter().map(RequestConfig::name).collect();
        Ok(Self {
            target: Arc::new(target),
            users: config.users,
            ramp_per_second: config.ramp_per_second,
            think: config.think(),
            requests: config.requests.iter().map(request).collect::<Result<_, _>>()?,
            weights: config.requests.iter().map(|request| request.weight).sum(),
            metrics: metrics.group(&config.target, &names),
        })
    }

    /// One of the requests, by their weights, with its place.
    fn draw(&self, random: &mut fastrand::Rng) -> (usize, &Request) {
        let mut left = random.u32(..self.weights);
        for (place, request) in self.requests.iter().enumerate() {
            if left < request.weight {
                return (place, request);
            }
            left -= request.weight;
        }
        panic!("the draw is below the sum of the weights")
    }
}

struct User {
    group: Arc<Group>,
    connection: Connection,
    random: fastrand::Rng,
    request_timeout: Duration,
    stop: CancellationToken,
}

impl User {
    async fn run(mut self, mut due: Instant) {
        let group = self.group.clone();
        let mut text = Vec::new();
        if self.wait_until(due).await {
            return;
        }
        let _counted = group.metrics.user();
        loop {
            group.metrics.started(due.elapsed());
            let (place, request) = group.draw(&mut self.random);
            let path = request.path.draw(&mut self.random);
            let body = request.body.as_ref().map(|body| body.draw(&mut self.random));
            group.target.write_request(&request.method, &path, body.as_deref(), &mut text);
            let began = Instant::now();
            let outcome = self.connection.call(&text, self.request_timeout).await;
            group.metrics.finished(place, outcome, began.elapsed());
            due = Instant::now() + group.think.draw(&mut self.random);
            if self.wait_until(due).await {
                return;
            }
        }
    }

    /// True when it is over.
    async fn wait_until(&self, due: Instant) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => true,
            () = sleep_until(due) => false,
        }
    }
}
