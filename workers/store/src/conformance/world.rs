//! Made-up things to store. Each is a function of small numbers, so that a
//! case reads as what it is about.

use sha2::{Digest, Sha256};
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_core::fraud::{DetectorId, FlagId};
use tally_core::ledger::tree::{Frontier, leaf_hash};
use tally_types::{Money, ServiceDate};

use crate::port::{
    AccumulatorName, Adjudicated, Answer, AuditRow, Batch, FactRow, FlagRow, Group, Identity,
    Integration, Judged, Leaf, NewClaim, NewContract, NewPolicy, OutboxRow, PendingFlag, Queued,
    RecordId, Sealed, Store, Submission, Token,
};

/// 32 bytes that stand for the `n`th thing of a kind.
#[must_use]
pub fn digest(kind: &str, n: u64) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(kind.as_bytes());
    hasher.update(n.to_be_bytes());
    hasher.finalize().into()
}

fn short(kind: &str, n: u64) -> [u8; 16] {
    let digest = digest(kind, n);
    core::array::from_fn(|i| digest[i])
}

/// The `n`th token of a kind.
#[must_use]
pub fn token(kind: &str, n: u64) -> Token {
    Token(digest(kind, n))
}

/// The `n`th unit.
#[must_use]
pub fn unit(n: u64) -> Token {
    token("unit", n)
}

/// The `n`th claim's id.
#[must_use]
pub fn claim_id(n: u64) -> ClaimId {
    ClaimId(short("claim", n))
}

/// A payload of a kind.
#[must_use]
pub fn sealed(kind: &str, n: u64) -> Sealed {
    let mut bytes = digest(kind, n).to_vec();
    bytes.extend_from_slice(kind.as_bytes());
    Sealed {
        record: RecordId(short("record", n)),
        bytes,
    }
}

/// A day of 2026.
///
/// # Panics
/// When the year has no such day.
#[must_use]
pub fn day(n: i32) -> ServiceDate {
    ServiceDate::new(2026, 1, 1)
        .and_then(|first| first.plus_days(n))
        .expect("a day of the calendar")
}

/// Partitions of these cases.
pub const PARTITIONS: u64 = 2;

/// Who submits: in turn.
pub const SUBMITTERS: [&str; 2] = ["harbour-clinic", "riverside-hospital"];

/// What the stores of these cases are set up as.
///
/// # Panics
/// Never: there are few partitions.
#[must_use]
pub fn identity() -> Identity {
    Identity {
        origin: "tallystick.example/conformance".into(),
        partitions: u32::try_from(PARTITIONS).expect("a small number"),
    }
}

/// An entry of the audit trail.
#[must_use]
pub fn note(action: &str) -> AuditRow {
    AuditRow {
        at: 1_700_000_000_000,
        actor: "an operator".into(),
        action: action.into(),
        subject: "a claim".into(),
    }
}

/// The `n`th claim, of a unit.
///
/// # Panics
/// When `n` is too great for its charge.
#[must_use]
pub fn claim(n: u64, of: u64) -> NewClaim {
    NewClaim {
        id: claim_id(n),
        unit: unit(of),
        partition: u32::try_from(of % PARTITIONS).expect("a small number"),
        contract: None,
        former: false,
        member: token("member", of),
        provider: token("provider", n % 3),
        received: day(20),
        first_service: day(i32::try_from(n % 20).expect("a small number")),
        charge: Money::cents(10_000 + i64::try_from(n).expect("a small number")),
        sealed: sealed("claim", n),
        act: None,
        statement: None,
    }
}

/// The `n`th submission, of these claims, each a number and its unit.
///
/// # Panics
/// When there are too many.
#[must_use]
pub fn submission(n: u64, claims: &[(u64, u64)]) -> Submission {
    let count = u32::try_from(claims.len()).expect("few claims");
    Submission {
        token: token("submission", n),
        submitter: SUBMITTERS[usize::try_from(n % 2).expect("a small number")].into(),
        content: token("content", n),
        partitions: identity().partitions,
        trace: None,
        read: count + 1,
        refusals: format!("the {n}th refusal").into_bytes(),
        refused: 1,
        claims: claims.iter().map(|(n, of)| claim(*n, *of)).collect(),
    }
}

/// A contract of a unit, with members.
#[must_use]
pub fn contract(of: u64, members: &[u64], version: u64) -> NewContract {
    NewContract {
        unit: unit(of),
        members: members.iter().map(|n| token("member", *n)).collect(),
        left: Vec::new(),
        moving: false,
        events: 0,
        touched: Vec::new(),
        sealed: sealed("contract", of * 1000 + version),
    }
}

