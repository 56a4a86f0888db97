//! Who may import whom in `web/`: lib nothing of ours but lib, panels lib, pages both; one module fetches.

use anyhow::Result;

use crate::tools::root;

/// The only module that speaks to the network.
const CLIENT: &str = "web/lib/client.js";

/// Rooms in order; a module imports from its own room or one before it. Vendored modules are open to all.
const ROOMS: [&str; 4] = ["web/lib/", "web/panels/", "web/shell/", "web/pages/"];

/// Lists each import and each fetch that breaks the rule.
pub(crate) fn check(files: &[String]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for path in
        files.iter().filter(|f| f.starts_with("web/") && f.ends_with(".js") && !f.contains("/vendor/"))
    {
        let text = std::fs::read_to_string(root().join(path))?;
        let Some(own) = room(path) else { continue };
        for target in imports(&text) {
            let resolved = resolve(path, target);
            let bare = !target.starts_with('.');
            if bare {
                wrong.push(format!("{path}: imports {target:?}; imports are relative paths"));
            } else if room(&resolved).is_some_and(|other| other > own) {
                wrong.push(format!("{path}: {} must not import {resolved}", ROOMS[own]));
            }
        }
        if path != CLIENT
            && (text.contains("fetch(") || text.contains("new EventSource") || text.contains("new WebSocket"))
        {
            wrong.push(format!("{path}: only {CLIENT} speaks to the network"));
        }
    }
    Ok(wrong)
}

fn room(path: &str) -> Option<usize> {
    ROOMS.iter().position(|room| path.starts_with(room))
}

/// The module names of all import and re-export lines.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let names = line.starts_with("import ") || line.starts_with("export ") || line.starts_with("} from ");
        let from =
            line.rfind(" from ").map(|at| at + 6).or_else(|| line.starts_with("import '").then_some(7))?;
        let quoted = line[from..].trim().trim_end_matches(';');
        let is_quoted = quoted.starts_with(['\'', '"']) && quoted.ends_with(['\'', '"']);
        (names && is_quoted).then(|| quoted.trim_matches(['\'', '"']))
    })
}

fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_and_resolved() {
        let text = "import { a } from '../lib/a.js';\nimport {\n  b,\n} from './b.js';\nconst from = 1;\nexport * from \"./c.js\";";
        assert_eq!(imports(text).collect::<Vec<_>>(), ["../lib/a.js", "./b.js", "./c.js"]);
        assert_eq!(resolve("web/panels/x.js", "../lib/a.js"), "web/lib/a.js");
    }
}
