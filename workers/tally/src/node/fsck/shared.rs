//! The shared ledger as this node keeps it, checked from its leaves alone: every signature
//! and rule again, the tiles, where entries stand, what all leaves come to, and that a
//! quorum signed the checkpoints. A page of leaves is held at a time.

use std::collections::BTreeMap;

use anyhow::Result;
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Audit, Authorities, EnvelopeHeader, Refusal, Snapshot};
use tally_core::ledger::tiles::WIDTH;
use tally_core::ledger::tree::{Frontier, Hash, leaf_hash};
use tally_core::ledger::{Entry, Note, kind};
use tally_store::port::{
    Log, SharedCheckpoint, SharedHead, SharedLedger, StoreError, TileRow, Totalled,
};

use super::Fscked;
use crate::node::Node;
use crate::shared::Edge;

/// Leaves that are read at a time.
const PAGE: u32 = 1024;

/// What was walked over so far.
struct Walk {
    /// How this node's organisation is called there.
    own: Option<String>,
    audit: Option<Audit>,
    frontier: Frontier,
    edge: Edge,
    /// Tiles that are not full, as they are by now.
    partial: BTreeMap<u8, TileRow>,
    /// The envelope whose entries follow.
    open: Option<Open>,
    /// Who ended their epoch with the last leaf.
    ended: Option<Authorities>,
    /// The texts by which epochs were handed over, by their sizes.
    handovers: BTreeMap<u64, String>,
    totals: Totalled,
    /// The root at a size that is asked for.
    asked: (u64, Option<Hash>),
}

/// An envelope whose entries come.
struct Open {
    header: EnvelopeHeader,
    came: u32,
    /// What this node's own log has there, where they are its own.
    own: Option<Vec<Vec<u8>>>,
}

impl Node {
    /// The whole of it, where there is one.
    pub(super) async fn check_shared(&self, found: &mut Fscked) -> Result<()> {
        // Before the head, so that it is of no larger a tree while blocks are written.
        let kept = self.store.shared_checkpoint().await?;
        let Some(head) = self.store.shared_head().await? else {
            return Ok(());
        };
        let snapshot = Snapshot::from_canon(&head.snapshot);
        let own = snapshot.as_ref().ok().and_then(|snapshot| {
            let log = self.keys.log.verifier().public();
            let member = snapshot.state.member_of_log(&log)?;
            Some(member.organisation.id.to_string())
        });
        let mut walk = Walk {
            own,
            audit: None,
            frontier: Frontier::default(),
            edge: Edge::default(),
            partial: BTreeMap::new(),
            open: None,
            ended: None,
            handovers: BTreeMap::new(),
            totals: Totalled {
                entries: 0,
                agreed: 0,
                disputed: 0,
            },
            asked: (kept.as_ref().map_or(0, |kept| kept.size), None),
        };
        if let Err(error) = walk.over(&self.store, head.size, found).await? {
            found.fault("leaves of the shared ledger", error.to_string());
            return Ok(());
        }
        walk.edges(&self.store, &head, found).await?;
        walk.checkpoints(&self.store, kept, found).await?;
        match snapshot {
            Ok(snapshot) => walk.end(&self.store, &head, &snapshot, found).await,
            Err(error) => {
                found.fault(HEAD, format!("what all leaves come to: {error}"));
                Ok(())
            }
        }
    }
}

/// Leaves that may be there before the first checkpoint has its quorum.
const UNSIGNED: u64 = 10_000;

const HEAD: &str = "head of the shared ledger";

