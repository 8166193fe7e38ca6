#![allow(clippy::disallowed_methods)] // tests read the folder of cases

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use serde::Deserialize;
use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};

use super::tree::{self, Frontier, Hash};
use super::*;
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use crate::canon::{Blob, Canon};
use crate::claim::ClaimId;

/// The folder of real cases, where it is present.
fn cases(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let path = root.join("ledger").join(folder);
    if !path.is_dir() {
        eprintln!("SKIPPED: no cases folder {folder}; set TALLY_CASES to check against it");
        return None;
    }
    Some(path)
}

fn files(path: &PathBuf, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "json") {
            found.push(path);
        }
    }
}

fn hash(text: Option<&String>) -> Option<Hash> {
    BASE64.decode(text?).ok()?.try_into().ok()
}

fn hashes(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    texts.map_or(Some(Vec::new()), |texts| {
        texts.iter().map(|text| hash(Some(text))).collect()
    })
}

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

fn vectors(kind: &str, check: impl Fn(&Vector) -> bool) -> usize {
    let Some(path) = cases("transparency-dev-merkle") else {
        return 0;
    };
    let mut found = Vec::new();
    files(&path.join("testdata").join(kind), &mut found);
    for file in &found {
        let text = std::fs::read_to_string(file).unwrap();
        let vector: Vector = serde_json::from_str(&text).unwrap();
        assert_eq!(check(&vector), !vector.want_err, "{}", file.display());
    }
    found.len()
}

#[test]
fn inclusion_vectors() {
    let count = vectors("inclusion", |v| {
        let (Some(leaf), Some(root), Some(proof)) = (
            hash(v.leaf_hash.as_ref()),
            hash(v.root.as_ref()),
            hashes(v.proof.as_ref()),
        ) else {
            return false;
        };
        tree::verify_inclusion(
            &leaf,
            v.leaf_idx.unwrap(),
            v.tree_size.unwrap(),
            &proof,
            &root,
        )
        .is_ok()
    });
    eprintln!("{count} inclusion vectors");
    assert!(count == 0 || count == 98);
}

#[test]
fn consistency_vectors() {
    let count = vectors("consistency", |v| {
        // Some of these roots are texts of other lengths: what they are does
        // not matter to those vectors, only whether they are equal.
        let stand_in = |text: Option<&String>| {
            hash(text).or_else(|| text.map(|text| tree::leaf_hash(text.as_bytes())))
        };
        let (Some(old), Some(new), Some(proof)) = (
            stand_in(v.root1.as_ref()),
            stand_in(v.root2.as_ref()),
            hashes(v.proof.as_ref()),
        ) else {
            return false;
        };
        tree::verify_consistency(v.size1.unwrap(), v.size2.unwrap(), &proof, &old, &new).is_ok()
    });
    eprintln!("{count} consistency vectors");
    assert!(count == 0 || count == 98);
}

#[test]
fn both_edge_cases_are_decided() {
    let leaf = tree::leaf_hash(b"only");
    assert!(tree::verify_consistency(1, 1, &[], &leaf, &leaf).is_ok());
    let empty = tree::empty_root();
    assert!(tree::verify_consistency(0, 0, &[], &empty, &empty).is_err());
}

#[test]
fn a_log_of_another_make_is_matched_tile_by_tile() {
    let Some(path) = cases("tessera") else { return };
    let log = path.join("testdata/log");
    let mut frontier = Frontier::default();
    let mut nodes = BTreeMap::new();
    let bundle = std::fs::read(log.join("tile/entries/000.p/15")).unwrap();
    let mut rest = &bundle[..];
    let mut grown = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (entry, tail) = tail.split_at(u16::from_be_bytes(*length).into());
        rest = tail;
        tiles::push_entry(&mut grown, entry).unwrap();
        for node in frontier.append(tree::leaf_hash(entry)) {
            nodes.insert((node.level, node.index), node.hash);
        }
        let size = frontier.size();
        let text = std::fs::read_to_string(log.join(format!("checkpoint.{size}"))).unwrap();
        let note = Note::parse(&text).unwrap();
        assert_eq!(note.to_string(), text);
        let theirs = Checkpoint::parse(&note.text).unwrap();
        let ours = Checkpoint {
            root: frontier.root(),
            size,
            ..theirs.clone()
        };
        assert_eq!(ours, theirs);
        assert_eq!(tree::root(&nodes, size).unwrap(), theirs.root);
        for tile in tiles::tiles(size) {
            let path = log.join(tiles::tile_path(tile.level, tile.index, tile.width));
            let bytes = tiles::tile_bytes(&nodes, tile).unwrap();
            assert_eq!(bytes, std::fs::read(path).unwrap());
        }
        let path = log.join(tiles::bundle_path(0, size));
        assert_eq!(grown, std::fs::read(path).unwrap());
    }
    assert_eq!(frontier.size(), 15);
}

