//! Payments, checked: each agrees with what it tells, with the payment before and with
//! what was decided; and all that is to be told will be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_store::port::{
    Acts as _, ClaimFilter, ClaimRow, PartKind, PartRow, PaymentFilter, PaymentRow, Payments as _,
    Reading as _, Token, ToldRow,
};
use tally_types::{Money, ServiceDate};

use super::Fscked;
use crate::config::PayerConfig;
use crate::node::paid::NoText;
use crate::node::stages::places;
use crate::node::{Node, Remitting};

/// Payments that are read at a time.
const PAGE: u32 = 256;

impl Node {
    /// Every payment, from the latest back.
    pub(super) async fn check_payments(&self, found: &mut Fscked) -> Result<()> {
        let mut filter = PaymentFilter {
            limit: PAGE,
            ..PaymentFilter::default()
        };
        // What the payment after it says of a payee's last one.
        let mut after: BTreeMap<Token, (u32, Money)> = BTreeMap::new();
        loop {
            let rows = self.store().payments(&filter).await?;
            let Some(last) = rows.last().map(|row| row.id) else {
                break;
            };
            filter.before = Some(last);
            for row in rows {
                if let Some((number, brought)) = after.insert(row.payee, (row.number, row.brought))
                {
                    if Some(number) != row.number.checked_add(1) {
                        found.fault(place(&row), "the payment after it is not the next");
                    }
                    if brought != row.forwarded {
                        found.fault(
                            place(&row),
                            "the next one takes another balance than it left",
                        );
                    }
                }
                self.check_payment(&row, found).await?;
            }
        }
        for (number, brought) in after.into_values() {
            if number != 1 || !brought.is_zero() {
                found.fault("payments", "the first payment of a payee is missing");
            }
        }
        self.check_due(found).await
    }

    /// What is to be told is marked: no run would look at it otherwise.
    async fn check_due(&self, found: &mut Fscked) -> Result<()> {
        // Whoever pays, and whatever is owed for being late: all of all time.
        let payer = PayerConfig::default();
        let remitting = Remitting {
            payer: &payer,
            payees: &[],
            on: ServiceDate::MAX,
        };
        let mut filter = ClaimFilter {
            limit: PAGE,
            ..ClaimFilter::default()
        };
        let mut done = BTreeSet::new();
        loop {
            let mut rows = self.store().claims(&filter).await?;
            let Some(last) = rows.last().map(|row| row.id) else {
                return Ok(());
            };
            filter.after = Some(last);
            rows.retain(|row| row.outcome.is_some());
            let ids: Vec<ClaimId> = rows.iter().map(|row| row.id).collect();
            let marked = self.store().marked(&ids).await?;
            let told = self.store().told_of(&ids).await?;
            rows.retain(|row| !marked.contains(&row.id) && !is_told(row, &told));
            let ids: Vec<ClaimId> = rows.iter().map(|row| row.id).collect();
            done.clear();
            let due = self
                .due_of(&ids, &remitting, Some("log-checked"), &mut done)
                .await?;
            for of in due.parts.chunk_by(|one, other| one.place == other.place) {
                let Some(part) = of.first() else { continue };
                // A mark of any claim there is one of all.
                let unit = self.store().claims_of_unit(part.place.0).await?;
                let there = places(&unit).into_iter();
                let there = there.filter(|(_, place)| *place == part.place.1);
                let there: Vec<ClaimId> = there.map(|(id, _)| id).collect();
                if self.store().marked(&there).await?.is_empty() {
                    found.fault(
                        format!("claim {}", part.row.id),
                        "what it came to was not told, and no payment will: it has no mark",
                    );
                }
            }
        }
    }

