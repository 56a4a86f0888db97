//! Routing trees and labels: who is told, in which order.

use std::fmt::Write as _;
use std::path::Path;

use model::Labels;
use serde_json::Value;

use crate::expected::{Case, one_line};
use crate::run::Run;
use crate::verdicts::{EXPECTATIONS, NOT_YET};

/// The folder's name.
pub const FOLDER: &str = "alertmanager-routing";

/// Asks each routing tree that the folder's expectations name who is told of their labels.
///
/// # Errors
/// When the expectations or a file cannot be read.
pub fn run(folder: &Path) -> std::io::Result<Run> {
    let path = folder.join(EXPECTATIONS);
    let wrong = |why: &str| std::io::Error::other(format!("{}: {why}", path.display()));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let mut run = Run::default();
    for (name, cases) in all["files"].as_object().ok_or_else(|| wrong("no object \"files\""))? {
        let file = folder.join(name);
        let text = std::fs::read_to_string(&file)?;
        let config = alerting::Config::parse(&file, &text).map_err(|e| e.to_string());
        for (i, case) in cases.as_array().ok_or_else(|| wrong("no list of cases"))?.iter().enumerate() {
            let labels = case["labels"].as_object().ok_or_else(|| wrong("no labels"))?;
            let pairs =
                labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
            let labels = Labels::from_pairs(pairs);
            let wanted: Vec<&str> =
                case["receivers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let found = config.as_ref().map(|config| {
                config.route.matching(&labels).iter().map(|route| route.receiver.clone()).collect::<Vec<_>>()
            });
            let passed = found.as_ref().is_ok_and(|found| *found == wanted);
            if !passed {
                let _ = writeln!(run.text, "{name}: {labels} goes to {found:?} instead of {wanted:?}");
            }
            run.cases.push(Case {
                file: name.clone(),
                line: i + 1,
                outcome: if passed { "passed" } else { "failed" },
                what: one_line(&format!("{labels} to {}", wanted.join(","))),
            });
        }
    }
    run.tally(FOLDER, 0, (NOT_YET, "are refused by the name of what is not supported yet"));
    Ok(run)
}
