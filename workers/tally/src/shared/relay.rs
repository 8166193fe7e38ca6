//! This node's own log, sent to the shared ledger: what stands there already says
//! what is next, so there is nothing to remember beyond this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Envelope, OrganisationId, State};
use tally_store::port::Log as _;

use super::signatures::Gossip;
use super::{Ledger as _, Member};
use crate::node::Node;
use crate::roles::Stop;

/// The most entries of one envelope: a few organisations' fit in one block.
const ENTRIES: u32 = 250;
/// How many envelopes are under way at once.
const AHEAD: usize = 8;
/// How often the own log is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// After how long what was said and not seen is said again.
pub const AGAIN: Duration = Duration::from_secs(2);

/// Who sends.
pub struct Sender {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its signing key.
    pub key: SigningKey,
}

/// Sends the own log on.
pub struct Relay {
    node: Arc<Node>,
    member: Member,
    sender: Sender,
    /// Envelopes that are not on the ledger yet, by their first entry, each with when it
    /// was said last.
    under_way: BTreeMap<u64, (Envelope, Instant)>,
}

impl Relay {
    /// Of a node on a shared ledger.
    pub fn new(node: Arc<Node>, member: Member, sender: Sender) -> Self {
        Self {
            node,
            member,
            sender,
            under_way: BTreeMap::new(),
        }
    }

    /// Sends for as long as the node runs.
    ///
    /// # Errors
    /// When the node's store fails.
    pub async fn run(mut self, stop: Stop) -> Result<()> {
        let mut at = self.member.subscribe();
        while !stop.is_told() {
            let state = Arc::clone(&at.borrow_and_update().state);
            self.send(&state).await?;
            tokio::select! {
                () = stop.told() => break,
                changed = at.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// Sends what is next, and once more what was not seen on the ledger for long.
    async fn send(&mut self, state: &State) -> Result<()> {
        let Some(next) = state.next(&self.sender.organisation) else {
            return Ok(());
        };
        self.under_way.retain(|first, _| *first >= next);
        // What an earlier process sent may have been cut at other places.
        if self
            .under_way
            .first_key_value()
            .is_some_and(|(first, _)| *first != next)
        {
            self.under_way.clear();
        }
        for (envelope, said) in self.under_way.values_mut() {
            if said.elapsed() >= AGAIN {
                *said = Instant::now();
                if !self.member.submit(envelope.clone()) {
                    self.member
                        .tell(&Gossip::Envelope(Box::new(envelope.clone())));
                    self.member.nudge();
                }
            }
        }
        while self.under_way.len() < AHEAD {
            let last = self.under_way.last_key_value();
            let first = last.map_or(next, |(first, (of, _))| first + u64::from(of.header.count));
            let mut entries = self.node.store().entries(first, ENTRIES).await?;
            entries.truncate(Envelope::room(entries.iter().map(Vec::len)));
            if entries.is_empty() {
                break;
            }
            let organisation = self.sender.organisation.clone();
            let envelope = Envelope::seal(
                &state.origin,
                organisation,
                first,
                entries,
                &self.sender.key,
            );
            self.member.submit(envelope.clone());
            self.under_way.insert(first, (envelope, Instant::now()));
        }
        Ok(())
    }
}
