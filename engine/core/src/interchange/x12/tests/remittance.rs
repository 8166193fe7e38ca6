//! Remittances: what each thing in them looks like, what is refused, and a checker
//! that is not blind.

use std::collections::BTreeSet;

use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ShortCode};

use super::checker::{advices, cents, unbalanced};
use super::generate::{Case, id_at};
use super::{assert_sound, cases, day, files, payer, stamp};
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use crate::claim::{
    Claim, ClaimKind, Frequency, LineDetail, MemberReference, Provider, ServiceLine,
};
use crate::interchange::x12::{
    Account, Address, Forwarded, InsuredName, Method, OtherPayerName, PaidAs, PatientName, Payee,
    ProviderAdjustment, Remittance, RemittanceError, Remitted, RemittedClaim, Standing, by_payee,
    remittance,
};

pub const PATIENT: PatientName<'static> = PatientName {
    family: "EXAMPLE",
    given: "ALEX",
};

fn payee() -> Payee<'static> {
    Payee {
        name: "LAKESIDE CLINIC",
        id: "LAKESIDE",
        npi: "1234567893",
        tax: "987654321",
        address: Address {
            street: "2 SHORE ROAD",
            city: "HARBOR",
            state: "ME",
            zip: "04000",
        },
    }
}

pub fn whole<'a>(
    trace: &'a str,
    claims: &'a [RemittedClaim<'a>],
    adjustments: &'a [ProviderAdjustment<'a>],
    brought: &'a [Forwarded],
) -> Remittance<'a> {
    Remittance {
        payer: payer(),
        payee: payee(),
        method: Method::Ach {
            from: Account {
                routing: "011000015",
                number: "11112222",
            },
            to: Account {
                routing: "021000021",
                number: "33334444",
            },
        },
        stamp: stamp(trace),
        claims,
        adjustments,
        brought,
        recovered: &[],
    }
}

pub fn written(claims: &[RemittedClaim<'_>]) -> Result<Remitted, RemittanceError> {
    remittance(&whole("T-1", claims, &[], &[]))
}

/// What must hold of every remittance; answers its text.
pub fn sound(remitted: &Remitted) -> &str {
    assert_eq!(unbalanced(&remitted.text), [""; 0], "{}", remitted.text);
    assert_eq!(assert_sound(&remitted.text), 1);
    &remitted.text
}

fn adjusted(group: Group, carc: u16, rarc: &str, amount: i64) -> OutcomeAdjustment {
    OutcomeAdjustment {
        group,
        carc: Carc(carc),
        rarc: match rarc {
            "" => ShortCode::NONE,
            rarc => ShortCode::of(rarc),
        },
        amount: Money::cents(amount),
        clause: "4.2".into(),
    }
}

/// A line of a professional claim, and what it came to: charge, allowed, and why
/// not all is paid. Allowed nothing, it is denied.
type Given<'a> = (&'a str, i64, i64, &'a [(Group, u16, &'a str, i64)]);

