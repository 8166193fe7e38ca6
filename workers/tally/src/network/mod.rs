//! `tally network`: several organisations on one machine, each a process of its
//! own with a store of its own, on one shared ledger.

mod organisations;
mod outage;
mod page;
mod processes;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};

use self::organisations::{Founded, Placed, Wanted};
use self::outage::{Outage, Plan};
use self::processes::Processes;
pub use self::processes::end_with_network;
use self::watch::{Dispute, Seen};
use crate::cli::{Ended, Progress, plural, say, table};
use crate::demo::generate::generate;
use crate::shared::client::Client;

/// What `tally network` takes.
#[derive(Args)]
pub struct NetworkArgs {
    /// Organisations, payers and providers in turn, each an authority
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    authorities: u8,
    /// About how many claims
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    claims: u32,
    /// What families and claims are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder of the organisations' folders; a fresh one that is removed afterwards when not said
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port of the page on localhost; 0 is any free one
    #[arg(long, default_value_t = 8420)]
    port: u16,
    /// Kill an authority while claims flow, and start it again
    #[arg(long)]
    kill: bool,
    /// Let the first payer pay by another fee schedule than it published: providers dispute it
    #[arg(long)]
    tamper: bool,
    /// End when all claims are agreed or disputed, instead of serving the page
    #[arg(long)]
    once: bool,
    /// Print one JSON object, and nothing for people
    #[arg(long)]
    json: bool,
}

/// How long nothing may change before the network is given up.
const HEADWAY: Duration = Duration::from_secs(60);
/// So many disputes are shown to people.
const SHOWN: usize = 5;
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the network.
///
/// # Errors
/// When an organisation's node cannot be made or ends, or nothing moves any more.
pub async fn run(args: &NetworkArgs) -> Result<Ended> {
    let begun = Instant::now();
    anyhow::ensure!(
        !args.kill || args.authorities > 3,
        "`--kill` needs four authorities: of fewer all must agree, and none can be spared"
    );
    let (folder, _temporary) = match &args.data {
        Some(folder) => {
            organisations::is_free(folder)?;
            (folder.clone(), None)
        }
        None => {
            let made = tempfile::Builder::new()
                .prefix("tallystick-network-")
                .tempdir()
                .context("no temporary folder could be made: say one with `--data`")?;
            (made.path().to_owned(), Some(made))
        }
    };
    // Better known now than when all claims are done.
    let listener = match args.once {
        true => None,
        false => Some(page::listen(args.port).await?),
    };
    let people = !args.json;
    let wanted = Wanted {
        authorities: args.authorities,
        seed: args.seed,
        claims: args.claims,
        tamper: args.tamper,
    };
    let founded = organisations::found(&folder, wanted).await?;
    if people {
        introduce(&founded)?;
    }
    let processes = Arc::new(Processes::start(&founded).await?);
    let outage = submit(&founded, &processes, args).await?;
    settle(&founded, &processes).await?;
    let seen = Seen::look(&founded).await;
    let verified = watch::verify(&founded, &seen).await?;
    let report = Report {
        seconds: begun.elapsed().as_secs_f64(),
        disputes: watch::disputes(&founded).await?,
        outage,
        keeps: args.data.is_some(),
        seen,
        verified,
    };
    if args.json {
        say(report.json())?;
    } else {
        report.tell(&founded)?;
    }
    if let Some(listener) = listener {
        let (founded, outage) = (Arc::new(founded), report.outage.clone());
        page::serve(founded, Arc::clone(&processes), outage, listener).await?;
    }
    processes.stop().await?;
    Ok(report.ended())
}

fn introduce(founded: &Founded) -> Result<()> {
    say(format!(
        "{} on the shared ledger {}, each a process of its own:",
        plural(founded.placed.len() as u64, "organisation"),
        founded.origin
    ))?;
    let rows = founded.placed.iter().map(|placed| {
        vec![
            placed.id.clone(),
            placed.name.clone(),
            placed.role.as_str().to_owned(),
            format!("http://{}", placed.pages),
        ]
    });
    say(table(
        &["organisation", "name", "role", "pages"],
        rows.collect::<Vec<_>>(),
    ))?;
    say(format!(
        "For all of them it is {day}: say `--day {day}` with a command on one of their folders, or it has another today.",
        day = founded.day
    ))
}

/// Providers send their claims to the payers' nodes, over HTTP and under their own keys.
async fn submit(
    founded: &Founded,
    processes: &Processes,
    args: &NetworkArgs,
) -> Result<Option<Outage>> {
    let payers: Vec<&Placed> = founded.payers().collect();
    let senders: Vec<&Placed> = match founded.providers().collect::<Vec<_>>() {
        none if none.is_empty() => payers.clone(),
        some => some,
    };
    let mut files = Vec::new();
    for (position, payer) in payers.iter().enumerate() {
        let share = founded.share(args.claims, position);
        if share == 0 {
            continue;
        }
        let population = generate(founded.seed_of(args.seed, position), share as usize);
        for (number, file) in population.files.into_iter().enumerate() {
            files.push((number, *payer, file));
        }
    }
    // Payers take turns, as they would.
    files.sort_by_key(|(number, ..)| *number);
    let count = files.len() as u64;
    let mut plan = args
        .kill
        .then(|| Plan::new(founded, processes, count))
        .transpose()?;
    let progress = Progress::bar("submitting", count);
    for (sent, (number, payer, file)) in (0u64..).zip(files) {
        if let Some(plan) = &mut plan {
            plan.at(sent).await?;
        }
        let sender = senders[number % senders.len()];
        let client = Client::new(&sender.id, *sender.signing);
        let url = format!("http://{}/api/v1/claims", payer.api);
        let key = format!("{}-{}-{number}", sender.id, payer.id);
        // Kept, so that what payers decided is held against what was sent.
        let kept = std::path::Path::new(&file.name).extension();
        let kept = founded
            .sent(&sender.id)
            .join(&key)
            .with_extension(kept.unwrap_or_default());
        std::fs::write(&kept, &file.bytes)?;
        let headers = [
            ("Idempotency-Key", format!("\"{key}\"")),
            ("Content-Type", kind_of(&file.name, &file.bytes).to_owned()),
        ];
        let answer = client
            .post(&url, Some(&payer.id), &headers, file.bytes)
            .await?;
        // What is refused is answered as such: some files are malformed on purpose.
        anyhow::ensure!(
            matches!(answer.status, 200 | 202 | 422),
            "{} did not take a file of {}: {:?}",
            payer.id,
            sender.id,
            answer.done().err()
        );
        progress.at(sent + 1);
    }
    progress.done();
    match plan {
        None => Ok(None),
        Some(plan) => Ok(Some(plan.over().await?)),
    }
}

