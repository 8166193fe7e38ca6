//! Frozen encodings: the hashes of fixed values. Stores, receipts and ledgers
//! of every version hold these bytes. A change here is a new version of an
//! encoding, to be approved as one (`cargo insta review`), never a repair of
//! the test.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tally_core::adjudication::{
    Balance, Context, ContextAuthorization, ContextMember, Exchange, Flagged, LineOutcome,
    LineState, Measure, Outcome, OutcomeAdjustment, OutcomePosting, PastLine, Question, Settlement,
    TableKey, TableRow, Transcript,
};
use tally_core::authorization::{
    Certification, Dated, Decision, Earlier, Event, Grant, LineDecision, Record, Request,
    RequestLine, ReviewReason, Urgency, Verdict,
};
use tally_core::canon::Canon;
use tally_core::claim::{
    Authorization, AuthorizationKind, Claim, ClaimKind, Contract, Frequency, Member,
    MemberReference, Provider, Relationship, ServiceLine, Sex, Span, SubmissionKey, UnitKey,
};
use tally_core::interchange::Insurer;
use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ShortCode};

use super::generate::{day, id_at};

/// Whose answers these are.
pub const INSURER: Insurer<'static> = Insurer {
    name: "Harbor Health",
    identifier: "HARBOR1",
};

pub fn sample_claim() -> Claim {
    let mut line = ServiceLine {
        number: 1,
        system: CodeSystem::Hcpcs,
        procedure: Code::of("99213"),
        modifiers: [
            ShortCode::of("25"),
            ShortCode::of("GT"),
            ShortCode::NONE,
            ShortCode::NONE,
        ],
        revenue: ShortCode::of("0510"),
        place: ShortCode::of("11"),
        diagnoses: 0b11,
        quantity: Quantity::ONE,
        charge: Money::cents(15_000),
        from: day(2026, 1, 5),
        through: day(2026, 1, 6),
        rendering: Some(Provider::new("1245319599")),
        emergency: false,
        detail: Default::default(),
        prior: vec![],
    };
    let first = line.clone();
    line.number = 3;
    line.system = CodeSystem::Ndc;
    line.procedure = Code::of("00777310502");
    line.charge = Money::cents(9_550);
    line.quantity = Quantity::from_scaled(25_000);
    line.rendering = None;
    line.emergency = true;
    Claim {
        id: id_at(0),
        kind: ClaimKind::Professional,
        frequency: Frequency::Original,
        replaces: None,
        control_number: "A-1001".into(),
        member: MemberReference::new("M-1001"),
        billing: Provider::new("1234567893"),
        diagnoses: vec![Code::of("E119"), Code::of("I10")],
        authorizations: vec!["PA-77".into()],
        charge: Money::cents(24_550),
        received: day(2026, 1, 20),
        coordination: Default::default(),
        circumstances: Default::default(),
        institutional: None,
        lines: vec![first, line],
    }
}

pub fn sample_contract() -> Contract {
    Contract {
        id: "C-1001".into(),
        inception: day(2025, 1, 1),
        members: vec![Member {
            id: "M-1001".into(),
            name: "Alex Example".into(),
            birth: day(1984, 3, 9),
            death: Some(day(2026, 2, 1)),
            sex: Sex::Female,
            relationship: Relationship::Subscriber,
            spans: vec![
                Span {
                    product: "harbor-ppo".into(),
                    from: day(2025, 1, 1),
                    through: Some(day(2025, 12, 31)),
                },
                Span {
                    product: "meridian-b".into(),
                    from: day(2026, 1, 1),
                    through: None,
                },
            ],
            authorizations: vec![Authorization {
                kind: AuthorizationKind::Authorization,
                number: "PA-77".into(),
                procedure: Code::of("70551"),
                provider: Code::NONE,
                from: day(2026, 1, 1),
                through: day(2026, 3, 31),
                units: Quantity::ONE,
            }],
        }],
    }
}

pub fn sample_outcome() -> Outcome {
    let adjustment = |group, carc, rarc, cents, clause: &str| OutcomeAdjustment {
        group,
        carc,
        rarc,
        amount: Money::cents(cents),
        clause: clause.into(),
    };
    let paid = LineOutcome::settle(
        1,
        Money::cents(15_000),
        Money::cents(12_000),
        false,
        "4.2".into(),
        vec![
            adjustment(
                Group::Co,
                Carc::ABOVE_FEE_SCHEDULE,
                ShortCode::NONE,
                3_000,
                "3.1",
            ),
            adjustment(Group::Pr, Carc::DEDUCTIBLE, ShortCode::NONE, 2_500, "4.2"),
            adjustment(Group::Pr, Carc::COINSURANCE, ShortCode::NONE, 1_900, "4.3"),
        ],
        vec![OutcomePosting {
            accumulator: "deductible".into(),
            period: day(2026, 1, 1),
            family: true,
            before: 47_500,
            amount: 2_500,
        }],
    );
    let denied = LineOutcome::settle(
        3,
        Money::cents(9_550),
        Money::ZERO,
        true,
        "8.1".into(),
        vec![adjustment(
            Group::Co,
            Carc::NOT_COVERED,
            ShortCode::of("N130"),
            9_550,
            "8.1",
        )],
        Vec::new(),
    );
    Outcome::new(
        id_at(0),
        Some([7; 32]),
        Settlement::Settled(vec![paid.unwrap(), denied.unwrap()]),
        vec![Flagged {
            pattern: "upcoding".into(),
            line: 1,
            score: 700,
            clause: "9.4".into(),
        }],
    )
    .unwrap()
}

