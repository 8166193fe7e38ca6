//! Reading payments that were made: what was told stands as it was told, but for what
//! is of records that were erased.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::Outcome;
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId};
use tally_store::port::{
    PartKind, PartRow, PaymentFilter, PaymentRow, Payments as _, Reading as _, Token, ToldRow,
};
use tally_store::vault::{RecordKey, VaultError};
use tally_types::Money;

use super::pay::{Head, head_label, recoveries, told_label};
use super::remit::{Remitted, ToldClaim};
use super::{ClaimRead, Node};

/// A payment, and whom it paid.
pub struct PaymentRead {
    /// Its row.
    pub row: PaymentRow,
    /// What the payee is known by in claims; empty when its record was erased.
    pub payee: String,
    /// Its name.
    pub name: String,
}

/// A payment with all that it told.
pub struct Paid {
    /// Its row.
    pub row: PaymentRow,
    /// What it told of claims, in order.
    pub parts: Vec<PartRow>,
    /// What the payee was told. Of what was erased there is nothing in it, and then its
    /// `text` is empty: the bytes cannot be given again.
    pub told: Remitted,
    /// What of it can be opened: each part's claim, as it stood.
    pub opened: Vec<(PartRow, Claim, Outcome)>,
    /// Claims of it whose record was erased.
    pub erased: BTreeSet<ClaimId>,
}

/// Why a payment's bytes are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoText {
    /// A record of it was erased.
    Erased,
    /// They are not those that were recorded.
    Damaged,
}

impl Node {
    /// Payments, the latest first, each with an audit entry.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn read_payments(
        &self,
        filter: &PaymentFilter,
        purpose: &str,
    ) -> Result<Vec<PaymentRead>> {
        let rows = self.store().payments(filter).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let traces: Vec<String> = rows.iter().map(|row| row.trace.clone()).collect();
        self.audit(purpose, &traces).await?;
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault().keys(&records).await?;
        let mut reads = Vec::with_capacity(rows.len());
        for row in rows {
            let key = keys.get(&row.sealed.record);
            let head = key.map(|key| head_of(&row, key)).transpose()?;
            let (payee, name) = head.map(|head| (head.payee, head.name)).unwrap_or_default();
            reads.push(PaymentRead { row, payee, name });
        }
        Ok(reads)
    }

    /// What a payment says of no claim; none when its record was erased.
    pub(super) async fn head(&self, row: &PaymentRow) -> Result<Option<Head>> {
        let keys = self.vault().keys(&[row.sealed.record]).await?;
        let key = keys.get(&row.sealed.record);
        key.map(|key| head_of(row, key)).transpose()
    }

    /// The 835 of a payment, the same bytes as were made.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn text_of(
        &self,
        row: &PaymentRow,
        parts: &[PartRow],
    ) -> Result<Result<String, NoText>> {
        let head = match self.head(row).await {
            Err(error) if is_altered(&error) => return Ok(Err(NoText::Damaged)),
            head => head?,
        };
        let Some(head) = head else {
            return Ok(Err(NoText::Erased));
        };
        if head.recovered != recoveries(parts) {
            return Ok(Err(NoText::Damaged));
        }
        let mut text = head.before;
        let mut erased = false;
        for chunk in parts.chunks(256) {
            let sealed: Vec<_> = chunk
                .iter()
                .filter_map(|part| Some((part, part.sealed.as_ref()?)))
                .collect();
            let records: Vec<_> = sealed.iter().map(|(_, sealed)| sealed.record).collect();
            let keys = self.vault().keys(&records).await?;
            let gone = sealed.iter().map(|(part, _)| part.claim);
            let gone = self.erased_among(gone).await?;
            for (part, sealed) in sealed {
                let key = keys.get(&sealed.record);
                let Some(key) = key.filter(|_| !gone.contains(&part.claim)) else {
                    erased = true;
                    continue;
                };
                let Ok(piece) = key.open(&told_label(part), sealed) else {
                    return Ok(Err(NoText::Damaged));
                };
                text.push_str(&String::from_utf8_lossy(&piece));
            }
        }
        if erased {
            return Ok(Err(NoText::Erased));
        }
        text.push_str(&head.after);
        let hash: [u8; 32] = Sha256::digest(&text).into();
        Ok(match hash == row.hash {
            true => Ok(text),
            false => Err(NoText::Damaged),
        })
    }

    /// A payment with all that it told, with an audit entry for it and for each claim.
    /// `None` when there is none of that number.
    ///
    /// # Errors
    /// When the store fails, or what it gives is not what was recorded.
    pub async fn read_payment(&self, trace: &str, purpose: &str) -> Result<Option<Paid>> {
        let Some(row) = self.store().payment(trace).await? else {
            return Ok(None);
        };
        self.note_of(purpose, trace).await?;
        let parts = self.store().parts(row.id).await?;
        let text = match self.text_of(&row, &parts).await? {
            Ok(text) => text,
            Err(NoText::Erased) => String::new(),
            Err(NoText::Damaged) => anyhow::bail!(
                "payment {trace} is not as it was recorded: restore the store from its backup"
            ),
        };
        let head = self.head(&row).await?;
        let (payee, name) = head.map(|head| (head.payee, head.name)).unwrap_or_default();
        let (opened, erased) = self.opened_parts(&parts, Some(purpose)).await?;
        let told = told(&row, (payee, name), text, &opened, &parts);
        Ok(Some(Paid {
            row,
            parts,
            told,
            opened,
            erased,
        }))
    }

    /// What was told of claims that were read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn told_of(&self, reads: &[ClaimRead]) -> Result<Vec<ToldRow>> {
        let ids: Vec<ClaimId> = reads.iter().map(|read| read.row.id).collect();
        let mut told = Vec::new();
        for chunk in ids.chunks(256) {
            told.extend(self.store().told_of(chunk).await?);
        }
        Ok(told)
    }

    /// What was told last of claims that there is nothing more to tell of now, and what
    /// was left for them and taken since, as the share that these claims have of each
    /// payment: of no other claim. For a purpose each leaves an audit entry.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn paid_for(
        &self,
        reads: &[ClaimRead],
        due: &BTreeSet<ClaimId>,
        purpose: Option<&str>,
    ) -> Result<Vec<Remitted>> {
        let mut last: BTreeMap<ClaimId, Vec<ToldRow>> = BTreeMap::new();
        for row in self.told_of(reads).await? {
            if due.contains(&row.part.claim) {
                continue;
            }
            let of = last.entry(row.part.claim).or_default();
            // What is told anew replaces all but what the same payment says with it.
            if row.part.kind != PartKind::Recovery {
                of.retain(|before| before.trace == row.trace);
            }
            of.push(row);
        }
        let mut payments: BTreeMap<String, Vec<PartRow>> = BTreeMap::new();
        for row in last.into_values().flatten() {
            payments.entry(row.trace).or_default().push(row.part);
        }
        let mut all = Vec::with_capacity(payments.len());
        for (trace, parts) in payments {
            let row = self.store().payment(&trace).await?;
            let row = row.context("a payment that told of a claim is missing")?;
            let head = self.head(&row).await?;
            let (payee, name) = head.map(|head| (head.payee, head.name)).unwrap_or_default();
            let (opened, _) = self.opened_parts(&parts, purpose).await?;
            let mut share = told(&row, (payee, name), String::new(), &opened, &parts);
            let net = PartRow::sum(&parts);
            share.payment = net.filter(|net| !net.is_negative()).unwrap_or_default();
            (share.brought, share.forwarded) = (Money::ZERO, Money::ZERO);
            all.push((row.id, share));
        }
        all.sort_by_key(|(id, _)| *id);
        Ok(all.into_iter().map(|(_, share)| share).collect())
    }

    /// The claims of parts, each as it stood; and those that were erased.
    async fn opened_parts(
        &self,
        parts: &[PartRow],
        purpose: Option<&str>,
    ) -> Result<(Vec<(PartRow, Claim, Outcome)>, BTreeSet<ClaimId>)> {
        let ids: BTreeSet<ClaimId> = parts.iter().map(|part| part.claim).collect();
        let ids: Vec<ClaimId> = ids.into_iter().collect();
        let mut stood: BTreeMap<(ClaimId, u32), (Claim, Outcome)> = BTreeMap::new();
        let mut units: BTreeMap<Token, BTreeSet<ClaimId>> = BTreeMap::new();
        for chunk in ids.chunks(256) {
            let mut rows = self.store().claims_by_id(chunk).await?;
            rows.retain(|row| {
                let outcome = row.outcome.as_ref();
                let changed = outcome.is_some_and(|o| o.revision > 0);
                if changed {
                    units.entry(row.unit).or_default().insert(row.id);
                }
                !changed
            });
            for read in self.open_noted(rows, purpose).await? {
                if let Some(outcome) = read.outcome {
                    stood.insert((read.row.id, 0), (read.claim, outcome));
                }
            }
        }
        for (unit, claims) in units {
            for stage in self.stages_of_claims(unit, &claims, purpose).await? {
                stood.insert((stage.row.id, stage.number), (stage.claim, stage.outcome));
            }
        }
        let (mut opened, mut erased) = (Vec::with_capacity(parts.len()), BTreeSet::new());
        for part in parts {
            match stood.get(&(part.claim, part.revision)) {
                Some((claim, outcome)) => {
                    opened.push((part.clone(), claim.clone(), outcome.clone()));
                }
                None => drop(erased.insert(part.claim)),
            }
        }
        Ok((opened, erased))
    }
}

