//! `alerting` of a `prometheus.yml`: the Alertmanagers that rules send to. What finds and asks them is what finds and asks
//! targets, so an entry is resolved as a job whose path is that of their API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{ConfigError, Duration, Secret, Spanned, Unread};
use model::{DurationMs, LabelsBuilder};
use serde::Deserialize;

use super::http::{AuthorizationConfig, BasicAuthConfig, HttpHeaderConfig};
use super::job::{FileSdConfig, HttpSdConfig, StaticConfig};
use super::{GlobalConfig, Job, ScrapeConfig, resolve};
use crate::relabel::{self, RelabelConfig, RelabelRule};

/// Prometheus' own.
const DEFAULT_TIMEOUT: DurationMs = DurationMs::from_secs(10);

/// A setting that is known by name and refused.
type Unsupported = Option<Spanned<Unread>>;

/// Relabelling rules; a null among them is refused in words.
type Rules = Option<Vec<Option<Spanned<RelabelConfig>>>>;

/// `alerting` as a file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertingConfig {
    alert_relabel_configs: Rules,
    alertmanagers: Option<Vec<Spanned<AlertmanagerConfig>>>,
}

/// One entry of `alertmanagers` as a file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AlertmanagerConfig {
    scheme: Option<Spanned<String>>,
    path_prefix: Option<String>,
    timeout: Option<Duration>,
    api_version: Option<Spanned<String>>,
    relabel_configs: Rules,
    alert_relabel_configs: Rules,
    basic_auth: Option<BasicAuthConfig>,
    authorization: Option<AuthorizationConfig>,
    bearer_token: Option<Secret>,
    bearer_token_file: Option<PathBuf>,
    http_headers: Option<BTreeMap<String, HttpHeaderConfig>>,
    follow_redirects: Option<Spanned<bool>>,
    enable_http2: Option<bool>,
    static_configs: Option<Vec<Option<Spanned<StaticConfig>>>>,
    file_sd_configs: Option<Vec<Spanned<FileSdConfig>>>,
    // Refused: an Alertmanager that is silently not told is a page that never comes.
    http_sd_configs: Option<Vec<Spanned<HttpSdConfig>>>,
    sigv4: Unsupported,
    oauth2: Unsupported,
    tls_config: Unsupported,
    proxy_url: Unsupported,
    no_proxy: Unsupported,
    proxy_from_environment: Unsupported,
    proxy_connect_header: Unsupported,
    aws_sd_configs: Unsupported,
    azure_sd_configs: Unsupported,
    consul_sd_configs: Unsupported,
    digitalocean_sd_configs: Unsupported,
    dns_sd_configs: Unsupported,
    docker_sd_configs: Unsupported,
    dockerswarm_sd_configs: Unsupported,
    ec2_sd_configs: Unsupported,
    eureka_sd_configs: Unsupported,
    gce_sd_configs: Unsupported,
    hetzner_sd_configs: Unsupported,
    ionos_sd_configs: Unsupported,
    kubernetes_sd_configs: Unsupported,
    kuma_sd_configs: Unsupported,
    lightsail_sd_configs: Unsupported,
    linode_sd_configs: Unsupported,
    marathon_sd_configs: Unsupported,
    nerve_sd_configs: Unsupported,
    nomad_sd_configs: Unsupported,
    openstack_sd_configs: Unsupported,
    ovhcloud_sd_configs: Unsupported,
    puppetdb_sd_configs: Unsupported,
    scaleway_sd_configs: Unsupported,
    serverset_sd_configs: Unsupported,
    stackit_sd_configs: Unsupported,
    triton_sd_configs: Unsupported,
    uyuni_sd_configs: Unsupported,
    vultr_sd_configs: Unsupported,
}

/// Whom rules send their alerts to, besides this program's own receivers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alertmanagers {
    /// Rules for the labels of all alerts that leave.
    relabel: Vec<RelabelRule>,
    /// Entries, in the order of the file.
    pub entries: Vec<AlertmanagerSet>,
}

