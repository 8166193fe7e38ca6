//! What only institutional claims have (UB-04, 837I), and what may stand on any
//! claim beside its lines.

use tally_types::{Code, Money, ServiceDate, ShortCode};

use super::Limits;
use super::provider::Provider;

/// The fields of a UB-04 that a price or an edit may depend on.
#[derive(Clone, PartialEq, Eq)]
pub struct Institutional {
    /// Type of facility and of care: the type of bill without its frequency (FL 4).
    pub bill_type: ShortCode,
    /// The first day of the statement (FL 6).
    pub from: ServiceDate,
    /// The last day of the statement.
    pub through: ServiceDate,
    /// The day of admission or start of care (FL 12).
    pub admission: Option<ServiceDate>,
    /// Type of admission (FL 14).
    pub admission_type: ShortCode,
    /// Point of origin (FL 15).
    pub origin: ShortCode,
    /// Discharge status (FL 17).
    pub discharge: ShortCode,
    /// The diagnosis-related group, as the sender has it.
    pub drg: ShortCode,
    /// Who is in charge of the patient.
    pub attending: Option<Provider>,
    /// Procedures (ICD-10-PCS), the principal first.
    pub procedures: Vec<DatedProcedure>,
    /// Value codes with their amounts (FL 39 to 41).
    pub values: Vec<ValueCode>,
    /// Occurrence codes with their days (FL 31 to 34).
    pub occurrences: Vec<OccurrenceCode>,
    /// Condition codes (FL 18 to 28).
    pub conditions: Vec<ShortCode>,
}

impl Institutional {
    /// The first of its lists that holds more than an 837I can, by its name.
    #[must_use]
    pub fn too_many(&self) -> Option<&'static str> {
        let spans = self.occurrences.iter().filter(|of| of.through.is_some());
        let spans = spans.count();
        let days = self.occurrences.len().saturating_sub(spans);
        let codes = Limits::INSTITUTIONAL_CODES;
        [
            ("procedures", self.procedures.len(), Limits::PROCEDURES),
            ("value codes", self.values.len(), codes),
            ("occurrence codes", days, codes),
            ("occurrence spans", spans, codes),
            ("condition codes", self.conditions.len(), codes),
        ]
        .into_iter()
        .find(|(_, held, most)| held > most)
        .map(|(name, ..)| name)
    }
}

/// A procedure of an institutional claim, and its day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DatedProcedure {
    /// The procedure.
    pub code: Code,
    /// When.
    pub on: Option<ServiceDate>,
}

/// A value code. Some amounts are days or units: the code says which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ValueCode {
    /// The code.
    pub code: ShortCode,
    /// The amount, in hundredths.
    pub amount: Money,
}

/// An occurrence code, or that of a span, with its days.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OccurrenceCode {
    /// The code.
    pub code: ShortCode,
    /// The day, or the first one.
    pub from: ServiceDate,
    /// The last day of a span.
    pub through: Option<ServiceDate>,
}

/// What led to the care.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// The referral number the sender names (X12 REF 9F).
    pub referral: Option<String>,
    /// Who referred.
    pub referring: Option<Provider>,
    /// Where it was done, when that is not where the billing provider is.
    pub facility: Option<Provider>,
    /// An accident.
    pub accident: Option<Accident>,
}

/// An accident that the care is for (X12 CLM11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Accident {
    /// With a vehicle, at work, or other.
    pub cause: AccidentCause,
    /// When, where the sender says.
    pub on: Option<ServiceDate>,
}

/// What kind of accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccidentCause {
    /// A vehicle: another insurer may be liable.
    Vehicle,
    /// At work: workers' compensation.
    Employment,
    /// Other.
    Other,
}

crate::canon_enum!(AccidentCause { Vehicle = 1, Employment = 2, Other = 3 });
crate::canon_record!(Accident { cause, on });
crate::canon_record!(Circumstances {
    referral,
    referring,
    facility,
    accident
});
crate::canon_record!(OccurrenceCode {
    code,
    from,
    through
});
crate::canon_record!(ValueCode { code, amount });
crate::canon_record!(DatedProcedure { code, on });
crate::canon_record!(Institutional {
    bill_type,
    from,
    through,
    admission,
    admission_type,
    origin,
    discharge,
    drg,
    attending,
    procedures,
    values,
    occurrences,
    conditions,
});
