//! Faults: everything that can be killed is killed, and what can fail fails;
//! then the database, the log and the broker are compared with what was
//! submitted. `docs/faults.md` says what is done and how to do it again.
//!
//! As a test it runs one round of each kind; `-- campaign …` runs as many as
//! one likes.

mod campaign;
mod clock;
mod compare;
mod dice;
mod kinds;
mod load;
mod poison;
mod round;
mod servers;
mod site;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};

use kinds::{KINDS, Kind};
use round::Round;
use servers::Servers;

/// Claims of a round of the tests.
const CLAIMS: usize = 300;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("campaign", rest)) = arguments.split_first().map(|(a, rest)| (a.as_str(), rest)) {
        return match campaign::campaign(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let mut arguments = Arguments::from_args();
    // Rounds share servers that they kill; and their processes end with the
    // thread that started them.
    arguments.test_threads = Some(1);
    let servers: Arc<Mutex<Option<Servers>>> = Arc::default();
    let mut trials: Vec<Trial> = KINDS
        .iter()
        .map(|(kind, _)| {
            let servers = Arc::clone(&servers);
            Trial::test(kind.name(), move || one(&servers, *kind))
        })
        .collect();
    trials.push(Trial::test("nothing-depends-on-the-clock", || {
        Ok(clock::nothing_depends_on_the_clock()?)
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The servers end before the process does.
    drop(
        servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    );
    conclusion.exit_code()
}

/// One round of a kind, always the same.
fn one(servers: &Mutex<Option<Servers>>, kind: Kind) -> Result<(), Failed> {
    let mut servers = servers.lock().unwrap_or_else(PoisonError::into_inner);
    let started = match servers.take() {
        Some(started) => started,
        None => Servers::start()?,
    };
    let servers = servers.insert(started);
    let folder = tempfile::Builder::new().prefix("tally-faults-").tempdir()?;
    let round = Round {
        kind,
        seed: 1,
        claims: CLAIMS,
    };
    let found = match round::run(servers, round, folder.path()) {
        Ok(None) => return Ok(()),
        Ok(Some(found)) if found.violations() == 0 => return Ok(()),
        Ok(Some(found)) => found.said.join("\n"),
        Err(error) => format!("{error:#}"),
    };
    let folder = folder.keep();
    Err(format!("{found}\nthe processes' logs are in {}", folder.display()).into())
}
