//! Where samples of the past come from: the data directory of a monitor that is not running, or any server that speaks
//! Prometheus' API.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use columns::{ABSENT, Steps};
use model::{Labels, TimestampMs};
use net::{Client, ClientOptions};
use prometheus_client::registry::Registry;
use promql::{Engine, EngineOptions, Series};
use rules::Groups;
use rules::backfill::{self, Filled};
use rules::past::{Past, Span, Stored};
use serde::Deserialize;
use stdx::SystemClock;
use storage::MetricQuery;
use tokio::runtime::Handle;
use tsdb::{DamagePolicy, Db, Limits, Maintenance, RealDisk, SyncPolicy, TsdbError};

/// How long a server may take over one piece of the past.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The store of a monitor that is not running.
#[derive(Debug)]
pub struct StoredPast {
    db: Arc<Db>,
    engine: Engine,
}

impl StoredPast {
    /// Opens the store in `data_dir`. Nothing is deleted, whatever its age.
    ///
    /// # Errors
    /// When there is none, it is damaged, or a running monitor holds it.
    pub fn open(data_dir: &Path) -> Result<Self, TsdbError> {
        let options = tsdb::Options {
            dir: data_dir.join("metrics"),
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock),
            sync: SyncPolicy::None,
            damage: DamagePolicy::Refuse,
            limits: Limits::standard(),
            maintenance: Maintenance::Manual,
            metrics: Arc::new(tsdb::Metrics::new(&mut Registry::default())),
        };
        let (db, _) = Db::open(options)?;
        Ok(Self { db, engine: Engine::new(EngineOptions::standard()) })
    }

    /// Time of the oldest and the newest sample.
    pub fn span(&self) -> Option<(TimestampMs, TimestampMs)> {
        self.db.time_span()
    }
}

impl StoredPast {
    /// Puts in what the recording rules of `groups` would have written over `span`, and closes the store.
    ///
    /// # Errors
    /// A sentence. A part may be in; the same again does the rest.
    pub fn fill(&self, groups: &Groups, span: Span) -> Result<Filled, String> {
        let filled = backfill::fill(groups.iter(), self, &*self.db, span, &|| true)?;
        self.db.close().map_err(|error| error.to_string())?;
        Ok(filled)
    }
}

impl Past for StoredPast {
    fn range(&self, query: &str, steps: Steps) -> Result<Vec<Series>, String> {
        Stored { engine: &self.engine, store: &*self.db }.range(query, steps)
    }
}

/// A server that speaks Prometheus' API.
#[derive(Debug)]
pub struct RemotePast {
    url: String,
    client: Client,
    runtime: Handle,
}

impl RemotePast {
    /// The server at `url`; `runtime` runs the requests while whoever asks waits on a thread of its own.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(url: &str, runtime: Handle) -> Result<Self, net::ClientError> {
        let client = Client::new(ClientOptions::named("watchfire-backtest"))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client, runtime })
    }
}

impl Past for RemotePast {
    fn range(&self, query: &str, steps: Steps) -> Result<Vec<Series>, String> {
        let seconds = |ms: i64| format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000));
        let (start, end) = (seconds(steps.start.0), seconds(steps.last().0));
        let step = seconds(steps.step_ms);
        let asked = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        let url = format!("{}/api/v1/query_range", self.url);
        let answer = self.runtime.block_on(self.client.post_form(&url, &asked, ANSWER_TIMEOUT));
        let answer = answer.map_err(|cause| format!("{}: {cause}", self.url))?;
        let read: Answer = serde_json::from_slice(&answer.body).map_err(|cause| {
            format!("{} answers {} and no JSON of Prometheus' API: {cause}", self.url, answer.status)
        })?;
        let data =
            read.data.ok_or_else(|| read.error.unwrap_or_else(|| format!("status {}", answer.status)))?;
        data.result.iter().map(|series| on_steps(series, &steps)).collect()
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<RawSeries>,
}

#[derive(Deserialize)]
struct RawSeries {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

fn on_steps(series: &RawSeries, steps: &Steps) -> Result<Series, String> {
    let mut values = vec![ABSENT; steps.count];
    for (seconds, text) in &series.values {
        let value: f64 = text.parse().map_err(|_| format!("the server's value {text:?} is no number"))?;
        let step = ((seconds * 1000.0).round() as i64 - steps.start.0) / steps.step_ms.max(1);
        if let Some(place) = usize::try_from(step).ok().and_then(|step| values.get_mut(step)) {
            *place = value;
        }
    }
    Ok(Series { labels: Labels::from_pairs(series.metric.clone()), values })
}

#[cfg(test)]
mod tests {
    use columns::is_absent;

    use super::*;

    #[test]
    fn answers_fall_on_their_steps() {
        let body = r#"{"metric":{"job":"a"},"values":[[15.0,"1"],[45,"+Inf"],[60.001,"3"]]}"#;
        let series: RawSeries = serde_json::from_str(body).expect("valid");
        let steps = Steps::range(TimestampMs(0), TimestampMs(60_000), 15_000);
        let read = on_steps(&series, &steps).expect("numbers");
        let shown: Vec<String> =
            read.values.iter().map(|v| if is_absent(*v) { "-".to_owned() } else { v.to_string() }).collect();
        assert_eq!(
            (read.labels.to_string(), shown.join(" ")),
            ("{job=\"a\"}".to_owned(), "- 1 - inf 3".to_owned())
        );
    }
}
