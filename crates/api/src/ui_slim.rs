//! Scripts and styles on their way to the browser, without the comments that people need and browsers do not: a fifth of the transfer.
//!
//! Only lines that are nothing but comment go, and leave an empty line, so that the numbers of lines in a browser's errors stay true.
//! Modules of others are served as they are: their comments hold their licences.

/// Where modules of others lie.
const VENDOR: &str = "vendor/";

/// The file as it is served.
pub(crate) fn slim(path: &str, data: Vec<u8>) -> Vec<u8> {
    let is_ours = !path.starts_with(VENDOR) && (path.ends_with(".js") || path.ends_with(".css"));
    match String::from_utf8(data) {
        Ok(text) if is_ours => without_comments(&text).into_bytes(),
        Ok(text) => text.into_bytes(),
        Err(other) => other.into_bytes(),
    }
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_inside = false;
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let trimmed = line.trim();
        if is_inside {
            is_inside = !trimmed.ends_with("*/");
        } else if trimmed.starts_with("/*") && !trimmed.contains("*/") {
            is_inside = true;
        } else if !is_comment(trimmed) {
            out.push_str(line);
        }
    }
    out
}

/// One comment and nothing behind it.
fn is_comment(trimmed: &str) -> bool {
    let is_block = trimmed.starts_with("/*") && trimmed.ends_with("*/") && trimmed.matches("*/").count() == 1;
    trimmed.starts_with("//") || is_block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: &str) {
        let served = slim("lib/a.js", given.as_bytes().to_vec());
        assert_eq!(String::from_utf8(served).expect("text"), expected, "{given}");
    }

    #[test]
    fn lines_of_comment_go_and_code_stays() {
        check("// words\nconst a = 1; // more\n", "\nconst a = 1; // more\n");
        check("/**\n * @param {string} a\n */\nf();", "\n\n\nf();");
        check("  /** @type {X} */\n  const a = /** @type {Y} */ (b);", "\n  const a = /** @type {Y} */ (b);");
        check("/* a */ f(); /* b */", "/* a */ f(); /* b */");
        check(
            "const url = 'https://x';\n`${a}\n  /not a comment/`;",
            "const url = 'https://x';\n`${a}\n  /not a comment/`;",
        );
    }

    #[test]
    fn what_others_wrote_keeps_its_licence() {
        let text = "/*! MIT */\n// words\n";
        assert_eq!(slim("vendor/a.js", text.as_bytes().to_vec()), text.as_bytes());
        assert_eq!(slim("icon.svg", text.as_bytes().to_vec()), text.as_bytes());
        assert_eq!(slim("a.js", vec![0xff, b'\n']), [0xff, b'\n']);
    }
}
