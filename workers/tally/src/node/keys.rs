//! The node's secrets: files outside any database, readable by their owner.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use tally_core::ledger::SigningKey;
use tally_store::vault::{Tokens, WrapKey, Wraps};

use super::keyring::{self, Key, Keyring, Place, Secret};

/// The secrets of a node. None of them ever leaves its folder.
pub struct Keys {
    /// Signs checkpoints of the local log.
    pub log: SigningKey,
    /// Makes tokens of people, contracts and providers.
    pub tokens: Tokens,
    /// Authenticates compiled policies.
    pub artefact: Secret,
    /// Seals what stands in the broker.
    pub queue: Secret,
    /// The X25519 key that envelopes are sealed to, when the node was opened.
    pub envelope: Secret,
    /// Signs the envelopes of this node's own log on a shared ledger; when the node was
    /// opened.
    pub signing: Secret,
    /// The files, for the keys that change while the node runs.
    pub ring: Keyring,
    /// Those of them that were found by their public part.
    found: Mutex<BTreeMap<(Key, [u8; 32]), Secret>>,
}

/// Those that every node has.
const MADE: [Key; 8] = [
    Key::Log,
    Key::Insurer,
    Key::Tokens,
    Key::Artefact,
    Key::Wrap,
    Key::Queue,
    Key::Envelope,
    Key::Signing,
];
/// Those that a node made by an earlier version has not.
pub const LATER: [Key; 3] = [Key::Queue, Key::Envelope, Key::Signing];

/// A file beside the keys, empty: a log was begun under the `log` key.
const BEGUN: &str = "log-begun";

impl Keys {
    /// Makes the secrets of a new node from the operating system's random
    /// bytes. Files that are there already are kept.
    pub fn create(folder: &Path) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("the folder {} could not be made", folder.display()))?;
        make(folder, &MADE)
    }

    /// Makes the secrets that came with later versions, where they are missing.
    pub fn complete(folder: &Path) -> Result<()> {
        make(folder, &LATER)
    }

    /// Reads the secrets of a node.
    pub fn open(folder: &Path, origin: &str) -> Result<Self> {
        let ring = Keyring::new(folder);
        let read = |key| ring.read(key, Place::Present);
        // What is read again when it is used is looked at now: better said at the start.
        for key in MADE {
            read(key)?;
        }
        Ok(Self {
            log: SigningKey::new(origin, &*read(Key::Log)?)?,
            tokens: Tokens::new(*read(Key::Tokens)?),
            artefact: read(Key::Artefact)?,
            queue: read(Key::Queue)?,
            envelope: read(Key::Envelope)?,
            signing: read(Key::Signing)?,
            ring,
            found: Mutex::default(),
        })
    }

    /// Whether this folder's `log` key has ever signed: a log was begun under it.
    pub fn has_begun(folder: &Path) -> bool {
        folder.join(BEGUN).exists()
    }

    /// Remembers that a log was begun under this folder's key, wherever its store is.
    pub fn begun(folder: &Path) -> Result<()> {
        let path = folder.join(BEGUN);
        if path.exists() {
            return Ok(());
        }
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        file.and_then(|file| file.sync_all())
            .and_then(|()| fs::File::open(folder)?.sync_all())
            .with_context(|| format!("{} could not be made", path.display()))
    }

    /// A key that may change while the node runs, as it is now.
    pub fn present(&self, key: Key) -> Result<Secret> {
        self.ring.read(key, Place::Present)
    }

    /// The secret whose public part this is, wherever it is among those of a key: the
    /// present one, the next, one that was.
    pub fn of(&self, key: Key, public: &[u8; 32]) -> Option<Secret> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = found.get(&(key, *public)) {
            return Some(secret.clone());
        }
        let secret = self.ring.find(key, public)?;
        found.insert((key, *public), secret.clone());
        Some(secret)
    }

    /// The authority's key; `None` where there is none.
    pub fn authority(folder: &Path) -> Result<Option<Secret>> {
        let ring = Keyring::new(folder);
        let there = ring.has(Key::Authority, Place::Present);
        there
            .then(|| ring.read(Key::Authority, Place::Present))
            .transpose()
    }

    /// Makes an authority's key, where there is none; the one that was is put aside
    /// where another takes its place, and so is one that was to come. One that is there
    /// and was not made here is refused.
    pub fn make_authority(folder: &Path, anew: bool) -> Result<Secret> {
        let ring = Keyring::new(folder);
        let _one = ring.lock()?;
        for place in [Place::Present, Place::Next] {
            if anew && ring.has(Key::Authority, place) {
                ring.put_aside(Key::Authority, place)?;
            }
        }
        ring.renew_fence()?;
        make(folder, &[Key::Authority])?;
        let secret = ring.read(Key::Authority, Place::Present)?;
        let public = Key::Authority.public(&secret);
        let public = public.context("32 bytes are a key")?;
        ensure!(
            tally_notary::knows(&ring.fence(), &public)?,
            "{} was not made in this folder, or was put back from a backup after the folder was lost: {} does not \
             know it, it may have voted and could vote twice. `tally org init --authority --new-key` makes another \
             and puts it aside",
            ring.path(Key::Authority, Place::Present).display(),
            ring.fence().display()
        );
        Ok(secret)
    }

    /// The keys that record keys are wrapped with: the present one, and the next while
    /// they are wrapped anew. They are read again whenever one does not open.
    pub fn wraps(&self) -> Wraps {
        let ring = self.ring.clone();
        Wraps::read_by(move || {
            let places = [Place::Present, Place::Next].into_iter();
            let secrets = places.filter_map(|place| ring.read(Key::Wrap, place).ok());
            secrets.map(|secret| WrapKey::new(*secret)).collect()
        })
    }
}

fn make(folder: &Path, keys: &[Key]) -> Result<()> {
    let ring = Keyring::new(folder);
    keys.iter()
        .try_for_each(|key| ring.make(*key, Place::Present).map(drop))
}

/// A secret of a folder that is no node's, made when it is missing.
pub fn secret(folder: &Path, name: &'static str) -> Result<Secret> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder {} could not be made", folder.display()))?;
    let path = folder.join(format!("{name}.key"));
    keyring::make(&path, |_| Ok(()))?;
    keyring::read(&path)
}

/// Bytes of hexadecimal digits; none when there are not so many, or others.
pub fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    unhex_into(digits, &mut bytes).then_some(bytes)
}

/// The same, to where a secret is wiped.
pub(super) fn unhex_into(digits: &str, bytes: &mut [u8]) -> bool {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let octet = |[high, low]: [u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    rest.is_empty()
        && pairs.len() == bytes.len()
        && bytes.iter_mut().zip(pairs).all(|(byte, pair)| {
            let octet = octet(*pair);
            *byte = octet.unwrap_or_default();
            octet.is_some()
        })
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
