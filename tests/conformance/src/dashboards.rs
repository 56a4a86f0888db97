//! Dashboards that other people made, through our loader and renderer: is every panel drawn, is every query one of ours?

use std::fmt::Write as _;
use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ::dashboards::{Builtin, Dashboards, Sources};
use serde::Deserialize;
use serde_json::json;

use crate::expected::{Case, one_line};
use crate::run::Run;

/// The folder of the data.
pub const FOLDER: &str = "dashboards-corpus";
/// A panel that says by name what of it we do not have: a kind, a transformation, a matcher.
pub const UNSUPPORTED: &str = "unsupported";
/// A panel with a query that our PromQL or LogQL refuses, and draws as such: another language's functions, mostly.
pub const UNPARSED: &str = "unparsed";

/// What the renderer says of one file.
#[derive(Deserialize)]
struct Rendered {
    file: String,
    panels: Vec<Panel>,
}

#[derive(Deserialize)]
struct Panel {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    /// What of it is not known.
    unknown: Vec<String>,
    /// Kinds of data sources that it asks and that are not here.
    missing: Vec<String>,
    /// What it asks, under several choices of the variables.
    exprs: Vec<Expression>,
    /// What was thrown; empty when nothing was.
    error: String,
}

#[derive(Deserialize)]
struct Expression {
    expr: String,
    language: String,
}

/// Loads each file of a folder and has the renderer's pure part, run by node, work out each panel.
///
/// # Errors
/// When the folder cannot be read, or node is missing or fails.
pub fn run(folder: &Path) -> std::io::Result<Run> {
    let mut run = Run::default();
    let documents = load(folder, &mut run)?;
    let mut missing = 0;
    for rendered in render(&documents)? {
        let before = run.cases.len();
        for (i, panel) in rendered.panels.iter().enumerate() {
            missing += usize::from(!panel.missing.is_empty());
            let case = judge(&rendered.file, i + 1, panel, &mut run.text);
            run.cases.push(case);
        }
        run.tally(&rendered.file, before, (UNSUPPORTED, "say what is not supported"));
    }
    summarise(&mut run, missing);
    Ok(run)
}

/// A document a line, as the renderer wants them. Files that are no dashboards are told and left out.
fn load(folder: &Path, run: &mut Run) -> std::io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in json_files(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // One by one: that two files share a uid is no fault of either here.
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        let builtin = vec![Builtin { name: name.clone(), text }];
        let (loaded, errors) = Dashboards::load_from(Sources { folder: None, builtin });
        for error in &errors {
            let _ = writeln!(run.text, "{name} is left out: {}", error.problem);
        }
        for entry in loaded.list() {
            let document =
                loaded.get(&entry.uid).ok_or_else(|| Error::other("a listed dashboard is gone"))?;
            lines.push(json!({ "file": name, "document": *document }).to_string());
        }
    }
    Ok(lines)
}

fn json_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(json_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Runs the renderer's script over the documents.
fn render(documents: &[String]) -> std::io::Result<Vec<Rendered>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/render.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| Error::new(e.kind(), format!("cannot start node, which runs the renderer: {e}")))?;
    let mut input = node.stdin.take().ok_or_else(|| Error::other("node has no input"))?;
    let text = documents.join("\n");
    // Both ends at once: the script answers while it still reads.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = node.wait_with_output()?;
    writer.join().map_err(|_| Error::other("the writer panicked"))??;
    if !output.status.success() {
        return Err(Error::other(format!("the renderer failed ({})", output.status)));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    lines.lines().map(|line| serde_json::from_str(line).map_err(Error::other)).collect()
}

fn judge(file: &str, line: usize, panel: &Panel, text: &mut String) -> Case {
    let what = one_line(&format!("{} {}", panel.kind, panel.title));
    let refused = panel.exprs.iter().find_map(refusal);
    let outcome = if !panel.error.is_empty() {
        let _ = writeln!(text, "{file} {what}: {}", one_line(&panel.error));
        "failed"
    } else if !panel.unknown.is_empty() {
        let _ = writeln!(text, "{file} {what}: not supported: {}", panel.unknown.join(", "));
        UNSUPPORTED
    } else if let Some(why) = refused {
        let _ = writeln!(text, "{file} {what}: {why}");
        UNPARSED
    } else {
        "passed"
    };
    Case { file: file.to_owned(), line, outcome, what }
}

/// Why a query is none of its language.
fn refusal(query: &Expression) -> Option<String> {
    let error = match query.language.as_str() {
        "logql" => logql::parse(&query.expr).err()?.to_string(),
        _ => promql::parse(&query.expr).err()?.to_string(),
    };
    Some(format!("{error} in {}", one_line(&query.expr)))
}

/// How many panels went which way, in one line.
fn summarise(run: &mut Run, missing: usize) {
    let count = |outcome: &str| run.cases.iter().filter(|case| case.outcome == outcome).count();
    let (rendered, unsupported) = (count("passed"), count(UNSUPPORTED));
    let (failed, unparsed) = (count("failed"), count(UNPARSED));
    let _ = writeln!(
        run.text,
        "panels: {rendered} rendered ({missing} of them name a data source that is not here), \
         {unsupported} unsupported, {failed} errors, {unparsed} with a query that does not parse"
    );
}
