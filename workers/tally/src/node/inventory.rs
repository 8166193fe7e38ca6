//! Which secrets a node has and how each of them stands, without opening the node: also of
//! a folder that lacks some. No secret leaves this.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::ledger::VerifierKey;
use tally_core::ledger::shared::{Organisation, OrganisationId, Snapshot};
use tally_store::any::AnyStore;
use tally_store::port::SharedLedger as _;
use tally_store::postgres::PostgresStore;
use tally_store::sqlite::SqliteStore;

use super::applying::on_ledger;
use super::keyring::{Key, Keyring, Place, Secret};
use super::keys::{LATER, hex};
use super::{origin_of, pg_settings, ring_of};
use crate::config::Config;

/// How a secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// The shared ledger has it.
    InForce,
    /// The node uses it; no ledger knows it.
    InUse,
    /// It is made, and not in force yet.
    NotYet,
    /// It is put aside.
    NoLonger,
    /// It is not there, or is not what it should be.
    Wrong,
}

impl Stands {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::InUse => "in use",
            Self::NotYet => "not yet",
            Self::NoLonger => "no longer",
            Self::Wrong => "wrong",
        }
    }
}

/// What is wrong, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub what: String,
    /// What to do.
    pub next: String,
}

/// A secret, or one that should be there.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What it is for.
    pub key: Key,
    /// Which of them.
    pub place: Place,
    /// Its file in the folder.
    pub file: String,
    /// When the file was written, in milliseconds since 1970; `None` where there is none.
    pub since: Option<i64>,
    /// How it stands.
    pub stands: Stands,
    /// Its public part, as others have it.
    pub public: Option<String>,
    /// Of one that has no public part, so that two can be told apart.
    pub fingerprint: Option<String>,
    /// What is wrong with it.
    pub wrong: Option<Wrong>,
}

/// All secrets of a node.
pub struct Inventory {
    /// The node's log.
    pub origin: String,
    /// The folder of the secrets.
    pub folder: PathBuf,
    /// The shared ledger that the node is on, and its organisation there.
    pub ledger: Option<(String, OrganisationId)>,
    /// The secrets.
    pub keys: Vec<Listed>,
    /// What is wrong with the folder, or with the store that knows the ledger.
    pub wrong: Vec<Wrong>,
}

/// What a folder is looked at with.
struct Look {
    ring: Keyring,
    origin: String,
    ledger: Option<(String, Organisation)>,
}

impl Inventory {
    /// Looks at the node of a folder, or of a configuration.
    ///
    /// # Errors
    /// When there is no node.
    pub async fn of(data: &Path, config: Option<&Config>) -> Result<Self> {
        let (origin, ring) = (origin_of(data)?, ring_of(data));
        let mut wrong = Vec::new();
        let ledger = ledger_of(data, config, &ring).await;
        let ledger = ledger.unwrap_or_else(|error| {
            wrong.push(Wrong {
                what: format!("the store does not say what the shared ledger has: {error:#}"),
                next: "mend that first: how keys stand on the ledger is not known".into(),
            });
            None
        });
        if let Ok(found) = std::fs::metadata(ring.folder())
            && found.permissions().mode() & 0o077 != 0
        {
            let folder = ring.folder().display();
            wrong.push(Wrong {
                what: format!("the folder {folder} is open to others"),
                next: format!("chmod 700 {folder}"),
            });
        }
        let look = Look {
            ring,
            origin,
            ledger,
        };
        let mut keys = Vec::new();
        for key in Key::ALL {
            look.list(key, &mut keys)?;
        }
        Ok(Self {
            folder: look.ring.folder().to_owned(),
            origin: look.origin,
            ledger: look.ledger.map(|(name, of)| (name, of.id)),
            keys,
            wrong,
        })
    }

    /// All that is wrong.
    pub fn all_wrong(&self) -> impl Iterator<Item = &Wrong> {
        let of_keys = self.keys.iter().filter_map(|listed| listed.wrong.as_ref());
        self.wrong.iter().chain(of_keys)
    }
}

