//! Messages and envelopes that cannot be used: each is a dead letter in the
//! end, with its reason, and nothing else is.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tally_core::ledger::SigningKey;
use tally_queue::envelope::{self, CONTENT_TYPE, Envelope, NodeKey, NodePublicKey, Sealing};
use tally_queue::{Headers, Outgoing, Publisher};

use crate::compare::Planted;
use crate::dice::Dice;
use crate::load::{Load, node_key, place, sealed};
use crate::round::HEADWAY;
use crate::servers::Servers;
use crate::site::{LIMIT, PARTITIONS, PAYER, SUBMITTER, Site, signer};

/// Publishes everything that cannot be used.
pub async fn publish(
    site: &Site,
    load: &Load,
    dice: &mut Dice,
    planted: &mut Planted,
) -> Result<()> {
    let mut messages = partitions(site, load, dice)?;
    messages.extend(envelopes(site, load, dice)?);
    dice.shuffle(&mut messages);
    let publisher = Publisher::new(site.broker.clone());
    for (code, message) in messages {
        publisher.publish_surely(&message).await?;
        *planted.letters.entry(code.to_owned()).or_default() += 1;
    }
    publisher.close().await;
    Ok(())
}

/// In partitions: no references, and references to nothing.
fn partitions(site: &Site, load: &Load, dice: &mut Dice) -> Result<Vec<(&'static str, Outgoing)>> {
    let key = site.queue_key()?;
    let topology = site.topology(PARTITIONS);
    let places: Vec<_> = topology.places().collect();
    let mut messages = Vec::new();
    for length in [0, 1, 70, 4000] {
        let garbage: Vec<u8> = (0..length).map(|_| dice.next().to_le_bytes()[0]).collect();
        let place = *dice.pick(&places);
        messages.push((
            "Q201",
            topology.to_partition(place, garbage, Headers::new()),
        ));
    }
    // A reference of another partition.
    let sent = dice.pick(&load.claims);
    let own = place(&sent.unit);
    let other = *dice.pick(
        &places
            .iter()
            .filter(|place| **place != own)
            .copied()
            .collect::<Vec<_>>(),
    );
    let moved = key.seal(own, &[sent.id.0])?;
    messages.push(("Q201", topology.to_partition(other, moved, Headers::new())));
    // Of this node, but to a claim that it does not know.
    for _ in 0..2 {
        let place = *dice.pick(&places);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&dice.next().to_le_bytes());
        messages.push((
            "Q202",
            topology.to_partition(place, key.seal(place, &[id])?, Headers::new()),
        ));
    }
    Ok(messages)
}

