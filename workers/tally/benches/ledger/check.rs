//! Whether all chains are one, and whether all that was acknowledged stands there.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Audit, OrganisationId, Snapshot, State};
use tally_core::ledger::tree::{Frontier, Hash, leaf_hash};
use tally_core::ledger::{Checkpoint, Entry, Note};
use tally_store::port::SharedLedger as _;
use tally_store::postgres::{PgSettings, PostgresStore};

use crate::net::Net;
use crate::people;

const PAGE: u32 = 2_000;

/// What was found.
#[derive(Clone, Copy, Default, Debug)]
pub struct Found {
    /// Leaves that were looked at, of the longest chain.
    pub leaves: u64,
    /// Leaves, roots and checkpoints in which two differ.
    pub forks: u64,
    /// Entries that were acknowledged and are not there as they were handed over.
    pub lost: u64,
}

impl Found {
    pub fn plus(self, other: Self) -> Self {
        Self {
            leaves: self.leaves + other.leaves,
            forks: self.forks + other.forks,
            lost: self.lost + other.lost,
        }
    }
}

/// Stops them and goes over all that they have: every signature and every rule again.
pub fn check(net: &mut Net<'_>) -> Result<Found> {
    let of = net.all();
    net.settle(&of)?;
    net.stop()?;
    tokio::runtime::Runtime::new()?.block_on(found(net))
}

/// A store that is looked at.
struct Chain {
    store: PostgresStore,
    size: u64,
    /// Roots that it told others of, by the tree's size.
    roots: Vec<(u64, Hash)>,
}

impl Chain {
    async fn open(database: &str) -> Result<Self> {
        let store = PostgresStore::connect(&PgSettings::new(database)).await?;
        let head = store.shared_head().await?.context("a chain")?;
        let at = Snapshot::from_canon(&head.snapshot)?.frontier;
        let mut roots = vec![(at.size(), at.root())];
        if let Some(kept) = store.shared_checkpoint().await? {
            let said = Checkpoint::parse(&Note::parse(&kept.note)?.text)?;
            ensure!(kept.size == head.size, "the last checkpoint was not kept");
            roots.push((said.size, said.root));
        }
        Ok(Self {
            store,
            size: head.size,
            roots,
        })
    }
}

async fn found(net: &Net<'_>) -> Result<Found> {
    let mut chains = Vec::new();
    for database in &net.databases {
        chains.push(Chain::open(database).await?);
    }
    chains.sort_by_key(|chain| std::cmp::Reverse(chain.size));
    let roots: Vec<_> = chains
        .iter()
        .flat_map(|chain| chain.roots.clone())
        .collect();
    let mut walk = Walk::default();
    let mut found = Found::default();
    while found.leaves < chains[0].size {
        let from = found.leaves;
        let leaves = chains[0].store.shared_leaves(from, PAGE).await?;
        ensure!(!leaves.is_empty(), "a chain ends before its head");
        for other in &chains[1..] {
            let theirs = other.store.shared_leaves(from, PAGE).await?;
            let differ = leaves
                .iter()
                .zip(&theirs)
                .filter(|(one, other)| one != other);
            found.forks += differ.count() as u64;
        }
        for leaf in &leaves {
            found.leaves += 1;
            found.lost += u64::from(!walk.takes(leaf)?);
            let told = roots.iter().filter(|(size, _)| *size == found.leaves);
            let differ = told.filter(|(_, root)| *root != walk.tree.root());
            found.forks += differ.count() as u64;
        }
    }
    let state = walk.end()?;
    for who in net.all() {
        let stands = state.next(&people::id(who)).unwrap_or_default();
        let own = net.events(who)?.own;
        let acknowledged = own.iter().map(|own| own.next).max().unwrap_or_default();
        found.lost += acknowledged.saturating_sub(stands);
    }
    for chain in chains {
        chain.store.close().await;
    }
    Ok(found)
}

/// Over the leaves, one after the other.
#[derive(Default)]
struct Walk {
    audit: Option<Audit>,
    tree: Frontier,
    /// The organisation whose entries come, the index of the next and of the one after
    /// the last.
    open: Option<(OrganisationId, u64, u64)>,
    names: BTreeMap<OrganisationId, usize>,
}

impl Walk {
    /// Takes in a leaf; answers whether it is what its organisation handed over.
    fn takes(&mut self, leaf: &[u8]) -> Result<bool> {
        self.tree.append(leaf_hash(leaf));
        let Some(audit) = &mut self.audit else {
            self.audit = Some(Audit::begin(leaf)?);
            self.names = (0..64).map(|who| (people::id(who), who)).collect();
            return Ok(true);
        };
        audit.leaf(leaf)?;
        if let Some((of, index, end)) = self.open.take() {
            let who = *self.names.get(&of).context("an organisation")?;
            let same = people::entry(who, index) == leaf;
            self.open = (index + 1 < end).then_some((of, index + 1, end));
            return Ok(same);
        }
        if let Ok(Entry::Envelope(header)) = Entry::from_canon(leaf) {
            let end = header.first + u64::from(header.count);
            self.open = Some((header.organisation, header.first, end));
        }
        Ok(true)
    }

    fn end(self) -> Result<State> {
        let (state, tree) = self.audit.context("a charter")?.end()?;
        ensure!(tree == self.tree, "the audit came to another tree");
        Ok(state)
    }
}