pub fn sample_pended() -> Outcome {
    Outcome::new(
        id_at(0),
        Some([7; 32]),
        Settlement::Pended {
            reason: "records".into(),
            text: "The plan asks for the operative report.".into(),
            resolution: "Send the operative report.".into(),
            line: 3,
            clause: "9.1".into(),
            charges: vec![(1, Money::cents(15_000)), (3, Money::cents(9_550))],
        },
        Vec::new(),
    )
    .unwrap()
}

fn sample_context() -> Context {
    let claim = sample_claim();
    Context::of(
        &claim,
        claim.lines.iter(),
        ContextMember {
            birth: day(1984, 3, 9),
            sex: Sex::Female,
            relationship: Relationship::Subscriber,
        },
        (day(2025, 1, 1), 2),
        vec![ContextAuthorization {
            kind: AuthorizationKind::Authorization,
            procedure: Code::of("70551"),
            provider: Code::NONE,
            from: day(2026, 1, 1),
            through: day(2026, 3, 31),
            remaining: Quantity::ONE,
        }],
        vec![Balance {
            accumulator: 2,
            period: day(2026, 1, 1),
            used: 47_500,
        }],
    )
}

fn sample_exchanges() -> Vec<Exchange> {
    vec![
        Exchange::Lookup {
            table: 1,
            keys: vec![TableKey {
                a: Code::of("99213"),
                b: Code::NONE,
                on: day(2026, 1, 5),
            }],
            rows: vec![TableRow {
                found: true,
                values: [12_000, 0, -1, i64::MAX],
            }],
        },
        Exchange::Query {
            questions: vec![Question {
                what: Measure::LastDate,
                code: Code::of("99213"),
                revenue: ShortCode::of("0420"),
                provider: Code::of("1234567893"),
                billing: Code::of("1003000126"),
                kind: Some(ClaimKind::Institutional),
                from: day(2025, 1, 5),
                through: day(2026, 1, 5),
                until: day(2026, 1, 9),
                family: false,
            }],
            answers: vec![i64::MIN],
        },
    ]
}

/// A request with each kind of event.
fn sample_authorization() -> Record {
    let line = |number: u16| RequestLine {
        number,
        traces: vec!["T-1".into()],
        service: ShortCode::of("PT"),
        system: CodeSystem::Hcpcs,
        procedure: Code::of("97110"),
        modifiers: [
            ShortCode::of("GP"),
            ShortCode::NONE,
            ShortCode::NONE,
            ShortCode::NONE,
        ],
        quantity: Quantity::from_scaled(120_000),
        unit: ShortCode::of("VS"),
        span: Some((day(2026, 3, 1), day(2026, 3, 31))),
        diagnoses: 0b1,
        servicing: Some(Provider::new("1245319599")),
    };
    let grant = Grant {
        units: Quantity::from_scaled(60_000),
        from: day(2026, 3, 1),
        through: day(2026, 3, 15),
    };
    let reason = ReviewReason {
        code: ShortCode::of("0V"),
        text: "Not shown to be needed.".into(),
    };
    let verdicts = [
        Verdict::Certified(grant),
        Verdict::NotCertified(reason),
        Verdict::Pended(vec!["Notes.".into()]),
    ];
    let decided = Event::Decided(Decision {
        by: "reviewer".into(),
        authorization: "PA0123456789AB".into(),
        lines: (1..)
            .zip(verdicts)
            .map(|(number, verdict)| LineDecision { number, verdict })
            .collect(),
    });
    let used = Event::Used {
        line: 1,
        units: Quantity::ONE,
        on: day(2026, 3, 2),
    };
    let cancelled = Event::Cancelled {
        by: "provider".into(),
        reason: "Moved.".into(),
    };
    let superseded = Event::Superseded {
        by: "PA0123456789AC".into(),
    };
    Record {
        request: Request {
            kind: AuthorizationKind::Referral,
            certification: Certification::Renewal,
            earlier: Some(Earlier::Request("R-0".into())),
            urgency: Urgency::Urgent,
            claim: ClaimKind::Professional,
            control_number: "R-1".into(),
            member: MemberReference::new("M-1001"),
            requesting: Provider::new("1234567893"),
            diagnoses: vec![Code::of("M545")],
            lines: vec![line(1), line(2), line(3)],
        },
        received: day(2026, 2, 1),
        events: [decided, used, cancelled, superseded]
            .into_iter()
            .map(|event| Dated {
                day: day(2026, 3, 2),
                event,
            })
            .collect(),
    }
}

#[test]
fn encodings_are_frozen() {
    let mut out = String::new();
    let mut record = |name: &str, bytes: Vec<u8>| {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{name}: {} bytes, SHA-256 {hex}", bytes.len()).unwrap();
    };
    let claim = sample_claim();
    record("claim", claim.to_canon());
    record("contract", sample_contract().to_canon());
    record("context", sample_context().to_canon());
    record("outcome, settled", sample_outcome().to_canon());
    record("outcome, pended", sample_pended().to_canon());
    record("transcript", sample_exchanges().to_canon());
    record(
        "past line",
        PastLine::of(&claim, &claim.lines[0], LineState::Allowed).to_canon(),
    );
    record(
        "submission key",
        SubmissionKey {
            submitter: "local".into(),
            interchange: "000000001".into(),
            position: 7,
        }
        .to_canon(),
    );
    record(
        "transcript hash",
        Transcript(sample_exchanges()).hash().to_vec(),
    );
    record("authorisation", sample_authorization().to_canon());
    record("claim id", claim.id.0.to_vec());
    let unit = UnitKey::contract("C-1001");
    let unknown = UnitKey::unknown("local", &claim.member);
    for unit in [unit, unknown] {
        record("unit key", unit.as_bytes().to_vec());
        let partition = unit.partition(std::num::NonZeroU32::new(16).unwrap());
        record("partition of 16", partition.to_be_bytes().to_vec());
    }
    insta::assert_snapshot!(out);
}
