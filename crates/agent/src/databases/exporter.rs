//! One server's scrape: one connection that is kept, one limit of time for all of it, a word on each part.

use std::collections::BTreeMap;
use std::time::Duration;

use model::MetricKind;
use tokio::time::{Instant, timeout_at};

use super::client::{AskError, Connection, DatabaseUrl};
use super::part::Part;
use super::{Engine, mysql, postgres};
use crate::write::Out;

/// What is kept of one part between scrapes.
#[derive(Debug, Default)]
struct Kept {
    /// Which of the part's queries this server takes.
    query: usize,
    /// Families of the last answer and when they came, of a part that is not asked each time.
    families: Option<(Instant, String)>,
}

/// What a scrape has to say of itself.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub is_up: bool,
    pub connect_s: f64,
    pub total_s: f64,
    /// Parts that were asked, by name: how long it took, whether it went well.
    pub parts: Vec<(&'static str, f64, bool)>,
    /// Scrapes so far, this one included.
    pub n_scrapes: u64,
    /// Failures so far, by part.
    pub n_failures: BTreeMap<&'static str, u64>,
}

/// A server and the connection to it.
#[derive(Debug)]
pub(super) struct Exporter {
    engine: Engine,
    url: DatabaseUrl,
    connection: Option<Connection>,
    kept: BTreeMap<&'static str, Kept>,
    /// `None` before the first scrape.
    was_up: Option<bool>,
    n_scrapes: u64,
    n_failures: BTreeMap<&'static str, u64>,
    n_dropped: u64,
}

impl Exporter {
    pub(super) fn new(engine: Engine, url: DatabaseUrl) -> Self {
        Self {
            engine,
            url,
            connection: None,
            kept: BTreeMap::new(),
            was_up: None,
            n_scrapes: 0,
            n_failures: BTreeMap::new(),
            n_dropped: 0,
        }
    }

    /// Asks for `parts` until `deadline`; what did not come until then has failed.
    pub(super) async fn scrape(&mut self, parts: &[&'static Part], deadline: Instant) -> String {
        let started = Instant::now();
        self.n_scrapes += 1;
        // Taken, not borrowed: whoever drops this future halfway drops a connection of which nobody knows the state.
        let mut connection = self.connect(deadline).await;
        let mut outcome = Outcome {
            is_up: connection.is_some(),
            connect_s: started.elapsed().as_secs_f64(),
            ..Outcome::default()
        };
        let mut body = String::new();
        for part in parts {
            let part_started = Instant::now();
            let families = self.families(&mut connection, part, deadline).await;
            outcome.parts.push((part.name, part_started.elapsed().as_secs_f64(), families.is_some()));
            match families {
                Some(families) => body.push_str(&families),
                None => *self.n_failures.entry(part.name).or_default() += 1,
            }
        }
        self.connection = connection;
        outcome.total_s = started.elapsed().as_secs_f64();
        outcome.n_scrapes = self.n_scrapes;
        outcome.n_failures = self.n_failures.clone();
        let mut out = Out::new(self.n_dropped);
        match self.engine {
            Engine::Mysql => mysql::own(&outcome, &mut out),
            Engine::Postgres => postgres::own(&outcome, &mut out),
        }
        out.one(
            MetricKind::Counter,
            "watchfire_agent_rows_dropped_total",
            "Rows left out because a table or an answer had more than its limit.",
            self.n_dropped as f64,
        );
        body.push_str(&out.finish());
        body
    }

    /// The kept connection if it still answers, or a new one.
    async fn connect(&mut self, deadline: Instant) -> Option<Connection> {
        if let Some(mut connection) = self.connection.take()
            && matches!(timeout_at(deadline, connection.ping()).await, Ok(Ok(())))
        {
            return Some(connection);
        }
        // It may be another server behind the same name, or a new version of it.
        self.kept.clear();
        let result = match timeout_at(deadline, self.url.connect()).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let is_up = result.is_ok();
        if self.was_up != Some(is_up) {
            match &result {
                Ok(_) => tracing::info!(server = %self.url, "database answers"),
                Err(error) => tracing::warn!(server = %self.url, %error, "database does not answer"),
            }
        }
        self.was_up = Some(is_up);
        result.ok()
    }

    /// What a part gives; `None` when it failed. A connection that cannot be used any more is dropped.
    async fn families(
        &mut self,
        connection: &mut Option<Connection>,
        part: &'static Part,
        deadline: Instant,
    ) -> Option<String> {
        let open = connection.as_mut()?;
        let kept = self.kept.entry(part.name).or_default();
        if let Some((at, families)) = &kept.families
            && at.elapsed() < part.every
        {
            return Some(families.clone());
        }
        let asked = timeout_at(deadline, ask(open, part, &mut kept.query)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(AskError::Refused { code, .. })) if part.absent.contains(&code.as_str()) => {
                return Some(String::new());
            }
            Ok(Err(error @ AskError::Refused { .. })) => {
                tracing::debug!(server = %self.url, part = part.name, %error, "refused");
                return None;
            }
            Ok(Err(error @ AskError::Lost(_))) => {
                tracing::warn!(server = %self.url, part = part.name, %error, "connection lost");
                *connection = None;
                return None;
            }
            Err(_) => {
                tracing::warn!(server = %self.url, part = part.name, "no answer in time");
                *connection = None;
                return None;
            }
        };
        let mut out = Out::new(0);
        (part.render)(&answer, &mut out);
        self.n_dropped += out.n_dropped + answer.n_dropped;
        let families = out.finish();
        kept.families = (!part.every.is_zero()).then(|| (Instant::now(), families.clone()));
        Some(families)
    }
}

/// Tries a part's queries from the one that worked last.
async fn ask(
    connection: &mut Connection,
    part: &'static Part,
    query: &mut usize,
) -> Result<super::answer::Answer, AskError> {
    let n_queries = part.queries.len();
    for place in *query..n_queries {
        let Some(text) = part.queries.get(place) else { break };
        match connection.ask(*text).await {
            Err(AskError::Refused { .. }) if place + 1 < n_queries => {}
            result => {
                *query = place;
                return result;
            }
        }
    }
    Err(AskError::Lost(format!("{} has no query", part.name)))
}

/// The longest scrape when whoever asks does not say how long they wait: half of Prometheus' default.
pub(super) const SCRAPE_MAX: Duration = Duration::from_secs(5);
