//! Configuration and rule files, loaded as the monitor loads them.

use std::path::Path;

use app::ConfigPaths;
use rules::RuleFile;

use crate::run::Run;
use crate::verdicts::{self, Listed, NOT_YET, Verdict};

const EXCUSE: (&str, &str) = (NOT_YET, "are refused by the name of what is not supported yet");

/// The folder of Prometheus' own configuration files.
pub const CONFIG_FOLDER: &str = "prometheus-config";
/// The folder of Prometheus' own rule files.
pub const RULES_FOLDER: &str = "rulefmt";
/// The folder of Alertmanager's own configuration files.
pub const ALERTMANAGER_FOLDER: &str = "alertmanager-config";

/// Loads each `prometheus.yml` as `watchfire monitor --check` does.
///
/// # Errors
/// When the verdicts or a file cannot be read.
pub fn prometheus_config(folder: &Path) -> std::io::Result<Run> {
    let is_good = |verdict: &str| verdict.contains("accept");
    all(folder, CONFIG_FOLDER, is_good, &|path| {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent_mode")) {
            return Err("agent mode is not supported yet".to_owned());
        }
        let paths = ConfigPaths { prometheus: path.to_owned(), alertmanager: None, loki: None };
        let left_out = app::check(&paths).map_err(|e| without_folder(&e.to_string(), folder))?;
        Ok(format!("{} settings left out", left_out.len()))
    })
}

/// Reads each rule file.
///
/// # Errors
/// When the verdicts or a file cannot be read.
pub fn rulefmt(folder: &Path) -> std::io::Result<Run> {
    // Names may be any UTF-8, as is Prometheus' default.
    let is_good =
        |verdict: &str| !verdict.starts_with("reject") || verdict.contains("legacy name validation only");
    all(folder, RULES_FOLDER, is_good, &|path| {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let file = RuleFile::parse(path, &text).map_err(|e| without_folder(&e.to_string(), folder))?;
        Ok(format!("{} groups, {} warnings", file.groups.len(), file.warnings.len()))
    })
}

/// Loads each `alertmanager.yml`.
///
/// # Errors
/// When the verdicts or a file cannot be read.
pub fn alertmanager_config(folder: &Path) -> std::io::Result<Run> {
    all(folder, ALERTMANAGER_FOLDER, |verdict| verdict.starts_with("accept"), &|path| {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let loaded = alerting::Config::parse(path, &text);
        loaded.map(|_| "loaded".to_owned()).map_err(|e| without_folder(&e.to_string(), folder))
    })
}

fn all(
    folder: &Path,
    name: &str,
    is_good: fn(&str) -> bool,
    read: &dyn Fn(&Path) -> Verdict,
) -> std::io::Result<Run> {
    let mut run = Run::default();
    verdicts::run(folder, &mut run, Listed::Verdict, is_good, read)?;
    run.tally(name, 0, EXCUSE);
    Ok(run)
}

/// Where the data lies is not part of what is wrong with it.
fn without_folder(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}
