//! The relay: publishes what the store says is to be published, appends to the
//! log, and brings dead letters home. Several may run; one of them leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tally_queue::envelope::NodePublicKey;
use tally_queue::{
    Consumer, Fate, Headers, Inspector, Outgoing, Place, Publisher, QueueError, QueueKey,
    REFERENCES, header,
};
use tally_store::port::{
    Among, DeadLetters as _, Dispatch, NewDeadLetter, Relay as _, ResultRow, Work as _,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::aside::Aside;
use super::fleet::{HEARD, RELAY, leads};
use super::{Patience, Shared, is_missing, surely};
use crate::failpoint;
use crate::node::SUBMITTER;
use crate::node::clock::Clock;

/// Claims published at once, and results.
const AT_ONCE: u32 = 1024;
/// How long a confirm is waited for from whoever is tried apart.
const TRIAL: Duration = Duration::from_secs(3);
/// How long nothing is looked for after nothing was found: from, to.
const IDLE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(128));
/// How often a relay tells that it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How often the broker is asked whether it lost something.
const LOOK: Duration = Duration::from_secs(10);
/// How often the tables' partitions of the months to come are made.
const MONTHS: Duration = Duration::from_secs(3600);
/// How long ago, in seconds, something was published that counts as lost when
/// its queue is empty.
const LOST: u32 = 30;
/// How long ago when the queue is not empty. It may only be long, so the oldest
/// few of a partition are published again: doubles that workers pass over.
const OVERDUE: u32 = 600;
const FEW: u32 = 16;
/// How long nothing must wait before the last batch of flags is due.
const QUIET: Duration = Duration::from_secs(1);

/// Relays until it is told to stop.
///
/// # Errors
/// When the broker holds something else under our names.
pub async fn run(shared: Arc<Shared>) -> Result<()> {
    let name = format!("{RELAY}{}", shared.name);
    let (lead, leading) = tokio::sync::watch::channel(false);
    let tasks = [
        tokio::spawn(dispatch(Arc::clone(&shared), leading.clone())),
        tokio::spawn(results(Arc::clone(&shared), leading.clone())),
        tokio::spawn(append(Arc::clone(&shared), leading.clone())),
        tokio::spawn(look(Arc::clone(&shared), leading)),
        tokio::spawn(bring_home(Arc::clone(&shared))),
    ];
    while !shared.stop.is_told() {
        // One that panicked: whoever runs the process starts it again.
        anyhow::ensure!(
            !tasks.iter().any(JoinHandle::is_finished) || shared.stop.is_told(),
            "a task of the relay ended"
        );
        match shared.store()?.alive(&name, HEARD).await {
            Ok(live) => {
                let _ = lead.send(leads(&live, RELAY, &name));
            }
            Err(error) => {
                tracing::warn!(
                    error = crate::cli::chain(&error.into()),
                    "the database does not answer"
                );
            }
        }
        shared.stop.sleep(BEAT).await;
    }
    for task in tasks {
        let _ = task.await;
    }
    let _ = shared.store()?.ended(&name).await;
    Ok(())
}

type Leading = tokio::sync::watch::Receiver<bool>;

/// Waits until this relay leads; answers whether it is to go on.
async fn to_lead(shared: &Shared, leading: &mut Leading) -> bool {
    tokio::select! {
        () = shared.stop.told() => false,
        led = async { leading.wait_for(|leads| *leads).await.is_ok() } => led,
    }
}

/// The pace of what a relay does over and over: at once while there is
/// something, ever less often while there is nothing, after a pause when it
/// failed.
struct Pace {
    doing: &'static str,
    idle: Duration,
    patience: Patience,
}

impl Pace {
    fn new(doing: &'static str) -> Self {
        Self {
            doing,
            idle: IDLE.0,
            patience: Patience::new(doing),
        }
    }

