//! A claim explained: one view behind the EOB, its JSON and its page, so that
//! they agree to the cent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tally_core::adjudication::{
    AccumulatorUnit, Description, EngineRule, LineOutcome, Outcome, Settlement, reasons,
};
use tally_core::claim::{Claim, ClaimKind, ServiceLine};
use tally_types::{Money, ShortCode};

use crate::node::ClaimRead;
use crate::node::keys::hex;
use crate::policies::Book;

/// A claim as it is explained to a person.
#[derive(Serialize)]
pub struct ClaimView {
    /// The claim's id on this node.
    pub claim: String,
    /// The sender's own number.
    pub control_number: String,
    /// The member's id.
    pub member: String,
    /// The billing provider.
    pub provider: String,
    /// What kind of claim.
    pub kind: &'static str,
    /// When it was received.
    pub received: String,
    /// `paid`, `denied`, `pended` or `waiting`.
    pub status: &'static str,
    /// The policy that was run.
    pub policy: Option<PolicyView>,
    /// Charge.
    pub charge: String,
    /// Allowed.
    pub allowed: String,
    /// Paid.
    pub paid: String,
    /// What the patient owes.
    pub patient: String,
    /// The lines.
    pub lines: Vec<LineView>,
    /// Why it waits.
    pub pend: Option<PendView>,
    /// The clauses and engine rules that are named, in order of their first mention.
    pub clauses: Vec<ClauseView>,
    /// What the policy found.
    pub findings: Vec<FindingView>,
    /// The index of its entry on the ledger.
    pub entry: Option<u64>,
    /// How it was come by.
    pub execution: Option<ExecutionView>,
}

/// A policy by name and hash.
#[derive(Serialize)]
pub struct PolicyView {
    /// The product.
    pub product: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The hash of its component.
    pub hash: String,
}

/// A service line, from charge to payment.
#[derive(Serialize)]
pub struct LineView {
    /// Its number.
    pub line: u16,
    /// The procedure.
    pub procedure: String,
    /// Its modifiers.
    pub modifiers: Vec<String>,
    /// First and last date of service.
    pub service: (String, String),
    /// Units.
    pub units: String,
    /// Charge.
    pub charge: String,
    /// Allowed.
    pub allowed: String,
    /// Paid.
    pub paid: String,
    /// What the patient owes.
    pub patient: String,
    /// Whether it is denied.
    pub denied: bool,
    /// The clause or engine rule that decided it.
    pub clause: String,
    /// Everything between charge and paid, in order.
    pub adjustments: Vec<AdjustmentView>,
    /// What it added to accumulators.
    pub accumulators: Vec<PostingView>,
}

/// An adjustment, explained.
#[derive(Serialize)]
pub struct AdjustmentView {
    /// Who bears it.
    pub group: String,
    /// Why, as a number.
    pub carc: u16,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rarc: Option<String>,
    /// How much.
    pub amount: String,
    /// By which clause or engine rule.
    pub clause: String,
    /// Why, in words.
    pub meaning: &'static str,
    /// What is left after it.
    pub left: String,
}

/// What a line added to an accumulator.
#[derive(Serialize)]
pub struct PostingView {
    /// The accumulator.
    pub accumulator: String,
    /// `member` or `family`.
    pub scope: &'static str,
    /// First day of the period.
    pub period: String,
    /// Before the line; nothing where that is not shown, since it is of other care.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What was added.
    pub added: String,
    /// After the line, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The limit.
    pub limit: Option<String>,
    /// How full it is, in percent, likewise.
    pub percent: Option<i64>,
}

/// Why a claim waits.
#[derive(Serialize)]
pub struct PendView {
    /// A stable short name.
    pub reason: String,
    /// Why.
    pub text: String,
    /// What would resolve it.
    pub resolution: String,
    /// The line, or zero.
    pub line: u16,
    /// The clause or engine rule.
    pub clause: String,
}

/// A clause of the policy, or a rule of the engine.
#[derive(Serialize)]
pub struct ClauseView {
    /// Its id.
    pub id: String,
    /// A few words.
    pub title: String,
    /// Its text.
    pub text: String,
}

/// A finding of the policy.
#[derive(Serialize)]
pub struct FindingView {
    /// The pattern.
    pub pattern: String,
    /// The line, or zero.
    pub line: u16,
    /// 0 to 1000.
    pub score: u16,
    /// The clause.
    pub clause: String,
}

/// How an outcome was come by.
#[derive(Serialize)]
pub struct ExecutionView {
    /// The engine.
    pub engine: String,
    /// What ran the policy.
    pub backend: String,
    /// Fuel used; nothing without a policy, or where that is not shown.
    pub fuel: Option<u64>,
    /// The prefix of the ledger that said which policy is in force.
    pub prefix: u64,
}

/// A claim kind, in a word.
pub fn kind(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Professional => "professional",
        ClaimKind::Institutional => "institutional",
        ClaimKind::Oral => "oral",
        ClaimKind::Vision => "vision",
        ClaimKind::Pharmacy => "pharmacy",
    }
}

