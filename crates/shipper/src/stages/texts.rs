//! Stages about text: `template`, `replace`, `output`, `decolorize`, `pack`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use gotmpl::{FuncMap, Value};
use regex::Regex;
use sha2::{Digest, Sha256};
use templates::functions::{self, Answer, add, missing, string};
use templates::values::text;
use templates::{Parsed, TemplateSyntaxError};

use super::{Change, Context};
use crate::entry::Entry;

/// The field that holds the value at hand, and the one that holds the line.
const VALUE: &str = "Value";
const LINE: &str = "Entry";

type OfText = fn(&str) -> String;
type OfTwo = for<'s> fn(&'s str, &str) -> &'s str;

/// Functions of one text.
const OF_TEXT: [(&str, OfText); 6] = [
    ("ToLower", |s| s.to_lowercase()),
    ("lower", |s| s.to_lowercase()),
    ("ToUpper", |s| s.to_uppercase()),
    ("upper", |s| s.to_uppercase()),
    ("TrimSpace", |s| s.trim().to_owned()),
    ("trim", |s| s.trim().to_owned()),
];

static FUNCTIONS: LazyLock<FuncMap> = LazyLock::new(all_functions);

fn all_functions() -> FuncMap {
    let mut map = FuncMap::new();
    functions::add_go(&mut map, None);
    for (name, change) in OF_TEXT {
        add(&mut map, name, move |args| Ok(text(change(string(name, args, 0)?))));
    }
    add_trims(&mut map);
    add(&mut map, "Sha2Hash", |args| {
        let (salt, input) = (string("Sha2Hash", args, 0)?, string("Sha2Hash", args, 1)?);
        let hash = Sha256::new().chain_update(salt).chain_update(input).finalize();
        Ok(text(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    });
    add(&mut map, "Replace", |args| {
        let name = "Replace";
        let (old, new) = (string(name, args, 1)?, string(name, args, 2)?);
        let n = args.get(3).and_then(Value::as_int).ok_or_else(|| missing(name, 3))?;
        let input = string(name, args, 0)?;
        Ok(text(match usize::try_from(n) {
            Ok(n) => input.replacen(old, new, n),
            Err(_) => input.replace(old, new),
        }))
    });
    add(&mut map, "regexReplaceAll", |args| replace_all(args, false));
    add(&mut map, "regexReplaceAllLiteral", |args| replace_all(args, true));
    add(&mut map, "default", |args| {
        let given = args.get(1).filter(|value| value.is_truthy());
        given.or(args.first()).cloned().ok_or_else(|| missing("default", 0))
    });
    map
}

fn add_trims(map: &mut FuncMap) {
    let all: [(&str, OfTwo); 5] = [
        ("Trim", |s, set| s.trim_matches(|c| set.contains(c))),
        ("TrimLeft", |s, set| s.trim_start_matches(|c| set.contains(c))),
        ("TrimRight", |s, set| s.trim_end_matches(|c| set.contains(c))),
        ("TrimPrefix", |s, prefix| s.strip_prefix(prefix).unwrap_or(s)),
        ("TrimSuffix", |s, suffix| s.strip_suffix(suffix).unwrap_or(s)),
    ];
    for (name, trim) in all {
        add(map, name, move |args| Ok(text(trim(string(name, args, 0)?, string(name, args, 1)?))));
    }
}

/// `regexReplaceAll PATTERN TEXT REPLACEMENT`.
fn replace_all(args: &[Value], literal: bool) -> Answer {
    let name = "regexReplaceAll";
    let regex = functions::regex(string(name, args, 0)?)?;
    let (input, with) = (string(name, args, 1)?, string(name, args, 2)?);
    Ok(text(match literal {
        true => regex.replace_all(input, regex::NoExpand(with)),
        false => regex.replace_all(input, with),
    }))
}

/// A Go template over what was found in a line.
pub(super) struct LineTemplate(Parsed);

impl std::fmt::Debug for LineTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl LineTemplate {
    pub(super) fn parse(source: &str) -> Result<Self, TemplateSyntaxError> {
        let is_known = |name: &str| FUNCTIONS.contains_key(name) || functions::GO_BUILTINS.contains(&name);
        Parsed::parse("", source, &is_known).map(Self)
    }

    /// The text for `entry`, whose fields stand beside `more`.
    fn expand(&self, entry: &Entry, more: [(&str, Option<&str>); 2]) -> Result<String, String> {
        let mut fields: BTreeMap<Arc<str>, Value> =
            entry.all().into_iter().map(|(name, value)| (Arc::from(name), text(value))).collect();
        for (name, value) in more.iter().filter_map(|(name, value)| Some((*name, (*value)?))) {
            fields.insert(Arc::from(name), text(value));
        }
        self.0.expand(&[], FUNCTIONS.clone(), &Value::Map(Arc::new(fields)), templates::Limits::ONE)
    }
}

/// `template`: sets a field, which may be new; an empty text takes it away.
#[derive(Debug)]
pub(super) struct Template {
    pub source: String,
    pub template: LineTemplate,
}

impl Change for Template {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let more = [(VALUE, entry.get(&self.source)), (LINE, Some(entry.line.as_str()))];
        match self.template.expand(entry, more) {
            Ok(text) if text.is_empty() => entry.forget(&self.source),
            Ok(text) => entry.set(&self.source, text),
            Err(_) => context.metrics.stage_failed("template"),
        }
        true
    }
}

/// `replace`: each group of each match becomes what the template says.
#[derive(Debug)]
pub(super) struct Replace {
    pub regex: Regex,
    pub source: Option<String>,
    pub template: LineTemplate,
}

impl Change for Replace {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let Some(input) = entry.input(self.source.as_deref()) else { return true };
        let (replaced, groups) = match self.replaced(entry, input) {
            Ok(Some(both)) => both,
            Ok(None) => return true,
            Err(_) => {
                context.metrics.stage_failed("replace");
                return true;
            }
        };
        match &self.source {
            Some(source) => entry.set(source, replaced),
            None => entry.line = replaced,
        }
        groups.into_iter().for_each(|(name, text)| entry.set(&name, text));
        true
    }
}

