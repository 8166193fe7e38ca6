//! X12: claims in, and all that is answered: acknowledgements, remittances,
//! eligibility.

mod acknowledgement;
mod claim;
mod claims;
mod coordination;
mod eligibility;
mod institutional;
mod line;
mod remittance;
mod reply;
mod spot;
#[cfg(test)]
mod tests;

pub use acknowledgement::{
    AcknowledgementError, StatusCodes, claim_acknowledgements, functional_acknowledgements,
    status_codes,
};
pub(super) use claims::read;
pub use eligibility::{
    Asked, Cover, Eligibilities, Eligibility, EligibilityError, Enrolment, Inquiry, Person,
    Unanswered, answer_eligibility, eligibility_of, read_inquiries,
};
pub use remittance::{
    Account, Forwarded, Method, OtherPayerName, PaidAs, Payee, ProviderAdjustment, Remittance,
    RemittanceError, Remitted, RemittedClaim, Standing, by_payee, remittance,
};
pub use reply::{Address, InsuredName, PatientName, Payer, Stamp};
pub use tally_x12::text_of;
