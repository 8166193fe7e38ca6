//! Generated parts of claims: other payers, circumstances, what only institutional,
//! dental and drug lines have. And what FHIR carries of them.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use tally_core::claim::{
    Accident, AccidentCause, Circumstances, Claim, ClaimKind, Coordination, DatedProcedure,
    Dependant, Drug, Institutional, LineDetail, OccurrenceCode, OtherPayer, PriorAdjustment,
    PriorLine, Provider, Sex, Tooth, ValueCode,
};
use tally_types::{Group, Money, Quantity, ShortCode};

use super::generate::{Shown, claims, code, date, identifier, short};

/// A short code that is one.
fn some_short() -> impl Strategy<Value = ShortCode> {
    "[0-9A-Z]{1,9}".prop_map(|text| ShortCode::parse(&text).unwrap())
}

fn picked(words: &'static [&'static str]) -> impl Strategy<Value = ShortCode> {
    proptest::sample::select(words).prop_map(ShortCode::of)
}

fn provider() -> impl Strategy<Value = Shown<Provider>> {
    let given = prop_oneof![Just("1234567893".to_owned()), "[A-Z]{2}[0-9]{1,8}"];
    given.prop_map(|identifier| Shown(Provider::new(&identifier)))
}

fn amount() -> impl Strategy<Value = Money> {
    (0i64..=999_999_999).prop_map(Money::cents)
}

fn signed() -> impl Strategy<Value = Money> {
    (-999_999_999i64..=999_999_999).prop_map(Money::cents)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    (1i64..=99_999_990_000).prop_map(Quantity::from_scaled)
}

fn adjustments() -> impl Strategy<Value = Shown<Vec<PriorAdjustment>>> {
    let group = prop_oneof![
        Just(Group::Co),
        Just(Group::Pr),
        Just(Group::Oa),
        Just(Group::Pi)
    ];
    let one = (group, some_short(), signed()).prop_map(|(group, reason, amount)| {
        Shown(PriorAdjustment {
            group,
            reason,
            amount,
        })
    });
    vec(one, 0..4).prop_map(|shown| Shown(unshown(shown)))
}

fn unshown<T>(shown: Vec<Shown<T>>) -> Vec<T> {
    shown.into_iter().map(|shown| shown.0).collect()
}

fn payer() -> BoxedStrategy<Shown<OtherPayer>> {
    let amounts = (of(signed()), of(signed()), of(date()));
    (identifier(), 0u8..=11, short(), amounts, adjustments())
        .prop_map(
            |(identifier, sequence, filing, (paid, remaining, decided), Shown(adjustments))| {
                Shown(OtherPayer {
                    identifier,
                    sequence,
                    filing,
                    paid,
                    remaining,
                    decided,
                    adjustments,
                })
            },
        )
        .boxed()
}

pub fn coordination() -> BoxedStrategy<Shown<Coordination>> {
    let patient_paid = prop_oneof![2 => Just(Money::ZERO), 1 => amount()];
    (0u8..=11, vec(payer(), 0..4), patient_paid)
        .prop_map(|(sequence, others, patient_paid)| {
            Shown(Coordination {
                sequence,
                others: unshown(others),
                patient_paid,
            })
        })
        .boxed()
}

pub fn circumstances() -> BoxedStrategy<Shown<Circumstances>> {
    let cause = prop_oneof![
        Just(AccidentCause::Vehicle),
        Just(AccidentCause::Employment),
        Just(AccidentCause::Other)
    ];
    let accident = (cause, of(date())).prop_map(|(cause, on)| Shown(Accident { cause, on }));
    let people = (of(provider()), of(provider()));
    (of(identifier()), people, of(accident))
        .prop_map(|(referral, (referring, facility), accident)| {
            Shown(Circumstances {
                referral,
                referring: referring.map(|shown| shown.0),
                facility: facility.map(|shown| shown.0),
                accident: accident.map(|shown| shown.0),
            })
        })
        .boxed()
}

pub fn institutional() -> BoxedStrategy<Shown<Institutional>> {
    let procedure = (code("[0-9A-HJ-NP-Z]{7}"), of(date()))
        .prop_map(|(code, on)| Shown(DatedProcedure { code, on }));
    let value =
        (some_short(), amount()).prop_map(|(code, amount)| Shown(ValueCode { code, amount }));
    let occurrence = (some_short(), date(), of(0i32..90)).prop_map(|(code, from, days)| {
        Shown(OccurrenceCode {
            code,
            from,
            through: days.map(|days| from.plus_days(days).unwrap()),
        })
    });
    let codes = (short(), short(), short(), short(), short());
    let lists = (
        vec(procedure, 0..5),
        vec(value, 0..5),
        vec(occurrence, 0..5),
        vec(some_short(), 0..5),
    );
    (codes, (date(), 0i32..90, of(date())), of(provider()), lists)
        .prop_map(|(codes, (from, days, admission), attending, lists)| {
            Shown(Institutional {
                bill_type: codes.0,
                from,
                through: from.plus_days(days).unwrap(),
                admission,
                admission_type: codes.1,
                origin: codes.2,
                discharge: codes.3,
                drg: codes.4,
                attending: attending.map(|shown| shown.0),
                procedures: unshown(lists.0),
                values: unshown(lists.1),
                occurrences: unshown(lists.2),
                conditions: lists.3,
            })
        })
        .boxed()
}

