//! The answer to a claim in FHIR R4: a `ClaimResponse`.

use tally_types::{Carc, Money, ServiceDate};

use super::super::json::{Json, list, number, object, text};
use super::super::tally::kind_word;
use super::category::{Category, grouped, reason, totals};
use super::explanation::{Insurer, PaidOn, insurer_named};
use super::write::{
    CLAIM_ID, CLAIM_TYPE, coding, concept, identifier, logical, money, trace_number, unless_empty,
};
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement, Status, reasons};
use crate::claim::{Claim, ServiceLine};

const PAYMENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/ex-paymenttype";
const PEND: &str = "https://tallystick.example/fhir/CodeSystem/pend-reason";

/// The answer to a claim as a FHIR R4 `ClaimResponse`, on one line.
///
/// Every item has its charge (`submitted`), the allowed amount (`eligible`), each
/// adjustment with its category, group, reason and clause, what the patient owes
/// (`memberliability`), and what is paid (`benefit`): `submitted − Σ adjustments =
/// benefit`. A note says why a line is denied. A claim that waits is `queued`, without
/// amounts, with an error that says why and a note of what would resolve it.
///
/// `paid` is the payment that tells of this outcome, where there is one: without it the
/// payment of the answer has no day. Interest for its being late is an adjustment of the
/// payment, which is of no line.
#[must_use]
pub fn claim_response(
    claim: &Claim,
    outcome: &Outcome,
    insurer: Insurer<'_>,
    created: ServiceDate,
    paid: Option<PaidOn>,
) -> String {
    answer(claim, outcome, insurer, created, Answer::Claim(paid))
}

/// What a claim would come to, were it made: the same `ClaimResponse` with the use
/// `predetermination`. Its disposition says that it is an estimate, and nothing is
/// paid.
#[must_use]
pub fn predetermination_response(
    claim: &Claim,
    outcome: &Outcome,
    insurer: Insurer<'_>,
    created: ServiceDate,
) -> String {
    answer(claim, outcome, insurer, created, Answer::Estimate)
}

/// An answer that is taken back: the same `ClaimResponse` with the status `cancelled`.
/// FHIR has no reversal with signs flipped: the former answer is cancelled, and where
/// something takes its place (a correction, a replacement) a new one is given, which
/// is active. `created` is the day of the former answer.
#[must_use]
pub fn cancelled_claim_response(
    claim: &Claim,
    outcome: &Outcome,
    insurer: Insurer<'_>,
    created: ServiceDate,
) -> String {
    answer(claim, outcome, insurer, created, Answer::Cancelled)
}

/// What an answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// A claim's, with what was paid for it.
    Claim(Option<PaidOn>),
    Cancelled,
    Estimate,
}

fn answer(
    claim: &Claim,
    outcome: &Outcome,
    insurer: Insurer<'_>,
    created: ServiceDate,
    of: Answer,
) -> String {
    let (status, purpose) = match of {
        Answer::Claim(_) => ("active", "claim"),
        Answer::Cancelled => ("cancelled", "claim"),
        Answer::Estimate => ("active", "predetermination"),
    };
    let estimate = of == Answer::Estimate;
    let paid = match of {
        Answer::Claim(paid) => paid,
        Answer::Cancelled | Answer::Estimate => None,
    };
    let (result, disposition) = match (outcome.settlement(), outcome.status()) {
        (Settlement::Pended { text, .. }, _) => ("queued", format!("Pended: {text}")),
        (_, Status::Denied) => ("complete", "Denied".to_owned()),
        _ => ("complete", "Processed".to_owned()),
    };
    let disposition = match estimate {
        true => format!("An estimate, which nobody is bound by: {disposition}"),
        false => disposition,
    };
    let notes = Notes::of(outcome);
    object([
        ("resourceType", text("ClaimResponse")),
        ("id", text(outcome.claim().to_string())),
        (
            "identifier",
            list([identifier(Some(CLAIM_ID), outcome.claim().to_string())]),
        ),
        ("status", text(status)),
        ("type", concept([coding(CLAIM_TYPE, kind_word(claim.kind))])),
        ("use", text(purpose)),
        ("patient", logical(claim.member.identifier.clone())),
        ("created", text(created.to_string())),
        ("insurer", insurer_named(&insurer)),
        ("requestor", logical(claim.billing.identifier.clone())),
        (
            "request",
            match claim.control_number.as_str() {
                "" => Json::Null,
                number => logical(number.to_owned()),
            },
        ),
        ("outcome", text(result)),
        ("disposition", text(disposition)),
        ("item", items(claim, outcome, &notes)),
        ("total", list(all_totals(outcome))),
        (
            "payment",
            match estimate {
                true => Json::Null,
                false => payment(outcome, paid),
            },
        ),
        ("processNote", notes.json()),
        ("error", errors(outcome)),
    ])
    .to_string()
}

/// An adjustment: its category, the group of the remittance, reason and amount.
fn adjustment(adjustment: &OutcomeAdjustment) -> Json<'_> {
    object([
        (
            "category",
            grouped(Category::of(adjustment).coding(), adjustment),
        ),
        ("reason", reason(adjustment)),
        ("amount", money(adjustment.amount)),
    ])
}

