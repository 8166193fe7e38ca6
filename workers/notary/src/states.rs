//! The machine's state after each block that may still be built on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commonware_consensus::marshal::core::CommitmentFallback;
use commonware_consensus::types::Height;
use commonware_cryptography::{Digested, Digestible as _};
use tokio::sync::watch;

use crate::block::{Block, Digest};
use crate::machine::{Judged, Machine};
use crate::parts::Marshal;

/// How far below the newest delivered block states are kept, and how far above
/// it a chain of blocks is judged ahead of delivery.
const NEAR: u64 = 64;

/// How often a machine that misses something is asked again without a nudge.
const AGAIN: Duration = Duration::from_millis(250);

pub(crate) struct States<M: Machine> {
    machine: Arc<M>,
    known: Mutex<Known<M::State>>,
    news: watch::Sender<()>,
}

struct Known<S> {
    states: HashMap<Digest, (u64, S)>,
    delivered: u64,
}

impl<M: Machine> States<M> {
    pub fn new(machine: Arc<M>, height: u64, digest: Digest, state: M::State) -> Self {
        Self {
            machine,
            known: Mutex::new(Known {
                states: HashMap::from([(digest, (height, state))]),
                delivered: height,
            }),
            news: watch::Sender::new(()),
        }
    }

    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Ends when something is nudged or delivered after this call.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub fn nudge(&self) {
        self.news.send_replace(());
    }

    pub fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    /// What is below the newest delivered block is not built on.
    pub fn deliver(&self, height: u64) {
        let mut known = self.lock();
        known.delivered = height;
        let kept = |_: &Digest, (at, _): &mut (u64, M::State)| *at + NEAR >= height;
        known.states.retain(kept);
        drop(known);
        self.nudge();
    }

    pub fn known(&self, digest: &Digest) -> Option<M::State> {
        let known = self.lock();
        known.states.get(digest).map(|(_, state)| state.clone())
    }

    /// Waits as long as something is missing.
    pub async fn judge(
        &self,
        parent: &M::State,
        block: &Digested<Block>,
    ) -> Result<M::State, String> {
        let digest = block.digest();
        if let Some(state) = self.known(&digest) {
            return Ok(state);
        }
        loop {
            let mut news = self.news();
            let (parent, header) = (parent.clone(), block.inner().header());
            let payload = block.inner().payload.clone();
            let judged = self.apart(move |machine| machine.judge(&parent, header, &payload));
            match judged.await {
                Judged::Holds(state) => {
                    let kept = (block.inner().height, state.clone());
                    self.lock().states.insert(digest, kept);
                    return Ok(state);
                }
                Judged::Refused(reason) => return Err(reason),
                Judged::Missing => {
                    let _ = tokio::time::timeout(AGAIN, news.changed()).await;
                }
            }
        }
    }

    /// The state after a block of which only the place is known. Never ends for
    /// one that is not to be had, or off the final chain.
    pub async fn after(
        &self,
        marshal: &Marshal,
        mut digest: Digest,
        mut height: u64,
    ) -> Result<M::State, String> {
        let mut above = Vec::new();
        let mut state = loop {
            let mut news = self.news();
            let (state, delivered) = {
                let known = self.lock();
                (known.states.get(&digest).cloned(), known.delivered)
            };
            if let Some((_, state)) = state {
                break state;
            }
            if height <= delivered {
                return std::future::pending().await;
            }
            if height > delivered + NEAR {
                // Delivery comes by here.
                let _ = news.changed().await;
                continue;
            }
            let fallback = CommitmentFallback::FetchByCommitment {
                height: Height::new(height),
            };
            let Ok(block) = marshal.subscribe_by_commitment(digest, fallback).await else {
                return std::future::pending().await;
            };
            if block.inner().height != height {
                return Err("its height is not its place".to_owned());
            }
            digest = block.inner().parent;
            height -= 1;
            above.push(block);
        };
        for block in above.iter().rev() {
            state = self.judge(&state, block).await?;
        }
        Ok(state)
    }

    /// Asks the machine on a thread of its own: it may verify a thousand signatures.
    pub async fn apart<T: Send + 'static>(&self, ask: impl FnOnce(&M) -> T + Send + 'static) -> T {
        let machine = self.machine.clone();
        match tokio::task::spawn_blocking(move || ask(&machine)).await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => std::future::pending().await,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known<M::State>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
