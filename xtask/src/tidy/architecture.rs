//! The map must not rot: `ARCHITECTURE.md` names every crate with an invariant, and no path that is not there.

use anyhow::{Context, Result};
use serde_json::Value;

use super::layers::members;
use crate::tools::root;

/// The map stays short enough to be read.
const LINES_MAX: usize = 300;

/// Lists what the map lacks or invents.
pub(crate) fn check(metadata: &Value) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let mut wrong = Vec::new();
    if text.lines().count() > LINES_MAX {
        wrong.push(format!("ARCHITECTURE.md: {} lines, more than {LINES_MAX}", text.lines().count()));
    }
    for member in members(metadata) {
        let manifest = member["manifest_path"].as_str().unwrap_or_default();
        let folder =
            manifest.trim_start_matches(&format!("{}/", root().display())).trim_end_matches("/Cargo.toml");
        if !text.contains(&format!("`{folder}`")) {
            wrong.push(format!("ARCHITECTURE.md does not name `{folder}`"));
        }
        let is_product = folder.starts_with("crates/") || folder.starts_with("labs/");
        if is_product && !has_invariant(&text, folder) {
            wrong.push(format!("ARCHITECTURE.md has no **Invariant:** for `{folder}`"));
        }
    }
    wrong.extend(
        paths(&text)
            .filter(|p| !root().join(p).exists())
            .map(|p| format!("ARCHITECTURE.md names `{p}`, which is not there")),
    );
    Ok(wrong)
}

/// The invariant stands in the same paragraph or table row as the crate's folder.
fn has_invariant(text: &str, folder: &str) -> bool {
    let name = format!("`{folder}`");
    text.split("\n\n")
        .flat_map(|p| p.split("\n- "))
        .any(|entry| entry.contains(&name) && entry.contains("**Invariant:**"))
}

/// Words in backquotes that look like paths of ours.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    const ROOMS: [&str; 9] =
        ["crates/", "labs/", "web/", "docs/", "tests/", "xtask/", "deploy/", "db/", ".ci/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| ROOMS.iter().any(|r| word.starts_with(r)) && !word.contains(['*', '{', ' ', '<']))
}