fn items<'a>(claim: &'a Claim, outcome: &'a Outcome, notes: &Notes) -> Json<'a> {
    let control = |number: u16| {
        let line = claim.lines.iter().find(|line| line.number == number);
        line.map_or(Json::Null, |line: &ServiceLine| {
            trace_number(&line.detail.control_number)
        })
    };
    match outcome.settlement() {
        Settlement::Settled(lines) => unless_empty(lines.iter().map(|line| {
            object([
                ("extension", control(line.number())),
                ("itemSequence", number(line.number())),
                ("noteNumber", notes.of_line(line)),
                ("adjudication", list(adjudication(line))),
            ])
        })),
        Settlement::Pended { line, charges, .. } => {
            unless_empty(charges.iter().map(|(sequence, charge)| {
                let note = match *line == 0 || line == sequence {
                    true => list([number(1)]),
                    false => Json::Null,
                };
                object([
                    ("extension", control(*sequence)),
                    ("itemSequence", number(sequence)),
                    ("noteNumber", note),
                    ("adjudication", list([Category::Submitted.amount(*charge)])),
                ])
            }))
        }
    }
}

fn adjudication(line: &LineOutcome) -> impl Iterator<Item = Json<'_>> {
    [
        Category::Submitted.amount(line.charge()),
        Category::Eligible.amount(line.allowed()),
    ]
    .into_iter()
    .chain(line.adjustments().iter().map(adjustment))
    .chain([
        Category::Member.amount(line.patient()),
        Category::Benefit.amount(line.paid()),
    ])
}

fn all_totals(outcome: &Outcome) -> Vec<Json<'static>> {
    match outcome.status() {
        Status::Pended => vec![Category::Submitted.amount(outcome.charge())],
        _ => totals(outcome, Money::ZERO),
    }
}

/// What is paid: to be paid, as long as no payment told of it.
fn payment(outcome: &Outcome, made: Option<PaidOn>) -> Json<'static> {
    let kind = ("type", concept([coding(PAYMENT_TYPE, "complete")]));
    let Some(made) = made else {
        return match outcome.paid().is_zero() {
            true => Json::Null,
            false => object([kind, ("amount", money(outcome.paid()))]),
        };
    };
    let [adjustment, why, date, amount] = paid(outcome, made);
    object([kind, adjustment, why, date, amount])
}

/// What a payment came to, with the interest in it.
pub(super) fn paid(outcome: &Outcome, made: PaidOn) -> [(&'static str, Json<'static>); 4] {
    let PaidOn { day: on, interest } = made;
    let paid = outcome.paid();
    let (adjustment, why) = match interest.is_zero() {
        true => (Json::Null, Json::Null),
        false => (
            money(interest),
            object([("text", text("Interest for late payment"))]),
        ),
    };
    [
        ("adjustment", adjustment),
        ("adjustmentReason", why),
        ("date", text(on.to_string())),
        ("amount", money(paid.checked_add(interest).unwrap_or(paid))),
    ]
}

/// Why a claim waits, as an error of the line or of the claim.
fn errors(outcome: &Outcome) -> Json<'_> {
    let Settlement::Pended {
        reason,
        text: why,
        line,
        ..
    } = outcome.settlement()
    else {
        return Json::Null;
    };
    let sequence = match line {
        0 => Json::Null,
        line => number(line),
    };
    let code = object([
        ("coding", list([coding(PEND, reason)])),
        ("text", text(why)),
    ]);
    list([object([("itemSequence", sequence), ("code", code)])])
}

/// The notes of an answer: why lines are denied, a note a reason; or what would
/// resolve a claim that waits.
pub(super) struct Notes {
    reasons: Vec<Carc>,
    waits: Option<String>,
}

impl Notes {
    pub fn of(outcome: &Outcome) -> Self {
        let mut notes = Self {
            reasons: Vec::new(),
            waits: None,
        };
        if let Settlement::Pended {
            reason,
            text,
            resolution,
            ..
        } = outcome.settlement()
        {
            notes.waits = Some(format!("{reason}: {text} {resolution}"));
        }
        for line in outcome.lines().iter().filter(|line| line.denied()) {
            for adjustment in line.adjustments() {
                if !notes.reasons.contains(&adjustment.carc) {
                    notes.reasons.push(adjustment.carc);
                }
            }
        }
        notes
    }

    /// The numbers of the notes of a line.
    pub fn of_line(&self, line: &LineOutcome) -> Json<'static> {
        if !line.denied() {
            return Json::Null;
        }
        let numbered = (1u32..).zip(&self.reasons);
        unless_empty(
            numbered
                .filter(|(_, carc)| line.adjustments().iter().any(|a| a.carc == **carc))
                .map(|(position, _)| number(position)),
        )
    }

    /// The notes.
    pub fn json(&self) -> Json<'static> {
        let note = |position: u32, words: String| {
            object([
                ("number", number(position)),
                ("type", text("display")),
                ("text", text(words)),
            ])
        };
        if let Some(waits) = &self.waits {
            return list([note(1, waits.clone())]);
        }
        unless_empty((1u32..).zip(&self.reasons).map(|(position, carc)| {
            let meaning = reasons::find(*carc).map_or("", |reason| reason.meaning);
            note(position, format!("Denied ({carc}): {meaning}."))
        }))
    }
}
