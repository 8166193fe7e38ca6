//! Prior authorisation in the shapes of Da Vinci PAS (STU 2): a `Claim` of the use
//! `preauthorization` in, a `ClaimResponse` out. What is read and written is listed in
//! `docs/authorization.md`.

mod codes;
mod line;
mod request;
mod response;
#[cfg(test)]
mod tests;

use tally_types::ServiceDate;

use super::Insurer;
use crate::authorization::State;

pub use request::read_authorization_request;
pub use response::authorization_response;

/// What an answer to a request is made of. It holds protected health information: no
/// `Debug`, no `Display`.
#[derive(Clone, Copy)]
pub struct AuthorizationAnswer<'a> {
    /// What the request has come to.
    pub state: &'a State,
    /// Our own number for the request.
    pub id: &'a str,
    /// The insurer.
    pub insurer: Insurer<'a>,
    /// The day of the answer.
    pub created: ServiceDate,
}
