//! The functions that rule templates may call: Prometheus' own on top of Go's.
//!
//! Not carried: `tmpl` (needs a template inside a call), methods of times (`(toTime x).Format`): the template library
//! has no methods. `toTime`, `toDuration` and `humanizeTimestamp` give the text that Go would print.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use gotmpl::{FuncMap, TemplateError, Value};
use model::{DurationMs, Labels};
use regex::Regex;

use super::rewrite::{FIELD, PRINT};
use super::{Context, numbers};

type Answer = Result<Value, TemplateError>;

/// Functions of the library itself; `index`, `print`, `println` and `printf` among them are replaced by ours.
const GO_BUILTINS: [&str; 20] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print",
    "printf", "println", "slice", "urlquery", "break",
];

/// Functions that need the evaluation they are called in.
const IN_CONTEXT: [&str; 4] = ["query", "externalURL", "pathPrefix", "now"];

/// Functions that depend on nothing but their arguments; built once.
static PURE: LazyLock<FuncMap> = LazyLock::new(|| {
    let mut map = FuncMap::new();
    add_go(&mut map);
    add_numbers(&mut map);
    add_strings(&mut map);
    add_vectors(&mut map);
    map
});

/// Whether a template may call `function`.
pub(crate) fn is_known(function: &str) -> bool {
    GO_BUILTINS.contains(&function) || IN_CONTEXT.contains(&function) || PURE.contains_key(function)
}

/// All functions for one expansion.
pub(crate) fn map(context: &Context) -> FuncMap {
    let mut map = PURE.clone();
    let now = context.at.0 as f64 / 1000.0;
    let url = Value::String(Arc::clone(&context.external_url));
    let prefix = text(path_of(&context.external_url));
    let query = Arc::clone(&context.query);
    add(&mut map, "now", move |_| Ok(Value::Float(now)));
    add(&mut map, "externalURL", move |_| Ok(url.clone()));
    add(&mut map, "pathPrefix", move |_| Ok(prefix.clone()));
    add(&mut map, "query", move |args| {
        let vector = query(string("query", args, 0)?).map_err(TemplateError::Exec)?;
        Ok(Value::List(vector.into_iter().map(|(labels, value)| sample_value(&labels, value)).collect()))
    });
    map
}

fn add(map: &mut FuncMap, name: &str, function: impl Fn(&[Value]) -> Answer + Send + Sync + 'static) {
    map.insert(name.to_owned(), Arc::new(function));
}

fn add_go(map: &mut FuncMap) {
    add(map, FIELD, field);
    add(map, PRINT, |args| Ok(text(args.last().map_or_else(String::new, shown))));
    add(map, "index", |args| {
        let (first, path) = args.split_first().ok_or_else(|| missing("index", 0))?;
        path.iter().try_fold(first.clone(), |object, key| match (&object, key) {
            (Value::Map(map), Value::String(name)) => zero_or_error(map, name),
            _ => object.index(key),
        })
    });
    add(map, "print", |args| Ok(text(args.iter().map(shown).collect::<String>())));
    add(map, "println", |args| Ok(text(args.iter().map(shown).collect::<Vec<_>>().join(" ") + "\n")));
    add(map, "printf", |args| {
        let (format, values) = args.split_first().ok_or_else(|| missing("printf", 0))?;
        let (format, values) = go_floats(string("printf", std::slice::from_ref(format), 0)?, values);
        library_printf(&format, &values)
    });
    add(map, "args", |args| {
        let named = args.iter().enumerate().map(|(i, value)| (Arc::from(format!("arg{i}")), value.clone()));
        Ok(Value::Map(Arc::new(named.collect())))
    });
}

fn add_numbers(map: &mut FuncMap) {
    for (name, show) in [
        ("humanize", numbers::humanize as fn(f64) -> String),
        ("humanize1024", numbers::humanize_1024),
        ("humanizePercentage", numbers::humanize_percentage),
        ("humanizeDuration", numbers::humanize_duration),
        ("toDuration", numbers::go_duration),
    ] {
        add(map, name, move |args| Ok(text(show(number(name, args)?))));
    }
    add(map, "humanizeTimestamp", |args| {
        let seconds = number("humanizeTimestamp", args)?;
        if !seconds.is_finite() {
            return Ok(text(model::format_float(seconds)));
        }
        numbers::go_time(seconds).map(text).map_err(TemplateError::Exec)
    });
    add(map, "toTime", |args| {
        numbers::go_time(number("toTime", args)?).map(text).map_err(TemplateError::Exec)
    });
    add(map, "parseDuration", |args| {
        let duration: DurationMs = string("parseDuration", args, 0)?.parse().map_err(exec)?;
        Ok(Value::Float(duration.as_secs_f64()))
    });
}

