//! Texts of notifications: Go templates with Alertmanager's data, methods, functions and names of default templates.

mod data;
mod functions;
mod methods;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use config::ConfigError;
use gotmpl::{FuncMap, Value};
use model::TimestampMs;
use templates::{Limits, Parsed, TemplateSyntaxError, times};

use crate::notify::Notification;

/// The templates that receivers use when nothing else is configured, under Alertmanager's names.
const DEFAULTS: &str = include_str!("default.tmpl");

static DEFAULT_LIBRARY: LazyLock<Parsed> =
    LazyLock::new(|| parse(DEFAULTS).expect("the default templates are tested"));

/// What one text of a notification may take. A text tells of all alerts of a group, and thousands of them in one group are
/// the worst moment to tell nobody: room for 20,000 alerts with 50 labels and annotations, or 400 bytes, each. Beyond it the
/// text fails, which is counted and told as any failure of a notification.
const LIMITS: Limits = Limits { range_turns: 1_000_000, bytes: 8 << 20 };

/// All definitions that texts may use.
#[derive(Debug, Clone)]
pub struct Library(Arc<Vec<Parsed>>);

/// A text of the configuration, read and checked. Equal when the texts are.
#[derive(Debug, Clone)]
pub struct Text {
    text: Arc<str>,
    /// `None` for a text without actions.
    parsed: Option<Arc<Parsed>>,
}

/// What fills in the texts of one notification.
pub(crate) struct Renderer<'a> {
    library: &'a Library,
    data: Value,
    functions: FuncMap,
}

fn parse(text: &str) -> Result<Parsed, TemplateSyntaxError> {
    Parsed::parse("", text, &functions::is_known)
}

impl Default for Library {
    fn default() -> Self {
        Self(Arc::new(vec![DEFAULT_LIBRARY.clone()]))
    }
}

impl Library {
    /// The defaults, and on top of them the definitions in files that match `patterns`, relative to `base`. A pattern
    /// that matches nothing is fine.
    ///
    /// # Errors
    /// When a pattern is none, or a file cannot be read or is no template, with its place.
    pub fn load(base: &Path, patterns: &[String]) -> Result<Self, ConfigError> {
        let mut all = vec![DEFAULT_LIBRARY.clone()];
        for file in
            patterns.iter().map(|pattern| files(base, pattern)).collect::<Result<Vec<_>, _>>()?.concat()
        {
            let text = config::read_text(&file)?;
            all.push(parse(&text).map_err(|e| {
                let (line, column) = e.place.unwrap_or_default();
                let at = config::Position { line, column };
                ConfigError::at(&file, at, e.message)
            })?);
        }
        Ok(Self(Arc::new(all)))
    }

    /// Fills in texts of `notification`.
    pub(crate) fn renderer(&self, notification: &Notification, now: TimestampMs) -> Renderer<'_> {
        let data = data::of(notification);
        Renderer { library: self, functions: functions::map(now), data }
    }
}

fn files(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, ConfigError> {
    let whole = base.join(pattern);
    let fault = |e: String| ConfigError::of_file(&whole, e);
    let paths = glob::glob(&whole.to_string_lossy()).map_err(|e| fault(e.to_string()))?;
    let mut found = paths.collect::<Result<Vec<_>, _>>().map_err(|e| fault(e.to_string()))?;
    found.sort();
    Ok(found)
}

impl Text {
    /// Reads a text; one without `{{` is taken as it is.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn parse(text: &str) -> Result<Self, TemplateSyntaxError> {
        let parsed = if text.contains("{{") { Some(Arc::new(parse(text)?)) } else { None };
        Ok(Self { text: Arc::from(text), parsed })
    }

    /// A text of ours: `{{ template "NAME" . }}`.
    pub(crate) fn template(name: &str) -> Self {
        Self::parse(&format!("{{{{ template {name:?} . }}}}")).expect("a call of a template is a template")
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self { text: Arc::from(""), parsed: None }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Text {}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|e| serde::de::Error::custom(format!("bad template: {e}")))
    }
}

impl Renderer<'_> {
    /// The text, filled in.
    ///
    /// # Errors
    /// A sentence, when it fails on these data.
    pub(crate) fn text(&self, text: &Text) -> Result<String, String> {
        match &text.parsed {
            None => Ok(text.text.to_string()),
            Some(parsed) => parsed.expand(&self.library.0, self.functions.clone(), &self.data, LIMITS),
        }
    }

    /// As [`Renderer::text`], escaped for HTML.
    pub(crate) fn html(&self, text: &Text) -> Result<String, String> {
        match &text.parsed {
            None => Ok(text.text.to_string()),
            Some(parsed) => parsed.expand_html(&self.library.0, self.functions.clone(), &self.data, LIMITS),
        }
    }
}

#[cfg(test)]
mod tests;
