//! Files and functions stay small, each file says what it is for, and nothing unfinished or private slips in.

use anyhow::Result;

use crate::tools::root;

/// House style point 6: the ceiling for a file's code, tests at its end not counted.
const FILE_LINES_MAX: usize = 800;
/// House style point 24.
const WEB_FILE_LINES_MAX: usize = 250;
/// House style point 6: the ceiling for a function.
const FUNCTION_LINES_MAX: usize = 70;

/// A function that may be longer says so, with its reason, on a line right above it.
const EXEMPT: &str = "tidy: long because";

/// Lists each file that breaks a rule.
pub(crate) fn check(files: &[String]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for path in files.iter().filter(|f| !f.contains("/vendor/")) {
        match path.rsplit('.').next() {
            Some("rs") => rust(path, &read(path)?, &mut wrong),
            Some("js" | "mjs" | "css") => web(path, &read(path)?, &mut wrong),
            _ => {}
        }
    }
    Ok(wrong)
}

fn read(path: &str) -> Result<String> {
    Ok(std::fs::read_to_string(root().join(path))?)
}

fn rust(path: &str, text: &str, wrong: &mut Vec<String>) {
    if !text.starts_with("//!") {
        wrong.push(format!("{path}: does not open with a //! line that says what it is for"));
    }
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    if code.lines().count() > FILE_LINES_MAX {
        wrong.push(format!("{path}: {} lines of code, more than {FILE_LINES_MAX}", code.lines().count()));
    }
    for (line, length) in long_functions(code) {
        wrong.push(format!("{path}:{line}: a function of {length} lines, more than {FUNCTION_LINES_MAX}"));
    }
    for (i, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[ignore") {
            wrong.push(format!("{path}:{}: an ignored test proves nothing", i + 1));
        }
    }
}

fn web(path: &str, text: &str, wrong: &mut Vec<String>) {
    if text.lines().count() > WEB_FILE_LINES_MAX && !path.ends_with(".css") {
        wrong.push(format!("{path}: {} lines, more than {WEB_FILE_LINES_MAX}", text.lines().count()));
    }
}

/// First line and length of each function beyond the ceiling. Works on formatted code: a function ends at the first
/// closing brace that is indented as its `fn` line.
fn long_functions(code: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, l)| is_function(l)) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let Some(length) = lines[start..].iter().position(|l| *l == end).map(|n| n + 1) else { continue };
        let exempt = start > 0 && lines[start - 1].contains(EXEMPT);
        if length > FUNCTION_LINES_MAX && !exempt {
            long.push((start + 1, length));
        }
    }
    long
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let words = [
        "fn ",
        "pub fn ",
        "pub(crate) fn ",
        "pub(super) fn ",
        "async fn ",
        "pub async fn ",
        "pub(crate) async fn ",
    ];
    words.iter().any(|w| line.starts_with(w)) && !line.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_beyond_the_ceiling_are_named() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    x();\n".repeat(lines - 2));
        assert_eq!(long_functions(&function(70)), []);
        assert_eq!(long_functions(&format!("\n{}", function(71))), [(2, 71)]);
        assert_eq!(long_functions(&format!("// {EXEMPT} it is a table\n{}", function(90))), []);
    }
}
