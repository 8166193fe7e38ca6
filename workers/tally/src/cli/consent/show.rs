//! Listing and showing.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tally_core::canon::Canon as _;

use super::give::{OPENING, opened};
use super::{ListArgs, ReadingsArgs, ReceiptArgs, ShowArgs};
use crate::cli::{Ended, plural, say, table};
use crate::consents::{by, entered_json, kept_json, of, purpose, short, time};
use crate::node::keys::hex;

pub(super) async fn list(args: &ListArgs) -> Result<Ended> {
    let (node, rules) = opened(&args.node).await?;
    let kept = node.consents(&rules, args.member.as_deref()).await?;
    if args.json {
        let all: Vec<_> = kept.iter().map(|of| kept_json(of, &rules)).collect();
        say(serde_json::Value::from(all))?;
        return Ok(Ended::Well);
    }
    if kept.is_empty() {
        say("Nothing is granted: `tally consent grant` grants.")?;
        return Ok(Ended::Well);
    }
    let rows = kept.iter().map(|kept| {
        let (from, through) = kept.bestowal.days();
        vec![
            short(&kept.commitment),
            kept.what().to_owned(),
            kept.to(),
            of(kept, &rules),
            purpose(kept),
            from.to_string(),
            through.to_string(),
            kept.stands().to_owned(),
        ]
    });
    say(table(
        &["id", "is a", "to", "of", "for", "from", "through", "stands"],
        rows,
    ))?;
    Ok(Ended::Well)
}

pub(super) async fn one(args: &ShowArgs) -> Result<Ended> {
    let (node, rules) = opened(&args.node).await?;
    let kept = node.consent(&rules, &args.id).await?;
    if args.opening {
        let mut bytes = kept.salt.to_vec();
        kept.bestowal.put(&mut bytes);
        say(format!("{OPENING}\n{}", BASE64.encode(bytes)))?;
        return Ok(Ended::Well);
    }
    if args.json {
        say(kept_json(&kept, &rules))?;
        return Ok(Ended::Well);
    }
    let (from, through) = kept.bestowal.days();
    let entry = kept.place().map(|place| place.to_string());
    let rows = [
        ("id", hex(&kept.commitment)),
        ("is a", kept.what().to_owned()),
        ("to", kept.to()),
        ("of", of(&kept, &rules)),
        ("for", purpose(&kept)),
        ("from", from.to_string()),
        ("through", through.to_string()),
        ("kept by", kept.bestowal.keeper().to_string()),
        (
            "entered here",
            if kept.own { "yes" } else { "no" }.to_owned(),
        ),
        ("entry", entry.unwrap_or_else(|| "-".to_owned())),
        ("stands", kept.stands().to_owned()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    say(table(&["", "grant"], rows))?;
    Ok(Ended::Well)
}

pub(super) async fn readings(args: &ReadingsArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let readings = node.readings_of_member(&args.member).await?;
    if args.json {
        let all: Vec<_> = readings.iter().map(entered_json).collect();
        say(serde_json::Value::from(all))?;
        return Ok(Ended::Well);
    }
    if readings.is_empty() {
        say("Nobody but the payer has read claims of that member.")?;
        return Ok(Ended::Well);
    }
    let rows = readings.iter().map(|read| {
        let of = &read.reading;
        vec![
            time(of.at),
            of.reader.to_string(),
            of.person.clone(),
            of.claim.to_string(),
            of.purpose.code().to_owned(),
            by(&of.by),
            read.leaf
                .map_or_else(|| "-".to_owned(), |leaf| leaf.to_string()),
        ]
    });
    say(table(
        &["when", "who", "person", "claim", "for", "right", "entry>"],
        rows,
    ))?;
    let emergencies = readings.iter().filter(|read| read.reading.is_emergency());
    let emergencies = emergencies.count() as u64;
    let readings = plural(readings.len() as u64, "reading");
    say(match emergencies {
        0 => format!("{readings}."),
        some => format!("{readings}, {some} of them without a right, in an emergency."),
    })?;
    Ok(Ended::Well)
}

pub(super) async fn receipt(args: &ReceiptArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let receipt = node
        .reading_receipt(args.claim, &args.reading, None)
        .await?;
    let receipt = receipt.with_context(|| {
        format!(
            "no such reading of claim {}: `tally consent readings MEMBER --json` lists them",
            args.claim
        )
    })?;
    print!("{receipt}");
    Ok(Ended::Well)
}
