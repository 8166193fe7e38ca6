//! Finalised blocks into the store.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Block, Charter, Snapshot};
use tally_core::ledger::tree::Frontier;
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, kind};
use tally_store::port::{Brought, NewBlock, SharedHead, SharedLedger};

use super::tiled::Edge;

/// Writes blocks, one after the other.
pub struct Writer {
    at: Arc<Snapshot>,
    /// How whoever orders the blocks names the last.
    id: [u8; 32],
    edge: Edge,
}

impl Writer {
    /// Goes on where the store stands; the charter is written when it has nothing.
    ///
    /// # Errors
    /// When the store fails, or holds another ledger.
    pub async fn open(
        store: &impl SharedLedger,
        charter: &Charter,
        genesis: &Arc<Snapshot>,
    ) -> Result<Self> {
        let Some(head) = store.shared_head().await? else {
            let leaf = charter.leaf();
            let mut edge = Edge::default();
            let nodes = Frontier::default().append(leaf_hash(&leaf));
            let block = NewBlock {
                head: head(genesis, genesis.id),
                leaves: vec![leaf],
                tiles: edge.grow(&nodes),
                brought: Vec::new(),
                agreed: 0,
                disputed: 0,
            };
            store.append_block(&block).await?;
            return Ok(Self {
                id: genesis.id,
                at: Arc::clone(genesis),
                edge,
            });
        };
        let at = Snapshot::from_canon(&head.snapshot)
            .context("what is stored of the shared ledger is damaged: run `tally ledger fsck`")?;
        anyhow::ensure!(
            at.state.origin == genesis.state.origin,
            "the store holds the ledger `{}`, and the charter is that of `{}`",
            at.state.origin,
            genesis.state.origin
        );
        let first = store.shared_leaves(0, 1).await?;
        anyhow::ensure!(
            first.first() == Some(&charter.leaf()),
            "the store holds a ledger of this name that another charter founded"
        );
        let edge = Edge::of(store, at.frontier.size()).await?;
        Ok(Self {
            at: Arc::new(at),
            id: head.id,
            edge,
        })
    }

    /// Where the ledger stands.
    #[must_use]
    pub fn at(&self) -> &Arc<Snapshot> {
        &self.at
    }

    /// How whoever orders the blocks names the last.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// Writes the block that led to `next`. One that is there already is left alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn write(
        &mut self,
        store: &impl SharedLedger,
        block: &Block,
        next: &Arc<Snapshot>,
        id: [u8; 32],
    ) -> Result<()> {
        if next.height <= self.at.height {
            return Ok(());
        }
        let nodes = self.at.nodes(block);
        let mut leaf = self.at.frontier.size();
        let mut brought = Vec::new();
        let (mut agreed, mut disputed) = (0, 0);
        for envelope in &block.envelopes {
            brought.push(Brought {
                organisation: envelope.header.organisation.to_string(),
                first: envelope.header.first,
                count: envelope.header.count,
                leaf: leaf + 1,
            });
            leaf += 1 + envelope.entries.len() as u64;
            for entry in &envelope.entries {
                match Entry::kind_of(&entry.0) {
                    Some(kind::AGREED) => agreed += 1,
                    Some(kind::DISPUTED) => disputed += 1,
                    _ => {}
                }
            }
        }
        store
            .append_block(&NewBlock {
                head: head(next, id),
                leaves: block.leaves(),
                tiles: self.edge.grow(&nodes),
                brought,
                agreed,
                disputed,
            })
            .await?;
        self.at = Arc::clone(next);
        self.id = id;
        Ok(())
    }
}

fn head(snapshot: &Snapshot, id: [u8; 32]) -> SharedHead {
    SharedHead {
        height: snapshot.height,
        id,
        size: snapshot.frontier.size(),
        snapshot: snapshot.to_canon(),
    }
}
