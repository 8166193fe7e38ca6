//! Whether a member is covered, and what is left of their benefits: a
//! `CoverageEligibilityRequest` in, a `CoverageEligibilityResponse` out.

mod request;
mod response;

use tally_types::{Code, CodeSystem, ServiceDate};

use super::Insurer;
use crate::claim::{Contract, MemberReference, Provider};
use crate::interchange::benefit::Benefits;

pub use request::read_eligibility_request;
pub use response::eligibility_response;

/// What an eligibility request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Which authorisations are needed. Answered as [`Purpose::Validation`].
    AuthorizationRequirements,
    /// What the benefits are, and what is left of them.
    Benefits,
    /// Which coverages there are.
    Discovery,
    /// Whether the coverage is in force.
    Validation,
}

/// A service that an eligibility request asks about.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedItem {
    /// The category of benefits, as sent; empty where there is none.
    pub category: String,
    /// The list of the procedure.
    pub system: CodeSystem,
    /// The procedure; none where the category alone is asked about.
    pub procedure: Code,
}

/// An eligibility request. It holds protected health information: no `Debug`, no
/// `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct EligibilityRequest {
    /// The sender's own number for it, echoed in the answer; empty where it has none.
    pub control_number: String,
    /// What it is for, in order.
    pub purposes: Vec<Purpose>,
    /// The member as sent.
    pub member: MemberReference,
    /// Who asks.
    pub provider: Option<Provider>,
    /// The days asked about; the day it was made where none are.
    pub from: ServiceDate,
    /// The last of them.
    pub through: ServiceDate,
    /// The services asked about.
    pub items: Vec<AskedItem>,
}

/// What an eligibility response is made of. It holds protected health information: no
/// `Debug`, no `Display`.
#[derive(Clone, Copy)]
pub struct Eligibility<'a> {
    /// The request.
    pub request: &'a EligibilityRequest,
    /// The contract, and the position of the member in it; none where the member is
    /// not known.
    pub member: Option<(&'a Contract, usize)>,
    /// The benefit period that the first day asked about is in.
    pub benefit_period: Option<(ServiceDate, ServiceDate)>,
    /// What the product gives and what is left of it, for [`Purpose::Benefits`].
    pub benefits: &'a Benefits,
    /// The insurer.
    pub insurer: Insurer<'a>,
    /// The day of the answer.
    pub created: ServiceDate,
}
