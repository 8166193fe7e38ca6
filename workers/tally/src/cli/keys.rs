//! `tally keys`: the secrets of a node, how they stand, others in their place. No secret is
//! ever printed.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Ended, NodeArgs, Progress, plural, say, table};
use crate::config::{Config, PoliciesConfig};
use crate::node::clock::when;
use crate::node::inventory::{Inventory, Listed, Stands};
use crate::node::keyring::{Key, Place};
use crate::node::{How, Node, Rotated, never};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Print which keys the node has, how each stands, and what is wrong
    List(ListArgs),
    /// Put another key in the place of one
    Rotate(RotateArgs),
    /// Print what others need of this node: public keys
    Public(PublicArgs),
}

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct RotateArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// `signing`, `authority`, `insurer`, `envelope`, `wrap`, `artefact` or `queue`
    #[arg(value_name = "KEY", value_parser = parse_key)]
    key: Key,
    /// Make another in the place of one that was made and not voted in
    #[arg(long)]
    anew: bool,
    /// Of `wrap` on servers: the key that is to come was copied to all machines of the node
    #[arg(long)]
    copied: bool,
    /// Of `queue` beside a broker: all processes are stopped, and its queues are empty
    #[arg(long)]
    stopped: bool,
}

#[derive(Args)]
pub struct PublicArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// `log`, `insurer`, `signing`, `authority` or `envelope`; all, when none is said
    #[arg(value_name = "KEY", value_parser = parse_key)]
    key: Option<Key>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_key(text: &str) -> Result<Key, String> {
    Key::parse(text).ok_or_else(|| {
        let names: Vec<_> = Key::ALL.iter().map(|key| key.as_str()).collect();
        format!("one of {}", names.join(", "))
    })
}

pub async fn run(command: KeysCommand) -> Result<Ended> {
    match command {
        KeysCommand::List(args) => list(&args).await,
        KeysCommand::Rotate(args) => rotate(&args).await,
        KeysCommand::Public(args) => public(&args).await,
    }
}

/// A node's folder, and its configuration where it has one.
fn place(node: &NodeArgs) -> Result<(PathBuf, Option<Config>)> {
    let config = node.config.as_deref().map(Config::read).transpose()?;
    let data = match &config {
        Some(config) => config.node.data.clone(),
        None => node.data.clone().unwrap_or_else(|| "tally-data".into()),
    };
    Ok((data, config))
}

async fn inventory(node: &NodeArgs) -> Result<Inventory> {
    let (data, config) = place(node)?;
    Inventory::of(&data, config.as_ref()).await
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let found = inventory(&args.node).await?;
    if args.json {
        say(listed(&found))?;
    } else {
        say(format!(
            "{}: keys in {}.",
            found.origin,
            found.folder.display()
        ))?;
        if let Some((ledger, id)) = &found.ledger {
            say(format!("On the shared ledger {ledger} it is `{id}`."))?;
        }
        let headers = ["key", "stands", "since", "it", "public key, or fingerprint"];
        say(table(&headers, found.keys.iter().map(row)))?;
    }
    let mut wrong = found.all_wrong().peekable();
    let ended = match wrong.peek() {
        Some(_) => Ended::Refused,
        None => Ended::Well,
    };
    for wrong in wrong {
        eprintln!("error: {}\n  next: {}", wrong.what, wrong.next);
    }
    Ok(ended)
}

fn row(of: &Listed) -> Vec<String> {
    let name = of.file.trim_end_matches(".key").to_owned();
    let fingerprint = of.fingerprint.as_ref().map(|digits| format!("#{digits}"));
    vec![
        name,
        of.stands.as_str().to_owned(),
        of.since.map_or_else(|| "-".to_owned(), when),
        of.key.purpose().to_owned(),
        of.public
            .clone()
            .or(fingerprint)
            .unwrap_or_else(|| "-".to_owned()),
    ]
}

