//! Reads a file of objectives in any of the formats, several documents apart by `---` included.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use config::{ConfigError, Position, Spanned, Unread};
use model::{DurationMs, Labels};
use serde::Deserialize;

use crate::RulesError;
use crate::slo::{Indicator, Slo, WINDOW, generate, openslo, own, sloth};

/// A file of objectives that was read and found right.
#[derive(Debug, Clone)]
pub struct SloFile {
    /// The file.
    pub path: PathBuf,
    /// Its objectives in order.
    pub slos: Vec<Slo>,
}

/// An objective and where it stands.
pub(super) type Placed = (Position, Slo);

impl SloFile {
    /// Reads the text of the file `path`.
    ///
    /// # Errors
    /// All faults found, each with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, RulesError> {
        let mut placed = Vec::new();
        for document in documents(text) {
            placed.extend(read(path, &document)?);
        }
        let mut checker = Checker { path, faults: Vec::new(), ids: BTreeSet::new() };
        placed.iter().for_each(|(at, slo)| checker.check(*at, slo));
        if placed.is_empty() {
            checker.faults.push(ConfigError::of_file(path, "there is no objective in it"));
        }
        if !checker.faults.is_empty() {
            return Err(RulesError { faults: checker.faults });
        }
        Ok(Self { path: path.to_owned(), slos: placed.into_iter().map(|(_, slo)| slo).collect() })
    }
}

/// The documents of a file, each with blank lines before it so that places stay those of the file.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        match documents.last_mut() {
            Some(last) if line.trim_end() != "---" => {
                last.push_str(line);
                last.push('\n');
            }
            _ => documents.push("\n".repeat(number + 1)),
        }
    }
    let holds_something =
        |text: &String| text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    documents.retain(holds_something);
    documents
}

/// By what formats tell themselves apart.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: Option<Spanned<String>>,
    #[serde(default, rename = "apiVersion")]
    api_version: Option<Spanned<String>>,
    #[serde(default)]
    slos: Option<Unread>,
}

fn read(path: &Path, text: &str) -> Result<Vec<Placed>, ConfigError> {
    let head: Head = config::from_str(path, text)?;
    let named = head.version.as_ref().or(head.api_version.as_ref());
    match named.map(|name| (name.value.as_str(), name.at)) {
        None if head.slos.is_some() => own::read(path, text),
        Some(("prometheus/v1", _)) => sloth::read(path, text),
        Some(("sloth.slok.dev/v1", _)) => sloth::read_resource(path, text),
        Some(("openslo/v1alpha" | "openslo/v1", _)) => openslo::read(path, text),
        Some((other, at)) => {
            let message = format!(
                "{other:?} is no format of objectives that is known; version: prometheus/v1 and apiVersion: \
                 sloth.slok.dev/v1, openslo/v1, openslo/v1alpha are, and files without either"
            );
            Err(ConfigError::at(path, at, message))
        }
        None => {
            Err(ConfigError::of_file(path, "no objectives: neither slos nor version nor apiVersion is in it"))
        }
    }
}

struct Checker<'a> {
    path: &'a Path,
    faults: Vec<ConfigError>,
    ids: BTreeSet<String>,
}

impl Checker<'_> {
    fn fault(&mut self, at: Position, message: String) {
        self.faults.push(ConfigError::at(self.path, at, message));
    }

    fn check(&mut self, at: Position, slo: &Slo) {
        let name = slo.id();
        if !self.ids.insert(name.clone()) {
            self.fault(at, format!("{name} is there twice"));
        }
        if slo.service.is_empty() || slo.name.is_empty() {
            self.fault(at, "an objective needs a service and a name".to_owned());
        }
        if !(slo.objective > 0.0 && slo.objective < 1.0) {
            let given = format!("{:.4}", slo.objective * 100.0);
            self.fault(
                at,
                format!(
                    "{name}: an objective of {given} % leaves nothing to measure: 0 to 100, both excluded"
                ),
            );
        }
        // Long windows of three days would be most of a shorter period.
        if slo.period < DurationMs(7 * 86_400_000) {
            self.fault(at, format!("{name}: a period of {} is too short; a week is the least", slo.period));
        }
        let queries: &[(&str, &String)] = match &slo.indicator {
            Indicator::Events { errors, total, .. } => &[("errors", errors), ("total", total)],
            Indicator::Ratio { errors } => &[("error ratio", errors)],
        };
        for (what, query) in queries {
            self.query(at, &name, what, query);
        }
    }

    fn query(&mut self, at: Position, name: &str, what: &str, query: &str) {
        if !query.contains(WINDOW) {
            self.fault(at, format!("{name}: {what} has no {WINDOW}: every window would be the same"));
        }
        if let Err(error) = promql::parse(&generate::windowed(query, "5m")) {
            self.fault(
                at,
                format!("{name}: could not parse {what}: {}:{}: {}", error.line, error.column, error.message),
            );
        }
    }
}

/// `{{ .window }}` in any spacing, in the one that [`WINDOW`] has.
pub(super) fn normal(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query.trim();
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        match from.find("}}") {
            Some(end) if from[2..end].trim() == ".window" => {
                out.push_str(WINDOW);
                rest = &from[end + 2..];
            }
            _ => {
                out.push_str("{{");
                rest = &from[2..];
            }
        }
    }
    out.push_str(rest);
    out
}

pub(super) fn labels(pairs: std::collections::BTreeMap<String, String>) -> Labels {
    Labels::from_pairs(pairs)
}
