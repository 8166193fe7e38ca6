//! The claim: what intake makes of FHIR, X12 or JSON, and what is hashed.

mod enrolment;
mod limits;
mod model;
mod provider;
mod scalar;
mod service;

pub use enrolment::{
    Authorization, Contract, EnrolmentError, Member, Relationship, Sex, Span, UnitKey,
};
pub use limits::Limits;
pub use model::{Claim, ClaimId, ClaimKind, Frequency, MemberReference, SubmissionKey};
pub use provider::Provider;
pub use service::{Modifiers, ServiceLine};
