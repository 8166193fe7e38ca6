//! RFC 6962 proofs: the vectors of transparency-dev/merkle.
//!
//! Two edge cases are decided, as the vectors have them: between equal sizes of
//! one or more an empty proof holds when the roots agree (the crate
//! `tlog_tiles` refuses it), and nothing is consistent with the empty tree, not
//! even itself (that crate accepts it).

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
    want_err: bool,
}

fn hash(text: Option<&String>) -> Option<Hash> {
    BASE64.decode(text?).ok()?.try_into().ok()
}

fn hashes(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    let texts = texts.map_or(&[][..], Vec::as_slice);
    texts.iter().map(|text| hash(Some(text))).collect()
}

fn vectors(kind: &str, holds: impl Fn(&Vector) -> bool) {
    let Some(path) = cases::folder("transparency-dev-merkle") else {
        return;
    };
    let files = cases::json_files(&path.join("testdata").join(kind));
    for file in &files {
        let vector: Vector = serde_json::from_str(&cases::read(file)).unwrap();
        assert_eq!(holds(&vector), !vector.want_err, "{}", file.display());
    }
    assert_eq!(files.len(), 98);
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
