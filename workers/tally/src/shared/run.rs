//! Taking part: the tasks of a node on a shared ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Block, OrganisationId, Snapshot};
use tally_notary::{Heard, Running, Status, Voice};
use tally_store::port::SharedCheckpoint;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Member;
use super::lookout::Lookout;
use super::pool::Pool;
use super::recheck::Rechecker;
use super::relay::{AGAIN, Relay, foreign};
use super::scribe::Scribe;
use super::seat::Seat;
use super::sent::Sent;
use super::trace;
use super::witnesses::Asked;
use crate::config::LedgerConfig;
use crate::node::keys::hex;
use crate::node::{Node, passes};
use crate::roles::Stop;

/// How often checkpoints are kept, at most: what is signed in between is on its way to
/// the next.
const KEEP: Duration = Duration::from_millis(50);

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
        genesis,
        pool: Arc::clone(&pool),
        today: None,
    };
    seat.settle(&scribe).await?;
    let key = node.authority_key(&at.state.origin)?;
    let kept = scribe.kept().cloned();
    let (tell_at, at_seen) = watch::channel(Arc::clone(&at));
    let (tell_checkpoint, checkpoint) = watch::channel(kept);
    let (waits, waiting) = watch::channel(());
    let running = match seat.is_only(&at) {
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
        stop: stop.clone(),
    };
    match running {
        Some(running) => tasks.spawn(follower.follow(key, running)),
        None => tasks.spawn(follower.alone(key, waiting)),
    };
    let relay = Relay::new(Arc::clone(node), member.clone());
    tasks.spawn(relay.run(stop.clone()));
    let sent = config.sent.as_deref();
    let sent = sent.map(|folder| Sent::new(folder, member.organisation.as_str()));
    let rechecker = Rechecker::new(Arc::clone(node), member.clone(), sent).await?;
    tasks.spawn(rechecker.run(stop.clone()));
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
    stop: Stop,
}

impl Follower {
    /// Follows what the notary says is final; with another key, or where others than it knew
    /// are the authorities of today, a notary begins anew.
    async fn follow(
        mut self,
        key: Option<SigningKey>,
        mut running: Running<Arc<Snapshot>>,
    ) -> Result<()> {
        self.resume(key).await?;
        loop {
            let another = self.follow_one(&mut running).await?;
            let Running {
                notary,
                finalised,
                heard,
            } = running;
            let ended = tokio::task::spawn_blocking(move || notary.stop()).await?;
            drop((finalised, heard));
            ended.context("the notary stopped")?;
            let Some(another) = another else {
                return Ok(());
            };
            running = self.seat.notary(&self.scribe)?;
            self.tell_voice.send_replace(Some(running.notary.voice()));
            if Some(another.verifier().public()) != self.scribe.key() {
                tracing::info!("this node votes with another key");
                self.resume(Some(another)).await?;
            }
        }
    }