    /// Waits as long as `done`, whether something was done, asks for, or until
    /// `woken`; answers whether to go on.
    async fn next(&mut self, shared: &Shared, done: Result<bool>, woken: Option<&Notify>) -> bool {
        match done {
            Err(error) => {
                if error.downcast_ref().is_some_and(is_missing) {
                    declare_all(shared).await;
                }
                return self.patience.wait(&shared.stop, &error).await;
            }
            Ok(true) => self.idle = IDLE.0,
            Ok(false) => {
                let told = async {
                    match woken {
                        Some(woken) => woken.notified().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = told => self.idle = IDLE.0,
                    () = shared.stop.told() => return false,
                    () = tokio::time::sleep(self.idle) => {
                        self.idle = self.idle.saturating_mul(2).min(IDLE.1);
                    }
                }
            }
        }
        self.patience = Patience::new(self.doing);
        true
    }
}

/// Publishes claims to their partitions, in order of arrival.
async fn dispatch(shared: Arc<Shared>, mut leading: Leading) {
    let out = Dispatching {
        shared: &shared,
        key: QueueKey::new(*shared.node.keys().queue),
    };
    let (all, apart) = publishers(&shared);
    let mut aside = Aside::new("a partition");
    let mut pace = Pace::new("publishing claims");
    while to_lead(&shared, &mut leading).await {
        let mut done = out.publish(&all, &mut aside, None).await;
        for partition in aside.due() {
            done = and(done, out.publish(&apart, &mut aside, Some(partition)).await);
        }
        if !pace.next(&shared, done, Some(&shared.queued)).await {
            break;
        }
    }
    all.close().await;
    apart.close().await;
}

/// A publisher for all, and one for whoever is tried apart.
fn publishers(shared: &Shared) -> (Publisher, Publisher) {
    let mut little = shared.broker.clone();
    little.confirm_timeout = TRIAL.min(little.confirm_timeout);
    (
        Publisher::new(shared.broker.clone()),
        Publisher::new(little),
    )
}

/// Whether either was done; an error, when there was one.
fn and(one: Result<bool>, other: Result<bool>) -> Result<bool> {
    Ok(one? | other?)
}

struct Dispatching<'a> {
    shared: &'a Shared,
    key: QueueKey,
}

impl Dispatching<'_> {
    /// Publishes what waits, of one partition that is tried apart, or of all that
    /// are not. Answers whether anything was taken.
    async fn publish(
        &self,
        publisher: &Publisher,
        aside: &mut Aside<u32>,
        only: Option<u32>,
    ) -> Result<bool> {
        let store = self.shared.store()?;
        let rows = match &only {
            Some(only) => store.unpublished(1, Among::Only(only)).await?,
            None => {
                store
                    .unpublished(AT_ONCE, Among::Without(&aside.all()))
                    .await?
            }
        };
        if rows.is_empty() {
            return Ok(false);
        }
        let runs = runs(&rows);
        let messages = self.messages(&runs)?;
        failpoint::reach("before-publish");
        let partitions: Vec<u32> = runs.iter().map(|run| run.place.1).collect();
        let apart = only.is_some();
        let published = aside.publish(publisher, &messages, &partitions, apart);
        let Some(fates) = published.await? else {
            return Ok(false);
        };
        failpoint::reach("after-publish");
        let taken: Vec<_> = runs
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| **fate == Fate::Confirmed)
            .flat_map(|(run, _)| run.claims.iter().map(|row| row.claim))
            .collect();
        store.published(&taken).await?;
        metrics::counter!("tally_claims_published_total").increment(taken.len() as u64);
        if fates.contains(&Fate::Returned) {
            declare_all(self.shared).await;
            anyhow::bail!("the broker has no queue for some of the claims");
        }
        Ok(!taken.is_empty())
    }

    fn messages(&self, runs: &[Run<'_>]) -> Result<Vec<Outgoing>> {
        let mut topologies = BTreeMap::new();
        let mut messages = Vec::with_capacity(runs.len());
        for Run { place, claims } in runs {
            let (partitions, partition) = *place;
            let topology = match topologies.get(&partitions) {
                Some(topology) => topology,
                None => topologies
                    .entry(partitions)
                    .or_insert(self.shared.topology(partitions)?),
            };
            let place = Place {
                partitions: topology.partitions(),
                partition: u16::try_from(partition)?,
            };
            let ids: Vec<_> = claims.iter().map(|row| row.claim.0).collect();
            let body = self.key.seal(place, &ids)?;
            messages.push(topology.to_partition(place, body, headers(claims)?));
        }
        Ok(messages)
    }
}

