//! The configuration of a node that is more than a folder: read from a TOML
//! file, overridden by the environment, checked as a whole before anything is
//! started.
//!
//! ```toml
//! [node]
//! data = "/var/lib/tallystick"   # keys and cache; without [database], the store too
//! payer = "harbor-health"        # the payer that submissions are meant for
//!
//! [database]                     # PostgreSQL; without it, SQLite in the folder
//! url = "postgres://tally@db/tally"
//! keys = "postgres://tally@keys/tally"
//!
//! [broker]                       # RabbitMQ; without it, one process drains the queue
//! url = "amqps://tally@mq/tally"
//! ca = "/etc/tallystick/ca.pem"
//!
//! [payer]                        # who pays, as answers in X12 and FHIR name it
//! name = "Harbor Health"
//!
//! [[organisation]]               # who may submit and read
//! id = "riverside"
//! key = "…"                      # its ed25519 public key, 64 hexadecimal digits
//! ```
//!
//! A setting `key` of a section is overridden by `TALLY_SECTION_KEY`, so
//! `TALLY_DATABASE_URL`. `docs/configuration.md` lists all of them.

mod access;
mod appeal;
mod filing;
mod ledger;
mod payer;
mod prompt_pay;
mod retention;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use access::{CodeListConfig, RoleConfig};
pub use appeal::AppealLevels;
pub use filing::Filings;
pub use ledger::LedgerConfig;
pub use payer::{PayeeConfig, PayerConfig};
pub use prompt_pay::PromptPayRules;
pub use retention::RetentionConfig;

/// Everything that a node's processes are told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the node is.
    pub node: NodeConfig,
    /// Where it listens.
    #[serde(default)]
    pub listen: Listen,
    /// PostgreSQL; without it the store is SQLite in the node's folder.
    pub database: Option<Database>,
    /// RabbitMQ; without it one process drains the queue.
    pub broker: Option<Broker>,
    /// How workers work.
    #[serde(default)]
    pub worker: Worker,
    /// What is taken in.
    #[serde(default)]
    pub intake: IntakeConfig,
    /// The ledger that the organisation shares with others.
    pub ledger: Option<LedgerConfig>,
    /// Who pays, as answers name it.
    #[serde(default, rename = "payer")]
    pub payer: PayerConfig,
    /// Who is paid, where more is known of them than their claims say.
    #[serde(default, rename = "payee")]
    pub payees: Vec<PayeeConfig>,
    /// How long records are kept: without a rule of its kind nothing is erased but by order.
    #[serde(default, rename = "retention")]
    pub retention: Vec<RetentionConfig>,
    /// Lists of codes that grants of access name.
    #[serde(default, rename = "code_list")]
    pub code_lists: Vec<CodeListConfig>,
    /// Who may submit and read.
    #[serde(default, rename = "organisation")]
    pub organisations: Vec<Organisation>,
    /// Whether it cheats, in a demonstration: never read from a file.
    #[serde(skip)]
    pub tampers: bool,
}

/// What the node is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The folder of keys and cache. Every process of the node has the same
    /// keys.
    pub data: PathBuf,
    /// The payer whose claims it takes, as senders name it.
    #[serde(default = "payer")]
    pub payer: String,
    /// Partitions of the queue of a node that is made.
    #[serde(default = "partitions")]
    pub partitions: NonZeroU32,
    /// Which policies are published when the node is made.
    #[serde(default)]
    pub policies: PoliciesConfig,
}

/// Which policies are published when a node is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoliciesConfig {
    /// Those that the program carries.
    #[default]
    Bundled,
    /// None: a provider's node has none of its own.
    None,
}

impl PoliciesConfig {
    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::Bundled => other,
            Self::None => Self::None,
        }
    }
}

fn payer() -> String {
    "tallystick".to_owned()
}

fn partitions() -> NonZeroU32 {
    crate::node::PARTITIONS
}

