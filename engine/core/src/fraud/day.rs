//! Impossible day: the typical minutes of all that one provider rendered on
//! one day. Typical times are not mandatory and incident-to billing inflates
//! one number, so this is a lead, never a denial.

use super::fact::{DetectorId, Fact, FactKey};
use super::flag::{Finding, Flag, billed, item, part};
use super::parameters::Parameters;

/// Ten-thousandths of a unit in a whole one.
const UNIT: i128 = 10_000;

pub(super) fn flags(key: FactKey, group: &[&Fact], parameters: &Parameters) -> Vec<Flag> {
    let day = &parameters.day;
    let timed: Vec<(&Fact, i128)> = group
        .iter()
        .filter_map(|fact| {
            let minutes = i128::from(day.minutes_of(fact.procedure, fact.from)?);
            let units = i128::from(fact.units.scaled().max(0));
            Some((*fact, minutes.saturating_mul(units)))
        })
        .collect();
    let scaled = timed
        .iter()
        .fold(0i128, |sum, (_, minutes)| sum.saturating_add(*minutes));
    let limit = |minutes: u32| i128::from(minutes).saturating_mul(UNIT);
    let whole = scaled.checked_div(UNIT).unwrap_or(0);
    let (threshold, mut parts) = if scaled > limit(day.impossible_minutes) {
        let over = whole.saturating_sub(i128::from(day.impossible_minutes));
        // A point for each six minutes beyond what a day has.
        let extra = over.checked_div(6).unwrap_or(0).clamp(0, 200);
        let reason = format!("{over} minutes beyond the limit, a point for each six");
        (
            day.impossible_minutes,
            vec![
                part(day.impossible_points, "more typical time than a day has"),
                part(u16::try_from(extra).unwrap_or(0), reason),
            ],
        )
    } else if scaled >= limit(day.high_minutes) {
        let reason = format!("at least {}", hours(day.high_minutes.into()));
        (day.high_minutes, vec![part(day.high_points, reason)])
    } else if scaled >= limit(day.warn_minutes) {
        let reason = format!("at least {}", hours(day.warn_minutes.into()));
        (day.warn_minutes, vec![part(day.warn_points, reason)])
    } else {
        return Vec::new();
    };
    parts.retain(|part| part.points > 0);
    let facts: Vec<&Fact> = timed.iter().map(|(fact, _)| *fact).collect();
    let distinct = |mut values: Vec<[u8; 32]>| {
        values.sort_unstable();
        values.dedup();
        values.len().to_string()
    };
    let Some(date) = facts.first().map(|fact| fact.from) else {
        return Vec::new();
    };
    let finding = Finding {
        detector: DetectorId::ImpossibleDay,
        key,
        stable: Vec::new(),
        parts,
        exposure: billed(facts.iter().copied()),
        evidence: vec![
            item("day", date.to_string()),
            item("typical time", hours(whole)),
            item("threshold", hours(threshold.into())),
            item(
                "members",
                distinct(facts.iter().map(|fact| fact.member).collect()),
            ),
        ],
        facts,
    };
    finding.into_flag(parameters).into_iter().collect()
}

/// `16 h 40 min`.
fn hours(minutes: i128) -> String {
    let (h, m) = (minutes.div_euclid(60), minutes.rem_euclid(60));
    format!("{h} h {m:02} min")
}
