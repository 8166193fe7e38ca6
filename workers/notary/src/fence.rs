//! A key votes from one journal only.
//!
//! The journal remembers the votes, so that a restart never contradicts one. A
//! key with an empty, another or an older journal could. The fence, a small file
//! elsewhere, remembers for each key the journal's identity, the last epoch it
//! took part in and a height that the journal had reached. Both are locked while
//! the notary runs. What it cannot see is a journal and a fence copied together
//! to another machine, and the last seconds before a copy was made.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::files::{self, hex, unhex};

/// Where in the journal's folder the engine keeps its own.
pub(crate) const STORE: &str = "store";

const MAGIC: &str = "tally-notary fence 1\n";

pub(crate) struct Fence {
    path: PathBuf,
    /// Of keys that this file knows, ours the last.
    rows: Vec<Row>,
    _locks: [File; 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    key: [u8; 32],
    journal: [u8; 16],
    epoch: u64,
    height: u64,
}

impl Fence {
    /// Lets this key and this journal through together, or neither.
    pub fn pass(path: &Path, journal: &Path, key: [u8; 32]) -> Result<Self, Error> {
        fs::create_dir_all(journal).map_err(files::wrong(journal))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(files::wrong(folder))?;
        }
        let locks = [
            files::lock(&path.with_added_extension("lock"))?,
            files::lock(&journal.join("lock"))?,
        ];
        let mut rows = rows(path)?;
        let known = rows.iter().position(|row| row.key == key);
        let known = known.map(|at| rows.remove(at));
        let identity = identity(journal)?;
        let row = match (known, identity) {
            (Some(row), Some((owner, id))) if row.journal == id && owner == key => row,
            (Some(row), found) => {
                let what = match found {
                    None => format!("its journal {} is gone", journal.display()),
                    Some(_) => format!("{} is another journal", journal.display()),
                };
                return Err(Error::Fenced {
                    epoch: row.epoch,
                    what,
                });
            }
            (None, Some((owner, _))) if owner != key => {
                return Err(Error::Foreign {
                    path: journal.to_owned(),
                    what: "key",
                });
            }
            (None, _) if journal.join(STORE).exists() => {
                return Err(Error::NoFence {
                    path: journal.to_owned(),
                });
            }
            // New, or the process ended before the fence was written: nothing
            // was ever signed from it.
            (None, _) => begin(journal, key)?,
        };
        rows.push(row);
        let fence = Self {
            path: path.to_owned(),
            rows,
            _locks: locks,
        };
        fence.save()?;
        Ok(fence)
    }

    /// The height that the journal is known to have reached.
    pub fn height(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.height)
    }

    /// The last epoch that the key is known to have taken part in.
    pub fn epoch(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.epoch)
    }

    /// Before the first vote in an epoch, and now and then.
    pub fn mark(&mut self, epoch: u64, height: u64) -> Result<(), Error> {
        let Some(row) = self.rows.last_mut() else {
            return Ok(());
        };
        let marked = (row.epoch.max(epoch), row.height.max(height));
        if marked == (row.epoch, row.height) {
            return Ok(());
        }
        (row.epoch, row.height) = marked;
        self.save()
    }

    fn save(&self) -> Result<(), Error> {
        let mut text = String::from(MAGIC);
        for row in &self.rows {
            let (key, journal) = (hex(&row.key), hex(&row.journal));
            let _ = writeln!(text, "{key} {journal} {} {}", row.epoch, row.height);
        }
        files::replace(&self.path, text.as_bytes())
    }
}

fn rows(path: &Path) -> Result<Vec<Row>, Error> {
    let Some(text) = files::read(path)? else {
        return Ok(Vec::new());
    };
    let row = |line: &str| {
        let mut words = line.split(' ');
        Some(Row {
            key: unhex(words.next()?)?,
            journal: unhex(words.next()?)?,
            epoch: words.next()?.parse().ok()?,
            height: words.next()?.parse().ok()?,
        })
    };
    text.strip_prefix(MAGIC)
        .and_then(|rows| rows.lines().map(row).collect())
        .ok_or_else(|| Error::Damaged {
            path: path.to_owned(),
            what: "not a fence",
        })
}

/// Whether a fence knows a key: then a notary was started with it, and it may have voted.
///
/// # Errors
/// When the fence cannot be read, or is damaged.
pub fn has_begun(fence: &Path, key: &[u8; 32]) -> Result<bool, Error> {
    Ok(rows(fence)?.iter().any(|row| row.key == *key))
}

/// Whose a journal is: the public key that votes from it; `None` where none has begun.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub fn owner(journal: &Path) -> Result<Option<[u8; 32]>, Error> {
    Ok(identity(journal)?.map(|(key, _)| key))
}

/// A key, and a journal of it.
type Identity = ([u8; 32], [u8; 16]);

/// Whose journal it is and which, if it is one.
fn identity(journal: &Path) -> Result<Option<Identity>, Error> {
    let path = journal.join("identity");
    let Some(text) = files::read(&path)? else {
        return Ok(None);
    };
    let read = || {
        let (key, id) = text.trim_end().split_once(' ')?;
        Some((unhex(key)?, unhex(id)?))
    };
    read().map(Some).ok_or(Error::Damaged {
        path: path.clone(),
        what: "not an identity",
    })
}

fn begin(journal: &Path, key: [u8; 32]) -> Result<Row, Error> {
    let path = journal.join("identity");
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| files::wrong(&path)(error.into()))?;
    let text = format!("{} {}\n", hex(&key), hex(&id));
    files::replace(&path, text.as_bytes())?;
    Ok(Row {
        key,
        journal: id,
        epoch: 0,
        height: 0,
    })
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
