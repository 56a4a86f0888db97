//! Templates in labels and annotations: real Go templates with Prometheus' variables and functions.
//!
//! A template is parsed once, when its rule file is loaded, and expanded for each active alert at each evaluation.

mod functions;
mod numbers;
mod rewrite;

use std::fmt;
use std::sync::Arc;

use gotmpl::parse::{DefineNode, Expr, ListNode, Node, Parser};
use gotmpl::{TemplateError, Value};
use model::{Labels, TimestampMs};

/// What Prometheus puts before every template, so that `$labels` and its companions exist.
const PRELUDE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                       {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// An action put behind every template: the library stops reading at an `{{ end }}` or `{{ else }}` too many, and says
/// nothing. When this action is not the last one read, that has happened.
const LAST: &str = "__last";

/// The name under which the body is kept beside the definitions it may hold.
const MAIN: &str = "__main";

/// The most turns all `range` loops of one expansion may take. A vector over which an alert text can sensibly range
/// has tens of elements; beyond this the expansion fails and says so.
const RANGE_TURNS_MAX: u64 = 10_000;

/// The longest text that one expansion may give, in bytes. Longer ones are cut off as an error: an annotation travels
/// with every notification.
pub const EXPANSION_MAX_BYTES: usize = 64 << 10;

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

/// A text that is no template, with the place inside the text where known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateSyntaxError {
    /// What is wrong.
    pub message: String,
    /// Line within the text, from 1, and column within that line, from 1.
    pub place: Option<(u32, u32)>,
}

/// A parsed template. Equal when the texts are.
#[derive(Clone)]
pub struct Template {
    text: String,
    /// `None` for a text without actions, which is most of them.
    parsed: Option<Arc<Parsed>>,
}

struct Parsed {
    main: ListNode,
    defines: Vec<DefineNode>,
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
        // Read as it stands first: faults are told of the text alone, not of what is put behind it.
        parse(&format!("{PRELUDE}{text}"))?;
        let (mut main, mut defines) = parse(&format!("{PRELUDE}{text}{{{{{LAST:?}}}}}"))?;
        if !main.nodes.pop().is_some_and(|node| is_last(&node)) {
            let message = "unexpected {{end}} or {{else}}".to_owned();
            return Err(TemplateSyntaxError { message, place: None });
        }
        rewrite::rewrite(&mut main, &mut defines, &functions::is_known)
            .map_err(|message| TemplateSyntaxError { message, place: None })?;
        Ok(Self { text: text.to_owned(), parsed: Some(Arc::new(Parsed { main, defines })) })
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
        let mut template =
            gotmpl::Template::new(MAIN).max_range_iters(RANGE_TURNS_MAX).funcs(functions::map(context));
        template = template.add_parse_tree(MAIN, parsed.main.clone());
        for define in &parsed.defines {
            template = template.add_parse_tree(&define.name, define.body.clone());
        }
        let mut out = Bounded::default();
        let result = template.execute_template_fmt(&mut out, MAIN, &data(context));
        if out.full {
            return Err(format!("result is longer than {EXPANSION_MAX_BYTES} bytes"));
        }
        result.map(|()| out.text).map_err(|e| message(&e))
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

fn parse(source: &str) -> Result<(ListNode, Vec<DefineNode>), TemplateSyntaxError> {
    Parser::new(source, "{{", "}}").and_then(Parser::parse).map_err(|e| syntax_error(&e))
}

fn is_last(node: &Node) -> bool {
    let Node::Action(action) = node else { return false };
    let args = action.pipe.commands.first().map_or(&[][..], |command| &command.args);
    matches!(args, [Expr::String(_, text)] if &**text == LAST)
}

/// The dot of every template.
fn data(context: &Context) -> Value {
    functions::object([
        ("Labels", functions::labels_value(&context.labels)),
        ("ExternalLabels", functions::labels_value(&context.external_labels)),
        ("ExternalURL", Value::String(Arc::clone(&context.external_url))),
        ("Value", Value::Float(context.value)),
    ])
}

/// The prelude stands on the first line of what the library saw, but not of what the person wrote.
fn syntax_error(error: &TemplateError) -> TemplateSyntaxError {
    let (TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. }) =
        error
    else {
        return TemplateSyntaxError { message: message(error), place: None };
    };
    let column = if *line == 1 { col.saturating_sub(PRELUDE.chars().count()).max(1) } else { *col };
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    TemplateSyntaxError { message: message.clone(), place: Some((small(*line), small(column))) }
}

fn message(error: &TemplateError) -> String {
    match error {
        TemplateError::Exec(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Takes text up to [`EXPANSION_MAX_BYTES`].
#[derive(Default)]
struct Bounded {
    text: String,
    full: bool,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() > EXPANSION_MAX_BYTES {
            self.full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
