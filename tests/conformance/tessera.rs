//! A log of another make (transparency-dev/tessera), grown here leaf by leaf:
//! every checkpoint, tile and bundle is the same to the byte.

use std::collections::BTreeMap;
use std::path::Path;

use tally_core::ledger::tree::{Frontier, leaf_hash, root};
use tally_core::ledger::{Checkpoint, Note, VerifierKey, tiles};

use super::cases;

/// The key that signed the test log, as its makers publish it.
pub const KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

/// The entries of the log, from its last bundle.
pub fn entries(log: &Path) -> Vec<Vec<u8>> {
    let bundle = std::fs::read(log.join(tiles::bundle_path(0, 15))).unwrap();
    let (mut rest, mut entries) = (&bundle[..], Vec::new());
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (entry, tail) = tail.split_at(u16::from_be_bytes(*length).into());
        rest = tail;
        entries.push(entry.to_vec());
    }
    entries
}

#[test]
fn fifteen_leaves() {
    let Some(path) = cases::folder("tessera") else {
        return;
    };
    let log = path.join("testdata/log");
    let key = VerifierKey::parse(KEY).unwrap();
    let mut frontier = Frontier::default();
    let mut nodes = BTreeMap::new();
    let check = |frontier: &Frontier, nodes: &BTreeMap<(u8, u64), [u8; 32]>| {
        let size = frontier.size();
        let text = cases::read(&log.join(format!("checkpoint.{size}")));
        let note = Note::parse(&text).unwrap();
        let theirs = Checkpoint::open(&note, &key).unwrap();
        let ours = Checkpoint {
            origin: key.name().to_owned(),
            size,
            root: frontier.root(),
            extensions: vec![],
        };
        assert_eq!(ours, theirs);
        // The very bytes: their signature over our text.
        let signed = Note {
            text: ours.text(),
            signatures: note.signatures,
        };
        assert_eq!(signed.to_string(), text);
        assert_eq!(root(nodes, size).unwrap(), theirs.root);
        for tile in tiles::tiles(size) {
            let path = log.join(tiles::tile_path(tile.level, tile.index, tile.width));
            let bytes = tiles::tile_bytes(nodes, tile).unwrap();
            assert_eq!(bytes, std::fs::read(path).unwrap());
        }
    };
    check(&frontier, &nodes);
    let mut bundle = Vec::new();
    for entry in entries(&log) {
        for node in frontier.append(leaf_hash(&entry)) {
            nodes.insert((node.level, node.index), node.hash);
        }
        check(&frontier, &nodes);
        tiles::push_entry(&mut bundle, &entry).unwrap();
        let path = log.join(tiles::bundle_path(0, frontier.size()));
        assert_eq!(bundle, std::fs::read(path).unwrap());
    }
    assert_eq!(frontier.size(), 15);
}
