//! Intake: parse, resolve the member in enrolment, seal, sequence, queue.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::canon::{Canon as _, Reader};
use tally_core::claim::{Claim, ClaimId, UnitKey};
use tally_core::interchange::{Format, Refusal, Source, read_claims};
use tally_store::port::{Enrolment as _, Intake as _, NewClaim, Submission, SubmissionRow, Token};

use super::keys::hex;
use super::work::CLAIM;
use super::{Node, SUBMITTER};

/// A claim that was refused: what, where and why. Nothing identifying is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedClaim {
    /// Where in the file.
    pub place: String,
    /// The numbered rule, as `I101`.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// What a file came to when it was first submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Claims read.
    pub read: u32,
    /// Claims refused.
    pub refusals: Vec<RefusedClaim>,
    /// Claims sequenced, in the order of the file.
    pub claims: Vec<ClaimId>,
    /// Whether the file had been submitted before: nothing has changed.
    pub again: bool,
}

tally_core::canon_record!(RefusedClaim {
    place,
    rule,
    reason
});

/// Whose accumulators a claim moves, and in which version of the contract.
#[derive(Clone)]
struct Resolved {
    unit: Token,
    partition: u32,
    contract: Option<u32>,
}

impl Node {
    /// Takes a file in. The same bytes again give the first result.
    ///
    /// # Errors
    /// When the store fails; a file that cannot be read is a refusal.
    pub async fn submit(&self, bytes: &[u8], format: Option<Format>) -> Result<Submitted> {
        let token = self.submission_token(bytes);
        if let Some(row) = self.store.submission(token).await? {
            return submitted(&row, true);
        }
        let submission = self.prepare(bytes, format).await?;
        crate::failpoint::reach("before-accept");
        let row = self.store.accept(&submission).await?;
        crate::failpoint::reach("after-accept");
        tracing::info!(
            read = row.read,
            refused = row.refused,
            queued = row.claims.len(),
            "submission taken in"
        );
        submitted(&row, false)
    }

    fn submission_token(&self, bytes: &[u8]) -> Token {
        let interchange = hex(&Sha256::digest(bytes));
        let parts = [SUBMITTER.as_bytes(), interchange.as_bytes()];
        self.keys.tokens.token("submission", &parts)
    }

    /// Parses, resolves and seals what a file holds; nothing is stored but
    /// record keys.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prepare(&self, bytes: &[u8], format: Option<Format>) -> Result<Submission> {
        let interchange = hex(&Sha256::digest(bytes));
        let read = read_claims(
            bytes,
            format,
            &Source {
                submitter: SUBMITTER,
                interchange: &interchange,
                received: self.clock.today(),
            },
        );
        let mut keys = self.vault.fresh(read.claims.len()).await?.into_iter();
        let mut resolved = BTreeMap::new();
        let mut claims = Vec::with_capacity(read.claims.len());
        for claim in &read.claims {
            let unit = self.resolve(claim, &mut resolved).await?;
            let key = keys.next().context("no record key")?;
            claims.push(NewClaim {
                id: claim.id,
                unit: unit.unit,
                partition: unit.partition,
                contract: unit.contract,
                member: self.member_token(&claim.member.identifier),
                provider: self.provider_token(&claim.billing.identifier),
                received: claim.received,
                first_service: claim.first_service(),
                charge: claim.charge,
                sealed: key.seal(CLAIM, &claim.to_canon())?,
            });
        }
        let refusals: Vec<RefusedClaim> = read.refusals.iter().map(refused).collect();
        Ok(Submission {
            token: self.submission_token(bytes),
            read: read.read,
            refused: u32::try_from(refusals.len())?,
            refusals: refusals.to_canon(),
            claims,
        })
    }

    /// The unit of a claim: its member's, or one of its own for a member that
    /// enrolment does not know.
    async fn resolve(
        &self,
        claim: &Claim,
        known: &mut BTreeMap<Token, Resolved>,
    ) -> Result<Resolved> {
        let member = self.member_token(&claim.member.identifier);
        if let Some(resolved) = known.get(&member) {
            return Ok(resolved.clone());
        }
        let enrolled = match self.store.unit_of(member).await? {
            Some(unit) => self.contract_of(unit, None).await?,
            None => None,
        };
        let (key, contract) = match enrolled {
            Some((version, contract)) => (UnitKey::contract(&contract.id), Some(version)),
            None => (UnitKey::unknown(SUBMITTER, &claim.member), None),
        };
        let resolved = Resolved {
            unit: self.unit_token(&key),
            partition: key.partition(self.partitions),
            contract,
        };
        known.insert(member, resolved.clone());
        Ok(resolved)
    }
}

fn refused(refusal: &Refusal) -> RefusedClaim {
    RefusedClaim {
        place: refusal.place.clone(),
        rule: refusal.rule.id(),
        reason: refusal.reason.clone(),
    }
}

fn submitted(row: &SubmissionRow, again: bool) -> Result<Submitted> {
    let mut reader = Reader::new(&row.refusals);
    Ok(Submitted {
        read: row.read,
        refusals: Vec::take(&mut reader).context("the stored refusals are damaged")?,
        claims: row.claims.clone(),
        again,
    })
}