/// Where the node listens. Every address is a host and a port.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The API.
    pub api: SocketAddr,
    /// The pages. Nobody signs in to them yet, so it is an address of this
    /// machine alone.
    pub pages: SocketAddr,
    /// Readiness, liveness and metrics of every role. Not for the public.
    pub health: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            api: SocketAddr::from(([127, 0, 0, 1], 8420)),
            health: SocketAddr::from(([127, 0, 0, 1], 8421)),
            pages: SocketAddr::from(([127, 0, 0, 1], 8422)),
        }
    }
}

/// PostgreSQL. It has no `Debug`: a URL may hold a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Of the store.
    pub url: String,
    /// Of the record keys; they belong in a database of their own, with
    /// backups of their own. The store's when it is left out.
    pub keys: Option<String>,
    /// The most connections of one process.
    #[serde(default = "connections")]
    pub connections: u32,
}

impl Database {
    /// Where record keys are.
    #[must_use]
    pub fn keys(&self) -> &str {
        self.keys.as_deref().unwrap_or(&self.url)
    }
}

impl Broker {
    /// How it is reached, under a name that its administrator sees.
    #[must_use]
    pub fn settings(&self, name: &str) -> tally_queue::Settings {
        let mut settings = tally_queue::Settings::new(&self.url);
        settings.ca.clone_from(&self.ca);
        settings.connection_name = format!("tally {name}");
        settings
    }
}

fn connections() -> u32 {
    16
}

/// RabbitMQ. It has no `Debug`: a URL may hold a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Of the broker and its virtual host.
    pub url: String,
    /// The certificates that the broker's is signed by, for `amqps`.
    pub ca: Option<PathBuf>,
    /// Before the names of all exchanges and queues, so that several nodes can
    /// be on one virtual host.
    #[serde(default)]
    pub prefix: String,
}

/// How workers work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Tells the worker from others; of its host and process when left out.
    pub name: Option<String>,
    /// Claims of a batch.
    pub batch: u16,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            name: None,
            batch: 128,
        }
    }
}

/// What is taken in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// The largest file, in bytes.
    pub limit: usize,
    /// How long a request waits for its outcome, in milliseconds, before it is
    /// answered with a link.
    pub patience: u64,
    /// What becomes of X12 interchanges that say of themselves that they are test
    /// data.
    pub test_data: TestDataConfig,
    /// What becomes of claims whose billing provider no payment could be told to: no
    /// NPI, no tax number, no `[[payee]]`.
    pub unknown_payee: UnknownPayeeConfig,
}

/// What becomes of claims of a billing provider that cannot be paid by what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownPayeeConfig {
    /// They are taken in, with a warning: a `[[payee]]` can name it later.
    #[default]
    Take,
    /// They are refused by name.
    Refuse,
}

/// What becomes of test data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestDataConfig {
    /// Its claims are taken in as any others.
    #[default]
    Read,
    /// It is acknowledged, and its claims are refused by name.
    Refuse,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            limit: 8 << 20,
            patience: 2_000,
            test_data: TestDataConfig::default(),
            unknown_payee: UnknownPayeeConfig::default(),
        }
    }
}

/// An organisation that may submit and read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Names it, as its tokens and envelopes do.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Its ed25519 public key.
    pub key: Key,
    /// Its X25519 public key: results are sealed to it.
    pub sealing: Option<Key>,
    /// What it may do.
    #[serde(default)]
    pub may: BTreeSet<May>,
    /// What it is, where no shared ledger says it.
    #[serde(default)]
    pub roles: BTreeSet<RoleConfig>,
}

/// What an organisation may do beside submitting claims and reading its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum May {
    /// Read flags: it investigates fraud for the payer.
    ReadFlags,
    /// Read every claim: it is the payer.
    ReadClaims,
    /// Ask whether any member is covered, and what is left of their benefits.
    AskEligibility,
}

/// A public key of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Key(pub [u8; 32]);

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let key = crate::node::keys::unhex(&text);
        key.map(Self).ok_or("a public key is 64 hexadecimal digits")
    }
}

