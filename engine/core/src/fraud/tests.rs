use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use super::*;
use crate::adjudication::{
    Flagged, LineOutcome, LineState, Outcome, OutcomeAdjustment, PastLine, Settlement,
};
use crate::canon::Canon;
use crate::claim::{Claim, ClaimId, ClaimKind, Frequency, MemberReference, Provider, ServiceLine};

/// One line in brief; days count from 2026-03-01.
#[derive(Debug, Clone)]
struct Line {
    procedure: &'static str,
    modifier: &'static str,
    units: i64,
    cents: i64,
    from: i32,
    through: i32,
    rendering: Option<&'static str>,
}

fn line(procedure: &'static str, units: i64, cents: i64, from: i32) -> Line {
    Line {
        procedure,
        modifier: "",
        units,
        cents,
        from,
        through: from,
        rendering: None,
    }
}

impl Line {
    fn with(mut self, modifier: &'static str) -> Self {
        self.modifier = modifier;
        self
    }
    fn to(mut self, through: i32) -> Self {
        self.through = through;
        self
    }
    fn by(mut self, rendering: &'static str) -> Self {
        self.rendering = Some(rendering);
        self
    }
}

fn day(n: i32) -> ServiceDate {
    ServiceDate::new(2026, 3, 1).unwrap().plus_days(n).unwrap()
}

fn claim(id: u8, member: &str, billing: &str, lines: &[Line]) -> Claim {
    let lines: Vec<ServiceLine> = lines
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let revenue = l.procedure.strip_prefix("rev ");
            let mut modifiers = [ShortCode::NONE; 4];
            for (slot, text) in modifiers.iter_mut().zip(l.modifier.split_whitespace()) {
                *slot = ShortCode::of(text);
            }
            ServiceLine {
                number: u16::try_from(i).unwrap() + 1,
                system: CodeSystem::Hcpcs,
                procedure: revenue.map_or_else(|| Code::of(l.procedure), |_| Code::NONE),
                modifiers,
                revenue: revenue.map_or(ShortCode::NONE, ShortCode::of),
                place: ShortCode::of("11"),
                diagnoses: 1,
                quantity: Quantity::whole(l.units).unwrap(),
                charge: Money::cents(l.cents),
                from: day(l.from),
                through: day(l.through),
                rendering: l.rendering.map(Provider::new),
                emergency: false,
                detail: Default::default(),
                prior: vec![],
            }
        })
        .collect();
    Claim {
        id: ClaimId([id; 16]),
        kind: ClaimKind::Professional,
        frequency: Frequency::Original,
        replaces: None,
        control_number: format!("C{id}"),
        member: MemberReference::new(member),
        billing: Provider::new(billing),
        diagnoses: vec![Code::of("M54.5")],
        authorizations: vec![],
        charge: Money::checked_sum(lines.iter().map(|l| l.charge)).unwrap(),
        received: day(40),
        coordination: Default::default(),
        circumstances: Default::default(),
        institutional: None,
        lines,
    }
}

fn settled(claim: &Claim, duplicate: impl Fn(&ServiceLine) -> bool) -> Outcome {
    let lines = claim.lines.iter().map(|l| {
        let (denied, adjustments) = if duplicate(l) && !l.charge.is_zero() {
            let adjustment = OutcomeAdjustment {
                group: Group::Oa,
                carc: Carc::EXACT_DUPLICATE,
                rarc: ShortCode::NONE,
                amount: l.charge,
                clause: "E1".into(),
            };
            (true, vec![adjustment])
        } else {
            (false, vec![])
        };
        let allowed = if denied { Money::ZERO } else { l.charge };
        LineOutcome::settle(
            l.number,
            l.charge,
            allowed,
            denied,
            "1".into(),
            adjustments,
            vec![],
        )
        .unwrap()
    });
    Outcome::new(
        claim.id,
        Some([7; 32]),
        Settlement::Settled(lines.collect()),
        vec![],
    )
    .unwrap()
}

fn facts(claims: &[Claim], death: Option<i32>) -> Vec<Fact> {
    claims
        .iter()
        .flat_map(|c| facts_of(c, &c.member.identifier, death.map(day)))
        .collect()
}

fn flags(detector: DetectorId, claims: &[Claim], death: Option<i32>) -> Vec<Flag> {
    flags_of(detector, &facts(claims, death), &Parameters::default())
}

