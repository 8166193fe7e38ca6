//! `tally ledger witness` and `tally ledger evidence`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tally_core::ledger::shared::Snapshot;
use tally_core::ledger::tree::{Frontier, consistency_proof, leaf_hash};
use tally_core::ledger::witness::{Evidence, EvidenceError, Signers};
use tally_core::ledger::{Checkpoint, Note};

use super::super::{Ended, plural, read_file, say};
use crate::shared::client::{Client, notes, served_by};
use crate::witness::{Witness, hash};

/// Who signs the logs that are meant.
#[derive(Args)]
pub struct SignersArgs {
    /// A shared ledger's charter; several times where it is several
    #[arg(long, value_name = "FILE")]
    charter: Vec<PathBuf>,
    /// The key of a log of one node, as `name+id+base64`; several times where it is several
    #[arg(long, value_name = "KEY", value_parser = parse_log)]
    log: Vec<Signers>,
}

impl SignersArgs {
    /// Who signed from the first entry on.
    fn all(&self) -> Result<Vec<Signers>> {
        let mut all = self.log.clone();
        for path in &self.charter {
            let founders = Snapshot::found(&crate::shared::read_charter(path)?)?;
            all.push(Signers::Authorities(founders.state.authorities.clone()));
        }
        Ok(all)
    }

    /// The same, of one log at least.
    fn some(&self) -> Result<Vec<Signers>> {
        let all = self.all()?;
        anyhow::ensure!(
            !all.is_empty(),
            "whose signatures are they? Say `--charter FILE` of the shared ledger, or `--log KEY`"
        );
        Ok(all)
    }
}

/// The sets of authorities that followed those known, over handovers as a node serves them:
/// each signed by a quorum of the set before it.
fn followed(signers: &mut Vec<Signers>, handovers: &[Note]) -> Result<()> {
    let walked = signers.iter().find_map(|of| match of {
        Signers::Authorities(set) => set.walk(handovers).ok(),
        Signers::Key(_) => None,
    });
    let (sets, _) =
        walked.context("one that no set signed which is known, or that hands over to none")?;
    signers.extend(sets.into_iter().skip(1).map(Signers::Authorities));
    Ok(())
}

#[derive(Args)]
pub struct WitnessArgs {
    /// The witness's folder: its key and what it cosigned last
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Its name in signature lines
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    signers: SignersArgs,
    /// Where it listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8423")]
    listen: SocketAddr,
    /// Make the key where there is none, print it, and end
    #[arg(long)]
    key: bool,
}

