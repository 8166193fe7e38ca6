//! Voids and replacements among what is submitted: each by the hand that brought the
//! claim it names, after it.

use std::collections::BTreeSet;

use tally::demo::generate::{DemoFile, Population};
use tally_core::claim::{Claim, ClaimId, Frequency};
use tally_core::interchange::{Source, claim_json, read_claims};
use tally_types::Money;

use crate::dice::Dice;
use crate::load::{HANDS, number};
use crate::site::SUBMITTER;

/// After how many of a hundred files of all hands each of them acts.
const OFTEN: u64 = 80;

/// Puts acts between the files of a population: after a file of each hand, one act of
/// each, so that a file's place still says whose it is.
pub fn add(population: &mut Population, seed: u64) {
    let mut dice = Dice::new(seed, "acts");
    let mut candidates: [Vec<Claim>; HANDS] = Default::default();
    let mut named: BTreeSet<ClaimId> = BTreeSet::new();
    let mut files: Vec<DemoFile> = Vec::new();
    for file in std::mem::take(&mut population.files) {
        let (at, day) = (files.len(), file.received);
        let source = Source {
            submitter: SUBMITTER,
            interchange: &number(at),
            received: day,
        };
        candidates[at % HANDS].extend(read_claims(&file.bytes, None, &source).claims);
        files.push(file);
        if files.len() % HANDS != 0 || !dice.percent(OFTEN) {
            continue;
        }
        for of in &mut candidates {
            of.retain(|claim| !named.contains(&claim.id));
        }
        // A malformed file has no claims.
        if candidates.iter().any(Vec::is_empty) {
            continue;
        }
        for of in &candidates {
            let claim = dice.pick(of);
            named.insert(claim.id);
            let act = match dice.percent(50) {
                true => void(claim),
                false => replacement(claim),
            };
            files.push(DemoFile {
                received: day,
                name: format!("act-{}.json", files.len()),
                bytes: claim_json(&act).into_bytes(),
            });
        }
    }
    population.files = files;
}

fn void(claim: &Claim) -> Claim {
    let mut act = claim.clone();
    act.frequency = Frequency::Void;
    act.replaces = Some(claim.id);
    act
}

/// The claim without its last line, or dearer where it has one alone.
fn replacement(claim: &Claim) -> Claim {
    let mut act = claim.clone();
    act.frequency = Frequency::Replacement;
    act.replaces = Some(claim.id);
    if act.lines.len() > 1 {
        act.lines.pop();
    } else if let Some(line) = act.lines.first_mut() {
        line.charge = line.charge.checked_add(Money::cents(1_000)).unwrap();
    }
    act.charge = Money::checked_sum(act.lines.iter().map(|line| line.charge)).unwrap();
    act
}
