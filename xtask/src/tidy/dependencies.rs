//! Licences that go with ours, crates we refuse, and a written reason for each dependency.

use anyhow::{Context, Result};
use serde_json::Value;

use super::layers::{is_shipped, members, packages};
use crate::tools::root;

/// Licences that may be linked into an Apache-2.0 program. Of an `OR` one must be here, of an `AND` all.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Refused, with the reason.
const BANNED: [(&str, &str); 4] = [
    ("openssl-sys", "TLS is rustls with ring"),
    ("aws-lc-sys", "needs cmake; TLS is rustls with ring"),
    ("cmake", "C code only in ring, SQLite, zstd and mimalloc, all built by cc"),
    ("serde_yaml", "unmaintained"),
];

/// Lists what must not be there and what nobody explained.
pub(crate) fn check(metadata: &Value) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for package in packages(metadata).filter(|p| !p["source"].is_null()) {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or("none");
        if !accepted(licence) {
            wrong.push(format!("{name}: licence {licence} is not on the list"));
        }
        wrong.extend(
            BANNED.iter().filter(|(b, _)| *b == name).map(|(b, why)| format!("{b} is refused: {why}")),
        );
    }
    let reasons = std::fs::read_to_string(root().join("docs/adr/dependencies.md"))
        .context("docs/adr/dependencies.md")?;
    let mut named: Vec<&str> = members(metadata)
        .into_iter()
        .filter(|m| m["metadata"]["watchfire"]["layer"] != "test")
        .flat_map(|m| m["dependencies"].as_array().into_iter().flatten())
        .filter(|d| d["path"].is_null() && is_shipped(d))
        .filter_map(|d| d["name"].as_str())
        .collect();
    named.sort_unstable();
    named.dedup();
    let unexplained = named.into_iter().filter(|name| !reasons.contains(&format!("| `{name}`")));
    wrong.extend(unexplained.map(|name| format!("docs/adr/dependencies.md has no row for `{name}`")));
    Ok(wrong)
}

/// Reads the licence expressions that crates really have: `A OR B`, `A AND B`, `(A OR B) AND C`, the old `A/B`.
fn accepted(licence: &str) -> bool {
    let licence = licence.replace('/', " OR ");
    licence.split(" AND ").all(|part| {
        let part = part.trim().trim_matches(['(', ')']);
        part.split(" OR ").any(|one| LICENCES.contains(&one.trim().trim_matches(['(', ')'])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions() {
        for (licence, expected) in [
            ("MIT", true),
            ("MIT OR GPL-3.0", true),
            ("Apache-2.0/MIT", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("AGPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ] {
            assert_eq!(accepted(licence), expected, "{licence}");
        }
    }
}