impl Replace {
    /// The new text, and what the named groups of the first match became; `None` without a match.
    #[allow(clippy::type_complexity, reason = "two things of one walk, used at once")]
    fn replaced(
        &self,
        entry: &Entry,
        input: &str,
    ) -> Result<Option<(String, Vec<(String, String)>)>, String> {
        let (mut out, mut end) = (String::new(), 0);
        let mut became = BTreeMap::new();
        let mut named = Vec::new();
        for (n, groups) in self.regex.captures_iter(input).enumerate() {
            for group in groups.iter().skip(1).flatten() {
                let text = self.template.expand(entry, [(VALUE, Some(group.as_str())), (LINE, None)])?;
                if group.start() >= end {
                    out.push_str(input.get(end..group.start()).unwrap_or_default());
                    out.push_str(&text);
                    end = group.end();
                }
                became.insert(group.as_str(), text);
            }
            if n == 0 {
                let names = self.regex.capture_names().flatten();
                named =
                    names.filter_map(|name| Some((name.to_owned(), groups.name(name)?.as_str()))).collect();
            }
        }
        out.push_str(input.get(end..).unwrap_or_default());
        let named = named.into_iter().filter_map(|(name, text)| Some((name, became.get(text)?.clone())));
        let named: Vec<_> = named.collect();
        Ok((!became.is_empty()).then_some((out, named)))
    }
}

/// `output`: a field becomes the line.
#[derive(Debug)]
pub(super) struct Output(pub String);

impl Change for Output {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        if let Some(text) = entry.get(&self.0).map(str::to_owned) {
            entry.line = text;
        }
        true
    }
}

/// The last break of a line that Docker kept with it.
#[derive(Debug)]
pub(super) struct TrimBreak;

impl Change for TrimBreak {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        if entry.line.ends_with('\n') {
            entry.line.pop();
        }
        true
    }
}

/// `decolorize`: takes colours of a terminal away.
#[derive(Debug)]
pub(super) struct Decolorize;

static COLOURS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\u{1b}\\[[0-9;]*[A-Za-z]").expect("a fixed expression"));

impl Change for Decolorize {
    fn change(&self, entry: &mut Entry, _: &mut Context<'_>) -> bool {
        if entry.line.contains('\u{1b}') {
            entry.line = COLOURS.replace_all(&entry.line, "").into_owned();
        }
        true
    }
}

/// `pack`: labels and the line together become a JSON object.
#[derive(Debug)]
pub(super) struct Pack {
    pub labels: Vec<String>,
    /// The line gets the time at which it was packed.
    pub ingest_timestamp: bool,
}

impl Change for Pack {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let found = self.labels.iter().filter_map(|name| Some((name.clone(), entry.get(name)?.into())));
        let mut packed: BTreeMap<String, serde_json::Value> = found.collect();
        entry.labels = entry.labels.without(|name| packed.contains_key(name));
        packed.insert("_entry".to_owned(), std::mem::take(&mut entry.line).into());
        match serde_json::to_string(&packed) {
            Ok(line) => entry.line = line,
            Err(_) => context.metrics.stage_failed("pack"),
        }
        if self.ingest_timestamp {
            entry.at_ns = context.now_ns;
        }
        true
    }
}
