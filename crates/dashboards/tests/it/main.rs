//! Reads real folders: made up ones, ours, and the corpus when it is there.

mod save;

use std::fs;
use std::path::{Path, PathBuf};

use dashboards::{Builtin, Dashboards, Problem, Sources};

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let file = root.join(name);
        fs::create_dir_all(file.parent().expect("has a folder")).expect("folder is made");
        fs::write(file, text).expect("file is written");
    }
}

fn board(uid: &str, title: &str) -> String {
    format!(r#"{{"uid":"{uid}","title":"{title}","panels":[]}}"#)
}

fn titles(dashboards: &Dashboards) -> Vec<String> {
    dashboards.list().into_iter().map(|entry| format!("{}/{}", entry.folder, entry.title)).collect()
}

#[test]
fn a_folder_with_good_bad_and_double_files() {
    let root = tempfile::tempdir().expect("a folder");
    write(
        root.path(),
        &[
            ("z.json", &board("z", "last")),
            ("a.json", &board("same", "first")),
            ("b.json", &board("same", "second")),
            ("infra/db.json", r#"{"title":"db","panels":[]}"#),
            ("infra/deep/disk.json", &board("disk", "disk")),
            ("broken.json", "{\n\"title\": \"x\",}"),
            ("list.json", "[1,2]"),
            ("notes.txt", "not a dashboard"),
            (".hidden/old.json", &board("old", "old")),
        ],
    );
    let (dashboards, errors) = Dashboards::load(root.path());
    assert_eq!(titles(&dashboards), ["/first", "/last", "infra/db", "infra/deep/disk"]);
    let told: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error.file.file_name().expect("a name").to_string_lossy().into_owned(),
                error.problem.to_string(),
            )
        })
        .collect();
    let taken = format!("uid \"same\" is already taken by {}", root.path().join("a.json").display());
    assert_eq!(
        told,
        [
            ("b.json".to_owned(), taken),
            ("broken.json".to_owned(), "line 2 column 14: trailing comma".to_owned()),
            ("list.json".to_owned(), "not a dashboard: the file is not a JSON object".to_owned()),
        ]
    );
    let db = dashboards.list().into_iter().find(|entry| entry.title == "db").expect("is listed");
    assert_eq!(dashboards.get(&db.uid).expect("is there")["uid"], db.uid.as_str());
    assert!(dashboards.get("old").is_none());
}

#[test]
fn reload_sees_new_files_and_keeps_going_without_the_folder() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("boards");
    write(&folder, &[("a.json", &board("a", "A"))]);
    let (dashboards, errors) = Dashboards::load(&folder);
    assert!(errors.is_empty(), "{errors:?}");
    write(&folder, &[("b.json", &board("b", "B"))]);
    assert!(dashboards.get("b").is_none(), "nothing changes before a reload");
    assert!(dashboards.reload().is_empty());
    assert_eq!(titles(&dashboards), ["/A", "/B"]);
    fs::remove_dir_all(&folder).expect("removed");
    let errors = dashboards.reload();
    assert!(
        matches!(errors.as_slice(), [error] if matches!(error.problem, Problem::Unreadable(_))),
        "{errors:?}"
    );
    assert!(dashboards.list().is_empty());
}

#[test]
fn a_file_takes_the_place_of_a_builtin_one() {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), &[("mine.json", &board("app", "mine"))]);
    let builtin = |name: &str, text: String| Builtin { name: name.to_owned(), text };
    let sources = Sources {
        folder: Some(root.path().to_owned()),
        builtin: vec![
            builtin("app.json", board("app", "ours")),
            builtin("self.json", board("self", "self")),
            builtin("bad.json", "{".to_owned()),
        ],
    };
    let (dashboards, errors) = Dashboards::load_from(sources);
    assert_eq!(titles(&dashboards), ["/mine", "/self"]);
    assert_eq!(errors.len(), 1, "a bad built-in one is told too: {errors:?}");
    assert_eq!(errors[0].file, PathBuf::from("bad.json"));
}

#[test]
fn a_file_over_the_limit_is_reported_and_not_read() {
    let root = tempfile::tempdir().expect("a folder");
    let huge = fs::File::create(root.path().join("huge.json")).expect("created");
    huge.set_len(9 * 1024 * 1024).expect("grown");
    let (dashboards, errors) = Dashboards::load(root.path());
    assert!(dashboards.list().is_empty());
    assert_eq!(errors[0].problem.to_string(), "9437184 bytes, more than 8388608");
}

#[test]
fn our_own_dashboards_load_and_keep_what_grafana_needs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision/dashboards");
    let (dashboards, errors) = Dashboards::load(&folder);
    assert!(errors.is_empty(), "{errors:?}");
    assert!(dashboards.get("application-performance").is_some());
    for entry in dashboards.list() {
        let body = dashboards.get(&entry.uid).expect("is listed").to_string();
        assert!(
            !body.contains("__inputs") && !body.contains("${DS_"),
            "{} has an input placeholder",
            entry.uid
        );
        assert!(
            body.contains(r#""uid":"${datasource}""#),
            "{} does not use the datasource variable",
            entry.uid
        );
    }
}

#[test]
fn every_file_of_the_corpus_loads() {
    let shared = std::env::var_os("WATCHFIRE_CONFORMANCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("dashboards-corpus");
    if !folder.is_dir() {
        // Said aloud, since a skipped test looks like a passed one.
        std::io::Write::write_all(
            &mut std::io::stderr(),
            b"skipped: no dashboards-corpus; set WATCHFIRE_CONFORMANCE\n",
        )
        .expect("stderr is open");
        return;
    }
    let files = fs::read_dir(&folder)
        .expect("readable")
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .count();
    let (dashboards, errors) = Dashboards::load(&folder);
    let bad: Vec<_> =
        errors.iter().filter(|error| !matches!(error.problem, Problem::DuplicateUid { .. })).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(dashboards.list().len() + errors.len(), files, "every file is either listed or reported");
    assert!(files > 50, "the corpus has shrunk to {files} files");
}
