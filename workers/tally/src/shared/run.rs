//! Taking part: the tasks of a node on a shared ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Block, OrganisationId, Snapshot, build};
use tally_core::ledger::{Note, Signature, SigningKey};
use tally_notary::{Heard, Notary, Running, Standing};
use tally_store::port::{SharedCheckpoint, SharedLedger as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Member;
use super::machine::{Chain, authorities};
use super::pool::Pool;
use super::recheck::{Rechecker, Unchecked};
use super::relay::{AGAIN, Relay, Sender};
use super::signatures::{Collector, Gossip, place};
use super::witnesses::Asked;
use super::writer::Writer;
use crate::config::LedgerConfig;
use crate::node::Node;
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
    let writer = Writer::open(node.store(), &charter, &genesis).await?;
    let (at, id) = (Arc::clone(writer.at()), writer.id());
    let key = node.authority_key(&at.state.origin)?;
    let pool = Arc::new(Pool::default());
    let kept = node.store().shared_checkpoint().await?;
    let (tell_at, at_seen) = watch::channel(Arc::clone(&at));
    let (tell_checkpoint, checkpoint) = watch::channel(kept);
    let (waits, waiting) = watch::channel(());
    let running = if is_alone(&at, key.as_ref()) {
        None
    } else {
        // Whoever does not vote must not order blocks either: that would be another ledger.
        let seed = node.authority_seed()?.with_context(|| {
            format!(
                "this node has no authority's key for the ledger `{}`, which its {} authorities order: \
                 make one with `tally org init --authority`, and have it voted in",
                at.state.origin,
                at.state.authorities.members.len()
            )
        })?;
        Some(notary(node, config, genesis, (&at, id), &pool, *seed)?)
    };
    let member = Member {
        organisation: organisation.clone(),
        at: at_seen,
        checkpoint,
        pool,
        waits: Arc::new(waits),
        voice: running.as_ref().map(|running| running.notary.voice()),
        unchecked: Unchecked::default(),
    };
    let mut tasks = JoinSet::new();
    let (tell_cosigned, cosigned) = mpsc::channel(16);
    for url in &config.witnesses {
        let asked = Asked::new(url);
        let (node, checkpoints) = (Arc::clone(node), member.checkpoint.clone());
        tasks.spawn(asked.run(node, checkpoints, tell_cosigned.clone(), stop.clone()));
    }
    let scribe = Scribe {
        node: Arc::clone(node),
        member: member.clone(),
        writer,
        key,
        collector: Collector::default(),
        tell_at,
        tell_checkpoint,
        ready: BTreeMap::new(),
        reached: node.store().handovers().await?.len() as u64,
        last_signed: None,
        cosigned,
        _cosigning: tell_cosigned,
        stop: stop.clone(),
    };
    match running {
        Some(running) => tasks.spawn(scribe.follow(running)),
        None => tasks.spawn(scribe.alone(waiting)),
    };
    let sender = Sender {
        organisation,
        key: node.signing_key()?,
    };
    let relay = Relay::new(Arc::clone(node), member.clone(), sender);
    tasks.spawn(relay.run(stop.clone()));
    let unchecked = Arc::clone(&member.unchecked);
    let rechecker = Rechecker::new(Arc::clone(node), member.clone(), unchecked).await?;
    tasks.spawn(rechecker.run(stop.clone()));
    Ok(Started { member, tasks })
}

/// Whether this node's key is the only authority's.
fn is_alone(at: &Snapshot, key: Option<&SigningKey>) -> bool {
    let [only] = &at.state.authorities.members[..] else {
        return false;
    };
    key.is_some_and(|key| key.verifier().public() == only.key)
}

fn notary(
    node: &Node,
    config: &LedgerConfig,
    genesis: Arc<Snapshot>,
    (at, id): (&Arc<Snapshot>, [u8; 32]),
    pool: &Arc<Pool>,
    seed: [u8; 32],
) -> Result<Running<Arc<Snapshot>>> {
    let listen = config
        .listen
        .context("`ledger.listen` is needed by an authority")?;
    let mut settings = tally_notary::Config::new(
        genesis.state.origin.as_bytes(),
        seed,
        listen,
        authorities(&genesis),
        node.folder().join("journal"),
        node.folder().join("authority.fence"),
    );
    settings.known = authorities(at);
    let stored = (at.height > 0).then(|| Standing {
        epoch: at.signers.epoch,
        height: at.height,
        digest: id,
        state: Arc::clone(at),
    });
    let chain = Chain {
        genesis,
        pool: Arc::clone(pool),
    };
    Ok(Notary::start(settings, chain, stored)?)
}

