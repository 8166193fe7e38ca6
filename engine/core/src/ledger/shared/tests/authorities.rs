//! Sets of authorities, what they sign, and the walk from one to the next.

use super::*;
use crate::ledger::Checkpoint;
use std::collections::BTreeSet;

/// Any two quorums have more members in common than may be faulty, and there is a
/// quorum without those.
#[test]
fn quorums_intersect() {
    for n in 1..=100 {
        let (faulty, quorum) = ((n - 1) / 3, quorum(n));
        assert!(2 * quorum - n > faulty, "{n}");
        assert!(n - faulty >= quorum, "{n}");
    }
    assert_eq!([1, 2, 3, 4, 7, 10].map(quorum), [1, 2, 3, 3, 5, 7]);
    // The smallest that does: of four, by hand.
    let sets: Vec<u32> = (0..16u32).filter(|set| set.count_ones() == 3).collect();
    for (a, b) in sets.iter().flat_map(|a| sets.iter().map(move |b| (a, b))) {
        assert!((a & b).count_ones() >= 2);
    }
}

#[test]
fn a_set_as_text() {
    let world = World::new();
    let set = &world.genesis;
    let text = set.text();
    assert_eq!(&Authorities::parse(&text).unwrap(), set);
    insta::assert_snapshot!(text);
    insta::assert_snapshot!("a_checkpoint", world.signed(3).to_string());
    // Any changed byte makes it another set, or none.
    for at in 0..text.len() {
        for change in [1u8, 2, 4, 0x20, 0x80] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let other = String::from_utf8(bytes).ok();
            let other = other.and_then(|text| Authorities::parse(&text).ok());
            assert!(other.is_none_or(|other| other.hash() != set.hash()), "{at}");
        }
    }
}

/// The largest set there may be signs notes that are read again.
#[test]
fn the_largest_set() {
    let mut set = World::new().genesis;
    set.origin = "o".repeat(200);
    let mut secrets = BTreeMap::new();
    let member = |n: u32| {
        let name = format!("{:0>60}", format!("n{n:03}"));
        secrets.insert(public(&name), name.clone());
        Authority {
            organisation: id(&name),
            key: public(&name),
        }
    };
    set.members = (0..16).map(member).collect();
    let named = |n: u32| witness(&format!("{:w>200}", n));
    set.witnesses = (0..32).map(named).collect();
    let mut next = set.clone();
    next.epoch = 1;
    let text = set.checkpoint(u64::MAX, [7; 32], Some(&next)).text();
    let mut note = sign(&set, text, &secrets, 16);
    for n in 0..32 {
        let name = format!("{:w>200}", n);
        let key = SigningKey::cosigner(&name, &secret(&name)).unwrap();
        note.signatures.push(key.cosign(&note.text, u64::MAX / 2));
    }
    let note = Note::parse(&note.to_string()).unwrap();
    let signed = set.verify(&note).unwrap();
    assert_eq!((signed.signers.len(), signed.cosigners.len()), (16, 32));
    assert_eq!(signed.next, Some(next));
}

/// A consortium that changes three times: who joins, who takes another key, who leaves.
pub(super) fn changing() -> World {
    let mut world = World::later();
    let new = organisation("new", &[Role::Provider], true, 1);
    world.knows(&new.id, 1);
    world.carry(join(new.clone(), 1));
    let genesis = Entry::Genesis {
        origin: new.origin,
        key: new.log,
    };
    world.enter("new", &[genesis]);
    let rotated = organisation("clinic", &[Role::Provider], true, 2);
    world.knows(&rotated.id, 2);
    world.carry(rotate(rotated, 2));
    world.carry(Change::Leave(id("state")));
    world.carry(Change::Witnesses(vec![]));
    world.enter("harbor", &[Entry::Received([0; 32])]);
    world
}

#[test]
fn a_walk_over_handovers() {
    let world = changing();
    let handovers = &world.handovers;
    assert_eq!(handovers.len(), 4);
    let (signed, sets) = world
        .genesis
        .reach(handovers, &world.signed(3 + 1))
        .unwrap();
    assert_eq!(signed.checkpoint.size, world.leaves.len() as u64);
    let epochs: Vec<_> = sets.iter().map(|set| set.epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3, 4]);
    assert_eq!(sets.last(), Some(&world.snapshot.state.authorities));
    assert_eq!(signed.signers.len(), 4);
    // From any epoch on.
    for (from, set) in sets.iter().enumerate() {
        assert!(set.reach(&handovers[from..], &world.signed(4)).is_ok());
    }
    // Not with one left out, twice, or in another order.
    for at in 0..handovers.len() {
        let mut fewer = handovers.clone();
        fewer.remove(at);
        assert!(world.genesis.reach(&fewer, &world.signed(4)).is_err());
        let mut more = handovers.clone();
        more.insert(at, handovers[at].clone());
        assert!(world.genesis.walk(&more).is_err());
    }
    let mut swapped = handovers.clone();
    swapped.swap(0, 1);
    assert!(world.genesis.walk(&swapped).is_err());
    // Nor with a handover that too few signed.
    let text = handovers[0].text.clone();
    let few = sign(&world.genesis, text, &world.secrets, 2);
    let error = world.genesis.walk(&[few]).unwrap_err();
    assert!(
        matches!(error, SetError::Handover(0, of) if matches!(*of, SetError::Quorum { signed: 2, of: 4, quorum: 3 }))
    );
}

