//! The command line. Exit code 0 only when all went well, 1 when something was
//! refused or failed, 2 for wrong use, 3 from `ledger verify` alone.

mod access;
mod adjudicate;
mod appeal;
mod authorization;
mod claim;
mod consent;
mod determination;
mod eligibility;
mod flag;
mod folder;
mod keys;
mod ledger;
mod member;
mod org;
mod payment;
mod policy;
mod policy_show;
mod print;
mod queue;
mod role;
mod statement;
mod table;
mod told;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use tally_core::claim::ClaimId;
use tally_types::ServiceDate;

use crate::config::{Config, PayeeConfig, PayerConfig, PoliciesConfig};
use crate::node::Node;
use crate::node::clock::Clock;
use crate::node::consent::Rules;
use crate::roles::Which;
pub use claim::{estimate_json, explain};
pub use print::{Progress, plural, table};

/// Claims adjudication that is right to the cent and provable.
#[derive(Parser)]
#[command(name = "tally", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The main job, end to end: families, claims, outcomes, flags, receipts, pages
    Demo(crate::demo::DemoArgs),
    /// Several organisations on one machine, each a process of its own, on one shared ledger
    Network(crate::network::NetworkArgs),
    /// Run a node: the API, pages, intake, relay and workers
    Node(role::RoleArgs),
    /// Run workers alone, beside a node
    Worker(role::RoleArgs),
    /// Run the relay alone, beside a node
    Relay(role::RoleArgs),
    /// Set up a node's databases and keys, or bring them up to date
    Migrate(role::MigrateArgs),
    /// What waits, and what could not be used
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Adjudicate a file of claims with a policy, without a node
    Adjudicate(adjudicate::AdjudicateArgs),
    /// Contracts, their members and their accumulators
    #[command(subcommand)]
    Member(OfMembers),
    /// Submit claims, read what they came to
    #[command(subcommand)]
    Claim(claim::ClaimCommand),
    /// Ask for prior authorisations and referrals, decide them, see what is used of them
    #[command(subcommand)]
    Authorization(authorization::AuthorizationCommand),
    /// Pay what is settled: an 835 for each payee, recorded
    #[command(subcommand)]
    Payment(payment::PaymentCommand),
    /// Appeals of claims: file, list, decide
    #[command(subcommand)]
    Appeal(appeal::AppealCommand),
    /// Whether members are covered, and what is left of their benefits: X12 270 or FHIR
    Eligibility(eligibility::EligibilityArgs),
    /// What was flagged, with its evidence
    #[command(subcommand)]
    Flag(flag::FlagCommand),
    /// Write, build, test and publish a policy
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Reference tables: made of published files, shown, compared
    #[command(subcommand)]
    Table(table::TableCommand),
    /// The ledger: checkpoints, receipts, replay
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Who may read: grants, custodians, groups; who did read
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// The node's keys: which there are, how they stand, others in their place
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Organisations of a shared ledger: found, join, leave, rotate, vote, list
    #[command(subcommand)]
    Org(org::OrgCommand),
}

/// Everything of `tally member`.
#[derive(Subcommand)]
enum OfMembers {
    #[command(flatten)]
    Enrolment(member::MemberCommand),
    /// Print everything of a member as a FHIR R4 Bundle: who they are, their cover, their claims
    Access(access::AccessArgs),
}

/// Where a node is.
#[derive(Args, Clone)]
pub struct NodeArgs {
    /// The node's folder; it is made, with the bundled policies published, when it is missing
    #[arg(
        long,
        value_name = "DIR",
        env = "TALLY_DATA",
        conflicts_with = "config"
    )]
    pub data: Option<PathBuf>,
    /// The configuration of a node that is more than a folder, in place of `--data`
    #[arg(long, value_name = "FILE", env = "TALLY_CONFIG")]
    pub config: Option<PathBuf>,
    /// The day it is, for demonstrations
    #[arg(long, value_name = "DAY", hide = true, value_parser = parse_date)]
    day: Option<ServiceDate>,
}

impl NodeArgs {
    /// Who pays and is paid, as the configuration says; a payer of an example
    /// without one.
    pub fn parties(&self) -> Result<Parties> {
        let Some(path) = &self.config else {
            return Ok(Parties::default());
        };
        let config = Config::read(path)?;
        Ok(Parties {
            payer: config.payer,
            payees: config.payees,
        })
    }

    /// What the configuration says of who may read; of a payer of an example without one.
    pub fn rules(&self) -> Result<Rules> {
        match &self.config {
            None => Ok(Rules::default()),
            Some(path) => Ok(Rules::of(&Config::read(path)?)),
        }
    }

