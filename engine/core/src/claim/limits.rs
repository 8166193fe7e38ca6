//! What a claim and a contract may hold at most.

use tally_types::Money;

/// Bounds on a claim and a contract, with their reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits;

impl Limits {
    /// Service lines: X12 837I allows 999.
    pub const LINES: usize = 999;
    /// Diagnoses that lines may point to: an 837I has the principal one and two segments
    /// of twelve, and a line points with 32 bits.
    pub const DIAGNOSES: usize = 32;
    /// Modifiers of a line: X12 SV101 and a UB-04 have four.
    pub const MODIFIERS: usize = 4;
    /// Prior authorisation numbers named on a claim.
    pub const AUTHORIZATIONS: usize = 16;
    /// Other payers of a claim: X12 837 allows ten.
    pub const OTHER_PAYERS: usize = 10;
    /// Adjustments of another payer on a claim or line: five groups of six (X12 CAS).
    pub const PRIOR_ADJUSTMENTS: usize = 30;
    /// Teeth of a line: X12 allows 32.
    pub const TEETH: usize = 32;
    /// Value codes, condition codes, occurrence codes and occurrence spans, of each kind:
    /// two segments of twelve (X12 837I, HI of BE, BG, BH, BI).
    pub const INSTITUTIONAL_CODES: usize = 24;
    /// Procedures: the principal one (HI of BBR) and two segments of twelve (BBQ).
    pub const PROCEDURES: usize = 25;
    /// Occurrence codes and occurrence spans together.
    pub const OCCURRENCES: usize = 48;
    /// Bytes of an identifier as sent (control number, member, provider).
    pub const IDENTIFIER_BYTES: usize = 128;
    /// The largest charge of a line or claim: 99,999,999.99, as a UB-04 holds.
    pub const CHARGE: Money = Money::cents(9_999_999_999);
    /// The most units of a line.
    pub const UNITS: i64 = 9_999_999;
    /// Members of a contract: a large family many times over.
    pub const MEMBERS: usize = 64;
    /// Spans of cover of a member: a change a month for ten years.
    pub const SPANS: usize = 120;
    /// Prior authorisations on file for a member.
    pub const MEMBER_AUTHORIZATIONS: usize = 256;
}
