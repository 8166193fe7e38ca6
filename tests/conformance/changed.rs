//! The examples and logs of others, each byte changed in turn: what is read at all is in
//! the one form that it has, and what was signed says nothing else.

use tally_core::ledger::tree::{Frontier, leaf_hash};
use tally_core::ledger::witness::Request;
use tally_core::ledger::{Checkpoint, LogProof, Note, NoteError, VerifierKey, tiles};

use super::tessera::{KEY, entries};
use super::{cases, notes, witness};

/// Every bit of it flipped, every byte lost, and every line lost, doubled and swapped
/// with the next.
fn changes(sound: &str) -> Vec<Vec<u8>> {
    let bytes = sound.as_bytes();
    let mut all = Vec::new();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << bit;
            all.push(changed);
        }
        all.push([&bytes[..at], &bytes[at + 1..]].concat());
    }
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 0..lines.len() {
        let with = |middle: Vec<&[u8]>, rest: usize| {
            [&lines[..at], &middle[..], &lines[rest.min(lines.len())..]]
                .concat()
                .concat()
        };
        all.push(with(vec![], at + 1));
        all.push(with(vec![lines[at], lines[at]], at + 1));
        let swapped = lines
            .get(at + 1)
            .map_or(vec![], |next| vec![*next, lines[at]]);
        all.push(with(swapped, at + 2));
    }
    all.retain(|changed| changed != bytes);
    all
}

/// Reads changes of it; what is read is written the same. Answers how many were read.
fn canonical<T: ToString>(sound: &str, parse: impl Fn(&str) -> Option<T>) -> usize {
    assert_eq!(parse(sound).unwrap().to_string(), sound);
    let changes = changes(sound);
    let texts = changes.iter().filter_map(|of| std::str::from_utf8(of).ok());
    let mut count = 0;
    for text in texts {
        if let Some(read) = parse(text) {
            assert_eq!(read.to_string(), text);
            count += 1;
        }
    }
    assert!(count < changes.len());
    count
}

#[test]
fn what_is_read_is_in_its_one_form() {
    let Some(notes) = notes::spec("signed-note.md") else {
        return;
    };
    for example in cases::examples(&notes) {
        canonical(&example, |text| Note::parse(text).ok());
    }
    for name in ["tlog-checkpoint.md", "tlog-cosignature.md"] {
        let Some(text) = notes::spec(name) else {
            return;
        };
        let note = Note::parse(&cases::examples(&text)[0]).unwrap();
        canonical(&note.text, |text| {
            Checkpoint::parse(text).ok().map(|of| of.text())
        });
    }
    let Some(text) = notes::spec("tlog-witness.md") else {
        return;
    };
    let body = witness::block(&text, "old 20852014");
    canonical(&body, |text| Request::parse(text.as_bytes()).ok());
    let Some(proof) = notes::plain_proof() else {
        return;
    };
    canonical(&proof, |text| LogProof::parse(text).ok());
}

/// No other text passes for what the key of the specification's example signed.
#[test]
fn what_was_signed_says_nothing_else() {
    let Some(text) = notes::spec("signed-note.md") else {
        return;
    };
    let example = &cases::examples(&text)[1];
    let key = notes::example_key(&text);
    let signed = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        let note = Note::parse(text).ok()?;
        note.verify(&key).ok().map(|()| note.text)
    };
    assert!(signed(example.as_bytes()).is_some());
    // Its line twice says the same: a reader of notes passes over a second one.
    let twice = format!("{example}{}", example.lines().next_back().unwrap());
    for changed in changes(example) {
        let same = changed.starts_with(example.as_bytes()) && changed != twice.as_bytes();
        assert!(same || signed(&changed).is_none(), "{changed:?}");
    }
}

/// Checkpoints of a real log: every change of one is refused, and none is another's.
#[test]
fn checkpoints_of_a_log() {
    let Some(path) = cases::folder("tessera") else {
        return;
    };
    let key = VerifierKey::parse(KEY).unwrap();
    let of = |size: u64| cases::read(&path.join(format!("testdata/log/checkpoint.{size}")));
    let open = |bytes: &[u8]| {
        let note = Note::parse(std::str::from_utf8(bytes).ok()?).ok()?;
        Checkpoint::open(&note, &key).ok()
    };
    for size in [0, 1, 15] {
        let sound = of(size);
        assert_eq!(open(sound.as_bytes()).unwrap().size, size);
        for changed in changes(&sound) {
            let same = changed.starts_with(sound.as_bytes());
            assert!(same || open(&changed).is_none(), "{size}: {changed:?}");
        }
        let mut other = Note::parse(&sound).unwrap();
        other.signatures = Note::parse(&of(14)).unwrap().signatures;
        assert_eq!(other.verify(&key), Err(NoteError::Signature));
    }
}

/// A leaf that is another, is missing, or stands elsewhere gives another root.
#[test]
fn entries_of_a_log() {
    let Some(path) = cases::folder("tessera") else {
        return;
    };
    let entries = entries(&path.join("testdata/log"));
    let root = |entries: &[Vec<u8>]| {
        let mut frontier = Frontier::default();
        for entry in entries {
            frontier.append(leaf_hash(entry));
        }
        frontier.root()
    };
    let sound = root(&entries);
    for at in 0..entries.len() {
        let mut changed = entries.clone();
        changed[at].push(0);
        assert_ne!(root(&changed), sound, "{at} longer");
        changed.remove(at);
        assert_ne!(root(&changed), sound, "{at} missing");
        if at > 0 {
            let mut changed = entries.clone();
            changed.swap(at, at - 1);
            assert_ne!(root(&changed), sound, "{at} before another");
        }
    }
}

/// Paths of tiles that are none, by the specification's words.
#[test]
fn paths_that_are_none() {
    for path in [
        "tile/0/x001/x234/067",
        "tile/63/000.p/1",
        "tile/entries/000.p/255",
    ] {
        assert!(tiles::parse_path(path).is_some(), "{path}");
    }
    for path in [
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/001/234",
        "tile/0/x000/001",
        "tile/0/x1/234",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/../000",
        "/tile/0/000",
        "tile/entries",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert_eq!(tiles::parse_path(path), None, "{path}");
    }
}
