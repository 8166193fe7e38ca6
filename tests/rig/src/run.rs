//! Programs: where they are, as whom they run, what they said.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{RigError, Tried};

/// A user of this machine.
#[derive(Clone)]
pub(crate) struct User {
    name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// As whom a server of a package runs: as root its own user, else (`None`)
    /// oneself.
    pub(crate) fn of_server(
        name: &str,
        missing: impl FnOnce() -> RigError,
    ) -> Result<Option<User>, RigError> {
        if !is_root() {
            return Ok(None);
        }
        let accounts =
            std::fs::read_to_string("/etc/passwd").tried(|| "read /etc/passwd".into())?;
        let user = accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            Some(User {
                name: name.to_owned(),
                uid: fields.nth(1)?.parse().ok()?,
                gid: fields.next()?.parse().ok()?,
            })
        });
        user.map(Some).ok_or_else(missing)
    }

    /// Gives a file or folder to the user.
    pub(crate) fn own(user: Option<&User>, path: &Path) -> Result<(), RigError> {
        match user {
            Some(user) => std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                .tried(|| format!("give {} to {}", path.display(), user.name)),
            None => Ok(()),
        }
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program on the path, or in a folder where Debian has it.
pub(crate) fn find(
    program: &'static str,
    also: &[&Path],
    package: &'static str,
) -> Result<PathBuf, RigError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    also.iter()
        .map(|folder| folder.to_path_buf())
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or(RigError::Missing { program, package })
}

/// A command as a user, with an environment of its own.
pub(crate) fn command(user: Option<&User>, program: impl AsRef<OsStr>) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", &user.name, "--regid", &user.gid.to_string()]);
            command.args(["--init-groups", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    bare(&mut command);
    command
}

/// A server as a user, that gets `signal` when this process ends. It becomes
/// the child itself: the child's process id is the server's.
pub(crate) fn server(user: Option<&User>, signal: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args(["--reuid", &user.name, "--regid", &user.gid.to_string()]);
        command.arg("--init-groups");
    }
    command.args(["--pdeathsig", signal, "--", "sh", "-c"]);
    // This process may have died before the kernel was told to watch it.
    command.arg(r#"[ "$PPID" = "$0" ] && exec "$@""#);
    command.arg(std::process::id().to_string()).arg(program);
    bare(&mut command);
    // A Ctrl-C at the terminal is for the tests, which then end the server.
    command.process_group(0);
    command
}

/// No setting of a developer's own servers reaches ours; messages are English.
fn bare(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    command
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8");
    command.current_dir("/").stdin(Stdio::null());
}

/// Runs to the end and answers what was written to standard output.
pub(crate) fn output(what: &str, mut command: Command) -> Result<String, RigError> {
    let output = command.output().tried(|| format!("run {what}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stdout));
    Err(RigError::Failed {
        what: what.to_owned(),
        said: format!("{}\n({})", said.trim_end(), output.status),
    })
}

/// The end of a log, from `start` on.
pub(crate) fn tail(log: &Path, start: u64) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(4_000))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error| format!("(its log {} cannot be read: {error})", log.display()))
}
