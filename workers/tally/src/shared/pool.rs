//! Envelopes that wait to stand on the shared ledger, of every organisation: so
//! that whoever leads next can propose them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use tally_core::ledger::shared::{
    Block, Envelope, MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, OrganisationId, Snapshot, State, build,
};

/// The most envelopes that wait of one organisation.
const WAITING: usize = 32;

/// Envelopes that wait, by organisation and the index of their first entry.
#[derive(Default)]
pub struct Pool(Mutex<BTreeMap<OrganisationId, BTreeMap<u64, Envelope>>>);

impl Pool {
    /// A task that panicked here has left one thing or the other.
    fn held(&self) -> MutexGuard<'_, BTreeMap<OrganisationId, BTreeMap<u64, Envelope>>> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Takes in an envelope, if it is signed by an organisation of the ledger and not
    /// there already. The last one of a first entry stays. Answers whether it is new.
    pub fn put(&self, state: &State, envelope: Envelope) -> bool {
        let header = &envelope.header;
        let Some(member) = state.members.get(&header.organisation) else {
            return false;
        };
        let over = header.first < member.next || member.left;
        // Entries are not signed but by their digest: others' in their place are none.
        if over || !envelope.is_whole() || self.has(&envelope) {
            return false;
        }
        if header
            .verify(&state.origin, &member.organisation.signing)
            .is_err()
        {
            return false;
        }
        let mut held = self.held();
        let waiting = held.entry(header.organisation.clone()).or_default();
        if waiting.len() >= WAITING && !waiting.contains_key(&header.first) {
            // What comes sooner is worth more than what comes later.
            let Some(last) = waiting.last_entry().filter(|e| *e.key() > header.first) else {
                return false;
            };
            last.remove();
        }
        waiting.insert(header.first, envelope);
        true
    }

    fn has(&self, envelope: &Envelope) -> bool {
        let held = self.held();
        let waiting = held.get(&envelope.header.organisation);
        waiting.and_then(|waiting| waiting.get(&envelope.header.first)) == Some(envelope)
    }

    /// Forgets what stands on the ledger by now, and what is of who has left.
    pub fn prune(&self, state: &State) {
        let mut held = self.held();
        held.retain(|organisation, waiting| {
            let Some(next) = next_of(state, organisation) else {
                return false;
            };
            *waiting = waiting.split_off(&next);
            !waiting.is_empty()
        });
    }

    fn forget(&self, envelope: &Envelope) {
        let mut held = self.held();
        let waiting = held.get_mut(&envelope.header.organisation);
        // What came in its place meanwhile stays.
        if let Some(waiting) = waiting
            && waiting.get(&envelope.header.first) == Some(envelope)
        {
            waiting.remove(&envelope.header.first);
        }
    }

    /// The next block of what waits, and what stands after it; `None` when nothing can be
    /// next. What the rules refuse is forgotten and takes nobody's place: a block is made
    /// anew without it, and without anything of who sent it.
    pub fn block(&self, parent: &Snapshot) -> Option<(Block, Snapshot)> {
        let mut barred = BTreeSet::new();
        loop {
            let waiting = self.turns(&parent.state, parent.height, &barred);
            if waiting.is_empty() {
                return None;
            }
            let (block, after) = build(parent, &waiting)?;
            let refused = refused(&waiting, &block, &after.state);
            if refused.is_empty() {
                return (!block.envelopes.is_empty()).then_some((block, after));
            }
            for envelope in refused {
                self.forget(envelope);
                barred.insert(envelope.header.organisation.clone());
            }
        }
    }

    /// Envelopes for a block after `state`, about as many as fit, in turns among
    /// organisations; which has the first turn changes with the height.
    pub fn next(&self, state: &State, height: u64) -> Vec<Envelope> {
        self.turns(state, height, &BTreeSet::new())
    }

    fn turns(
        &self,
        state: &State,
        height: u64,
        barred: &BTreeSet<OrganisationId>,
    ) -> Vec<Envelope> {
        let held = self.held();
        let mut queues: Vec<_> = held
            .iter()
            .filter(|(id, _)| !barred.contains(*id))
            .filter_map(|(id, waiting)| Some((waiting, next_of(state, id)?)))
            .collect();
        if queues.is_empty() {
            return Vec::new();
        }
        let first = usize::try_from(height).unwrap_or_default() % queues.len();
        queues.rotate_left(first);
        let (mut entries, mut bytes) = (0usize, 0usize);
        let mut taken = Vec::new();
        let mut any = true;
        while any {
            any = false;
            for (waiting, next) in &mut queues {
                let Some(envelope) = waiting.get(next) else {
                    continue;
                };
                let more = entries + envelope.entries.len();
                let heavier = bytes + envelope.weight();
                let too_large = more > MAX_BLOCK_ENTRIES || heavier > MAX_BLOCK_BYTES;
                if too_large && !taken.is_empty() {
                    continue;
                }
                (entries, bytes) = (more, heavier);
                *next += envelope.entries.len() as u64;
                taken.push(envelope.clone());
                any = true;
            }
        }
        taken
    }
}

/// The next entry of an organisation that is there.
fn next_of(state: &State, organisation: &OrganisationId) -> Option<u64> {
    let member = state.members.get(organisation)?;
    (!member.left).then_some(member.next)
}

/// Of what was offered for a block, what would have been the next of its log there and
/// is not in it: not because an epoch ended before it, but because a rule is against it.
fn refused<'a>(offered: &'a [Envelope], block: &Block, after: &State) -> Vec<&'a Envelope> {
    if block.envelopes.len() == offered.len() {
        return Vec::new();
    }
    let is_next = |of: &&Envelope| after.next(&of.header.organisation) == Some(of.header.first);
    let next = offered.iter().filter(is_next);
    next.filter(|of| after.may_take(of).is_err()).collect()
}
