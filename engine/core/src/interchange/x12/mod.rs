//! X12: remittances out.

mod remittance;

pub use remittance::{
    Address, Method, PatientName, Payee, Payer, ProviderAdjustment, Remittance, RemittanceError,
    RemittedClaim, Stamp, remittance,
};
