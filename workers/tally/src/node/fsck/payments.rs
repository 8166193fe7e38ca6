//! Payments, checked: each agrees with what it tells, with the payment before and with
//! what was decided.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_store::port::{
    Acts as _, PartKind, PartRow, PaymentFilter, PaymentRow, Payments as _, Reading as _, Token,
};
use tally_types::Money;

use super::Fscked;
use crate::node::Node;
use crate::node::paid::NoText;

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
        Ok(())
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
                found.fault(place(row), "its 835 is not the one that was recorded");
            }
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

fn place(row: &PaymentRow) -> String {
    format!("payment {}", row.trace)
}

fn balances(row: &PaymentRow, parts: &[PartRow]) -> bool {
    let sum = PartRow::sum(parts);
    let due = sum.and_then(|sum| sum.checked_sub(row.brought));
    due.is_some() && due == row.amount.checked_sub(row.forwarded)
}