/// Claims that follow each other in a partition: what a message refers to.
struct Run<'a> {
    /// The number of partitions, and which.
    place: (u32, u32),
    claims: Vec<&'a Dispatch>,
}

/// What is published at once, a message for as many claims of a partition as
/// one should refer to: what a message costs on its way, its claims share. Each
/// partition's claims stay in their order.
fn runs(rows: &[Dispatch]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut open: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for row in rows {
        let place = (row.partitions, row.partition);
        let at = open.get(&place).copied();
        match at.and_then(|at| runs.get_mut(at)) {
            Some(run) if run.claims.len() < REFERENCES => run.claims.push(row),
            _ => {
                open.insert(place, runs.len());
                runs.push(Run {
                    place,
                    claims: vec![row],
                });
            }
        }
    }
    runs
}

/// A message is called by the first of its claims. It tells the trace that all
/// of them came with; where they came with several, the store tells them.
fn headers(claims: &[&Dispatch]) -> Result<Headers> {
    let Some((first, others)) = claims.split_first() else {
        return Ok(Headers::new());
    };
    let headers = Headers::new().with_message_id(&first.claim.to_string())?;
    Ok(match &first.trace {
        Some(trace) if others.iter().all(|row| row.trace == first.trace) => {
            headers.with_traceparent(trace)
        }
        _ => headers,
    })
}

/// Declares the queues of every number of partitions that something is queued
/// by: they may be gone from the broker.
async fn declare_all(shared: &Shared) {
    let declare = async {
        for partitions in shared.generations().await? {
            shared.topology(partitions)?.declare(&shared.broker).await?;
        }
        anyhow::Ok(())
    };
    if let Err(error) = declare.await {
        tracing::warn!(error = crate::cli::chain(&error), "queues not declared");
    }
}

/// Tells submitters what their claims came to.
async fn results(shared: Arc<Shared>, mut leading: Leading) {
    let (all, apart) = publishers(&shared);
    let mut aside = Aside::new("a submitter");
    let mut pace = Pace::new("publishing results");
    while to_lead(&shared, &mut leading).await {
        let mut done = tell(&shared, &all, &mut aside, None).await;
        for submitter in aside.due() {
            done = and(
                done,
                tell(&shared, &apart, &mut aside, Some(submitter)).await,
            );
        }
        if !pace.next(&shared, done, None).await {
            break;
        }
    }
    all.close().await;
    apart.close().await;
}

/// Tells results: those of one submitter who is tried apart, or of all who are
/// not. Answers whether any was taken.
async fn tell(
    shared: &Shared,
    publisher: &Publisher,
    aside: &mut Aside<String>,
    only: Option<String>,
) -> Result<bool> {
    let store = shared.store()?;
    let rows = match &only {
        Some(only) => store.results(1, Among::Only(only)).await?,
        None => store.results(AT_ONCE, Among::Without(&aside.all())).await?,
    };
    if rows.is_empty() {
        return Ok(false);
    }
    let topology = shared.topology(shared.node.partitions().get())?;
    let mut messages = Vec::with_capacity(rows.len());
    // Whoever has the node's folder does not listen on the broker.
    let heard = rows.iter().filter(|row| row.submitter != SUBMITTER);
    for row in heard.clone() {
        let (body, content_type) = notice(shared, row)?;
        let headers = Headers::new()
            .with_message_id(&row.claim.to_string())?
            .with_content_type(content_type)?;
        messages.push(topology.to_results(&row.submitter, body, headers));
    }
    let submitters: Vec<String> = heard.clone().map(|row| row.submitter.clone()).collect();
    let published = aside.publish(publisher, &messages, &submitters, only.is_some());
    let Some(fates) = published.await? else {
        return Ok(false);
    };
    failpoint::reach("results-published");
    let refused: BTreeSet<i64> = heard
        .zip(&fates)
        .filter(|(_, fate)| **fate != Fate::Confirmed)
        .map(|(row, _)| row.id)
        .collect();
    let told: Vec<i64> = rows
        .iter()
        .map(|row| row.id)
        .filter(|id| !refused.contains(id))
        .collect();
    store.told(&told).await?;
    Ok(!told.is_empty())
}

