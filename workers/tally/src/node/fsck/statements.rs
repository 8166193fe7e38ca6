//! Statements, checked: each stands in the log where it says, what it keeps to itself is
//! what its entry commits to, and each entry that is of nothing else is a statement's.

use std::collections::BTreeMap;

use anyhow::Result;
use tally_core::canon::Canon as _;
use tally_core::ledger::access::{Bestowal, Reading, Revocation};
use tally_core::ledger::{Commitment, Entry, PaymentAdvice, ReceivedClaim, Subject, commit};
use tally_store::port::{Sealed, StatementFilter, StatementRow};
use tally_store::vault::RecordKey;

use super::Fscked;
use crate::node::Node;
use crate::node::consent::{GRANT, READING, REVOCATION};
use crate::node::entered::{ADVISED, RECEIVED, about_payment};
use crate::node::reexecutions::{REEXECUTION, reexecuted};

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
        while let Some(rows) = self.page_of(&mut filter).await? {
            let sealed = rows.iter().filter_map(|row| row.opening.as_ref());
            let records: Vec<_> = sealed.map(|sealed| sealed.record).collect();
            let keys = self.vault.keys(&records).await?;
            for row in &rows {
                if let Some(leaf) = row.leaf {
                    *said.entry(leaf).or_default() += 1;
                }
                let opening = row.opening.as_ref();
                let opening = opening.and_then(|sealed| Some((keys.get(&sealed.record)?, sealed)));
                let place = format!("statement {}", row.id);
                let wrong = match found.stands(entries, (&place, row.leaf), &row.entry) {
                    false => Some("its entry is not on the log"),
                    true => wrong(row).or_else(|| self.unlike(row, opening?)),
                };
                match wrong {
                    None => found.statements += 1,
                    Some(what) => found.fault(place, what),
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

impl Node {
    /// What is wrong with what a statement keeps to itself, of which its entry says nothing
    /// but a commitment: what it keeps, and what it is found by. That of an erased one opens
    /// no more.
    fn unlike(
        &self,
        row: &StatementRow,
        (key, sealed): (&RecordKey, &Sealed),
    ) -> Option<&'static str> {
        let (purpose, subject, of) = match Entry::from_canon(&row.entry).ok()? {
            Entry::Received(of) => (RECEIVED, Subject::Received, of),
            Entry::PaymentAdvised(of) => (ADVISED, Subject::Payment, of),
            Entry::Agreed(of) | Entry::Disputed(of) => (REEXECUTION, Subject::Reexecution, of),
            Entry::Granted(of) => (GRANT, Subject::Grant, of),
            Entry::Read(of) | Entry::ReadUnderEmergency(of) => (READING, Subject::Reading, of),
            Entry::Revoked { grant } => {
                let opened = key.open(REVOCATION, sealed).ok();
                let kept = opened.and_then(|opened| Revocation::from_canon(&opened).ok());
                let holds = kept.is_some_and(|kept| kept.grant == grant);
                return (!holds).then_some("what it keeps is not what its entry says");
            }
            _ => return None,
        };
        let opened = key.open(purpose, sealed).ok();
        let holds = |opened: &[u8]| commits(purpose, subject, opened) == Some(of);
        let Some(opened) = opened.filter(|opened| holds(opened)) else {
            return Some("its entry is not the commitment to what it keeps");
        };
        let body = opened.get(32..)?;
        let about: Option<Vec<u8>> = match subject {
            Subject::Received => ReceivedClaim::from_canon(body)
                .ok()
                .map(|of| of.claim.0.to_vec()),
            Subject::Payment => PaymentAdvice::from_canon(body)
                .ok()
                .map(|of| about_payment(&of.trace)),
            Subject::Reading => Reading::from_canon(body).ok().map(|of| of.claim.0.to_vec()),
            Subject::Grant => Bestowal::from_canon(body)
                .ok()
                .map(|of| self.about(&of).0.to_vec()),
            // Found by the kind alone.
            _ => return None,
        };
        (about.as_ref() != Some(&row.about)).then_some("it is kept under another name")
    }
}

/// What is wrong with a statement.
fn wrong(row: &StatementRow) -> Option<&'static str> {
    let entry = match Entry::from_canon(&row.entry) {
        Ok(entry) if entry.kind() == row.kind && row.kind >= FIRST => entry,
        _ => return Some("its entry is of another kind"),
    };
    let (keeps, about) = match &entry {
        Entry::Received(_) | Entry::PaymentAdvised(_) | Entry::Agreed(_) | Entry::Disputed(_) => {
            (true, None)
        }
        Entry::Granted(_) | Entry::Read(_) | Entry::ReadUnderEmergency(_) => (true, None),
        Entry::Revoked { grant } => (true, Some(grant)),
        _ => (false, None),
    };
    if keeps && row.opening.is_none() {
        return Some("what it keeps is missing");
    }
    // By this what is taken back is found.
    match about {
        Some(about) if row.about != about => Some("it is kept under another grant"),
        _ => None,
    }
}

/// The commitment to what was kept as a salt and a body.
fn commits(purpose: &str, subject: Subject, opened: &[u8]) -> Option<Commitment> {
    let (salt, body) = opened.split_first_chunk::<32>()?;
    // A re-execution is kept with whose adjudication it was, to which nothing commits.
    let body = match purpose {
        REEXECUTION => &reexecuted(body)?,
        _ => body,
    };
    Some(commit(subject, salt, body))
}