fn listed(found: &Inventory) -> Value {
    let keys: Vec<Value> = found
        .keys
        .iter()
        .map(|of| {
            json!({
                "key": of.key.as_str(),
                "purpose": of.key.purpose(),
                "file": of.file,
                "stands": of.stands.as_str(),
                "since": of.since.map(when),
                "public": of.public,
                "fingerprint": of.fingerprint,
            })
        })
        .collect();
    let wrong: Vec<Value> = found
        .all_wrong()
        .map(|wrong| json!({ "what": wrong.what, "next": wrong.next }))
        .collect();
    json!({
        "node": found.origin,
        "folder": found.folder,
        "ledger": found.ledger.as_ref().map(|(name, _)| name),
        "organisation": found.ledger.as_ref().map(|(_, id)| id.as_str()),
        "keys": keys,
        "wrong": wrong,
    })
}

async fn public(args: &PublicArgs) -> Result<Ended> {
    let found = inventory(&args.node).await?;
    let of = |key: Key| {
        let mut places = found.keys.iter().filter(|of| of.key == key);
        let in_force = places.clone().find(|of| of.stands == Stands::InForce);
        in_force.or_else(|| places.find(|of| of.place == Place::Present && of.public.is_some()))
    };
    let with_public = Key::ALL.into_iter().filter_map(|key| {
        let listed = of(key)?;
        Some((key, listed.public.clone()?))
    });
    if let Some(key) = args.key {
        let public = with_public.clone().find(|(of, _)| *of == key);
        let Some((_, public)) = public else {
            bail!(
                "`{}` has no public part here: `tally keys list` shows what there is",
                key.as_str()
            );
        };
        say(if args.json {
            json!({ key.as_str(): public }).to_string()
        } else {
            public
        })?;
        return Ok(Ended::Well);
    }
    if args.json {
        let all: serde_json::Map<_, _> = with_public
            .map(|(key, public)| (key.as_str().to_owned(), public.into()))
            .collect();
        say(Value::from(all))?;
        return Ok(Ended::Well);
    }
    let rows =
        with_public.map(|(key, public)| vec![key.as_str().into(), public, others(key).into()]);
    say(table(&["key", "public key", "others need it"], rows))?;
    Ok(Ended::Well)
}

/// What others do with a public key.
fn others(key: Key) -> &'static str {
    match key {
        Key::Log => "in their trust file, to verify receipts",
        Key::Insurer => "to know who published a policy",
        Key::Signing => "as `key` of this organisation in their configuration",
        Key::Authority => "on the ledger alone: it is voted in",
        Key::Envelope => "to seal what they send to this node",
        Key::Wrap | Key::Tokens | Key::Artefact | Key::Queue => "",
    }
}

async fn rotate(args: &RotateArgs) -> Result<Ended> {
    if let Some(reason) = never(args.key) {
        bail!(reason);
    }
    let (data, config) = place(&args.node)?;
    anyhow::ensure!(
        data.join("node.json").is_file(),
        "there is no node in {}",
        data.display()
    );
    ensure!(
        args.key != Key::Authority || config.as_ref().is_none_or(|config| config.ledger.is_some()),
        "this configuration has no `[ledger]`, and an authority's key votes from no other folder than the one that it \
         was made in: run this on the machine that takes part, with its configuration"
    );
    let node = args.node.open_with(PoliciesConfig::None).await?;
    if args.key == Key::Wrap {
        let on_servers = config.is_some_and(|config| config.database.is_some());
        ensure!(
            !on_servers || !args.copied || node.has_next_wrap(),
            "there is no `wrap.next.key` that could have been copied: run this without `--copied` first, \
             and copy the key that it makes to every machine of the node"
        );
        return wrap(&node, on_servers && !args.copied).await;
    }
    let how = How {
        anew: args.anew,
        stopped: args.stopped,
    };
    match node.rotate(args.key, how).await? {
        Rotated::ToBeVoted(application) => {
            print!("{}", application.text()?);
            eprintln!(
                "Another `{key}` key is made. Above is the application: an authority proposes it with \
                 `tally org rotate FILE`, the others vote with `tally org vote`. Until that is carried the node goes \
                 on with the old key, and then by itself with the new one; `tally keys list` shows it. {place}",
                key = args.key.as_str(),
                place = where_made(args.key)
            );
        }
        Rotated::Done => say(done(args.key, node.folder()))?,
    }
    Ok(Ended::Well)
}

