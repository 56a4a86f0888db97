//! Where the packages put their programs.

use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::error::Error;

/// A program of `engine`'s package.
pub(crate) fn find(engine: Engine, program: &'static str) -> Result<PathBuf, Error> {
    let folders = folders(engine);
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or(Error::Missing { program, package: engine.package() })
}

/// `PATH`, then where servers are put that users do not call: Debian keeps each version of PostgreSQL in a folder of its own.
fn folders(engine: Engine) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<PathBuf> = Vec::new();
    if engine == Engine::Postgres {
        // First: `psql` in the PATH is a script that wants to know of Debian's clusters.
        all.extend(postgres_versions(Path::new("/usr/lib/postgresql")));
    }
    all.extend(std::env::split_paths(&path));
    all.extend(["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from));
    all
}

/// The folders of programs of all installed versions, the newest first.
fn postgres_versions(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|version| root.join(version.to_string()).join("bin")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_taken() {
        let root = tempfile::tempdir().expect("a folder");
        for version in ["9", "15", "14", "old"] {
            std::fs::create_dir(root.path().join(version)).expect("made");
        }
        let found = postgres_versions(root.path());
        let names: Vec<_> =
            found.iter().map(|path| path.strip_prefix(root.path()).expect("inside")).collect();
        assert_eq!(names, [Path::new("15/bin"), Path::new("14/bin"), Path::new("9/bin")]);
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let text = find(Engine::Mysql, "no-such-program").expect_err("missing").to_string();
        assert!(
            text.contains("no-such-program") && text.contains("apt-get install mariadb-server"),
            "{text}"
        );
    }
}
