//! From what a file says to what a scrape needs: defaults filled in, secrets located, rules compiled.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use config::{ConfigError, Position, SecretSource, Spanned};
use exposition::Format;
use model::{DurationMs, METRIC_NAME};

use super::global::given;
use super::http::{Auth, AuthSettings, resolve_headers};
use super::job::{FileSdConfig, HttpSdConfig, StaticConfig};
use super::{GlobalConfig, ScrapeConfig, protocol};
use crate::discovery::{FileDiscovery, HttpDiscovery};
use crate::relabel::{self, RelabelRule};

const DEFAULT_HTTP_REFRESH: DurationMs = DurationMs::from_secs(60);

/// A body larger than this is refused even where `body_size_limit` says "no limit": two and a half million lines
/// fit, more than the largest exporters have, and a few targets that send without end don't take all memory.
const BODY_MAX_BYTES: u64 = 256 << 20;

/// Everything about one job that its targets' scrapes need.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The job's name, which is also its pool's.
    pub name: String,
    /// Between two scrapes of a target, unless relabelling says otherwise.
    pub interval: DurationMs,
    /// For one scrape.
    pub timeout: DurationMs,
    pub(crate) honor_labels: bool,
    pub(crate) honor_timestamps: bool,
    pub(crate) track_timestamps_staleness: bool,
    pub(crate) extra_scrape_metrics: bool,
    pub(crate) legacy_names: bool,
    pub(crate) compression: bool,
    pub(crate) params: BTreeMap<String, Vec<String>>,
    pub(crate) metrics_path: String,
    pub(crate) scheme: String,
    pub(crate) accept: String,
    pub(crate) fallback: Option<Format>,
    pub(crate) limits: Limits,
    pub(crate) auth: Option<Auth>,
    pub(crate) headers: Vec<(String, SecretSource)>,
    pub(crate) relabel: Vec<RelabelRule>,
    pub(crate) metric_relabel: Vec<RelabelRule>,
    pub(crate) statics: Vec<StaticConfig>,
    pub(crate) files: Vec<FileDiscovery>,
    pub(crate) https: Vec<HttpDiscovery>,
}

impl Job {
    /// Whether a line of a body becomes the same series under both jobs.
    pub(crate) fn makes_same_series(&self, other: &Self) -> bool {
        self.honor_labels == other.honor_labels
            && self.legacy_names == other.legacy_names
            && self.limits == other.limits
            && self.metric_relabel == other.metric_relabel
    }
}

/// What a job allows; 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of a body, decoded. Never 0: there is always an outermost limit.
    pub body_max_bytes: u64,
    /// Samples of a scrape after metric relabelling.
    pub samples_max: u64,
    /// Targets of the job.
    pub targets_max: u64,
    /// Labels of a series.
    pub labels_max: u64,
    /// Bytes of a label's name.
    pub label_name_max_bytes: u64,
    /// Bytes of a label's value.
    pub label_value_max_bytes: u64,
    /// Dropped targets to remember for the API.
    pub dropped_targets_max: u64,
}

/// Checks and completes all jobs of one configuration. `file` is named in errors, and its folder is where relative
/// paths begin.
///
/// # Errors
/// The first setting that cannot be, with its place.
pub fn resolve(
    global: &GlobalConfig,
    configs: &[ScrapeConfig],
    file: &Path,
) -> Result<Vec<Job>, ConfigError> {
    if let Some(timeout) = &global.scrape_timeout
        && global.scrape_timeout() > global.scrape_interval()
    {
        return Err(ConfigError::at(file, timeout.at, "global scrape timeout greater than scrape interval"));
    }
    let mut names = HashSet::new();
    let mut jobs = Vec::new();
    for config in configs {
        let name = &config.job_name;
        if !names.insert(name.value.as_str()) {
            let message = format!("found multiple scrape configs with job name {:?}", name.value);
            return Err(ConfigError::at(file, name.at, message));
        }
        jobs.push(Resolver { global, config, file }.job()?);
    }
    // Mistakes first: what is only not supported yet comes when all else is right.
    for config in configs {
        Resolver { global, config, file }.refuse_unsupported()?;
    }
    Ok(jobs)
}