/// Why a configuration cannot be used. No message holds a value: it may be a
/// password.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Unread {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file, or what the environment made of it, is not as it should be.
    #[error("{path}: {what}")]
    Wrong {
        /// The file.
        path: String,
        /// What, and where in it.
        what: String,
    },
    /// A variable of the environment names no setting, or is not of its kind.
    #[error("the environment's {name} {what}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Settings that the environment can override, and whether they are numbers.
const VARIABLES: [(&str, &str, bool); 33] = [
    ("node", "data", false),
    ("node", "payer", false),
    ("node", "partitions", true),
    ("node", "policies", false),
    ("listen", "api", false),
    ("listen", "health", false),
    ("listen", "pages", false),
    ("database", "url", false),
    ("database", "keys", false),
    ("database", "connections", true),
    ("broker", "url", false),
    ("broker", "ca", false),
    ("broker", "prefix", false),
    ("worker", "name", false),
    ("worker", "batch", true),
    ("intake", "limit", true),
    ("intake", "patience", true),
    ("intake", "test_data", false),
    ("intake", "unknown_payee", false),
    ("ledger", "charter", false),
    ("ledger", "organisation", false),
    ("ledger", "listen", false),
    ("ledger", "sent", false),
    ("payer", "name", false),
    ("payer", "identifier", false),
    ("payer", "tax", false),
    ("payer", "street", false),
    ("payer", "city", false),
    ("payer", "state", false),
    ("payer", "zip", false),
    ("payer", "telephone", false),
    ("payer", "routing", false),
    ("payer", "account", false),
];

impl Config {
    /// Reads a file, lets the environment override it, and checks the whole.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unread {
            path: path.display().to_string(),
            source,
        })?;
        Self::of(&path.display().to_string(), &text, std::env::vars())
    }

    /// The same, of a text and variables.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of(
        path: &str,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let wrong = |what: String| ConfigError::Wrong {
            path: path.to_owned(),
            what,
        };
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let file: toml::Table = toml::from_str(text).map_err(|error| wrong(place(text, &error)))?;
        let mut table = file.clone();
        let overridden = override_by(&mut table, variables.iter().cloned())?;
        let config: Self = if overridden {
            table
                .try_into()
                .map_err(|error| blame(path, text, &file, &variables, &error))?
        } else {
            toml::from_str(text).map_err(|error| wrong(place(text, &error)))?
        };
        config.check().map_err(wrong)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.node.partitions.get() > 256 {
            return Err("`node.partitions` is 1 to 256: two to four for each core".into());
        }
        if !self.listen.pages.ip().is_loopback() {
            return Err("`listen.pages` is an address of this machine, as 127.0.0.1:8422: nobody signs in to the pages".into());
        }
        if !(1..=512).contains(&self.worker.batch) {
            return Err("`worker.batch` is 1 to 512 claims".into());
        }
        if let Some(database) = &self.database {
            if !(2..=1000).contains(&database.connections) {
                return Err("`database.connections` is 2 to 1000".into());
            }
            let urls = [Some(&database.url), database.keys.as_ref()];
            for url in urls.into_iter().flatten() {
                if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
                    return Err("`[database]` has a URL that is not `postgres://…`".into());
                }
            }
        }
        if let Some(ledger) = &self.ledger {
            ledger.check()?;
        }
        if let Some(broker) = &self.broker {
            if self.database.is_none() {
                return Err(
                    "`[broker]` needs `[database]`: beside a broker the store is PostgreSQL".into(),
                );
            }
            if !broker.url.starts_with("amqp://") && !broker.url.starts_with("amqps://") {
                return Err("`broker.url` is not `amqp://…` or `amqps://…`".into());
            }
        }
        self.payer.check()?;
        payer::check_payees(&self.payees)?;
        let mut lists = BTreeSet::new();
        for rule in &self.retention {
            rule.rule()?;
        }
        for list in &self.code_lists {
            list.list()?;
            if !lists.insert(&list.name) {
                return Err(format!("the `[[code_list]]` `{}` stands twice", list.name));
            }
        }
        let mut seen = BTreeSet::new();
        for organisation in &self.organisations {
            let id = &organisation.id;
            let sound = !id.is_empty()
                && id.len() <= 64
                && id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !sound {
                return Err(
                    "an organisation's `id` is 1 to 64 of a-z, 0-9 and `-`, without dots".into(),
                );
            }
            if id == crate::node::SUBMITTER {
                return Err(format!(
                    "an organisation cannot be `{id}`: that is whoever has the node's folder"
                ));
            }
            if tally_core::ledger::VerifierKey::new("submitter", &organisation.key.0).is_err() {
                return Err(format!(
                    "the key of `{id}` is no ed25519 public key, or a weak one"
                ));
            }
            if !seen.insert(id) {
                return Err(format!("the organisation `{id}` stands twice"));
            }
        }
        for payee in &self.payees {
            if !payee.organisation.is_empty() && !seen.contains(&payee.organisation) {
                return Err(format!(
                    "a `[[payee]]` is of the organisation `{}`, which no `[[organisation]]` is",
                    payee.organisation
                ));
            }
        }
        Ok(())
    }

    /// The database of a node that is on PostgreSQL.
    ///
    /// # Errors
    /// When there is none.
    pub fn postgres(&self) -> anyhow::Result<&Database> {
        use anyhow::Context as _;
        self.database
            .as_ref()
            .context("the configuration has no `[database]`")
    }

    /// The organisation of an id.
    #[must_use]
    pub fn organisation(&self, id: &str) -> Option<&Organisation> {
        self.organisations.iter().find(|known| known.id == id)
    }
}

