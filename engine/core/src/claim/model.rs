//! The claim as adjudicated. It holds protected health information, so
//! neither it nor its parts have `Debug` or `Display`.

use sha2::{Digest, Sha256};
use tally_types::{Code, Money, ServiceDate};

use super::coordination::Coordination;
use super::enrolment::{Contract, Sex};
use super::institutional::{Circumstances, Institutional};
use super::provider::Provider;
use super::service::ServiceLine;
use crate::canon::{Canon, DecodeError, Reader};

/// Names a claim on this node: derived from its submission, so that the same
/// submission always has the same id. It identifies no person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub [u8; 16]);

impl ClaimId {
    /// The id of the claim at this place of this submission.
    #[must_use]
    pub fn of(key: &SubmissionKey) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/claim-id/v1");
        hasher.update(key.to_canon());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        Self(id)
    }

    /// Reads 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digits) {
            return None;
        }
        u128::from_str_radix(text, 16)
            .ok()
            .map(|n| Self(n.to_be_bytes()))
    }
}

impl core::fmt::Display for ClaimId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Canon for ClaimId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(<[u8; 16]>::take(from)?))
    }
}

/// What makes intake idempotent: who sent it, in what, and where in it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubmissionKey {
    /// The submitting organisation, as authenticated (embedded: `local`).
    pub submitter: String,
    /// The interchange control number, or the SHA-256 of the file.
    pub interchange: String,
    /// Position in the interchange, from zero.
    pub position: u32,
}

/// What kind of claim: which fields mean what, and which code lists apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
    /// CMS-1500, 837P.
    Professional,
    /// UB-04, 837I.
    Institutional,
    /// 837D.
    Oral,
    /// Eyewear and eye care.
    Vision,
    /// Drugs.
    Pharmacy,
}

/// Claim frequency (CLM05-3). Interim and late-charge bills, and those that ask
/// for nothing (0), are refused by name at intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// 1: an original claim.
    Original,
    /// 7: takes the place of an earlier claim.
    Replacement,
    /// 8: takes an earlier claim back.
    Void,
}

/// The member as the sender names them; resolved in enrolment, never trusted.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberReference {
    /// The identifier as sent, at most [`super::Limits::IDENTIFIER_BYTES`]. Where the
    /// sender names the subscriber and describes the patient, the subscriber's until
    /// [`MemberReference::resolve`].
    pub identifier: String,
    /// The patient, described, where the identifier is the subscriber's.
    pub dependant: Option<Dependant>,
}

/// A patient as X12 describes one that is not the subscriber (loop 2010CA).
#[derive(Clone, PartialEq, Eq)]
pub struct Dependant {
    /// Family name.
    pub family: String,
    /// Given name, empty when it is not sent.
    pub given: String,
    /// Date of birth.
    pub birth: ServiceDate,
    /// Sex.
    pub sex: Sex,
}

impl MemberReference {
    /// A member named by an identifier of their own.
    #[must_use]
    pub fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            dependant: None,
        }
    }

    /// Puts a described patient's own identifier in the place of the subscriber's:
    /// the member that [`Contract::described`] finds. Where there is none, or the
    /// contract is unknown, the identifier becomes one that no member has: never the
    /// subscriber's.
    pub fn resolve(&mut self, contract: Option<&Contract>) {
        let Some(patient) = &self.dependant else {
            return;
        };
        let found = contract.and_then(|contract| contract.described(patient));
        self.identifier = match found {
            Some(member) => member.id.clone(),
            None => patient.label(&self.identifier),
        };
    }
}

impl Dependant {
    /// What tells an unknown dependant of a subscriber from every member and from
    /// others: no identifier of a card has a line break.
    fn label(&self, subscriber: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/unknown-dependant/v1");
        hasher.update(self.to_canon());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut label = String::from(subscriber);
        label.push('\n');
        for byte in digest.iter().take(8) {
            label.push_str(&format!("{byte:02x}"));
        }
        label
    }
}