/// In the intake.
fn envelopes(site: &Site, load: &Load, dice: &mut Dice) -> Result<Vec<(&'static str, Outgoing)>> {
    let node = node_key(&site.envelope_key()?)?;
    let topology = site.topology(PARTITIONS);
    let payload = &load.population.files[0].bytes;
    let good = sealed(90_000, payload, &node)?;
    let altered = |from: &str, to: &str| -> Result<Vec<u8>> {
        let text = String::from_utf8(good.clone())?;
        ensure!(text.contains(from), "the envelope has no {from}");
        Ok(text.replacen(from, to, 1).into_bytes())
    };
    let typed = |content_type: &str, body: Vec<u8>, id: &str| -> Result<Outgoing> {
        Ok(Outgoing {
            exchange: topology.intake(),
            routing_key: topology.only_key().to_owned(),
            body,
            headers: Headers::new()
                .with_content_type(content_type)?
                .with_message_id(id)?,
            unheard: false,
        })
    };
    let usual = |body: Vec<u8>, id: &str| typed(CONTENT_TYPE, body, id);
    let other = SigningKey::new(SUBMITTER, &[8; 32])?;
    let stranger = NodeKey::new(&[9; 32]).context("no key")?.public();
    let by = |payer: &str, submitter: &str, node: &NodePublicKey, key: &SigningKey| {
        let sealing = Sealing {
            payer,
            submitter,
            interchange: "F99999",
            format: envelope::Format::Tally,
            created: "2026-01-01T00:00:00Z",
            payload,
        };
        Envelope::seal(&sealing, node, key)
    };
    let mut unsigned: serde_json::Value = serde_json::from_slice(&good)?;
    unsigned
        .as_object_mut()
        .context("an object")?
        .remove("signature");
    let noise: Vec<u8> = (0..500).map(|_| dice.next().to_le_bytes()[0]).collect();
    // What a sender says of himself in headers is not to be believed, nor to
    // hold up anybody: a database takes no zero bytes.
    let forged = usual(b"{".to_vec(), "poison-12")?;
    let forged = Outgoing {
        headers: forged.headers.with_text("x-tally-submitter", "some\0body"),
        ..forged
    };
    Ok(vec![
        ("Q103", usual(noise, "poison-1")?),
        (
            "Q103",
            usual(altered("\"created\"", "\"crated\"")?, "poison-2")?,
        ),
        ("Q101", typed("application/json", good.clone(), "poison-3")?),
        (
            "Q104",
            usual(altered("\"version\":1", "\"version\":2")?, "poison-4")?,
        ),
        ("Q107", usual(serde_json::to_vec(&unsigned)?, "poison-5")?),
        (
            "Q108",
            usual(by(PAYER, SUBMITTER, &node, &other)?, "poison-6")?,
        ),
        (
            "Q106",
            usual(by(PAYER, "nobody", &node, &signer())?, "poison-7")?,
        ),
        (
            "Q105",
            usual(
                by("another-payer", SUBMITTER, &node, &signer())?,
                "poison-8",
            )?,
        ),
        (
            "Q109",
            usual(by(PAYER, SUBMITTER, &stranger, &signer())?, "poison-9")?,
        ),
        ("Q102", usual(vec![b' '; LIMIT + 1], "poison-10")?),
        ("Q103", usual(Vec::new(), "poison-11")?),
        ("Q103", forged),
    ])
}

/// What an operator does: lists them, looks at one, gives one up, and tries one
/// again, which dies again.
pub async fn settle(site: &mut Site, servers: &Servers, planted: &mut Planted) -> Result<()> {
    let json = |site: &Site, arguments: &[&str]| -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&site.run(arguments, 0)?.stdout)?)
    };
    let list = json(site, &["queue", "dead", "list", "--json"])?;
    let letters = list["messages"].as_array().context("a list")?.clone();
    let forged = letters.iter().any(|letter| {
        letter["from"]
            .as_str()
            .is_some_and(|from| from != SUBMITTER)
    });
    ensure!(
        !forged,
        "a letter is said to be from whom its sender says: {letters:?}"
    );
    let number = |letter: &serde_json::Value| letter["message"].as_u64().map(|n| n.to_string());
    let find = |code: &str| {
        let letter = letters.iter().find(|letter| letter["code"] == code);
        letter
            .and_then(number)
            .with_context(|| format!("no letter {code}"))
    };
    let (again, given_up) = (find("Q108")?, find("Q202")?);
    let shown = json(site, &["queue", "dead", "show", &again, "--json"])?;
    ensure!(
        shown["bytes"].as_u64() > Some(0),
        "it does not open: {shown}"
    );
    json(site, &["queue", "dead", "discard", &given_up, "--json"])?;
    json(site, &["queue", "dead", "replay", &again, "--json"])?;
    site.run(&["queue", "dead", "discard", &given_up], 1)?;
    // It comes back as what it was, and waits again.
    *planted.letters.entry("Q108".to_owned()).or_default() += 1;
    let waits = "select count(*) from tally.dead_letter where code = 'Q108' and settled is null";
    let begun = Instant::now();
    while begun.elapsed() < HEADWAY {
        if site.numbers(servers, waits)? == [1] {
            return Ok(());
        }
        site.wait(Duration::from_millis(100)).await?;
    }
    anyhow::bail!("a letter that was tried again and died again is not to be seen")
}
