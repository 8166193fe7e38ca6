//! Facts by group, the marks on groups, and the flags that follow.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;
use tally_core::claim::ClaimId;

use crate::alike::{ASKED, detector, detector_of};
use crate::port::{
    Answer, Detection, FactRow, FlagGroup, FlagRow, Group, Judged, StoreError, Unjudged,
};

use super::bulk::{Bulk, id_list, pair_list};
use super::cells::Cells;
use super::{SqliteStore, begin, doing, flags};

/// Facts by group.
pub(super) const FACTS: &str = "SELECT j.key, f.claim, f.line, f.record, f.payload FROM json_each(?) AS j \
     CROSS JOIN fact AS f ON f.detector = j.value ->> 0 AND f.key = unhex(j.value ->> 1)";

/// The marks of the groups that are marked first.
pub(super) const UNJUDGED: &str = "SELECT u.id, u.detector, u.key \
     FROM (SELECT DISTINCT detector, key FROM \
           (SELECT detector, key FROM unjudged ORDER BY id LIMIT ?)) AS g \
     CROSS JOIN unjudged AS u ON u.detector = g.detector AND u.key = g.key ORDER BY u.id";

const MARKS: Bulk = Bulk {
    doing: "marking groups",
    before: "INSERT INTO unjudged (detector, key)",
    columns: 2,
    after: "",
};

const STATED: Bulk = Bulk {
    doing: "storing facts",
    before: "INSERT INTO fact (detector, key, claim, line, record, payload)",
    columns: 6,
    after: "ON CONFLICT (detector, key, claim, line) \
            DO UPDATE SET record = excluded.record, payload = excluded.payload",
};

/// A group as it is stored.
pub(super) fn pair(group: &Group) -> (i64, &[u8]) {
    (detector(group.detector).into(), &group.key.0)
}

const FORGOTTEN: Bulk = Bulk {
    doing: "forgetting facts",
    before: "WITH gone (detector, key, claim, line) AS (",
    columns: 4,
    after: ") DELETE FROM fact WHERE (detector, key, claim, line) IN (SELECT * FROM gone)",
};

/// Takes facts out, and marks their groups to be judged.
pub(super) async fn forget(
    conn: &mut SqliteConnection,
    facts: &[(Group, ClaimId, u16)],
) -> Answer<()> {
    FORGOTTEN
        .run(conn, facts, |values, (group, claim, line)| {
            let (detector, key) = pair(group);
            values.number(detector);
            values.bytes(key);
            values.bytes(&claim.0);
            values.number(*line);
        })
        .await?;
    mark(conn, facts.iter().map(|(group, ..)| *group).collect()).await
}

impl Detection for SqliteStore {
    async fn unjudged(&self, limit: u32) -> Answer<Vec<Unjudged>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(UNJUDGED)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what is to be judged"))?;
        let mut groups: Vec<Unjudged> = Vec::new();
        let mut places: BTreeMap<Group, usize> = BTreeMap::new();
        for row in &rows {
            let mut cells = Cells::of(row, "mark");
            let mark = cells.number()?;
            let group = Group {
                detector: detector_of(cells.number()?)?,
                key: cells.token()?,
            };
            let place = *places.entry(group).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(unjudged) => unjudged.marks.push(mark),
                None => groups.push(Unjudged {
                    group,
                    marks: vec![mark],
                }),
            }
        }
        Ok(groups)
    }

    async fn facts(&self, groups: &[Group]) -> Answer<Vec<FactRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(FACTS)
            .bind(pair_list(groups.iter().map(pair)))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading facts"))?;
        let mut facts = rows
            .iter()
            .map(|row| {
                let mut cells = Cells::of(row, "fact");
                let position: usize = cells.number()?;
                let fact = FactRow {
                    group: *groups.get(position).ok_or(ASKED)?,
                    claim: cells.claim()?,
                    line: cells.number()?,
                    sealed: cells.sealed()?,
                };
                Ok((position, fact))
            })
            .collect::<Answer<Vec<_>>>()?;
        facts.sort_by_key(|(position, fact)| (*position, fact.claim, fact.line));
        Ok(facts.into_iter().map(|(_, fact)| fact).collect())
    }

    async fn flags_in(&self, groups: &[FlagGroup]) -> Answer<Vec<(FlagGroup, FlagRow)>> {
        let mut reader = self.reader().await?;
        flags::standing(&mut reader, groups).await
    }

    async fn judge(&self, judged: &[Judged]) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let marks: Vec<i64> = judged
            .iter()
            .flat_map(|judged| judged.marks.iter().copied())
            .collect();
        let count = marks.len();
        let taken =
            sqlx::query("DELETE FROM unjudged WHERE id IN (SELECT value FROM json_each(?))")
                .bind(id_list(marks))
                .execute(&mut *tx)
                .await
                .map_err(doing("taking marks off groups"))?;
        if usize::try_from(taken.rows_affected()) != Ok(count) {
            return Err(StoreError::Fenced {
                what: "a group of facts",
            });
        }
        // Of two judgements of a group, the later says how it now is.
        let changes = judged
            .iter()
            .map(|judged| (FlagGroup::Facts(judged.group), &judged.flags[..]))
            .collect();
        flags::replace(&mut tx, changes).await?;
        tx.commit().await.map_err(doing("replacing flags"))
    }
}

/// Stores facts and marks their groups.
pub(super) async fn state(conn: &mut SqliteConnection, facts: &[FactRow]) -> Answer<()> {
    STATED
        .run(conn, facts, |values, fact| {
            values.number(detector(fact.group.detector));
            values.bytes(&fact.group.key.0);
            values.bytes(&fact.claim.0);
            values.number(fact.line);
            values.sealed(&fact.sealed);
        })
        .await?;
    mark(conn, facts.iter().map(|fact| fact.group).collect()).await
}

/// Marks groups to be judged, each once.
pub(super) async fn mark(conn: &mut SqliteConnection, mut groups: Vec<Group>) -> Answer<()> {
    groups.sort_unstable();
    groups.dedup();
    MARKS
        .run(conn, &groups, |values, group| {
            let (detector, key) = pair(group);
            values.number(detector);
            values.bytes(key);
        })
        .await
}
