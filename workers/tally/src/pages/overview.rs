//! The first page: what came in, what it came to, and who bears it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use anyhow::Result;
use askama::Template;
use tally_core::adjudication::Status;
use tally_core::ledger::shared::Role;
use tally_store::port::{
    AppealFilter, Appeals as _, ClaimFilter, FlagFilter, Reading as _, Totals, Work as _,
};
use tally_types::Money;

use super::appeals::MOST as MOST_APPEALS;
use super::chart::{Svg, bar, donut};
use super::flags::FlagRow;
use super::policy::{PolicyRow, policies};
use super::show::{Shell, Tab, grouped, html, percent, short};
use super::{Answered, Shared, Site};
use crate::node::keys::hex;
use crate::shared::Ledger as _;

/// Beyond so many claims the sums that need every row are left out.
const MOST: u64 = 50_000;
/// Rows looked at together.
const AT_ONCE: u32 = 1000;

/// What the store's sums do not say, over all claims without opening any.
pub(super) struct Summary {
    of: Totals,
    waiting: Money,
    months: BTreeMap<(i32, u32), Month>,
    pub(super) policies: BTreeMap<[u8; 32], (u64, Money)>,
}

#[derive(Default, Clone, Copy)]
struct Month {
    claims: u64,
    charge: i64,
    paid: i64,
    patient: i64,
}

struct Count {
    class: &'static str,
    name: &'static str,
    means: &'static str,
    link: bool,
    count: String,
    share: String,
}

/// A step from what was charged to what the plans paid.
struct Step {
    name: &'static str,
    means: &'static str,
    amount: String,
    bar: Svg,
    total: bool,
}

struct MonthRow {
    month: String,
    claims: String,
    bar: Svg,
    paid: String,
    patient: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    shell: Shell,
    today: String,
    /// The organisation, where claims are decided by others alone.
    decides_nothing: Option<String>,
    claims: String,
    donut: Svg,
    counts: Vec<Count>,
    waits: Option<String>,
    appeals: Option<String>,
    steps: Vec<Step>,
    allowed: String,
    months: Vec<MonthRow>,
    flags: Vec<FlagRow>,
    flagged: String,
    policies: Vec<PolicyRow>,
    size: String,
    root: String,
}

impl Site {
    /// The sums over all claims, as long as those are not too many. They are
    /// kept until something is adjudicated.
    pub(super) async fn summary(&self) -> Result<Option<Arc<Summary>>> {
        let totals = self.node.store().totals().await?;
        if totals.paid + totals.denied + totals.pended > MOST {
            return Ok(None);
        }
        let kept = {
            let kept = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
            kept.clone()
        };
        if let Some(kept) = kept.filter(|kept| kept.of == totals) {
            return Ok(Some(kept));
        }
        let fresh = Arc::new(self.sum(totals).await?);
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&fresh));
        Ok(Some(fresh))
    }

    /// This node's organisation, where it is one of a shared ledger and no payer there.
    fn no_payer(&self) -> Option<String> {
        let member = self.ledger.as_ref()?;
        let at = member.subscribe().borrow().clone();
        let own = &at.state.members.get(&member.organisation)?.organisation;
        (!own.is(Role::Payer)).then(|| own.name.clone())
    }

    async fn sum(&self, of: Totals) -> Result<Summary> {
        let mut summary = Summary {
            of,
            waiting: Money::ZERO,
            months: BTreeMap::new(),
            policies: BTreeMap::new(),
        };
        let mut filter = ClaimFilter {
            limit: AT_ONCE,
            ..ClaimFilter::default()
        };
        loop {
            let rows = self.node.store().claims(&filter).await?;
            for row in &rows {
                // What stands no more is in no sum.
                let Some(outcome) = row.outcome.as_ref().filter(|o| o.gone.is_none()) else {
                    continue;
                };
                let (year, month, _) = row.received.ymd();
                let month = summary.months.entry((year, month)).or_default();
                month.claims += 1;
                month.charge += row.charge.scaled();
                month.paid += outcome.paid.scaled();
                month.patient += outcome.patient.scaled();
                if outcome.status == Status::Pended {
                    let waiting = summary.waiting.checked_add(row.charge);
                    summary.waiting = waiting.unwrap_or(summary.waiting);
                }
                if let Some(policy) = outcome.policy {
                    let (claims, paid) = summary.policies.entry(policy).or_default();
                    *claims += 1;
                    *paid = paid.checked_add(outcome.paid).unwrap_or(*paid);
                }
            }
            match rows.last() {
                Some(last) if rows.len() == AT_ONCE as usize => filter.after = Some(last.id),
                _ => return Ok(summary),
            }
        }
    }
}

