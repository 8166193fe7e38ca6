//! `tally queue dead`: claims set aside after host faults, and messages that
//! could not be used.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tally_core::claim::ClaimId;
use tally_queue::{Fate, Headers, Outgoing, Publisher, Topology, header};
use tally_store::port::{AuditRow, DeadLetterRow, DeadLetters as _, HeldRow, Work as _};
use tally_store::postgres::PostgresStore;

use super::{Ended, NodeArgs, plural, say, table};
use crate::config::Config;
use crate::node::Node;
use crate::node::clock::{Clock, when};
use crate::printable::printable;

#[derive(Subcommand)]
pub enum QueueCommand {
    /// Dead letters: what waits for an operator
    #[command(subcommand)]
    Dead(DeadCommand),
}

#[derive(Subcommand)]
pub enum DeadCommand {
    /// List what waits for an operator
    List(ListArgs),
    /// Show one, and why it is there
    Show(OneArgs),
    /// Try one again
    Replay(OneArgs),
    /// Give one up, with an entry in the audit trail
    Discard(OneArgs),
}

#[derive(Args)]
pub struct ListArgs {
    /// Also those that were settled
    #[arg(long)]
    all: bool,
    /// At most so many messages
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct OneArgs {
    /// A claim's id (32 hexadecimal digits) or a message's number, as the list shows it
    #[arg(value_name = "ID", value_parser = parse)]
    id: Dead,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What waits for an operator.
#[derive(Clone, Copy)]
enum Dead {
    Claim(ClaimId),
    Message(u64),
}

fn parse(text: &str) -> Result<Dead, String> {
    if let Some(claim) = ClaimId::parse(text) {
        return Ok(Dead::Claim(claim));
    }
    let number = text.strip_prefix('#').unwrap_or(text);
    number.parse().map(Dead::Message).map_err(|_| {
        "say a claim's id (32 hexadecimal digits) or a message's number, as `tally queue dead list` shows them".to_owned()
    })
}

pub async fn run(command: QueueCommand) -> Result<Ended> {
    let QueueCommand::Dead(command) = command;
    match command {
        DeadCommand::List(args) => list(&args).await,
        DeadCommand::Show(args) => show(&args).await,
        DeadCommand::Replay(args) => replay(&args).await,
        DeadCommand::Discard(args) => discard(&args).await,
    }
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let held = node.store().held().await?;
    let letters = match node.store().postgres() {
        None => Vec::new(),
        Some(store) => store.dead(args.all, args.limit).await?,
    };
    if args.json {
        let claims: Vec<Value> = held.iter().map(claim_json).collect();
        let messages: Vec<Value> = letters.iter().map(message_json).collect();
        return say(json!({ "claims": claims, "messages": messages })).map(|()| Ended::Well);
    }
    if held.is_empty() && letters.is_empty() {
        say("Nothing waits for an operator.")?;
        return Ok(Ended::Well);
    }
    if !held.is_empty() {
        say(format!(
            "{} set aside after host faults",
            plural(held.len() as u64, "claim")
        ))?;
        let rows = held.iter().map(|row| {
            vec![
                row.claim.to_string(),
                row.attempts.to_string(),
                row.behind.to_string(),
                row.reason.clone(),
            ]
        });
        say(table(&["claim", "faults>", "behind it>", "the last"], rows))?;
    }
    if !letters.is_empty() {
        say(format!(
            "{} that could not be used",
            plural(letters.len() as u64, "message")
        ))?;
        let rows = letters.iter().map(|row| {
            let letter = &row.letter;
            vec![
                format!("#{}", row.id),
                when(letter.at),
                printable(&letter.queue),
                printable(letter.submitter.as_deref().unwrap_or("-")),
                printable(&format!("{} {}", letter.code, letter.reason)),
                row.settled
                    .as_ref()
                    .map_or("waits".to_owned(), |(done, _)| done.clone()),
            ]
        });
        say(table(
            &["message>", "since", "queue", "from", "why", "state"],
            rows,
        ))?;
    }
    say("`tally queue dead show ID` says more; `replay ID` tries again; `discard ID` gives up.")?;
    Ok(Ended::Well)
}

async fn show(args: &OneArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    match args.id {
        Dead::Claim(claim) => {
            let row = held(&node, claim).await?;
            if args.json {
                say(claim_json(&row))?;
            } else {
                say(format!(
                    "Claim {claim} is number {} of its unit and was set aside after {}.\nThe last: {}\n{} {} behind it.\n\nIt says nothing about the claim's merits: something around it failed. When that is mended, `tally queue dead replay {claim}`; to close its number without an outcome, `tally queue dead discard {claim}`.",
                    row.sequence,
                    plural(row.attempts.into(), "host fault"),
                    row.reason,
                    plural(row.behind, "claim"),
                    if row.behind == 1 { "waits" } else { "wait" },
                ))?;
            }
        }
        Dead::Message(id) => {
            let row = letter(&node, id).await?;
            let open = node.open_letter(&row).await;
            node.note_of("dead-letter-read", &format!("dead-letter {id}"))
                .await?;
            let mut shown = message_json(&row);
            if let (Some(shown), Ok(open)) = (shown.as_object_mut(), &open) {
                shown.insert("content_type".into(), json!(open.content_type));
                shown.insert("bytes".into(), json!(open.body.0.len()));
            }
            if args.json {
                say(shown)?;
            } else {
                let letter = &row.letter;
                say(format!(
                    "Message #{id} came through `{}` and could not be used.\nWhy: {} {}\nSince {}, from {}.",
                    letter.queue,
                    letter.code,
                    letter.reason,
                    when(letter.at),
                    letter
                        .submitter
                        .as_deref()
                        .unwrap_or("nobody that is known"),
                ))?;
                match open {
                    Ok(open) => say(format!(
                        "{} bytes of type `{}`; what is in it is kept sealed and not shown.",
                        open.body.0.len(),
                        open.content_type.escape_default()
                    ))?,
                    Err(error) => say(format!("It does not open: {error:#}"))?,
                }
            }
        }
    }
    Ok(Ended::Well)
}

async fn replay(args: &OneArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    match args.id {
        Dead::Claim(claim) => {
            held(&node, claim).await?;
            node.note("claim-released", claim).await?;
            let released = node.store().release(Some(claim)).await?;
            if !node.beside_broker() {
                node.drain_ready(&|_| ()).await?;
            }
            done(args.json, "released", released > 0)
        }
        Dead::Message(id) => {
            let row = letter(&node, id).await?;
            if let Some((settled, _)) = &row.settled {
                bail!("message #{id} was {settled} already");
            }
            let config = args.node.config.as_ref().context("say `--config FILE`")?;
            let config = Config::read(config)?;
            // Settled first: should it die again at once, that is another letter.
            if !settle(&node, id, "replayed").await? {
                return done(args.json, "replayed", false);
            }
            if let Err(error) = publish_again(&node, &config, &row).await {
                let again = messages(&node)?.bury(&row.letter).await?;
                return Err(error.context(format!("it waits again, as message #{again}")));
            }
            done(args.json, "replayed", true)
        }
    }
}

async fn discard(args: &OneArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    match args.id {
        Dead::Claim(claim) => {
            held(&node, claim).await?;
            let discarded = node.discard(claim).await?;
            done(args.json, "discarded", discarded)
        }
        Dead::Message(id) => {
            let row = letter(&node, id).await?;
            if let Some((settled, _)) = &row.settled {
                bail!("message #{id} was {settled} already");
            }
            let settled = settle(&node, id, "discarded").await?;
            done(args.json, "discarded", settled)
        }
    }
}

fn done(json: bool, what: &str, well: bool) -> Result<Ended> {
    if json {
        say(json!({ what: well }))?;
    } else if well {
        say(format!("It is {what}; the audit trail has it."))?;
    } else {
        eprintln!("error: somebody else settled it meanwhile: see `tally queue dead list`");
    }
    Ok(if well { Ended::Well } else { Ended::Refused })
}

async fn held(node: &Node, claim: ClaimId) -> Result<HeldRow> {
    let held = node.store().held().await?;
    held.into_iter()
        .find(|row| row.claim == claim)
        .with_context(|| {
            format!("claim {claim} is not set aside: `tally queue dead list` shows what is")
        })
}

fn messages(node: &Node) -> Result<&PostgresStore> {
    node.store().postgres().context(
        "a node without a broker has no messages; a claim that is set aside is named by its id",
    )
}

async fn letter(node: &Node, id: u64) -> Result<DeadLetterRow> {
    messages(node)?
        .dead_letter(id)
        .await?
        .with_context(|| format!("no dead letter #{id}: `tally queue dead list --all` shows them"))
}

async fn settle(node: &Node, id: u64, what: &str) -> Result<bool> {
    let note: AuditRow =
        node.audit_row(&format!("dead-letter-{what}"), &format!("dead-letter {id}"));
    Ok(messages(node)?.settle(id, what, &note).await?)
}

/// Publishes a message where it first came to.
async fn publish_again(node: &Node, config: &Config, row: &DeadLetterRow) -> Result<()> {
    let broker = config
        .broker
        .as_ref()
        .context("the configuration has no `[broker]` to publish to")?;
    let letter = node.open_letter(row).await?;
    let partitions = u16::try_from(node.partitions().get())?;
    let topology = Topology::new(&broker.prefix, partitions)?;
    let queue = &row.letter.queue;
    let exchange = if *queue == topology.intake() {
        topology.intake()
    } else if queue.starts_with(&topology.claims()) {
        topology.claims()
    } else {
        bail!("it came from `{queue}`, which is none of this node's queues: discard it");
    };
    let mut headers = Headers::new();
    // Should it die again, it is another letter.
    let again = format!("{}.{}", row.id, Clock::now_ms());
    headers = headers.with_text(header::REPLAYED, &again);
    if !letter.id.is_empty() {
        headers = headers.with_message_id(&letter.id)?;
    }
    if !letter.content_type.is_empty() {
        headers = headers.with_content_type(&letter.content_type)?;
    }
    if !letter.reply_to.is_empty() {
        headers = headers.with_reply_to(&letter.reply_to)?;
    }
    let publisher = Publisher::new(broker.settings("command"));
    let fate = publisher
        .publish_one(&Outgoing {
            exchange,
            routing_key: letter.routing_key,
            body: letter.body.0,
            headers,
            unheard: false,
        })
        .await?;
    publisher.close().await;
    match fate {
        Fate::Confirmed => Ok(()),
        Fate::Returned => bail!("its queue is gone from the broker: discard it"),
        Fate::Refused => bail!("its queue refused it: is it full?"),
        Fate::Unanswered => bail!("the broker said nothing of it: does its queue have a leader?"),
    }
}

fn claim_json(row: &HeldRow) -> Value {
    json!({
        "claim": row.claim.to_string(),
        "sequence": row.sequence,
        "faults": row.attempts,
        "reason": row.reason,
        "behind": row.behind,
    })
}

fn message_json(row: &DeadLetterRow) -> Value {
    let letter = &row.letter;
    json!({
        "message": row.id,
        "since": when(letter.at),
        "queue": letter.queue,
        "from": letter.submitter,
        "code": letter.code,
        "reason": letter.reason,
        "state": row.settled.as_ref().map_or("waiting", |(done, _)| done),
    })
}
