//! `tally appeal`: who does not agree with what a claim came to, by when that is to be
//! decided, and what was decided.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tally_core::appeal::{AppealId, Event, Moment, Party, TEXT_BYTES, Window};
use tally_core::claim::ClaimId;
use tally_store::port::{AppealFilter, AppealRow, Appeals as _};
use tally_types::ServiceDate;

use super::claim::see_through;
use super::determination::ReviewFile;
use super::{Ended, NodeArgs, parse_claim, parse_date, plural, read_file, say, table};
use crate::appeals::{Texts, appeal_json, days_left, is_overdue, picture, stage};
use crate::node::{ActStand, AppealRead, Deciding, Filing, Node, PutRight};

#[derive(Subcommand)]
pub enum AppealCommand {
    /// File an appeal of what a claim comes to
    File(FileArgs),
    /// List appeals with their deadlines, the soonest first where they are open
    List(ListArgs),
    /// Show an appeal: what is appealed, by when, and all that happened
    Show(ShowArgs),
    /// Decide an appeal; what is overturned is settled by hand, as `tally claim review` does
    Decide(DecideArgs),
    /// Put the deadline of an appeal off, as far as its level allows
    Extend(ExtendArgs),
    /// Ask for more; the clock stands still until the answer, or until a day
    Ask(AskArgs),
    /// Note that what was asked for was answered
    Answer(AnswerArgs),
    /// Note that an appeal was taken back
    Withdraw(WithdrawArgs),
    /// Show the levels that the configuration has
    Levels(LevelsArgs),
}

#[derive(Clone, Copy, ValueEnum)]
enum PartyArg {
    /// The member, or whoever acts for them
    Member,
    /// The provider
    Provider,
}

impl From<PartyArg> for Party {
    fn from(party: PartyArg) -> Self {
        match party {
            PartyArg::Member => Self::Member,
            PartyArg::Provider => Self::Provider,
        }
    }
}

#[derive(Args)]
#[command(group(ArgGroup::new("why").required(true).args(["reason", "file"])))]
pub struct FileArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// At which level, by its name; the next when not said
    #[arg(long, value_name = "NAME")]
    level: Option<String>,
    /// Who appeals
    #[arg(long, value_enum)]
    by: PartyArg,
    /// Why, in their words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A file with their words: plain text
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// It cannot wait: to be decided within the level's hours
    #[arg(long)]
    expedited: bool,
    /// The day it was received; today when not said
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    on: Option<ServiceDate>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ListArgs {
    /// Only those that wait for a decision
    #[arg(long)]
    open: bool,
    /// Only those whose time to be decided is over
    #[arg(long)]
    overdue: bool,
    /// Only those of a claim
    #[arg(long, value_parser = parse_claim, value_name = "CLAIM")]
    claim: Option<ClaimId>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An appeal, and where it is.
#[derive(Args)]
struct Of {
    /// The appeal
    #[arg(value_parser = parse_appeal, value_name = "APPEAL")]
    appeal: AppealId,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
#[command(group(ArgGroup::new("what").required(true).args(["uphold", "overturn", "overturned_by"])))]
pub struct DecideArgs {
    #[command(flatten)]
    of: Of,
    /// What was decided stays
    #[arg(long)]
    uphold: bool,
    /// What is determined of each line instead, as JSON: docs/lifecycle.md
    #[arg(long, value_name = "FILE")]
    overturn: Option<PathBuf>,
    /// The act by which the claim was put right before, as when its contract was decided anew
    #[arg(long, value_parser = parse_claim, value_name = "ACT")]
    overturned_by: Option<ClaimId>,
    /// What was asked for is granted in part
    #[arg(long, conflicts_with = "uphold")]
    in_part: bool,
    /// Why: it stays with the decision
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Args)]
pub struct ExtendArgs {
    #[command(flatten)]
    of: Of,
    /// By how many days
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    days: i32,
    /// Why: it stays with the appeal
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Args)]
pub struct AskArgs {
    #[command(flatten)]
    of: Of,
    /// For what
    #[arg(long = "for", value_name = "TEXT")]
    what: String,
    /// Until when an answer is waited for
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    until: ServiceDate,
}

