//! Real processes, started and ended.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::files::Roots;

fn sleeper() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat starts")
}

fn body(groups: &mut Groups, files: &mut Files) -> String {
    let mut out = Out::new(0);
    groups.collect(files, &mut out).expect("the list reads");
    out.finish()
}

fn has(body: &str, line: &str) {
    assert!(body.lines().any(|l| l == line), "{line} in {body}");
}

#[test]
fn a_process_is_followed_through_its_end_and_its_successor() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("endpoints.json");
    // The number of blanks keeps the file's size different, whatever the clock's steps.
    let name = |pid: u32, blanks: usize| {
        let text =
            format!("{{\"api\": {{\"pid\": {pid}, \"urls\": {{\"http\": \"x\"}}}}{}}}", " ".repeat(blanks));
        std::fs::write(&list, text).expect("written");
    };
    let mut files = Files::new(Roots::host());
    let mut groups = Groups::new(list.clone());

    let mut first = sleeper();
    name(first.id(), 0);
    let text = body(&mut groups, &mut files);
    has(&text, "namedprocess_namegroup_num_procs{groupname=\"api\"} 1");
    has(&text, "namedprocess_namegroup_num_threads{groupname=\"api\"} 1");
    has(&text, "watchfire_process_restarts_total{groupname=\"api\"} 0");
    assert!(
        text.contains("namedprocess_namegroup_memory_bytes{groupname=\"api\",memtype=\"resident\"} "),
        "{text}"
    );

    first.kill().expect("killed");
    first.wait().expect("ended");
    let text = body(&mut groups, &mut files);
    has(&text, "namedprocess_namegroup_num_procs{groupname=\"api\"} 0");
    assert!(!text.contains("memory_bytes{"), "{text}");

    let mut second = sleeper();
    name(second.id(), 9);
    let text = body(&mut groups, &mut files);
    has(&text, "namedprocess_namegroup_num_procs{groupname=\"api\"} 1");
    has(&text, "watchfire_process_restarts_total{groupname=\"api\"} 1");
    second.kill().expect("killed");
    second.wait().expect("ended");
}

#[test]
fn a_pid_that_somebody_else_got_is_not_ours() {
    let mut group = Group::default();
    group.take_pid(7);
    let at = |start_ticks| Usage { start_ticks, ..Usage::default() };
    assert!(group.is_same(&at(100.0)) && group.is_same(&at(100.0)));
    assert!(!group.is_same(&at(200.0)));
    group.take_pid(8);
    assert!(group.is_same(&at(200.0)));
    assert_eq!(group.restarts, 1);
}

#[test]
fn a_list_that_does_not_read_is_said_and_kept_from_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.json");
    let mut files = Files::new(Roots::host());
    let mut groups = Groups::new(list.clone());
    for text in ["", "[]", "{\"a\": 1}", "{\"a\": {\"pid\": -1}}"] {
        std::fs::write(&list, text).expect("written");
        let mut out = Out::new(0);
        let error = groups.collect(&mut files, &mut out).expect_err("no such list");
        assert!(error.to_string().contains("list.json"), "{error}");
    }
}
