//! Generated claims, contracts, contexts, outcomes and transcripts.

use proptest::collection::vec;
use proptest::prelude::*;
use tally_core::adjudication::{
    Balance, Context, ContextAuthorization, ContextMember, Exchange, Flagged, LineOutcome, Measure,
    Outcome, OutcomeAdjustment, OutcomePosting, Question, Settlement, TableKey, TableRow,
};
use tally_core::claim::{
    Authorization, AuthorizationKind, Claim, ClaimId, ClaimKind, Contract, Frequency, Member,
    MemberReference, Modifiers, PriorLine, Provider, Relationship, ServiceLine, Sex, Span,
    SubmissionKey,
};
use tally_core::interchange::Source;
use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use super::parts::{circumstances, coordination, dependant, detail, institutional, prior};

/// A value that holds health information, so that it has no `Debug` of its own.
#[derive(Clone)]
pub struct Shown<T>(pub T);

impl<T> std::fmt::Debug for Shown<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }
}

pub fn source() -> Source<'static> {
    Source {
        submitter: "local",
        interchange: "generated",
        received: day(2026, 6, 1),
    }
}

pub fn day(year: i32, month: u32, day: u32) -> ServiceDate {
    ServiceDate::new(year, month, day).unwrap()
}

pub fn id_at(position: u32) -> ClaimId {
    ClaimId::of(&SubmissionKey {
        submitter: source().submitter.into(),
        interchange: source().interchange.into(),
        position,
    })
}

pub fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9]([A-Za-z0-9 ./_-]{0,20}[A-Za-z0-9])?",
        "[A-Za-zÀ-ÿ一-龯\"\\\\]{1,12}",
        Just("1234567893".to_owned()),
    ]
}

pub fn date() -> impl Strategy<Value = ServiceDate> {
    (day(1900, 1, 1).days()..=day(2026, 6, 1).days())
        .prop_map(|days| ServiceDate::from_days(days).unwrap())
}

pub fn code(pattern: &'static str) -> impl Strategy<Value = Code> {
    pattern.prop_map(|text| Code::parse(&text).unwrap())
}

pub fn short() -> impl Strategy<Value = ShortCode> {
    prop_oneof![
        Just(ShortCode::NONE),
        "[0-9A-Z]{1,9}".prop_map(|text| ShortCode::parse(&text).unwrap()),
    ]
}

