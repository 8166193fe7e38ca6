//! What a unit of fuel may cost at worst: the time of guests that use all their
//! fuel in the dearest ways, against plain arithmetic.

use std::sync::Arc;

use tally_core::adjudication::{Answers, ContractFault, Question, TableKey, TableRow};
use tally_sandbox::{Backend, Limits, Sandbox, prove};

use crate::guest::Guest;
use crate::meter;
use crate::world::World;

struct Empty;

impl Answers for Empty {
    fn lookup(&self, _: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        Some(vec![TableRow::default(); keys.len()])
    }
    fn query(&self, questions: &[Question]) -> Vec<i64> {
        vec![0; questions.len()]
    }
}

const GROWN: &str = "(drop (memory.grow (i32.const 61)))";

/// Each loops until its fuel is used: what is done before the loop, and in it.
const LOOPS: &[(&str, &str, &str)] = &[
    (
        "plain arithmetic",
        "",
        "(local.set $j (i64.add (i64.mul (local.get $j) (i64.const 3)) (i64.const 1)))
         (local.set $j (i64.xor (local.get $j) (i64.shl (local.get $j) (i64.const 7))))
         (local.set $j (i64.add (i64.mul (local.get $j) (i64.const 5)) (i64.const 3)))",
    ),
    ("an empty loop", "", ""),
    (
        "memory.fill, 128 KB",
        "",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 131072))",
    ),
    (
        "memory.fill, nothing",
        "",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 0))",
    ),
    (
        "memory.copy, 64 KB",
        "",
        "(memory.copy (i32.const 65536) (i32.const 0) (i32.const 65536))",
    ),
    (
        "memory.copy, one byte",
        "",
        "(memory.copy (i32.const 65536) (i32.const 0) (i32.const 1))",
    ),
    (
        "memory.grow, refused",
        GROWN,
        "(drop (memory.grow (i32.const 1)))",
    ),
    (
        "memory.grow, by nothing",
        "",
        "(drop (memory.grow (i32.const 0)))",
    ),
    ("memory.size", "", "(drop (memory.size))"),
    (
        "division",
        "(local.set $j (i64.const -3))",
        "(local.set $j (i64.or (i64.const 0x4000000000000001)
            (i64.div_u (i64.const -1) (local.get $j))))",
    ),
    (
        "remainder",
        "(local.set $j (i64.const -3))",
        "(local.set $j (i64.or (i64.const 0x4000000000000001)
            (i64.rem_s (i64.const 0x7fffffffffffffff) (local.get $j))))",
    ),
    (
        "reading here and there in 4 MB",
        GROWN,
        "(local.set $i (i32.load (i32.and (i32.const 4194300)
            (i32.add (i32.const 1442695041) (i32.mul (local.get $i) (i32.const 1664525))))))
         (local.set $i (i32.add (local.get $i) (i32.const 77777)))",
    ),
    (
        "writing a byte to every page of 4 MB",
        GROWN,
        "(i32.store8 (local.get $i) (i32.const 1))
         (local.set $i (i32.and (i32.const 4190208) (i32.add (local.get $i) (i32.const 4096))))",
    ),
    ("call of an empty function", "", "(call $empty)"),
    (
        "call through a table",
        "",
        "(call_indirect (type $t) (i32.const 0))",
    ),
    (
        "global",
        "",
        "(global.set $g (i64.add (global.get $g) (i64.const 1)))",
    ),
    (
        "lookup of nothing",
        "",
        "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 0) (i32.const 0))",
    ),
    (
        "lookup of one key",
        "(global.set $reuse (i32.const 1))",
        "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 1) (i32.const 0))",
    ),
    (
        "lookup of 100 keys",
        "(global.set $reuse (i32.const 1))",
        "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 100) (i32.const 0))",
    ),
    (
        "query of one question",
        "(global.set $reuse (i32.const 1))",
        "(call $query (i32.const 131072) (i32.const 1) (i32.const 0))",
    ),
];

fn guest(before: &str, again: &str) -> Guest {
    let mut guest = Guest::doing(&format!("{before} (loop $l {again} (br $l))")).with(
        "(type $t (func)) (func $empty (type $t)) (table 1 1 funcref) (elem (i32.const 0) $empty)
         (global $g (mut i64) (i64.const 0)) (global $reuse (mut i32) (i32.const 0))",
    );
    guest.realloc = format!(
        "(if (global.get $reuse) (then (return (i32.const 65536)))) {}",
        guest.realloc
    );
    guest
}

/// Fuel of a run; little, so that what a run costs beside its fuel is seen too.
const FUEL: u64 = 2_000_000;

pub fn report() {
    let world = World::new();
    let context = world.context(2);
    for backend in [Backend::Cranelift, Backend::Pulley] {
        println!(
            "time of a unit of fuel on {}, against plain arithmetic",
            backend.as_str()
        );
        let sandbox = Sandbox::new(backend).unwrap();
        let answers: Arc<dyn Answers> = Arc::new(Empty);
        let mut measured: Vec<(&str, f64)> = LOOPS
            .iter()
            .map(|(name, before, again)| {
                let proven = prove(guest(before, again).build()).unwrap();
                let policy = sandbox
                    .load(&proven)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                let [time] = meter::compare([&mut || {
                    let ran = policy.run(&context, Arc::clone(&answers), FUEL).unwrap();
                    let fault = ran.determined.unwrap_err();
                    assert!(
                        matches!(fault, ContractFault::OutOfFuel { .. }),
                        "{name}: {fault}"
                    );
                }]);
                #[allow(clippy::cast_precision_loss)]
                let unit = time / FUEL as f64;
                (*name, unit)
            })
            .collect();
        let plain = measured[0].1;
        measured.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (name, unit) in &measured {
            println!("  {name:38} {:>8.2} ns {:>8.2} x", unit * 1e9, unit / plain);
        }
        let full = measured[0].1 * 1e3;
        #[allow(clippy::cast_precision_loss)]
        let all = full * Limits::FUEL as f64;
        println!("  so that all the fuel of a claim lasts at most {all:.0} ms");
    }
}
