//! The files of a node's secrets: of each key the one that is there, the one that is to
//! come, and those that were and are put aside. `signing.key`, `signing.next.key`,
//! `signing.1.key`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tally_core::ledger::SigningKey;
use tally_queue::envelope::NodeKey;
use tally_store::vault;
use zeroize::Zeroizing;

use super::keys::{hex, unhex_into};

/// 32 secret bytes.
pub type Secret = Zeroizing<[u8; 32]>;

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Signs checkpoints of the local log.
    Log,
    /// Signs publications of policies.
    Insurer,
    /// Signs the envelopes of the node's own log on a shared ledger.
    Signing,
    /// Votes on a shared ledger and signs its checkpoints.
    Authority,
    /// Opens what is sealed to the node.
    Envelope,
    /// Wraps the keys of records.
    Wrap,
    /// Makes tokens.
    Tokens,
    /// Authenticates compiled policies.
    Artefact,
    /// Seals what stands in the broker.
    Queue,
}

impl Key {
    /// All, those first that others know a public part of.
    pub const ALL: [Self; 9] = [
        Self::Log,
        Self::Insurer,
        Self::Signing,
        Self::Authority,
        Self::Envelope,
        Self::Wrap,
        Self::Tokens,
        Self::Artefact,
        Self::Queue,
    ];

    /// Its name, and its file's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Insurer => "insurer",
            Self::Signing => "signing",
            Self::Authority => "authority",
            Self::Envelope => "envelope",
            Self::Wrap => "wrap",
            Self::Tokens => "tokens",
            Self::Artefact => "artefact",
            Self::Queue => "queue",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == text)
    }

    /// What it is for, in a few words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Log => "signs the checkpoints of this node's log, and so its receipts",
            Self::Insurer => "signs the policies that are published here",
            Self::Signing => "signs this organisation's entries on the shared ledger",
            Self::Authority => "votes on the shared ledger and signs its checkpoints",
            Self::Envelope => "opens what others seal to this node",
            Self::Wrap => "opens the keys of all records",
            Self::Tokens => "makes the tokens that stand for people",
            Self::Artefact => "authenticates compiled policies",
            Self::Queue => "seals what stands in the broker",
        }
    }

    /// The public part that a secret has: of ed25519, or of X25519.
    #[must_use]
    pub fn public(self, secret: &Secret) -> Option<[u8; 32]> {
        match self {
            Self::Log | Self::Insurer | Self::Signing | Self::Authority => {
                let key = SigningKey::new(self.as_str(), secret).ok()?;
                Some(key.verifier().public())
            }
            Self::Envelope => Some(NodeKey::new(secret)?.public().to_bytes()),
            Self::Wrap | Self::Tokens | Self::Artefact | Self::Queue => None,
        }
    }
}

/// Which of a key's secrets a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The one that is there.
    Present,
    /// The one that is to come.
    Next,
    /// One that was.
    Aside(u32),
}

/// The folder of a node's secrets.
#[derive(Debug, Clone)]
pub struct Keyring(PathBuf);

impl Keyring {
    /// Of a folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The name of a secret's file.
    #[must_use]
    pub fn file(key: Key, place: Place) -> String {
        let name = key.as_str();
        match place {
            Place::Present => format!("{name}.key"),
            Place::Next => format!("{name}.next.key"),
            Place::Aside(n) => format!("{name}.{n}.key"),
        }
    }

    /// Where a secret's file is.
    #[must_use]
    pub fn path(&self, key: Key, place: Place) -> PathBuf {
        self.0.join(Self::file(key, place))
    }

    /// Whether the file is there.
    #[must_use]
    pub fn has(&self, key: Key, place: Place) -> bool {
        self.path(key, place).exists()
    }

    /// What knows of each authority's key whether it was made here, and has voted.
    #[must_use]
    pub fn fence(&self) -> PathBuf {
        self.0.with_file_name("authority.fence")
    }

