//! Why a server could not be had.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why a server could not be started, ended or asked.
///
/// Its `Debug` is its message, so that `unwrap` in a test reads well.
#[derive(thiserror::Error)]
pub enum RigError {
    /// A program is not installed.
    #[error(
        "`{program}` is not installed: run `apt-get install {package}` (Debian), or run ./test, which does"
    )]
    Missing {
        /// What was looked for.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// The operating system refused something.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Its refusal.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{what} failed; it said:\n{said}")]
    Failed {
        /// What it was to do.
        what: String,
        /// The end of what it wrote.
        said: String,
    },
    /// A server was not ready in time. It has been ended.
    #[error("{what} took more than {} seconds; so far it said:\n{said}", limit.as_secs())]
    Late {
        /// What it was to do.
        what: String,
        /// The time it had.
        limit: Duration,
        /// The end of its log.
        said: String,
    },
    /// Only root can do this.
    #[error("only root can {what}: run the test as root, or without this option")]
    NeedsRoot {
        /// What was asked for.
        what: &'static str,
    },
    /// An environment variable names a server in a form that is not understood.
    #[error("{variable} is not understood: it should read like {like}")]
    Address {
        /// The variable.
        variable: &'static str,
        /// An example.
        like: &'static str,
    },
}

impl fmt::Debug for RigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Adds to a refusal of the system what was tried.
pub(crate) trait Tried<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, RigError>;
}

impl<T, E: Into<io::Error>> Tried<T> for Result<T, E> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, RigError> {
        self.map_err(|source| RigError::System {
            what: what(),
            source: source.into(),
        })
    }
}
