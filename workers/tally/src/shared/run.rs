//! Taking part: the tasks of a node on a shared ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Block, Gossip, OrganisationId, Snapshot};
use tally_notary::{Heard, Running, Status, Voice};
use tally_store::port::SharedCheckpoint;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Member;
use super::afar::{Afar, News};
use super::junk::{Answered, Junk};
use super::lookout::{Lookout, Way};
use super::pool::Pool;
use super::recheck::Rechecker;
use super::relay::{AGAIN, Relay};
use super::scribe::{Scribe, Taken};
use super::seat::Seat;
use super::sent::Sent;
use super::signatures::Contradiction;
use super::tell::Teller;
use super::trace;
use super::witnesses::Asked;
use crate::config::LedgerConfig;
use crate::node::keys::hex;
use crate::node::{Node, passes};
use crate::roles::Stop;

/// How often checkpoints are kept, at most: what is signed in between is on its way to
/// the next.
const KEEP: Duration = Duration::from_millis(50);
/// How often a member that is no authority asks for what is new.
const POLL: Duration = Duration::from_millis(250);

/// How long a node that is no authority any more still says what it signed as one.
const LINGER: Duration = Duration::from_secs(30);

/// How often one authority is answered that asks for handovers.
const ANSWERS: Duration = Duration::from_secs(1);

/// How a node goes on that is not to go on as it does.
enum Turn {
    /// As an authority, with this key.
    Votes(Box<SigningKey>),
    /// As a member that is none.
    Follows,
}

/// A node that takes part.
pub struct Started {
    /// To speak to it.
    pub member: Member,
    /// Its tasks; one that ends by itself ends the node.
    pub tasks: JoinSet<Result<()>>,
}

/// Starts taking part.
///
/// # Errors
/// When the charter, the keys or the store are not what they should be, or the notary
/// refuses to start: its error says what to do.
pub async fn start(node: &Arc<Node>, config: &LedgerConfig, stop: &Stop) -> Result<Started> {
    let charter = super::read_charter(&config.charter)?;
    let organisation = OrganisationId::parse(&config.organisation)
        .context("`ledger.organisation` is not the name of one")?;
    let genesis = Arc::new(Snapshot::found(&charter)?);
    let pool = Arc::new(Pool::default());
    let scribe = Scribe::open(node.store(), &charter, &genesis, Arc::clone(&pool)).await?;
    let at = Arc::clone(scribe.at());
    let seat = Seat {
        node: Arc::clone(node),
        organisation: organisation.clone(),
        listen: config.listen,
        peers: config.peers.clone(),
        genesis,
        pool: Arc::clone(&pool),
        today: None,
    };
    node.keys().ring.renew_fence()?;
    seat.settle(&scribe).await?;
    let key = node.authority_key(&at.state.origin)?;
    let kept = scribe.kept().cloned();
    let (tell_at, at_seen) = watch::channel(Arc::clone(&at));
    let (tell_checkpoint, checkpoint) = watch::channel(kept);
    let (waits, waiting) = watch::channel(());
    let is_only = seat.is_only(&at);
    if is_only {
        seat.may_order(&at)?;
    }
    let running = match is_only || seat.is_afar(&scribe, key.is_some()).await? {
        true => None,
        false => Some(seat.notary(&scribe)?),
    };
    let voice = running.as_ref().map(|running| running.notary.voice());
    let (tell_voice, voice) = watch::channel(voice);
    let member = Member {
        organisation: organisation.clone(),
        at: at_seen,
        checkpoint,
        pool,
        waits: Arc::new(waits),
        voice,
        not_run: Arc::default(),
        refused: Arc::default(),
        cut_off: Arc::default(),
        lacks: Arc::default(),
    };
    let mut tasks = JoinSet::new();
    let (tell_cosigned, cosigned) = mpsc::channel(16);
    for url in &config.witnesses {
        let asked = Asked::new(url);
        let (node, checkpoints) = (Arc::clone(node), member.checkpoint.clone());
        tasks.spawn(asked.run(node, checkpoints, tell_cosigned.clone(), stop.clone()));
    }
    let follower = Follower {
        node: Arc::clone(node),
        member: member.clone(),
        scribe,
        seat,
        lookout: Lookout::new(Arc::clone(&member.cut_off)),
        tell_voice,
        tell_at,
        tell_checkpoint,
        cosigned,
        _cosigning: tell_cosigned,
        keeps: None,
        out: None,
        junk: Junk::default(),
        answered: Answered::default(),
        marked: None,
        stop: stop.clone(),
    };
    match is_only {
        true => tasks.spawn(follower.alone(key, waiting)),
        false => tasks.spawn(follower.follow(key, running, waiting)),
    };
    let relay = Relay::new(Arc::clone(node), member.clone());
    tasks.spawn(relay.run(stop.clone()));
    let sent = config.sent.as_deref();
    let sent = sent.map(|folder| Sent::new(folder, member.organisation.as_str()));
    let rechecker = Rechecker::new(Arc::clone(node), member.clone(), sent).await?;
    tasks.spawn(rechecker.run(stop.clone()));
    let teller = Teller::new(Arc::clone(node), member.clone());
    tasks.spawn(teller.run(stop.clone()));
    Ok(Started { member, tasks })
}