/// Alertmanagers that are found and asked alike.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertmanagerSet {
    pub(crate) job: Job,
    /// How long one of them may take.
    pub timeout: DurationMs,
    relabel: Vec<RelabelRule>,
}

impl Alertmanagers {
    /// The labels with which an alert leaves; `None` when it does not.
    pub fn relabelled(&self, labels: &model::Labels) -> Option<model::Labels> {
        relabelled(&self.relabel, labels)
    }
}

impl AlertmanagerSet {
    /// As [`Alertmanagers::relabelled`], for these alone.
    pub fn relabelled(&self, labels: &model::Labels) -> Option<model::Labels> {
        relabelled(&self.relabel, labels)
    }
}

fn relabelled(rules: &[RelabelRule], labels: &model::Labels) -> Option<model::Labels> {
    if rules.is_empty() {
        return Some(labels.clone());
    }
    let mut builder: LabelsBuilder = labels.to_builder();
    relabel::apply(rules, &mut builder).then(|| builder.build())
}

impl AlertingConfig {
    /// Checks and completes. `file` is named in errors, and its folder is where relative paths begin.
    ///
    /// # Errors
    /// The first setting that cannot be, with its place.
    pub fn resolve(&self, global: &GlobalConfig, file: &Path) -> Result<Alertmanagers, ConfigError> {
        let rules = |rules: &Rules, at| {
            relabel::compile(rules.as_deref().unwrap_or_default()).map_err(|(place, message)| {
                let place = if place == config::Position::default() { at } else { place };
                ConfigError::at(file, place, message)
            })
        };
        let given = self.alertmanagers.as_deref().unwrap_or_default();
        let mut entries = Vec::new();
        for (index, entry) in given.iter().enumerate() {
            entry.value.check(entry.at, file)?;
            let relabel = rules(&entry.value.alert_relabel_configs, entry.at)?;
            let timeout = entry.value.timeout.map_or(DEFAULT_TIMEOUT, |given| given.0);
            let name = Spanned { at: entry.at, value: format!("alertmanager-{index}") };
            let config = entry.value.as_job(name);
            let job = resolve(global, std::slice::from_ref(&config), file)?;
            entries.extend(job.into_iter().map(|job| AlertmanagerSet {
                job,
                timeout,
                relabel: relabel.clone(),
            }));
        }
        let at = given.first().map(|entry| entry.at).unwrap_or_default();
        Ok(Alertmanagers { relabel: rules(&self.alert_relabel_configs, at)?, entries })
    }
}

impl AlertmanagerConfig {
    fn check(&self, at: config::Position, file: &Path) -> Result<(), ConfigError> {
        match self.api_version.as_ref().map(|version| (version.value.as_str(), version.at)) {
            None | Some(("v2", _)) => {}
            Some(("v1", at)) => {
                let message = "expected Alertmanager api version to be one of [v2] but got v1, which Alertmanager has no more";
                return Err(ConfigError::at(file, at, message));
            }
            Some((other, at)) => {
                let message = format!("expected Alertmanager api version to be one of [v2] but got {other}");
                return Err(ConfigError::at(file, at, message));
            }
        }
        if self.http_sd_configs.as_ref().is_some_and(|all| !all.is_empty()) {
            return Err(ConfigError::at(file, at, "http_sd_configs of alertmanagers is not supported yet"));
        }
        if let Some(sigv4) = &self.sigv4 {
            return Err(ConfigError::at(file, sigv4.at, "sigv4 is not supported yet"));
        }
        Ok(())
    }

