//! Other payers: who comes before, and what they did. As the sender says it; what
//! it comes to is for the policy.

use tally_types::{Group, Money, Quantity, ServiceDate, ShortCode};

/// Where this payer stands among those of the claim, and what the others did.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Coordination {
    /// This payer's place: 1 is primary, 2 secondary, and so on; 0 when the sender
    /// does not say (X12 SBR01).
    pub sequence: u8,
    /// The other payers, as the sender lists them, at most
    /// [`super::Limits::OTHER_PAYERS`].
    pub others: Vec<OtherPayer>,
    /// What the patient has paid already (X12 AMT F5).
    pub patient_paid: Money,
}

/// Another payer of a claim (X12 loops 2320 and 2330).
#[derive(Clone, PartialEq, Eq)]
pub struct OtherPayer {
    /// Its identifier, as sent.
    pub identifier: String,
    /// Its place: 1 is primary; 0 when the sender does not say.
    pub sequence: u8,
    /// What kind of cover it is (X12 SBR09: `MB` Medicare Part B, `CI` commercial…).
    pub filing: ShortCode,
    /// What it paid of the whole claim.
    pub paid: Option<Money>,
    /// What it left to the patient.
    pub remaining: Option<Money>,
    /// The day it decided.
    pub decided: Option<ServiceDate>,
    /// What it adjusted of the claim as a whole; lines have theirs.
    pub adjustments: Vec<PriorAdjustment>,
}

/// What another payer did to a line (X12 loop 2430).
#[derive(Clone, PartialEq, Eq)]
pub struct PriorLine {
    /// Which: its position in [`Coordination::others`].
    pub payer: u8,
    /// What it paid of the line.
    pub paid: Money,
    /// The units it paid for.
    pub units: Quantity,
    /// What it left to the patient.
    pub remaining: Option<Money>,
    /// The day it decided.
    pub decided: Option<ServiceDate>,
    /// What it adjusted.
    pub adjustments: Vec<PriorAdjustment>,
}

impl PriorLine {
    /// What the same payer did to another part of the line, which it split (an 835 that
    /// unbundles a service; X12 SVD06): the line is all of its parts. None when an
    /// amount is too large.
    #[must_use]
    pub fn with(mut self, part: Self) -> Option<Self> {
        self.paid = self.paid.checked_add(part.paid)?;
        self.units = self.units.checked_add(part.units)?;
        self.remaining = match (self.remaining, part.remaining) {
            (Some(one), Some(other)) => Some(one.checked_add(other)?),
            (one, other) => one.or(other),
        };
        self.decided = self.decided.max(part.decided);
        for of in part.adjustments {
            let mut same = self.adjustments.iter_mut();
            let same = same.find(|had| (had.group, had.reason) == (of.group, of.reason));
            match same {
                Some(had) => had.amount = had.amount.checked_add(of.amount)?,
                None => self.adjustments.push(of),
            }
        }
        Some(self)
    }
}

/// One adjustment of another payer. Its reason may be one that this engine never
/// gives, or that has letters.
#[derive(Clone, PartialEq, Eq)]
pub struct PriorAdjustment {
    /// Who bears it.
    pub group: Group,
    /// The claim adjustment reason code, as sent.
    pub reason: ShortCode,
    /// How much; below zero where the payer took something back.
    pub amount: Money,
}

crate::canon_record!(Coordination {
    sequence,
    others,
    patient_paid
});
crate::canon_record!(OtherPayer {
    identifier,
    sequence,
    filing,
    paid,
    remaining,
    decided,
    adjustments,
});
crate::canon_record!(PriorLine {
    payer,
    paid,
    units,
    remaining,
    decided,
    adjustments,
});
crate::canon_record!(PriorAdjustment {
    group,
    reason,
    amount
});
