//! The claim: what intake makes of FHIR, X12 or JSON, and what is hashed.

mod coordination;
mod described;
mod enrolment;
mod institutional;
mod limits;
mod model;
mod provider;
mod scalar;
mod service;

pub use coordination::{Coordination, OtherPayer, PriorAdjustment, PriorLine};
pub use enrolment::{
    Authorization, AuthorizationKind, Contract, EnrolmentError, Member, Relationship, Sex, Span,
    UnitKey,
};
pub use institutional::{
    Accident, AccidentCause, Circumstances, DatedProcedure, Institutional, OccurrenceCode,
    ValueCode,
};
pub use limits::Limits;
pub use model::{Claim, ClaimId, ClaimKind, Dependant, Frequency, MemberReference, SubmissionKey};
pub use provider::Provider;
pub use service::{Drug, LineDetail, Modifiers, ServiceLine, Tooth};
