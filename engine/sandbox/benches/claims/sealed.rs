//! System calls of a claim: none, or the kernel would have killed the process
//! that made one (`tests/hostile/system_calls.rs` says how). Page faults are
//! counted beside, since they are no calls.

use std::process::Command;

use rustix::thread::{SecureComputingMode, set_secure_computing_mode};

use crate::world::World;

const PART: &str = "TALLY_BENCH_SEALED";
const WORD: &[u8] = b"sealed\n";
const CLAIMS: u32 = 100_000;

pub fn asked() -> bool {
    std::env::var_os(PART).is_some()
}

pub fn run(world: &World) {
    let context = world.context(5);
    (0..2_000).for_each(|_| drop(world.run(&world.cranelift, &context)));
    set_secure_computing_mode(SecureComputingMode::Strict).unwrap();
    (0..CLAIMS).for_each(|_| drop(world.run(&world.cranelift, &context)));
    let _ = rustix::io::write(rustix::stdio::stdout(), WORD);
}

/// Minor page faults of this thread so far.
pub fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or("");
    let field = after_name.split_whitespace().nth(7);
    field.and_then(|count| count.parse().ok()).unwrap_or(0)
}

pub fn report() {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).env(PART, "1").output().unwrap();
    let none = output.stdout == WORD;
    let world = World::new();
    let context = world.context(5);
    (0..2_000).for_each(|_| drop(world.run(&world.cranelift, &context)));
    let before = faults();
    (0..CLAIMS).for_each(|_| drop(world.run(&world.cranelift, &context)));
    let faults = faults() - before;
    println!(
        "system calls over {CLAIMS} five-line claims: {}; page faults: {faults}",
        if none { "none" } else { "SOME" }
    );
}