    /// What an authority's key votes from.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.with_file_name("journal")
    }

    /// Lets the authority's keys in that an earlier version made, where they are in use;
    /// those that were put aside never vote.
    ///
    /// # Errors
    /// When the fence cannot be read or written.
    pub fn renew_fence(&self) -> Result<()> {
        let (mut keys, mut aside) = (Vec::new(), Vec::new());
        for place in self.places(Key::Authority).unwrap_or_default() {
            let secret = self.read(Key::Authority, place).ok();
            let public = secret.and_then(|secret| Key::Authority.public(&secret));
            match place {
                Place::Present | Place::Next => keys.extend(public),
                Place::Aside(_) => aside.extend(public),
            }
        }
        let (fence, journal) = (self.fence(), self.journal());
        Ok(tally_notary::renew(&fence, &journal, &keys, &aside)?)
    }

    /// Which secrets of a key are there: the present one, the next, those put aside.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn places(&self, key: Key) -> Result<Vec<Place>> {
        let mut found = Vec::new();
        let read = fs::read_dir(&self.0)
            .with_context(|| format!("the folder {} cannot be read", self.0.display()))?;
        for file in read {
            let name = file?.file_name().to_string_lossy().into_owned();
            let rest = name.strip_prefix(key.as_str());
            found.extend(match rest.and_then(|rest| rest.strip_suffix(".key")) {
                Some("") => Some(Place::Present),
                Some(".next") => Some(Place::Next),
                Some(other) => {
                    let number = other.strip_prefix('.').and_then(|n| n.parse().ok());
                    number.map(Place::Aside)
                }
                None => None,
            });
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Reads a secret.
    ///
    /// # Errors
    /// When its file cannot be read, or holds no key.
    pub fn read(&self, key: Key, place: Place) -> Result<Secret> {
        read(&self.path(key, place))
    }

    /// The secret whose public part this is, whichever it is.
    #[must_use]
    pub fn find(&self, key: Key, public: &[u8; 32]) -> Option<Secret> {
        let mut secrets = self.secrets(key).into_iter();
        secrets.find(|secret| key.public(secret) == Some(*public))
    }

    /// Where the secret is whose public part this is: in its place, if it is there too.
    #[must_use]
    pub fn place_of(&self, key: Key, public: &[u8; 32]) -> Option<Place> {
        let mut places = self.places(key).unwrap_or_default().into_iter();
        places.find(|place| {
            let secret = self.read(key, *place).ok();
            secret.and_then(|secret| key.public(&secret)) == Some(*public)
        })
    }

    /// All secrets of a key that can be read.
    #[must_use]
    pub fn secrets(&self, key: Key) -> Vec<Secret> {
        let places = self.places(key).unwrap_or_default();
        let read = places.into_iter().map(|place| self.read(key, place).ok());
        read.flatten().collect()
    }

    /// Makes the secret that is to come, where it is not made. Answers whether it was made
    /// now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make_next(&self, key: Key) -> Result<bool> {
        let next = self.path(key, Place::Next);
        // A copy that was left from before is no other key.
        if next.exists() && *self.read(key, Place::Next)? == *self.read(key, Place::Present)? {
            fs::remove_file(&next)
                .with_context(|| format!("{} could not be removed", next.display()))?;
        }
        self.make(key, Place::Next)
    }

    /// Makes a secret, all of it or nothing. One that is there is kept. Answers whether it
    /// was made now. An authority's key is on its fence before it is there: one that is not
    /// could have voted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(&self, key: Key, place: Place) -> Result<bool> {
        make(&self.path(key, place), |secret| {
            if key != Key::Authority {
                return Ok(());
            }
            self.renew_fence()?;
            let public = key.public(secret).context("32 bytes are a key")?;
            Ok(tally_notary::enter(&self.fence(), &public)?)
        })
    }

    /// Puts the secret that is to come, or another, in the place of the present one, which
    /// is put aside. Killed at any moment, it is done or can be done again; there is a
    /// present one throughout.
    ///
    /// # Errors
    /// When there is none such, or the files cannot be written.
    pub fn promote(&self, key: Key, from: Place) -> Result<()> {
        let (present, next) = (self.path(key, Place::Present), self.path(key, from));
        anyhow::ensure!(next.exists(), "{} is not there", next.display());
        if let Ok(old) = self.read(key, Place::Present)
            && !self.is_aside(key, &old)?
        {
            let aside = self.free(key)?;
            fs::hard_link(&present, &aside)
                .with_context(|| format!("{} could not be put aside", present.display()))?;
        }
        fs::rename(&next, &present)
            .with_context(|| format!("{} could not be put in its place", next.display()))?;
        self.sync()
    }

    /// Puts a secret aside.
    ///
    /// # Errors
    /// When its file cannot be renamed.
    pub fn put_aside(&self, key: Key, place: Place) -> Result<()> {
        let path = self.path(key, place);
        fs::rename(&path, self.free(key)?)
            .with_context(|| format!("{} could not be put aside", path.display()))?;
        self.sync()
    }

    /// Destroys the secrets of a key that are put aside.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn forget(&self, key: Key) -> Result<()> {
        for place in self.places(key)? {
            if let Place::Aside(_) = place {
                let path = self.path(key, place);
                fs::remove_file(&path)
                    .with_context(|| format!("{} could not be removed", path.display()))?;
            }
        }
        self.sync()
    }

    fn is_aside(&self, key: Key, secret: &Secret) -> Result<bool> {
        let mut places = self.places(key)?.into_iter();
        Ok(places.any(|place| {
            let is = |of: Secret| *of == **secret;
            matches!(place, Place::Aside(_)) && self.read(key, place).is_ok_and(is)
        }))
    }

    /// The file for the next secret that is put aside.
    fn free(&self, key: Key) -> Result<PathBuf> {
        (1u32..)
            .map(|n| self.path(key, Place::Aside(n)))
            .find(|path| !path.exists())
            .context("no name is left for the key that was")
    }

    fn sync(&self) -> Result<()> {
        fs::File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("the folder {} could not be written", self.0.display()))
    }

    /// Held while keys change their places, over processes; let go when it is dropped.
    ///
    /// # Errors
    /// When the lock's file cannot be made.
    pub fn lock(&self) -> Result<fs::File> {
        let file = self.lock_file()?;
        file.lock()
            .with_context(|| format!("{} could not be locked", self.0.display()))?;
        Ok(file)
    }

    /// The same; `None` when somebody else holds it.
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn try_lock(&self) -> Result<Option<fs::File>> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} could not be locked", self.0.display()))
            }
        }
    }

    fn lock_file(&self) -> Result<fs::File> {
        let path = self.0.join(".lock");
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} could not be made", path.display()))
    }
}

