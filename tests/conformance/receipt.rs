//! Receipts in which any changed byte is caught.

use std::collections::BTreeMap;

use tally_core::adjudication::{
    LineOutcome, Outcome, OutcomeAdjustment, OutcomePosting, Settlement,
};
use tally_core::canon::{Blob, Canon};
use tally_core::claim::ClaimId;
use tally_core::ledger::tree::{Frontier, inclusion_proof, leaf_hash};
use tally_core::ledger::{
    Adjudication, Checkpoint, Entry, Execution, LogProof, Receipt, ReceiptBody, SigningKey,
    Subject, TableHash, Trust, TrustedLog, Verdict, commit, verify_receipt,
};
use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};

use super::{kinds, made};

const ORIGIN: &str = "tallystick.example/conformance";

fn outcome(claim: ClaimId) -> Outcome {
    let adjustment = |group, carc, amount| OutcomeAdjustment {
        group,
        carc: Carc(carc),
        rarc: ShortCode::NONE,
        amount: Money::cents(amount),
        clause: "3.1".into(),
    };
    let posting = OutcomePosting {
        accumulator: "deductible".into(),
        period: ServiceDate::parse("2026-01-01").unwrap(),
        family: false,
        before: 1_000,
        amount: 2_000,
    };
    let line = LineOutcome::settle(
        1,
        Money::cents(15_000),
        Money::cents(9_200),
        false,
        "4.1".into(),
        vec![
            adjustment(Group::Co, 45, 5_800),
            adjustment(Group::Pr, 1, 2_000),
        ],
        vec![posting],
    );
    let lines = Settlement::Settled(vec![line.unwrap()]);
    Outcome::new(claim, Some([1; 32]), lines, vec![]).unwrap()
}

/// A receipt of entry `index` in a log of `size`.
fn receipt(index: u64, size: u64) -> (Receipt, Trust) {
    let key = SigningKey::new(ORIGIN, &[7; 32]).unwrap();
    let claim = ClaimId([9; 16]);
    let body = ReceiptBody {
        outcome: Blob(outcome(claim).to_canon()),
        context: Some([2; 32]),
        transcript: [3; 32],
        prefix: 3,
        tables: vec![TableHash {
            name: "fees".into(),
            hash: [4; 32],
        }],
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
        policy: outcome(claim).policy(),
        prefix: 3,
    })
    .to_canon();
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for at in 0..size {
        let other = at.to_be_bytes();
        let leaf = if at == index { &entry[..] } else { &other[..] };
        for node in frontier.append(leaf_hash(leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
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
            index,
            path: inclusion_proof(&nodes, index, size).unwrap(),
            checkpoint: checkpoint.sign(&key),
        },
        shared: None,
    };
    let trust = Trust {
        logs: vec![TrustedLog::local(key.verifier().clone())],
    };
    (receipt, trust)
}

/// Whether a verifier takes these bytes for a receipt that holds.
fn holds(bytes: &[u8], trust: Option<&Trust>) -> bool {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Receipt::parse(text).ok())
        .is_some_and(|receipt| verify_receipt(&receipt, trust).is_ok())
}

#[test]
fn a_receipt_holds() {
    let (receipt, trust) = receipt(6, 11);
    let (verdict, outcome) = verify_receipt(&receipt, Some(&trust)).unwrap();
    assert_eq!(verdict, Verdict::Trusted);
    assert_eq!(outcome.paid(), Money::cents(7_200));
    assert!(holds(receipt.to_string().as_bytes(), Some(&trust)));
}

/// Every bit of every byte, with a trust file and without: without one the key
/// is the receipt's own, and still every other byte hangs together.
#[test]
fn every_flipped_bit_is_caught() {
    for (index, size) in [(0, 1), (6, 11)] {
        let (receipt, trust) = receipt(index, size);
        let sound = receipt.to_string().into_bytes();
        for trust in [Some(&trust), None] {
            assert!(holds(&sound, trust));
            for at in 0..sound.len() {
                for bit in 0..8 {
                    let mut changed = sound.clone();
                    changed[at] ^= 1 << bit;
                    assert!(!holds(&changed, trust), "byte {at}, bit {bit}");
                }
            }
        }
    }
}

/// The same of a claim received, a payment advised, readings and an erasure; and parts
/// that hold by themselves and do not belong together.
#[test]
fn of_every_kind_every_flipped_bit_is_caught() {
    for (kind, sound) in kinds::one_of_each() {
        assert_eq!(kinds::verdict(&sound, None), "consistent, not trusted");
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut changed = sound.clone();
                changed[at] ^= 1 << bit;
                let verdict = kinds::verdict(&changed, None);
                assert_eq!(verdict, "does not hold", "{kind:?}: byte {at}, bit {bit}");
            }
        }
    }
    let sound = kinds::erased_on_shared(&[made::set(0, 0..4)], 4, true);
    assert_eq!(kinds::verdict(&sound, None), "consistent, not trusted");
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 1 << (at % 8);
        assert_eq!(kinds::verdict(&changed, None), "does not hold", "byte {at}");
    }
    let [could, not] = kinds::other_envelopes();
    let verdict = |of: &Vec<u8>| kinds::verdict(of, None);
    assert!(
        could
            .iter()
            .all(|of| verdict(of) == "consistent, not trusted")
    );
    assert!(not.iter().all(|of| verdict(of) == "does not hold"));
    let (passed_off, trust) = kinds::passed_off();
    for (n, file) in passed_off.iter().enumerate() {
        for trust in [None, Some(&trust)] {
            assert_eq!(kinds::verdict(file, trust), "does not hold", "{n}");
        }
    }
    for (n, changed) in kinds::mismatched().iter().enumerate() {
        assert_eq!(kinds::verdict(changed, None), "does not hold", "{n}");
    }
}

#[test]
fn bytes_lost_added_or_swapped_are_caught() {
    let (receipt, trust) = receipt(6, 11);
    let sound = receipt.to_string().into_bytes();
    for at in 0..sound.len() {
        let mut lost = sound.clone();
        lost.remove(at);
        assert!(!holds(&lost, Some(&trust)), "byte {at} lost");
        assert!(!holds(&sound[..at], Some(&trust)), "cut at {at}");
        for byte in [b'\n', b' ', b'A', b'='] {
            let mut added = sound.clone();
            added.insert(at, byte);
            assert!(!holds(&added, Some(&trust)), "byte {at} added");
        }
        if at > 0 && sound[at] != sound[at - 1] {
            let mut swapped = sound.clone();
            swapped.swap(at, at - 1);
            assert!(!holds(&swapped, Some(&trust)), "byte {at} swapped");
        }
    }
    for tail in ["\n", " ", "— x AAAAAAA=\n"] {
        let longer = [&sound[..], tail.as_bytes()].concat();
        assert!(!holds(&longer, Some(&trust)), "{tail:?} added at the end");
    }
}

/// Parts of two receipts of one log do not make a third.
#[test]
fn parts_of_two_receipts_do_not_mix() {
    let ((a, trust), (b, _)) = (receipt(6, 11), receipt(2, 12));
    type Mix = fn(&mut Receipt, &Receipt);
    let mixes: [Mix; 3] = [
        |a, b| a.local.index = b.local.index,
        |a, b| a.local.path.clone_from(&b.local.path),
        |a, b| a.local.checkpoint.clone_from(&b.local.checkpoint),
    ];
    for (which, mix) in mixes.into_iter().enumerate() {
        let mut mixed = a.clone();
        mix(&mut mixed, &b);
        assert!(verify_receipt(&mixed, Some(&trust)).is_err(), "mix {which}");
    }
}
