//! Go templates as rules and notifications use them: the library's parser and executor, made to mean what Prometheus and
//! Alertmanager mean, with method calls on top (docs/adr/0003-templates.md).
//!
//! Knows nothing of alerts or rules: who uses it brings the data, the functions, and what a method of a value is.

pub mod functions;
pub mod numbers;
mod rewrite;
pub mod times;
pub mod values;

use std::fmt;

use gotmpl::parse::{DefineNode, Expr, ListNode, Node, Parser};
use gotmpl::{FuncMap, TemplateError, Value};

pub use rewrite::{FIELD, METHOD, PRINT};

/// An action put behind every template: the library stops reading at an `{{ end }}` or `{{ else }}` too many, and says
/// nothing. When this action is not the last one read, that has happened.
const LAST: &str = "__last";

/// The name under which a body is kept beside the definitions it may use.
const MAIN: &str = "__main";

/// The most turns all `range` loops of one expansion may take. A vector over which an alert text can sensibly range
/// has tens of elements; beyond this the expansion fails and says so.
const RANGE_TURNS_MAX: u64 = 10_000;

/// The longest text that one expansion may give, in bytes. Longer ones are cut off as an error: an annotation travels
/// with every notification.
pub const EXPANSION_MAX_BYTES: usize = 64 << 10;

/// What one expansion may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Turns that all `range` loops take together.
    pub range_turns: u64,
    /// Length of the text, in bytes.
    pub bytes: usize,
}

impl Limits {
    /// For a text of one alert or one line.
    pub const ONE: Self = Self { range_turns: RANGE_TURNS_MAX, bytes: EXPANSION_MAX_BYTES };
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

/// A template that was read, and the definitions in it.
#[derive(Clone)]
pub struct Parsed {
    main: ListNode,
    defines: Vec<DefineNode>,
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parsed({} definitions)", self.defines.len())
    }
}

impl Parsed {
    /// Reads `text` behind `prelude`, actions that make variables exist, and checks that all functions and variables
    /// in it do.
    ///
    /// # Errors
    /// See [`TemplateSyntaxError`]; places are those of `text`.
    pub fn parse(
        prelude: &str,
        text: &str,
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, TemplateSyntaxError> {
        // Read as it stands first: faults are told of the text alone, not of what is put behind it.
        parse(prelude, &format!("{prelude}{text}"))?;
        let (mut main, mut defines) = parse(prelude, &format!("{prelude}{text}{{{{{LAST:?}}}}}"))?;
        if !main.nodes.pop().is_some_and(|node| is_last(&node)) {
            let message = "unexpected {{end}} or {{else}}".to_owned();
            return Err(TemplateSyntaxError { message, place: None });
        }
        rewrite::rewrite(&mut main, &mut defines, known)
            .map_err(|message| TemplateSyntaxError { message, place: None })?;
        Ok(Self { main, defines })
    }

    /// The names that it defines.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.defines.iter().map(|define| &*define.name)
    }

    /// Filled in with `data`; `library` holds definitions that it may use besides its own, later ones before earlier.
    ///
    /// # Errors
    /// A sentence, when it fails on these data or takes more than `limits`.
    pub fn expand(
        &self,
        library: &[Self],
        functions: FuncMap,
        data: &Value,
        limits: Limits,
    ) -> Result<String, String> {
        let mut template = gotmpl::Template::new(MAIN).max_range_iters(limits.range_turns).funcs(functions);
        template = template.add_parse_tree(MAIN, self.main.clone());
        for define in library.iter().chain([self]).flat_map(|parsed| &parsed.defines) {
            template = template.add_parse_tree(&define.name, define.body.clone());
        }
        Bounded::fill(limits.bytes, |out| template.execute_template_fmt(out, MAIN, data))
    }

    /// Made ready to be filled in many times with the same functions.
    pub fn prepare(&self, functions: FuncMap) -> Prepared {
        let mut template = gotmpl::Template::new(MAIN).max_range_iters(RANGE_TURNS_MAX).funcs(functions);
        template = template.add_parse_tree(MAIN, self.main.clone());
        for define in &self.defines {
            template = template.add_parse_tree(&define.name, define.body.clone());
        }
        Prepared(template)
    }

    /// As [`Parsed::expand`], with what the data bring escaped for the place in HTML at which it stands.
    ///
    /// # Errors
    /// As there, and when the text is no HTML in which that place can be told.
    pub fn expand_html(
        &self,
        library: &[Self],
        functions: FuncMap,
        data: &Value,
        limits: Limits,
    ) -> Result<String, String> {
        // The library takes the entry only as text; so that is a call of the tree.
        let entry = gotmpl::html::Template::new("entry").max_range_iters(limits.range_turns).funcs(functions);
        let mut template = entry.parse(&format!("{{{{template {MAIN:?} .}}}}")).map_err(|e| message(&e))?;
        let trees = library.iter().chain([self]).flat_map(|parsed| &parsed.defines);
        let trees = trees.map(|define| (&*define.name, &define.body)).chain([(MAIN, &self.main)]);
        for (name, tree) in trees {
            template = template.add_parse_tree(name, tree.clone()).map_err(|e| message(&e))?;
        }
        Bounded::fill(limits.bytes, |out| template.execute_fmt(out, data))
    }
}

fn parse(prelude: &str, source: &str) -> Result<(ListNode, Vec<DefineNode>), TemplateSyntaxError> {
    Parser::new(source, "{{", "}}").and_then(Parser::parse).map_err(|e| syntax_error(prelude, &e))
}

fn is_last(node: &Node) -> bool {
    let Node::Action(action) = node else { return false };
    let args = action.pipe.commands.first().map_or(&[][..], |command| &command.args);
    matches!(args, [Expr::String(_, text)] if &**text == LAST)
}

/// The prelude stands on the first line of what the library saw, but not of what the person wrote.
fn syntax_error(prelude: &str, error: &TemplateError) -> TemplateSyntaxError {
    let (TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. }) =
        error
    else {
        return TemplateSyntaxError { message: message(error), place: None };
    };
    let column = if *line == 1 { col.saturating_sub(prelude.chars().count()).max(1) } else { *col };
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    TemplateSyntaxError { message: message.clone(), place: Some((small(*line), small(column))) }
}

fn message(error: &TemplateError) -> String {
    match error {
        TemplateError::Exec(message) => message.clone(),
        other => other.to_string(),
    }
}

/// A template and its functions, which is filled in once a line.
#[derive(Clone)]
pub struct Prepared(gotmpl::Template);

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
}

impl Prepared {
    /// Filled in with `data`.
    ///
    /// # Errors
    /// A sentence, when it fails on these data or gives more than `bytes_max`.
    pub fn expand(&self, data: &Value, bytes_max: usize) -> Result<String, String> {
        Bounded::fill(bytes_max, |out| self.0.execute_template_fmt(out, MAIN, data))
    }
}

/// Takes text up to a length.
struct Bounded {
    text: String,
    bytes_max: usize,
    full: bool,
}

impl Bounded {
    fn fill(
        bytes_max: usize,
        write: impl FnOnce(&mut Self) -> Result<(), TemplateError>,
    ) -> Result<String, String> {
        let mut out = Self { text: String::new(), bytes_max, full: false };
        let result = write(&mut out);
        if out.full {
            return Err(format!("result is longer than {bytes_max} bytes"));
        }
        result.map(|()| out.text).map_err(|e| message(&e))
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() > self.bytes_max {
            self.full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}
