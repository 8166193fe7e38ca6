//! This node's own log, sent to the shared ledger: what stands there already says
//! what is next, so there is nothing to remember beyond this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Envelope, State};
use tally_store::port::Log as _;

use super::Gossip;
use super::run::put_off;
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

/// Sends the own log on.
pub struct Relay {
    node: Arc<Node>,
    member: Member,
    under_way: UnderWay,
    /// The signing key that the ledger knew the organisation by.
    signs: Option<[u8; 32]>,
}

impl Relay {
    /// Of a node on a shared ledger.
    pub fn new(node: Arc<Node>, member: Member) -> Self {
        Self {
            node,
            member,
            under_way: UnderWay::default(),
            signs: None,
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
            let sent = put_off("sending the own log on", self.send(&state).await)?;
            if sent.is_none() && !stop.sleep(AGAIN).await {
                break;
            }
            tokio::select! {
                () = stop.told() => break,
                changed = at.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// Says so when what is next will never be taken.
    fn foresee(&self, state: &State, next: u64, again: &[Envelope]) {
        let waits = again.iter().find(|of| of.header.first == next);
        let refusal = match waits {
            Some(envelope) => state.may_take(envelope).err(),
            None if self.under_way.room(next) == Some(next) => None,
            // It has just been said: what is known of it stays known.
            None => return,
        };
        let told = refusal.map(|refusal| {
            format!(
                "the shared ledger will not take entry {next} of this node's log, nor anything after it: {refusal}"
            )
        });
        self.say(told);
    }

    /// Says once why nothing more is taken, if nothing is.
    fn say(&self, told: Option<String>) {
        self.member.refused.send_if_modified(|known| {
            let new = *known != told;
            if let Some(told) = told.as_ref().filter(|_| new) {
                tracing::error!("{told}");
            }
            *known = told;
            new
        });
    }

    /// Sends what is next, and once more what was not seen on the ledger for long.
    async fn send(&mut self, state: &State) -> Result<()> {
        let Some(own) = state.members.get(&self.member.organisation) else {
            return Ok(());
        };
        let next = own.next;
        // What another key signed will not be taken any more.
        if self.signs.replace(own.organisation.signing) != Some(own.organisation.signing) {
            self.under_way = UnderWay::default();
        }
        if let Some(forked) = self.node.forked().await? {
            self.say(Some(forked.to_string()));
            return Ok(());
        }
        let again = self.under_way.again(next, Instant::now());
        self.foresee(state, next, &again);
        for envelope in again {
            if !self.member.submit(envelope.clone()) {
                self.member.tell(&Gossip::Envelope(Box::new(envelope)));
                self.member.nudge();
            }
        }
        while let Some(first) = self.under_way.room(next) {
            let mut entries = self.node.store().entries(first, ENTRIES).await?;
            entries.truncate(Envelope::room(entries.iter().map(Vec::len)));
            if entries.is_empty() {
                break;
            }
            let secret = self.node.signing_secret_on(&own.organisation);
            let key = SigningKey::new("signing", &secret)?;
            let organisation = own.organisation.id.clone();
            let envelope = Envelope::seal(&state.origin, organisation, first, entries, &key);
            self.member.submit(envelope.clone());
            self.under_way.put(envelope, Instant::now());
        }
        Ok(())
    }
}

/// Envelopes that are not on the ledger yet, by their first entry, each with when it was
/// said last.
#[derive(Default)]
pub struct UnderWay(BTreeMap<u64, (Envelope, Instant)>);

impl UnderWay {
    /// Forgets what stands on the ledger, where the entry `next` is next; answers what was
    /// said too long ago and is to be said again.
    #[must_use]
    pub fn again(&mut self, next: u64, now: Instant) -> Vec<Envelope> {
        self.0.retain(|first, _| *first >= next);
        // What an earlier process sent may have been cut at other places.
        let first = self.0.first_key_value();
        if first.is_some_and(|(first, _)| *first != next) {
            self.0.clear();
        }
        let waited = |(_, said): &&mut (Envelope, Instant)| now.duration_since(*said) >= AGAIN;
        let again = self.0.values_mut().filter(waited);
        again
            .map(|(envelope, said)| {
                *said = now;
                envelope.clone()
            })
            .collect()
    }

    /// The first entry of the envelope to send next, unless enough are under way.
    #[must_use]
    pub fn room(&self, next: u64) -> Option<u64> {
        let last = self.0.last_key_value();
        let first = last.map_or(next, |(first, (of, _))| first + u64::from(of.header.count));
        (self.0.len() < AHEAD).then_some(first)
    }

    /// It was said.
    pub fn put(&mut self, envelope: Envelope, now: Instant) {
        self.0.insert(envelope.header.first, (envelope, now));
    }
}
