//! JSON text with the place of each value, so that one value can be changed and every other byte stays.
//!
//! The text has been read by a full JSON reader before: this one only finds places, and says `None` to what it does not know.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Bytes of the value itself.
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    /// A text, a number, a word.
    Plain,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The name with its escapes undone.
    pub(crate) name: String,
    /// Where the name begins, with its quote.
    pub(crate) start: usize,
    pub(crate) value: Node,
}

/// Deeper values are refused, as the reader before us does.
const DEPTH_MAX: usize = 128;

impl Node {
    /// The member of an object; of several with one name the last counts, as for the reader.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().rev().find(|member| member.name == name).map(|member| &member.value)
    }

    pub(crate) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }
}

/// The places of all values in `text`.
pub(crate) fn scan(text: &str) -> Option<Node> {
    let mut scanner = Scanner { bytes: text.as_bytes(), text, at: 0 };
    // A byte order mark is no JSON, but files have it.
    if text.starts_with('\u{feff}') {
        scanner.at = '\u{feff}'.len_utf8();
    }
    let root = scanner.value(0)?;
    scanner.space();
    (scanner.at == text.len()).then_some(root)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.space();
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object(self.list(b'}', |scanner| scanner.member(depth))?),
            b'[' => Kind::Array(self.list(b']', |scanner| scanner.value(depth + 1))?),
            b'"' => {
                self.quoted()?;
                Kind::Plain
            }
            _ => {
                self.word()?;
                Kind::Plain
            }
        };
        Some(Node { span: start..self.at, kind })
    }

    fn list<T>(&mut self, close: u8, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        self.at += 1;
        self.space();
        if self.peek()? == close {
            self.at += 1;
            return Some(all);
        }
        loop {
            all.push(one(self)?);
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == close => {
                    self.at += 1;
                    return Some(all);
                }
                _ => return None,
            }
        }
    }

    fn member(&mut self, depth: usize) -> Option<Member> {
        self.space();
        let start = self.at;
        self.quoted()?;
        let name = serde_json::from_str(self.text.get(start..self.at)?).ok()?;
        self.take(b':')?;
        Some(Member { name, start, value: self.value(depth + 1)? })
    }

    fn quoted(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        while self.peek().is_some_and(belongs) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_values() {
        let text = "\u{feff} { \"a\" : [1, -2.5e3 , \"x\\\"]\"], \"\\u0062\":{}, \"c\": null }";
        let root = scan(text).expect("JSON");
        let shown = |node: &Node| text[node.span.clone()].to_owned();
        let items: Vec<String> = root.get("a").expect("a").items().iter().map(shown).collect();
        assert_eq!(items, ["1", "-2.5e3", r#""x\"]""#]);
        assert_eq!(shown(root.get("b").expect("its escape is undone")), "{}");
        assert_eq!(shown(root.get("c").expect("c")), "null");
        assert_eq!(&text[root.members()[2].start..][..3], "\"c\"");
    }

    #[test]
    fn what_is_no_json_has_no_places() {
        for text in ["", "{", "{\"a\"}", "[1,]", "[1 2]", "\"x", "\"\\", "{}x", "{a:1}", "[", "[,]"] {
            assert_eq!(scan(text), None, "{text}");
        }
        assert_eq!(scan(&"[".repeat(100_000)), None);
    }
}
