//! What simplex asks in one epoch: propose, verify, certify, send, take note.
//!
//! A block is verified before it is voted for, and is on disk before the vote
//! that makes it final. When the last block of the epoch has been certified but
//! is not final yet, leaders propose that same block again and nothing above it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commonware_actor::Feedback;
use commonware_consensus::marshal::core::{CommitmentFallback, DigestFallback};
use commonware_consensus::simplex::Plan;
use commonware_consensus::types::{Epoch, Height, Round, View as Turn};
use commonware_consensus::{Automaton, CertifiableAutomaton, Epochable as _, Relay, Reporter};
use commonware_cryptography::ed25519::PublicKey;
use commonware_cryptography::{Digested, Digestible as _};
use commonware_p2p::Recipients;
use commonware_runtime::{Handle, Spawner as _, Supervisor as _};
use commonware_utils::channel::oneshot;

use crate::block::{Block, Digest};
use crate::epochs::{Epochs, Term};
use crate::machine::{Header, Machine};
use crate::parts::{Activity, Marshal, Runtime, View};
use crate::states::States;

pub(crate) struct Agent<M: Machine>(Arc<Shared<M>>);

impl<M: Machine> Clone for Agent<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<M: Machine> {
    context: Runtime,
    marshal: Marshal,
    states: Arc<States<M>>,
    epochs: Epochs,
    term: Term,
    pace: Duration,
    most_payload: usize,
    conflicts: Arc<AtomicU64>,
    rounds: Mutex<Rounds>,
}

/// What is kept of each round until a later one is final.
#[derive(Default)]
struct Rounds {
    /// Ends when the block is on disk; fails when that has to be seen to anew.
    durable: BTreeMap<(Round, Digest), oneshot::Receiver<()>>,
    /// Our own proposals, until they are to be sent.
    staged: BTreeMap<(Round, Digest), Staged>,
}

/// A block, and who waits for it to be stored.
type Staged = (Digested<Block>, oneshot::Sender<Handle<()>>);

pub(crate) struct Pace {
    pub pace: Duration,
    pub most_payload: usize,
}

impl<M: Machine> Agent<M> {
    pub fn new(
        context: Runtime,
        marshal: Marshal,
        states: Arc<States<M>>,
        (epochs, term): (Epochs, Term),
        pace: Pace,
        conflicts: Arc<AtomicU64>,
    ) -> Self {
        Self(Arc::new(Shared {
            context,
            marshal,
            states,
            epochs,
            term,
            pace: pace.pace,
            most_payload: pace.most_payload,
            conflicts,
            rounds: Mutex::default(),
        }))
    }
}

impl<M: Machine> Shared<M> {
    fn rounds(&self) -> std::sync::MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block that a view builds on, and the state after it.
    async fn parent(&self, view: &View) -> Option<(Digested<Block>, Result<M::State, String>)> {
        let (turn, digest) = view.parent;
        let fallback = if turn == Turn::zero() {
            // What the epoch begins with is final and here.
            CommitmentFallback::FetchByCommitment {
                height: Height::new(self.term.first.saturating_sub(1)),
            }
        } else {
            CommitmentFallback::FetchByRound {
                round: Round::new(view.round.epoch(), turn),
            }
        };
        let parent = self.marshal.subscribe_by_commitment(digest, fallback);
        let parent = parent.await.ok()?;
        let state = self
            .states
            .after(&self.marshal, digest, parent.inner().height);
        let state = state.await;
        Some((parent, state))
    }

    /// Whether nothing of this epoch may follow a block.
    fn ends(&self, block: &Block, state: &M::State) -> bool {
        let of_this = block.epoch == self.term.epoch && block.height > 0;
        of_this && self.states.machine().next_authorities(state).is_some()
    }

