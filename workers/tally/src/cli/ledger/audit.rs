//! `tally ledger audit`: every rule held against every leaf of a shared ledger, from what a
//! node serves to everybody and the charter alone.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use tally_core::ledger::shared::Signed;

use super::super::{Ended, Progress, chain, plural, say};
use crate::node::keys::hex;
use crate::shared::client::Client;
use crate::shared::outside::Served;
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

/// Audits a ledger.
pub(super) async fn audit(args: &AuditArgs) -> Result<Ended> {
    let client = Client::new("ledger", [0; 32]);
    let charter = read_charter(&args.charter)?;
    let served = Served::by(&client, &args.node, &charter).await?;
    let at = &served.signed.checkpoint;
    let progress = Progress::bar("auditing", at.size);
    let mut read = 0;
    let counts = |leaves: Vec<Vec<u8>>| {
        read += leaves.len() as u64;
        progress.at(read);
    };
    let audited = served.audit(&client, counts).await;
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
            "epoch": served.epoch(),
            "quorum": served.quorum,
            "organisations": audited.ok(),
            "signers": signers.collect::<Vec<_>>(),
            "cosigners": cosigners.collect::<Vec<_>>(),
        }))?;
    } else if let Ok(organisations) = audited {
        say(told(&served, organisations))?;
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

/// What was found, for people.
fn told(served: &Served, organisations: usize) -> String {
    let Signed {
        checkpoint,
        signers,
        cosigners,
        ..
    } = &served.signed;
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
        served.epoch(),
        plural(organisations as u64, "organisation"),
        hex(&checkpoint.root),
        signers.join(", "),
        served.quorum,
    )
}
