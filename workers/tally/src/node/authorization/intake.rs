//! Requests as they are taken in: once each, of a member who is enrolled.

use anyhow::Result;
use tally_core::authorization::{Certification, Earlier, Record, Request, Stage, State};
use tally_core::canon::Canon as _;
use tally_core::claim::{Contract, MemberReference};
use tally_store::port::{Authorizations as _, Enrolment as _, NewRequest, Token};

use super::{AuthorizationError, AuthorizationRead, REQUEST};
use crate::node::Node;

/// The digits of a number: none that is taken for another when it is read out.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A request that was taken in.
pub struct Requested {
    /// What it is by now; of a cancellation, what it took back.
    pub read: AuthorizationRead,
    /// Whether it had been taken in before: nothing has changed.
    pub again: bool,
}

/// A number made of a token: `PA` and sixty bits.
fn number_of(token: &Token) -> String {
    let mut bits = token
        .0
        .first_chunk::<8>()
        .map_or(0, |head| u64::from_be_bytes(*head));
    let mut number = String::from("PA");
    for _ in 0..12 {
        let digit = DIGITS.get(usize::from(bits as u8 & 31));
        number.push(digit.map_or('0', |digit| char::from(*digit)));
        bits >>= 5;
    }
    number
}

impl Node {
    /// Takes a request in. The same again gives the first; a cancellation takes back
    /// what it names.
    ///
    /// # Errors
    /// [`AuthorizationError`] when the member is not enrolled, what it is of is not
    /// known or has ended, or its number was another request's; when the store fails.
    pub async fn request_authorization(
        &self,
        mut request: Request,
        submitter: &str,
    ) -> Result<Requested> {
        request
            .check()
            .map_err(tally_core::authorization::TransitionError::from)?;
        let tokens = &self.keys.tokens;
        let content = tokens.token("authorization-content", &[&request.to_canon()]);
        let sent = match request.control_number.as_str() {
            "" => content.0.to_vec(),
            number => number.as_bytes().to_vec(),
        };
        let asks = request.requesting.identifier.clone();
        let parts = [submitter.as_bytes(), asks.as_bytes(), &sent[..]];
        let token = tokens.token("authorization", &parts);
        let number = number_of(&token);
        let contract = self.resolve_request(&mut request).await?;
        let member = self.member_token(&request.member.identifier);
        let rows = self.store.requests_of(&[member]).await?;
        let reads = self.open_requests(&rows).await?;
        let earlier = self.earlier(&request, submitter, &reads, &contract);
        if request.certification == Certification::Cancel {
            let of = earlier?.ok_or(AuthorizationError::NoEarlier)?;
            let reason = match request.control_number.as_str() {
                "" => "The provider's cancellation".to_owned(),
                number => format!("The provider's cancellation {number}"),
            };
            let again = of.state.cancelled().is_some();
            let number = of.number.clone();
            let read = match again {
                true => self.opened_request(&number).await?,
                false => {
                    self.cancel_authorization(&number, Some(submitter), &reason)
                        .await?
                }
            };
            return Ok(Requested { read, again });
        }
        let before = rows.iter().find(|row| row.number == number);
        if let Some(row) = before {
            if row.content != content {
                return Err(AuthorizationError::Reused.into());
            }
            let read = self.opened_request(&number).await?;
            self.audit("authorization-requested-again", &[number])
                .await?;
            return Ok(Requested { read, again: true });
        }
        if let (Some(of), Certification::Revised) = (earlier?, request.certification)
            && of.state.number().is_empty()
            && !of.record.request.control_number.is_empty()
        {
            // Nothing of it is certified: it is told by its request, which its provider
            // numbered.
            if of.record.request.requesting.identifier != asks {
                return Err(AuthorizationError::NoEarlier.into());
            }
            let number = of.record.request.control_number.clone();
            request.earlier = Some(Earlier::Request(number));
        }
        let received = self.clock.today();
        State::requested(request.clone(), received).map_err(AuthorizationError::from)?;
        let record = Record {
            request,
            received,
            events: Vec::new(),
        };
        let key = self.vault.fresh_one().await?;
        let row = self
            .store
            .put_request(&NewRequest {
                token,
                content,
                number: number.clone(),
                submitter: submitter.to_owned(),
                member,
                provider: self.provider_token(&asks),
                received,
                sealed: key.seal(REQUEST, &record.to_canon())?,
            })
            .await?;
        if row.content != content {
            return Err(AuthorizationError::Reused.into());
        }
        self.audit("authorization-requested", &[number]).await?;
        let mut reads = self.open_requests(&[row]).await?;
        let read = reads.pop().ok_or(AuthorizationError::Erased)?;
        Ok(Requested { read, again: false })
    }

