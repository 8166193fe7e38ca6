//! How a PostgreSQL server is to be.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How a PostgreSQL server is to be. `Default` is what most tests want.
#[derive(Clone, Default)]
pub struct PostgresOptions {
    pub(crate) data_megabytes: Option<u32>,
    pub(crate) wal_megabytes: Option<u32>,
    pub(crate) preload: Option<PathBuf>,
    more: Vec<(String, String)>,
}

impl PostgresOptions {
    /// Puts the data on a disk in memory that is soon full; an empty server
    /// needs some 60 megabytes. With the write-ahead log on a disk of its own a
    /// full one refuses single statements; without, the log may be what finds
    /// it full, and the server panics.
    pub fn data_on_disk(mut self, megabytes: u32) -> Self {
        self.data_megabytes = Some(megabytes);
        self
    }

    /// Puts the write-ahead log on a disk of its own, in memory. Below 40
    /// megabytes a server does not start; when it is full the server panics.
    pub fn wal_on_disk(mut self, megabytes: u32) -> Self {
        self.wal_megabytes = Some(megabytes);
        self
    }

    /// Loads a library into the server before all others (`LD_PRELOAD`).
    pub fn preload(mut self, library: &Path) -> Self {
        self.preload = Some(library.to_owned());
        self
    }

    /// Adds a setting of `postgresql.conf`, over any of the rig's own.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.more.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What is added to `postgresql.conf`, where the last of a name holds.
    pub(crate) fn settings(&self, port: u16, sockets: &Path) -> String {
        let sockets = sockets.display().to_string();
        let port = port.to_string();
        let own = [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port),
            ("unix_socket_directories", &sockets),
            ("max_connections", "200"),
            ("shared_buffers", "256MB"),
            ("log_line_prefix", "%m [%p] "),
            ("lc_messages", "C"),
        ];
        let more = self.more.iter().map(|(name, value)| (&**name, &**value));
        let mut text = String::new();
        for (name, value) in own.into_iter().chain(more) {
            let value = value.replace('\'', "''");
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name} = '{value}'");
        }
        text
    }
}
