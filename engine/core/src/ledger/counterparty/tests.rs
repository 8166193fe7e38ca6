//! A dossier that holds, every part of it tampered with in turn, and what is shown of
//! outcomes that differ.

use tally_types::{Code, Group, Money, ServiceDate, ShortCode, UnitPrice};

use super::compare::differently;
use super::*;
use crate::adjudication::tests::rig::{World, adjust, day, determine, line, post, settled};
use crate::adjudication::*;
use crate::canon::{Blob, Canon};
use crate::claim::{AuthorizationKind, Claim, Frequency};
use crate::ledger::rig::{key, proof_of, trust};
use crate::ledger::{
    Adjudication, Entry, Execution, PolicyPublished, Published, Receipt, ReceiptBody, Salt,
    SigningKey, Subject, commit, tree,
};

const CONTEXT_SALT: Salt = [6; 32];

/// A claim of two lines for the policy and one that repeats the first; 92.00 allowed of
/// the second.
fn world() -> World {
    let mut world = World::new(vec![
        line(1, "99213", 15_000, "2026-03-10"),
        line(2, "87880", 12_000, "2026-03-10"),
        line(3, "99213", 15_000, "2026-03-10"),
    ]);
    world.claim.lines[1].rendering = Some(crate::claim::Provider::new("1497758544"));
    world
}

fn determination(world: &World, allowed: i64) -> Determination {
    let lines = &world.claim.lines;
    settled(vec![
        determine(
            &lines[0],
            vec![adjust(Group::Pr, 1, 2_000)],
            vec![post(0, 2_000)],
        ),
        determine(
            &lines[1],
            vec![adjust(Group::Co, 45, 12_000 - allowed)],
            vec![],
        ),
    ])
}

fn question(what: Measure) -> Question {
    Question {
        what,
        code: Code::of("99213"),
        revenue: ShortCode::NONE,
        provider: Code::NONE,
        billing: Code::NONE,
        kind: None,
        from: day("2026-01-01"),
        through: day("2026-12-31"),
        until: ServiceDate::MAX,
        family: false,
    }
}

fn transcript() -> Transcript {
    Transcript(vec![
        Exchange::Lookup {
            table: 0,
            keys: vec![],
            rows: vec![],
        },
        Exchange::Query {
            questions: vec![question(Measure::Units), question(Measure::LastDate)],
            answers: vec![20_000, 20_500],
        },
    ])
}

fn published() -> Published {
    let key = SigningKey::new("insurer", &[3; 32]).unwrap();
    let publication = PolicyPublished {
        product: "gold".into(),
        effective: day("2020-01-01"),
        policy: [1; 32],
        tables: vec![],
        abi: 1,
        fuel: 20_000_000,
        fuel_costs: 1,
        description: [2; 32],
    };
    Published::sign(publication, &key)
}

/// All that a dossier is made of, each part to be changed before it is put together.
struct Parts {
    claim: Claim,
    told: Outcome,
    context: Option<Context>,
    transcript: Transcript,
    published: Option<Published>,
}

impl Parts {
    fn of(world: &World) -> Self {
        Self {
            claim: world.claim.clone(),
            told: world.settle(Ok(determination(world, 9_200))).outcome,
            context: Some(world.run().context),
            transcript: transcript(),
            published: Some(published()),
        }
    }

    fn body(&self) -> ReceiptBody {
        let context = self.context.as_ref().map(Canon::to_canon);
        ReceiptBody {
            outcome: Blob(self.told.to_canon()),
            transcript: ReceiptBody::committed(
                &self.transcript,
                context.as_ref().map(|_| &CONTEXT_SALT),
            ),
            context: context.map(|bytes| commit(Subject::Context, &CONTEXT_SALT, &bytes)),
            prefix: 2,
            tables: vec![],
            execution: Execution {
                engine: "tally 0.1.0".into(),
                backend: "cranelift".into(),
                fuel: Some(1),
                fuel_limit: 20_000_000,
                fuel_costs: 1,
            },
        }
    }

