//! A claim explained: every cent from charge to payment, each with the clause
//! that moved it, the accumulators it moved, and the receipt that proves it.

use std::collections::BTreeSet;

use anyhow::Result;
use askama::Template;
use axum::extract::Path;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use tally_core::appeal::Party;
use tally_core::claim::ClaimId;
use tally_store::port::{
    ActKind, Appeals as _, ClaimRow, FlagFilter, PartKind, Reading as _, ToldRow,
};

use super::appeals::AppealRow;
use super::chart::{Svg, bar};
use super::error::Failure;
use super::flags::FlagRow;
use super::show::{Shell, Tab, grouped, html, member_of, scaled, short, words};
use super::{Answered, Shared, Site};
use crate::changes::at_place;
use crate::node::{ClaimRead, DisputedRead};
use crate::view::{AdjustmentView, ClaimView, ClauseView, LineView, PostingView};

/// A row of a line's way from charge to payment.
struct Step {
    /// The group and code, or nothing.
    code: String,
    class: &'static str,
    meaning: String,
    remark: Option<String>,
    clause: Option<String>,
    bar: Svg,
    amount: String,
    left: String,
}

/// A clause beside the line that names it.
struct Cited<'a> {
    clause: &'a ClauseView,
    /// Shown in full where it is first named.
    first: bool,
}

/// An accumulator's bar.
struct Gauge {
    name: String,
    whose: &'static str,
    period: String,
    bar: Svg,
    before: String,
    after: String,
    limit: Option<String>,
    full: bool,
}

struct Line<'a> {
    view: &'a LineView,
    code: String,
    service: String,
    status: &'static str,
    charge: Step,
    steps: Vec<Step>,
    paid: Step,
    clauses: Vec<Cited<'a>>,
    gauges: Vec<Gauge>,
}

struct Finding {
    name: String,
    score: u16,
    line: u16,
    clause: String,
}

#[derive(Template)]
#[template(path = "claim.html")]
struct Claim<'a> {
    shell: Shell,
    view: &'a ClaimView,
    name: String,
    charge: String,
    allowed: String,
    paid: String,
    patient: String,
    rest: String,
    waits: bool,
    adjusted: bool,
    split: Svg,
    member: String,
    diagnoses: String,
    lines: Vec<Line<'a>>,
    pend: Option<Pend<'a>>,
    flags: Vec<FlagRow>,
    findings: Vec<Finding>,
    history: Vec<Past>,
    appeals: Vec<AppealRow>,
    of_one_claim: bool,
    appealable: Option<(String, String)>,
    reversed: Option<TakenBack>,
    told: Vec<Told>,
    disputed: Vec<DisputedRead>,
    fuel: Option<String>,
    outcome_hash: Option<String>,
}

/// What a payment told of the claim.
struct Told {
    on: String,
    trace: String,
    what: &'static str,
    amount: String,
    interest: Option<String>,
}

impl Told {
    fn of(row: &ToldRow) -> Self {
        let part = &row.part;
        let (what, amount) = match part.kind {
            PartKind::Payment => ("Paid", part.paid),
            PartKind::Reversal => ("Taken back", part.paid),
            PartKind::ReversalAhead => ("Reversed, the money left until the correction", part.paid),
            PartKind::Recovery => ("Taken, which was left", part.withheld),
        };
        Self {
            on: row.day.to_string(),
            trace: row.trace.clone(),
            what,
            amount: grouped(amount),
            interest: (!part.interest.is_zero()).then(|| grouped(part.interest)),
        }
    }
}

/// An outcome of the claim, of what it replaces or of what replaces it.
struct Past {
    claim: String,
    short: String,
    own: bool,
    since: String,
    status: &'static str,
    paid: String,
    patient: String,
    taken_back: Option<TakenBack>,
}

/// By what, and when.
struct TakenBack {
    on: String,
    by: String,
    what: &'static str,
}

struct Pend<'a> {
    view: &'a crate::view::PendView,
    clause: Option<&'a ClauseView>,
}

