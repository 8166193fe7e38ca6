//! A service line.

use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use super::coordination::PriorLine;
use super::provider::Provider;
use crate::canon::{Canon, DecodeError, Reader};

/// The modifiers of a line, in order; absent ones are [`ShortCode::NONE`].
pub type Modifiers = [ShortCode; super::Limits::MODIFIERS];

/// One service line.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceLine {
    /// The line's number on this claim, from 1, in order.
    pub number: u16,
    /// Which list the procedure code is of.
    pub system: CodeSystem,
    /// The procedure, drug or service.
    pub procedure: Code,
    /// Up to four modifiers.
    pub modifiers: Modifiers,
    /// The revenue code, on institutional claims.
    pub revenue: ShortCode,
    /// The place of service.
    pub place: ShortCode,
    /// Which diagnoses of the claim this line points to, a bit each.
    pub diagnoses: u32,
    /// Units of service.
    pub quantity: Quantity,
    /// The submitted charge.
    pub charge: Money,
    /// First date of service.
    pub from: ServiceDate,
    /// Last date of service.
    pub through: ServiceDate,
    /// Who rendered it, where that is not the billing provider.
    pub rendering: Option<Provider>,
    /// Whether the sender marks it an emergency.
    pub emergency: bool,
    /// What only some lines have.
    pub detail: LineDetail,
    /// What other payers did to it, at most one each.
    pub prior: Vec<PriorLine>,
}

/// What only some lines have.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct LineDetail {
    /// The sender's own number for the line (X12 REF 6R), echoed in answers.
    pub control_number: String,
    /// What a unit is, as sent: `UN`, `MJ` minutes, `DA` days; none when it is not
    /// said.
    pub unit: ShortCode,
    /// The drug that was given.
    pub drug: Option<Drug>,
    /// Areas of the mouth (X12 SV304; the ADA's codes), on dental lines.
    pub cavities: Vec<ShortCode>,
    /// Teeth, on dental lines.
    pub teeth: Vec<Tooth>,
    /// What of the charge the sender itself declares not covered, on institutional
    /// lines (X12 SV207; FL 48): zero of most, never above the charge. A claim's
    /// encoding has it behind the lines, and only where there is some.
    pub non_covered: Money,
}

/// A drug on a line that bills for giving it (X12 loop 2410).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Drug {
    /// The National Drug Code, eleven digits.
    pub ndc: Code,
    /// How much.
    pub quantity: Quantity,
    /// Of what: `UN`, `ML`, `GR`, `ME`, `F2`.
    pub unit: ShortCode,
}

/// A tooth (X12 TOO).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tooth {
    /// Its code in the universal numbering: `1` to `32`, `A` to `T`.
    pub code: ShortCode,
    /// Its surfaces, a letter each: `MOD`.
    pub surfaces: ShortCode,
}

impl LineDetail {
    /// Areas of the mouth as a set: sorted, each once.
    #[must_use]
    pub fn areas(&self) -> Vec<ShortCode> {
        let mut areas = self.cavities.clone();
        areas.sort_unstable();
        areas.dedup();
        areas
    }

    /// Teeth as a set, sorted, with the letters of their surfaces sorted: in what
    /// order they are named does not make another service.
    #[must_use]
    pub fn sorted_teeth(&self) -> Vec<Tooth> {
        let mut teeth: Vec<Tooth> = self.teeth.iter().map(Tooth::sorted).collect();
        teeth.sort_unstable_by_key(|tooth| (tooth.code, tooth.surfaces));
        teeth.dedup();
        teeth
    }
}

impl Tooth {
    /// The same tooth with the letters of its surfaces sorted.
    #[must_use]
    fn sorted(&self) -> Self {
        let mut letters: Vec<char> = self.surfaces.chars().collect();
        letters.sort_unstable();
        let sorted: String = letters.into_iter().collect();
        Self {
            code: self.code,
            surfaces: ShortCode::parse(&sorted).unwrap_or(self.surfaces),
        }
    }
}

impl Canon for Modifiers {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|m| m.put(out));
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut modifiers = [ShortCode::NONE; super::Limits::MODIFIERS];
        for slot in &mut modifiers {
            *slot = ShortCode::take(from)?;
        }
        Ok(modifiers)
    }
}

crate::canon_record!(Drug {
    ndc,
    quantity,
    unit
});
crate::canon_record!(Tooth { code, surfaces });
crate::canon_record!(LineDetail {
    control_number,
    unit,
    drug,
    cavities,
    teeth
} without {
    non_covered
});
crate::canon_record!(ServiceLine {
    number,
    system,
    procedure,
    modifiers,
    revenue,
    place,
    diagnoses,
    quantity,
    charge,
    from,
    through,
    rendering,
    emergency,
    detail,
    prior,
});
