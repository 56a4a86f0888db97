//! Words of a query with their places.

use std::ops::Range;

use crate::error::ParseError;

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Ident(String),
    Text(String),
    Number(f64),
    /// Nanoseconds.
    Duration(f64),
    Bytes(f64),
    /// `--strict`
    Flag(String),
    /// A sign, as written.
    Sign(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

impl Token {
    /// As Loki's errors call it.
    pub(super) fn described(&self, query: &str) -> String {
        match &self.kind {
            Kind::Ident(name) if is_reserved(name) => name.to_ascii_lowercase(),
            Kind::Ident(_) => "IDENTIFIER".to_owned(),
            Kind::Text(_) => "STRING".to_owned(),
            Kind::Number(_) => "NUMBER".to_owned(),
            Kind::Duration(_) => "DURATION".to_owned(),
            Kind::Bytes(_) => "BYTES".to_owned(),
            Kind::Flag(_) => query.get(self.span.clone()).unwrap_or_default().to_owned(),
            Kind::Sign(sign) => (*sign).to_owned(),
            Kind::End => "$end".to_owned(),
        }
    }
}

/// Words that are no labels where an expression is expected.
fn is_reserved(name: &str) -> bool {
    let words = [
        "by",
        "without",
        "bool",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "offset",
        "or",
        "and",
        "unless",
        "unwrap",
    ];
    words.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 32] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "{", "}", "(", ")", "[", "]", ",", "|", "=",
    ">", "<", "+", "-", "*", "/", "%", "^", ".", ":", "@", "$", "!",
];

/// All words up to the end, which is the last.
pub(super) fn tokens(query: &str) -> Result<Vec<Token>, ParseError> {
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        at += spaces(&query[at..]);
        let rest = &query[at..];
        let Some(first) = rest.chars().next() else {
            out.push(Token { kind: Kind::End, span: at..at });
            return Ok(out);
        };
        let (kind, length) = match first {
            '"' | '`' => {
                let (length, bytes) = model::quoted::parse(rest)
                    .map_err(|(read, message)| ParseError::at(query, at..at + read, message))?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| ParseError::at(query, at..at + length, "a string must be UTF-8"))?;
                (Kind::Text(text), length)
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Kind::Ident(rest[..length].to_owned()), length)
            }
            c if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) => {
                number(rest).ok_or_else(|| {
                    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len());
                    let word = &rest[..length];
                    ParseError::at(
                        query,
                        at..at + length,
                        format!("not a number, duration or amount of bytes: {word:?}; a text needs quotes"),
                    )
                })?
            }
            '-' if rest.starts_with("--") && rest[2..].starts_with(|c: char| c.is_ascii_alphabetic()) => {
                let length =
                    2 + rest[2..].bytes().take_while(|b| b.is_ascii_alphabetic() || *b == b'-').count();
                (Kind::Flag(rest[2..length].to_owned()), length)
            }
            other => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Kind::Sign(sign), sign.len()),
                None => {
                    let quotes = if other == '\'' { "; texts stand in \" or `" } else { "" };
                    let message = format!("syntax error: unexpected character {other:?}{quotes}");
                    return Err(ParseError::at(query, at..at + other.len_utf8(), message));
                }
            },
        };
        out.push(Token { kind, span: at..at + length });
        at += length;
    }
}

/// Bytes of space and comments.
fn spaces(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix('#') {
            Some(comment) => rest = comment.find('\n').map_or("", |end| &comment[end..]),
            None => return text.len() - rest.len(),
        }
    }
}

/// A number, a duration or an amount of bytes, and its length.
fn number(rest: &str) -> Option<(Kind, usize)> {
    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len());
    let word = &rest[..length];
    if let Some(exponent) = rest[length..].strip_prefix(['+', '-'])
        && word.ends_with(['e', 'E'])
        && !word.starts_with("0x")
        && word[..length - 1].parse::<f64>().is_ok()
    {
        let digits = exponent.bytes().take_while(u8::is_ascii_digit).count();
        let whole = length + 1 + digits;
        return rest[..whole].parse().ok().map(|value| (Kind::Number(value), whole));
    }
    let hex = word.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let kind = if let Some(value) = hex {
        Kind::Number(value as f64)
    } else if let Ok(value) = word.parse::<f64>() {
        Kind::Number(value)
    } else if let Some(nanos) = logstage::units::duration_nanos(word) {
        Kind::Duration(nanos)
    } else {
        Kind::Bytes(logstage::units::bytes(word)?)
    };
    Some((kind, length))
}