impl Site {
    /// Opens a claim for a page, with an audit entry.
    pub(super) async fn claim(&self, id: &str, purpose: &str) -> Result<ClaimRead, Failure> {
        let none = || {
            Failure::none(
                "There is no such claim",
                "A claim is named by 32 hexadecimal digits; the list has them all:",
                ("/claims", "All claims"),
            )
        };
        let id = ClaimId::parse(id).ok_or_else(none)?;
        let row = self.node.store().claim(id).await?.ok_or_else(none)?;
        self.open(&row, purpose).await?.ok_or_else(Failure::erased)
    }

    /// Opens a claim for a page, with an audit entry; none when it was erased.
    pub(super) async fn open(&self, row: &ClaimRow, purpose: &str) -> Result<Option<ClaimRead>> {
        let record = row.sealed.record;
        let is_gone = self.node.vault().keys(&[record]).await?.is_empty();
        if is_gone || !self.node.erased_among([row.id]).await?.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.node.read_claim(row.id, purpose).await?))
    }
}

impl Site {
    /// All that was decided at the claim's place, when it was not decided once.
    async fn history(&self, read: &ClaimRead) -> Result<Vec<Past>> {
        let outcome = read.row.outcome.as_ref();
        let changed = outcome.is_some_and(|o| o.revision > 0 || o.gone.is_some());
        if !changed && read.row.act.is_none() {
            return Ok(Vec::new());
        }
        let stages = self
            .node
            .claim_history(&read.row, "page:claim-history")
            .await?;
        let here = at_place(&stages, read.row.id);
        let mut history = Vec::with_capacity(here.len());
        for stage in here {
            let taken_back = match stage.taken_back {
                None => None,
                Some((back, _)) => Some(self.taken_back(back.by, back.on).await?),
            };
            history.push(Past {
                claim: stage.row.id.to_string(),
                short: short(&stage.row.id.to_string()).to_owned(),
                own: stage.row.id == read.row.id,
                since: stage.since.to_string(),
                status: stage.outcome.status().as_str(),
                paid: grouped(stage.outcome.paid()),
                patient: grouped(stage.outcome.patient()),
                taken_back,
            });
        }
        Ok(history)
    }

    async fn taken_back(&self, by: ClaimId, on: tally_types::ServiceDate) -> Result<TakenBack> {
        let row = self.node.store().claim(by).await?;
        let kind = row.and_then(|row| row.act).map(|act| act.kind);
        Ok(TakenBack {
            on: on.to_string(),
            by: by.to_string(),
            what: match kind {
                Some(ActKind::Void) => "a void",
                Some(ActKind::Replacement) => "a replacement",
                Some(ActKind::Review) => "a review by hand",
                Some(ActKind::Readjudication) | None => "a re-adjudication",
            },
        })
    }
}

