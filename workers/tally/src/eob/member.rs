//! A claim as its member reads it: who bears what, in six amounts, and why, in
//! words. Made of [`ClaimView`] alone, so that it agrees with everything else to
//! the cent.

use tally_core::adjudication::{EngineRule, reasons};
use tally_types::{Carc, Money};

use super::words;
use crate::view::{AdjustmentView, ClaimView, LineView};

/// Where the cents of a charge go. They sum to what was billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// What the provider charges.
    pub billed: Money,
    /// The difference to the plan's price, which nobody pays.
    pub discount: Money,
    /// What the plan does not pay, and the provider may not bill by what this
    /// plan decided.
    pub refused: Money,
    /// What other insurance paid or took off.
    pub other: Money,
    /// What the plan pays.
    pub paid: Money,
    /// What the member may owe.
    pub owed: Money,
}

/// Who bears an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bears {
    /// The member may owe it.
    Member,
    /// Other insurance.
    Other,
    /// Nobody: it is above the plan's price.
    Discount,
    /// Nobody: the plan does not pay it, and the provider may not bill it.
    Provider,
    /// Not known yet: another plan decides first.
    Elsewhere,
}

/// Why an amount is not paid, in words.
pub struct Because {
    /// How much.
    pub amount: Money,
    /// Who bears it.
    pub bears: Bears,
    /// Why.
    pub words: String,
    /// The clause of the plan: its title and number. None where no plan's clause
    /// but a rule that holds for all decided.
    pub clause: Option<(String, String)>,
}

/// A service.
pub struct Service {
    /// Its line on the claim.
    pub line: u16,
    /// What it was, in words as coarse as the code allows.
    pub what: &'static str,
    /// Code and modifiers, for whoever asks.
    pub code: String,
    /// First and last day.
    pub days: (String, String),
    /// Whether the plan does not cover it.
    pub denied: bool,
    /// Where its cents go.
    pub shares: Shares,
    /// Why.
    pub because: Vec<Because>,
}

/// An explanation of benefits.
pub struct MemberEob {
    /// The services, in order.
    pub services: Vec<Service>,
    /// Where the claim's cents go.
    pub totals: Shares,
    /// Whether it was decided. While not, only `billed` says anything.
    pub decided: bool,
}

impl Bears {
    /// Who bears an adjustment of a group and reason.
    #[must_use]
    pub fn of(group: &str, carc: u16) -> Self {
        match (group, carc) {
            ("PR", _) => Self::Member,
            // The impact of the payers before this one (RFI 2143).
            ("OA", 23) => Self::Other,
            (_, carc) if reasons::is_of_the_price(Carc(carc)) => Self::Discount,
            (_, 22 | 109) => Self::Elsewhere,
            _ => Self::Provider,
        }
    }
}

/// An amount of the view. The view makes them of [`Money`].
fn money(text: &str) -> Money {
    Money::parse(text).unwrap_or_default()
}

fn add(to: &mut Money, amount: Money) {
    *to = to.checked_add(amount).unwrap_or(*to);
}

impl Shares {
    fn of(line: &LineView) -> Self {
        let mut shares = Self {
            billed: money(&line.charge),
            paid: money(&line.paid),
            ..Self::default()
        };
        for adjustment in &line.adjustments {
            let amount = money(&adjustment.amount);
            match Bears::of(&adjustment.group, adjustment.carc) {
                Bears::Member => add(&mut shares.owed, amount),
                Bears::Other => add(&mut shares.other, amount),
                Bears::Discount => add(&mut shares.discount, amount),
                Bears::Provider | Bears::Elsewhere => add(&mut shares.refused, amount),
            }
        }
        shares
    }

    fn join(&mut self, line: &Self) {
        add(&mut self.billed, line.billed);
        add(&mut self.discount, line.discount);
        add(&mut self.refused, line.refused);
        add(&mut self.other, line.other);
        add(&mut self.paid, line.paid);
        add(&mut self.owed, line.owed);
    }

    /// Whether the shares sum to what was billed.
    #[must_use]
    pub fn balance(&self) -> bool {
        let parts = [
            self.discount,
            self.refused,
            self.other,
            self.paid,
            self.owed,
        ];
        Money::checked_sum(parts) == Some(self.billed)
    }
}