/// What is told of a claim: nothing that identifies a person, and under the
/// submitter's key where it has given one.
fn notice(shared: &Shared, row: &ResultRow) -> Result<(Vec<u8>, &'static str)> {
    let notice = serde_json::json!({
        "version": 1,
        "claim": row.claim.to_string(),
        "status": row.decided.map_or("reversed".to_owned(), |(status, _)| status.to_string()),
        "outcome_hash": row.decided.map(|(_, hash)| crate::node::keys::hex(&hash)),
        "links": {
            "claim": format!("/api/v1/claims/{}", row.claim),
            "receipt": format!("/api/v1/claims/{}/receipt", row.claim),
        },
    })
    .to_string()
    .into_bytes();
    let sealing = shared
        .config
        .organisation(&row.submitter)
        .and_then(|known| NodePublicKey::new(&known.sealing?.0));
    match sealing {
        None => Ok((notice, "application/vnd.tallystick.result+json; version=1")),
        Some(to) => Ok((
            to.seal_notice(&shared.config.node.payer, &row.submitter, &notice)?,
            "application/vnd.tallystick.sealed-result; version=1",
        )),
    }
}

/// Appends to the log what waits, and the last batch of flags when it has been
/// quiet for a while.
async fn append(shared: Arc<Shared>, mut leading: Leading) {
    let mut quiet: Option<Instant> = None;
    let mut pace = Pace::new("appending to the log");
    while to_lead(&shared, &mut leading).await {
        let done = append_once(&shared, &mut quiet).await;
        if !pace.next(&shared, done, None).await {
            break;
        }
    }
}

/// Answers whether the log has grown.
async fn append_once(shared: &Shared, quiet: &mut Option<Instant>) -> Result<bool> {
    let node = &shared.node;
    if node.integrate(false).await? {
        *quiet = None;
        return Ok(true);
    }
    match quiet {
        None => *quiet = Some(Instant::now()),
        Some(since) if since.elapsed() < QUIET => {}
        Some(_) => {
            let waiting = node.store().waiting().await?;
            if waiting.ready == 0 && waiting.unjudged == 0 && node.lacks_last_batch().await? {
                node.integrate(true).await?;
            }
            *quiet = None;
        }
    }
    Ok(false)
}

/// Looks whether the broker lost what it had: a queue that is empty while
/// claims of it wait, or claims that have waited for long. They are published
/// again.
async fn look(shared: Arc<Shared>, mut leading: Leading) {
    let mut partitioned: Option<Instant> = None;
    while to_lead(&shared, &mut leading).await {
        if let Err(error) = look_once(&shared).await {
            tracing::debug!(
                error = crate::cli::chain(&error),
                "the queues were not looked at"
            );
        }
        // The months to come of the tables that grow by them.
        if partitioned.is_none_or(|last| last.elapsed() > MONTHS) {
            match partition(&shared).await {
                Ok(()) => partitioned = Some(Instant::now()),
                Err(error) => tracing::warn!(
                    error = crate::cli::chain(&error),
                    "the coming months have no partitions yet"
                ),
            }
        }
        if !shared.stop.sleep(LOOK).await {
            return;
        }
    }
}

async fn partition(shared: &Shared) -> Result<()> {
    shared.store()?.make_next_partitions().await?;
    Ok(())
}

async fn look_once(shared: &Shared) -> Result<()> {
    let store = shared.store()?;
    let inspector = Inspector::connect(&shared.broker).await?;
    let mut lost = 0;
    let looked = async {
        for partitions in store.generations().await? {
            let topology = shared.topology(partitions)?;
            for place in topology.places() {
                let depth = match inspector.depth(&topology.partition(place)).await {
                    Ok(depth) => depth.messages,
                    Err(QueueError::Missing { .. }) => 0,
                    Err(error) => return Err(error.into()),
                };
                let (longer, limit) = match depth {
                    0 => (LOST, u32::MAX),
                    _ => (OVERDUE, FEW),
                };
                lost += store
                    .lost(partitions, place.partition.into(), longer, limit)
                    .await?;
            }
        }
        anyhow::Ok(())
    }
    .await;
    inspector.close().await;
    if lost > 0 {
        tracing::warn!(
            claims = lost,
            "the broker had lost them: they are published again"
        );
    }
    looked
}