    /// Opens the node, on the machine's clock unless a day is said.
    pub async fn open(&self) -> Result<Node> {
        self.open_with(PoliciesConfig::Bundled).await
    }

    /// The same; a folder that is made gets these policies, whatever has a configuration
    /// those of it.
    pub async fn open_with(&self, policies: PoliciesConfig) -> Result<Node> {
        let clock = self.day.map_or(Clock::System, Clock::simulated);
        match &self.config {
            None => {
                let data = self.data.as_deref().unwrap_or(Path::new("tally-data"));
                open_node(data, clock, policies).await
            }
            Some(path) => {
                let config = Config::read(path)?;
                Node::configured(&config, "command", clock).await
            }
        }
    }
}

/// Who pays and who is paid, as far as the configuration says it.
#[derive(Default)]
pub struct Parties {
    /// Who pays.
    pub payer: PayerConfig,
    /// Who is paid.
    pub payees: Vec<PayeeConfig>,
}

/// Opens a node's folder.
pub async fn open_node(folder: &Path, clock: Clock, policies: PoliciesConfig) -> Result<Node> {
    Node::open_with(folder, clock, policies)
        .await
        .with_context(|| format!("the node in {} could not be opened", folder.display()))
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All went well.
    Well,
    /// Something was refused or failed; it has been said.
    Refused,
    /// A receipt holds, under a key that nothing vouches for.
    NotTrusted,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging();
    if let Err(error) = crate::network::end_with_network() {
        eprintln!("error: {}", chain(&error));
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Refused) => ExitCode::FAILURE,
        Ok(Ended::NotTrusted) => ExitCode::from(3),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<Ended> {
    match command {
        Command::Demo(args) => crate::demo::run(&args).await,
        Command::Network(args) => crate::network::run(&args).await,
        Command::Node(args) => role::run(args, Which::Node).await,
        Command::Worker(args) => role::run(args, Which::Worker).await,
        Command::Relay(args) => role::run(args, Which::Relay).await,
        Command::Migrate(args) => role::migrate(args).await,
        Command::Queue(command) => queue::run(command).await,
        Command::Adjudicate(args) => adjudicate::run(&args),
        Command::Member(OfMembers::Enrolment(command)) => member::run(command).await,
        Command::Member(OfMembers::Access(args)) => access::run(&args).await,
        Command::Claim(command) => claim::run(command).await,
        Command::Authorization(command) => authorization::run(command).await,
        Command::Payment(command) => payment::run(command).await,
        Command::Appeal(command) => appeal::run(command).await,
        Command::Eligibility(args) => eligibility::run(&args).await,
        Command::Flag(command) => flag::run(command).await,
        Command::Policy(command) => policy::run(command).await,
        Command::Table(command) => table::run(&command),
        Command::Ledger(command) => ledger::run(command).await,
        Command::Consent(command) => consent::run(command).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Org(command) => org::run(command).await,
    }
}

/// Logs go to standard error: warnings, unless `TALLY_LOG` says otherwise
/// (`TALLY_LOG=info`, `TALLY_LOG=tally=trace`). They name claims by id and hold
/// nothing that identifies a person.
fn start_logging() {
    use std::str::FromStr as _;
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::filter::Directive;
    let filter = EnvFilter::try_from_env("TALLY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // The client library logs whole messages.
    let quiet = [Directive::from_str("lapin=off")];
    let filter = quiet
        .into_iter()
        .flatten()
        .fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .finish();
    // Not `init`: where a crate of the workspace has it built so, that lets in what
    // libraries say through `log`, compilers and clients whole messages among it.
    if let Err(error) = tracing::subscriber::set_global_default(subscriber) {
        eprintln!("error: there will be no log: {error}");
    }
}

/// An error with its causes, without saying twice what an error says of its own
/// cause.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Whoever reads our output may stop reading: that is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Reads a file named on the command line, at most `limit` bytes.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    use std::io::Read as _;
    anyhow::ensure!(
        !path.is_dir(),
        "{} is a folder: name the files in it",
        path.display()
    );
    let file = std::fs::File::open(path)
        .with_context(|| format!("{} cannot be opened", path.display()))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(bytes)
}

/// Writes a line of output.
pub fn say(text: impl std::fmt::Display) -> Result<()> {
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

fn parse_date(text: &str) -> Result<ServiceDate, String> {
    ServiceDate::parse(text).map_err(|error| error.to_string())
}

fn parse_claim(text: &str) -> Result<ClaimId, String> {
    ClaimId::parse(text).ok_or_else(|| {
        "a claim's id is 32 hexadecimal digits, as `tally claim export` prints it".to_owned()
    })
}
