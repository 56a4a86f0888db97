//! Bodies in the text formats: OpenMetrics' own cases with verdicts, and bodies of real programs, which must be read.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ::exposition::{Entry, Format, Reader, strict};

use crate::expected::Case;
use crate::run::Run;
use crate::verdicts::{self, EXPECTATIONS, Listed, NOT_YET, Verdict};

/// The folder's name.
pub const FOLDER: &str = "exposition";

/// Reads every body of a folder and of the folders in it. Where there are verdicts, an OpenMetrics body must keep all
/// rules of its format; where there are none, all its rows must be read.
///
/// # Errors
/// When a folder or a file cannot be read.
pub fn run(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run::default();
    for folder in std::iter::once(folder.to_owned()).chain(sorted(folder, Path::is_dir)?) {
        let first = run.cases.len();
        if folder.join(EXPECTATIONS).is_file() {
            verdicts::run(&folder, &mut run, Listed::Words, |verdict| verdict == "accept", &checked)?;
        } else {
            for path in sorted(&folder, is_body)? {
                real(&path, &mut run);
            }
        }
        if run.cases.len() > first {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            run.tally(&name, first, (NOT_YET, "are not supported yet"));
        }
    }
    Ok(run)
}

/// Entries of a folder that are `wanted`, sorted.
fn sorted(folder: &Path, wanted: fn(&Path) -> bool) -> std::io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect();
    let mut wanted: Vec<PathBuf> = entries?.into_iter().filter(|path| wanted(path)).collect();
    wanted.sort();
    Ok(wanted)
}

/// Whether a file holds a body. Some hold series alone, a JSON object a line, which no program exposes.
fn is_body(path: &Path) -> bool {
    let named = path.extension().is_some_and(|ending| ending == "txt" || ending == "prom");
    named && !std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"{\""))
}

fn format_of(path: &Path, body: &[u8]) -> Format {
    let is_openmetrics = path.to_string_lossy().contains(".om.") || body.trim_ascii_end().ends_with(b"# EOF");
    if is_openmetrics { Format::OpenMetrics } else { Format::Text }
}

/// The verdict by all rules of the format.
fn checked(path: &Path) -> Verdict {
    let body = std::fs::read(path).map_err(|e| e.to_string())?;
    let format = format_of(path, &body);
    if format == Format::OpenMetrics {
        strict::check(&body).map_err(|e| e.to_string())?;
    }
    rows(format, &body)
}

fn real(path: &Path, run: &mut Run) {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let read = std::fs::read(path).map_err(|e| e.to_string());
    let verdict = read.and_then(|body| rows(format_of(path, &body), &body));
    let (outcome, what) = match verdict {
        Ok(what) => ("passed", format!("accepted: {what}")),
        Err(what) => {
            let _ = writeln!(run.text, "{file}: {what}");
            ("failed", format!("rejected: {what}"))
        }
    };
    run.cases.push(Case { file, line: 1, outcome, what });
}

/// Reads all rows as a scrape does, labels and exemplars included.
fn rows(format: Format, body: &[u8]) -> Verdict {
    let (mut samples, mut described, mut exemplars) = (0, 0, 0);
    for entry in Reader::new(format, body).map_err(|e| e.to_string())? {
        match entry.map_err(|e| e.to_string())? {
            Entry::Meta(_) => described += 1,
            Entry::Sample(row) => {
                row.series.labels().map_err(|e| format!("line {}: {e}", row.line))?;
                if let Some(exemplar) = row.exemplar {
                    exemplar.labels().map_err(|e| format!("line {}: {e}", row.line))?;
                    exemplars += 1;
                }
                samples += 1;
            }
        }
    }
    Ok(format!("{samples} samples, {described} lines of metadata, {exemplars} exemplars"))
}
