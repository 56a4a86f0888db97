//! Addresses of servers that are found as targets are, but not scraped.

use config::Secret;

use crate::config::AlertmanagerSet;
use crate::discovery::{FileWatch, Group};
use crate::fetch::secret_headers;
use crate::target::{Populated, populate};

/// The servers of one entry of `alertmanagers`: those written down, and those in files, which are looked at when asked to.
#[derive(Debug)]
pub struct Addresses {
    set: AlertmanagerSet,
    files: FileWatch,
}

impl Addresses {
    /// Those of an entry. Files are not read before the first look.
    pub fn new(set: &AlertmanagerSet) -> Self {
        Self { set: set.clone(), files: FileWatch::default() }
    }

    /// The entry.
    pub fn set(&self) -> &AlertmanagerSet {
        &self.set
    }

    /// Looks at the files; reads those that are new or changed, or all when `force` says so. Answers what could not be read.
    /// Blocks for as long as the disk takes.
    pub fn look(&mut self, force: bool) -> Vec<String> {
        if self.set.job.files.is_empty() {
            return Vec::new();
        }
        self.files.look(&self.set.job.files, force).errors
    }

    /// The same entry, for whoever sends: without files that are looked at.
    pub fn fixed(&self) -> Self {
        Self::new(&self.set)
    }

    /// Where to send, in order, each once.
    pub fn urls(&self) -> Vec<String> {
        let written: Vec<Group> = self.set.job.statics.iter().map(|config| Group::of(config, &[])).collect();
        let mut urls = Vec::new();
        for group in written.iter().chain(self.files.groups()) {
            for address in &group.targets {
                // One that relabelling makes unusable is left out, as one that it drops.
                if let Ok(Populated::Target(target)) = populate(&self.set.job, address, group)
                    && !urls.contains(&target.key.url)
                {
                    urls.push(target.key.url);
                }
            }
        }
        urls
    }

    /// Headers that hold secrets, read now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn headers(&self) -> std::io::Result<Vec<(String, Secret)>> {
        secret_headers(self.set.job.auth.as_ref(), &self.set.job.headers)
    }
}
