//! `tally demo`: the main job, end to end, on an embedded node.

pub mod generate;
mod servers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tally_core::ledger::{Receipt, ReceiptError, Trust, Verdict, verify_receipt};
use tally_sandbox::Backend;
use tally_store::port::{ClaimFilter, FlagFilter, Reading as _, Totals};

use self::generate::{Population, generate};
use self::servers::Servers;
use crate::cli::{Ended, Progress, open_node, plural, say, table};
use crate::config::PoliciesConfig;
use crate::node::clock::Clock;
use crate::node::keys::hex;
use crate::node::{ClaimRead, Delivery, Node, Replayed};
use crate::view::ClaimView;

/// What `tally demo` takes.
#[derive(Args)]
pub struct DemoArgs {
    /// The node's folder; a fresh one that is removed afterwards when not said
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port of the pages on localhost; 0 is any free one
    #[arg(long, default_value_t = 8420)]
    port: u16,
    /// What families, claims and schemes are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// About how many claims
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    claims: u32,
    /// End when all is done, instead of serving the pages
    #[arg(long)]
    once: bool,
    /// Print one JSON object, and nothing for people
    #[arg(long)]
    json: bool,
    /// A RabbitMQ that carries the claims to workers: amqp://…
    #[arg(long, value_name = "URL", requires = "database")]
    broker: Option<String>,
    /// A PostgreSQL database that holds what the folder would, an empty one: postgres://…
    #[arg(long, value_name = "URL", requires = "broker")]
    database: Option<String>,
}

/// All that the demo found.
struct Report {
    totals: Totals,
    balanced: bool,
    digest: String,
    size: u64,
    root: String,
    verified: bool,
    replayed: Replayed,
    seconds: f64,
}

/// Runs the demo.
///
/// # Errors
/// When the node fails, or its folder holds other claims.
pub async fn run(args: &DemoArgs) -> Result<Ended> {
    let begun = Instant::now();
    let population = generate(args.seed, args.claims as usize);
    let (folder, _temporary) = match &args.data {
        Some(folder) => (folder.clone(), None),
        None => {
            let made = tempfile::Builder::new()
                .prefix("tallystick-demo-")
                .tempdir()
                .context("no temporary folder could be made: say one with `--data`")?;
            (made.path().to_owned(), Some(made))
        }
    };
    let first = population
        .files
        .first()
        .context("the population has no claims")?;
    let clock = || Clock::simulated(first.received);
    let mut servers = match args.broker.as_ref().zip(args.database.as_ref()) {
        None => None,
        Some((broker, database)) => {
            let kept = args.data.is_some();
            Some(Servers::start(&folder, broker, database, clock(), kept).await?)
        }
    };
    let node = match &servers {
        Some(servers) => Arc::clone(&servers.node),
        None => Arc::new(open_node(&folder, clock(), PoliciesConfig::Bundled).await?),
    };
    let people = !args.json;
    if people {
        introduce(&node, &population).await?;
    }
    fill(&node, &population, servers.as_mut()).await?;

    let reads = node.read_claims(&ClaimFilter::default(), "demo").await?;
    let star = find(&reads, &population.star).or_else(|| reads.first());
    let star = star.context("no claim was adjudicated")?;
    let progress = Progress::bar("replaying", reads.len() as u64);
    let replayed = node
        .replay(Backend::Pulley, &|checked| progress.at(checked))
        .await?;
    progress.done();
    let receipt = node.receipt(star.row.id).await?;
    let report = report(&node, &reads, &receipt, replayed, begun).await?;
    if args.json {
        say(report.json())?;
    } else {
        conclude(&node, &report, star, &receipt).await?;
    }
    let ended = report.ended();
    if !args.once {
        if people && ended != Ended::Well {
            eprintln!(
                "error: something above is not as it should be; the pages show what there is"
            );
        }
        crate::pages::serve(node, args.port).await?;
    }
    if let Some(servers) = servers {
        servers.clean().await?;
    }
    Ok(ended)
}

