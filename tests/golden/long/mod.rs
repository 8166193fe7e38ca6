//! Properties of all products over generated claims, a share of them in every run
//! of the tests, and as many as are asked for:
//!
//! ```text
//! TALLY_GENERATED=1000000 cargo test --release -p tally-tests --test golden -- long
//! ```
//!
//! Families of claims are generated, the same ones every time for the same number,
//! and decided by the real components. Of every claim the amounts balance, no
//! accumulator passes its limit, and what was posted is what the books say; of a
//! unit, a claim that is voided was never there, and one that
//! is replaced was always its replacement. A third of the families is of codes whose
//! prices are then raised, a third of codes that no rule across lines concerns, and
//! their claims are split.

mod check;
mod market;
mod spec;

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use check::Tried;
use market::{Market, Mix};

use crate::products;

/// Claims of a run of all tests.
const ALWAYS: u64 = 1_200;
/// Families of a batch: one product, one mix.
const FAMILIES: u32 = 8;
const MIXES: [Mix; 3] = [Mix::Any, Mix::Priced, Mix::Apart];

fn asked() -> Option<u64> {
    let text = std::env::var("TALLY_GENERATED").ok()?;
    let claims = text.replace('_', "").parse();
    Some(claims.expect("TALLY_GENERATED is a number of claims"))
}

/// What a run does: batches by number, until there are enough claims.
struct Run {
    claims: u64,
    markets: Vec<Market>,
    tried: Tried,
    next: AtomicU64,
    broken: Mutex<Option<String>>,
    bar: ProgressBar,
    /// When a line was last written, where nobody watches.
    told: Mutex<Instant>,
}

impl Run {
    fn work(&self) {
        loop {
            let enough = self.tried.claims.load(Ordering::Relaxed) >= self.claims;
            if enough || self.broken.lock().unwrap().is_some() {
                return;
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if let Err(what) = self.batch(number) {
                self.broken.lock().unwrap().get_or_insert(what);
                return;
            }
            let claims = self.tried.claims.load(Ordering::Relaxed);
            self.bar.set_position(claims.min(self.claims));
            self.tell(claims);
        }
    }

    /// One batch: the same one for the same number.
    fn batch(&self, number: u64) -> Result<(), String> {
        let at = usize::try_from(number).unwrap();
        let market = &self.markets[at % self.markets.len()];
        let mix = MIXES[at / self.markets.len() % MIXES.len()];
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let config = Config {
            cases: FAMILIES,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        TestRunner::new_with_rng(config, rng)
            .run(&spec::family(), |spec| {
                check::family(market, mix, &spec, &self.tried)
            })
            .map_err(|error| format!("{} {mix:?}, batch {number}: {error}", market.name))
    }

    /// A line a minute where there is no terminal for a bar.
    fn tell(&self, claims: u64) {
        let Ok(mut told) = self.told.try_lock() else {
            return;
        };
        if !self.bar.is_hidden() || told.elapsed() < Duration::from_secs(60) {
            return;
        }
        *told = Instant::now();
        let _ = writeln!(std::io::stderr(), "{claims} of {} claims", self.claims);
    }
}

/// The properties of generated claims, through every product's component.
#[test]
fn properties_hold_of_generated_claims() {
    let asked = asked();
    let claims = asked.unwrap_or(ALWAYS);
    let bar = match asked.is_some() && std::io::stderr().is_terminal() {
        true => ProgressBar::new(claims),
        false => ProgressBar::hidden(),
    };
    bar.set_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} claims, {per_sec}, {eta} left")
            .unwrap(),
    );
    let run = Run {
        claims,
        markets: products::NAMES.map(Market::of).into(),
        tried: Tried::default(),
        next: AtomicU64::new(0),
        broken: Mutex::new(None),
        bar,
        told: Mutex::new(Instant::now()),
    };
    let threads = match asked {
        Some(_) => std::thread::available_parallelism().map_or(1, Into::into),
        None => 1,
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| run.work());
        }
    });
    run.bar.finish_and_clear();
    if let Some(what) = run.broken.into_inner().unwrap() {
        panic!("{what}");
    }
    let took = begun.elapsed();
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let tried = &run.tried;
    let said = format!(
        "{} claims, {} decisions in {took:.0?} on {threads} threads: {} claims/s, {} decisions/s\n\
         paid {}, denied {}, pended {}; re-adjudicated {}, dearer {}, split {}, on Winch too {}",
        of(&tried.claims),
        of(&tried.decisions),
        u128::from(of(&tried.claims)) * 1_000 / took.as_millis().max(1),
        u128::from(of(&tried.decisions)) * 1_000 / took.as_millis().max(1),
        of(&tried.paid),
        of(&tried.denied),
        of(&tried.pended),
        of(&tried.retroactive),
        of(&tried.dearer),
        of(&tried.split),
        of(&tried.winch),
    );
    if asked.is_some() {
        let _ = writeln!(std::io::stderr(), "{said}");
    }
    println!("{said}");
    // Every property is tried, and every kind of outcome comes about.
    for count in [&tried.paid, &tried.denied, &tried.pended] {
        assert!(of(count) >= of(&tried.claims) / 50, "{said}");
    }
    for count in [&tried.retroactive, &tried.dearer, &tried.split] {
        assert!(of(count) >= of(&tried.claims) / 8, "{said}");
    }
}
