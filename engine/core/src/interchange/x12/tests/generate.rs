//! Claims as intake reads them from X12, and outcomes that engines and policies may
//! come to: each line is settled, and so balances.

use proptest::collection::vec;
use proptest::prelude::*;
use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use super::day;
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use crate::claim::{
    Claim, ClaimId, ClaimKind, Frequency, Institutional, MemberReference, Modifiers, OtherPayer,
    Provider, ServiceLine, SubmissionKey,
};
use crate::interchange::x12::PaidAs;

/// A claim has no `Debug`, for it holds health information.
#[derive(Clone)]
pub struct Shown<T>(pub T);

impl<T> core::fmt::Debug for Shown<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(core::any::type_name::<T>())
    }
}

/// A claim, what it came to, and what lines were paid as.
#[derive(Clone)]
pub struct Case {
    pub claim: Claim,
    pub outcome: Outcome,
    pub paid_as: Vec<PaidAs>,
}

pub fn id_at(position: u32) -> ClaimId {
    ClaimId::of(&SubmissionKey {
        submitter: "local".into(),
        interchange: "generated".into(),
        position,
    })
}

fn date() -> impl Strategy<Value = ServiceDate> {
    (day(2020, 1, 1).days()..=day(2026, 6, 1).days())
        .prop_map(|days| ServiceDate::from_days(days).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Z0-9][A-Z0-9 ./_-]{0,20}",
        // What other formats let through: delimiters, letters of elsewhere, length.
        1 => "[ -~]{0,12}",
        1 => "[À-ÿ一-龯]{1,12}",
        1 => "[a-z]{90,128}",
    ]
}

fn provider() -> impl Strategy<Value = Shown<Provider>> {
    prop_oneof![
        Just("1234567893".to_owned()),
        Just("1999999992".to_owned()),
        text(),
    ]
    .prop_map(|text| Shown(Provider::new(&text)))
}

fn modifiers() -> impl Strategy<Value = Modifiers> {
    vec("[0-9A-Z]{2}", 0..=4).prop_map(|given| {
        let mut modifiers = [ShortCode::NONE; 4];
        for (slot, text) in modifiers.iter_mut().zip(given) {
            *slot = ShortCode::parse(&text).unwrap();
        }
        modifiers
    })
}

fn service() -> impl Strategy<Value = Shown<ServiceLine>> {
    let procedure = prop_oneof![
        4 => ("[0-9A-V][0-9]{4}").prop_map(|code| (CodeSystem::Hcpcs, code)),
        1 => ("D[0-9]{4}").prop_map(|code| (CodeSystem::Cdt, code)),
        1 => ("[0-9]{11}").prop_map(|code| (CodeSystem::Ndc, code)),
        1 => ("[!-~]{1,18}").prop_map(|code| (CodeSystem::Other, code)),
        // A revenue code alone is the procedure too, but for our own format.
        1 => Just((CodeSystem::Revenue, "0450".to_owned())),
        1 => Just((CodeSystem::Revenue, String::new())),
    ];
    let revenue = prop_oneof![4 => Just("0450"), 1 => Just("0022"), 1 => Just("")];
    (
        ((procedure, revenue), modifiers(), text()),
        (1i64..=99_999_990, date(), 0i32..5),
        proptest::option::of(provider()),
    )
        .prop_map(|((service, modifiers, control), amounts, rendering)| {
            let (procedure, revenue) = service;
            let (quantity, from, days) = amounts;
            Shown(ServiceLine {
                number: 0,
                system: procedure.0,
                procedure: match procedure.1.as_str() {
                    "" => Code::NONE,
                    code => Code::parse(code).unwrap(),
                },
                modifiers,
                revenue: match (procedure.0, revenue) {
                    (CodeSystem::Revenue, _) => ShortCode::of("0450"),
                    (_, "") => ShortCode::NONE,
                    (_, revenue) => ShortCode::parse(revenue).unwrap(),
                },
                place: ShortCode::of("11"),
                diagnoses: 0,
                quantity: Quantity::from_scaled(quantity),
                charge: Money::ZERO,
                from,
                through: from.plus_days(days).unwrap().min(day(2026, 6, 1)),
                rendering: rendering.map(|of| of.0),
                emergency: false,
                detail: crate::claim::LineDetail {
                    control_number: control,
                    ..Default::default()
                },
                prior: vec![],
            })
        })
}

