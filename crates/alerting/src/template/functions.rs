//! Functions of Alertmanager's templates on top of Go's.

use std::sync::{Arc, LazyLock};

use gotmpl::{FuncMap, SafeKind, Value};
use model::TimestampMs;
use templates::functions::{Answer, GO_BUILTINS, add, add_go, add_strings, exec, missing, number, string};
use templates::numbers;
use templates::values::text;

use super::{methods, times};

/// Functions that need the moment.
const IN_CONTEXT: [&str; 2] = ["now", "since"];

static PURE: LazyLock<FuncMap> = LazyLock::new(|| {
    let mut map = FuncMap::new();
    add_go(&mut map, Some(methods::call));
    add_strings(&mut map);
    add_own(&mut map);
    add_lists(&mut map);
    map
});

pub(super) fn is_known(function: &str) -> bool {
    GO_BUILTINS.contains(&function) || IN_CONTEXT.contains(&function) || PURE.contains_key(function)
}

/// All functions at the moment `now`.
pub(super) fn map(now: TimestampMs) -> FuncMap {
    let mut map = PURE.clone();
    add(&mut map, "now", move |_| Ok(times::time(now.0)));
    add(&mut map, "since", move |args| match args.first().and_then(times::ms) {
        Some(ms) => Ok(times::duration(now.0 - ms)),
        None => Err(exec("since wants a time")),
    });
    map
}

fn add_own(map: &mut FuncMap) {
    add(map, "trimSpace", |args| Ok(text(string("trimSpace", args, 0)?.trim())));
    add(map, "safeHtml", |args| safe(SafeKind::Html, string("safeHtml", args, 0)?));
    add(map, "safeUrl", |args| safe(SafeKind::Url, string("safeUrl", args, 0)?));
    add(map, "urlUnescape", |args| Ok(text(unescaped(string("urlUnescape", args, 0)?)?)));
    add(map, "date", |args| {
        times::by_layout(string("date", args, 0)?, args.get(1).ok_or_else(|| missing("date", 1))?)
    });
    add(map, "tz", |args| {
        times::to_zone(args.get(1).ok_or_else(|| missing("tz", 1))?, string("tz", args, 0)?)
    });
    add(map, "humanizeDuration", |args| {
        let seconds = args.first().and_then(times::seconds);
        let seconds = seconds.map_or_else(|| number("humanizeDuration", args), Ok)?;
        Ok(text(numbers::humanize_duration(seconds)))
    });
    add(map, "toJson", |args| {
        let value = args.first().ok_or_else(|| missing("toJson", 0))?;
        serde_json::to_string(&json(value)).map(text).map_err(exec)
    });
}

fn add_lists(map: &mut FuncMap) {
    add(map, "stringSlice", |args| Ok(Value::List(args.into())));
    add(map, "list", |args| Ok(Value::List(args.into())));
    add(map, "join", |args| {
        let separator = string("join", args, 0)?;
        let Some(Value::List(items)) = args.get(1) else { return Err(exec("join wants a list")) };
        let parts: Vec<String> = items.iter().map(ToString::to_string).collect();
        Ok(text(parts.join(separator)))
    });
    add(map, "append", |args| {
        let Some((Value::List(items), more)) = args.split_first() else {
            return Err(exec("append wants a list"));
        };
        Ok(Value::List(items.iter().chain(more).cloned().collect()))
    });
    add(map, "dict", |args| {
        let pairs = args.chunks(2).map(|pair| match pair {
            [Value::String(name), value] => Ok((Arc::clone(name), value.clone())),
            _ => Err(exec("dict wants names and values in turn")),
        });
        Ok(Value::Map(Arc::new(pairs.collect::<Result<_, _>>()?)))
    });
}

fn safe(kind: SafeKind, content: &str) -> Answer {
    Ok(Value::Safe { kind, s: Arc::from(content) })
}

/// Undoes `%41` and `+`.
fn unescaped(escaped: &str) -> Result<String, gotmpl::TemplateError> {
    let (mut out, mut rest) = (Vec::with_capacity(escaped.len()), escaped.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(byte.ok_or_else(|| exec(format!("invalid URL escape in {escaped:?}")))?);
                rest = &tail[2..];
            }
            other => out.push(*other),
        }
    }
    String::from_utf8(out).map_err(exec)
}

/// A value as JSON, with the names that Alertmanager gives the fields of its data.
pub(super) fn json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Nil | Value::Function(_) => Json::Null,
        Value::Bool(yes) => Json::Bool(*yes),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::String(text) => Json::from(text.as_ref()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(_) if times::is_time(value) => {
            let layout = "2006-01-02T15:04:05.999Z07:00";
            times::by_layout(layout, value).map_or(Json::Null, |text| Json::from(text.to_string()))
        }
        Value::Map(_) if times::is_duration(value) => {
            Json::from(times::seconds(value).unwrap_or_default() * 1e9)
        }
        Value::Map(map) => {
            let is_labels = map.values().all(|value| matches!(value, Value::String(_)));
            let name = |name: &str| if is_labels { name.to_owned() } else { json_name(name) };
            Json::Object(map.iter().map(|(key, value)| (name(key), json(value))).collect())
        }
        other => Json::from(other.to_string()),
    }
}

/// `GeneratorURL` as `generatorURL`.
fn json_name(field: &str) -> String {
    let mut chars = field.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
