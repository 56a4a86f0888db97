//! Prometheus' own configuration files, as far as `global` and `scrape_configs` go; read in place, absent means skipped
//! aloud. Files whose verdict hangs on sections that other crates own are left to those.

use std::path::{Path, PathBuf};

use config::Unread;
use scrape::config::{GlobalConfig, ScrapeConfig};
use serde::Deserialize;

/// Files that are good, with a setting that is refused today: each with what the refusal must name.
const NOT_SUPPORTED_YET: &[(&str, &str)] = &[
    ("conf.good.yml", "tls_config"),
    ("kubernetes_kubeconfig_without_apiserver.good.yml", "kubernetes_sd_configs"),
    ("kubernetes_selectors_endpoints.good.yml", "kubernetes_sd_configs"),
    ("kubernetes_selectors_pod.good.yml", "kubernetes_sd_configs"),
    ("roundtrip.good.yml", "azure_sd_configs"),
    ("scrape_configs/scrape_config_files1.good.yml", "tls_config"),
    ("scrape_configs/scrape_config_files2.good.yml", "tls_config"),
];

/// Beginnings of names of files that are about other sections.
const OTHERS: &[&str] = &[
    "agent_mode",
    "config_with_deprecated_am",
    "empty_alertmanager",
    "empty_rw",
    "otlp_",
    "remote_",
    "rules",
    "scrape_config_files_double",
    "scrape_config_files_duplicate",
    "scrape_config_files_glob.bad",
    "scrape_config_files_global",
    "tsdb_",
];

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct File {
    global: Option<GlobalConfig>,
    scrape_configs: Option<Vec<ScrapeConfig>>,
    runtime: Option<Unread>,
    rule_files: Option<Unread>,
    scrape_config_files: Option<Unread>,
    alerting: Option<Unread>,
    remote_write: Option<Unread>,
    remote_read: Option<Unread>,
    storage: Option<Unread>,
    tracing: Option<Unread>,
    otlp: Option<Unread>,
}

fn load(path: &Path) -> Result<(), String> {
    let file: File = config::read(path).map_err(|e| e.to_string())?;
    let configs = file.scrape_configs.unwrap_or_default();
    scrape::resolve(&file.global.unwrap_or_default(), &configs, path).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
#[allow(clippy::print_stdout, reason = "a skipped test must say so")]
fn prometheus_files_get_their_verdicts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let base = std::env::var_os("WATCHFIRE_CONFORMANCE")
        .map_or_else(|| root.join("../shared/conformance"), PathBuf::from);
    let folder = base.join("prometheus-config");
    let Ok(text) = std::fs::read_to_string(folder.join("expectations.json")) else {
        println!("skipped: no conformance data at {}", folder.display());
        return;
    };
    let expectations: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, verdict) in expectations["files"].as_object().expect("an object") {
        if OTHERS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        count += 1;
        let accept = verdict.as_str().is_some_and(|v| v.contains("accept"));
        let got = load(&folder.join(name));
        let refused_as_said = NOT_SUPPORTED_YET.iter().any(|(file, setting)| {
            file == name
                && got.as_ref().is_err_and(|e| e.contains(&format!("{setting} is not supported yet")))
        });
        if got.is_ok() != accept && !refused_as_said {
            wrong.push(format!("{name}: {got:?}"));
        }
    }
    assert!(count > 50 && wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} files, of which {} good ones are refused by name", NOT_SUPPORTED_YET.len());
}