    async fn check_payment(&self, row: &PaymentRow, found: &mut Fscked) -> Result<()> {
        let faults = found.faults.len();
        let parts = self.store().parts(row.id).await?;
        if usize::try_from(row.parts) != Ok(parts.len()) {
            found.fault(place(row), "it has not all that it told");
        }
        if !balances(row, &parts) {
            found.fault(place(row), "its parts do not come to its sum");
        }
        self.check_decided(row, &parts, found).await?;
        match self.text_of(row, &parts).await? {
            Ok(_) => {}
            Err(NoText::Erased) => found.erased += 1,
            Err(NoText::Damaged) => {
                found.fault(
                    place(row),
                    "it is not the one that was recorded, with its 835",
                );
            }
        }
        // Of payments made before they were entered nothing is.
        let entered = self.advice_of(&row.trace).await;
        let alike = entered.is_ok_and(|advice| {
            advice.is_none_or(|of| {
                (of.amount, of.date, of.remittance) == (row.amount, row.day, row.hash)
                    && of.trace == row.trace
            })
        });
        if !alike {
            found.fault(place(row), "it is not the one that was entered on the log");
        }
        if found.faults.len() == faults {
            found.payments += 1;
        }
        Ok(())
    }

    /// What parts say was paid is what was decided.
    async fn check_decided(
        &self,
        row: &PaymentRow,
        parts: &[PartRow],
        found: &mut Fscked,
    ) -> Result<()> {
        let ids: BTreeSet<ClaimId> = parts.iter().map(|part| part.claim).collect();
        let ids: Vec<ClaimId> = ids.into_iter().collect();
        let mut decided: BTreeMap<(ClaimId, u32), (Status, Money)> = BTreeMap::new();
        let mut units: BTreeSet<Token> = BTreeSet::new();
        for chunk in ids.chunks(256) {
            for claim in self.store().claims_by_id(chunk).await? {
                let Some(outcome) = claim.outcome else {
                    continue;
                };
                if claim.provider != row.payee {
                    found.fault(place(row), "it tells of another's claim");
                }
                if outcome.revision > 0 {
                    units.insert(claim.unit);
                }
                let of = (outcome.status, outcome.paid);
                decided.insert((claim.id, outcome.revision), of);
            }
        }
        for unit in units {
            for (claim, outcome) in self.store().first_outcomes(unit).await? {
                decided.insert((claim, 0), (outcome.status, outcome.paid));
            }
            for revision in self.store().revisions(unit).await? {
                if let Some(now) = revision.now {
                    decided.insert((revision.claim, revision.number), (now.status, now.paid));
                }
            }
        }
        for part in parts.iter().filter(|p| p.kind != PartKind::Recovery) {
            let of = decided.get(&(part.claim, part.revision));
            if of.is_none_or(|(status, paid)| *status == Status::Pended || *paid != part.paid) {
                let what = format!("claim {} did not come to what it tells", part.claim);
                found.fault(place(row), what);
            }
        }
        Ok(())
    }
}

/// Whether a claim is told as it is, so that nothing of it is to be opened. False also
/// where money was left for it, and it hangs on another whether that is to be taken.
fn is_told(row: &ClaimRow, told: &[ToldRow]) -> bool {
    let of = || told.iter().filter(|of| of.part.claim == row.id);
    let last = of().rfind(|of| of.part.kind != PartKind::Recovery);
    let last = last.map(|last| (last.part.kind, last.part.revision));
    let Some(outcome) = &row.outcome else {
        return true;
    };
    let stands = outcome.gone.is_none() && outcome.status != Status::Pended;
    match last {
        Some((PartKind::Payment, revision)) => stands && revision == outcome.revision,
        Some((PartKind::ReversalAhead, revision)) => {
            let taken =
                |of: &ToldRow| of.part.kind == PartKind::Recovery && of.part.revision == revision;
            !stands && of().any(taken)
        }
        _ => !stands,
    }
}

fn place(row: &PaymentRow) -> String {
    format!("payment {}", row.trace)
}

fn balances(row: &PaymentRow, parts: &[PartRow]) -> bool {
    let sum = PartRow::sum(parts);
    let due = sum.and_then(|sum| sum.checked_sub(row.brought));
    due.is_some() && due == row.amount.checked_sub(row.forwarded)
}
