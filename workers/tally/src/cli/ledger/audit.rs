//! `tally ledger audit`: every rule held against every leaf of a shared ledger, from what a
//! node serves to everybody and the charter alone.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;
use tally_core::ledger::shared::{Audit, Handover, Signed, Snapshot};
use tally_core::ledger::tiles::WIDTH;
use tally_core::ledger::{Checkpoint, Note};

use super::super::{Ended, Progress, chain, plural, say};
use crate::node::keys::hex;
use crate::shared::client::{Client, served_by};
use crate::shared::read_charter;

#[derive(Args)]
pub struct AuditArgs {
    /// A node that serves the ledger, `http://HOST:PORT`: it is not believed
    #[arg(long, value_name = "URL")]
    node: String,
    /// The ledger's charter, from somebody you trust
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The epoch that a checkpoint says it is of; so many handovers lead to it.
fn epoch(note: &Note) -> Result<usize> {
    let lines = Checkpoint::parse(&note.text)?.extensions;
    let said = lines.iter().find_map(|line| line.strip_prefix("epoch "));
    let said = said.context("a checkpoint without its epoch: it is of no shared ledger")?;
    Ok(said.parse()?)
}

/// What a node serves, up to a checkpoint that a quorum signed.
struct Served {
    base: String,
    first: Vec<u8>,
    handovers: Vec<Handover>,
    signed: Signed,
    quorum: usize,
}

/// Audits a ledger.
pub(super) async fn audit(args: &AuditArgs) -> Result<Ended> {
    let client = Client::new("ledger", [0; 32]);
    let served = Served::of(&client, args).await?;
    let at = &served.signed.checkpoint;
    let progress = Progress::bar("auditing", at.size);
    let audited = served.leaves(&client, &progress).await;
    progress.done();
    let why = audited.as_ref().err().map(chain);
    if args.json {
        let signers = served.signed.signers.iter().map(ToString::to_string);
        let cosigners = served.signed.cosigners.iter().map(|(name, _)| name);
        say(json!({
            "ledger": at.origin,
            "holds": why.is_none(),
            "reason": why,
            "leaves": at.size,
            "root": hex(&at.root),
            "epoch": served.handovers.len(),
            "quorum": served.quorum,
            "organisations": audited.ok(),
            "signers": signers.collect::<Vec<_>>(),
            "cosigners": cosigners.collect::<Vec<_>>(),
        }))?;
    } else if let Ok(organisations) = audited {
        say(served.told(organisations))?;
    }
    let Some(why) = why else {
        return Ok(Ended::Well);
    };
    eprintln!(
        "error: what {} serves does not hold: {why}. Ask another node, and show both to a witness",
        args.node
    );
    Ok(Ended::Refused)
}

impl Served {
    /// The checkpoint and the handovers to it, of which each is signed by a quorum, the
    /// first of the charter's authorities.
    async fn of(client: &Client, args: &AuditArgs) -> Result<Self> {
        let charter = read_charter(&args.charter)?;
        let founders = Snapshot::found(&charter)?.state.authorities.clone();
        let base = served_by(&args.node);
        let url = format!("{base}/checkpoint");
        let note = client.get(&url, None).await?.done();
        let note = note.with_context(|| format!("{url} is no checkpoint"))?;
        let note = Note::parse(&String::from_utf8(note)?)?;
        let mut handovers = client.handovers(&base).await?;
        // A handover may have been served since.
        handovers.truncate(epoch(&note)?);
        let (signed, sets) = founders.reach(&handovers, &note).with_context(|| {
            format!(
                "{url}: no quorum signed that follows from {}",
                args.charter.display()
            )
        })?;
        Ok(Self {
            base,
            first: charter.leaf(),
            handovers,
            signed,
            quorum: sets.last().map_or(0, |set| set.quorum()),
        })
    }

    /// Fetches the leaves and holds every rule against each. Answers how many organisations
    /// there are.
    async fn leaves(&self, client: &Client, progress: &Progress) -> Result<usize> {
        let size = self.signed.checkpoint.size;
        let mut audit: Option<Audit> = None;
        let mut ended = Vec::new();
        let mut at = 0;
        for index in 0..size.div_ceil(WIDTH) {
            let width = (size - index * WIDTH).min(WIDTH);
            for leaf in client.bundle(&self.base, index, width).await? {
                let broken = || format!("leaf {at}");
                match &mut audit {
                    None => {
                        ensure!(leaf == self.first, "leaf 0 is another charter");
                        audit = Some(Audit::begin(&leaf).with_context(broken)?);
                    }
                    Some(audit) => ended.extend(audit.leaf(&leaf).with_context(broken)?),
                }
                at += 1;
            }
            progress.at(at);
        }
        let audit = audit.context("there is no leaf")?;
        let (state, tree) = audit.end().context("the last leaf")?;
        ensure!(
            tree.root() == self.signed.checkpoint.root,
            "the leaves do not give the root that a quorum signed"
        );
        let ends: Vec<_> = ended.iter().map(|(_, checkpoint)| checkpoint).collect();
        self.epochs(&ends)?;
        Ok(state.members.len())
    }

    /// Each epoch has to end where the leaves say, and hand over to whom they say.
    fn epochs(&self, ends: &[&Checkpoint]) -> Result<()> {
        for (epoch, note) in self.handovers.iter().enumerate() {
            ensure!(
                ends.get(epoch).is_some_and(|end| end.text() == note.text),
                "the handover of epoch {epoch} is not what the leaves come to"
            );
        }
        // The last checkpoint may itself be the one by which its epoch ended.
        let last = ends.get(self.handovers.len());
        ensure!(
            last.is_none_or(|end| end.text() == self.signed.checkpoint.text())
                && ends.len() <= self.handovers.len() + 1,
            "by the leaves epoch {} ended before the checkpoint that was signed",
            self.handovers.len()
        );
        Ok(())
    }

    /// What was found, for people.
    fn told(&self, organisations: usize) -> String {
        let Signed {
            checkpoint,
            signers,
            cosigners,
            ..
        } = &self.signed;
        let signers: Vec<_> = signers.iter().map(ToString::to_string).collect();
        let cosigners = match &cosigners[..] {
            [] => "no witness".to_owned(),
            some => {
                let names: Vec<_> = some.iter().map(|(name, _)| name.as_str()).collect();
                names.join(", ")
            }
        };
        format!(
            "Audited {} leaves of {}, from the charter to a checkpoint of epoch {}: every signature and every rule of them holds. {} are on it.\n\
             Root {}, signed by {} ({} must), cosigned by {cosigners}.",
            checkpoint.size,
            checkpoint.origin,
            self.handovers.len(),
            plural(organisations as u64, "organisation"),
            hex(&checkpoint.root),
            signers.join(", "),
            self.quorum,
        )
    }
}
