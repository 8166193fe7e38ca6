//! Teeth, surfaces and quadrants: what a line must name, and whether its code
//! is for that tooth.

use alloc::vec::Vec;

use tally_sdk::Tooth;
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::plan::table;

/// What a line must name, as `services.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Mouth,
    /// A tooth.
    Tooth,
    /// A tooth and surfaces.
    Surfaces,
    /// A quadrant.
    Quadrant,
}

/// Which teeth a code is for, as `services.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Any,
    Front,
    Premolar,
    Molar,
    /// Premolars and molars.
    Back,
    /// First and second permanent molars.
    Sealed,
    Primary,
}

/// What a code says of teeth.
#[derive(Clone, Copy)]
pub struct Teeth {
    /// What a line must name.
    pub place: Place,
    surfaces: i64,
    fit: Fit,
}

/// The highest number of surfaces that codes tell apart: so many, or more.
const MANY: i64 = 4;
/// The letters of surfaces: mesial, occlusal, distal, buccal, facial, lingual,
/// incisal.
const SURFACES: [char; 7] = ['M', 'O', 'D', 'B', 'F', 'L', 'I'];
/// The quadrants: upper right, upper left, lower left, lower right.
const QUADRANTS: [ShortCode; 4] = [
    ShortCode::of("10"),
    ShortCode::of("20"),
    ShortCode::of("30"),
    ShortCode::of("40"),
];

impl Teeth {
    /// Of a row of `services.csv`.
    pub fn of(row: &Row) -> Self {
        Self {
            place: match row.number(1) {
                1 => Place::Tooth,
                2 => Place::Surfaces,
                3 => Place::Quadrant,
                _ => Place::Mouth,
            },
            surfaces: row.number(2),
            fit: match row.number(3) {
                1 => Fit::Front,
                2 => Fit::Premolar,
                3 => Fit::Molar,
                4 => Fit::Back,
                5 => Fit::Sealed,
                6 => Fit::Primary,
                _ => Fit::Any,
            },
        }
    }
}

/// The kinds of teeth, as `teeth.csv` numbers them.
const FRONT: i64 = 1;
const PREMOLAR: i64 = 2;
const MOLAR: i64 = 3;

/// What `teeth.csv` says of the teeth of a claim.
pub struct Jaw {
    /// Tooth, kind, whether it is primary, whether it is a wisdom tooth.
    teeth: Vec<(ShortCode, i64, bool, bool)>,
}

impl Jaw {
    /// Looks the teeth of a claim up.
    pub fn of(claim: &Claim) -> Self {
        let named: Vec<(ShortCode, ServiceDate)> = claim
            .lines
            .iter()
            .flat_map(|line| line.teeth.iter().map(|tooth| (tooth.code, line.from)))
            .collect();
        let keys: Vec<Key> = named
            .iter()
            .map(|(tooth, on)| Key::one((*tooth).into(), *on))
            .collect();
        let rows = reference::lookup(table::TEETH, &keys);
        let known = named.iter().zip(rows).filter_map(|((tooth, _), row)| {
            let row = row?;
            let (primary, wisdom) = (row.number(1) == 1, row.number(2) == 1);
            Some((*tooth, row.number(0), primary, wisdom))
        });
        Self {
            teeth: known.collect(),
        }
    }

    fn find(&self, tooth: ShortCode) -> Option<(i64, bool, bool)> {
        let mut teeth = self.teeth.iter();
        let (_, kind, primary, wisdom) = teeth.find(|(code, ..)| *code == tooth)?;
        Some((*kind, *primary, *wisdom))
    }

    /// Whether a line is on molars only.
    pub fn all_molars(&self, line: &Line) -> bool {
        let molar = |tooth: &Tooth| {
            self.find(tooth.code)
                .is_some_and(|(kind, ..)| kind == MOLAR)
        };
        !line.teeth.is_empty() && line.teeth.iter().all(molar)
    }

    /// Whether a tooth is one that a code is for; `None` when there is no such
    /// tooth.
    fn fits(&self, tooth: ShortCode, fit: Fit) -> Option<bool> {
        let (kind, primary, wisdom) = self.find(tooth)?;
        Some(match fit {
            Fit::Any => true,
            Fit::Front => kind == FRONT,
            Fit::Premolar => kind == PREMOLAR,
            Fit::Molar => kind == MOLAR,
            Fit::Back => kind != FRONT,
            Fit::Sealed => kind == MOLAR && !primary && !wisdom,
            Fit::Primary => primary,
        })
    }
}

/// Clauses 2.5 and 2.6: what a line lacks.
pub fn lacks(line: &Line, teeth: &Teeth, jaw: &Jaw) -> Option<Denial> {
    let lacking =
        |remark, clause| Denial::contractual(Carc::LACKS_INFORMATION, clause).remark(remark);
    let named = match teeth.place {
        Place::Mouth => return None,
        Place::Quadrant => {
            let known = |quadrant: &ShortCode| QUADRANTS.contains(quadrant);
            if line.cavities.is_empty() || !line.cavities.iter().all(known) {
                return Some(lacking(ShortCode::of("N346"), clause::MOUTH));
            }
            line.cavities.len()
        }
        Place::Tooth | Place::Surfaces => {
            if line.teeth.is_empty() {
                return Some(lacking(ShortCode::of("N37"), clause::MOUTH));
            }
            for tooth in &line.teeth {
                match jaw.fits(tooth.code, teeth.fit) {
                    None => return Some(lacking(ShortCode::of("N37"), clause::MOUTH)),
                    Some(false) => return Some(lacking(ShortCode::of("N39"), clause::FIT)),
                    Some(true) => {}
                }
                let surfaces = surfaces(tooth.surfaces);
                let right = |count: i64| count.min(MANY) == teeth.surfaces;
                if teeth.place == Place::Surfaces && !surfaces.is_some_and(right) {
                    return Some(lacking(ShortCode::of("N75"), clause::MOUTH));
                }
            }
            line.teeth.len()
        }
    };
    let units = i64::try_from(named).ok().and_then(Quantity::whole);
    (units != Some(line.quantity)).then(|| lacking(ShortCode::of("M53"), clause::MOUTH))
}

/// How many surfaces are named; `None` when one is named twice, or there is no
/// such surface.
fn surfaces(named: ShortCode) -> Option<i64> {
    let mut seen: Vec<char> = Vec::new();
    for letter in named.chars() {
        if !SURFACES.contains(&letter) || seen.contains(&letter) {
            return None;
        }
        seen.push(letter);
    }
    i64::try_from(seen.len()).ok()
}

/// The places of a line: its teeth or its quadrants.
pub fn places(line: &Line, place: Place) -> Vec<ShortCode> {
    match place {
        Place::Mouth => Vec::new(),
        Place::Tooth | Place::Surfaces => line.teeth.iter().map(|tooth| tooth.code).collect(),
        Place::Quadrant => line.cavities.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surfaces_are_counted_once() {
        for (named, count) in [
            ("", Some(0)),
            ("O", Some(1)),
            ("MOD", Some(3)),
            ("MODBL", Some(5)),
            ("MM", None),
            ("MX", None),
        ] {
            let named = if named.is_empty() {
                ShortCode::NONE
            } else {
                ShortCode::of(named)
            };
            assert_eq!(surfaces(named), count);
        }
    }
}
