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
        let waiting = self.pool.next(&parent.state, parent.height);
        if waiting.is_empty() {
            return None;
        }
        let (block, _) = build(parent, &waiting)?;
        (!block.envelopes.is_empty()).then(|| block.to_canon())
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
