//! Eligibility: who is found, who is not, and what is said of them.

use proptest::prelude::*;
use tally_types::{Money, Rate, ServiceDate, ShortCode};
use tally_x12::Writer;

use super::checker::cents;
use super::{assert_sound, cases, day, files, payer, stamp};
use crate::claim::{Contract, Member, Relationship, Sex, Span};
use crate::interchange::x12::{Asked, Enrolment, answer_eligibility, read_inquiries};
use crate::interchange::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork as Network, Benefits,
    CopayPer, ServiceBenefit, ServiceLimit,
};

/// One family, and what its product gives.
struct Family {
    contract: Contract,
    benefits: Benefits,
}

impl Enrolment for Family {
    fn contract(&self, identifier: &str, _: ServiceDate) -> Option<&Contract> {
        let members = &self.contract.members;
        let known = members.iter().any(|member| member.id == identifier);
        known.then_some(&self.contract)
    }

    fn benefits(&self, asked: &Asked<'_>) -> Benefits {
        assert_eq!(asked.product, "harbor-ppo");
        assert!(asked.member.span_on(asked.on).is_some());
        self.benefits.clone()
    }
}

fn member(id: &str, name: &str, birth: ServiceDate, relationship: Relationship) -> Member {
    Member {
        id: id.into(),
        name: name.into(),
        birth,
        death: None,
        sex: Sex::Female,
        relationship,
        spans: vec![Span {
            product: "harbor-ppo".into(),
            from: day(2026, 1, 1),
            through: Some(day(2026, 12, 31)),
        }],
        authorizations: vec![],
    }
}

fn balance(kind: BalanceKind, family: bool, limit: i64, used: i64) -> BenefitBalance {
    BenefitBalance {
        name: "a balance".into(),
        kind,
        family,
        network: Network::In,
        period: BalancePeriod::CalendarYear,
        amount: BenefitAmount::Money {
            limit: Some(Money::cents(limit)),
            used: Money::cents(used),
        },
    }
}

fn family() -> Family {
    let mut child = member("M-3", "Kim Example", day(2015, 2, 3), Relationship::Child);
    child.sex = Sex::Other;
    let mut gone = member("M-4", "Lee Example", day(1950, 2, 3), Relationship::Other);
    gone.death = Some(day(2026, 3, 1));
    Family {
        contract: Contract {
            id: "C-1".into(),
            inception: day(2025, 1, 1),
            members: vec![
                member(
                    "M-1",
                    "Alex Example",
                    day(1984, 3, 9),
                    Relationship::Subscriber,
                ),
                member("M-2", "Sam Example", day(1985, 1, 1), Relationship::Spouse),
                child,
                gone,
            ],
        },
        benefits: Benefits {
            plan: "HARBOR PPO".into(),
            balances: vec![
                balance(BalanceKind::Deductible, false, 150_000, 47_550),
                balance(BalanceKind::Deductible, true, 300_000, 310_000),
                balance(BalanceKind::OutOfPocket, false, 600_000, 0),
                BenefitBalance {
                    name: "therapy-visits".into(),
                    amount: BenefitAmount::Count {
                        limit: Some(20),
                        used: 3,
                    },
                    ..balance(BalanceKind::Maximum, false, 0, 0)
                },
                BenefitBalance {
                    name: "orthodontics".into(),
                    period: BalancePeriod::Lifetime,
                    ..balance(BalanceKind::Maximum, false, 150_000, 20_000)
                },
                BenefitBalance {
                    amount: BenefitAmount::Money {
                        limit: None,
                        used: Money::cents(1_250),
                    },
                    ..balance(BalanceKind::OutOfPocket, true, 0, 0)
                },
            ],
            services: vec![
                ServiceBenefit {
                    service: ShortCode::of("98"),
                    covered: true,
                    network: Network::In,
                    copay: Some(Money::cents(2_500)),
                    per: CopayPer::Visit,
                    coinsurance: Some(Rate::percent(20)),
                    authorization: Some(false),
                },
                ServiceBenefit {
                    service: ShortCode::of("35"),
                    covered: false,
                    network: Network::Any,
                    copay: None,
                    per: CopayPer::Visit,
                    coinsurance: None,
                    authorization: None,
                },
            ],
            limits: vec![ServiceLimit {
                service: ShortCode::of("UC"),
                per: CopayPer::Day,
                balance: BenefitBalance {
                    name: "urgent-days".into(),
                    amount: BenefitAmount::Count {
                        limit: Some(12),
                        used: 3,
                    },
                    ..balance(BalanceKind::Maximum, false, 0, 0)
                },
            }],
        },
    }
}

