//! Flags: replaced by group, withdrawn but never deleted, listed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder};
use tally_core::ledger::Commitment;

use crate::alike::{Changes, Version, changes, detector, wanted};
use crate::port::{Answer, FlagFilter, FlagGroup, FlagListed, FlagRow};

use super::cells::Cells;
use super::{ASKED, doing, position, taken};

/// The versions that stand in groups.
pub(super) const STANDING: &str = "SELECT f.id, f.flag, f.commitment, f.standing \
     FROM unnest($1::smallint[], $2::bytea[]) AS g (detector, key) \
     CROSS JOIN LATERAL (SELECT * FROM flag WHERE flag.key = g.key \
         AND flag.detector = g.detector AND flag.standing OFFSET 0) AS f";

/// The versions of commitments.
pub(super) const STORED: &str =
    "SELECT id, flag, commitment, standing FROM flag WHERE commitment = ANY($1)";

/// Locks versions, in order: a relay may be giving them their places.
pub(super) const HELD: &str =
    "SELECT id FROM flag WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// Lets versions stand, or withdraws them.
pub(super) const STAND: &str = "UPDATE flag SET standing = $2 WHERE id = ANY($1)";

/// New versions.
const ADDED: &str = "INSERT INTO flag (standing, flag, commitment, detector, key, pattern, score, \
                       first_seen, last_seen, exposure, record, payload) \
     SELECT true, n.* FROM unnest($1::bytea[], $2::bytea[], $3::smallint[], $4::bytea[], \
          $5::text[], $6::smallint[], $7::integer[], $8::integer[], $9::bigint[], $10::bytea[], \
          $11::bytea[]) AS n RETURNING id, commitment";

/// Whom new versions concern.
const CONCERNED: &str = "WITH claims AS (INSERT INTO flag_claim (flag, position, claim) \
     SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])), \
     members AS (INSERT INTO flag_member (flag, position, member) \
     SELECT * FROM unnest($4::bigint[], $5::integer[], $6::bytea[])) \
     INSERT INTO flag_provider (flag, position, provider) \
     SELECT * FROM unnest($7::bigint[], $8::integer[], $9::bytea[])";

/// A group as it is stored.
fn key(group: &FlagGroup) -> (i16, &[u8]) {
    match group {
        FlagGroup::Facts(group) => (detector(group.detector), &group.key.0),
        FlagGroup::Findings(claim) => (0, &claim.0),
    }
}

/// Makes the flags of groups what is said.
pub(super) async fn replace(
    conn: &mut PgConnection,
    said: &BTreeMap<FlagGroup, &[FlagRow]>,
) -> Answer<()> {
    if said.is_empty() {
        return Ok(());
    }
    let (detectors, keys): (Vec<i16>, Vec<&[u8]>) = said.keys().map(key).unzip();
    let rows = sqlx::query(STANDING)
        .bind(detectors)
        .bind(keys)
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("reading the flags of groups"))?;
    let standing = rows
        .iter()
        .map(|row| Cells::of(row, "flag").version())
        .collect::<Answer<Vec<_>>>()?;
    let stored = stored(conn, &wanted(said)).await?;
    let Changes {
        withdrawn,
        again,
        new,
    } = changes(said, &standing, &stored)?;
    stand(conn, withdrawn, again).await?;
    add(conn, &new).await
}

/// The versions, standing or not, that have these commitments.
async fn stored(
    conn: &mut PgConnection,
    commitments: &BTreeSet<Commitment>,
) -> Answer<BTreeMap<Commitment, Version>> {
    if commitments.is_empty() {
        return Ok(BTreeMap::new());
    }
    let commitments: Vec<&[u8]> = commitments.iter().map(|hash| &hash[..]).collect();
    let rows = sqlx::query(STORED)
        .bind(commitments)
        .fetch_all(conn)
        .await
        .map_err(doing("reading versions of flags"))?;
    rows.iter()
        .map(|row| {
            let version = Cells::of(row, "flag").version()?;
            Ok((version.commitment, version))
        })
        .collect()
}

