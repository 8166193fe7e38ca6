//! What a block of the shared ledger costs in each store, beside fsyncs in the same run,
//! in turn with the blocks: one a block is the least that a store can do which loses
//! nothing. And beside the same blocks as the files of a static log (C2SP tlog-tiles, as
//! Tessera's driver for POSIX has them): bundles of 256 entries, tiles of 256 hashes, those
//! that changed written anew, partial ones under names of their own, an fsync of each, and
//! the checkpoint's last.
//!
//! Blocks are of one envelope, entries of 200 bytes; the tree and its tiles are made
//! outside of what is measured. `TALLY_BENCH_DIR` chooses the disk of SQLite's file;
//! PostgreSQL's is that of its server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tally_core::ledger::tree::{Frontier, leaf_hash};
use tally_rig::Postgres;
use tally_store::port::{Brought, NewBlock, SharedHead, SharedLedger, TileRow};
use tally_store::postgres::{PgSettings, PostgresStore, migrate};
use tally_store::sqlite::SqliteStore;
use tally_store::vault::random;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ENTRY: usize = 200;
/// Bytes of what all blocks come to: a consortium of a dozen organisations.
const SNAPSHOT: usize = 8_000;

fn main() -> Outcome<()> {
    // `cargo test --benches` passes this: show only that it runs.
    let test = std::env::args().any(|argument| argument == "--test");
    let server = Postgres::start()?;
    let base = std::env::var_os("TALLY_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::TempDir::new_in(base)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(folder.path(), &server, test))
}

async fn run(folder: &Path, server: &Postgres, test: bool) -> Outcome<()> {
    println!("÷ is blocks/s over fsyncs/s of a file that as many bytes are appended to, and over");
    println!("the blocks/s of files of entry bundles and tiles, each changed one synced");
    println!(
        "{:>10} {:>8} {:>9} {:>11} {:>9} {:>6} {:>9} {:>6}",
        "store", "entries", "blocks/s", "entries/s", "fsyncs/s", "÷", "files/s", "÷"
    );
    for (entries, blocks) in [(1, 400), (100, 200), (1_000, 60)] {
        let blocks = if test { 2 } else { blocks };
        let mut beside = Beside::new(&folder.join(entries.to_string()))?;
        let store = SqliteStore::open(&folder.join(format!("{entries}.db"))).await?;
        let taken = appended(&store, &mut beside, entries, blocks).await?;
        told("SQLite", entries, blocks, &taken);
        store.close().await?;

        let settings = PgSettings::new(server.fresh_database()?);
        migrate(&settings).await?;
        let store = PostgresStore::connect(&settings).await?;
        let taken = appended(&store, &mut beside, entries, blocks).await?;
        told("PostgreSQL", entries, blocks, &taken);
        store.close().await;
    }
    Ok(())
}

fn rate(count: usize, taken: Duration) -> f64 {
    count as f64 / taken.as_secs_f64()
}

/// What the same blocks take.
#[derive(Default)]
struct Taken {
    store: Duration,
    syncs: Duration,
    files: Duration,
}

fn told(store: &str, entries: usize, blocks: usize, taken: &Taken) {
    let times = taken.store.as_secs_f64();
    println!(
        "{store:>10} {entries:>8} {:>9.0} {:>11.0} {:>9.0} {:>6.2} {:>9.0} {:>6.2}",
        rate(blocks, taken.store),
        rate(entries * blocks, taken.store),
        rate(blocks, taken.syncs),
        taken.syncs.as_secs_f64() / times,
        rate(blocks, taken.files),
        taken.files.as_secs_f64() / times,
    );
}

/// Leaves of an entry bundle.
const BUNDLE: u64 = 256;

/// What blocks are measured beside.
struct Beside {
    sync: File,
    folder: PathBuf,
}

impl Beside {
    fn new(folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            sync: File::create(folder.join("sync"))?,
            folder: folder.to_owned(),
        })
    }

    /// Another log of files.
    fn again(&self) -> Outcome<Files> {
        Ok(Files {
            folder: tempfile::TempDir::new_in(&self.folder)?,
            bundle: Vec::new(),
            size: 0,
        })
    }

    /// As many bytes as a block's leaves have, and an fsync.
    fn synced(&mut self, entries: usize) -> Outcome<Duration> {
        let bytes = vec![7; entries * ENTRY];
        let start = Instant::now();
        self.sync.write_all(&bytes)?;
        self.sync.sync_all()?;
        Ok(start.elapsed())
    }
}

