//! Go's own functions where the library differs from Go, and what is needed to write more.

use std::sync::Arc;

use gotmpl::{FuncMap, TemplateError, Value};
use regex::Regex;

use crate::values::{self, Methods, object, shown, text, zero_or_error};
use crate::{FIELD, METHOD, PRINT};

/// What a function answers.
pub type Answer = Result<Value, TemplateError>;

/// Functions of the library itself; `index`, `print`, `println` and `printf` among them are replaced by ours.
pub const GO_BUILTINS: [&str; 20] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print",
    "printf", "println", "slice", "urlquery", "break",
];

/// Adds a function.
pub fn add(map: &mut FuncMap, name: &str, function: impl Fn(&[Value]) -> Answer + Send + Sync + 'static) {
    map.insert(name.to_owned(), Arc::new(function));
}

/// Adds what every set of functions needs: fields, methods, printing.
pub fn add_go(map: &mut FuncMap, methods: Option<Methods>) {
    add(map, FIELD, move |args| values::fields(args, methods));
    add(map, METHOD, move |args| method(args, methods));
    add(map, PRINT, move |args| match args.last() {
        Some(safe @ Value::Safe { .. }) => Ok(safe.clone()),
        last => Ok(text(last.map_or_else(String::new, |value| shown(value, methods)))),
    });
    add(map, "index", |args| {
        let (first, path) = args.split_first().ok_or_else(|| missing("index", 0))?;
        path.iter().try_fold(first.clone(), |object, key| match (&object, key) {
            (Value::Map(map), Value::String(name)) => zero_or_error(map, name),
            _ => object.index(key),
        })
    });
    let all = move |args: &[Value]| args.iter().map(|value| shown(value, methods)).collect::<Vec<_>>();
    add(map, "print", move |args| Ok(text(all(args).concat())));
    add(map, "println", move |args| Ok(text(all(args).join(" ") + "\n")));
    add(map, "printf", move |args| {
        let (format, values) = args.split_first().ok_or_else(|| missing("printf", 0))?;
        let (format, values) = go_floats(string("printf", std::slice::from_ref(format), 0)?, values, methods);
        library_printf(&format, &values)
    });
}

/// `OBJECT.name ARGUMENTS…`, also of a function that is kept in a field.
fn method(args: &[Value], methods: Option<Methods>) -> Answer {
    let [object, name, rest @ ..] = args else { return Err(missing(METHOD, args.len())) };
    let name = name.as_str().unwrap_or_default();
    let found = methods.and_then(|call| call(object, name, rest));
    found.unwrap_or_else(|| Err(exec(format!("{name} has arguments but cannot be called"))))
}

/// Gives the library's `printf` floats that it prints as Go would: `%v` becomes `%g`, and what is not finite becomes
/// a string; what has a text of its own is printed by that. Formats with `*` or `[n]` are left alone, since then verbs
/// and values do not pair up in order.
fn go_floats(format: &str, values: &[Value], methods: Option<Methods>) -> (String, Vec<Value>) {
    let by_text = |value: &Value| match value {
        Value::Map(_) => text(shown(value, methods)),
        other => other.clone(),
    };
    let mut values: Vec<Value> = values.iter().map(by_text).collect();
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

/// A failure in words.
pub fn exec(message: impl ToString) -> TemplateError {
    TemplateError::Exec(message.to_string())
}

/// A failure for want of the argument `at`.
pub fn missing(function: &str, at: usize) -> TemplateError {
    TemplateError::ArgCount { name: function.to_owned(), expected: at + 1, got: at }
}

/// The argument `at` of `function`, which must be a text.
///
/// # Errors
/// When there is none, or it is something else.
pub fn string<'a>(function: &str, args: &'a [Value], at: usize) -> Result<&'a str, TemplateError> {
    match args.get(at) {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Safe { s, .. }) => Ok(s),
        Some(other) => Err(exec(format!("{function}: expected string; found {}", other.type_name()))),
        None => Err(missing(function, at)),
    }
}

/// The first argument of `function` as a number. It may come as text, as `query` results and labels often do.
///
/// # Errors
/// When there is none, or it is no number.
pub fn number(function: &str, args: &[Value]) -> Result<f64, TemplateError> {
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

/// A regular expression with the limits that label matchers have.
///
/// # Errors
/// When it is none.
pub fn regex(pattern: &str) -> Result<Regex, TemplateError> {
    let limit = model::matcher::REGEX_SIZE_MAX_BYTES;
    regex::RegexBuilder::new(pattern)
        .size_limit(limit)
        .dfa_size_limit(limit)
        .build()
        .map_err(|_| exec(format!("{pattern:?} is not a regular expression")))
}

/// Functions of texts that both rules and notifications have: `toUpper`, `toLower`, `title`, `match`, `reReplaceAll`.
pub fn add_strings(map: &mut FuncMap) {
    for (name, change) in [
        ("toUpper", str::to_uppercase as fn(&str) -> String),
        ("toLower", str::to_lowercase),
        ("title", title),
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