    fn dossier(&self) -> Dossier {
        let body = self.body().to_canon();
        let salt = [5; 32];
        let entry = Entry::Adjudicated(Adjudication {
            commitment: commit(Subject::Receipt, &salt, &body),
            policy: self.told.policy(),
            prefix: 2,
        })
        .to_canon();
        let receipt = Receipt {
            claim: self.told.claim(),
            entry: entry.clone(),
            salt,
            body,
            key: key().verifier().clone(),
            local: proof_of(&[vec![0], vec![1], entry, vec![2]], 2),
            shared: None,
        };
        let leaf =
            |of: &Published| tree::leaf_hash(&Entry::Policy(Box::new(of.clone())).to_canon());
        Dossier {
            receipt: receipt.to_string(),
            claim: Blob(self.claim.to_canon()),
            context: self.context.as_ref().map(|context| Opening {
                salt: CONTEXT_SALT,
                bytes: Blob(context.to_canon()),
            }),
            transcript: Blob(self.transcript.0.to_canon()),
            publication: self.published.as_ref().map(leaf),
        }
    }

    fn check(&self) -> Result<Checked, DossierError> {
        check(&self.dossier(), None)
    }
}

fn check(dossier: &Dossier, sent: Option<&Claim>) -> Result<Checked, DossierError> {
    beside(dossier, sent, &[(1, published().publication)])
}

/// With what the payer had published, by its index.
fn beside(
    dossier: &Dossier,
    sent: Option<&Claim>,
    publications: &[(u64, PolicyPublished)],
) -> Result<Checked, DossierError> {
    let published = published();
    dossier.check(Against {
        trust: &trust(),
        sent,
        published: dossier.publication.map(|_| &published),
        publications,
    })
}

fn code(dossier: &Dossier) -> String {
    check(dossier, None).err().unwrap().code()
}

/// A payer runs the policy that it published, and not another one of its own.
#[test]
fn another_policy_than_the_one_in_force_is_named() {
    let world = world();
    let dossier = Parts::of(&world).dossier();
    let own = published().publication;
    let other = |effective: &str, product: &str| PolicyPublished {
        product: product.into(),
        effective: day(effective),
        policy: [7; 32],
        ..own.clone()
    };
    let service = world.claim.lines[0].from;
    let of = |publications: &[(u64, PolicyPublished)]| {
        let checked = beside(&dossier, None, publications);
        checked.err().map(|error| error.code())
    };
    let first = (0, own.clone());
    assert_eq!(of(std::slice::from_ref(&first)), None);
    // The receipt's prefix is of two entries: what came after it was not known.
    let later = (2, other("2020-01-01", "gold"));
    assert_eq!(of(&[first.clone(), later]), None);
    let newer = other(&service.to_string(), "gold");
    assert_eq!(of(&[first.clone(), (1, newer)]), Some("D113".into()));
    let same_day = other("2020-01-01", "gold");
    assert_eq!(of(&[first.clone(), (1, same_day)]), Some("D113".into()));
    let to_come = service.plus_days(1).unwrap();
    let to_come = other(&to_come.to_string(), "gold");
    assert_eq!(of(&[first.clone(), (1, to_come)]), None);
    assert_eq!(of(&[first, (1, other("2020-01-01", "silver"))]), None);
    // One of somebody else's, which this payer never published.
    assert_eq!(of(&[]), Some("D113".into()));
}

/// What the provider finds when the policy determines this.
fn found(world: &World, checked: &Checked, determined: Determination) -> Outcome {
    let run = checked.run(world.run().policy).ok().flatten().unwrap();
    let settled = settle(&checked.claim, &run, Ok(determined));
    settled.unwrap().outcome
}

