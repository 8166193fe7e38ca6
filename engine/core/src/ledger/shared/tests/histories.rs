//! Random histories: whoever builds, whoever follows and whoever audits afterwards
//! come to the same.

use proptest::prelude::*;

use super::*;

/// Something that an organisation does, or tries.
#[derive(Debug, Clone)]
enum Act {
    Enter(u8, u8),
    Adjudicate(u8, u8, u64),
    Publish(u8),
    Stand(u8, Option<u8>),
    Join(u8, bool),
    Rotate(u8, bool),
    Leave(u8, u8),
    Witnesses(u8, u8),
    Vote(u8, u8, bool),
    /// Something seen before is sent again.
    Again(u8),
    /// What is signed by nobody.
    Forge(u8),
}

/// What is done before the next block: an envelope for each act, or, where an authority is
/// named, all of it in one envelope of its own.
type Round = (Option<u8>, Vec<Act>);

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let act = prop_oneof![
        1 => (0u8..9, 0u8..7).prop_map(|(by, kind)| Act::Enter(by, kind)),
        1 => (0u8..9, 0u8..4, 0u64..12).prop_map(|(by, of, prefix)| Act::Adjudicate(by, of, prefix)),
        1 => (0u8..4).prop_map(Act::Publish),
        1 => (0u8..4, prop::option::of(0u8..4)).prop_map(|(of, by)| Act::Stand(of, by)),
        1 => (0u8..9, any::<bool>()).prop_map(|(by, authority)| Act::Join(by, authority)),
        1 => (0u8..9, any::<bool>()).prop_map(|(by, authority)| Act::Rotate(by, authority)),
        1 => (0u8..9, 0u8..9).prop_map(|(by, who)| Act::Leave(by, who)),
        1 => (0u8..9, 0u8..3).prop_map(|(by, many)| Act::Witnesses(by, many)),
        4 => (0u8..9, 0u8..6, prop::bool::weighted(0.8)).prop_map(|(by, of, assent)| Act::Vote(by, of, assent)),
        1 => (0u8..9).prop_map(Act::Again),
        1 => (0u8..9).prop_map(Act::Forge),
    ];
    let round = (prop::option::of(0u8..4), prop::collection::vec(act, 0..7));
    prop::collection::vec(round, 1..25)
}

const NAMES: [&str; 9] = [
    "clinic", "gone", "harbor", "keeper", "late", "meridian", "state", "new-a", "new-b",
];

/// The world, and what was sent so far.
struct Play {
    world: World,
    sent: Vec<Envelope>,
    made: u32,
}

