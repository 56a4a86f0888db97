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

impl Endpoint {
    /// Host and port of the URL `url`, whatever its scheme, user and path.
    pub fn address(&self, url: &str) -> Option<&str> {
        let rest = self.urls.get(url)?.split_once("://")?.1;
        let place = rest.split('/').next()?;
        Some(place.rsplit_once('@').map_or(place, |(_, place)| place))
    }
}

impl Endpoints {
    /// Host and port of the URL `url` of `role`, when that runs.
    pub fn address(&self, role: &str, url: &str) -> Option<&str> {
        self.0.get(role)?.address(url)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_urls_of_any_kind() {
        let urls = [("http", "http://127.0.0.1:5000"), ("faults", "http://[::1]:8001/faults/key")];
        let more = [("mysql", "mysql://app_user@127.0.0.1:3306/orders_db"), ("odd", "nothing")];
        let urls = urls.into_iter().chain(more).map(|(name, url)| (name.to_owned(), url.to_owned()));
        let endpoint = Endpoint { pid: Some(1), urls: urls.collect() };
        let found = ["http", "faults", "mysql", "odd", "none"].map(|url| endpoint.address(url));
        assert_eq!(found, [Some("127.0.0.1:5000"), Some("[::1]:8001"), Some("127.0.0.1:3306"), None, None]);
    }
}
