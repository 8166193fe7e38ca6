//! From what a format gave to a claim: the checks that hold for every format.

use tally_types::{Code, Money, ServiceDate};

use super::Source;
use super::decimal;
use super::node::Node;
use super::refusal::{Fault, IntakeRule};
use crate::claim::{
    Claim, ClaimId, ClaimKind, Frequency, Limits, MemberReference, Provider, ServiceLine,
    SubmissionKey,
};

/// A claim as read, before the checks that look at the whole of it.
pub(super) struct Draft {
    pub kind: ClaimKind,
    pub control_number: String,
    pub member: String,
    pub billing: Provider,
    pub diagnoses: Vec<Code>,
    pub authorizations: Vec<String>,
    /// The lines, by number, each with where it stands.
    pub lines: Vec<(ServiceLine, String)>,
}

impl Draft {
    /// The claim, checked as a whole. `total` is what the sender says the lines
    /// come to, and where.
    pub fn into_claim(
        self,
        node: &Node<'_>,
        lines_key: &str,
        total: Option<(Money, Node<'_>)>,
        source: &Source<'_>,
        position: u32,
    ) -> Result<Claim, Fault> {
        if self.lines.is_empty() {
            return Err(node.fault_at(lines_key, IntakeRule::Missing, "a claim has lines"));
        }
        for (line, place) in &self.lines {
            check_dates(line, place, source.received)?;
        }
        for ((a, _), (b, place)) in self.lines.iter().zip(self.lines.iter().skip(1)) {
            if a.number >= b.number {
                return Err(Fault::new(
                    IntakeRule::Sequence,
                    place.clone(),
                    format!("line number {} is used twice or out of order", b.number),
                ));
            }
        }
        let charge = Money::checked_sum(self.lines.iter().map(|(line, _)| line.charge))
            .ok_or_else(|| node.fault_at(lines_key, IntakeRule::OverLimit, "the sum is too large"))
            .and_then(|sum| decimal::within(node, sum))?;
        if let Some((total, at)) = total
            && total != charge
        {
            return Err(at.fault(
                IntakeRule::TotalDiffers,
                format!("the total is {total}, the lines come to {charge}"),
            ));
        }
        Ok(Claim {
            id: ClaimId::of(&SubmissionKey {
                submitter: source.submitter.to_owned(),
                interchange: source.interchange.to_owned(),
                position,
            }),
            kind: self.kind,
            frequency: Frequency::Original,
            control_number: self.control_number,
            member: MemberReference {
                identifier: self.member,
            },
            billing: self.billing,
            diagnoses: self.diagnoses,
            authorizations: self.authorizations,
            charge,
            received: source.received,
            lines: self.lines.into_iter().map(|(line, _)| line).collect(),
        })
    }
}

fn check_dates(line: &ServiceLine, place: &str, received: ServiceDate) -> Result<(), Fault> {
    if line.through < line.from {
        return Err(Fault::new(
            IntakeRule::DatesOutOfOrder,
            place,
            "the service ends before it begins",
        ));
    }
    if line.through > received {
        return Err(Fault::new(
            IntakeRule::ServiceInFuture,
            place,
            "the service is later than the day the claim was received",
        ));
    }
    Ok(())
}

/// Prior authorisation numbers, as the sender lists them.
pub(super) fn authorizations(node: &Node<'_>, key: &str) -> Result<Vec<String>, Fault> {
    node.items_within(key, Limits::AUTHORIZATIONS)?
        .iter()
        .map(super::scalar::need_identifier)
        .collect()
}

/// The bit of a diagnosis pointer, counted from zero.
pub(super) fn pointer_bit(position: usize) -> u32 {
    u32::try_from(position)
        .ok()
        .and_then(|by| 1u32.checked_shl(by))
        .unwrap_or(0)
}
