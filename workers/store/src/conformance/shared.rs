//! The shared ledger, as a node keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tally_core::ledger::tree::{Frontier, leaf_hash};
use tokio::task::JoinSet;

use super::assert_fenced;
use super::world::digest;
use crate::port::{
    Answer, Brought, NewBlock, SharedBlock, SharedCheckpoint, SharedHead, Store, StoreError,
    TileRow, Totalled,
};

/// A shared ledger that grows by made-up blocks; its tree is a real one.
#[derive(Clone, Default)]
pub struct Growing {
    frontier: Frontier,
    /// Every tile, as it is now.
    pub tiles: BTreeMap<(u8, u64), Vec<u8>>,
    /// Every leaf.
    pub leaves: Vec<Vec<u8>>,
    /// How many entries of each organisation there are.
    next: BTreeMap<String, u64>,
    height: u64,
}

impl Growing {
    /// The charter.
    pub fn charter(&mut self) -> NewBlock {
        self.grown(vec![b"charter".to_vec()], Vec::new())
    }

    /// The charter, and then one block after the other: each time the same ones.
    pub fn following(&mut self) -> NewBlock {
        if self.leaves.is_empty() {
            return self.charter();
        }
        let n = u32::try_from(self.height % 12).unwrap();
        match n {
            0 => self.block(&[]),
            n => self.block(&[("harbour", n * 3), ("aspen", 13 - n)]),
        }
    }

    /// The next block, of envelopes of so many entries of an organisation each.
    pub fn block(&mut self, envelopes: &[(&str, u32)]) -> NewBlock {
        self.height += 1;
        let mut leaves = Vec::new();
        let mut brought = Vec::new();
        for (organisation, count) in envelopes {
            let next = self.next.entry((*organisation).to_owned()).or_default();
            leaves.push(format!("envelope of {organisation} {next}").into_bytes());
            brought.push(Brought {
                organisation: (*organisation).to_owned(),
                first: *next,
                count: *count,
                leaf: self.frontier.size() + u64::try_from(leaves.len()).unwrap(),
            });
            for _ in 0..*count {
                leaves.push(entry(organisation, *next));
                *next += 1;
            }
        }
        self.grown(leaves, brought)
    }

    fn grown(&mut self, leaves: Vec<Vec<u8>>, brought: Vec<Brought>) -> NewBlock {
        let mut changed = BTreeMap::new();
        for leaf in &leaves {
            for node in self.frontier.append(leaf_hash(leaf)) {
                if node.level.is_multiple_of(8) {
                    let at = (node.level / 8, node.index / 256);
                    let tile = self.tiles.entry(at).or_default();
                    tile.extend_from_slice(&node.hash);
                    changed.insert(at, tile.clone());
                }
            }
        }
        self.leaves.extend(leaves.iter().cloned());
        let tile = |((level, index), hashes)| TileRow {
            level,
            index,
            hashes,
        };
        NewBlock {
            head: SharedHead {
                height: self.height,
                id: digest("block", self.height),
                size: self.frontier.size(),
                snapshot: format!("snapshot {}", self.height).into_bytes(),
            },
            leaves,
            tiles: changed.into_iter().map(tile).collect(),
            agreed: brought.iter().map(|b| u64::from(b.count) / 2).sum(),
            disputed: brought.iter().map(|b| u64::from(b.count) / 3).sum(),
            brought,
        }
    }
}

fn entry(organisation: &str, index: u64) -> Vec<u8> {
    // Of all lengths, an empty one among them.
    let length = usize::try_from(index * 7 % 50).unwrap();
    let text = format!("{organisation}/{index} ").repeat(5).into_bytes();
    text[..length.min(text.len())].to_vec()
}

