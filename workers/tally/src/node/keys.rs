//! The node's secrets: files outside any database, readable by their owner.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tally_core::ledger::SigningKey;
use tally_store::vault::{self, Tokens, WrapKey};
use zeroize::Zeroizing;

/// The secrets of a node. None of them ever leaves its folder.
pub struct Keys {
    /// Signs checkpoints of the local log.
    pub log: SigningKey,
    /// Signs publications of policies.
    pub insurer: SigningKey,
    /// Makes tokens of people, contracts and providers.
    pub tokens: Tokens,
    /// Authenticates compiled policies.
    pub artefact: Zeroizing<[u8; 32]>,
    /// Seals what stands in the broker.
    pub queue: Zeroizing<[u8; 32]>,
    /// The X25519 key that envelopes are sealed to.
    pub envelope: Zeroizing<[u8; 32]>,
    /// Signs the envelopes of this node's own log on a shared ledger.
    pub signing: Zeroizing<[u8; 32]>,
    wrap: Zeroizing<[u8; 32]>,
}

/// Each secret's file.
const NAMES: [&str; 8] = [
    "log", "insurer", "tokens", "artefact", "wrap", "queue", "envelope", "signing",
];
/// Those that a node made by an earlier version has not.
const LATER: [&str; 3] = ["queue", "envelope", "signing"];
/// The key that an authority votes with and signs the shared ledger's checkpoints. It is
/// made when an organisation becomes an authority, and anew when its disk was lost.
const AUTHORITY: &str = "authority";

impl Keys {
    /// Makes the secrets of a new node from the operating system's random
    /// bytes. Files that are there already are kept.
    pub fn create(folder: &Path) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("the folder {} could not be made", folder.display()))?;
        make(folder, &NAMES)
    }

    /// Makes the secrets that came with later versions, where they are missing.
    pub fn complete(folder: &Path) -> Result<()> {
        make(folder, &LATER)
    }

    /// Reads the secrets of a node.
    pub fn open(folder: &Path, origin: &str) -> Result<Self> {
        let read = |name: &str| read(&path(folder, name));
        Ok(Self {
            log: SigningKey::new(origin, &*read("log")?)?,
            insurer: SigningKey::new("insurer", &*read("insurer")?)?,
            tokens: Tokens::new(*read("tokens")?),
            artefact: read("artefact")?,
            queue: read("queue")?,
            envelope: read("envelope")?,
            signing: read("signing")?,
            wrap: read("wrap")?,
        })
    }

    /// The authority's key; `None` where there is none.
    pub fn authority(folder: &Path) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let path = path(folder, AUTHORITY);
        path.exists().then(|| read(&path)).transpose()
    }

    /// Makes an authority's key, where there is none; the one that was is put aside
    /// where another takes its place.
    pub fn make_authority(folder: &Path, anew: bool) -> Result<Zeroizing<[u8; 32]>> {
        let present = path(folder, AUTHORITY);
        if anew && present.exists() {
            let aside = (1u32..)
                .map(|n| path(folder, &format!("{AUTHORITY}.{n}")))
                .find(|path| !path.exists())
                .context("no name is left for the key that was")?;
            fs::rename(&present, &aside)
                .with_context(|| format!("{} could not be put aside", present.display()))?;
        }
        make(folder, &[AUTHORITY])?;
        read(&present)
    }

    /// The key that record keys are wrapped with.
    pub fn wrap(&self) -> WrapKey {
        WrapKey::new(*self.wrap)
    }
}

fn make(folder: &Path, names: &[&str]) -> Result<()> {
    let mut made = false;
    for name in names {
        let path = path(folder, name);
        if path.exists() {
            continue;
        }
        made = true;
        let secret = Zeroizing::new(vault::random::<32>()?);
        let text = Zeroizing::new(hex(&*secret) + "\n");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} could not be made", path.display()))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(|| format!("{} could not be written", path.display()))?;
    }
    if !made {
        return Ok(());
    }
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .context("the folder of keys could not be written")
}

/// A secret of a folder that is no node's, made when it is missing.
pub fn secret(folder: &Path, name: &'static str) -> Result<Zeroizing<[u8; 32]>> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder {} could not be made", folder.display()))?;
    make(folder, &[name])?;
    read(&path(folder, name))
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.key"))
}

fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let text = Zeroizing::new(fs::read_to_string(path).with_context(|| {
        format!(
            "the key {} cannot be read: restore the node's `keys` folder from its backup",
            path.display()
        )
    })?);
    let mut secret = Zeroizing::new([0u8; 32]);
    if !unhex_into(text.trim_end(), &mut *secret) {
        bail!("{} is not a key: 64 hexadecimal digits", path.display());
    }
    Ok(secret)
}

/// Bytes of hexadecimal digits; none when there are not so many, or others.
pub fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    unhex_into(digits, &mut bytes).then_some(bytes)
}

/// The same, to where a secret is wiped.
fn unhex_into(digits: &str, bytes: &mut [u8]) -> bool {
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
