//! Changes that are written back: to the right file, with nothing else changed, or not at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use dashboards::{Builtin, Dashboards, PanelChanges, SaveError, Sources};

const TEXT: &str =
    "{\n\t\"uid\": \"a\",\n\t\"title\": \"A\",\n\t\"panels\": [{\"id\": 1, \"title\": \"old\"}]\n}";

fn titled(title: &str) -> PanelChanges {
    PanelChanges { title: Some(title.to_owned()), ..PanelChanges::default() }
}

fn version(dashboards: &Dashboards) -> String {
    dashboards.entry("a").expect("is there").version.expect("is a file")
}

fn change(dashboards: &Dashboards, title: &str) -> Result<(), SaveError> {
    dashboards.change_panel("a", 1, &version(dashboards), &titled(title)).map(drop)
}

fn names(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = fs::read_dir(folder)
        .expect("readable")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn a_change_is_in_the_file_and_in_the_answer() {
    let root = tempfile::tempdir().expect("a folder");
    let file = root.path().join("deep/a.json");
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(&file, TEXT).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    let (dashboards, _) = Dashboards::load(root.path());
    let before = version(&dashboards);
    change(&dashboards, "new").expect("is written");
    assert_eq!(fs::read_to_string(&file).expect("readable"), TEXT.replace("old", "new"));
    assert_eq!(dashboards.get("a").expect("is there")["panels"][0]["title"], "new");
    assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(names(file.parent().expect("a folder")), ["a.json"]);
    // Who still has the old one must look first.
    let late = dashboards.change_panel("a", 1, &before, &titled("late"));
    assert_eq!(late, Err(SaveError::Conflict));
    change(&dashboards, "newer").expect("the next one goes on from there");
}

#[test]
fn a_file_that_others_changed_is_read_again_and_not_overwritten() {
    let root = tempfile::tempdir().expect("a folder");
    let file = root.path().join("a.json");
    fs::write(&file, TEXT).expect("written");
    let (dashboards, _) = Dashboards::load(root.path());
    let theirs = TEXT.replace("old", "theirs");
    fs::write(&file, &theirs).expect("written");
    assert_eq!(change(&dashboards, "ours"), Err(SaveError::Conflict));
    assert_eq!(fs::read_to_string(&file).expect("readable"), theirs);
    assert_eq!(dashboards.get("a").expect("is there")["panels"][0]["title"], "theirs");
    change(&dashboards, "ours").expect("now it was seen");
}

#[test]
fn what_cannot_be_written_says_so() {
    let root = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (root.path().join("in"), root.path().join("out.json"));
    fs::create_dir(&inside).expect("made");
    fs::write(&outside, TEXT).expect("written");
    symlink(&outside, inside.join("a.json")).expect("linked");
    let (dashboards, _) = Dashboards::load(&inside);
    let entry = dashboards.entry("a").expect("is there");
    let why = dashboards.why_read_only(&entry).expect("read-only");
    assert!(why.ends_with("is a link to a file outside of the folder"), "{why}");
    assert_eq!(change(&dashboards, "x"), Err(SaveError::ReadOnly(why)));
    assert_eq!(fs::read_to_string(&outside).expect("readable"), TEXT);

    fs::remove_file(inside.join("a.json")).expect("removed");
    fs::write(inside.join("a.json"), TEXT).expect("written");
    fs::set_permissions(inside.join("a.json"), fs::Permissions::from_mode(0o444)).expect("set");
    dashboards.reload();
    let refused = change(&dashboards, "x").expect_err("read-only").to_string();
    assert!(refused.ends_with("a.json is read-only"), "{refused}");

    let builtin = Builtin { name: "a.json".into(), text: TEXT.into() };
    let (dashboards, _) =
        Dashboards::load_from(Sources { folder: Some(inside.join("none")), builtin: vec![builtin] });
    let refused = dashboards.change_panel("a", 1, "", &titled("x")).expect_err("built in").to_string();
    assert!(refused.starts_with("this dashboard is part of the program"), "{refused}");
    for uid in ["../a", "b", ""] {
        let refused = dashboards.change_panel(uid, 1, "", &titled("x"));
        assert_eq!(refused, Err(SaveError::NotFound(uid.to_owned())));
    }
}

#[test]
fn a_link_within_the_folder_keeps_being_one() {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join(".store")).expect("made");
    fs::write(root.path().join(".store/a.json"), TEXT).expect("written");
    symlink(".store/a.json", root.path().join("a.json")).expect("linked");
    let (dashboards, _) = Dashboards::load(root.path());
    change(&dashboards, "new").expect("is written");
    assert!(fs::symlink_metadata(root.path().join("a.json")).expect("is there").is_symlink());
    let text = fs::read_to_string(root.path().join(".store/a.json")).expect("readable");
    assert_eq!(text, TEXT.replace("old", "new"));
}

#[test]
fn a_change_of_a_shipped_dashboard_is_one_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision/dashboards");
    let root = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(folder.join("use-red.json")).expect("is shipped");
    fs::write(root.path().join("use-red.json"), &text).expect("written");
    let (dashboards, _) = Dashboards::load(root.path());
    let entry = dashboards.list().remove(0);
    let changes =
        PanelChanges { queries: [(0, "sum(up)".to_owned())].into(), ..titled("Instances that answer") };
    dashboards.change_panel(&entry.uid, 1, &entry.version.expect("a file"), &changes).expect("is written");
    let after = fs::read_to_string(root.path().join("use-red.json")).expect("readable");
    let differ: Vec<_> = text.lines().zip(after.lines()).filter(|(old, new)| old != new).collect();
    assert_eq!(text.lines().count(), after.lines().count());
    assert_eq!(differ.len(), 2, "{differ:?}");
}
