//! Finalised blocks, in order of height, to whoever writes them down.

use std::sync::Arc;

use commonware_actor::Feedback;
use commonware_consensus::Reporter;
use commonware_consensus::marshal::Update;
use commonware_consensus::types::Height;
use commonware_cryptography::{Digested, Digestible as _};
use commonware_utils::acknowledgement::{Acknowledgement as _, Exact};
use tokio::sync::{mpsc, watch};

use crate::Error;
use crate::block::Block;
use crate::epochs::Epochs;
use crate::machine::{Machine, Standing};
use crate::parts::Marshal;
use crate::states::States;

/// A block that is final.
#[derive(Debug)]
pub struct Finalised<S> {
    /// The epoch that agreed on it.
    pub epoch: u64,
    /// Its height, from 1, without gaps.
    pub height: u64,
    /// Its digest.
    pub digest: [u8; 32],
    /// The digest of the block before.
    pub parent: [u8; 32],
    /// What it says.
    pub payload: Arc<[u8]>,
    /// What stands after it.
    pub state: S,
    /// To be called when it is written down.
    pub acknowledge: Acknowledge,
}

/// The journal moves on when a block is acknowledged. Dropping this without
/// [`done`](Self::done) stops the notary; the block comes again at the next start.
#[derive(Debug)]
#[must_use = "dropping it stops the notary"]
pub struct Acknowledge(Option<Exact>);

impl Acknowledge {
    /// The block is written down for good.
    pub fn done(self) {
        if let Some(acknowledge) = self.0 {
            acknowledge.acknowledge();
        }
    }
}

/// Where marshal reports to.
#[derive(Clone)]
pub(crate) struct Sink {
    pub blocks: mpsc::UnboundedSender<Update<Block, Exact>>,
    pub tip: watch::Sender<u64>,
}

impl Reporter for Sink {
    type Activity = Update<Block, Exact>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        if let Update::Tip(_, height, _) = &update {
            let height = height.get();
            self.tip.send_modify(|tip| *tip = height.max(*tip));
            return Feedback::Ok;
        }
        // No more of these than the window lets through.
        match self.blocks.send(update) {
            Ok(()) => Feedback::Ok,
            Err(_) => Feedback::Closed,
        }
    }
}

pub(crate) struct Delivery<M: Machine> {
    pub states: Arc<States<M>>,
    pub epochs: Epochs,
    pub marshal: Marshal,
    pub finalised: mpsc::Sender<Finalised<M::State>>,
    /// What the store has: no block of that height or below is delivered.
    pub stored: Option<Standing<M::State>>,
    /// Changes when an epoch ends.
    pub ended: watch::Sender<u64>,
}

impl<M: Machine> Delivery<M> {
    /// First what the journal has processed and the store (or this process) has
    /// not, then what comes.
    pub async fn run(
        self,
        processed: u64,
        mut blocks: mpsc::UnboundedReceiver<Update<Block, Exact>>,
    ) -> Result<(), Error> {
        for height in self.states.delivered() + 1..=processed {
            let Some(block) = self.marshal.get_block(Height::new(height)).await else {
                return Err(self.diverged(height, "the journal no longer has it"));
            };
            self.deliver(&block, None).await?;
        }
        while let Some(update) = blocks.recv().await {
            if let Update::Block(block, acknowledge) = update {
                self.deliver(&block, Some(acknowledge)).await?;
            }
        }
        Ok(())
    }

    async fn deliver(
        &self,
        block: &Digested<Block>,
        acknowledge: Option<Exact>,
    ) -> Result<(), Error> {
        let (digest, whole) = (block.digest(), block);
        let block = block.inner();
        let height = block.height;
        let acknowledge = Acknowledge(acknowledge);
        if let Some(stored) = &self.stored
            && stored.height == height
            && stored.digest != digest.0
        {
            return Err(self.diverged(height, "the store has another block of this height"));
        }
        if height <= self.states.delivered() {
            acknowledge.done();
            return Ok(());
        }
        let Some(parent) = self.states.known(&block.parent) else {
            return Err(self.diverged(height, "it does not follow the block before"));
        };
        let state = match self.states.judge(&parent, whole).await {
            Ok(state) => state,
            Err(reason) => return Err(self.diverged(height, &reason)),
        };
        let next = self.states.machine().next_authorities(&state);
        let ends = next.is_some();
        if let Some(next) = next {
            self.epochs.close(block, next)?;
        }
        self.states.deliver(height);
        if ends {
            self.ended.send_replace(block.epoch);
        }
        if self
            .stored
            .as_ref()
            .is_some_and(|stored| height <= stored.height)
        {
            acknowledge.done();
            return Ok(());
        }
        let finalised = Finalised {
            epoch: block.epoch,
            height,
            digest: digest.0,
            parent: block.parent.0,
            payload: block.payload.clone(),
            state,
            acknowledge,
        };
        let sent = self.finalised.send(finalised).await;
        sent.map_err(|_| Error::Unacknowledged)
    }

    fn diverged(&self, height: u64, reason: &str) -> Error {
        Error::Diverged {
            height,
            reason: reason.to_owned(),
        }
    }
}
