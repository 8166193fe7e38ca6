//! Receipts made by the engine, of a log and of a ledger that changes its authorities.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use tally_core::canon::{Blob, Canon};
use tally_core::claim::ClaimId;
use tally_core::ledger::access::{By, Purpose, Reading};
use tally_core::ledger::erasure::{Brought, ErasureReceipt, SharedErasure};
use tally_core::ledger::shared::{Authorities, Authority, EnvelopeHeader, OrganisationId, Witness};
use tally_core::ledger::tree::{Frontier, inclusion_proof, leaf_hash};
use tally_core::ledger::{
    Adjudication, Checkpoint, Entry, Execution, Ground, LogProof, Note, PaymentAdvice, Receipt,
    ReceiptBody, ReceivedClaim, Salt, SharedProof, SigningKey, Subject, commit,
};
use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};

pub const LOG: &str = "payer.example/log";
pub const LEDGER: &str = "ledger.example/shared";
pub const WITNESS: &str = "auditor.example/w";
pub const CLAIM: ClaimId = ClaimId([9; 16]);
pub const SALT: Salt = [5; 32];

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

/// A tree of so many leaves, of which some are given.
fn tree(given: &[(u64, &[u8])], size: u64) -> (Frontier, BTreeMap<(u8, u64), [u8; 32]>) {
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for index in 0..size {
        let other = index.to_be_bytes();
        let leaf = given.iter().find(|(at, _)| *at == index);
        let leaf = leaf.map_or(&other[..], |(_, entry)| entry);
        for node in frontier.append(leaf_hash(leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    (frontier, nodes)
}

/// That each of these is in the log of so many, which is of this key.
fn proofs(key: &SigningKey, given: &[(u64, &[u8])], size: u64) -> Vec<LogProof> {
    let (frontier, nodes) = tree(given, size);
    let checkpoint = Checkpoint {
        origin: key.verifier().name().into(),
        size,
        root: frontier.root(),
        extensions: vec![],
    };
    let proof = |(index, _): &(u64, &[u8])| LogProof {
        index: *index,
        path: inclusion_proof(&nodes, *index, size).unwrap(),
        checkpoint: checkpoint.sign(key),
    };
    given.iter().map(proof).collect()
}

/// A receipt of the local log alone, whatever its entry and body are.
pub fn entered(at: u64, size: u64, claim: ClaimId, entry: Vec<u8>, body: Vec<u8>) -> Receipt {
    let local = proofs(&log_key(), &[(at, &entry)], size).remove(0);
    Receipt {
        claim,
        entry,
        salt: SALT,
        body,
        key: log_key().verifier().clone(),
        local,
        shared: None,
    }
}

/// The same receipt in a log of another key.
pub fn in_log_of(key: &SigningKey, receipt: Receipt) -> Receipt {
    let local = proofs(key, &[(6, &receipt.entry)], 11).remove(0);
    let key = key.verifier().clone();
    Receipt {
        key,
        local,
        ..receipt
    }
}

/// A receipt of an adjudication.
pub fn local(at: u64, size: u64, pended: bool) -> Receipt {
    let body = body(pended);
    let entry = Entry::Adjudicated(Adjudication {
        commitment: commit(Subject::Receipt, &SALT, &body),
        policy: outcome(pended).policy(),
        prefix: 3,
    });
    entered(at, size, CLAIM, entry.to_canon(), body)
}

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

pub fn received() -> ReceivedClaim {
    ReceivedClaim {
        claim: CLAIM,
        received: day("2026-03-01"),
        submitter: "lakeside".into(),
        submission: [4; 32],
    }
}

pub fn advice() -> PaymentAdvice {
    PaymentAdvice {
        trace: "000000042".into(),
        amount: Money::cents(9_200),
        date: day("2026-04-01"),
        claims: vec![ClaimId([1; 16]), CLAIM, ClaimId([200; 16])],
        remittance: [3; 32],
    }
}

pub fn reading(by: By, purpose: Purpose) -> Reading {
    Reading {
        reader: OrganisationId::parse("lakeside-1").unwrap(),
        person: "Dr Oak".into(),
        claim: CLAIM,
        purpose,
        by,
        at: 1_781_524_800,
    }
}

/// Every right, the emergency last.
pub fn rights() -> [By; 8] {
    let (grant, membership) = ([6; 32], [7; 32]);
    [
        By::Payer,
        By::Billing,
        By::Rendering,
        By::Submitter,
        By::Grant(grant),
        By::Group { grant, membership },
        By::Custodian([8; 32]),
        By::Emergency("unconscious after a fall".into()),
    ]
}

/// An entry that commits to a body, and that body: of a claim received, a payment advised,
/// and a reading by each right.
pub fn committed() -> Vec<(Entry, Vec<u8>)> {
    let mut all = vec![
        (received().entry(&SALT), received().to_canon()),
        (advice().entry(&SALT), advice().to_canon()),
    ];
    for by in rights() {
        let reading = reading(by, Purpose::EmergencyTreatment);
        all.push((reading.entry(&SALT), reading.to_canon()));
    }
    all
}

/// What was erased.
const GONE: &[u8] = b"what an entry was";

/// That an entry was erased, at these places of a log.
pub fn erasure(stays: u64, erased: u64, size: u64, entry: Vec<u8>) -> ErasureReceipt {
    let given: [(u64, &[u8]); 2] = [(stays, GONE), (erased, &entry)];
    let mut proofs = proofs(&log_key(), &given, size).into_iter();
    let (stays, erased) = (proofs.next().unwrap(), proofs.next().unwrap());
    ErasureReceipt {
        leaf: leaf_hash(GONE),
        entry,
        key: log_key().verifier().clone(),
        stays,
        erased,
        shared: None,
    }
}

/// The header of an envelope: whose, from which entry of its log on, how many.
pub fn header(organisation: &str, first: u64, count: u32) -> Vec<u8> {
    let header = EnvelopeHeader {
        organisation: OrganisationId::parse(organisation).unwrap(),
        first,
        count,
        digest: [4; 32],
        signature: [5; 64],
    };
    Entry::Envelope(Box::new(header)).to_canon()
}

/// The same receipt with a shared proof: what was erased is leaf 23 there, and the erasure
/// leaf 32; and here are the headers of the envelopes that brought them.
pub fn erased_on_shared(
    mut receipt: ErasureReceipt,
    [stays_by, erased_by]: &[(u64, Vec<u8>); 2],
    (sets, by, cosigned): (&[Authorities], usize, bool),
) -> ErasureReceipt {
    let given: [(u64, &[u8]); 4] = [
        (32, &receipt.entry),
        (erased_by.0, &erased_by.1),
        (23, GONE),
        (stays_by.0, &stays_by.1),
    ];
    let (handovers, proofs) = on_ledger(&given, sets, by, cosigned);
    let [proof, erased_at, stays, stays_at]: [LogProof; 4] = proofs.try_into().unwrap();
    let brought = |header: &[u8], proof| Brought {
        header: header.into(),
        proof,
    };
    receipt.shared = Some(SharedErasure {
        erased: SharedProof {
            authorities: sets[0].clone(),
            handovers,
            proof,
        },
        erased_by: brought(&erased_by.1, erased_at),
        stays,
        stays_by: brought(&stays_by.1, stays_at),
    });
    receipt
}

/// A receipt of a claim and one of an erasure that show a ledger of one authority for a log
/// of that one's own. The places of what stands there are then indexes, and no envelope says
/// whose it is: what stands at 23 was not erased.
pub fn passed_off() -> (Receipt, ErasureReceipt) {
    let (claim, entry) = (local(6, 11, false), erased(23, Ground::Order));
    let given: [(u64, &[u8]); 3] = [(20, &claim.entry), (23, GONE), (32, &entry)];
    let (_, proofs) = on_ledger(&given, &[set(0, 0..1)], 1, false);
    let [local, stays, erased]: [LogProof; 3] = proofs.try_into().unwrap();
    let key = authority(0).verifier().clone();
    let of_erasure = ErasureReceipt {
        leaf: leaf_hash(GONE),
        entry,
        key: key.clone(),
        stays,
        erased,
        shared: None,
    };
    (
        Receipt {
            key,
            local,
            ..claim
        },
        of_erasure,
    )
}

/// A line after the root of a log's checkpoint, which its key signs.
pub fn extend(proof: &mut LogProof) {
    let text = format!("{}an extension\n", proof.checkpoint.text);
    proof.checkpoint = log_key().sign_note(text);
}

/// The entry of an erasure.
pub fn erased(index: u64, ground: Ground) -> Vec<u8> {
    Entry::Erased { index, ground }.to_canon()
}

/// The authorities of an epoch, by their numbers.
pub fn set(epoch: u64, members: std::ops::Range<u8>) -> Authorities {
    let member = |n: u8| Authority {
        organisation: OrganisationId::parse(&format!("org-{n}")).unwrap(),
        key: authority(n).verifier().public(),
    };
    let auditor = Witness {
        name: WITNESS.into(),
        key: witness().verifier().public(),
    };
    let mut members: Vec<_> = members.map(member).collect();
    members.sort_by(|a, b| a.organisation.cmp(&b.organisation));
    Authorities {
        origin: LEDGER.into(),
        epoch,
        members,
        witnesses: vec![auditor],
    }
}

/// Two authorities whose keys have one id.
pub fn twins() -> [Authority; 2] {
    ["one/authority/38746", "two/authority/99686"].map(|name| {
        let key = SigningKey::new(LEDGER, &Sha256::digest(name).into()).unwrap();
        Authority {
            organisation: OrganisationId::parse(&format!("twin-{}", &name[..3])).unwrap(),
            key: key.verifier().public(),
        }
    })
}

pub fn authority(n: u8) -> SigningKey {
    SigningKey::new(LEDGER, &[100 + n; 32]).unwrap()
}

pub fn witness() -> SigningKey {
    SigningKey::cosigner(WITNESS, &[99; 32]).unwrap()
}

/// A note signed by so many of a set, and cosigned.
pub fn sign(set: &Authorities, checkpoint: &Checkpoint, by: usize, cosigned: bool) -> Note {
    let text = checkpoint.text();
    let key = |key: &[u8; 32]| {
        (0..17)
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

/// A receipt of an adjudication with a shared proof, over handovers from epoch to epoch.
pub fn shared(sets: &[Authorities], by: usize, cosigned: bool) -> Receipt {
    on_shared(local(6, 11, false), sets, by, cosigned)
}

/// The same receipt with a shared proof.
pub fn on_shared(mut receipt: Receipt, sets: &[Authorities], by: usize, cosigned: bool) -> Receipt {
    let (handovers, proofs) = on_ledger(&[(20, &receipt.entry)], sets, by, cosigned);
    receipt.shared = Some(SharedProof {
        authorities: sets[0].clone(),
        handovers,
        proof: proofs.into_iter().next().unwrap(),
    });
    receipt
}

/// That these leaves are on the shared ledger, at one checkpoint, and the handovers to it.
fn on_ledger(
    given: &[(u64, &[u8])],
    sets: &[Authorities],
    by: usize,
    cosigned: bool,
) -> (Vec<Note>, Vec<LogProof>) {
    let (frontier, nodes) = tree(given, 45);
    let pairs = sets.iter().zip(sets.iter().skip(1)).zip(10u64..);
    let handovers = pairs.map(|((set, next), size)| {
        let checkpoint = set.checkpoint(size, [8; 32], Some(next));
        sign(set, &checkpoint, set.quorum(), size == 10)
    });
    let last = sets.last().unwrap();
    let checkpoint = last.checkpoint(45, frontier.root(), None);
    let checkpoint = sign(last, &checkpoint, by, cosigned);
    let proof = |(index, _): &(u64, &[u8])| LogProof {
        index: *index,
        path: inclusion_proof(&nodes, *index, 45).unwrap(),
        checkpoint: checkpoint.clone(),
    };
    (handovers.collect(), given.iter().map(proof).collect())
}
