//! From what a format gave to a claim: the checks that hold for every format.

use tally_types::{Code, Money, ServiceDate};

use super::Source;
use super::decimal;
use super::node::Node;
use super::refusal::{Fault, IntakeRule, Place};
use crate::claim::{
    Circumstances, Claim, ClaimId, ClaimKind, Coordination, Frequency, Institutional, Limits,
    MemberReference, Provider, ServiceLine, SubmissionKey,
};

/// A claim as read, before the checks that look at the whole of it.
pub(super) struct Draft {
    pub kind: ClaimKind,
    pub frequency: Frequency,
    pub replaces: Option<ClaimId>,
    pub control_number: String,
    pub member: MemberReference,
    pub billing: Provider,
    pub diagnoses: Vec<Code>,
    pub authorizations: Vec<String>,
    pub coordination: Coordination,
    pub circumstances: Circumstances,
    pub institutional: Option<Institutional>,
    /// The lines, by number, each with where it stands.
    pub lines: Vec<(ServiceLine, String)>,
}

impl Draft {
    /// An original claim with what every claim has.
    pub fn new(kind: ClaimKind, member: MemberReference, billing: Provider) -> Self {
        Self {
            kind,
            frequency: Frequency::Original,
            replaces: None,
            control_number: String::new(),
            member,
            billing,
            diagnoses: Vec::new(),
            authorizations: Vec::new(),
            coordination: Coordination::default(),
            circumstances: Circumstances::default(),
            institutional: None,
            lines: Vec::new(),
        }
    }

    /// The claim, checked as a whole. `lines_at` is where its lines stand; `total`
    /// is what the sender says they come to, and where.
    pub fn into_claim(
        self,
        lines_at: &str,
        total: Option<(Money, &impl Place)>,
        source: &Source<'_>,
        position: u32,
    ) -> Result<Claim, Fault> {
        let wrong = |rule, reason: &str| Fault::new(rule, lines_at, reason);
        if self.lines.is_empty() {
            return Err(wrong(IntakeRule::Missing, "a claim has lines"));
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
            .ok_or_else(|| wrong(IntakeRule::OverLimit, "the sum is too large"))
            .and_then(|sum| decimal::within(&At(lines_at), sum))?;
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
            frequency: self.frequency,
            replaces: self.replaces,
            control_number: self.control_number,
            member: self.member,
            billing: self.billing,
            diagnoses: self.diagnoses,
            authorizations: self.authorizations,
            charge,
            received: source.received,
            coordination: self.coordination,
            circumstances: self.circumstances,
            institutional: self.institutional,
            lines: self.lines.into_iter().map(|(line, _)| line).collect(),
        })
    }
}

/// A place that is known by its name alone.
pub(super) struct At<'a>(pub &'a str);

impl Place for At<'_> {
    fn fault(&self, rule: IntakeRule, reason: impl Into<String>) -> Fault {
        Fault::new(rule, self.0, reason)
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

/// What a sender itself declares not covered of a charge: never more than it.
pub(super) fn declared(node: &impl Place, amount: Money, charge: Money) -> Result<Money, Fault> {
    match amount > charge {
        false => Ok(amount),
        true => Err(node.fault(
            IntakeRule::DetailsDiffer,
            format!("{amount} is declared not covered of a charge of {charge}"),
        )),
    }
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