fn render(flag: &Flag) -> String {
    let mut out = format!(
        "{} {} score {} exposure {}\nrule {}\nseen {} to {}\n",
        flag.id,
        flag.pattern.as_str(),
        flag.score,
        flag.exposure,
        flag.rule_version,
        flag.first_seen,
        flag.last_seen
    );
    for part in &flag.parts {
        writeln!(out, "{:5} {}", part.points, part.reason).unwrap();
    }
    for (claim, line) in &flag.claims {
        writeln!(out, "claim {claim} line {line}").unwrap();
    }
    for item in &flag.evidence {
        writeln!(out, "{}: {}", item.label, item.value).unwrap();
    }
    out
}

#[test]
fn suspect_duplicates_in_a_table() {
    let visit = || line("99213", 1, 12_500, 3);
    for (what, a, b, found) in [
        ("an exact duplicate is an edit", visit(), visit(), 0),
        ("another charge", visit(), line("99213", 1, 12_600, 3), 1),
        ("another day", visit(), line("99213", 1, 12_600, 4), 0),
        ("another procedure", visit(), line("99214", 1, 12_600, 3), 0),
        (
            "dates that overlap",
            visit().to(6),
            line("99213", 1, 12_500, 6),
            1,
        ),
        (
            "dates that touch not",
            visit().to(5),
            line("99213", 1, 12_500, 6),
            0,
        ),
        ("left and right", visit().with("LT"), visit().with("RT"), 0),
        (
            "one side, another charge",
            visit().with("LT"),
            line("99213", 1, 1, 3).with("LT"),
            1,
        ),
        ("a repeat says so", visit(), visit().with("76"), 0),
        (
            "a distinct service says so",
            visit().with("25"),
            visit().with("25 59"),
            0,
        ),
        (
            "a modifier that tells nothing apart",
            visit(),
            visit().with("25"),
            1,
        ),
        (
            "modifiers in another order",
            visit().with("25 GP"),
            visit().with("GP 25"),
            0,
        ),
        (
            "revenue code and charge",
            line("rev 0450", 1, 90_000, 3).to(4),
            line("rev 0450", 1, 90_000, 3),
            1,
        ),
        (
            "revenue code, another charge",
            line("rev 0450", 1, 90_000, 3),
            line("rev 0450", 1, 90_001, 3),
            0,
        ),
    ] {
        let claims = [
            claim(1, "m", "p", std::slice::from_ref(&a)),
            claim(2, "m", "p", std::slice::from_ref(&b)),
        ];
        assert_eq!(
            flags(DetectorId::SuspectDuplicate, &claims, None).len(),
            found,
            "{what}"
        );
        for other in [
            claim(2, "n", "p", std::slice::from_ref(&b)),
            claim(2, "m", "q", std::slice::from_ref(&b)),
        ] {
            let claims = [claim(1, "m", "p", std::slice::from_ref(&a)), other];
            assert!(
                flags(DetectorId::SuspectDuplicate, &claims, None).is_empty(),
                "{what}: elsewhere"
            );
        }
        let one = claim(1, "m", "p", &[a, b]);
        assert!(
            flags(DetectorId::SuspectDuplicate, &[one], None).is_empty(),
            "{what}: one claim"
        );
    }
}

/// Two doctors of a practice are no twins, as they are no duplicates; on a
/// hospital's claim it does not matter who rendered the line.
#[test]
fn twins_are_told_as_duplicates_are() {
    let visit = || line("99213", 1, 12_500, 3);
    for (kind, by, twins) in [
        (ClaimKind::Professional, "d", false),
        (ClaimKind::Professional, "p", true),
        (ClaimKind::Institutional, "d", true),
    ] {
        let mut claims = [
            claim(1, "m", "p", &[visit()]),
            claim(2, "m", "p", &[visit().by(by)]),
        ];
        claims.iter_mut().for_each(|claim| claim.kind = kind);
        let facts: Vec<Fact> = claims.iter().flat_map(|c| facts_of(c, "m", None)).collect();
        let repeated = |claim: &Claim| PastLine::of(claim, &claim.lines[0], LineState::Allowed);
        assert_eq!(
            repeated(&claims[0]).is_repeated_by(&repeated(&claims[1])),
            twins,
            "{kind:?} {by}"
        );
        let of = |id: u8| {
            let mut of = facts.iter().filter(|fact| fact.claim == ClaimId([id; 16]));
            of.next().unwrap().twin
        };
        assert_eq!(of(1) == of(2), twins, "{kind:?} {by}");
    }
}