async fn introduce(node: &Node, population: &Population) -> Result<()> {
    let members: usize = population.contracts.iter().map(|c| c.members.len()).sum();
    let node_is = if node.beside_broker() {
        format!(
            "A node on PostgreSQL and RabbitMQ, with its keys in {}",
            node.folder().display()
        )
    } else {
        format!("An embedded node in {}", node.folder().display())
    };
    say(format!(
        "{node_is}, and {} with {}.",
        plural(population.contracts.len() as u64, "family contract"),
        plural(members as u64, "member"),
    ))?;
    let book = node.book().await?;
    let rows: Vec<_> = book
        .publications()
        .filter_map(|(index, publication)| {
            let loaded = book.loaded(&publication.policy)?;
            let description = loaded.policy.description();
            Some(vec![
                description.title.clone(),
                description.version.clone(),
                publication.effective.to_string(),
                format!("{} KB", loaded.bytes.div_ceil(1024)),
                format!("{}…", hex(&publication.policy).get(..16)?),
                index.to_string(),
            ])
        })
        .collect();
    say("\nPublished: rules compiled to WebAssembly, proven harmless, signed")?;
    say(table(
        &[
            "policy",
            "version",
            "in force from",
            "size>",
            "hash",
            "entry>",
        ],
        rows,
    ))
}

/// Enrols the families, submits the files on their simulated days, adjudicates.
async fn fill(node: &Node, population: &Population, servers: Option<&mut Servers>) -> Result<()> {
    let totals = node.store().totals().await?;
    let progress = Progress::bar("enrolling", population.contracts.len() as u64);
    if totals.read == 0 {
        for (position, contract) in (1u64..).zip(&population.contracts) {
            node.enrol(contract, false).await?;
            progress.at(position);
        }
    }
    progress.done();
    let progress = Progress::bar("taking in", population.files.len() as u64);
    let mut queued = 0;
    for (position, file) in (1u64..).zip(&population.files) {
        node.clock().set(file.received);
        let submitted = node.submit(Delivery::local(&file.bytes, None)).await?;
        // A demo that was stopped goes on; another's claims are left alone.
        if position == 1 && totals.read > 0 && !submitted.again {
            bail!(
                "{} holds other claims than this demo's: say another folder with `--data`",
                node.folder().display()
            );
        }
        queued += submitted.claims.len() as u64;
        progress.at(position);
    }
    progress.done();
    let progress = Progress::bar("adjudicating", queued);
    match servers {
        None => {
            node.drain(&|done| progress.at(done)).await?;
        }
        Some(servers) => servers.finish(&|done| progress.at(done)).await?,
    }
    progress.done();
    Ok(())
}

fn find<'a>(reads: &'a [ClaimRead], control_number: &str) -> Option<&'a ClaimRead> {
    reads
        .iter()
        .find(|read| read.claim.control_number == control_number)
}

