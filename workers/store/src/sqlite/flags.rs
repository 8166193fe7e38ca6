//! Flags: replaced by group, withdrawn but never deleted, listed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};
use tally_core::ledger::Commitment;

use crate::alike::{ASKED, Changes, Version, changes, wanted};
use crate::port::{Answer, FlagFilter, FlagGroup, FlagListed, FlagRow};

use super::bulk::{Bulk, Values, hex_list, id_list, pair_list};
use super::cells::Cells;
use super::detection::pair;
use super::doing;

/// The versions that stand in groups.
pub(super) const STANDING: &str = "SELECT f.id, f.flag, f.commitment, f.standing FROM json_each(?) AS j \
     CROSS JOIN flag AS f ON f.detector = j.value ->> 0 AND f.key = unhex(j.value ->> 1) \
     AND f.standing = 1";

/// The versions of commitments.
pub(super) const STORED: &str = "SELECT f.id, f.flag, f.commitment, f.standing FROM json_each(?) AS j \
     CROSS JOIN flag AS f ON f.commitment = unhex(j.value)";

const CLAIMS: Bulk = Bulk {
    doing: "storing a flag's claims",
    before: "INSERT INTO flag_claim (flag, position, claim)",
    columns: 3,
    after: "",
};

const MEMBERS: Bulk = Bulk {
    doing: "storing a flag's members",
    before: "INSERT INTO flag_member (flag, position, member)",
    columns: 3,
    after: "",
};

const PROVIDERS: Bulk = Bulk {
    doing: "storing a flag's providers",
    before: "INSERT INTO flag_provider (flag, position, provider)",
    columns: 3,
    after: "",
};

/// A group as it is stored.
fn key(group: &FlagGroup) -> (i64, &[u8]) {
    match group {
        FlagGroup::Facts(group) => pair(group),
        FlagGroup::Findings(claim) => (0, &claim.0),
    }
}

/// Makes the flags of groups what is said.
pub(super) async fn replace(
    conn: &mut SqliteConnection,
    said: BTreeMap<FlagGroup, &[FlagRow]>,
) -> Answer<()> {
    if said.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(STANDING)
        .bind(pair_list(said.keys().map(key)))
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("reading the flags of groups"))?;
    let standing = rows
        .iter()
        .map(|row| Cells::of(row, "flag").version())
        .collect::<Answer<Vec<_>>>()?;
    let stored = stored(conn, &wanted(&said)).await?;
    let Changes {
        withdrawn,
        again,
        new,
    } = changes(&said, &standing, &stored)?;
    stand(conn, withdrawn, false).await?;
    stand(conn, again, true).await?;
    for (group, flag) in new {
        insert(conn, group, flag).await?;
    }
    Ok(())
}

