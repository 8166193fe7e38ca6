//! Policies that break their contract while they run. Each is one fault, by
//! number, the same on both backends; the claim waits and nothing moves.

use tally_core::adjudication::{
    ContractFault, Determination, Finding, OutcomeError, Posting, Status, TrapKind, Verdict,
};
use tally_sandbox::{Limits, LoadError};
use tally_types::{Carc, Money};

use super::guest::{Guest, description, determination, line, pend};
use super::rig::{BACKENDS, adjudicate, assert_pended, load};

fn check(name: &str, guest: &Guest, fault: &ContractFault) {
    let began = std::time::Instant::now();
    let (settled, fuel) = adjudicate(guest);
    eprintln!("{name}: {fault}, {:?} on two backends", began.elapsed());
    assert_pended(name, &settled, fault);
    // Where the sandbox stopped it, how much it had used is not portable.
    if !matches!(
        fault,
        ContractFault::WrongLines { .. }
            | ContractFault::BadIndex { .. }
            | ContractFault::TooMany { .. }
            | ContractFault::Unbalanced(_)
            | ContractFault::OverLimit { .. }
    ) {
        assert_eq!(fuel, None, "{name}");
    }
}

fn doing(name: &str, code: &str, fault: &ContractFault) {
    check(name, &Guest::doing(code), fault);
}

const OUT_OF_FUEL: ContractFault = ContractFault::OutOfFuel {
    limit: Limits::FUEL,
};

fn trap(kind: TrapKind) -> ContractFault {
    ContractFault::Trap(kind)
}

#[test]
fn a_sound_guest_settles() {
    let (settled, fuel) = adjudicate(&Guest::new());
    assert_eq!(settled.fault, None);
    assert_eq!(settled.outcome.status(), Status::Paid);
    assert_eq!(settled.outcome.paid(), Money::cents(13_000));
    assert_eq!(settled.movements.len(), 1);
    // Golden: another number is another meaning of fuel, and so another
    // cost table (`FUEL_COST_TABLE`), or that more is allocated of what a policy is
    // given: 15 for each list and record.
    assert_eq!(fuel, Some(122));
}

#[test]
fn loops() {
    doing("an endless loop", "(loop $l (br $l))", &OUT_OF_FUEL);
    doing(
        "memory.fill in a loop",
        "(loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 131072)) (br $l))",
        &OUT_OF_FUEL,
    );
    doing(
        "memory.copy in a loop",
        "(loop $l (memory.copy (i32.const 65536) (i32.const 0) (i32.const 65536)) (br $l))",
        &OUT_OF_FUEL,
    );
    doing(
        "memory.grow in a loop",
        "(loop $l (drop (memory.grow (i32.const 1))) (br $l))",
        &OUT_OF_FUEL,
    );
    doing(
        "memory.grow past what can be",
        "(loop $l (drop (memory.grow (i32.const -1))) (br $l))",
        &OUT_OF_FUEL,
    );
    doing(
        "reading all over the largest memory",
        "(drop (memory.grow (i32.const 61)))
         (loop $l
            (local.set $i (i32.and (i32.const 4194296)
                (i32.add (i32.const 1442695041) (i32.mul (local.get $i) (i32.const 1664525)))))
            (i32.store8 (local.get $i) (i32.const 1))
            (br $l))",
        &OUT_OF_FUEL,
    );
}

/// Growth within the limit succeeds, one page more does not, and the policy
/// may go on: both backends and every host tell it the same.
#[test]
fn growth_ends_at_the_limit() {
    let guest = Guest::doing(
        "(if (i32.ne (memory.grow (i32.const 61)) (i32.const 3)) (then unreachable))
         (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
         (if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then unreachable))
         (if (i32.ne (memory.size) (i32.const 64)) (then unreachable))
         (if (i32.load (i32.const 4194300)) (then unreachable))",
    );
    assert_eq!(adjudicate(&guest).0.fault, None);
}

/// Where keys and questions are: memory is zero there, and zeros ask for no
/// code on 1970-01-01, which has a meaning.
const KEYS: &str = "(i32.const 131072)";

