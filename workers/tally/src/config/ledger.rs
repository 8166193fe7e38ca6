//! `[ledger]`: the ledger that the organisation shares with others.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// Taking part in a shared ledger.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerConfig {
    /// The charter: who founded the ledger.
    pub charter: PathBuf,
    /// How this node's organisation is called there.
    pub organisation: String,
    /// Where an authority listens to the others.
    pub listen: Option<SocketAddr>,
    /// Nodes that a member which is no authority asks besides those that the ledger has:
    /// `http://…`, as an organisation's `url`.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Witnesses to ask for cosignatures: their submission prefixes, `http://…`.
    #[serde(default)]
    pub witnesses: Vec<String>,
    /// A folder of the files that a provider sent to payers, each named by the
    /// `Idempotency-Key` it was sent with: what payers decided is held against them.
    pub sent: Option<PathBuf>,
}

impl LedgerConfig {
    /// Whether it can be used.
    pub(super) fn check(&self) -> Result<(), String> {
        let http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        let lists = [("witnesses", &self.witnesses), ("peers", &self.peers)];
        match lists.iter().find(|(_, urls)| !urls.iter().all(http)) {
            Some((name, _)) => Err(format!(
                "`ledger.{name}` has an address that is not `http://…` or `https://…`"
            )),
            None => Ok(()),
        }
    }
}
