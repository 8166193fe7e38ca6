//! Erasure receipts that show both entries on a shared ledger.

use super::*;
use crate::ledger::erasure::{Brought, ErasureError, ErasureReceipt, SharedErasure};
use crate::ledger::rig;
use crate::ledger::tree::{Frontier, inclusion_proof, leaf_hash};
use crate::ledger::{
    CheckpointError, Ground, LogProof, ReceiptError, SharedProof, Trust, TrustedLog, Verdict,
    VerifierKey,
};

/// Two payers that erased the entry of one index, each in its own log, with the same words.
fn world() -> (World, u64) {
    let mut world = World::later();
    let index = world.member("harbor").next;
    let received = |n| Entry::Received([n; 32]);
    world.enter("harbor", &[received(1), received(2)]);
    let fill: Vec<_> = (100..)
        .take(usize::try_from(index).unwrap() + 1)
        .map(received)
        .collect();
    world.enter("meridian", &fill);
    world.carry(Change::Leave(id("state")));
    let ground = Ground::Retention;
    for name in ["harbor", "meridian"] {
        world.enter(name, &[Entry::Erased { index, ground }]);
    }
    (world, index)
}

/// Where an organisation's entries stand, and what brought each.
fn placed(world: &World, name: &str) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for (at, leaf) in (0u64..).zip(&world.leaves) {
        let Ok(Entry::Envelope(header)) = Entry::from_canon(leaf) else {
            continue;
        };
        if header.organisation == id(name) {
            found.extend((1..=u64::from(header.count)).map(|n| (at, at + n)));
        }
    }
    found
}

/// What is proved at the last checkpoint, signed by so many.
struct Proofs<'a> {
    world: &'a World,
    checkpoint: Note,
    nodes: BTreeMap<(u8, u64), [u8; 32]>,
}

impl<'a> Proofs<'a> {
    fn of(world: &'a World, by: usize) -> Self {
        let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
        for leaf in &world.leaves {
            for node in frontier.append(leaf_hash(leaf)) {
                nodes.insert((node.level, node.index), node.hash);
            }
        }
        let set = &world.snapshot.state.authorities;
        let checkpoint = set.checkpoint(frontier.size(), frontier.root(), None);
        Self {
            world,
            checkpoint: sign(set, checkpoint.text(), &world.secrets, by),
            nodes,
        }
    }

    fn leaf(&self, index: u64) -> Vec<u8> {
        self.world.leaves[usize::try_from(index).unwrap()].clone()
    }

    fn at(&self, index: u64) -> LogProof {
        let size = self.world.leaves.len() as u64;
        LogProof {
            index,
            path: inclusion_proof(&self.nodes, index, size).unwrap(),
            checkpoint: self.checkpoint.clone(),
        }
    }

    fn brought(&self, index: u64) -> Brought {
        Brought {
            header: self.leaf(index),
            proof: self.at(index),
        }
    }

    /// The receipt of the last entry of an organisation's log, which is of an erasure.
    fn receipt(&self, name: &str) -> ErasureReceipt {
        let placed = placed(self.world, name);
        let log: Vec<_> = placed.iter().map(|(_, at)| self.leaf(*at)).collect();
        let entry = log.last().unwrap().clone();
        let Ok(Entry::Erased { index, .. }) = Entry::from_canon(&entry) else {
            panic!("not of an erasure")
        };
        let (stays_by, stays) = placed[usize::try_from(index).unwrap()];
        let (erased_by, erased) = *placed.last().unwrap();
        ErasureReceipt {
            leaf: leaf_hash(&self.leaf(stays)),
            entry,
            key: rig::key().verifier().clone(),
            stays: rig::proof_of(&log, index),
            erased: rig::proof_of(&log, log.len() as u64 - 1),
            shared: Some(SharedErasure {
                erased: SharedProof {
                    authorities: self.world.genesis.clone(),
                    handovers: self.world.handovers.clone(),
                    proof: self.at(erased),
                },
                erased_by: self.brought(erased_by),
                stays: self.at(stays),
                stays_by: self.brought(stays_by),
            }),
        }
    }
}