/// An entry, and in whose log.
type Entered = (&'static str, Entry);

impl Play {
    /// The envelopes of a round.
    fn envelopes(&mut self, (one, acts): &Round) -> Vec<Envelope> {
        let Some(one) = one else {
            return acts.iter().filter_map(|act| self.envelope(act)).collect();
        };
        let set = &self.world.snapshot.state.authorities.members;
        let one = set[usize::from(*one) % set.len()].organisation.clone();
        let member = self.world.member(one.as_str());
        let (origin, key) = (member.organisation.origin.clone(), member.organisation.log);
        let begins = member.next == 0;
        let begins = begins.then_some(Entry::Genesis { origin, key });
        let acts = acts.iter().filter_map(|act| self.entry(act));
        let governs = |entry: &Entry| matches!(entry, Entry::Proposed(_) | Entry::Voted(_));
        let acts: Vec<_> = acts.map(|(_, entry)| entry).filter(governs).collect();
        let entries: Vec<_> = begins.into_iter().chain(acts).collect();
        vec![self.world.seal(one.as_str(), &entries)]
    }

    fn envelope(&mut self, act: &Act) -> Option<Envelope> {
        match *act {
            Act::Again(of) => self.sent.get(usize::from(of)).cloned(),
            Act::Forge(by) => {
                let mut forged = self.seal((NAMES[usize::from(by)], Entry::Received([7; 32])))?;
                forged.header.signature[usize::from(by)] ^= 1;
                Some(forged)
            }
            _ => {
                let entered = self.entry(act)?;
                self.seal(entered)
            }
        }
    }

    fn seal(&self, (name, entry): Entered) -> Option<Envelope> {
        let known = self.world.snapshot.state.members.contains_key(&id(name));
        known.then(|| self.world.seal(name, &[entry]))
    }

    fn propose(&self, by: u8, change: Change) -> Entered {
        let proposal = self.world.proposal(change);
        (NAMES[usize::from(by)], Entry::Proposed(Box::new(proposal)))
    }

    fn changed(&mut self, name: &str, authority: bool) -> Organisation {
        self.made += 1;
        self.world.knows(&id(name), self.made);
        organisation(name, &[Role::Payer, Role::Provider], authority, self.made)
    }

    /// Who leaves: as often an authority as anybody.
    fn leaver(&self, who: u8) -> OrganisationId {
        let set = &self.world.snapshot.state.authorities.members;
        let place = usize::from(who / 2);
        if who.is_multiple_of(2) {
            set[place % set.len()].organisation.clone()
        } else {
            id(NAMES[usize::from(who)])
        }
    }

    fn entry(&mut self, act: &Act) -> Option<Entered> {
        let commitment = [7; 32];
        let harbor = NAMES[2];
        Some(match *act {
            Act::Enter(by, kind) => {
                let name = NAMES[usize::from(by)];
                let entry = match kind {
                    0 => Entry::Received(commitment),
                    1 => Entry::Agreed(commitment),
                    2 => Entry::Granted(commitment),
                    3 => Entry::Disputed(commitment),
                    4 => Entry::PaymentAdvised(commitment),
                    5 => Entry::Genesis {
                        origin: format!("{name}.example/log"),
                        key: public(&format!("{name}/log")),
                    },
                    _ => Entry::Erased {
                        index: 1,
                        ground: crate::ledger::Ground::Order,
                    },
                };
                (name, entry)
            }
            Act::Adjudicate(by, of, prefix) => {
                let entry = adjudicated((of > 0).then_some(of), prefix);
                (NAMES[usize::from(by)], entry)
            }
            Act::Publish(of) => (harbor, policy(of, "2026-01-01")),
            Act::Stand(of, None) => (harbor, standing(of, Standing::Activated)),
            Act::Stand(of, Some(by)) => {
                let by = [by; 32];
                (harbor, standing(of, Standing::Superseded { by }))
            }
            Act::Join(by, authority) => {
                let new = self.changed(NAMES[7 + usize::from(by % 2)], authority);
                self.propose(by, join(new, self.made))
            }
            Act::Rotate(by, authority) => {
                let name = NAMES[usize::from((by + self.made as u8) % 9)];
                let new = self.changed(name, authority);
                self.propose(by, rotate(new, self.made))
            }
            Act::Leave(by, who) => self.propose(by, Change::Leave(self.leaver(who))),
            Act::Witnesses(by, many) => {
                let named = |n| witness(&format!("w{n}.example"));
                self.propose(by, Change::Witnesses((0..many).map(named).collect()))
            }
            Act::Vote(by, of, assent) => {
                let open: Vec<_> = self.world.snapshot.state.motions.keys().collect();
                let of = **open.get(usize::from(of) % open.len().max(1))?;
                (NAMES[usize::from(by)], vote(of, assent))
            }
            Act::Again(_) | Act::Forge(_) => return None,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn all_come_to_the_same(
        founders in prop::sample::select(vec![1, 2, 4]),
        rounds in rounds(),
    ) {
        let world = World::founded(charter_of(founders));
        let mut play = Play { world, sent: Vec::new(), made: 0 };
        let mut epoch = 0;
        for round in rounds {
            let pool = play.envelopes(&round);
            play.sent.extend(pool.iter().cloned());
            let (block, built) = build(&play.world.snapshot, &pool).unwrap();
            // Who follows has the block from bytes, and its snapshot from the disk.
            let before = Snapshot::from_canon(&play.world.snapshot.to_canon()).unwrap();
            let read = Block::parse(&block.to_canon()).unwrap();
            prop_assert_eq!(&before.extend(&read).unwrap(), &built);
            prop_assert!(block.envelopes.iter().all(|e| pool.contains(e)));
            play.world.extend(&block);
            let set = &play.world.snapshot.state.authorities;
            let now = set.epoch;
            prop_assert_eq!(now, epoch + u64::from(play.world.snapshot.boundary));
            epoch = now;
            prop_assert_eq!(set.check(), Ok(()));
            // One authority takes in no second.
            prop_assert!(set.members.len() == 1 || play.world.snapshot.signers.members.len() > 1);
        }
        let world = &play.world;
        let (state, frontier) = audit(world.leaves.iter().map(Vec::as_slice)).unwrap();
        prop_assert_eq!(&state, &*world.snapshot.state);
        prop_assert_eq!(&frontier, &world.snapshot.frontier);
        // Nothing is left over that the next envelope would pay for.
        prop_assert_eq!(&State::from_canon(&state.to_canon()).unwrap(), &state);
        let (sets, size) = world.genesis.walk(&world.handovers).unwrap();
        prop_assert_eq!(sets.last(), Some(&state.authorities));
        prop_assert!(size <= frontier.size());
        // No leaf can be lost, doubled or moved unnoticed.
        if world.leaves.len() > 8 {
            let mut other = world.leaves.clone();
            other.remove(7);
            let other = audit(other.iter().map(Vec::as_slice));
            prop_assert!(other.is_err() || other.unwrap().1 != frontier);
        }
    }
}