/// On which of a node's machines a key is made that is voted in.
fn where_made(key: Key) -> String {
    if key == Key::Authority {
        return "It votes from the folder that it was made in, and from no other.".to_owned();
    }
    format!(
        "Run this where `[ledger]` is configured; elsewhere copy `{}.next.key` there before it is voted in.",
        key.as_str()
    )
}

/// What to do after a key has another in its place.
fn done(key: Key, data: &Path) -> String {
    let told = match key {
        Key::Signing => {
            "Give the others its public part (`tally keys public signing`), for their configuration: they know \
             this organisation by the old one until then."
        }
        Key::Insurer => {
            "What is published from now on is signed with it. Keep the old one: replay knows older publications by it. \
             A log with policies of two keys is taken by no shared ledger: to join one, do it first."
        }
        Key::Envelope => {
            "Start the node's processes anew, then give the others its public part (`tally keys public envelope`). \
             What was sealed to the old one is opened as long as its file is there."
        }
        Key::Artefact => {
            "Policies are compiled again when they are next used. The old key is destroyed."
        }
        Key::Queue => "The old key is destroyed.",
        Key::Log | Key::Authority | Key::Wrap | Key::Tokens => "",
    };
    format!(
        "Another `{}` key is in its place in {}. {told} Where other machines work for the node, copy it to them. \
         Back `keys` up.",
        key.as_str(),
        data.join("keys").display()
    )
}

async fn wrap(node: &Node, wait_for_copies: bool) -> Result<Ended> {
    let keys = node.folder().join("keys");
    if wait_for_copies {
        node.make_next_wrap()?;
        say(format!(
            "The key that is to come is {}. Copy it to `keys` on every machine of the node, mode 0600, then run this \
             again with `--copied`. Nothing is wrapped with it yet.",
            keys.join("wrap.next.key").display()
        ))?;
        return Ok(Ended::Well);
    }
    let bar = std::sync::OnceLock::new();
    let told = |done, of| {
        let bar = bar.get_or_init(|| Progress::bar("record keys", of));
        bar.at(done);
        crate::failpoint::reach("rewrapped");
    };
    let wrapped = node.rotate_wrap(&told).await;
    if let Some(bar) = bar.into_inner() {
        bar.done();
    }
    let wrapped =
        wrapped.context("the record keys are not all wrapped anew: run this again, it goes on")?;
    if wrapped.wrapped == 0 && wrapped.already > 0 {
        say(
            "All record keys were wrapped with it already: this ended a rotation that was begun before. For another \
             key run it again.",
        )?;
    }
    say(format!(
        "{} wrapped with another key, which is in its place in {}; the old one is put aside.",
        plural(wrapped.wrapped + wrapped.already, "record key"),
        keys.display()
    ))?;
    say(
        "Backups of the record keys from before open with the old key alone: keep it as long as them, and apart. \
         When keys that were destroyed must be gone from those backups too, destroy it now: they open nothing then. \
         Back `keys` up, and the record keys anew. Other machines of the node need the new `wrap.key`, and no `wrap.next.key`.",
    )?;
    if wrapped.damaged > 0 {
        eprintln!(
            "error: {} not open under either key\n  next: they are damaged, as they were before: restore them from a backup \
             of the record keys, or run `tally ledger fsck` to see what they were of",
            match wrapped.damaged {
                1 => "1 record key does".to_owned(),
                n => format!("{n} record keys do"),
            }
        );
        return Ok(Ended::Refused);
    }
    Ok(Ended::Well)
}
