//! The codes of HI segments, and what only an 837I has.

use tally_types::Code;

use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::claim::Levels;
use super::spot::Spot;
use crate::claim::{ClaimKind, DatedProcedure, Institutional, Limits, OccurrenceCode, ValueCode};

/// An element of an HI segment: its list, and the segment and element it stands in.
struct Entry<'a> {
    list: &'a str,
    spot: Spot<'a>,
    element: usize,
}

/// The lists of HI segments that are not of diagnoses.
const LISTS: [&str; 20] = [
    "ABJ", "BJ", "APR", "PR", "ABN", "BN", "DR", "BBR", "BR", "CAH", "BBQ", "BQ", "BI", "BH", "BE",
    "BG", "TC", "BP", "BO", "TQ",
];

/// Every code of a claim's HI segments, in order.
fn entries<'a>(levels: &Levels<'_, 'a>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for spot in levels.all(levels.claim, "HI") {
        for element in 1..=12 {
            let list = spot.segment().component(element, 1);
            if !list.is_empty() {
                entries.push(Entry {
                    list,
                    spot,
                    element,
                });
            }
        }
    }
    entries
}

/// A claim's diagnoses, the principal first: those that lines may point to.
pub(super) struct Diagnoses {
    pub codes: Vec<Code>,
    /// Where each stands in its HI: that is what a pointer counts, whatever stands
    /// before it.
    elements: Vec<usize>,
}

impl Diagnoses {
    /// Which of the codes a pointer means, from zero: none where no diagnosis stands
    /// there.
    pub fn pointed(&self, pointer: usize) -> Option<usize> {
        self.elements.iter().position(|element| *element == pointer)
    }
}

/// The diagnoses of a claim, each with its place.
pub(super) fn diagnoses(levels: &Levels<'_, '_>) -> Result<Diagnoses, Fault> {
    let (mut diagnoses, mut elements) = (Vec::new(), Vec::new());
    for entry in entries(levels) {
        match entry.list {
            "ABK" | "BK" | "ABF" | "BF" => {
                let code = entry.spot.part(entry.element, 2);
                diagnoses.push(scalar::diagnosis(&code, code.text)?);
                elements.push(entry.element);
            }
            // Admitting diagnoses, reasons for a visit and external causes are
            // others; procedures and the rest are no diagnoses.
            known if LISTS.contains(&known) => {}
            _ => {
                let list = entry.spot.part(entry.element, 1);
                return Err(list.fault(IntakeRule::BadCode, "no list of codes is called so"));
            }
        }
    }
    if diagnoses.len() > Limits::DIAGNOSES {
        let place = format!(
            "set {}, segment {}, 2300 HI",
            levels.set.0,
            levels.claim.begins()
        );
        return Err(Fault::new(
            IntakeRule::TooMany,
            place,
            format!(
                "{} diagnoses where at most {} may stand",
                diagnoses.len(),
                Limits::DIAGNOSES
            ),
        ));
    }
    Ok(Diagnoses {
        codes: diagnoses,
        elements,
    })
}

/// What only an institutional claim has.
pub(super) fn read(
    levels: &Levels<'_, '_>,
    clm: &Spot<'_>,
) -> Result<Option<Institutional>, Fault> {
    if levels.kind != ClaimKind::Institutional {
        return Ok(None);
    }
    let Some((from, through)) = levels.usual_days()? else {
        return Err(clm.fault(IntakeRule::NoDate, "there are no statement dates"));
    };
    let kind = levels.find(levels.claim, "CL1", "");
    let of_kind = |element| match &kind {
        Some(kind) => kind.at(element).short(),
        None => Ok(tally_types::ShortCode::NONE),
    };
    let mut read = Institutional {
        bill_type: clm.part(5, 1).short()?,
        from,
        through,
        admission: match levels.find(levels.claim, "DTP", "435") {
            Some(date) => Some(date.at(3).days()?.0),
            None => None,
        },
        admission_type: of_kind(1)?,
        origin: of_kind(2)?,
        discharge: of_kind(3)?,
        drg: tally_types::ShortCode::NONE,
        attending: levels.named(levels.claim, "2310A")?,
        procedures: Vec::new(),
        values: Vec::new(),
        occurrences: Vec::new(),
        conditions: Vec::new(),
    };
    for Entry {
        list,
        spot,
        element,
    } in entries(levels)
    {
        let code = spot.part(element, 2);
        let days = spot.part(element, 4);
        match list {
            "DR" => read.drg = code.short()?,
            "BBR" | "BR" | "BBQ" | "BQ" => read.procedures.push(DatedProcedure {
                code: code.code()?,
                on: match days.is_empty() {
                    true => None,
                    false => Some(days.day()?),
                },
            }),
            "BI" | "BH" => {
                let (from, through) = days.days()?;
                read.occurrences.push(OccurrenceCode {
                    code: code.short()?,
                    from,
                    through: (list == "BI").then_some(through),
                });
            }
            "BE" => read.values.push(ValueCode {
                code: code.short()?,
                amount: spot.part(element, 5).money()?,
            }),
            "BG" => read.conditions.push(code.short()?),
            _ => {}
        }
    }
    Ok(Some(read))
}