impl MemberEob {
    /// What a member is told of a claim.
    #[must_use]
    pub fn of(view: &ClaimView) -> Self {
        let decided = view.pend.is_none() && view.status != "waiting";
        let services: Vec<Service> = view
            .lines
            .iter()
            .map(|line| Service {
                line: line.line,
                what: words::service(view.kind, &line.procedure),
                code: std::iter::once(&line.procedure)
                    .chain(&line.modifiers)
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
                days: line.service.clone(),
                denied: line.denied,
                shares: Shares::of(line),
                because: line
                    .adjustments
                    .iter()
                    .map(|adjustment| because(view, adjustment))
                    .collect(),
            })
            .collect();
        let mut totals = Shares::default();
        for service in &services {
            totals.join(&service.shares);
        }
        Self {
            services,
            totals,
            decided,
        }
    }
}

fn because(view: &ClaimView, adjustment: &AdjustmentView) -> Because {
    let bears = Bears::of(&adjustment.group, adjustment.carc);
    let cited = view.clauses.iter().find(|c| c.id == adjustment.clause);
    Because {
        amount: money(&adjustment.amount),
        bears,
        words: words::because(&adjustment.group, adjustment.carc),
        clause: cited
            .filter(|clause| EngineRule::of_id(&clause.id).is_none() && !clause.title.is_empty())
            .map(|clause| (clause.title.clone(), clause.id.clone())),
    }
}

#[cfg(test)]
mod tests {
    use tally_core::adjudication::{
        LineOutcome, Outcome, OutcomeAdjustment, Settlement, reasons::REASONS,
    };
    use tally_core::claim::{Claim, ClaimId};
    use tally_core::interchange::{Insurer, Source, claim_response, read_claims};
    use tally_types::{Group, ServiceDate, ShortCode};

    use super::*;

    const INSURER: Insurer<'static> = Insurer {
        name: "Harbor",
        identifier: "HARBOR",
    };

    fn claim() -> Claim {
        let text = br#"{"format":"tallystick-claim/v1","kind":"professional","member":"M-1",
            "billing":"1234567893","diagnoses":["J069"],
            "lines":[{"procedure":"99213","place":"11","charge":"10.00","from":"2026-01-05"}]}"#;
        let source = Source {
            submitter: "local",
            interchange: "words",
            received: ServiceDate::parse("2026-01-10").unwrap(),
        };
        read_claims(text, None, &source).claims.remove(0)
    }

    /// In which category the answer to the sender has an adjustment.
    fn category(claim: &Claim, group: Group, carc: Carc) -> String {
        let whole = Money::cents(1_000);
        let adjustment = OutcomeAdjustment {
            group,
            carc,
            rarc: ShortCode::of("N130"),
            amount: Money::cents(100),
            clause: "4.2".into(),
        };
        let allowed = whole.checked_sub(adjustment.amount).unwrap();
        let allowed = if group == Group::Pr { whole } else { allowed };
        let line = LineOutcome::settle(
            1,
            whole,
            allowed,
            false,
            "4.2".into(),
            vec![adjustment],
            vec![],
        );
        let lines = Settlement::Settled(vec![line.unwrap()]);
        let outcome = Outcome::new(ClaimId(claim.id.0), None, lines, vec![]).unwrap();
        let text = claim_response(claim, &outcome, INSURER, claim.received, None);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        // The charge and the allowed amount come first.
        let coding = &answer["item"][0]["adjudication"][2]["category"]["coding"][0];
        coding["code"].as_str().unwrap().to_owned()
    }

    /// What the page calls a discount is one in FHIR, and nothing else is; so with what
    /// other insurance did.
    #[test]
    fn page_and_answer_have_one_mapping() {
        let claim = claim();
        for reason in REASONS {
            for group in reason.groups {
                let bears = Bears::of(&group.to_string(), reason.carc.0);
                let category = category(&claim, *group, reason.carc);
                let what = format!("{group} {}: {category}", reason.carc);
                assert_eq!(bears == Bears::Discount, category == "discount", "{what}");
                assert_eq!(
                    bears == Bears::Other,
                    category == "priorpayerpaid",
                    "{what}"
                );
            }
        }
    }
}
