//! How a RabbitMQ node is to be.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How a RabbitMQ node is to be. `Default` is what most tests want.
#[derive(Clone, Default)]
pub struct RabbitOptions {
    pub(crate) tls: bool,
    pub(crate) preload: Option<PathBuf>,
    more: Vec<(String, String)>,
}

impl RabbitOptions {
    /// Also listens for TLS, with a certificate of an authority of its own.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Loads a library into the node before all others (`LD_PRELOAD`).
    pub fn preload(mut self, library: &Path) -> Self {
        self.preload = Some(library.to_owned());
        self
    }

    /// Adds a setting of `rabbitmq.conf`, in place of any of the rig's own.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.more.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The text of `rabbitmq.conf`.
    pub(crate) fn settings(&self, own: &[(&str, String)]) -> String {
        let own = own.iter().map(|(name, value)| (*name, &**value));
        let own = own.filter(|(name, _)| self.more.iter().all(|(more, _)| more != name));
        let more = self.more.iter().map(|(name, value)| (&**name, &**value));
        let mut text = String::new();
        for (name, value) in own.chain(more) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}
