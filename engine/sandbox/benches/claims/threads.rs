//! Two threads at once: whether one is in the other's way.

use std::sync::Barrier;

use crate::meter;
use crate::world::World;

const CLAIMS: u32 = 20_000;
const ROUNDS: usize = 9;

/// Processor and wall seconds a claim, of one thread among `threads`.
fn measure(world: &World, threads: usize) -> (f64, f64) {
    let context = world.context(5);
    let ready = Barrier::new(threads);
    let each: Vec<(f64, f64)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    (0..1_000).for_each(|_| drop(world.run(&world.cranelift, &context)));
                    ready.wait();
                    let (cpu, wall) = (meter::cpu(), std::time::Instant::now());
                    (0..CLAIMS).for_each(|_| drop(world.run(&world.cranelift, &context)));
                    (meter::cpu() - cpu, wall.elapsed().as_secs_f64())
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    #[allow(clippy::cast_precision_loss)]
    let per = f64::from(CLAIMS) * threads as f64;
    let cpu = each.iter().map(|(cpu, _)| cpu).sum::<f64>() / per;
    let wall = each.iter().map(|(_, wall)| *wall).fold(0.0, f64::max) / f64::from(CLAIMS);
    (cpu, wall)
}

pub fn report(world: &World) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("threads, five-line claims ({cores} cores here)");
    let mut rounds: Vec<[(f64, f64); 2]> = (0..ROUNDS)
        .map(|_| [measure(world, 1), measure(world, 2)])
        .collect();
    rounds.sort_by(|a, b| (a[0].0 / a[1].0).total_cmp(&(b[0].0 / b[1].0)));
    let [one, two] = rounds[ROUNDS / 2];
    println!(
        "  a claim takes {:.0} ns of one thread, {:.0} ns of each of two: efficiency {:.2} \
         by processor time",
        one.0 * 1e9,
        two.0 * 1e9,
        one.0 / two.0
    );
    rounds.sort_by(|a, b| (a[0].1 / a[1].1).total_cmp(&(b[0].1 / b[1].1)));
    let [one, two] = rounds[ROUNDS / 2];
    println!(
        "  {:.2} by wall time, which whatever else runs here disturbs",
        one.1 / two.1
    );
}