fn settled(position: u32, lines: &[Given<'_>]) -> Case {
    let mut services = Vec::new();
    let mut outcomes = Vec::new();
    for (number, (code, charge, allowed, why)) in (1u16..).zip(lines) {
        services.push(ServiceLine {
            number,
            system: CodeSystem::Hcpcs,
            procedure: Code::parse(code).unwrap(),
            modifiers: [ShortCode::NONE; 4],
            revenue: ShortCode::NONE,
            place: ShortCode::of("11"),
            diagnoses: 1,
            quantity: Quantity::ONE,
            charge: Money::cents(*charge),
            from: day(2026, 5, 4),
            through: day(2026, 5, 4),
            rendering: None,
            emergency: false,
            detail: LineDetail {
                control_number: format!("L{number}"),
                ..Default::default()
            },
            prior: vec![],
        });
        let why = why.iter();
        let why = why.map(|(group, carc, rarc, amount)| adjusted(*group, *carc, rarc, *amount));
        outcomes.push(
            LineOutcome::settle(
                number,
                Money::cents(*charge),
                Money::cents(*allowed),
                *allowed == 0 && *charge != 0,
                "4.2".into(),
                why.collect(),
                vec![],
            )
            .unwrap(),
        );
    }
    let claim = Claim {
        id: id_at(position),
        kind: ClaimKind::Professional,
        frequency: Frequency::Original,
        replaces: None,
        control_number: format!("P-{position}"),
        member: MemberReference::new("M-1001"),
        billing: Provider::new("1234567893"),
        diagnoses: vec![Code::of("E119")],
        authorizations: vec![],
        charge: Money::checked_sum(services.iter().map(|line| line.charge)).unwrap(),
        received: day(2026, 5, 6),
        coordination: Default::default(),
        circumstances: Default::default(),
        institutional: None,
        lines: services,
    };
    let outcome = Outcome::new(claim.id, None, Settlement::Settled(outcomes), vec![]).unwrap();
    Case {
        claim,
        outcome,
        paid_as: vec![],
    }
}

pub fn remitted(case: &Case) -> RemittedClaim<'_> {
    RemittedClaim {
        paid_as: &case.paid_as,
        ..RemittedClaim::new(&case.claim, &case.outcome, PATIENT)
    }
}

/// A visit of 150.00, of which 76.00 is paid.
fn visit(position: u32) -> Case {
    let why = [
        (Group::Co, 45, "", 3_000),
        (Group::Pr, 1, "", 2_500),
        (Group::Pr, 2, "", 1_900),
    ];
    settled(position, &[("99213", 15_000, 12_000, &why)])
}

/// A claim with a bundle, as the standard's example has it (RFI 2278: 290.55, 206.00
/// and nothing, paid 100.00 as a panel).
fn panel() -> Case {
    let mut case = settled(
        2,
        &[
            (
                "80050",
                29_055,
                10_000,
                &[(Group::Oa, 94, "", -20_600), (Group::Co, 45, "", 39_655)],
            ),
            ("84453", 20_600, 0, &[(Group::Co, 97, "", 20_600)]),
            ("85025", 0, 0, &[]),
        ],
    );
    for line in [2, 3] {
        case.paid_as.push(PaidAs {
            line,
            system: CodeSystem::Hcpcs,
            procedure: Code::of("80050"),
            modifiers: [ShortCode::NONE; 4],
            units: Quantity::ZERO,
        });
    }
    case
}

#[test]
fn a_remittance_as_x12() {
    let (mut visit, panel) = (visit(1), panel());
    visit.claim.authorizations.push("PA-77".into());
    visit.claim.lines[0].rendering = Some(Provider::new("1999999992"));
    let denied = settled(
        3,
        &[("70551", 80_000, 0, &[(Group::Co, 96, "N130", 80_000)])],
    );
    let claims = [
        RemittedClaim {
            interest: Money::cents(123),
            remarks: &[ShortCode::of("MA01")],
            ..remitted(&visit)
        },
        remitted(&panel),
        RemittedClaim {
            priority: Some(OtherPayerName {
                name: "FIRST LIFE",
                id: "FL01",
            }),
            ..remitted(&denied)
        },
    ];
    let withheld = ProviderAdjustment {
        reason: "CS",
        reference: "AUDIT 7",
        amount: Money::cents(1_000),
    };
    let remitted = remittance(&whole("T-1", &claims, &[withheld], &[])).unwrap();
    assert_eq!(remitted.payment, Money::cents(7_600 + 10_000 + 123 - 1_000));
    insta::assert_snapshot!(sound(&remitted));
}

/// The amounts of RFI 2278 and RFI 1696.
#[test]
fn published_examples() {
    let panel = panel();
    let text = written(&[remitted(&panel)]).unwrap().text;
    let advice = &advices(&text)[0];
    let lines = &advice.payments[0].lines;
    let paid: Vec<i128> = lines.iter().map(|line| line.paid).collect();
    assert_eq!(paid, [10_000, 0, 0]);
    assert_eq!(lines[1].submitted, "HC:84453");
    assert_eq!((lines[1].units, lines[1].original), (0, Some(10_000)));
    let mut second = settled(
        4,
        &[(
            "99213",
            50_000,
            6_500,
            &[(Group::Oa, 23, "", 42_500), (Group::Co, 45, "", 1_000)],
        )],
    );
    second.claim.coordination.sequence = 2;
    let remitted = written(&[remitted(&second)]).unwrap();
    let text = sound(&remitted);
    assert!(text.contains("CLP*P-4*2*500.00*65.00**12*"), "{text}");
    assert!(text.contains("CAS*OA*23*425.00~"), "{text}");
}