    /// A request that was just written.
    pub(super) async fn opened_request(&self, number: &str) -> Result<AuthorizationRead> {
        let row = self.request_row(number, None).await?;
        let mut reads = self.open_requests(&[row]).await?;
        reads.pop().ok_or(AuthorizationError::Erased.into())
    }

    /// Names the member as enrolled, and answers the contract.
    async fn resolve_request(&self, request: &mut Request) -> Result<Contract> {
        let sent = self.member_token(&request.member.identifier);
        let unit = self.store.units_of(&[sent]).await?.pop().flatten();
        let unit = unit.ok_or(AuthorizationError::NotEnrolled)?;
        let (_, contract) = self
            .contract_of(unit, None)
            .await?
            .ok_or(AuthorizationError::NotEnrolled)?;
        request.member.resolve(Some(&contract));
        let at = contract.find(&request.member);
        let member = at.and_then(|at| contract.members.get(at));
        let member = member.ok_or(AuthorizationError::NotEnrolled)?;
        request.member = MemberReference::new(&member.id);
        Ok(contract)
    }

    /// What a request is of, where it is of something: the member's, and for all but a
    /// renewal the same sender's, not ended, and decided where it is to be revised.
    fn earlier<'a>(
        &self,
        request: &Request,
        submitter: &str,
        reads: &'a [AuthorizationRead],
        contract: &Contract,
    ) -> Result<Option<&'a AuthorizationRead>> {
        let Some(earlier) = &request.earlier else {
            return Ok(None);
        };
        let Some(of) = earlier_of(request, earlier, submitter, reads) else {
            // A renewal may be of what another system of the payer's has on file.
            let on_file = |number: &String| {
                let member = contract.members.iter();
                let mut member = member.filter(|of| of.id == request.member.identifier);
                member.any(|of| of.authorizations.iter().any(|auth| auth.number == *number))
            };
            return match (request.certification, earlier) {
                (Certification::Renewal, Earlier::Authorization(number)) if on_file(number) => {
                    Ok(None)
                }
                _ => Err(AuthorizationError::NoEarlier.into()),
            };
        };
        if request.certification == Certification::Revised {
            if of.record.request.kind != request.kind {
                return Err(AuthorizationError::OtherKind.into());
            }
            match of.state.stage(self.clock.today()) {
                Stage::Requested => return Err(AuthorizationError::EarlierWaits.into()),
                stage @ (Stage::Cancelled | Stage::Superseded) => {
                    return Err(AuthorizationError::EarlierEnded(stage).into());
                }
                _ => {}
            }
        }
        Ok(Some(of))
    }
}

/// What a request names as earlier: an authorisation by its number, or the latest
/// request of the provider's number for it. It is the same submitter's: two may use the
/// same numbers for a provider, and none may touch what the other asked for.
pub(super) fn earlier_of<'a>(
    request: &Request,
    earlier: &Earlier,
    submitter: &str,
    reads: &'a [AuthorizationRead],
) -> Option<&'a AuthorizationRead> {
    let mut own = reads
        .iter()
        .rev()
        .filter(|read| read.submitter == submitter);
    own.find(|read| match earlier {
        Earlier::Authorization(number) => read.number == *number,
        Earlier::Request(number) => {
            let asked = &read.record.request;
            asked.control_number == *number
                && asked.requesting.identifier == request.requesting.identifier
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read_out() {
        assert_eq!(number_of(&Token([0; 32])), "PA000000000000");
        assert_eq!(number_of(&Token([255; 32])), "PAZZZZZZZZZZZZ");
        assert!(!DIGITS.iter().any(|digit| b"ILOU".contains(digit)));
    }
}
