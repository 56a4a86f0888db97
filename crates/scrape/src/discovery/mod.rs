//! Where targets come from: written in the configuration, in files that are watched, or asked for over HTTP.

mod file;
mod http;

pub use file::{FileDiscovery, FileWatch, Looked};
pub(crate) use http::{HttpDiscovery, HttpWatch};

use crate::config::StaticConfig;

/// Targets that share labels, meta labels included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Addresses.
    pub targets: Vec<String>,
    /// Labels that all of them get.
    pub labels: Vec<(String, String)>,
}

impl Group {
    /// The group of a static entry, with meta labels of whoever found it.
    pub fn of(config: &StaticConfig, meta: &[(&str, String)]) -> Self {
        let own = config.labels.iter().map(|(n, v)| (n.clone(), v.clone()));
        let meta = meta.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
        Self { targets: config.targets.clone(), labels: own.chain(meta).collect() }
    }
}

/// Reads a list of groups as JSON, or as YAML.
///
/// # Errors
/// One line with the place.
pub(crate) fn parse_groups(
    name: &std::path::Path,
    text: &str,
    is_json: bool,
) -> Result<Vec<StaticConfig>, String> {
    if is_json {
        serde_json::from_str(text).map_err(|e| format!("{}: {e}", name.display()))
    } else if text.trim().is_empty() {
        Ok(Vec::new())
    } else {
        config::from_str(name, text).map_err(|e| e.to_string())
    }
}
