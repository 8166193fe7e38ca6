//! An embedded node: a folder with secrets, a store, a vault of record keys
//! and a local log; and everything that is done with them.

pub mod clock;
mod detect;
mod enrol;
mod fsck;
pub mod keys;
pub mod log;
mod publish;
mod read;
pub mod record;
mod replay;
mod submit;
mod work;

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tally_core::claim::UnitKey;
use tally_sandbox::{Backend, Sandbox};
use tally_store::port::{Layout as _, StoreError, Token};
use tally_store::sqlite::SqliteStore;
use tally_store::vault::{self, Vault};
use tally_types::ServiceDate;

use crate::policies::Shelf;
use clock::Clock;
use keys::Keys;

pub use enrol::Enrolled;
pub use fsck::{Fault, Fscked};
pub use publish::{PublishError, Published};
pub use read::{Accumulated, ClaimRead, FlagRead, acting};
pub use replay::{Break, Replayed};
pub use submit::{Delivery, RefusedClaim, Reused, Submitted};
pub(crate) use work::adjudicate;
pub use work::{Drained, Failed, Planned};

/// What a node's folder says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    format: String,
    origin: String,
    partitions: NonZeroU32,
}

const FORMAT: &str = "tallystick-node/v1";
/// Partitions of a new node's queue.
pub const PARTITIONS: NonZeroU32 = NonZeroU32::new(8).unwrap();

/// Who submits on an embedded node.
pub const SUBMITTER: &str = "local";

/// A node that is open.
pub struct Node {
    folder: PathBuf,
    origin: String,
    /// As the store last said: another process may change it.
    partitions: AtomicU32,
    keys: Keys,
    store: SqliteStore,
    vault: Vault,
    shelf: Shelf,
    clock: Clock,
}

impl Node {
    /// Opens the node in a folder; makes it, with the bundled policies
    /// published, when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds something else.
    pub async fn open(folder: &Path, clock: Clock) -> Result<Self> {
        let made = !folder.join("node.json").is_file();
        if made {
            create(folder)?;
        }
        let identity = identity(folder)?;
        let keys = Keys::open(&folder.join("keys"), &identity.origin)?;
        let store = SqliteStore::open(&folder.join("node.db"))
            .await
            .with_context(|| format!("opening {}", folder.join("node.db").display()))?;
        let held = store
            .set_up(&tally_store::port::Identity {
                origin: identity.origin.clone(),
                partitions: identity.partitions.get(),
            })
            .await?;
        anyhow::ensure!(
            held.origin == identity.origin,
            "{} is the store of another node: restore the folder from one backup",
            folder.join("node.db").display()
        );
        let vault = Vault::open(&folder.join("keys.db"), keys.wrap())
            .await
            .with_context(|| format!("opening {}", folder.join("keys.db").display()))?;
        let sandbox = Sandbox::new(Backend::Cranelift)?;
        let node = Self {
            shelf: Shelf::new(sandbox, folder.join("cache"), keys.artefact.clone()),
            folder: folder.to_owned(),
            origin: identity.origin,
            partitions: AtomicU32::new(held.partitions),
            keys,
            store,
            vault,
            clock,
        };
        node.start().await?;
        Ok(node)
    }

    /// Brings the log to where it should be: its first entry, the bundled
    /// policies, and what a killed process left in the outbox.
    async fn start(&self) -> Result<()> {
        self.begin_log().await?;
        self.judge().await?;
        self.integrate(false).await?;
        self.publish_bundled().await?;
        Ok(())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The store: what is in it is sealed.
    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// The vault of record keys.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// How many partitions claims are queued in from now on.
    pub fn partitions(&self) -> NonZeroU32 {
        NonZeroU32::new(self.partitions.load(Ordering::Relaxed)).unwrap_or(PARTITIONS)
    }

    /// Asks the store how many partitions there are by now.
    async fn read_partitions(&self) -> Result<()> {
        if let Some(identity) = self.store.identity().await? {
            self.partitions
                .store(identity.partitions, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The token of a member id.
    pub fn member_token(&self, id: &str) -> Token {
        self.keys.tokens.token("member", &[id.as_bytes()])
    }

    /// The token of a provider's identifier.
    pub fn provider_token(&self, id: &str) -> Token {
        self.keys.tokens.token("provider", &[id.as_bytes()])
    }

    /// The token of an accumulation unit.
    pub fn unit_token(&self, unit: &UnitKey) -> Token {
        self.keys.tokens.token("unit", &[unit.as_bytes()])
    }

    /// Holds the node's lock until it is dropped, over processes too.
    fn lock(&self) -> Result<fs::File> {
        lock(&self.folder)
    }
}

fn identity(folder: &Path) -> Result<Identity> {
    let path = folder.join("node.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let identity: Identity = serde_json::from_str(&text)
        .with_context(|| format!("{} is not that of a node", path.display()))?;
    if identity.format != FORMAT {
        bail!(
            "{} is of the format `{}`; this program reads `{FORMAT}`",
            path.display(),
            identity.format
        );
    }
    Ok(identity)
}

/// Holds the folder's lock until it is dropped.
fn lock(folder: &Path) -> Result<fs::File> {
    let path = folder.join(".lock");
    let lock = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("{} could not be made", path.display()))?;
    lock.lock()
        .with_context(|| format!("{} could not be locked", path.display()))?;
    Ok(lock)
}

/// Something in the folder that no node's making puts there.
fn foreign(folder: &Path) -> Result<Option<String>> {
    for entry in fs::read_dir(folder).context("the folder cannot be read")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !matches!(name.as_str(), ".lock" | "keys" | "node.json.new") {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Makes a node's folder. Two processes may try at once: a lock lets one.
fn create(folder: &Path) -> Result<()> {
    // Readable by its owner alone: it holds keys, and payloads under them.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder {} could not be made", folder.display()))?;
    let _one = lock(folder)?;
    let path = folder.join("node.json");
    if path.is_file() {
        return Ok(());
    }
    if folder.join("node.db").exists() {
        bail!(
            "{} holds a store without its node.json: restore the folder from its backup",
            folder.display()
        );
    }
    if let Some(other) = foreign(folder)? {
        bail!(
            "{} holds `{other}`, which is no part of a node: say an empty or a new folder with `--data`",
            folder.display()
        );
    }
    Keys::create(&folder.join("keys"))?;
    let identity = Identity {
        format: FORMAT.to_owned(),
        origin: format!(
            "tallystick.example/node/{}",
            keys::hex(&vault::random::<8>()?)
        ),
        partitions: PARTITIONS,
    };
    let fresh = folder.join("node.json.new");
    fs::write(&fresh, serde_json::to_string_pretty(&identity)? + "\n")
        .and_then(|()| fs::File::open(&fresh)?.sync_all())
        .and_then(|()| fs::rename(&fresh, &path))
        .with_context(|| format!("{} could not be written", path.display()))
}

/// Whether another process was first: what is left is to be loaded again.
fn is_fenced(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<StoreError>(),
        Some(StoreError::Fenced { .. })
    )
}

/// A date for people and machines, or `-`.
pub fn date_or_dash(date: Option<ServiceDate>) -> String {
    date.map_or_else(|| "-".to_owned(), |date| date.to_string())
}