pub(super) async fn page(site: Shared, Path(id): Path<String>) -> Answered {
    let node = &site.node;
    let read = site.claim(&id, "page:claim").await?;
    let view = ClaimView::of(&read, &node.book().await?);
    let filter = FlagFilter {
        claim: Some(read.row.id),
        ..FlagFilter::default()
    };
    let flags = node.read_flags(&filter, "page:claim").await?;
    let charge = scaled(&view.charge);
    let (paid, patient) = (scaled(&view.paid), scaled(&view.patient));
    let waits = view.pend.is_some() || view.status == "waiting";
    let rest = if waits { 0 } else { charge - paid - patient };
    let mut named = BTreeSet::new();
    let history = site.history(&read).await?;
    let rows = node.store().appeals_of(read.row.id).await?;
    let now = node.moment();
    let appeals = node.read_appeals(rows, "page:appeals").await?;
    let appealable = node
        .appealable_until(
            site.payer.appeal.levels(),
            &read.row,
            &[Party::Member, Party::Provider],
        )
        .await?;
    let gone = read.row.outcome.as_ref().and_then(|o| o.gone);
    let reversed = match gone {
        None => None,
        Some(by) => {
            let row = node.store().claim(by).await?;
            let on = row.map_or(read.row.received, |row| row.received);
            Some(site.taken_back(by, on).await?)
        }
    };
    let told = node.told_of(std::slice::from_ref(&read)).await?;
    let (disputed, _) = node.disputed(Some(read.row.id), 0).await?;
    html(&Claim {
        told: told.iter().map(Told::of).collect(),
        disputed,
        history,
        appeals: appeals.iter().map(|of| AppealRow::of(of, now)).collect(),
        of_one_claim: true,
        appealable: appealable.map(|(level, last)| (level, last.to_string())),
        reversed,
        shell: Shell::new(
            &format!("Claim {}", short(&view.claim)),
            Tab::Claims,
            node.origin(),
        ),
        name: if view.control_number.is_empty() {
            short(&view.claim).to_owned()
        } else {
            view.control_number.clone()
        },
        charge: grouped(&view.charge),
        allowed: grouped(&view.allowed),
        paid: grouped(&view.paid),
        patient: grouped(&view.patient),
        rest: grouped(tally_types::Money::cents(rest)),
        waits,
        adjusted: view.lines.iter().any(|line| !line.adjustments.is_empty()),
        split: if waits {
            bar(&[(0, charge, "pended")], charge)
        } else {
            bar(
                &[
                    (0, paid, "paid"),
                    (paid, paid + patient, "pr"),
                    (paid + patient, charge, "co"),
                ],
                charge,
            )
        },
        member: member_of(&read),
        diagnoses: read
            .claim
            .diagnoses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        lines: view
            .lines
            .iter()
            .map(|line| explain(line, &view, waits, &mut named))
            .collect(),
        pend: view.pend.as_ref().map(|pend| Pend {
            view: pend,
            clause: view.clauses.iter().find(|clause| clause.id == pend.clause),
        }),
        flags: flags.iter().map(FlagRow::of).collect(),
        findings: view
            .findings
            .iter()
            .map(|finding| Finding {
                name: words(&finding.pattern),
                score: finding.score,
                line: finding.line,
                clause: finding.clause.clone(),
            })
            .collect(),
        fuel: view.execution.as_ref().and_then(|e| e.fuel).map(grouped),
        outcome_hash: read
            .row
            .outcome
            .as_ref()
            .map(|outcome| crate::node::keys::hex(&outcome.outcome_hash)),
        view: &view,
    })
}

fn explain<'a>(
    line: &'a LineView,
    view: &'a ClaimView,
    waits: bool,
    named: &mut BTreeSet<&'a str>,
) -> Line<'a> {
    let charge = scaled(&line.charge);
    // CARC 94 may take what is left above the charge.
    let whole = line.adjustments.iter().map(|a| scaled(&a.left)).max();
    let whole = whole.unwrap_or(0).max(charge);
    let mut left = charge;
    let steps = line
        .adjustments
        .iter()
        .map(|adjustment| {
            let from = left;
            left = scaled(&adjustment.left);
            step(adjustment, from, left, whole)
        })
        .collect();
    let mut cited = Vec::new();
    let ids = line.adjustments.iter().map(|a| a.clause.as_str());
    for id in std::iter::once(line.clause.as_str()).chain(ids) {
        if cited.iter().any(|c: &Cited<'_>| c.clause.id == id) {
            continue;
        }
        if let Some(clause) = view.clauses.iter().find(|clause| clause.id == id) {
            cited.push(Cited {
                clause,
                first: named.insert(&clause.id),
            });
        }
    }
    let end = |class, meaning: &str, clause: Option<&str>, amount: &str| Step {
        code: String::new(),
        class,
        meaning: meaning.to_owned(),
        remark: None,
        clause: clause.filter(|id| !id.is_empty()).map(str::to_owned),
        bar: bar(&[(0, scaled(amount), class)], whole),
        amount: String::new(),
        left: grouped(amount),
    };
    Line {
        code: std::iter::once(&line.procedure)
            .chain(&line.modifiers)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" "),
        service: if line.service.0 == line.service.1 {
            line.service.0.clone()
        } else {
            format!("{} to {}", line.service.0, line.service.1)
        },
        status: match (waits, line.denied) {
            (true, _) => view.status,
            (false, true) => "denied",
            (false, false) => "paid",
        },
        charge: end("charge", "Charged", None, &line.charge),
        steps,
        paid: end("paid", "Plan pays", Some(&line.clause), &line.paid),
        clauses: cited,
        gauges: gauges(&line.accumulators),
        view: line,
    }
}