/// Takes a charge apart: what is adjusted for which reason, and what is paid.
fn line_outcome(secondary: bool) -> impl Strategy<Value = LineOutcome> {
    let reason = prop_oneof![
        Just((Group::Pr, Carc::DEDUCTIBLE, ShortCode::NONE)),
        Just((Group::Pr, Carc::COINSURANCE, ShortCode::NONE)),
        Just((Group::Pr, Carc::COPAY, ShortCode::NONE)),
        Just((Group::Co, Carc::ABOVE_FEE_SCHEDULE, ShortCode::NONE)),
        Just((Group::Co, Carc::NOT_COVERED, ShortCode::of("N130"))),
        Just((Group::Co, Carc::LACKS_INFORMATION, ShortCode::of("MA130"))),
        Just((Group::Pi, Carc::SEQUESTRATION, ShortCode::NONE)),
        Just((Group::Oa, Carc(104), ShortCode::NONE)),
    ];
    let parts = vec((reason, 1i64..1_000_000), 0..9);
    (0i64..10_000_000, parts, 0u8..8, 1i64..100_000).prop_map(
        move |(charge, parts, kind, excess)| {
            let of = |group, carc, rarc, cents| OutcomeAdjustment {
                group,
                carc,
                rarc,
                amount: Money::cents(cents),
                clause: "4.2".into(),
            };
            let plain = |group, carc, cents| of(group, carc, ShortCode::NONE, cents);
            let mut adjustments = Vec::new();
            let mut left = charge;
            if secondary && charge > 1 {
                adjustments.push(plain(Group::Oa, Carc(23), charge / 2));
                left -= charge / 2;
            }
            if kind == 1 {
                // A price above the charge.
                adjustments.push(plain(Group::Oa, Carc::EXCESS_OF_CHARGES, -excess));
                left += excess;
            }
            let denied = kind == 0;
            if denied {
                adjustments.clear();
                if charge > 0 {
                    adjustments.push(plain(Group::Oa, Carc::EXACT_DUPLICATE, charge));
                }
                left = 0;
            } else {
                for ((group, carc, rarc), cents) in parts {
                    let cents = cents.min(left);
                    if cents > 0 {
                        adjustments.push(of(group, carc, rarc, cents));
                        left -= cents;
                    }
                }
            }
            let allowed = Money::cents(if denied { 0 } else { left });
            LineOutcome::settle(
                1,
                Money::cents(charge),
                allowed,
                denied,
                if denied { "E104" } else { "4.2" }.into(),
                adjustments,
                vec![],
            )
            .unwrap()
        },
    )
}

fn again(
    number: u16,
    line: &LineOutcome,
    allowed: Money,
    with: Vec<OutcomeAdjustment>,
) -> LineOutcome {
    LineOutcome::settle(
        number,
        line.charge(),
        allowed,
        line.denied(),
        line.clause().to_owned(),
        with,
        vec![],
    )
    .unwrap()
}

/// Bundles the second of two lines into the first, which is paid as another
/// procedure.
fn bundle(lines: &mut [LineOutcome], claim: &Claim, paid_as: &mut Vec<PaidAs>) {
    let [first, second, ..] = lines else { return };
    let moved = second.charge();
    if moved.is_zero() || first.denied() {
        return;
    }
    let of = |group, carc, amount| OutcomeAdjustment {
        group,
        carc,
        rarc: ShortCode::NONE,
        amount,
        clause: "6.1".into(),
    };
    let taken = Money::ZERO.checked_sub(moved).unwrap();
    let mut kept: Vec<OutcomeAdjustment> = first.adjustments().to_vec();
    kept.retain(|of| of.carc != Carc::EXCESS_OF_CHARGES);
    let mut with = vec![of(Group::Oa, Carc::EXCESS_OF_CHARGES, taken)];
    with.extend(kept);
    // What was in excess before is no longer: the rest is above the fee schedule.
    let sum = Money::checked_sum(with.iter().map(|of| of.amount)).unwrap();
    let paid = first.charge().checked_sub(sum).unwrap();
    if paid.is_negative() {
        return;
    }
    if !paid.is_zero() {
        let half = Money::cents((paid.scaled() + 1) / 2);
        with.push(of(Group::Co, Carc::ABOVE_FEE_SCHEDULE, half));
    }
    *first = again(first.number(), first, paid, with);
    *second = LineOutcome::settle(
        second.number(),
        moved,
        Money::ZERO,
        true,
        "6.1".into(),
        vec![of(Group::Co, Carc::INCLUDED, moved)],
        vec![],
    )
    .unwrap();
    for (line, units) in claim.lines.iter().zip([Quantity::ONE, Quantity::ZERO]) {
        paid_as.push(PaidAs {
            line: line.number,
            system: CodeSystem::Hcpcs,
            procedure: Code::of("80050X"),
            modifiers: [ShortCode::NONE; 4],
            units,
        });
    }
}

