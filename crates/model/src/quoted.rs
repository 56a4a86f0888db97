//! String literals: double and single quotes with Go's escapes, back quotes raw.

/// How many bytes the literal at the start of `input` takes, and what it says.
///
/// # Errors
/// How far it was read, and what is wrong with it.
///
/// # Panics
/// When `input` is empty.
pub fn parse(input: &str) -> Result<(usize, Vec<u8>), (usize, String)> {
    let quote = input.chars().next().unwrap_or('"');
    if quote == '`' {
        return match input[1..].find('`') {
            Some(end) => Ok((end + 2, input.as_bytes()[1..=end].to_vec())),
            None => Err((input.len(), "unterminated raw string".to_owned())),
        };
    }
    let mut bytes = Vec::new();
    let mut rest = input[1..].chars();
    loop {
        let used = input.len() - rest.as_str().len();
        match rest.next() {
            None | Some('\n') => return Err((used, "unterminated quoted string".to_owned())),
            Some(c) if c == quote => return Ok((used + 1, bytes)),
            Some('\\') => {
                let escape = unescape(&mut rest, quote).map_err(|message| (used, message))?;
                bytes.extend_from_slice(&escape);
            }
            Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn unescape(rest: &mut std::str::Chars<'_>, quote: char) -> Result<Vec<u8>, String> {
    let Some(c) = rest.next() else { return Err("escape sequence not terminated".to_owned()) };
    let single = |byte: u8| Ok(vec![byte]);
    match c {
        'a' => single(0x07),
        'b' => single(0x08),
        'f' => single(0x0c),
        'n' => single(b'\n'),
        'r' => single(b'\r'),
        't' => single(b'\t'),
        'v' => single(0x0b),
        '\\' => single(b'\\'),
        c if c == quote => single(quote as u8),
        '0'..='7' => {
            let rest_of = digits(rest, 2, 8)?;
            let value = c.to_digit(8).unwrap_or(0) * 64 + rest_of;
            u8::try_from(value).map(|byte| vec![byte]).map_err(|_| "octal escape value above 255".to_owned())
        }
        'x' => digits(rest, 2, 16).map(|value| vec![value as u8]),
        'u' => digits(rest, 4, 16).and_then(character),
        'U' => digits(rest, 8, 16).and_then(character),
        other => Err(format!("unknown escape sequence {other:?}")),
    }
}

fn digits(rest: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Result<u32, String> {
    let mut value = 0u32;
    for _ in 0..count {
        let c = rest.next().ok_or_else(|| "escape sequence not terminated".to_owned())?;
        let digit = c.to_digit(radix).ok_or_else(|| format!("illegal character {c:?} in escape sequence"))?;
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    Ok(value)
}

fn character(code: u32) -> Result<Vec<u8>, String> {
    let c =
        char::from_u32(code).ok_or_else(|| "escape sequence is an invalid Unicode code point".to_owned())?;
    Ok(c.to_string().into_bytes())
}

/// The literal that means `bytes`: Go's form, back in double quotes.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_raw() {
        for (input, expected) in [
            (r#""a\n\x41\u00e9\101""#, "a\nAéA".as_bytes()),
            (r"'it\'s'", b"it's"),
            (r"`raw\n`", br"raw\n"),
            (r#""\xff""#, &[0xff]),
        ] {
            assert_eq!(parse(input), Ok((input.len(), expected.to_vec())), "{input}");
        }
    }

    #[test]
    fn mistakes() {
        for (input, message) in [
            ("\"abc", "unterminated quoted string"),
            ("`abc", "unterminated raw string"),
            (r#""\q""#, "unknown escape sequence 'q'"),
            (r#""\ud800""#, "escape sequence is an invalid Unicode code point"),
            (r#""\400""#, "octal escape value above 255"),
        ] {
            assert_eq!(parse(input).map_err(|(_, message)| message), Err(message.to_owned()), "{input}");
        }
    }

    #[test]
    fn quoting_reads_back() {
        for bytes in ["plain".as_bytes(), b"a\"b\\c\n\t", &[0xff, b'x', 0xc3], "é→\u{7}".as_bytes()] {
            let quoted = quote(bytes);
            assert_eq!(parse(&quoted), Ok((quoted.len(), bytes.to_vec())), "{quoted}");
        }
    }
}