    /// Follows a notary until it is to stop; answers the key to go on with, if another
    /// notary is to go on.
    async fn follow_one(
        &mut self,
        running: &mut Running<Arc<Snapshot>>,
    ) -> Result<Option<SigningKey>> {
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
                    let another = put_off("looking around", self.look_around(&status).await)?;
                    if let Some(another) = another.flatten() {
                        return Ok(Some(another));
                    }
                }
            }
            self.tell();
        }
    }

    /// Says again what may have been lost. Answers the key to go on with, if a notary is to
    /// begin anew.
    async fn look_around(&mut self, status: &Status) -> Result<Option<SigningKey>> {
        self.say_again().await?;
        let another = self.seat.settle(&self.scribe).await?;
        if another.is_some() {
            return Ok(another);
        }
        let at = self.scribe.at();
        match self.lookout.look(status, at, &mut self.seat).await? {
            true => self.node.authority_key(&at.state.origin),
            false => Ok(None),
        }
    }

    /// Keeps what a quorum has signed, at the next time where the store cannot be reached.
    async fn keep(&mut self) -> Result<()> {
        if self.keeps.is_some_and(|from| from > Instant::now()) {
            return Ok(());
        }
        let kept = self.scribe.keep(self.node.store()).await;
        let kept = put_off("keeping a checkpoint", kept)?;
        self.keeps = kept.is_none().then(|| Instant::now() + AGAIN);
        Ok(())
    }

    async fn cosign(&mut self, with: &SharedCheckpoint) -> Result<()> {
        let done = self.scribe.cosign(self.node.store(), with).await;
        put_off("keeping a cosignature", done).map(drop)
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
        loop {
            let at = Arc::clone(self.scribe.at());
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
        let own = &self.member.organisation;
        let found = foreign(&self.node, own, &block.envelopes).await;
        let found = put_off("holding a block against the own log", found)?;
        if let Some(entry) = found.flatten() {
            tracing::error!(
                entry,
                "the shared ledger has an entry as `{own}`'s that is not on this node's log: somebody else signs with \
                 its `signing` key, or the node was restored from an old backup; if it was not, tell the other organisations \
                 at once (docs/operations.md#keys)"
            );
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
            Ok(true) => self.member.nudge(),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(from = %hex(&heard.from), "a message beside the chain cannot be read: {error}");
            }
        }
        Ok(())
    }

    async fn say_again(&mut self) -> Result<()> {
        for (by, note) in self.scribe.take_contradictions() {
            tracing::error!(
                "`{by}` signed what is not the chain's, keep this as evidence:\n{note}"
            );
        }
        self.scribe.say_again(self.node.store()).await
    }
}

#[cfg(test)]
mod tests {
    use tally_store::port::SharedLedger as _;

    use super::*;
    use tally_core::ledger::shared::{Change, Envelope, Possession, build};

    use crate::node::applying::tests::applicant;
    use crate::node::keyring::{Key, Place};
    use crate::node::{How, Rotated};
    use crate::roles::Stopper;
    use crate::shared::Ledger as _;
    use crate::shared::{charter_text, found};

    /// A node of an organisation, and what it applies with.
    async fn member(folder: &std::path::Path, id: &str) -> (Arc<Node>, crate::shared::Application) {
        let (node, application) = applicant(folder, id).await;
        (Arc::new(node), application)
    }

    fn configured(folder: &std::path::Path, charter: &str, id: &str) -> LedgerConfig {
        let path = folder.join("charter.json");
        std::fs::write(&path, charter).unwrap();
        LedgerConfig {
            charter: path,
            organisation: id.into(),
            listen: None,
            witnesses: Vec::new(),
            sent: None,
        }
    }

    /// Whoever has no authority's key orders nothing on a ledger of several authorities.
    #[tokio::test]
    async fn who_is_no_authority_orders_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (node, one) = member(&folder.path().join("one"), "one").await;
        let (_, two) = member(&folder.path().join("two"), "two").await;
        let charter = found("ledger.example", &[one, two], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        std::fs::remove_file(folder.path().join("one/keys/authority.key")).unwrap();
        let (_stopper, stop) = Stopper::new();
        let refused = start(&node, &config, &stop)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(refused.contains("no authority's key"), "{refused}");
        assert_eq!(node.store().shared_head().await.unwrap().unwrap().height, 0);
    }

