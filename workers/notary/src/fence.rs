//! A key votes from one journal only, and where it was made.
//!
//! The journal remembers the votes, so that a restart never contradicts one. A
//! key with an empty, another or an older journal could. The fence, a small file
//! elsewhere, has a row of each key that was made here: that it never voted, or
//! the journal's identity, the last epoch it took part in, a height that the
//! journal had reached and a view of that epoch. A key that it does not know may
//! have voted elsewhere, or here before all of this was lost. Fence and journal are locked while the
//! notary runs.
//!
//! A copy of a fence knows what was so when it was made, and no more: it lets
//! nothing through. It is seen by its first line, the time at which the file came
//! to be: every change makes another file, and so does whatever puts a copy back.
//! What cannot be seen is a disk that was put back as a whole, and any copy where
//! the file system keeps no such time. Of a fence of an earlier version, which has no
//! such line, a copy is seen where it keeps the time of the last change: that is before
//! the copy came to be.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::Error;
use crate::files::{self, hex, unhex};

/// Where in the journal's folder the engine keeps its own.
pub(crate) const STORE: &str = "store";

const MAGIC: &str = "tally-notary fence 2\n";
/// Of one that knows a key from its first start on, and not when it came to be.
const EARLIER: &str = "tally-notary fence 1\n";

pub(crate) struct Fence {
    path: PathBuf,
    row: Row,
    _locks: [File; 2],
}

/// What is known of a key's votes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Votes {
    /// It was made here, and has none.
    None,
    /// They are in this journal.
    In([u8; 16]),
    /// It may have some, and no journal says which.
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    key: [u8; 32],
    votes: Votes,
    at: Reached,
}

/// How far a key's votes are known to have come.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Reached {
    pub epoch: u64,
    /// A block's.
    pub height: u64,
    /// Of the epoch: the last that the journal has something of; 0 before the first.
    pub view: u64,
}

impl Reached {
    /// The furthest of both.
    fn max(self, other: Self) -> Self {
        let height = self.height.max(other.height);
        let (epoch, view) = (self.epoch, self.view).max((other.epoch, other.view));
        Self {
            epoch,
            height,
            view,
        }
    }
}

impl Row {
    fn new(key: &[u8; 32], votes: Votes) -> Self {
        Self {
            key: *key,
            votes,
            at: Reached::default(),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            key: unhex(words.next()?)?,
            votes: match words.next()? {
                "new" => Votes::None,
                "lost" => Votes::Lost,
                journal => Votes::In(unhex(journal)?),
            },
            at: Reached {
                epoch: words.next()?.parse().ok()?,
                height: words.next()?.parse().ok()?,
                // An earlier version knew none.
                view: words.next().map_or(Some(0), |view| view.parse().ok())?,
            },
        })
    }

    fn text(&self) -> String {
        let votes = match self.votes {
            Votes::None => "new".to_owned(),
            Votes::In(journal) => hex(&journal),
            Votes::Lost => "lost".to_owned(),
        };
        let key = hex(&self.key);
        let Reached {
            epoch,
            height,
            view,
        } = self.at;
        format!("{key} {votes} {epoch} {height} {view}\n")
    }
}

impl Fence {
    /// Lets this key and this journal through together, or neither.
    pub fn pass(path: &Path, journal: &Path, key: [u8; 32]) -> Result<Self, Error> {
        fs::create_dir_all(journal).map_err(files::wrong(journal))?;
        make_folder(path)?;
        let locks = [
            files::lock(&path.with_added_extension("lock"))?,
            files::lock(&journal.join("lock"))?,
        ];
        let row = change(path, |rows| rows.pass(journal, &key))?;
        Ok(Self {
            path: path.to_owned(),
            row,
            _locks: locks,
        })
    }

    /// Refuses a journal that has not come as far as it is known to have.
    pub fn holds(&self, journal: Reached) -> Result<(), Error> {
        let known = self.row.at;
        let (place, is, was) = if journal.epoch < known.epoch {
            ("epoch ", journal.epoch, known.epoch)
        } else if journal.height < known.height {
            ("", journal.height, known.height)
        } else if journal.epoch == known.epoch && journal.view < known.view {
            ("view ", journal.view, known.view)
        } else {
            return Ok(());
        };
        Err(Error::Fenced {
            epoch: known.epoch,
            what: format!(
                "its journal ends at {place}{is} and had reached {was}: it was put back from a copy, or part of it is gone"
            ),
        })
    }

