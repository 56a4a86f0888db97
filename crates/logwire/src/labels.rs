//! The text of a stream's labels: `{a="b", c="d"}`, with values quoted as Go quotes them.

use std::fmt::Write;

use model::{Labels, LabelsBuilder};

/// Text that is no label set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("col {column}: {message}")]
pub struct ParseLabelsError {
    /// Where, in bytes from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// Whether `name` may name a label of a stream.
pub fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The name with `_` for each character that a label's name cannot have, and before a digit at its beginning.
pub fn sanitise_label_name(name: &str) -> String {
    let mut clean = String::with_capacity(name.len() + 1);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        clean.push('_');
    }
    clean.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
    clean
}

/// Reads a label set. Labels with an empty value are left out, as everywhere; a trailing comma is allowed.
///
/// # Errors
/// [`ParseLabelsError`] with the place of what is wrong; a name given twice is.
pub fn parse_labels(text: &str) -> Result<Labels, ParseLabelsError> {
    let mut parser = Parser { text, at: 0 };
    let mut labels = LabelsBuilder::default();
    parser.expect('{', "a label set begins with {")?;
    while !parser.eat('}') {
        let name_at = parser.skip_space();
        let name = parser.name()?;
        parser.expect('=', "a name is followed by =")?;
        let value = parser.value()?;
        if labels.get(name).is_some() {
            return Err(parser.error_at(name_at, format!("label {name} is given twice")));
        }
        labels.set(name, value);
        if !parser.eat(',') {
            parser.expect('}', "a label is followed by , or }")?;
            break;
        }
    }
    let end = parser.skip_space();
    if end < text.len() {
        return Err(parser.error_at(end, "nothing may follow a label set".to_owned()));
    }
    Ok(labels.build())
}

/// The text that [`parse_labels`] reads, in the order of names.
pub fn format_labels(labels: &Labels) -> String {
    let mut text = String::from("{");
    for (name, value) in labels {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push('=');
        quote(value, &mut text);
    }
    text.push('}');
    text
}

