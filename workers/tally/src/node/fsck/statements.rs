//! Statements, checked: each stands in the log where it says, and each entry that is of
//! nothing else is a statement's.

use std::collections::BTreeMap;

use anyhow::Result;
use tally_core::canon::Canon as _;
use tally_core::ledger::Entry;
use tally_store::port::{StatementFilter, StatementRow, Statements as _};

use super::{Fscked, at};
use crate::node::Node;

/// Statements that are read at a time.
const PAGE: u32 = 1024;

/// The first kind of entry that statements are of. Those before it are the log's first
/// entry, policies, adjudications, batches of flags and reversals.
const FIRST: u8 = 6;

impl Node {
    /// Every statement, in the order they were made.
    pub(super) async fn check_statements(
        &self,
        entries: &[Vec<u8>],
        found: &mut Fscked,
    ) -> Result<()> {
        let mut said: BTreeMap<u64, u64> = BTreeMap::new();
        let mut filter = StatementFilter {
            limit: PAGE,
            ..StatementFilter::default()
        };
        loop {
            let rows = self.store.statements(&filter).await?;
            let Some(last) = rows.last() else { break };
            filter.after = Some(last.id);
            for row in &rows {
                if let Some(leaf) = row.leaf {
                    *said.entry(leaf).or_default() += 1;
                }
                match wrong(row, entries) {
                    None => found.statements += 1,
                    Some(what) => found.fault(format!("statement {}", row.id), what),
                }
            }
        }
        for (index, entry) in (0u64..).zip(entries) {
            let stated = Entry::from_canon(entry).is_ok_and(|entry| entry.kind() >= FIRST);
            let what = match (stated, said.get(&index)) {
                (false, _) | (true, Some(1)) => continue,
                (true, Some(_)) => "several statements say it is theirs",
                (true, None) => "no statement of this node is the one: a statement is missing",
            };
            found.fault(format!("entry {index}"), what);
        }
        Ok(())
    }
}

/// What is wrong with a statement.
fn wrong(row: &StatementRow, entries: &[Vec<u8>]) -> Option<&'static str> {
    if at(entries, row.leaf) != Some(&row.entry) {
        return Some("its entry is not on the log");
    }
    match Entry::from_canon(&row.entry) {
        Ok(entry) if entry.kind() == row.kind && row.kind >= FIRST => None,
        _ => Some("its entry is of another kind"),
    }
}