    /// Before the first vote in an epoch, and now and then.
    pub fn mark(&mut self, at: Reached) -> Result<(), Error> {
        let marked = Row {
            at: self.row.at.max(at),
            ..self.row
        };
        if marked != self.row {
            change(&self.path, |rows| rows.mark(marked))?;
            self.row = marked;
        }
        Ok(())
    }
}

/// What a fence says.
struct Rows {
    path: PathBuf,
    /// Whether the file was put there by somebody else: what it says may be long ago.
    is_copy: bool,
    /// Whether it is one that knows only keys that were started.
    is_earlier: bool,
    rows: Vec<Row>,
}

impl Rows {
    fn read(path: &Path) -> Result<Self, Error> {
        let mut of = Self {
            path: path.to_owned(),
            is_copy: false,
            is_earlier: false,
            rows: Vec::new(),
        };
        let Some((text, file)) = files::open(path)? else {
            return Ok(of);
        };
        let rows = match text
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.split_once('\n'))
        {
            Some((came, rows)) => {
                of.is_copy = came != NO_TIME && came != came_to_be(&file);
                Some(rows)
            }
            None => {
                of.is_earlier = true;
                of.is_copy = is_put_back(&file);
                text.strip_prefix(EARLIER)
            }
        };
        let rows = rows.and_then(|rows| rows.lines().map(Row::parse).collect());
        of.rows = rows.ok_or_else(|| Error::Damaged {
            path: path.to_owned(),
            what: "not a fence",
        })?;
        Ok(of)
    }

    fn save(&self) -> Result<(), Error> {
        files::replace_by(&self.path, |fresh| {
            let rows: String = self.rows.iter().map(Row::text).collect();
            format!("{MAGIC}{}\n{rows}", came_to_be(fresh))
        })
    }

    fn of(&self, key: &[u8; 32]) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == *key)
    }

    /// In the place of what was known of the key.
    fn put(&mut self, row: Row) {
        self.rows.retain(|known| known.key != row.key);
        self.rows.push(row);
    }

    fn copied(&self) -> Result<(), Error> {
        let path = self.path.clone();
        match self.is_copy {
            true => Err(Error::Copied { path }),
            false => Ok(()),
        }
    }

    fn pass(&mut self, journal: &Path, key: &[u8; 32]) -> Result<Row, Error> {
        self.copied()?;
        let known = self.of(key).copied();
        let found = identity(journal)?;
        if let Some(row) = known
            && let Votes::In(id) = row.votes
        {
            let what = match found {
                Some((owner, found)) if owner == *key && found == id => return Ok(row),
                Some(_) => format!("{} is another journal", journal.display()),
                None => format!("its journal {} is gone", journal.display()),
            };
            let epoch = row.at.epoch;
            return Err(Error::Fenced { epoch, what });
        }
        let path = journal.to_owned();
        if found.is_some_and(|(owner, _)| owner != *key) {
            return Err(Error::Foreign { path, what: "key" });
        }
        if journal.join(STORE).exists() {
            return Err(Error::NoFence { path });
        }
        let fence = self.path.clone();
        match known.map(|row| row.votes) {
            // Or the process ended before it was written here: nothing was ever signed.
            Some(Votes::None) => {
                let row = Row::new(key, Votes::In(begin(journal, key)?));
                self.put(row);
                Ok(row)
            }
            Some(_) => Err(Error::Copied { path: fence }),
            None => Err(Error::Unknown { path: fence }),
        }
    }

    fn mark(&mut self, row: Row) -> Result<(), Error> {
        self.copied()?;
        self.put(row);
        Ok(())
    }

    fn enter(&mut self, key: &[u8; 32]) {
        if std::mem::take(&mut self.is_copy) {
            for row in &mut self.rows {
                row.votes = Votes::Lost;
            }
        }
        if self.of(key).is_none() {
            self.put(Row::new(key, Votes::None));
        }
    }
}

/// In the place of a time where the file system keeps none.
const NO_TIME: &str = "-";

/// When a file came to be, in nanoseconds since 1970.
fn came_to_be(file: &File) -> String {
    let at = file.metadata().and_then(|file| file.created()).ok();
    let since = at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or_else(|| NO_TIME.to_owned(), |since| since.as_nanos().to_string())
}

