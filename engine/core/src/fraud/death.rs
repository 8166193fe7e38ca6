//! Service after death: a date of service after the member's date of death. A
//! rental that began in the member's lifetime may run past it.

use tally_types::ServiceDate;

use super::fact::{DetectorId, Fact, FactKey};
use super::flag::{Finding, Flag, billed, item, part};
use super::parameters::Parameters;

/// `death` is the latest date any fact of the group knows: where they differ,
/// the doubt is in favour of those who bill.
pub(super) fn flags(
    key: FactKey,
    group: &[&Fact],
    death: Option<ServiceDate>,
    parameters: &Parameters,
) -> Vec<Flag> {
    let Some(death) = death else {
        return Vec::new();
    };
    let rental = |fact: &Fact| {
        fact.modifiers
            .iter()
            .any(|m| parameters.death.rental_modifiers.contains(m))
    };
    let facts: Vec<&Fact> = group
        .iter()
        .copied()
        .filter(|fact| fact.from > death || (fact.through > death && !rental(fact)))
        .collect();
    let begun_after: Vec<&Fact> = facts.iter().copied().filter(|f| f.from > death).collect();
    let Some(last) = facts.iter().map(|fact| fact.through).max() else {
        return Vec::new();
    };
    let p = &parameters.death;
    let days = begun_after.iter().map(|f| f.from.days_since(death)).max();
    let mut parts = Vec::new();
    match days {
        Some(days) => {
            parts.push(part(p.after_points, "a service begun after the death"));
            if days > p.slip_days {
                let reason = format!("{days} days after, beyond a slip of the pen");
                parts.push(part(p.late_points, reason));
            }
        }
        None => parts.push(part(
            p.straddle_points,
            "a service, not a rental, that runs past the death",
        )),
    }
    let mut claims: Vec<_> = facts.iter().map(|fact| fact.claim).collect();
    claims.sort_unstable();
    claims.dedup();
    if claims.len() > 1 {
        let reason = format!("{} claims", claims.len());
        parts.push(part(p.repeat_points, reason));
    }
    let finding = Finding {
        detector: DetectorId::ServiceAfterDeath,
        key,
        stable: Vec::new(),
        parts,
        exposure: billed(facts.iter().copied()),
        evidence: vec![
            item("date of death", death.to_string()),
            item("last date of service", last.to_string()),
            item("days after the death", last.days_since(death).to_string()),
            item("lines begun after it", begun_after.len().to_string()),
        ],
        facts,
    };
    finding.into_flag(parameters).into_iter().collect()
}
