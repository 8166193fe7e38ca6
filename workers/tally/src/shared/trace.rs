//! What a node says it did, under the target `tally::trace`: the lines that the rules
//! of the model are held against (docs/model.md). Each is said after it is so, but
//! `signed`, which is said before the signature leaves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tally_core::ledger::Checkpoint;
use tally_core::ledger::shared::{Authorities, Block, Snapshot};

use crate::node::keys::hex;

/// How a key is called.
fn name(key: &[u8; 32]) -> String {
    hex(&key[..8])
}

fn root(root: &[u8; 32]) -> String {
    BASE64.encode(root)
}

/// It runs, and its store stands there.
pub fn started(journal: &str, key: Option<[u8; 32]>, at: &Snapshot) {
    let height = at.height;
    if let Some(key) = key {
        let key = name(&key);
        tracing::debug!(target: "tally::trace", journal, key, height, "started");
    } else {
        tracing::debug!(target: "tally::trace", journal, height, "started");
    }
    epoch(&at.state.authorities);
}

/// The ledger as it was founded, before the first block.
pub fn founded(genesis: &Snapshot) {
    let (size, root) = (genesis.frontier.size(), root(&genesis.frontier.root()));
    tracing::debug!(target: "tally::trace", size, root, "founded");
}

/// It is in this epoch.
pub fn epoch(set: &Authorities) {
    let names: Vec<_> = set.members.iter().map(|one| name(&one.key)).collect();
    let (epoch, authorities) = (set.epoch, names.join(" "));
    tracing::debug!(target: "tally::trace", epoch, authorities, "epoch");
}

/// A block is written.
pub fn committed(block: &Block, next: &Snapshot) {
    for envelope in &block.envelopes {
        let header = &envelope.header;
        let (organisation, first, count) = (&header.organisation, header.first, header.count);
        tracing::debug!(target: "tally::trace", %organisation, first, count, "relayed");
    }
    let (height, size) = (next.height, next.frontier.size());
    let (root, of) = (root(&next.frontier.root()), next.signers.epoch);
    tracing::debug!(target: "tally::trace", height, size, root, epoch = of, "committed");
    if next.boundary {
        epoch(&next.state.authorities);
    }
}

/// Whoever orders the blocks was told that a block is written.
pub fn acknowledged(height: u64) {
    tracing::debug!(target: "tally::trace", height, "acknowledged");
}

/// It signed a checkpoint of an epoch.
pub fn signed(epoch: u64, checkpoint: &Checkpoint) {
    let (size, root) = (checkpoint.size, root(&checkpoint.root));
    tracing::debug!(target: "tally::trace", size, root, epoch, "signed");
}

/// A signature came that holds.
pub fn collected(key: &[u8; 32], checkpoint: &Checkpoint) {
    let (size, root, signer) = (checkpoint.size, root(&checkpoint.root), name(key));
    tracing::debug!(target: "tally::trace", size, root, signer, "collected");
}

/// A checkpoint is kept, and served, that these signed.
pub fn published(epoch: u64, checkpoint: &Checkpoint, signers: &[[u8; 32]]) {
    let names: Vec<_> = signers.iter().map(name).collect();
    let (size, root, signers) = (checkpoint.size, root(&checkpoint.root), names.join(" "));
    tracing::debug!(target: "tally::trace", size, root, epoch, signers, "published");
}
