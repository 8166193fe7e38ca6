//! A small log, for tests.

use std::collections::BTreeMap;

use super::tree::{self, Frontier};
use super::{Checkpoint, LogProof, SigningKey, Trust, TrustedLog};

pub const ORIGIN: &str = "tallystick.example/log";

pub fn key() -> SigningKey {
    SigningKey::new(ORIGIN, &[7; 32]).unwrap()
}

pub fn trust() -> Trust {
    Trust {
        logs: vec![TrustedLog::local(key().verifier().clone())],
    }
}

/// That a leaf is in the log of these.
pub fn proof_of(leaves: &[Vec<u8>], index: u64) -> LogProof {
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for leaf in leaves {
        for node in frontier.append(tree::leaf_hash(leaf)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
        root: frontier.root(),
        extensions: vec![],
    };
    LogProof {
        index,
        path: tree::inclusion_proof(&nodes, index, size).unwrap(),
        checkpoint: checkpoint.sign(&key()),
    }
}