#[test]
fn a_receipt_with_both_proofs() {
    let (world, index) = world();
    let receipt = Proofs::of(&world, 3).receipt("harbor");
    let text = receipt.to_string();
    assert_eq!(ErasureReceipt::parse(&text).unwrap(), receipt);
    let shown = receipt.verify(None).unwrap();
    assert_eq!(
        (shown.verdict, shown.index, shown.ground),
        (Verdict::Consistent, index, Ground::Retention)
    );
    insta::assert_snapshot!(text);
}

/// As of a receipt of a claim: the table of `docs/receipt.md`.
#[test]
fn what_is_trusted() {
    let (world, _) = world();
    let both = Proofs::of(&world, 3).receipt("harbor");
    let alone = ErasureReceipt {
        shared: None,
        ..both.clone()
    };
    let own = rig::trust();
    let local = &own.logs[0];
    let shared = &TrustedLog::shared(&world.genesis);
    let with = |log: &TrustedLog, key: SigningKey| {
        let mut log = log.clone();
        log.keys[0] = key.verifier().clone();
        log
    };
    let strange = &with(local, key(rig::ORIGIN, "stranger"));
    let foreign = &with(shared, key(ORIGIN, "stranger"));
    let elsewhere =
        &TrustedLog::local(key("elsewhere.example/log", "elsewhere").verifier().clone());
    let trusted = Ok(Verdict::Trusted);
    let unknown = Ok(Verdict::Consistent);
    let not = Err(ErasureError::Receipt(ReceiptError::Untrusted));
    for (row, (receipt, logs, expected)) in [
        (&alone, &[local][..], &trusted),
        (&alone, &[strange], &not),
        (&alone, &[shared], &unknown),
        (&alone, &[], &unknown),
        (&both, &[local], &trusted),
        (&both, &[shared], &trusted),
        (&both, &[local, shared], &trusted),
        (&both, &[foreign], &not),
        (&both, &[local, foreign], &not),
        (&both, &[strange, shared], &not),
        (&both, &[elsewhere, shared], &trusted),
        (&both, &[elsewhere], &unknown),
    ]
    .into_iter()
    .enumerate()
    {
        let logs = logs.iter().map(|log| (*log).clone()).collect();
        let verdict = receipt.verify(Some(&Trust { logs }));
        assert_eq!(verdict.map(|shown| shown.verdict), *expected, "row {row}");
    }
}

#[test]
fn any_changed_byte_is_caught() {
    let (world, _) = world();
    let text = Proofs::of(&world, 3).receipt("harbor").to_string();
    let mut trust = rig::trust();
    trust.logs.push(TrustedLog::shared(&world.genesis));
    for at in 0..text.len() {
        let change = 1u8 << (at % 8);
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= change;
        let held = String::from_utf8(bytes)
            .ok()
            .and_then(|text| ErasureReceipt::parse(&text).ok())
            .is_some_and(|of| {
                [None, Some(&trust)].map(|trust| of.verify(trust).is_ok()) != [false; 2]
            });
        assert!(!held, "byte {at} changed by {change}");
    }
}

/// The entry of an erasure has but an index: another's, which has the same bytes, is of no
/// use, nor is an entry of another index, though all of them stand on the ledger.
#[test]
fn an_erasure_is_of_one_entry_of_one_log() {
    let (world, index) = world();
    let proofs = Proofs::of(&world, 3);
    let sound = proofs.receipt("harbor");
    let other = proofs.receipt("meridian");
    assert_eq!(sound.entry, other.entry);
    assert!(other.verify(None).is_ok());
    let there = other.shared.unwrap();
    let why = |change: &dyn Fn(&mut ErasureReceipt, &mut SharedErasure)| {
        let mut receipt = sound.clone();
        let mut shared = receipt.shared.take().unwrap();
        change(&mut receipt, &mut shared);
        receipt.shared = Some(shared);
        receipt.verify(None).unwrap_err()
    };
    // Of another organisation, as a whole; without what brought it; and with the wrong one.
    let of_another = |shared: &mut SharedErasure| {
        shared.erased = there.erased.clone();
        shared.erased_by = there.erased_by.clone();
    };
    assert_eq!(why(&|_, of| of_another(of)), ErasureError::Brought);
    assert_eq!(
        why(&|_, of| of.erased = there.erased.clone()),
        ErasureError::Brought
    );
    assert_eq!(
        why(&|_, of| of.erased_by = of.stays_by.clone()),
        ErasureError::Brought
    );
    // Something else passed off as what was erased, in a log made up for it.
    let placed = placed(&world, "harbor");
    let next = placed[usize::try_from(index).unwrap() + 1];
    let made_up = |receipt: &mut ErasureReceipt, shared: &mut SharedErasure| {
        let mut log: Vec<_> = placed.iter().map(|(_, at)| proofs.leaf(*at)).collect();
        log[usize::try_from(index).unwrap()] = proofs.leaf(next.1);
        receipt.leaf = leaf_hash(&proofs.leaf(next.1));
        receipt.stays = rig::proof_of(&log, index);
        receipt.erased = rig::proof_of(&log, log.len() as u64 - 1);
        shared.stays = proofs.at(next.1);
        shared.stays_by = proofs.brought(next.0);
    };
    assert_eq!(why(&made_up), ErasureError::Brought);
    // What stands before it is no header; and the checkpoint is one.
    assert_eq!(
        why(&|_, of| of.stays_by = proofs.brought(placed[0].1)),
        ErasureError::Brought
    );
    let others = Proofs::of(&world, 2);
    assert_eq!(
        why(&|_, of| of.stays.checkpoint = others.checkpoint.clone()),
        ErasureError::Checkpoints
    );
    assert!(matches!(
        why(&|_, of| of.stays.index += 1),
        ErasureError::SharedInclusion { .. }
    ));
}

