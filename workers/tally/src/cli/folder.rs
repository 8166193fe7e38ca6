//! Folders that 835s are written into. What a run tells is written beside its place
//! before the payment is recorded, and takes its place after: so a payment that is on
//! record has its 835 in the folder, or what is left there says which one is missing.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::node::{Node, Remitted};

/// How the name of what has not taken its place ends.
const PART: &str = ".part";

/// How the name of an 835 ends.
const ENDING: &str = ".835";

/// A folder of 835s.
pub struct Folder {
    path: PathBuf,
    begun: Option<Begun>,
}

/// An 835 that has not taken its place. Its file is locked while the process lives.
struct Begun {
    part: PathBuf,
    _locked: File,
}

impl Folder {
    /// A folder, made when it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("{} could not be made", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            begun: None,
        })
    }

    /// Writes the 835 of a payment that is about to be recorded, beside its place. One
    /// that was begun before came to nothing.
    pub fn begin(&mut self, of: &Remitted) -> Result<()> {
        self.discard()?;
        let place = self.place(of);
        let written = self.beside(&place, &of.text);
        self.begun = Some(written.with_context(|| unwritten(&place))?);
        Ok(())
    }

    /// Lets the 835 of a payment that was recorded take its place.
    pub fn finish(&mut self, of: &Remitted) -> Result<()> {
        let place = self.place(of);
        let finished = match self.begun.take() {
            Some(begun) => fs::rename(&begun.part, &place),
            None => Err(ErrorKind::NotFound.into()),
        };
        match finished {
            // Another run has seen to it, or was told to write it without a record.
            Err(error) if error.kind() == ErrorKind::NotFound => self.write(of),
            finished => finished
                .and_then(|()| File::open(&self.path)?.sync_all())
                .with_context(|| unwritten(&place)),
        }
    }

    /// Takes back what was begun and came to nothing.
    pub fn discard(&mut self) -> Result<()> {
        match self.begun.take() {
            Some(begun) => removed(&begun.part),
            None => Ok(()),
        }
    }

    /// Writes an 835, whole or not at all.
    pub fn write(&self, of: &Remitted) -> Result<()> {
        let place = self.place(of);
        self.beside(&place, &of.text)
            .and_then(|begun| fs::rename(&begun.part, &place))
            .with_context(|| unwritten(&place))
    }

    /// Sees to what an earlier run left: writes the 835 of what was recorded, and takes
    /// away what was not.
    pub async fn make_good(&self, node: &Node) -> Result<()> {
        for (part, trace) in self.left()? {
            let Some(paid) = node.read_payment(&trace, "payment-read").await? else {
                // A run that goes on has it locked, and may record it yet.
                if File::open(&part).is_ok_and(|file| file.try_lock().is_ok()) {
                    removed(&part)?;
                }
                continue;
            };
            if paid.told.text.is_empty() {
                eprintln!(
                    "untold: a record of payment {trace} was erased before its 835 was written"
                );
            } else if !self.place(&paid.told).exists() {
                self.write(&paid.told)?;
                eprintln!("written: the 835 of payment {trace}, which an earlier run recorded");
            }
            removed(&part)?;
        }
        Ok(())
    }

    /// What has not taken its place, and the number of its payment.
    fn left(&self) -> Result<Vec<(PathBuf, String)>> {
        let unread = || format!("{} could not be read", self.path.display());
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.path).with_context(unread)? {
            let entry = entry.with_context(unread)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let of = name.strip_prefix('.').and_then(|name| {
                let (stem, _) = name.strip_suffix(PART)?.split_once(ENDING)?;
                stem.rsplit_once('-')
            });
            if let Some((_, trace)) = of {
                left.push((entry.path(), trace.to_owned()));
            }
        }
        left.sort();
        Ok(left)
    }

    fn place(&self, of: &Remitted) -> PathBuf {
        let payee = of.payee.chars().filter(char::is_ascii_alphanumeric);
        let payee: String = payee.collect();
        self.path.join(format!("{payee}-{}{ENDING}", of.trace))
    }

    /// Writes a text down for good, beside its place.
    fn beside(&self, place: &Path, text: &str) -> std::io::Result<Begun> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(PART)
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(&self.path)?;
        let mut open = file.as_file();
        // Where files cannot be locked, what another run left is taken for dead.
        let _ = open.try_lock();
        open.write_all(text.as_bytes())?;
        open.sync_all()?;
        let (locked, part) = file.keep()?;
        File::open(&self.path)?.sync_all()?;
        Ok(Begun {
            part,
            _locked: locked,
        })
    }
}

fn unwritten(place: &Path) -> String {
    format!("{} could not be written", place.display())
}

/// Takes a file away, when another has not.
fn removed(part: &Path) -> Result<()> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", part.display()))
        }
        _ => Ok(()),
    }
}