/// Withdraws versions, then lets others stand: at most one of a flag does at
/// any time.
async fn stand(conn: &mut PgConnection, withdrawn: Vec<i64>, again: Vec<i64>) -> Answer<()> {
    let all: Vec<i64> = withdrawn.iter().chain(&again).copied().collect();
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(HELD)
        .bind(all)
        .execute(&mut *conn)
        .await
        .map_err(doing("waiting for flags"))?;
    for (versions, standing) in [(withdrawn, false), (again, true)] {
        if versions.is_empty() {
            continue;
        }
        sqlx::query(STAND)
            .bind(versions)
            .bind(standing)
            .execute(&mut *conn)
            .await
            .map_err(doing("withdrawing flags"))
            .map_err(taken("a flag"))?;
    }
    Ok(())
}

/// Adds versions, in order: the first is the oldest.
async fn add(conn: &mut PgConnection, new: &[(&FlagGroup, &FlagRow)]) -> Answer<()> {
    if new.is_empty() {
        return Ok(());
    }
    let flags = || new.iter().map(|(_, flag)| *flag);
    let (detectors, keys): (Vec<i16>, Vec<&[u8]>) = new.iter().map(|(group, _)| key(group)).unzip();
    // A score that none has is refused by the table, not cut off here.
    let scores: Vec<i16> = flags()
        .map(|flag| i16::try_from(flag.score).unwrap_or(i16::MAX))
        .collect();
    let rows = sqlx::query(ADDED)
        .bind(flags().map(|flag| &flag.id.0[..]).collect::<Vec<_>>())
        .bind(flags().map(|flag| &flag.commitment[..]).collect::<Vec<_>>())
        .bind(detectors)
        .bind(keys)
        .bind(flags().map(|flag| &flag.pattern[..]).collect::<Vec<_>>())
        .bind(scores)
        .bind(
            flags()
                .map(|flag| flag.first_seen.days())
                .collect::<Vec<_>>(),
        )
        .bind(
            flags()
                .map(|flag| flag.last_seen.days())
                .collect::<Vec<_>>(),
        )
        .bind(
            flags()
                .map(|flag| flag.exposure.scaled())
                .collect::<Vec<_>>(),
        )
        .bind(
            flags()
                .map(|flag| &flag.sealed.record.0[..])
                .collect::<Vec<_>>(),
        )
        .bind(
            flags()
                .map(|flag| &flag.sealed.bytes[..])
                .collect::<Vec<_>>(),
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("storing flags"))
        .map_err(taken("a flag"))?;
    let mut ids = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row, "flag");
        let id: i64 = cells.number()?;
        ids.insert(cells.bytes::<32>()?, id);
    }
    let (mut claims, mut members, mut providers) =
        (Items::default(), Items::default(), Items::default());
    for flag in flags() {
        let id = *ids.get(&flag.commitment).ok_or(ASKED)?;
        claims.of(id, flag.claims.iter().map(|claim| &claim.0[..]));
        members.of(id, flag.members.iter().map(|member| &member.0[..]));
        providers.of(id, flag.providers.iter().map(|provider| &provider.0[..]));
    }
    sqlx::query(CONCERNED)
        .bind(claims.flags)
        .bind(claims.positions)
        .bind(claims.items)
        .bind(members.flags)
        .bind(members.positions)
        .bind(members.items)
        .bind(providers.flags)
        .bind(providers.positions)
        .bind(providers.items)
        .execute(conn)
        .await
        .map_err(doing("storing whom flags concern"))?;
    Ok(())
}

/// Whom flags concern, in columns.
#[derive(Default)]
struct Items<'a> {
    flags: Vec<i64>,
    positions: Vec<i32>,
    items: Vec<&'a [u8]>,
}

impl<'a> Items<'a> {
    fn of(&mut self, flag: i64, items: impl Iterator<Item = &'a [u8]>) {
        for (position, item) in (0..).zip(items) {
            self.flags.push(flag);
            self.positions.push(position);
            self.items.push(item);
        }
    }
}

