//! What claims ever came to, and what acts changed, as JSON: what the command line
//! prints and the API answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tally_core::adjudication::{Description, Outcome, over_limits};
use tally_core::claim::{Claim, ClaimId};
use tally_core::interchange::{self, Insurer, PaidOn};
use tally_store::port::{ClaimRow, PartKind, PartRow};
use tally_types::{Money, ServiceDate};

use crate::node::{ClaimRead, Paid, Stage, is_gone};
use crate::view::amount;

/// What a claim came to, as a FHIR `ClaimResponse` with the payment that told of it;
/// cancelled when it stands no more.
pub fn claim_response(
    read: &ClaimRead,
    outcome: &Outcome,
    insurer: Insurer<'_>,
    today: ServiceDate,
    paid: Option<PaidOn>,
) -> String {
    match is_gone(read) {
        true => interchange::cancelled_claim_response(&read.claim, outcome, insurer, today),
        false => interchange::claim_response(&read.claim, outcome, insurer, today, paid),
    }
}

/// What claims came to that are remitted on a day, with the interest that is paid with
/// each, and the day where that is another.
pub fn remitted_responses(
    reads: &[ClaimRead],
    insurer: Insurer<'_>,
    interest: &BTreeMap<ClaimId, (Money, ServiceDate)>,
    on: ServiceDate,
) -> Vec<String> {
    let of = |read: &ClaimRead| {
        let paid = interest.get(&read.claim.id).copied();
        let (interest, day) = paid.unwrap_or((Money::ZERO, on));
        let paid = Some(PaidOn { day, interest });
        Some(claim_response(
            read,
            read.outcome.as_ref()?,
            insurer,
            day,
            paid,
        ))
    };
    reads.iter().filter_map(of).collect()
}

/// What a payment told of claims: what it paid, and what it took back without putting
/// anything in its place.
pub fn paid_responses(paid: &Paid, insurer: Insurer<'_>) -> Vec<String> {
    let told = |claim: ClaimId| paid.told.claims.iter().any(|of| of.claim == claim);
    let of = |(part, claim, outcome): &(PartRow, Claim, Outcome)| {
        let on = paid.row.day;
        match part.kind {
            PartKind::Payment => {
                let made = PaidOn {
                    day: on,
                    interest: part.interest,
                };
                let answer = interchange::claim_response(claim, outcome, insurer, on, Some(made));
                Some(answer)
            }
            PartKind::Recovery => None,
            PartKind::Reversal | PartKind::ReversalAhead => (!told(claim.id))
                .then(|| interchange::cancelled_claim_response(claim, outcome, insurer, on)),
        }
    };
    paid.opened.iter().filter_map(of).collect()
}

/// How a claim or an act stands, in a word.
pub fn standing(row: &ClaimRow) -> &'static str {
    let done = row.act.as_ref().is_some_and(|act| act.done.is_some());
    match &row.outcome {
        Some(outcome) if outcome.gone.is_some() => "reversed",
        Some(outcome) => outcome.status.as_str(),
        None if row.discarded => "discarded",
        None if done => "done",
        None => "waiting",
    }
}

/// The outcomes at the place that a claim has in its contract's order, in the order of
/// time: its own, those of what it replaces and of what replaces it. They are as
/// [`crate::node::Node::stages`] gives them.
pub fn at_place(stages: &[Stage], claim: ClaimId) -> Vec<&Stage> {
    let own = stages.iter().find(|stage| stage.row.id == claim);
    let place = own.map(|stage| stage.place);
    stages
        .iter()
        .filter(|stage| Some(stage.place) == place)
        .collect()
}

/// An outcome of a claim, with what took it back.
pub fn stage_json(stage: &Stage) -> Value {
    let outcome = &stage.outcome;
    json!({
        "claim": stage.row.id.to_string(),
        "number": stage.number,
        "since": stage.since.to_string(),
        "by": stage.by.map(|by| by.to_string()),
        "status": outcome.status().to_string(),
        "charge": outcome.charge().to_string(),
        "allowed": outcome.allowed().to_string(),
        "paid": outcome.paid().to_string(),
        "patient": outcome.patient().to_string(),
        "entry": stage.leaf,
        "taken_back": stage.taken_back.map(|(back, leaf)| json!({
            "on": back.on.to_string(),
            "by": back.by.to_string(),
            "entry": leaf,
        })),
    })
}

/// An outcome of a claim, with what brought it about and took it back where these are
/// among those that are named: what else there is is of other care.
pub fn stage_json_naming(stage: &Stage, named: &BTreeSet<ClaimId>) -> Value {
    let mut object = stage_json(stage);
    if stage.by.is_some_and(|by| !named.contains(&by)) {
        object["by"] = Value::Null;
    }
    let back = stage.taken_back.as_ref();
    if back.is_some_and(|(back, _)| !named.contains(&back.by)) {
        object["taken_back"]["by"] = Value::Null;
    }
    object
}

/// What acts changed: a claim each, with what was taken back and what took its
/// place.
pub fn changes_json<'a>(
    stages: impl IntoIterator<Item = &'a Stage> + Clone,
    acts: &BTreeSet<ClaimId>,
) -> Vec<Value> {
    let mut changes = Vec::new();
    for stage in stages.clone() {
        let Some((back, _)) = stage.taken_back.filter(|(back, _)| acts.contains(&back.by)) else {
            continue;
        };
        let now = stages.clone().into_iter().find(|now| {
            now.place == stage.place
                && (now.by == Some(back.by) && now.row.id == stage.row.id
                    || now.row.id == back.by && now.number == 0)
        });
        changes.push(json!({
            "reversed": stage_json(stage),
            "corrected": now.map(stage_json),
        }));
    }
    changes
}

/// What holds above a limit since acts were done: a person determined it, and what
/// changed leaves no room for it.
pub fn over_limit_json<'a, 'd>(
    stages: impl IntoIterator<Item = &'a Stage>,
    acts: &BTreeSet<ClaimId>,
    describe: &dyn Fn(&[u8; 32]) -> Option<&'d Description>,
) -> Vec<Value> {
    let mut notices = Vec::new();
    for stage in stages {
        let by = stage.by.is_some_and(|by| acts.contains(&by));
        if !by || stage.taken_back.is_some() {
            continue;
        }
        let described = stage.outcome.policy().and_then(|hash| describe(&hash));
        let over = described.map(|description| over_limits(&stage.outcome, description));
        for over in over.into_iter().flatten() {
            let shown = |value| amount(value, over.unit);
            let posting = &over.posting;
            notices.push(json!({
                "claim": stage.row.id.to_string(),
                "line": over.line,
                "accumulator": posting.accumulator,
                "scope": if posting.family { "family" } else { "member" },
                "period": posting.period.to_string(),
                "posted": shown(posting.amount),
                "after": shown(posting.after()),
                "limit": shown(over.limit),
            }));
        }
    }
    notices
}
