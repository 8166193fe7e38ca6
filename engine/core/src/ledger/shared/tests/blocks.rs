//! What blocks hold, and what they come to.

use super::*;

#[test]
fn the_charter_is_the_first_leaf_and_blocks_follow() {
    let world = World::later();
    let snapshot = &world.snapshot;
    assert_eq!(snapshot.frontier.size(), world.leaves.len() as u64);
    assert_eq!(world.member("harbor").next, 7);
    assert!(world.member("gone").left);
    // An organisation without a vote came and went without a new epoch.
    assert_eq!(snapshot.state.authorities.epoch, 0);
    let empty = build(snapshot, &[]).unwrap();
    assert_eq!(empty.1.frontier, snapshot.frontier);
    assert_eq!(snapshot.extend(&empty.0).unwrap(), empty.1);
    assert_ne!(empty.1.id, snapshot.id);
}

#[test]
fn the_same_bytes_have_the_same_leaf_in_both_logs() {
    let mut world = World::new();
    let entry = Entry::Received([7; 32]);
    world.enter("harbor", std::slice::from_ref(&entry));
    assert_eq!(world.leaves.last(), Some(&entry.to_canon()));
}

/// Refused envelopes are left out, and what follows them of the same log with them.
#[test]
fn a_block_is_built_of_what_is_admitted() {
    let world = World::later();
    let received = Entry::Received([0; 32]).to_canon();
    let at = |name: &str, first| world.seal_bytes(name, first, vec![received.clone()]);
    let good = [at("harbor", 7), at("harbor", 8), at("meridian", 2)];
    let pool = [
        at("clinic", 9),
        good[0].clone(),
        good[0].clone(),
        at("harbor", 9),
        good[1].clone(),
        good[2].clone(),
        at("gone", 1),
    ];
    let (block, after) = build(&world.snapshot, &pool).unwrap();
    assert_eq!(block.envelopes, good);
    assert_eq!(world.snapshot.extend(&block).unwrap(), after);
    // The nodes that a store keeps are those of the tree.
    let nodes = world.snapshot.nodes(&block);
    let grown: Vec<_> = block.leaves();
    assert_eq!(
        nodes.iter().filter(|node| node.level == 0).count(),
        grown.len()
    );
}

/// The largest envelope there may be fits into a block, and the block is read again:
/// no organisation can bring the ledger to a stop by what it sends.
#[test]
fn the_largest_envelopes_fit() {
    let entry = policy_of(60_000);
    let sizes = [entry.len(), entry.len(), entry.len(), entry.len()];
    assert_eq!(Envelope::room(sizes), 3);
    assert_eq!(Envelope::room([1; 9_999]), MAX_ENVELOPE_ENTRIES);
    assert_eq!(Envelope::room([]), 0);
    let small = Entry::Received([0; 32]).to_canon();
    let mut worlds = World::later();
    for entries in [vec![entry], vec![small; MAX_ENVELOPE_ENTRIES]] {
        let next = worlds.member("harbor").next;
        let envelope = worlds.seal_bytes("harbor", next, entries);
        let (block, _) = build(&worlds.snapshot, &[envelope]).unwrap();
        assert_eq!(block.envelopes.len(), 1);
        assert_eq!(Block::parse(&block.to_canon()).unwrap(), block);
        worlds.extend(&block);
    }
    // As many small envelopes as a block holds.
    let next = worlds.member("harbor").next;
    let received = vec![Entry::Received([0; 32]).to_canon()];
    let many: Vec<_> = (0..1_000)
        .map(|at| worlds.seal_bytes("harbor", next + at, received.clone()))
        .collect();
    let (block, _) = build(&worlds.snapshot, &many).unwrap();
    assert!(block.envelopes.len() > 600);
    assert!(Block::parse(&block.to_canon()).is_ok());
}

/// A publication that takes about so many bytes.
fn policy_of(bytes: usize) -> Vec<u8> {
    let mut publication = publication(7, "2026-01-01");
    // Of some 40 bytes each.
    let table = |number| crate::ledger::TableHash {
        name: format!("{number:04}"),
        hash: [7; 32],
    };
    publication.tables = (0..bytes / 40).map(table).collect();
    let key = key("publisher", "harbor/publisher/0");
    Entry::Policy(Box::new(Published::sign(publication, &key))).to_canon()
}

/// One authority cannot keep the others from proposing, and votes against end a motion.
#[test]
fn motions_end() {
    let mut world = World::later();
    let proposal = world.proposal(Change::Leave(id("state")));
    let (of, no) = (proposal.id(), vote(proposal.id(), false));
    for name in ["gone", "keeper", "late"].map(id) {
        let entry = Entry::Proposed(Box::new(world.proposal(Change::Leave(name.clone()))));
        if name != id("gone") {
            world.enter("clinic", &[entry]);
        }
    }
    world.enter("harbor", &[Entry::Proposed(Box::new(proposal))]);
    assert_eq!(world.snapshot.state.motions.len(), 3);
    world.enter("clinic", std::slice::from_ref(&no));
    assert!(world.snapshot.state.motions.contains_key(&of));
    world.enter("meridian", &[no]);
    assert!(!world.snapshot.state.motions.contains_key(&of));
    assert!(!world.member("state").left);
}

/// Who comes back goes on with the log it had.
#[test]
fn an_organisation_comes_back() {
    let mut world = World::later();
    assert!(world.member("gone").left);
    world.carry(join(organisation("gone", &[Role::Payer], false, 2), 2));
    world.knows(&id("gone"), 2);
    assert!(!world.member("gone").left);
    world.enter("gone", &[Entry::Received([0; 32])]);
    assert_eq!(world.member("gone").next, 2);
}
