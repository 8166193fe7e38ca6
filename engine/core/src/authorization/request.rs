//! What is asked for. It holds protected health information: no `Debug`, no `Display`.

use tally_types::{Code, CodeSystem, Quantity, ServiceDate, ShortCode};

use super::fault::RequestError;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::{AuthorizationKind, ClaimKind, Limits, MemberReference, Modifiers, Provider};

/// What a request asks to be done (X12 278, UM02).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certification {
    /// A first authorisation.
    Initial,
    /// Another one after it, of the same care.
    Renewal,
    /// Another one in its place, restated in whole.
    Revised,
    /// That it be taken back.
    Cancel,
}

/// How soon an answer is needed (X12 278, UM06).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It can be planned.
    Elective,
    /// It cannot wait long.
    Urgent,
    /// An emergency.
    Emergency,
}

/// What a renewal, a revision or a cancellation is of.
#[derive(Clone, PartialEq, Eq)]
pub enum Earlier {
    /// An authorisation, by its number.
    Authorization(String),
    /// A request, by the sender's own number for it.
    Request(String),
}

/// One service that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// Its number within the request, from 1.
    pub number: u16,
    /// The sender's own numbers for it, echoed in the answer.
    pub traces: Vec<String>,
    /// Type of service (X12 list 1365); none where it is not said.
    pub service: ShortCode,
    /// Which list the procedure is of.
    pub system: CodeSystem,
    /// The procedure; none only of a referral for whatever is needed.
    pub procedure: Code,
    /// Modifiers.
    pub modifiers: Modifiers,
    /// Units asked for.
    pub quantity: Quantity,
    /// What a unit is (X12 list 355); none where it is not said.
    pub unit: ShortCode,
    /// First and last day asked for; none where the payer is to say.
    pub span: Option<(ServiceDate, ServiceDate)>,
    /// Diagnosis pointers, a bit each.
    pub diagnoses: u32,
    /// Who is to give it; none where it may be anybody.
    pub servicing: Option<Provider>,
}

/// A request for a prior authorisation or a referral.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Which of the two.
    pub kind: AuthorizationKind,
    /// What is to be done.
    pub certification: Certification,
    /// What it is to be done to; none of an initial request.
    pub earlier: Option<Earlier>,
    /// How soon an answer is needed.
    pub urgency: Urgency,
    /// What kind of claim is to follow.
    pub claim: ClaimKind,
    /// The sender's own number, echoed in the answer; empty where there is none.
    pub control_number: String,
    /// The member as sent.
    pub member: MemberReference,
    /// Who asks.
    pub requesting: Provider,
    /// Diagnoses, the principal one first.
    pub diagnoses: Vec<Code>,
    /// The services, by number.
    pub lines: Vec<RequestLine>,
}

impl Request {
    /// Checks what deciding relies on.
    ///
    /// # Errors
    /// The first thing found that is not sound. No error names a person.
    pub fn check(&self) -> Result<(), RequestError> {
        if self.lines.is_empty() {
            return Err(RequestError::NoLines);
        }
        if self.lines.len() > Limits::LINES {
            return Err(RequestError::TooManyLines);
        }
        if (self.certification == Certification::Initial) != self.earlier.is_none() {
            return Err(RequestError::Earlier);
        }
        let mut before = 0;
        for line in &self.lines {
            let number = line.number;
            if number <= before {
                return Err(RequestError::Number { line: number });
            }
            before = number;
            if line.quantity.is_zero() || line.quantity.is_negative() {
                return Err(RequestError::Units { line: number });
            }
            if line.span.is_some_and(|(from, through)| through < from) {
                return Err(RequestError::Span { line: number });
            }
            if line.procedure.is_none() && self.kind == AuthorizationKind::Authorization {
                return Err(RequestError::NoProcedure { line: number });
            }
            // Without a code an authorisation would read as one for anybody.
            if line
                .servicing
                .as_ref()
                .is_some_and(|to| to.code().is_none())
            {
                return Err(RequestError::Provider { line: number });
            }
        }
        Ok(())
    }

    /// The line of a number.
    #[must_use]
    pub fn line(&self, number: u16) -> Option<&RequestLine> {
        self.lines.iter().find(|line| line.number == number)
    }
}

impl Canon for Earlier {
    fn put(&self, out: &mut Vec<u8>) {
        let (tag, number) = match self {
            Self::Authorization(number) => (1, number),
            Self::Request(number) => (2, number),
        };
        out.push(tag);
        number.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Authorization(Canon::take(from)?)),
            2 => Ok(Self::Request(Canon::take(from)?)),
            n => Err(from.invalid("kind of earlier request", n.into())),
        }
    }
}

crate::canon_enum!(Certification {
    Initial = 1,
    Renewal = 2,
    Revised = 3,
    Cancel = 4
});
crate::canon_enum!(Urgency {
    Elective = 1,
    Urgent = 2,
    Emergency = 3
});

impl Canon for RequestLine {
    fn put(&self, out: &mut Vec<u8>) {
        self.number.put(out);
        self.traces.put(out);
        self.service.put(out);
        self.system.put(out);
        self.procedure.put(out);
        self.modifiers.put(out);
        self.quantity.put(out);
        self.unit.put(out);
        let (from, through) = self.span.unzip();
        from.put(out);
        through.put(out);
        self.diagnoses.put(out);
        self.servicing.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: Canon::take(from)?,
            traces: Canon::take(from)?,
            service: Canon::take(from)?,
            system: Canon::take(from)?,
            procedure: Canon::take(from)?,
            modifiers: Canon::take(from)?,
            quantity: Canon::take(from)?,
            unit: Canon::take(from)?,
            span: match (Canon::take(from)?, Canon::take(from)?) {
                (Some(first), Some(last)) => Some((first, last)),
                (None, None) => None,
                _ => return Err(from.invalid("span with a single end", 1)),
            },
            diagnoses: Canon::take(from)?,
            servicing: Canon::take(from)?,
        })
    }
}
crate::canon_record!(Request {
    kind,
    certification,
    earlier,
    urgency,
    claim,
    control_number,
    member,
    requesting,
    diagnoses,
    lines,
});
