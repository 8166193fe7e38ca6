//! The ledger that this node's organisation shares with others. One interface,
//! [`Ledger`], with the same rules, store and receipts whether one authority
//! orders what stands on it (alone) or a consortium agrees on it (the notary).
//!
//! The node's own log comes first and never waits: adjudication knows nothing of
//! what is here. Whatever stands in the own log is sent on (`relay`) from where
//! the shared ledger says it stands; final blocks are written down (`writer`);
//! the authorities' signatures come together under checkpoints (`signatures`).

mod afar;
pub mod answer;
pub mod client;
mod files;
mod junk;
mod lookout;
mod machine;
mod nearest;
pub mod outside;
mod pool;
mod proof;
mod published;
mod recheck;
mod relay;
mod run;
mod scribe;
mod seat;
mod sent;
mod signatures;
pub mod signed;
mod tell;
mod tiled;
mod trace;
mod witnesses;
mod writer;

use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Envelope, OrganisationId, Snapshot};
use tally_notary::Voice;
use tally_store::port::SharedCheckpoint;
use tokio::sync::watch;

pub use files::{Application, charter_text, found, read_charter};
pub use lookout::CutOff;
pub use proof::{Prover, all_authorities, authorities_of, founders, founders_if_any};
pub use recheck::{ErasedUnrun, NotRun};
pub use run::{Started, start};

// What the simulation (tests/simulation) runs as it is, over a network and a clock of
// its own.
pub use machine::Chain;
pub use pool::Pool;
pub use relay::{AGAIN, UnderWay};
pub use scribe::{Scribe, Taken};
pub use signatures::Contradiction;
pub use tally_core::ledger::shared::Gossip;

pub(crate) use tiled::Edge;

/// The ledger, as the rest of the node sees it.
pub trait Ledger {
    /// Hands over an envelope. Whether it stands on the ledger is seen by
    /// [`Self::subscribe`]; what is refused never will. Answers whether it is taken.
    fn submit(&self, envelope: Envelope) -> bool;
    /// What stands on the ledger, now and from now on: written down on this node.
    fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>>;
    /// The last checkpoint that a quorum signed.
    fn checkpoint(&self) -> impl Future<Output = Result<Option<SharedCheckpoint>>> + Send;
}

/// This node on a shared ledger.
#[derive(Clone)]
pub struct Member {
    /// How its organisation is called there.
    pub organisation: OrganisationId,
    at: watch::Receiver<Arc<Snapshot>>,
    checkpoint: watch::Receiver<Option<SharedCheckpoint>>,
    pool: Arc<Pool>,
    /// Told when something waits.
    waits: Arc<watch::Sender<()>>,
    /// Of the notary, which begins anew with another key; `None` with one authority.
    voice: watch::Receiver<Option<Voice>>,
    /// Adjudications that are not run again, or not yet.
    not_run: Arc<NotRun>,
    /// Why what is next on this node's log will not be taken, if it is known.
    refused: Arc<watch::Sender<Option<String>>>,
    /// That no other authority answers, if none does.
    cut_off: Arc<watch::Sender<Option<CutOff>>>,
    /// What is lacking to vote, if its organisation is an authority and the node is none; or
    /// that no member is called as it is.
    lacks: Arc<watch::Sender<Option<String>>>,
}

impl Member {
    /// Where the notary says that the chain stands: the height of the last block known
    /// to be final, and how often an authority contradicted itself. `None` with one
    /// authority.
    pub fn notary(&self) -> Option<tally_notary::Status> {
        self.voice.borrow().as_ref().map(Voice::status)
    }

    /// Adjudications of others that were not run again, or not yet.
    pub fn not_run(&self) -> &NotRun {
        &self.not_run
    }

    /// Why the ledger takes nothing more of this node's log, if it does not.
    pub fn refused(&self) -> Option<String> {
        self.refused.borrow().clone()
    }

    /// That no other authority answers this node, and what to do, if that is so.
    pub fn cut_off(&self) -> Option<CutOff> {
        self.cut_off.borrow().clone()
    }

    /// What this node lacks to vote, where its organisation is an authority and it follows
    /// as a member; or that the ledger has no member of its organisation's id.
    pub fn lacks(&self) -> Option<String> {
        self.lacks.borrow().clone()
    }

    /// Whether this node orders what stands on the ledger, with others or alone.
    pub fn orders(&self) -> bool {
        let at = self.at.borrow();
        let set = &at.state.authorities;
        set.of(&self.organisation).is_some()
            && (self.voice.borrow().is_some() || set.members.len() == 1)
    }

    fn nudge(&self) {
        self.waits.send_replace(());
        if let Some(voice) = &*self.voice.borrow() {
            voice.nudge();
        }
    }

    /// Says something to one authority alone.
    fn answer(&self, to: [u8; 32], gossip: &Gossip) {
        if let Some(voice) = &*self.voice.borrow() {
            voice.tell(to, gossip.to_canon());
        }
    }

    fn tell(&self, gossip: &Gossip) {
        if let Some(voice) = &*self.voice.borrow() {
            voice.broadcast(gossip.to_canon());
        }
    }
}

impl Ledger for Member {
    fn submit(&self, envelope: Envelope) -> bool {
        let state = Arc::clone(&self.at.borrow().state);
        let gossip = Gossip::Envelope(Box::new(envelope.clone()));
        let new = self.pool.put(&state, envelope);
        if new {
            self.tell(&gossip);
            self.nudge();
        }
        new
    }

    fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.at.clone()
    }

    async fn checkpoint(&self) -> Result<Option<SharedCheckpoint>> {
        Ok(self.checkpoint.borrow().clone())
    }
}
