//! Folders of whole files, each with a verdict in `expectations.json`: is it accepted or rejected?

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::expected::{Case, one_line};
use crate::run::Run;

/// The file with the verdicts.
pub(crate) const EXPECTATIONS: &str = "expectations.json";
/// A good file that is rejected because of a setting that its error names. Counted as failed, told apart.
pub(crate) const NOT_YET: &str = "unsupported";

/// What reading a file came to: what it holds, in a few words, or what is wrong with it.
pub(crate) type Verdict = Result<String, String>;

/// What the list says of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// What is wanted: texts of errors may change.
    Verdict,
    /// What reading the file came to, word by word: an error's place and text are part of what is promised.
    Words,
}

/// Reads each file that `expectations.json` of the folder names, and compares. `is_good` says whether a
/// verdict means that we have to accept.
pub(crate) fn run(
    folder: &Path,
    run: &mut Run,
    listed: Listed,
    is_good: fn(&str) -> bool,
    read: &dyn Fn(&Path) -> Verdict,
) -> std::io::Result<()> {
    for (name, wanted) in expectations(folder)? {
        let path = folder.join(&name);
        if !path.is_file() {
            return Err(std::io::Error::other(format!("{} is expected and not there", path.display())));
        }
        let verdict = read(&path);
        let (outcome, what) = judge(is_good(&wanted), verdict);
        if outcome != "passed" {
            let _ = writeln!(run.text, "{name} ({wanted}) is {what}");
        }
        let what = if listed == Listed::Words { what } else { one_line(&wanted) };
        run.cases.push(Case { file: name, line: 1, outcome, what });
    }
    Ok(())
}

fn judge(is_good: bool, verdict: Verdict) -> (&'static str, String) {
    match verdict {
        Ok(what) => (if is_good { "passed" } else { "failed" }, one_line(&format!("accepted: {what}"))),
        Err(what) if !is_good => ("passed", one_line(&format!("rejected: {what}"))),
        Err(what) => {
            let outcome = if what.contains("not supported yet") { NOT_YET } else { "failed" };
            (outcome, one_line(&format!("rejected: {what}")))
        }
    }
}

fn expectations(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let path = folder.join(EXPECTATIONS);
    let wrong = |why: &str| std::io::Error::other(format!("{}: {why}", path.display()));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let files = all["files"].as_object().ok_or_else(|| wrong("no object \"files\""))?;
    let text = |verdict: &Value| {
        let known = verdict.as_str().filter(|v| v.contains("accept") || v.contains("reject"));
        known.map(str::to_owned).ok_or_else(|| wrong("a verdict that is neither accept nor reject"))
    };
    files.iter().map(|(name, verdict)| Ok((name.clone(), text(verdict)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_has_its_outcome() {
        let ok = || Ok("2 samples".to_owned());
        let err = |what: &str| Err(what.to_owned());
        for (is_good, verdict, outcome, what) in [
            (true, ok(), "passed", "accepted: 2 samples"),
            (false, ok(), "failed", "accepted: 2 samples"),
            (false, err("line 1\n wrong"), "passed", "rejected: line 1 wrong"),
            (true, err("wrong"), "failed", "rejected: wrong"),
            (true, err("x is not supported yet"), NOT_YET, "rejected: x is not supported yet"),
        ] {
            assert_eq!(judge(is_good, verdict), (outcome, what.to_owned()));
        }
    }
}
