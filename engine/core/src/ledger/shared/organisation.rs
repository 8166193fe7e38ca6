//! Organisations, and how they come, change and go.

use core::fmt;
use core::net::SocketAddr;

use sha2::{Digest, Sha256};

use crate::canon::{Canon, DecodeError, Reader};
use crate::ledger::entry::Entry;
use crate::ledger::note::{NoteError, SigningKey, VerifierKey};

/// How an organisation is called on the ledger: 1 to 64 of `a-z`, `0-9`, `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrganisationId(String);

impl OrganisationId {
    /// Reads an identifier.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Canon for OrganisationId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = String::take(from)?;
        Self::parse(&text).ok_or_else(|| from.invalid("organisation", text.len() as u64))
    }
}

/// What an organisation does, and so may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Publishes policies, adjudicates and pays.
    Payer,
    /// Submits claims, runs policies again, agrees and disputes.
    Provider,
    /// Keeps grants of access for patients who have no node of their own.
    Custodian,
    /// Supervises: votes and reads the public part, and enters nothing of claims.
    Regulator,
}

crate::canon_enum!(Role {
    Payer = 1,
    Provider = 2,
    Custodian = 3,
    Regulator = 4,
});

impl Role {
    /// The role's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::Provider => "provider",
            Self::Custodian => "custodian",
            Self::Regulator => "regulator",
        }
    }

    /// Reads the role's word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Payer,
            Self::Provider,
            Self::Custodian,
            Self::Regulator,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
    }
}

/// An organisation: its public keys and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// How it is called on the ledger.
    pub id: OrganisationId,
    /// Its name, for people.
    pub name: String,
    /// What it does, in ascending order, at least one.
    pub roles: Vec<Role>,
    /// The ed25519 key that signs its envelopes.
    pub signing: [u8; 32],
    /// The X25519 key that what is sent to it is sealed to.
    pub sealing: [u8; 32],
    /// The origin of its own log.
    pub origin: String,
    /// The ed25519 key that signs its own log's checkpoints.
    pub log: [u8; 32],
    /// The ed25519 key that signs its policies; a payer's.
    pub publisher: Option<[u8; 32]>,
    /// The ed25519 key that it votes with and signs the ledger's checkpoints, if it
    /// is an authority.
    pub authority: Option<[u8; 32]>,
    /// Where an authority is reached by the others, `host:port`.
    pub address: String,
    /// Where its node answers over HTTP; empty when it does not.
    pub url: String,
}

crate::canon_record!(Organisation {
    id,
    name,
    roles,
    signing,
    sealing,
    origin,
    log,
    publisher,
    authority,
    address,
    url,
});

/// Whether an authority can be reached there: an address or a host's name (RFC 1123), and a
/// port.
fn is_address(text: &str) -> bool {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return address.port() > 0;
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let number = port.bytes().all(|b| b.is_ascii_digit());
        host.split('.').all(label) && number && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// Whether a node can answer there over HTTP.
fn is_url(text: &str) -> bool {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}

/// The longest name, origin, address or URL, in bytes.
pub(super) const LONGEST: usize = 200;

impl Organisation {
    /// Whether it has a role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// What is not sound about it, if anything.
    #[must_use]
    pub fn flaw(&self) -> Option<&'static str> {
        let plain = |text: &str| text.len() <= LONGEST && !text.chars().any(char::is_control);
        let ascends = |pair: &[Role]| pair.first() < pair.last();
        if self.roles.is_empty() || !self.roles.windows(2).all(ascends) {
            return Some("its roles are not in order");
        }
        let texts = [&self.name, &self.address, &self.url];
        if self.name.is_empty() || !texts.into_iter().all(|text| plain(text)) {
            return Some("its name, address or URL");
        }
        if !plain(&self.origin) || VerifierKey::new(&self.origin, &self.log).is_err() {
            return Some("its log's origin or key");
        }
        let sound = |key: &[u8; 32]| VerifierKey::new("key", key).is_ok();
        if !sound(&self.signing)
            || !self.publisher.iter().all(sound)
            || !self.authority.iter().all(sound)
        {
            return Some("a key that is none");
        }
        if self.publisher.is_some() && !self.is(Role::Payer) {
            return Some("a publisher's key, and it is no payer");
        }
        if self.authority.is_some() && self.address.is_empty() {
            return Some("an authority without an address");
        }
        if !self.address.is_empty() && !is_address(&self.address) {
            return Some("its address is not `HOST:PORT`");
        }
        if !self.url.is_empty() && !is_url(&self.url) {
            return Some("its URL is not `http://HOST` or `https://HOST`");
        }
        let keys = self.keys();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        (distinct.len() != keys.len()).then_some("one key for two purposes")
    }

    /// Its ed25519 keys.
    pub(super) fn keys(&self) -> Vec<[u8; 32]> {
        [
            Some(self.signing),
            Some(self.log),
            self.publisher,
            self.authority,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A witness: it cosigns checkpoints and does not vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name in signature lines.
    pub name: String,
    /// Its ed25519 key, of cosignatures.
    pub key: [u8; 32],
}

crate::canon_record!(Witness { name, key });

/// Who founds a ledger: its first leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// The ledger's name.
    pub origin: String,
    /// The founders; those with an authority's key are the authorities of epoch 0.
    pub organisations: Vec<Organisation>,
    /// Its witnesses.
    pub witnesses: Vec<Witness>,
}

crate::canon_record!(Charter {
    origin,
    organisations,
    witnesses,
});

impl Charter {
    /// It as the ledger's first leaf.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        Entry::Charter(Box::new(self.clone())).to_canon()
    }
}

