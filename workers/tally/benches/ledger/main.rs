//! The shared ledger, measured: authorities as processes of their own on loopback, each
//! with the parts of a node (rules, signatures, pool, scribe, notary) and a PostgreSQL
//! database of its own, against one of them alone with nobody to agree with.
//!
//!     cargo bench -p tally --bench ledger [-- SECONDS] [--only=NAME]
//!
//! for SECONDS a line (10), or one part: start, four, goal (of four, the goal's load alone), seven.
//!
//! An entry is a commitment; an envelope has a quarter of a block's entries, at most 250
//! as a node's relay sends them, under its organisation's signature. **Throughput**: every
//! organisation always has a next envelope waiting. **Finality**, at half of that load and
//! at the goal's: from the moment an envelope is due until its organisation's own store
//! has committed the block that has it, and until a checkpoint over it with a quorum's
//! signatures is kept. **The floor** does the same with one authority: the same rules, pool, signatures and
//! commits in one process, without consensus and with the machine to itself. All
//! processes, the server's too, share one machine, its clock, cores and disk.
//!
//! After each, all chains are read and audited: they have to be one, with all that was
//! acknowledged; else the program fails.

mod authority;
mod check;
mod events;
mod figures;
mod net;
mod people;
mod report;
mod sender;
mod start;

use std::time::Duration;

use anyhow::{Result, ensure};
use check::{Found, check};
use figures::{Back, Finality, Rate, back, measured, paced, percentile, saturated};
use net::Net;
use report::{Goals, heading, line};
use tally_rig::{Postgres, PostgresOptions};

const FOUR: usize = 4;
const SEVEN: usize = 7;
/// How long the others wait for one that is gone when it is its turn, at first.
const GONE: Duration = Duration::from_secs(8);
/// How long one is killed that comes back soon.
const SHORT: Duration = Duration::from_secs(2);
/// Entries a second that four are to take in.
const GOAL: f64 = 20_000.0;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut time = Duration::from_secs(10);
    let mut only = None;
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--only=") {
            Some(name) => only = Some(name.to_owned()),
            None if argument == "authority" => return authority::main(arguments),
            // `cargo test --benches` passes this: show only that it runs.
            None if argument == "--test" => time = Duration::from_secs(1),
            None => time = Duration::from_secs(argument.parse()?),
        }
    }
    // Room for its log, so that no checkpoint falls into one line and not into another.
    let server = Postgres::start_in(
        PostgresOptions::default()
            .set("shared_buffers", "512MB")
            .set("max_wal_size", "4GB")
            .set("wal_compression", "lz4")
            .set("checkpoint_timeout", "30min"),
    )?;
    let mut run = Run {
        server: &server,
        time,
        goals: Goals::default(),
        found: Found::default(),
    };
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores, {} s a line\n", time.as_secs());
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("start") {
        let took = start::alone()?.as_secs_f64();
        let what = "a single authority starts, with no configuration";
        run.goals.at_most(what, took, 1.0, " s");
    }
    if wanted("four") {
        run.four()?;
    }
    if only.as_deref() == Some("goal") {
        run.goal()?;
    }
    if wanted("seven") {
        run.seven()?;
    }
    run.end()
}

struct Run<'a> {
    server: &'a Postgres,
    time: Duration,
    goals: Goals,
    found: Found,
}