#[test]
fn tile_paths() {
    assert_eq!(tiles::tile_path(0, 0, 256), "tile/0/000");
    assert_eq!(
        tiles::tile_path(1, 1_234_067, 8),
        "tile/1/x001/x234/067.p/8"
    );
    assert_eq!(tiles::bundle_path(999, 256), "tile/entries/999");
}

fn grow(size: u64) -> (Vec<Hash>, BTreeMap<(u8, u64), Hash>) {
    let (mut frontier, mut nodes, mut roots) = (Frontier::default(), BTreeMap::new(), Vec::new());
    roots.push(frontier.root());
    for i in 0..size {
        for node in frontier.append(tree::leaf_hash(&i.to_be_bytes())) {
            nodes.insert((node.level, node.index), node.hash);
        }
        roots.push(frontier.root());
        assert_eq!(Frontier::of(i + 1, &nodes).unwrap(), frontier);
    }
    (roots, nodes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_proof_holds_and_no_other(size in 1u64..80, at in 0u64..80, wrong in 0u64..80) {
        let (roots, nodes) = grow(size);
        let index = at % size;
        let proof = tree::inclusion_proof(&nodes, index, size).unwrap();
        let leaf = tree::leaf_hash(&index.to_be_bytes());
        let root = roots[size as usize];
        prop_assert!(tree::verify_inclusion(&leaf, index, size, &proof, &root).is_ok());
        let other = wrong % size;
        if other != index {
            prop_assert!(tree::verify_inclusion(&leaf, other, size, &proof, &root).is_err());
        }
        let old = index + 1;
        let proof = tree::consistency_proof(&nodes, old, size).unwrap();
        let before = roots[old as usize];
        prop_assert!(tree::verify_consistency(old, size, &proof, &before, &root).is_ok());
        if old != size {
            prop_assert!(tree::verify_consistency(old, size, &proof, &root, &before).is_err());
        }
    }

    #[test]
    fn junk_never_panics(text in "\\PC*", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Note::parse(&text);
        let _ = Checkpoint::parse(&text);
        let _ = LogProof::parse(&text);
        let _ = Receipt::parse(&text);
        let _ = Trust::parse(&text);
        let _ = Entry::from_canon(&bytes);
        let _ = ReceiptBody::from_canon(&bytes);
    }
}

fn receipt() -> (Receipt, Trust) {
    let key = SigningKey::new("tallystick.example/log", &[7; 32]).unwrap();
    let line = LineOutcome::settle(
        1,
        Money::cents(15_000),
        Money::cents(9_200),
        false,
        "4.1".into(),
        vec![OutcomeAdjustment {
            group: Group::Co,
            carc: Carc::ABOVE_FEE_SCHEDULE,
            rarc: ShortCode::NONE,
            amount: Money::cents(5_800),
            clause: "3.1".into(),
        }],
        vec![],
    )
    .unwrap();
    let claim = ClaimId([9; 16]);
    let outcome = Outcome::new(
        claim,
        Some([1; 32]),
        Settlement::Settled(vec![line]),
        vec![],
    )
    .unwrap();
    let body = ReceiptBody {
        outcome: Blob(outcome.to_canon()),
        context: Some([2; 32]),
        transcript: [3; 32],
        prefix: 3,
        tables: vec![],
        execution: Execution {
            engine: "tally 0.1.0".into(),
            backend: "cranelift".into(),
            fuel: Some(12_345),
            fuel_limit: 20_000_000,
            fuel_costs: 1,
        },
    }
    .to_canon();
    let salt = [5; 32];
    let entry = Entry::Adjudicated(commit(Subject::Receipt, &salt, &body)).to_canon();
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for i in 0..11u8 {
        let leaf = if i == 6 { entry.clone() } else { vec![i] };
        for node in frontier.append(tree::leaf_hash(&leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let checkpoint = Checkpoint {
        origin: "tallystick.example/log".into(),
        size: 11,
        root: frontier.root(),
        extensions: vec![],
    };
    let receipt = Receipt {
        claim,
        entry,
        salt,
        body,
        key: key.verifier().clone(),
        local: LogProof {
            index: 6,
            path: tree::inclusion_proof(&nodes, 6, 11).unwrap(),
            checkpoint: checkpoint.sign(&key),
        },
    };
    let trust = Trust {
        logs: vec![TrustedLog {
            origin: "tallystick.example/log".into(),
            keys: vec![key.verifier().clone()],
            quorum: 1,
        }],
    };
    (receipt, trust)
}

#[test]
fn a_receipt_verifies_and_says_how_far() {
    let (receipt, trust) = receipt();
    let text = receipt.to_string();
    assert_eq!(Receipt::parse(&text).unwrap(), receipt);
    assert_eq!(
        verify_receipt(&receipt, None).unwrap().0,
        Verdict::Consistent
    );
    let trust = Trust::parse(&trust.to_string()).unwrap();
    assert_eq!(
        verify_receipt(&receipt, Some(&trust)).unwrap().0,
        Verdict::Trusted
    );
    let stranger = SigningKey::new("tallystick.example/log", &[8; 32]).unwrap();
    let mut other = trust;
    other.logs[0].keys = vec![stranger.verifier().clone()];
    assert_eq!(
        verify_receipt(&receipt, Some(&other)).unwrap_err(),
        ReceiptError::Untrusted
    );
    insta::assert_snapshot!(text);
}

#[test]
fn any_changed_byte_is_caught() {
    let (receipt, trust) = receipt();
    let text = receipt.to_string();
    for at in 0..text.len() {
        for change in [1u8, 2, 4, 0x20, 0x80] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let caught = match String::from_utf8(bytes) {
                Err(_) => true,
                Ok(text) => match Receipt::parse(&text) {
                    Err(_) => true,
                    Ok(receipt) => verify_receipt(&receipt, Some(&trust)).is_err(),
                },
            };
            assert!(caught, "byte {at} changed by {change}");
        }
    }
}

fn publication(product: &str, effective: &str) -> PolicyPublished {
    PolicyPublished {
        product: product.into(),
        effective: ServiceDate::parse(effective).unwrap(),
        policy: [1; 32],
        tables: vec![],
        abi: 1,
        fuel: 20_000_000,
        fuel_costs: 1,
        description: [2; 32],
    }
}

#[test]
fn the_policy_in_force_is_the_latest_effective_then_the_last_published() {
    let log = [
        (1, publication("a", "2026-01-01")),
        (2, publication("a", "2025-01-01")),
        (3, publication("b", "2026-06-01")),
        (4, publication("a", "2026-01-01")),
    ];
    let of = |product: &str, on: &str, size: u64| {
        let on = ServiceDate::parse(on).unwrap();
        let prefix = log.iter().filter(|(i, _)| *i < size).map(|(i, p)| (*i, p));
        in_force(product, on, prefix).map(|(index, _)| index)
    };
    assert_eq!(of("a", "2026-03-01", 5), Some(4));
    assert_eq!(of("a", "2026-03-01", 4), Some(1));
    assert_eq!(of("a", "2025-12-31", 5), Some(2));
    assert_eq!(of("a", "2024-12-31", 5), None);
    assert_eq!(of("b", "2026-06-01", 5), Some(3));
}

#[test]
fn a_publication_is_signed() {
    let key = SigningKey::new("insurer", &[3; 32]).unwrap();
    let mut published = Published::sign(publication("a", "2026-01-01"), &key);
    assert!(published.verify().is_ok());
    published.publication.fuel += 1;
    assert!(published.verify().is_err());
}

/// The encodings are frozen: to change a hash here is to change what every
/// receipt and ledger means.
#[test]
fn encodings_are_frozen() {
    use sha2::{Digest, Sha256};
    let key = SigningKey::new("insurer", &[3; 32]).unwrap();
    let entries = [
        Entry::Genesis {
            origin: "tallystick.example/log".into(),
            key: [4; 32],
        },
        Entry::Policy(Box::new(Published::sign(
            publication("a", "2026-01-01"),
            &key,
        ))),
        Entry::Adjudicated([6; 32]),
        Entry::Flags(Box::new(crate::fraud::schedule::Batch {
            slots: [[7; 32]; 16],
        })),
    ];
    let frozen: Vec<String> = entries
        .iter()
        .map(|entry| {
            let bytes = entry.to_canon();
            assert_eq!(&Entry::from_canon(&bytes).unwrap(), entry);
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            digest.iter().map(|b| format!("{b:02x}")).collect()
        })
        .collect();
    insta::assert_debug_snapshot!(frozen);
}
