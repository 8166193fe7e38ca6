//! X12: claims in, remittances out.

mod claim;
mod claims;
mod coordination;
mod institutional;
mod line;
mod remittance;
mod spot;

pub(super) use claims::read;
pub use remittance::{
    Address, Method, PatientName, Payee, Payer, ProviderAdjustment, Remittance, RemittanceError,
    RemittedClaim, Stamp, remittance,
};