#[derive(Args)]
pub struct AnswerArgs {
    #[command(flatten)]
    of: Of,
    /// What was answered
    #[arg(long, value_name = "TEXT")]
    note: String,
}

#[derive(Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    of: Of,
    /// Why: it stays with the appeal
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Args)]
pub struct LevelsArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The longest file with somebody's words.
const LONGEST: u64 = TEXT_BYTES as u64;
/// Appeals that are read at a time.
const PAGE: u32 = 256;

fn parse_appeal(text: &str) -> Result<AppealId, String> {
    AppealId::parse(text).ok_or_else(|| {
        "an appeal's id is 32 hexadecimal digits, as `tally appeal list` prints it".to_owned()
    })
}

pub async fn run(command: AppealCommand) -> Result<Ended> {
    match command {
        AppealCommand::File(args) => file(&args).await,
        AppealCommand::List(args) => list(&args).await,
        AppealCommand::Show(args) => show(&args).await,
        AppealCommand::Decide(args) => decide(&args).await,
        AppealCommand::Extend(args) => extend(&args).await,
        AppealCommand::Ask(args) => ask(&args).await,
        AppealCommand::Answer(args) => answer(&args).await,
        AppealCommand::Withdraw(args) => withdraw(&args).await,
        AppealCommand::Levels(args) => levels(&args),
    }
}

async fn file(args: &FileArgs) -> Result<Ended> {
    let reason = match (&args.reason, &args.file) {
        (Some(reason), _) => reason.clone(),
        (None, Some(path)) => words(path)?,
        (None, None) => anyhow::bail!("say `--reason` or `--file`"),
    };
    let payer = args.node.parties()?.payer;
    let node = args.node.open().await?;
    let filing = Filing {
        claim: args.claim,
        level: args.level.as_deref(),
        by: args.by.into(),
        reason: &reason,
        expedited: args.expedited,
        on: args.on,
    };
    let appeal = node
        .file_appeal(payer.appeal.levels(), &filing)
        .await
        .with_context(|| format!("no appeal of claim {} was taken in", args.claim))?;
    told(&node, appeal, args.json).await
}

fn words(path: &std::path::Path) -> Result<String> {
    let bytes = read_file(path, LONGEST)?;
    anyhow::ensure!(
        bytes.len() as u64 <= LONGEST,
        "{} is longer than {LONGEST} bytes",
        path.display()
    );
    String::from_utf8(bytes)
        .ok()
        .with_context(|| format!("{} is no plain text: save it as UTF-8", path.display()))
}

/// Says what an appeal has come to.
async fn told(node: &Node, id: AppealId, in_json: bool) -> Result<Ended> {
    let read = node.read_appeal(id, "appeal-read").await?;
    let now = node.moment();
    if in_json {
        say(appeal_json(&read, now, Texts::Told))?;
    } else {
        explain(&read, now)?;
    }
    Ok(Ended::Well)
}

async fn show(args: &ShowArgs) -> Result<Ended> {
    let node = args.of.node.open().await?;
    told(&node, args.of.appeal, args.of.json).await
}

async fn decide(args: &DecideArgs) -> Result<Ended> {
    let file = args.overturn.as_deref().map(ReviewFile::read).transpose()?;
    let node = args.of.node.open().await?;
    let id = args.of.appeal;
    let lines = |description: &_| match &file {
        Some(file) => file.determine(description),
        None => Ok(Vec::new()),
    };
    let in_part = args.in_part;
    let deciding = match (&file, args.overturned_by) {
        (Some(_), _) => Deciding::Overturned {
            in_part,
            lines: &lines,
        },
        (None, Some(act)) => Deciding::OverturnedBy { in_part, act },
        (None, None) => Deciding::Upheld,
    };
    let act = node
        .decide_appeal(id, &deciding, &args.reason)
        .await
        .with_context(|| format!("appeal {id} was not decided"))?;
    if let Some(file) = &file {
        file.say_notes();
    }
    let acts: Vec<ClaimId> = act.into_iter().collect();
    let seen = see_through(&node, &acts).await?;
    let read = node.read_appeal(id, "appeal-read").await?;
    let now = node.moment();
    if args.of.json {
        let mut value = appeal_json(&read, now, Texts::Told);
        value["changes"] = seen.changes.clone().into();
        say(value)?;
    } else {
        explain(&read, now)?;
        if !acts.is_empty() {
            say("")?;
            say(seen.table())?;
        }
    }
    Ok(seen.ended())
}

