//! The fuzz targets on seeded inputs, so that every test run exercises them:
//! the seeds of `fuzz/`, each seed damaged some hundred times.

use std::path::{Path, PathBuf};

use tally_core::adjudication::Outcome;
use tally_core::authorization::Record;
use tally_core::canon::Canon;
use tally_core::claim::{Claim, Contract};
use tally_core::interchange::{Source, read_authorization_request, read_claims, read_contracts};
use tally_core::ledger::access::{Bestowal, Reading};
use tally_core::ledger::counterparty::{Dossier, Reexecuted, ToldDispute};
use tally_core::ledger::erasure::ErasureReceipt;
use tally_core::ledger::shared::{Authorities, Block, Envelope, Gossip, Snapshot};
use tally_core::ledger::witness::{Evidence, Request};
use tally_core::ledger::{Checkpoint, Entry, Note, Receipt, ReceiptBody, Trust, verify_receipt};
use tally_table::Table;
use tally_types::ServiceDate;

use super::cases::files;
use super::targets::{TARGETS, held};

/// SplitMix64: the same damage on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }

    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            match self.next(5) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] ^= 1 << self.next(8),
                2 if !bytes.is_empty() => {
                    bytes.remove(at);
                }
                3 => bytes.insert(at, u8::try_from(self.next(256)).unwrap()),
                _ => {
                    let end = at + self.next(bytes.len() - at + 1);
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }
}

#[test]
fn every_target_stands_its_seeds_and_their_damage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (number, (name, run)) in TARGETS.into_iter().enumerate() {
        let mut seeds: Vec<PathBuf> = Vec::new();
        files(&folder.join(name), &mut seeds);
        assert!(!seeds.is_empty(), "no seeds for {name}");
        let mut seeded = Seeded(number as u64);
        run(b"");
        for path in seeds {
            let seed = std::fs::read(&path).unwrap();
            run(&seed);
            for _ in 0..300 {
                run(&seeded.damage(&seed));
            }
        }
    }
}

/// A seed that its reader refuses shows the fuzzer nothing but the refusal: after
/// a change of a format its seed is made anew.
#[test]
fn every_seed_is_read() {
    let claims = |name: &str, bytes: &[u8]| {
        let source = Source {
            submitter: "fuzz",
            interchange: "0",
            received: ServiceDate::MAX,
        };
        let read = read_claims(bytes, None, &source);
        // Lists have items with faults beside sound ones.
        let list = [
            "json/list.json",
            "ndjson/claims.ndjson",
            "x12_claims/professional",
        ]
        .contains(&name);
        let refused = read.refusals.first().map(|of| &of.reason);
        assert!(list || refused.is_none(), "{name}: {refused:?}");
        !read.claims.is_empty()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let mut seeds = Vec::new();
    files(&folder, &mut seeds);
    for path in seeds {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let bytes = std::fs::read(&path).unwrap();
        let text = || std::str::from_utf8(&bytes).unwrap();
        let good = match name.as_str() {
            "canonical/claim" => Claim::from_canon(&bytes).is_ok(),
            "canonical/contract" => Contract::from_canon(&bytes).is_ok(),
            "canonical/outcome" | "canonical/pended" => Outcome::from_canon(&bytes).is_ok(),
            "canonical/body" => ReceiptBody::from_canon(&bytes).is_ok(),
            "canonical/grant" | "canonical/membership" => Bestowal::from_canon(&bytes).is_ok(),
            "canonical/reading" => Reading::from_canon(&bytes).is_ok(),
            "canonical/reexecuted" => Reexecuted::from_canon(&bytes).is_ok(),
            "canonical/told" => ToldDispute::from_canon(&bytes).is_ok(),
            "dossier/whole" => held(&bytes, None).is_some(),
            "ledger/erasure" | "ledger/erasure-shared" => {
                ErasureReceipt::parse(text()).is_ok_and(|of| of.verify(None).is_ok())
            }
            of if of.starts_with("canonical/") => Entry::from_canon(&bytes).is_ok(),
            "authorization/record" => Record::from_canon(&bytes).is_ok(),
            of if of.starts_with("authorization/") => read_authorization_request(&bytes).is_ok(),
            of if of.starts_with("contracts/") => read_contracts(&bytes).is_ok(),
            "receipt/both" => {
                Receipt::parse(text()).is_ok_and(|of| verify_receipt(&of, None).is_ok())
            }
            of if of.starts_with("block/") => Block::parse(&bytes).is_ok(),
            of if of.starts_with("sealed/") => Envelope::from_canon(&bytes).is_ok(),
            of if of.starts_with("gossip/") => Gossip::from_canon(&bytes).is_ok(),
            "snapshot/later" => Snapshot::from_canon(&bytes).is_ok(),
            "authorities/four" => Authorities::parse(text()).is_ok(),
            "witness/evidence" => Evidence::parse(text()).is_ok_and(|of| of.contradicts()),
            "witness/first" => Request::parse(&bytes).is_ok(),
            "table/fees.bin" => Table::from_bytes(&bytes).is_ok(),
            of if of.starts_with("table/") => Table::from_csv(text()).is_ok(),
            "ledger/checkpoint" => Checkpoint::parse(text()).is_ok(),
            "ledger/note" => Note::parse(text()).is_ok(),
            "ledger/receipt" => Receipt::parse(text()).is_ok_and(|of| of.open().is_ok()),
            "ledger/trust.json" => Trust::parse(text()).is_ok(),
            // An envelope alone, an inquiry and an acknowledgement have no claim;
            // envelopes and tokens are looked at by their own targets.
            "json/x12.txt" | "x12_claims/inquiry" => {
                !tally_x12::read(text()).interchanges.is_empty()
            }
            of if of.starts_with("x12/") => !tally_x12::read(text()).interchanges.is_empty(),
            of if of.starts_with("envelope/") || of.starts_with("token/") => true,
            _ => claims(&name, &bytes),
        };
        assert!(good, "{name} is not read any more");
    }
}

/// What the fuzzer found of dossiers: nobody signs what of the claim no policy sees, such
/// as the sender's own number for it. Beside what the provider sent it is refused.
#[test]
fn a_dossier_with_another_control_number_is_refused_beside_what_was_sent() {
    let seed = include_bytes!("../../fuzz/seeds/dossier/whole");
    let sent = held(seed, None).unwrap().claim;
    let mut dossier = Dossier::from_canon(seed).unwrap();
    let mut other = sent.clone();
    other.control_number.push('1');
    dossier.claim.0 = other.to_canon();
    let changed = dossier.to_canon();
    assert!(held(seed, Some(&sent)).is_some());
    assert!(held(&changed, None).is_some());
    assert!(held(&changed, Some(&sent)).is_none());
}