#[test]
fn questions_in_a_loop() {
    let too_much = ContractFault::TooMuchData {
        limit: Limits::ASKED_BYTES,
    };
    for (name, call, fault) in [
        (
            "lookup of one key in a loop",
            format!("(call $lookup (i32.const 0) {KEYS} (i32.const 1) (i32.const 0))"),
            &OUT_OF_FUEL,
        ),
        (
            "lookup of many keys in a loop",
            format!("(call $lookup (i32.const 0) {KEYS} (i32.const 1000) (i32.const 0))"),
            &too_much,
        ),
        (
            "lookup of nothing in a loop",
            format!("(call $lookup (i32.const 0) {KEYS} (i32.const 0) (i32.const 0))"),
            &OUT_OF_FUEL,
        ),
        (
            "query of one question in a loop",
            format!("(call $query {KEYS} (i32.const 1) (i32.const 0))"),
            &OUT_OF_FUEL,
        ),
        (
            "query of many questions in a loop",
            format!("(call $query {KEYS} (i32.const 700) (i32.const 0))"),
            &too_much,
        ),
    ] {
        // Answers are written through `cabi_realloc`: one that hands out the
        // same place every time lets the loop go on.
        let mut guest = Guest::doing(&format!(
            "(global.set $reuse (i32.const 1)) (loop $l {call} (br $l))"
        ))
        .with("(global $reuse (mut i32) (i32.const 0))");
        guest.realloc = format!(
            "(if (global.get $reuse) (then (return (i32.const 65536)))) {}",
            guest.realloc
        );
        check(name, &guest, fault);
    }
    doing(
        "lookup of one key in a loop, until the memory is full",
        &format!(
            "(loop $l (call $lookup (i32.const 0) {KEYS} (i32.const 1) (i32.const 0)) (br $l))"
        ),
        &ContractFault::BadAnswer,
    );
}

#[test]
fn questions_without_meaning() {
    let bad = |what| ContractFault::BadQuestion { what };
    let lookup = |table: u16| {
        format!("(call $lookup (i32.const {table}) {KEYS} (i32.const 1) (i32.const 0))")
    };
    doing("a table not declared", &lookup(1), &bad("table"));
    doing(
        "a key that is no code",
        &format!("(i64.store (i32.const 131080) (i64.const 1)) {}", lookup(0)),
        &bad("code"),
    );
    doing(
        "a day outside the calendar",
        &format!(
            "(i32.store (i32.const 131104) (i32.const 2147483647)) {}",
            lookup(0)
        ),
        &bad("date"),
    );
    doing(
        "a measure that is none",
        &format!(
            "(i32.store8 {KEYS} (i32.const 3)) (call $query {KEYS} (i32.const 1) (i32.const 0))"
        ),
        &ContractFault::BadAnswer,
    );
    doing(
        "keys outside the memory",
        "(call $lookup (i32.const 0) (i32.const -8) (i32.const 1) (i32.const 0))",
        &ContractFault::BadAnswer,
    );
    doing(
        "a number of keys that overflows",
        "(call $lookup (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0))",
        &ContractFault::BadAnswer,
    );
    doing(
        "keys out of line",
        "(call $lookup (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 0))",
        &ContractFault::BadAnswer,
    );
    doing(
        "more keys than may be handed over",
        &format!(
            "(drop (memory.grow (i32.const 61)))
            (call $lookup (i32.const 0) {KEYS} (i32.const 30000) (i32.const 0))"
        ),
        &ContractFault::BadAnswer,
    );
    doing(
        "an answer to be written outside the memory",
        &format!("(call $lookup (i32.const 0) {KEYS} (i32.const 1) (i32.const -4))"),
        &ContractFault::BadAnswer,
    );
}

