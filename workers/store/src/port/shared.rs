//! The ledger that organisations share, as a node keeps it: written from
//! finalised blocks, served as tiles.

use std::future::Future;

use super::Answer;

/// Where the shared ledger stands on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedHead {
    /// The last block's height; 0 after the charter.
    pub height: u64,
    /// The last block's name.
    pub id: [u8; 32],
    /// Leaves of the tree.
    pub size: u64,
    /// What all blocks come to: the canonical bytes of a
    /// [`Snapshot`](tally_core::ledger::shared::Snapshot).
    pub snapshot: Vec<u8>,
}

/// A block, as those are told of it that write it down from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedBlock {
    /// Its height; 0 is the charter.
    pub height: u64,
    /// Its name.
    pub id: [u8; 32],
    /// Leaves of the tree after it.
    pub size: u64,
}

/// A tile, full or partial, as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileRow {
    /// Its level.
    pub level: u8,
    /// Its index in the level.
    pub index: u64,
    /// Its hashes.
    pub hashes: Vec<u8>,
}

/// The entries that an envelope brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Whose.
    pub organisation: String,
    /// The first one's index in the organisation's own log.
    pub first: u64,
    /// How many.
    pub count: u32,
    /// The first one's index in the shared ledger.
    pub leaf: u64,
}

/// A finalised block, or the charter at height 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlock {
    /// Where the ledger stands after it.
    pub head: SharedHead,
    /// Its leaves, in order.
    pub leaves: Vec<Vec<u8>>,
    /// Tiles as they are after it, those alone that changed: each extends what it was.
    pub tiles: Vec<TileRow>,
    /// Its envelopes.
    pub brought: Vec<Brought>,
    /// How many entries agreed with an adjudication.
    pub agreed: u64,
    /// How many disputed one.
    pub disputed: u64,
}

/// Leaves that were appended together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totalled {
    /// Entries of organisations' own logs.
    pub entries: u64,
    /// Those that agreed with an adjudication.
    pub agreed: u64,
    /// Those that disputed one.
    pub disputed: u64,
}

/// A checkpoint that a quorum signed, or a signature of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCheckpoint {
    /// The tree's size.
    pub size: u64,
    /// The epoch whose authorities sign it.
    pub epoch: u64,
    /// Whether it hands over to the authorities of the next epoch.
    pub hands_over: bool,
    /// The signed note.
    pub note: String,
}

/// The shared ledger.
pub trait SharedLedger {
    /// Where it stands; `None` before there is one.
    fn shared_head(&self) -> impl Future<Output = Answer<Option<SharedHead>>> + Send;
    /// The height of its last block, and leaves of the tree: whether [`Self::shared_head`]
    /// is another than before, without reading all that the blocks come to.
    fn shared_height(&self) -> impl Future<Output = Answer<Option<(u64, u64)>>> + Send;
    /// Writes a block, in one transaction. A block of a height that is there already is
    /// left alone when it is the same, and [`StoreError::Damaged`](super::StoreError::Damaged)
    /// when it is another, or when what it says of its leaves and envelopes cannot be so;
    /// one that does not follow the last, by its height and its size, is
    /// [`StoreError::Fenced`](super::StoreError::Fenced).
    fn append_block(&self, new: &NewBlock) -> impl Future<Output = Answer<()>> + Send;
    /// Leaves from an index on, in order.
    fn shared_leaves(
        &self,
        from: u64,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<Vec<u8>>>> + Send;
    /// Blocks from a height on, in order.
    fn shared_blocks(
        &self,
        from: u64,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<SharedBlock>>> + Send;
    /// Tiles by level and index; `None` where there is none.
    fn shared_tiles(
        &self,
        tiles: &[(u8, u64)],
    ) -> impl Future<Output = Answer<Vec<Option<Vec<u8>>>>> + Send;
    /// Where an entry of an organisation's own log stands in the shared ledger.
    fn shared_place(
        &self,
        organisation: &str,
        index: u64,
    ) -> impl Future<Output = Answer<Option<u64>>> + Send;
    /// What there is in all.
    fn shared_totals(&self) -> impl Future<Output = Answer<Totalled>> + Send;
    /// Keeps a checkpoint that a quorum signed. One of a smaller size than the last is
    /// fenced, unless it hands over: without it nobody could go on to the next epoch. One
    /// of the same size and epoch takes the place of the one before it.
    fn keep_checkpoint(
        &self,
        checkpoint: &SharedCheckpoint,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// The last checkpoint that a quorum signed: of the greatest size, then epoch.
    fn shared_checkpoint(&self) -> impl Future<Output = Answer<Option<SharedCheckpoint>>> + Send;
    /// The checkpoints that handed over, in the order of epochs.
    fn handovers(&self) -> impl Future<Output = Answer<Vec<SharedCheckpoint>>> + Send;
}
