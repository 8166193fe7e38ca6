//! Intake: parse, resolve the member in enrolment, seal, sequence, queue.

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::canon::{Canon as _, Reader};
use tally_core::claim::{Claim, ClaimId, Frequency};
use tally_core::interchange::{Format, Refusal, Source, read_claims_with};
use tally_core::ledger::ReceivedClaim;
use tally_store::port::{ClaimRow, Intake as _, NewClaim, Submission, SubmissionRow, Token};
use thiserror::Error;

use super::keys::hex;
use super::work::CLAIM;
use super::{Node, SUBMITTER, entered, is_fenced};

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

/// A file that was sent.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// The organisation that sends it.
    pub submitter: &'a str,
    /// The sender's control number of it; the hash of the file when it says
    /// none.
    pub interchange: Option<&'a str>,
    /// The file.
    pub bytes: &'a [u8],
    /// Its format; recognised when it is not said.
    pub format: Option<Format>,
    /// What its claims replace or void, when that is said beside the file.
    pub succeeds: Option<(Frequency, ClaimId)>,
}

/// What is taken in.
pub(super) enum Sending<'a> {
    /// A file.
    File(Delivery<'a>),
    /// A claim is to be taken back by whoever sent it.
    Void(ClaimId, &'a str),
    /// An act of the payer's.
    Act(super::amend::PayersAct<'a>),
    /// A claim of a member who is enrolled by now goes to the contract.
    Move(&'a ClaimRow),
}

/// What came with claims.
pub(super) struct Sent<'a> {
    pub(super) submitter: &'a str,
    pub(super) token: Token,
    pub(super) content: Token,
    pub(super) read: u32,
    pub(super) refusals: Vec<RefusedClaim>,
    /// SHA-256 of what was sent; `None` of what the payer does itself, which nobody sent.
    pub(super) submission: Option<[u8; 32]>,
}

impl<'a> Delivery<'a> {
    /// A file of whoever has the node's folder.
    #[must_use]
    pub fn local(bytes: &'a [u8], format: Option<Format>) -> Self {
        Self {
            submitter: SUBMITTER,
            interchange: None,
            bytes,
            format,
            succeeds: None,
        }
    }

    pub(super) fn interchange(&self) -> String {
        let name = match self.interchange {
            Some(number) => number.to_owned(),
            None => hex(&Sha256::digest(self.bytes)),
        };
        // The same file in the place of another claim is another submission.
        match self.succeeds {
            Some((_, original)) => format!("{name}/{original}"),
            None => name,
        }
    }
}

/// The sender's control number was used for another file before.
#[derive(Debug, Error)]
#[error("this control number was used for another file before: a new file needs a new number")]
pub struct Reused;

/// How often a submission is resolved again when enrolment moves meanwhile.
const TRIES: u32 = 8;

impl Node {
    /// Takes a file in. The same again gives the first result.
    ///
    /// # Errors
    /// [`Reused`] when its control number was another file's; when the store
    /// fails. A file that cannot be read is a refusal.
    pub async fn submit(&self, delivery: Delivery<'_>) -> Result<Submitted> {
        let (token, content) = (
            self.submission_token(&delivery),
            self.content_token(&delivery),
        );
        self.take_in(token, content, &Sending::File(delivery)).await
    }

    /// Takes in what was sent, once.
    pub(super) async fn take_in(
        &self,
        token: Token,
        content: Token,
        sending: &Sending<'_>,
    ) -> Result<Submitted> {
        if let Some(row) = self.store.submission(token).await? {
            return submitted(&row, content, true);
        }
        let mut tries = 0;
        let row = loop {
            let submission = match sending {
                Sending::File(delivery) => self.prepare(*delivery).await?,
                Sending::Void(claim, submitter) => {
                    self.prepare_void(token, content, *claim, submitter).await?
                }
                Sending::Act(act) => self.prepare_act(token, content, act).await?,
                Sending::Move(row) => self.prepare_move(token, content, row).await?,
            };
            crate::failpoint::reach("before-accept");
            match self.store.accept(&submission).await.map_err(Into::into) {
                Ok(row) => break row,
                // A member moved, or the number of partitions changed.
                Err(error) if is_fenced(&error) && tries < TRIES => {
                    tries += 1;
                    self.read_partitions().await?;
                }
                Err(error) => return Err(error),
            }
        };
        crate::failpoint::reach("after-accept");
        tracing::info!(
            read = row.read,
            refused = row.refused,
            queued = row.claims.len(),
            "submission taken in"
        );
        submitted(&row, content, false)
    }

    pub(super) fn submission_token(&self, delivery: &Delivery<'_>) -> Token {
        let interchange = delivery.interchange();
        let parts = [delivery.submitter.as_bytes(), interchange.as_bytes()];
        self.keys.tokens.token("submission", &parts)
    }

    /// Of a file that is named by its own hash, the name says it all.
    fn content_token(&self, delivery: &Delivery<'_>) -> Token {
        match delivery.interchange {
            None => self.submission_token(delivery),
            Some(_) => {
                let hash = Sha256::digest(delivery.bytes);
                self.keys.tokens.token("content", &[hash.as_slice()])
            }
        }
    }

    /// Parses, resolves and seals what a file holds; nothing is stored but
    /// record keys.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prepare(&self, delivery: Delivery<'_>) -> Result<Submission> {
        let interchange = delivery.interchange();
        let source = Source {
            submitter: delivery.submitter,
            interchange: &interchange,
            received: self.clock.today(),
        };
        let mut read = read_claims_with(delivery.bytes, delivery.format, &source, self.test_data);
        self.payable.check(&mut read, &source);
        if let Some((frequency, original)) = delivery.succeeds {
            for claim in &mut read.claims {
                claim.frequency = frequency;
                claim.replaces = Some(original);
            }
        }
        let sent = Sent {
            submitter: delivery.submitter,
            token: self.submission_token(&delivery),
            content: self.content_token(&delivery),
            read: read.read,
            refusals: read.refusals.iter().map(refused).collect(),
            submission: Some(Sha256::digest(delivery.bytes).into()),
        };
        self.seal(sent, read.claims).await
    }

    /// Resolves and seals claims; nothing is stored but record keys.
    pub(super) async fn seal(&self, sent: Sent<'_>, mut read: Vec<Claim>) -> Result<Submission> {
        let Sent {
            submitter,
            token,
            content,
            read: count,
            mut refusals,
            submission,
        } = sent;
        let partitions = self.partitions();
        let mut keys = self.vault.fresh(read.len()).await?.into_iter();
        let enrolled = self.enrolled(&read).await?;
        let mut claims = Vec::with_capacity(read.len());
        for claim in &mut read {
            let unit = match self.succession(claim, submitter, partitions).await? {
                None => self.resolve(claim, submitter, partitions, &enrolled),
                Some(Ok(succeeding)) => succeeding.into(),
                Some(Err(unable)) => {
                    refusals.push(RefusedClaim {
                        place: claim.replaces.map_or("a claim".to_owned(), |original| {
                            format!("the claim that replaces or voids {original}")
                        }),
                        rule: unable.rule.id(),
                        reason: unable.reason.to_owned(),
                    });
                    continue;
                }
            };
            let key = keys.next().context("no record key")?;
            let statement = match submission {
                None => None,
                Some(submission) => {
                    let body = ReceivedClaim {
                        claim: claim.id,
                        received: claim.received,
                        submitter: submitter.to_owned(),
                        submission,
                    };
                    Some(entered::received(&key, &body)?)
                }
            };
            claims.push(NewClaim {
                id: claim.id,
                unit: unit.unit,
                partition: unit.partition,
                contract: unit.contract.map(|(version, _)| version),
                former: unit.former,
                member: self.member_token(&claim.member.identifier),
                provider: self.provider_token(&claim.billing.identifier),
                received: claim.received,
                first_service: claim.first_service(),
                charge: claim.charge,
                sealed: key.seal(CLAIM, &claim.to_canon())?,
                act: unit.act,
                statement,
            });
        }
        Ok(Submission {
            token,
            submitter: submitter.to_owned(),
            content,
            partitions: partitions.get(),
            trace: crate::api::context::current().map(|context| context.trace.traceparent()),
            read: count,
            refused: u32::try_from(refusals.len())?,
            refusals: refusals.to_canon(),
            claims,
        })
    }
}

pub(super) fn refused(refusal: &Refusal) -> RefusedClaim {
    RefusedClaim {
        place: refusal.place.clone(),
        rule: refusal.rule.id(),
        reason: refusal.reason.clone(),
    }
}

fn submitted(row: &SubmissionRow, content: Token, again: bool) -> Result<Submitted> {
    if row.content != content {
        return Err(Reused.into());
    }
    let mut reader = Reader::new(&row.refusals);
    Ok(Submitted {
        read: row.read,
        refusals: Vec::take(&mut reader).context("the stored refusals are damaged")?,
        claims: row.claims.clone(),
        again,
    })
}

impl Node {
    /// What an organisation's submission of a control number came to; `None`
    /// when there was none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn submission(
        &self,
        submitter: &str,
        interchange: &str,
    ) -> Result<Option<Submitted>> {
        let token = self.submission_token(&Delivery {
            submitter,
            interchange: Some(interchange),
            bytes: &[],
            format: None,
            succeeds: None,
        });
        let row = self.store.submission(token).await?;
        row.map(|row| submitted(&row, row.content, true))
            .transpose()
    }
}