    /// The same settings under the names that a job has for them.
    fn as_job(&self, job_name: Spanned<String>) -> ScrapeConfig {
        let prefix = self.path_prefix.as_deref().unwrap_or("/").trim_end_matches('/');
        let mut job = ScrapeConfig {
            job_name,
            scheme: self.scheme.clone(),
            metrics_path: Some(format!("{prefix}/api/v2/alerts")),
            relabel_configs: self.relabel_configs.clone(),
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            bearer_token: self.bearer_token.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
            http_headers: self.http_headers.clone(),
            follow_redirects: self.follow_redirects.clone(),
            enable_http2: self.enable_http2,
            static_configs: self.static_configs.clone(),
            file_sd_configs: self.file_sd_configs.clone(),
            ..ScrapeConfig::default()
        };
        macro_rules! take {
            ($($name:ident),+ $(,)?) => { $(job.$name = self.$name.clone();)+ };
        }
        take!(
            oauth2,
            tls_config,
            proxy_url,
            no_proxy,
            proxy_from_environment,
            proxy_connect_header,
            aws_sd_configs,
            azure_sd_configs,
            consul_sd_configs,
            digitalocean_sd_configs,
            dns_sd_configs,
            docker_sd_configs,
            dockerswarm_sd_configs,
            ec2_sd_configs,
            eureka_sd_configs,
            gce_sd_configs,
            hetzner_sd_configs,
            ionos_sd_configs,
            kubernetes_sd_configs,
            kuma_sd_configs,
            lightsail_sd_configs,
            linode_sd_configs,
            marathon_sd_configs,
            nerve_sd_configs,
            nomad_sd_configs,
            openstack_sd_configs,
            ovhcloud_sd_configs,
            puppetdb_sd_configs,
            scaleway_sd_configs,
            serverset_sd_configs,
            stackit_sd_configs,
            triton_sd_configs,
            uyuni_sd_configs,
            vultr_sd_configs,
        );
        job
    }
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;
    use crate::addresses::Addresses;

    fn load(yaml: &str) -> Result<Alertmanagers, String> {
        let path = Path::new("etc/p.yml");
        let read: AlertingConfig = config::from_str(path, yaml).map_err(|e| e.to_string())?;
        read.resolve(&GlobalConfig::default(), path).map_err(|e| e.to_string())
    }

    #[test]
    fn addresses_are_found_and_relabelled() {
        let all = load(
            "alert_relabel_configs: [{action: labeldrop, regex: replica}]\nalertmanagers:\n\
             - scheme: https\n  path_prefix: /am/\n  timeout: 3s\n  static_configs: [{targets: ['a:1', 'b:2']}]\n  \
               relabel_configs: [{source_labels: [__address__], regex: 'b:.*', action: drop}]\n",
        )
        .expect("valid");
        let set = &all.entries[0];
        assert_eq!(set.timeout, DurationMs::from_secs(3));
        let mut addresses = Addresses::new(set);
        assert_eq!(addresses.look(true), Vec::<String>::new());
        assert_eq!(addresses.urls(), ["https://a:1/am/api/v2/alerts"]);
        let labels = Labels::from_pairs([("a", "b"), ("replica", "1")]);
        assert_eq!(all.relabelled(&labels), Some(Labels::from_pairs([("a", "b")])));
        assert_eq!(set.relabelled(&labels), Some(labels));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (yaml, expected) in [
            (
                "alertmanagers:\n- api_version: v1\n",
                "etc/p.yml:2:16: expected Alertmanager api version to be one of [v2] but got v1, which Alertmanager has no more",
            ),
            ("alertmanagers:\n- relabel_configs:\n  -\n", "etc/p.yml:2:3: empty or null relabel rule"),
            (
                "alertmanagers:\n- scheme: ftp\n",
                "etc/p.yml:2:11: unknown scheme \"ftp\", must be http or https",
            ),
            (
                "alertmanagers:\n- consul_sd_configs: [{server: x}]\n",
                "etc/p.yml:2:22: consul_sd_configs is not supported yet",
            ),
            ("alertmanager: []\n", "etc/p.yml:1:1: unknown field alertmanager (did you mean alertmanagers?)"),
        ] {
            assert_eq!(load(yaml).expect_err(yaml), expected);
        }
    }
}
