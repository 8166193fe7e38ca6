//! Delivery of finalised blocks to the store: at least once, idempotent by height.

use super::Refusal;

/// What a finalised block says of the log after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block<R> {
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: R,
    /// The epoch that finalised it.
    pub epoch: u64,
}

/// What a delivery brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The next block.
    New,
    /// A block that is there.
    Again,
}

/// What is on a node's disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Store<R> {
    /// The blocks, from height 1.
    pub blocks: Vec<Block<R>>,
    /// Up to this height the engine will not deliver again.
    pub acknowledged: u64,
}

impl<R> Default for Store<R> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            acknowledged: 0,
        }
    }
}

impl<R: Clone + PartialEq> Store<R> {
    /// The last height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// The block at a height.
    #[must_use]
    pub fn at(&self, height: u64) -> Option<&Block<R>> {
        let index = usize::try_from(height).ok()?.checked_sub(1)?;
        self.blocks.get(index)
    }

    /// Whether a block left the log at this size and root in this epoch.
    #[must_use]
    pub fn holds(&self, block: &Block<R>) -> bool {
        // Sizes never shrink, and what is asked for is near the end.
        let from_end = self.blocks.iter().rev();
        from_end
            .take_while(|held| held.size >= block.size)
            .any(|held| held == block)
    }

    /// Whether a delivered block may be committed.
    ///
    /// # Errors
    /// A gap, another block at that height, a log that shrinks or changes its past.
    pub fn may_commit(&self, height: u64, block: &Block<R>) -> Result<Delivery, Refusal> {
        match self.at(height) {
            Some(held) if held == block => return Ok(Delivery::Again),
            Some(_) => return Err(Refusal::Rewritten),
            None if height != self.height() + 1 => return Err(Refusal::Gap),
            None => {}
        }
        match self.blocks.last() {
            Some(last) if block.size < last.size => Err(Refusal::Shrinks),
            Some(last) if block.size == last.size && block.root != last.root => {
                Err(Refusal::OtherRoot)
            }
            _ => Ok(Delivery::New),
        }
    }

    /// Commits it.
    pub fn commit(&mut self, block: Block<R>) {
        self.blocks.push(block);
    }

    /// Whether the engine may be told that everything up to a height is safe.
    ///
    /// # Errors
    /// When it is not on disk.
    pub fn may_acknowledge(&self, height: u64) -> Result<(), Refusal> {
        if height > self.height() {
            return Err(Refusal::AcknowledgedUncommitted);
        }
        Ok(())
    }

    /// Tells it.
    pub fn acknowledge(&mut self, height: u64) {
        self.acknowledged = self.acknowledged.max(height);
    }
}
