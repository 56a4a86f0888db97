//! The files of a monitor: a real `prometheus.yml`, the rule files it names, a real `alertmanager.yml`.
//!
//! First start, reload and `--check` read them by the same road; nothing here has side effects. What we do not do yet
//! is refused by name where leaving it out would lose data, and said aloud where it would not.

use std::path::{Path, PathBuf};

use config::{ConfigError, Spanned, Unread};
use rules::{Groups, RulesError};
use scrape::config::{GlobalConfig, Job, ScrapeConfig, resolve};
use serde::Deserialize;

use crate::config_loki::{self, LokiSettings};
use crate::config_storage::{StorageSettings, StorageYml};

/// Without an `alertmanager.yml`: alerts are grouped and shown, and no receiver is called.
const TELL_NOBODY: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// Where the files are.
#[derive(Debug, Clone)]
pub struct ConfigPaths {
    /// A `prometheus.yml`.
    pub prometheus: PathBuf,
    /// An `alertmanager.yml`; without it alerts are shown but nobody is told.
    pub alertmanager: Option<PathBuf>,
    /// A `loki.yml`; without it Loki's defaults hold for logs.
    pub loki: Option<PathBuf>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file is wrong, at this place.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A rule file is wrong, at this place.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

/// All files, read and checked.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) global: GlobalConfig,
    pub(crate) jobs: Vec<Job>,
    pub(crate) groups: Groups,
    pub(crate) alerting: alerting::Config,
    /// What the store goes by.
    pub(crate) storage: StorageSettings,
    /// What the store of logs goes by. Read at start.
    pub(crate) loki: LokiSettings,
    /// The text of `prometheus.yml` as it was read.
    pub(crate) text: String,
    /// What was left out, each with its place.
    pub(crate) left_out: Vec<String>,
}

/// `prometheus.yml`, top level.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PrometheusYml {
    global: GlobalConfig,
    rule_files: Vec<Spanned<String>>,
    scrape_configs: Vec<ScrapeConfig>,
    // Left out aloud: what they ask for is done in another way, or changes nothing that is kept.
    alerting: Option<Spanned<Unread>>,
    runtime: Option<Spanned<Unread>>,
    tracing: Option<Spanned<Unread>>,
    // Refused: leaving them out would lose targets, samples or answers.
    scrape_config_files: Option<Spanned<Unread>>,
    remote_write: Option<Spanned<Unread>>,
    remote_read: Option<Spanned<Unread>>,
    otlp: Option<Spanned<Unread>>,
    storage: StorageYml,
}

/// Reads and checks all files without any effect.
///
/// The answer is what is left out, a line each with its place.
///
/// # Errors
/// The first thing that is wrong, with file, line and column.
pub fn check(paths: &ConfigPaths) -> Result<Vec<String>, LoadError> {
    load(paths).map(|loaded| loaded.left_out)
}

pub(crate) fn load(paths: &ConfigPaths) -> Result<Loaded, LoadError> {
    let file = paths.prometheus.as_path();
    let text = config::read_text(file)?;
    let yml: PrometheusYml = config::from_str(file, &text)?;
    yml.refuse(file)?;
    let storage = yml.storage.resolve(file)?;
    let jobs = resolve(&yml.global, &yml.scrape_configs, file)?;
    let rule_files =
        yml.rule_files.iter().map(|pattern| matching(file, pattern)).collect::<Result<Vec<_>, _>>()?;
    let groups = rules::files::read(rule_files.into_iter().flatten())?;
    let alerting = match &paths.alertmanager {
        Some(path) => alerting::Config::parse(path, &config::read_text(path)?)?,
        None => alerting::Config::parse(Path::new("no alertmanager.yml"), TELL_NOBODY)?,
    };
    let mut left_out = yml.left_out(file);
    left_out.extend(alerting.left_out.iter().cloned());
    let (loki, passed_over) = config_loki::read(paths.loki.as_deref())?;
    left_out.extend(passed_over);
    Ok(Loaded { global: yml.global, jobs, groups, alerting, storage, loki, text, left_out })
}