fn stay() -> Institutional {
    Institutional {
        bill_type: ShortCode::of("11"),
        from: day(2026, 1, 1),
        through: day(2026, 1, 9),
        admission: None,
        admission_type: ShortCode::NONE,
        origin: ShortCode::NONE,
        discharge: ShortCode::NONE,
        drg: ShortCode::of("470"),
        attending: None,
        procedures: vec![],
        values: vec![],
        occurrences: vec![],
        conditions: vec![],
    }
}

/// A claim of one billing provider, and what it came to.
pub fn case() -> impl Strategy<Value = Shown<Case>> {
    (0u8..4, any::<bool>())
        .prop_flat_map(|(sequence, bundled)| {
            let lines = vec((service(), line_outcome(sequence > 1), 1u16..9), 1..7);
            (
                (Just(sequence), Just(bundled), any::<bool>()),
                lines,
                (text(), text(), vec(text(), 0..6), 0i64..5_000),
            )
        })
        .prop_map(|((sequence, bundled, stays), lines, texts)| {
            let (control, member, authorizations, patient_paid) = texts;
            let mut number = 0;
            let mut services = Vec::new();
            let mut outcomes = Vec::new();
            for (Shown(mut service), outcome, step) in lines {
                number += step;
                service.number = number;
                service.charge = outcome.charge();
                let with = outcome.adjustments().to_vec();
                outcomes.push(again(number, &outcome, outcome.allowed(), with));
                services.push(service);
            }
            let mut claim = Claim {
                id: id_at(0),
                kind: match stays {
                    true => ClaimKind::Institutional,
                    false => ClaimKind::Professional,
                },
                frequency: Frequency::Original,
                replaces: None,
                control_number: control,
                member: MemberReference::new(&member),
                billing: Provider::new("1234567893"),
                diagnoses: vec![],
                authorizations,
                charge: Money::checked_sum(services.iter().map(|l| l.charge)).unwrap(),
                received: day(2026, 6, 1),
                coordination: Default::default(),
                circumstances: Default::default(),
                institutional: stays.then(stay),
                lines: services,
            };
            claim.coordination.sequence = sequence;
            claim.coordination.patient_paid = Money::cents(patient_paid);
            if sequence > 1 {
                claim.coordination.others.push(OtherPayer {
                    identifier: "OTHER".into(),
                    sequence: 1,
                    filing: ShortCode::of("CI"),
                    paid: Some(Money::cents(100)),
                    remaining: None,
                    decided: None,
                    adjustments: vec![],
                });
            }
            let mut paid_as = Vec::new();
            if bundled {
                bundle(&mut outcomes, &claim, &mut paid_as);
            }
            let outcome =
                Outcome::new(claim.id, None, Settlement::Settled(outcomes), vec![]).unwrap();
            Shown(Case {
                claim,
                outcome,
                paid_as,
            })
        })
}

impl Case {
    /// The same as another claim of the node.
    pub fn at(mut self, position: u32) -> Self {
        self.claim.id = id_at(position);
        let lines = self.outcome.lines().to_vec();
        self.outcome =
            Outcome::new(self.claim.id, None, Settlement::Settled(lines), vec![]).unwrap();
        self
    }
}