fn add_strings(map: &mut FuncMap) {
    for (name, change) in [
        ("toUpper", str::to_uppercase as fn(&str) -> String),
        ("toLower", str::to_lowercase),
        ("title", title),
        ("stripPort", strip_port),
        ("stripDomain", strip_domain),
        ("safeHtml", str::to_owned),
        ("urlQueryEscape", gotmpl::url_encode),
        ("graphLink", |expr| format!("/graph?g0.expr={}&g0.tab=0", gotmpl::url_encode(expr))),
        ("tableLink", |expr| format!("/graph?g0.expr={}&g0.tab=1", gotmpl::url_encode(expr))),
    ] {
        add(map, name, move |args| Ok(text(change(string(name, args, 0)?))));
    }
    add(map, "match", |args| {
        Ok(Value::Bool(regex(string("match", args, 0)?)?.is_match(string("match", args, 1)?)))
    });
    add(map, "reReplaceAll", |args| {
        let (pattern, replacement) = (string("reReplaceAll", args, 0)?, string("reReplaceAll", args, 1)?);
        Ok(text(regex(pattern)?.replace_all(string("reReplaceAll", args, 2)?, replacement)))
    });
}

fn add_vectors(map: &mut FuncMap) {
    add(map, "first", |args| match args.first() {
        Some(Value::List(vector)) => {
            vector.first().cloned().ok_or_else(|| exec("first() called on vector with no elements"))
        }
        _ => Err(exec("first() wants the result of a query")),
    });
    add(map, "value", |args| member("value", args.first(), "Value"));
    add(map, "label", |args| {
        let name = string("label", args, 0)?;
        match member("label", args.get(1), "Labels")? {
            Value::Map(labels) => Ok(labels.get(name).cloned().unwrap_or_else(|| text(""))),
            _ => Err(exec("label() wants a sample")),
        }
    });
    add(map, "strvalue", |args| match member("strvalue", args.first(), "Labels")? {
        Value::Map(labels) => Ok(labels.get("__value__").cloned().unwrap_or_else(|| text(""))),
        _ => Err(exec("strvalue() wants a sample")),
    });
    add(map, "sortByLabel", |args| {
        let name = string("sortByLabel", args, 0)?;
        let Some(Value::List(vector)) = args.get(1) else { return Err(exec("sortByLabel() wants a vector")) };
        let key = |sample: &Value| {
            let labels = sample.field("Labels").and_then(|labels| labels.field(name));
            labels.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut sorted = vector.to_vec();
        sorted.sort_by_key(key);
        Ok(Value::List(sorted.into()))
    });
}

/// A structure with these fields.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()))
}

/// A label set as templates see it.
pub(crate) fn labels_value(labels: &Labels) -> Value {
    Value::Map(Arc::new(labels.iter().map(|(name, value)| (Arc::from(name), text(value))).collect()))
}

fn sample_value(labels: &Labels, value: f64) -> Value {
    object([("Labels", labels_value(labels)), ("Value", Value::Float(value))])
}

/// `OBJECT.a.b`.
fn field(args: &[Value]) -> Answer {
    let (object, path) = args.split_first().ok_or_else(|| missing(FIELD, 0))?;
    path.iter().try_fold(object.clone(), |object, name| {
        let name = name.as_str().unwrap_or_default();
        match &object {
            Value::Map(map) => zero_or_error(map, name),
            Value::Nil => Err(exec(format!("nil data; no entry for key {name:?}"))),
            other => Err(exec(format!("can't evaluate field {name} in type {}", other.type_name()))),
        }
    })
}

/// A map of strings is a label set, where a missing label is ""; any other map stands for a structure of Go's, where
/// a missing field is an error.
fn zero_or_error(map: &BTreeMap<Arc<str>, Value>, name: &str) -> Answer {
    match map.get(name) {
        Some(value) => Ok(value.clone()),
        None if map.values().all(|value| matches!(value, Value::String(_))) => Ok(text("")),
        None => Err(exec(format!("can't evaluate field {name}"))),
    }
}

/// A value as an action prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        Value::Float(number) => numbers::go_float(*number),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Map(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", shown(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