    async fn build(&self, view: &View) -> Option<Digested<Block>> {
        let (parent, state) = self.parent(view).await?;
        let state = match state {
            Ok(state) => state,
            Err(reason) => {
                tracing::error!(
                    height = parent.inner().height,
                    reason,
                    "cannot build on a block"
                );
                return None;
            }
        };
        if self.ends(parent.inner(), &state) {
            return Some(parent);
        }
        let header = Header {
            epoch: self.term.epoch,
            height: parent.inner().height + 1,
            parent: parent.digest().0,
        };
        let payload = self.payload(state, header).await;
        let block = Block {
            parent: parent.digest(),
            epoch: header.epoch,
            height: header.height,
            payload: payload.into(),
        };
        let digest = block.digest();
        Some(Digested::precomputed(block, digest))
    }

    /// As soon as there is something to say; nothing, when the pace is up.
    async fn payload(&self, state: M::State, header: Header) -> Vec<u8> {
        let pace = tokio::time::sleep(self.pace);
        tokio::pin!(pace);
        loop {
            let mut news = self.states.news();
            let parent = state.clone();
            let said = self
                .states
                .apart(move |machine| machine.propose(&parent, header));
            match said.await {
                Some(payload) if payload.len() <= self.most_payload => return payload,
                Some(payload) => {
                    let (bytes, most) = (payload.len(), self.most_payload);
                    tracing::error!(bytes, most, "a payload is too long and is left out");
                    break;
                }
                None => {}
            }
            tokio::select! {
                () = &mut pace => break,
                _ = news.changed() => {}
            }
        }
        let empty = self
            .states
            .apart(move |machine| machine.empty(&state, header));
        empty.await
    }

    /// `None` when it can no longer be known; only what is refused for ever is false.
    async fn judge(&self, view: &View, block: &Digested<Block>) -> Option<bool> {
        let refuse = |reason: &str| {
            let (height, leader) = (block.inner().height, crate::files::hex(&view.leader));
            tracing::warn!(height, leader, reason, "a block is refused");
            Some(false)
        };
        if block.inner().epoch != self.term.epoch {
            return refuse("it is of another epoch");
        }
        if block.digest() == view.parent.1 {
            let state = self
                .states
                .after(&self.marshal, block.digest(), block.inner().height);
            return match state.await {
                Ok(state) if self.ends(block.inner(), &state) => Some(true),
                Ok(_) => refuse("it is proposed again and is not the last of its epoch"),
                Err(reason) => refuse(&reason),
            };
        }
        let (parent, state) = self.parent(view).await?;
        let height = parent.inner().height + 1;
        if block.inner().parent != parent.digest() || block.inner().height != height {
            return refuse("it is not a child of its parent");
        }
        let state = match state {
            Ok(state) => state,
            Err(reason) => return refuse(&reason),
        };
        if self.ends(parent.inner(), &state) {
            return refuse("the epoch has ended below it");
        }
        let state = match self.states.judge(&state, block).await {
            Ok(state) => state,
            Err(reason) => return refuse(&reason),
        };
        let next = self.states.machine().next_authorities(&state);
        let may_vote = next.map(|set| self.epochs.may_vote(self.term.epoch + 1, &set));
        match may_vote {
            Some(Err(error)) => refuse(&error.to_string()),
            _ => Some(true),
        }
    }

    async fn propose(&self, view: View, mut answer: oneshot::Sender<Digest>) {
        let block = tokio::select! {
            () = answer.closed() => return,
            block = self.build(&view) => block,
        };
        let Some(block) = block else { return };
        let key = (view.round, block.digest());
        let (durable, ended) = oneshot::channel();
        let (stored, storing) = oneshot::channel();
        {
            let mut rounds = self.rounds();
            rounds.durable.insert(key, ended);
            rounds.staged.insert(key, (block, stored));
        }
        let _ = answer.send(key.1);
        if let Ok(handle) = storing.await
            && handle.await.is_ok()
        {
            let _ = durable.send(());
        }
    }

    async fn verify(&self, view: View, digest: Digest, mut answer: oneshot::Sender<bool>) {
        let (durable, ended) = oneshot::channel();
        let block = self
            .marshal
            .subscribe_by_digest(digest, DigestFallback::Wait);
        self.rounds().durable.insert((view.round, digest), ended);
        let block = tokio::select! {
            () = answer.closed() => return,
            block = block => block,
        };
        let Ok(block) = block else { return };
        let store = async {
            if self.marshal.verified(view.round, block.clone()).await {
                let _ = durable.send(());
            }
        };
        let judge = async {
            let judged = tokio::select! {
                () = answer.closed() => None,
                judged = self.judge(&view, &block) => judged,
            };
            match judged {
                Some(judged) => drop(answer.send(judged)),
                // Closing the answer would be one.
                None => answer.closed().await,
            }
        };
        tokio::join!(store, judge);
    }