/// Whether a file was changed for the last time before it came to be, as only a copy was that
/// keeps times: of a backup, or of a folder that was moved.
fn is_put_back(file: &File) -> bool {
    let Ok(of) = file.metadata() else {
        return false;
    };
    matches!((of.modified(), of.created()), (Ok(changed), Ok(came)) if changed < came)
}

/// Changes what a fence says, also while a notary runs.
fn change<T>(path: &Path, how: impl FnOnce(&mut Rows) -> Result<T, Error>) -> Result<T, Error> {
    make_folder(path)?;
    let _one = files::wait(&path.with_added_extension("edit"))?;
    let mut rows = Rows::read(path)?;
    let done = how(&mut rows)?;
    rows.save()?;
    Ok(done)
}

fn make_folder(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(files::wrong(folder)),
        None => Ok(()),
    }
}

/// Enters a key that is made here and now, before it can be used: one that a fence does not
/// know never votes. One that it knows stays as it is.
///
/// # Errors
/// When the fence cannot be read or written, or is damaged.
pub fn enter(fence: &Path, key: &[u8; 32]) -> Result<(), Error> {
    change(fence, |rows| {
        rows.enter(key);
        Ok(())
    })
}

/// Enters a key as one that has voted, without a journal of a notary's, on blocks up to a
/// height: before anything that is signed of that height is shown. A height that is behind
/// what the fence knows changes nothing.
///
/// # Errors
/// As [`enter`].
pub fn spend(fence: &Path, key: &[u8; 32], height: u64) -> Result<(), Error> {
    change(fence, |rows| {
        rows.enter(key);
        let known = rows.of(key).map(|row| row.at).unwrap_or_default();
        let reached = Reached { height, ..known };
        rows.put(Row {
            at: known.max(reached),
            ..Row::new(key, Votes::Lost)
        });
        Ok(())
    })
}

/// The height of the last block that a key is known to have voted on; `None` where the fence
/// does not know the key, or was itself copied or put back.
///
/// # Errors
/// When the fence cannot be read, or is damaged.
pub fn spent(fence: &Path, key: &[u8; 32]) -> Result<Option<u64>, Error> {
    let rows = Rows::read(fence)?;
    let row = rows.of(key).filter(|_| !rows.is_copy);
    Ok(row.map(|row| row.at.height))
}

/// Enters the keys that an earlier version made, whose fence knows only those that were
/// started; where its journal is there, so that none was started elsewhere since. Those that
/// were put `aside` could be from before the fence: they never vote.
///
/// # Errors
/// As [`enter`].
pub fn renew(
    fence: &Path,
    journal: &Path,
    keys: &[[u8; 32]],
    aside: &[[u8; 32]],
) -> Result<(), Error> {
    let Some((_, id)) = identity(journal)? else {
        return Ok(());
    };
    let is_of = |rows: &Rows| rows.rows.iter().any(|row| row.votes == Votes::In(id));
    let rows = Rows::read(fence)?;
    if !rows.is_earlier || rows.is_copy || !is_of(&rows) {
        return Ok(());
    }
    change(fence, |rows| {
        keys.iter().for_each(|key| rows.enter(key));
        for key in aside {
            if rows.of(key).is_none() {
                rows.put(Row::new(key, Votes::Lost));
            }
        }
        Ok(())
    })
}

/// Whether a key was made where the fence is, and never voted.
///
/// # Errors
/// When the fence cannot be read, or is damaged.
pub fn is_new(fence: &Path, key: &[u8; 32]) -> Result<bool, Error> {
    let rows = Rows::read(fence)?;
    let row = rows.of(key).filter(|_| !rows.is_copy);
    Ok(row.is_some_and(|row| row.votes == Votes::None))
}

/// Whether a key was made where the fence is.
///
/// # Errors
/// As [`is_new`].
pub fn knows(fence: &Path, key: &[u8; 32]) -> Result<bool, Error> {
    let rows = Rows::read(fence)?;
    Ok(!rows.is_copy && rows.of(key).is_some())
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

fn begin(journal: &Path, key: &[u8; 32]) -> Result<[u8; 16], Error> {
    let path = journal.join("identity");
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| files::wrong(&path)(error.into()))?;
    let text = format!("{} {}\n", hex(key), hex(&id));
    files::replace(&path, text.as_bytes())?;
    Ok(id)
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
