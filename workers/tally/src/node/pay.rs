//! Payments: everything that is settled and not told yet is told, one remittance for
//! each payee, and recorded. A payment is one transaction that names the payment of the
//! payee it follows on: of two that tell the same, one is refused and looks again.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::canon::{Canon, DecodeError, Reader};
use tally_core::claim::ClaimId;
use tally_core::ledger::PaymentAdvice;
use tally_store::port::{DueRow, NewPayment, PartKind, PartRow, Payments as _, Token};
use tally_types::{Money, ServiceDate};
use thiserror::Error;

use super::keys::hex;
use super::remit::due::{Part, Place};
use super::remit::{Following, Named, RemitError, Remitted, Remitting, Telling, remit_payee};
use super::{Node, entered, is_fenced};
use crate::failpoint;

/// What a payment's own payload is, with what is kept of the payment in the clear: it
/// opens as nothing else, and beside nothing else.
pub(super) fn head_label(
    trace: &str,
    (payee, number): (Token, u32),
    day: ServiceDate,
    [amount, brought, forwarded]: [Money; 3],
    submitter: Option<&str>,
) -> String {
    let payee = hex(&payee.0);
    let submitter = submitter.map_or_else(|| "-".to_owned(), |of| format!("={of}"));
    format!("payment/{trace}/{payee}/{number}/{day}/{amount}/{brought}/{forwarded}/{submitter}")
}

/// The same, of the payload of what a payment says of a claim.
pub(super) fn told_label(of: &PartRow) -> String {
    let kind = of.kind.name();
    format!(
        "told/{}/{kind}/{}/{}/{}/{}",
        of.claim, of.revision, of.paid, of.interest, of.withheld
    )
}

/// What tells whether a payment's recoveries are those that were recorded: they have
/// no payload of their own. Empty when there is none.
pub(super) fn recoveries(parts: &[PartRow]) -> String {
    let mut hasher = Sha256::new();
    let mut any = false;
    for part in parts.iter().filter(|p| p.kind == PartKind::Recovery) {
        any = true;
        hasher.update(told_label(part));
    }
    match any {
        true => hex(&hasher.finalize()),
        false => String::new(),
    }
}

/// Marks that one payment answers at most: what is held of a payee at a time.
pub const MOST: u32 = 5_000;

/// How often a payment that was refused is made anew.
const TRIES: u32 = 16;

/// The version of the encoding of a payment's head, its first byte.
const VERSION: u8 = 1;

/// What a payment says that is of no claim.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// What the payee is known by in claims.
    pub(super) payee: String,
    /// Its name.
    pub(super) name: String,
    /// The 835 before its first claim.
    pub(super) before: String,
    /// The 835 after its last claim.
    pub(super) after: String,
    /// Of its [`recoveries`].
    pub(super) recovered: String,
}

impl Canon for Head {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.payee.put(out);
        self.name.put(out);
        self.before.put(out);
        self.after.put(out);
        self.recovered.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("version of a payment", n.into())),
        }
        Ok(Self {
            payee: Canon::take(from)?,
            name: Canon::take(from)?,
            before: Canon::take(from)?,
            after: Canon::take(from)?,
            recovered: Canon::take(from)?,
        })
    }
}

/// An 835 cut where its claims begin.
pub(super) struct Cut<'a> {
    pub(super) before: &'a str,
    pub(super) claims: Vec<&'a str>,
    pub(super) after: &'a str,
}

impl<'a> Cut<'a> {
    /// Of what a writer wrote, whose segments end in `~`. One after another, the
    /// pieces are the text.
    pub(super) fn of(text: &'a str) -> Self {
        let mut starts = Vec::new();
        let mut end = text.len();
        let mut at = 0;
        for segment in text.split_inclusive('~') {
            let blank = segment.len() - segment.trim_start().len();
            let start = at + blank;
            match segment.trim_start().split('*').next() {
                Some("CLP") => starts.push(start),
                // What of it is not a claim's comes after the last.
                Some("PLB" | "SE") => {
                    end = start;
                    break;
                }
                _ => {}
            }
            at += segment.len();
        }
        let first = starts.first().copied().unwrap_or(end);
        let ends = starts.iter().copied().skip(1).chain([end]);
        let claims = starts.iter().zip(ends);
        let piece = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        Self {
            before: piece(0, first),
            claims: claims.map(|(from, to)| piece(*from, to)).collect(),
            after: piece(end, text.len()),
        }
    }
}

