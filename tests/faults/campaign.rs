//! Many rounds, one after the other, that can be broken off and gone on with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::compare::Found;
use crate::dice::Dice;
use crate::kinds::{KINDS, Kind};
use crate::round::{Hold, Round, run};
use crate::servers::Servers;

/// What was asked.
struct Asked {
    rounds: u64,
    claims: usize,
    seed: u64,
    state: PathBuf,
    kind: Option<Kind>,
    /// One round of this seed, outside of the campaign's account.
    one: Option<u64>,
}

/// What there has been.
#[derive(Default, Serialize, Deserialize)]
struct State {
    seed: u64,
    rounds: u64,
    claims: u64,
    kills_of_servers: u64,
    seconds: f64,
    by_kind: BTreeMap<String, u64>,
    lost: u64,
    doubled: u64,
    wrong_accumulators: u64,
    wrong_outcomes: u64,
    inversions: u64,
    innocents: u64,
    others: u64,
    failures: Vec<Failure>,
}

#[derive(Serialize, Deserialize)]
struct Failure {
    kind: String,
    seed: u64,
    claims: usize,
    folder: PathBuf,
    said: Vec<String>,
}

const USAGE: &str =
    "campaign [--rounds N] [--claims N] [--seed S] [--state FILE] [--kind NAME] [--one SEED]";

/// Runs until so many rounds are done in all, or one differs.
pub fn campaign(arguments: &[String]) -> Result<()> {
    let asked = asked(arguments)?;
    let mut state = State::default();
    if asked.one.is_none() && asked.state.is_file() {
        let text = std::fs::read_to_string(&asked.state)?;
        state = serde_json::from_str(&text).context("the state file is none")?;
        if state.seed != asked.seed {
            bail!("{} is of the seed {}", asked.state.display(), state.seed);
        }
    }
    state.seed = asked.seed;
    let mut servers = Servers::start()?;
    let last = match asked.one {
        Some(_) => state.rounds + 1,
        None => asked.rounds,
    };
    while state.rounds < last {
        let mut dice = Dice::new(asked.seed, &format!("round {}", state.rounds));
        let kind = asked.kind.unwrap_or_else(|| drawn(&mut dice));
        let seed = asked.one.unwrap_or_else(|| dice.next() % 1_000_000_007);
        let round = Round {
            kind,
            seed,
            claims: asked.claims,
        };
        let folder = tempfile::Builder::new().prefix("tally-faults-").tempdir()?;
        let begun = Instant::now();
        let came = run(Hold::Alone(&mut servers), round, folder.path());
        state.rounds += 1;
        state.seconds += begun.elapsed().as_secs_f64();
        let found = match came {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) => Found {
                others: 1,
                said: vec![format!("{error:#}")],
                ..Found::default()
            },
        };
        state.take(kind, &found);
        println!(
            "{:4} {:28} seed {:<10} {:6} claims {:5.1} s: {}",
            state.rounds,
            kind.name(),
            seed,
            found.claims,
            begun.elapsed().as_secs_f64(),
            if found.violations() == 0 {
                "all as it should be"
            } else {
                "DIFFERS"
            }
        );
        let failed = found.violations() > 0;
        if failed {
            let folder = folder.keep();
            for said in &found.said {
                eprintln!("  {said}");
            }
            eprintln!(
                "error: {} of seed {seed} differs; its processes' logs are in {}. Again: campaign --kind {} --claims {} --one {seed}",
                kind.name(),
                folder.display(),
                kind.name(),
                asked.claims
            );
            state.failures.push(Failure {
                kind: kind.name(),
                seed,
                claims: asked.claims,
                folder,
                said: found.said.clone(),
            });
        }
        if asked.one.is_none() {
            state.keep(&asked.state)?;
        }
        if state.rounds % 10 == 0 || state.rounds == last || failed {
            println!("{}", state.summary());
        }
        if failed {
            bail!("a round differs");
        }
    }
    Ok(())
}

impl State {
    fn take(&mut self, kind: Kind, found: &Found) {
        *self.by_kind.entry(kind.name()).or_default() += 1;
        self.claims += found.claims;
        self.kills_of_servers += u64::from(kind.kills_a_server());
        self.lost += found.lost;
        self.doubled += found.doubled;
        self.wrong_accumulators += found.wrong_accumulators;
        self.wrong_outcomes += found.wrong_outcomes;
        self.inversions += found.inversions;
        self.innocents += found.innocents;
        self.others += found.others;
    }

    fn keep(&self, path: &Path) -> Result<()> {
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(std::fs::rename(&fresh, path)?)
    }

    fn summary(&self) -> String {
        format!(
            "     {} rounds ({} killing a server), {} claims, {:.0} s: lost {}, doubled {}, wrong accumulators {}, wrong outcomes {}, inversions {}, innocents {}, others {}",
            self.rounds,
            self.kills_of_servers,
            self.claims,
            self.seconds,
            self.lost,
            self.doubled,
            self.wrong_accumulators,
            self.wrong_outcomes,
            self.inversions,
            self.innocents,
            self.others
        )
    }
}

/// A kind, as often as it is to come.
fn drawn(dice: &mut Dice) -> Kind {
    let all: u32 = KINDS.iter().map(|(_, often)| often).sum();
    let mut at = dice.next() % u64::from(all);
    for (kind, often) in KINDS {
        if at < u64::from(often) {
            return kind;
        }
        at -= u64::from(often);
    }
    Kind::Undisturbed
}

fn asked(arguments: &[String]) -> Result<Asked> {
    let mut asked = Asked {
        rounds: 500,
        claims: 2000,
        seed: 1,
        state: "faults.json".into(),
        kind: None,
        one: None,
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next().context(USAGE)?;
        match name.as_str() {
            "--rounds" => asked.rounds = value.parse().context(USAGE)?,
            "--claims" => asked.claims = value.parse().context(USAGE)?,
            "--seed" => asked.seed = value.parse().context(USAGE)?,
            "--state" => asked.state = value.into(),
            "--one" => asked.one = Some(value.parse().context(USAGE)?),
            "--kind" => {
                let names: Vec<String> = KINDS.iter().map(|(kind, _)| kind.name()).collect();
                let kind = Kind::of_name(value);
                asked.kind = Some(kind.with_context(|| format!("kinds: {}", names.join(", ")))?);
            }
            _ => bail!(USAGE),
        }
    }
    Ok(asked)
}
