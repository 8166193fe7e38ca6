//! Why a policy could not be built, or a new one made.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a policy could not be built, or a new one made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The folder is not a policy's.
    #[error("{}: {what}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The compiler could not be started.
    #[error("`cargo` could not be started: install Rust with rustup")]
    Cargo(#[source] std::io::Error),
    /// The compiler refused the policy.
    #[error("the policy does not compile{}\n{text}", hint(text))]
    Compile {
        /// What the compiler says.
        text: String,
    },
    /// The module is not one of the interface.
    #[error("the module could not be wrapped as a component: {0}")]
    Wrap(String),
    /// A table is wrong.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: tally_table::TableError,
    },
    /// A new policy's name cannot be used.
    #[error(
        "`{0}` cannot name a policy: 1 to 40 lower-case letters, digits and `-`, a letter first"
    )]
    Name(String),
}

/// What an author does about an error that says little by itself.
fn hint(text: &str) -> &'static str {
    if text.contains("wasm32-unknown-unknown` target may not be installed") {
        ": run `rustup target add wasm32-unknown-unknown`"
    } else if text.contains("duplicate lang item") {
        ": put `#![no_std]` first in src/lib.rs, a policy has no operating system"
    } else if text.contains("--locked was passed") {
        ": its Cargo.lock is out of date, run `cargo update --workspace` in its folder"
    } else {
        ":"
    }
}

pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError + '_ {
    move |source| BuildError::Io {
        path: path.to_owned(),
        source,
    }
}