#[test]
fn a_dossier_is_run_again_to_the_same_bytes() {
    let world = world();
    let parts = Parts::of(&world);
    let dossier = parts.dossier();
    assert!(Dossier::from_canon(&dossier.to_canon()).is_ok_and(|back| back == dossier));
    let checked = check(&dossier, Some(&world.claim)).ok().unwrap();
    assert_eq!(checked.policy(), Some([1; 32]));
    let ours = found(&world, &checked, determination(&world, 9_200));
    assert_eq!(ours.to_canon(), checked.told.to_canon());
    let said = checked.reexecuted(&ours, &parts.transcript, encoded, "tally 0.1.0");
    assert_eq!(said.difference, None);
    assert!(matches!(said.entry(&[1; 32]), Entry::Agreed(_)));
    // Another policy, another outcome.
    let ours = found(&world, &checked, determination(&world, 8_750));
    let said = checked.reexecuted(&ours, &parts.transcript, encoded, "tally 0.1.0");
    let difference = said.difference.clone().unwrap();
    assert_eq!(
        difference.to_string(),
        "line 2: allowed 92.00, ours 87.50 (clause 1.2)"
    );
    assert!(matches!(said.entry(&[1; 32]), Entry::Disputed(_)));
    assert_eq!(Reexecuted::from_canon(&said.to_canon()), Ok(said));
    // The same outcome, but otherwise asked for.
    let ours = found(&world, &checked, determination(&world, 9_200));
    let differs = checked.compare(&ours, &Transcript::default(), encoded);
    let Agreement::Differs(difference) = differs else {
        panic!("the questions differ")
    };
    assert_eq!(difference.field, Field::Asked);
}

/// Of no table anything is known.
fn encoded(_: u16, _: usize, _: i64) -> Option<Cell> {
    None
}

#[test]
fn what_a_table_answered_is_shown_as_it_reads() {
    let key = TableKey {
        a: Code::parse("99213").unwrap(),
        b: Code::default(),
        on: ServiceDate::parse("2026-03-02").unwrap(),
    };
    let of = |found, values| {
        let rows = vec![TableRow { found, values }];
        let keys = vec![key];
        Transcript(vec![Exchange::Lookup {
            table: 2,
            keys,
            rows,
        }])
    };
    // Two columns, the second a price.
    let read = |table: u16, column: usize, value: i64| {
        let name = *["indicator", "price"].get(column).filter(|_| table == 2)?;
        let value = match name {
            "price" => UnitPrice::from_scaled(value).to_string(),
            _ => value.to_string(),
        };
        Some(Cell {
            table: "fees".to_owned(),
            column: name.to_owned(),
            value,
        })
    };
    let told = of(true, [7, 95_400_000, 0, 0]);
    let said = |found: &Transcript| {
        let (theirs, ours) = differently(&told, found, read).unwrap();
        format!("{theirs} / {ours}")
    };
    insta::assert_snapshot!(said(&of(true, [7, 92_000_000, 0, 0])), @"table fees, 99213 on 2026-03-02: price 95.40 / table fees, 99213 on 2026-03-02: price 92.00");
    insta::assert_snapshot!(said(&of(true, [8, 92_000_000, 0, 0])), @"table fees, 99213 on 2026-03-02: indicator 7 / table fees, 99213 on 2026-03-02: indicator 8");
    insta::assert_snapshot!(said(&of(false, [0; 4])), @"table fees, 99213 on 2026-03-02: indicator 7 / table fees, 99213 on 2026-03-02: nothing");
    // For which the table has no column, or the same text: as it is encoded.
    insta::assert_snapshot!(said(&of(true, [7, 95_400_000, 0, 1])), @"table 2, 99213 on 2026-03-02: 7 95400000 0 0 / table 2, 99213 on 2026-03-02: 7 95400000 0 1");
    let blind = |_: u16, _: usize, _: i64| {
        Some(Cell {
            table: String::new(),
            column: String::new(),
            value: String::new(),
        })
    };
    let (theirs, ours) = differently(&told, &of(true, [8, 0, 0, 0]), blind).unwrap();
    assert_ne!(theirs, ours);
}

