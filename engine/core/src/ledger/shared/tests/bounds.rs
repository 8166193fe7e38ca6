//! How large the state becomes: what the rules admit is read again as it was written, at
//! every bound too, and is no larger than is said.

use std::sync::Arc;

use proptest::prelude::*;

use super::refusals::refused;
use super::*;
use crate::adjudication::DescriptionLimits;

/// Keeps a ledger as a node does: what is kept is read again, and no larger than is said.
fn kept(snapshot: &Snapshot) {
    let bytes = snapshot.to_canon();
    assert_eq!(Snapshot::from_canon(&bytes).as_ref(), Ok(snapshot));
    let mut left = bytes.len();
    let mut part = |bytes: usize, most: usize| {
        assert!(bytes <= most, "{bytes} of {most} bytes");
        left -= bytes;
    };
    let governed = max_snapshot_bytes(0, 0);
    let members = &snapshot.state.members;
    for member in members.values() {
        let most = max_snapshot_bytes(1, member.publications()) - governed;
        part(member.to_canon().len(), most);
    }
    assert!(left <= governed, "{left} of {governed} bytes");
}

/// A publication by the first payer.
fn published(policy: u32, product: &str, day: u32) -> Entry {
    let mut publication = publication(1, "2026-01-01");
    publication.product = product.to_owned();
    publication.policy = Sha256::digest(policy.to_be_bytes()).into();
    publication.effective = publication.effective.plus_days(day as i32).unwrap();
    let key = key("publisher", "harbor/publisher/0");
    Entry::Policy(Box::new(Published::sign(publication, &key)))
}

fn stands(policy: u32, standing: Standing) -> Entry {
    Entry::Standing {
        policy: Sha256::digest(policy.to_be_bytes()).into(),
        standing,
    }
}

fn longest() -> String {
    "p".repeat(DescriptionLimits::NAME)
}

/// A ledger whose first payer has entered this.
fn entered(entries: impl IntoIterator<Item = Entry>) -> World {
    let mut world = World::new();
    let entries: Vec<_> = entries.into_iter().collect();
    for envelope in entries.chunks(MAX_ENVELOPE_ENTRIES) {
        world.enter("harbor", envelope);
    }
    world
}

fn code(world: &World, entry: Entry) -> String {
    refused(world, world.seal("harbor", &[entry])).code()
}

#[test]
fn a_product_has_a_name_that_a_policy_may_have() {
    let world = World::new();
    let long = ["p".repeat(60_000), "p".repeat(DescriptionLimits::NAME + 1)];
    for name in ["", "PPO", "p p", "p\n", "größe", &long[0], &long[1]] {
        assert_eq!(code(&world, published(1, name, 0)), "L133", "{name:.9}");
    }
    let world = entered([published(1, &longest(), 0), published(2, "a-1.b", 0)]);
    assert_eq!(world.member("harbor").publications(), 2);
}

/// So many policies, all of them activated and superseded; and as many dates of one.
#[test]
fn publications_of_an_organisation_have_an_end() {
    let most = MAX_PUBLICATIONS as u32;
    let published_all = (0..most).map(|policy| published(policy, &longest(), 0));
    let by = Sha256::digest(0u32.to_be_bytes()).into();
    let activated = (0..most).map(|policy| stands(policy, Standing::Activated));
    let superseded = (1..most).map(|policy| stands(policy, Standing::Superseded { by }));
    let policies = entered(published_all.chain(activated).chain(superseded));
    let dates = entered((0..most).map(|day| published(0, &longest(), day)));
    for world in [policies, dates] {
        assert_eq!(world.member("harbor").publications(), MAX_PUBLICATIONS);
        kept(&world.snapshot);
        // Neither another policy nor another date; whatever else goes on.
        assert_eq!(code(&world, published(most, &longest(), 0)), "L134");
        assert_eq!(code(&world, published(0, &longest(), most)), "L134");
        assert_eq!(code(&world, published(0, &longest(), 0)), "L114");
        let mut world = world;
        world.enter("harbor", &[Entry::Received([1; 32])]);
    }
}

/// An organisation with texts as long as they may be.
fn large(number: usize, authority: bool) -> Organisation {
    let mut of = organisation("large", &[Role::Payer, Role::Provider], authority, 0);
    let long = |length: usize| format!("{number:0length$}");
    of.id = id(&long(64));
    of.origin = long(200);
    let label = long(63);
    of.name = long(200);
    of.address = format!("{label}.{label}.{label}.00:12345");
    of.url = format!("http://{}", long(193));
    let public = |purpose: &str| public(&format!("{}/{purpose}/0", of.id));
    (of.signing, of.log) = (public("signing"), public("log"));
    of.publisher = Some(public("publisher"));
    of.authority = authority.then(|| public("authority"));
    of
}

/// No more organisations come in than there may be, and one that left comes back.
#[test]
fn organisations_have_an_end() {
    let mut world = World::founded(charter_of(1));
    let mut state = State::clone(&world.snapshot.state);
    for number in state.members.len()..MAX_ORGANISATIONS - 1 {
        let of = large(number, false);
        state
            .members
            .insert(of.id.clone(), Arc::new(Member::new(of)));
    }
    world.snapshot.state = Arc::new(state);
    world.carry(join(large(MAX_ORGANISATIONS, false), 0));
    assert_eq!(world.snapshot.state.members.len(), MAX_ORGANISATIONS);
    kept(&world.snapshot);

    let proposal = world.proposal(join(large(MAX_ORGANISATIONS + 1, false), 0));
    let refusal = world.snapshot.state.may_propose(&id("clinic"), &proposal);
    assert_eq!(refusal.unwrap_err().code(), "L124");
    world.enter("clinic", &[Entry::Proposed(Box::new(proposal))]);
    assert_eq!(world.snapshot.state.members.len(), MAX_ORGANISATIONS);

    world.carry(Change::Leave(id("gone")));
    world.carry(join(organisation("gone", &[Role::Payer], false, 0), 0));
    assert!(!world.member("gone").left);
    kept(&world.snapshot);
}

