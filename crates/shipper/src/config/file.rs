//! A Promtail configuration file as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use config::{ByteSize, Secret, Spanned, Unread};
use scrape::config::{AuthorizationConfig, BasicAuthConfig, FileSdConfig, StaticConfig};
use scrape::relabel::RelabelConfig;
use serde::Deserialize;

use super::duration::GoDuration;
use super::stages::StageConfig;

/// A setting that is known by name and refused, or has no meaning here.
type Known = Option<Spanned<Unread>>;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PromtailFile {
    /// Ports and logs of a server: the agent has its own.
    pub server: Known,
    pub positions: PositionsConfig,
    pub client: Option<Spanned<ClientConfig>>,
    pub clients: Vec<Spanned<ClientConfig>>,
    pub scrape_configs: Vec<Spanned<JobConfig>>,
    pub target_config: TargetConfig,
    pub limits_config: LimitsConfig,
    /// Promtail's own tracing, reload and write-ahead log; see [`PromtailFile::without_effect`].
    pub tracing: Known,
    pub options: Known,
    pub global: Known,
    pub wal: Known,
}

impl PromtailFile {
    /// Settings that are given, known and have no effect here.
    pub(crate) fn without_effect(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("server", &self.server),
            ("tracing", &self.tracing),
            ("options", &self.options),
            ("global", &self.global),
            ("wal", &self.wal),
        ];
        all.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PositionsConfig {
    pub filename: Option<PathBuf>,
    pub sync_period: Option<GoDuration>,
    pub ignore_invalid_yaml: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClientConfig {
    pub name: Option<String>,
    pub url: Spanned<String>,
    pub tenant_id: Option<String>,
    pub batchwait: Option<GoDuration>,
    pub batchsize: Option<u64>,
    pub timeout: Option<GoDuration>,
    pub external_labels: BTreeMap<String, String>,
    pub headers: BTreeMap<String, Secret>,
    pub basic_auth: Option<BasicAuthConfig>,
    pub authorization: Option<AuthorizationConfig>,
    pub bearer_token: Option<Secret>,
    pub bearer_token_file: Option<PathBuf>,
    pub backoff_config: BackoffConfig,
    pub drop_rate_limited_batches: bool,
    pub follow_redirects: Option<Spanned<bool>>,
    pub enable_http2: Option<bool>,
    pub oauth2: Known,
    pub tls_config: Known,
    pub proxy_url: Known,
    pub no_proxy: Known,
    pub proxy_from_environment: Known,
    pub proxy_connect_header: Known,
    pub stream_lag_labels: Known,
}

impl ClientConfig {
    /// The first setting that we cannot honour: its name and place.
    pub(crate) fn unsupported(&self) -> Option<Spanned<&'static str>> {
        let all = [
            ("oauth2", &self.oauth2),
            ("tls_config", &self.tls_config),
            ("proxy_url", &self.proxy_url),
            ("no_proxy", &self.no_proxy),
            ("proxy_from_environment", &self.proxy_from_environment),
            ("proxy_connect_header", &self.proxy_connect_header),
            ("stream_lag_labels", &self.stream_lag_labels),
        ];
        let redirects = self.follow_redirects.as_ref().filter(|follow| !follow.value);
        let redirects = redirects.map(|at| Spanned { value: "follow_redirects: false", at: at.at });
        redirects.or_else(|| first_given(&all))
    }
}

fn first_given(all: &[(&'static str, &Known)]) -> Option<Spanned<&'static str>> {
    all.iter().find_map(|(name, value)| value.as_ref().map(|it| Spanned { value: *name, at: it.at }))
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BackoffConfig {
    pub min_period: Option<GoDuration>,
    pub max_period: Option<GoDuration>,
    pub max_retries: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TargetConfig {
    pub sync_period: Option<GoDuration>,
    /// Whether tailed files are read from the page cache only (Windows).
    pub stdin: Known,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    pub readline_rate_enabled: bool,
    pub readline_rate: Option<f64>,
    pub readline_burst: Option<u32>,
    pub readline_rate_drop: Option<bool>,
    pub max_streams: usize,
    pub max_line_size: Option<ByteSize>,
    pub max_line_size_truncate: bool,
}

/// An entry of `scrape_configs`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobConfig {
    pub job_name: String,
    pub pipeline_stages: Vec<Spanned<StageConfig>>,
    pub static_configs: Vec<StaticConfig>,
    pub file_sd_configs: Vec<Spanned<FileSdConfig>>,
    pub relabel_configs: Vec<Option<Spanned<RelabelConfig>>>,
    pub encoding: Option<Spanned<String>>,
    pub decompression: Option<Spanned<DecompressionConfig>>,
    pub file_watch_config: Known,
    journal: Known,
    syslog: Known,
    loki_push_api: Known,
    windows_events: Known,
    gcplog: Known,
    kafka: Known,
    gelf: Known,
    cloudflare: Known,
    heroku_drain: Known,
    azure_event_hubs: Known,
    docker: Known,
    azure_sd_configs: Known,
    consul_sd_configs: Known,
    consulagent_sd_configs: Known,
    digitalocean_sd_configs: Known,
    dns_sd_configs: Known,
    docker_sd_configs: Known,
    dockerswarm_sd_configs: Known,
    ec2_sd_configs: Known,
    eureka_sd_configs: Known,
    gce_sd_configs: Known,
    http_sd_configs: Known,
    kubernetes_sd_configs: Known,
    marathon_sd_configs: Known,
    nerve_sd_configs: Known,
    openstack_sd_configs: Known,
    serverset_sd_configs: Known,
    triton_sd_configs: Known,
}

impl JobConfig {
    /// The first source of lines or targets that we do not have: its name and place.
    pub(crate) fn unsupported(&self) -> Option<Spanned<&'static str>> {
        first_given(&[
            ("journal", &self.journal),
            ("syslog", &self.syslog),
            ("loki_push_api", &self.loki_push_api),
            ("windows_events", &self.windows_events),
            ("gcplog", &self.gcplog),
            ("kafka", &self.kafka),
            ("gelf", &self.gelf),
            ("cloudflare", &self.cloudflare),
            ("heroku_drain", &self.heroku_drain),
            ("azure_event_hubs", &self.azure_event_hubs),
            ("docker", &self.docker),
            ("azure_sd_configs", &self.azure_sd_configs),
            ("consul_sd_configs", &self.consul_sd_configs),
            ("consulagent_sd_configs", &self.consulagent_sd_configs),
            ("digitalocean_sd_configs", &self.digitalocean_sd_configs),
            ("dns_sd_configs", &self.dns_sd_configs),
            ("docker_sd_configs", &self.docker_sd_configs),
            ("dockerswarm_sd_configs", &self.dockerswarm_sd_configs),
            ("ec2_sd_configs", &self.ec2_sd_configs),
            ("eureka_sd_configs", &self.eureka_sd_configs),
            ("gce_sd_configs", &self.gce_sd_configs),
            ("http_sd_configs", &self.http_sd_configs),
            ("kubernetes_sd_configs", &self.kubernetes_sd_configs),
            ("marathon_sd_configs", &self.marathon_sd_configs),
            ("nerve_sd_configs", &self.nerve_sd_configs),
            ("openstack_sd_configs", &self.openstack_sd_configs),
            ("serverset_sd_configs", &self.serverset_sd_configs),
            ("triton_sd_configs", &self.triton_sd_configs),
        ])
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DecompressionConfig {
    pub enabled: bool,
    pub format: Option<String>,
    /// Promtail waits so that a file is complete; we read a file again when it has changed.
    #[serde(rename = "initial_delay")]
    pub _initial_delay: Option<GoDuration>,
}