/// Two claims of one procedure on two teeth, in two quadrants or of two drugs are
/// two services; where one of them does not say, a person looks.
#[test]
fn another_tooth_or_drug_is_another_service() {
    use crate::claim::{Drug, ServiceLine as Sent, Tooth};
    type Name = fn(&mut Sent, &str);
    let names: [(Name, &str, &str); 3] = [
        (
            |line, code| {
                line.detail.teeth = vec![Tooth {
                    code: ShortCode::of(code),
                    surfaces: ShortCode::of("MO"),
                }];
            },
            "3",
            "14",
        ),
        (
            |line, code| line.detail.cavities = vec![ShortCode::of(code)],
            "10",
            "20",
        ),
        (
            |line, code| {
                line.detail.drug = Some(Drug {
                    ndc: Code::of(code),
                    quantity: Quantity::ONE,
                    unit: ShortCode::of("ML"),
                });
            },
            "00409115801",
            "00409115802",
        ),
    ];
    for (name, one, other) in names {
        for (second, found) in [(Some(one), 1), (Some(other), 0), (None, 1)] {
            let mut claims = [
                claim(1, "m", "p", &[line("D2392", 1, 18_000, 3)]),
                claim(2, "m", "p", &[line("D2392", 1, 19_000, 3)]),
            ];
            name(&mut claims[0].lines[0], one);
            if let Some(second) = second {
                name(&mut claims[1].lines[0], second);
            }
            let flags = flags(DetectorId::SuspectDuplicate, &claims, None);
            assert_eq!(flags.len(), found, "{one}, {second:?}");
        }
        // Told apart as exact duplicates are: with the same charge, too.
        let mut claims = [1, 2].map(|id| claim(id, "m", "p", &[line("D2392", 1, 18_000, 3)]));
        name(&mut claims[0].lines[0], one);
        name(&mut claims[1].lines[0], other);
        let twins: Vec<[u8; 32]> = facts(&claims, None).iter().map(|fact| fact.twin).collect();
        assert!(twins.first() != twins.last(), "{one}");
    }
}

#[test]
fn a_suspect_duplicate_keeps_its_id_as_it_grows() {
    let mut claims = vec![
        claim(1, "m", "p", &[line("97110", 2, 9_000, 3)]),
        claim(2, "m", "p", &[line("97110", 3, 13_500, 3)]),
    ];
    let before = flags(DetectorId::SuspectDuplicate, &claims, None).remove(0);
    claims.push(claim(3, "m", "p", &[line("97110", 4, 18_000, 3).to(5)]));
    let after = flags(DetectorId::SuspectDuplicate, &claims, None).remove(0);
    assert!(before.id == after.id && before.claims.len() == 2 && after.claims.len() == 3);
    assert_eq!(after.exposure, Money::cents(9_000 + 13_500));
    claims.push(claim(4, "m", "p", &[line("97110", 1, 1, 20)]));
    claims.push(claim(5, "m", "p", &[line("97110", 1, 2, 20)]));
    let two = flags(DetectorId::SuspectDuplicate, &claims, None);
    assert!(two.len() == 2 && two[0].id == after.id && two[1].id != after.id);
}

#[test]
fn impossible_days_in_a_table() {
    // 97110 is a quarter of an hour.
    for (units, score) in [
        (47, None),
        (48, Some(300)),
        (63, Some(300)),
        (64, Some(500)),
        (96, Some(500)),
        (97, Some(802)),
        (200, Some(1000)),
    ] {
        let claims = [
            claim(1, "m", "p", &[line("97110", units - 4, 100, 3).by("r")]),
            claim(
                2,
                "n",
                "q",
                &[
                    line("97110", 4, 100, 3).by("r"),
                    line("80053", 99, 1, 3).by("r"),
                ],
            ),
            claim(3, "n", "q", &[line("97110", 40, 100, 4).by("r")]),
            claim(4, "o", "q", &[line("97110", 40, 100, 3)]),
        ];
        let flags = flags(DetectorId::ImpossibleDay, &claims, None);
        assert_eq!(flags.iter().map(|f| f.score).next(), score, "{units} units");
        assert!(flags.len() <= 1);
    }
    let mut facility = claim(1, "m", "p", &[line("97110", 200, 100, 3)]);
    assert_eq!(
        flags(DetectorId::ImpossibleDay, &[facility.clone()], None).len(),
        1
    );
    facility.kind = ClaimKind::Institutional;
    assert!(flags(DetectorId::ImpossibleDay, &[facility], None).is_empty());
    let stay = claim(1, "m", "p", &[line("97110", 200, 100, 3).to(9)]);
    assert!(flags(DetectorId::ImpossibleDay, &[stay], None).is_empty());
}