impl Walk {
    /// Goes over the leaves of a tree of this size. What the store itself finds wrong with
    /// how they are stored is answered.
    async fn over(
        &mut self,
        store: &(impl SharedLedger + Log),
        size: u64,
        found: &mut Fscked,
    ) -> Result<Result<(), StoreError>> {
        while self.frontier.size() < size {
            let from = self.frontier.size();
            let limit = u32::try_from(size - from).unwrap_or(PAGE).min(PAGE);
            let leaves = match store.shared_leaves(from, limit).await {
                Ok(leaves) => leaves,
                Err(error @ StoreError::Damaged { .. }) => return Ok(Err(error)),
                Err(error) => return Err(error.into()),
            };
            if leaves.is_empty() {
                found.fault(place(from), "it is missing, and all after it");
                return Ok(Ok(()));
            }
            let mut nodes = Vec::new();
            for leaf in &leaves {
                self.leaf(store, leaf, found).await?;
                nodes.extend(self.frontier.append(leaf_hash(leaf)));
                if self.frontier.size() == self.asked.0 {
                    self.asked.1 = Some(self.frontier.root());
                }
            }
            let (full, partial): (Vec<_>, Vec<_>) = self
                .edge
                .grow(&nodes)
                .into_iter()
                .partition(|tile| tile.hashes.len() as u64 == WIDTH * 32);
            for tile in full {
                self.partial.remove(&tile.level);
                tiles(store, &tile, true, found).await?;
            }
            self.partial
                .extend(partial.into_iter().map(|tile| (tile.level, tile)));
        }
        Ok(Ok(()))
    }

    /// One leaf: what it may say there, and what is stored of it.
    async fn leaf(
        &mut self,
        store: &(impl SharedLedger + Log),
        leaf: &[u8],
        found: &mut Fscked,
    ) -> Result<()> {
        let at = self.frontier.size();
        match self.judge(at, leaf) {
            None => return Ok(()),
            Some(Err(refusal)) => {
                found.fault(place(at), refusal.to_string());
                return Ok(());
            }
            Some(Ok(audit)) => self.audit = Some(audit),
        }
        found.shared += 1;
        if self.open.is_some() {
            return self.entry(store, at, leaf, found).await;
        }
        if let Ok(Entry::Envelope(header)) = Entry::from_canon(leaf) {
            let own = match &self.own {
                Some(own) if own == header.organisation.as_str() => {
                    Some(store.entries(header.first, header.count).await?)
                }
                _ => None,
            };
            self.open = Some(Open {
                header: *header,
                came: 0,
                own,
            });
        }
        Ok(())
    }

    /// Every rule and signature. `None` where one did not hold before: what follows it
    /// cannot be judged.
    fn judge(&mut self, at: u64, leaf: &[u8]) -> Option<Result<Audit, Refusal>> {
        let Some(mut audit) = self.audit.take() else {
            return (at == 0).then(|| Audit::begin(leaf));
        };
        Some(audit.leaf(leaf).map(|ended| {
            self.ended = ended.map(|(before, handover)| {
                self.handovers.insert(at + 1, handover.text());
                before
            });
            audit
        }))
    }

