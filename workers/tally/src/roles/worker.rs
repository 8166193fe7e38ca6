//! A worker: a task a partition, each with a connection of its own, of which
//! the broker lets one at a time be active in all processes. Partitions move to
//! the worker they are best with, at the end of a batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use tally_queue::{
    Consumer, Depth, Inspector, Place, Publisher, QueueError, QueueKey, Topology, references,
};
use tally_store::port::{Layout as _, Relay as _};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::batch::Desk;
use super::fleet::{HEARD, WORKER, best, leads};
use super::{Patience, Shared, is_missing, surely};
use crate::node::Damaged;

/// How often a worker tells that it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How long the broker has to answer while a worker should tell that it lives.
const ANSWER: Duration = Duration::from_secs(4);
/// How often a worker looks whether it has partitions that are best elsewhere:
/// after the broker was away, whoever came first has them.
const BALANCE: Duration = Duration::from_secs(30);
/// How long who gives a partition up waits before it stands behind again.
const STEP_BACK: Duration = Duration::from_millis(500);
/// The longest that facts wait to be judged.
const JUDGE: Duration = Duration::from_millis(500);

/// A partition's task, and how it is told that the partition is best elsewhere.
struct Task {
    /// Whether it got anything since that was last asked.
    worked: Arc<AtomicBool>,
    yields: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// Works until it is told to stop; then ends the batches at hand.
///
/// # Errors
/// When the broker holds something else under our names.
pub async fn run(shared: Arc<Shared>) -> Result<()> {
    let name = format!("{WORKER}{}", shared.name);
    let facts = Arc::new(Notify::new());
    let (lead, leading) = watch::channel(false);
    let judge = tokio::spawn(judge(Arc::clone(&shared), Arc::clone(&facts), leading));
    let mut tasks: BTreeMap<Place, Task> = BTreeMap::new();
    let mut live: Vec<String> = Vec::new();
    let mut declared: BTreeSet<u32> = BTreeSet::new();
    let mut balanced = Instant::now();
    while !shared.stop.is_told() {
        anyhow::ensure!(
            !judge.is_finished() || shared.stop.is_told(),
            "the task that judges facts ended"
        );
        revive(&shared, &facts, &mut tasks)?;
        match beat(&shared, &name).await {
            Ok((now, numbers)) => {
                let starting =
                    start_missing(&shared, &facts, &numbers.used, &mut declared, &mut tasks);
                let started = tokio::time::timeout(ANSWER, starting).await;
                if let Err(error) = started.unwrap_or_else(|late| Err(late.into())) {
                    tracing::warn!(
                        error = crate::cli::chain(&error),
                        "partitions not started yet"
                    );
                }
                if now != live {
                    tracing::info!(workers = ?now, "who lives has changed");
                    live = now;
                    give_up(&name, &live, &tasks, |_| true);
                } else if balanced.elapsed() > BALANCE {
                    balanced = Instant::now();
                    give_up(&name, &live, &tasks, |task| {
                        task.worked.swap(false, Ordering::Relaxed)
                    });
                }
                let _ = lead.send(leads(&live, WORKER, &name));
                end_drained(&shared, &facts, &numbers, &mut declared, &mut tasks).await;
            }
            Err(error) => {
                tracing::warn!(
                    error = crate::cli::chain(&error),
                    "the database does not answer"
                );
            }
        }
        shared.stop.sleep(BEAT).await;
    }
    for task in tasks.into_values() {
        task.end().await;
    }
    let _ = judge.await;
    if let Ok(store) = shared.store() {
        let _ = store.ended(&name).await;
    }
    Ok(())
}

/// The numbers of partitions there are.
struct Numbers {
    /// Claims are queued by them, or will be.
    used: BTreeSet<u32>,
    /// None is any more, but their queues may still be there.
    former: BTreeSet<u32>,
}

/// Tells that this worker lives; answers who does, and which numbers of
/// partitions there are.
async fn beat(shared: &Shared, name: &str) -> Result<(Vec<String>, Numbers)> {
    let store = shared.store()?;
    let live = store.alive(name, HEARD).await?;
    // In this order: one that is former by now was used before.
    let former: BTreeSet<u32> = store.former().await?.into_iter().collect();
    let used = shared.generations().await?;
    let former = former.difference(&used).copied().collect();
    Ok((live, Numbers { used, former }))
}

async fn start_missing(
    shared: &Arc<Shared>,
    facts: &Arc<Notify>,
    generations: &BTreeSet<u32>,
    declared: &mut BTreeSet<u32>,
    tasks: &mut BTreeMap<Place, Task>,
) -> Result<()> {
    for partitions in generations {
        if declared.contains(partitions) {
            continue;
        }
        let topology = shared.topology(*partitions)?;
        topology.declare(&shared.broker).await?;
        declared.insert(*partitions);
        for place in topology.places() {
            let task = Task::start(shared, facts, &topology, place);
            tasks.insert(place, task);
        }
    }
    Ok(())
}

impl Task {
    fn start(shared: &Arc<Shared>, facts: &Arc<Notify>, topology: &Topology, place: Place) -> Self {
        let (yields, yielding) = watch::channel(0);
        let (stop, stopping) = watch::channel(false);
        let worked = Arc::new(AtomicBool::new(false));
        let partition = Partition {
            worked: Arc::clone(&worked),
            shared: Arc::clone(shared),
            facts: Arc::clone(facts),
            topology: topology.clone(),
            place,
            yielding,
            stopping,
        };
        Self {
            worked,
            yields,
            stop,
            running: tokio::spawn(partition.run()),
        }
    }

