//! The shared ledger's tree as tiles: what a block adds to them, and proofs from
//! them.

use std::collections::BTreeMap;
use std::future::Future;

use anyhow::{Result, bail};
use tally_core::ledger::tiles::WIDTH;
use tally_core::ledger::tree::{Hash, HashSource, Node, ProofError, node_hash};
use tally_store::port::{SharedLedger, TileRow};

/// Levels of the tree in one level of tiles.
const HEIGHT: u8 = 8;

/// The partial tiles at the growing edge, by their level.
#[derive(Default)]
pub struct Edge(Vec<(u64, Vec<u8>)>);

impl Edge {
    /// The edge of a tree of `size` leaves.
    ///
    /// # Errors
    /// When the store fails or lacks a tile.
    pub async fn of(store: &impl SharedLedger, size: u64) -> Result<Self> {
        let mut edge = Vec::new();
        let mut hashes = size;
        while hashes > 0 {
            let level = u8::try_from(edge.len())?;
            let (index, width) = (hashes / WIDTH, usize::try_from(hashes % WIDTH)? * 32);
            let mut held = Vec::new();
            if width > 0 {
                let found = store.shared_tiles(&[(level, index)]).await?;
                match found.into_iter().next().flatten() {
                    Some(tile) if tile.len() >= width => held.extend_from_slice(&tile[..width]),
                    _ => bail!("tile {index} of level {level} of the shared ledger is missing"),
                }
            }
            edge.push((index, held));
            hashes /= WIDTH;
        }
        Ok(Self(edge))
    }

    /// Takes in nodes as they became complete; answers the tiles that changed.
    pub fn grow(&mut self, nodes: &[Node]) -> Vec<TileRow> {
        let mut full = Vec::new();
        let mut touched = vec![false; self.0.len()];
        for node in nodes.iter().filter(|node| node.level % HEIGHT == 0) {
            let level = usize::from(node.level / HEIGHT);
            while self.0.len() <= level {
                self.0.push((0, Vec::new()));
                touched.push(false);
            }
            let (index, hashes) = &mut self.0[level];
            hashes.extend_from_slice(&node.hash);
            touched[level] = true;
            if hashes.len() as u64 == WIDTH * 32 {
                full.push(TileRow {
                    level: node.level / HEIGHT,
                    index: *index,
                    hashes: std::mem::take(hashes),
                });
                *index += 1;
            }
        }
        let partial = self.0.iter().zip(touched).zip(0u8..);
        full.extend(
            partial
                .filter(|(((_, hashes), touched), _)| *touched && !hashes.is_empty())
                .map(|(((index, hashes), _), level)| TileRow {
                    level,
                    index: *index,
                    hashes: hashes.clone(),
                }),
        );
        full
    }
}

/// Tiles at hand.
#[derive(Default)]
struct Tiles(BTreeMap<(u8, u64), Vec<u8>>);

impl HashSource for Tiles {
    fn hash(&self, level: u8, index: u64) -> Option<Hash> {
        let (tile, below) = (level / HEIGHT, level % HEIGHT);
        let first = index.checked_shl(below.into())?;
        let held = self.0.get(&(tile, first / WIDTH))?;
        let at = usize::try_from(first % WIDTH).ok()?;
        let count = 1usize << below;
        let bytes = held.get(at * 32..(at + count) * 32)?;
        let (hashes, _) = bytes.as_chunks::<32>();
        let mut hashes = hashes.to_vec();
        while hashes.len() > 1 {
            hashes = hashes
                .chunks(2)
                .map(|pair| node_hash(&pair[0], &pair[1]))
                .collect();
        }
        hashes.pop()
    }
}

/// Where tiles are.
pub trait Tiled {
    /// The hashes of a tile, as many as there are; `None` where there is none.
    fn tile(&self, level: u8, index: u64) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;
}

/// The tiles of a store.
struct Stored<'a, S>(&'a S);

impl<S: SharedLedger + Sync> Tiled for Stored<'_, S> {
    async fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>> {
        let found = self.0.shared_tiles(&[(level, index)]).await?;
        Ok(found.into_iter().next().flatten())
    }
}

/// Computes something over a store's tree, fetching the tiles that it needs.
///
/// # Errors
/// When the store fails or lacks a tile, or what is computed fails.
pub async fn over<T>(
    store: &(impl SharedLedger + Sync),
    compute: impl Fn(&dyn HashSource) -> Result<T, ProofError>,
) -> Result<T> {
    over_tiles(&Stored(store), compute).await
}

/// The same, wherever the tiles are.
///
/// # Errors
/// When they cannot be had or one is missing, or what is computed fails.
pub async fn over_tiles<T>(
    tiles: &impl Tiled,
    compute: impl Fn(&dyn HashSource) -> Result<T, ProofError>,
) -> Result<T> {
    let mut held = Tiles::default();
    loop {
        match compute(&held) {
            Err(ProofError::Missing { level, index }) => {
                let first = index << (level % HEIGHT);
                let tile = (level / HEIGHT, first / WIDTH);
                let found = tiles.tile(tile.0, tile.1).await?;
                let before = held.0.get(&tile).map_or(0, Vec::len);
                let Some(hashes) = found.filter(|hashes| hashes.len() > before) else {
                    bail!(
                        "tile {} of level {} of the shared ledger is missing",
                        tile.1,
                        tile.0
                    );
                };
                held.0.insert(tile, hashes);
            }
            done => return Ok(done?),
        }
    }
}