#[test]
fn traps() {
    for (name, code, kind) in [
        ("unreachable", "unreachable", TrapKind::Unreachable),
        (
            "division by zero",
            "(drop (i64.div_s (i64.const 1) (local.get $j)))",
            TrapKind::Arithmetic,
        ),
        (
            "remainder by zero",
            "(drop (i32.rem_u (i32.const 1) (local.get $i)))",
            TrapKind::Arithmetic,
        ),
        (
            "division that overflows",
            "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.sub (local.get $j) (i64.const 1))))",
            TrapKind::Arithmetic,
        ),
        (
            "a load outside the memory",
            "(drop (i64.load (i32.const -1)))",
            TrapKind::Memory,
        ),
        (
            "a load past the page",
            "(drop (i64.load (i32.const 196604)))",
            TrapKind::Memory,
        ),
        (
            "a fill outside the memory",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 4194304))",
            TrapKind::Memory,
        ),
        (
            "a call of nothing",
            "(call_indirect (type $t) (i32.const 1))",
            TrapKind::Call,
        ),
        (
            "a call of another type",
            "(call_indirect (type $other) (i32.const 1) (i32.const 0))",
            TrapKind::Call,
        ),
        (
            "a call outside the table",
            "(call_indirect (type $t) (i32.const 9))",
            TrapKind::Call,
        ),
    ] {
        let guest = Guest::doing(code).with(
            "(type $t (func)) (type $other (func (param i32))) (table 2 2 funcref)
             (func $f (type $t)) (elem (i32.const 0) $f)",
        );
        check(name, &guest, &trap(kind));
    }
}

#[test]
fn reallocation_that_fails() {
    for (name, code, fault) in [
        (
            "a trap in realloc",
            "unreachable",
            trap(TrapKind::Unreachable),
        ),
        (
            "a loop in realloc",
            "(loop $l (br $l)) unreachable",
            OUT_OF_FUEL,
        ),
        (
            "realloc out of memory",
            "i32.const -16",
            ContractFault::BadAnswer,
        ),
        (
            "realloc past the end",
            "i32.const 196600",
            ContractFault::BadAnswer,
        ),
        (
            "realloc out of line",
            "i32.const 131073",
            ContractFault::BadAnswer,
        ),
        (
            "a question asked in realloc",
            "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 1) (i32.const 0))
             i32.const 131072",
            trap(TrapKind::Other),
        ),
    ] {
        let mut guest = Guest::new();
        guest.realloc = code.into();
        check(name, &guest, &fault);
    }
}

