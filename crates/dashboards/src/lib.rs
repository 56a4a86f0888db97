//! Dashboard documents: reads a folder of Grafana JSON (sub-folders are Grafana's folders) and a built-in set, and answers by uid.
//!
//! Reading is lenient: a bad file is reported with its place and never keeps the others away. A document is kept as it was written;
//! only a missing `uid` is put in, because the browser addresses dashboards by it. What the fields mean is the renderer's business.

mod document;
mod error;
mod folder;
mod patch;
mod save;
mod spans;
mod uid;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;

pub use crate::error::{LoadError, Problem, SaveError};
pub use crate::patch::{PanelChanges, Threshold};
pub use crate::uid::slug;

use crate::document::Document;

/// What a list of dashboards shows of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Identifies the dashboard in addresses: `[A-Za-z0-9_-]{1,40}`.
    pub uid: String,
    /// The title as written.
    pub title: String,
    /// Path of the sub-folder below the root, parts joined by `/`; empty for the root itself.
    pub folder: String,
    /// Tags as written, without what is not text.
    pub tags: Vec<String>,
    /// The description, empty when there is none.
    pub description: String,
    /// The file it was read from, or the name of a built-in one.
    pub file: PathBuf,
    /// Which text of its file it was read from; `None` for a built-in one, which cannot be changed.
    pub version: Option<String>,
}

/// A dashboard that ships with the program.
#[derive(Clone, Debug)]
pub struct Builtin {
    /// File name, used in reports and to derive a uid.
    pub name: String,
    /// The JSON text.
    pub text: String,
}

/// Where dashboards come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// A folder to read with all below it. One that does not exist counts as empty and is reported.
    pub folder: Option<PathBuf>,
    /// Built-in ones. A file of the folder with the same uid takes the place of a built-in one, so that people can adapt it.
    pub builtin: Vec<Builtin>,
}

#[derive(Debug, Default)]
struct Set {
    entries: Vec<Entry>,
    documents: BTreeMap<String, Arc<Value>>,
    errors: Vec<LoadError>,
}

/// All dashboards, readable from many threads while a reload swaps the set.
#[derive(Debug)]
pub struct Dashboards {
    sources: Sources,
    set: RwLock<Arc<Set>>,
    /// One change at a time: each reads a file, compares and writes it.
    saving: Mutex<()>,
}

impl Dashboards {
    /// Reads a folder. What could not be read comes back beside what could.
    pub fn load(folder: &Path) -> (Self, Vec<LoadError>) {
        Self::load_from(Sources { folder: Some(folder.to_owned()), builtin: Vec::new() })
    }

    /// Reads a folder and a built-in set.
    pub fn load_from(sources: Sources) -> (Self, Vec<LoadError>) {
        let set = read(&sources);
        let errors = set.errors.clone();
        (Self { sources, set: RwLock::new(Arc::new(set)), saving: Mutex::new(()) }, errors)
    }

    /// Reads everything again. Readers see the old set until the new one is whole.
    pub fn reload(&self) -> Vec<LoadError> {
        let set = Arc::new(read(&self.sources));
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = set.clone();
        set.errors.clone()
    }

    /// All dashboards by folder, then title.
    pub fn list(&self) -> Vec<Entry> {
        self.current().entries.clone()
    }

    /// The entry of one dashboard.
    pub fn entry(&self, uid: &str) -> Option<Entry> {
        self.current().entries.iter().find(|entry| entry.uid == uid).cloned()
    }

    /// The document of one dashboard, with its uid in it.
    pub fn get(&self, uid: &str) -> Option<Arc<Value>> {
        self.current().documents.get(uid).cloned()
    }

    /// What the last reading could not use.
    pub fn errors(&self) -> Vec<LoadError> {
        self.current().errors.clone()
    }

    // The set is replaced whole, so a writer that panicked cannot have left a half-changed one.
    fn current(&self) -> Arc<Set> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(sources: &Sources) -> Set {
    let mut set = Set::default();
    if let Some(root) = &sources.folder {
        for found in folder::read(root, &mut set.errors) {
            let parsed = document::parse(&found.bytes, &found.relative);
            let place =
                Place { file: found.file, folder: found.folder, version: Some(save::version(&found.bytes)) };
            add(&mut set, place, parsed, OnDuplicate::Report);
        }
    }
    for builtin in &sources.builtin {
        let parsed = document::parse(builtin.text.as_bytes(), &builtin.name);
        let place = Place { file: PathBuf::from(&builtin.name), folder: String::new(), version: None };
        add(&mut set, place, parsed, OnDuplicate::Keep);
    }
    set.entries.sort_by(|a, b| {
        (&a.folder, a.title.to_lowercase(), &a.uid).cmp(&(&b.folder, b.title.to_lowercase(), &b.uid))
    });
    for error in &set.errors {
        tracing::warn!(file = %error.file.display(), "dashboard left out: {}", error.problem);
    }
    set
}

#[derive(Clone, Copy)]
enum OnDuplicate {
    Report,
    Keep,
}

/// Where a document was found.
struct Place {
    file: PathBuf,
    folder: String,
    version: Option<String>,
}

fn add(set: &mut Set, place: Place, parsed: Result<Document, Problem>, on_duplicate: OnDuplicate) {
    let Place { file, folder, version } = place;
    let document = match parsed {
        Ok(document) => document,
        Err(problem) => return set.errors.push(LoadError { file, problem }),
    };
    if let Some(first) = set.entries.iter().find(|entry| entry.uid == document.uid) {
        if let OnDuplicate::Report = on_duplicate {
            let problem = Problem::DuplicateUid { uid: document.uid, first: first.file.clone() };
            set.errors.push(LoadError { file, problem });
        }
        return;
    }
    set.documents.insert(document.uid.clone(), Arc::new(document.body));
    let Document { uid, title, tags, description, .. } = document;
    set.entries.push(Entry { uid, title, folder, tags, description, file, version });
}
