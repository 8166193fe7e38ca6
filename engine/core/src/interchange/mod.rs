//! Claims in, answers out: the formats of the outside world.
//!
//! [`read_claims`] takes the bytes of one file and counts every claim in it
//! exactly once: it became a [`Claim`], or a [`Refusal`] with a place and a
//! reason. What cannot be read at all is one claim read and one refused.
//! No error text holds anything that could name a person.

mod benefit;
mod contract;
mod decimal;
mod draft;
mod fhir;
mod format;
mod json;
mod limits;
mod node;
mod outcome;
mod prior;
mod refusal;
mod scalar;
mod tally;
pub mod x12;

use tally_types::ServiceDate;

use crate::claim::Claim;
use refusal::Fault;

pub use benefit::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork, Benefits, CopayPer,
    ServiceBenefit, ServiceLimit,
};
pub use contract::{ContractFileError, contract_json, read_contracts};
pub use fhir::{
    AskedItem, AuthorizationAnswer, Eligibility, EligibilityRequest, Explanation, Insurer, PaidOn,
    Purpose, authorization_response, cancelled_claim_response, claim_response, coverage_lines,
    coverage_resource, eligibility_response, explanation_lines, explanation_of_benefit,
    operation_outcome, patient_access_bundle, patient_lines, patient_resource,
    predetermination_response, read_authorization_request, read_eligibility_request, resource_line,
};
pub use format::{Format, detect};
pub use limits::FileLimits;
pub use outcome::outcome_json;
pub use refusal::{IntakeRule, Refusal};
pub use tally::claim_json;

/// Where a file came from: with a claim's position in it, this is what its id
/// is made of.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The submitting organisation, as authenticated (embedded: `local`).
    pub submitter: &'a str,
    /// The interchange control number, or the SHA-256 of the file.
    pub interchange: &'a str,
    /// The day the file was received.
    pub received: ServiceDate,
}

/// Whether claims of test data are read: of an X12 interchange whose ISA15 is `T`.
/// Other formats do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestData {
    /// They are, as any others.
    Read,
    /// They are refused by name.
    Refused,
}

/// What was read of a file. `read` is the sum of the two lists.
pub struct ReadClaims {
    /// How many claims the file holds.
    pub read: u32,
    /// Those that can be adjudicated.
    pub claims: Vec<Claim>,
    /// Those that cannot, each with its first error.
    pub refusals: Vec<Refusal>,
}

impl ReadClaims {
    fn new() -> Self {
        Self {
            read: 0,
            claims: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// Counts one claim, read or refused by `read`, which is given its position.
    fn take(&mut self, read: impl FnOnce(u32) -> Result<Claim, Fault>) {
        let position = self.read;
        self.read = self.read.saturating_add(1);
        match read(position) {
            Ok(claim) => self.claims.push(claim),
            Err(fault) => self.refusals.push(fault.at(position)),
        }
    }

    fn refuse(&mut self, fault: Fault) {
        self.take(|_| Err(fault));
    }
}

/// Reads the claims of a file. Without a `format` it is told by the content.
///
/// A FHIR Claim counts wherever it stands: alone, in an entry of a Bundle, or
/// on a line of ndjson. Other resources are not counted; those in the same
/// Bundle or file are what references are resolved in. A line, entry or list
/// item that cannot be read counts as one claim, and is refused; so does a
/// file that cannot be read, or that has no claim in it.
///
/// Memory is bounded by the file: at most [`FileLimits::VALUES`] JSON values are
/// held at a time, and [`FileLimits::BYTES`] read.
///
/// Claims of test data are read as any others: [`read_claims_with`] can refuse them.
#[must_use]
pub fn read_claims(bytes: &[u8], format: Option<Format>, source: &Source<'_>) -> ReadClaims {
    read_claims_with(bytes, format, source, TestData::Read)
}

/// Reads the claims of a file as [`read_claims`], and those of test data as is said.
/// A payer's own intake refuses them: they are acknowledged (TA1, 999, 277CA) as any
/// others, and never paid.
#[must_use]
pub fn read_claims_with(
    bytes: &[u8],
    format: Option<Format>,
    source: &Source<'_>,
    test_data: TestData,
) -> ReadClaims {
    let mut reading = ReadClaims::new();
    if let Err(fault) = read(bytes, format, source, test_data, &mut reading) {
        reading.refuse(fault);
    }
    if reading.read == 0 {
        reading.refuse(Fault::new(
            IntakeRule::NoClaim,
            "file",
            "there is no claim in the file",
        ));
    }
    reading
}

fn read(
    bytes: &[u8],
    format: Option<Format>,
    source: &Source<'_>,
    test_data: TestData,
    reading: &mut ReadClaims,
) -> Result<(), Fault> {
    let file = |rule: IntakeRule, reason: String| Fault::new(rule, "file", reason);
    check_file(bytes)?;
    match format.or_else(|| detect(bytes)) {
        Some(Format::FhirJson) => fhir::read_document(utf8(bytes, "file")?, source, reading),
        Some(Format::FhirNdjson) => fhir::read_lines(bytes, source, reading),
        Some(Format::TallyJson) => tally::read_document(utf8(bytes, "file")?, source, reading),
        Some(Format::X12) => {
            x12::read(&tally_x12::text_of(bytes), source, test_data, reading);
            Ok(())
        }
        None => {
            utf8(bytes, "file")?;
            Err(file(
                IntakeRule::UnknownFormat,
                "it is neither X12, FHIR R4 JSON or ndjson, nor tallystick-claim/v1 JSON".into(),
            ))
        }
    }
}

/// What every file must be before it is parsed.
fn check_file(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > FileLimits::BYTES {
        return Err(Fault::new(
            IntakeRule::FileTooLarge,
            "file",
            format!(
                "{} bytes where at most {} are read; send it in parts",
                bytes.len(),
                FileLimits::BYTES
            ),
        ));
    }
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    if marks.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(Fault::new(
            IntakeRule::ByteOrderMark,
            "file",
            "it begins with a byte-order mark: send X12 and JSON as UTF-8 without one",
        ));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(Fault::new(IntakeRule::Empty, "file", "it is empty"));
    }
    Ok(())
}

/// Refuses a file with more lines, entries or claims than are read at once.
fn check_items(count: usize, place: &str) -> Result<(), Fault> {
    if count > FileLimits::ITEMS {
        return Err(Fault::new(
            IntakeRule::TooMany,
            place,
            format!(
                "{count} where at most {} are read; send it in parts",
                FileLimits::ITEMS
            ),
        ));
    }
    Ok(())
}

fn utf8<'a>(bytes: &'a [u8], place: &str) -> Result<&'a str, Fault> {
    core::str::from_utf8(bytes).map_err(|error| {
        Fault::new(
            IntakeRule::NotUtf8,
            place,
            format!("byte {} is not UTF-8", error.valid_up_to()),
        )
    })
}