impl Look {
    fn list(&self, key: Key, into: &mut Vec<Listed>) -> Result<()> {
        let places = self.ring.places(key)?;
        let wanted = self.ledger.as_ref().and_then(|(_, of)| on_ledger(of, key));
        let read: Vec<_> = places
            .iter()
            .map(|place| (*place, self.ring.read(key, *place)))
            .collect();
        let in_force = read.iter().find_map(|(place, secret)| {
            let public = key.public(secret.as_ref().ok()?);
            (wanted.is_some() && public == wanted).then_some(*place)
        });
        for (place, secret) in &read {
            let stands = self.stands((key, *place), wanted, in_force);
            let mut listed = self.listed(key, *place, secret, stands);
            if let (Place::Present, Some(aside @ Place::Aside(_)), None) =
                (place, in_force, &listed.wrong)
            {
                listed.wrong = Some(self.displaced(key, aside));
            }
            into.push(listed);
        }
        let missing = !places.contains(&Place::Present);
        if missing && key != Key::Authority {
            into.push(self.missing(key));
        } else if let Some(public) = wanted
            && in_force.is_none()
        {
            into.push(Listed {
                wrong: Some(Wrong {
                    what: format!(
                        "the shared ledger has another `{}` key of this organisation, {}, which is not here",
                        key.as_str(),
                        hex(&public)
                    ),
                    next: "restore it from the backup of `keys`; where it is lost, have the one that is here voted in: \
                           `tally org init` prints the application, another member proposes it with `tally org rotate`"
                        .into(),
                }),
                public: Some(self.public(key, &public)),
                ..self.missing(key)
            });
        }
        Ok(())
    }

    fn stands(
        &self,
        (key, place): (Key, Place),
        wanted: Option<[u8; 32]>,
        in_force: Option<Place>,
    ) -> Stands {
        match (place, in_force) {
            (place, Some(found)) if place == found => Stands::InForce,
            (Place::Aside(_), _) | (Place::Present, Some(Place::Next)) => Stands::NoLonger,
            (Place::Next, _) => Stands::NotYet,
            // The ledger has another, or none.
            (Place::Present, _) if wanted.is_some() || key == Key::Authority => Stands::NotYet,
            (Place::Present, _) => Stands::InUse,
        }
    }

    fn listed(&self, key: Key, place: Place, secret: &Result<Secret>, stands: Stands) -> Listed {
        let path = self.ring.path(key, place);
        let found = std::fs::metadata(&path).ok();
        let since = found.as_ref().and_then(|found| found.modified().ok());
        let since = since.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let mut listed = Listed {
            key,
            place,
            file: Keyring::file(key, place),
            since: since.and_then(|since| i64::try_from(since.as_millis()).ok()),
            stands,
            public: None,
            fingerprint: None,
            wrong: None,
        };
        let secret = match secret {
            Ok(secret) => secret,
            Err(error) => {
                listed.stands = Stands::Wrong;
                listed.wrong = Some(Wrong {
                    what: format!("{error:#}"),
                    next: format!("restore {} from the backup of `keys`", listed.file),
                });
                return listed;
            }
        };
        let public = key.public(secret);
        listed.public = public.map(|public| self.public(key, &public));
        listed.fingerprint = public.is_none().then(|| fingerprint(key, secret));
        if found.is_some_and(|found| found.permissions().mode() & 0o077 != 0) {
            listed.wrong = Some(Wrong {
                what: format!("{} is open to others", path.display()),
                next: format!(
                    "chmod 600 {}; where others could log in here, the key is known: docs/operations.md#keys",
                    path.display()
                ),
            });
        }
        listed
    }

    /// The ledger has one that is put aside.
    fn displaced(&self, key: Key, aside: Place) -> Wrong {
        let (name, file) = (key.as_str(), Keyring::file(key, aside));
        Wrong {
            what: format!(
                "{} is not the key that the shared ledger has of this organisation, as far as this node has read it: \
                 {file} is",
                self.ring.path(key, Place::Present).display()
            ),
            next: format!(
                "start the node: it reads on to where `{name}` was voted in, or goes on with {file} where that was made \
                 later and has never voted; if `{name}` was never voted in, `tally org init` prints the application, \
                 another member proposes it with `tally org rotate`"
            ),
        }
    }

