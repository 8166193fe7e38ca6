//! The rules of the ledger, as the notary asks for them.

use std::sync::Arc;

use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Block, Snapshot, build};
use tally_notary::{Authority, Header, Judged, Machine};

use super::pool::Pool;

/// The ledger's rules over what waits.
pub struct Chain {
    /// What stands after the charter.
    pub genesis: Arc<Snapshot>,
    /// What waits.
    pub pool: Arc<Pool>,
}

impl Machine for Chain {
    type State = Arc<Snapshot>;

    fn genesis(&self) -> Self::State {
        Arc::clone(&self.genesis)
    }

    fn propose(&self, parent: &Self::State, _: Header) -> Option<Vec<u8>> {
        let (block, _) = self.pool.block(parent)?;
        Some(block.to_canon())
    }

    fn empty(&self, parent: &Self::State, _: Header) -> Vec<u8> {
        build(parent, &[]).map_or_else(Vec::new, |(block, _)| block.to_canon())
    }

    fn judge(&self, parent: &Self::State, header: Header, payload: &[u8]) -> Judged<Self::State> {
        let judged = Block::parse(payload).and_then(|block| {
            let next = parent.extend(&block)?;
            Ok((block, next))
        });
        match judged {
            Ok((block, next))
                if (block.header.epoch, block.header.height) == (header.epoch, header.height) =>
            {
                Judged::Holds(Arc::new(next))
            }
            Ok(_) => Judged::Refused("its epoch or height is not the chain's".to_owned()),
            Err(refusal) => Judged::Refused(refusal.to_string()),
        }
    }

    fn next_authorities(&self, state: &Self::State) -> Option<Vec<Authority>> {
        state.boundary.then(|| authorities(state))
    }
}