#[test]
fn services_after_death_in_a_table() {
    for (what, l, score) in [
        ("the day itself", line("99213", 1, 100, 10), None),
        ("the day after", line("99213", 1, 100, 11), Some(600)),
        ("a month after", line("99213", 1, 100, 41), Some(800)),
        (
            "a rental that straddles",
            line("E0601", 1, 100, 5).to(34).with("RR"),
            None,
        ),
        (
            "a rental begun after",
            line("E0601", 1, 100, 11).to(40).with("RR"),
            Some(600),
        ),
        (
            "a stay that straddles",
            line("99231", 1, 100, 5).to(12),
            Some(400),
        ),
        ("a stay to the day", line("99231", 1, 100, 5).to(10), None),
    ] {
        let claims = [claim(1, "m", "p", &[l])];
        let found = flags(DetectorId::ServiceAfterDeath, &claims, Some(10));
        assert_eq!(found.first().map(|f| f.score), score, "{what}");
        assert!(
            flags(DetectorId::ServiceAfterDeath, &claims, None).is_empty(),
            "{what}"
        );
        // A death that becomes known later gives the same flags.
        let later = with_death(&facts(&claims, None), Some(day(10)));
        assert!(
            flags_of(
                DetectorId::ServiceAfterDeath,
                &later,
                &Parameters::default()
            ) == found
        );
    }
}

