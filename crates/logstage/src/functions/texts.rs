//! Functions that make a text of a text. Order of arguments is Loki's: Go's own for names with a capital, the text last
//! for the others.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gotmpl::{FuncMap, Value};
use templates::functions::{Answer, add, exec, missing, regex, string};
use templates::values::text;

use crate::format::FORMAT_MAX_BYTES;

type OfText = fn(&str) -> String;
type OfTexts = fn(&str, &str) -> String;
type Asks = fn(&str, &str) -> bool;

/// Functions of one text.
const ONE: [(&str, OfText); 11] = [
    ("ToLower", str::to_lowercase),
    ("ToUpper", str::to_uppercase),
    ("TrimSpace", |s| s.trim().to_owned()),
    ("lower", str::to_lowercase),
    ("upper", str::to_uppercase),
    ("title", title),
    ("trim", |s| s.trim().to_owned()),
    ("urlencode", encode),
    ("b64enc", |s| STANDARD.encode(s)),
    ("html", |s| {
        s.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;")
    }),
    ("squote", |s| format!("'{s}'")),
];

/// Functions of the text and what to take off it.
const TRIM: [(&str, OfTexts); 5] = [
    ("Trim", |s, set| s.trim_matches(|c| set.contains(c)).to_owned()),
    ("TrimLeft", |s, set| s.trim_start_matches(|c| set.contains(c)).to_owned()),
    ("TrimRight", |s, set| s.trim_end_matches(|c| set.contains(c)).to_owned()),
    ("TrimPrefix", |s, prefix| s.strip_prefix(prefix).unwrap_or(s).to_owned()),
    ("TrimSuffix", |s, suffix| s.strip_suffix(suffix).unwrap_or(s).to_owned()),
];

/// Functions of something and, last, the text.
const TEXT_LAST: [(&str, OfTexts); 3] = [
    ("trimAll", |set, s| s.trim_matches(|c| set.contains(c)).to_owned()),
    ("trimPrefix", |prefix, s| s.strip_prefix(prefix).unwrap_or(s).to_owned()),
    ("trimSuffix", |suffix, s| s.strip_suffix(suffix).unwrap_or(s).to_owned()),
];

/// Questions about something and, last, the text.
const ASK: [(&str, Asks); 3] = [
    ("contains", |part, s| s.contains(part)),
    ("hasPrefix", |prefix, s| s.starts_with(prefix)),
    ("hasSuffix", |suffix, s| s.ends_with(suffix)),
];

pub(super) fn add_all(map: &mut FuncMap) {
    for (name, function) in ONE {
        add(map, name, move |args| Ok(text(function(string(name, args, 0)?))));
    }
    for (name, function) in TRIM.into_iter().chain(TEXT_LAST) {
        add(map, name, move |args| Ok(text(function(string(name, args, 0)?, string(name, args, 1)?))));
    }
    for (name, function) in ASK {
        add(map, name, move |args| Ok(Value::Bool(function(string(name, args, 0)?, string(name, args, 1)?))));
    }
    add_replacements(map);
    add_pieces(map);
    add(map, "urldecode", |args| decode(string("urldecode", args, 0)?).map(text));
    add(map, "b64dec", |args| {
        let bytes = STANDARD.decode(string("b64dec", args, 0)?).map_err(exec)?;
        Ok(text(String::from_utf8_lossy(&bytes)))
    });
    add(map, "count", |args| {
        let (pattern, given) = (regex(string("count", args, 0)?)?, string("count", args, 1)?);
        Ok(Value::Int(pattern.find_iter(given).count() as i64))
    });
    add(map, "fromJson", |args| {
        let given = string("fromJson", args, 0)?;
        Ok(from_json(given, 0).unwrap_or(Value::Nil))
    });
}

fn add_replacements(map: &mut FuncMap) {
    add(map, "Replace", |args| {
        let (given, old, new) =
            (string("Replace", args, 0)?, string("Replace", args, 1)?, string("Replace", args, 2)?);
        match usize::try_from(whole("Replace", args, 3)?) {
            Ok(times) => bounded(given.replacen(old, new, times)),
            Err(_) => bounded(given.replace(old, new)),
        }
    });
    add(map, "replace", |args| {
        let (old, new) = (string("replace", args, 0)?, string("replace", args, 1)?);
        bounded(string("replace", args, 2)?.replace(old, new))
    });
    add(map, "regexReplaceAll", |args| {
        let (pattern, given) =
            (regex(string("regexReplaceAll", args, 0)?)?, string("regexReplaceAll", args, 1)?);
        bounded(pattern.replace_all(given, string("regexReplaceAll", args, 2)?).into_owned())
    });
    add(map, "regexReplaceAllLiteral", |args| {
        let name = "regexReplaceAllLiteral";
        let (pattern, given) = (regex(string(name, args, 0)?)?, string(name, args, 1)?);
        bounded(pattern.replace_all(given, regex::NoExpand(string(name, args, 2)?)).into_owned())
    });
}

