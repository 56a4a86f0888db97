//! Batches survive, in order; damage is set aside; the limit holds.

use super::*;

fn batch(path: &str, offset: u64, clients: &[&str]) -> Batch {
    let file = Some(FileId { device: 1, inode: 2 });
    let part = |client: &&str| Part {
        client: (*client).to_owned(),
        tenant: Some("team".to_owned()),
        entries: 3,
        bytes: 30,
        payload: Bytes::from(format!("{path}:{offset}")),
    };
    let marks = Marks::from([(path.to_owned(), vec![Mark { file, offset, print: 77 }])]);
    Batch { marks, parts: clients.iter().map(part).collect() }
}

fn no_damage(what: String) {
    panic!("{what}");
}

#[test]
fn batches_are_taken_in_order_and_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (buffer, _) = Buffer::open(folder.path(), 1 << 20, None).expect("opened");
    buffer.add(&batch("/a", 10, &["x", "y"])).expect("added");
    buffer.add(&batch("/a", 20, &["x"])).expect("added");
    let (first, parts) = buffer.oldest("x", no_damage).expect("a batch");
    assert_eq!(parts, batch("/a", 10, &["x"]).parts);
    buffer.acknowledge(first, "x").expect("done");
    assert_eq!(buffer.oldest("x", no_damage).expect("a batch").1[0].payload, "/a:20");
    assert_eq!(buffer.oldest("y", no_damage).expect("a batch").0, first);
    buffer.acknowledge(first, "y").expect("done");
    assert_eq!((buffer.held().0, buffer.sent()), (1, vec![first]));
    drop(buffer);

    // Killed before the positions were written: those of both batches count.
    let (buffer, recovered) = Buffer::open(folder.path(), 1 << 20, None).expect("opened");
    assert_eq!((recovered.n_batches, recovered.damaged.len()), (1, 0));
    assert_eq!(recovered.marks, batch("/a", 20, &[]).marks);
    let (_, known) = Buffer::open(folder.path(), 1 << 20, Some(1)).expect("opened");
    assert_eq!((known.n_batches, known.marks.len()), (1, 0), "the positions file has them already");
    buffer.remove(&buffer.sent());
    buffer.add(&batch("/b", 5, &["x"])).expect("added");
    assert_eq!(buffer.oldest("x", no_damage).expect("a batch").1[0].payload, "/a:20");
    assert_eq!(buffer.forget_others(&["y"]), 6);
    assert_eq!(buffer.held(), (0, 0));
}

#[test]
fn a_full_buffer_says_so_and_has_room_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (buffer, _) = Buffer::open(folder.path(), 100, None).expect("opened");
    while buffer.has_room() {
        buffer.add(&batch("/a", 1, &["x"])).expect("added");
    }
    assert!(buffer.held().1 >= 100);
    while let Some((number, _)) = buffer.oldest("x", no_damage) {
        buffer.acknowledge(number, "x").expect("done");
    }
    assert!(buffer.has_room() && buffer.held() == (0, 0));
}

#[test]
fn any_damage_is_set_aside_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = encode(&batch("/a", 300, &["x"]));
    let path = folder.path().join("0000000000000000.batch");
    for at in 0..sound.len() {
        for spoilt in [sound[..at].to_vec(), [&sound[..at], &[sound[at] ^ 1], &sound[at + 1..]].concat()] {
            fs::write(&path, spoilt).expect("written");
            let (buffer, recovered) = Buffer::open(folder.path(), 100, None).expect("opened");
            assert_eq!((recovered.damaged.len(), recovered.n_batches), (1, 0), "at {at}");
            assert!(recovered.marks.is_empty() && buffer.oldest("x", no_damage).is_none());
        }
    }
    assert!(folder.path().join("0000000000000000.damaged").exists());
    // Spoilt while it waits.
    let (buffer, _) = Buffer::open(folder.path(), 100, None).expect("opened");
    buffer.add(&batch("/a", 1, &["x"])).expect("added");
    buffer.add(&batch("/a", 2, &["x"])).expect("added");
    fs::write(folder.path().join("0000000000000001.batch"), b"WFLB").expect("written");
    let mut told = Vec::new();
    let (_, parts) = buffer.oldest("x", |what| told.push(what)).expect("the next");
    assert_eq!((parts[0].payload.as_ref(), told.len()), (b"/a:2".as_slice(), 1));
}