/// A log as static files.
struct Files {
    folder: tempfile::TempDir,
    /// The last entry bundle: of each its length and its bytes.
    bundle: Vec<u8>,
    size: u64,
}

impl Files {
    fn file(&self, name: &str, bytes: &[u8]) -> Outcome<()> {
        let mut file = File::create(self.folder.path().join(name))?;
        file.write_all(bytes)?;
        Ok(file.sync_all()?)
    }

    fn append(&mut self, block: &NewBlock) -> Outcome<Duration> {
        let start = Instant::now();
        for leaf in &block.leaves {
            self.bundle.extend(u16::try_from(leaf.len())?.to_be_bytes());
            self.bundle.extend(leaf);
            self.size += 1;
            if self.size.is_multiple_of(BUNDLE) {
                self.file(&format!("entries-{}", self.size / BUNDLE - 1), &self.bundle)?;
                self.bundle.clear();
            }
        }
        let (whole, part) = (self.size / BUNDLE, self.size % BUNDLE);
        if part > 0 {
            self.file(&format!("entries-{whole}.p-{part}"), &self.bundle)?;
        }
        for tile in &block.tiles {
            let name = format!("{}-{}.p-{}", tile.level, tile.index, tile.hashes.len() / 32);
            self.file(&name, &tile.hashes)?;
        }
        self.file("checkpoint", &block.head.id)?;
        Ok(start.elapsed())
    }
}

/// What the blocks take, and fsyncs and files in turn with them: what else the machine
/// does meets all of them.
async fn appended(
    store: &impl SharedLedger,
    beside: &mut Beside,
    entries: usize,
    blocks: usize,
) -> Outcome<Taken> {
    let mut ledger = Ledger::default();
    let mut files = beside.again()?;
    let charter = ledger.block(0)?;
    store.append_block(&charter).await?;
    files.append(&charter)?;
    let mut taken = Taken::default();
    for _ in 0..blocks {
        let block = ledger.block(entries)?;
        let start = Instant::now();
        store.append_block(&block).await?;
        taken.store += start.elapsed();
        taken.syncs += beside.synced(entries)?;
        taken.files += files.append(&block)?;
    }
    let head = store.shared_head().await?.ok_or("no head")?;
    if head.size != ledger.frontier.size() || files.size != head.size {
        return Err("a block was lost".into());
    }
    Ok(taken)
}

/// A shared ledger of random entries.
#[derive(Default)]
struct Ledger {
    frontier: Frontier,
    /// The last tile of each level.
    tiles: BTreeMap<u8, (u64, Vec<u8>)>,
    height: u64,
    entries: u64,
}

impl Ledger {
    /// The charter when there is nothing, and the next block after that.
    fn block(&mut self, entries: usize) -> Outcome<NewBlock> {
        let first = self.frontier.size();
        let mut leaves = vec![random::<ENTRY>()?.to_vec()];
        for _ in 0..entries {
            leaves.push(random::<ENTRY>()?.to_vec());
        }
        let mut changed = BTreeMap::new();
        for leaf in &leaves {
            for node in self.frontier.append(leaf_hash(leaf)) {
                if node.level.is_multiple_of(8) {
                    let (level, index) = (node.level / 8, node.index / 256);
                    let (at, hashes) = self.tiles.entry(level).or_default();
                    if *at != index {
                        hashes.clear();
                        *at = index;
                    }
                    hashes.extend_from_slice(&node.hash);
                    changed.insert((level, index), hashes.clone());
                }
            }
        }
        let tile = |((level, index), hashes)| TileRow {
            level,
            index,
            hashes,
        };
        let brought = Brought {
            organisation: "an organisation".into(),
            first: self.entries,
            count: u32::try_from(entries)?,
            leaf: first + 1,
        };
        let block = NewBlock {
            head: SharedHead {
                height: self.height,
                id: random()?,
                size: self.frontier.size(),
                snapshot: random::<SNAPSHOT>()?.to_vec(),
            },
            leaves,
            tiles: changed.into_iter().map(tile).collect(),
            brought: (entries > 0).then_some(brought).into_iter().collect(),
            agreed: 0,
            disputed: 0,
        };
        self.height += 1;
        self.entries += u64::try_from(entries)?;
        Ok(block)
    }
}