/// An accumulator: the family's when no member is said.
#[must_use]
pub fn accumulator(member: Option<u64>, name: &str) -> AccumulatorName {
    AccumulatorName {
        member: member.map(|n| token("member", n)),
        product: "harbor-ppo".into(),
        name: name.into(),
        period: day(0),
    }
}

/// What a claim came to: paid a tenth of what the number says, and no balance
/// moved.
#[must_use]
pub fn adjudicated(claim: ClaimId, of: u64, sequence: u64) -> Adjudicated {
    let salt = u64::from_be_bytes(core::array::from_fn(|i| claim.0[i]));
    let status = match salt % 3 {
        0 => Status::Paid,
        1 => Status::Denied,
        _ => Status::Pended,
    };
    let cents = i64::from(u16::from_be_bytes([claim.0[0], claim.0[1]]));
    let paid = match status {
        Status::Paid => Money::cents(cents),
        Status::Denied | Status::Pended => Money::ZERO,
    };
    Adjudicated {
        claim,
        unit: unit(of),
        sequence,
        status,
        charge: Money::cents(cents + 300),
        allowed: Money::cents(cents + 100),
        paid,
        patient: Money::cents(100),
        policy: (status != Status::Denied).then(|| digest("policy", 1)),
        outcome_hash: digest("outcome", salt),
        record: sealed("decision", salt),
        history: sealed("history", salt),
        movements: Vec::new(),
        entry: [&b"adjudicated "[..], &claim.0].concat(),
    }
}

/// What a queued claim of a unit came to.
///
/// # Panics
/// When it is of another unit.
#[must_use]
pub fn decided(queued: &Queued, of: u64) -> Adjudicated {
    assert_eq!(queued.unit, unit(of));
    adjudicated(queued.claim, of, queued.sequence)
}

/// The same, having moved the unit's paid total from `before` by what it paid
/// and one.
#[must_use]
pub fn moved(mut adjudicated: Adjudicated, before: i64) -> (Adjudicated, i64) {
    let after = before + adjudicated.paid.scaled() + 1;
    adjudicated
        .movements
        .push((accumulator(None, "paid"), before, after));
    (adjudicated, after)
}

/// A batch of claims alone.
#[must_use]
pub fn batch(claims: Vec<Adjudicated>) -> Batch {
    Batch {
        claims,
        ..Batch::default()
    }
}

/// A group of impossible days.
#[must_use]
pub fn group(n: u64) -> Group {
    Group {
        detector: DetectorId::ImpossibleDay,
        key: token("group", n),
    }
}

/// A fact of a claim's line.
#[must_use]
pub fn fact(group: Group, claim: u64, line: u16) -> FactRow {
    FactRow {
        group,
        claim: claim_id(claim),
        line,
        sealed: sealed("fact", claim * 100 + u64::from(line)),
    }
}

/// The same fact, stated another way.
#[must_use]
pub fn restated(group: Group, claim: u64, line: u16, version: u64) -> FactRow {
    FactRow {
        sealed: sealed("restated", version),
        ..fact(group, claim, line)
    }
}

/// A version of the `n`th flag.
#[must_use]
pub fn flag(n: u64, version: u64) -> FlagRow {
    FlagRow {
        id: FlagId(short("flag", n)),
        pattern: if n.is_multiple_of(2) {
            "impossible-day"
        } else {
            "suspect-duplicate"
        }
        .into(),
        score: u16::try_from((n * 37 + version) % 1001).unwrap_or(0),
        first_seen: day(i32::try_from(n % 100).unwrap_or(0)),
        last_seen: day(i32::try_from(n % 100 + 5).unwrap_or(0)),
        exposure: Money::cents(12_345),
        claims: vec![claim_id(n + 1), claim_id(n)],
        members: vec![token("member", n)],
        providers: vec![token("provider", n), token("provider", n + 1)],
        sealed: sealed("flag", n * 1000 + version),
        commitment: digest("commitment", n * 1000 + version),
    }
}

/// All flags of a group of facts, whatever marks are on it.
#[must_use]
pub fn change(n: u64, flags: Vec<FlagRow>) -> Judged {
    Judged {
        group: group(n),
        marks: Vec::new(),
        flags,
    }
}

/// A batch of facts alone.
#[must_use]
pub fn facts(facts: Vec<FactRow>) -> Batch {
    Batch {
        facts,
        ..Batch::default()
    }
}

/// A policy to be published.
#[must_use]
pub fn policy(n: u64) -> NewPolicy {
    NewPolicy {
        product: "harbor-ppo".into(),
        effective: day(0),
        hash: digest("component", n),
        component: vec![7; 100],
        entry: format!("published {n}").into_bytes(),
        stands: Vec::new(),
    }
}