struct Resolver<'a> {
    global: &'a GlobalConfig,
    config: &'a ScrapeConfig,
    file: &'a Path,
}

impl Resolver<'_> {
    fn job(&self) -> Result<Job, ConfigError> {
        let config = self.config;
        if config.job_name.value.is_empty() {
            return Err(self.error(config.job_name.at, "job_name is empty"));
        }
        let (interval, timeout) = self.times()?;
        let (legacy_names, escaping) = self.names()?;
        let protocols = config.scrape_protocols.as_ref().or(self.global.scrape_protocols.as_ref());
        let accept = protocol::accept(protocols.map(|p| p.value.as_slice()), &escaping)
            .map_err(|message| self.error(protocols.map_or(config.job_name.at, |p| p.at), message))?;
        let fallback = config.fallback_scrape_protocol.as_ref();
        let fallback =
            fallback.map(|f| protocol::fallback(&f.value).map_err(|m| self.error(f.at, m))).transpose()?;
        let at_job = |message: String| self.error(config.job_name.at, message);
        let auth = self.auth().resolve(self.base()).map_err(at_job)?;
        let headers = resolve_headers(config.http_headers.as_ref().unwrap_or(&BTreeMap::new()), self.base())
            .map_err(at_job)?;
        let job = Job {
            name: config.job_name.value.clone(),
            interval,
            timeout,
            honor_labels: config.honor_labels.unwrap_or(false),
            honor_timestamps: config.honor_timestamps.unwrap_or(true),
            track_timestamps_staleness: config.track_timestamps_staleness.unwrap_or(false),
            extra_scrape_metrics: config
                .extra_scrape_metrics
                .or(self.global.extra_scrape_metrics)
                .unwrap_or(false),
            legacy_names,
            compression: config.enable_compression.unwrap_or(true),
            params: config.params.clone().unwrap_or_default(),
            metrics_path: config.metrics_path.clone().unwrap_or_else(|| "/metrics".to_owned()),
            scheme: self.scheme()?,
            accept,
            fallback,
            limits: self.limits(),
            auth,
            headers,
            relabel: self.rules(config.relabel_configs.as_deref())?,
            metric_relabel: self.rules(config.metric_relabel_configs.as_deref())?,
            statics: self.statics()?,
            files: self.files()?,
            https: self.https()?,
        };
        self.say_without_effect();
        Ok(job)
    }

    fn error(&self, at: Position, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.file, at, message)
    }

    fn base(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    fn times(&self) -> Result<(DurationMs, DurationMs), ConfigError> {
        let config = self.config;
        let interval = given(config.scrape_interval.as_ref()).unwrap_or(self.global.scrape_interval());
        let timeout = given(config.scrape_timeout.as_ref());
        if timeout.is_some_and(|timeout| timeout > interval) {
            let at = config.scrape_timeout.as_ref().map_or(config.job_name.at, |t| t.at);
            let name = &config.job_name.value;
            let message = format!(
                "scrape timeout greater than scrape interval for scrape config with job name {name:?}"
            );
            return Err(self.error(at, message));
        }
        Ok((interval, timeout.unwrap_or(self.global.scrape_timeout().min(interval))))
    }

    /// Whether only legacy names are valid, and the escaping to ask for.
    fn names(&self) -> Result<(bool, String), ConfigError> {
        let config = self.config;
        let validation = config
            .metric_name_validation_scheme
            .as_ref()
            .or(self.global.metric_name_validation_scheme.as_ref());
        let is_legacy = match validation.map(|v| v.value.as_str()) {
            None | Some("" | "utf8") => false,
            Some("legacy") => true,
            Some(other) => {
                let at = validation.map(|v| v.at).unwrap_or_default();
                return Err(self.error(
                    at,
                    format!("unknown metric name validation scheme {other:?}, must be legacy or utf8"),
                ));
            }
        };
        let escaping =
            config.metric_name_escaping_scheme.as_ref().or(self.global.metric_name_escaping_scheme.as_ref());
        let Some(escaping) = escaping.filter(|e| !e.value.is_empty()) else {
            return Ok((is_legacy, if is_legacy { "underscores" } else { "allow-utf-8" }.to_owned()));
        };
        match escaping.value.as_str() {
            "allow-utf-8" if is_legacy => {
                let message = "utf8 metric names requested but validation scheme is not set to UTF8";
                Err(self.error(escaping.at, message))
            }
            "allow-utf-8" | "underscores" | "dots" | "values" => Ok((is_legacy, escaping.value.clone())),
            other => Err(self.error(escaping.at, format!("unknown metric name escaping scheme {other:?}"))),
        }
    }

    fn scheme(&self) -> Result<String, ConfigError> {
        match &self.config.scheme {
            None => Ok("http".to_owned()),
            Some(scheme) if matches!(scheme.value.as_str(), "http" | "https") => Ok(scheme.value.clone()),
            Some(scheme) => {
                Err(self
                    .error(scheme.at, format!("unknown scheme {:?}, must be http or https", scheme.value)))
            }
        }
    }

    fn limits(&self) -> Limits {
        let (own, global) = (self.config, self.global);
        // A job's zero means "as global says", as in Prometheus.
        let pick = |own: Option<u64>, global: Option<u64>| own.filter(|n| *n > 0).or(global).unwrap_or(0);
        let body = pick(own.body_size_limit.map(|s| s.0), global.body_size_limit.map(|s| s.0));
        Limits {
            body_max_bytes: if body == 0 { BODY_MAX_BYTES } else { body.min(BODY_MAX_BYTES) },
            samples_max: pick(own.sample_limit, global.sample_limit),
            targets_max: pick(own.target_limit, global.target_limit),
            labels_max: pick(own.label_limit, global.label_limit),
            label_name_max_bytes: pick(own.label_name_length_limit, global.label_name_length_limit),
            label_value_max_bytes: pick(own.label_value_length_limit, global.label_value_length_limit),
            dropped_targets_max: pick(own.keep_dropped_targets, global.keep_dropped_targets),
        }
    }

    fn auth(&self) -> AuthSettings<'_> {
        AuthSettings {
            basic: self.config.basic_auth.as_ref(),
            authorization: self.config.authorization.as_ref(),
            bearer_token: self.config.bearer_token.as_ref(),
            bearer_token_file: self.config.bearer_token_file.as_ref(),
        }
    }

    fn rules(
        &self,
        rules: Option<&[Option<Spanned<relabel::RelabelConfig>>]>,
    ) -> Result<Vec<RelabelRule>, ConfigError> {
        relabel::compile(rules.unwrap_or_default()).map_err(|(at, message)| {
            let at = if at == Position::default() { self.config.job_name.at } else { at };
            self.error(at, message)
        })
    }

    fn statics(&self) -> Result<Vec<StaticConfig>, ConfigError> {
        let configs = self.config.static_configs.as_deref().unwrap_or_default();
        let check = |config: &Option<Spanned<StaticConfig>>| {
            let Some(config) = config else {
                return Err(self.error(self.config.job_name.at, "empty or null section in static_configs"));
            };
            let wrong = config.value.targets.iter().find(|target| target.contains('/'));
            if let Some(target) = wrong {
                return Err(self.error(config.at, format!("{target:?} is not a valid hostname")));
            }
            if let Some(name) =
                config.value.labels.keys().find(|name| name.is_empty() || *name == METRIC_NAME)
            {
                return Err(self.error(config.at, format!("{name:?} is not a valid label name here")));
            }
            Ok(config.value.clone())
        };
        configs.iter().map(check).collect()
    }

    fn files(&self) -> Result<Vec<FileDiscovery>, ConfigError> {
        let configs = self.config.file_sd_configs.as_deref().unwrap_or_default();
        configs.iter().map(|config| self.file_discovery(config)).collect()
    }

    fn file_discovery(&self, config: &Spanned<FileSdConfig>) -> Result<FileDiscovery, ConfigError> {
        FileDiscovery::of(&config.value, self.base()).map_err(|message| self.error(config.at, message))
    }

    fn https(&self) -> Result<Vec<HttpDiscovery>, ConfigError> {
        let configs = self.config.http_sd_configs.as_deref().unwrap_or_default();
        configs.iter().map(|config| self.http_discovery(config)).collect()
    }

    fn http_discovery(&self, config: &Spanned<HttpSdConfig>) -> Result<HttpDiscovery, ConfigError> {
        let HttpSdConfig { url, refresh_interval, .. } = &config.value;
        let fail = |message: String| self.error(config.at, message);
        if url.is_empty() {
            return Err(fail("URL is missing".to_owned()));
        }
        let Some(("http" | "https", rest)) = url.split_once("://") else {
            return Err(fail(format!("URL scheme must be 'http' or 'https', not that of {url:?}")));
        };
        if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
            return Err(fail("host is missing in URL".to_owned()));
        }
        let auth = AuthSettings {
            basic: config.value.basic_auth.as_ref(),
            authorization: config.value.authorization.as_ref(),
            bearer_token: config.value.bearer_token.as_ref(),
            bearer_token_file: config.value.bearer_token_file.as_ref(),
        };
        let headers = config.value.http_headers.clone().unwrap_or_default();
        let discovery = HttpDiscovery {
            url: url.clone(),
            refresh: refresh(*refresh_interval, DEFAULT_HTTP_REFRESH),
            auth: auth.resolve(self.base()).map_err(fail)?,
            headers: resolve_headers(&headers, self.base()).map_err(fail)?,
        };
        match config.value.unsupported() {
            Some((name, at)) => Err(self.error(at, format!("{name} is not supported yet"))),
            None => Ok(discovery),
        }
    }

    fn refuse_unsupported(&self) -> Result<(), ConfigError> {
        match self.config.unsupported() {
            Some((name, at)) => Err(self.error(at, format!("{name} is not supported yet"))),
            None => Ok(()),
        }
    }

    /// Settings about native histograms have no effect while bodies are text: none arrive. Said, so that nobody waits.
    fn say_without_effect(&self) {
        let (config, global) = (self.config, self.global);
        let native = config.scrape_native_histograms.or(global.scrape_native_histograms) == Some(true)
            || config.convert_classic_histograms_to_nhcb.or(global.convert_classic_histograms_to_nhcb)
                == Some(true);
        if native {
            tracing::warn!(
                job = config.job_name.value,
                "native histograms are not scraped yet; classic ones are"
            );
        }
        if config.scrape_failure_log_file.is_some() || global.scrape_failure_log_file.is_some() {
            tracing::warn!(
                job = config.job_name.value,
                "scrape_failure_log_file is not written yet; see the targets page"
            );
        }
    }
}

