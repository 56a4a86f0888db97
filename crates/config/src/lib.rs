//! YAML in, typed configuration out; what is wrong is told in one line with file, line and column.
//!
//! Types that read a file carry `#[serde(deny_unknown_fields)]`; keys given twice are refused always. `serde(flatten)`
//! loses positions and the refusal of unknown fields: do not use it. Knows nothing of any program's settings.

mod duration;
mod error;
mod secret;
mod size;
mod spanned;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use duration::Duration;
pub use error::ConfigError;
pub use secret::{Secret, SecretSource};
pub use size::{ByteSize, ParseSizeError};
pub use spanned::{Position, Spanned, Unread};

/// The largest configuration file that is read. A fleet's `prometheus.yml` with inline targets stays far below;
/// a larger file is a mistake (a log, a dump) and would only eat memory.
pub const FILE_MAX_BYTES: u64 = 32 << 20;

/// Reads a value from the text of `file`. An empty text reads as an empty mapping, as in Prometheus.
///
/// # Errors
/// When the text is no YAML, a field is unknown, given twice or of the wrong type.
pub fn from_str<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let text = if is_blank(text) { "{}" } else { text };
    serde_saphyr::from_str_with_options(text, options).map_err(|cause| error::from_yaml(file, &cause))
}

/// Reads a value from `file`.
///
/// # Errors
/// As [`from_str`] and [`read_text`].
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T, ConfigError> {
    from_str(file, &read_text(file)?)
}

/// Reads the text of `file`.
///
/// # Errors
/// When the file cannot be read, is larger than [`FILE_MAX_BYTES`], or is not UTF-8.
pub fn read_text(file: &Path) -> Result<String, ConfigError> {
    let refuse = |cause: String| ConfigError::of_file(file, format!("cannot read the file: {cause}"));
    let size = std::fs::metadata(file).map_err(|e| refuse(e.to_string()))?.len();
    if size > FILE_MAX_BYTES {
        return Err(refuse(format!("{size} bytes are more than the {FILE_MAX_BYTES} allowed")));
    }
    std::fs::read_to_string(file).map_err(|e| refuse(e.to_string()))
}

/// True when the text holds nothing but blanks, comments and document starts.
fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        interval: Option<Duration>,
        #[serde(default)]
        jobs: Vec<Job>,
        #[serde(default)]
        size: Option<ByteSize>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Job {
        name: Spanned<String>,
        #[serde(default)]
        honor: bool,
        #[serde(default)]
        password: Option<Secret>,
    }

    fn parse(text: &str) -> Result<Outer, ConfigError> {
        from_str(Path::new("a.yml"), text)
    }

    fn check_error(text: &str, expected: &str) {
        let error = parse(text).expect_err(text).to_string();
        assert_eq!(error, expected, "for {text:?}");
    }

    #[test]
    fn reads_values_with_positions() {
        let outer =
            parse("interval: 1m30s\nsize: 15MB\njobs:\n  - name: x\n    honor: yes\n").expect("valid");
        assert_eq!(outer.interval, Some(Duration(model::DurationMs(90_000))));
        assert_eq!(outer.size, Some(ByteSize(15 << 20)));
        assert_eq!(outer.jobs[0].name.value, "x");
        assert!(outer.jobs[0].honor && outer.jobs[0].password.is_none());
        assert_eq!(outer.jobs[0].name.at, Position { line: 4, column: 11 });
    }

    #[test]
    fn nothing_reads_as_an_empty_mapping() {
        for text in ["", "\n", "# only words\n", "---\n", "{}"] {
            assert!(parse(text).expect("valid").jobs.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn errors_say_where_and_what() {
        check_error("intervall: 1s\n", "a.yml:1:1: unknown field intervall (did you mean interval?)");
        check_error("jobs:\n  - nome: x\n", "a.yml:2:5: unknown field nome (did you mean name?)");
        check_error(
            "jobs:\n  - zzzzzz: x\n",
            "a.yml:2:5: unknown field zzzzzz (known here: name, honor, password)",
        );
        check_error("interval: 1s\ninterval: 2s\n", "a.yml:2:1: interval is given twice");
        check_error("jobs:\n  - honor: true\n", "a.yml:2:5: field name is missing");
        check_error("interval: 5\n", "a.yml:1:11: \"5\" is not a valid duration (like 15s, 1h30m, 250ms)");
        check_error("size: 3 cats\n", "a.yml:1:7: \"3 cats\" is not a valid size (like 512KB, 15MB, 1GB)");
    }

    #[test]
    fn wrong_types_and_broken_yaml_have_a_position() {
        for (text, position) in [
            ("jobs: 5\n", "a.yml:1:7: "),
            ("jobs:\n  - name: [a]\n", "a.yml:2:11: "),
            ("jobs: [\n", "a.yml:1:7: "),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(position) && error.lines().count() == 1, "{text:?} gave {error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read::<Outer>(Path::new("/nowhere/a.yml")).expect_err("no such file").to_string();
        assert_eq!(error, "/nowhere/a.yml: cannot read the file: No such file or directory (os error 2)");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let outer = parse("jobs: [{name: x, password: hunter2}]").expect("valid");
        assert!(!format!("{outer:?}").contains("hunter2"));
        assert_eq!(outer.jobs[0].password.as_ref().map(Secret::expose), Some("hunter2"));
    }
}