    fn missing(&self, key: Key) -> Listed {
        let next = if LATER.contains(&key) {
            "restore it from the backup of `keys`; where there is none, the next command on this node makes another"
        } else {
            "restore it from the backup of `keys`: the node does not open without it"
        };
        Listed {
            key,
            place: Place::Present,
            file: Keyring::file(key, Place::Present),
            since: None,
            stands: Stands::Wrong,
            public: None,
            fingerprint: None,
            wrong: Some(Wrong {
                what: format!(
                    "{} is missing",
                    self.ring.path(key, Place::Present).display()
                ),
                next: next.into(),
            }),
        }
    }

    /// As others have it: a verifier key of what signs notes, else hexadecimal digits.
    fn public(&self, key: Key, public: &[u8; 32]) -> String {
        let name = match key {
            Key::Log => Some(self.origin.as_str()),
            Key::Insurer => Some("insurer"),
            Key::Authority => self.ledger.as_ref().map(|(name, _)| name.as_str()),
            _ => None,
        };
        let verifier = name.and_then(|name| VerifierKey::new(name, public).ok());
        verifier.map_or_else(|| hex(public), |key| key.to_string())
    }
}

/// Tells two secrets apart, and nothing else of them: they are 256 random bits.
fn fingerprint(key: Key, secret: &Secret) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"tallystick/key-fingerprint/v1");
    hasher.update(key.as_str());
    hasher.update([0]);
    hasher.update(&secret[..]);
    hex(&hasher.finalize()[..8])
}

/// The shared ledger of a node as its store has it, and the node's organisation there.
async fn ledger_of(
    data: &Path,
    config: Option<&Config>,
    ring: &Keyring,
) -> Result<Option<(String, Organisation)>> {
    let store = match config.and_then(|config| config.database.as_ref()) {
        Some(database) => {
            let settings = pg_settings(database, &database.url, "keys");
            AnyStore::Postgres(PostgresStore::connect(&settings).await?)
        }
        None if data.join("node.db").is_file() => {
            AnyStore::Sqlite(SqliteStore::open(&data.join("node.db")).await?)
        }
        None => return Ok(None),
    };
    let Some(head) = store.shared_head().await? else {
        return Ok(None);
    };
    let snapshot = Snapshot::from_canon(&head.snapshot)
        .context("what is stored of the shared ledger is damaged: run `tally ledger fsck`")?;
    let log = ring.read(Key::Log, Place::Present).ok();
    let log = log.and_then(|secret| Key::Log.public(&secret));
    let by_log = log.and_then(|log| snapshot.state.member_of_log(&log));
    let named =
        config.and_then(|config| OrganisationId::parse(&config.ledger.as_ref()?.organisation));
    let by_name = named.and_then(|id| snapshot.state.members.get(&id).map(|member| &**member));
    let own = by_log.or(by_name).filter(|member| !member.left);
    Ok(own.map(|own| (snapshot.state.origin.clone(), own.organisation.clone())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::node::applying::tests::applicant;
    use crate::shared::{Pool, Scribe, found};

    async fn wrong(folder: &Path) -> Vec<String> {
        let of = Inventory::of(folder, None).await.unwrap();
        of.all_wrong().map(|wrong| wrong.what.clone()).collect()
    }

    /// The set's key is put aside, and then nowhere.
    #[tokio::test]
    async fn a_key_that_no_set_names_is_at_fault() {
        let folder = tempfile::tempdir().unwrap();
        let (node, application) = applicant(folder.path(), "one").await;
        let charter = found("ledger.example", &[application], Vec::new()).unwrap();
        let genesis = Arc::new(Snapshot::found(&charter).unwrap());
        let scribe = Scribe::open(node.store(), &charter, &genesis, Arc::new(Pool::default()));
        drop(scribe.await.unwrap());
        assert_eq!(wrong(folder.path()).await, Vec::<String>::new());

        node.make_authority(true).unwrap();
        let found = wrong(folder.path()).await;
        assert!(
            found.len() == 1 && found[0].contains("authority.key is not the key"),
            "{found:?}"
        );
        assert!(found[0].ends_with("authority.1.key is"), "{found:?}");
        let aside = node.keys().ring.path(Key::Authority, Place::Aside(1));
        std::fs::remove_file(aside).unwrap();
        let found = wrong(folder.path()).await;
        assert!(
            found.len() == 1 && found[0].contains("has another `authority` key"),
            "{found:?}"
        );
    }
}
