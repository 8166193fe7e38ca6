//! `tally policy`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tally_sandbox::{Backend, Limits, Sandbox};
use tally_types::ServiceDate;

use super::{Ended, NodeArgs, say, table};
use crate::node::keys::hex;
use crate::policies::Loaded;

#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Make a new policy: a small plan with tables, clauses and worked cases, ready to change
    New(NewArgs),
    /// Build a policy's folder to a component
    Build(BuildArgs),
    /// Build a policy and run its worked cases on the real component
    Test(TestArgs),
    /// Publish a component, signed, from an effective date on
    Publish(PublishArgs),
    /// List what is published
    List(ListArgs),
    /// A policy in its own terms: clauses, accumulators, why it lets claims wait
    Show(super::policy_show::ShowArgs),
}

#[derive(Args)]
pub struct NewArgs {
    /// The new folder; its last part is the policy's name
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(Args)]
pub struct BuildArgs {
    /// The policy's folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where to write the component; FOLDER/NAME.wasm when not said
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct TestArgs {
    /// The policy's folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct PublishArgs {
    /// The component, as `tally policy build` wrote it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The first date of service it is in force on
    #[arg(long, value_parser = super::parse_date, value_name = "DATE")]
    effective: ServiceDate,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(command: PolicyCommand) -> Result<Ended> {
    match command {
        PolicyCommand::New(args) => new(&args),
        PolicyCommand::Build(args) => build(&args),
        PolicyCommand::Test(args) => test(&args),
        PolicyCommand::Publish(args) => publish(&args).await,
        PolicyCommand::List(args) => list(&args).await,
        PolicyCommand::Show(args) => super::policy_show::show(&args).await,
    }
}

fn new(args: &NewArgs) -> Result<Ended> {
    let name = args
        .folder
        .file_name()
        .and_then(|name| name.to_str())
        .context("the folder needs a name, for instance `my-plan`")?;
    tally_policy_build::template(name, &args.folder)?;
    let folder = args.folder.display();
    say(format!(
        "Made {folder}: the plan in src/lib.rs, its tables in tables/, its worked cases in cases/.\n\
         Next: `tally policy test {folder}`"
    ))?;
    Ok(Ended::Well)
}

/// Builds a folder, with a note that it may take a while.
fn built(folder: &Path) -> Result<tally_policy_build::Built> {
    let spinner = indicatif::ProgressBar::new_spinner();
    spinner.set_message(format!("building {}", folder.display()));
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    let built = tally_policy_build::build(folder, &folder.join("target"));
    spinner.finish_and_clear();
    Ok(built?)
}

fn build(args: &BuildArgs) -> Result<Ended> {
    let built = built(&args.folder)?;
    // What cannot be published is not worth writing: say so now.
    let sandbox = Sandbox::new(Backend::Cranelift)?;
    let loaded = Loaded::new(&sandbox, built.component.clone()).with_context(|| {
        format!(
            "{} was built, but cannot be a policy",
            args.folder.display()
        )
    })?;
    let description = loaded.policy.description();
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let folder = args.folder.canonicalize().context("the folder")?;
            let name = folder.file_name().unwrap_or_default().to_owned();
            args.folder.join(name).with_extension("wasm")
        }
    };
    std::fs::write(&out, &built.component)
        .with_context(|| format!("{} could not be written", out.display()))?;
    if args.json {
        say(json!({
            "file": out.display().to_string(),
            "hash": hex(&built.hash),
            "bytes": built.component.len(),
            "product": description.product,
            "version": description.version,
            "indirect_cycles": loaded.indirect_cycles,
        }))?;
    } else {
        say(format!(
            "{} ({} {}, {} bytes)\nhash {}",
            out.display(),
            description.product,
            description.version,
            built.component.len(),
            hex(&built.hash)
        ))?;
        if loaded.indirect_cycles > 0 {
            say(format!(
                "note: {} functions may call themselves through a table; none is proven to",
                loaded.indirect_cycles
            ))?;
        }
    }
    Ok(Ended::Well)
}

fn test(args: &TestArgs) -> Result<Ended> {
    let built = built(&args.folder)?;
    let sandboxes = tally_testing::Sandboxes::new()?;
    let policy = tally_testing::load_policy(built.component, &sandboxes).with_context(|| {
        format!(
            "{} was built, but cannot be a policy",
            args.folder.display()
        )
    })?;
    let report = tally_testing::run_cases(&args.folder, &policy)?;
    if args.json {
        let cases: Vec<_> = report
            .cases
            .iter()
            .map(|case| {
                let differences: Vec<String> =
                    case.differences.iter().map(ToString::to_string).collect();
                json!({
                    "case": case.file,
                    "title": case.title,
                    "clauses": case.clauses,
                    "passed": case.passed(),
                    "error": case.error.as_ref().map(ToString::to_string),
                    "differences": differences,
                    "fuel": case.fuel(),
                })
            })
            .collect();
        say(json!({
            "passed": report.cases.len() - report.failures(),
            "failed": report.failures(),
            "backends_alike": report.alike(),
            "cases": cases,
        }))?;
    } else {
        say(&report)?;
    }
    Ok(if report.passed() {
        Ended::Well
    } else {
        Ended::Refused
    })
}

async fn publish(args: &PublishArgs) -> Result<Ended> {
    let limit = Limits::COMPONENT_BYTES as u64;
    let component = super::read_file(&args.file, limit)?;
    let node = args.node.open().await?;
    let published = match node.publish(component, args.effective).await {
        Ok(published) => published,
        Err(error) => {
            let error = anyhow::Error::from(error);
            bail!(
                "{} is not published: {}",
                args.file.display(),
                super::chain(&error)
            );
        }
    };
    let publication = &published.publication;
    if args.json {
        say(json!({
            "product": publication.product,
            "version": published.description.version,
            "effective": publication.effective.to_string(),
            "hash": hex(&publication.policy),
            "entry": published.index,
            "fuel": publication.fuel,
        }))?;
    } else {
        say(format!(
            "Published {} {} ({}), in force for services from {} on: entry {} of the ledger.\nhash {}",
            publication.product,
            published.description.version,
            published.description.title,
            publication.effective,
            published.index,
            hex(&publication.policy)
        ))?;
    }
    Ok(Ended::Well)
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let book = node.book().await?;
    let rows: Vec<_> = book
        .publications()
        .filter_map(|(index, publication)| {
            let description = book.loaded(&publication.policy)?.policy.description();
            Some((index, publication, description))
        })
        .collect();
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(index, publication, description)| {
                let tables: Vec<_> = publication
                    .tables
                    .iter()
                    .map(|table| json!({ "name": table.name, "hash": hex(&table.hash) }))
                    .collect();
                json!({
                    "product": publication.product,
                    "title": description.title,
                    "version": description.version,
                    "effective": publication.effective.to_string(),
                    "hash": hex(&publication.policy),
                    "entry": index,
                    "tables": tables,
                })
            })
            .collect();
        say(json!(rows))?;
        return Ok(Ended::Well);
    }
    say(table(
        &["product", "version", "effective", "title", "entry>", "hash"],
        rows.iter().map(|(index, publication, description)| {
            let hash = hex(&publication.policy);
            vec![
                publication.product.clone(),
                description.version.clone(),
                publication.effective.to_string(),
                description.title.clone(),
                index.to_string(),
                format!("{}…", hash.get(..16).unwrap_or_default()),
            ]
        }),
    ))?;
    Ok(Ended::Well)
}
