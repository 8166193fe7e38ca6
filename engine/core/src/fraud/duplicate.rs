//! Suspect duplicate: another claim for the same member, billing provider and
//! procedure (or revenue code and charge) on a day they share, that is not an
//! exact duplicate, nor on another tooth or of another drug. Lines of one claim are not compared with each other:
//! units within a claim are for the MUE edits.

use std::collections::BTreeMap;

use tally_types::{Money, ShortCode};

use super::fact::{DetectorId, Fact, FactKey};
use super::flag::{Finding, Flag, ScorePart, billed, item, part};
use super::parameters::{DuplicateParameters, Parameters};
use crate::canon::Canon;

/// One flag for each set of lines that hang together by overlapping dates.
pub(super) fn flags(key: FactKey, group: &[&Fact], parameters: &Parameters) -> Vec<Flag> {
    // Lines with other distinguishing modifiers are other services.
    let mut services: BTreeMap<Vec<ShortCode>, Vec<&Fact>> = BTreeMap::new();
    for fact in group {
        let mut modifiers = fact.modifier_set();
        modifiers.retain(|m| parameters.duplicate.distinguishing.contains(m));
        services.entry(modifiers).or_default().push(fact);
    }
    services
        .into_iter()
        .flat_map(|(modifiers, facts)| {
            connected(&facts).into_iter().filter_map(move |facts| {
                finding(key, &modifiers, facts, &parameters.duplicate)?.into_flag(parameters)
            })
        })
        .collect()
}

fn suspect(a: &Fact, b: &Fact) -> bool {
    a.claim != b.claim && a.overlaps(b) && !a.elsewhere(b)
}

/// The sets of two and more lines linked by suspicion, directly or not.
/// `facts` are in order of their first day.
fn connected<'a>(facts: &[&'a Fact]) -> Vec<Vec<&'a Fact>> {
    let mut sets: Vec<Vec<&Fact>> = Vec::new();
    for fact in facts {
        let (linked, mut apart): (Vec<_>, Vec<_>) = sets
            .into_iter()
            .partition(|set| set.iter().any(|other| suspect(fact, other)));
        let mut merged: Vec<&Fact> = linked.into_iter().flatten().collect();
        merged.push(fact);
        apart.push(merged);
        sets = apart;
    }
    sets.retain(|set| set.len() > 1);
    sets
}

fn finding<'a>(
    key: FactKey,
    modifiers: &[ShortCode],
    mut facts: Vec<&'a Fact>,
    parameters: &DuplicateParameters,
) -> Option<Finding<'a>> {
    facts.sort_by_key(|fact| (fact.from, fact.through, fact.claim, fact.line));
    let first = *facts.first()?;
    let pairs = facts.iter().enumerate().flat_map(|(i, a)| {
        facts
            .iter()
            .skip(i.saturating_add(1))
            .filter(|b| suspect(a, b))
            .map(|b| (*a, *b))
    });
    let parts = pairs
        .map(|(a, b)| parts_of(a, b, parameters))
        .max_by_key(|parts| super::flag::sum_of(parts))?;
    let all = billed(facts.iter().copied());
    let largest = facts.iter().map(|fact| fact.charge).max()?;
    let mut claims: Vec<_> = facts.iter().map(|fact| fact.claim).collect();
    claims.sort_unstable();
    claims.dedup();
    let mut stable = first.from.to_canon();
    modifiers.to_vec().put(&mut stable);
    Some(Finding {
        detector: DetectorId::SuspectDuplicate,
        key,
        stable,
        parts,
        exposure: all.checked_sub(largest).unwrap_or(Money::ZERO),
        evidence: vec![
            item("service", first.service()),
            item("claims that share a day", claims.len().to_string()),
            item("billed together", all.to_string()),
            item("largest line", largest.to_string()),
        ],
        facts,
    })
}

/// What the most alike pair has in common.
fn parts_of(a: &Fact, b: &Fact, parameters: &DuplicateParameters) -> Vec<ScorePart> {
    let same_dates = (a.from, a.through) == (b.from, b.through);
    let rows = [
        (
            true,
            parameters.overlap_points,
            "same member, provider and service, dates that overlap",
        ),
        (same_dates, parameters.dates_points, "the same dates"),
        (
            a.charge == b.charge,
            parameters.charge_points,
            "the same charge",
        ),
        (a.units == b.units, parameters.units_points, "as many units"),
        (
            a.modifier_set() == b.modifier_set(),
            parameters.modifiers_points,
            "the same modifiers",
        ),
    ];
    rows.into_iter()
        .filter(|(holds, ..)| *holds)
        .map(|(_, points, reason)| part(points, reason))
        .collect()
}
