//! Taking part: the tasks of a node on a shared ledger.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Block, OrganisationId, Snapshot, build};
use tally_notary::{Heard, Notary, Running, Standing};
use tally_store::port::SharedCheckpoint;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Member;
use super::machine::{Chain, authorities};
use super::pool::Pool;
use super::recheck::{Rechecker, Unchecked};
use super::relay::{AGAIN, Relay, Sender};
use super::scribe::Scribe;
use super::trace;
use super::witnesses::Asked;
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
    let pool = Arc::new(Pool::default());
    let scribe = Scribe::open(node.store(), &charter, &genesis, Arc::clone(&pool)).await?;
    let (at, id) = (Arc::clone(scribe.at()), scribe.id());
    let key = node.authority_key(&at.state.origin)?;
    let kept = scribe.kept().cloned();
    let (tell_at, at_seen) = watch::channel(Arc::clone(&at));
    let (tell_checkpoint, checkpoint) = watch::channel(kept);
    let (waits, waiting) = watch::channel(());
    let running = if is_alone(&at, key.as_ref().map(|key| key.verifier().public())) {
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
        refused: Arc::default(),
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
        tell_at,
        tell_checkpoint,
        cosigned,
        _cosigning: tell_cosigned,
        stop: stop.clone(),
    };
    match running {
        Some(running) => tasks.spawn(follower.follow(key, running)),
        None => tasks.spawn(follower.alone(key, waiting)),
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
fn is_alone(at: &Snapshot, key: Option<[u8; 32]>) -> bool {
    let [only] = &at.state.authorities.members[..] else {
        return false;
    };
    key == Some(only.key)
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
    Notary::start(settings, chain, stored).map_err(|error| match error {
        lost @ tally_notary::Error::Fenced { .. } => anyhow::Error::new(lost).context(
            "this node may not vote with the authority's key that it has: `tally org init --authority --new-key` \
             makes another, and another organisation proposes it with `tally org rotate`",
        ),
        other => other.into(),
    })
}

/// Does what a [`Scribe`] does as the node runs, and tells the rest of the node.
struct Follower {
    node: Arc<Node>,
    member: Member,
    scribe: Scribe,
    tell_at: watch::Sender<Arc<Snapshot>>,
    tell_checkpoint: watch::Sender<Option<SharedCheckpoint>>,
    /// Checkpoints with the cosignatures of a witness.
    cosigned: mpsc::Receiver<SharedCheckpoint>,
    /// Keeps that open where there is no witness.
    _cosigning: mpsc::Sender<SharedCheckpoint>,
    stop: Stop,
}

impl Follower {
    /// Follows what the notary says is final.
    async fn follow(
        mut self,
        key: Option<SigningKey>,
        mut running: Running<Arc<Snapshot>>,
    ) -> Result<()> {
        self.resume(key).await?;
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
                    trace::acknowledged(block.height);
                }
                heard = running.heard.recv() => {
                    let Some(heard) = heard else { break };
                    self.heard(&heard).await?;
                }
                Some(with) = self.cosigned.recv() => {
                    self.scribe.cosign(self.node.store(), &with).await?;
                }
                _ = keep.tick() => self.scribe.keep(self.node.store()).await?,
                _ = again.tick() => self.say_again().await?,
            }
            self.tell();
        }
        let ended = tokio::task::spawn_blocking(move || running.notary.stop()).await?;
        ended.context("the notary stopped")
    }

    /// Orders what waits, as the only authority.
    async fn alone(
        mut self,
        key: Option<SigningKey>,
        mut waiting: watch::Receiver<()>,
    ) -> Result<()> {
        self.resume(key).await?;
        let stop = self.stop.clone();
        loop {
            let at = Arc::clone(self.scribe.at());
            anyhow::ensure!(
                is_alone(&at, self.scribe.key()),
                "this node is not the ledger's only authority any more: start it again"
            );
            let envelopes = self.member.pool.next(&at.state, at.height);
            let built = build(&at, &envelopes).filter(|(block, _)| !block.envelopes.is_empty());
            let Some((block, next)) = built else {
                self.scribe.keep(self.node.store()).await?;
                self.tell();
                tokio::select! {
                    () = stop.told() => return Ok(()),
                    changed = waiting.changed() => changed?,
                    Some(with) = self.cosigned.recv() => {
                        self.scribe.cosign(self.node.store(), &with).await?;
                    }
                }
                continue;
            };
            let next = Arc::new(next);
            let id = next.id;
            self.written(&block, &next, id).await?;
        }
    }

    async fn resume(&mut self, key: Option<SigningKey>) -> Result<()> {
        let journal = self.node.folder().display().to_string();
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
            self.scribe.keep(self.node.store()).await?;
            self.tell();
        }
        Ok(())
    }

    async fn heard(&mut self, heard: &Heard) -> Result<()> {
        match self.scribe.heard(self.node.store(), &heard.message).await? {
            Ok(true) => self.member.nudge(),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(from = %crate::node::keys::hex(&heard.from), "a message beside the chain cannot be read: {error}");
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
    use tally_core::ledger::shared::Role;
    use tally_store::port::SharedLedger as _;

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
        let application = node.application(&applying).await.unwrap();
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
