//! An embedded node: a folder with secrets, a store, a vault of record keys
//! and a local log; and everything that is done with them.

mod access;
mod acknowledge;
mod acts;
mod amend;
mod appeals;
pub(crate) mod applying;
mod authorization;
pub mod clock;
pub mod consent;
mod dead;
mod detect;
mod disputed;
mod dossier;
mod eligibility;
mod enrol;
mod entered;
mod erase;
mod estimate;
mod fsck;
mod governance;
pub mod inventory;
pub mod keyring;
pub mod keys;
mod level;
pub mod log;
mod moved;
mod paid;
mod past;
mod pay;
mod payable;
mod publish;
mod read;
pub mod record;
mod reexecutions;
mod remit;
mod replay;
mod resolve;
mod rotate;
mod stages;
pub mod statement;
mod submit;
mod succession;
mod work;

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tally_core::claim::UnitKey;
use tally_core::interchange::TestData;
use tally_core::ledger::erasure::RetentionRule;
use tally_sandbox::{Backend, Sandbox};
use tally_store::any::AnyStore;
use tally_store::port::{Layout as _, StoreError, Token};
use tally_store::postgres::{PgSettings, PostgresStore};
use tally_store::sqlite::SqliteStore;
use tally_store::vault::{self, Vault};
use tally_types::ServiceDate;

use crate::config::{Config, Database, PoliciesConfig, TestDataConfig};
use crate::policies::{Shelf, Tampering};
use clock::Clock;
use keys::Keys;
use payable::Payable;

pub use access::{BulkFiles, Exported, explained};
pub use acknowledge::Acknowledged;
pub use amend::Anew;
pub use appeals::{ActStand, AppealRead, Changed, Deciding, Filing, Lines, PutRight};
pub use applying::Applying;
pub use authorization::{
    AuthorizationError, AuthorizationPage, AuthorizationRead, LineUse, Listing, Requested, UsedBy,
};
pub use detect::Damaged;
pub use disputed::{DisputedRead, NotKept};
pub use eligibility::Answered;
pub use enrol::Enrolled;
pub use entered::OnItsWay;
pub use erase::{Erased, Reopened, refused};
pub use estimate::{Assumed, Estimate, Estimated};
pub use fsck::{Fault, Fscked};
pub use level::Forked;
pub use moved::moved_as;
pub use paid::{Paid, PaymentRead};
pub use pay::{MOST, Paying, Step, Untold};
pub(crate) use payable::positions;
pub use publish::{PublishError, Published};
pub(crate) use read::actor;
pub use read::{Accumulated, ClaimRead, FlagRead, acting};
pub use reexecutions::Dispute;
pub use remit::{RemitError, Remitted, Remitting, ToldClaim, is_gone, settled};
pub use replay::{Break, Replayed};
pub use rotate::{How, Rotated, never, ring_of};
pub use stages::Stage;
pub use submit::{Delivery, RefusedClaim, Reused, Submitted};
pub(crate) use work::ENGINE;
pub use work::{Drained, Failed, Planned, is_decided};
pub(crate) use work::{adjudicate, passes};

/// What a node's folder says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    format: String,
    origin: String,
    partitions: NonZeroU32,
    /// Which policies were published when it was made, and are where they are missing.
    #[serde(default)]
    policies: PoliciesConfig,
}

impl Identity {
    /// As a store is set up with it.
    fn stored(&self) -> tally_store::port::Identity {
        tally_store::port::Identity {
            origin: self.origin.clone(),
            partitions: self.partitions.get(),
        }
    }
}

const FORMAT: &str = "tallystick-node/v1";
/// Of a folder whose store is a database elsewhere.
const SERVER_FORMAT: &str = "tallystick-server-node/v1";
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
    store: AnyStore,
    vault: Vault,
    shelf: Shelf,
    clock: Clock,
    beside_broker: bool,
    test_data: TestData,
    payable: Payable,
    /// How long records are kept.
    retention: Vec<RetentionRule>,
    /// Of a payer that cheats, in demonstrations.
    tampering: Option<Tampering>,
    /// What is known of the shared ledger's entries about access.
    seen: tokio::sync::Mutex<consent::Seen>,
    /// The shared ledger, decoded.
    decoded: tokio::sync::Mutex<governance::Decoded>,
    /// How far the own log was compared with what the shared ledger has of it.
    level: tokio::sync::Mutex<Option<level::Level>>,
}

impl Node {
    /// Opens the node in a folder; makes it, with the bundled policies
    /// published, when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds something else.
    pub async fn open(folder: &Path, clock: Clock) -> Result<Self> {
        Self::open_with(folder, clock, PoliciesConfig::Bundled).await
    }