async fn extend(args: &ExtendArgs) -> Result<Ended> {
    let node = args.of.node.open().await?;
    let id = args.of.appeal;
    node.extend_appeal(id, args.days, &args.reason)
        .await
        .with_context(|| format!("the deadline of appeal {id} was not put off"))?;
    told(&node, id, args.of.json).await
}

async fn ask(args: &AskArgs) -> Result<Ended> {
    let node = args.of.node.open().await?;
    let id = args.of.appeal;
    node.ask_of_appeal(id, &args.what, args.until)
        .await
        .with_context(|| format!("nothing was asked for in appeal {id}"))?;
    told(&node, id, args.of.json).await
}

async fn answer(args: &AnswerArgs) -> Result<Ended> {
    let node = args.of.node.open().await?;
    let id = args.of.appeal;
    node.answer_of_appeal(id, &args.note)
        .await
        .with_context(|| format!("no answer was noted in appeal {id}"))?;
    told(&node, id, args.of.json).await
}

async fn withdraw(args: &WithdrawArgs) -> Result<Ended> {
    let node = args.of.node.open().await?;
    let id = args.of.appeal;
    node.withdraw_appeal(id, &args.reason)
        .await
        .with_context(|| format!("appeal {id} was not taken back"))?;
    told(&node, id, args.of.json).await
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let now = node.moment();
    let mut reads = Vec::new();
    let mut filter = AppealFilter {
        open: args.open || args.overdue,
        after: 0,
        limit: PAGE,
    };
    loop {
        let rows: Vec<AppealRow> = match args.claim {
            Some(claim) => node.store().appeals_of(claim).await?,
            None => node.store().appeals(&filter).await?,
        };
        let last = rows.last().map(|row| row.place);
        let more = args.claim.is_none() && rows.len() == PAGE as usize;
        reads.extend(node.read_appeals(rows, "appeals-listed").await?);
        match last {
            Some(last) if more => filter.after = last,
            _ => break,
        }
    }
    reads.retain(|read| {
        let open = read.row.open;
        (!filter.open || open) && (!args.overdue || is_overdue(read, now))
    });
    // What is to be decided first stands first; what is closed, by its filing.
    reads.sort_by_key(|read| {
        let left = days_left(read, now);
        (left.is_none(), left, read.row.place)
    });
    if args.json {
        let listed = reads.iter().map(|read| appeal_json(read, now, Texts::Told));
        say(Value::Array(listed.collect()))?;
        return Ok(Ended::Well);
    }
    if reads.is_empty() {
        say("There is no such appeal.")?;
        return Ok(Ended::Well);
    }
    let rows = reads.iter().map(|read| {
        let filed = read.appeal.as_filed();
        vec![
            read.row.id.to_string(),
            read.row.claim.to_string(),
            filed.name.clone(),
            filed.by.to_string(),
            stage(read, now).to_string(),
            read.appeal.on().to_string(),
            read.appeal.due(now).to_string(),
            picture(read, now),
        ]
    });
    say(table(
        &[
            "appeal", "claim", "level", "by", "stands", "filed", "due", "time",
        ],
        rows,
    ))?;
    let overdue = reads.iter().filter(|read| is_overdue(read, now)).count();
    say(format!(
        "{}, {overdue} overdue.",
        plural(reads.len() as u64, "appeal")
    ))?;
    Ok(Ended::Well)
}