fn add_pieces(map: &mut FuncMap) {
    add(map, "trunc", |args| {
        let (length, given) = (whole("trunc", args, 0)?, string("trunc", args, 1)?);
        let count = given.chars().count();
        let kept = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX).min(count);
        Ok(text(if length < 0 { part(given, count - kept, count) } else { part(given, 0, kept) }))
    });
    add(map, "substr", |args| {
        let (from, to, given) =
            (whole("substr", args, 0)?, whole("substr", args, 1)?, string("substr", args, 2)?);
        let count = given.chars().count();
        let from = usize::try_from(from).unwrap_or(0);
        let to = usize::try_from(to).map_or(count, |to| to.min(count));
        Ok(text(part(given, from, to)))
    });
    add(map, "repeat", |args| {
        let (times, given) = (whole("repeat", args, 0)?, string("repeat", args, 1)?);
        let times = usize::try_from(times).unwrap_or(0);
        if times.saturating_mul(given.len()) > FORMAT_MAX_BYTES {
            return Err(exec(format!("repeat: more than {FORMAT_MAX_BYTES} bytes")));
        }
        Ok(text(given.repeat(times)))
    });
    for (name, before) in [("indent", ""), ("nindent", "\n")] {
        add(map, name, move |args| {
            let width = usize::try_from(whole(name, args, 0)?).unwrap_or(0).min(1000);
            let pad = " ".repeat(width);
            bounded(format!("{before}{pad}{}", string(name, args, 1)?.replace('\n', &format!("\n{pad}"))))
        });
    }
    for (name, is_right) in [("alignLeft", false), ("alignRight", true)] {
        add(map, name, move |args| {
            let width = usize::try_from(whole(name, args, 0)?).unwrap_or(0);
            aligned(string(name, args, 1)?, width.min(FORMAT_MAX_BYTES), is_right)
        });
    }
}

/// Cut or filled up with spaces to a width; `is_right` keeps the end.
fn aligned(given: &str, width: usize, is_right: bool) -> Answer {
    let count = given.chars().count();
    if width >= count {
        let pad = " ".repeat(width - count);
        return Ok(text(if is_right { pad + given } else { given.to_owned() + &pad }));
    }
    Ok(text(if is_right { part(given, count - width, count) } else { part(given, 0, width) }))
}

/// Characters `from` up to `to`.
fn part(given: &str, from: usize, to: usize) -> String {
    given.chars().skip(from).take(to.saturating_sub(from)).collect()
}

/// The argument `at`, which must be a whole number.
pub(super) fn whole(function: &str, args: &[Value], at: usize) -> Result<i64, gotmpl::TemplateError> {
    let value = args.get(at).ok_or_else(|| missing(function, at))?;
    value.as_int().ok_or_else(|| exec(format!("{function}: expected integer; found {}", value.type_name())))
}

fn bounded(result: String) -> Answer {
    if result.len() > FORMAT_MAX_BYTES {
        return Err(exec(format!("more than {FORMAT_MAX_BYTES} bytes")));
    }
    Ok(text(result))
}

/// Upper case for the first letter of each word.
fn title(words: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        if inside {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || c == '_' || c == '\'';
    }
    out
}

/// As Go's `url.QueryEscape`.
fn encode(given: &str) -> String {
    let mut out = String::with_capacity(given.len());
    for byte in given.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// As Go's `url.QueryUnescape`.
fn decode(given: &str) -> Result<String, gotmpl::TemplateError> {
    let (bytes, mut out, mut at) = (given.as_bytes(), Vec::with_capacity(given.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = bytes.get(at..at + 2).and_then(|hex| std::str::from_utf8(hex).ok());
                let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(decoded.ok_or_else(|| exec(format!("invalid URL escape in {given:?}")))?);
                at += 2;
            }
            other => out.push(other),
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// A document as templates see it.
fn from_json(given: &str, depth: usize) -> Option<Value> {
    let trimmed = given.trim();
    if depth > crate::json::DEPTH_MAX {
        return None;
    }
    match trimmed.as_bytes().first()? {
        b'{' => {
            let mut map = std::collections::BTreeMap::new();
            crate::json::entries(trimmed, |key, value| {
                map.insert(key.into(), of_raw(value, depth));
                Ok(())
            })
            .ok()?;
            Some(Value::Map(map.into()))
        }
        b'[' => {
            let mut items = Vec::new();
            crate::json::elements(trimmed, |value| items.push(of_raw(value, depth))).ok()?;
            Some(Value::List(items.into()))
        }
        _ => crate::json::at_path(trimmed, &[]).ok().flatten().map(|raw| of_raw(raw, depth)),
    }
}

fn of_raw(raw: crate::json::Raw<'_>, depth: usize) -> Value {
    use crate::json::Raw;
    match raw {
        Raw::Null => Value::Nil,
        Raw::Plain("true") => Value::Bool(true),
        Raw::Plain("false") => Value::Bool(false),
        Raw::Plain(number) => number.parse().map_or_else(|_| text(number), Value::Float),
        Raw::Object(inner) | Raw::Array(inner) => from_json(inner, depth + 1).unwrap_or(Value::Nil),
        Raw::Text(..) => text(raw.value()),
    }
}