#[test]
fn one_flag_of_each_pattern() {
    let duplicate = [
        claim(1, "m", "p", &[line("99214", 1, 21_050, 3)]),
        claim(2, "m", "p", &[line("99214", 1, 19_500, 3).with("25")]),
    ];
    let long_day = [
        claim(3, "m", "p", &[line("97110", 60, 300_000, 3).by("r")]),
        claim(4, "n", "p", &[line("97140", 52, 260_000, 3).by("r")]),
    ];
    let death = [
        claim(5, "m", "p", &[line("99213", 1, 12_500, 12)]),
        claim(
            6,
            "m",
            "p",
            &[line("99213", 1, 12_500, 40), line("85025", 1, 2_100, 40)],
        ),
    ];
    let mut text = String::new();
    for (detector, claims) in [
        (DetectorId::SuspectDuplicate, &duplicate),
        (DetectorId::ImpossibleDay, &long_day),
        (DetectorId::ServiceAfterDeath, &death),
    ] {
        for flag in flags(detector, claims, Some(10)) {
            text += &render(&flag);
            text.push('\n');
            assert!(Flag::from_canon(&flag.to_canon()).is_ok_and(|back| back == flag));
        }
    }
    let found = |line, score| Flagged {
        pattern: "unlisted-drug".into(),
        line,
        score,
        clause: "7.3".into(),
    };
    let c = &death[1];
    let findings = vec![found(2, 400), found(2, 450), found(0, 2000)];
    let settlement = settled(c, |_| false).settlement().clone();
    let outcome = Outcome::new(c.id, Some([7; 32]), settlement.clone(), findings.clone()).unwrap();
    for flag in flags_of_findings(c, &outcome) {
        text += &render(&flag);
        text.push('\n');
        assert!(Flag::from_canon(&flag.to_canon()).is_ok_and(|back| back == flag));
    }
    assert!(
        flags_of_findings(&death[0], &outcome).is_empty(),
        "another claim's outcome"
    );
    let by_engine = Outcome::new(c.id, None, settlement, findings).unwrap();
    assert!(
        flags_of_findings(c, &by_engine).is_empty(),
        "no policy was run"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn facts_go_out_and_back() {
    for fact in facts(
        &[claim(1, "m", "p", &[line("99213", 1, 100, 3).with("25")])],
        Some(9),
    ) {
        assert!(Fact::from_canon(&fact.to_canon()).is_ok_and(|back| back == fact));
    }
}

fn lines() -> impl Strategy<Value = (usize, usize, Line)> {
    let modifier = prop::sample::select(vec!["", "LT", "RT", "25", "RR"]);
    let procedure = prop::sample::select(vec!["99215", "97110", "rev 0450"]);
    let rest = (1i64..60, 1i64..3, 0i32..8, 0i32..4, any::<bool>());
    (0usize..3, 0usize..2, procedure, modifier, rest).prop_map(
        |(member, provider, procedure, modifier, (units, cents, from, days, rendering))| {
            // Few multi-day lines, so that days fill up.
            let mut l = line(procedure, units, cents, from).to(from + days % 2 * days);
            l.modifier = modifier;
            l.rendering = rendering.then_some("r");
            (member, provider, l)
        },
    )
}

/// A claim in brief: its id, member, provider and lines.
type Brief = (u8, usize, usize, Vec<Line>);

fn populations() -> impl Strategy<Value = Vec<Brief>> {
    prop::collection::vec((lines(), prop::collection::vec(lines(), 0..3)), 1..24).prop_map(|all| {
        all.into_iter()
            .zip(0u8..)
            .map(|(((member, provider, first), more), id)| {
                let mut ls = vec![first];
                ls.extend(more.into_iter().map(|(.., l)| l));
                (id, member, provider, ls)
            })
            .collect()
    })
}

fn claims_of(briefs: &[Brief]) -> Vec<Claim> {
    briefs
        .iter()
        .map(|(id, member, provider, lines)| {
            claim(*id, ["m", "n", "o"][*member], ["p", "q"][*provider], lines)
        })
        .collect()
}

/// Deaths by member; the last member's becomes known on the way.
fn death_of(member: &str, now: bool) -> Option<ServiceDate> {
    match member {
        "m" => Some(day(4)),
        "n" if now => Some(day(2)),
        _ => None,
    }
}

type Groups<T> = BTreeMap<(DetectorId, FactKey), T>;

/// The final flags when claims arrive in this order, one by one, and flags of
/// a key are replaced by those of its whole group.
fn stream(arrivals: &[Claim], known_after: usize) -> (Groups<Vec<Fact>>, Groups<Vec<Flag>>) {
    let parameters = Parameters::default();
    let mut stored: Groups<Vec<Fact>> = BTreeMap::new();
    let mut found: Groups<Vec<Flag>> = BTreeMap::new();
    for (i, c) in arrivals.iter().enumerate() {
        if i == known_after {
            for (key, group) in &mut stored {
                let late = hash_of("n");
                if key.0 == DetectorId::ServiceAfterDeath && group[0].member == late {
                    *group = with_death(group, death_of("n", true));
                    found.insert(*key, flags_of(key.0, group, &parameters));
                }
            }
        }
        let member = c.member.identifier.as_str();
        let facts = facts_of(c, member, death_of(member, i >= known_after));
        let touched: Vec<_> = facts.iter().map(|f| (f.detector, f.key)).collect();
        for fact in facts {
            stored
                .entry((fact.detector, fact.key))
                .or_default()
                .push(fact);
        }
        for key in touched {
            found.insert(key, flags_of(key.0, &stored[&key], &parameters));
        }
    }
    found.retain(|_, flags| !flags.is_empty());
    (stored, found)
}

fn hash_of(member: &str) -> [u8; 32] {
    super::fact::hash("member", &[member.as_bytes()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn flags_are_a_function_of_the_set_of_claims(
        (claims, shuffled) in populations()
            .prop_flat_map(|claims| (Just(claims.clone()), Just(claims).prop_shuffle())),
        (early, late) in (0usize..24, 0usize..24),
    ) {
        let (claims, shuffled) = (claims_of(&claims), claims_of(&shuffled));
        let n = claims.len();
        let (stored, one) = stream(&claims, early % n);
        let (_, other) = stream(&shuffled, late % n);
        prop_assert!(one == other, "arrival order changes a flag");
        // In one batch: all facts at once, in yet another order.
        let mut all: Vec<Fact> = stored.into_values().flatten().collect();
        all.reverse();
        for detector in DetectorId::ALL {
            let batch = flags_of(detector, &all, &Parameters::default());
            let mut streamed: Vec<Flag> = one
                .iter()
                .filter(|(key, _)| key.0 == detector)
                .flat_map(|(_, flags)| flags.clone())
                .collect();
            streamed.sort_by_key(|f| (f.first_seen, f.id));
            prop_assert!(batch == streamed, "batch and stream differ");
            let mut ids: Vec<FlagId> = batch.iter().map(|f| f.id).collect();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), batch.len(), "two flags with one id");
            prop_assert!(batch.iter().all(|f| f.score > 0 && f.score <= 1000));
        }
    }

    #[test]
    fn a_redelivered_claim_changes_nothing(briefs in populations()) {
        let once = facts(&claims_of(&briefs), Some(4));
        let twice = [once.clone(), once.clone()].concat();
        for detector in DetectorId::ALL {
            let parameters = Parameters::default();
            prop_assert!(
                flags_of(detector, &once, &parameters) == flags_of(detector, &twice, &parameters)
            );
        }
    }
}

static_assertions::assert_not_impl_any!(Fact: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Flag: std::fmt::Debug, std::fmt::Display);
