//! Whom a node knows.

use std::collections::{BTreeMap, BTreeSet};

use tally_core::ledger::{NoteError, VerifierKey};

use super::MAX_BYTES;
use super::keys::NodeKey;

/// The payers a node serves and the submitters registered with it. It has no
/// `Debug`, since it holds the node's key.
pub struct Directory {
    nodes: Vec<NodeKey>,
    payers: BTreeSet<String>,
    submitters: BTreeMap<String, VerifierKey>,
    limit: usize,
}

impl Directory {
    /// A directory that knows nobody yet.
    #[must_use]
    pub fn new(node: NodeKey) -> Self {
        Self {
            nodes: vec![node],
            payers: BTreeSet::new(),
            submitters: BTreeMap::new(),
            limit: MAX_BYTES,
        }
    }

    /// Opens what was sealed to another key too: one that was, or one that is to come.
    pub fn also_open(&mut self, node: NodeKey) {
        self.nodes.push(node);
    }

    /// Another limit on an envelope's bytes.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Serves a payer.
    pub fn serve(&mut self, payer: &str) {
        self.payers.insert(payer.to_owned());
    }

    /// Registers a submitter's ed25519 key in place of the one before.
    ///
    /// # Errors
    /// When the key is none, or a weak one.
    pub fn register(&mut self, submitter: &str, public: &[u8; 32]) -> Result<(), NoteError> {
        let key = VerifierKey::new("submitter", public)?;
        self.submitters.insert(submitter.to_owned(), key);
        Ok(())
    }

    /// Forgets a submitter.
    pub fn forget(&mut self, submitter: &str) {
        self.submitters.remove(submitter);
    }

    /// The limit on an envelope's bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn nodes(&self, payer: &str) -> Option<&[NodeKey]> {
        self.payers.contains(payer).then_some(&self.nodes)
    }

    pub(super) fn submitter(&self, id: &str) -> Option<&VerifierKey> {
        self.submitters.get(id)
    }
}