/// The versions, standing or not, that have these commitments.
async fn stored(
    conn: &mut SqliteConnection,
    commitments: &BTreeSet<Commitment>,
) -> Answer<BTreeMap<Commitment, Version>> {
    if commitments.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query(STORED)
        .bind(hex_list(commitments.iter().map(|hash| &hash[..])))
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

/// Lets versions stand, or withdraws them.
async fn stand(conn: &mut SqliteConnection, versions: Vec<i64>, standing: bool) -> Answer<()> {
    if versions.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE flag SET standing = ? WHERE id IN (SELECT value FROM json_each(?))")
        .bind(i64::from(standing))
        .bind(id_list(versions))
        .execute(conn)
        .await
        .map_err(doing("withdrawing flags"))?;
    Ok(())
}

async fn insert(conn: &mut SqliteConnection, group: &FlagGroup, flag: &FlagRow) -> Answer<()> {
    let (detector, key) = key(group);
    let mut values = Values::default();
    values.bytes(&flag.id.0);
    values.bytes(&flag.commitment);
    values.number(detector);
    values.bytes(key);
    values.text(&flag.pattern);
    values.number(flag.score);
    values.number(flag.first_seen.days());
    values.number(flag.last_seen.days());
    values.number(flag.exposure.scaled());
    values.sealed(&flag.sealed);
    let arguments = values.finish().map_err(doing("storing a flag"))?;
    let id: i64 = sqlx::query_scalar_with(
        "INSERT INTO flag (standing, flag, commitment, detector, key, pattern, score, \
                           first_seen, last_seen, exposure, record, payload) \
         VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        arguments,
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(doing("storing a flag"))?;
    let claims: Vec<&[u8]> = flag.claims.iter().map(|claim| &claim.0[..]).collect();
    list(conn, &CLAIMS, id, &claims).await?;
    let members: Vec<&[u8]> = flag.members.iter().map(|token| &token.0[..]).collect();
    list(conn, &MEMBERS, id, &members).await?;
    let providers: Vec<&[u8]> = flag.providers.iter().map(|token| &token.0[..]).collect();
    list(conn, &PROVIDERS, id, &providers).await
}

async fn list(conn: &mut SqliteConnection, bulk: &Bulk, flag: i64, items: &[&[u8]]) -> Answer<()> {
    let items: Vec<(usize, &[u8])> = items.iter().copied().enumerate().collect();
    bulk.run(conn, &items, |values, (position, item)| {
        values.number(flag);
        values.number(*position);
        values.bytes(item);
    })
    .await
}

/// A flag with its claims, members and providers in their order.
const COLUMNS: &str = "SELECT f.flag, f.pattern, f.score, f.first_seen, f.last_seen, \
     f.exposure, \
     (SELECT group_concat(hex(claim), '' ORDER BY position) \
      FROM flag_claim WHERE flag = f.id), \
     (SELECT group_concat(hex(member), '' ORDER BY position) \
      FROM flag_member WHERE flag = f.id), \
     (SELECT group_concat(hex(provider), '' ORDER BY position) \
      FROM flag_provider WHERE flag = f.id), \
     f.record, f.payload, f.commitment, f.leaf, f.slot";

/// The flags that stand in groups: by group as asked, then by id.
pub(super) async fn standing(
    conn: &mut SqliteConnection,
    groups: &[FlagGroup],
) -> Answer<Vec<(FlagGroup, FlagRow)>> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(", j.key FROM json_each(");
    query.push_bind(pair_list(groups.iter().map(key)));
    query.push(
        ") AS j CROSS JOIN flag AS f ON f.detector = j.value ->> 0 \
         AND f.key = unhex(j.value ->> 1) AND f.standing = 1",
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
        let position: usize = cells.number()?;
        let group = groups.get(position).ok_or(ASKED)?;
        found.push((position, *group, flag));
    }
    found.sort_by_key(|(position, _, flag)| (*position, flag.id));
    Ok(found
        .into_iter()
        .map(|(_, group, flag)| (group, flag))
        .collect())
}

/// The flags that a filter lets through.
pub(super) fn filtered(filter: &FlagFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(" FROM flag AS f WHERE f.standing = 1");
    if let Some(id) = filter.id {
        query.push(" AND f.flag = ").push_bind(id.0.to_vec());
    }
    if let Some(pattern) = &filter.pattern {
        query.push(" AND f.pattern = ").push_bind(pattern.clone());
    }
    if let Some(provider) = filter.provider {
        query
            .push(" AND f.id IN (SELECT flag FROM flag_provider WHERE provider = ")
            .push_bind(provider.0.to_vec())
            .push(")");
    }
    if let Some(member) = filter.member {
        query
            .push(" AND f.id IN (SELECT flag FROM flag_member WHERE member = ")
            .push_bind(member.0.to_vec())
            .push(")");
    }
    if let Some(claim) = filter.claim {
        query
            .push(" AND f.id IN (SELECT flag FROM flag_claim WHERE claim = ")
            .push_bind(claim.0.to_vec())
            .push(")");
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
        query.push(" AND f.score >= ").push_bind(score);
    }
    query.push(" ORDER BY f.score DESC, f.last_seen DESC, f.flag");
    if filter.limit > 0 {
        query.push(" LIMIT ").push_bind(filter.limit);
    }
    query
}

/// Flags that stand.
pub(super) async fn listed(
    conn: &mut SqliteConnection,
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