    /// An entry of the open envelope: where it is stored as standing, and whether it is
    /// what this node's own log says.
    async fn entry(
        &mut self,
        store: &impl SharedLedger,
        at: u64,
        leaf: &[u8],
        found: &mut Fscked,
    ) -> Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let organisation = open.header.organisation.as_str();
        let index = open.header.first + u64::from(open.came);
        let last = open.came + 1 == open.header.count;
        // Between the first and the last of an envelope the store only counts.
        if (open.came == 0 || last) && store.shared_place(organisation, index).await? != Some(at) {
            let what = format!("entry {index} of {organisation} is stored as standing elsewhere");
            found.fault(place(at), what);
        }
        let own = open.own.as_ref();
        if own.is_some_and(|own| own.get(open.came as usize).map(Vec::as_slice) != Some(leaf)) {
            let what = format!("it is entry {index} of this node, whose own log says another");
            found.fault(place(at), what);
        }
        self.totals.entries += 1;
        match Entry::kind_of(leaf) {
            Some(kind::AGREED) => self.totals.agreed += 1,
            Some(kind::DISPUTED) => self.totals.disputed += 1,
            _ => {}
        }
        open.came += 1;
        if last {
            self.open = None;
        }
        Ok(())
    }

    /// The tiles at the growing edge. They hold more only where blocks came meanwhile.
    async fn edges(
        &self,
        store: &impl SharedLedger,
        head: &SharedHead,
        found: &mut Fscked,
    ) -> Result<()> {
        let still = store.shared_head().await?.as_ref() == Some(head);
        for tile in self.partial.values() {
            tiles(store, tile, still, found).await?;
        }
        Ok(())
    }

    /// The checkpoints that handed over, from the charter's authorities on, and the last.
    async fn checkpoints(
        &self,
        store: &impl SharedLedger,
        kept: Option<SharedCheckpoint>,
        found: &mut Fscked,
    ) -> Result<()> {
        let Some(kept) = kept else {
            // The first may not be signed by a quorum yet; without one no epoch ends.
            if !self.handovers.is_empty() || self.frontier.size() > UNSIGNED {
                found.fault("checkpoint of the shared ledger", "none is kept");
            }
            return Ok(());
        };
        let Ok(mut set) = crate::shared::founders(store).await else {
            found.fault(place(0), "it is no charter");
            return Ok(());
        };
        let mut handovers = store.handovers().await?;
        handovers.retain(|of| of.epoch < kept.epoch);
        for of in handovers.into_iter().chain([kept]) {
            let place = format!("checkpoint of the shared ledger at size {}", of.size);
            let note = Note::parse(&of.note);
            let signed = note.map_err(Into::into).and_then(|note| set.verify(&note));
            let signed = match signed {
                Ok(signed) => signed,
                Err(error) => {
                    found.fault(place, error.to_string());
                    return Ok(());
                }
            };
            let said = &signed.checkpoint;
            let said_of = (said.size, set.epoch, signed.next.is_some());
            if said_of != (of.size, of.epoch, of.hands_over) {
                found.fault(
                    place.as_str(),
                    "it is stored as one of another size or epoch",
                );
            }
            let rooted = match self.asked {
                (size, root) if size == said.size => root == Some(said.root),
                _ => self.handovers.get(&said.size) == Some(&said.text()),
            };
            if !rooted {
                found.fault(place, "the leaves do not give what was signed");
            }
            if let Some(next) = signed.next {
                set = next;
            }
        }
        Ok(())
    }

    /// What all leaves come to, against what is stored of it.
    async fn end(
        self,
        store: &impl SharedLedger,
        head: &SharedHead,
        snapshot: &Snapshot,
        found: &mut Fscked,
    ) -> Result<()> {
        if snapshot.frontier != self.frontier {
            found.fault(HEAD, "the leaves give another tree");
        }
        if (head.height, head.size) != (snapshot.height, snapshot.frontier.size()) {
            found.fault(HEAD, "its height or size is not that of what it holds");
        }
        // Whose leaf did not hold was named.
        let Some(Ok((state, _))) = self.audit.map(Audit::end) else {
            return Ok(());
        };
        let signers = match (&self.ended, snapshot.boundary) {
            (Some(before), true) => before,
            _ => &state.authorities,
        };
        let ends = !snapshot.boundary || self.ended.is_some();
        if *snapshot.state != state || *snapshot.signers != *signers || !ends {
            found.fault(HEAD, "the leaves come to something else than is stored");
        }
        let still = store.shared_head().await?.as_ref() == Some(head);
        if still && store.shared_totals().await? != self.totals {
            found.fault(
                HEAD,
                "the leaves hold other counts of entries than are stored",
            );
        }
        Ok(())
    }
}

fn place(leaf: u64) -> String {
    format!("leaf {leaf} of the shared ledger")
}

/// A tile against the hashes of what is below it; `whole` when it may hold no others.
async fn tiles(
    store: &impl SharedLedger,
    tile: &TileRow,
    whole: bool,
    found: &mut Fscked,
) -> Result<()> {
    let stored = store.shared_tiles(&[(tile.level, tile.index)]).await?;
    let stored = stored.into_iter().next().flatten().unwrap_or_default();
    let holds = match whole {
        true => stored == tile.hashes,
        false => stored.starts_with(&tile.hashes),
    };
    if !holds {
        found.fault(
            format!(
                "tile {} of level {} of the shared ledger",
                tile.index, tile.level
            ),
            "it is not the hashes of what is below it",
        );
    }
    Ok(())
}