/// Whether a payload, or what it is bound to, is not as it was sealed.
fn is_altered(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(VaultError::Payload))
}

fn told(
    row: &PaymentRow,
    (payee, name): (String, String),
    text: String,
    opened: &[(PartRow, Claim, Outcome)],
    parts: &[PartRow],
) -> Remitted {
    let of = |reversal: bool| {
        let parts = opened.iter().filter(move |(part, ..)| match part.kind {
            PartKind::Payment => !reversal,
            PartKind::Reversal | PartKind::ReversalAhead => reversal,
            PartKind::Recovery => false,
        });
        parts
            .map(|(part, claim, outcome)| {
                ToldClaim::of(claim, outcome, part.interest, part.withheld)
            })
            .collect()
    };
    Remitted {
        payee,
        name,
        trace: row.trace.clone(),
        number: row.number,
        on: row.day,
        text,
        payment: row.amount,
        brought: row.brought,
        forwarded: row.forwarded,
        recovered: parts
            .iter()
            .filter(|part| part.kind == PartKind::Recovery)
            .map(|part| (part.claim, part.withheld))
            .collect(),
        claims: of(false),
        reversed: of(true),
    }
}

/// What a payment says of no claim.
fn head_of(row: &PaymentRow, key: &RecordKey) -> Result<Head> {
    let label = head_label(
        &row.trace,
        (row.payee, row.number),
        row.day,
        [row.amount, row.brought, row.forwarded],
        row.submitter.as_deref(),
    );
    let bytes = key.open(&label, &row.sealed)?;
    Head::from_canon(&bytes).context("a stored payment is damaged")
}
