//! The shared ledger over a network and a clock that a seed decides: the core, the pool,
//! the machine, the scribe and the relay's bookkeeping are the product's own. In the place
//! of consensus stands an agreement that makes one block of each height final, of those
//! that a quorum of votes was given to after it was verified (docs/model.md says why).
//!
//! `TALLY_SEEDS` says how many seeds, `TALLY_SEED` one of them.

mod agreement;
mod dice;
mod disk;
mod liars;
mod mutants;
mod node;
mod people;
mod plan;
mod traced;
mod verdict;
mod witness;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use liars::Behaviour;
use mutants::Mutant;
use plan::Plan;
use world::World;

/// What a run of many seeds comes to.
#[derive(Default)]
struct Totals {
    seeds: u64,
    blocks: u64,
    entries: u64,
    changes: u64,
    checkpoints: u64,
    evidence: u64,
    lines: u64,
    /// Of each behaviour: seeds that had it, seeds in which it was seen, and how often.
    liars: BTreeMap<Behaviour, [u64; 4]>,
}

impl Totals {
    fn add(&mut self, world: &World, lines: usize) {
        self.seeds += 1;
        self.blocks += world.chain.len() as u64;
        self.entries += world.tip.frontier.size();
        self.changes += world.tip.state.authorities.epoch;
        self.checkpoints += world.watch.checkpoints;
        self.evidence += world.watch.evidence;
        self.lines += lines as u64;
        for behaviour in verdict::behaviours(world) {
            let counts = self.liars.entry(behaviour).or_default();
            let seen = world.watch.caught.get(&behaviour).copied().unwrap_or(0);
            let named = world.watch.named.get(&behaviour).copied().unwrap_or(0);
            counts[0] += 1;
            counts[1] += u64::from(seen > 0);
            counts[2] += seen;
            counts[3] += named;
        }
    }
}

/// One seed, and its trace against the rules of the model.
fn simulate(plan: Plan) -> Result<(World, usize), String> {
    let trial = || {
        let _ = traced::take();
        let mut world = World::new(plan);
        let ran = world.run().and_then(|()| verdict::end(&mut world));
        let ran = ran.and_then(|()| witness::end(&mut world));
        let lines = traced::take();
        if let Ok(path) = std::env::var("TALLY_TRACE") {
            std::fs::write(path, lines.join("\n") + "\n").unwrap();
        }
        let checked = tally_model::trace::check_trace(lines.iter().map(String::as_str));
        // What went wrong first is what a trace tells best.
        checked.map_err(|violation| format!("the trace: {violation}"))?;
        ran?;
        Ok((world, lines.len()))
    };
    let quiet =
        tracing::subscriber::with_default(traced::Taker, || catch_unwind(AssertUnwindSafe(trial)));
    quiet.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn seeds_hold() {
    let (first, count) = match number("TALLY_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("TALLY_SEEDS").unwrap_or(200)),
    };
    let (next, totals) = (AtomicU64::new(first), Mutex::new(Totals::default()));
    let failed = Mutex::new(Vec::new());
    let step = (count / 10).max(100);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().len() > 9 {
                        return;
                    }
                    let ran = simulate(Plan::of(seed));
                    let mut totals = totals.lock().unwrap();
                    match ran {
                        Ok((world, lines)) => totals.add(&world, lines),
                        Err(what) => failed.lock().unwrap().push((seed, what)),
                    }
                    if totals.seeds % step == 0 {
                        println!("{} of {count} seeds", totals.seeds);
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    println!(
        "{} seeds, {} blocks, {} leaves, {} changes of the set, {} checkpoints verified, \
         {} lines of traces, {} pieces of evidence",
        totals.seeds,
        totals.blocks,
        totals.entries,
        totals.changes,
        totals.checkpoints,
        totals.lines,
        totals.evidence
    );
    for (behaviour, [had, seen, times, named]) in &totals.liars {
        println!(
            "{behaviour:?}: in {had} seeds, seen in {seen}, {times} times, named by its signature {named} times"
        );
    }
    let failed = failed.into_inner().unwrap();
    for (seed, what) in &failed {
        println!(
            "seed {seed}: {what}\n{:?}\nagain: TALLY_SEED={seed} cargo test --workspace --test simulation -- --nocapture seeds_hold",
            Plan::of(*seed)
        );
    }
    assert!(failed.is_empty(), "{} seeds failed", failed.len());
    println!("0 forks, 0 equivocations by the honest, 0 lost");
}

/// What is broken is found, within so many seeds and for the reason that it should be.
fn found(mutant: Mutant, liar: Option<Behaviour>, why: &str) {
    let mut others = Vec::new();
    for seed in 0..60 {
        let mut plan = Plan::of(seed);
        plan.mutant = Some(mutant);
        if let Some(behaviour) = liar {
            plan.founders = 4;
            plan.turns.clear();
            plan.liars = BTreeMap::from([(1, behaviour)]);
        }
        if let Err(what) = simulate(plan) {
            if what.contains(why) {
                println!("{mutant:?}: seed {seed}: {what}");
                return;
            }
            others.push((seed, what));
        }
    }
    panic!("{mutant:?} was not found: {others:?}");
}

#[test]
fn a_quorum_that_is_one_too_small_forks() {
    found(Mutant::QuorumTooSmall, Some(Behaviour::Equivocate), "M107");
}

#[test]
fn blocks_that_nobody_verifies_are_found() {
    let liar = Some(Behaviour::InvalidEntries);
    found(Mutant::VerifySkipped, liar, "something invalid is final");
    let liar = Some(Behaviour::WrongRoot);
    found(Mutant::VerifySkipped, liar, "something invalid is final");
}

#[test]
fn a_counter_that_is_ignored_is_found() {
    found(Mutant::ReplayIgnored, Some(Behaviour::Replay), "L104");
}

#[test]
fn an_honest_authority_that_votes_twice_is_found() {
    found(
        Mutant::VotesTwice,
        Some(Behaviour::Equivocate),
        "voted twice",
    );
}

#[test]
fn a_disk_that_forgets_is_found() {
    found(Mutant::ForgetsWhenKilled, None, "M106");
}

#[test]
fn what_is_signed_once_and_lost_is_found() {
    found(Mutant::SignsOnce, None, "stuck");
}

#[test]
fn a_witness_that_forgets_is_found() {
    found(Mutant::WitnessForgets, None, "is not caught by the witness");
}

#[test]
fn what_is_relayed_once_and_lost_is_found() {
    found(Mutant::RelaysOnce, None, "stuck");
}
