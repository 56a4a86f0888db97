//! From the text of a script to its commands.

use model::{DurationMs, Labels};
use regex::Regex;

use model::quoted as text;

use crate::parser::number;
use crate::script::series::{Point, parse_line};

/// A script that makes no sense; nothing after the line was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// One command.
#[derive(Debug)]
pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

#[derive(Debug)]
pub(super) struct Load {
    pub(super) line: usize,
    pub(super) step_ms: i64,
    pub(super) series: Vec<(Labels, Vec<Point>)>,
    /// Whether classic histograms become native ones besides.
    pub(super) with_custom_buckets: bool,
}

/// When a query is evaluated, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Instant(i64),
    Range { from: i64, to: i64, step: i64 },
}

#[derive(Debug)]
pub(super) struct Eval {
    pub(super) line: usize,
    pub(super) when: When,
    pub(super) query: String,
    pub(super) expect: Expect,
}

/// What is demanded of a result.
#[derive(Debug, Default)]
pub(super) struct Expect {
    pub(super) fail: Option<TextCheck>,
    pub(super) warnings: Vec<TextCheck>,
    pub(super) infos: Vec<TextCheck>,
    pub(super) no_warnings: bool,
    pub(super) no_infos: bool,
    pub(super) ordered: bool,
    /// `from`, `to`, `step` of a range vector.
    pub(super) range_vector: Option<(i64, i64, i64)>,
    pub(super) text: Option<Vec<u8>>,
    pub(super) scalar: Option<f64>,
    pub(super) series: Vec<(Labels, Vec<Point>)>,
}

/// What a message must be.
#[derive(Debug)]
pub(super) enum TextCheck {
    Any,
    Equal(String),
    Matches(Regex),
}

impl TextCheck {
    pub(super) fn accepts(&self, message: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Equal(expected) => message == expected,
            Self::Matches(regex) => regex.is_match(message),
        }
    }
}

/// Parses a whole script.
pub(super) fn parse(script: &str) -> Result<Vec<Command>, ScriptError> {
    // A comment is an empty line: it ends a block.
    let lines: Vec<&str> =
        script.lines().map(str::trim).map(|l| if l.starts_with('#') { "" } else { l }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        if line.is_empty() {
            at += 1;
            continue;
        }
        let fail = |message: String| ScriptError { line: at + 1, message };
        let word = line.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        let rest = line[word.len()..].trim();
        if word == "clear" {
            commands.push(Command::Clear);
            at += 1;
        } else if word.starts_with("load") {
            let step = rest.parse::<DurationMs>().map_err(|error| fail(error.to_string()))?;
            let mut load = Load {
                line: at + 1,
                step_ms: step.0,
                series: Vec::new(),
                with_custom_buckets: word == "load_with_nhcb",
            };
            at = load.take_series(&lines, at + 1)?;
            commands.push(Command::Load(load));
        } else if word.starts_with("eval") {
            let mut eval = Eval::parse_head(&word, rest, at + 1).map_err(fail)?;
            at = eval.take_block(&lines, at + 1)?;
            commands.push(Command::Eval(Box::new(eval)));
        } else {
            return Err(fail(format!("unknown command {word:?}")));
        }
    }
    Ok(commands)
}

impl Load {
    fn take_series(&mut self, lines: &[&str], mut at: usize) -> Result<usize, ScriptError> {
        while let Some(line) = lines.get(at).filter(|line| !line.is_empty()) {
            let fail = |message: String| ScriptError { line: at + 1, message };
            if line.split_whitespace().next().is_some_and(|token| token.ends_with("@st")) {
                return Err(fail("start timestamps are not supported yet".to_owned()));
            }
            let (labels, points) = parse_line(line).map_err(fail)?;
            self.series.retain(|(before, _)| *before != labels);
            self.series.push((labels, points));
            at += 1;
        }
        Ok(at)
    }
}