#[test]
fn what_was_answered_otherwise_is_named() {
    let key = TableKey {
        a: Code::parse("99213").unwrap(),
        b: Code::default(),
        on: ServiceDate::parse("2026-03-02").unwrap(),
    };
    let looked_up = |price| Exchange::Lookup {
        table: 2,
        keys: vec![key],
        rows: vec![TableRow {
            found: true,
            values: [price, 0, 0, 0],
        }],
    };
    let told = Transcript(vec![looked_up(9_900)]);
    assert_eq!(differently(&told, &told, encoded), None);
    let said = |found: &Transcript| {
        let (theirs, ours) = differently(&told, found, encoded).unwrap();
        format!("{theirs} / {ours}")
    };
    insta::assert_snapshot!(said(&Transcript(vec![looked_up(11_000)])), @"table 2, 99213 on 2026-03-02: 9900 0 0 0 / table 2, 99213 on 2026-03-02: 11000 0 0 0");
    insta::assert_snapshot!(said(&Transcript::default()), @"call 1, 1 rows of table 2 / no call 1");
    let asked = Exchange::Query {
        questions: Vec::new(),
        answers: Vec::new(),
    };
    insta::assert_snapshot!(said(&Transcript(vec![looked_up(9_900), asked])), @"no call 2 / call 2, 0 questions of history");
}

/// A receipt is given also where the transcript is withheld because it tells of another's
/// care: who guesses the answers, which are few, cannot confirm a guess.
#[test]
fn a_transcript_cannot_be_guessed_from_its_receipt() {
    let world = world();
    let parts = Parts::of(&world);
    let body = parts.body();
    assert_ne!(body.transcript, transcript().hash());
    assert!(body.names(&transcript(), Some(&CONTEXT_SALT)));
    assert!(!body.names(&transcript(), Some(&[9; 32])));
    assert!(!body.names(&transcript(), None));
    // Nor is it what commits to a context.
    let other = commit(Subject::Context, &CONTEXT_SALT, &transcript().0.to_canon());
    assert_ne!(body.transcript, other);
    // A body from before has its hash, and is still run again.
    let before = ReceiptBody {
        transcript: transcript().hash(),
        ..body
    };
    assert!(before.names(&transcript(), Some(&CONTEXT_SALT)));
    assert!(!before.names(&Transcript::default(), Some(&CONTEXT_SALT)));
}

#[test]
fn recorded_answers_are_those_of_the_transcript() {
    let world = world();
    let checked = Parts::of(&world).check().ok().unwrap();
    let table = |table: u16, _: &[TableKey]| (table == 0).then(Vec::new);
    let answers = checked.answers(table).ok().unwrap();
    let mut other = question(Measure::Units);
    other.family = true;
    let asked = [question(Measure::LastDate), other, question(Measure::Units)];
    assert_eq!(answers.query(&asked), [20_500, 0, 20_000]);
    assert!(answers.lookup(0, &[]).is_some() && answers.lookup(1, &[]).is_none());
}