impl PrometheusYml {
    fn refuse(&self, file: &Path) -> Result<(), ConfigError> {
        let all = [
            ("scrape_config_files", &self.scrape_config_files),
            ("remote_write", &self.remote_write),
            ("remote_read", &self.remote_read),
            ("otlp", &self.otlp),
        ];
        match all.into_iter().find_map(|(name, given)| Some((name, given.as_ref()?.at))) {
            Some((name, at)) => Err(ConfigError::at(file, at, format!("{name} is not supported yet"))),
            None => Ok(()),
        }
    }

    fn left_out(&self, file: &Path) -> Vec<String> {
        let all = [
            ("alerting", &self.alerting, "alerts go to the built-in dispatcher (see --alertmanager-config)"),
            ("runtime", &self.runtime, "it tunes another program's memory"),
            ("tracing", &self.tracing, "not supported yet"),
        ];
        let given = all.into_iter().filter_map(|(name, given, why)| Some((name, given.as_ref()?.at, why)));
        given
            .map(|(name, at, why)| {
                ConfigError::at(file, at, format!("{name} is left out: {why}")).to_string()
            })
            .collect()
    }
}

/// The files that a pattern of `rule_files` names, relative to the folder of `file`, sorted.
fn matching(file: &Path, pattern: &Spanned<String>) -> Result<Vec<PathBuf>, ConfigError> {
    // As Prometheus has it: stars in the last part only.
    if pattern.value.rsplit_once('/').is_some_and(|(folders, _)| folders.contains('*')) {
        let message = format!("invalid rule file path {:?}", pattern.value);
        return Err(ConfigError::at(file, pattern.at, message));
    }
    rules::files::matching(file, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(prometheus: &str, rules: &str) -> Result<Loaded, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("rules.yml"), rules).expect("written");
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, prometheus).expect("written");
        let paths = ConfigPaths { prometheus: path, alertmanager: None, loki: None };
        load(&paths).map_err(|e| e.to_string().replace(&folder.path().display().to_string(), "DIR"))
    }

    const RULES: &str = "groups: [{name: a, rules: [{record: x, expr: up}]}]\n";

    #[test]
    fn a_whole_configuration_is_read() {
        let yml = "global: {scrape_interval: 5s}\nrule_files: ['*.yml']\nscrape_configs:\n- job_name: a\n  static_configs: [{targets: ['a:1']}]\n";
        // The pattern takes prometheus.yml too, which is no rule file.
        assert!(load_text(yml, RULES).is_err());
        let loaded = load_text(&yml.replace("*.yml", "rule*.yml"), RULES).expect("valid");
        assert_eq!((loaded.jobs.len(), loaded.groups.iter().count()), (1, 1));
        assert!(loaded.left_out.is_empty());
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (yml, expected) in [
            (
                "global:\n  scrape_intervall: 5s\n",
                "DIR/prometheus.yml:2:3: unknown field scrape_intervall (did you mean scrape_interval?)",
            ),
            ("rule_files: ['a/*/b.yml']\n", "DIR/prometheus.yml:1:14: invalid rule file path \"a/*/b.yml\""),
            ("remote_write:\n- url: http://x\n", "DIR/prometheus.yml:2:3: remote_write is not supported yet"),
        ] {
            assert_eq!(load_text(yml, RULES).expect_err(yml), expected);
        }
        let error = load_text(
            "rule_files: [rules.yml]\n",
            "groups: [{name: a, rules: [{record: x, expr: 'up +'}]}]\n",
        );
        assert!(error.as_ref().is_err_and(|e| e.starts_with("DIR/rules.yml:1:")), "{error:?}");
    }

    #[test]
    fn what_is_left_out_is_said() {
        let yml = "alerting:\n  alertmanagers:\n  - static_configs: [{targets: ['localhost:9093']}]\n";
        let loaded = load_text(yml, RULES).expect("valid");
        assert_eq!(loaded.left_out.len(), 1);
        assert!(loaded.left_out[0].contains("alerting is left out"), "{:?}", loaded.left_out);
    }
}
