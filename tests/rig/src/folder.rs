//! Folders of servers, and what dead processes left of them.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use tempfile::TempDir;

use crate::error::{RigError, Tried};
use crate::run::{User, is_root};

/// The file that whoever uses a folder has locked.
const LOCK: &str = "lock";

/// A server's folder, removed with this value. A process that is killed leaves
/// it; the next that makes one sees its lock free, and removes it.
pub(crate) struct Folder {
    // Fields are dropped in this order.
    folder: TempDir,
    _lock: File,
}

impl Folder {
    pub(crate) fn new(kind: &str) -> Result<Folder, RigError> {
        let place = place()?;
        let _alone = lock(&place.join(LOCK), FlockOperation::LockExclusive)
            .tried(|| format!("lock {}", place.display()))?;
        sweep(&place);
        let folder = tempfile::Builder::new()
            .prefix(kind)
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(&place)
            .tried(|| format!("make a folder in {}", place.display()))?;
        let file = folder.path().join(LOCK);
        let lock = lock(&file, FlockOperation::NonBlockingLockExclusive)
            .tried(|| format!("lock {}", file.display()))?;
        Ok(Folder {
            folder,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder in it that belongs to the user alone.
    pub(crate) fn inner(&self, name: &str, user: Option<&User>) -> Result<PathBuf, RigError> {
        let path = self.path().join(name);
        std::fs::create_dir(&path).tried(|| format!("make {}", path.display()))?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o700))
            .tried(|| format!("close {} to others", path.display()))?;
        User::own(user, &path)?;
        Ok(path)
    }

    /// The same on a disk in memory of some megabytes.
    pub(crate) fn disk(
        &self,
        name: &str,
        user: Option<&User>,
        megabytes: u32,
    ) -> Result<PathBuf, RigError> {
        let path = self.path().join(name);
        if !is_root() {
            return Err(RigError::NeedsRoot {
                what: "mount a small disk",
            });
        }
        std::fs::create_dir(&path).tried(|| format!("make {}", path.display()))?;
        let (uid, gid) = user.map_or((0, 0), |user| (user.uid, user.gid));
        let options = format!("size={megabytes}m,mode=0700,uid={uid},gid={gid}\0");
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).ok();
        mount("tally-rig", &path, "tmpfs", MountFlags::empty(), options).tried(|| {
            format!(
                "mount a disk of {megabytes} megabytes at {}",
                path.display()
            )
        })?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        unmount_in(self.path());
    }
}

/// Changes the size of a disk in memory.
pub(crate) fn resize(disk: &Path, megabytes: u32) -> Result<(), RigError> {
    mount_remount(disk, MountFlags::empty(), format!("size={megabytes}m"))
        .tried(|| format!("make the disk {} {megabytes} megabytes", disk.display()))
}

/// Where this user's servers have their folders: where other users may pass,
/// for a server may run as another.
fn place() -> Result<PathBuf, RigError> {
    let uid = rustix::process::geteuid().as_raw();
    let parents = [std::env::temp_dir(), "/var/tmp".into(), "/tmp".into()];
    let open = |parent: &PathBuf| {
        parent.ancestors().all(|folder| {
            std::fs::metadata(folder).is_ok_and(|found| found.is_dir() && found.mode() & 1 == 1)
        })
    };
    let parent = parents.iter().find(|parent| !is_root() || open(parent));
    let place = parent
        .unwrap_or(&parents[0])
        .join(format!("tally-rig-{uid}"));
    match std::fs::create_dir(&place) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made.tried(|| format!("make {}", place.display()))?,
    }
    let found =
        std::fs::symlink_metadata(&place).tried(|| format!("look at {}", place.display()))?;
    if !found.is_dir() || found.uid() != uid {
        return Err(std::io::Error::other("it belongs to somebody else"))
            .tried(|| format!("use {}", place.display()));
    }
    std::fs::set_permissions(&place, Permissions::from_mode(0o755))
        .tried(|| format!("open {} to others", place.display()))?;
    Ok(place)
}

fn lock(path: &Path, how: FlockOperation) -> std::io::Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    flock(&file, how)?;
    Ok(file)
}

/// Removes the folders of processes that have ended. What cannot be removed
/// yet, the next start removes.
fn sweep(place: &Path) {
    let Ok(entries) = std::fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let folder = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let lock = lock(&folder.join(LOCK), FlockOperation::NonBlockingLockExclusive);
        if lock.is_ok() {
            unmount_in(&folder);
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

/// Unmounts what is mounted on the folders in a folder. On any other it does
/// nothing, and whoever is not root has mounted nothing.
fn unmount_in(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let _ = unmount(entry.path(), UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}