/// An appeal for a person.
fn explain(read: &AppealRead, now: Moment) -> Result<()> {
    let appeal = &read.appeal;
    let filed = appeal.as_filed();
    say(format!(
        "Appeal {} of claim {}: {}",
        read.row.id,
        read.row.claim,
        stage(read, now)
    ))?;
    let hurry = if filed.expedited { ", expedited" } else { "" };
    say(format!(
        "Level {} ({}), by the {}{hurry}",
        filed.level, filed.name, filed.by
    ))?;
    let entry = filed.appealed.entry;
    let entry = entry.map_or(String::new(), |entry| format!(", entry {entry}"));
    say(format!(
        "Of outcome {}{entry}, known since {}, to be appealed by {}",
        crate::node::keys::hex(&filed.appealed.outcome),
        filed.known,
        filed.last_day
    ))?;
    say(format!(
        "Filed {}, to be decided by {}  {}",
        appeal.on(),
        appeal.due(now),
        picture(read, now)
    ))?;
    if let Some(changed) = read.changed {
        let how = if changed.gone {
            "taken back"
        } else {
            "changed"
        };
        say(format!(
            "What is appealed stands no more: it was {how} on {} by {}",
            changed.on, changed.by
        ))?;
    }
    if let Some(PutRight { act, stand, .. }) = read.act {
        let how = match stand {
            ActStand::Done => "done",
            ActStand::GivenUp => "discarded: `tally appeal decide` it again",
            ActStand::Missing | ActStand::Waits => "not done yet",
        };
        say(format!("Put right by {act}, {how}"))?;
    }
    let rows = read.events.iter().map(|(day, event)| {
        let (what, by, text) = match event {
            Event::Filed(filed) => ("filed".to_owned(), &filed.noted_by, &filed.reason),
            Event::Extended { by, reason, days } => (
                format!("put off by {}", crate::appeals::days(*days)),
                by,
                reason,
            ),
            Event::Asked { by, what, until } => (format!("asked, until {until}"), by, what),
            Event::Answered { by, what } => ("answered".to_owned(), by, what),
            Event::Decided(of) => (of.verdict.to_string(), &of.by, &of.reason),
            Event::Withdrawn { by, reason } => ("withdrawn".to_owned(), by, reason),
        };
        vec![day.to_string(), what, by.clone(), text.clone()]
    });
    say(table(&["day", "what", "noted by", "words"], rows))
}

fn levels(args: &LevelsArgs) -> Result<Ended> {
    let payer = args.node.parties()?.payer;
    let levels = payer.appeal.levels();
    if args.json {
        let of = levels.iter().map(|level| {
            let (days, months) = match level.file_within {
                Window::Days(days) => (Some(days), None),
                Window::Months(months) => (None, Some(months)),
            };
            json!({
                "name": level.name,
                "file_within_days": days,
                "file_within_months": months,
                "decide_within_days": level.decide_within,
                "extend_days": level.extend,
                "expedited_hours": level.expedited,
                "member": level.member,
                "provider": level.provider,
            })
        });
        say(Value::Array(of.collect()))?;
        return Ok(Ended::Well);
    }
    if levels.is_empty() {
        say("No level of appeal is configured: `[[payer.appeal]]` says them (docs/appeals.md).")?;
        return Ok(Ended::Well);
    }
    let rows = (1..).zip(levels).map(|(number, level): (u32, _)| {
        let open = match (level.member, level.provider) {
            (true, true) => "member, provider",
            (true, false) => "member",
            _ => "provider",
        };
        let hours = level.expedited;
        vec![
            number.to_string(),
            level.name.clone(),
            level.file_within.to_string(),
            crate::appeals::days(level.decide_within),
            crate::appeals::days(level.extend),
            hours.map_or("-".to_owned(), |hours| format!("{hours} hours")),
            open.to_owned(),
        ]
    });
    say(table(
        &[
            "level>",
            "name",
            "file within",
            "decide within",
            "put off by",
            "expedited",
            "open to",
        ],
        rows,
    ))?;
    Ok(Ended::Well)
}