/// Makes a secret from the operating system's random bytes, once something is done with it
/// that has to be done before it is there.
pub(super) fn make(path: &Path, before: impl FnOnce(&Secret) -> Result<()>) -> Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    let folder = path.parent().context("a key is in a folder")?;
    let secret = Zeroizing::new(vault::random::<32>()?);
    before(&secret)?;
    let text = Zeroizing::new(hex(&*secret) + "\n");
    let fresh = path.with_extension(format!("new.{}", hex(&vault::random::<8>()?)));
    let write = || -> std::io::Result<bool> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Whoever is first makes it: a link takes nobody's place.
        let made = match fs::hard_link(&fresh, path) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        fs::remove_file(&fresh)?;
        fs::File::open(folder)?.sync_all()?;
        Ok(made)
    };
    write().with_context(|| format!("{} could not be made", path.display()))
}

/// Reads a secret.
pub(super) fn read(path: &Path) -> Result<Secret> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> (tempfile::TempDir, Keyring) {
        let folder = tempfile::tempdir().unwrap();
        let ring = Keyring::new(folder.path());
        ring.make(Key::Signing, Place::Present).unwrap();
        (folder, ring)
    }

    #[test]
    fn a_key_takes_the_place_of_another_which_is_put_aside() {
        let (_folder, ring) = ring();
        let old = ring.read(Key::Signing, Place::Present).unwrap();
        assert!(ring.promote(Key::Signing, Place::Next).is_err());
        assert!(ring.make_next(Key::Signing).unwrap());
        assert!(!ring.make_next(Key::Signing).unwrap());
        let new = ring.read(Key::Signing, Place::Next).unwrap();
        ring.promote(Key::Signing, Place::Next).unwrap();
        let places = ring.places(Key::Signing).unwrap();
        assert_eq!(places, [Place::Present, Place::Aside(1)]);
        assert_eq!(*ring.read(Key::Signing, Place::Present).unwrap(), *new);
        assert_eq!(*ring.read(Key::Signing, Place::Aside(1)).unwrap(), *old);
        let public = Key::Signing.public(&old).unwrap();
        assert_eq!(*ring.find(Key::Signing, &public).unwrap(), *old);
        // Another key's files are its own.
        assert!(ring.places(Key::Insurer).unwrap().is_empty());
    }

    /// One that was put aside for another, which stays the next.
    #[test]
    fn a_key_that_was_put_aside_takes_its_place() {
        let (_folder, ring) = ring();
        let public = |place| Key::Signing.public(&ring.read(Key::Signing, place).unwrap());
        ring.make_next(Key::Signing).unwrap();
        ring.put_aside(Key::Signing, Place::Next).unwrap();
        ring.make_next(Key::Signing).unwrap();
        let (old, made) = (public(Place::Present), public(Place::Aside(1)));
        let next = public(Place::Next);
        let place = ring.place_of(Key::Signing, &made.unwrap());
        assert_eq!(place, Some(Place::Aside(1)));
        ring.promote(Key::Signing, Place::Aside(1)).unwrap();
        assert_eq!(public(Place::Present), made);
        assert_eq!(public(Place::Next), next);
        let place = ring.place_of(Key::Signing, &old.unwrap());
        assert_eq!(place, Some(Place::Aside(2)));
        assert_eq!(ring.places(Key::Signing).unwrap().len(), 3);
    }

    /// Killed when the old key was put aside and the new one not in its place.
    #[test]
    fn what_was_begun_is_done_again() {
        let (_folder, ring) = ring();
        ring.make_next(Key::Signing).unwrap();
        let present = ring.path(Key::Signing, Place::Present);
        fs::hard_link(&present, ring.path(Key::Signing, Place::Aside(1))).unwrap();
        ring.promote(Key::Signing, Place::Next).unwrap();
        let places = ring.places(Key::Signing).unwrap();
        assert_eq!(places, [Place::Present, Place::Aside(1)]);
    }

    #[test]
    fn who_is_first_makes_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let ring = Keyring::new(folder.path());
        // Who comes later compares the next with it.
        ring.make(Key::Wrap, Place::Present).unwrap();
        let made: Vec<bool> = std::thread::scope(|scope| {
            let make = || ring.make_next(Key::Wrap).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        ring.read(Key::Wrap, Place::Next).unwrap();
    }
}