#[test]
fn every_part_is_held_against_the_receipt() {
    let whole = Parts::of(&world()).dossier();
    let with = |change: fn(&mut Dossier)| {
        let mut dossier = whole.clone();
        change(&mut dossier);
        code(&dossier)
    };
    assert_eq!(
        with(|d| d.receipt = d.receipt.replacen("claim 07", "claim 08", 1)),
        "D101"
    );
    assert_eq!(with(|d| d.claim.0.truncate(9)), "D102");
    assert_eq!(with(|d| d.claim.0[0] ^= 1), "D103");
    assert_eq!(with(|d| d.context = None), "D105");
    assert_eq!(with(|d| d.publication = None), "D105");
    let opening = |d: &mut Dossier, change: fn(&mut Opening)| {
        d.context.iter_mut().for_each(change);
    };
    let mut salted = whole.clone();
    opening(&mut salted, |of| of.salt[0] ^= 1);
    assert_eq!(code(&salted), "D106");
    assert_eq!(with(|d| d.publication = Some([0; 32])), "D110");
    assert_eq!(with(|d| d.transcript.0.truncate(4)), "D102");
    assert_eq!(
        with(|d| d.transcript = Blob(Transcript::default().0.to_canon())),
        "D108"
    );
    // Any byte of the context, and of the transcript.
    let length = whole.context.as_ref().map_or(0, |of| of.bytes.0.len());
    for at in 0..length {
        let mut dossier = whole.clone();
        dossier
            .context
            .iter_mut()
            .for_each(|of| of.bytes.0[at] ^= 1);
        assert_eq!(code(&dossier), "D106", "byte {at}");
    }
    for at in 0..whole.transcript.0.len() {
        let mut dossier = whole.clone();
        dossier.transcript.0[at] ^= 1;
        assert!(check(&dossier, None).is_err(), "byte {at}");
    }
    // Any byte of the claim: what the policy was given shows it, and what it was not
    // given shows against the claim as it was sent.
    let sent = world().claim;
    for at in 0..whole.claim.0.len() {
        let mut dossier = whole.clone();
        dossier.claim.0[at] ^= 1;
        assert!(check(&dossier, Some(&sent)).is_err(), "byte {at}");
    }
}

#[test]
fn a_payer_cannot_be_consistent_in_what_is_wrong() {
    let world = world();
    let of = |change: fn(&mut Parts)| {
        let mut parts = Parts::of(&world);
        change(&mut parts);
        parts.check().err().map(|error| error.code())
    };
    assert_eq!(of(|_| {}), None);
    // Committed to as they are, and still not what follows from the claim.
    let context = |change: fn(&mut Context)| {
        let mut parts = Parts::of(&world);
        parts.context.iter_mut().for_each(change);
        parts.check().err().map(|error| error.code())
    };
    let wrong = Some("D107".to_owned());
    assert_eq!(context(|c| c.lines[0].charge = Money::cents(1)), wrong);
    assert_eq!(context(|c| c.diagnoses.clear()), wrong);
    assert_eq!(context(|c| c.received = day("2026-01-01")), wrong);
    assert_eq!(context(|c| c.patient_paid = Money::cents(1)), wrong);
    assert_eq!(context(|c| c.lines.clear()), wrong);
    assert_eq!(context(|c| c.lines[1].number = 9), wrong);
    assert_eq!(context(|c| c.lines.swap(0, 1)), wrong);
    // What is the member's own is theirs to say.
    assert_eq!(context(|c| c.covered_members = 9), None);
    let two = |parts: &mut Parts| {
        parts.transcript = Transcript(vec![Exchange::Query {
            questions: vec![question(Measure::Units); 2],
            answers: vec![1, 2],
        }]);
    };
    assert_eq!(of(two), Some("D109".to_owned()));
}

#[test]
fn nothing_of_another_providers_care() {
    let world = world();
    let care = |provider: &str, remaining: i64| {
        let mut parts = Parts::of(&world);
        let context = parts.context.as_mut().unwrap();
        context.authorizations.push(ContextAuthorization {
            kind: AuthorizationKind::Referral,
            procedure: Code::NONE,
            provider: Code::of(provider),
            from: day("2026-01-01"),
            through: day("2026-12-31"),
            remaining: tally_types::Quantity::from_scaled(remaining),
        });
        parts.check().err().map(|error| error.code())
    };
    let refused = Some("D111".to_owned());
    assert_eq!(care("1234567893", 1), None);
    assert_eq!(care("1497758544", 1), None);
    assert_eq!(care("1003000126", 0), refused);
    let asked = |provider: &str, what, answer| {
        let mut parts = Parts::of(&world);
        let mut question = question(what);
        question.provider = Code::of(provider);
        parts.transcript = Transcript(vec![Exchange::Query {
            questions: vec![question],
            answers: vec![answer],
        }]);
        parts.check().err().map(|error| error.code())
    };
    assert_eq!(asked("1234567893", Measure::Units, 5), None);
    assert_eq!(asked("1003000126", Measure::Units, 0), None);
    assert_eq!(asked("1003000126", Measure::LastDate, i64::MIN), None);
    assert_eq!(asked("1003000126", Measure::Units, 5), refused);
    assert_eq!(asked("1003000126", Measure::LastDate, 0), refused);
}

