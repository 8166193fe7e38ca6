//! Receipts made by the engine, of a log and of a ledger that changes its authorities.

use std::collections::BTreeMap;

use tally_core::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use tally_core::canon::{Blob, Canon};
use tally_core::claim::ClaimId;
use tally_core::ledger::shared::{Authorities, Authority, OrganisationId, Witness};
use tally_core::ledger::tree::{Frontier, inclusion_proof, leaf_hash};
use tally_core::ledger::{
    Adjudication, Checkpoint, Entry, Execution, LogProof, Note, Receipt, ReceiptBody, SharedProof,
    SigningKey, Subject, commit,
};
use tally_types::{Carc, Group, Money, ShortCode};

pub const LOG: &str = "payer.example/log";
pub const LEDGER: &str = "ledger.example/shared";
pub const WITNESS: &str = "auditor.example/w";
const CLAIM: ClaimId = ClaimId([9; 16]);

pub fn log_key() -> SigningKey {
    SigningKey::new(LOG, &[7; 32]).unwrap()
}

fn outcome(pended: bool) -> Outcome {
    let adjustment = |group, carc, amount| OutcomeAdjustment {
        group,
        carc: Carc(carc),
        rarc: ShortCode::NONE,
        amount: Money::cents(amount),
        clause: "3.1".into(),
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
        vec![],
    );
    let settlement = if pended {
        Settlement::Pended {
            reason: "E201".into(),
            text: "The referral is missing.".into(),
            resolution: "Send it.".into(),
            line: 0,
            clause: "7.2".into(),
            charges: vec![(1, Money::cents(15_000)), (4, Money::cents(1))],
        }
    } else {
        Settlement::Settled(vec![line.unwrap()])
    };
    Outcome::new(CLAIM, (!pended).then_some([1; 32]), settlement, vec![]).unwrap()
}

fn body(pended: bool) -> Vec<u8> {
    ReceiptBody {
        outcome: Blob(outcome(pended).to_canon()),
        context: (!pended).then_some([2; 32]),
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
    .to_canon()
}

/// A tree of so many leaves, of which one is given.
fn tree(entry: &[u8], at: u64, size: u64) -> ([u8; 32], Vec<[u8; 32]>) {
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for index in 0..size {
        let other = index.to_be_bytes();
        let leaf = if index == at { entry } else { &other[..] };
        for node in frontier.append(leaf_hash(leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let path = inclusion_proof(&nodes, at, size).unwrap();
    (frontier.root(), path)
}

/// A receipt of the local log alone.
pub fn local(at: u64, size: u64, pended: bool) -> Receipt {
    let (body, salt) = (body(pended), [5; 32]);
    let entry = Entry::Adjudicated(Adjudication {
        commitment: commit(Subject::Receipt, &salt, &body),
        policy: outcome(pended).policy(),
        prefix: 3,
    })
    .to_canon();
    let (root, path) = tree(&entry, at, size);
    let checkpoint = Checkpoint {
        origin: LOG.into(),
        size,
        root,
        extensions: vec!["an extension".into()],
    };
    Receipt {
        claim: CLAIM,
        entry,
        salt,
        body,
        key: log_key().verifier().clone(),
        local: LogProof {
            index: at,
            path,
            checkpoint: checkpoint.sign(&log_key()),
        },
        shared: None,
    }
}

/// The authorities of an epoch: so many of seven, from that number on.
pub fn set(epoch: u64, members: std::ops::Range<u8>) -> Authorities {
    let member = |n: u8| Authority {
        organisation: OrganisationId::parse(&format!("org-{n}")).unwrap(),
        key: authority(n).verifier().public(),
    };
    let auditor = Witness {
        name: WITNESS.into(),
        key: witness().verifier().public(),
    };
    Authorities {
        origin: LEDGER.into(),
        epoch,
        members: members.map(member).collect(),
        witnesses: vec![auditor],
    }
}

fn authority(n: u8) -> SigningKey {
    SigningKey::new(LEDGER, &[100 + n; 32]).unwrap()
}

pub fn witness() -> SigningKey {
    SigningKey::cosigner(WITNESS, &[99; 32]).unwrap()
}

/// A note signed by so many of a set, and cosigned.
pub fn sign(set: &Authorities, checkpoint: &Checkpoint, by: usize, cosigned: bool) -> Note {
    let text = checkpoint.text();
    let key = |key: &[u8; 32]| {
        (0..9)
            .map(authority)
            .find(|of| of.verifier().public() == *key)
    };
    let members = set.members.iter().take(by);
    let mut signatures: Vec<_> = members
        .flat_map(|member| key(&member.key).unwrap().sign_note(text.clone()).signatures)
        .collect();
    if cosigned {
        signatures.push(witness().cosign(&text, 1_800_000_000));
    }
    Note { text, signatures }
}

/// The same receipt with a shared proof, over handovers from epoch to epoch.
pub fn shared(sets: &[Authorities], by: usize, cosigned: bool) -> Receipt {
    let mut receipt = local(6, 11, false);
    let (root, path) = tree(&receipt.entry, 20, 45);
    let pairs = sets.iter().zip(sets.iter().skip(1)).zip(10u64..);
    let handovers = pairs.map(|((set, next), size)| {
        let checkpoint = set.checkpoint(size, [8; 32], Some(next));
        sign(set, &checkpoint, set.quorum(), size == 10)
    });
    let last = sets.last().unwrap();
    receipt.shared = Some(SharedProof {
        authorities: sets[0].clone(),
        handovers: handovers.collect(),
        proof: LogProof {
            index: 20,
            path,
            checkpoint: sign(last, &last.checkpoint(45, root, None), by, cosigned),
        },
    });
    receipt
}