fn quote(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes everything");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error_at(&self, at: usize, message: String) -> ParseLabelsError {
        ParseLabelsError { column: at + 1, message }
    }

    fn skip_space(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let is_there = self.rest().starts_with(wanted);
        self.at += if is_there { wanted.len_utf8() } else { 0 };
        is_there
    }

    fn expect(&mut self, wanted: char, rule: &str) -> Result<(), ParseLabelsError> {
        if self.eat(wanted) { Ok(()) } else { Err(self.error_at(self.at, self.unexpected(rule))) }
    }

    fn unexpected(&self, rule: &str) -> String {
        match self.rest().chars().next() {
            Some(c) => format!("unexpected {c:?}: {rule}"),
            None => format!("unexpected end: {rule}"),
        }
    }

    fn name(&mut self) -> Result<&'a str, ParseLabelsError> {
        let rest = self.rest();
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &rest[..len];
        if !is_label_name(name) {
            let rule = "a label's name has letters, digits and _, and begins with no digit";
            return Err(self.error_at(self.at, self.unexpected(rule)));
        }
        self.at += len;
        Ok(name)
    }

    fn value(&mut self) -> Result<String, ParseLabelsError> {
        let begin = self.skip_space();
        if self.eat('`') {
            let len = self.rest().find('`');
            let len =
                len.ok_or_else(|| self.error_at(begin, "the value is not closed by a backtick".to_owned()))?;
            let value = self.rest()[..len].to_owned();
            self.at += len + 1;
            return Ok(value);
        }
        self.expect('"', "a value is in quotes")?;
        let mut value = Vec::new();
        loop {
            let rest = self.rest();
            let len = rest.find(['"', '\\']);
            let len =
                len.ok_or_else(|| self.error_at(begin, "the value is not closed by a quote".to_owned()))?;
            value.extend_from_slice(&rest.as_bytes()[..len]);
            self.at += len + 1;
            if rest.as_bytes()[len] == b'"' {
                // Escapes of single bytes can make what is no UTF-8.
                return Ok(String::from_utf8_lossy(&value).into_owned());
            }
            self.escape(&mut value)?;
        }
    }

    /// What follows a backslash, by Go's rules.
    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), ParseLabelsError> {
        let at = self.at - 1;
        let wrong = |this: &Self| this.error_at(at, "no such escape".to_owned());
        let c = self.rest().chars().next().ok_or_else(|| wrong(self))?;
        self.at += c.len_utf8();
        let simple = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '"' | '\'' => c as u8,
            'x' => self.digits(2, 16).and_then(|v| u8::try_from(v).ok()).ok_or_else(|| wrong(self))?,
            '0'..='7' => {
                self.at -= 1;
                self.digits(3, 8).and_then(|v| u8::try_from(v).ok()).ok_or_else(|| wrong(self))?
            }
            'u' | 'U' => {
                let count = if c == 'u' { 4 } else { 8 };
                let wide = self.digits(count, 16).and_then(char::from_u32).ok_or_else(|| wrong(self))?;
                out.extend_from_slice(wide.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(wrong(self)),
        };
        out.push(simple);
        Ok(())
    }

    fn digits(&mut self, count: usize, radix: u32) -> Option<u32> {
        let digits = self.rest().get(..count)?;
        let all_digits = digits.chars().all(|c| c.is_digit(radix));
        self.at += count;
        all_digits.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn label_sets_are_read_as_clients_write_them() {
        for (text, expected) in [
            (r#"{job="a"}"#, vec![("job", "a")]),
            (r#"{ job = "a" , b="c\"d\\e\n" }"#, vec![("b", "c\"d\\e\n"), ("job", "a")]),
            (r#"{job="a",}"#, vec![("job", "a")]),
            ("{a=`b\\c`}", vec![("a", "b\\c")]),
            (r#"{a="\u00e9\x41\101"}"#, vec![("a", "éAA")]),
            (r#"{a="", b="x"}"#, vec![("b", "x")]),
            ("{}", vec![]),
        ] {
            assert_eq!(parse_labels(text), Ok(Labels::from_pairs(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, expected) in [
            ("", "col 1: unexpected end: a label set begins with {"),
            ("job", "col 1: unexpected 'j': a label set begins with {"),
            (
                "{1a=\"x\"}",
                "col 2: unexpected '1': a label's name has letters, digits and _, and begins with no digit",
            ),
            ("{a:\"x\"}", "col 3: unexpected ':': a name is followed by ="),
            ("{a=x}", "col 4: unexpected 'x': a value is in quotes"),
            ("{a=\"x}", "col 4: the value is not closed by a quote"),
            ("{a=`x}", "col 4: the value is not closed by a backtick"),
            (r#"{a="\q"}"#, "col 5: no such escape"),
            (r#"{a="\xgg"}"#, "col 5: no such escape"),
            (r#"{a="x" b="y"}"#, "col 8: unexpected 'b': a label is followed by , or }"),
            (r#"{a="x", a="y"}"#, "col 9: label a is given twice"),
            (r#"{a="x"} z"#, "col 9: nothing may follow a label set"),
        ] {
            assert_eq!(parse_labels(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_made_to_fit() {
        for (name, expected) in
            [("service.name", "service_name"), ("9x", "_9x"), ("a-é", "a__"), ("ok", "ok")]
        {
            assert_eq!(sanitise_label_name(name), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(values in prop::collection::vec(any::<String>(), 0..4)) {
            let labels = Labels::from_pairs(values.iter().enumerate().map(|(i, v)| (format!("l{i}"), v.clone())));
            prop_assert_eq!(parse_labels(&format_labels(&labels)), Ok(labels));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            drop(parse_labels(&text));
            drop(parse_labels(&format!("{{a=\"{text}")));
        }
    }
}