/// Two logs of one name and one key: of each it is told whose it is, as the ledger has it.
#[test]
fn it_is_told_whose_log_it_is_in() {
    let (world, _) = world();
    let proofs = Proofs::of(&world, 3);
    for name in ["harbor", "meridian"] {
        let receipt = proofs.receipt(name);
        assert_eq!(receipt.key.name(), rig::ORIGIN);
        let shown = receipt.verify(None).unwrap();
        assert_eq!(shown.organisation, Some(id(name)));
        let alone = ErasureReceipt {
            shared: None,
            ..receipt
        };
        assert_eq!(alone.verify(None).unwrap().organisation, None);
    }
}

/// A ledger of one authority has one key, as a log of its own would have; its places are no
/// indexes of a log, and what is said to be erased there would need no envelope.
#[test]
fn a_ledger_is_not_taken_for_a_log() {
    let mut world = World::founded(charter_of(1));
    let received = Entry::Received([1; 32]);
    let index = world.member("harbor").next;
    world.enter("harbor", &[received]);
    let ground = Ground::Request;
    world.enter("harbor", &[Entry::Erased { index, ground }]);
    let proofs = Proofs::of(&world, 1);
    let last = world.leaves.len() as u64 - 1;
    let [authority] = &world.genesis.members[..] else {
        panic!("one authority")
    };
    let forged = ErasureReceipt {
        // What stands at that place of the ledger, which nobody erased.
        leaf: leaf_hash(&proofs.leaf(index)),
        entry: proofs.leaf(last),
        key: VerifierKey::new(ORIGIN, &authority.key).unwrap(),
        stays: proofs.at(index),
        erased: proofs.at(last),
        shared: None,
    };
    let trust = Trust {
        logs: vec![TrustedLog::shared(&world.genesis)],
    };
    let not = ErasureError::Checkpoint(CheckpointError::Extended);
    for trust in [None, Some(&trust)] {
        assert_eq!(forged.verify(trust).unwrap_err(), not);
    }
    let sound = proofs.receipt("harbor").verify(Some(&trust)).unwrap();
    assert_eq!(sound.verdict, Verdict::Trusted);
}

/// Parts are in one order, each once.
#[test]
fn parts_do_not_mix() {
    let (world, _) = world();
    let receipt = Proofs::of(&world, 3).receipt("harbor");
    let text = receipt.to_string();
    let alone = ErasureReceipt {
        shared: None,
        ..receipt
    };
    let alone = alone.to_string();
    let tail = text.strip_prefix(&alone).unwrap();
    let until = |part: &str| &tail[..tail.rfind(&format!("\n{part} ")).unwrap() + 1];
    for other in [
        format!("{text}{tail}"),
        format!("{text}\n"),
        format!("{alone}{}", until("envelope")),
        format!("{alone}{}", until("stays")),
        format!("{alone}{}", until("shared")),
        text.replacen("\nenvelope ", "\nenvelope 0", 1),
    ] {
        assert!(ErasureReceipt::parse(&other).is_err());
    }
}
