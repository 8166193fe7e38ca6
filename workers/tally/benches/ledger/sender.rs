//! An organisation's own log, handed over as the relay of a node does: as fast as it
//! can be taken, or at a pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tally::shared::{Gossip, Pool, UnderWay};
use tally_core::ledger::shared::{Envelope, Snapshot, State};
use tally_notary::Voice;
use tokio::sync::watch;

use crate::authority::{Handed, say};
use crate::events::now;
use crate::people::{self, ORIGIN};

/// How often it looks, at the latest.
const LOOK: Duration = Duration::from_millis(50);

/// What an organisation has to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Quiet,
    /// Always a next envelope of so many entries.
    Saturating(usize),
    /// An envelope of so many entries after each so many µs.
    Paced(usize, u64),
}

impl Load {
    /// `None`: nothing that is known.
    pub fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["quiet"] => Some(Self::Quiet),
            ["saturate", size] => Some(Self::Saturating(size.parse().ok()?)),
            ["pace", size, every] => Some(Self::Paced(size.parse().ok()?, every.parse().ok()?)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Quiet => f.write_str("quiet"),
            Self::Saturating(size) => write!(f, "saturate {size}"),
            Self::Paced(size, every) => write!(f, "pace {size} {every}"),
        }
    }
}

pub struct Sender {
    pub who: usize,
    /// Of how many.
    pub among: usize,
    pub pool: Arc<Pool>,
    pub voice: Option<Voice>,
    /// Told when something waits, where nobody else is told.
    pub waits: watch::Sender<()>,
    pub handed: Arc<Handed>,
}

impl Sender {
    pub async fn run(
        self,
        mut at: watch::Receiver<Arc<Snapshot>>,
        mut load: watch::Receiver<Load>,
    ) {
        let mut under_way = UnderWay::default();
        let mut due = now();
        loop {
            if load.has_changed().unwrap_or(false) {
                due = now() + self.turn(*load.borrow_and_update());
            }
            let told = *load.borrow();
            let state = Arc::clone(&at.borrow_and_update().state);
            self.again(&mut under_way, &state);
            self.send(&mut under_way, &state, told, &mut due);
            let left = match told {
                Load::Paced(..) => Duration::from_micros(due.saturating_sub(now())).min(LOOK),
                _ => LOOK,
            };
            tokio::select! {
                changed = at.changed() => if changed.is_err() { return },
                changed = load.changed() => if changed.is_err() { return } else { load.mark_changed() },
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// Organisations do not all hand over at one moment.
    fn turn(&self, load: Load) -> u64 {
        match load {
            Load::Paced(_, every) => every * self.who as u64 / self.among as u64,
            _ => 0,
        }
    }

    fn again(&self, under_way: &mut UnderWay, state: &State) {
        let next = state.next(&people::id(self.who)).unwrap_or_default();
        for envelope in under_way.again(next, Instant::now()) {
            self.submit(state, &envelope);
        }
    }

    fn submit(&self, state: &State, envelope: &Envelope) {
        self.pool.put(state, envelope.clone());
        let gossip = Gossip::Envelope(Box::new(envelope.clone()));
        say(self.voice.as_ref(), &gossip);
        if let Some(voice) = &self.voice {
            voice.nudge();
        }
        self.waits.send_replace(());
    }

    /// Hands over what is due, as far as there is room. What waited for room counts from
    /// when it was due.
    fn send(&self, under_way: &mut UnderWay, state: &State, load: Load, due: &mut u64) {
        let (size, every) = match load {
            Load::Quiet => return,
            Load::Saturating(size) => (size, None),
            Load::Paced(size, every) => (size, Some(every)),
        };
        let own = people::id(self.who);
        let next = state.next(&own).unwrap_or_default();
        while every.is_none() || *due <= now() {
            let Some(first) = under_way.room(next) else {
                return;
            };
            let handed = every.map_or_else(now, |_| *due);
            *due += every.unwrap_or_default();
            let entries = (first..first + size as u64).map(|index| people::entry(self.who, index));
            let key = people::key(self.who, "signing");
            let envelope = Envelope::seal(ORIGIN, own.clone(), first, entries.collect(), &key);
            let mut all = self.handed.lock().expect("nobody panicked");
            all.insert(first, handed);
            drop(all);
            self.submit(state, &envelope);
            under_way.put(envelope, Instant::now());
        }
    }
}