/// The authorities of the epoch after a block, and where they are.
pub fn authorities(snapshot: &Snapshot) -> Vec<Authority> {
    let state = &snapshot.state;
    state
        .authorities
        .members
        .iter()
        .map(|authority| Authority {
            key: authority.key,
            address: state
                .members
                .get(&authority.organisation)
                .map(|member| member.organisation.address.clone())
                .unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tally_core::ledger::shared::{
        Change, Charter, Envelope, Organisation, OrganisationId, Proposal, Role,
    };
    use tally_core::ledger::{Entry, SigningKey};

    use super::*;

    const ORIGIN: &str = "ledger.example";
    const NAMES: [&str; 3] = ["one", "two", "three"];

    fn key(who: u8, purpose: u8) -> SigningKey {
        SigningKey::new("key", &[10 * who + purpose + 1; 32]).unwrap()
    }

    fn id(who: u8) -> OrganisationId {
        OrganisationId::parse(NAMES[usize::from(who)]).unwrap()
    }

    fn organisation(who: u8) -> Organisation {
        let public = |purpose| key(who, purpose).verifier().public();
        Organisation {
            id: id(who),
            name: NAMES[usize::from(who)].to_owned(),
            roles: vec![Role::Payer],
            signing: public(0),
            sealing: [1; 32],
            origin: format!("{}.example", NAMES[usize::from(who)]),
            log: public(1),
            publisher: None,
            authority: (who == 0).then(|| public(2)),
            address: "127.0.0.1:7000".to_owned(),
            url: String::new(),
        }
    }

    fn sealed(who: u8, first: u64, entries: Vec<Vec<u8>>) -> Envelope {
        Envelope::seal(ORIGIN, id(who), first, entries, &key(who, 0))
    }

    fn genesis(who: u8) -> Vec<u8> {
        let of = organisation(who);
        let (origin, key) = (of.origin, of.log);
        Entry::Genesis { origin, key }.to_canon()
    }

    fn received(count: usize) -> Vec<Vec<u8>> {
        vec![Entry::Received([7; 32]).to_canon(); count]
    }

    /// What is no entry, as long as an envelope may be.
    fn junk() -> Vec<Vec<u8>> {
        vec![vec![9; 60_000]; 3]
    }

    /// A ledger of three organisations whose logs have begun.
    fn begun() -> (Chain, Arc<Snapshot>) {
        let charter = Charter {
            origin: ORIGIN.to_owned(),
            organisations: (0..3).map(organisation).collect(),
            witnesses: Vec::new(),
        };
        let genesis_of = |who| sealed(who, 0, vec![genesis(who)]);
        let founded = Arc::new(Snapshot::found(&charter).unwrap());
        let begun: Vec<_> = (0..3).map(genesis_of).collect();
        let (_, after) = build(&founded, &begun).unwrap();
        assert_eq!(after.frontier.size(), 7);
        let chain = Chain {
            genesis: founded,
            pool: Arc::new(Pool::default()),
        };
        (chain, Arc::new(after))
    }

    fn put(chain: &Chain, at: &Snapshot, envelopes: &[Envelope]) {
        for envelope in envelopes {
            assert!(chain.pool.put(&at.state, envelope.clone()));
        }
    }

    fn proposed(chain: &Chain, at: &Arc<Snapshot>, height: u64) -> Vec<Envelope> {
        // Whose turn is first goes by the height.
        let mut at = Snapshot::clone(at);
        at.height = height;
        let header = Header {
            epoch: 0,
            height: height + 1,
            parent: at.id,
        };
        let payload = chain.propose(&Arc::new(at), header);
        payload.map_or_else(Vec::new, |payload| {
            Block::parse(&payload).unwrap().envelopes
        })
    }

    /// Junk of two organisations keeps nothing of the third out of a block, whosever turn
    /// is first, also where it comes behind what is good; and it is forgotten.
    #[test]
    fn junk_wastes_no_block() {
        for height in 0..3 {
            for good in [0, 1] {
                let (chain, at) = begun();
                let first = 1 + good as u64;
                for who in [0, 1] {
                    put(&chain, &at, &[sealed(who, first, junk())]);
                    if good > 0 {
                        put(&chain, &at, &[sealed(who, 1, received(good))]);
                    }
                }
                let rest = [sealed(2, 1, received(300)), sealed(2, 301, received(300))];
                put(&chain, &at, &rest);
                let mut block = proposed(&chain, &at, height);
                block.retain(|of| of.header.organisation == id(2));
                assert!(block == rest, "{height} {good}: {} of it", block.len());
                // Where it was next, it is not there to be read again at every block.
                let again = |envelope: Envelope| chain.pool.put(&at.state, envelope);
                assert!(!rest.map(again).contains(&true));
                let forgotten = [0, 1].map(|who| again(sealed(who, first, junk())));
                assert!(good > 0 || forgotten == [true; 2]);
            }
        }
    }

    /// Of who has left nothing waits any more, nor fills a block.
    #[test]
    fn who_has_left_waits_for_nothing() {
        let (chain, at) = begun();
        put(
            &chain,
            &at,
            &[sealed(1, 1, received(500)), sealed(2, 1, received(500))],
        );
        put(&chain, &at, &[sealed(2, 501, received(500))]);
        let proposal = Proposal {
            epoch: 0,
            change: Change::Leave(id(1)),
        };
        let leaves = vec![Entry::Proposed(Box::new(proposal)).to_canon()];
        let (_, after) = build(&at, &[sealed(0, 1, leaves)]).unwrap();
        assert!(after.state.members[&id(1)].left);
        for height in 0..3 {
            let after = Arc::new(after.clone());
            let waiting = chain.pool.next(&after.state, height);
            assert!(waiting.iter().all(|of| of.header.organisation == id(2)));
            assert_eq!(proposed(&chain, &after, height).len(), 2);
        }
        // The state before knows nothing of that: what waits is seen in it.
        chain.pool.prune(&after.state);
        let waiting = chain.pool.next(&at.state, 0);
        assert!(waiting.iter().all(|of| of.header.organisation == id(2)));
    }
}