/// That whoever proposes keys holds them: signatures over the organisation by its
/// signing key and, where it has one, its authority's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possession {
    /// By the signing key.
    pub signing: [u8; 64],
    /// By the authority's key.
    pub authority: Option<[u8; 64]>,
}

crate::canon_record!(Possession { signing, authority });

impl Possession {
    /// Shows that the keys are held, for the ledger of this name.
    #[must_use]
    pub fn show(
        origin: &str,
        organisation: &Organisation,
        signing: &SigningKey,
        authority: Option<&SigningKey>,
    ) -> Self {
        let message = Self::message(origin, organisation);
        Self {
            signing: signing.sign(&message),
            authority: authority.map(|key| key.sign(&message)),
        }
    }

    /// Checks that the keys are held.
    ///
    /// # Errors
    /// When a signature does not hold or is missing.
    pub fn verify(&self, origin: &str, organisation: &Organisation) -> Result<(), NoteError> {
        let message = Self::message(origin, organisation);
        VerifierKey::new("signing", &organisation.signing)?.verify(&message, &self.signing)?;
        match (&organisation.authority, &self.authority) {
            (None, None) => Ok(()),
            (Some(key), Some(signature)) => {
                VerifierKey::new("authority", key)?.verify(&message, signature)
            }
            _ => Err(NoteError::NotSigned),
        }
    }

    fn message(origin: &str, organisation: &Organisation) -> Vec<u8> {
        let mut message = b"tallystick/possession/v1".to_vec();
        origin.to_owned().put(&mut message);
        organisation.put(&mut message);
        message
    }
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An organisation joins.
    Join {
        /// It.
        organisation: Organisation,
        /// That it holds its keys.
        possession: Possession,
    },
    /// An organisation leaves.
    Leave(OrganisationId),
    /// An organisation has other keys, or is reached elsewhere.
    Rotate {
        /// It, as it is from then on.
        organisation: Organisation,
        /// That it holds its keys.
        possession: Possession,
    },
    /// Other witnesses.
    Witnesses(Vec<Witness>),
}

impl Canon for Change {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Join {
                organisation,
                possession,
            } => {
                out.push(1);
                organisation.put(out);
                possession.put(out);
            }
            Self::Leave(id) => {
                out.push(2);
                id.put(out);
            }
            Self::Rotate {
                organisation,
                possession,
            } => {
                out.push(3);
                organisation.put(out);
                possession.put(out);
            }
            Self::Witnesses(witnesses) => {
                out.push(4);
                witnesses.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::take(from)? {
            1 => Self::Join {
                organisation: Canon::take(from)?,
                possession: Canon::take(from)?,
            },
            2 => Self::Leave(Canon::take(from)?),
            3 => Self::Rotate {
                organisation: Canon::take(from)?,
                possession: Canon::take(from)?,
            },
            4 => Self::Witnesses(Canon::take(from)?),
            n => return Err(from.invalid("change", n.into())),
        })
    }
}

/// How a proposal is known.
pub type MotionId = [u8; 32];

/// A proposal, good for one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The epoch whose authorities vote on it.
    pub epoch: u64,
    /// What is proposed.
    pub change: Change,
}

crate::canon_record!(Proposal { epoch, change });

impl Proposal {
    /// How it is known: `SHA-256("tallystick/proposal/v1" ‖ proposal)`.
    #[must_use]
    pub fn id(&self) -> MotionId {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/proposal/v1");
        hasher.update(self.to_canon());
        hasher.finalize().into()
    }
}

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Motion {
    /// The proposal.
    pub proposal: MotionId,
    /// Whether the authority is for it.
    pub assent: bool,
}

crate::canon_record!(Motion { proposal, assent });
