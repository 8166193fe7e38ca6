//! The ledger's own tests. Vectors of others are in the workspace's
//! `tests/conformance`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};

use super::tree::{self, Frontier, Hash};
use super::*;
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use crate::canon::{Blob, Canon};
use crate::claim::ClaimId;

#[test]
fn both_edge_cases_are_decided() {
    let leaf = tree::leaf_hash(b"only");
    assert!(tree::verify_consistency(1, 1, &[], &leaf, &leaf).is_ok());
    let empty = tree::empty_root();
    assert!(tree::verify_consistency(0, 0, &[], &empty, &empty).is_err());
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

pub(super) fn receipt() -> (Receipt, Trust) {
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
    let entry = Entry::Adjudicated(Adjudication {
        commitment: commit(Subject::Receipt, &salt, &body),
        policy: Some([1; 32]),
        prefix: 3,
    })
    .to_canon();
    entered(claim, entry, salt, body)
}

/// A receipt of an entry in a log of eleven, and a trust file of its key.
fn entered(claim: ClaimId, entry: Vec<u8>, salt: Salt, body: Vec<u8>) -> (Receipt, Trust) {
    let key = SigningKey::new("tallystick.example/log", &[7; 32]).unwrap();
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
        shared: None,
    };
    let trust = Trust {
        logs: vec![TrustedLog::local(key.verifier().clone())],
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

/// No byte of a receipt can be another.
fn no_change_holds(receipt: &Receipt, holds: impl Fn(&Receipt) -> bool) {
    let text = receipt.to_string();
    for at in 0..text.len() {
        for change in [1u8, 4, 0x20] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let read = String::from_utf8(bytes).ok();
            let read = read.and_then(|text| Receipt::parse(&text).ok());
            let held = read.is_some_and(|of| holds(&of));
            assert!(!held, "byte {at} changed by {change}");
        }
    }
}

fn reading(by: access::By) -> access::Reading {
    access::Reading {
        reader: shared::OrganisationId::parse("lakeside").unwrap(),
        person: "dr-oak".into(),
        claim: ClaimId([9; 16]),
        purpose: access::Purpose::EmergencyTreatment,
        by,
        at: 1_781_524_800,
    }
}

#[test]
fn a_receipt_of_a_reading_verifies_and_is_no_other() {
    let emergency = access::By::Emergency("unconscious after a fall".into());
    for by in [access::By::Billing, emergency] {
        let reading = reading(by);
        let (salt, claim) = ([5; 32], reading.claim);
        let entry = reading.entry(&salt);
        let (receipt, trust) = entered(claim, entry.to_canon(), salt, reading.to_canon());
        let (verdict, found) = verify_reading(&receipt, Some(&trust)).ok().unwrap();
        assert_eq!(verdict, Verdict::Trusted);
        assert!(found == reading);
        assert_eq!(
            verify_receipt(&receipt, None).unwrap_err(),
            ReceiptError::Kind
        );
        // An emergency is not passed off as a right, nor a right as an emergency.
        let other = match entry {
            Entry::Read(commitment) => Entry::ReadUnderEmergency(commitment),
            Entry::ReadUnderEmergency(commitment) => Entry::Read(commitment),
            _ => unreachable!(),
        };
        let (other, _) = entered(claim, other.to_canon(), salt, reading.to_canon());
        let why = verify_reading(&other, None).err();
        assert_eq!(why, Some(ReceiptError::Commitment));
        let (other, _) = entered(ClaimId([8; 16]), entry.to_canon(), salt, reading.to_canon());
        let why = verify_reading(&other, None).err();
        assert_eq!(why, Some(ReceiptError::Claim));
        no_change_holds(&receipt, |of| verify_reading(of, Some(&trust)).is_ok());
    }
    let (adjudicated, _) = receipt();
    assert!(verify_reading(&adjudicated, None).is_err());
}

/// Of what is received and paid too; and none is taken for another.
#[test]
fn receipts_of_a_claims_way_verify_and_are_no_others() {
    let (claim, salt) = (ClaimId([9; 16]), [5; 32]);
    let received = ReceivedClaim {
        claim,
        received: ServiceDate::parse("2026-03-01").unwrap(),
        submitter: "lakeside".into(),
        submission: [4; 32],
    };
    let advice = PaymentAdvice {
        trace: "000000042".into(),
        amount: Money::cents(9_200),
        date: ServiceDate::parse("2026-04-01").unwrap(),
        claims: vec![ClaimId([1; 16]), claim],
        remittance: [3; 32],
    };
    let of_received = (received.entry(&salt).to_canon(), received.to_canon());
    let of_advice = (advice.entry(&salt).to_canon(), advice.to_canon());
    for (entry, body) in [&of_received, &of_advice] {
        let (receipt, trust) = entered(claim, entry.clone(), salt, body.clone());
        let (verdict, shown) = verify_any(&receipt, Some(&trust)).ok().unwrap();
        assert_eq!(verdict, Verdict::Trusted);
        match shown {
            Shown::Received(found) => assert_eq!(found, received),
            Shown::Payment(found) => assert_eq!(found, advice),
            Shown::Outcome(_) | Shown::Reading(_) => panic!("another"),
        }
        let why = verify_receipt(&receipt, None).unwrap_err();
        assert_eq!(why, ReceiptError::Kind);
        let why = verify_reading(&receipt, None).err();
        assert!(why.is_some());
        no_change_holds(&receipt, |of| verify_any(of, Some(&trust)).is_ok());
    }
    let why = |claim: u8, entry: &[u8], body: &[u8]| {
        let (receipt, _) = entered(ClaimId([claim; 16]), entry.to_vec(), salt, body.to_vec());
        verify_any(&receipt, None).err()
    };
    let (entry, body) = &of_received;
    assert_eq!(why(8, entry, body), Some(ReceiptError::Claim));
    let (entry, body) = &of_advice;
    assert_eq!(why(8, entry, body), Some(ReceiptError::Unpaid));
    assert_eq!(why(1, entry, body), None);
    // Another payment, under the entry of this one.
    let mut more = advice.clone();
    more.amount = Money::cents(9_300);
    assert_eq!(
        why(9, entry, &more.to_canon()),
        Some(ReceiptError::Commitment)
    );
    // What was advised is not what was received, even where salt and body are the same.
    let commitment = commit(Subject::Payment, &salt, &received.to_canon());
    let other = Entry::Received(commitment).to_canon();
    let same = received.to_canon();
    assert_eq!(why(9, &other, &same), Some(ReceiptError::Commitment));
    let flags = Entry::Reversed([1; 32]).to_canon();
    assert_eq!(why(9, &flags, &same), Some(ReceiptError::NoReceipt));
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
        Entry::Adjudicated(Adjudication {
            commitment: [6; 32],
            policy: Some([1; 32]),
            prefix: 3,
        }),
        Entry::Reversed([7; 32]),
        Entry::Received([8; 32]),
        Entry::Agreed([8; 32]),
        Entry::Disputed([8; 32]),
        Entry::Granted([8; 32]),
        Entry::Revoked { grant: [8; 32] },
        Entry::Read([8; 32]),
        Entry::ReadUnderEmergency([8; 32]),
        Entry::PaymentAdvised([8; 32]),
        Entry::Erased {
            index: 9,
            ground: Ground::Request,
        },
        Entry::Standing {
            policy: [9; 32],
            standing: Standing::Superseded { by: [8; 32] },
        },
        Entry::Flags(Box::new(crate::fraud::schedule::Batch {
            slots: [[7; 32]; crate::fraud::schedule::SLOTS],
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

/// A path that was made is read, and no other form of it is.
#[test]
fn paths_of_tiles_are_read_in_one_form() {
    for (level, index, width) in [
        (Some(0), 0, 256),
        (Some(3), 1_234_067, 12),
        (None, 999, 1),
        (None, 1000, 256),
    ] {
        let path = match level {
            Some(level) => tiles::tile_path(level, index, width),
            None => tiles::bundle_path(index, width),
        };
        let asked = tiles::parse_path(&path).unwrap();
        assert_eq!(
            (asked.level, asked.index, asked.width),
            (level, index, width)
        );
    }
    for wrong in [
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/x002",
        "tile/64/000",
        "tile/0/+01",
        "tile/entries/",
        "tile",
        "",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(tiles::parse_path(wrong), None, "{wrong}");
    }
}
