//! Secrets: read from a file's value or from another file, never shown.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A password or token. `Debug` and `Display` show `<secret>`; whoever needs the text must say so.
#[derive(Clone, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the wire only, never for a log or an answer.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// It stood in the configuration.
    Inline(Secret),
    /// It stands in this file, read anew at each use so that it can be rotated.
    File(PathBuf),
}

impl SecretSource {
    /// The source that a pair of settings `x` and `x_file` names; `None` when neither is given. A relative file is
    /// taken from `base`, the folder of the configuration file.
    ///
    /// # Errors
    /// A sentence, when both are given.
    pub fn of(
        name: &str,
        inline: Option<Secret>,
        file: Option<PathBuf>,
        base: &Path,
    ) -> Result<Option<Self>, String> {
        match (inline, file) {
            (Some(_), Some(_)) => Err(format!("at most one of {name} and {name}_file must be given")),
            (Some(secret), None) => Ok(Some(Self::Inline(secret))),
            (None, Some(file)) => Ok(Some(Self::File(base.join(file)))),
            (None, None) => Ok(None),
        }
    }

    /// The secret now; blanks around a file's content are cut.
    ///
    /// # Errors
    /// When the file cannot be read; the error names it.
    pub fn read(&self) -> std::io::Result<Secret> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(file) => {
                std::fs::read_to_string(file).map(|text| Secret::new(text.trim())).map_err(|e| {
                    std::io::Error::new(e.kind(), format!("unable to read file {}: {e}", file.display()))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_a_placeholder_only() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            (format!("{secret}"), format!("{secret:?}")),
            ("<secret>".to_owned(), "<secret>".to_owned())
        );
        assert!(!format!("{:?}", SecretSource::Inline(secret)).contains("hunter2"));
    }

    #[test]
    fn comes_from_one_place() {
        let base = Path::new("/etc/x");
        let file = SecretSource::of("password", None, Some("p".into()), base);
        assert_eq!(file, Ok(Some(SecretSource::File("/etc/x/p".into()))));
        let both = SecretSource::of("password", Some(Secret::new("a")), Some("p".into()), base);
        assert_eq!(both, Err("at most one of password and password_file must be given".to_owned()));
        assert_eq!(SecretSource::of("password", None, None, base), Ok(None));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = SecretSource::File("/nowhere/p".into()).read().expect_err("no such file");
        assert!(error.to_string().starts_with("unable to read file /nowhere/p: "), "{error}");
    }
}