/// What a store that cannot be reached now puts off is done at the next time: `None`, and a
/// line in the log.
///
/// # Errors
/// What does not pass.
pub(super) fn put_off<T>(doing: &'static str, done: Result<T>) -> Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if passes(&error) => {
            tracing::warn!(doing, "is put off: {error:#}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a key is the only authority's.
pub(super) fn is_only(at: &Snapshot, key: Option<[u8; 32]>) -> bool {
    let [only] = &at.state.authorities.members[..] else {
        return false;
    };
    key == Some(only.key)
}

/// Does what a [`Scribe`] does as the node runs, and tells the rest of the node.
struct Follower {
    node: Arc<Node>,
    member: Member,
    scribe: Scribe,
    seat: Seat,
    lookout: Lookout,
    tell_voice: watch::Sender<Option<Voice>>,
    tell_at: watch::Sender<Arc<Snapshot>>,
    tell_checkpoint: watch::Sender<Option<SharedCheckpoint>>,
    /// Checkpoints with the cosignatures of a witness.
    cosigned: mpsc::Receiver<SharedCheckpoint>,
    /// Keeps that open where there is no witness.
    _cosigning: mpsc::Sender<SharedCheckpoint>,
    /// From when on checkpoints are kept again, where the store could not be reached.
    keeps: Option<Instant>,
    /// Since when its organisation is no authority, where it was one.
    out: Option<Instant>,
    junk: Junk,
    answered: Answered,
    /// The height that the fence knows, where it orders alone.
    marked: Option<u64>,
    stop: Stop,
}

impl Follower {
    /// Follows the ledger: as the notary says, where this node votes; else as the
    /// authorities' nodes serve it; and the other way from when the ledger says so.
    async fn follow(
        mut self,
        key: Option<SigningKey>,
        mut running: Option<Running<Arc<Snapshot>>>,
        mut waiting: watch::Receiver<()>,
    ) -> Result<()> {
        // A member that is no authority signs nothing, whatever keys it has.
        self.resume(key.filter(|_| running.is_some())).await?;
        loop {
            let turn = match running.take() {
                Some(running) => self.with(running).await?,
                None => self.afar(&mut waiting).await?,
            };
            match turn {
                None => return Ok(()),
                Some(Turn::Votes(key)) => {
                    let begun = self.seat.notary(&self.scribe)?;
                    self.tell_voice.send_replace(Some(begun.notary.voice()));
                    running = Some(begun);
                    if Some(key.verifier().public()) != self.scribe.key() {
                        tracing::info!("this node votes with another key");
                        self.resume(Some(*key)).await?;
                    }
                }
                Some(Turn::Follows) => {
                    tracing::info!(
                        "this node's organisation is no authority of the ledger (any more): it follows"
                    );
                    self.tell_voice.send_replace(None);
                    self.resume(None).await?;
                }
            }
        }
    }

    /// Follows a notary until another way is to be gone, and stops it.
    async fn with(&mut self, mut running: Running<Arc<Snapshot>>) -> Result<Option<Turn>> {
        let turn = self.follow_one(&mut running).await?;
        let Running {
            notary,
            finalised,
            heard,
        } = running;
        let ended = tokio::task::spawn_blocking(move || notary.stop()).await?;
        drop((finalised, heard));
        ended.context("the notary stopped")?;
        Ok(turn)
    }

    /// Follows a notary until it is to stop; answers how to go on, if the node is to.
    async fn follow_one(&mut self, running: &mut Running<Arc<Snapshot>>) -> Result<Option<Turn>> {
        let mut keep = tokio::time::interval(KEEP);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.told() => return Ok(None),
                block = running.finalised.recv() => {
                    let Some(block) = block else { return Ok(None) };
                    let read = Block::parse(&block.payload)?;
                    // The store knows a block by the name that the notary has for it.
                    self.written(&read, &block.state, block.digest).await?;
                    block.acknowledge.done();
                    trace::acknowledged(block.height);
                }
                heard = running.heard.recv() => {
                    let Some(heard) = heard else { return Ok(None) };
                    put_off("taking in what was heard", self.heard(&heard).await)?;
                }
                Some(with) = self.cosigned.recv() => self.cosign(&with).await?,
                _ = keep.tick() => self.keep().await?,
                _ = again.tick() => {
                    let status = running.notary.voice().status();
                    let turn = put_off("looking around", self.look_around(&status).await)?;
                    if let Some(turn) = turn.flatten() {
                        return Ok(Some(turn));
                    }
                }
            }
            self.tell();
        }
    }

    /// Says again what may have been lost. Answers how to go on, if not as it does.
    async fn look_around(&mut self, status: &Status) -> Result<Option<Turn>> {
        self.say_again();
        self.say_lacks(self.seat.unknown(self.scribe.at()));
        if let Some(key) = self.seat.settle(&self.scribe).await? {
            return Ok(Some(Turn::Votes(Box::new(key))));
        }
        // What it signed last, the handover by which it went, may still be on its way.
        let is_out = self.seat.is_afar(&self.scribe, true).await?;
        let out = is_out.then(|| self.out.unwrap_or_else(Instant::now));
        self.out = out;
        if out.is_some_and(|out| out.elapsed() >= LINGER) {
            return Ok(Some(Turn::Follows));
        }
        let at = self.scribe.at();
        match self.lookout.look(status, at, &mut self.seat).await? {
            Some(Way::Votes) => {
                let key = self.node.authority_key(&at.state.origin)?;
                Ok(key.map(Box::new).map(Turn::Votes))
            }
            Some(Way::Follows) => Ok(Some(Turn::Follows)),
            None => Ok(None),
        }
    }

    /// Notes how far the only authority has come, before others see what it signed.
    fn mark(&mut self) -> Result<()> {
        let at = self.scribe.at();
        let is_new = self.marked.is_some_and(|marked| marked < at.height);
        if is_new {
            self.seat.mark(at)?;
            self.marked = Some(at.height);
        }
        Ok(())
    }

    /// Keeps what a quorum has signed, at the next time where the store cannot be reached.
    async fn keep(&mut self) -> Result<()> {
        if self.keeps.is_some_and(|from| from > Instant::now()) {
            return Ok(());
        }
        self.mark()?;
        let kept = self.scribe.keep(self.node.store()).await;
        let kept = put_off("keeping a checkpoint", kept)?;
        self.keeps = kept.is_none().then(|| Instant::now() + AGAIN);
        Ok(())
    }

    async fn cosign(&mut self, with: &SharedCheckpoint) -> Result<()> {
        let done = self.scribe.cosign(self.node.store(), with).await;
        put_off("keeping a cosignature", done).map(drop)
    }

    /// Takes in what the authorities' nodes serve, as a member that is none, until it is one.
    async fn afar(&mut self, waiting: &mut watch::Receiver<()>) -> Result<Option<Turn>> {
        let founders = self.seat.genesis.state.authorities.clone();
        let peers = self.seat.peers.clone();
        let mut afar = Afar::new(self.member.organisation.clone(), founders, peers);
        let stop = self.stop.clone();
        loop {
            let settled = put_off("putting keys in their place", self.is_one().await)?;
            if let Some(key) = settled.flatten() {
                tracing::info!("this node's organisation is an authority of the ledger now");
                return Ok(Some(Turn::Votes(Box::new(key))));
            }
            let (at, reached) = (Arc::clone(self.scribe.at()), self.scribe.reached());
            let news = tokio::select! {
                () = stop.told() => return Ok(None),
                news = afar.next(&at, reached) => news,
            };
            let more = match news {
                Ok(news) => {
                    self.lookout.answered();
                    self.taken(news).await?
                }
                Err(error) => {
                    self.lookout.unanswered(&error);
                    false
                }
            };
            let handed = afar.hand_over(&self.member.pool, self.scribe.at()).await;
            if let Err(error) = handed {
                tracing::warn!("no authority takes this node's own log, trying again: {error:#}");
            }
            if !more {
                tokio::select! {
                    () = stop.told() => return Ok(None),
                    changed = waiting.changed() => changed?,
                    Some(with) = self.cosigned.recv() => self.cosign(&with).await?,
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
    }

    /// The key that it votes with, where its organisation is an authority and it lacks
    /// nothing: not in an epoch from before others showed that it is none.
    async fn is_one(&mut self) -> Result<Option<SigningKey>> {
        let epoch = self.scribe.at().state.authorities.epoch;
        let today = self.seat.today.as_ref();
        if today.is_some_and(|today| epoch < today.epoch) {
            return Ok(None);
        }
        self.seat.today = None;
        let key = self.seat.settle(&self.scribe).await?;
        let at = self.scribe.at();
        let lacks = self.seat.unknown(at).or_else(|| self.seat.lacks(at));
        let key = key.filter(|_| lacks.is_none());
        self.say_lacks(lacks);
        Ok(key)
    }

    /// Says once what this node lacks, and that it does no more.
    fn say_lacks(&self, lacks: Option<String>) {
        self.member.lacks.send_if_modified(|known| {
            let is_new = *known != lacks;
            match &lacks {
                Some(lacks) if is_new => tracing::warn!("{lacks}"),
                None if is_new => tracing::info!("this node lacks nothing any more"),
                _ => {}
            }
            *known = lacks;
            is_new
        });
    }

    /// Writes down what is new; answers whether there may be more at once.
    async fn taken(&mut self, news: News) -> Result<bool> {
        let more = !news.blocks.is_empty();
        for note in news.handovers {
            self.signed_elsewhere(note).await?;
        }
        for (block, next, id) in &news.blocks {
            self.written(block, next, *id).await?;
        }
        if let Some(note) = news.checkpoint {
            self.signed_elsewhere(note).await?;
        }
        Ok(more)
    }

    /// Keeps what a quorum signed, as an authority's node has it.
    async fn signed_elsewhere(&mut self, note: String) -> Result<()> {
        let told = Gossip::Checkpoint(note).to_canon();
        let heard = self.scribe.heard(self.node.store(), &told).await;
        put_off("keeping a checkpoint", heard)?;
        self.keep().await?;
        self.tell();
        Ok(())
    }

    /// Orders what waits, as the only authority.
    async fn alone(
        mut self,
        key: Option<SigningKey>,
        mut waiting: watch::Receiver<()>,
    ) -> Result<()> {
        self.resume(key).await?;
        let stop = self.stop.clone();
        let mut settled = None;
        let mut kept = Instant::now();
        self.marked = Some(self.scribe.at().height);
        loop {
            let at = Arc::clone(self.scribe.at());
            self.say_lacks(self.seat.unknown(&at));
            let own = at.state.members.get(&self.member.organisation);
            let own = own.map(|own| own.organisation.clone());
            if settled != own {
                let done = put_off("putting keys in their place", self.take_keys().await)?;
                if done.is_none() && stop.sleep(AGAIN).await {
                    continue;
                }
                settled = own;
            }
            anyhow::ensure!(
                is_only(&at, self.scribe.key()),
                "this node's `authority.key` is not that of the ledger's only authority (any more): start it again; where \
                 `tally keys list` shows that the ledger's is put aside, put that back in its place"
            );
            let Some((block, next)) = self.member.pool.block(&at) else {
                self.keep().await?;
                self.tell();
                tokio::select! {
                    () = stop.told() => return Ok(()),
                    changed = waiting.changed() => changed?,
                    Some(with) = self.cosigned.recv() => self.cosign(&with).await?,
                    // What could not be kept is tried again.
                    () = tokio::time::sleep(AGAIN) => {}
                }
                continue;
            };
            let next = Arc::new(next);
            let id = next.id;
            self.written(&block, &next, id).await?;
            // Also where there is always something more.
            if kept.elapsed() >= KEEP {
                self.keep().await?;
                self.tell();
                kept = Instant::now();
            }
        }
    }

    /// Goes on with other keys, where the ledger has others in force by now.
    async fn take_keys(&mut self) -> Result<()> {
        // What hands over to another key is signed by the one before it.
        self.mark()?;
        self.scribe.keep(self.node.store()).await?;
        match self.seat.settle(&self.scribe).await? {
            Some(another) => self.resume(Some(another)).await,
            None => Ok(()),
        }
    }

    async fn resume(&mut self, key: Option<SigningKey>) -> Result<()> {
        let folder = self.node.folder().display();
        // A key votes from a journal of its own.
        let journal = match &key {
            Some(key) => format!("{folder}/{}", hex(&key.verifier().public()[..8])),
            None => folder.to_string(),
        };
        // With this key from now on.
        if self.marked.is_some() {
            self.seat.mark(self.scribe.at())?;
        }
        self.scribe.resume(self.node.store(), key, &journal).await?;
        self.tell();
        Ok(())
    }

    /// Says what is to be said: to the others, and to the rest of the node.
    fn tell(&mut self) {
        for gossip in self.scribe.take_outbox() {
            self.member.tell(&gossip);
        }
        let (at, kept) = (self.scribe.at(), self.scribe.kept());
        self.tell_at.send_if_modified(|told| {
            let new = told.height != at.height;
            if new {
                *told = Arc::clone(at);
            }
            new
        });
        self.tell_checkpoint.send_if_modified(|told| {
            let new = told.as_ref() != kept;
            if new {
                *told = kept.cloned();
            }
            new
        });
    }

    async fn written(&mut self, block: &Block, next: &Arc<Snapshot>, id: [u8; 32]) -> Result<()> {
        let mut pause = Duration::from_millis(50);
        while let Err(error) = self.scribe.write(self.node.store(), block, next, id).await {
            tracing::warn!(
                height = next.height,
                "a final block could not be written, trying again: {error:#}"
            );
            if !self.stop.sleep(pause).await {
                anyhow::bail!("told to stop before block {} was written", next.height);
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        self.tell();
        if next.boundary {
            self.keep().await?;
            self.tell();
        }
        Ok(())
    }

    async fn heard(&mut self, heard: &Heard) -> Result<()> {
        match self.scribe.heard(self.node.store(), &heard.message).await? {
            Ok(Taken::ToOrder) => self.member.nudge(),
            Ok(Taken::Asks(from)) => self.answer(heard.from, from).await?,
            Ok(Taken::Done) => {}
            Err(error) => self.junk.heard(heard.from, error),
        }
        Ok(())
    }

    /// Says to one authority how epochs were handed over, from one on.
    async fn answer(&mut self, to: [u8; 32], from: u64) -> Result<()> {
        if self.answered.is_due(to, Instant::now(), ANSWERS) {
            for gossip in self.scribe.handovers(self.node.store(), from).await? {
                self.member.answer(to, &gossip);
            }
        }
        Ok(())
    }

    fn say_again(&mut self) {
        for (from, count, why) in self.junk.take(Instant::now()) {
            tracing::warn!(
                from = %hex(&from),
                count,
                "messages beside the chain cannot be read, the last: {why}"
            );
        }
        for found in self.scribe.take_contradictions() {
            let Contradiction {
                by, note, evidence, ..
            } = found;
            match evidence {
                Some(evidence) => tracing::error!(
                    "`{by}` signed what is not the chain's, keep this as evidence in a file, for `tally ledger \
                     evidence`:\n{evidence}"
                ),
                None => tracing::error!(
                    "`{by}` signed what is not the chain's, keep this as evidence:\n{note}"
                ),
            }
        }
        self.scribe.say_again();
    }
}

#[cfg(test)]
mod tests;