#[test]
fn what_a_set_did_not_sign() {
    let world = changing();
    let genesis = &world.genesis;
    let checkpoint = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = genesis.checkpoint(50, [5; 32], None);
        change(&mut checkpoint);
        sign(genesis, checkpoint.text(), &world.secrets, 4)
    };
    assert!(genesis.verify(&checkpoint(&|_| ())).is_ok());
    let wrong = |change: &dyn Fn(&mut Checkpoint)| genesis.verify(&checkpoint(change)).unwrap_err();
    let origin = wrong(&|c| c.origin = "ledger.example/other".into());
    assert!(matches!(origin, SetError::Origin(_)));
    let epoch = wrong(&|c| c.extensions[0] = "epoch 1".into());
    assert_eq!(epoch, SetError::Epoch(0));
    assert_eq!(wrong(&|c| c.extensions.clear()), SetError::Epoch(0));
    let set = wrong(&|c| c.extensions[1] = format!("set {}", "A".repeat(43)));
    assert_eq!(set, SetError::Set);
    assert!(matches!(
        wrong(&|c| c.extensions.push("more".into())),
        SetError::Form(_)
    ));
    // Of the next set, but not the next epoch.
    let mut later = world.snapshot.state.authorities.clone();
    later.epoch = 2;
    let lines = later.lines();
    assert_eq!(
        wrong(&|c| c.extensions.extend(lines.clone())),
        SetError::Epoch(1)
    );

    // A line that is somebody else's, twice there, or does not hold.
    let good = checkpoint(&|_| ());
    let with = |change: &dyn Fn(&mut Note)| {
        let mut note = good.clone();
        change(&mut note);
        genesis.verify(&note).unwrap_err()
    };
    let stranger = key(ORIGIN, "stranger").sign_note(good.text.clone());
    let stranger = stranger.signatures[0].clone();
    assert_eq!(
        with(&|n| n.signatures.push(stranger.clone())),
        SetError::Stranger
    );
    assert_eq!(
        with(&|n| n.signatures.push(n.signatures[0].clone())),
        SetError::Twice("clinic".into())
    );
    assert!(matches!(
        with(&|n| n.signatures[0].bytes[9] ^= 1),
        SetError::Note(_)
    ));
    assert!(matches!(
        with(&|n| n.signatures.truncate(2)),
        SetError::Quorum { signed: 2, .. }
    ));
    // Cosignatures do not count towards the quorum.
    let name = "auditor.example/w";
    let witness = SigningKey::cosigner(name, &secret(name)).unwrap();
    let mut cosigned = good.clone();
    cosigned
        .signatures
        .push(witness.cosign(&good.text, 1_800_000_000));
    let signed = genesis.verify(&cosigned).unwrap();
    assert_eq!(signed.cosigners, [(name.to_owned(), 1_800_000_000)]);
    let few = with(&|n| {
        n.signatures.truncate(2);
        n.signatures.push(witness.cosign(&n.text, 1));
    });
    assert!(matches!(few, SetError::Quorum { signed: 2, .. }));
    let never = with(&|n| n.signatures.push(witness.cosign(&n.text, 0)));
    assert!(matches!(never, SetError::Note(_)));
}

/// A tree does not shrink from one epoch to the next.
#[test]
fn a_tree_does_not_shrink() {
    let world = changing();
    let last = &world.snapshot.state.authorities;
    let small = last.checkpoint(10, [5; 32], None).text();
    let note = sign(last, small, &world.secrets, 4);
    let error = world.genesis.reach(&world.handovers, &note).unwrap_err();
    assert!(matches!(error, SetError::Shrinks { to: 10, .. }));
}

/// The auditor's leaves and the handovers tell the same epochs.
#[test]
fn leaves_say_where_epochs_end() {
    let world = changing();
    let (state, frontier) = audit(world.leaves.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(state, *world.snapshot.state);
    assert_eq!(frontier, world.snapshot.frontier);
    let mut ends = BTreeSet::new();
    for note in &world.handovers {
        let size = Checkpoint::parse(&note.text).unwrap().size;
        let upto = &world.leaves[..usize::try_from(size).unwrap()];
        let (state, frontier) = audit(upto.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(Checkpoint::parse(&note.text).unwrap().root, frontier.root());
        ends.insert(state.authorities.epoch);
    }
    assert_eq!(ends, BTreeSet::from([1, 2, 3, 4]));
}