#[derive(Args)]
pub struct EvidenceArgs {
    /// What a witness kept: `evidence-…` in its folder
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    signers: SignersArgs,
    /// What a node answers at `/api/v1/ledger/shared/handovers`, where authorities changed
    /// since the charter
    #[arg(long, value_name = "FILE")]
    handovers: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct CompareArgs {
    /// Where witnesses answer: two or more
    #[arg(required = true, num_args = 2.., value_name = "URL")]
    witnesses: Vec<String>,
    #[command(flatten)]
    signers: SignersArgs,
    /// A node that serves the ledger, `http://HOST:PORT`: needed where witnesses know it at
    /// two sizes, and where authorities changed since the charter
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_log(text: &str) -> Result<Signers, String> {
    Signers::parse(text).map_err(|error| error.to_string())
}

/// Runs a witness, or prints its key.
pub(super) async fn run(args: &WitnessArgs) -> Result<Ended> {
    let logs = args.signers.all()?;
    let witness = Witness::open(&args.data, &args.name, &logs)?;
    if args.key {
        say(witness.verifier())?;
        return Ok(Ended::Well);
    }
    crate::witness::serve(witness, args.listen).await?;
    Ok(Ended::Well)
}

/// The longest evidence, in bytes.
const LIMIT: u64 = 1 << 20;

/// Checks evidence with nothing but keys that are known from elsewhere.
pub(super) fn evidence(args: &EvidenceArgs) -> Result<Ended> {
    let file = args.file.display();
    let bytes = read_file(&args.file, LIMIT)?;
    let text = String::from_utf8(bytes).ok();
    let text = text.with_context(|| format!("{file} is not text"))?;
    let evidence = Evidence::parse(&text).with_context(|| format!("{file} shows nothing"))?;
    let mut signers = args.signers.some()?;
    if let Some(path) = &args.handovers {
        let text = String::from_utf8(read_file(path, LIMIT)?)?;
        notes(&text)
            .and_then(|handovers| followed(&mut signers, &handovers))
            .with_context(|| format!("{} are not the handovers", path.display()))?;
    }
    let who = evidence.check(&signers).map_err(|error| {
        let why = anyhow::Error::new(error).context(format!("{file} shows nothing"));
        match error {
            EvidenceError::Nobody if args.handovers.is_none() => why.context(
                "Authorities that came after the charter are known by `--handovers FILE`: what a \
                 node answers at /api/v1/ledger/shared/handovers",
            ),
            _ => why,
        }
    })?;
    let smaller = Checkpoint::parse(&evidence.smaller.text)?;
    let larger = Checkpoint::parse(&evidence.larger.text)?;
    if args.json {
        say(json!({
            "origin": smaller.origin,
            "signed_both": who,
            "sizes": [smaller.size, larger.size],
        }))?;
    } else {
        say(format!(
            "{file}: {} signed two histories of {}: one of {} entries, and one of {} that does not begin with it.",
            who.join(", "),
            smaller.origin,
            smaller.size,
            larger.size
        ))?;
    }
    Ok(Ended::Well)
}

/// What a witness cosigned last of a log.
async fn last(client: &Client, witness: &str, origin: &str) -> Result<Option<Note>> {
    let url = format!(
        "{}/{}/checkpoint",
        witness.trim_end_matches('/'),
        hash(origin)
    );
    let answer = client.get(&url, None).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let text = String::from_utf8(answer.done()?)?;
    let note = Note::parse(&text);
    Ok(Some(note.with_context(|| {
        format!("{witness} does not answer with a checkpoint")
    })?))
}

/// How two checkpoints of one log stand to each other.
enum Compared {
    Agree,
    Untold,
    Contradict(Box<Evidence>),
}

/// Holds two checkpoints against each other.
async fn held(client: &Client, node: Option<&str>, one: &Note, other: &Note) -> Result<Compared> {
    let (a, b) = (
        Checkpoint::parse(&one.text)?,
        Checkpoint::parse(&other.text)?,
    );
    let (small, large) = (a.size.min(b.size), a.size.max(b.size));
    if (a.size, a.root) == (b.size, b.root) || small == 0 {
        return Ok(Compared::Agree);
    }
    let mut proof = Vec::new();
    if small != large {
        let Some(node) = node else {
            return Ok(Compared::Untold);
        };
        let base = served_by(node);
        let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
        for leaf in client.leaves(&base, large).await? {
            let grown = frontier.append(leaf_hash(&leaf));
            nodes.extend(
                grown
                    .into_iter()
                    .map(|node| ((node.level, node.index), node.hash)),
            );
        }
        let larger = if a.size == large { &a } else { &b };
        if frontier.root() != larger.root {
            // It serves another history than the larger is of: that says nothing yet.
            return Ok(Compared::Untold);
        }
        proof = consistency_proof(&nodes, small, large)?;
    }
    let evidence = Evidence::of(one.clone(), other.clone(), &proof);
    Ok(match evidence.filter(Evidence::contradicts) {
        Some(evidence) => Compared::Contradict(Box::new(evidence)),
        None => Compared::Agree,
    })
}

/// Holds what witnesses cosigned last against each other.
pub(super) async fn compare(args: &CompareArgs) -> Result<Ended> {
    let client = Client::new("ledger", [0; 32]);
    let mut signers = args.signers.some()?;
    let origins: BTreeSet<String> = signers.iter().map(|of| of.origin().to_owned()).collect();
    if let Some(node) = args
        .node
        .as_ref()
        .filter(|_| !args.signers.charter.is_empty())
    {
        let handovers = client.handovers(&served_by(node)).await?;
        followed(&mut signers, &handovers)
            .with_context(|| format!("{node} does not serve the handovers of these logs"))?;
    }
    let (mut found, mut untold, mut compared) = (Vec::new(), 0u64, 0u64);
    for origin in &origins {
        let mut notes = Vec::new();
        for witness in &args.witnesses {
            match last(&client, witness, origin).await? {
                Some(note) => notes.push(note),
                None => eprintln!("note: {witness} knows nothing of {origin}"),
            }
        }
        for (at, one) in notes.iter().enumerate() {
            for other in notes.iter().skip(at + 1) {
                compared += 1;
                match held(&client, args.node.as_deref(), one, other).await? {
                    Compared::Agree => {}
                    Compared::Untold => untold += 1,
                    Compared::Contradict(evidence) => {
                        // Of another epoch than is known here nobody can be named.
                        let who = evidence.check(&signers).unwrap_or_default();
                        found.push((evidence.to_string(), who));
                    }
                }
            }
        }
    }
    let holds = found.is_empty() && untold == 0 && compared > 0;
    if args.json {
        let evidence = found
            .iter()
            .map(|(text, who)| json!({ "evidence": text, "signed_both": who }));
        say(json!({
            "compared": compared,
            "untold": untold,
            "contradictions": evidence.collect::<Vec<_>>(),
        }))?;
    } else {
        for (text, who) in &found {
            let who = match who.is_empty() {
                true => "somebody who is not among the signers that were said (authorities that came after the charter: `--node URL`)".to_owned(),
                false => who.join(", "),
            };
            eprintln!("error: {who} signed two histories; this is the evidence:");
            print!("{text}");
        }
        if untold > 0 {
            eprintln!(
                "note: of two sizes nothing can be told without the entries of the larger: say `--node URL` of a node that has them"
            );
        }
        if compared == 0 {
            eprintln!("error: fewer than two of the witnesses know the log: nothing was compared");
        } else if holds {
            say(format!("{}: one history.", plural(compared, "comparison")))?;
        }
    }
    Ok(if holds { Ended::Well } else { Ended::Refused })
}
