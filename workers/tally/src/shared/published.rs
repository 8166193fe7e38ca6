//! What payers published, and erased, as it stands on the shared ledger.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Organisation, OrganisationId};
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, PolicyPublished, Published, kind};
use tally_store::port::SharedLedger;

/// Leaves that are read at a time.
const PAGE: u32 = 512;

/// Publications, of the ledger's first `read` leaves.
#[derive(Default)]
pub(super) struct Publications {
    of: BTreeMap<OrganisationId, OfPayer>,
    read: u64,
    /// The envelope that the next leaf is in, and its index in that organisation's log.
    within: Option<(OrganisationId, u64)>,
}

/// What one payer published.
#[derive(Default)]
pub(super) struct OfPayer {
    by_leaf: BTreeMap<[u8; 32], Published>,
    by_index: Vec<(u64, PolicyPublished)>,
    erased: BTreeSet<u64>,
}

impl Publications {
    /// What a payer published before a leaf of the ledger.
    ///
    /// # Errors
    /// When the store fails, or is not that far.
    pub(super) async fn of(
        &mut self,
        store: &impl SharedLedger,
        payer: &Organisation,
        before: u64,
    ) -> Result<&OfPayer> {
        while self.read < before {
            let leaves = store.shared_leaves(self.read, PAGE).await?;
            anyhow::ensure!(
                !leaves.is_empty(),
                "the adjudication is not on this node's ledger yet"
            );
            self.read += leaves.len() as u64;
            for leaf in &leaves {
                self.leaf(leaf)?;
            }
        }
        Ok(self.of.entry(payer.id.clone()).or_default())
    }

    fn leaf(&mut self, bytes: &[u8]) -> Result<()> {
        let damaged = "what is stored of the shared ledger is damaged: run `tally ledger fsck`";
        match Entry::kind_of(bytes) {
            Some(kind::ENVELOPE) => {
                let Entry::Envelope(header) = Entry::from_canon(bytes).context(damaged)? else {
                    anyhow::bail!(damaged);
                };
                self.within = Some((header.organisation, header.first));
                return Ok(());
            }
            Some(kind::POLICY) => {
                let (whose, index) = self.within.as_ref().context(damaged)?;
                let Entry::Policy(published) = Entry::from_canon(bytes).context(damaged)? else {
                    anyhow::bail!(damaged);
                };
                let of = self.of.entry(whose.clone()).or_default();
                of.by_index.push((*index, published.publication.clone()));
                of.by_leaf.insert(leaf_hash(bytes), *published);
            }
            Some(kind::ERASED) => {
                let (whose, _) = self.within.as_ref().context(damaged)?;
                let Entry::Erased { index, .. } = Entry::from_canon(bytes).context(damaged)? else {
                    anyhow::bail!(damaged);
                };
                self.of
                    .entry(whose.clone())
                    .or_default()
                    .erased
                    .insert(index);
            }
            _ => {}
        }
        if let Some((_, index)) = &mut self.within {
            *index += 1;
        }
        Ok(())
    }
}

impl OfPayer {
    /// A publication by the hash of its leaf; `None` where this payer has none of it.
    pub(super) fn find(&self, leaf: &[u8; 32]) -> Option<&Published> {
        self.by_leaf.get(leaf)
    }

    /// Whether what stands at an index of the payer's own log was erased.
    pub(super) fn is_erased(&self, index: u64) -> bool {
        self.erased.contains(&index)
    }

    /// All, by index in the payer's own log.
    pub(super) fn by_index(&self) -> &[(u64, PolicyPublished)] {
        &self.by_index
    }
}