/// An amount of an accumulator: money, or a count.
pub fn amount(value: i64, unit: AccumulatorUnit) -> String {
    match unit {
        AccumulatorUnit::Money => Money::cents(value).to_string(),
        AccumulatorUnit::Count => value.to_string(),
    }
}

/// An accumulator's name in words: `in-out-of-pocket-family` is `In-network
/// out-of-pocket limit`; whose it is stands beside it.
pub fn accumulator_words(name: &str) -> String {
    let known = |rest: &&str| rest.starts_with("deductible") || rest.starts_with("out-of-pocket");
    let name = name.strip_suffix("-family").unwrap_or(name);
    let (network, rest) = match (name.strip_prefix("in-"), name.strip_prefix("out-")) {
        (Some(rest), _) if known(&rest) => ("in-network ", rest),
        (_, Some(rest)) if known(&rest) => ("out-of-network ", rest),
        _ => ("", name),
    };
    let (what, more) = match rest.strip_prefix("out-of-pocket") {
        Some(more) => ("out-of-pocket limit".to_owned(), more),
        None => match rest.strip_prefix("deductible") {
            Some(more) => ("deductible".to_owned(), more),
            None => (rest.replace('-', " "), ""),
        },
    };
    let mut text = format!("{network}{what}");
    if let Some(more) = more.strip_prefix('-') {
        text.push_str(", ");
        text.push_str(&more.replace('-', " "));
    }
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

impl ClaimView {
    /// Explains a claim.
    pub fn of(read: &ClaimRead, book: &Book) -> Self {
        Self {
            entry: read.row.outcome.as_ref().and_then(|outcome| outcome.leaf),
            execution: read.body.as_ref().map(|body| ExecutionView {
                engine: body.execution.engine.clone(),
                backend: body.execution.backend.clone(),
                fuel: body.execution.fuel,
                prefix: body.prefix,
            }),
            status: crate::changes::standing(&read.row),
            ..Self::explain(&read.claim, read.outcome.as_ref(), book)
        }
    }

    /// Leaves out what the policy was given or found beside the claim: what accumulators
    /// held before and after, its findings, and how much it had to look at.
    #[must_use]
    pub fn without_context(mut self) -> Self {
        for posting in self.lines.iter_mut().flat_map(|of| &mut of.accumulators) {
            posting.before = None;
            posting.after = None;
            posting.percent = None;
        }
        self.findings.clear();
        if let Some(execution) = &mut self.execution {
            execution.fuel = None;
        }
        let lines = self.lines.iter().flat_map(|line| {
            let adjustments = line.adjustments.iter().map(|of| &of.clause);
            std::iter::once(&line.clause).chain(adjustments)
        });
        let pend = self.pend.iter().map(|pend| &pend.clause);
        let named: BTreeSet<&String> = lines.chain(pend).collect();
        self.clauses.retain(|clause| named.contains(&clause.id));
        self
    }

    /// Explains what a claim came to, or would come to, without how that was come by.
    pub fn explain(claim: &Claim, outcome: Option<&Outcome>, book: &Book) -> Self {
        let loaded = outcome
            .and_then(Outcome::policy)
            .and_then(|hash| book.loaded(&hash));
        let description = loaded.map(|loaded| loaded.policy.description().as_ref());
        let mut named = Named::default();
        let lines = claim
            .lines
            .iter()
            .map(|line| {
                let decided = outcome
                    .into_iter()
                    .flat_map(Outcome::lines)
                    .find(|decided| decided.number() == line.number);
                line_view(line, decided, description, &mut named)
            })
            .collect();
        let pend = outcome.and_then(|outcome| pend_view(outcome, &mut named));
        let findings = outcome
            .into_iter()
            .flat_map(Outcome::findings)
            .map(|finding| {
                named.add(&finding.clause);
                FindingView {
                    pattern: finding.pattern.clone(),
                    line: finding.line,
                    score: finding.score,
                    clause: finding.clause.clone(),
                }
            })
            .collect();
        let money = |get: fn(&Outcome) -> Money| outcome.map_or(Money::ZERO, get).to_string();
        Self {
            claim: claim.id.to_string(),
            control_number: claim.control_number.clone(),
            member: claim.member.identifier.clone(),
            provider: claim.billing.identifier.clone(),
            kind: kind(claim.kind),
            received: claim.received.to_string(),
            status: outcome.map_or("waiting", |outcome| outcome.status().as_str()),
            policy: loaded.map(|loaded| PolicyView {
                product: loaded.policy.description().product.clone(),
                title: loaded.policy.description().title.clone(),
                version: loaded.policy.description().version.clone(),
                hash: hex(&loaded.policy.hash()),
            }),
            charge: claim.charge.to_string(),
            allowed: money(Outcome::allowed),
            paid: money(Outcome::paid),
            patient: money(Outcome::patient),
            lines,
            pend,
            clauses: named.clauses(description),
            findings,
            entry: None,
            execution: None,
        }
    }
}

fn line_view(
    line: &ServiceLine,
    decided: Option<&LineOutcome>,
    description: Option<&Description>,
    named: &mut Named,
) -> LineView {
    let money = |get: fn(&LineOutcome) -> Money| decided.map_or(Money::ZERO, get).to_string();
    let mut left = line.charge;
    let mut adjustments = Vec::new();
    let mut accumulators = Vec::new();
    if let Some(decided) = decided {
        named.add(decided.clause());
        for adjustment in decided.adjustments() {
            named.add(&adjustment.clause);
            left = left.checked_sub(adjustment.amount).unwrap_or(left);
            adjustments.push(AdjustmentView {
                group: adjustment.group.to_string(),
                carc: adjustment.carc.0,
                rarc: (!adjustment.rarc.is_none()).then(|| adjustment.rarc.to_string()),
                amount: adjustment.amount.to_string(),
                clause: adjustment.clause.clone(),
                meaning: reasons::find(adjustment.carc).map_or("", |reason| reason.meaning),
                left: left.to_string(),
            });
        }
        for posting in decided.postings() {
            let declared = description.and_then(|of| of.accumulator(&posting.accumulator));
            let unit = declared.map_or(AccumulatorUnit::Money, |declared| declared.unit);
            let limit = declared.and_then(|declared| declared.limit_in(posting.period));
            accumulators.push(PostingView {
                accumulator: posting.accumulator.clone(),
                scope: if posting.family { "family" } else { "member" },
                period: posting.period.to_string(),
                before: Some(amount(posting.before, unit)),
                added: amount(posting.amount, unit),
                after: Some(amount(posting.after(), unit)),
                limit: limit.map(|limit| amount(limit, unit)),
                percent: limit
                    .filter(|limit| *limit > 0)
                    .map(|limit| posting.after().saturating_mul(100) / limit),
            });
        }
    }
    LineView {
        line: line.number,
        procedure: if line.procedure.is_none() {
            line.revenue.to_string()
        } else {
            line.procedure.to_string()
        },
        modifiers: line
            .modifiers
            .iter()
            .filter(|modifier| !modifier.is_none())
            .map(ShortCode::to_string)
            .collect(),
        service: (line.from.to_string(), line.through.to_string()),
        units: line.quantity.to_string(),
        charge: line.charge.to_string(),
        allowed: money(LineOutcome::allowed),
        paid: money(LineOutcome::paid),
        patient: money(LineOutcome::patient),
        denied: decided.is_some_and(LineOutcome::denied),
        clause: decided.map_or(String::new(), |decided| decided.clause().to_owned()),
        adjustments,
        accumulators,
    }
}

fn pend_view(outcome: &Outcome, named: &mut Named) -> Option<PendView> {
    match outcome.settlement() {
        Settlement::Settled(_) => None,
        Settlement::Pended {
            reason,
            text,
            resolution,
            line,
            clause,
            ..
        } => {
            named.add(clause);
            Some(PendView {
                reason: reason.clone(),
                text: text.clone(),
                resolution: resolution.clone(),
                line: *line,
                clause: clause.clone(),
            })
        }
    }
}

/// Clauses in order of their first mention.
#[derive(Default)]
struct Named {
    order: Vec<String>,
    seen: BTreeMap<String, ()>,
}

impl Named {
    fn add(&mut self, id: &str) {
        if self.seen.insert(id.to_owned(), ()).is_none() {
            self.order.push(id.to_owned());
        }
    }

    fn clauses(self, description: Option<&Description>) -> Vec<ClauseView> {
        self.order
            .into_iter()
            .map(|id| {
                if let Some(rule) = EngineRule::of_id(&id) {
                    return ClauseView {
                        title: "Rule of the engine".to_owned(),
                        text: rule.text().to_owned(),
                        id,
                    };
                }
                let clause = description
                    .into_iter()
                    .flat_map(|description| &description.clauses)
                    .find(|clause| clause.id == id);
                ClauseView {
                    title: clause.map_or(String::new(), |clause| clause.title.clone()),
                    text: clause.map_or(String::new(), |clause| clause.text.clone()),
                    id,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accumulators_have_words() {
        for (name, words) in [
            ("deductible", "Deductible"),
            ("deductible-family", "Deductible"),
            ("in-deductible", "In-network deductible"),
            ("out-deductible-family", "Out-of-network deductible"),
            ("out-of-pocket", "Out-of-pocket limit"),
            ("out-of-pocket-family", "Out-of-pocket limit"),
            ("in-out-of-pocket", "In-network out-of-pocket limit"),
            ("out-out-of-pocket", "Out-of-network out-of-pocket limit"),
            (
                "in-deductible-last-quarter-family",
                "In-network deductible, last quarter",
            ),
            ("therapy-units", "Therapy units"),
            ("annual-maximum", "Annual maximum"),
            ("in-patient-days", "In patient days"),
        ] {
            assert_eq!(accumulator_words(name), words, "{name}");
        }
    }
}