#[test]
fn the_claim_is_the_one_that_was_sent() {
    let parts = Parts::of(&world());
    let dossier = parts.dossier();
    let differs = |change: fn(&mut Claim)| {
        let mut sent = parts.claim.clone();
        change(&mut sent);
        check(&dossier, Some(&sent)).err().map(|e| e.to_string())
    };
    // What the payer makes of it.
    assert_eq!(differs(|c| c.received = day("2026-01-01")), None);
    assert_eq!(differs(|c| c.id = crate::claim::ClaimId([1; 16])), None);
    let of = |what: &str| {
        Some(format!(
            "D104: the claim is not as it was sent: another {what}"
        ))
    };
    assert_eq!(differs(|c| c.lines[0].charge = Money::cents(1)), of("line"));
    assert_eq!(differs(|c| c.member.identifier.push('x')), of("member"));
    assert_eq!(differs(|c| c.frequency = Frequency::Void), of("particular"));
}

#[test]
fn what_the_engine_denied_is_checked_as_far_as_the_claim_says() {
    let world = world();
    let parts = Parts::of(&world);
    let checked = parts.check().ok().unwrap();
    // A policy that is another's.
    let mut policy = world.run().policy;
    policy.hash = [9; 32];
    assert!(checked.run(policy).is_err());
    // Line 3 is said to repeat line 1, and does not.
    let mut other = Parts::of(&world);
    other.claim.lines[2].procedure = Code::of("99214");
    let checked = other.check().ok().unwrap();
    let run = checked.run(world.run().policy).err().unwrap();
    assert_eq!(
        run.to_string(),
        "D112: line 3: the claim contradicts rule E105"
    );
    // A policy that was not given a line denies it by no clause of its own.
    let told = Outcome::new(
        world.claim.id,
        Some([1; 32]),
        Settlement::Settled(
            parts
                .told
                .lines()
                .iter()
                .map(|line| match line.number() {
                    3 => LineOutcome::settle(
                        3,
                        line.charge(),
                        Money::ZERO,
                        true,
                        "4.1".into(),
                        line.adjustments().to_vec(),
                        vec![],
                    )
                    .unwrap(),
                    _ => line.clone(),
                })
                .collect(),
        ),
        vec![],
    )
    .unwrap();
    let other = Parts {
        told,
        ..Parts::of(&world)
    };
    let checked = other.check().ok().unwrap();
    let run = checked.run(world.run().policy).err().unwrap();
    assert!(run.to_string().contains("`4.1` is no rule"), "{run}");
}

#[test]
fn where_no_policy_was_run_the_engines_rules_are() {
    let mut world = world();
    world.enrolled = false;
    let of = |world: &World| {
        let parts = Parts {
            claim: world.claim.clone(),
            told: world.done().outcome,
            context: None,
            transcript: Transcript::default(),
            published: None,
        };
        parts.check().ok().unwrap()
    };
    let checked = of(&world);
    assert!(
        checked
            .run(
                World::new(vec![])
                    .in_force("gold", day("2026-01-01"))
                    .unwrap()
            )
            .is_ok_and(|run| run.is_none())
    );
    let again = checked.alone().ok().unwrap();
    assert_eq!(again.to_canon(), checked.told.to_canon());
    world.enrolled = true;
    world.policies.clear();
    let checked = of(&world);
    let again = checked.alone().ok().unwrap();
    assert_eq!(again.to_canon(), checked.told.to_canon());
}