/// Who is asked about: the subscriber's number, and a dependant by name and birth.
type Who<'a> = (&'a str, Option<(&'a str, &'a str)>);

/// An inquiry as a provider sends it.
fn inquiry(who: &[Who<'_>], date: &str, services: &[&str]) -> String {
    let mut out = Writer::default();
    out.interchange(
        ["ZZ", "CLINIC", "ZZ", "HARBOR"],
        ("260605", "1000"),
        9,
        true,
    );
    let version = "005010X279A1";
    out.simple(
        "GS",
        &[
            "HS", "CLINIC", "HARBOR", "20260605", "1000", "1", "X", version,
        ],
    );
    out.begin("270", "0001", version);
    out.simple("BHT", &["0022", "13", "Q-1", "20260605", "1000"]);
    out.simple("HL", &["1", "", "20", "1"]);
    out.simple(
        "NM1",
        &["PR", "2", "HARBOR HEALTH", "", "", "", "", "PI", "HARBOR"],
    );
    out.simple("HL", &["2", "1", "21", "1"]);
    out.simple(
        "NM1",
        &[
            "1P",
            "2",
            "LAKESIDE CLINIC",
            "",
            "",
            "",
            "",
            "XX",
            "1234567893",
        ],
    );
    let mut level = 2;
    for (number, (subscriber, dependant)) in who.iter().enumerate() {
        level += 1;
        let at = level.to_string();
        let children = if dependant.is_some() { "1" } else { "0" };
        out.simple("HL", &[&at, "2", "22", children]);
        let trace = format!("T-{number}");
        let (id, birth) = subscriber.split_once('/').unwrap_or((subscriber, ""));
        let name = |out: &mut Writer, role, family, given, birth: &str| {
            let kind = if role == "IL" && !id.is_empty() {
                "MI"
            } else {
                ""
            };
            let id = if kind.is_empty() { "" } else { id };
            out.simple("NM1", &[role, "1", family, given, "", "", "", kind, id]);
            if !birth.is_empty() {
                out.simple("DMG", &["D8", birth]);
            }
        };
        let ask = |out: &mut Writer| {
            if !date.is_empty() {
                let form = if date.contains('-') { "RD8" } else { "D8" };
                out.simple("DTP", &["291", form, date]);
            }
            for service in services {
                out.simple("EQ", &[service]);
            }
        };
        match dependant {
            None => {
                out.simple("TRN", &["1", &trace, "9123456789"]);
                name(&mut out, "IL", "", "", birth);
                ask(&mut out);
            }
            Some((given, born)) => {
                name(&mut out, "IL", "EXAMPLE", "", birth);
                level += 1;
                out.simple("HL", &[&level.to_string(), &at, "23", "0"]);
                out.simple("TRN", &["1", &trace, "9123456789"]);
                name(&mut out, "03", "EXAMPLE", given, born);
                ask(&mut out);
            }
        }
    }
    out.end("0001");
    out.simple("GE", &["1", "1"]);
    out.simple("IEA", &["1", "000000009"]);
    out.done()
}

fn answered(text: &str, family: &Family) -> String {
    assert_sound(text);
    let answers = answer_eligibility(text, family, &payer(), &stamp("E-1")).unwrap();
    let [answer] = &answers.texts[..] else {
        panic!("one answer")
    };
    assert_sound(answer);
    let refused = answer.matches("\nAAA*").count();
    assert_eq!(answers.unanswered as usize, refused);
    answer.clone()
}

#[test]
fn an_answer_as_x12() {
    let who = [("M-1/19840309", None), ("M-1", Some(("KIM", "20150203")))];
    let text = inquiry(&who, "20260510", &["30", "98", "35", "UC"]);
    insta::assert_snapshot!(answered(&text, &family()));
}

#[test]
fn who_is_not_answered_is_told_why() {
    for (who, date, code) in [
        (("", None), "", "72*C"),
        (("M-9", None), "", "75*C"),
        (("M-1/19840310", None), "", "71*C"),
        (("M-1", Some(("KIM", ""))), "", "58*C"),
        (("M-1", Some(("KIM", "20150204"))), "", "67*C"),
        (("M-3", None), "20150202", "60*C"),
        (("M-4", None), "20260302", "61*N"),
    ] {
        let answer = answered(&inquiry(&[who], date, &["30"]), &family());
        assert!(answer.contains(&format!("\nAAA*Y**{code}~")), "{answer}");
        // Nothing that enrolment knows is told.
        for told in ["EB", "DTP", "INS"] {
            assert!(!answer.contains(&format!("\n{told}*")), "{answer}");
        }
        // A date of birth is the one that was sent, and no sex.
        let sent = match who {
            (named, None) => named.split_once('/').map_or("", |(_, birth)| birth),
            (_, Some((_, birth))) => birth,
        };
        let dmg = answer.split('\n').find(|line| line.starts_with("DMG*"));
        let expected = format!("DMG*D8*{sent}~");
        assert_eq!(dmg, (!sent.is_empty()).then_some(&*expected), "{answer}");
    }
}

#[test]
fn who_is_not_covered_is_told_so() {
    let of = |date: &str| answered(&inquiry(&[("M-2", None)], date, &["30", "98"]), &family());
    let after = of("20270101");
    assert!(
        after.contains("\nDTP*347*D8*20261231~\nEB*6**30~\nEB*6**98~"),
        "{after}"
    );
    let before = of("20251231");
    assert!(
        before.contains("\nDMG*D8*19850101*F~\nEB*6**30~"),
        "{before}"
    );
    // Without a day, it is today's; of a period, the first.
    assert!(of("").contains("\nEB*1**98**HARBOR PPO~"));
    assert!(of("20261231-20270131").contains("\nEB*1**98**HARBOR PPO~"));
}

/// Inquiries of the cases: nobody in them is a member.
#[test]
fn the_cases_are_answered() {
    if cases().is_none() {
        return;
    }
    let all = files(".270");
    assert_eq!(all.len(), 4);
    for (name, text) in all {
        let answers = answer_eligibility(&text, &family(), &payer(), &stamp("E-1")).unwrap();
        assert_eq!((answers.asked, answers.unanswered), (1, 1), "{name}");
        assert_sound(&answers.texts[0]);
        assert!(answers.texts[0].contains("AAA*Y**75*C~"), "{name}");
        assert!(answers.texts[0].contains("TRN*2*93175-012547*9877281234~"));
        let inquiries = read_inquiries(&text, day(2026, 1, 1));
        assert!(inquiries[0].from == day(2006, 5, 1));
        assert!(inquiries[0].subscriber.identifier == "11122333301");
    }
    // Another transaction set is not answered.
    let (_, claim) = &files(".837")[0];
    let answers = answer_eligibility(claim, &family(), &payer(), &stamp("E-1")).unwrap();
    assert!(answers.texts.is_empty());
}

/// What is sent back as it came fits the guide of answers, whatever it was.
#[test]
fn what_is_echoed_fits() {
    let text = inquiry(&[("M-1", None)], "", &["30"]);
    for (from, to) in [
        ("LAKESIDE CLINIC*****XX", "LAKESIDE CLINIC***(**XX"),
        (
            "LAKESIDE CLINIC*****XX*1234567893",
            "LAKESIDE CLINIC*****SV*A ",
        ),
        ("TRN*1*T-0*9123456789", "TRN*1*T-0* 12345678 "),
        ("BHT*0022*13*Q-1*", "BHT*0022*13* Q *"),
    ] {
        assert!(text.contains(from));
        let damaged = text.replace(from, to);
        let answers = answer_eligibility(&damaged, &family(), &payer(), &stamp("E-1")).unwrap();
        assert_eq!(answers.asked, 1, "{damaged}");
        assert_sound(&answers.texts[0]);
    }
    // Delimiters of another's.
    let other = text.replace('*', "|").replace("CLINIC||", "CLI*NIC||");
    let other = other.replace("|XX|1234567893", "|SV|***");
    let answers = answer_eligibility(&other, &family(), &payer(), &stamp("E-1")).unwrap();
    assert!(
        answers.texts[0].contains("*SV*UNKNOWN~"),
        "{}",
        answers.texts[0]
    );
}

/// What is read of an inquiry is what was asked.
#[test]
fn an_inquiry_is_read() {
    let who = [("M-1/19840309", None), ("M-1", Some(("KIM", "20150203")))];
    let text = inquiry(&who, "20260510-20260512", &["98", "30", "98"]);
    let read = read_inquiries(&text, day(2026, 6, 5));
    assert_eq!(read.len(), 2);
    for inquiry in &read {
        assert!(inquiry.provider.is_npi);
        assert_eq!(inquiry.services, [ShortCode::of("98"), ShortCode::of("30")]);
        assert_eq!(inquiry.from, day(2026, 5, 10));
        assert_eq!(inquiry.through, day(2026, 5, 12));
        assert!(inquiry.subscriber.identifier == "M-1");
    }
    assert_eq!(read[0].subscriber.birth, Some(day(1984, 3, 9)));
    let kim = read[1].dependant.as_ref().unwrap();
    assert!(kim.given == "KIM" && kim.birth == Some(day(2015, 2, 3)));
    assert!(read_inquiries("ST*837", day(2026, 6, 5)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What is told of balances is what they are; each is told with what remains.
    #[test]
    fn balances_go_out_and_back(
        given in prop::collection::vec(
            (0u8..3, any::<bool>(), 0u8..3, 0u8..3, 0i64..10_000_000, 0i64..10_000_000),
            0..7,
        ),
        share in 0i32..=100,
        copay in 0i64..100_000,
        plan in "[ -~]{0,60}",
    ) {
        let mut family = family();
        family.benefits.plan = plan;
        family.benefits.services[0].coinsurance = Some(Rate::percent(share));
        family.benefits.services[0].copay = Some(Money::cents(copay));
        family.benefits.balances = given
            .iter()
            .map(|(kind, family, network, period, limit, used)| BenefitBalance {
                name: String::new(),
                kind: [BalanceKind::Deductible, BalanceKind::OutOfPocket, BalanceKind::Maximum]
                    [usize::from(*kind)],
                family: *family,
                network: [Network::In, Network::Out, Network::Any][usize::from(*network)],
                period: [
                    BalancePeriod::CalendarYear,
                    BalancePeriod::ContractYear,
                    BalancePeriod::Lifetime,
                ][usize::from(*period)],
                amount: BenefitAmount::Money {
                    limit: Some(Money::cents(*limit)),
                    used: Money::cents(*used),
                },
            })
            .collect();
        let answer = answered(&inquiry(&[("M-1", None)], "20260510", &["98"]), &family);
        let benefits: Vec<Vec<&str>> = answer
            .split("~\n")
            .filter(|segment| segment.starts_with("EB*"))
            .map(|segment| segment.split('*').collect())
            .collect();
        let of = |kind: &str| benefits.iter().filter(move |eb| eb[1] == kind).count();
        prop_assert_eq!((of("1"), of("A"), of("B")), (1, 1, 1));
        let copays = benefits.iter().find(|eb| eb[1] == "B").unwrap();
        prop_assert_eq!(cents(copays[7]), i128::from(copay));
        let shares = benefits.iter().find(|eb| eb[1] == "A").unwrap();
        let percent = shares[8].parse::<f64>().unwrap() * 100.0;
        prop_assert!((percent - f64::from(share)).abs() < 1e-9);
        let balances: Vec<_> = benefits.iter().filter(|eb| "CGF".contains(eb[1])).collect();
        prop_assert_eq!(balances.len(), given.len() * 2);
        for (pair, (kind, family, network, period, limit, used)) in balances.chunks(2).zip(&given) {
            for eb in pair {
                prop_assert_eq!(eb[1], ["C", "G", "F"][usize::from(*kind)]);
                prop_assert_eq!(eb[2], if *family { "FAM" } else { "IND" });
                prop_assert_eq!(eb[12], ["Y", "N", "W"][usize::from(*network)]);
            }
            prop_assert_eq!(cents(pair[0][7]), i128::from(*limit));
            prop_assert_eq!(pair[1][6], if *period == 2 { "33" } else { "29" });
            prop_assert_eq!(cents(pair[1][7]), i128::from((limit - used).max(0)));
        }
    }
}
