//! Templates in labels and annotations: real Go templates with Prometheus' variables and functions.
//!
//! A template is parsed once, when its rule file is loaded, and expanded for each active alert at each evaluation.

mod functions;

use std::fmt;
use std::sync::Arc;

use gotmpl::Value;
use model::{Labels, TimestampMs};
pub use templates::{EXPANSION_MAX_BYTES, TemplateSyntaxError};
use templates::{Parsed, values};

/// What Prometheus puts before every template, so that `$labels` and its companions exist.
const PRELUDE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                       {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Asks the metric engine on behalf of a template's `query` function, at the time of the evaluation.
pub type QueryFn = Arc<dyn Fn(&str) -> Result<Vec<(Labels, f64)>, String> + Send + Sync>;

/// What a template can see while it is expanded.
#[derive(Clone)]
pub struct Context {
    /// The alert expression's labels, before the rule's own are added: `$labels`.
    pub labels: Labels,
    /// The element's value: `$value`.
    pub value: f64,
    /// When the rule is evaluated: `now`.
    pub at: TimestampMs,
    /// `$externalLabels`.
    pub external_labels: Labels,
    /// `$externalURL`.
    pub external_url: Arc<str>,
    /// What `query` asks.
    pub query: QueryFn,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("labels", &self.labels)
            .field("value", &self.value)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// A parsed template. Equal when the texts are.
#[derive(Clone)]
pub struct Template {
    text: String,
    /// `None` for a text without actions, which is most of them.
    parsed: Option<Arc<Parsed>>,
}

impl Template {
    /// Parses `text` and checks that all functions and variables in it exist.
    ///
    /// # Errors
    /// See [`TemplateSyntaxError`].
    pub fn parse(text: &str) -> Result<Self, TemplateSyntaxError> {
        if !text.contains("{{") {
            return Ok(Self { text: text.to_owned(), parsed: None });
        }
        let parsed = Parsed::parse(PRELUDE, text, &functions::is_known)?;
        Ok(Self { text: text.to_owned(), parsed: Some(Arc::new(parsed)) })
    }

    /// A text that is taken as it is, whatever stands in it.
    pub(crate) fn literal(text: String) -> Self {
        Self { text, parsed: None }
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether expanding it may ask queries. True too where the word only stands in a text beside an action.
    pub(crate) fn may_ask(&self) -> bool {
        self.parsed.is_some() && self.text.contains("query")
    }

    /// The text with `context` filled in.
    ///
    /// # Errors
    /// A sentence, when the template fails on these data.
    pub fn expand(&self, context: &Context) -> Result<String, String> {
        let Some(parsed) = &self.parsed else { return Ok(self.text.clone()) };
        parsed.expand(&[], functions::map(context), &data(context), templates::Limits::ONE)
    }

    /// As [`Template::expand`], with a failure put into the text as Prometheus does.
    pub fn expand_or_explain(&self, context: &Context) -> String {
        self.expand(context).unwrap_or_else(|cause| format!("<error expanding template: {cause}>"))
    }

    /// Expands the template once with no labels and the value 0, to see whether it can work at all. A template may
    /// well fail here and work on real data, so the result is a warning and not a reason to refuse the rule.
    ///
    /// # Errors
    /// As [`Template::expand`].
    pub fn dry_run(&self) -> Result<(), String> {
        let sample = || vec![(Labels::empty(), 0.0)];
        let context = Context {
            labels: Labels::empty(),
            value: 0.0,
            at: TimestampMs(0),
            external_labels: Labels::empty(),
            external_url: Arc::from("http://localhost"),
            query: Arc::new(move |_| Ok(sample())),
        };
        self.expand(&context).map(|_| ())
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.text)
    }
}

/// The dot of every template.
fn data(context: &Context) -> Value {
    values::object([
        ("Labels", values::labels(&context.labels)),
        ("ExternalLabels", values::labels(&context.external_labels)),
        ("ExternalURL", Value::String(Arc::clone(&context.external_url))),
        ("Value", Value::Float(context.value)),
    ])
}

#[cfg(test)]
mod tests;
