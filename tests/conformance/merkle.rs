//! RFC 6962 proofs: the vectors of transparency-dev/merkle.
//!
//! Two edge cases are decided, as the vectors have them: between equal sizes of
//! one or more an empty proof holds when the roots agree (the crate
//! `tlog_tiles` refuses it), and nothing is consistent with the empty tree, not
//! even itself (that crate accepts it).

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use tally_core::ledger::tree::{
    Hash, ProofError, empty_root, leaf_hash, verify_consistency, verify_inclusion,
};

use super::cases;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    leaf_idx: Option<u64>,
    tree_size: Option<u64>,
    size1: Option<u64>,
    size2: Option<u64>,
    root: Option<String>,
    root1: Option<String>,
    root2: Option<String>,
    leaf_hash: Option<String>,
    proof: Option<Vec<String>>,
    start: Option<u64>,
    end: Option<u64>,
    size: Option<u64>,
    want_err: bool,
}

fn hash(text: Option<&String>) -> Option<Hash> {
    BASE64.decode(text?).ok()?.try_into().ok()
}

fn hashes(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    let texts = texts.map_or(&[][..], Vec::as_slice);
    texts.iter().map(|text| hash(Some(text))).collect()
}

fn read(kind: &str) -> Option<Vec<(String, Vector)>> {
    let path = cases::folder("transparency-dev-merkle")?;
    let files = cases::json_files(&path.join("testdata").join(kind));
    let read = |file: &PathBuf| {
        let vector = serde_json::from_str(&cases::read(file)).unwrap();
        (file.display().to_string(), vector)
    };
    Some(files.iter().map(read).collect())
}

fn vectors(kind: &str, holds: impl Fn(&Vector) -> bool) {
    let Some(vectors) = read(kind) else { return };
    for (file, vector) in &vectors {
        assert_eq!(holds(vector), !vector.want_err, "{file}");
    }
    assert_eq!(vectors.len(), 98);
}

#[test]
fn inclusion() {
    vectors("inclusion", |v| {
        let leaf = hash(v.leaf_hash.as_ref());
        let (root, proof) = (hash(v.root.as_ref()), hashes(v.proof.as_ref()));
        let (Some(leaf), Some(root), Some(proof)) = (leaf, root, proof) else {
            return false;
        };
        let (index, size) = (v.leaf_idx.unwrap(), v.tree_size.unwrap());
        verify_inclusion(&leaf, index, size, &proof, &root).is_ok()
    });
}

#[test]
fn consistency() {
    vectors("consistency", |v| {
        // Some roots are texts of other lengths: what they are does not matter
        // to those vectors, only whether they are equal.
        let root = |text: Option<&String>| {
            hash(text).or_else(|| text.map(|text| leaf_hash(text.as_bytes())))
        };
        let (old, new) = (root(v.root1.as_ref()), root(v.root2.as_ref()));
        let (Some(old), Some(new), Some(proof)) = (old, new, hashes(v.proof.as_ref())) else {
            return false;
        };
        verify_consistency(v.size1.unwrap(), v.size2.unwrap(), &proof, &old, &new).is_ok()
    });
}

/// The leaves of a subtree are a tree, and a leaf is in it where it is in that tree.
#[test]
fn inclusion_in_subtrees() {
    let Some(vectors) = read("subtreeinclusion") else {
        return;
    };
    for (file, v) in &vectors {
        let (at, start, end) = (v.leaf_idx.unwrap(), v.start.unwrap(), v.end.unwrap());
        let leaf = hash(v.leaf_hash.as_ref());
        let (root, proof) = (hash(v.root.as_ref()), hashes(v.proof.as_ref()));
        let holds = match (leaf, root, proof) {
            (Some(leaf), Some(root), Some(proof)) if start <= at && start < end => {
                let (at, size) = (at - start, end - start);
                let width = size.checked_next_power_of_two();
                width.is_some_and(|width| start % width == 0)
                    && verify_inclusion(&leaf, at, size, &proof, &root).is_ok()
            }
            _ => false,
        };
        assert_eq!(holds, !v.want_err, "{file}");
    }
    assert_eq!(vectors.len(), 204);
}

/// A subtree from the first leaf on is the tree as it was. We make and read no proof of
/// any other, nor of an empty one (to that nothing is consistent): they are left out.
#[test]
fn consistency_of_subtrees_from_the_first_leaf() {
    let Some(vectors) = read("subtreeconsistency") else {
        return;
    };
    assert_eq!(vectors.len(), 118);
    let first = vectors
        .iter()
        .filter(|(_, v)| v.start == Some(0) && v.end > Some(0));
    let mut looked = 0;
    for (file, v) in first {
        let root = |text: Option<&String>| {
            hash(text).or_else(|| text.map(|text| leaf_hash(text.as_bytes())))
        };
        let (old, new) = (root(v.root1.as_ref()), root(v.root2.as_ref()));
        let holds = match (old, new, hashes(v.proof.as_ref())) {
            (Some(old), Some(new), Some(proof)) => {
                verify_consistency(v.end.unwrap(), v.size.unwrap(), &proof, &old, &new).is_ok()
            }
            _ => false,
        };
        assert_eq!(holds, !v.want_err, "{file}");
        looked += 1;
    }
    assert_eq!(looked, 91);
}

#[test]
fn both_edge_cases_are_decided() {
    let leaf = leaf_hash(b"only");
    assert_eq!(verify_consistency(1, 1, &[], &leaf, &leaf), Ok(()));
    let other = leaf_hash(b"other");
    assert_eq!(
        verify_consistency(1, 1, &[], &leaf, &other),
        Err(ProofError::Root)
    );
    let length = ProofError::Length {
        found: 1,
        expected: 0,
    };
    assert_eq!(verify_consistency(1, 1, &[leaf], &leaf, &leaf), Err(length));
    let empty = empty_root();
    for (new, root) in [(0, empty), (1, leaf)] {
        let sizes = ProofError::Sizes { old: 0, new };
        assert_eq!(verify_consistency(0, new, &[], &empty, &root), Err(sizes));
    }
}
