//! Who may read, and who did, as pages show it.

use tally_core::ledger::access::By;

use super::show;
use crate::consents::{by, of, purpose, short, time};
use crate::node::consent::{Kept, ReadingRead, Rules};

/// A reading.
#[derive(Clone)]
pub(super) struct Told {
    pub when: String,
    pub who: String,
    pub person: String,
    pub claim: String,
    pub short: String,
    pub purpose: &'static str,
    pub right: String,
    /// Why, of one in an emergency.
    pub reason: String,
    pub emergency: bool,
    pub entry: String,
}

/// Readings as they are shown.
pub(super) fn told(readings: &[ReadingRead]) -> Vec<Told> {
    let told = readings.iter().map(|read| {
        let (of, claim) = (&read.reading, read.reading.claim.to_string());
        let reason = match &of.by {
            By::Emergency(reason) => reason.clone(),
            _ => String::new(),
        };
        Told {
            when: time(of.at),
            who: of.reader.to_string(),
            person: of.person.clone(),
            short: show::short(&claim).to_owned(),
            claim,
            purpose: of.purpose.code(),
            right: by(&of.by),
            reason,
            emergency: of.is_emergency(),
            entry: read
                .leaf
                .map_or_else(|| "–".to_owned(), |leaf| leaf.to_string()),
        }
    });
    told.collect()
}

/// Something granted.
pub(super) struct Consent {
    pub id: String,
    pub what: &'static str,
    pub to: String,
    pub of: String,
    pub purposes: String,
    pub from: String,
    pub through: String,
    pub stands: &'static str,
}

impl Consent {
    pub(super) fn of(kept: &Kept, rules: &Rules) -> Self {
        let (from, through) = kept.bestowal.days();
        Self {
            id: short(&kept.commitment),
            what: kept.what(),
            to: kept.to(),
            of: of(kept, rules),
            purposes: purpose(kept),
            from: from.to_string(),
            through: through.to_string(),
            stands: kept.stands(),
        }
    }
}
