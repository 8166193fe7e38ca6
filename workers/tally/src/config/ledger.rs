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
        if !self.witnesses.iter().all(http) {
            return Err(
                "`ledger.witnesses` has an address that is not `http://…` or `https://…`".into(),
            );
        }
        Ok(())
    }
}