#[test]
fn a_trap_after_the_answer() {
    let guest =
        Guest::new().with(r#"(func (export "cabi_post_adjudicate") (param i32) unreachable)"#);
    check(
        "a trap after the answer",
        &guest,
        &trap(TrapKind::Unreachable),
    );
    let guest = Guest::new()
        .with(r#"(func (export "cabi_post_adjudicate") (param i32) (loop $l (br $l)))"#);
    check("a loop after the answer", &guest, &OUT_OF_FUEL);
}

/// Spoils `width` bytes of the answer at `offset` from its record before it is
/// handed over. The first line is at the address in its bytes 4 to 8.
fn spoilt(spoil: &str) -> Guest {
    let mut guest = Guest::new();
    let answer = guest.adjudicate.clone();
    let first = format!("(i32.load offset=4 ({answer}))");
    let adjustment = format!("(i32.load offset=28 {first})");
    guest.adjudicate = spoil
        .replace("$ANSWER", &format!("({answer})"))
        .replace("$ADJUSTMENT", &adjustment)
        .replace("$LINE", &first)
        + &answer;
    guest
}

#[test]
fn answers_that_are_no_values() {
    for (name, spoil) in [
        (
            "a verdict that is none",
            "(i32.store8 $ANSWER (i32.const 2))",
        ),
        (
            "a group that is none",
            "(i32.store8 $ADJUSTMENT (i32.const 4))",
        ),
        (
            "a remark code that is none",
            "(i64.store offset=8 $ADJUSTMENT (i64.const -1))",
        ),
        (
            "lines outside the memory",
            "(i32.store offset=4 $ANSWER (i32.const -8))",
        ),
        (
            "lines past the end",
            "(i32.store offset=8 $ANSWER (i32.const 10000))",
        ),
        (
            "a number of lines that overflows",
            "(i32.store offset=8 $ANSWER (i32.const -1))",
        ),
        (
            "lines out of line",
            "(i32.store offset=4 $ANSWER (i32.const 4100))",
        ),
        (
            "findings outside the memory",
            "(i32.store offset=12 $ANSWER (i32.const -2))",
        ),
        (
            "adjustments outside the memory",
            "(i32.store offset=28 $LINE (i32.const -32))",
        ),
    ] {
        let fault = ContractFault::BadAnswer;
        check(name, &spoilt(spoil), &fault);
    }
    for (name, address) in [
        ("an answer outside the memory", -4),
        ("an answer past the end", 196_600),
        ("an answer out of line", 2),
    ] {
        let mut guest = Guest::new();
        guest.adjudicate = format!("i32.const {address}");
        check(name, &guest, &ContractFault::BadAnswer);
    }
}

/// A thousand lines whose adjustments are one and the same list, and a
/// thousand strings that are one and the same 90 kB: little fuel, much memory
/// of the host's, were it not limited.
#[test]
fn aliased_giants() {
    let mut guest = Guest::new();
    guest.memory = "8 64".into();
    guest.adjudicate = "
        (local.set $i (i32.const 262144))
        (loop $l
            (i32.store offset=28 (local.get $i) (i32.const 131072))
            (i32.store offset=32 (local.get $i) (i32.const 4000))
            (local.set $i (i32.add (local.get $i) (i32.const 48)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 310144))))
        (i32.store (i32.const 400000) (i32.const 0))
        (i32.store (i32.const 400004) (i32.const 262144))
        (i32.store (i32.const 400008) (i32.const 999))
        i32.const 400000"
        .into();
    let began = std::time::Instant::now();
    check("aliased lists", &guest, &ContractFault::BadAnswer);
    assert!(began.elapsed().as_secs() < 5);

    let mut guest = Guest::new();
    guest.memory = "8 64".into();
    let sound = guest.describe.clone();
    guest.describe = format!(
        "(local $i i32)
        (memory.fill (i32.const 131072) (i32.const 97) (i32.const 90000))
        (local.set $i (i32.const 262144))
        (loop $l
            (i32.store (local.get $i) (i32.const 131072))
            (i32.store offset=4 (local.get $i) (i32.const 90000))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 270144))))
        (i32.store offset=48 ({sound}) (i32.const 262144))
        (i32.store offset=52 ({sound}) (i32.const 1000))
        {sound}"
    );
    for backend in BACKENDS {
        let began = std::time::Instant::now();
        let refused = load(&guest, backend).err();
        let took = began.elapsed();
        eprintln!(
            "aliased strings: {took:?} with compiling on {}",
            backend.as_str()
        );
        let expected = Some(LoadError::Describe(ContractFault::BadAnswer));
        assert_eq!(format!("{refused:?}"), format!("{expected:?}"));
    }
}

#[test]
fn descriptions_that_fail() {
    let describing = |code: &str| {
        let mut guest = Guest::new();
        guest.describe = code.replace("$SOUND", &format!("({})", guest.describe));
        BACKENDS.map(|backend| load(&guest, backend).err().map(|error| error.to_string()))
    };
    let same = |code: &str, expected: &str| {
        for found in describing(code) {
            assert_eq!(found.as_deref(), Some(expected), "{code}");
        }
    };
    let no_value = "P116 `describe` failed: the policy handed over what is no value of the \
                    interface, or over 1,048,576 bytes";
    same(
        "(i32.store8 (i32.load $SOUND) (i32.const 0xff)) $SOUND",
        no_value,
    );
    same(
        "(i32.store8 offset=8 (i32.load offset=40 $SOUND) (i32.const 9)) $SOUND",
        no_value,
    );
    same(
        "(i32.store offset=32 $SOUND (i32.const -4)) $SOUND",
        no_value,
    );
    same(
        "(loop $l (br $l)) unreachable",
        "P116 `describe` failed: the policy used all of its 20000000 units of fuel",
    );
    same(
        "unreachable",
        "P116 `describe` failed: the policy stopped: it gave up (unreachable)",
    );
    same(
        "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 1) (i32.const 0)) $SOUND",
        "P116 `describe` failed: the policy asked about a table that has no meaning",
    );
    same(
        "(i32.store offset=28 $SOUND (i32.const 2)) $SOUND",
        "P117 the currency must be USD",
    );
}