/// A charter and blocks of several sizes: within a tile, over its end, and over many.
fn several() -> (Growing, Vec<NewBlock>) {
    let mut ledger = Growing::default();
    let blocks = vec![
        ledger.charter(),
        ledger.block(&[("harbour", 3), ("aspen", 1)]),
        ledger.block(&[]),
        ledger.block(&[("harbour", 500), ("aspen", 20), ("harbour", 1)]),
        ledger.block(&[("aspen", 2)]),
    ];
    (ledger, blocks)
}

async fn appended<S: Store>(store: &S, blocks: &[NewBlock]) {
    for block in blocks {
        store.append_block(block).await.unwrap();
    }
}

/// Everything of the shared ledger that can be read.
type Everything = (
    Option<SharedHead>,
    Vec<Vec<u8>>,
    Vec<Option<Vec<u8>>>,
    Totalled,
    Vec<Option<u64>>,
);

/// Reads all of it.
///
/// # Panics
/// When it cannot be read.
pub async fn everything<S: Store>(store: &S) -> Everything {
    let tiles: Vec<(u8, u64)> = (0..3)
        .flat_map(|level| (0..8).map(move |index| (level, index)))
        .collect();
    let mut places = Vec::new();
    for organisation in ["aspen", "harbour"] {
        for index in [0, 2, 3, 4, 503, 504] {
            places.push(store.shared_place(organisation, index).await.unwrap());
        }
    }
    (
        store.shared_head().await.unwrap(),
        store.shared_leaves(0, 10_000).await.unwrap(),
        store.shared_tiles(&tiles).await.unwrap(),
        store.shared_totals().await.unwrap(),
        places,
    )
}

/// Appends the block that follows the last one there; answers its height. The ledger
/// catches up with what is there.
///
/// # Errors
/// When the store fails.
pub async fn append_following<S: Store>(store: &S, ledger: &mut Growing) -> Answer<u64> {
    let head = store.shared_head().await?;
    loop {
        let block = ledger.following();
        let height = block.head.height;
        if head.as_ref().is_none_or(|head| head.height < height) {
            store.append_block(&block).await?;
            return Ok(height);
        }
    }
}

/// Asserts that what is there is whole, of blocks that follow each other; answers the
/// height.
///
/// # Panics
/// When it is not, or the store fails.
pub async fn assert_whole<S: Store>(store: &S) -> Option<u64> {
    let head = store.shared_head().await.unwrap()?;
    let mut ledger = Growing::default();
    let mut totals = Totalled {
        entries: 0,
        agreed: 0,
        disputed: 0,
    };
    let last = loop {
        let block = ledger.following();
        totals.agreed += block.agreed;
        totals.disputed += block.disputed;
        for brought in &block.brought {
            totals.entries += u64::from(brought.count);
            let place = store.shared_place(&brought.organisation, brought.first);
            assert_eq!(place.await.unwrap(), Some(brought.leaf));
        }
        if block.head.height == head.height {
            break block;
        }
    };
    assert_eq!(head, last.head);
    assert_eq!(store.shared_totals().await.unwrap(), totals);
    let leaves = store.shared_leaves(0, u32::MAX).await.unwrap();
    assert!(leaves == ledger.leaves, "other leaves");
    let asked: Vec<_> = ledger.tiles.keys().copied().collect();
    let tiles: Vec<_> = ledger.tiles.into_values().map(Some).collect();
    assert!(
        store.shared_tiles(&asked).await.unwrap() == tiles,
        "other tiles"
    );
    Some(head.height)
}

#[track_caller]
fn assert_damaged<T: std::fmt::Debug>(answer: Answer<T>) {
    let damaged = matches!(answer, Err(StoreError::Damaged { .. }));
    assert!(damaged, "damaged was expected, not {answer:?}");
}

