//! What is encoded is read again, and nothing else is.

use proptest::prelude::*;

use super::*;
use crate::ledger::tree::Frontier;

/// Bytes that decode are the encoding of what they decode to.
fn exact<T: Canon>(bytes: &[u8]) {
    if let Ok(value) = T::from_canon(bytes) {
        assert_eq!(value.to_canon(), bytes);
    }
}

fn all(bytes: &[u8]) {
    exact::<Snapshot>(bytes);
    exact::<State>(bytes);
    exact::<Frontier>(bytes);
    exact::<Authorities>(bytes);
    exact::<Block>(bytes);
    exact::<Envelope>(bytes);
    exact::<Charter>(bytes);
    exact::<Entry>(bytes);
    let _ = Block::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(set) = Authorities::parse(text)
    {
        assert_eq!(set.text(), text);
    }
}

/// One of everything, with motions open and a block.
fn samples() -> Vec<Vec<u8>> {
    let mut world = World::later();
    let proposal = world.proposal(Change::Leave(id("state")));
    let voted = vote(proposal.id(), true);
    world.enter("clinic", &[Entry::Proposed(Box::new(proposal))]);
    world.enter(
        "harbor",
        &[voted, standing(1, Standing::Superseded { by: [2; 32] })],
    );
    let proposal = world.proposal(join(organisation("new", &[Role::Provider], true, 1), 1));
    world.enter("meridian", &[Entry::Proposed(Box::new(proposal))]);
    let envelopes = [world.seal("harbor", &[Entry::Received([1; 32])])];
    let (block, after) = build(&world.snapshot, &envelopes).unwrap();
    assert_eq!(Snapshot::from_canon(&after.to_canon()).unwrap(), after);
    assert_eq!(Block::from_canon(&block.to_canon()).unwrap(), block);
    let mut samples = vec![
        after.to_canon(),
        after.state.to_canon(),
        after.frontier.to_canon(),
        world.genesis.to_canon(),
        world.genesis.text().into_bytes(),
        block.to_canon(),
        envelopes[0].to_canon(),
    ];
    samples.extend(world.leaves);
    samples
}

/// The encodings are frozen: to change a hash here is to change what stands on every
/// ledger there is.
#[test]
fn encodings_are_frozen() {
    let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
    let world = World::later();
    let mut frozen = vec![format!("block {}", hex(world.snapshot.id))];
    for bytes in samples() {
        let digest = hex(Sha256::digest(&bytes).into());
        frozen.push(format!("{} bytes {digest}", bytes.len()));
    }
    insta::assert_snapshot!(frozen.join("\n"));
}

#[test]
fn leaves_are_entries() {
    for leaf in World::later().leaves {
        assert_eq!(Entry::from_canon(&leaf).unwrap().to_canon(), leaf);
    }
}

#[test]
fn what_is_cut_or_longer_is_nothing() {
    for sample in samples() {
        for cut in 0..sample.len() {
            all(&sample[..cut]);
        }
        all(&[&sample[..], &[0]].concat());
    }
}

/// What is kept in order is read only in order: two states that are equal have the
/// same bytes.
#[test]
fn order_is_part_of_the_encoding() {
    let state = (*World::later().snapshot.state).clone();
    let mut members: Vec<Member> = state.members.values().map(|m| (**m).clone()).collect();
    let bytes = |members: &Vec<Member>| {
        let mut bytes = Vec::new();
        state.origin.put(&mut bytes);
        state.authorities.put(&mut bytes);
        members.put(&mut bytes);
        Vec::<OpenMotion>::new().put(&mut bytes);
        bytes
    };
    assert_eq!(State::from_canon(&bytes(&members)).unwrap(), state);
    members.swap(1, 2);
    assert!(State::from_canon(&bytes(&members)).is_err());
    members[1] = members[2].clone();
    assert!(State::from_canon(&bytes(&members)).is_err());
    let mut set = state.authorities.clone();
    set.members.swap(0, 1);
    assert!(Authorities::from_canon(&set.to_canon()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damage_never_panics_and_never_decodes_to_something_else(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        thread_local! { static SAMPLES: Vec<Vec<u8>> = samples(); }
        let mut bytes = SAMPLES.with(|samples| samples[which.index(samples.len())].clone());
        for (at, byte, kind) in damage {
            let at = at.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        all(&bytes);
    }
}