    /// One authority's ledger takes its own log in, in order, under checkpoints of one
    /// signature, and goes on after a start anew.
    #[tokio::test]
    async fn one_authority_orders_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (node, one) = member(&folder.path().join("one"), "one").await;
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        for _ in 0..2 {
            let (stopper, stop) = Stopper::new();
            let started = start(&node, &config, &stop).await.unwrap();
            let mut checkpoints = started.member.checkpoint.clone();
            let kept = checkpoints.wait_for(|kept| kept.as_ref().is_some_and(|k| k.size == 3));
            let kept = tokio::time::timeout(Duration::from_secs(20), kept).await;
            assert_eq!(kept.unwrap().unwrap().as_ref().unwrap().epoch, 0);
            stopper.stop();
            let mut tasks = started.tasks;
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap().unwrap();
            }
        }
        // Whoever has the key could have entered something else in its place.
        let own = tally_store::port::Log::entries(node.store(), 0, 1)
            .await
            .unwrap();
        let (id, key) = (
            OrganisationId::parse("one").unwrap(),
            node.signing_key().unwrap(),
        );
        for (entry, wanted) in [(own[0].clone(), None), (vec![1, 2], Some(0))] {
            let taken = Envelope::seal("ledger.example", id.clone(), 0, vec![entry], &key);
            assert_eq!(foreign(&node, &id, &[taken]).await.unwrap(), wanted);
        }
        // The charter, an envelope's header, and the log's first entry.
        let leaves = node.store().shared_leaves(0, 9).await.unwrap();
        assert_eq!(leaves.len(), 3);
        let own = tally_store::port::Log::entries(node.store(), 0, 1)
            .await
            .unwrap();
        assert_eq!(leaves.get(2), own.first());
    }

    async fn rotated(node: &Node, key: Key) -> crate::shared::Application {
        match node.rotate(key, How::default()).await.unwrap() {
            Rotated::ToBeVoted(application) => *application,
            Rotated::Done => panic!("{key:?} is voted on"),
        }
    }

    async fn ended(mut started: Started, stopper: Stopper) {
        stopper.stop();
        while let Some(ended) = started.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }

    async fn kept(started: &Started, wanted: impl FnMut(&SharedCheckpoint) -> bool) {
        let (mut checkpoints, mut wanted) = (started.member.checkpoint.clone(), wanted);
        let kept = checkpoints.wait_for(|kept| kept.as_ref().is_some_and(&mut wanted));
        let kept = tokio::time::timeout(Duration::from_secs(20), kept).await;
        drop(kept.expect("in time").unwrap());
    }

    /// One authority takes other keys by its own vote, and goes on with them: the handover
    /// is signed by the old one, what comes then by the new ones.
    #[tokio::test]
    async fn one_authority_takes_other_keys() {
        let folder = tempfile::tempdir().unwrap();
        let (node, one) = member(&folder.path().join("one"), "one").await;
        let was = one.organisation.clone();
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        kept(&started, |kept| kept.size == 3).await;

        let first = rotated(&node, Key::Signing).await.organisation;
        let both = rotated(&node, Key::Authority).await;
        let to_be = both.organisation.clone();
        assert_eq!(to_be.signing, first.signing, "what is to come stays in it");
        assert_eq!(rotated(&node, Key::Authority).await.organisation, to_be);
        assert!(to_be.signing != was.signing && to_be.authority != was.authority);
        let ring = &node.keys().ring;
        assert!(ring.has(Key::Signing, Place::Next) && ring.has(Key::Authority, Place::Next));
        let change = Change::Rotate {
            organisation: both.organisation,
            possession: both.possession,
        };
        node.propose(change).await.unwrap();
        kept(&started, |kept| kept.hands_over).await;
        // Signed by the new keys, on the ledger and under its checkpoint.
        let mut at = started.member.subscribe();
        let known = at.wait_for(|at| at.state.authorities.epoch == 1);
        drop(
            tokio::time::timeout(Duration::from_secs(20), known)
                .await
                .unwrap(),
        );
        node.propose(Change::Witnesses(Vec::new())).await.unwrap();
        kept(&started, |kept| kept.epoch == 1 && !kept.hands_over).await;
        for key in [Key::Signing, Key::Authority] {
            let places = ring.places(key).unwrap();
            assert_eq!(places, [Place::Present, Place::Aside(1)], "{key:?}");
        }
        let now = at
            .borrow()
            .state
            .members
            .values()
            .next()
            .unwrap()
            .organisation
            .clone();
        assert_eq!(now, to_be);
        ended(started, stopper).await;

        // And again after a start.
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        node.propose(Change::Leave(was.id)).await.unwrap_err();
        ended(started, stopper).await;
    }

    /// One authority takes in no second, neither one that joins nor a member that takes an
    /// authority's key: it could not start again.
    #[tokio::test]
    async fn one_authority_takes_in_no_second() {
        let folder = tempfile::tempdir().unwrap();
        let (node, one) = member(&folder.path().join("one"), "one").await;
        let (other, two) = member(&folder.path().join("two"), "two").await;
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        let (organisation, possession) = (two.organisation, two.possession);
        let joins = Change::Join {
            organisation: organisation.clone(),
            possession: possession.clone(),
        };
        let refused = node.propose(joins).await.unwrap_err().to_string();
        assert!(refused.contains("takes in no other"), "{refused}");

        let mut plain = organisation.clone();
        plain.authority = None;
        let key = other.signing_key().unwrap();
        let shown = Possession::show("ledger.example", &plain, &key, None);
        let joins = Change::Join {
            organisation: plain,
            possession: shown,
        };
        node.propose(joins).await.unwrap();
        let mut at = started.member.subscribe();
        let joined = at.wait_for(|at| at.state.members.len() == 2);
        let joined = tokio::time::timeout(Duration::from_secs(20), joined).await;
        drop(joined.expect("in time").unwrap());
        let rotates = Change::Rotate {
            organisation,
            possession,
        };
        let refused = node.propose(rotates).await.unwrap_err().to_string();
        assert!(refused.contains("takes in no other"), "{refused}");
        ended(started, stopper).await;
    }

    /// A key that another was made in the place of, and that was voted in all the same.
    #[tokio::test]
    async fn one_authority_takes_a_key_that_was_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (node, one) = member(&folder.path().join("one"), "one").await;
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        kept(&started, |kept| kept.size == 3).await;
        let both = rotated(&node, Key::Authority).await;
        let anew = How {
            anew: true,
            ..How::default()
        };
        drop(node.rotate(Key::Authority, anew).await.unwrap());
        let ring = &node.keys().ring;
        let made = both.organisation.authority.unwrap();
        let place = || ring.place_of(Key::Authority, &made);
        assert_eq!(place(), Some(Place::Aside(1)));
        let change = Change::Rotate {
            organisation: both.organisation,
            possession: both.possession,
        };
        node.propose(change).await.unwrap();
        kept(&started, |kept| kept.hands_over).await;
        node.propose(Change::Witnesses(Vec::new())).await.unwrap();
        kept(&started, |kept| kept.epoch == 1 && !kept.hands_over).await;
        ended(started, stopper).await;
        assert_eq!(place(), Some(Place::Present));
        assert_eq!(ring.places(Key::Authority).unwrap().len(), 3);
    }

    /// Killed when another authority's key was in force and its handover not signed: the
    /// old key signs that after the start, then the new one goes on.
    #[tokio::test]
    async fn a_handover_is_signed_by_the_old_key_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let (node, one) = member(&folder.path().join("one"), "one").await;
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        kept(&started, |kept| kept.size == 3).await;
        ended(started, stopper).await;

        let both = rotated(&node, Key::Authority).await;
        let change = Change::Rotate {
            organisation: both.organisation,
            possession: both.possession,
        };
        node.propose(change).await.unwrap();
        // Its block is written as the node would, and nothing signed.
        let genesis = Arc::new(Snapshot::found(&charter).unwrap());
        let pool = Arc::new(Pool::default());
        let scribe = Scribe::open(node.store(), &charter, &genesis, pool).await;
        let mut scribe = scribe.unwrap();
        let at = Arc::clone(scribe.at());
        let entries = tally_store::port::Log::entries(node.store(), 1, 9).await;
        let id = OrganisationId::parse("one").unwrap();
        let key = node.signing_key().unwrap();
        let envelope = Envelope::seal("ledger.example", id, 1, entries.unwrap(), &key);
        let (block, next) = build(&at, &[envelope]).unwrap();
        let next = Arc::new(next);
        assert!(next.boundary);
        let written = scribe.write(node.store(), &block, &next, next.id).await;
        written.unwrap();
        drop(scribe);

        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        kept(&started, |kept| kept.hands_over).await;
        node.propose(Change::Witnesses(Vec::new())).await.unwrap();
        kept(&started, |kept| kept.epoch == 1).await;
        ended(started, stopper).await;
        let places = node.keys().ring.places(Key::Authority).unwrap();
        assert_eq!(places, [Place::Present, Place::Aside(1)]);
    }
}