async fn report(
    node: &Node,
    reads: &[ClaimRead],
    receipt: &Receipt,
    replayed: Replayed,
    begun: Instant,
) -> Result<Report> {
    let totals = node.store().totals().await?;
    let (_, checkpoint) = node.checkpoint().await?;
    let mut hasher = Sha256::new();
    let mut balanced = true;
    for read in reads {
        let Some((outcome, body)) = read.outcome.as_ref().zip(read.body.as_ref()) else {
            continue;
        };
        hasher.update(&body.outcome.0);
        balanced &= balances(read, outcome);
    }
    let verified =
        trusted(receipt, &node.trust().await?).is_ok() && node.fsck().await?.faults.is_empty();
    Ok(Report {
        totals,
        balanced,
        digest: hex(&hasher.finalize()),
        size: checkpoint.size,
        root: hex(&checkpoint.root),
        verified,
        replayed,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// The identities of a remittance, computed again from the outside: no
/// outcome that breaks one can be constructed.
fn balances(read: &ClaimRead, outcome: &tally_core::adjudication::Outcome) -> bool {
    let lines = outcome.lines().iter().all(|line| {
        let adjusted: i64 = line.adjustments().iter().map(|a| a.amount.scaled()).sum();
        line.charge().scaled() - adjusted == line.paid().scaled()
    });
    let paid: i64 = outcome.lines().iter().map(|l| l.paid().scaled()).sum();
    lines && paid == outcome.paid().scaled() && outcome.charge() == read.claim.charge
}

impl Report {
    fn ended(&self) -> Ended {
        let sound = self.balanced
            && self.verified
            && self.replayed.identical()
            && self.replayed.breaks.is_empty();
        if sound { Ended::Well } else { Ended::Refused }
    }

    fn json(&self) -> Value {
        let totals = &self.totals;
        json!({
            "claims": totals.paid + totals.denied + totals.pended + totals.refused,
            "paid": totals.paid,
            "denied": totals.denied,
            "pended": totals.pended,
            "refused": totals.refused,
            "flags": totals.flags,
            "charge": totals.charge.to_string(),
            "allowed": totals.allowed.to_string(),
            "paid_amount": totals.paid_amount.to_string(),
            "patient": totals.patient.to_string(),
            "balanced": self.balanced,
            "outcomes_digest": self.digest,
            "ledger": { "size": self.size, "root": self.root, "verified": self.verified },
            "replay": {
                "checked": self.replayed.checked,
                "identical": self.replayed.identical(),
                "chain_breaks": self.replayed.breaks.len(),
            },
            "seconds": self.seconds,
        })
    }
}

async fn conclude(node: &Node, report: &Report, star: &ClaimRead, receipt: &Receipt) -> Result<()> {
    let totals = &report.totals;
    let claims = totals.paid + totals.denied + totals.pended + totals.refused;
    say(format!("\n{claims} claims"))?;
    say(table(
        &["outcome", "claims>", ""],
        [
            (
                "paid",
                totals.paid,
                "processed, at least one line not denied",
            ),
            (
                "denied",
                totals.denied,
                "every line denied, with the reason and the clause",
            ),
            (
                "pended",
                totals.pended,
                "waiting, with what would resolve it",
            ),
            (
                "refused",
                totals.refused,
                "cannot be read: told where and why",
            ),
        ]
        .map(|(what, count, means)| vec![what.to_owned(), count.to_string(), means.to_owned()]),
    ))?;
    say(format!(
        "Charged {}, allowed {}, paid {}, patients owe {}. Balanced: {}.",
        totals.charge,
        totals.allowed,
        totals.paid_amount,
        totals.patient,
        yes(report.balanced)
    ))?;
    show_flags(node).await?;
    say("\nOne claim explained")?;
    let view = ClaimView::of(star, &node.book().await?);
    crate::cli::explain(&view)?;
    show_receipt(node, receipt).await?;
    let replayed = &report.replayed;
    say(format!(
        "\nReplayed {} on another backend (Pulley): {}; breaks in the chain of sequence, balances, policies and tables: {}.",
        plural(replayed.checked, "claim"),
        if replayed.identical() {
            "every outcome the same to the byte"
        } else {
            "NOT all the same"
        },
        replayed.breaks.len()
    ))?;
    say(format!(
        "Ledger: {} entries, root {}, verified: {}.\nOutcomes digest {}\nDone in {:.1} s.",
        report.size,
        report.root,
        yes(report.verified),
        report.digest,
        report.seconds
    ))
}

async fn show_flags(node: &Node) -> Result<()> {
    let flags = node.read_flags(&FlagFilter::default(), "demo").await?;
    say(format!(
        "\n{}: evidence for a person; none changed a payment",
        plural(flags.len() as u64, "flag")
    ))?;
    let rows = flags.iter().take(12).map(|read| {
        let flag = &read.flag;
        vec![
            flag.pattern.as_str().to_owned(),
            flag.score.to_string(),
            flag.first_seen.to_string(),
            flag.claims.len().to_string(),
            flag.exposure.to_string(),
            flag.parts
                .iter()
                .max_by_key(|part| part.points)
                .map_or(String::new(), |part| part.reason.clone()),
        ]
    });
    say(table(
        &[
            "pattern",
            "score>",
            "first seen",
            "lines>",
            "at stake>",
            "most of all",
        ],
        rows,
    ))?;
    if flags.len() > 12 {
        say(format!("… and {} more.", flags.len() - 12))?;
    }
    Ok(())
}

/// That a receipt holds, under keys of a trust file.
fn trusted(receipt: &Receipt, trust: &Trust) -> Result<(), ReceiptError> {
    match verify_receipt(receipt, Some(trust))? {
        (Verdict::Trusted, _) => Ok(()),
        (Verdict::Consistent, _) => Err(ReceiptError::Untrusted),
    }
}

/// Verifies a receipt, and a copy in which one cent was moved.
async fn show_receipt(node: &Node, receipt: &Receipt) -> Result<()> {
    let trust = node.trust().await?;
    let text = receipt.to_string();
    let verdict = Receipt::parse(&text).and_then(|receipt| trusted(&receipt, &trust));
    say(format!(
        "\nIts receipt ({} bytes), verified with public bytes alone: {}",
        text.len(),
        match verdict {
            Ok(()) => "it holds, and its log is trusted".to_owned(),
            Err(error) => format!("IT DOES NOT HOLD: {error}"),
        }
    ))?;
    let mut forged = receipt.clone();
    if let Some(byte) = forged.body.get_mut(60) {
        *byte ^= 1;
    }
    let caught = Receipt::parse(&forged.to_string()).and_then(|receipt| trusted(&receipt, &trust));
    say(format!(
        "A copy with one bit of the outcome changed: {}",
        match caught {
            Ok(()) => "NOT CAUGHT".to_owned(),
            Err(error) => format!("caught: {error}"),
        }
    ))
}

fn yes(good: bool) -> &'static str {
    if good { "yes" } else { "NO" }
}
