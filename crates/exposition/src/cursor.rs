//! A place in one line that only moves forward.

/// A line and how far it has been read. All places are byte offsets from the line's start and lie next to ASCII
/// characters, so slicing there never cuts a character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    pub(crate) fn at_offset(line: &'a str, at: usize) -> Self {
        Self { line, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.line.len()
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or("")
    }

    /// What was read since `from`.
    pub(crate) fn since(&self, from: usize) -> &'a str {
        self.line.get(from..self.at).unwrap_or("")
    }

    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Steps over `byte` if it comes next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over `text` if it comes next.
    pub(crate) fn eat_str(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Steps over bytes while `wanted` says so, and returns them.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        self.since(from)
    }

    /// Steps over blanks and tabs.
    pub(crate) fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// The next word, up to a blank or the end.
    pub(crate) fn word(&mut self) -> &'a str {
        self.take_while(|byte| !is_blank(byte))
    }

    /// What comes next, in words for a message.
    pub(crate) fn found(&self) -> String {
        match self.rest().chars().next() {
            None => "the end of the line".to_owned(),
            Some(c) => format!("{c:?}"),
        }
    }
}

pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