#[allow(missing_docs)]
pub async fn a_shared_ledger_grows_by_blocks<S: Store>(store: S) {
    assert_eq!(store.shared_head().await.unwrap(), None);
    assert_eq!(store.shared_height().await.unwrap(), None);
    assert_eq!(
        store.shared_leaves(0, 9).await.unwrap(),
        Vec::<Vec<u8>>::new()
    );
    let nothing = Totalled {
        entries: 0,
        agreed: 0,
        disputed: 0,
    };
    assert_eq!(store.shared_totals().await.unwrap(), nothing);
    let (ledger, blocks) = several();
    for block in &blocks {
        store.append_block(block).await.unwrap();
        assert_eq!(
            store.shared_head().await.unwrap().as_ref(),
            Some(&block.head)
        );
        assert_eq!(
            store.shared_height().await.unwrap(),
            Some((block.head.height, block.head.size))
        );
    }
    let total = Totalled {
        entries: 527,
        agreed: blocks.iter().map(|block| block.agreed).sum(),
        disputed: blocks.iter().map(|block| block.disputed).sum(),
    };
    assert_eq!(store.shared_totals().await.unwrap(), total);

    // Leaves over the edges of blocks, and beyond the end.
    let leaves = &ledger.leaves;
    let size = leaves.len();
    for (from, limit) in [
        (0, size + 9),
        (0, 1),
        (1, 5),
        (5, 3),
        (6, 1),
        (7, 400),
        (size - 4, 9),
    ] {
        let found = store
            .shared_leaves(u64::try_from(from).unwrap(), u32::try_from(limit).unwrap())
            .await
            .unwrap();
        assert_eq!(
            found,
            leaves[from..size.min(from + limit)],
            "{from} {limit}"
        );
    }
    for (from, limit) in [(3, 0), (u64::try_from(size).unwrap(), 9), (u64::MAX, 9)] {
        let found = store.shared_leaves(from, limit).await.unwrap();
        assert_eq!(found, Vec::<Vec<u8>>::new());
    }
    assert_eq!(store.shared_leaves(0, u32::MAX).await.unwrap(), *leaves);
    let known: Vec<_> = blocks
        .iter()
        .map(|block| SharedBlock {
            height: block.head.height,
            id: block.head.id,
            size: block.head.size,
        })
        .collect();
    let count = u64::try_from(known.len()).unwrap();
    for (from, limit) in [(0, u32::MAX), (1, 2), (2, 0), (count, 9), (u64::MAX, 9)] {
        let within = known.iter().filter(|block| block.height >= from);
        let expected: Vec<_> = within.take(limit as usize).copied().collect();
        let found = store.shared_blocks(from, limit).await.unwrap();
        assert_eq!(found, expected, "{from} {limit}");
    }
    // Tiles in the order that they are asked for.
    let mut asked: Vec<_> = ledger.tiles.keys().copied().collect();
    assert_eq!(asked, [(0, 0), (0, 1), (0, 2), (1, 0)]);
    asked.reverse();
    asked.extend([(0, 3), (0, u64::MAX), (9, 0)]);
    let expected: Vec<_> = asked
        .iter()
        .map(|at| ledger.tiles.get(at).cloned())
        .collect();
    assert_eq!(store.shared_tiles(&asked).await.unwrap(), expected);
    assert_eq!(store.shared_tiles(&[]).await.unwrap(), []);
}

#[allow(missing_docs)]
pub async fn entries_are_found_in_the_shared_ledger<S: Store>(store: S) {
    assert_eq!(store.shared_place("harbour", 0).await.unwrap(), None);
    let (ledger, blocks) = several();
    appended(&store, &blocks).await;
    // At the edges of envelopes, and all between.
    for (organisation, count) in [("harbour", 504), ("aspen", 23)] {
        for index in 0..count {
            let place = store.shared_place(organisation, index).await.unwrap();
            let place = usize::try_from(place.expect("a place")).unwrap();
            assert_eq!(ledger.leaves[place], entry(organisation, index));
        }
        for index in [count, count + 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(store.shared_place(organisation, index).await.unwrap(), None);
        }
    }
    let place = async |organisation, index| store.shared_place(organisation, index).await.unwrap();
    assert_eq!(place("harbour", 2).await, Some(4));
    assert_eq!(place("harbour", 3).await, Some(8));
    assert_eq!(place("aspen", 0).await, Some(6));
    assert_eq!(place("a", 0).await, None);
}