/// Data that does not fit its memory stops a guest before it has begun.
#[test]
fn data_outside_the_memory() {
    let guest = Guest::new().with(r#"(data (i32.const 196607) "too long")"#);
    for backend in BACKENDS {
        let refused = load(&guest, backend).err().map(|error| error.to_string());
        let expected = "P116 `describe` failed: the policy stopped: it reached outside its memory";
        assert_eq!(refused.as_deref(), Some(expected));
    }
}

fn settled(lines: Vec<tally_core::adjudication::LineDetermination>) -> Determination {
    Determination {
        verdict: Verdict::Settled(lines),
        findings: vec![],
    }
}

#[test]
fn determinations_that_break_a_rule() {
    let changed = |change: &dyn Fn(&mut tally_core::adjudication::LineDetermination)| {
        let mut first = line(1);
        change(&mut first);
        settled(vec![first, line(2)])
    };
    let wrong = |expected, found| ContractFault::WrongLines { expected, found };
    let index = |line, what, index| ContractFault::BadIndex { line, what, index };
    let many = |line, what, found, limit| ContractFault::TooMany {
        line,
        what,
        found,
        limit,
    };
    let over = |used, amount| ContractFault::OverLimit {
        line: 1,
        accumulator: 0,
        used,
        amount,
    };
    let many_lines = (0..1_000).map(|i| line(1 + i % 2)).collect();
    let finding = Finding {
        pattern: 0,
        line: 0,
        score: 1,
        clause: 0,
    };
    let posting = |amount| Posting {
        accumulator: 0,
        amount,
    };
    for (name, determination, fault) in [
        ("no lines", settled(vec![]), wrong(1, 0)),
        (
            "lines in another order",
            settled(vec![line(2), line(1)]),
            wrong(1, 2),
        ),
        ("too many lines", settled(many_lines), wrong(0, 1)),
        (
            "an undeclared clause",
            changed(&|l| l.clause = 1),
            index(1, "clause", 1),
        ),
        (
            "an undeclared pend reason",
            pend(1),
            index(0, "pend reason", 1),
        ),
        (
            "an undeclared accumulator",
            changed(&|l| l.postings[0].accumulator = 1),
            index(1, "accumulator", 1),
        ),
        (
            "too many adjustments",
            changed(&|l| l.adjustments = vec![l.adjustments[0].clone(); 33]),
            many(1, "adjustments", 33, 32),
        ),
        (
            "too many postings",
            changed(&|l| l.postings = vec![posting(1); 17]),
            many(1, "postings", 17, 16),
        ),
        (
            "too many findings",
            Determination {
                findings: vec![finding; 65],
                ..determination()
            },
            many(0, "findings", 65, 64),
        ),
        (
            "amounts that do not balance",
            changed(&|l| l.paid = Money::cents(10_001)),
            ContractFault::Unbalanced(OutcomeError::Unbalanced {
                line: 1,
                stated: Money::cents(10_001),
                paid: Money::cents(10_000),
            }),
        ),
        (
            "a reason code that is none",
            changed(&|l| l.adjustments[0].carc = Carc(9_999)),
            ContractFault::Unbalanced(OutcomeError::UnknownReason {
                line: 1,
                carc: Carc(9_999),
            }),
        ),
        (
            "a posting over the limit",
            changed(&|l| l.postings[0].amount = 3_001),
            over(47_000, 3_001),
        ),
        (
            "a posting below zero",
            changed(&|l| l.postings[0].amount = -47_001),
            over(47_000, -47_001),
        ),
        (
            "a posting that overflows",
            changed(&|l| l.postings[0].amount = i64::MAX),
            over(47_000, i64::MAX),
        ),
        (
            "postings over the limit together",
            changed(&|l| l.postings = vec![posting(2_000), posting(1_001)]),
            over(49_000, 1_001),
        ),
    ] {
        check(name, &Guest::answering(&determination), &fault);
    }
}

/// A policy's own pend is a verdict, not a fault.
#[test]
fn a_pend_is_no_fault() {
    let (settled, fuel) = adjudicate(&Guest::answering(&pend(0)));
    assert_eq!(settled.fault, None);
    assert_eq!(settled.outcome.status(), Status::Pended);
    assert!(fuel.is_some() && settled.movements.is_empty());
    let _ = description();
}