pub fn dependant() -> BoxedStrategy<Shown<Dependant>> {
    let sex = prop_oneof![
        Just(Sex::Unknown),
        Just(Sex::Female),
        Just(Sex::Male),
        Just(Sex::Other)
    ];
    let given = prop_oneof![Just(String::new()), identifier()];
    (identifier(), given, date(), sex)
        .prop_map(|(family, given, birth, sex)| {
            Shown(Dependant {
                family,
                given,
                birth,
                sex,
            })
        })
        .boxed()
}

pub fn detail() -> BoxedStrategy<Shown<LineDetail>> {
    let drug = (code("[0-9]{11}"), quantity(), short()).prop_map(|(ndc, quantity, unit)| {
        Shown(Drug {
            ndc,
            quantity,
            unit,
        })
    });
    let tooth = (
        picked(&["1", "14", "32", "A", "T"]),
        picked(&["M", "MOD", "B", "F"]),
    )
        .prop_map(|(code, surfaces)| Shown(Tooth { code, surfaces }));
    let number = prop_oneof![Just(String::new()), identifier()];
    let areas = vec(picked(&["00", "01", "10", "40"]), 0..3);
    (number, short(), of(drug), areas, vec(tooth, 0..4))
        .prop_map(|(control_number, unit, drug, cavities, teeth)| {
            Shown(LineDetail {
                control_number,
                unit,
                drug: drug.map(|shown| shown.0),
                cavities,
                teeth: unshown(teeth),
                non_covered: Money::ZERO,
            })
        })
        .boxed()
}

/// What other payers did to a line, at most one each of `payers`.
pub fn prior() -> BoxedStrategy<Shown<Vec<Option<PriorLine>>>> {
    let units = prop_oneof![1 => Just(Quantity::ZERO), 3 => quantity()];
    let one = ((signed(), units), (of(signed()), of(date())), adjustments()).prop_map(
        |((paid, units), (remaining, decided), Shown(adjustments))| {
            Shown(PriorLine {
                payer: 0,
                paid,
                units,
                remaining,
                decided,
                adjustments,
            })
        },
    );
    vec(of(one), 4)
        .prop_map(|lines| {
            Shown(
                lines
                    .into_iter()
                    .map(|line| line.map(|shown| shown.0))
                    .collect(),
            )
        })
        .boxed()
}

/// Claims with nothing that a FHIR Claim has no place for.
pub fn fhir_claims() -> BoxedStrategy<Shown<Claim>> {
    claims()
        .prop_map(|Shown(mut claim)| {
            let x12 = |unit: ShortCode| match unit.len() {
                0 => ShortCode::NONE,
                n if n % 2 == 0 => ShortCode::of("ML"),
                _ => ShortCode::of("UN"),
            };
            claim.member.dependant = None;
            for line in &mut claim.lines {
                let detail = &mut line.detail;
                detail.unit = x12(detail.unit);
                if let Some(drug) = &mut detail.drug {
                    drug.unit = x12(drug.unit);
                }
                // The surfaces are of every tooth of the item.
                let surfaces = detail.teeth.first().map(|tooth| tooth.surfaces);
                for tooth in &mut detail.teeth {
                    tooth.surfaces = surfaces.unwrap();
                }
                if claim.kind != ClaimKind::Oral {
                    detail.teeth.clear();
                    detail.cavities.clear();
                }
                // A ClaimResponse has one date.
                for prior in &mut line.prior {
                    let payer = &claim.coordination.others[usize::from(prior.payer)];
                    prior.decided = payer.decided;
                }
            }
            let facility = &mut claim.circumstances.facility;
            if facility.as_ref() == Some(&claim.billing) {
                *facility = None;
            }
            if let Some(institutional) = &mut claim.institutional {
                // An admission of type 1 is an emergency, all of it.
                if institutional.admission_type == ShortCode::of("1") {
                    claim
                        .lines
                        .iter_mut()
                        .for_each(|line| line.emergency = true);
                }
                institutional.bill_type = match institutional.bill_type.is_none() {
                    true => ShortCode::NONE,
                    false => ShortCode::of("13"),
                };
            }
            Shown(claim)
        })
        .boxed()
}
