//! The functions that rule templates may call: Prometheus' own on top of Go's.
//!
//! Not carried: `tmpl` (needs a template inside a call), methods of times (`(toTime x).Format`). `toTime`, `toDuration` and `humanizeTimestamp` give the text that Go would print.

use std::sync::{Arc, LazyLock};

use gotmpl::{FuncMap, TemplateError, Value};
use model::{DurationMs, Labels};
use templates::functions::{Answer, GO_BUILTINS, add, add_strings as add_common, exec, number, string};
use templates::numbers;
use templates::values::{labels as labels_value, object, text};

use super::Context;

/// Functions that need the evaluation they are called in.
const IN_CONTEXT: [&str; 4] = ["query", "externalURL", "pathPrefix", "now"];

/// Functions that depend on nothing but their arguments; built once.
static PURE: LazyLock<FuncMap> = LazyLock::new(|| {
    let mut map = FuncMap::new();
    templates::functions::add_go(&mut map, None);
    add_args(&mut map);
    add_common(&mut map);
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

fn add_args(map: &mut FuncMap) {
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
        ("stripPort", strip_port as fn(&str) -> String),
        ("stripDomain", strip_domain),
        ("safeHtml", str::to_owned),
        ("urlQueryEscape", gotmpl::url_encode),
        ("graphLink", |expr| format!("/graph?g0.expr={}&g0.tab=0", gotmpl::url_encode(expr))),
        ("tableLink", |expr| format!("/graph?g0.expr={}&g0.tab=1", gotmpl::url_encode(expr))),
    ] {
        add(map, name, move |args| Ok(text(change(string(name, args, 0)?))));
    }
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

fn sample_value(labels: &Labels, value: f64) -> Value {
    object([("Labels", labels_value(labels)), ("Value", Value::Float(value))])
}

fn member(function: &str, sample: Option<&Value>, field: &str) -> Answer {
    let found = sample.and_then(|sample| sample.field(field)).cloned();
    found.ok_or_else(|| exec(format!("{function}() wants a sample")))
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
