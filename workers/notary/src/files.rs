//! Small files that must never be half written.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use crate::Error;

pub(crate) fn wrong(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    |source| Error::File {
        path: path.to_owned(),
        source,
    }
}

/// The text of a file, or `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Error> {
    Ok(open(path)?.map(|(text, _)| text))
}

/// The same, with the file that it is of: another may take its place meanwhile.
pub(crate) fn open(path: &Path) -> Result<Option<(String, File)>, Error> {
    let act = || -> std::io::Result<_> {
        let mut file = File::open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok((text, file))
    };
    match act() {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(path)(error)),
    }
}

/// Replaces a file as one act that outlives a loss of power.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_by(path, |_| bytes)
}

/// The same, by what is said of the file that is to take the place.
pub(crate) fn replace_by<T: AsRef<[u8]>>(
    path: &Path,
    text: impl FnOnce(&File) -> T,
) -> Result<(), Error> {
    let beside = path.with_added_extension("new");
    let act = || {
        let mut file = File::create(&beside)?;
        file.write_all(text(&file).as_ref())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    };
    act().map_err(wrong(path))
}

fn lock_file(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true);
    options.open(path).map_err(wrong(path))
}

/// A lock that is waited for, until it is dropped.
pub(crate) fn wait(path: &Path) -> Result<File, Error> {
    let file = lock_file(path)?;
    file.lock().map_err(wrong(path))?;
    Ok(file)
}

/// A lock that goes with the process.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let file = lock_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::InUse {
            path: path.to_owned(),
        }),
        Err(fs::TryLockError::Error(error)) => Err(wrong(path)(error)),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