fn refresh(given: Option<config::Duration>, default: DurationMs) -> DurationMs {
    given.map(|d| d.0).filter(|d| d.0 > 0).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        global: GlobalConfig,
        #[serde(default)]
        scrape_configs: Vec<ScrapeConfig>,
    }

    fn load(yaml: &str) -> Result<Vec<Job>, String> {
        let path = Path::new("etc/p.yml");
        let file: File = config::from_str(path, yaml).map_err(|e| e.to_string())?;
        resolve(&file.global, &file.scrape_configs, path).map_err(|e| e.to_string())
    }

    fn job(yaml: &str) -> Job {
        load(yaml).expect(yaml).remove(0)
    }

    #[test]
    fn defaults_come_from_global_and_from_prometheus() {
        let plain = job("scrape_configs: [{job_name: a}]");
        assert_eq!((plain.interval, plain.timeout), (DurationMs(60_000), DurationMs(10_000)));
        assert_eq!((plain.metrics_path.as_str(), plain.scheme.as_str()), ("/metrics", "http"));
        assert!(plain.honor_timestamps && !plain.honor_labels && plain.compression);
        let short = job("{global: {scrape_interval: 5s, sample_limit: 7}, scrape_configs: [{job_name: a}]}");
        assert_eq!(
            (short.interval, short.timeout, short.limits.samples_max),
            (DurationMs(5000), DurationMs(5000), 7)
        );
        let own = job(
            "{global: {scrape_interval: 5s}, scrape_configs: [{job_name: a, scrape_interval: 1m, scrape_timeout: 30s}]}",
        );
        assert_eq!((own.interval, own.timeout), (DurationMs(60_000), DurationMs(30_000)));
    }

    #[test]
    fn paths_begin_at_the_file() {
        let job = job(
            "scrape_configs: [{job_name: a, file_sd_configs: [{files: [t/*.json, /x.yml]}], basic_auth: {password_file: pw}}]",
        );
        assert_eq!(job.files[0].patterns, [PathBuf::from("etc/t/*.json"), PathBuf::from("/x.yml")]);
        let Some(Auth::Basic { password, .. }) = job.auth else { panic!("{:?}", job.auth) };
        assert_eq!(password, Some(SecretSource::File(PathBuf::from("etc/pw"))));
    }

    #[test]
    fn errors_have_a_place() {
        for (yaml, expected) in [
            (
                "scrape_configs:\n- job_name: a\n- job_name: a\n",
                "etc/p.yml:3:13: found multiple scrape configs with job name \"a\"",
            ),
            ("scrape_configs:\n- scheme: http\n", "etc/p.yml: job_name is empty"),
            (
                "scrape_configs:\n- job_name: a\n  scrape_timeout: 2m\n",
                "etc/p.yml:3:19: scrape timeout greater than scrape interval for scrape config with job name \"a\"",
            ),
            (
                "global:\n  scrape_timeout: 2m\n",
                "etc/p.yml:2:19: global scrape timeout greater than scrape interval",
            ),
            (
                "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs:\n  - role: pod\n",
                "etc/p.yml:4:5: kubernetes_sd_configs is not supported yet",
            ),
            (
                "scrape_configs:\n- job_name: a\n  tls_config: {ca_file: x}\n",
                "etc/p.yml:3:15: tls_config is not supported yet",
            ),
            (
                "scrape_configs:\n- job_name: a\n  follow_redirects: false\n",
                "etc/p.yml:3:21: follow_redirects: false is not supported yet",
            ),
            (
                "scrape_configs:\n- job_name: a\n  scheme: ftp\n",
                "etc/p.yml:3:11: unknown scheme \"ftp\", must be http or https",
            ),
            (
                "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: hashmod\n",
                "etc/p.yml:4:5: relabel configuration for hashmod requires non-zero modulus",
            ),
            (
                "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [a.txt]\n",
                "etc/p.yml:4:5: path name \"a.txt\" is not valid for file discovery",
            ),
            (
                "scrape_configs:\n- job_name: a\n  honour_labels: true\n",
                "etc/p.yml:3:3: unknown field honour_labels (did you mean honor_labels?)",
            ),
            (
                "scrape_configs:\n- job_name: a\n  bearer_token: x\n  basic_auth: {username: y}\n",
                "etc/p.yml:2:13: at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured",
            ),
        ] {
            assert_eq!(load(yaml).expect_err(yaml), expected);
        }
    }
}
