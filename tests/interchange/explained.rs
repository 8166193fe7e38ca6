//! What an explanation says beside the amounts of its lines: the payment, the network,
//! and what a bundle comes to.

use serde_json::Value;
use tally_core::adjudication::{
    LineOutcome, Outcome, OutcomeAdjustment, OutcomePosting, Settlement,
};
use tally_core::interchange::{PaidOn, claim_response, explanation_of_benefit};
use tally_types::{Carc, Group, Money, ShortCode};

use super::explanations::{agrees, aligned, cents, code, explain};
use super::frozen::{INSURER, sample_claim, sample_contract, sample_outcome};
use super::generate::day;

/// One payment, told twice: the answer to the provider and the explanation to the member
/// have its day, its amount and the interest in it alike. What was not paid has none.
#[test]
fn the_payment_is_that_of_the_answer() {
    let (claim, outcome, contract) = (sample_claim(), sample_outcome(), sample_contract());
    let mut explanation = explain(&claim, &outcome, &contract);
    let of = |text: &str| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        let mut payment = value["payment"].take();
        let kind = payment.as_object_mut().unwrap().remove("type").unwrap();
        (kind, payment)
    };
    for cents in [0, 123] {
        let paid = PaidOn {
            day: day(2026, 6, 5),
            interest: Money::cents(cents),
        };
        explanation.paid = Some(paid);
        let explained = explanation_of_benefit(&explanation).unwrap();
        let answered = claim_response(&claim, &outcome, INSURER, paid.day, Some(paid));
        assert_eq!(of(&explained).1, of(&answered).1);
    }
    explanation.paid = None;
    let (kind, payment) = of(&explanation_of_benefit(&explanation).unwrap());
    assert_eq!(
        code(&kind, "PayerAdjudicationStatus"),
        Some("partiallypaid")
    );
    assert_eq!(payment, serde_json::json!({}));
}

/// A line of 100.00 that is paid, but for what is adjusted.
fn line(
    number: u16,
    charge: i64,
    adjusted: &[(Group, u16, i64)],
    accumulators: &[&str],
) -> LineOutcome {
    let adjustments = adjusted
        .iter()
        .map(|(group, carc, cents)| OutcomeAdjustment {
            group: *group,
            carc: Carc(*carc),
            rarc: ShortCode::NONE,
            amount: Money::cents(*cents),
            clause: "4.2".into(),
        });
    let postings = accumulators.iter().map(|name| OutcomePosting {
        accumulator: (*name).to_owned(),
        period: day(2026, 1, 1),
        family: false,
        before: 0,
        amount: 100,
    });
    let taken: i64 = adjusted.iter().map(|(.., cents)| cents).sum();
    let owed = adjusted.iter().filter(|(group, ..)| *group == Group::Pr);
    let owed: i64 = owed.map(|(.., cents)| cents).sum();
    let denied = charge == taken && owed == 0;
    let allowed = Money::cents(if denied { 0 } else { charge - taken + owed });
    LineOutcome::settle(
        number,
        Money::cents(charge),
        allowed,
        denied,
        "4.2".into(),
        adjustments.collect(),
        postings.collect(),
    )
    .unwrap()
}

/// The resource of a claim that came to these lines.
fn explained(lines: Vec<LineOutcome>) -> Value {
    let contract = sample_contract();
    let outcome = Outcome::new(sample_claim().id, None, Settlement::Settled(lines), vec![]);
    let outcome = outcome.unwrap();
    let claim = aligned(sample_claim(), &outcome);
    let text = explanation_of_benefit(&explain(&claim, &outcome, &contract)).unwrap();
    agrees(&text, &claim, &outcome);
    serde_json::from_str(&text).unwrap()
}

/// How a claim stands to the network is said where its outcome says it, and no more.
#[test]
fn the_network_is_told_as_far_as_the_outcome_says_it() {
    const SHARE: &[(Group, u16, i64)] = &[(Group::Pr, 1, 100)];
    let settled = |accumulators: &[&str]| line(1, 10_000, SHARE, accumulators);
    let refused = |number| line(number, 10_000, &[(Group::Co, 242, 10_000)], &[]);
    let status = |of: &Value, category: &str| {
        let mut all = of["adjudication"].as_array().unwrap().iter();
        let of = all.find(|of| code(&of["category"], "Discriminator") == Some(category));
        let of = of.unwrap_or_else(|| panic!("{category}"));
        code(&of["reason"], "PayerAdjudicationStatus")
            .unwrap()
            .to_owned()
    };
    for (lines, of_lines, benefit, provider) in [
        (
            vec![settled(&["in-deductible", "visits"])],
            "innetwork",
            "innetwork",
            "other",
        ),
        (
            vec![settled(&["out-deductible"])],
            "outofnetwork",
            "outofnetwork",
            "other",
        ),
        // A plan that credits one side to the other, and one that has no sides.
        (
            vec![settled(&["deductible", "out-deductible"])],
            "other",
            "other",
            "other",
        ),
        (vec![settled(&["out-of-pocket"])], "other", "other", "other"),
        (vec![settled(&[])], "other", "other", "other"),
        (
            vec![refused(1)],
            "outofnetwork",
            "outofnetwork",
            "outofnetwork",
        ),
        (
            vec![settled(&["in-deductible"]), refused(2)],
            "innetwork",
            "other",
            "other",
        ),
    ] {
        let explanation = explained(lines);
        let first = &explanation["item"][0];
        assert_eq!(status(first, "benefitpaymentstatus"), of_lines);
        assert_eq!(status(&explanation, "benefitpaymentstatus"), benefit);
        assert_eq!(status(&explanation, "renderingnetworkstatus"), provider);
    }
}

/// What is included in another service is in that one's price: both are discounts, whose
/// sum is what is charged above it (the amounts of RFI 2278).
#[test]
fn a_bundle_has_one_discount() {
    let explanation = explained(vec![
        line(
            1,
            29_055,
            &[(Group::Oa, 94, -20_600), (Group::Co, 45, 39_655)],
            &[],
        ),
        line(2, 20_600, &[(Group::Co, 97, 20_600)], &[]),
    ]);
    let total = |named: &str| {
        let mut all = explanation["total"].as_array().unwrap().iter();
        let of = all.find(|of| of["category"]["coding"][0]["code"] == named);
        of.map(|of| cents(&of["amount"]))
    };
    assert_eq!(total("discount"), Some(Money::cents(39_655)));
    assert_eq!(total("noncovered"), None);
    assert_eq!(total("benefit"), Some(Money::cents(10_000)));
}
