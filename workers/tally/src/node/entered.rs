//! What is entered of a claim on its way, beside what it comes to: that it was received,
//! before anything is decided, and that a payment was advised. And the receipts of both.

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::{PaymentAdvice, Receipt, ReceivedClaim, Salt, kind};
use tally_store::port::{NewStatement, Sealed, StatementFilter, StatementRow, Statements as _};
use tally_store::vault::{self, RecordKey};
use thiserror::Error;

use super::Node;

/// The label of what is sealed of a claim's receipt, under the claim's own key: it is
/// erased with the claim.
pub(super) const RECEIVED: &str = "received";
/// The label of what is sealed of a payment's advice, under the payment's own key.
pub(super) const ADVISED: &str = "advised";

/// The statement that a claim was received.
pub(super) fn received(key: &RecordKey, body: &ReceivedClaim) -> Result<NewStatement> {
    let salt = vault::random()?;
    Ok(NewStatement {
        kind: kind::RECEIVED,
        about: body.claim.0.to_vec(),
        once: None,
        entry: body.entry(&salt).to_canon(),
        opening: Some(opening(key, RECEIVED, &salt, &body.to_canon())?),
    })
}

/// The statement that a payment was advised.
pub(super) fn advised(key: &RecordKey, body: &PaymentAdvice) -> Result<NewStatement> {
    let salt = vault::random()?;
    Ok(NewStatement {
        kind: kind::PAYMENT_ADVISED,
        about: about_payment(&body.trace),
        once: None,
        entry: body.entry(&salt).to_canon(),
        opening: Some(opening(key, ADVISED, &salt, &body.to_canon())?),
    })
}

/// What a payment's statement is found by.
pub(super) fn about_payment(trace: &str) -> Vec<u8> {
    Sha256::digest(trace).to_vec()
}

fn opening(key: &RecordKey, label: &str, salt: &Salt, body: &[u8]) -> Result<Sealed> {
    Ok(key.seal(label, &[&salt[..], body].concat())?)
}

/// What is to be proved is not on the log yet: whoever appends has it next.
#[derive(Debug, Error)]
#[error("it is on its way to the log: try again in a moment")]
pub struct OnItsWay;

/// A statement that was found, opened.
struct Opened {
    row: StatementRow,
    salt: Salt,
    body: Vec<u8>,
}

impl Node {
    /// The next page of statements, which the filter goes past; none after the last.
    pub(super) async fn page_of(
        &self,
        filter: &mut StatementFilter,
    ) -> Result<Option<Vec<StatementRow>>> {
        let rows = self.store.statements(filter).await?;
        filter.after = rows.last().map(|row| row.id).or(filter.after);
        Ok((!rows.is_empty()).then_some(rows))
    }

    /// The receipt that a claim was received; `None` where none was entered, as of an act
    /// of the payer's, or what was entered is erased.
    ///
    /// # Errors
    /// When the store fails, or what it holds is damaged.
    pub async fn received_receipt(&self, claim: ClaimId) -> Result<Option<Receipt>> {
        let Some(opened) = self
            .opened_statement(kind::RECEIVED, &claim.0, RECEIVED)
            .await?
        else {
            return Ok(None);
        };
        if !self.erased_among([claim]).await?.is_empty() {
            return Ok(None);
        }
        self.note("receipt-read", claim).await?;
        self.receipt_of_opened(claim, opened).await.map(Some)
    }

    /// The receipt that a payment was advised, for one of its claims; `None` where there
    /// is no such payment, it is not of that claim, or was made before payments were
    /// entered.
    ///
    /// # Errors
    /// When the store fails, or what it holds is damaged.
    pub async fn payment_receipt(&self, trace: &str, claim: ClaimId) -> Result<Option<Receipt>> {
        let Some((opened, advice)) = self.opened_advice(trace).await? else {
            return Ok(None);
        };
        if advice.claims.binary_search(&claim).is_err() {
            return Ok(None);
        }
        self.note_of("payment-receipt-read", trace).await?;
        self.receipt_of_opened(claim, opened).await.map(Some)
    }

    /// What was entered of a payment; `None` where nothing was. The caller has noted what
    /// it is read for.
    pub(super) async fn advice_of(&self, trace: &str) -> Result<Option<PaymentAdvice>> {
        Ok(self.opened_advice(trace).await?.map(|(_, advice)| advice))
    }

    async fn opened_advice(&self, trace: &str) -> Result<Option<(Opened, PaymentAdvice)>> {
        let about = about_payment(trace);
        let opened = self.opened_statement(kind::PAYMENT_ADVISED, &about, ADVISED);
        let Some(opened) = opened.await? else {
            return Ok(None);
        };
        let advice = PaymentAdvice::from_canon(&opened.body);
        let advice = advice.context("a stored payment is damaged: run `tally ledger fsck`")?;
        Ok(Some((opened, advice)))
    }

    /// The statement that a claim was received.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn received_statement(&self, claim: ClaimId) -> Result<Option<StatementRow>> {
        self.stated(kind::RECEIVED, &claim.0).await
    }

    async fn stated(&self, kind: u8, about: &[u8]) -> Result<Option<StatementRow>> {
        let filter = StatementFilter {
            kinds: vec![kind],
            about: Some(about.to_vec()),
            limit: 1,
            ..StatementFilter::default()
        };
        Ok(self.store.statements(&filter).await?.pop())
    }

    async fn opened_statement(
        &self,
        kind: u8,
        about: &[u8],
        label: &str,
    ) -> Result<Option<Opened>> {
        let Some(row) = self.stated(kind, about).await? else {
            return Ok(None);
        };
        let damaged = "what is stored of an entry is damaged: run `tally ledger fsck`";
        let sealed = row.opening.as_ref().context(damaged)?;
        let keys = self.vault.keys(&[sealed.record]).await?;
        let Some(key) = keys.get(&sealed.record) else {
            return Ok(None);
        };
        let plain = key.open(label, sealed)?;
        let (salt, body) = plain.split_first_chunk::<32>().context(damaged)?;
        let (salt, body) = (*salt, body.to_vec());
        Ok(Some(Opened { row, salt, body }))
    }

    async fn receipt_of_opened(&self, claim: ClaimId, opened: Opened) -> Result<Receipt> {
        let mut index = opened.row.leaf;
        if index.is_none() {
            // Nothing was appended since: now it is.
            self.hurry().await;
            let row = self.stated(opened.row.kind, &opened.row.about).await?;
            index = row.and_then(|row| row.leaf);
        }
        let index = index.ok_or(OnItsWay)?;
        self.receipt_at(claim, index, opened.row.entry, (opened.salt, opened.body))
            .await
    }

    /// The receipt of a statement's entry, which opens by this.
    ///
    /// # Errors
    /// When the store fails, or the shared ledger has another entry in its place.
    pub(super) async fn receipt_at(
        &self,
        claim: ClaimId,
        index: u64,
        entry: Vec<u8>,
        (salt, body): (Salt, Vec<u8>),
    ) -> Result<Receipt> {
        let (local, shared) = self.proofs(index).await?;
        Ok(Receipt {
            claim,
            entry,
            salt,
            body,
            key: self.keys.log.verifier().clone(),
            local,
            shared,
        })
    }
}
