//! Fraud patterns across claims. Detectors flag and never change a payment:
//! a flag is evidence for a person, with its claims, rule version and numbers.
//!
//! A caller stores the [`Fact`]s of each adjudicated claim by detector and
//! key. When a group has grown it loads the whole group, calls [`flags_of`]
//! and replaces all flags of that key by the answer. [`flags_of`] orders its input itself, so the
//! final flags are a function of the set of claims, never of their arrival.
//!
//! Exact duplicates, code pairs and excess units are edits, decided at
//! adjudication; they are not flagged here.

mod day;
mod death;
mod duplicate;
mod fact;
mod findings;
mod flag;
mod parameters;
pub mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use fact::{DetectorId, Fact, FactKey, death_key, facts_of, with_death};
pub use findings::flags_of_findings;
pub use flag::{EvidenceItem, Flag, FlagId, Pattern, ScorePart};
pub use parameters::{
    DayParameters, DeathParameters, DuplicateParameters, Parameters, TypicalMinutes,
};

/// The flags of a detector over `facts`: the whole group of one key, in any
/// order. Facts of other detectors are left aside; several keys are taken one
/// by one. The answer is ordered by date and id.
#[must_use]
pub fn flags_of(detector: DetectorId, facts: &[Fact], parameters: &Parameters) -> Vec<Flag> {
    let mut groups: BTreeMap<FactKey, Vec<&Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.detector == detector) {
        groups.entry(fact.key).or_default().push(fact);
    }
    let mut flags: Vec<Flag> = groups
        .into_iter()
        .flat_map(|(key, group)| {
            // What is known of a death is read before twins are put aside.
            let death = group.iter().filter_map(|fact| fact.death).max();
            let group = fact::ordered(group);
            match detector {
                DetectorId::SuspectDuplicate => duplicate::flags(key, &group, parameters),
                DetectorId::ImpossibleDay => day::flags(key, &group, parameters),
                DetectorId::ServiceAfterDeath => death::flags(key, &group, death, parameters),
            }
        })
        .collect();
    flags.sort_by_key(|flag| (flag.first_seen, flag.id));
    flags
}
