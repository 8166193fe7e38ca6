//! How large a receipt's proof is and how long it takes to verify, in trees of 10⁴ to
//! 10⁹ entries, beside one bare ed25519 verification of the same run.
//!
//! ```text
//! cargo bench -p tally-core --bench proofs
//! ```
//!
//! The column of a tenfold says how many hashes and bytes the proof has more than in a tree
//! a tenth as large: as many each time, so that it grows with the logarithm.
//!
//! Last, the verifier in Python over such receipts: as a process that reads one, and what
//! each further receipt of the same process takes, which is the verification itself; the
//! least of many runs.
//!
//! The trees are not grown: but for the path of the one entry every complete subtree
//! has a made-up hash. Times are of the thread's own processor time, medians of rounds
//! in which each has its turn; reading the receipt from text is part of verifying it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // arguments, another program, its time

#[path = "../tests/verifiers/made.rs"]
#[allow(dead_code)]
mod made;
#[path = "../../sandbox/benches/claims/meter.rs"]
mod meter;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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

type Make<'a> = (&'a str, &'a dyn Fn(u64) -> Receipt);

/// What was measured: the most hashes that a tenfold tree has more, and the most times
/// that a verification takes of a bare one.
#[derive(Default)]
struct Most {
    hashes: usize,
    times: f64,
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
    let kinds: [Make<'_>; 3] = [
        ("local", &local),
        ("local and shared, four authorities", &|size| {
            shared(size, &four)
        }),
        ("the same of seven, two handovers on", &|size| {
            shared(size, &seven)
        }),
    ];
    println!(
        "{:38} {:>10} {:>7} {:>8} {:>9} {:>8} {:>9} {:>9}",
        "", "entries", "hashes", "proof, B", "a tenfold", "file, B", "µs", "× ed25519"
    );
    let mut most = Most::default();
    for kind in &kinds {
        sizes(kind, &trust, bench, &mut most);
    }
    println!();
    let python = python(&kinds, &trust, bench);
    println!("\n### Goals\n\n| | measured | goal | |\n|---|---|---|---|");
    let met = |met: bool| if met { "met" } else { "NOT met" };
    println!(
        "| hashes more in a tenfold tree, the most | {} | ≤ 4, of log₂ 10 = 3.3 | {} |",
        most.hashes,
        met(most.hashes <= 4)
    );
    if bench {
        println!(
            "| verification, the most | {:.1} × ed25519 | none | |",
            most.times
        );
    }
    if let Some(took) = python {
        let took = took.as_secs_f64() * 1e3;
        println!(
            "| Python verifier, one receipt without the start, the most | {took:.2} ms | < 5 ms | {} |",
            met(took < 5.0)
        );
    }
}

/// One kind of receipt in trees of all sizes.
fn sizes((name, make): &Make<'_>, trust: &Trust, bench: bool, most: &mut Most) {
    let key = made::log_key();
    let signature = key.sign(b"one message");
    let mut before: Option<(usize, usize)> = None;
    for power in 4..=9 {
        let size = 10u64.pow(power);
        let receipt = make(size);
        let text = receipt.to_string();
        let mut verify = || {
            let read = Receipt::parse(black_box(&text)).unwrap();
            let verified = verify_receipt(&read, Some(trust));
            assert!(matches!(verified, Ok((Verdict::Trusted, _))));
        };
        verify();
        let mut bare = || key.verifier().verify(b"one message", &signature).unwrap();
        let shared = receipt.shared.as_ref().map(|of| &of.proof);
        let proof = shared.unwrap_or(&receipt.local);
        let (hashes, bytes) = (proof.path.len(), proof.to_string().len());
        let tenfold = before.replace((hashes, bytes)).map(|(less, fewer)| {
            most.hashes = most.hashes.max(hashes - less);
            format!("+{}, +{}", hashes - less, bytes - fewer)
        });
        print!(
            "{name:38} {size:>10} {hashes:>7} {bytes:>8} {:>9} {:>8}",
            tenfold.unwrap_or_default(),
            text.len()
        );
        if bench {
            let [took, least] = meter::compare([&mut verify, &mut bare]);
            most.times = most.times.max(took / least);
            print!(" {:>9.0} {:>9.1}", took * 1e6, took / least);
        }
        println!();
    }
}

/// Receipts of one process, when it is measured what each takes.
const MANY: usize = 200;

/// The verifier in Python: the most that one receipt takes by itself, if it can run here.
fn python(kinds: &[Make<'_>], trust: &Trust, bench: bool) -> Option<Duration> {
    let import = "from cryptography.hazmat.primitives.asymmetric import ed25519";
    // The first of the path, or Debian's.
    let python = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let ran = Command::new(python).args(["-c", import]).output();
        ran.is_ok_and(|ran| ran.status.success())
    });
    let Some(python) = python else {
        println!("the verifier in Python: no python3 with the package `cryptography`");
        return None;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("proofs");
    std::fs::create_dir_all(&folder).unwrap();
    let trusted = folder.join("trust.json");
    std::fs::write(&trusted, trust.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verifiers/verify.py");
    let rounds = if bench { 15 } else { 1 };
    println!(
        "{:38} {:>10} {:>12} {:>12} {:>10}",
        "verify.py", "entries", "start, ms", "one file, ms", "a receipt"
    );
    let mut most = Duration::ZERO;
    for (name, make) in kinds {
        let file = folder.join("receipt");
        std::fs::write(&file, make(1_000_000_000).to_string()).unwrap();
        let mut times: [Vec<Duration>; 3] = Default::default();
        for _ in 0..rounds {
            times[0].push(ran(Command::new(python).args(["-c", import])));
            for (count, times) in [1, 1 + MANY].into_iter().zip(&mut times[1..]) {
                let files: Vec<&PathBuf> = vec![&file; count];
                let mut command = Command::new(python);
                command.arg(&script).args(files);
                times.push(ran(command.arg("--trust").arg(&trusted)));
            }
        }
        // The least: whatever else runs on the machine only adds.
        let [start, one, many] = times.map(|times| times.into_iter().min().unwrap());
        let each = many.saturating_sub(one) / u32::try_from(MANY).unwrap();
        most = most.max(each);
        let [start, one, each] = [start, one, each].map(|time| time.as_secs_f64() * 1e3);
        println!(
            "{name:38} {:>10} {start:>12.1} {one:>12.1} {each:>10.2}",
            1_000_000_000
        );
    }
    Some(most)
}

/// How long a program runs, that ends well.
fn ran(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let ran = command.output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stdout)
    );
    begun.elapsed()
}
