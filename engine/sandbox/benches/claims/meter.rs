//! Processor time of this thread, and medians over rounds.

use rustix::time::{ClockId, clock_gettime};

/// Seconds of processor time this thread has had.
pub fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[allow(clippy::cast_precision_loss)]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

const ROUNDS: usize = 31;
/// Seconds of each variant in each round.
const TURN: f64 = 0.02;

/// Seconds a call takes, for each variant: the median over rounds in which
/// each has its turn.
pub fn compare<const N: usize>(mut variants: [&mut dyn FnMut(); N]) -> [f64; N] {
    let times = variants.each_mut().map(|variant| {
        (0..20).for_each(|_| variant());
        let mut times = 1u32;
        loop {
            let began = cpu();
            (0..times).for_each(|_| variant());
            let took = cpu() - began;
            if took > TURN / 2.0 {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let turn = (f64::from(times) * TURN / took).ceil() as u32;
                break turn.max(1);
            }
            times *= 2;
        }
    });
    let mut rounds: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((variant, times), took) in variants.iter_mut().zip(times).zip(&mut rounds) {
            let began = cpu();
            (0..times).for_each(|_| variant());
            took.push((cpu() - began) / f64::from(times));
        }
    }
    rounds.map(|mut round| {
        round.sort_by(f64::total_cmp);
        round[ROUNDS / 2]
    })
}
