//! One entry of `scrape_configs`, and the ways in which its targets are found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use config::{ByteSize, Duration, Position, Secret, Spanned, Unread};
use serde::Deserialize;

use super::http::{AuthorizationConfig, BasicAuthConfig, HttpHeaderConfig};
use crate::relabel::RelabelConfig;

/// A setting that is known by name and refused.
type Unsupported = Option<Spanned<Unread>>;

/// Relabelling rules; a null among them is told apart so that it can be refused in words.
type Rules = Option<Vec<Option<Spanned<RelabelConfig>>>>;

/// One entry of `scrape_configs` as a file writes it. What is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScrapeConfig {
    pub(super) job_name: Spanned<String>,
    pub(super) honor_labels: Option<bool>,
    pub(super) honor_timestamps: Option<bool>,
    pub(super) track_timestamps_staleness: Option<bool>,
    pub(super) params: Option<BTreeMap<String, Vec<String>>>,
    pub(super) scrape_interval: Option<Spanned<Duration>>,
    pub(super) scrape_timeout: Option<Spanned<Duration>>,
    pub(super) scrape_protocols: Option<Spanned<Vec<String>>>,
    pub(super) fallback_scrape_protocol: Option<Spanned<String>>,
    pub(super) scrape_native_histograms: Option<bool>,
    pub(super) always_scrape_classic_histograms: Option<bool>,
    pub(super) convert_classic_histograms_to_nhcb: Option<bool>,
    pub(super) native_histogram_bucket_limit: Option<u64>,
    pub(super) native_histogram_min_bucket_factor: Option<f64>,
    pub(super) extra_scrape_metrics: Option<bool>,
    pub(super) scrape_failure_log_file: Option<Spanned<String>>,
    pub(super) metrics_path: Option<String>,
    pub(super) scheme: Option<Spanned<String>>,
    pub(super) enable_compression: Option<bool>,
    pub(super) body_size_limit: Option<ByteSize>,
    pub(super) sample_limit: Option<u64>,
    pub(super) target_limit: Option<u64>,
    pub(super) label_limit: Option<u64>,
    pub(super) label_name_length_limit: Option<u64>,
    pub(super) label_value_length_limit: Option<u64>,
    pub(super) keep_dropped_targets: Option<u64>,
    pub(super) metric_name_validation_scheme: Option<Spanned<String>>,
    pub(super) metric_name_escaping_scheme: Option<Spanned<String>>,
    pub(super) relabel_configs: Rules,
    pub(super) metric_relabel_configs: Rules,
    pub(super) basic_auth: Option<BasicAuthConfig>,
    pub(super) authorization: Option<AuthorizationConfig>,
    pub(super) bearer_token: Option<Secret>,
    pub(super) bearer_token_file: Option<PathBuf>,
    pub(super) http_headers: Option<BTreeMap<String, HttpHeaderConfig>>,
    pub(super) follow_redirects: Option<Spanned<bool>>,
    pub(super) enable_http2: Option<bool>,
    pub(super) oauth2: Unsupported,
    pub(super) tls_config: Unsupported,
    pub(super) proxy_url: Unsupported,
    pub(super) no_proxy: Unsupported,
    pub(super) proxy_from_environment: Unsupported,
    pub(super) proxy_connect_header: Unsupported,
    pub(super) static_configs: Option<Vec<Option<Spanned<StaticConfig>>>>,
    pub(super) file_sd_configs: Option<Vec<Spanned<FileSdConfig>>>,
    pub(super) http_sd_configs: Option<Vec<Spanned<HttpSdConfig>>>,
    pub(super) aws_sd_configs: Unsupported,
    pub(super) azure_sd_configs: Unsupported,
    pub(super) consul_sd_configs: Unsupported,
    pub(super) digitalocean_sd_configs: Unsupported,
    pub(super) dns_sd_configs: Unsupported,
    pub(super) docker_sd_configs: Unsupported,
    pub(super) dockerswarm_sd_configs: Unsupported,
    pub(super) ec2_sd_configs: Unsupported,
    pub(super) elasticache_sd_configs: Unsupported,
    pub(super) eureka_sd_configs: Unsupported,
    pub(super) gce_sd_configs: Unsupported,
    pub(super) hetzner_sd_configs: Unsupported,
    pub(super) ionos_sd_configs: Unsupported,
    pub(super) kubernetes_sd_configs: Unsupported,
    pub(super) kuma_sd_configs: Unsupported,
    pub(super) lightsail_sd_configs: Unsupported,
    pub(super) linode_sd_configs: Unsupported,
    pub(super) marathon_sd_configs: Unsupported,
    pub(super) msk_sd_configs: Unsupported,
    pub(super) nerve_sd_configs: Unsupported,
    pub(super) nomad_sd_configs: Unsupported,
    pub(super) oci_sd_configs: Unsupported,
    pub(super) openstack_sd_configs: Unsupported,
    pub(super) outscale_sd_configs: Unsupported,
    pub(super) ovhcloud_sd_configs: Unsupported,
    pub(super) puppetdb_sd_configs: Unsupported,
    pub(super) rds_sd_configs: Unsupported,
    pub(super) scaleway_sd_configs: Unsupported,
    pub(super) serverset_sd_configs: Unsupported,
    pub(super) stackit_sd_configs: Unsupported,
    pub(super) triton_sd_configs: Unsupported,
    pub(super) uyuni_sd_configs: Unsupported,
    pub(super) vultr_sd_configs: Unsupported,
}