fn step(adjustment: &AdjustmentView, from: i64, to: i64, whole: i64) -> Step {
    let class = group_class(&adjustment.group);
    let amount = scaled(&adjustment.amount);
    let sign = if amount < 0 { "+" } else { "−" };
    Step {
        code: format!("{} {}", adjustment.group, adjustment.carc),
        class,
        meaning: words(adjustment.meaning),
        remark: adjustment.rarc.clone(),
        clause: Some(adjustment.clause.clone()),
        bar: bar(&[(to, from, class)], whole),
        amount: format!("{sign}{}", grouped(tally_types::Money::cents(amount.abs()))),
        left: grouped(&adjustment.left),
    }
}

/// The class of a group's colour.
fn group_class(group: &str) -> &'static str {
    match group {
        "CO" => "co",
        "PR" => "pr",
        "PI" => "pi",
        _ => "oa",
    }
}

/// The accumulators a line moved, each once: a line may move one several
/// times, a copayment first and coinsurance then.
fn gauges(postings: &[PostingView]) -> Vec<Gauge> {
    let mut moves: Vec<(&PostingView, &str, &str)> = Vec::new();
    for posting in postings {
        let (Some(before), Some(after)) = (&posting.before, &posting.after) else {
            continue;
        };
        let same = moves.iter_mut().find(|(first, ..)| {
            (&first.accumulator, first.scope, &first.period)
                == (&posting.accumulator, posting.scope, &posting.period)
        });
        match same {
            Some((.., last)) => *last = after,
            None => moves.push((posting, before, after)),
        }
    }
    moves
        .into_iter()
        .map(|(posting, first, last)| {
            let (before, after) = (scaled(first), scaled(last));
            let limit = posting.limit.as_deref().map(scaled);
            Gauge {
                name: posting.accumulator.clone(),
                whose: posting.scope,
                period: posting.period.clone(),
                bar: bar(
                    &[(0, before, "before"), (before, after, "added")],
                    limit.unwrap_or(after).max(after),
                ),
                before: grouped(first),
                after: grouped(last),
                limit: posting.limit.as_deref().map(grouped),
                full: limit.is_some_and(|limit| after >= limit),
            }
        })
        .collect()
}

/// The receipt, as a file.
pub(super) async fn receipt(site: Shared, Path(id): Path<String>) -> Answered {
    let read = site.claim(&id, "page:receipt").await?;
    let entered = read.row.outcome.as_ref().and_then(|outcome| outcome.leaf);
    if entered.is_none() {
        let what = "The claim waits: its receipt follows when it stands on the ledger.";
        return Err(Failure::not_yet(what.into()));
    }
    let receipt = site.node.receipt(read.row.id).await?;
    let head = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.receipt\"", read.row.id),
        ),
    ];
    Ok((head, receipt.to_string()).into_response())
}

/// The answer as a FHIR R4 ClaimResponse.
pub(super) async fn claim_response(site: Shared, Path(id): Path<String>) -> Answered {
    let read = site.claim(&id, "page:claim-response").await?;
    let Some(outcome) = &read.outcome else {
        let what = "The claim waits: there is no ClaimResponse yet.";
        return Err(Failure::not_yet(what.into()));
    };
    let text = site
        .node
        .claim_response(&read, outcome, &site.payer)
        .await?;
    Ok(([(CONTENT_TYPE, "application/fhir+json")], text).into_response())
}