impl Run<'_> {
    fn checked(&mut self, net: &mut Net<'_>) -> Result<()> {
        self.found = self.found.plus(check(net)?);
        Ok(())
    }

    fn four(&mut self) -> Result<()> {
        println!("### Four authorities\n");
        heading("of the floor");
        let mut after = None;
        for most in [1, 100, 1000] {
            let mut net = Net::start(self.server, 1, most, None)?;
            let floor = saturated(&mut net, &[0], self.time)?;
            line(
                &format!("{most} a block: one alone"),
                Some(floor),
                Some(1.0),
                None,
            );
            self.checked(&mut net)?;
            drop(net);
            let mut net = Net::start(self.server, FOUR, most, None)?;
            let of = net.all();
            let (four, finality) = self.loads(&mut net, &of)?;
            let part = four.entries / floor.entries;
            line(
                &format!("{most} a block: 4 of 4"),
                Some(four),
                Some(part),
                Some(&finality),
            );
            if most == 100 {
                after = Some(self.faults(&mut net, four)?);
            }
            if most == 1000 {
                self.fast(&mut net, four)?;
            }
            self.checked(&mut net)?;
        }
        after
            .into_iter()
            .flatten()
            .for_each(|said| println!("{said}"));
        println!();
        Ok(())
    }

    /// Throughput, then finality at half of it.
    fn loads(&self, net: &mut Net<'_>, of: &[usize]) -> Result<(Rate, Finality)> {
        let rate = saturated(net, of, self.time)?;
        net.settle(of)?;
        Ok((rate, paced(net, of, rate.entries / 2.0, self.time)?))
    }

    /// The goal's load comes, whatever they can.
    fn fast(&mut self, net: &mut Net<'_>, four: Rate) -> Result<()> {
        let what = "four: entries/s at 1000 a block";
        self.goals.at_least(what, four.entries, GOAL, "");
        let finality = paced(net, &net.all(), GOAL, self.time)?;
        line(
            &format!("1000 a block: {GOAL} entries/s come to the 4"),
            None,
            None,
            Some(&finality),
        );
        let p99 = percentile(&finality.committed, 0.99);
        let what = format!("four: p99 while {GOAL} entries/s come");
        self.goals
            .at_most(&what, p99.unwrap_or(f64::INFINITY), 100.0, " ms");
        Ok(())
    }

    /// One dies and comes back: soon, and later.
    fn faults(&mut self, net: &mut Net<'_>, four: Rate) -> Result<Vec<String>> {
        let (last, others) = (FOUR - 1, [0, 1, 2]);
        net.pace(&net.all(), four.entries / 2.0)?;
        net.kill(last)?;
        std::thread::sleep(SHORT);
        let soon = back(net, last, &others)?;
        let what = "one of four killed and back: until it commits what is new";
        self.goals.at_most(what, soon.seconds, 5.0, " s");
        net.settle(&net.all())?;

        net.saturate(&others)?;
        net.kill(last)?;
        std::thread::sleep(GONE);
        let three = measured(net, &others, self.time)?;
        let part = three.entries / four.entries;
        line(
            "100 a block: 3 of 4, of what 4 make",
            Some(three),
            Some(part),
            None,
        );
        self.goals.at_least(
            "one of four dead: of the entries/s of four",
            100.0 * part,
            60.0,
            " %",
        );
        let mut said = vec![String::new()];
        for (share, called, least) in [(2, "half", false), (20, "a twentieth", true)] {
            net.settle(&others)?;
            let live = three.entries / f64::from(share);
            net.pace(&others, live)?;
            let late = back(net, last, &others)?;
            said.push(caught_up(called, live, &late));
            if least {
                let what = "caught up at, of what comes meanwhile";
                self.goals.at_least(what, late.rate / live, 10.0, " ×");
                break;
            }
            net.kill(last)?;
            net.saturate(&others)?;
            std::thread::sleep(GONE + self.time);
        }
        Ok(said)
    }

    /// The goal's load alone, to look at while it is there.
    fn goal(&mut self) -> Result<()> {
        println!("### Four authorities\n");
        heading("of the floor");
        let mut net = Net::start(self.server, FOUR, 1000, None)?;
        let of = net.all();
        let four = saturated(&mut net, &of, self.time)?;
        line("1000 a block: 4 of 4", Some(four), None, None);
        net.settle(&of)?;
        self.fast(&mut net, four)?;
        println!();
        self.checked(&mut net)
    }

    fn seven(&mut self) -> Result<()> {
        println!("### Seven authorities, a delaying proxy before each\n");
        heading("of no delay");
        let mut least = None;
        for far in [0, 50, 100] {
            let far = Duration::from_millis(far);
            let mut net = Net::start(self.server, SEVEN, 1000, Some(far))?;
            let of = net.all();
            let (rate, finality) = self.loads(&mut net, &of)?;
            let near = *least.get_or_insert(rate.entries);
            let what = format!("round trips of {} ms, 1000 a block", far.as_millis());
            line(
                &what,
                Some(rate),
                Some(rate.entries / near),
                Some(&finality),
            );
            self.checked(&mut net)?;
        }
        println!();
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        let Found {
            leaves,
            forks,
            lost,
        } = self.found;
        println!("All chains were read and audited: {leaves} leaves.\n");
        self.goals.none("forks", forks);
        self.goals.none("acknowledged entries lost", lost);
        self.goals.print();
        ensure!(forks == 0 && lost == 0, "{forks} forks, {lost} lost");
        Ok(())
    }
}

fn caught_up(share: &str, live: f64, late: &Back) -> String {
    format!(
        "- left out, and back while {:.0} entries/s come to the others ({share} of what they can): {} \
         entries caught up with at {:.0}/s, {:.1} times as fast; what is new after {:.1} s",
        live,
        late.entries,
        late.rate,
        late.rate / live,
        late.seconds
    )
}