/// Brings dead letters from the broker into the store, sealed: what somebody
/// published may hold anything.
async fn bring_home(shared: Arc<Shared>) {
    let Ok(topology) = shared.topology(shared.node.partitions().get()) else {
        return;
    };
    let mut consumer = Consumer::new(shared.broker.clone(), &topology.dead(), 32);
    let mut patience = Patience::new("fetching dead letters");
    loop {
        let taken = tokio::select! {
            () = shared.stop.told() => break,
            taken = consumer.next(32) => taken,
        };
        let batch = match taken {
            Ok(batch) => batch,
            Err(error) => {
                if is_missing(&error) {
                    declare_all(&shared).await;
                }
                if !patience.wait(&shared.stop, &error.into()).await {
                    break;
                }
                continue;
            }
        };
        patience = Patience::new("fetching dead letters");
        let mut stored = true;
        for delivery in batch.deliveries() {
            let kept = surely!(&shared.stop, "storing a dead letter", {
                let letter = letter(&shared, delivery).await?;
                Ok(shared.store()?.bury(&letter).await?)
            });
            stored &= kept.is_some();
        }
        if stored && let Err(error) = batch.ack().await {
            tracing::debug!(%error, "dead letters are delivered again");
        }
    }
    consumer.close().await;
}

async fn letter(shared: &Shared, delivery: &tally_queue::Delivery) -> Result<NewDeadLetter> {
    let headers = delivery.headers();
    let text = |name| plain(headers.text(name).unwrap_or_default());
    let reason = headers.reason();
    let queue = text(header::ORIGIN);
    let id = headers.message_id().unwrap_or_default().to_owned();
    // The same message that dies twice, because somebody died between burying
    // and acknowledging it, is one letter. One that an operator tried again is
    // another.
    let mut parts = vec![queue.as_bytes(), id.as_bytes(), delivery.body()];
    let replayed = headers.text(header::REPLAYED);
    parts.extend(replayed.as_ref().map(|replayed| replayed.as_bytes()));
    let token = shared.node.dead_letter_token(&parts);
    Ok(NewDeadLetter {
        token,
        at: headers
            .number(header::BURIED)
            .map_or_else(Clock::now_ms, |seconds| seconds.saturating_mul(1000)),
        queue,
        code: reason
            .as_ref()
            .map_or_else(|| "Q299".to_owned(), |reason| plain(reason.code.clone())),
        reason: reason.map_or_else(
            || "the broker gave it up".to_owned(),
            |reason| plain(reason.text),
        ),
        submitter: headers.text(header::SUBMITTER).map(plain),
        sealed: shared
            .node
            .seal_letter(&super::intake::Letter::of(delivery))
            .await?,
    })
}

/// Headers may hold anything, and whoever can publish may write them: a
/// database takes no zero bytes, and no terminal is to be steered.
fn plain(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_refers_to_what_follows_in_a_partition() {
        let row = |n: u8, partition| Dispatch {
            claim: tally_core::claim::ClaimId([n; 16]),
            partitions: 2,
            partition,
            trace: None,
        };
        let mut rows: Vec<Dispatch> = (0..200).map(|n| row(n, u32::from(n % 3 == 0))).collect();
        let numbers =
            |run: &Run<'_>| -> Vec<u8> { run.claims.iter().map(|r| r.claim.0[0]).collect() };
        let others: Vec<u8> = (0..200).filter(|n| n % 3 != 0).collect();
        let found: Vec<_> = runs(&rows)
            .iter()
            .map(|run| (run.place, numbers(run)))
            .collect();
        let expected = [
            ((2, 1), (0..200).filter(|n| n % 3 == 0).collect::<Vec<u8>>()),
            ((2, 0), others[..REFERENCES].to_vec()),
            ((2, 0), others[REFERENCES..].to_vec()),
        ];
        assert_eq!(found, expected);
        // The trace that all have is the message's.
        let traced = |headers: Headers| headers.traceparent();
        let of = |rows: &[Dispatch]| traced(headers(&rows.iter().collect::<Vec<_>>()).unwrap());
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(of(&rows), None);
        rows.iter_mut()
            .for_each(|row| row.trace = Some(trace.to_owned()));
        assert_eq!(of(&rows).as_deref(), Some(trace));
        rows[7].trace = None;
        assert_eq!(of(&rows), None);
    }
}