/// What is wrong in a text, with its line, and nothing of the line itself.
fn place(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| {
        let before = text.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    });
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

/// What is wrong with a file that variables override: the line of the file, or
/// the variable.
fn blame(
    path: &str,
    text: &str,
    file: &toml::Table,
    variables: &[(String, String)],
    error: &toml::de::Error,
) -> ConfigError {
    let wrong = |what| ConfigError::Wrong {
        path: path.to_owned(),
        what,
    };
    let alone = toml::from_str::<Config>(text).err();
    if let Some(alone) = alone.as_ref().filter(|it| it.message() == error.message()) {
        return wrong(place(text, alone));
    }
    let spoils = |variable: &&(String, String)| {
        let mut table = file.clone();
        override_by(&mut table, [(*variable).clone()]).is_ok_and(|any| any)
            && table.try_into::<Config>().is_err()
    };
    // Where the file says enough only with some variables, which is wrong is not clear.
    let culprit = match alone {
        None => variables.iter().find(spoils),
        Some(_) => None,
    };
    match culprit {
        Some((name, _)) => ConfigError::Variable {
            name: name.clone(),
            what: "is not of the setting's kind: docs/configuration.md says what is",
        },
        None => wrong(format!("with the environment: {}", error.message())),
    }
}

/// Lets variables override a table; answers whether any did.
fn override_by(
    table: &mut toml::Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<bool, ConfigError> {
    let mut any = false;
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix("TALLY_") else {
            continue;
        };
        let Some((section, _)) = rest.split_once('_') else {
            continue;
        };
        let section = section.to_ascii_lowercase();
        if !VARIABLES.iter().any(|(known, ..)| *known == section) {
            continue;
        }
        let found = VARIABLES
            .iter()
            .find(|(section, key, _)| format!("{section}_{key}").to_ascii_uppercase() == rest);
        let Some((section, key, number)) = found else {
            return Err(ConfigError::Variable {
                name,
                what: "names no setting: docs/configuration.md lists them",
            });
        };
        let value = if *number {
            match value.parse() {
                Ok(number) => toml::Value::Integer(number),
                Err(_) => {
                    return Err(ConfigError::Variable {
                        name,
                        what: "is not a whole number",
                    });
                }
            }
        } else {
            toml::Value::String(value)
        };
        let entry = table
            .entry(*section)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if let Some(section) = entry.as_table_mut() {
            section.insert((*key).to_owned(), value);
            any = true;
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
[node]
data = "/srv/node"
payer = "harbor-health"

[database]
url = "postgres://tally@localhost/tally"

[broker]
url = "amqp://localhost"

[[organisation]]
id = "riverside"
name = "Riverside Hospital"
key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
may = ["read-flags"]
"#;

    fn of(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::of("tally.toml", text, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_and_the_rest_has_defaults() {
        let config = of(WHOLE, &[]).unwrap();
        assert_eq!(config.node.payer, "harbor-health");
        assert_eq!(config.worker.batch, 128);
        assert_eq!(config.listen.api.port(), 8420);
        let database = config.database.as_ref().unwrap();
        assert_eq!(database.keys(), database.url);
        let riverside = config.organisation("riverside").unwrap();
        assert!(riverside.may.contains(&May::ReadFlags));
        assert!(config.organisation("elsewhere").is_none());
    }

    #[test]
    fn the_environment_overrides() {
        let config = of(
            WHOLE,
            &[
                ("TALLY_WORKER_BATCH", "16"),
                ("TALLY_DATABASE_URL", "postgres://other/tally"),
                ("TALLY_LOG", "info"),
                ("HOME", "/root"),
            ],
        )
        .unwrap();
        assert_eq!(config.worker.batch, 16);
        assert_eq!(config.database.unwrap().url, "postgres://other/tally");
        // A section that the file has not.
        let config = of("[node]\ndata = 'x'", &[("TALLY_LISTEN_API", "[::1]:1")]).unwrap();
        assert_eq!(config.listen.api.port(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_its_value() {
        let secret = "postgres-hunter2";
        type Case = (
            &'static str,
            &'static [(&'static str, &'static str)],
            &'static str,
        );
        let cases: [Case; 14] = [
            ("[node]\n", &[], "line 1: missing field `data`"),
            ("[node]\ndata = 7", &[], "line 2: invalid type"),
            ("[node]\ndata = 'x'\nport = 1", &[], "line 3: unknown field"),
            ("[node\n", &[], "line 1"),
            ("[node]\ndata='x'\npartitions=0", &[], "line 3"),
            ("[node]\ndata='x'\npartitions=257", &[], "1 to 256"),
            ("[node]\ndata='x'\n[worker]\nbatch=0", &[], "1 to 512"),
            (
                "[node]\ndata='x'\n[database]\nurl='mysql://postgres-hunter2'",
                &[],
                "not `postgres",
            ),
            (
                "[node]\ndata='x'\n[broker]\nurl='amqp://x'",
                &[],
                "needs `[database]`",
            ),
            (
                "[node]\ndata='x'\n[[organisation]]\nid='a'\nkey='postgres-hunter2'",
                &[],
                "64 hexadecimal",
            ),
            (
                WHOLE,
                &[("TALLY_DATABASE_ULR", "postgres-hunter2")],
                "TALLY_DATABASE_ULR names no setting",
            ),
            (
                WHOLE,
                &[("TALLY_WORKER_BATCH", "postgres-hunter2")],
                "TALLY_WORKER_BATCH is not a whole number",
            ),
            (
                WHOLE,
                &[("TALLY_LISTEN_API", "nowhere")],
                "the environment's TALLY_LISTEN_API is not of the setting's kind",
            ),
            (
                "[node]\ndata = 'x'\nport = 1",
                &[("TALLY_WORKER_BATCH", "16")],
                "line 3: unknown field",
            ),
        ];
        for (text, variables, expected) in cases {
            let Err(error) = of(text, variables) else {
                panic!("{expected} was expected");
            };
            assert!(error.contains(expected), "{error} has not: {expected}");
            assert!(!error.contains(secret), "{error}");
        }
        for id in ["", "A", "a.b", "local"] {
            let text = WHOLE.replace("riverside", id);
            assert!(of(&text, &[]).is_err(), "{id}");
        }
        let twice = format!(
            "{WHOLE}{}",
            WHOLE
                .split("[[")
                .nth(1)
                .map_or(String::new(), |o| format!("[[{o}"))
        );
        assert!(of(&twice, &[]).is_err_and(|error| error.contains("twice")));
    }
}
