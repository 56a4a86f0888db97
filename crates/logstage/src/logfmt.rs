//! Pairs of `key=value` as Go programs log them.

use std::borrow::Cow;
use std::ops::ControlFlow;

/// What is wrong with a line, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("logfmt syntax error at pos {at} : {message}")]
pub struct LogfmtError {
    /// What.
    pub message: &'static str,
    /// Where, counted from 1.
    pub at: usize,
}

/// Shows each pair of `line` in order; a key without `=` has the value "". Where a pair is none, a strict reading ends, any
/// other goes on behind the next space.
///
/// # Errors
/// The first fault, when `is_strict`.
pub fn pairs<'a>(
    line: &'a str,
    is_strict: bool,
    mut visit: impl FnMut(&'a str, Cow<'a, str>) -> ControlFlow<()>,
) -> Result<(), LogfmtError> {
    let (bytes, mut at) = (line.as_bytes(), 0);
    while at < bytes.len() {
        if bytes[at] <= b' ' {
            at += 1;
            continue;
        }
        match pair(line, at) {
            Ok((key, value, next)) => {
                at = next;
                if visit(key, value).is_break() {
                    return Ok(());
                }
            }
            Err(error) if is_strict => return Err(error),
            Err(error) => {
                let from = (error.at - 1).max(at);
                at = bytes[from..].iter().position(|byte| *byte <= b' ').map_or(bytes.len(), |n| from + n);
            }
        }
    }
    Ok(())
}

/// The pair that begins at `from`, and where it ends.
fn pair(line: &str, from: usize) -> Result<(&str, Cow<'_, str>, usize), LogfmtError> {
    let bytes = line.as_bytes();
    let error = |at: usize, message| Err(LogfmtError { message, at: at + 1 });
    let end = bytes[from..].iter().position(|byte| *byte <= b' ' || *byte == b'=' || *byte == b'"');
    let end = end.map_or(bytes.len(), |n| from + n);
    let key = &line[from..end];
    match bytes.get(end) {
        Some(b'=') if key.is_empty() => error(end, "unexpected '='"),
        Some(b'"') => error(end, "unexpected '\"'"),
        Some(b'=') if bytes.get(end + 1) == Some(&b'"') => {
            let (value, next) = quoted(line, end + 1)?;
            Ok((key, value, next))
        }
        Some(b'=') => {
            let start = end + 1;
            let stop = bytes[start..].iter().position(|byte| *byte <= b' ' || *byte == b'=' || *byte == b'"');
            let stop = stop.map_or(bytes.len(), |n| start + n);
            match bytes.get(stop) {
                Some(b'=') => error(stop, "unexpected '='"),
                Some(b'"') => error(stop, "unexpected '\"'"),
                _ => Ok((key, Cow::Borrowed(&line[start..stop]), stop)),
            }
        }
        _ => Ok((key, Cow::Borrowed(""), end)),
    }
}

/// The value whose first quote stands at `from`.
fn quoted(line: &str, from: usize) -> Result<(Cow<'_, str>, usize), LogfmtError> {
    let (bytes, start) = (line.as_bytes(), from + 1);
    let (mut at, mut escaped) = (start, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => {
                escaped = true;
                at += 2;
            }
            b'"' => {
                let text = &line[start..at];
                let value =
                    if escaped { Cow::Owned(crate::json::unescape(text)) } else { Cow::Borrowed(text) };
                return Ok((value, at + 1));
            }
            _ => at += 1,
        }
    }
    Err(LogfmtError { message: "unterminated quoted value", at: bytes.len() + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, is_strict: bool) -> Result<String, LogfmtError> {
        let mut all = Vec::new();
        pairs(line, is_strict, |key, value| {
            all.push(format!("{key}:{value}"));
            ControlFlow::Continue(())
        })?;
        Ok(all.join("|"))
    }

    #[test]
    fn pairs_quotes_and_bare_keys() {
        let line = r#"level=info msg="a \"b\" c" empty= bare d=3.5s"#;
        assert_eq!(read(line, true).as_deref(), Ok(r#"level:info|msg:a "b" c|empty:|bare:|d:3.5s"#));
        assert_eq!(read("", true).as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_pair_is_passed_over_or_told() {
        assert_eq!(read(r#"=x a=b"c d=e"#, false).as_deref(), Ok("d:e"));
        assert_eq!(read("a=b=c d=e", false).as_deref(), Ok("d:e"));
        assert_eq!(read(r#"a="x b=c"#, false).as_deref(), Ok(""));
        for (line, at) in [("=x", 1), (r#"a=b"c"#, 4), ("a=b=c", 4), (r#"a="x"#, 5), (r#"a"b"#, 2)] {
            assert_eq!(read(line, true).map_err(|e| e.at), Err(at), "{line}");
        }
    }
}
