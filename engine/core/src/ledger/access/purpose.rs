//! What a claim is read for: codes of HL7 v3 `PurposeOfUse`.

use crate::canon::{Canon, DecodeError, Reader};

/// A purpose. Its numbers are stable; its codes are of the HL7 v3 value set
/// `PurposeOfUse` (code system `ActReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// `TREAT`: treatment.
    Treatment,
    /// `COC`: coordination of care.
    Coordination,
    /// `ETREAT`: emergency treatment.
    EmergencyTreatment,
    /// `BTG`: emergency treatment, breaking the glass.
    BreakTheGlass,
    /// `ERTREAT`: treatment in an emergency room.
    EmergencyRoom,
    /// `HPAYMT`: payment.
    Payment,
    /// `CLMATTCH`: an attachment to a claim.
    Attachment,
    /// `COVAUTH`: authorisation of coverage.
    Authorization,
    /// `COVERAGE`: coverage under a policy.
    Coverage,
    /// `REMITADV`: remittance advice.
    Remittance,
    /// `HOPERAT`: operations.
    Operations,
    /// `FRAUD`: finding fraud.
    Fraud,
    /// `HQUALIMP`: improving quality.
    Quality,
    /// `HLEGAL`: legal.
    Legal,
    /// `HRESCH`: research.
    Research,
    /// `PUBHLTH`: public health.
    PublicHealth,
    /// `PATRQT`: the patient asked for it.
    PatientRequest,
    /// `FAMRQT`: the family asked for it.
    FamilyRequest,
    /// `PWATRNY`: a power of attorney.
    PowerOfAttorney,
}

/// Number, code, and what it is a kind of.
type Row = (Purpose, u8, &'static str, Option<Purpose>);

const TABLE: [Row; 19] = {
    use Purpose as P;
    [
        (P::Treatment, 1, "TREAT", None),
        (P::Coordination, 2, "COC", Some(P::Treatment)),
        (P::EmergencyTreatment, 3, "ETREAT", Some(P::Treatment)),
        (P::BreakTheGlass, 4, "BTG", Some(P::EmergencyTreatment)),
        (P::EmergencyRoom, 5, "ERTREAT", Some(P::EmergencyTreatment)),
        (P::Payment, 10, "HPAYMT", None),
        (P::Attachment, 11, "CLMATTCH", Some(P::Payment)),
        (P::Authorization, 12, "COVAUTH", Some(P::Payment)),
        (P::Coverage, 13, "COVERAGE", Some(P::Payment)),
        (P::Remittance, 14, "REMITADV", Some(P::Payment)),
        (P::Operations, 20, "HOPERAT", None),
        (P::Fraud, 21, "FRAUD", Some(P::Operations)),
        (P::Quality, 22, "HQUALIMP", Some(P::Operations)),
        (P::Legal, 23, "HLEGAL", Some(P::Operations)),
        (P::Research, 30, "HRESCH", None),
        (P::PublicHealth, 31, "PUBHLTH", None),
        (P::PatientRequest, 40, "PATRQT", None),
        (P::FamilyRequest, 41, "FAMRQT", Some(P::PatientRequest)),
        (P::PowerOfAttorney, 42, "PWATRNY", Some(P::PatientRequest)),
    ]
};

impl Purpose {
    /// What a payer reads its claims for by right: payment and operations (45 CFR
    /// 164.506(c)), and what the patient asks of it.
    pub const OF_PAYER: &'static [Self] = &[Self::Payment, Self::Operations, Self::PatientRequest];

    /// Every purpose.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.into_iter().map(|(purpose, ..)| purpose)
    }

    fn row(self) -> Option<Row> {
        TABLE.into_iter().find(|(purpose, ..)| *purpose == self)
    }

    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().map_or("", |(_, _, code, _)| code)
    }

    /// Reads a code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let found = TABLE.into_iter().find(|(_, _, of, _)| *of == code);
        found.map(|(purpose, ..)| purpose)
    }

    /// Whether it is `other`, or a kind of it: who may read for treatment may read
    /// for emergency treatment.
    #[must_use]
    pub fn is_under(self, other: Self) -> bool {
        self == other
            || self
                .row()
                .and_then(|(.., of)| of)
                .is_some_and(|of| of.is_under(other))
    }
}

impl Canon for Purpose {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.row().map_or(0, |(_, number, ..)| number));
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = u8::take(from)?;
        let found = TABLE.into_iter().find(|(_, of, ..)| *of == number);
        found
            .map(|(purpose, ..)| purpose)
            .ok_or_else(|| from.invalid("purpose", number.into()))
    }
}
