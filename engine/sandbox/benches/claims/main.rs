//! What a claim costs in the sandbox, as ratios measured in one run.
//!
//! ```text
//! cargo bench -p tally-sandbox --bench claims
//! ```
//!
//! The policy is Harbor, one of the bundled products: the real component, and
//! the same source compiled for this machine as the floor to compare with.
//! Times are of the thread's own processor time, medians of rounds in which
//! every variant has its turn, so that what else runs here disturbs all alike.

#[allow(dead_code, missing_docs, unused_imports)]
#[path = "../../src/bindings.rs"]
mod bindings;
mod bounds;
mod compile;
#[allow(dead_code)]
#[path = "../../../../tests/hostile/guest.rs"]
mod guest;
mod hostile;
mod meter;
mod native;
mod sealed;
mod threads;
mod world;

use tally_sandbox::{Backend, Sandbox};
use world::World;

fn main() {
    if sealed::asked() {
        return sealed::run(&World::new());
    }
    // `cargo test --all-targets` starts benches too; there is nothing to test.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let world = World::new();
    claims(&world);
    bounds::report(&world);
    threads::report(&world);
    sealed::report();
    artefacts(&world);
    hostile::report();
    compile::report();
}

/// Fresh-instance adjudication against the same source, native.
fn claims(world: &World) {
    println!("fresh-instance adjudication, against the same policy compiled natively");
    println!(
        "  {:10} {:>5} {:>10} {:>8} {:>11} {:>9}",
        "", "lines", "ns/claim", "x native", "claims/s", "fuel"
    );
    for lines in [1, 5, 20] {
        let context = world.context(lines);
        let native = native::Native::new(world, &context);
        let mut calls = 0;
        let [cranelift, pulley] = [&world.cranelift, &world.pulley].map(|policy| {
            let ran = world.run(policy, &context);
            native.assert_same(&ran);
            calls = ran.transcript.0.len();
            ran.fuel.unwrap()
        });
        assert_eq!(cranelift, pulley, "fuel");
        println!("  {lines} lines: {calls} calls out of the sandbox");
        let [floor, fast, slow] = meter::compare([
            &mut || drop(native.adjudicate()),
            &mut || drop(world.run(&world.cranelift, &context)),
            &mut || drop(world.run(&world.pulley, &context)),
        ]);
        for (name, time, fuel) in [
            ("native", floor, None),
            ("cranelift", fast, Some(cranelift)),
            ("pulley", slow, Some(pulley)),
        ] {
            println!(
                "  {name:10} {lines:>5} {:>10.0} {:>8.1} {:>11.0} {:>9}",
                time * 1e9,
                time / floor,
                1.0 / time,
                fuel.map_or(String::new(), |fuel| fuel.to_string())
            );
        }
    }
}

/// Loading machine code that was compiled before.
fn artefacts(world: &World) {
    println!("artefacts: compiled before, authenticated, loaded");
    let key = [7; 32];
    for backend in [Backend::Cranelift, Backend::Pulley] {
        let sandbox = Sandbox::new(backend).unwrap();
        let began = std::time::Instant::now();
        let policy = sandbox
            .load(&world.proven)
            .unwrap_or_else(|e| panic!("{e}"));
        let compiled = began.elapsed();
        let sealed = policy.artefact(&key).unwrap();
        let hash = policy.hash();
        let [load, digest] = meter::compare([
            &mut || {
                let loaded = sandbox.load_artefact(hash, &sealed, &key);
                assert!(loaded.is_ok_and(|policy| policy.is_some()));
            },
            &mut || {
                use sha2::{Digest, Sha256};
                std::hint::black_box(Sha256::digest(&sealed));
            },
        ]);
        println!(
            "  {:10} component {} KB, artefact {} KB: compiled in {:.0} ms, loaded in {:.0} µs \
             (of which hashing {:.0} µs)",
            backend.as_str(),
            world.proven.bytes().len() / 1024,
            sealed.len() / 1024,
            compiled.as_secs_f64() * 1e3,
            load * 1e6,
            digest * 1e6
        );
    }
}