#[allow(missing_docs)]
pub async fn a_block_is_appended_once<S: Store>(store: S) {
    let (_, blocks) = several();
    // Nothing but the charter is the first.
    assert_fenced(store.append_block(&blocks[1]).await);
    assert_eq!(store.shared_head().await.unwrap(), None);
    appended(&store, &blocks[..4]).await;
    let before = everything(&store).await;
    for block in &blocks[..4] {
        store.append_block(block).await.unwrap();
        assert_eq!(everything(&store).await, before);
        let mut other = block.clone();
        other.head.id = digest("another block", 1);
        assert_damaged(store.append_block(&other).await);
        let mut other = block.clone();
        other.head.size += 1;
        assert_damaged(store.append_block(&other).await);
        assert_eq!(everything(&store).await, before);
    }
    // A gap; a tree of another size; beyond what there can be.
    let mut ahead = blocks[4].clone();
    ahead.head.height += 1;
    assert_fenced(store.append_block(&ahead).await);
    ahead.head.height = u64::MAX;
    assert_fenced(store.append_block(&ahead).await);
    let mut shifted = blocks[4].clone();
    shifted.head.size += 1;
    assert_fenced(store.append_block(&shifted).await);
    assert_eq!(everything(&store).await, before);
    store.append_block(&blocks[4]).await.unwrap();
}

#[allow(missing_docs)]
pub async fn a_block_that_contradicts_itself_is_refused<S: Store>(store: S) {
    let (_, blocks) = several();
    appended(&store, &blocks[..3]).await;
    let before = everything(&store).await;
    let wrong = |change: fn(&mut NewBlock)| {
        let mut block = blocks[3].clone();
        change(&mut block);
        block
    };
    for block in [
        wrong(|block| block.head.size = 3),
        wrong(|block| block.head.size = u64::MAX),
        wrong(|block| block.leaves[1] = vec![0; 65_536]),
        wrong(|block| block.agreed = u64::MAX),
        wrong(|block| block.brought[0].leaf = 0),
        wrong(|block| block.brought[2].count += 1),
        wrong(|block| block.brought[2].count = 0),
        wrong(|block| block.brought[2].count = u32::MAX),
        wrong(|block| block.brought[2].first = u64::MAX),
    ] {
        assert_damaged(store.append_block(&block).await);
        assert_eq!(everything(&store).await, before);
    }
    appended(&store, &blocks[3..]).await;
}

/// What the database refuses at the end of it leaves nothing of a block.
#[allow(missing_docs)]
pub async fn tiles_only_grow<S: Store>(store: S) {
    let (_, blocks) = several();
    appended(&store, &blocks[..3]).await;
    let before = everything(&store).await;
    let wrong = |change: fn(&mut Vec<u8>)| {
        let mut block = blocks[3].clone();
        change(&mut block.tiles[0].hashes);
        block
    };
    for block in [
        wrong(|hashes| hashes[0] ^= 1),
        wrong(|hashes| hashes[7 * 32 - 1] ^= 1),
        wrong(|hashes| hashes.truncate(6 * 32)),
        wrong(|hashes| hashes.truncate(8 * 32 - 1)),
        wrong(|hashes| hashes.extend_from_slice(&[7; 32])),
        wrong(Vec::clear),
    ] {
        assert!(store.append_block(&block).await.is_err());
        assert_eq!(everything(&store).await, before);
    }
    // The same entries of an organisation are not brought again.
    let mut again = blocks[3].clone();
    again.brought[2].first = 0;
    assert!(store.append_block(&again).await.is_err());
    assert_eq!(everything(&store).await, before);
    appended(&store, &blocks[3..]).await;
    assert_eq!(
        store.shared_head().await.unwrap().as_ref(),
        Some(&blocks[4].head)
    );
}

