//! A database that holds adjudicated claims already: put in by the server
//! itself, into every table that a claim of these runs fills.
//!
//! Two claims a unit, at 10,000 as at 5,000,000: what a unit has come to, and
//! so what is loaded of it, is the same in both. The payloads of claims and
//! decisions are of 100 bytes, for the disk's sake: none of them is read again.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_store::port::Token;
use tokio::task::JoinSet;

use crate::site::Site;

/// Claims of a unit.
const EACH: usize = 2;

const UNITS: &str = "INSERT INTO unit (token, sequence, last_claim, done) \
     SELECT sha256(uuid_send(gen_random_uuid())), 2, 2, 2 FROM generate_series(1, :units)";

const CLAIMS: &str = "INSERT INTO claim (place, id, unit, sequence, previous, submission, charge, \
                   received, first_service, submitter, member, provider) \
     SELECT p, uuid_send(gen_random_uuid()), (p - 1) % :units + 1, (p - 1) / :units + 1, \
            (p - 1) / :units, (p - 1) / 512 + 1, 12345, 20484, 20455, 'bench', \
            sha256(int8send((p - 1) % :units + 1)), sha256(int8send(p % 20000)) \
     FROM generate_series(1::bigint, :claims) AS p";

const BALANCES: &str = "INSERT INTO accumulator (unit, used, period, member, product, name) \
     SELECT id, 200, 20454, CASE n WHEN 0 THEN ''::bytea ELSE token END, 'harbor-ppo', \
            'accumulator-' || n FROM unit, generate_series(0, 2) AS n";

const SUBMISSIONS: &str = "INSERT INTO submission (token, submitter, content, read, refused, \
                        refusals, claims) \
     SELECT sha256(uuid_send(gen_random_uuid())), 'bench', sha256(int8send(n)), 512, 0, '', \
            decode(repeat(md5(n::text), 512), 'hex') FROM generate_series(1, :claims / 512) AS n";

const PAYLOADS: &str = "INSERT INTO claim_payload (place, received, record, payload) \
     SELECT p, 20484, uuid_send(gen_random_uuid()), decode(repeat('5c', 100), 'hex') \
     FROM generate_series(1::bigint, :claims) AS p";

const OUTCOMES: &str = "INSERT INTO outcome (claim, charge, allowed, paid, patient, leaf, status, \
                     hash, policy) \
     SELECT p, 12345, 10000, 8000, 2000, :first + p - 1, 1, sha256(int8send(p)), sha256('policy') \
     FROM generate_series(1::bigint, :claims) AS p";

const DECISIONS: &str = "INSERT INTO decision (place, received, record, payload) \
     SELECT p, 20484, uuid_send(gen_random_uuid()), decode(repeat('5c', 100), 'hex') \
     FROM generate_series(1::bigint, :claims) AS p";

const HISTORIES: &str = "INSERT INTO history (place, record, payload) \
     SELECT p, uuid_send(gen_random_uuid()), decode(repeat('5c', 300), 'hex') \
     FROM generate_series(1::bigint, :claims) AS p";

const ENTRIES: &str = "INSERT INTO entry (leaf, bytes) \
     SELECT :first + p, decode(repeat('5c', 200), 'hex') \
     FROM generate_series(0::bigint, :claims - 1) AS p";

/// A node of the tree for each that is complete, with any hash: a right edge is
/// read, no proof is made.
const NODES: &str = "INSERT INTO node (level, place, hash) \
     SELECT l, p, sha256(int8send(p)) FROM generate_series(0, 40) AS l, \
            generate_series(:first / (1::bigint << l), (:first + :claims) / (1::bigint << l) - 1) \
                AS p ON CONFLICT DO NOTHING";

const HEAD: &str = "INSERT INTO checkpoint (size, adjudicated, note) \
     SELECT size + :claims, adjudicated + :claims, \
            (SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1) FROM head; \
     UPDATE head SET size = size + :claims, adjudicated = adjudicated + :claims; \
     SELECT setval('claim_place', :claims)";

/// Fills a new site, and lets its claims from now on be of units among those
/// that are there.
pub async fn fill(site: Site, claims: usize) -> Result<Arc<Site>> {
    let first: u64 = site.ask("SELECT size FROM tally.head")?.trim().parse()?;
    let site = Arc::new(site);
    for group in [
        &[
            &[UNITS, CLAIMS, BALANCES][..],
            &[
                PAYLOADS,
                OUTCOMES,
                DECISIONS,
                HISTORIES,
                ENTRIES,
                NODES,
                SUBMISSIONS,
            ],
        ][..],
        &[&[HEAD]],
    ] {
        let mut tasks = JoinSet::new();
        for statements in group {
            let sql: Vec<String> = statements
                .iter()
                .map(|sql| {
                    sql.replace(":units", &(claims / EACH).to_string())
                        .replace(":claims", &claims.to_string())
                        .replace(":first", &format!("{first}::bigint"))
                })
                .collect();
            let site = Arc::clone(&site);
            tasks.spawn_blocking(move || {
                let sql = sql.join("; ");
                site.ask(&format!(
                    "SET search_path = tally; SET synchronous_commit = off; {sql}"
                ))
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
    }
    let (own, of) = (Arc::clone(&site), site.units.len());
    let found = tokio::task::spawn_blocking(move || {
        own.ask("VACUUM (ANALYZE)")?;
        own.ask("CHECKPOINT")?;
        own.ask(&format!(
            "SELECT encode(token, 'hex') FROM (SELECT token FROM tally.unit \
             ORDER BY sha256(token) LIMIT {of}) AS t"
        ))
    })
    .await??;
    let units = found.lines().map(token).collect::<Result<Vec<_>>>()?;
    let mut site = Arc::into_inner(site).context("nobody else has it")?;
    site.units = units;
    Ok(Arc::new(site))
}

fn token(hex: &str) -> Result<Token> {
    let token = tally::node::keys::unhex(hex);
    token.map(Token).context("64 digits")
}
