//! Relaying local logs by counters: whatever is sent again, lost or reordered, each entry
//! stands once and in order.
//!
//! Two organisations with three entries each. The sender keeps nothing: it asks some node,
//! who may be behind, what is next, and sends from there. Whoever proposes a block takes any
//! envelope that ever was sent.

use std::collections::BTreeSet;

use stateright::{Model, Property};
use tally_model::rules::{Counters, Refusal};

use super::common::{holds, taken};

pub const ONCE: &str = "each entry stands once and in order";
pub const RESTS: &str = "nothing more can happen only when all entries stand";
const ALL: &str = "all entries stand";
const STALE: &str = "an envelope comes that stands already";
const ORGANISATIONS: u8 = 2;

#[derive(Clone)]
pub struct Relay {
    pub entries: u64,
    pub losses: u8,
    /// What was lost is sent again.
    pub resend: bool,
    pub broken: Option<Refusal>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            entries: 3,
            losses: 1,
            resend: true,
            broken: None,
        }
    }
}

/// Organisation, first entry, count.
type Envelope = (u8, u64, u64);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    counters: Counters<u8>,
    /// Each organisation's entries as they stand on the ledger.
    ledger: Vec<Vec<u64>>,
    network: BTreeSet<Envelope>,
    sent: BTreeSet<Envelope>,
    losses: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Send(Envelope),
    Lose(Envelope),
    Admit(Envelope),
}

impl Model for Relay {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            counters: Counters::default(),
            ledger: vec![Vec::new(); usize::from(ORGANISATIONS)],
            network: BTreeSet::new(),
            sent: BTreeSet::new(),
            losses: self.losses,
        }]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        for organisation in 0..ORGANISATIONS {
            // Some node's view: as many entries as stand, or one fewer.
            let next = state.counters.next(&organisation);
            for first in next.saturating_sub(1)..=next {
                for count in 1..=2.min(self.entries.saturating_sub(first)) {
                    let envelope = (organisation, first, count);
                    if !state.network.contains(&envelope)
                        && (self.resend || !state.sent.contains(&envelope))
                    {
                        acts.push(Act::Send(envelope));
                    }
                }
            }
            // Somebody makes envelopes of nothing, or of what is not next.
            acts.push(Act::Send((organisation, next, 0)));
            acts.push(Act::Send((organisation, next + 1, 1)));
        }
        for envelope in &state.network {
            let (organisation, first, count) = envelope;
            let asked = state.counters.may_admit(organisation, *first, *count);
            if taken(asked, self.broken) {
                acts.push(Act::Admit(*envelope));
            }
            if state.losses > 0 {
                acts.push(Act::Lose(*envelope));
            }
        }
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut state = last.clone();
        match act {
            Act::Send(envelope) => {
                let (organisation, first, count) = envelope;
                let whole = first + count <= self.entries;
                // An envelope's loss and repetition are those of the first sending.
                if !whole || !state.network.insert(envelope) {
                    return None;
                }
                if !self.resend && first == state.counters.next(&organisation) {
                    state.sent.insert(envelope);
                }
            }
            Act::Lose(envelope) => {
                state.network.remove(&envelope);
                state.losses -= 1;
            }
            Act::Admit((organisation, first, count)) => {
                let ledger = &mut state.ledger[usize::from(organisation)];
                // A broken rule need not be followed for ever.
                if ledger.len() > 4 || (count == 0 && ledger.last() == Some(&u64::MAX)) {
                    return None;
                }
                ledger.extend(first..first + count);
                if count == 0 {
                    // A header leaf that stands for nothing.
                    ledger.push(u64::MAX);
                }
                state.counters.admit(organisation, first, count);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, state: &State| {
                let in_order =
                    |entries: &Vec<u64>| entries.iter().copied().eq(0..entries.len() as u64);
                state.ledger.iter().all(in_order)
            }),
            Property::always(RESTS, |model: &Self, state: &State| {
                let full = |entries: &Vec<u64>| entries.len() as u64 >= model.entries;
                let mut acts = Vec::new();
                let done = state.ledger.iter().all(full);
                if !done {
                    model.actions(state, &mut acts);
                }
                let mut acts = acts.into_iter();
                done || acts.any(|act| model.next_state(state, act).is_some())
            }),
            Property::sometimes(ALL, |model: &Self, state: &State| {
                let full = |entries: &Vec<u64>| entries.len() as u64 == model.entries;
                state.ledger.iter().all(full)
            }),
            Property::sometimes(STALE, |_, state: &State| {
                let mut network = state.network.iter();
                network.any(|(organisation, first, _)| *first < state.counters.next(organisation))
            }),
        ]
    }
}

#[test]
fn each_entry_stands_once_and_in_order() {
    holds("relay, two organisations", Relay::default());
}
