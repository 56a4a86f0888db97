//! Finding and reading rule files, for whoever has patterns or paths.

use std::path::{Path, PathBuf};

use config::{ConfigError, Spanned};

use crate::{Groups, RuleFile, RulesError};

/// The files that `pattern`, written in `file`, names: relative to the folder of `file`, sorted.
///
/// # Errors
/// When it is no pattern, with its place.
pub fn matching(file: &Path, pattern: &Spanned<String>) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    // Only what is written in the file is a pattern; a folder may be called `[old]`.
    let whole = match Path::new(&pattern.value) {
        absolute if absolute.is_absolute() => pattern.value.clone(),
        _ if folder.as_os_str().is_empty() => pattern.value.clone(),
        _ => format!("{}/{}", glob::Pattern::escape(&folder.to_string_lossy()), pattern.value),
    };
    let found = glob::glob(&whole).map_err(|e| {
        ConfigError::at(file, pattern.at, format!("rule_files: {:?} is not a pattern: {e}", pattern.value))
    })?;
    Ok(found.flatten().filter(|path| path.is_file()).collect())
}

/// Reads rule files.
///
/// # Errors
/// All faults of all files, or the first file that cannot be read.
pub fn read(paths: impl IntoIterator<Item = PathBuf>) -> Result<Groups, RulesError> {
    let texts = paths.into_iter().map(|path| config::read_text(&path).map(|text| (path, text)));
    Groups::parse(texts.collect::<Result<Vec<_>, _>>()?)
}

/// Reads one rule file.
///
/// # Errors
/// All its faults.
pub fn read_one(path: &Path) -> Result<RuleFile, RulesError> {
    RuleFile::parse(path, &config::read_text(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_no_pattern() {
        let folder = tempfile::tempdir().expect("a folder");
        let odd = folder.path().join("a [1] *");
        std::fs::create_dir(&odd).expect("made");
        std::fs::write(odd.join("rules.yml"), "groups: []").expect("written");
        let here = Spanned { value: "r*.yml".to_owned(), ..Spanned::default() };
        let found = matching(&odd.join("prometheus.yml"), &here).expect("a pattern");
        assert_eq!(found, [odd.join("rules.yml")]);
    }
}
