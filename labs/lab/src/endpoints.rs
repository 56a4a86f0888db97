//! Who runs where: the content of `endpoints.json`, by which tests and tools find every child.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;

/// A role that runs, or ran and comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its process; `null` while it is down, since its number may be another's by then.
    pub pid: Option<u32>,
    /// Its addresses by name.
    pub urls: BTreeMap<String, String>,
}

/// All roles that have been ready, by name; the supervisor itself is the role `up`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoints(pub BTreeMap<String, Endpoint>);

impl Endpoints {
    /// The URL `url` of `role`.
    pub fn url(&self, role: &str, url: &str) -> Option<String> {
        self.0.get(role)?.urls.get(url).cloned()
    }

    /// Reads the file in `data_dir`.
    ///
    /// # Errors
    /// When the file is missing or no such object.
    pub fn read(data_dir: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(data_dir.join(files::ENDPOINTS))?;
        serde_json::from_str(&text).map_err(io::Error::other)
    }

    /// Replaces the file in `data_dir` as a whole, readable by its owner only: the control URL is a key.
    pub(crate) fn write(&self, data_dir: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        files::replace_private(&data_dir.join(files::ENDPOINTS), &text)
    }
}
