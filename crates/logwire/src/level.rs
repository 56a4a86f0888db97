//! The level of a line, for lines that do not say it in a label: `detected_level`.
//!
//! The first of these that says one: the line's own metadata or the stream's labels; OTLP's severity number; a field of the
//! line when it is JSON or logfmt; the weightiest word of a level in it. Rules and words are Loki's.

use model::Labels;

/// The name under which the level is kept as structured metadata.
pub const DETECTED_LEVEL: &str = "detected_level";
/// The level of a line that says none.
pub const UNKNOWN: &str = "unknown";
/// Names of labels and fields that hold a level: Loki's `log_level_fields`.
pub const LEVEL_FIELDS: [&str; 14] = [
    "level",
    "LEVEL",
    "Level",
    "log.level",
    "severity",
    "SEVERITY",
    "Severity",
    "SeverityText",
    "lvl",
    "LVL",
    "Lvl",
    "severity_text",
    "Severity_Text",
    "SEVERITY_TEXT",
];

/// OTLP's number for a level, as structured metadata has it.
const SEVERITY_NUMBER: &str = "severity_number";
/// How deep in a JSON line a field may lie.
const JSON_DEPTH_MAX: usize = 2;

/// Words and the levels that they mean.
const WORDS: [(&str, &str); 14] = [
    ("trace", "trace"),
    ("trc", "trace"),
    ("debug", "debug"),
    ("dbg", "debug"),
    ("info", "info"),
    ("inf", "info"),
    ("information", "info"),
    ("warn", "warn"),
    ("wrn", "warn"),
    ("warning", "warn"),
    ("error", "error"),
    ("err", "error"),
    ("critical", "critical"),
    ("fatal", "fatal"),
];
/// Words that tell the level of a line wherever they stand, the weightiest first.
const LOOSE_WORDS: [&str; 9] =
    ["trace", "debug", "fatal", "critical", "error", "err", "warning", "warn", "info"];
const LOOSE_WORD_LENGTHS: std::ops::RangeInclusive<usize> = 3..=8;

/// Finds the levels of the lines of one stream.
#[derive(Debug, Clone, Copy)]
pub struct Levels<'a, F> {
    fields: &'a [F],
    /// What the stream's labels say, for all its lines.
    of_stream: Option<&'a str>,
}

impl<'a, F: AsRef<str>> Levels<'a, F> {
    /// For the stream of these labels. `fields` are names as in [`LEVEL_FIELDS`].
    pub fn of(labels: &'a Labels, fields: &'a [F]) -> Self {
        let of_stream = fields.iter().find_map(|field| labels.get(field.as_ref()));
        Self { fields, of_stream }
    }

    /// The level of a line.
    pub fn detect<'b>(&self, metadata: &'b Labels, line: &str) -> &'b str
    where
        'a: 'b,
    {
        if let Some(said) = self.said(metadata) {
            return normalised(said.as_bytes()).unwrap_or(said);
        }
        if let Some(number) = metadata.get(SEVERITY_NUMBER) {
            return of_severity(number);
        }
        of_line(line, self.fields)
    }

    fn said<'b>(&self, metadata: &'b Labels) -> Option<&'b str>
    where
        'a: 'b,
    {
        if metadata.is_empty() {
            return self.of_stream;
        }
        let of_line = || self.fields.iter().find_map(|field| metadata.get(field.as_ref()));
        metadata.get(DETECTED_LEVEL).or(self.of_stream).or_else(of_line)
    }
}

/// The level that a word means.
fn normalised(word: &[u8]) -> Option<&'static str> {
    let found = WORDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    found.map(|(_, level)| *level)
}

/// The level of a severity number, four numbers each.
fn of_severity(number: &str) -> &'static str {
    match number.parse::<u32>() {
        Ok(1..=4) => "trace",
        Ok(5..=8) => "debug",
        Ok(9..=12) | Err(_) => "info",
        Ok(13..=16) => "warn",
        Ok(17..=20) => "error",
        Ok(21..=24) => "fatal",
        Ok(_) => UNKNOWN,
    }
}

fn of_line(line: &str, fields: &[impl AsRef<str>]) -> &'static str {
    let bytes = line.trim().as_bytes();
    let field = match bytes {
        [b'{', .., b'}'] => json_field(bytes, fields),
        _ => logfmt_field(bytes, fields),
    };
    field.and_then(normalised).or_else(|| of_words(bytes)).unwrap_or(UNKNOWN)
}

fn is_level_field(name: &[u8], fields: &[impl AsRef<str>]) -> bool {
    fields.iter().any(|field| field.as_ref().as_bytes() == name)
}

/// The value of the first level field of a JSON object or of the objects in it. Looks at names and strings only: whether the
/// whole is JSON is not the question.
fn json_field<'a>(bytes: &'a [u8], fields: &[impl AsRef<str>]) -> Option<&'a [u8]> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let text = string(bytes, &mut at)?;
                if depth <= JSON_DEPTH_MAX && is_level_field(text, fields) && skip_to(bytes, &mut at, b':') {
                    return if skip_to(bytes, &mut at, b'"') { string(bytes, &mut at) } else { None };
                }
            }
            _ => {}
        }
    }
    None
}

