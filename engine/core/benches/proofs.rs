//! How large a receipt's proof is and how long it takes to verify, in trees of 10⁴ to
//! 10⁹ entries, beside one bare ed25519 verification of the same run.
//!
//! ```text
//! cargo bench -p tally-core --bench proofs
//! ```
//!
//! The trees are not grown: but for the path of the one entry every complete subtree
//! has a made-up hash. Times are of the thread's own processor time, medians of rounds
//! in which each has its turn; reading the receipt from text is part of verifying it.
#![allow(clippy::disallowed_methods)] // whether it is a bench is an argument

#[path = "../tests/verifiers/made.rs"]
#[allow(dead_code)]
mod made;
#[path = "../../sandbox/benches/claims/meter.rs"]
mod meter;

use std::hint::black_box;

use tally_core::ledger::shared::Authorities;
use tally_core::ledger::tree::{Hash, HashSource, inclusion_proof, leaf_hash, node_hash, root};
use tally_core::ledger::{
    Checkpoint, LogProof, Receipt, SharedProof, Trust, TrustedLog, Verdict, verify_receipt,
};

/// A tree with one leaf that is known, and made-up hashes beside its path.
struct Grown {
    leaf: Hash,
    index: u64,
}

impl HashSource for Grown {
    fn hash(&self, level: u8, index: u64) -> Option<Hash> {
        if self.index >> level != index {
            return Some(leaf_hash(&[&[level], &index.to_be_bytes()[..]].concat()));
        }
        let Some(below) = level.checked_sub(1) else {
            return Some(self.leaf);
        };
        let left = index.checked_mul(2)?;
        let right = left.checked_add(1)?;
        Some(node_hash(
            &self.hash(below, left)?,
            &self.hash(below, right)?,
        ))
    }
}

/// The last entry of a tree's larger half, which has as long a path as any.
fn proven(entry: &[u8], size: u64) -> (u64, Vec<Hash>, Hash) {
    let index = size / 3;
    let leaf = leaf_hash(entry);
    let tree = Grown { leaf, index };
    let path = inclusion_proof(&tree, index, size).unwrap();
    (index, path, root(&tree, size).unwrap())
}

fn local(size: u64) -> Receipt {
    let mut receipt = made::local(0, 1, false);
    let (index, path, root) = proven(&receipt.entry, size);
    let checkpoint = Checkpoint {
        origin: made::LOG.into(),
        size,
        root,
        extensions: vec![],
    };
    receipt.local = LogProof {
        index,
        path,
        checkpoint: checkpoint.sign(&made::log_key()),
    };
    receipt
}

/// With a proof on a shared ledger of the same size, signed by a quorum and cosigned.
fn shared(size: u64, sets: &[Authorities]) -> Receipt {
    let mut receipt = local(size);
    let made = made::shared(sets, 0, true).shared.unwrap();
    let (index, path, root) = proven(&receipt.entry, size);
    let set = sets.last().unwrap();
    let checkpoint = set.checkpoint(size, root, None);
    receipt.shared = Some(SharedProof {
        proof: LogProof {
            index,
            path,
            checkpoint: made::sign(set, &checkpoint, set.quorum(), true),
        },
        ..made
    });
    receipt
}

fn main() {
    // A test shows only that it runs.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let four = [made::set(0, 0..4)];
    let seven = [made::set(0, 0..4), made::set(1, 0..7), made::set(2, 2..9)];
    let trust = Trust {
        logs: vec![
            TrustedLog::local(made::log_key().verifier().clone()),
            TrustedLog::shared(&four[0]),
        ],
    };
    let key = made::log_key();
    let signature = key.sign(b"one message");
    println!(
        "{:38} {:>10} {:>7} {:>8} {:>8} {:>9} {:>9}",
        "", "entries", "hashes", "proof, B", "file, B", "µs", "× ed25519"
    );
    type Make<'a> = (&'a str, &'a dyn Fn(u64) -> Receipt);
    let kinds: [Make<'_>; 3] = [
        ("local", &local),
        ("local and shared, four authorities", &|size| {
            shared(size, &four)
        }),
        ("the same of seven, two handovers on", &|size| {
            shared(size, &seven)
        }),
    ];
    for (name, make) in kinds {
        for power in 4..=9 {
            let size = 10u64.pow(power);
            let receipt = make(size);
            let text = receipt.to_string();
            let mut verify = || {
                let read = Receipt::parse(black_box(&text)).unwrap();
                let verified = verify_receipt(&read, Some(&trust));
                assert!(matches!(verified, Ok((Verdict::Trusted, _))));
            };
            verify();
            let mut bare = || key.verifier().verify(b"one message", &signature).unwrap();
            let proof = receipt
                .shared
                .as_ref()
                .map_or(&receipt.local, |of| &of.proof);
            print!(
                "{name:38} {size:>10} {:>7} {:>8} {:>8}",
                proof.path.len(),
                proof.to_string().len(),
                text.len()
            );
            if bench {
                let [took, least] = meter::compare([&mut verify, &mut bare]);
                print!(" {:>9.0} {:>9.1}", took * 1e6, took / least);
            }
            println!();
        }
    }
}
