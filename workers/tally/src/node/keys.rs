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
    wrap: Zeroizing<[u8; 32]>,
}

/// Each secret's file.
const NAMES: [&str; 7] = [
    "log", "insurer", "tokens", "artefact", "wrap", "queue", "envelope",
];
/// Those that a node made before there was a broker has not.
const LATER: [&str; 2] = ["queue", "envelope"];

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

    /// Makes the secrets that came with the broker, where they are missing.
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
            wrap: read("wrap")?,
        })
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
    let digits = text.trim_end();
    let mut secret = Zeroizing::new([0u8; 32]);
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!("{} is not a key: 64 hexadecimal digits", path.display());
    }
    for (byte, pair) in secret.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    Ok(secret)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