impl Eval {
    fn parse_head(word: &str, rest: &str, line: usize) -> Result<Self, String> {
        let (kind, rest) = rest.split_once(char::is_whitespace).ok_or("eval what?")?;
        let (when, query) = match kind {
            "instant" => {
                let (at, query) = labelled(rest, "at")?;
                (When::Instant(at), query)
            }
            "range" => {
                let (from, rest) = labelled(rest, "from")?;
                let (to, rest) = labelled(rest, "to")?;
                let (step, query) = labelled(rest, "step")?;
                if to < from || step <= 0 {
                    return Err("a range must not end before its start".to_owned());
                }
                (When::Range { from, to, step }, query)
            }
            other => return Err(format!("eval instant or range, not {other:?}")),
        };
        let mut expect = Expect::default();
        match word {
            "eval" => {}
            "eval_fail" => expect.fail = Some(TextCheck::Any),
            "eval_warn" => expect.warnings.push(TextCheck::Any),
            "eval_info" => expect.infos.push(TextCheck::Any),
            "eval_ordered" => expect.ordered = true,
            other => return Err(format!("unknown command {other:?}")),
        }
        Ok(Self { line, when, query: query.to_owned(), expect })
    }

    fn take_block(&mut self, lines: &[&str], mut at: usize) -> Result<usize, ScriptError> {
        while let Some(line) = lines.get(at).filter(|line| !line.is_empty()) {
            let ends = self.take_line(line).map_err(|message| ScriptError { line: at + 1, message })?;
            at += 1;
            if ends {
                break;
            }
        }
        Ok(at)
    }

    /// Takes one line of the block; true when the block ends with it.
    fn take_line(&mut self, line: &str) -> Result<bool, String> {
        if let Some(rest) = line.strip_prefix("expect range vector ") {
            let (from, rest) = labelled(rest, "from")?;
            let (to, rest) = labelled(rest, "to")?;
            let (step, _) = labelled(rest, "step")?;
            self.expect.range_vector = Some((from, to, step));
        } else if let Some(rest) = line.strip_prefix("expect string ") {
            let (length, bytes) = text::parse(rest.trim()).map_err(|(_, message)| message)?;
            if length != rest.trim().len() {
                return Err("text behind the string".to_owned());
            }
            self.expect.text = Some(bytes);
        } else if let Some(rest) = line.strip_prefix("expect ") {
            self.take_expect(rest.trim())?;
        } else if let Some(message) = line.strip_prefix("expected_fail_message ") {
            self.expect.fail = Some(TextCheck::Equal(message.trim().to_owned()));
            return Ok(true);
        } else if let Some(regex) = line.strip_prefix("expected_fail_regexp ") {
            self.expect.fail = Some(TextCheck::Matches(compile(regex)?));
            return Ok(true);
        } else if let Some(value) = parse_scalar(line) {
            self.expect.scalar = Some(value);
            return Ok(true);
        } else {
            self.expect.series.push(parse_line(line)?);
        }
        Ok(false)
    }

    fn take_expect(&mut self, rest: &str) -> Result<(), String> {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (kind, condition) = (&rest[..end], rest[end..].trim());
        let check = if let Some(message) = condition.strip_prefix("msg:") {
            TextCheck::Equal(message.trim().to_owned())
        } else if let Some(regex) = condition.strip_prefix("regex:") {
            TextCheck::Matches(compile(regex)?)
        } else if condition.is_empty() {
            TextCheck::Any
        } else {
            return Err(format!("msg: or regex:, not {condition:?}"));
        };
        match kind {
            "fail" => self.expect.fail = Some(check),
            "warn" => self.expect.warnings.push(check),
            "info" => self.expect.infos.push(check),
            "no_warn" => self.expect.no_warnings = true,
            "no_info" => self.expect.no_infos = true,
            "ordered" => self.expect.ordered = true,
            other => return Err(format!("unknown expectation {other:?}")),
        }
        Ok(())
    }
}

fn compile(regex: &str) -> Result<Regex, String> {
    Regex::new(regex.trim()).map_err(|error| error.to_string())
}

/// `WORD DURATION rest`: the duration in milliseconds and the rest.
fn labelled<'a>(text: &'a str, word: &str) -> Result<(i64, &'a str), String> {
    let text = text.trim_start();
    let rest = text.strip_prefix(word).filter(|rest| rest.starts_with(char::is_whitespace));
    let rest = rest.ok_or_else(|| format!("expected {word:?} at {text:?}"))?.trim_start();
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let duration: DurationMs =
        rest[..end].parse().map_err(|error: model::ParseDurationError| error.to_string())?;
    Ok((duration.0, rest[end..].trim()))
}

/// A line that is one number.
fn parse_scalar(line: &str) -> Option<f64> {
    let (sign, magnitude) = match line.as_bytes().first()? {
        b'-' => (-1.0, &line[1..]),
        b'+' => (1.0, &line[1..]),
        _ => (1.0, line),
    };
    match magnitude.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => number::parse_float(magnitude).map(|value| sign * value),
    }
}
