//! Faults: everything that can be killed is killed, and what can fail fails;
//! then the database, the log and the broker are compared with what was
//! submitted. `docs/faults.md` says what is done and how to do it again.
//!
//! As a test it runs one round of each kind; `-- campaign …` runs as many as
//! one likes.

mod acts;
mod campaign;
mod clock;
mod compare;
mod dice;
mod kinds;
mod load;
mod payer;
mod poison;
mod round;
mod servers;
mod site;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};

use libtest_mimic::{Arguments, Failed, Trial};

use kinds::{KINDS, Kind};
use round::{Hold, Round};
use servers::Servers;

/// Claims of a round of the tests.
const CLAIMS: usize = 200;
/// Rounds at once, unless `--test-threads` says otherwise: most of a round is
/// waiting.
const AT_ONCE: usize = 4;

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
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let servers: Arc<RwLock<Option<Servers>>> = Arc::default();
    // Those that need the servers alone come last, so that nobody waits.
    let mut kinds: Vec<Kind> = KINDS.iter().map(|(kind, _)| *kind).collect();
    kinds.sort_by_key(|kind| kind.harms_servers());
    let mut trials: Vec<Trial> = kinds
        .into_iter()
        .map(|kind| {
            let servers = Arc::clone(&servers);
            Trial::test(kind.name(), move || one(&servers, kind))
        })
        .collect();
    trials.push(Trial::test("nothing-depends-on-the-clock", || {
        Ok(clock::nothing_depends_on_the_clock()?)
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The servers end before the process does.
    drop(
        servers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    );
    conclusion.exit_code()
}

/// One round of a kind, always the same. Those that leave the servers alone
/// run beside each other.
fn one(servers: &RwLock<Option<Servers>>, kind: Kind) -> Result<(), Failed> {
    // Whoever asks to write waits for all rounds.
    let there = |servers: &Option<Servers>| servers.is_some();
    if !there(&servers.read().unwrap_or_else(PoisonError::into_inner)) {
        let mut started = servers.write().unwrap_or_else(PoisonError::into_inner);
        if !there(&started) {
            *started = Some(Servers::start()?);
        }
    }
    let folder = tempfile::Builder::new().prefix("tally-faults-").tempdir()?;
    let round = Round {
        kind,
        seed: 1,
        claims: CLAIMS,
    };
    let gone = "the servers are gone";
    let came = if kind.harms_servers() {
        let mut servers = servers.write().unwrap_or_else(PoisonError::into_inner);
        round::run(
            Hold::Alone(servers.as_mut().ok_or(gone)?),
            round,
            folder.path(),
        )
    } else {
        let servers = servers.read().unwrap_or_else(PoisonError::into_inner);
        round::run(
            Hold::Shared(servers.as_ref().ok_or(gone)?),
            round,
            folder.path(),
        )
    };
    let found = match came {
        Ok(None) => return Ok(()),
        Ok(Some(found)) if found.violations() == 0 => return Ok(()),
        Ok(Some(found)) => found.said.join("\n"),
        Err(error) => format!("{error:#}"),
    };
    let last = last_words(folder.path());
    let folder = folder.keep();
    Err(format!(
        "{found}\nthe processes' logs are in {}, and end:{last}",
        folder.display()
    )
    .into())
}

/// The last lines of each process of a round, for where only what was printed
/// is kept.
fn last_words(folder: &Path) -> String {
    const LINES: usize = 12;
    const WIDTH: usize = 240;
    let mut logs: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
        .collect();
    logs.sort();
    let mut said = String::new();
    for log in logs {
        let text = std::fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        said.push_str(&format!("\n  {}", log.display()));
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            let line: String = line.chars().take(WIDTH).collect();
            said.push_str(&format!("\n    {line}"));
        }
    }
    said
}