/// All authorities propose all they may, as large as it may be, and nearly carry it.
#[test]
fn what_is_voted_on_has_an_end() {
    let witnesses = |many: usize| {
        let named = |n: usize| witness(&format!("{n:0200}"));
        (0..many).map(named).collect::<Vec<_>>()
    };
    let mut charter = charter();
    charter.origin = "l".repeat(200);
    charter.organisations = (0..16).map(|number| large(number, true)).collect();
    charter.witnesses = witnesses(32);
    let mut state = State::found(&charter).unwrap();
    let ids: Vec<_> = state.members.keys().cloned().collect();
    for (place, by) in ids.iter().enumerate() {
        for number in 0..4 {
            let mut witnesses = witnesses(32);
            witnesses.rotate_left(4 * (place % 8) + number);
            witnesses[0] = witness(&format!("{place}-{number:0196}"));
            let change = Change::Witnesses(witnesses);
            let proposal = Proposal { epoch: 0, change };
            state.propose(by, proposal.clone()).unwrap();
            let refused = state.propose(by, proposal).unwrap_err();
            assert_eq!(refused.code(), "L123");
        }
    }
    let motions: Vec<_> = state.motions.keys().copied().collect();
    for proposal in motions {
        let by = state.motions[&proposal].by.clone();
        let others = ids.iter().filter(|id| **id != by);
        for (place, id) in others.take(14).enumerate() {
            let assent = place < 9;
            state.vote(id, Motion { proposal, assent }).unwrap();
        }
    }
    assert_eq!(state.motions.len(), 64);
    let mut snapshot = World::new().snapshot;
    snapshot.signers = Arc::new(state.authorities.clone());
    snapshot.state = Arc::new(state);
    kept(&snapshot);
}

/// Something that makes the state larger, or tries: with lengths about what they may be.
#[derive(Debug, Clone)]
enum Act {
    Publish(u32, usize, u32),
    Stand(u32, Option<u32>),
    Join(usize, usize, bool),
    Leave(usize),
    Witnesses(usize, usize),
    Vote(usize, bool),
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let product = || prop_oneof![0usize..4, 62usize..67, Just(60_000)];
    let text = || prop_oneof![0usize..4, 198usize..203, Just(20_000)];
    let act = prop_oneof![
        4 => (0u32..3, product(), 0u32..4).prop_map(|(of, name, day)| Act::Publish(of, name, day)),
        2 => (0u32..3, prop::option::of(0u32..3)).prop_map(|(of, by)| Act::Stand(of, by)),
        2 => (0usize..6, text(), any::<bool>()).prop_map(|(n, long, votes)| Act::Join(n, long, votes)),
        1 => (0usize..6).prop_map(Act::Leave),
        1 => (0usize..35, text()).prop_map(|(many, long)| Act::Witnesses(many, long)),
        4 => (0usize..6, prop::bool::weighted(0.8)).prop_map(|(of, assent)| Act::Vote(of, assent)),
    ];
    prop::collection::vec((0usize..4, act), 1..40)
}

/// The envelope by which somebody does it.
fn envelope(world: &World, by: usize, act: &Act) -> Option<Envelope> {
    let set = &world.snapshot.state.authorities.members;
    let by = set[by % set.len()].organisation.as_str();
    let proposed = |change| {
        let entry = Entry::Proposed(Box::new(world.proposal(change)));
        world.seal(by, &[entry])
    };
    let known = world
        .secrets
        .contains_key(&world.member(by).organisation.signing);
    let governs = known && world.member(by).next > 0;
    Some(match *act {
        Act::Publish(of, product, day) => {
            world.seal("harbor", &[published(of, &"p".repeat(product), day)])
        }
        Act::Stand(of, None) => world.seal("harbor", &[stands(of, Standing::Activated)]),
        Act::Stand(of, Some(by)) => {
            let by = Sha256::digest(by.to_be_bytes()).into();
            world.seal("harbor", &[stands(of, Standing::Superseded { by })])
        }
        _ if !governs => return None,
        Act::Join(number, text, votes) => {
            let mut of = large(number, votes);
            of.name = "n".repeat(text);
            of.url = "u".repeat(text);
            proposed(join(of, 0))
        }
        Act::Leave(number) => proposed(Change::Leave(large(number, false).id)),
        Act::Witnesses(many, text) => {
            let named = |n: usize| witness(&format!("{n:0text$}"));
            let witnesses = (0..many.min(60_000 / (text + 40))).map(named).collect();
            proposed(Change::Witnesses(witnesses))
        }
        Act::Vote(of, assent) => {
            let open: Vec<_> = world.snapshot.state.motions.keys().collect();
            let of = **open.get(of % open.len().max(1))?;
            world.seal(by, &[vote(of, assent)])
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn all_that_is_admitted_is_read_again(
        founders in prop::sample::select(vec![1, 4]),
        acts in acts(),
    ) {
        let mut world = World::founded(charter_of(founders));
        for (by, act) in acts {
            if let Some(envelope) = envelope(&world, by, &act) {
                let (block, _) = build(&world.snapshot, &[envelope]).unwrap();
                world.extend(&block);
                kept(&world.snapshot);
            }
        }
    }
}