pub(super) async fn page(site: Shared) -> Answered {
    let node = &site.node;
    let summary = site.summary().await?;
    let totals = match &summary {
        Some(summary) => summary.of,
        None => node.store().totals().await?,
    };
    let waiting = node.store().waiting().await?;
    let waits = waiting.ready + waiting.held + waiting.behind;
    let top = FlagFilter {
        limit: 6,
        ..FlagFilter::default()
    };
    let flags = node.read_flags(&top, "page:overview").await?;
    let open = AppealFilter {
        open: true,
        after: 0,
        limit: MOST_APPEALS,
    };
    let open = node.store().appeals(&open).await?.len();
    let (_, checkpoint) = node.checkpoint().await?;
    let root = hex(&checkpoint.root);
    html(&Overview {
        shell: Shell::new("Overview", Tab::Overview, node.origin()),
        today: node.clock().today().to_string(),
        decides_nothing: match totals == Totals::default() && waits == 0 {
            true => site.no_payer(),
            false => None,
        },
        claims: grouped(totals.paid + totals.denied + totals.pended + totals.refused),
        donut: donut(&[
            (totals.paid, "paid"),
            (totals.denied, "denied"),
            (totals.pended, "pended"),
            (totals.refused, "refused"),
        ]),
        counts: counts(&totals),
        waits: (waits > 0).then(|| grouped(waits)),
        appeals: match open {
            0 => None,
            open if open == MOST_APPEALS as usize => Some(format!("{open} appeals or more wait")),
            1 => Some("1 appeal waits".to_owned()),
            open => Some(format!("{open} appeals wait")),
        },
        steps: steps(&totals, summary.as_ref().map(|summary| summary.waiting)),
        allowed: grouped(totals.allowed),
        months: summary
            .as_ref()
            .map_or_else(Vec::new, |summary| months(summary)),
        flags: flags.iter().map(FlagRow::of).collect(),
        flagged: grouped(totals.flags),
        policies: policies(node, summary.as_deref()).await?,
        size: grouped(checkpoint.size),
        root: short(&root).to_owned(),
    })
}

fn counts(totals: &Totals) -> Vec<Count> {
    let whole = totals.paid + totals.denied + totals.pended + totals.refused;
    [
        (
            "paid",
            "Paid",
            "processed, at least one line not denied",
            true,
            totals.paid,
        ),
        (
            "denied",
            "Denied",
            "every line denied, with reason and clause",
            true,
            totals.denied,
        ),
        (
            "pended",
            "Pended",
            "waiting, with what would resolve it",
            true,
            totals.pended,
        ),
        (
            "refused",
            "Refused",
            "cannot be read; told where and why",
            false,
            totals.refused,
        ),
    ]
    .map(|(class, name, means, link, count)| Count {
        class,
        name,
        means,
        link,
        count: grouped(count),
        share: percent(count, whole),
    })
    .into()
}

/// From charge to payment: every cent is in exactly one step.
fn steps(totals: &Totals, waiting: Option<Money>) -> Vec<Step> {
    let charge = totals.charge.scaled();
    let (paid, patient) = (totals.paid_amount.scaled(), totals.patient.scaled());
    let waits = waiting.unwrap_or_default().scaled();
    let rest = charge - paid - patient - waits;
    let mut left = charge;
    let mut step = |class, name, means, amount: i64| {
        let from = left;
        left -= amount;
        Step {
            name,
            means,
            amount: match amount {
                0 => grouped(Money::ZERO),
                some => format!("−{}", grouped(Money::cents(some))),
            },
            bar: bar(&[(left, from, class)], charge),
            total: false,
        }
    };
    let mut steps = Vec::new();
    if waits != 0 {
        steps.push(step("pended", "Waiting", "charges of pended claims", waits));
    }
    let means = if waiting.is_some() {
        "above the fee schedule, denied, reduced: nobody owes it"
    } else {
        "above the fee schedule, denied, reduced, or waiting"
    };
    steps.push(step("co", "Written off", means, rest));
    steps.push(step(
        "pr",
        "Patients",
        "deductible, coinsurance, copayment, not covered",
        patient,
    ));
    let total = |class, name, means, amount: i64| Step {
        name,
        means,
        amount: grouped(Money::cents(amount)),
        bar: bar(&[(0, amount, class)], charge),
        total: true,
    };
    steps.insert(
        0,
        total(
            "charge",
            "Charged",
            "by providers, for what was adjudicated",
            charge,
        ),
    );
    steps.push(total("paid", "Plans paid", "what is left", paid));
    steps
}

fn months(summary: &Summary) -> Vec<MonthRow> {
    let most = summary
        .months
        .values()
        .map(|month| month.paid + month.patient)
        .max();
    let most = most.unwrap_or(0);
    summary
        .months
        .iter()
        .rev()
        .take(24)
        .rev()
        .map(|((year, month), sums)| MonthRow {
            month: format!("{year}-{month:02}"),
            claims: grouped(sums.claims),
            bar: bar(
                &[
                    (0, sums.paid, "paid"),
                    (sums.paid, sums.paid + sums.patient, "pr"),
                ],
                most,
            ),
            paid: grouped(Money::cents(sums.paid)),
            patient: grouped(Money::cents(sums.patient)),
        })
        .collect()
}