/// The string that begins at `at`, which is moved behind its closing quote.
fn string<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let begin = *at;
    loop {
        match bytes.get(*at)? {
            b'\\' => *at += 2,
            b'"' => {
                *at += 1;
                return bytes.get(begin..*at - 1);
            }
            _ => *at += 1,
        }
    }
}

/// Moves behind `wanted` if that is the next byte but for space.
fn skip_to(bytes: &[u8], at: &mut usize, wanted: u8) -> bool {
    let rest = bytes.get(*at..).unwrap_or_default();
    let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let is_there = rest.get(space) == Some(&wanted);
    *at += if is_there { space + 1 } else { 0 };
    is_there
}

/// The value of the first level field among `key=value` pairs.
fn logfmt_field<'a>(bytes: &'a [u8], fields: &[impl AsRef<str>]) -> Option<&'a [u8]> {
    let mut at = 0;
    while let Some(step) = bytes.get(at..)?.iter().position(|byte| *byte == b'=') {
        let equals = at + step;
        let before = bytes.get(at..equals)?;
        let name_at = before.iter().rposition(|byte| byte.is_ascii_whitespace()).map_or(0, |space| space + 1);
        at = equals + 1;
        let value = match bytes.get(at) {
            Some(b'"') => {
                at += 1;
                string(bytes, &mut at)?
            }
            _ => {
                let rest = bytes.get(at..)?;
                let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                at += len;
                rest.get(..len)?
            }
        };
        if is_level_field(before.get(name_at..)?, fields) {
            return Some(value);
        }
    }
    None
}

/// The weightiest word of a level that stands alone in the line.
fn of_words(bytes: &[u8]) -> Option<&'static str> {
    let mut best: Option<usize> = None;
    for word in bytes.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_')) {
        if !LOOSE_WORD_LENGTHS.contains(&word.len())
            || !matches!(word.first(), Some(first) if b"tdfcewi".contains(&first.to_ascii_lowercase()))
        {
            continue;
        }
        let place = LOOSE_WORDS.iter().position(|loose| loose.as_bytes().eq_ignore_ascii_case(word));
        best = best.into_iter().chain(place).min();
    }
    LOOSE_WORDS.get(best?).and_then(|word| normalised(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(labels: &[(&str, &str)], metadata: &[(&str, &str)], line: &str, expected: &str) {
        let set = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let (labels_set, metadata_set) = (set(labels), set(metadata));
        let found = Levels::of(&labels_set, &LEVEL_FIELDS).detect(&metadata_set, line);
        assert_eq!(found, expected, "{labels:?} {metadata:?} {line}");
    }

    #[test]
    fn what_is_said_goes_before_what_is_guessed() {
        check(&[("level", "WARNING")], &[], "error", "warn");
        check(&[("level", "warn")], &[("detected_level", "ERR")], "", "error");
        check(&[], &[("severity_text", "Notice")], "error", "Notice");
        check(&[], &[("severity_number", "17")], "info", "error");
        check(&[], &[("severity_number", "0")], "info", "unknown");
        check(&[], &[("severity_number", "9")], "", "info");
    }

    #[test]
    fn fields_of_json_and_logfmt_are_found() {
        check(&[], &[], r#"{"msg":"error","level":"info"}"#, "info");
        check(&[], &[], r#" {"a":{"level" : "WRN"}} "#, "warn");
        check(&[], &[], r#"{"a":{"b":{"level":"warn"}}}"#, "warn"); // as a word
        check(&[], &[], r#"{"a":{"b":{"level":"wrn"}}}"#, "unknown");
        check(&[], &[], r#"{"msg":"a \"level\":\"dbg\"","x":1}"#, "unknown");
        check(&[], &[], r#"{"level":30,"msg":"error"}"#, "error");
        check(&[], &[], r#"{"values":["level","dbg"]}"#, "unknown");
        check(&[], &[], "ts=1 level=dbg msg=x", "debug");
        check(&[], &[], r#"ts=1 msg="level=dbg err" lvl="inf""#, "info");
    }

    #[test]
    fn the_weightiest_word_counts() {
        check(&[], &[], "an info about an ERROR", "error");
        check(&[], &[], "[Warning] disk", "warn");
        check(&[], &[], "errors and information", "unknown");
        check(&[], &[], "my_error", "unknown");
        check(&[], &[], "", "unknown");
        check(&[], &[], "FATAL: error", "fatal");
    }

    proptest! {
        #[test]
        fn any_line_has_a_level(line in any::<String>(), inner in r#"[{}\[\]":=a-z\\ ]{0,40}"#) {
            let none = Labels::empty();
            for line in [line, format!("{{{inner}}}"), inner] {
                prop_assert!(!Levels::of(&none, &LEVEL_FIELDS).detect(&none, &line).is_empty());
            }
        }
    }
}
