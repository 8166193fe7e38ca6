//! Coordination of benefits: published examples, line by line.

mod common;

use common::*;
use tally_sdk::LineDetermination;
use tally_sdk::cob::prior::{PriorError, Reported, of_claim};
use tally_sdk::cob::{Coordination, Impact, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;

const HALF_UP: Rounding = Rounding::HalfUp;

/// A line with a fee, what the patient bears of it, and other payers before.
fn settle(
    charge: &str,
    fee: &str,
    shares: &[(Carc, &str)],
    prior: &[PriorPayer],
    how: &Coordination,
) -> LineDetermination {
    let claim = fresh(vec![line(charge)]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    work.allow(money(fee), Group::Co, Carc::ABOVE_FEE_SCHEDULE, clause::ANY);
    for (carc, amount) in shares {
        work.share(
            &mut balances,
            *carc,
            money(amount),
            CostShare::NONE,
            clause::ANY,
        );
    }
    let done = work.coordinate(&mut balances, prior, how);
    let line = work.finish();
    assert_eq!(done.paid, line.paid);
    line
}

#[test]
fn rfi_1696_the_secondary_reports_oa_23() {
    let Some(example) = worked("x12-rfi-1696") else {
        return;
    };
    let input = &example["inputs"];
    let primary = &input["primary"];
    let text = |value: &serde_json::Value| amount_of(value).to_string();
    let charge = text(&input["charge"]);
    let prior = payer(
        &charge,
        &text(&primary["paid"]),
        &[
            &format!("PR 1 {}", text(&primary["PR1"])),
            &format!("CO 45 {}", text(&primary["CO45"])),
        ],
    );
    assert_eq!(prior.allowed, money("375.00"));
    // The secondary's own fee: what the primary and it pay together.
    let fee = amount_of(&primary["paid"]).checked_add(amount_of(&input["secondary_paid"]));
    let line = settle(
        &charge,
        &fee.unwrap().to_string(),
        &[],
        &[prior],
        &coordination(Method::Standard, Unpaid::OwnAllowed),
    );
    assert_eq!(line.paid, amount_of(&input["secondary_paid"]));
    let right: Vec<String> = example["expected"]["right"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            let group = a[0].as_str().unwrap();
            format!("{group} {} {}", a[1].as_str().unwrap(), amount_of(&a[2]))
        })
        .collect();
    assert_eq!(shown(&line), right);
}

/// The 835s of X12's guide: what a secondary and a tertiary payer report.
#[test]
fn the_guides_remittances_are_reproduced() {
    let how = coordination(Method::Standard, Unpaid::HighestAllowed);
    // Two lines of secondary-payment.835. The first payer allowed 150.00 of
    // 166.50 and paid 80 %; nothing of the other.
    let paid = payer("166.50", "120.00", &["CO 45 16.50", "PR 2 30.00"]);
    let first = settle("166.50", "150.00", &[], &[paid], &how);
    assert_eq!(shown(&first), ["OA 23 136.50"]);
    assert_eq!(first.paid, money("30.00"));
    let nothing = payer("585.00", "0.00", &["PR 96 585.00"]);
    let shares = [(Carc::DEDUCTIBLE, "150.00"), (Carc::COINSURANCE, "70.00")];
    let second = settle("585.00", "500.00", &shares, &[nothing], &how);
    assert_eq!(shown(&second), ["CO 45 85.00", "PR 1 150.00", "PR 2 70.00"]);
    assert_eq!(second.paid, money("280.00"));

    // tertiary-payment.835: two payers before.
    let primary = payer("1766.50", "1200.00", &["CO 45 66.50", "PR 2 500.00"]);
    let reported = Reported {
        charge: money("1766.50"),
        paid: Some(money("312.50")),
        allowed: Some(money("1700.00")),
        adjustments: ["OA 23 1266.50", "PR 2 187.50"]
            .iter()
            .map(|text| adjustment(text))
            .collect(),
    };
    let secondary = PriorPayer::read(0, &reported, primary.paid).ok().unwrap();
    let third = settle("1766.50", "1700.00", &[], &[primary, secondary], &how);
    assert_eq!(shown(&third), ["OA 23 1579.00"]);
    assert_eq!(third.paid, money("187.50"));

    // cob-contractural-adjustment.835: a fee above the charge.
    let primary = payer("541.00", "516.00", &["PR 2 25.00"]);
    let above = settle("541.00", "550.00", &[], &[primary], &how);
    assert_eq!(shown(&above), ["OA 23 516.00", "OA 94 -9.00"]);
    assert_eq!(above.paid, money("34.00"));
}

/// 42 CFR 411.33 (b).
#[test]
fn medicare_pays_the_lowest_of_three() {
    let how = coordination(Method::MedicareLowestOfThree, Unpaid::OwnAllowed);
    let prior = || payer("175.00", "120.00", &["PR 45 25.00", "PR 2 30.00"]);
    assert_eq!(prior().allowed, money("150.00"));
    let shares = [(Carc::COINSURANCE, "25.00")];
    let line = settle("175.00", "125.00", &shares, &[prior()], &how);
    assert_eq!(line.paid, money("30.00"));
    assert_eq!(shown(&line), ["OA 23 120.00", "CO 45 25.00"]);
    // Obliged to accept 140.00 in full: 20.00 are left.
    let accepts = PriorPayer {
        accepted: Some(money("140.00")),
        ..prior()
    };
    let line = settle("175.00", "125.00", &shares, &[accepts], &how);
    assert_eq!(line.paid, money("20.00"));
}

/// Sequestration is of the payment that coordination left.
#[test]
fn reductions_come_after_other_payers() {
    let claim = fresh(vec![line("175.00")]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let carc = Carc::ABOVE_FEE_SCHEDULE;
    work.limit_to(money("125.00"), Group::Co, carc, clause::ANY);
    let prior = [payer("175.00", "120.00", &["PR 45 25.00", "PR 2 30.00"])];
    let how = coordination(Method::MedicareLowestOfThree, Unpaid::OwnAllowed);
    let first = work.coordinate(&mut balances, &prior, &how);
    assert_eq!(first.paid, money("30.00"));
    // A second time changes nothing.
    assert_eq!(
        work.coordinate(&mut balances, &prior, &how).paid,
        first.paid
    );
    let carc = Carc::SEQUESTRATION;
    work.reduce_payment(Rate::percent(2), HALF_UP, carc, clause::ANY);
    let line = work.finish();
    assert_eq!(shown(&line), ["OA 23 120.00", "CO 45 25.00", "CO 253 0.60"]);
    assert_eq!(line.paid, money("29.40"));
}

/// 42 CFR 411.33 (f) (1) to (4).
#[test]
fn medicare_pays_the_lowest_of_four() {
    let how = coordination(Method::MedicareLowestOfFour, Unpaid::OwnAllowed);
    let deductible = [(Carc::DEDUCTIBLE, "520.00")];

    // (1) Gross 2,700: 340.00, and nothing left to the patient.
    let prior = payer("2800.00", "2360.00", &["PR 2 440.00"]);
    let line = settle("2800.00", "2700.00", &deductible, &[prior], &how);
    assert_eq!(shown(&line), ["OA 23 2360.00", "CO 45 100.00"]);
    assert_eq!(line.paid, money("340.00"));

    // (2) Gross 850.00 above the charge of 750.00: 230.00, and 70.00 may be
    // billed, what is left of the deductible.
    let prior = payer("750.00", "450.00", &["PR 2 300.00"]);
    let line = settle("750.00", "850.00", &deductible, &[prior], &how);
    assert_eq!(shown(&line), ["OA 23 450.00", "PR 1 70.00"]);
    assert_eq!(line.paid, money("230.00"));
    assert_eq!(line.allowed, money("850.00"));

    // (3) Dialysis: 24.00; the primary payment meets deductible and coinsurance.
    let shares = [(Carc::DEDUCTIBLE, "75.00"), (Carc::COINSURANCE, "194.60")];
    let prior = payer("1280.00", "1024.00", &["PR 2 256.00"]);
    let line = settle("1280.00", "1048.00", &shares, &[prior], &how);
    assert_eq!(shown(&line), ["OA 23 1024.00", "CO 45 232.00"]);
    assert_eq!(line.paid, money("24.00"));

    // (4) The provider accepts 3,000.00 of 4,000.00: 100.00.
    let prior = payer("4000.00", "2900.00", &["CO 45 1000.00", "PR 1 100.00"]);
    assert_eq!(prior.accepted, Some(money("3000.00")));
    let line = settle("4000.00", "3500.00", &deductible, &[prior], &how);
    assert_eq!(shown(&line), ["OA 23 3900.00"]);
    assert_eq!(line.paid, money("100.00"));
}

/// One line by each method. Charge and both fees 1,000.00; the earlier payer
/// pays 600.00; the plan alone would pay 80 %.
#[test]
fn methods_differ_as_they_are_named() {
    let prior = payer("1000.00", "600.00", &["PR 2 400.00"]);
    let shares = [(Carc::COINSURANCE, "200.00")];
    for (method, presumed, paid, adjustments) in [
        // The lesser of 800.00 and the 400.00 that are unpaid.
        (Method::Standard, "0.00", "400.00", &["OA 23 600.00"][..]),
        // 800.00 less 600.00.
        (
            Method::NonDuplication,
            "0.00",
            "200.00",
            &["OA 23 600.00", "PR 2 200.00"],
        ),
        // 800.00 less 600.00 and less 150.00 that another would have paid.
        (
            Method::CarveOut,
            "150.00",
            "50.00",
            &["OA 23 600.00", "PR 22 150.00", "PR 2 200.00"],
        ),
    ] {
        let prior = PriorPayer {
            presumed: money(presumed),
            ..prior.clone()
        };
        let how = coordination(method, Unpaid::HighestAllowed);
        let line = settle("1000.00", "1000.00", &shares, &[prior], &how);
        assert_eq!(line.paid, money(paid), "{method:?}");
        assert_eq!(shown(&line), adjustments, "{method:?}");
    }

    // Maintenance of benefits: 20 % of the 400.00 that the first payer left.
    let claim = fresh(vec![line("1000.00")]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let prior = [prior];
    work.set_aside(&prior);
    work.set_aside(&prior); // once is enough
    work.coinsurance(
        &mut balances,
        Rate::percent(20),
        HALF_UP,
        CostShare::NONE,
        clause::ANY,
    );
    let how = coordination(Method::Maintenance, Unpaid::HighestAllowed);
    let done = work.coordinate(&mut balances, &prior, &how);
    assert_eq!((done.paid, done.patient), (money("320.00"), money("80.00")));
    assert_eq!(shown(&work.finish()), ["OA 23 600.00", "PR 2 80.00"]);
}

/// What is unpaid depends on whose fee counts.
#[test]
fn the_unpaid_allowable_is_the_plans_to_name() {
    // Fees 375.00 and 450.00; the primary pays 300.00 and leaves 75.00.
    let prior = || payer("500.00", "300.00", &["CO 45 125.00", "PR 1 75.00"]);
    for (unpaid, fee, paid, adjustments) in [
        (
            Unpaid::HighestAllowed,
            "450.00",
            "150.00",
            &["OA 23 350.00"][..],
        ),
        (Unpaid::OwnAllowed, "450.00", "150.00", &["OA 23 350.00"]),
        (Unpaid::Liability, "450.00", "75.00", &["OA 23 425.00"]),
        (Unpaid::HighestAllowed, "350.00", "75.00", &["OA 23 425.00"]),
        (
            Unpaid::OwnAllowed,
            "350.00",
            "50.00",
            &["OA 23 425.00", "CO 45 25.00"],
        ),
        // Its own fee is below what was paid: nothing, and the provider's
        // contract forbids the bill.
        (
            Unpaid::OwnAllowed,
            "290.00",
            "0.00",
            &["OA 23 425.00", "CO 45 75.00"],
        ),
    ] {
        let how = coordination(Method::Standard, unpaid);
        let line = settle("500.00", fee, &[], &[prior()], &how);
        assert_eq!(line.paid, money(paid), "{unpaid:?} {fee}");
        assert_eq!(shown(&line), adjustments, "{unpaid:?} {fee}");
    }
}

/// NAIC Model 120 §7: the deductible is credited as if the plan came first.
#[test]
fn the_deductible_is_credited_as_if_primary() {
    for (pocket, borne) in [(Pocket::AsIfPrimary, 58_000), (Pocket::AsBorne, 40_000)] {
        let claim = fresh(vec![line("1000.00")]);
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        work.deductible(&mut balances, BOTH, clause::ANY);
        work.share(
            &mut balances,
            Carc::COINSURANCE,
            money("80.00"),
            ONLY_POCKET,
            clause::ANY,
        );
        let limit = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::ANY);
        assert_eq!(
            work.limit_payment(&mut balances, accumulator::MAXIMUM, limit),
            money("420.00")
        );
        // It would pay 420.00, less than the 600.00 that the first payer paid.
        let prior = payer("1000.00", "600.00", &["PR 45 100.00", "PR 2 300.00"]);
        let how = Coordination {
            pocket,
            ..coordination(Method::NonDuplication, Unpaid::HighestAllowed)
        };
        let done = work.coordinate(&mut balances, &[prior], &how);
        assert_eq!(done.benefit, money("420.00"));
        assert_eq!(done.paid, Money::ZERO);
        // The plan's own terms leave 400.00 to the patient: deductible 320.00
        // and coinsurance 80.00.
        let line = work.finish();
        assert_eq!(shown(&line), ["OA 23 600.00", "PR 1 320.00", "PR 2 80.00"]);
        assert_eq!(posted(&line, accumulator::DEDUCTIBLE), 50_000);
        assert_eq!(posted(&line, accumulator::FAMILY), 50_000);
        assert_eq!(posted(&line, accumulator::MAXIMUM), 0);
        assert_eq!(balances.used(accumulator::MAXIMUM, DAY), 0);
        assert_eq!(posted(&line, accumulator::POCKET), borne);
        assert_eq!(balances.used(accumulator::POCKET, DAY), borne);
    }
}

/// A payer that takes back what one before it paid leaves more open.
#[test]
fn a_payment_below_zero_is_summed_too() {
    let first = payer("150.00", "100.00", &["PR 2 50.00"]);
    let second = payer("150.00", "-30.00", &["OA 23 100.00", "PR 2 80.00"]);
    let sum = Impact::of(money("150.00"), &[first.clone(), second.clone()]);
    assert_eq!((sum.paid, sum.left), (money("70.00"), money("80.00")));
    let how = coordination(Method::Standard, Unpaid::Liability);
    let line = settle("150.00", "150.00", &[], &[first, second], &how);
    assert_eq!(line.paid, money("80.00"));
    assert_eq!(shown(&line), ["OA 23 70.00"]);
    // Together never below zero: OA 23 neither.
    let less = payer("150.00", "-30.00", &["PR 2 180.00"]);
    let sum = Impact::of(money("150.00"), std::slice::from_ref(&less));
    assert_eq!((sum.paid, sum.left), (Money::ZERO, money("150.00")));
    let line = settle("150.00", "150.00", &[], &[less], &how);
    assert_eq!(line.paid, money("150.00"));
    assert!(shown(&line).is_empty());
}

/// A line that the plan does not cover, after a payer that did.
#[test]
fn a_denied_line_shows_what_others_paid() {
    let claim = fresh(vec![line("200.00")]);
    let how = coordination(Method::Standard, Unpaid::HighestAllowed);
    let prior = [payer("200.00", "150.00", &["CO 45 20.00", "PR 2 30.00"])];
    for (denial, adjustments) in [
        (
            Denial::patient(Carc::NOT_COVERED_PLAN, clause::ANY),
            ["OA 23 170.00", "PR 204 30.00"],
        ),
        (
            Denial::contractual(Carc::TIMELY_FILING, clause::ANY),
            ["OA 23 170.00", "CO 29 30.00"],
        ),
    ] {
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        work.post(&mut balances, accumulator::VISITS, 1);
        work.refuse(&mut balances, denial);
        work.coordinate(&mut balances, &prior, &how);
        let line = work.finish();
        assert_eq!(shown(&line), adjustments);
        assert!(line.denied && line.paid.is_zero() && line.allowed.is_zero());
        assert!(line.postings.is_empty());
        assert_eq!(balances.used(accumulator::VISITS, DAY), 0);
    }
}

#[test]
fn without_other_payers_nothing_changes() {
    let how = coordination(Method::NonDuplication, Unpaid::Liability);
    let shares = [(Carc::COINSURANCE, "20.00")];
    let line = settle("200.00", "100.00", &shares, &[], &how);
    assert_eq!(shown(&line), ["CO 45 100.00", "PR 2 20.00"]);
    assert_eq!(line.paid, money("80.00"));
}

/// The pair of claims of the guide's example 3: what payer A did, as payer B
/// gets it. Its claim adjustments are spread over the lines.
#[test]
fn an_837_tells_what_the_first_payer_did() {
    for (name, charge, paid, left) in [
        (
            "837_005010X222A2/demo.cob.example3.B.837",
            "79.04",
            "39.15",
            "36.89",
        ),
        (
            "837_005010X222A2/demo.cob.example3.C.837",
            "79.04",
            "39.15",
            "36.89",
        ),
        (
            "837_005010X222A2/demo.cob.example4.837",
            "120.00",
            "80.00",
            "15.00",
        ),
    ] {
        let Some(segments) = segments(name) else {
            return;
        };
        let mut lines: Vec<Reported> = Vec::new();
        let (mut of_claim_level, mut stated) = (Vec::new(), None);
        for segment in &segments {
            match (segment[0].as_str(), lines.last_mut()) {
                ("SV1", _) => lines.push(Reported {
                    charge: money(&segment[2]),
                    paid: None,
                    allowed: None,
                    adjustments: Vec::new(),
                }),
                ("AMT", None) if segment[1] == "D" => stated = Some(money(&segment[2])),
                ("CAS", None) => of_claim_level.extend(cas(segment)),
                ("CAS", Some(line)) => line.adjustments.extend(cas(segment)),
                ("SVD", Some(line)) => line.paid = Some(money(&segment[2])),
                _ => {}
            }
        }
        let prior = of_claim(&lines, &of_claim_level, stated, &[]);
        let prior = prior.unwrap_or_else(|error| panic!("{name}: {error}"));
        let sum = |each: fn(&PriorPayer) -> Money| {
            let sum = Money::checked_sum(prior.iter().map(each)).unwrap();
            sum.to_string()
        };
        assert_eq!(sum(|payer| payer.paid), paid, "{name}");
        assert_eq!(sum(|payer| payer.left), left, "{name}");
        // 79.04 = 39.15 + 36.89 + 3.00
        let charges = Money::checked_sum(lines.iter().map(|line| line.charge));
        assert_eq!(charges, Some(money(charge)));
        for (line, payer) in lines.iter().zip(&prior) {
            let adjusted = Money::checked_sum(payer.adjustments.iter().map(|a| a.amount));
            assert_eq!(line.charge.checked_sub(adjusted.unwrap()), Some(payer.paid));
            assert!(!payer.paid.is_negative() && payer.allowed <= line.charge);
        }
    }
}

/// Every 835 of the guide is read: claims with lines, and claims without.
#[test]
fn every_835_of_the_guide_is_read() {
    let mut read = 0;
    for name in [
        "cob-contractural-adjustment",
        "managed-care",
        "medicare-part-a",
        "secondary-payment",
        "tertiary-payment",
    ] {
        let Some(segments) = segments(&format!("835_005010X221A1/{name}.835")) else {
            return;
        };
        let starts: Vec<usize> = (0..segments.len())
            .filter(|i| segments[*i][0] == "CLP")
            .collect();
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(segments.len());
            let claim = &segments[*start..end];
            let mut lines: Vec<Reported> = Vec::new();
            let mut of_claim_level = Vec::new();
            for segment in claim {
                match (segment[0].as_str(), lines.last_mut()) {
                    ("SVC", _) => lines.push(Reported {
                        charge: money(&segment[2]),
                        paid: Some(money(&segment[3])),
                        allowed: None,
                        adjustments: Vec::new(),
                    }),
                    ("CAS", None) => of_claim_level.extend(cas(segment)),
                    ("CAS", Some(line)) => line.adjustments.extend(cas(segment)),
                    ("AMT", Some(line)) if segment[1] == "B6" => {
                        line.allowed = Some(money(&segment[2]));
                    }
                    _ => {}
                }
            }
            if lines.is_empty() {
                lines.push(Reported {
                    charge: money(&claim[0][3]),
                    paid: None,
                    allowed: None,
                    adjustments: Vec::new(),
                });
            }
            let stated = Some(money(&claim[0][4]));
            let found = of_claim(&lines, &of_claim_level, stated, &[]);
            if name == "tertiary-payment" {
                // `SVC*HC*24599.00*1766.50*187.50` has its procedure in two
                // elements, so that the charge stands where the payment should:
                // 24,599.00 − 1,579.00 = 23,020.00.
                let expected = PriorError::Line {
                    line: 0,
                    expected: money("23020.00"),
                    stated: money("1766.50"),
                };
                assert_eq!(found.err(), Some(expected));
                continue;
            }
            let found = found.unwrap_or_else(|error| panic!("{name} {n}: {error}"));
            let left = Money::checked_sum(found.iter().map(|payer| payer.left)).unwrap();
            let said = claim[0].get(5).filter(|said| !said.is_empty());
            assert_eq!(left, said.map_or(Money::ZERO, |said| money(said)), "{name}");
            read += 1;
        }
    }
    assert_eq!(read, 7);
}

#[test]
fn what_does_not_balance_is_refused() {
    let reported = |paid: &str, adjustments: &[&str]| Reported {
        charge: money("100.00"),
        paid: Some(money(paid)),
        allowed: None,
        adjustments: adjustments.iter().map(|text| adjustment(text)).collect(),
    };
    let error = |lines: &[Reported], claim: &[&str], stated: &str| {
        let claim: Vec<_> = claim.iter().map(|text| adjustment(text)).collect();
        of_claim(lines, &claim, Some(money(stated)), &[]).err()
    };
    let good = reported("80.00", &["PR 2 20.00"]);
    let line = error(&[good.clone(), reported("90.00", &[])], &[], "170.00");
    let expected = PriorError::Line {
        line: 1,
        expected: money("100.00"),
        stated: money("90.00"),
    };
    assert_eq!(line, Some(expected));
    let claim = error(std::slice::from_ref(&good), &["CO 45 10.00"], "80.00").unwrap();
    assert_eq!(
        claim.to_string(),
        "claim of an earlier payer: its lines less its adjustments come to 70.00, not the 80.00 \
         said to be paid"
    );
    assert_eq!(
        error(std::slice::from_ref(&good), &["CO 45 80.01"], "0.00"),
        Some(PriorError::Spread)
    );
    assert_eq!(error(&[good], &["CO 45 80.00"], "0.00"), None);
}

#[test]
fn allowed_amounts_are_read_from_adjustments() {
    // Sequestration is taken off the payment, not off the allowed amount.
    let medicare = payer(
        "200.00",
        "78.40",
        &["CO 45 100.00", "PR 2 20.00", "CO 253 1.60"],
    );
    assert_eq!(medicare.allowed, money("100.00"));
    assert_eq!(medicare.left, money("20.00"));
    // What was not covered is left to the patient, and not allowed.
    let other = payer("200.00", "0.00", &["PR 96 200.00"]);
    assert_eq!((other.allowed, other.left), (Money::ZERO, money("200.00")));
    assert_eq!(other.accepted, None);
    // A later payer's is what all paid, and the shares that remain.
    let reported = Reported {
        charge: money("500.00"),
        paid: Some(money("65.00")),
        allowed: None,
        adjustments: vec![adjustment("OA 23 425.00"), adjustment("CO 45 10.00")],
    };
    let later = PriorPayer::read(0, &reported, money("300.00"))
        .ok()
        .unwrap();
    assert_eq!(later.allowed, money("365.00"));
    let sum = Impact::of(money("500.00"), &[medicare, later]);
    assert_eq!(sum.paid, money("143.40"));
    assert_eq!(sum.left, Money::ZERO);
}