impl ScrapeConfig {
    /// The job's name and where it stands.
    pub fn job_name(&self) -> &Spanned<String> {
        &self.job_name
    }

    /// The first setting that this program cannot honour: its name and place.
    pub(super) fn unsupported(&self) -> Option<(&'static str, Position)> {
        let all = [
            ("oauth2", &self.oauth2),
            ("tls_config", &self.tls_config),
            ("proxy_url", &self.proxy_url),
            ("no_proxy", &self.no_proxy),
            ("proxy_from_environment", &self.proxy_from_environment),
            ("proxy_connect_header", &self.proxy_connect_header),
            ("aws_sd_configs", &self.aws_sd_configs),
            ("azure_sd_configs", &self.azure_sd_configs),
            ("consul_sd_configs", &self.consul_sd_configs),
            ("digitalocean_sd_configs", &self.digitalocean_sd_configs),
            ("dns_sd_configs", &self.dns_sd_configs),
            ("docker_sd_configs", &self.docker_sd_configs),
            ("dockerswarm_sd_configs", &self.dockerswarm_sd_configs),
            ("ec2_sd_configs", &self.ec2_sd_configs),
            ("elasticache_sd_configs", &self.elasticache_sd_configs),
            ("eureka_sd_configs", &self.eureka_sd_configs),
            ("gce_sd_configs", &self.gce_sd_configs),
            ("hetzner_sd_configs", &self.hetzner_sd_configs),
            ("ionos_sd_configs", &self.ionos_sd_configs),
            ("kubernetes_sd_configs", &self.kubernetes_sd_configs),
            ("kuma_sd_configs", &self.kuma_sd_configs),
            ("lightsail_sd_configs", &self.lightsail_sd_configs),
            ("linode_sd_configs", &self.linode_sd_configs),
            ("marathon_sd_configs", &self.marathon_sd_configs),
            ("msk_sd_configs", &self.msk_sd_configs),
            ("nerve_sd_configs", &self.nerve_sd_configs),
            ("nomad_sd_configs", &self.nomad_sd_configs),
            ("oci_sd_configs", &self.oci_sd_configs),
            ("openstack_sd_configs", &self.openstack_sd_configs),
            ("outscale_sd_configs", &self.outscale_sd_configs),
            ("ovhcloud_sd_configs", &self.ovhcloud_sd_configs),
            ("puppetdb_sd_configs", &self.puppetdb_sd_configs),
            ("rds_sd_configs", &self.rds_sd_configs),
            ("scaleway_sd_configs", &self.scaleway_sd_configs),
            ("serverset_sd_configs", &self.serverset_sd_configs),
            ("stackit_sd_configs", &self.stackit_sd_configs),
            ("triton_sd_configs", &self.triton_sd_configs),
            ("uyuni_sd_configs", &self.uyuni_sd_configs),
            ("vultr_sd_configs", &self.vultr_sd_configs),
        ];
        let redirects = self.follow_redirects.as_ref().filter(|follow| !follow.value);
        redirects
            .map(|at| ("follow_redirects: false", at.at))
            .or_else(|| all.iter().find_map(|(name, value)| value.as_ref().map(|value| (*name, value.at))))
    }
}

/// Targets that share labels: an entry of `static_configs`, or of a discovery file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaticConfig {
    /// Addresses, `host:port`.
    pub targets: Vec<String>,
    /// Labels that all of them get.
    pub labels: BTreeMap<String, String>,
}

/// An entry of `file_sd_configs` as a file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSdConfig {
    pub(crate) files: Vec<String>,
    pub(crate) refresh_interval: Option<Duration>,
}

/// An entry of `http_sd_configs` as a file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSdConfig {
    pub(super) url: String,
    pub(super) refresh_interval: Option<Duration>,
    pub(super) basic_auth: Option<BasicAuthConfig>,
    pub(super) authorization: Option<AuthorizationConfig>,
    pub(super) bearer_token: Option<Secret>,
    pub(super) bearer_token_file: Option<PathBuf>,
    pub(super) http_headers: Option<BTreeMap<String, HttpHeaderConfig>>,
    pub(super) follow_redirects: Option<Spanned<bool>>,
    pub(super) enable_http2: Option<bool>,
    pub(super) oauth2: Unsupported,
    pub(super) tls_config: Unsupported,
    pub(super) proxy_url: Unsupported,
    pub(super) no_proxy: Unsupported,
    pub(super) proxy_from_environment: Unsupported,
    pub(super) proxy_connect_header: Unsupported,
}

impl HttpSdConfig {
    /// The first setting that this program cannot honour: its name and place.
    pub(super) fn unsupported(&self) -> Option<(&'static str, Position)> {
        let all = [
            ("oauth2", &self.oauth2),
            ("tls_config", &self.tls_config),
            ("proxy_url", &self.proxy_url),
            ("no_proxy", &self.no_proxy),
            ("proxy_from_environment", &self.proxy_from_environment),
            ("proxy_connect_header", &self.proxy_connect_header),
        ];
        let redirects = self.follow_redirects.as_ref().filter(|follow| !follow.value);
        redirects
            .map(|at| ("follow_redirects: false", at.at))
            .or_else(|| all.iter().find_map(|(name, value)| value.as_ref().map(|value| (*name, value.at))))
    }
}