/// Adjudicates everything that is ready, a claim a batch, without movements.
///
/// # Errors
/// When the store fails.
///
/// # Panics
/// When a claim is of none of the first hundred units.
pub async fn drain<S: Store>(store: &S) -> Answer<u64> {
    let mut done = 0;
    for partition in 0..u32::try_from(PARTITIONS).unwrap_or(1) {
        loop {
            let queued = store.next(partition, 1).await?;
            let Some(queued) = queued.first() else { break };
            let of = (0..100)
                .find(|n| unit(*n) == queued.unit)
                .expect("one of the first units");
            store.commit(&batch(vec![decided(queued, of)])).await?;
            done += 1;
        }
    }
    Ok(done)
}

/// Leaves of outbox rows, then one batch of flags where there are any.
#[must_use]
pub fn leaves(outbox: &[OutboxRow], flags: &[PendingFlag]) -> Vec<Leaf> {
    let relayed = outbox.iter().map(|row| Leaf {
        entry: row.entry.clone(),
        outbox: Some(row.id),
        flags: Vec::new(),
    });
    let batch = (!flags.is_empty()).then(|| Leaf {
        entry: flags.iter().flat_map(|flag| flag.commitment).collect(),
        outbox: None,
        flags: (0..)
            .zip(flags)
            .map(|(slot, flag)| (flag.id, slot))
            .collect(),
    });
    relayed.chain(batch).collect()
}

/// The next integration of these leaves: the real tree, grown.
///
/// # Errors
/// When the store fails.
///
/// # Panics
/// When the store lacks a node.
pub async fn integration<S: Store>(store: &S, leaves: Vec<Leaf>) -> Answer<Integration> {
    let head = store.head().await?;
    let mut frontier = frontier(store, head.size).await?;
    let mut nodes = Vec::new();
    let mut adjudicated = head.adjudicated;
    for leaf in &leaves {
        nodes.extend(frontier.append(leaf_hash(&leaf.entry)));
        adjudicated += u64::from(leaf.entry.starts_with(b"adjudicated"));
    }
    Ok(Integration {
        from: head.size,
        nodes,
        adjudicated,
        checkpoint: format!("checkpoint {}", frontier.size()),
        leaves,
    })
}

/// The frontier of the store's tree, from its peaks alone.
///
/// # Errors
/// When the store fails.
///
/// # Panics
/// When it lacks a peak.
pub async fn frontier<S: Store>(store: &S, size: u64) -> Answer<Frontier> {
    let mut peaks = Vec::new();
    let mut start = 0u64;
    for level in (0..64u8).rev() {
        if size & (1 << level) != 0 {
            peaks.push((level, start >> level));
            start += 1 << level;
        }
    }
    let hashes = store.nodes(&peaks).await?;
    let source = peaks
        .into_iter()
        .zip(hashes)
        .map(|(peak, hash)| (peak, hash.expect("a peak")))
        .collect::<std::collections::BTreeMap<_, _>>();
    Ok(Frontier::of(size, &source).expect("all peaks"))
}

/// Integrates everything that waits.
///
/// # Errors
/// When the store fails.
pub async fn integrate_all<S: Store>(store: &S) -> Answer<u64> {
    let outbox = store.outbox(1000).await?;
    let flags = store.pending_flags(16).await?;
    let leaves = leaves(&outbox, &flags);
    if leaves.is_empty() {
        return Ok(store.head().await?.size);
    }
    store.integrate(&integration(store, leaves).await?).await?;
    Ok(store.head().await?.size)
}

/// Everything of a store that can be read, to compare before and after.
#[derive(Debug, PartialEq)]
pub struct Seen {
    units: Vec<crate::port::UnitState>,
    claims: Vec<crate::port::ClaimRow>,
    flags: Vec<crate::port::FlagListed>,
    waiting: crate::port::Waiting,
    head: crate::port::Head,
    outbox: Vec<OutboxRow>,
    pending: Vec<PendingFlag>,
    totals: crate::port::Totals,
    policies: Vec<crate::port::PolicyRow>,
    statements: Vec<crate::port::StatementRow>,
    queued: Vec<Vec<Queued>>,
}

/// Reads everything.
///
/// # Errors
/// When the store fails.
pub async fn seen<S: Store>(store: &S) -> Answer<Seen> {
    let units = store.all_units().await?;
    let mut queued = Vec::new();
    for partition in 0..u32::try_from(PARTITIONS).unwrap_or(1) {
        queued.push(store.next(partition, 1000).await?);
    }
    Ok(Seen {
        units: store.units(&units).await?,
        claims: store.claims(&Default::default()).await?,
        flags: store.flags(&Default::default()).await?,
        waiting: store.waiting().await?,
        head: store.head().await?,
        outbox: store.outbox(1000).await?,
        pending: store.pending_flags(1000).await?,
        totals: store.totals().await?,
        policies: store.publications().await?,
        statements: store.statements(&Default::default()).await?,
        queued,
    })
}