/// Who is to be paid.
pub struct Paying<'a> {
    /// Who pays, and when.
    pub remitting: Remitting<'a>,
    /// Only this payee, by what it is known by in claims.
    pub payee: Option<&'a str>,
    /// Whether it is only said what would be paid.
    pub dry: bool,
    /// Marks that one payment answers at most: [`MOST`].
    pub most: u32,
}

/// What happens in a run of payments.
pub enum Step<'a> {
    /// So many payees are to be looked at.
    Payees(u64),
    /// A payment is about to be recorded. It is not, when another told the same first.
    Making(&'a Remitted),
    /// A payment was made, or would be.
    Paid(Box<Remitted>),
    /// The payee was looked at.
    Done,
}

/// What a run of payments could not tell.
#[derive(Default)]
pub struct Untold {
    /// Why payees, or some of their claims, were not told.
    pub failed: Vec<RemitError>,
    /// Claims whose record was erased before they were told.
    pub erased: BTreeSet<ClaimId>,
    /// Claims with something that came about after the day of the payment.
    pub later: BTreeSet<ClaimId>,
}

impl Node {
    /// Pays all that is settled and not told. Each payment is recorded before it is
    /// said; what was recorded stays when a later one fails.
    ///
    /// # Errors
    /// When the store fails, a payload is damaged, or `said` fails. What cannot be told
    /// is no error: see [`Untold`].
    pub async fn pay(
        &self,
        paying: &Paying<'_>,
        said: &mut (dyn FnMut(Step<'_>) -> Result<()> + Send),
    ) -> Result<Untold> {
        let mut payees = Vec::new();
        match paying.payee {
            Some(payee) => payees.push(self.provider_token(payee)),
            None => {
                let mut after = None;
                while let Some(payee) = self.store().due_payee(after).await? {
                    payees.push(payee);
                    after = Some(payee);
                }
            }
        }
        said(Step::Payees(payees.len() as u64))?;
        let mut untold = Untold::default();
        for payee in payees {
            self.pay_payee(payee, paying, &mut untold, said).await?;
            said(Step::Done)?;
        }
        if !paying.dry {
            self.hurry().await;
        }
        Ok(untold)
    }

    async fn pay_payee(
        &self,
        payee: Token,
        paying: &Paying<'_>,
        untold: &mut Untold,
        said: &mut (dyn FnMut(Step<'_>) -> Result<()> + Send),
    ) -> Result<()> {
        let mut run = Run {
            node: self,
            paying,
            payee,
            following: self.following(payee).await?,
            done: BTreeSet::new(),
            tries: 0,
        };
        let mut after = 0;
        loop {
            let marks = self.store().due(payee, after, paying.most).await?;
            let Some(last) = marks.last().map(|row| row.mark) else {
                return Ok(());
            };
            match run.page(&marks, untold, said).await? {
                Paged::Next => after = last,
                Paged::Again => {}
                Paged::Stop => return Ok(()),
            }
        }
    }
}

/// What becomes of a page of marks.
enum Paged {
    /// It is done with.
    Next,
    /// Somebody else paid, or a record was erased, meanwhile: it is to be read again.
    Again,
    /// Nothing can be told to this payee.
    Stop,
}

/// The payments of one payee in a run.
struct Run<'a> {
    node: &'a Node,
    paying: &'a Paying<'a>,
    payee: Token,
    following: Following,
    /// Places that were told by this page or, dry, would be by one before.
    done: BTreeSet<Place>,
    tries: u32,
}

impl Run<'_> {
    async fn page(
        &mut self,
        marks: &[DueRow],
        untold: &mut Untold,
        said: &mut (dyn FnMut(Step<'_>) -> Result<()> + Send),
    ) -> Result<Paged> {
        let ids: BTreeSet<ClaimId> = marks.iter().map(|row| row.claim).collect();
        let ids: Vec<ClaimId> = ids.into_iter().collect();
        let purpose = match self.paying.dry {
            true => "claims-remitted",
            false => "claims-paid",
        };
        let remitting = &self.paying.remitting;
        if !self.paying.dry {
            // What was told before is on record.
            self.done.clear();
        }
        let mut due = self
            .node
            .due_of(&ids, remitting, Some(purpose), &mut self.done)
            .await?;
        let names = self.node.patients(&due.parts).await?;
        let mut failed = std::mem::take(&mut due.failed);
        // A payee's token is of one identifier, so all of it is one payee's.
        let mut of: Telling<'_> = due.parts.iter().zip(&names).collect();
        let told = match self.told(&mut of, &mut due.kept, &mut failed) {
            Ok(told) => told,
            Err(error) => {
                untold.failed.extend(failed.into_iter().chain([error]));
                return Ok(Paged::Stop);
            }
        };
        // What cannot be told now keeps its marks: those of all claims at the place.
        let kept = |claim: &ClaimId| {
            let place = due.places.get(claim);
            due.later.contains(claim)
                || due.erased.contains(claim)
                || place.is_some_and(|place| due.kept.contains(place))
        };
        let mut answered: Vec<i64> = marks
            .iter()
            .filter(|row| !kept(&row.claim))
            .map(|row| row.mark)
            .collect();
        untold.later.extend(&due.later);
        untold.erased.extend(&due.erased);
        if self.paying.dry {
            answered.clear();
        }
        let Some(remitted) = told else {
            if !answered.is_empty() {
                self.node.store().nothing_due(&answered).await?;
            }
            untold.failed.extend(failed);
            return Ok(Paged::Next);
        };
        if !self.paying.dry {
            said(Step::Making(&remitted))?;
            match self.record(&of, &remitted, answered).await {
                Ok(()) => {}
                Err(error) if is_overtaken(&error) && self.tries < TRIES => {
                    self.tries += 1;
                    self.following = self.node.following(self.payee).await?;
                    return Ok(Paged::Again);
                }
                Err(error) => return Err(error),
            }
        }
        self.following = after(&remitted);
        said(Step::Paid(Box::new(remitted)))?;
        untold.failed.extend(failed);
        Ok(Paged::Next)
    }

    /// What the payee is told; nothing where nothing of it can be. What cannot be is
    /// taken out, with why, and its place kept.
    fn told(
        &self,
        of: &mut Telling<'_>,
        kept: &mut BTreeSet<Place>,
        failed: &mut Vec<RemitError>,
    ) -> Result<Option<Remitted>, RemitError> {
        let (following, remitting) = (&self.following, &self.paying.remitting);
        if of.is_empty() {
            return Ok(None);
        }
        match remit_payee(of, following, remitting) {
            Err(RemitError::Refused { .. }) => {}
            told => return told.map(Some),
        }
        for (error, place) in refused(of, following, remitting) {
            kept.insert(place);
            failed.push(error);
        }
        if of.is_empty() {
            return Ok(None);
        }
        remit_payee(of, following, remitting).map(Some)
    }

    async fn record(
        &self,
        of: &[(&Part, &Named)],
        remitted: &Remitted,
        marks: Vec<i64>,
    ) -> Result<()> {
        let node = self.node;
        let cut = Cut::of(&remitted.text);
        let own = node.vault().fresh_one().await?;
        let mut pieces = cut.claims.into_iter();
        let mut parts = Vec::with_capacity(of.len());
        for chunk in of.chunks(256) {
            let records: Vec<_> = chunk
                .iter()
                .map(|(part, _)| part.row.sealed.record)
                .collect();
            let keys = node.vault().keys(&records).await?;
            for (part, _) in chunk {
                let recovery = part.kind == PartKind::Recovery;
                let mut row = PartRow {
                    claim: part.row.id,
                    revision: part.revision,
                    kind: part.kind,
                    paid: match recovery {
                        true => Money::ZERO,
                        false => part.outcome.paid(),
                    },
                    interest: part.interest,
                    withheld: part.withheld,
                    sealed: None,
                };
                if !recovery {
                    let piece = pieces.next().context("a claim has no piece of the 835")?;
                    let key = keys.get(&part.row.sealed.record).ok_or(ErasedMeanwhile)?;
                    row.sealed = Some(key.seal(&told_label(&row), piece.as_bytes())?);
                }
                parts.push(row);
            }
        }
        anyhow::ensure!(pieces.next().is_none(), "the 835 has a claim too many");
        let submitter = of.first().map(|(part, _)| part.row.submitter.clone());
        let one = of
            .iter()
            .all(|(part, _)| Some(&part.row.submitter) == submitter.as_ref());
        let head = Head {
            payee: remitted.payee.clone(),
            name: remitted.name.clone(),
            before: cut.before.to_owned(),
            after: cut.after.to_owned(),
            recovered: recoveries(&parts),
        };
        let submitter = submitter.filter(|_| one);
        let label = head_label(
            &remitted.trace,
            (self.payee, remitted.number),
            remitted.on,
            [remitted.payment, remitted.brought, remitted.forwarded],
            submitter.as_deref(),
        );
        let hash = Sha256::digest(&remitted.text).into();
        let told: BTreeSet<ClaimId> = parts.iter().map(|part| part.claim).collect();
        let advice = PaymentAdvice {
            trace: remitted.trace.clone(),
            amount: remitted.payment,
            date: remitted.on,
            claims: told.into_iter().collect(),
            remittance: hash,
        };
        let payment = NewPayment {
            trace: remitted.trace.clone(),
            payee: self.payee,
            number: remitted.number,
            day: remitted.on,
            amount: remitted.payment,
            brought: remitted.brought,
            forwarded: remitted.forwarded,
            submitter,
            hash,
            sealed: own.seal(&label, &head.to_canon())?,
            parts,
            marks,
            advised: entered::advised(&own, &advice)?,
        };
        failpoint::reach("before-pay");
        node.store().pay(&payment).await?;
        failpoint::reach("after-pay");
        node.note_of("payment-made", &payment.trace).await
    }
}

/// What the payment after one follows on.
fn after(remitted: &Remitted) -> Following {
    Following::of(
        remitted.number,
        remitted.on,
        &remitted.trace,
        remitted.forwarded,
    )
}

/// A claim's record was erased after it was read: without it, the rest can be paid.
#[derive(Debug, Error)]
#[error("records of claims are erased all the time: run the payments again")]
struct ErasedMeanwhile;

/// Whether what is due is another by now, and is to be read again.
fn is_overtaken(error: &anyhow::Error) -> bool {
    is_fenced(error) || error.is::<ErasedMeanwhile>()
}

/// Takes out of a payee's parts what cannot be told, place by place, and says why.
fn refused(
    parts: &mut Telling<'_>,
    following: &Following,
    remitting: &Remitting<'_>,
) -> Vec<(RemitError, Place)> {
    let (mut fit, mut refused) = (Vec::new(), Vec::new());
    for of in parts.chunk_by(|(one, _), (other, _)| one.place == other.place) {
        match remit_payee(of, following, remitting) {
            Err(error @ RemitError::Refused { .. }) => {
                refused.extend(of.first().map(|(part, _)| (error, part.place)));
            }
            // The rest is of the payee, not of a claim.
            Ok(_) | Err(_) => fit.extend_from_slice(of),
        }
    }
    *parts = fit;
    refused
}

#[cfg(test)]
mod tests;