    /// A block that a quorum voted for is final only once it is on our disk.
    async fn certify(&self, round: Round, digest: Digest, mut answer: oneshot::Sender<bool>) {
        let (durable, staged) = {
            let mut rounds = self.rounds();
            let key = (round, digest);
            (rounds.durable.remove(&key), rounds.staged.remove(&key))
        };
        if let Some((block, stored)) = staged {
            self.marshal.verified_deferred(round, block, stored);
        }
        if let Some(durable) = durable {
            self.marshal.hint_notarized(round, digest);
            let durable = tokio::select! {
                () = answer.closed() => return,
                durable = durable => durable,
            };
            if durable.is_ok() {
                let _ = answer.send(true);
                return;
            }
        }
        let fallback = DigestFallback::FetchByRound { round };
        let block = self.marshal.subscribe_by_digest(digest, fallback);
        let block = tokio::select! {
            () = answer.closed() => return,
            block = block => block,
        };
        if let Ok(block) = block
            && self.marshal.certified(round, block).await
        {
            let _ = answer.send(true);
        }
    }
}

impl<M: Machine> Automaton for Agent<M> {
    type Context = View;
    type Digest = Digest;

    async fn propose(&mut self, view: View) -> oneshot::Receiver<Digest> {
        let (answer, answered) = oneshot::channel();
        let shared = self.0.clone();
        let context = shared.context.child("propose");
        context.spawn(move |_| async move { shared.propose(view, answer).await });
        answered
    }

    async fn verify(&mut self, view: View, digest: Digest) -> oneshot::Receiver<bool> {
        let (answer, answered) = oneshot::channel();
        let shared = self.0.clone();
        let context = shared.context.child("verify");
        context.spawn(move |_| async move { shared.verify(view, digest, answer).await });
        answered
    }
}

impl<M: Machine> CertifiableAutomaton for Agent<M> {
    async fn certify(&mut self, round: Round, digest: Digest) -> oneshot::Receiver<bool> {
        let (answer, answered) = oneshot::channel();
        let shared = self.0.clone();
        let context = shared.context.child("certify");
        context.spawn(move |_| async move { shared.certify(round, digest, answer).await });
        answered
    }
}

impl<M: Machine> Relay for Agent<M> {
    type Digest = Digest;
    type PublicKey = PublicKey;
    type Plan = Plan<PublicKey>;

    fn broadcast(&mut self, digest: Digest, plan: Plan<PublicKey>) -> Feedback {
        match plan {
            // Only what is asked for by `prepare`, which always waits.
            Plan::Prepare { .. } => Feedback::Ok,
            Plan::Propose { round } => {
                let staged = self.0.rounds().staged.remove(&(round, digest));
                let Some((block, stored)) = staged else {
                    return Feedback::Ok;
                };
                let marshal = &self.0.marshal;
                marshal.proposed(round, block, Recipients::All, stored)
            }
            Plan::Forward { round, recipients } => {
                self.0.marshal.forward(round, digest, recipients)
            }
        }
    }
}

impl<M: Machine> Reporter for Agent<M> {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        match &activity {
            Activity::Finalization(finalization) => {
                let done = finalization.proposal.round;
                let mut rounds = self.0.rounds();
                rounds.durable.retain(|(round, _), _| *round > done);
                rounds.staged.retain(|(round, _), _| *round > done);
            }
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => {
                let seen = self.0.conflicts.fetch_add(1, Ordering::Relaxed) + 1;
                let epoch: Epoch = activity.epoch();
                tracing::error!(seen, %epoch, "an authority contradicted itself");
            }
            _ => {}
        }
        self.0.marshal.clone().report(activity)
    }
}