/// A checkpoint with a note that names it.
#[must_use]
pub fn checkpoint(size: u64, epoch: u64, hands_over: bool, note: &str) -> SharedCheckpoint {
    SharedCheckpoint {
        size,
        epoch,
        hands_over,
        note: format!("{note} {size} {epoch}"),
    }
}

#[allow(missing_docs)]
pub async fn checkpoints_do_not_go_back<S: Store>(store: S) {
    assert_eq!(store.shared_checkpoint().await.unwrap(), None);
    assert_eq!(store.handovers().await.unwrap(), []);
    let kept = async |new: SharedCheckpoint, last: &SharedCheckpoint| {
        store.keep_checkpoint(&new).await.unwrap();
        assert_eq!(
            store.shared_checkpoint().await.unwrap().as_ref(),
            Some(last)
        );
    };
    let first = checkpoint(7, 0, false, "first");
    kept(first.clone(), &first).await;
    let more = checkpoint(7, 0, false, "with more signatures");
    kept(more.clone(), &more).await;
    let over = checkpoint(9, 0, true, "hands over");
    kept(over.clone(), &over).await;
    assert_fenced(store.keep_checkpoint(&more).await);
    assert_fenced(
        store
            .keep_checkpoint(&checkpoint(8, 0, false, "late"))
            .await,
    );
    // Those of two epochs may be of one size: the later epoch's is the last.
    let next = checkpoint(9, 1, false, "next epoch");
    kept(next.clone(), &next).await;
    let over = checkpoint(9, 0, true, "hands over, with more signatures");
    kept(over.clone(), &next).await;
    let third = checkpoint(20, 2, false, "third epoch");
    kept(third.clone(), &third).await;
    // Without the one that hands over nobody could go on: it may be late.
    let handed = store.handovers().await.unwrap();
    assert_eq!(handed, std::slice::from_ref(&over));
    let late = checkpoint(15, 1, true, "hands over late");
    kept(late.clone(), &third).await;
    assert_eq!(store.handovers().await.unwrap(), [over, late]);
    let far = checkpoint(u64::MAX, 2, false, "beyond what there can be");
    assert!(store.keep_checkpoint(&far).await.is_err());
    let far = checkpoint(21, u64::MAX, false, "beyond what there can be");
    assert!(store.keep_checkpoint(&far).await.is_err());
    assert_eq!(store.shared_checkpoint().await.unwrap(), Some(third));
}

#[allow(missing_docs)]
pub async fn writers_at_once_append_one_ledger<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let mut ledger = Growing::default();
    let mut blocks = vec![ledger.charter()];
    for n in 0..30 {
        blocks.push(ledger.block(&[("harbour", n % 9 + 1), ("aspen", 2)]));
    }
    let blocks = Arc::new(blocks);
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let (store, blocks) = (Arc::clone(&store), Arc::clone(&blocks));
        tasks.spawn(async move { appended(&*store, &blocks).await });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let head = store.shared_head().await.unwrap();
    assert_eq!(head.as_ref(), Some(&blocks[30].head));
    assert_eq!(store.shared_leaves(0, 9999).await.unwrap(), ledger.leaves);
    let entries: u64 = blocks
        .iter()
        .flat_map(|block| &block.brought)
        .map(|brought| u64::from(brought.count))
        .sum();
    assert_eq!(store.shared_totals().await.unwrap().entries, entries);
    let asked: Vec<_> = ledger.tiles.keys().copied().collect();
    let expected: Vec<_> = ledger.tiles.values().cloned().map(Some).collect();
    assert_eq!(store.shared_tiles(&asked).await.unwrap(), expected);

    // Of two that differ, one.
    let one = ledger.block(&[("harbour", 1)]);
    let mut other = one.clone();
    other.head.id = digest("another block", 31);
    let (first, second) = tokio::join!(store.append_block(&one), store.append_block(&other));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_damaged(first.and(second));
}
