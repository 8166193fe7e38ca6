//! Receipts that show an entry on a shared ledger.

use super::*;
use crate::ledger::tests::receipt;
use crate::ledger::tree::{Frontier, inclusion_proof, leaf_hash};
use crate::ledger::{
    LogProof, Receipt, ReceiptError, SharedProof, Trust, TrustedLog, Verdict, verify_receipt,
};

/// A receipt with both proofs, over two handovers and cosigned; the sets of its way,
/// and the trust file of its local log.
fn shared() -> (Receipt, Vec<Authorities>, Trust) {
    let (mut receipt, trust) = receipt();
    let mut world = World::later();
    // The receipt's entry is of policy 1, and three entries long a prefix.
    let at = world.leaves.len() as u64 + 1;
    let entry = Entry::from_canon(&receipt.entry).unwrap();
    world.enter("harbor", &[entry]);
    world.carry(Change::Leave(id("state")));
    let new = organisation("new", &[Role::Provider], true, 1);
    world.knows(&new.id, 1);
    world.carry(join(new, 1));
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for leaf in &world.leaves {
        for node in frontier.append(leaf_hash(leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let set = world.snapshot.state.authorities.clone();
    let text = set
        .checkpoint(frontier.size(), frontier.root(), None)
        .text();
    let mut checkpoint = sign(&set, text, &world.secrets, 3);
    let name = "auditor.example/w";
    let auditor = SigningKey::cosigner(name, &secret(name)).unwrap();
    checkpoint
        .signatures
        .push(auditor.cosign(&checkpoint.text, 1_800_000_000));
    receipt.shared = Some(SharedProof {
        authorities: world.genesis.clone(),
        handovers: world.handovers.clone(),
        proof: LogProof {
            index: at,
            path: inclusion_proof(&nodes, at, frontier.size()).unwrap(),
            checkpoint,
        },
    });
    let sets = world.genesis.walk(&world.handovers).unwrap().0;
    assert_eq!(sets.len(), 3);
    (receipt, sets, trust)
}

fn verdict(receipt: &Receipt, logs: &[&TrustedLog]) -> Result<Verdict, ReceiptError> {
    let logs = logs.iter().map(|log| (*log).clone()).collect();
    let trust = Trust::parse(&Trust { logs }.to_string()).unwrap();
    verify_receipt(receipt, Some(&trust)).map(|(verdict, _)| verdict)
}

#[test]
fn a_receipt_with_both_proofs() {
    let (receipt, _, _) = shared();
    let text = receipt.to_string();
    assert_eq!(Receipt::parse(&text).unwrap(), receipt);
    assert_eq!(
        verify_receipt(&receipt, None).unwrap().0,
        Verdict::Consistent
    );
    insta::assert_snapshot!(text);
}

/// The table of `docs/receipt.md`: which logs the trust file names, and with the
/// right keys or with others.
#[test]
fn what_is_trusted() {
    let (receipt, sets, trust) = shared();
    let local = &trust.logs[0];
    let shared = &TrustedLog::shared(&sets[0]);
    let mut strange = local.clone();
    strange.keys = vec![key(&local.origin, "stranger").verifier().clone()];
    let strange = &strange;
    let mut foreign = shared.clone();
    foreign.keys[0] = key(ORIGIN, "stranger").verifier().clone();
    let foreign = &foreign;
    let elsewhere =
        &TrustedLog::local(key("elsewhere.example/log", "elsewhere").verifier().clone());

    let alone = &Receipt {
        shared: None,
        ..receipt.clone()
    };
    let both = &receipt;
    let trusted = Ok(Verdict::Trusted);
    let not = Err(ReceiptError::Untrusted);
    // Of a trust file that knows nothing of it, nothing is refused.
    let unknown = Ok(Verdict::Consistent);
    for (row, (receipt, logs, expected)) in [
        (alone, &[local][..], &trusted),
        (alone, &[strange], &not),
        (alone, &[elsewhere], &unknown),
        (alone, &[shared], &unknown),
        (alone, &[local, shared], &trusted),
        (alone, &[], &unknown),
        (both, &[local], &trusted),
        (both, &[strange], &not),
        (both, &[shared], &trusted),
        (both, &[foreign], &not),
        (both, &[local, shared], &trusted),
        (both, &[local, foreign], &not),
        (both, &[strange, shared], &not),
        (both, &[elsewhere, shared], &trusted),
        (both, &[elsewhere], &unknown),
        (both, &[], &unknown),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(verdict(receipt, logs), *expected, "row {row}");
    }
}

/// The trust file may name the set of any epoch on the receipt's way, whole.
#[test]
fn the_set_of_an_epoch() {
    let (receipt, sets, _) = shared();
    for set in &sets {
        let log = TrustedLog::shared(set);
        assert_eq!(verdict(&receipt, &[&log]), Ok(Verdict::Trusted));
        let not = |change: &dyn Fn(&mut TrustedLog)| {
            let mut log = log.clone();
            change(&mut log);
            assert_eq!(verdict(&receipt, &[&log]), Err(ReceiptError::Untrusted));
        };
        not(&|log| log.epoch += 1);
        not(&|log| log.epoch = 9);
        not(&|log| {
            log.keys.pop();
            log.quorum = log.quorum.min(log.keys.len());
        });
        not(&|log| log.quorum = 1);
        not(&|log| log.keys.push(key(ORIGIN, "stranger").verifier().clone()));
    }
    // A receipt that begins after the pinned epoch leads nowhere from it.
    let mut later = receipt.clone();
    let proof = later.shared.as_mut().unwrap();
    proof.authorities = sets[1].clone();
    proof.handovers.remove(0);
    assert_eq!(
        verdict(&later, &[&TrustedLog::shared(&sets[1])]),
        Ok(Verdict::Trusted)
    );
    assert_eq!(
        verdict(&later, &[&TrustedLog::shared(&sets[0])]),
        Err(ReceiptError::Untrusted)
    );
}

#[test]
fn cosignatures_are_counted() {
    let (receipt, sets, trust) = shared();
    let mut log = TrustedLog::shared(&sets[0]);
    log.cosignatures = 1;
    assert_eq!(verdict(&receipt, &[&log]), Ok(Verdict::Trusted));
    let mut silent = receipt.clone();
    silent
        .shared
        .as_mut()
        .unwrap()
        .proof
        .checkpoint
        .signatures
        .pop();
    assert_eq!(verdict(&silent, &[&log]), Err(ReceiptError::Untrusted));
    log.witnesses = vec![
        SigningKey::cosigner("b", &[1; 32])
            .unwrap()
            .verifier()
            .clone(),
    ];
    assert_eq!(verdict(&receipt, &[&log]), Err(ReceiptError::Untrusted));
    // Somebody else under the witness's name.
    let other = SigningKey::cosigner("auditor.example/w", &[1; 32]).unwrap();
    log.witnesses = vec![other.verifier().clone()];
    assert_eq!(verdict(&receipt, &[&log]), Err(ReceiptError::Untrusted));
    // A local proof has no cosignatures.
    let mut local = trust.logs[0].clone();
    local.witnesses = vec![other.verifier().clone()];
    local.cosignatures = 1;
    assert_eq!(verdict(&receipt, &[&local]), Err(ReceiptError::Untrusted));
}

#[test]
fn trust_files() {
    let (_, sets, trust) = shared();
    let mut log = TrustedLog::shared(&sets[1]);
    log.cosignatures = 1;
    let logs = vec![trust.logs[0].clone(), log];
    let text = Trust { logs: logs.clone() }.to_string();
    assert_eq!(Trust::parse(&text).unwrap().logs, logs);
    insta::assert_snapshot!(text);
    let refused = |change: &dyn Fn(&mut Vec<TrustedLog>)| {
        let mut logs = logs.clone();
        change(&mut logs);
        assert!(Trust::parse(&Trust { logs }.to_string()).is_err());
    };
    refused(&|logs| logs[1].cosignatures = 2);
    refused(&|logs| logs[1].quorum = 4);
    refused(&|logs| logs[1].quorum = 0);
    refused(&|logs| logs.push(logs[0].clone()));
    refused(&|logs| logs[1].witnesses = vec![logs[1].keys[0].clone()]);
    refused(&|logs| {
        let of = logs[1].witnesses[0].clone();
        logs[1].witnesses.push(of);
    });
    refused(&|logs| logs[1].keys = logs[1].witnesses.clone());
}

/// Every byte counts, whatever the trust file names, and without one.
#[test]
fn any_changed_byte_is_caught() {
    let (receipt, sets, mut trust) = shared();
    trust.logs.push(TrustedLog::shared(&sets[0]));
    let text = receipt.to_string();
    for at in 0..text.len() {
        let change = 1u8 << (at % 8);
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= change;
        let caught = String::from_utf8(bytes).map_or(true, |text| {
            Receipt::parse(&text).map_or(true, |receipt| {
                [None, Some(&trust)]
                    .into_iter()
                    .all(|trust| verify_receipt(&receipt, trust).is_err())
            })
        });
        assert!(caught, "byte {at} changed by {change}");
    }
}

/// Parts are in one order, each once, and another entry's proof is of no use.
#[test]
fn parts_do_not_mix() {
    let (receipt, _, _) = shared();
    let text = receipt.to_string();
    let alone = Receipt {
        shared: None,
        ..receipt.clone()
    }
    .to_string();
    assert!(Receipt::parse(&alone).is_ok());
    let tail = text.strip_prefix(&alone).unwrap();
    for other in [
        format!("{text}{tail}"),
        format!("{text}\n"),
        format!("{alone}{}", &tail[tail.find("handover").unwrap()..]),
        format!("{alone}{}", &tail[..tail.find("\nshared").unwrap() + 1]),
        text.replacen("handover ", "handover 0", 1),
        text.replacen("shared ", "shared  ", 1),
    ] {
        assert!(Receipt::parse(&other).is_err());
    }
    let mut other = receipt.clone();
    let proof = &mut other.shared.as_mut().unwrap().proof;
    proof.index += 1;
    let error = verify_receipt(&other, None).unwrap_err();
    assert!(matches!(error, ReceiptError::SharedInclusion(_)));
    let mut few = receipt;
    let proof = &mut few.shared.as_mut().unwrap().proof;
    proof.checkpoint.signatures.remove(0);
    let error = verify_receipt(&few, None).unwrap_err();
    assert!(matches!(
        error,
        ReceiptError::Shared(SetError::Quorum { .. })
    ));
}
