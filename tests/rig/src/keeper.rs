//! Starts servers that end with this process.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

type Job = (Command, Sender<io::Result<Child>>);

/// The kernel signals a child when the *thread* that forked it ends, and tests
/// run on threads that come and go: one that lives as long as the process
/// starts all servers.
static KEEPER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = channel::<Job>();
    std::thread::spawn(move || {
        for (mut command, answer) in jobs {
            // Who asked may have gone.
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

/// Spawns from the thread that lives as long as the process.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (answer, child) = channel();
    let gone = || io::Error::other("the thread that starts servers has ended");
    KEEPER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, answer))
        .map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