    /// Tells it to end its batch, and waits until it has.
    async fn end(self) {
        let _ = self.stop.send(true);
        let _ = self.running.await;
    }
}

/// Starts the tasks again that ended without being told to: the program has
/// panicked. What they had in hand is delivered again.
fn revive(
    shared: &Arc<Shared>,
    facts: &Arc<Notify>,
    tasks: &mut BTreeMap<Place, Task>,
) -> Result<()> {
    for (place, task) in tasks {
        if task.running.is_finished() && !shared.stop.is_told() {
            tracing::error!(?place, "the task of a partition ended: it is started again");
            let topology = shared.topology(place.partitions.into())?;
            *task = Task::start(shared, facts, &topology, *place);
        }
    }
    Ok(())
}

/// Tells those of the tasks whose partition is best with somebody else to stand
/// behind.
fn give_up(name: &str, live: &[String], tasks: &BTreeMap<Place, Task>, of: impl Fn(&Task) -> bool) {
    for (place, task) in tasks {
        if of(task) && best(live, *place).is_some_and(|best| best != name) {
            task.yields.send_modify(|times| *times += 1);
        }
    }
}

/// Ends the tasks of a number of partitions that nothing is queued by any more,
/// and removes its queues when everybody has left them. What is left in them, a
/// second copy of what was published twice, is taken first.
async fn end_drained(
    shared: &Arc<Shared>,
    facts: &Arc<Notify>,
    numbers: &Numbers,
    declared: &mut BTreeSet<u32>,
    tasks: &mut BTreeMap<Place, Task>,
) {
    let running = tasks.keys().map(|place| u32::from(place.partitions));
    let over: BTreeSet<u32> = running
        .chain(numbers.former.iter().copied())
        .filter(|partitions| !numbers.used.contains(partitions))
        .collect();
    for partitions in over {
        let ended = tasks.extract_if(.., |place, _| u32::from(place.partitions) == partitions);
        for (_, task) in ended.collect::<Vec<_>>() {
            task.end().await;
        }
        // Should claims be queued by it again, all its tasks are to start.
        declared.remove(&partitions);
        match remove(shared, partitions).await {
            Ok(None) => {}
            Ok(Some((topology, alone))) => {
                for place in alone {
                    let task = Task::start(shared, facts, &topology, place);
                    tasks.insert(place, task);
                }
            }
            Err(error) => {
                tracing::debug!(error = crate::cli::chain(&error), "old queues are kept");
            }
        }
    }
}

/// Removes the queues of a number of partitions that are empty. If others are
/// left, answers those of them that nobody takes anything from.
async fn remove(shared: &Shared, partitions: u32) -> Result<Option<(Topology, Vec<Place>)>> {
    let topology = shared.topology(partitions)?;
    let removing = async {
        let inspector = Inspector::connect(&shared.broker).await?;
        let left = inspector.delete_if_empty(&topology).await;
        inspector.close().await;
        left
    };
    let left = tokio::time::timeout(ANSWER, removing).await??;
    if left.is_empty() {
        shared.store()?.removed(partitions).await?;
        tracing::info!(
            partitions,
            "the queues of this number of partitions are drained and removed"
        );
        return Ok(None);
    }
    let alone = |place: &Place| {
        let name = topology.partition(*place);
        let waits = |depth: &Depth| depth.messages > 0 && depth.consumers == 0;
        left.iter().any(|depth| depth.queue == name && waits(depth))
    };
    let alone = topology.places().filter(alone).collect();
    Ok(Some((topology, alone)))
}

/// The task of a partition.
struct Partition {
    worked: Arc<AtomicBool>,
    shared: Arc<Shared>,
    facts: Arc<Notify>,
    topology: Topology,
    place: Place,
    yielding: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

impl Partition {
    async fn run(mut self) {
        let key = QueueKey::new(*self.shared.node.keys().queue);
        let publisher = Publisher::new(self.shared.broker.clone());
        let size = self.shared.config.worker.batch;
        let queue = self.topology.partition(self.place);
        let consume = || Consumer::new(self.shared.broker.clone(), &queue, size);
        let mut consumer = consume();
        let mut patience = Patience::new("consuming");
        let suspected = Mutex::default();
        loop {
            let taken = tokio::select! {
                () = self.shared.stop.told() => break,
                () = told(&mut self.stopping) => break,
                Ok(()) = self.yielding.changed() => {
                    consumer.close().await;
                    if !self.shared.stop.sleep(STEP_BACK).await {
                        return;
                    }
                    consumer = consume();
                    continue;
                }
                taken = consumer.next_by(size.into(), |d| references(d.body())) => taken,
            };
            let batch = match taken {
                Ok(batch) => {
                    patience = Patience::new("consuming");
                    self.worked.store(true, Ordering::Relaxed);
                    tracing::debug!(
                        queue,
                        messages = batch.deliveries().len(),
                        again = batch.deliveries().iter().any(|d| d.redelivered()),
                        "took a batch"
                    );
                    batch
                }
                Err(error) => {
                    if is_missing(&error) {
                        let _ = self.topology.declare(&self.shared.broker).await;
                    }
                    if !patience.wait(&self.shared.stop, &error.into()).await {
                        break;
                    }
                    continue;
                }
            };
            let desk = Desk {
                shared: &self.shared,
                key: &key,
                topology: &self.topology,
                place: self.place,
                publisher: &publisher,
                facts: &self.facts,
                suspected: &suspected,
            };
            let worked = desk.work(batch).await;
            tracing::debug!(queue, well = worked.is_ok(), "worked on a batch");
            if let Err(error) = worked {
                let stale = matches!(error.downcast_ref(), Some(QueueError::Stale));
                if !stale && !patience.wait(&self.shared.stop, &error).await {
                    break;
                }
            }
        }
        consumer.close().await;
        publisher.close().await;
    }
}

async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Judges groups of facts as they grow. One worker does it: two would only do
/// the same twice.
async fn judge(shared: Arc<Shared>, facts: Arc<Notify>, leading: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = shared.stop.told() => return,
            () = facts.notified() => {}
            () = tokio::time::sleep(JUDGE) => {}
        }
        if !*leading.borrow() {
            continue;
        }
        let mut damaged = Damaged::default();
        loop {
            let begun = Instant::now();
            let judged = surely!(
                &shared.stop,
                "judging facts",
                shared.node.judge_some(&mut damaged).await
            );
            match judged {
                None => return,
                Some(None) => break,
                Some(Some(groups)) => {
                    metrics::counter!("tally_groups_judged_total").increment(groups);
                }
            }
            // As long again for adjudication; and a group that keeps growing is
            // judged once for all that came meanwhile.
            if !shared.stop.sleep(begun.elapsed()).await {
                return;
            }
        }
    }
}
