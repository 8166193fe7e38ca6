//! What is told of readings: to who read, a receipt; to the patient, who read.

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::access::Reading;
use tally_core::ledger::{Commitment, Entry, Receipt, Salt, kind};
use tally_store::port::{
    ClaimFilter, Reading as _, StatementFilter, StatementRow, Statements as _,
};

use super::READING;
use crate::node::{Node, OnItsWay};

/// Kinds of the entries of readings.
const KINDS: [u8; 2] = [kind::READ, kind::READ_UNDER_EMERGENCY];

/// A reading that was entered.
pub struct ReadingRead {
    /// Its commitment: what it is known by.
    pub commitment: Commitment,
    /// What was entered.
    pub reading: Reading,
    /// Its place in this node's own log; `None` while it waits.
    pub leaf: Option<u64>,
    entry: Vec<u8>,
    salt: Salt,
}

impl ReadingRead {
    fn open(row: StatementRow, plain: &[u8]) -> Option<Self> {
        let (salt, body) = plain.split_first_chunk::<32>()?;
        let commitment = match Entry::from_canon(&row.entry).ok()? {
            Entry::Read(commitment) | Entry::ReadUnderEmergency(commitment) => commitment,
            _ => return None,
        };
        Some(Self {
            commitment,
            reading: Reading::from_canon(body).ok()?,
            leaf: row.leaf,
            entry: row.entry,
            salt: *salt,
        })
    }
}

impl Node {
    /// The readings of a claim, in the order they were entered; what was erased is left
    /// out. The caller says what it is read for, in the audit trail.
    async fn readings_of(&self, claim: ClaimId) -> Result<Vec<ReadingRead>> {
        let rows = self
            .store
            .statements(&StatementFilter {
                kinds: KINDS.to_vec(),
                about: Some(claim.0.to_vec()),
                ..StatementFilter::default()
            })
            .await?;
        let sealed = rows.iter().filter_map(|row| row.opening.as_ref());
        let records: Vec<_> = sealed.map(|sealed| sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let mut readings = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(sealed) = row.opening.clone() else {
                continue;
            };
            let Some(key) = keys.get(&sealed.record) else {
                continue;
            };
            let plain = key.open(READING, &sealed)?;
            readings.push(ReadingRead::open(row, &plain).context("a stored reading is damaged")?);
        }
        Ok(readings)
    }

    /// Who read a claim without a right, in an emergency. The caller has noted that the
    /// claim is read.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn emergencies_of(&self, claim: ClaimId) -> Result<Vec<ReadingRead>> {
        let mut readings = self.readings_of(claim).await?;
        readings.retain(|of| of.reading.is_emergency());
        Ok(readings)
    }

    /// Who read the claims of a member, the latest first: what a patient is to be told
    /// (45 CFR 164.528). It leaves an audit entry.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn readings_of_member(&self, member: &str) -> Result<Vec<ReadingRead>> {
        let token = self.member_token(member);
        let filter = ClaimFilter {
            member: Some(token),
            ..ClaimFilter::default()
        };
        let claims = self.store.claims(&filter).await?;
        let mut readings = Vec::new();
        for claim in &claims {
            readings.extend(self.readings_of(claim.id).await?);
        }
        let read = readings.iter().map(|reading| reading.reading.claim);
        let read: std::collections::BTreeSet<ClaimId> = read.collect();
        self.note_all("readings-listed", read.into_iter()).await?;
        readings.sort_by_key(|of| std::cmp::Reverse((of.reading.at, of.leaf)));
        Ok(readings)
    }

    /// The receipt of a reading, for the organisation that read; of any, where none is
    /// named. `None` where there is no such reading. It leaves an audit entry.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn reading_receipt(
        &self,
        claim: ClaimId,
        commitment: &Commitment,
        reader: Option<&str>,
    ) -> Result<Option<Receipt>> {
        let is = |of: &ReadingRead| {
            of.commitment == *commitment
                && reader.is_none_or(|reader| of.reading.reader.as_str() == reader)
        };
        let mut found = self.readings_of(claim).await?.into_iter().find(is);
        if found.as_ref().is_some_and(|of| of.leaf.is_none()) {
            // Nothing was appended since: now it is.
            self.hurry().await;
            found = self.readings_of(claim).await?.into_iter().find(is);
        }
        let Some(of) = found else { return Ok(None) };
        let index = of.leaf.ok_or(OnItsWay)?;
        self.note("reading-receipt-read", claim).await?;
        let opening = (of.salt, of.reading.to_canon());
        let receipt = self.receipt_at(claim, index, of.entry, opening);
        receipt.await.map(Some)
    }
}
