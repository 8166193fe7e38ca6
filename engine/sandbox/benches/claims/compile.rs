//! The longest that a policy within its limits can keep the compiler at work.

use tally_sandbox::{Backend, Limits, Sandbox, prove};

use crate::guest::Guest;

fn straight(bytes: usize) -> String {
    let step = "(local.set 0 (i64.add (i64.mul (local.get 0) (i64.const 77)) (local.get 1)))
        (local.set 1 (i64.xor (i64.shl (local.get 1) (i64.const 7)) (local.get 0)))";
    format!("(func (local i64 i64) {})", step.repeat(bytes / 22))
}

/// Many values alive at once, over many branches.
fn alive(locals: usize, branches: usize) -> String {
    let load = |i: usize| format!("(local.set {i} (i64.load offset={} (i32.const 0)))", i * 8);
    let start: String = (0..locals).map(load).collect();
    let branch: String = (0..branches)
        .map(|i| {
            let (a, b) = (i % locals, (i * 7 + 3) % locals);
            format!("(if (i64.eqz (local.get {a})) (then (local.set {b} (i64.add (local.get {a}) (local.get {b})))))")
        })
        .collect();
    let end: String = (0..locals)
        .map(|i| format!("(i64.store offset={} (i32.const 0) (local.get {i}))", i * 8))
        .collect();
    format!(
        "(func (local{}) {start}{branch}{end})",
        " i64".repeat(locals)
    )
}

/// Loops in loops, in which as many locals change as may.
fn nested(locals: usize, loops: usize) -> String {
    let change: String = (0..locals)
        .map(|i| format!("(local.set {i} (i64.add (local.get {i}) (i64.const 1)))"))
        .collect();
    format!(
        "(func (local{}) {}{change}{})",
        " i64".repeat(locals),
        "(loop ".repeat(loops),
        "(br_if 0 (i64.eqz (local.get 0))))".repeat(loops)
    )
}

/// A table of branches, each to a block of its own.
fn branches(depth: usize) -> String {
    let labels: String = (0..depth).map(|i| format!(" {i}")).collect();
    format!(
        "(func (local i32) {}(br_table{labels} (local.get 0)){})",
        "(block ".repeat(depth),
        ")".repeat(depth)
    )
}

pub fn report() {
    println!("compiling what is dear to compile, within the limits");
    let most = Limits::FUNCTION_BYTES;
    let locals = Limits::LOCALS / (Limits::LOOP_DEPTH + 1);
    for (name, more) in [
        (
            "straight code, eight long functions",
            straight(most - 4_000).repeat(8),
        ),
        (
            "straight code, 2,000 functions",
            straight(500).repeat(2_000),
        ),
        (
            "2,000 values alive over 5,000 branches",
            alive(2_000, 5_000),
        ),
        (
            "200 values alive over 7,000 branches, eight times",
            alive(200, 7_000).repeat(8),
        ),
        (
            "all locals in all loops in loops",
            nested(locals - 20, Limits::LOOP_DEPTH),
        ),
        (
            "a few locals in loops in loops, 1,000 times",
            nested(3, Limits::LOOP_DEPTH).repeat(1_000),
        ),
        ("a branch to 20,000 places", branches(20_000)),
    ] {
        let proven = match prove(Guest::new().with(&more).build()) {
            Ok(proven) => proven,
            Err(refused) => {
                println!("  {name:52} {refused}");
                continue;
            }
        };
        for backend in [Backend::Cranelift, Backend::Pulley] {
            let sandbox = Sandbox::new(backend).unwrap();
            let began = std::time::Instant::now();
            let loaded = sandbox.load(&proven).map(|_| "compiled");
            println!(
                "  {name:52} {:9} {} KB: {} in {:.1} s",
                backend.as_str(),
                proven.bytes().len() / 1024,
                loaded.unwrap_or("refused"),
                began.elapsed().as_secs_f64()
            );
        }
    }
}
