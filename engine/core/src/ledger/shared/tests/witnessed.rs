//! A witness that follows a consortium.

use super::authorities::changing;
use super::*;
use crate::ledger::Checkpoint;
use crate::ledger::tree::{Frontier, consistency_proof, leaf_hash};
use crate::ledger::witness::{Evidence, Log, Request, Signers, add_checkpoint};

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
        assert_eq!(Log::resume(kept, log.last().unwrap().clone()).unwrap(), log);
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
