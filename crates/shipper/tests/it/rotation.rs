//! Files that are renamed, cut and removed while they are read and written.

use std::path::Path;

use crate::receiver::{Receiver, Site, append, assert_all, expected, numbered, until};

/// `x.log` becomes `x.log.1`, and so on up to five.
fn rotate(path: &Path) {
    let name = |n: usize| format!("{}.{n}", path.display());
    for n in (1..5).rev() {
        if Path::new(&name(n)).exists() {
            std::fs::rename(name(n), name(n + 1)).expect("renamed");
        }
    }
    std::fs::rename(path, name(1)).expect("renamed");
}

#[tokio::test]
async fn rotation_under_writing_loses_and_doubles_nothing() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    let ship = site.start(&receiver);
    let path = site.log("a.log");
    append(&path, "");
    until("the file is known", || ship.metric("promtail_files_active_total") == 1.0).await;
    let mut n = 0;
    for round in 0..12 {
        // Up to four rotations between two looks, more lines than one turn reads.
        for _ in 0..=round % 4 {
            append(&path, &numbered(n, n + 3000));
            n += 3000;
            rotate(&path);
            append(&path, &numbered(n, n + 10));
            n += 10;
        }
        until("what was written is read", || receiver.lines().len() >= n).await;
    }
    ship.stop().await;
    assert_all(&receiver.lines(), n);
}

#[tokio::test]
async fn rotation_while_nobody_looks() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    let path = site.log("a.log");
    append(&path, &numbered(0, 10));
    let ship = site.start(&receiver);
    until("it is read", || receiver.lines().len() == 10).await;
    ship.stop().await;
    append(&path, &numbered(10, 20));
    rotate(&path);
    append(&path, &numbered(20, 30));
    rotate(&path);
    append(&path, &numbered(30, 40));
    let ship = site.start(&receiver);
    until("all are there", || receiver.lines().len() >= 40).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(40));
}

#[tokio::test]
async fn a_file_that_is_cut_is_read_from_its_beginning() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    let path = site.log("a.log");
    append(&path, &numbered(0, 10));
    let ship = site.start(&receiver);
    until("it is read", || receiver.lines().len() == 10).await;
    // As copytruncate does.
    std::fs::copy(&path, site.log("a.log.1")).expect("copied");
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("cut");
    append(&path, &numbered(10, 15));
    until("what came after is read", || receiver.lines().len() >= 15).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(15));
}

#[tokio::test]
async fn a_file_that_is_removed_is_read_to_its_end_and_forgotten() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    let path = site.log("a.log");
    append(&path, &numbered(0, 3));
    let ship = site.start(&receiver);
    until("it is read", || receiver.lines().len() == 3).await;
    append(&path, "line 3\nline 4");
    std::fs::remove_file(&path).expect("removed");
    until("its last line came without a break", || receiver.lines().len() == 5).await;
    until("it is tailed no longer", || ship.metric("promtail_files_active_total") == 0.0).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(5));
    let text = std::fs::read_to_string(site.positions()).expect("positions");
    assert!(!text.contains("a.log"), "{text}");
}

/// `logrotate` moves the file, makes a new one, and tells the writer a little later.
#[tokio::test]
async fn what_was_rotated_before_the_start_stays_out_however_late_it_was_written() {
    let (receiver, site) = (Receiver::start().await, Site::new());
    let path = site.log("a.log");
    append(&path, "");
    let old = site.log("a.log.1");
    append(&old, "long ago\n");
    let modified = |path: &Path| std::fs::metadata(path).and_then(|it| it.modified()).expect("a time");
    // Written to after the new file was there.
    let late = modified(&path) + std::time::Duration::from_secs(2);
    std::fs::File::options().append(true).open(&old).and_then(|file| file.set_modified(late)).expect("set");
    let ship = site.start(&receiver);
    until("the file is known", || ship.metric("promtail_files_active_total") == 1.0).await;
    append(&path, &numbered(0, 10));
    rotate(&path);
    append(&path, &numbered(10, 20));
    until("all are there", || receiver.lines().len() >= 20).await;
    ship.stop().await;
    assert_eq!(receiver.lines(), expected(20));
}
