//! The page behind every UI path, made ready for the browser: it names all modules that it will need at once, so that none of them has to
//! be read before the next is asked for, and its files by a version, so that they are asked for once and not again.
//!
//! The version stands in the path, `/ui/@VERSION/app.js`, and holds for what that file imports too, since modules name each other
//! from where they are. Debug builds read the files from disk and have no version.

use std::collections::BTreeSet;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::ui_files::Files;
use crate::ui_slim::slim;

/// Where the interface's files are served.
const PREFIX: &str = "/ui/";
/// What every page starts from.
const APP: &str = "app.js";
/// What stands behind the last preload.
const BEFORE: &str = "<script type=\"module\"";

/// What a module imports before it runs, by path; what it imports later has a bracket.
static IMPORTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:from|import)\s*["'](\.[^"']+)["']"#).expect("a good expression, as every test shows")
});

/// The page for an address.
pub(crate) fn page(path: &str) -> Option<String> {
    let text = |name: &str| Some(String::from_utf8_lossy(&Files::get(name)?.data).into_owned());
    let entry = match path {
        "/" => "pages/home/page.js",
        path if path.starts_with("/d/") => "pages/dashboard/page.js",
        _ => APP,
    };
    Some(rendered(&text("index.html")?, &modules(&[APP, entry], &text), version()))
}

/// What this build's files are called by; the same for the same files.
pub(crate) fn version() -> Option<&'static str> {
    static VERSION: OnceLock<String> = OnceLock::new();
    if cfg!(debug_assertions) {
        return None;
    }
    Some(VERSION.get_or_init(|| {
        let names: BTreeSet<_> = Files::iter().collect();
        let mut all = Sha256::new();
        for name in names {
            all.update(name.as_bytes());
            // Of what is sent, which is not quite what the file holds.
            all.update(
                Files::get(&name)
                    .map(|file| Sha256::digest(slim(&name, file.data.into_owned())))
                    .unwrap_or_default(),
            );
        }
        all.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }))
}

/// A path below `/ui/` without its version, and the version.
pub(crate) fn unversioned(path: &str) -> (&str, Option<&str>) {
    match path.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((version, file)) => (file, Some(version)),
        None => (path, None),
    }
}

fn rendered(page: &str, modules: &BTreeSet<String>, version: Option<&str>) -> String {
    let preloads: String = modules
        .iter()
        .filter(|name| !page.contains(&format!("\"{PREFIX}{name}\"")))
        .map(|name| format!("<link rel=\"modulepreload\" href=\"{PREFIX}{name}\">\n"))
        .collect();
    let page = page.replacen(BEFORE, &format!("{preloads}{BEFORE}"), 1);
    match version {
        Some(version) => page.replace(&format!("\"{PREFIX}"), &format!("\"{PREFIX}@{version}/")),
        None => page,
    }
}

/// The modules that some import, directly or not, with them.
fn modules(entries: &[&str], text: &dyn Fn(&str) -> Option<String>) -> BTreeSet<String> {
    let (mut found, mut open) =
        (BTreeSet::new(), entries.iter().map(ToString::to_string).collect::<Vec<_>>());
    while let Some(name) = open.pop() {
        if found.contains(&name) {
            continue;
        }
        let Some(code) = text(&name) else { continue };
        open.extend(IMPORTS.captures_iter(&code).filter_map(|import| joined(&name, import.get(1)?.as_str())));
        found.insert(name);
    }
    found
}

/// The file that a module at `from` means by a path; none outside of the interface.
fn joined(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashboard_names_all_it_needs_and_nothing_that_comes_later() {
        let page = page("/d/overview").expect("the page is there");
        for needed in
            ["pages/dashboard/live.js", "panels/timeseries.js", "lib/plan.js", "vendor/uplot/uplot.js"]
        {
            assert!(
                page.contains(&format!("<link rel=\"modulepreload\" href=\"/ui/{needed}\">")),
                "{needed}: {page}"
            );
        }
        for later in ["pages/home/page.js", "panels/heatmap.js", "codemirror", "pages/dashboard/edit.js\""] {
            assert!(!page.contains(later), "{later}: {page}");
        }
        assert_eq!(
            page.matches("vendor/preact/preact.js").count(),
            1,
            "what the file names is not named again"
        );
        let names: Vec<&str> =
            page.split("href=\"/ui/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(names.len() > 60 && names.iter().all(|name| Files::get(name).is_some()), "{names:?}");
    }

    #[test]
    fn a_version_stands_before_every_file() {
        let page = rendered(
            "<link href=\"/ui/a.css\"><script type=\"module\" src=\"/ui/app.js\"></script><a href=\"/\">",
            &["app.js".to_owned(), "lib/b.js".to_owned()].into(),
            Some("v1"),
        );
        let expected = "<link href=\"/ui/@v1/a.css\"><link rel=\"modulepreload\" href=\"/ui/@v1/lib/b.js\">\n<script type=\"module\" src=\"/ui/@v1/app.js\"></script><a href=\"/\">";
        assert_eq!(page, expected);
        assert_eq!(unversioned("@v1/lib/b.js"), ("lib/b.js", Some("v1")));
        assert_eq!(unversioned("lib/b.js"), ("lib/b.js", None));
        assert_eq!(unversioned("@v1"), ("@v1", None));
    }

    #[test]
    fn modules_are_found_from_where_they_are_named() {
        let text = |name: &str| match name {
            "a/x.js" => {
                Some("import { y } from '../b/y.js'; import\"./z.js\"; import('./later.js');".to_owned())
            }
            "b/y.js" => Some("export * from \"../../outside.js\"; import '../a/x.js';".to_owned()),
            "a/z.js" => Some(String::new()),
            _ => None,
        };
        let found: Vec<String> = modules(&["a/x.js"], &text).into_iter().collect();
        assert_eq!(found, ["a/x.js", "a/z.js", "b/y.js"]);
    }
}