/// Gives the library's `printf` floats that it prints as Go would: `%v` becomes `%g`, and what is not finite becomes
/// a string. Formats with `*` or `[n]` are left alone, since then verbs and values do not pair up in order.
fn go_floats(format: &str, values: &[Value]) -> (String, Vec<Value>) {
    let mut values = values.to_vec();
    if format.contains(['*', '[']) {
        return (format.to_owned(), values);
    }
    let (mut out, mut rest, mut next) = (String::with_capacity(format.len()), format, 0);
    while let Some(at) = rest.find('%') {
        let spec_len = rest[at + 1..].find(|c: char| c.is_alphabetic() || c == '%');
        let Some(end) = spec_len.map(|n| at + 1 + n) else { break };
        let verb = rest[end..].chars().next().unwrap_or('%');
        let after = end + verb.len_utf8();
        match values.get_mut(next) {
            Some(value @ Value::Float(_)) if verb != '%' => {
                out.push_str(&rest[..at]);
                out.push_str(&float_spec(&rest[at..end], verb, value));
            }
            _ => out.push_str(&rest[..after]),
        }
        next += usize::from(verb != '%');
        rest = &rest[after..];
    }
    (out + rest, values)
}

fn float_spec(spec: &str, verb: char, value: &mut Value) -> String {
    let Value::Float(number) = *value else { return format!("{spec}{verb}") };
    if !number.is_finite() && "eEfFgGv".contains(verb) {
        *value = text(model::format_float(number));
        return spec.split('.').next().unwrap_or("%").replace('0', "") + "s";
    }
    format!("{spec}{}", if verb == 'v' { 'g' } else { verb })
}

/// The library keeps `printf` to its templates, so a template it is.
fn library_printf(format: &str, values: &[Value]) -> Answer {
    let arguments: String = (0..values.len()).map(|i| format!(" (index .values {i})")).collect();
    let template = gotmpl::Template::new("printf").parse(&format!("{{{{printf .format{arguments}}}}}"))?;
    let data = object([("format", text(format)), ("values", Value::List(values.into()))]);
    template.execute_to_string(&data).map(text)
}

fn member(function: &str, sample: Option<&Value>, field: &str) -> Answer {
    let found = sample.and_then(|sample| sample.field(field)).cloned();
    found.ok_or_else(|| exec(format!("{function}() wants a sample")))
}

fn text(text: impl AsRef<str>) -> Value {
    Value::String(Arc::from(text.as_ref()))
}

fn exec(message: impl ToString) -> TemplateError {
    TemplateError::Exec(message.to_string())
}

fn missing(function: &str, at: usize) -> TemplateError {
    TemplateError::ArgCount { name: function.to_owned(), expected: at + 1, got: at }
}

fn string<'a>(function: &str, args: &'a [Value], at: usize) -> Result<&'a str, TemplateError> {
    match args.get(at) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(exec(format!("{function}: expected string; found {}", other.type_name()))),
        None => Err(missing(function, at)),
    }
}

/// Numbers may come as text, as `query` results and labels often do.
fn number(function: &str, args: &[Value]) -> Result<f64, TemplateError> {
    match args.first() {
        Some(Value::String(text)) => {
            text.trim().parse().map_err(|_| exec(format!("{function}: {text:?} is not a number")))
        }
        Some(value) => {
            value.as_float().ok_or_else(|| exec(format!("can't convert {} to float", value.type_name())))
        }
        None => Err(missing(function, 0)),
    }
}

fn regex(pattern: &str) -> Result<Regex, TemplateError> {
    let limit = model::matcher::REGEX_SIZE_MAX_BYTES;
    regex::RegexBuilder::new(pattern)
        .size_limit(limit)
        .dfa_size_limit(limit)
        .build()
        .map_err(|_| exec(format!("{pattern:?} is not a regular expression")))
}

/// Upper case for the first letter of each word, the rest as it was.
fn title(words: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        if inside {
            out.push(c)
        } else {
            out.extend(c.to_uppercase())
        }
        inside = c.is_alphanumeric() || c == '_' || c == '\'';
    }
    out
}

/// Host and port of `host:port` or `[v6]:port`.
fn split_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => Some((inner.strip_suffix(']')?, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

fn strip_port(address: &str) -> String {
    split_port(address).map_or(address, |(host, _)| host).to_owned()
}

fn strip_domain(address: &str) -> String {
    let (host, port) = split_port(address).unwrap_or((address, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return address.to_owned();
    }
    let name = host.split('.').next().unwrap_or(host);
    if port.is_empty() { name.to_owned() } else { format!("{name}:{port}") }
}

/// The path of a URL, without a closing slash.
fn path_of(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    path.trim_end_matches('/').to_owned()
}
