//! Reads a mail as far as showing it needs: who, to whom, about what, its text and its HTML part.

use serde_json::{Value, json};

/// A part in a part in a part… deeper than any real mail.
const DEPTH_MAX: usize = 8;

/// The mail as it is shown.
pub(super) fn read(raw: &[u8]) -> Value {
    let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
    let part = Part::of(&text);
    let mut parts = Vec::new();
    part.leaves(0, &mut parts);
    let of =
        |kind: &str| parts.iter().find(|(known, _)| known.starts_with(kind)).map(|(_, text)| text.clone());
    let word = |name: &str| decoded_words(part.header(name));
    json!({
        "from": word("from"), "to": word("to"), "subject": word("subject"),
        "text": of("text/plain"), "html": of("text/html"),
    })
}

/// Headers and what is below them.
struct Part<'a> {
    headers: Vec<(String, String)>,
    body: &'a str,
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
                // A long header goes on in the next line.
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (false, _, Some((name, value))) => {
                    headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
                }
                _ => {}
            }
        }
        Self { headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Kinds and texts of all parts that have no parts.
    fn leaves(&self, depth: usize, found: &mut Vec<(String, String)>) {
        let kind = self.header("content-type").to_lowercase();
        let boundary = parameter(self.header("content-type"), "boundary");
        let Some(boundary) = boundary.filter(|_| kind.starts_with("multipart/") && depth < DEPTH_MAX) else {
            let kind = if kind.is_empty() { "text/plain".to_owned() } else { kind };
            found.push((kind, decoded(self.body, self.header("content-transfer-encoding"))));
            return;
        };
        let separator = format!("--{boundary}");
        for piece in self.body.split(separator.as_str()).skip(1) {
            if piece.starts_with("--") {
                break;
            }
            Part::of(piece.trim_start_matches('\n')).leaves(depth + 1, found);
        }
    }
}

/// A value behind the first semicolon: `boundary="x"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    let pairs = header.split(';').skip(1).filter_map(|pair| pair.split_once('='));
    let found = pairs.into_iter().find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
    Some(found.1.trim().trim_matches('"').to_owned())
}

fn decoded(body: &str, encoding: &str) -> String {
    match encoding.to_lowercase().as_str() {
        "quoted-printable" => text(&quoted_printable(&body.replace("=\n", ""))),
        "base64" => text(&base64(body)),
        _ => body.to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `=C3=BC` is a byte each; what is no such thing stays.
fn quoted_printable(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let byte = (*first == b'=').then(|| hex(more.get(..2)?)).flatten();
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    out
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Characters that are none of the alphabet's are passed over, as in a body that is broken into lines.
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut out, mut held, mut bits) = (Vec::with_capacity(text.len() * 3 / 4), 0u32, 0u32);
    for six in text.bytes().filter_map(value) {
        held = (held << 6 | u32::from(six)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    out
}

/// Words like `=?utf-8?b?w7w=?=` in a header.
fn decoded_words(header: &str) -> String {
    let (mut out, mut rest, mut is_after_word) = (String::new(), header, false);
    while let Some((before, behind)) = rest.split_once("=?") {
        let mut parts = behind.splitn(4, '?');
        let (Some(_), Some(kind), Some(word), Some(tail)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            break;
        };
        let Some(tail) = tail.strip_prefix('=') else { break };
        // Blanks between two such words are none.
        if !(is_after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        let bytes = match kind {
            "b" | "B" => base64(word),
            _ => quoted_printable(&word.replace('_', " ")),
        };
        out.push_str(&text(&bytes));
        (rest, is_after_word) = (tail, true);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_in_two_parts_is_read() {
        let raw = "From: am <am@example.org>\r\nTo: a@example.org,\r\n b@example.org\r\nSubject: =?utf-8?b?W0ZJUklORzoxXQ==?= =?utf-8?q?_f=C3=BCr_uns?=\r\n\
            MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"xyz\"\r\n\r\n\
            --xyz\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nein =C3=9Cbel =\r\nist da=3D\r\n\
            --xyz\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\nw7w8L2I+\r\n--xyz--\r\n";
        let mail = read(raw.as_bytes());
        assert_eq!(mail["from"], "am <am@example.org>");
        assert_eq!(mail["to"], "a@example.org, b@example.org");
        assert_eq!(mail["subject"], "[FIRING:1] für uns");
        assert_eq!(mail["text"].as_str().map(str::trim), Some("ein Übel ist da="));
        assert_eq!(mail["html"], "<b>ü</b>");
    }

    #[test]
    fn what_is_no_mail_is_shown_as_it_is() {
        let mail = read(b"Subject: x\n\nhello");
        assert_eq!((mail["subject"].as_str(), mail["text"].as_str()), (Some("x"), Some("hello")));
        for broken in [
            "",
            "\n\n",
            "Content-Type: multipart/mixed\n\n--",
            "Content-Type: multipart/x; boundary=\n\n-- -- --",
            "=?",
            "Subject: =?a?b?",
        ] {
            read(broken.as_bytes());
        }
        let nested = "Content-Type: multipart/x; boundary=a\n\n--a\n".repeat(50);
        read(nested.as_bytes());
    }
}
