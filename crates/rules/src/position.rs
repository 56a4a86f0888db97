//! Where in a file a place inside a YAML text lies: a query's third line is some line of the rule file.

use config::Position;

/// A place inside a text, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// The place in `file` of `inside`, a place in the text that begins at `at`: for a block (`|` or `>`) the start of its
/// first line, for other texts the first character or quote. Exact for plain and literal
/// (`|`) texts; escapes in quoted texts are not counted, which may put the column some characters too far left.
pub(crate) fn locate(file: &str, at: Position, inside: Inside) -> Position {
    locate_exactly(file, at, inside).unwrap_or(at)
}

fn locate_exactly(file: &str, at: Position, inside: Inside) -> Option<Position> {
    let lines: Vec<&str> = file.lines().collect();
    let first = usize::try_from(at.line).ok()?.checked_sub(1)?;
    let start = usize::try_from(at.column).ok()?.checked_sub(1)?;
    match block_style(first.checked_sub(1).and_then(|before| lines.get(before)).copied().unwrap_or("")) {
        Some('|') => {
            return position(
                first + usize::try_from(inside.line).ok()?.checked_sub(1)?,
                start + column(inside)?,
            );
        }
        Some(_) => return folded(&lines, first, start, inside),
        None => {}
    }
    let start = start + properties(&rest_of(lines.get(first)?, start));
    let quoted = rest_of(lines.get(first)?, start).starts_with(['"', '\'']);
    folded(&lines, first, start + usize::from(quoted), inside)
}

/// The style of the block that begins below `line`, when `line` ends with a block's head: `|`, `>-`, `|2+`.
fn block_style(line: &str) -> Option<char> {
    let head = line.split(" #").next()?.split_whitespace().next_back()?;
    let (style, rest) = (head.chars().next()?, &head[head.chars().next()?.len_utf8()..]);
    (matches!(style, '|' | '>') && rest.chars().all(|c| c.is_ascii_digit() || c == '+' || c == '-'))
        .then_some(style)
}

fn rest_of(line: &str, skip: usize) -> String {
    line.chars().skip(skip).collect()
}

/// Characters taken by anchors and tags before the text.
fn properties(rest: &str) -> usize {
    let mut taken = 0;
    for word in rest.split_inclusive(' ') {
        if !word.starts_with(['&', '!']) {
            break;
        }
        taken += word.chars().count();
    }
    taken
}

/// Lines of the file are joined by one blank each.
fn folded(lines: &[&str], first: usize, start: usize, inside: Inside) -> Option<Position> {
    let (mut line, mut rest, mut skip) = (first, column(inside)?, start);
    loop {
        let text = rest_of(lines.get(line)?, skip);
        let indent = text.chars().take_while(|c| c.is_whitespace()).count();
        let length = text.trim().chars().count();
        if rest <= length {
            return position(line, skip + indent + rest);
        }
        rest -= length + 1;
        (line, skip) = (line + 1, 0);
    }
}

/// Counted from 0.
fn column(inside: Inside) -> Option<usize> {
    usize::try_from(inside.column).ok()?.checked_sub(1)
}

fn position(line: usize, column: usize) -> Option<Position> {
    Some(Position { line: u32::try_from(line + 1).ok()?, column: u32::try_from(column + 1).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, at: (u32, u32), inside: (u32, u32), expected: (u32, u32)) {
        let found =
            locate(file, Position { line: at.0, column: at.1 }, Inside { line: inside.0, column: inside.1 });
        assert_eq!((found.line, found.column), expected, "{inside:?} of {file:?}");
    }

    #[test]
    fn one_line_texts() {
        check("expr: up ==\n", (1, 7), (1, 4), (1, 10));
        check("expr: 'up =='\n", (1, 7), (1, 4), (1, 11));
        check("expr: &a up ==\n", (1, 7), (1, 1), (1, 10));
    }

    #[test]
    fn literal_texts_keep_their_lines() {
        let file = "expr: |\n    sum(\n      up\nx: y\n";
        check(file, (2, 5), (1, 1), (2, 5));
        check(file, (2, 5), (2, 3), (3, 7));
    }

    #[test]
    fn folded_texts_are_found_again() {
        let file = "expr: >\n  sum(up)\n  / oops\n";
        check(file, (2, 3), (1, 1), (2, 3));
        check(file, (2, 3), (1, 9), (3, 3));
        check("expr: sum(up)\n  / oops\n", (1, 7), (1, 11), (2, 5));
    }

    #[test]
    fn what_cannot_be_found_is_the_start_of_the_text() {
        check("expr: up\n", (1, 7), (9, 400), (1, 7));
        check("", (3, 7), (1, 1), (3, 7));
    }
}