/// The kind of a file of claims, for a header.
fn kind_of(name: &str, bytes: &[u8]) -> &'static str {
    match name.rsplit('.').next() {
        Some("ndjson") => "application/fhir+ndjson",
        Some("837" | "edi" | "x12") => "application/EDI-X12",
        _ if bytes.windows(14).any(|part| part == b"\"resourceType\"") => "application/fhir+json",
        _ => "application/json",
    }
}

/// Waits until every node's log stands on the ledger, under a checkpoint that all know.
async fn settle(founded: &Founded, processes: &Processes) -> Result<()> {
    let progress = Progress::spinner("agreeing");
    let mut last = (Seen::default(), Instant::now());
    let mut calm = 0;
    loop {
        processes.check().await?;
        let seen = Seen::look(founded).await;
        if seen.is_settled() {
            calm += 1;
            if calm >= 10 {
                progress.done();
                return Ok(());
            }
        } else {
            calm = 0;
        }
        if seen.entries() != last.0.entries() || seen.waits() != last.0.waits() {
            last = (seen, Instant::now());
        } else if calm == 0 && last.1.elapsed() > HEADWAY {
            anyhow::bail!(
                "nothing has moved for a minute: {}; the processes' logs are in {}",
                last.0.why(),
                founded.folder.display()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Report {
    seen: Seen,
    verified: watch::Verified,
    disputes: Vec<Dispute>,
    outage: Option<Outage>,
    /// Whether the folder stays.
    keeps: bool,
    seconds: f64,
}

impl Report {
    fn ended(&self) -> Ended {
        if self.verified.holds() {
            Ended::Well
        } else {
            Ended::Refused
        }
    }

    fn json(&self) -> Value {
        let checkpoint = self.seen.checkpoint();
        json!({
            "authorities": self.seen.authorities(),
            "height": self.seen.height(),
            "entries": self.seen.entries(),
            "agreed": self.seen.agreed(),
            "disputed": self.seen.disputed(),
            "checkpoint": {
                "size": checkpoint.map_or(0, |c| c.size),
                "root": checkpoint.map_or("", |c| &c.root),
                "signatures": checkpoint.map_or(0, |c| c.signers.len()),
                "cosignatures": checkpoint.map_or(0, |c| c.cosigners.len()),
            },
            "forks": self.verified.forks,
            "verified": self.verified.holds(),
            "receipts": self.verified.receipts,
            "disputes": self.disputes,
            "outage": self.outage.as_ref().map(Outage::json),
            "seconds": self.seconds,
        })
    }

    fn tell(&self, founded: &Founded) -> Result<()> {
        say("")?;
        say(table(
            &[
                "organisation",
                "height>",
                "entries>",
                "waits>",
                "agreed>",
                "disputed>",
                "checkpoint>",
                "signed by",
                "witnesses>",
            ],
            self.seen.rows(founded),
        ))?;
        for fault in &self.verified.faults {
            eprintln!("error: {fault}");
        }
        say(format!(
            "Checked from the outside: {} leaves of the ledger, every signature and rule of them; {} verified against the founders' keys; {}.",
            self.verified.leaves,
            plural(self.verified.receipts, "receipt"),
            match self.verified.forks {
                0 => "no forks".to_owned(),
                n => plural(n, "fork"),
            }
        ))?;
        if let Some(outage) = &self.outage {
            say(outage.told())?;
        }
        self.tell_disputes()?;
        if self.keeps {
            let folder = founded.folder.display();
            say(format!(
                "\nThe receipts are in {folder}/receipts. Verify them with the network off, by a program that shares no code with this one:\n  \
                 python3 verifiers/verify.py {folder}/receipts/* --trust {folder}/trust.json"
            ))?;
        }
        say(format!("{:.1} seconds.", self.seconds))
    }

    fn tell_disputes(&self) -> Result<()> {
        if self.disputes.is_empty() {
            return Ok(());
        }
        say(format!(
            "\n{}: what the published policy comes to is not what was paid by.",
            plural(self.disputes.len() as u64, "dispute")
        ))?;
        let rows = self.disputes.iter().take(SHOWN).map(|dispute| {
            vec![
                dispute.by.clone(),
                dispute.payer.clone(),
                dispute.claim.clone(),
                dispute.difference.clone(),
            ]
        });
        say(table(
            &["by", "payer", "claim", "first difference"],
            rows.collect::<Vec<_>>(),
        ))?;
        if self.disputes.len() > SHOWN {
            say(format!("… and {} more.", self.disputes.len() - SHOWN))?;
        }
        Ok(())
    }
}
