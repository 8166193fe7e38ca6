//! A node's store of the shared ledger, in memory: what the port promises, and nothing
//! that a kill would take away.

use std::future::Future;
use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt as _;
use tally_store::port::{
    Answer, NewBlock, SharedBlock, SharedCheckpoint, SharedHead, SharedLedger, StoreError, Totalled,
};

/// What a future answers that has nothing to wait for.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}

#[derive(Default)]
pub struct Store(Mutex<Held>);

#[derive(Default, Clone)]
struct Held {
    blocks: Vec<NewBlock>,
    leaves: Vec<Vec<u8>>,
    kept: Option<SharedCheckpoint>,
    handovers: Vec<SharedCheckpoint>,
}

impl Store {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    pub fn leaves(&self) -> Vec<Vec<u8>> {
        self.held().leaves.clone()
    }

    /// Whether the handovers to an epoch are kept.
    pub fn walks_to(&self, epoch: u64) -> bool {
        self.held().handovers.len() as u64 >= epoch
    }

    /// A disk that says that something is written which is not.
    pub fn forget_last(&self) {
        let mut held = self.held();
        if held.blocks.len() > 1 {
            let last = held.blocks.pop().unwrap();
            let left = held.leaves.len() - last.leaves.len();
            held.leaves.truncate(left);
        }
    }
}

impl SharedLedger for Store {
    async fn shared_head(&self) -> Answer<Option<SharedHead>> {
        Ok(self.held().blocks.last().map(|last| last.head.clone()))
    }

    async fn shared_height(&self) -> Answer<Option<(u64, u64)>> {
        let head = self.shared_head().await?;
        Ok(head.map(|head| (head.height, head.size)))
    }

    async fn append_block(&self, new: &NewBlock) -> Answer<()> {
        let mut held = self.held();
        let height = usize::try_from(new.head.height).unwrap();
        if let Some(known) = held.blocks.get(height) {
            let same = known.head == new.head;
            return same.then_some(()).ok_or(StoreError::Damaged {
                what: "block of the shared ledger",
            });
        }
        let size = held.leaves.len() + new.leaves.len();
        if held.blocks.len() != height || size as u64 != new.head.size {
            return Err(StoreError::Fenced {
                what: "the shared ledger",
            });
        }
        held.leaves.extend(new.leaves.iter().cloned());
        held.blocks.push(new.clone());
        Ok(())
    }

    async fn shared_leaves(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        let held = self.held();
        let from = usize::try_from(from).unwrap();
        let leaves = held.leaves.iter().skip(from).take(limit as usize);
        Ok(leaves.cloned().collect())
    }

    async fn shared_blocks(&self, from: u64, limit: u32) -> Answer<Vec<SharedBlock>> {
        let held = self.held();
        let from = usize::try_from(from).unwrap();
        let blocks = held.blocks.iter().skip(from).take(limit as usize);
        let block = |block: &NewBlock| SharedBlock {
            height: block.head.height,
            id: block.head.id,
            size: block.head.size,
        };
        Ok(blocks.map(block).collect())
    }

    async fn shared_tiles(&self, tiles: &[(u8, u64)]) -> Answer<Vec<Option<Vec<u8>>>> {
        let held = self.held();
        let of = |(level, index): &(u8, u64)| {
            let rows = held.blocks.iter().rev().flat_map(|block| &block.tiles);
            let mut rows = rows.filter(|row| row.level == *level && row.index == *index);
            rows.next().map(|row| row.hashes.clone())
        };
        Ok(tiles.iter().map(of).collect())
    }

    async fn shared_place(&self, organisation: &str, index: u64) -> Answer<Option<u64>> {
        let held = self.held();
        let mut brought = held.blocks.iter().flat_map(|block| &block.brought);
        let found = brought.find(|of| {
            of.organisation == organisation
                && (of.first..of.first + u64::from(of.count)).contains(&index)
        });
        Ok(found.map(|of| of.leaf + index - of.first))
    }

    async fn shared_totals(&self) -> Answer<Totalled> {
        let held = self.held();
        let sum = |of: fn(&NewBlock) -> u64| held.blocks.iter().map(of).sum();
        Ok(Totalled {
            entries: sum(|block| block.brought.iter().map(|of| u64::from(of.count)).sum()),
            agreed: sum(|block| block.agreed),
            disputed: sum(|block| block.disputed),
        })
    }

    async fn keep_checkpoint(&self, checkpoint: &SharedCheckpoint) -> Answer<()> {
        let mut held = self.held();
        let smaller = held
            .kept
            .as_ref()
            .is_some_and(|kept| kept.size > checkpoint.size);
        if smaller && !checkpoint.hands_over {
            return Err(StoreError::Fenced {
                what: "the shared ledger's checkpoint",
            });
        }
        if checkpoint.hands_over {
            held.handovers.retain(|of| of.epoch != checkpoint.epoch);
            held.handovers.push(checkpoint.clone());
            held.handovers.sort_by_key(|of| of.epoch);
        }
        if !smaller {
            held.kept = Some(checkpoint.clone());
        }
        Ok(())
    }

    async fn shared_checkpoint(&self) -> Answer<Option<SharedCheckpoint>> {
        Ok(self.held().kept.clone())
    }

    async fn handovers(&self) -> Answer<Vec<SharedCheckpoint>> {
        Ok(self.held().handovers.clone())
    }
}