fn procedure() -> impl Strategy<Value = (CodeSystem, Code)> {
    let of = |system, pattern| (Just(system), code(pattern));
    prop_oneof![
        of(CodeSystem::Unspecified, "[!-~]{1,18}"),
        of(CodeSystem::Hcpcs, "[0-9A-Z][0-9]{4}"),
        of(CodeSystem::Cdt, "D[0-9]{4}"),
        of(CodeSystem::Ndc, "[0-9]{11}"),
        of(CodeSystem::RxNorm, "[1-9][0-9]{0,7}"),
        of(CodeSystem::Snomed, "[1-9][0-9]{5,17}"),
        of(CodeSystem::Icd10Pcs, "[0-9A-HJ-NP-Z]{7}"),
        of(CodeSystem::Revenue, "0[0-9]{3}"),
        of(CodeSystem::Other, "[!-~]{1,18}"),
    ]
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

fn kind() -> impl Strategy<Value = ClaimKind> {
    prop_oneof![
        Just(ClaimKind::Professional),
        Just(ClaimKind::Institutional),
        Just(ClaimKind::Oral),
        Just(ClaimKind::Vision),
        Just(ClaimKind::Pharmacy),
    ]
}

fn line(diagnoses: usize) -> BoxedStrategy<Shown<ServiceLine>> {
    let pointers = match diagnoses {
        0 => Just(0u32).boxed(),
        n => (0..1u64 << n)
            .prop_map(|bits| u32::try_from(bits).unwrap())
            .boxed(),
    };
    (
        (procedure(), modifiers(), short(), short(), pointers),
        (1i64..=99_999_990_000, 0i64..=5_000_000, date(), 0i32..40),
        (proptest::option::of(identifier()), any::<bool>()),
        prop_oneof![1 => Just(Shown(Default::default())), 1 => detail()],
    )
        .prop_map(
            |(
                (procedure, modifiers, revenue, place, diagnoses),
                amounts,
                (rendering, emergency),
                Shown(detail),
            )| {
                let (quantity, charge, from, days) = amounts;
                let through = from.plus_days(days).unwrap().min(source().received);
                Shown(ServiceLine {
                    number: 0,
                    system: procedure.0,
                    procedure: procedure.1,
                    modifiers,
                    revenue,
                    place,
                    diagnoses,
                    quantity: Quantity::from_scaled(quantity),
                    charge: Money::cents(charge),
                    from,
                    through,
                    rendering: rendering.map(|identifier| Provider::new(&identifier)),
                    emergency,
                    detail,
                    prior: vec![],
                })
            },
        )
        .boxed()
}

/// Claims as intake makes them, at position zero of [`source`].
pub fn claims() -> BoxedStrategy<Shown<Claim>> {
    vec(code("[A-Z][0-9][0-9A-Z]{1,5}"), 0..=32)
        .prop_flat_map(|diagnoses| {
            let lines = vec((line(diagnoses.len()), 1u16..200, prior()), 1..8);
            let head = (kind(), identifier(), identifier(), vec(identifier(), 0..4));
            let control = prop_oneof![Just(String::new()), identifier()];
            let beside = (
                prop_oneof![1 => Just(Shown(Default::default())), 1 => coordination()],
                prop_oneof![1 => Just(Shown(Default::default())), 1 => circumstances()],
                institutional(),
                proptest::option::of(dependant()),
            );
            (Just(diagnoses), lines, head, control, beside)
        })
        .prop_map(|(diagnoses, lines, head, control_number, beside)| {
            let (kind, member, billing, authorizations) = head;
            let (Shown(coordination), Shown(circumstances), institutional, dependant) = beside;
            let billing = Provider::new(&billing);
            let mut number = 0;
            let lines: Vec<ServiceLine> = lines
                .into_iter()
                .map(|(Shown(mut line), step, Shown(prior))| {
                    number += step;
                    line.number = number;
                    line.prior = (0..)
                        .zip(prior)
                        .take(coordination.others.len())
                        .filter_map(|(payer, prior)| {
                            prior.map(|prior| PriorLine { payer, ..prior })
                        })
                        .collect();
                    line.rendering = line.rendering.filter(|provider| *provider != billing);
                    line
                })
                .collect();
            Shown(Claim {
                id: id_at(0),
                kind,
                frequency: Frequency::Original,
                replaces: None,
                control_number,
                member: MemberReference {
                    identifier: member,
                    dependant: dependant.map(|shown| shown.0),
                },
                billing,
                diagnoses,
                authorizations,
                charge: Money::checked_sum(lines.iter().map(|line| line.charge)).unwrap(),
                received: source().received,
                coordination,
                circumstances,
                institutional: (kind == ClaimKind::Institutional).then_some(institutional.0),
                lines,
            })
        })
        .boxed()
}

fn spans() -> impl Strategy<Value = Shown<Vec<Span>>> {
    vec((identifier(), 1i32..400, 0i32..400), 0..4).prop_map(|parts| {
        let mut at = day(2020, 1, 1);
        let last = parts.len().saturating_sub(1);
        let spans = parts
            .into_iter()
            .enumerate()
            .map(|(i, (product, gap, length))| {
                let from = at.plus_days(gap).unwrap();
                let through = from.plus_days(length).unwrap();
                at = through;
                Span {
                    product,
                    from,
                    through: (i != last || length % 2 == 0).then_some(through),
                }
            })
            .collect();
        Shown(spans)
    })
}

fn authorization() -> impl Strategy<Value = Shown<Authorization>> {
    (
        identifier(),
        code("[0-9A-Z]{1,18}"),
        date(),
        0i32..400,
        1i64..1_000_000,
    )
        .prop_map(|(number, procedure, from, days, units)| {
            Shown(Authorization {
                kind: AuthorizationKind::Authorization,
                number,
                procedure,
                provider: Code::NONE,
                from,
                through: from.plus_days(days).unwrap(),
                units: Quantity::from_scaled(units),
            })
        })
}

fn member() -> BoxedStrategy<Shown<Member>> {
    (
        (identifier(), identifier(), date()),
        proptest::option::of(0i32..40_000),
        prop_oneof![
            Just(Sex::Unknown),
            Just(Sex::Female),
            Just(Sex::Male),
            Just(Sex::Other)
        ],
        prop_oneof![
            Just(Relationship::Subscriber),
            Just(Relationship::Spouse),
            Just(Relationship::Child),
            Just(Relationship::Other)
        ],
        spans(),
        vec(authorization(), 0..3),
    )
        .prop_map(
            |((id, name, birth), life, sex, relationship, Shown(spans), authorizations)| {
                Shown(Member {
                    id,
                    name,
                    birth,
                    death: life.and_then(|days| birth.plus_days(days)),
                    sex,
                    relationship,
                    spans,
                    authorizations: authorizations.into_iter().map(|auth| auth.0).collect(),
                })
            },
        )
        .boxed()
}

/// Contracts that are sound.
pub fn contracts() -> BoxedStrategy<Shown<Contract>> {
    (identifier(), date(), vec(member(), 1..5))
        .prop_map(|(id, inception, members)| {
            let mut members: Vec<Member> = members.into_iter().map(|member| member.0).collect();
            for (i, member) in members.iter_mut().enumerate() {
                member.id = format!("{}-{i}", member.id);
            }
            Shown(Contract {
                id,
                inception,
                members,
            })
        })
        .boxed()
}

fn adjustments(charge: i64) -> impl Strategy<Value = Vec<OutcomeAdjustment>> {
    let reason = prop_oneof![
        Just((Group::Pr, Carc::DEDUCTIBLE, ShortCode::NONE)),
        Just((Group::Pr, Carc::COINSURANCE, ShortCode::NONE)),
        Just((Group::Pr, Carc::COPAY, ShortCode::NONE)),
        Just((Group::Co, Carc::ABOVE_FEE_SCHEDULE, ShortCode::NONE)),
        Just((Group::Co, Carc::NOT_COVERED, ShortCode::of("N130"))),
        Just((Group::Co, Carc::SEQUESTRATION, ShortCode::NONE)),
        Just((Group::Pr, Carc::ABOVE_FEE_SCHEDULE, ShortCode::NONE)),
        Just((Group::Co, Carc::MULTIPLE_PROCEDURE, ShortCode::NONE)),
        Just((Group::Oa, Carc(23), ShortCode::NONE)),
        Just((Group::Pr, Carc::BENEFIT_MAXIMUM, ShortCode::NONE)),
    ];
    vec((reason, 1i64..=(charge / 4).max(1)), 0..4).prop_map(move |parts| {
        let mut left = charge;
        parts
            .into_iter()
            .filter(|(_, amount)| {
                left -= amount;
                left >= 0
            })
            .map(|((group, carc, rarc), amount)| OutcomeAdjustment {
                group,
                carc,
                rarc,
                amount: Money::cents(amount),
                clause: "4.2".into(),
            })
            .collect()
    })
}

fn line_outcome() -> impl Strategy<Value = LineOutcome> {
    (0i64..10_000_000)
        .prop_flat_map(|charge| {
            let posting = (identifier(), date(), any::<bool>(), 0i64..1000, 1i64..1000);
            (
                Just(charge),
                adjustments(charge),
                vec(posting, 0..3),
                any::<bool>(),
            )
        })
        .prop_map(|(charge, adjustments, postings, denied)| {
            let denied = denied && charge > 0;
            let (allowed, adjustments) = if denied {
                let all = OutcomeAdjustment {
                    group: Group::Oa,
                    carc: Carc::EXACT_DUPLICATE,
                    rarc: ShortCode::NONE,
                    amount: Money::cents(charge),
                    clause: "E104".into(),
                };
                (Money::ZERO, vec![all])
            } else {
                (Money::cents(charge), adjustments)
            };
            // What is denied moves nothing.
            let postings = postings
                .into_iter()
                .filter(|_| !denied)
                .map(
                    |(accumulator, period, family, before, amount)| OutcomePosting {
                        accumulator,
                        period,
                        family,
                        before,
                        amount,
                    },
                )
                .collect();
            LineOutcome::settle(
                1,
                Money::cents(charge),
                allowed,
                denied,
                "4.2".into(),
                adjustments,
                postings,
            )
            .unwrap()
        })
}

fn renumbered(lines: &[LineOutcome]) -> Vec<LineOutcome> {
    (1u16..)
        .zip(lines)
        .map(|(number, line)| {
            LineOutcome::settle(
                number,
                line.charge(),
                line.allowed(),
                line.denied(),
                line.clause().to_owned(),
                line.adjustments().to_vec(),
                line.postings().to_vec(),
            )
            .unwrap()
        })
        .collect()
}

/// Outcomes of every status.
pub fn outcomes() -> impl Strategy<Value = Outcome> {
    let settled =
        vec(line_outcome(), 1..6).prop_map(|lines| Settlement::Settled(renumbered(&lines)));
    let pended = (
        identifier(),
        identifier(),
        vec(0i64..10_000_000, 1..6),
        0u16..3,
    )
        .prop_map(|(reason, text, charges, line)| Settlement::Pended {
            reason,
            text,
            resolution: "Send the notes.".into(),
            line,
            clause: "9.1".into(),
            charges: (1u16..)
                .zip(charges.into_iter().map(Money::cents))
                .collect(),
        });
    let finding = (identifier(), 0u16..3, 0u16..=1000).prop_map(|(pattern, line, score)| Flagged {
        pattern,
        line,
        score,
        clause: "7".into(),
    });
    (
        prop_oneof![3 => settled, 1 => pended],
        proptest::option::of(any::<[u8; 32]>()),
        vec(finding, 0..3),
    )
        .prop_map(|(settlement, policy, findings)| {
            Outcome::new(id_at(0), policy, settlement, findings).unwrap()
        })
}

/// Contexts as a policy is given them.
pub fn contexts() -> impl Strategy<Value = Shown<Context>> {
    let balance = (0u16..8, date(), any::<i64>()).prop_map(|(accumulator, period, used)| Balance {
        accumulator,
        period,
        used,
    });
    (claims(), contracts(), date(), vec(balance, 0..6)).prop_map(
        |(Shown(claim), Shown(contract), covered_since, balances)| {
            let member = &contract.members[0];
            let authorizations = member.authorizations.iter();
            let authorizations = authorizations.map(|auth| ContextAuthorization {
                kind: auth.kind,
                procedure: auth.procedure,
                provider: auth.provider,
                from: auth.from,
                through: auth.through,
                remaining: auth.units,
            });
            Shown(Context::of(
                &claim,
                claim.lines.iter(),
                ContextMember {
                    birth: member.birth,
                    sex: member.sex,
                    relationship: member.relationship,
                },
                (covered_since, 1),
                authorizations.collect(),
                balances,
            ))
        },
    )
}

/// Transcripts: what a policy asked and was answered.
pub fn transcripts() -> impl Strategy<Value = Shown<Vec<Exchange>>> {
    let key = (code("[!-~]{1,18}"), code("[!-~]{1,18}"), date())
        .prop_map(|(a, b, on)| Shown(TableKey { a, b, on }));
    let row = (any::<bool>(), any::<[i64; 4]>())
        .prop_map(|(found, values)| Shown(TableRow { found, values }));
    let lookup = (any::<u16>(), vec(key, 0..4), vec(row, 0..4)).prop_map(|(table, keys, rows)| {
        Shown(Exchange::Lookup {
            table,
            keys: keys.into_iter().map(|key| key.0).collect(),
            rows: rows.into_iter().map(|row| row.0).collect(),
        })
    });
    let measure = prop_oneof![
        Just(Measure::Units),
        Just(Measure::Lines),
        Just(Measure::LastDate)
    ];
    let who = || prop_oneof![Just(Code::NONE), code("[!-~]{1,18}")];
    let kinds = [ClaimKind::Institutional, ClaimKind::Pharmacy];
    let kind = proptest::option::of(proptest::sample::select(kinds.to_vec()));
    let revenue = prop_oneof![Just(ShortCode::NONE), Just(ShortCode::of("0120"))];
    let whose = (code("[!-~]{1,18}"), revenue, who(), who(), kind);
    let question = (measure, whose, date(), date(), date(), any::<bool>()).prop_map(
        |(what, (code, revenue, provider, billing, kind), from, through, until, family)| {
            Shown(Question {
                what,
                code,
                revenue,
                provider,
                billing,
                kind,
                from,
                through,
                until,
                family,
            })
        },
    );
    let query = (vec(question, 0..4), vec(any::<i64>(), 0..4)).prop_map(|(questions, answers)| {
        Shown(Exchange::Query {
            questions: questions.into_iter().map(|question| question.0).collect(),
            answers,
        })
    });
    vec(prop_oneof![lookup, query], 0..4)
        .prop_map(|exchanges| Shown(exchanges.into_iter().map(|one| one.0).collect()))
}

/// Claims as our own JSON and X12 have them: of some lines a part of the charge, or all
/// of it, is declared not covered, which FHIR cannot say.
pub fn declared() -> BoxedStrategy<Shown<Claim>> {
    (claims(), vec(0i64..=2, 8))
        .prop_map(|(Shown(mut claim), halves)| {
            for (line, halves) in claim.lines.iter_mut().zip(halves) {
                line.detail.non_covered = Money::cents(line.charge.scaled() / 2 * halves);
            }
            Shown(claim)
        })
        .boxed()
}
