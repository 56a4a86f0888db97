//! A Promtail configuration: read as written, then resolved into what the parts need.
//!
//! Every setting that Promtail knows is known here by name. What we cannot do is refused with its place, never passed
//! over; what has no meaning here is accepted and said aloud.

mod duration;
mod expand;
mod file;
pub(crate) mod stages;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{ConfigError, Position, Secret, Spanned};
use model::Labels;
use scrape::FileDiscovery;
use scrape::config::{Auth, AuthSettings, StaticConfig};
use scrape::relabel::{self, RelabelRule};

use duration::GoDuration;
pub(crate) use duration::seconds;
use file::{ClientConfig, JobConfig, LimitsConfig, PromtailFile};

use crate::stages::Blueprint;

/// Promtail's defaults.
const POSITIONS_FILE: &str = "/var/log/positions.yaml";
const SYNC_PERIOD: Duration = Duration::from_secs(10);
const BATCH_WAIT: Duration = Duration::from_secs(1);
const BATCH_BYTES: u64 = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(300);
const READLINE_RATE: f64 = 10_000.0;

/// A batch larger than this is refused by Loki's own limit on bodies long before; and one is held in memory.
const BATCH_BYTES_MAX: u64 = 16 << 20;

/// How a file is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// Puts environment variables in place of `${NAME}` and `${NAME:-default}`.
    pub expand_env: bool,
}

/// A configuration that was checked.
#[derive(Debug)]
pub struct Settings {
    pub(crate) positions: PathBuf,
    pub(crate) positions_sync: Duration,
    pub(crate) ignore_invalid_positions: bool,
    pub(crate) clients: Vec<ClientSettings>,
    pub(crate) jobs: Vec<Job>,
    /// Between two looks for new files.
    pub(crate) targets_sync: Duration,
    pub(crate) limits: Limits,
    /// Sentences on settings that change nothing here.
    pub(crate) notes: Vec<String>,
}

/// Where to push to, and how.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    /// Unique among the clients; batches on disk are kept under it.
    pub name: String,
    pub url: String,
    /// Host and port, the label of its metrics.
    pub host: String,
    pub tenant: Option<String>,
    pub batch_wait: Duration,
    pub batch_bytes: usize,
    pub timeout: Duration,
    pub external_labels: Vec<(String, String)>,
    pub headers: Vec<(String, Secret)>,
    pub auth: Option<Auth>,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    pub drop_rate_limited: bool,
}

/// One entry of `scrape_configs`.
#[derive(Debug)]
pub(crate) struct Job {
    pub name: String,
    pub statics: Vec<StaticConfig>,
    pub files: Vec<FileDiscovery>,
    pub relabel: Vec<RelabelRule>,
    pub pipeline: Blueprint,
    /// Files are compressed as a whole.
    pub gzip: bool,
}

/// What the whole shipper allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Lines a second and at once, and whether lines beyond it are dropped rather than read later.
    pub readline: Option<(f64, u32, bool)>,
    /// Streams of one client; 0 for any number.
    pub streams_max: usize,
    /// Bytes of a line; 0 for as many as the tailer takes.
    pub line_bytes_max: usize,
    /// Longer lines are cut rather than dropped.
    pub truncate: bool,
}

impl Settings {
    /// Reads and checks a `promtail.yml`.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn read(path: &Path, options: ReadOptions) -> Result<Self, ConfigError> {
        let text = ::config::read_text(path)?;
        let text = match options.expand_env {
            true => expand::expand_env(&text, |name| std::env::var(name).ok()),
            false => text,
        };
        Self::parse(path, &text)
    }

    /// As [`Settings::read`], from the text of `path`.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: PromtailFile = ::config::from_str(path, text)?;
        Resolver { path }.settings(file)
    }

    /// What the configuration says, a line each, for whoever checks it.
    pub fn summary(&self) -> Vec<String> {
        let clients = self.clients.iter().map(|client| format!("pushes to {}", client.url));
        let jobs = self.jobs.iter().map(|job| {
            let stages = job.pipeline.len();
            let files = crate::tail::files_of(job).len();
            format!("job {}: {stages} stages, {files} files now", job.name)
        });
        let positions = format!("positions in {}", self.positions.display());
        let notes = self.notes.iter().cloned();
        clients.chain([positions]).chain(jobs).chain(notes).collect()
    }

    /// Sentences on settings that are known and change nothing here.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where positions are kept.
    pub fn positions(&self) -> &Path {
        &self.positions
    }
}