#[test]
fn an_outcome_that_waits_is_run_again() {
    let world = world();
    let fault = ContractFault::OutOfFuel { limit: 20_000_000 };
    let mut parts = Parts::of(&world);
    parts.told = world.settle(Err(fault.clone())).outcome;
    let checked = parts.check().ok().unwrap();
    let run = checked.run(world.run().policy).ok().flatten().unwrap();
    let again = settle(&checked.claim, &run, Err(fault)).unwrap().outcome;
    assert_eq!(compare(&checked.told, &again), Agreement::Agreed);
    let settled = found(&world, &checked, determination(&world, 9_200));
    let Agreement::Differs(difference) = compare(&checked.told, &settled) else {
        panic!("they differ")
    };
    assert_eq!(difference.to_string(), "claim: status pended, ours paid");
}

/// What is shown of every kind of difference.
#[test]
fn differences_are_shown() {
    let world = world();
    let told = world.settle(Ok(determination(&world, 9_200))).outcome;
    let with = |change: fn(&mut Determination)| {
        let mut other = determination(&world, 9_200);
        change(&mut other);
        match compare(&told, &world.settle(Ok(other)).outcome) {
            Agreement::Agreed => "agreed".to_owned(),
            Agreement::Differs(difference) => difference.to_string(),
        }
    };
    fn lines(of: &mut Determination) -> &mut Vec<LineDetermination> {
        match &mut of.verdict {
            Verdict::Settled(lines) => lines,
            Verdict::Pended(_) => unreachable!(),
        }
    }
    let shown = [
        with(|_| {}),
        with(|d| lines(d)[0].adjustments[0].carc = tally_types::Carc(2)),
        with(|d| lines(d)[0].adjustments[0].clause = 2),
        with(|d| lines(d)[0].clause = 2),
        with(|d| lines(d)[0].postings.clear()),
        with(|d| {
            let line = &mut lines(d)[1];
            line.denied = true;
            line.allowed = Money::ZERO;
            line.paid = Money::ZERO;
            line.adjustments = vec![adjust(Group::Co, 45, 12_000)];
        }),
        with(|d| {
            let line = &mut lines(d)[0];
            line.paid = Money::cents(15_000);
            line.adjustments.clear();
            line.postings.clear();
        }),
        with(|d| {
            d.findings.push(Finding {
                pattern: 0,
                line: 2,
                score: 700,
                clause: 1,
            });
        }),
        with(|d| {
            d.verdict = Verdict::Pended(Pend {
                reason: 0,
                line: 1,
                clause: 1,
            });
        }),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

/// To change a hash here is to change what entries commit to.
#[test]
fn encodings_are_frozen() {
    use sha2::{Digest, Sha256};
    let parts = Parts::of(&world());
    let said = Reexecuted {
        adjudication: [1; 32],
        found: [2; 32],
        engine: "tally 0.1.0".into(),
        difference: Some(FirstDifference {
            line: 2,
            field: Field::Allowed,
            theirs: "92.00".into(),
            ours: "87.50".into(),
            clause: "3.1".into(),
        }),
    };
    let told = ToldDispute {
        claim: crate::claim::ClaimId([3; 16]),
        index: 17,
        entry: 42,
        salt: [4; 32],
        found: said.clone(),
    };
    let frozen = [
        ("dossier", parts.dossier().to_canon()),
        ("re-execution", said.to_canon()),
        ("told dispute", told.to_canon()),
    ];
    let lines = frozen.map(|(of, bytes)| {
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        format!("{of}: {hex}")
    });
    insta::assert_snapshot!(lines.join("\n"));
}