#[test]
fn what_cannot_be_remitted_says_why() {
    let (one, two) = (visit(1), visit(2));
    let refused = |claims: &[RemittedClaim<'_>]| written(claims).unwrap_err();
    let reversal = RemittedClaim {
        standing: Standing::Reversal,
        ..remitted(&one)
    };
    let pended = Outcome::new(
        one.claim.id,
        None,
        Settlement::Pended {
            reason: "records".into(),
            text: "The plan asks for the notes.".into(),
            resolution: "Send the notes.".into(),
            line: 1,
            clause: "9.1".into(),
            charges: vec![(1, Money::cents(15_000))],
        },
        vec![],
    )
    .unwrap();
    let waits = RemittedClaim::new(&one.claim, &pended, PATIENT);
    assert_eq!(refused(&[waits]), RemittanceError::Pended(0));
    let mixed = RemittedClaim::new(&one.claim, &two.outcome, PATIENT);
    assert_eq!(
        refused(&[remitted(&two), mixed]),
        RemittanceError::AnotherClaim(1)
    );
    assert_eq!(
        refused(&[remitted(&one), reversal]),
        RemittanceError::CorrectionFirst(1)
    );
    assert_eq!(
        refused(&[remitted(&one), remitted(&one)]),
        RemittanceError::Twice(1)
    );
    assert_eq!(refused(&[reversal, reversal]), RemittanceError::Twice(1));
    let mut replacement = visit(2);
    replacement.claim.replaces = Some(one.claim.id);
    assert_eq!(
        refused(&[remitted(&replacement), reversal]),
        RemittanceError::CorrectionFirst(1)
    );
    let mut other = visit(2);
    other.claim.billing = Provider::new("1999999992");
    assert_eq!(
        refused(&[remitted(&one), remitted(&other)]),
        RemittanceError::AnotherPayee(1)
    );
    let payees = [remitted(&one), remitted(&other), remitted(&two)];
    let payees: Vec<usize> = by_payee(&payees).iter().map(Vec::len).collect();
    assert_eq!(payees, [2, 1]);
    let mut charged = visit(2);
    charged.claim.lines[0].charge = Money::cents(15_001);
    assert!(matches!(
        refused(&[remitted(&charged)]),
        RemittanceError::Charge { line: 1, .. }
    ));
    let mut loose = panel();
    loose.paid_as.remove(0);
    assert!(written(&[remitted(&loose)]).is_ok());
    loose.paid_as[0].line = 2;
    let why = [(Group::Co, 45, "", 19_055)];
    let short = settled(
        2,
        &[
            ("80050", 29_055, 10_000, &why),
            ("84453", 20_600, 0, &[(Group::Co, 97, "", 20_600)]),
        ],
    );
    let short = Case {
        paid_as: loose.paid_as.clone(),
        ..short
    };
    assert_eq!(
        refused(&[remitted(&short)]),
        RemittanceError::Bundle {
            claim: 0,
            line: 1,
            bundled: Money::cents(20_600),
            taken: Money::ZERO,
        }
    );
    loose.paid_as[0].line = 9;
    assert_eq!(
        refused(&[remitted(&loose)]),
        RemittanceError::PaidAs { claim: 0, line: 9 }
    );
    let of = |reason, cents| {
        let adjustment = ProviderAdjustment {
            reason,
            reference: "",
            amount: Money::cents(cents),
        };
        remittance(&whole("T-1", &[], &[adjustment], &[])).unwrap_err()
    };
    assert_eq!(of("FB", 1), RemittanceError::Reason(0));
    assert_eq!(of("CS", 0), RemittanceError::NoAmount(0));
    assert_eq!(of("CS", i64::MIN), RemittanceError::Overflow);
    let nameless = Remittance {
        payee: Payee {
            name: "",
            ..payee()
        },
        ..whole("T-1", &[], &[], &[])
    };
    assert_eq!(
        remittance(&nameless).unwrap_err(),
        RemittanceError::Unfit(
            "segment 9, 1000B N1-02: an element that must be there is missing: payee name".into()
        )
    );
}

/// A reversal comes before its correction, with the signs turned round.
#[test]
fn a_pair_of_reversal_and_correction() {
    let before = visit(1);
    let why = [(Group::Co, 45, "", 3_000), (Group::Pr, 1, "", 12_000)];
    let after = settled(1, &[("99213", 15_000, 12_000, &why)]);
    let reversal = RemittedClaim {
        standing: Standing::Reversal,
        ..remitted(&before)
    };
    let other = visit(9);
    let pair = [remitted(&other), reversal, remitted(&after)];
    let written = written(&pair).unwrap();
    assert_eq!(written.payment, Money::ZERO);
    assert_eq!(written.forwarded, None);
    insta::assert_snapshot!(sound(&written));
}

/// What is taken back and not covered is carried forward, and the next remittance
/// takes it.
#[test]
fn a_balance_is_carried_forward_and_taken_back() {
    let before = visit(1);
    let reversal = RemittedClaim {
        standing: Standing::Reversal,
        ..remitted(&before)
    };
    let first = written(&[reversal]).unwrap();
    let text = sound(&first);
    assert!(text.contains("BPR*H*0.00*C*NON"), "{text}");
    assert!(
        text.contains("PLB*1234567893*20261231*FB:T-1*-76.00~"),
        "{text}"
    );
    let owed = Forwarded {
        reference: "T-1".into(),
        amount: Money::cents(7_600),
    };
    assert_eq!(first.forwarded.as_ref(), Some(&owed));
    let next = [visit(2), visit(3)];
    let claims = next.each_ref().map(remitted);
    let second = remittance(&whole("T-2", &claims, &[], &[owed])).unwrap();
    let text = sound(&second);
    assert_eq!(second.payment, Money::cents(7_600));
    assert_eq!(second.forwarded, None);
    assert!(text.contains("*FB:T-1*76.00~"), "{text}");
}

/// The correction comes in another remittance: nothing is taken until then.
#[test]
fn a_reversal_ahead_of_its_correction_takes_nothing() {
    let before = visit(1);
    let why = [(Group::Co, 45, "", 3_000), (Group::Pr, 1, "", 10_000)];
    let after = settled(1, &[("99213", 15_000, 12_000, &why)]);
    let ahead = RemittedClaim {
        standing: Standing::ReversalAhead,
        ..remitted(&before)
    };
    let first = written(&[ahead]).unwrap();
    let text = sound(&first);
    assert_eq!(first.payment, Money::ZERO);
    assert_eq!(first.forwarded, None);
    let offset = format!("*WO:{}*-76.00~", before.claim.id);
    assert!(text.contains(&offset), "{text}");
    let correction = RemittedClaim {
        standing: Standing::Correction {
            withheld: Money::cents(7_600),
        },
        ..remitted(&after)
    };
    let others = visit(2);
    let claims = [correction, remitted(&others)];
    let second = remittance(&whole("T-2", &claims, &[], &[])).unwrap();
    sound(&second);
    // 20.00 and 76.00 are due, of which 76.00 was left before.
    assert_eq!(second.payment, Money::cents(2_000));
}

/// Every remittance of the cases adds up, but for the one whose composite is
/// separated like elements, so that its line pays 1766.50 of 24599.00.
#[test]
fn the_cases_add_up() {
    if cases().is_none() {
        return;
    }
    let mut wrong = BTreeSet::new();
    let all = files(".835");
    for (name, text) in &all {
        let name = name.rsplit('/').next().unwrap();
        for fault in unbalanced(text) {
            wrong.insert(format!("{name}: {fault}"));
        }
    }
    assert_eq!(all.len(), 6);
    let faults: Vec<String> = wrong.into_iter().collect();
    let expected =
        ["2143", "2348", "2570"].map(|rule| format!("tertiary-payment.835: {rule}: claim 0"));
    assert_eq!(faults, expected);
}

/// The checker finds what does not add up: a cent more anywhere, a segment less.
#[test]
fn the_checker_is_not_blind() {
    let (visit, panel, before) = (visit(1), panel(), visit(5));
    let claims = [
        RemittedClaim {
            interest: Money::cents(123),
            ..remitted(&visit)
        },
        RemittedClaim {
            standing: Standing::Reversal,
            ..remitted(&before)
        },
        remitted(&panel),
    ];
    let text = written(&claims).unwrap().text;
    assert_eq!(unbalanced(&text), [""; 0]);
    let segments: Vec<&str> = text.split_inclusive('\n').collect();
    let mut changed = 0;
    for (at, segment) in segments.iter().enumerate() {
        let elements: Vec<&str> = segment.trim_end_matches("~\n").split('*').collect();
        let tag = elements[0];
        if !["BPR", "CLP", "SVC", "CAS", "PLB", "AMT"].contains(&tag) {
            continue;
        }
        for (number, element) in elements.iter().enumerate() {
            let Some((_, fraction)) = element.split_once('.') else {
                continue;
            };
            if fraction.len() != 2 {
                continue;
            }
            let more = cents(element) + 1;
            let sign = if more < 0 { "-" } else { "" };
            let more = more.abs();
            let mut damaged: Vec<String> = elements.iter().map(|&e| e.to_owned()).collect();
            damaged[number] = format!("{sign}{}.{:02}", more / 100, more % 100);
            let mut all: Vec<String> = segments.iter().map(|&s| s.to_owned()).collect();
            all[at] = damaged.join("*") + "~\n";
            assert!(!unbalanced(&all.concat()).is_empty(), "{segment}");
            changed += 1;
        }
    }
    assert!(changed > 30, "{changed}");
    // Without the line's own charge in the bundle, or the units it does not pay.
    for (from, to) in [
        ("CAS*OA*94*-206.00", "CAS*OA*94*-205.00"),
        ("**0*HC:84453*1~", "**1*HC:84453~"),
        ("*22*-150.00", "*1*-150.00"),
        ("CLP*P-1*1*", "CLP*P-1*22*"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        assert!(!unbalanced(&text.replace(from, to)).is_empty(), "{from}");
    }
}

/// A dependant's claim names the insured as well; a denial for cover that ended says when
/// it did; whoever has no name on file is not told without one.
#[test]
fn who_is_insured_and_until_when_is_told() {
    let denied: Given<'_> = ("99213", 15_000, 0, &[(Group::Pr, 27, "", 15_000)]);
    let visit = settled(1, &[denied]);
    let mut of = RemittedClaim::new(&visit.claim, &visit.outcome, PATIENT);
    of.cover_ended = Some(day(2026, 4, 30));
    of.insured = Some(InsuredName {
        name: PatientName {
            family: "EXAMPLE",
            given: "ROBIN",
        },
        identifier: "M-1",
    });
    let remitted = written(&[of]).unwrap();
    let text = sound(&remitted);
    assert!(
        text.contains("\nNM1*IL*1*EXAMPLE*ROBIN****MI*M-1~\n"),
        "{text}"
    );
    assert!(text.contains("\nDTM*036*20260430~\nDTM*050*"), "{text}");

    let paid: Given<'_> = ("99213", 15_000, 15_000, &[]);
    let visit = settled(1, &[paid]);
    let mut of = RemittedClaim::new(&visit.claim, &visit.outcome, PatientName::default());
    of.cover_ended = Some(day(2026, 4, 30));
    let remitted = written(&[of]).unwrap();
    let text = sound(&remitted);
    assert!(text.contains("\nNM1*QC*1*UNKNOWN*"), "{text}");
    assert!(
        !text.contains("DTM*036") && !text.contains("NM1*IL"),
        "{text}"
    );
}