/// Writes what is final, and gathers signatures.
struct Scribe {
    node: Arc<Node>,
    member: Member,
    writer: Writer,
    /// Signs checkpoints, where the node is an authority.
    key: Option<SigningKey>,
    collector: Collector,
    tell_at: watch::Sender<Arc<Snapshot>>,
    tell_checkpoint: watch::Sender<Option<SharedCheckpoint>>,
    /// Checkpoints that a quorum signed and that are not kept yet.
    ready: BTreeMap<(u64, u64), SharedCheckpoint>,
    /// The epoch that the handovers kept lead to.
    reached: u64,
    last_signed: Option<Gossip>,
    /// Checkpoints with the cosignatures of a witness.
    cosigned: mpsc::Receiver<SharedCheckpoint>,
    /// Keeps that open where there is no witness.
    _cosigning: mpsc::Sender<SharedCheckpoint>,
    stop: Stop,
}

impl Scribe {
    /// Follows what the notary says is final.
    async fn follow(mut self, mut running: Running<Arc<Snapshot>>) -> Result<()> {
        self.resume().await?;
        let mut keep = tokio::time::interval(KEEP);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.told() => break,
                block = running.finalised.recv() => {
                    let Some(block) = block else { break };
                    let read = Block::parse(&block.payload)?;
                    // The store knows a block by the name that the notary has for it.
                    self.written(&read, &block.state, block.digest).await?;
                    block.acknowledge.done();
                }
                heard = running.heard.recv() => {
                    let Some(heard) = heard else { break };
                    self.heard(&heard).await?;
                }
                Some(with) = self.cosigned.recv() => self.cosign(&with).await?,
                _ = keep.tick() => self.keep().await?,
                _ = again.tick() => self.say_again().await?,
            }
        }
        let ended = tokio::task::spawn_blocking(move || running.notary.stop()).await?;
        ended.context("the notary stopped")
    }

    /// Orders what waits, as the only authority.
    async fn alone(mut self, mut waiting: watch::Receiver<()>) -> Result<()> {
        self.resume().await?;
        let stop = self.stop.clone();
        loop {
            let at = Arc::clone(self.writer.at());
            anyhow::ensure!(
                is_alone(&at, self.key.as_ref()),
                "this node is not the ledger's only authority any more: start it again"
            );
            let envelopes = self.member.pool.next(&at.state, at.height);
            let built = build(&at, &envelopes).filter(|(block, _)| !block.envelopes.is_empty());
            let Some((block, next)) = built else {
                self.keep().await?;
                tokio::select! {
                    () = stop.told() => return Ok(()),
                    changed = waiting.changed() => changed?,
                    Some(with) = self.cosigned.recv() => self.cosign(&with).await?,
                }
                continue;
            };
            let next = Arc::new(next);
            let id = next.id;
            self.written(&block, &next, id).await?;
        }
    }

    /// After a start: the last block's checkpoint may lack signatures still.
    async fn resume(&mut self) -> Result<()> {
        let at = Arc::clone(self.writer.at());
        self.sign(&at);
        self.keep().await
    }

    async fn written(&mut self, block: &Block, next: &Arc<Snapshot>, id: [u8; 32]) -> Result<()> {
        let grew = next.frontier.size() > self.writer.at().frontier.size();
        let mut pause = Duration::from_millis(50);
        while let Err(error) = self.writer.write(self.node.store(), block, next, id).await {
            tracing::warn!(
                height = next.height,
                "a final block could not be written, trying again: {error:#}"
            );
            if !self.stop.sleep(pause).await {
                anyhow::bail!("told to stop before block {} was written", next.height);
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        tracing::debug!(target: "tally::trace", height = next.height, size = next.frontier.size(), epoch = next.signers.epoch, "committed");
        self.member.pool.prune(&next.state);
        self.tell_at.send_replace(Arc::clone(next));
        if grew || next.boundary {
            self.sign(next);
        }
        if next.boundary {
            self.keep().await?;
        }
        Ok(())
    }

    fn sign(&mut self, snapshot: &Snapshot) {
        let (told, gathered) = self.collector.written(snapshot, self.key.as_ref());
        if let Some(told) = told {
            self.member.tell(&told);
            self.last_signed = Some(told);
        }
        self.gathered(gathered);
    }

    fn gathered(&mut self, gathered: Option<SharedCheckpoint>) {
        if let Some(new) = gathered {
            self.ready.insert((new.epoch, new.size), new);
        }
    }

    async fn heard(&mut self, heard: &Heard) -> Result<()> {
        match Gossip::from_canon(&heard.message) {
            Ok(Gossip::Envelope(envelope)) => {
                let state = Arc::clone(&self.writer.at().state);
                if self.member.pool.put(&state, *envelope) {
                    self.member.nudge();
                }
            }
            Ok(Gossip::Signed(note)) => {
                let gathered = self.collector.heard(&note);
                self.gathered(gathered);
            }
            Ok(Gossip::Checkpoint(note)) => self.told(&note).await?,
            Err(error) => {
                tracing::warn!(from = %crate::node::keys::hex(&heard.from), "a message beside the chain cannot be read: {error}");
            }
        }
        Ok(())
    }

    /// Another authority says which checkpoint a quorum signed: taken if it is of this
    /// node's own chain.
    async fn told(&mut self, note: &str) -> Result<()> {
        let Ok(note) = Note::parse(note) else {
            return Ok(());
        };
        let Some((epoch, size)) = place(&note) else {
            return Ok(());
        };
        for line in &note.signatures {
            let one = Note {
                text: note.text.clone(),
                signatures: vec![line.clone()],
            };
            let gathered = self.collector.heard(&one.to_string());
            self.gathered(gathered);
        }
        let ours = self.tell_checkpoint.borrow().clone();
        if ours.is_none_or(|ours| (ours.epoch, ours.size) < (epoch, size)) {
            self.keep().await?;
        }
        Ok(())
    }

    /// Keeps what a quorum has signed: of each epoch the last, and none of an epoch whose
    /// beginning is not kept, since nobody could follow to it.
    async fn keep(&mut self) -> Result<()> {
        loop {
            let epoch = self.reached;
            let after = self.ready.split_off(&(epoch + 1, 0));
            let of_epoch = std::mem::replace(&mut self.ready, after);
            let Some(((found, _), last)) = of_epoch.into_iter().next_back() else {
                return Ok(());
            };
            let told = self.tell_checkpoint.borrow().clone();
            let last = match &told {
                Some(told) if (told.epoch, told.size) == (last.epoch, last.size) => {
                    united(told, &last)?
                }
                _ => last,
            };
            if found == epoch && told.is_none_or(|told| told != last && told.size <= last.size) {
                self.node.store().keep_checkpoint(&last).await?;
                tracing::debug!(target: "tally::trace", size = last.size, epoch, "published");
                self.collector.forget((last.epoch, last.size));
                self.tell_checkpoint.send_replace(Some(last.clone()));
            }
            if found != epoch || !last.hands_over {
                return Ok(());
            }
            self.reached += 1;
        }
    }

    /// Adds a witness's cosignature to the checkpoint, if it is still the last.
    async fn cosign(&mut self, with: &SharedCheckpoint) -> Result<()> {
        let told = self.tell_checkpoint.borrow().clone();
        let Some(last) = told.filter(|last| (last.epoch, last.size) == (with.epoch, with.size))
        else {
            return Ok(());
        };
        let merged = united(&last, with)?;
        if merged == last {
            return Ok(());
        }
        self.node.store().keep_checkpoint(&merged).await?;
        self.tell_checkpoint.send_replace(Some(merged));
        Ok(())
    }

    /// What may have been lost is said again: the own last signature, and the last
    /// checkpoint, for whoever was away.
    async fn say_again(&mut self) -> Result<()> {
        for note in self.collector.take_contradictions() {
            tracing::error!(
                "an authority signed what is not the chain's, keep this as evidence:\n{note}"
            );
        }
        if let Some(told) = &self.last_signed {
            self.member.tell(told);
        }
        let kept = self.tell_checkpoint.borrow().clone();
        if let Some(kept) = kept {
            self.member.tell(&Gossip::Checkpoint(kept.note));
        }
        for handover in self.node.store().handovers().await? {
            self.member.tell(&Gossip::Checkpoint(handover.note));
        }
        Ok(())
    }
}

/// A checkpoint with the signatures of both; the first alone when they say different
/// things.
fn united(one: &SharedCheckpoint, other: &SharedCheckpoint) -> Result<SharedCheckpoint> {
    let (mut note, more) = (Note::parse(&one.note)?, Note::parse(&other.note)?);
    let key = |line: &Signature| (line.name.clone(), line.bytes.get(..4).map(<[u8]>::to_vec));
    if note.text == more.text {
        for line in more.signatures {
            if !note.signatures.iter().any(|known| key(known) == key(&line)) {
                note.signatures.push(line);
            }
        }
    }
    Ok(SharedCheckpoint {
        note: note.to_string(),
        ..one.clone()
    })
}

#[cfg(test)]
mod tests {
    use tally_core::ledger::shared::Role;

    use super::*;
    use crate::config::PoliciesConfig;
    use crate::node::Applying;
    use crate::node::clock::Clock;
    use crate::roles::Stopper;
    use crate::shared::{charter_text, found};

    /// A node of an organisation, and what it applies with.
    async fn member(folder: &std::path::Path, id: &str) -> (Arc<Node>, crate::shared::Application) {
        let node = Node::open_with(folder, Clock::System, PoliciesConfig::None).await;
        let node = node.unwrap();
        node.make_authority(false).unwrap();
        let applying = Applying {
            ledger: "ledger.example".into(),
            id: id.into(),
            name: id.into(),
            roles: vec![Role::Payer],
            address: "127.0.0.1:1".into(),
            url: String::new(),
        };
        let application = node.application(&applying).unwrap();
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
        // The charter, an envelope's header, and the log's first entry.
        let leaves = node.store().shared_leaves(0, 9).await.unwrap();
        assert_eq!(leaves.len(), 3);
        let own = tally_store::port::Log::entries(node.store(), 0, 1)
            .await
            .unwrap();
        assert_eq!(leaves.get(2), own.first());
    }
}