    /// The same, with the policies named published.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(folder: &Path, clock: Clock, policies: PoliciesConfig) -> Result<Self> {
        if !folder.join("node.json").is_file() {
            create(folder, FORMAT, PARTITIONS, policies)?;
        }
        let identity = identity(folder, FORMAT)?;
        {
            let _one = lock(folder)?;
            Keys::complete(&folder.join("keys"))?;
        }
        let keys = Keys::open(&folder.join("keys"), &identity.origin)?;
        let store = SqliteStore::open(&folder.join("node.db"))
            .await
            .with_context(|| format!("opening {}", folder.join("node.db").display()))?;
        let held = store.set_up(&identity.stored()).await?;
        anyhow::ensure!(
            held.origin == identity.origin,
            "{} is the store of another node: restore the folder from one backup",
            folder.join("node.db").display()
        );
        let vault = Vault::open(&folder.join("keys.db"), keys.wraps())
            .await
            .with_context(|| format!("opening {}", folder.join("keys.db").display()))?;
        let node = Self::of(folder, held, keys, AnyStore::Sqlite(store), vault, clock)?;
        // A node that was made without policies gets none by whatever command opens it.
        node.start(policies.and(identity.policies)).await?;
        Ok(node)
    }

    /// Opens a node whose store is a PostgreSQL database that `tally migrate`
    /// has set up. Several processes may, on several machines, each with a
    /// folder that holds the same keys.
    ///
    /// # Errors
    /// When the database cannot be reached or was not set up, or the folder's
    /// keys are those of another node.
    pub async fn connect(config: &Config, name: &str, clock: Clock) -> Result<Self> {
        let database = config.postgres()?;
        let store = PostgresStore::connect(&pg_settings(database, &database.url, name))
            .await
            .context("connecting to `database.url`")?;
        let held = store
            .identity()
            .await?
            .context("the database was not set up: run `tally migrate --config FILE`")?;
        let identity = identity(&config.node.data, SERVER_FORMAT).context(
            "the folder `node.data` holds no keys: copy them from the machine that ran `tally migrate`",
        )?;
        Self::on(config, name, store, held, &identity, clock).await
    }

    /// A node on a store that was set up as `held`, with the folder's keys.
    async fn on(
        config: &Config,
        name: &str,
        store: PostgresStore,
        held: tally_store::port::Identity,
        identity: &Identity,
        clock: Clock,
    ) -> Result<Self> {
        let (folder, database) = (&config.node.data, config.postgres()?);
        anyhow::ensure!(
            held.origin == identity.origin,
            "{} holds the keys of another node than the database's",
            folder.display()
        );
        let keys = Keys::open(&folder.join("keys"), &held.origin)?;
        let vault =
            Vault::connect_with(&pg_settings(database, database.keys(), name), keys.wraps())
                .await
                .context("connecting to `database.keys`")?;
        let mut node = Self::of(folder, held, keys, AnyStore::Postgres(store), vault, clock)?;
        node.beside_broker = config.broker.is_some();
        Ok(node)
    }

    /// Opens the node that a configuration describes: its folder, or its
    /// database.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::connect`].
    pub async fn configured(config: &Config, name: &str, clock: Clock) -> Result<Self> {
        let mut node = match &config.database {
            None => Self::open_with(&config.node.data, clock, config.node.policies).await?,
            Some(_) => Self::connect(config, name, clock).await?,
        };
        node.test_data = match config.intake.test_data {
            TestDataConfig::Read => TestData::Read,
            TestDataConfig::Refuse => TestData::Refused,
        };
        node.payable = Payable::of(config);
        let rules = config.retention.iter().map(|rule| rule.rule());
        node.retention = rules
            .collect::<Result<_, _>>()
            .map_err(anyhow::Error::msg)?;
        node.tampering = config.tampers.then_some(Tampering);
        Ok(node)
    }

    /// Sets up what a node on PostgreSQL is made of, where it is missing: the
    /// folder and its keys, both schemas, the log's first entry, the bundled
    /// policies. What is there is brought up to date.
    ///
    /// # Errors
    /// When a part cannot be made, or belongs to another node.
    pub async fn migrate(config: &Config, clock: Clock) -> Result<Made> {
        let (folder, database) = (&config.node.data, config.postgres()?);
        let settings = pg_settings(database, &database.url, "migrate");
        let migrated = tally_store::postgres::migrate(&settings)
            .await
            .context("migrating `database.url`")?;
        let store = PostgresStore::connect(&settings).await?;
        if !folder.join("node.json").is_file() {
            let held = store.identity().await?;
            anyhow::ensure!(
                held.is_none(),
                "the database is that of another node: copy its keys to {}",
                folder.display()
            );
            create(
                folder,
                SERVER_FORMAT,
                config.node.partitions,
                config.node.policies,
            )?;
        }
        let identity = identity(folder, SERVER_FORMAT)?;
        let held = store.set_up(&identity.stored()).await?;
        let node = Self::on(config, "migrate", store, held, &identity, clock).await?;
        node.start(config.node.policies.and(identity.policies))
            .await?;
        Ok(Made {
            from: migrated.from,
            to: migrated.to,
            partitions: migrated.partitions,
            node,
        })
    }

    fn of(
        folder: &Path,
        held: tally_store::port::Identity,
        keys: Keys,
        store: AnyStore,
        vault: Vault,
        clock: Clock,
    ) -> Result<Self> {
        let sandbox = Sandbox::new(Backend::Cranelift)?;
        Ok(Self {
            shelf: Shelf::new(sandbox, folder.join("cache"), keys.artefact.clone()),
            folder: folder.to_owned(),
            origin: held.origin,
            partitions: AtomicU32::new(held.partitions),
            keys,
            store,
            vault,
            clock,
            beside_broker: false,
            test_data: TestData::Read,
            payable: Payable::default(),
            retention: Vec::new(),
            tampering: None,
            seen: tokio::sync::Mutex::default(),
            decoded: tokio::sync::Mutex::default(),
            level: tokio::sync::Mutex::default(),
        })
    }

    /// Whether workers elsewhere adjudicate what is queued.
    pub fn beside_broker(&self) -> bool {
        self.beside_broker
    }

    /// Brings the log to where it should be: its first entry, the bundled
    /// policies, and what a killed process left in the outbox.
    async fn start(&self, policies: PoliciesConfig) -> Result<()> {
        self.begin_log().await?;
        self.judge().await?;
        match self.catch_up(policies).await {
            // What stands is still read and proven.
            Err(error) if error.is::<Forked>() => {
                tracing::error!("{error:#}");
                Ok(())
            }
            done => done,
        }
    }

    async fn catch_up(&self, policies: PoliciesConfig) -> Result<()> {
        self.integrate(false).await?;
        if policies == PoliciesConfig::Bundled {
            self.publish_bundled().await?;
        }
        self.activate_published().await?;
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
    pub fn store(&self) -> &AnyStore {
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

    /// The node's secrets.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Compiled policies.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The public key that envelopes for this node are sealed to.
    ///
    /// # Panics
    /// When the operating system gave a key that is none, which it never does.
    pub fn envelope_key(&self) -> tally_queue::envelope::NodePublicKey {
        let key = tally_queue::envelope::NodeKey::new(&self.keys.envelope);
        #[allow(clippy::expect_used, reason = "any 32 bytes are a key")]
        key.expect("any 32 bytes are a key").public()
    }

    /// The token of a dead letter.
    pub(crate) fn dead_letter_token(&self, parts: &[&[u8]]) -> Token {
        self.keys.tokens.token("dead-letter", parts)
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

fn pg_settings(database: &Database, url: &str, name: &str) -> PgSettings {
    PgSettings {
        max_connections: database.connections,
        application_name: format!("tally {name}"),
        ..PgSettings::new(url)
    }
}

/// What setting a node up came to.
pub struct Made {
    /// The version that the schema had.
    pub from: i64,
    /// The version that it has.
    pub to: i64,
    /// Partitions of tables that were made.
    pub partitions: u32,
    /// The node.
    pub node: Node,
}

/// The name of the log of the node in a folder, of whatever kind it is.
///
/// # Errors
/// When there is no node.
pub fn origin_of(folder: &Path) -> Result<String> {
    let path = folder.join("node.json");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("there is no node in {}", folder.display()))?;
    let identity: Identity = serde_json::from_str(&text)
        .with_context(|| format!("{} is not that of a node", path.display()))?;
    Ok(identity.origin)
}

fn identity(folder: &Path, format: &str) -> Result<Identity> {
    let path = folder.join("node.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let identity: Identity = serde_json::from_str(&text)
        .with_context(|| format!("{} is not that of a node", path.display()))?;
    match identity.format.as_str() {
        known if known == format => {}
        SERVER_FORMAT => bail!(
            "{} holds the keys of a node on PostgreSQL: say `--config FILE` in place of `--data`",
            folder.display()
        ),
        FORMAT => bail!(
            "{} holds a node with a store of its own: say another folder as `node.data`",
            folder.display()
        ),
        other => bail!(
            "{} is of the format `{other}`; this program reads `{format}`",
            path.display()
        ),
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
fn create(
    folder: &Path,
    format: &str,
    partitions: NonZeroU32,
    policies: PoliciesConfig,
) -> Result<()> {
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
        format: format.to_owned(),
        origin: format!(
            "tallystick.example/node/{}",
            keys::hex(&vault::random::<8>()?)
        ),
        partitions,
        policies,
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
