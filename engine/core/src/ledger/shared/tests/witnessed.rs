//! A witness that follows a consortium.

use super::authorities::changing;
use super::*;
use crate::ledger::Checkpoint;
use crate::ledger::tree::{Frontier, consistency_proof, leaf_hash};
use crate::ledger::witness::{
    Contradiction, Ended, Evidence, EvidenceError, Log, Request, Signers, add_checkpoint,
};

type Nodes = BTreeMap<(u8, u64), [u8; 32]>;

fn nodes(leaves: &[Vec<u8>]) -> Nodes {
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for leaf in leaves {
        for node in frontier.append(leaf_hash(leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    nodes
}

fn request(nodes: &Nodes, old: u64, note: Note) -> Request {
    let size = Checkpoint::parse(&note.text).unwrap().size;
    let proof = if old == 0 {
        vec![]
    } else {
        consistency_proof(nodes, old, size).unwrap()
    };
    Request::new(old, proof, note).unwrap()
}

fn ask(log: &Log, request: &Request) -> (u16, Option<Log>, Option<Evidence>) {
    let key = SigningKey::cosigner("auditor.example/w", &secret("auditor.example/w")).unwrap();
    let found = |origin: &str| (origin == ORIGIN).then_some(log);
    let decision = add_checkpoint(request.to_string().as_bytes(), found, &[key], 1);
    (decision.answer.status, decision.record, decision.evidence)
}

#[test]
fn handovers_are_followed_in_order() {
    let world = changing();
    let nodes = nodes(&world.leaves);
    let mut log = Log::new(Signers::Authorities(world.genesis.clone()));
    let last = world.signed(4);
    // The last epoch's authorities are not known yet.
    assert_eq!(ask(&log, &request(&nodes, 0, last.clone())).0, 403);
    for (epoch, note) in world.handovers.iter().enumerate() {
        let later = world.handovers.get(epoch + 1);
        if let Some(later) = later {
            assert_eq!(
                ask(&log, &request(&nodes, log.size(), later.clone())).0,
                403
            );
        }
        // A quorum, not less.
        let mut few = note.clone();
        few.signatures.truncate(2);
        assert_eq!(ask(&log, &request(&nodes, log.size(), few)).0, 403);
        let (status, record, _) = ask(&log, &request(&nodes, log.size(), note.clone()));
        assert_eq!(status, 200);
        log = record.unwrap();
        let kept = Signers::parse(&log.signers().to_string()).unwrap();
        let ended = log.ended().iter().map(ToString::to_string);
        let ended = ended.map(|text| Ended::parse(&text).unwrap()).collect();
        let again = Log::resume(kept, log.last().unwrap().clone()).unwrap();
        assert_eq!(again.with_ended(ended), log);
    }
    assert_eq!(ask(&log, &request(&nodes, log.size(), last)).0, 200);
}

/// Three of four show the witness another tree: it names them, and they are those who
/// signed both.
#[test]
fn two_faced_authorities_are_named() {
    let mut world = World::later();
    let log = Log::new(Signers::Authorities(world.genesis.clone()));
    let first = sign(&world.genesis, world.text(), &world.secrets, 3);
    let log = ask(&log, &request(&BTreeMap::new(), 0, first)).1.unwrap();
    // Another history of the same length, and one that goes on from it.
    let at = world.leaves.len() - 1;
    world.leaves[at] = vec![7];
    for more in [0, 5] {
        world.leaves.extend(vec![vec![8]; more]);
        let nodes = nodes(&world.leaves);
        let size = world.leaves.len() as u64;
        let frontier = Frontier::of(size, &nodes).unwrap();
        let text = world.genesis.checkpoint(size, frontier.root(), None).text();
        let mut other = sign(&world.genesis, text, &world.secrets, 4);
        other.signatures.remove(0);
        let (status, record, evidence) = ask(&log, &request(&nodes, log.size(), other));
        assert_eq!((status, record), (422, None));
        let evidence = Evidence::parse(&evidence.unwrap().to_string()).unwrap();
        let known = [Signers::Authorities(world.genesis.clone())];
        // The first signed one of them, the last the other; two signed both.
        assert_eq!(evidence.check(&known).unwrap(), ["harbor", "meridian"]);
    }
}

/// What a witness makes of a note, from where it stands.
fn evidence_of(log: &Log, note: &Note) -> Option<Evidence> {
    let request = Request::new(log.size(), vec![], note.clone()).unwrap();
    let (status, record, evidence) = ask(log, &request);
    assert_ne!((status, &record), (200, &None), "{status}");
    let evidence = evidence?;
    assert_eq!(record, None);
    assert_eq!(
        Evidence::parse(&evidence.to_string()).as_ref(),
        Ok(&evidence)
    );
    Some(evidence)
}

/// Two handovers of one tree to two sets, and what an epoch's authorities sign behind the
/// handover that ended it: whoever signed both is named, by the first set alone.
#[test]
fn what_an_ended_epoch_signs_is_evidence() {
    let world = changing();
    let genesis = &world.genesis;
    let nodes = nodes(&world.leaves);
    let known = [Signers::Authorities(genesis.clone())];
    let handover = &world.handovers[0];
    let (closing, next) = genesis.read(handover).unwrap();
    let root = |size| Frontier::of(size, &nodes).unwrap().root();
    let signed = |size, next: Option<&Authorities>, by: std::ops::Range<usize>| {
        let text = genesis.checkpoint(size, root(size), next).text();
        let mut note = sign(genesis, text, &world.secrets, 4);
        note.signatures = note.signatures[by].to_vec();
        note
    };
    let mut another = next.unwrap();
    another.members.pop();
    let names = |range: std::ops::Range<usize>| {
        let names = genesis.members[range].iter();
        let names = names.map(|member| member.organisation.to_string());
        names.collect::<Vec<_>>()
    };
    let size = closing.size;
    let liars = [
        (signed(size, Some(&another), 1..4), Contradiction::Handovers),
        (signed(size + 1, None, 1..4), Contradiction::AfterHandover),
        (
            signed(size + 2, Some(&another), 1..4),
            Contradiction::AfterHandover,
        ),
    ];
    // One that took the handover, and one that followed on to the last epoch.
    let mut log = Log::new(known[0].clone());
    let mut stands = Vec::new();
    for note in &world.handovers {
        let mut took = note.clone();
        // A quorum of the first set: the fourth did not sign.
        if stands.is_empty() {
            took.signatures.truncate(3);
        }
        log = ask(&log, &request(&nodes, log.size(), took)).1.unwrap();
        stands.push(log.clone());
    }
    for log in [&stands[0], &log] {
        for (note, about) in &liars {
            let evidence = evidence_of(log, note).unwrap();
            assert_eq!(evidence.contradiction(), Ok(*about));
            assert_eq!(evidence.check(&known).unwrap(), names(1..3));
            // One alone is named, too; with who is known by another text it is one evidence.
            let mut one = note.clone();
            one.signatures.drain(1..);
            let mut few = evidence_of(log, &one).unwrap();
            assert_eq!(few.check(&known).unwrap(), names(1..2));
            assert_eq!(few.name(), evidence.name());
            few.unite(&evidence);
            assert_eq!(few.check(&known).unwrap(), names(1..3));
            // The handover that is compared the other way round shows the same.
            let turned = Evidence::of(note.clone(), handover.clone(), &[]).unwrap();
            assert_eq!(turned.name(), evidence.name());
            assert!(turned.check(&known).is_ok());
            // A key alone has no epochs.
            let key = genesis.keys().unwrap().remove(1);
            let alone = evidence.check(&[Signers::Key(key)]);
            assert_eq!(alone, Err(EvidenceError::Nobody));
            // Nobody else did, and nobody who signed one of them alone.
            one.signatures[0].bytes[20] ^= 1;
            assert_eq!(evidence_of(log, &one), None);
            assert_eq!(
                evidence_of(log, &sign(genesis, note.text.clone(), &world.secrets, 0)),
                None
            );
        }
        // What the epoch signed before it ended, and the handover by others, is sound.
        for sound in [
            signed(size, None, 0..4),
            signed(size - 1, None, 0..4),
            signed(
                size,
                Some(&genesis.read(handover).unwrap().1.unwrap()),
                1..4,
            ),
        ] {
            assert_eq!(evidence_of(log, &sound), None);
            let pair = Evidence::of(handover.clone(), sound, &[]);
            assert!(!pair.is_some_and(|pair| pair.contradicts()));
        }
    }
    // One that was shown what follows first, and then that the epoch had ended before.
    let first = Log::new(known[0].clone());
    let ahead = ask(&first, &request(&BTreeMap::new(), 0, liars[1].0.clone()));
    let evidence = evidence_of(&ahead.1.unwrap(), handover).unwrap();
    assert_eq!(evidence.contradiction(), Ok(Contradiction::AfterHandover));
    assert_eq!(evidence.check(&known).unwrap(), names(1..4));
}