/// A flag with its claims, members and providers in their order.
const COLUMNS: &str = "SELECT f.flag, f.pattern, f.score, f.first_seen, f.last_seen, f.exposure, \
     array(SELECT claim FROM flag_claim WHERE flag = f.id ORDER BY position), \
     array(SELECT member FROM flag_member WHERE flag = f.id ORDER BY position), \
     array(SELECT provider FROM flag_provider WHERE flag = f.id ORDER BY position), \
     f.record, f.payload, f.commitment, f.leaf, f.slot";

/// The flags that stand in groups: by group as asked, then by id.
pub(super) async fn standing(
    conn: &mut PgConnection,
    groups: &[FlagGroup],
) -> Answer<Vec<(FlagGroup, FlagRow)>> {
    let (detectors, keys): (Vec<i16>, Vec<&[u8]>) = groups.iter().map(key).unzip();
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(", g.n FROM unnest(").push_bind(detectors);
    query.push("::smallint[], ").push_bind(keys);
    query.push(
        "::bytea[]) WITH ORDINALITY AS g (detector, key, n) \
         CROSS JOIN LATERAL (SELECT * FROM flag WHERE flag.key = g.key \
         AND flag.detector = g.detector AND flag.standing OFFSET 0) AS f",
    );
    let rows = query
        .build()
        .fetch_all(conn)
        .await
        .map_err(doing("reading the flags of groups"))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut cells = Cells::of(row, "flag");
        let flag = cells.flag()?.row;
        let position = position(cells.number()?)?;
        found.push((position, *groups.get(position).ok_or(ASKED)?, flag));
    }
    found.sort_by_key(|(position, _, flag)| (*position, flag.id));
    Ok(found
        .into_iter()
        .map(|(_, group, flag)| (group, flag))
        .collect())
}

/// The flags that a filter lets through.
pub(super) fn filtered(filter: &FlagFilter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" FROM flag AS f WHERE f.standing");
    if let Some(id) = filter.id {
        query.push(" AND f.flag = ").push_bind(id.0.to_vec());
    }
    if let Some(pattern) = &filter.pattern {
        query.push(" AND f.pattern = ").push_bind(pattern.clone());
    }
    // As a list, so that what is looked for leads to the flags and not the
    // other way round.
    for (table, column, wanted) in [
        (
            "flag_provider",
            "provider",
            filter.provider.map(|p| p.0.to_vec()),
        ),
        ("flag_member", "member", filter.member.map(|m| m.0.to_vec())),
        ("flag_claim", "claim", filter.claim.map(|c| c.0.to_vec())),
    ] {
        if let Some(wanted) = wanted {
            query
                .push(" AND f.id = ANY(array(SELECT flag FROM ")
                .push(table)
                .push(" WHERE ")
                .push(column)
                .push(" = ")
                .push_bind(wanted)
                .push("))");
        }
    }
    if let Some(from) = filter.from {
        query.push(" AND f.last_seen >= ").push_bind(from.days());
    }
    if let Some(through) = filter.through {
        query
            .push(" AND f.first_seen <= ")
            .push_bind(through.days());
    }
    if let Some(score) = filter.score {
        query.push(" AND f.score >= ").push_bind(i32::from(score));
    }
    query.push(" ORDER BY f.score DESC, f.last_seen DESC, f.flag");
    if filter.limit > 0 {
        query.push(" LIMIT ").push_bind(i64::from(filter.limit));
    }
    query
}

/// Flags that stand.
pub(super) async fn listed(
    conn: &mut PgConnection,
    filter: &FlagFilter,
) -> Answer<Vec<FlagListed>> {
    let mut query = filtered(filter);
    let rows = query
        .build()
        .fetch_all(conn)
        .await
        .map_err(doing("listing flags"))?;
    rows.iter()
        .map(|row| Cells::of(row, "flag").flag())
        .collect()
}