/// One claim, parsed and checked, with the dates sealed at intake.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// This claim's name on this node.
    pub id: ClaimId,
    /// What kind of claim it is.
    pub kind: ClaimKind,
    /// Original, replacement or void.
    pub frequency: Frequency,
    /// The claim it replaces or voids, by this payer's number for it (X12 REF F8).
    pub replaces: Option<ClaimId>,
    /// The sender's own number for it (CLM01), echoed in answers.
    pub control_number: String,
    /// The member as sent.
    pub member: MemberReference,
    /// Who bills.
    pub billing: Provider,
    /// Diagnoses, principal first.
    pub diagnoses: Vec<Code>,
    /// Prior authorisation numbers the sender names.
    pub authorizations: Vec<String>,
    /// The sum of the lines' charges.
    pub charge: Money,
    /// When it was received: sealed at intake, an input ever after.
    pub received: ServiceDate,
    /// Other payers.
    pub coordination: Coordination,
    /// What led to the care.
    pub circumstances: Circumstances,
    /// What only an institutional claim has.
    pub institutional: Option<Institutional>,
    /// The service lines, at least one.
    pub lines: Vec<ServiceLine>,
}

impl Claim {
    /// The earliest date of service, or the received date of a claim without
    /// lines (which intake never makes).
    #[must_use]
    pub fn first_service(&self) -> ServiceDate {
        self.lines
            .iter()
            .map(|line| line.from)
            .min()
            .unwrap_or(self.received)
    }
}

crate::canon_record!(SubmissionKey {
    submitter,
    interchange,
    position
});
crate::canon_record!(MemberReference {
    identifier,
    dependant
});
crate::canon_record!(Dependant {
    family,
    given,
    birth,
    sex
});
crate::canon_enum!(ClaimKind {
    Professional = 1,
    Institutional = 2,
    Oral = 3,
    Vision = 4,
    Pharmacy = 5,
});
crate::canon_enum!(Frequency { Original = 1, Replacement = 7, Void = 8 });

/// What the sender declares not covered of a line. A claim of which there is some has a
/// list of it behind its lines; most claims end there, as all did once.
struct NonCovered {
    line: u16,
    amount: Money,
}

impl NonCovered {
    /// The bytes of the least list there is of them: its length, and one.
    const LEAST: usize = 14;

    fn put_behind(claim: &Claim, out: &mut Vec<u8>) {
        let some = |line: &&ServiceLine| !line.detail.non_covered.is_zero();
        let of = |line: &ServiceLine| Self {
            line: line.number,
            amount: line.detail.non_covered,
        };
        let all: Vec<Self> = claim.lines.iter().filter(some).map(of).collect();
        if !all.is_empty() {
            all.put(out);
        }
    }

    /// Each is of a line that has none yet, and is behind those before.
    fn take_behind(mut claim: Claim, from: &mut Reader<'_>) -> Result<Claim, DecodeError> {
        if from.left() < Self::LEAST {
            return Ok(claim);
        }
        let all: Vec<Self> = Canon::take(from)?;
        if all.is_empty() {
            return Err(from.invalid("non-covered charges", 0));
        }
        let mut lines = claim.lines.iter_mut();
        for of in &all {
            let line = lines.find(|line| line.number == of.line);
            let line = line.filter(|_| of.amount > Money::ZERO);
            let wrong = || from.invalid("non-covered charge", of.line.into());
            line.ok_or_else(wrong)?.detail.non_covered = of.amount;
        }
        Ok(claim)
    }
}

crate::canon_record!(NonCovered { line, amount });
crate::canon_record!(Claim {
    id,
    kind,
    frequency,
    replaces,
    control_number,
    member,
    billing,
    diagnoses,
    authorizations,
    charge,
    received,
    coordination,
    circumstances,
    institutional,
    lines,
} then NonCovered);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_id_goes_out_and_back() {
        let id = ClaimId::of(&SubmissionKey {
            submitter: "local".into(),
            interchange: "000000001".into(),
            position: 0,
        });
        assert_eq!(ClaimId::parse(&id.to_string()), Some(id));
        assert_eq!(ClaimId::parse("0"), None);
        assert_eq!(ClaimId::parse("+0000000000000000000000000000001"), None);
        assert_eq!(ClaimId::parse("A0000000000000000000000000000001"), None);
    }
}
