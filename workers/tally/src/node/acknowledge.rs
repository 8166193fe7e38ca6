//! What whoever sends X12 is acknowledged with. It is made from the file that was
//! sent, at the moment it is taken in, and not kept: the same file again is
//! acknowledged with the same bytes.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use tally_core::claim::ClaimId;
use tally_core::interchange::x12::{
    Payer, Stamp, claim_acknowledgements, functional_acknowledgements, text_of,
};
use tally_core::interchange::{
    Format, IntakeRule, ReadClaims, Refusal, Source, detect, read_claims_with,
};
use tally_store::port::Reading as _;

use super::keys::hex;
use super::{Delivery, Node, Submitted, payable};

/// The acknowledgements of a file in X12.
pub struct Acknowledged {
    /// Interchange by interchange: a TA1 where the envelope is at fault or one is
    /// asked for, and a 999 for each functional group.
    pub receipts: String,
    /// The 277CA: which claims were taken, by which number of ours, and which
    /// were not, and why. Empty where no transaction set fits its guide.
    pub claims: String,
}

impl Acknowledged {
    /// Both, as one file of interchanges.
    #[must_use]
    pub fn whole(&self) -> String {
        format!("{}{}", self.receipts, self.claims)
    }
}

/// The hour that answers are of: a node keeps days.
pub(super) const HOUR: &str = "0000";

/// A control number that follows from a token: 1 to 999 999 000, so that a few
/// more can be counted from it.
pub(super) fn control(token: &[u8; 32]) -> u32 {
    let [a, b, c, d, ..] = *token;
    u32::from_be_bytes([a, b, c, d]) % 999_999_000 + 1
}

/// Counts as refused what was read and not taken in: a claim that could not take the
/// place of the one it names, or of a billing provider that could not be paid.
fn refuse_others(read: &mut ReadClaims, source: &Source<'_>, submitted: &Submitted) {
    let taken: BTreeSet<ClaimId> = submitted.claims.iter().copied().collect();
    if read.claims.iter().all(|claim| taken.contains(&claim.id)) {
        return;
    }
    let positions = payable::positions(source, read);
    let (claims, others): (Vec<_>, Vec<_>) = std::mem::take(&mut read.claims)
        .into_iter()
        .partition(|claim| taken.contains(&claim.id));
    read.claims = claims;
    for claim in others {
        let position = positions.get(&claim.id).copied().unwrap_or_default();
        let named = claim.replaces.map(|original| original.to_string());
        let place = payable::place(position);
        let said = submitted.refusals.iter().find(|refused| {
            refused.place == place || named.as_ref().is_some_and(|id| refused.place.contains(id))
        });
        let rule = said.and_then(|refused| IntakeRule::of_id(&refused.rule));
        read.refusals.push(Refusal {
            position,
            place: said.map_or_else(String::new, |refused| refused.place.clone()),
            rule: rule.unwrap_or(IntakeRule::NotReplaceable),
            reason: said.map_or_else(String::new, |refused| refused.reason.clone()),
        });
    }
}

impl Node {
    /// The acknowledgements of a file that was submitted; nothing, of a file that
    /// is no X12. Of the day its claims were received on; where none was taken,
    /// of today.
    ///
    /// # Errors
    /// When the store fails, or the payer's name fits no answer.
    pub async fn acknowledge(
        &self,
        delivery: &Delivery<'_>,
        submitted: &Submitted,
        payer: &Payer<'_>,
    ) -> Result<Option<Acknowledged>> {
        let format = delivery.format.or_else(|| detect(delivery.bytes));
        if format != Some(Format::X12) {
            return Ok(None);
        }
        let text = text_of(delivery.bytes);
        let received = match submitted.claims.first() {
            Some(first) => self.store.claim(*first).await?.map(|row| row.received),
            None => None,
        };
        let received = received.unwrap_or_else(|| self.clock.today());
        let interchange = delivery.interchange();
        let source = Source {
            submitter: delivery.submitter,
            interchange: &interchange,
            received,
        };
        let mut read = read_claims_with(delivery.bytes, format, &source, self.test_data);
        refuse_others(&mut read, &source, submitted);
        let token = self.submission_token(delivery).0;
        let trace = hex(token.get(..8).unwrap_or_default());
        let stamp = Stamp {
            date: received,
            time: HOUR,
            control: control(&token),
            trace: &trace,
        };
        let receipts = functional_acknowledgements(&text, &stamp);
        let after = stamp.after(&receipts);
        let claims = claim_acknowledgements(&text, &source, &read, payer, &after)
            .context("the file was taken in, and could not be acknowledged")?;
        Ok(Some(Acknowledged {
            receipts: receipts.concat(),
            claims: claims.concat(),
        }))
    }
}