struct Resolver<'a> {
    path: &'a Path,
}

impl Resolver<'_> {
    fn settings(&self, file: PromtailFile) -> Result<Settings, ConfigError> {
        let mut notes: Vec<String> = file
            .without_effect()
            .map(|name| format!("{name}: has no effect here, the agent has flags of its own for it"))
            .collect();
        let configs = file.client.iter().chain(&file.clients);
        let clients = configs.map(|client| self.client(client)).collect::<Result<Vec<_>, _>>()?;
        if clients.is_empty() {
            return Err(ConfigError::of_file(self.path, "clients: at least one client must be given"));
        }
        for (i, client) in clients.iter().enumerate() {
            if clients.iter().take(i).any(|other| other.name == client.name) {
                let twice = format!("clients: {:?} is given twice; give each client a name", client.name);
                return Err(ConfigError::of_file(self.path, twice));
            }
        }
        if file.client.iter().chain(&file.clients).any(|it| it.value.backoff_config.max_retries.is_some()) {
            notes.push("max_retries: batches wait in the buffer on disk instead of being dropped".to_owned());
        }
        let jobs = file.scrape_configs.into_iter().map(|job| self.job(job)).collect::<Result<Vec<_>, _>>()?;
        for (i, job) in jobs.iter().enumerate() {
            if jobs.iter().take(i).any(|other| other.name == job.name) {
                let twice = format!("job_name {:?} is given twice", job.name);
                return Err(ConfigError::of_file(self.path, twice));
            }
        }
        Ok(Settings {
            positions: file.positions.filename.unwrap_or_else(|| POSITIONS_FILE.into()),
            positions_sync: duration(file.positions.sync_period, SYNC_PERIOD),
            ignore_invalid_positions: file.positions.ignore_invalid_yaml,
            clients,
            jobs,
            targets_sync: duration(file.target_config.sync_period, SYNC_PERIOD),
            limits: limits(&file.limits_config),
            notes,
        })
    }

    fn client(&self, config: &Spanned<ClientConfig>) -> Result<ClientSettings, ConfigError> {
        let ClientConfig { url, .. } = &config.value;
        if let Some(refused) = config.value.unsupported() {
            return Err(self.error(refused.at, format!("{} is not supported yet", refused.value)));
        }
        let host = url.value.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
        let host = host.and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if host.is_empty() {
            let at = if url.value.is_empty() { config.at } else { url.at };
            return Err(self.error(at, format!("{:?} is no URL to push to", url.value)));
        }
        let batch_bytes = config.value.batchsize.unwrap_or(BATCH_BYTES);
        if batch_bytes == 0 || batch_bytes > BATCH_BYTES_MAX {
            return Err(self.error(config.at, format!("batchsize must be 1 to {BATCH_BYTES_MAX} bytes")));
        }
        let auth = AuthSettings {
            basic: config.value.basic_auth.as_ref(),
            authorization: config.value.authorization.as_ref(),
            bearer_token: config.value.bearer_token.as_ref(),
            bearer_token_file: config.value.bearer_token_file.as_ref(),
        };
        let base = self.path.parent().unwrap_or(Path::new(""));
        let auth = auth.resolve(base).map_err(|message| self.error(config.at, message))?;
        let client = config.value.clone();
        Ok(ClientSettings {
            name: client.name.unwrap_or_else(|| url.value.clone()),
            url: client.url.value,
            host: host.to_owned(),
            tenant: client.tenant_id.filter(|tenant| !tenant.is_empty()),
            batch_wait: duration(client.batchwait, BATCH_WAIT),
            batch_bytes: usize::try_from(batch_bytes).unwrap_or(usize::MAX),
            timeout: duration(client.timeout, TIMEOUT),
            external_labels: client.external_labels.into_iter().collect(),
            headers: client.headers.into_iter().collect(),
            auth,
            backoff_min: duration(client.backoff_config.min_period, BACKOFF_MIN),
            backoff_max: duration(client.backoff_config.max_period, BACKOFF_MAX),
            drop_rate_limited: client.drop_rate_limited_batches,
        })
    }

    fn job(&self, config: Spanned<JobConfig>) -> Result<Job, ConfigError> {
        let Spanned { value: job, at } = config;
        if job.job_name.is_empty() {
            return Err(self.error(at, "job_name is empty".to_owned()));
        }
        if let Some(refused) = job.unsupported() {
            return Err(self.error(refused.at, format!("{} is not supported", refused.value)));
        }
        let utf8 = ["", "utf-8", "utf8"];
        if let Some(encoding) = job.encoding.filter(|it| !utf8.contains(&it.value.to_lowercase().as_str())) {
            let message = format!("encoding {:?} is not supported, only UTF-8 is", encoding.value);
            return Err(self.error(encoding.at, message));
        }
        let gzip = match job.decompression.filter(|it| it.value.enabled) {
            None => false,
            Some(it) if it.value.format.as_deref().is_none_or(|format| format == "gz") => true,
            Some(it) => {
                let format = it.value.format.unwrap_or_default();
                let message = format!("decompression format {format:?} is not supported, only gz is");
                return Err(self.error(it.at, message));
            }
        };
        let base = self.path.parent().unwrap_or(Path::new(""));
        let discovery = |it: &Spanned<scrape::config::FileSdConfig>| {
            FileDiscovery::of(&it.value, base).map_err(|message| self.error(it.at, message))
        };
        let relabel = relabel::compile(&job.relabel_configs).map_err(|(place, message)| {
            self.error(if place == Position::default() { at } else { place }, message)
        })?;
        let pipeline =
            Blueprint::new(job.pipeline_stages).map_err(|refused| self.error(refused.at, refused.value))?;
        let files = job.file_sd_configs.iter().map(discovery).collect::<Result<_, _>>()?;
        Ok(Job { name: job.job_name, statics: job.static_configs, files, relabel, pipeline, gzip })
    }

    fn error(&self, at: Position, message: String) -> ConfigError {
        ConfigError::at(self.path, at, message)
    }
}

fn duration(given: Option<GoDuration>, default: Duration) -> Duration {
    given.map(|it| it.0).filter(|it| !it.is_zero()).unwrap_or(default)
}

fn limits(config: &LimitsConfig) -> Limits {
    let rate = config.readline_rate.unwrap_or(READLINE_RATE);
    let burst = config.readline_burst.unwrap_or(READLINE_RATE as u32);
    let readline = (rate, burst, config.readline_rate_drop.unwrap_or(true));
    Limits {
        readline: (config.readline_rate_enabled && rate > 0.0).then_some(readline),
        streams_max: config.max_streams,
        line_bytes_max: config.max_line_size.map_or(0, |it| usize::try_from(it.0).unwrap_or(usize::MAX)),
        truncate: config.max_line_size_truncate,
    }
}

/// Labels of a stream that everybody gets who is sent it by this client.
pub(crate) fn with_external(labels: &Labels, external: &[(String, String)]) -> Labels {
    if external.is_empty() {
        return labels.clone();
    }
    let mut all = labels.to_builder();
    for (name, value) in external {
        if all.get(name).is_none() {
            all.set(name.clone(), value.clone());
        }
    }
    all.build()
}

#[cfg(test)]
mod tests;
