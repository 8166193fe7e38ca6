//! What runs on the notary's thread: the network, the chain's storage and, for
//! each epoch, one engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use commonware_broadcast::buffered;
use commonware_consensus::marshal::core::Actor;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::marshal::{self, Start, Update, resolver};
use commonware_consensus::simplex;
use commonware_consensus::simplex::config::{Floor, ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::{Epoch, ViewDelta};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_cryptography::{Digested, Digestible as _, Sha256, Signer as _};
use commonware_p2p::Sender;
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Error as Broken, Handle, Storage as _, Supervisor as _};
use commonware_storage::archive::immutable;
use commonware_utils::acknowledgement::Exact;
use commonware_utils::{NZU16, NZU64, NZUsize, NonZeroDuration};
use tokio::sync::{mpsc, watch};

use crate::agent::{Agent, Pace};
use crate::block::Block;
use crate::delivery::{Delivery, Finalised, Sink};
use crate::epochs::Epochs;
use crate::fence::{Fence, Reached};
use crate::machine::{Machine, Standing};
use crate::network::{self, Lane, Oracle};
use crate::parts::{Marshal, Runtime};
use crate::side::{self, Control, Ear, Said};
use crate::states::States;
use crate::{Config, Error, Status};

/// What the engine takes over from the thread that started it.
pub(crate) struct Setup<M: Machine> {
    pub config: Config,
    pub signer: PrivateKey,
    pub epochs: Epochs,
    pub fence: Fence,
    pub machine: Arc<M>,
    pub stored: Option<Standing<M::State>>,
    pub finalised: mpsc::Sender<Finalised<M::State>>,
    pub said: mpsc::Receiver<Said>,
    pub heard: Ear,
    pub nudged: watch::Receiver<()>,
    pub status: watch::Sender<Status>,
    pub stop: watch::Receiver<bool>,
}

/// How often the fence and the status are brought up to date.
const TICK: Duration = Duration::from_secs(1);
/// Pages and buffers of the storage.
const WRITE: usize = 64 << 10;
const REPLAY: usize = 1 << 20;
const MAILBOX: usize = 1024;
/// The channels beside the chain.
const GOSSIP: u64 = 5;
const CONTROL: u64 = 6;
/// How many views below the final one are kept for those who lag.
const VIEWS: u64 = 64;

pub(crate) async fn run<M: Machine>(context: Runtime, setup: Setup<M>) -> Result<(), Error> {
    let (mut network, mut oracle) = network::open(&context, &setup.config, setup.signer.clone());
    let now = setup.epochs.now().epoch;
    if let Some(before) = now.checked_sub(1).and_then(|epoch| setup.epochs.get(epoch)) {
        network::track(&mut oracle, &before, &setup.config)?;
    }
    let mut channel = |id| match id {
        GOSSIP => network.register(id, network::quota_of_gossip()),
        CONTROL => network.register(id, network::quota_of_control()),
        _ => network.register(id, network::quota()),
    };
    let lanes = Lanes {
        votes: Lane::new(context.child("votes"), channel(0)),
        certificates: Lane::new(context.child("certificates"), channel(1)),
        requests: Lane::new(context.child("requests"), channel(2)),
    };
    let (backfill, blocks) = (channel(3), channel(4));
    let (gossip, (control, controls)) = (channel(GOSSIP), channel(CONTROL));
    let pages = CacheRef::new(NZU16!(16_384), NZUsize!(1_000));
    let chain = chain(&context, &setup, &oracle, &pages, (backfill, blocks)).await?;
    let (marshal, processed) = (chain.marshal.clone(), chain.processed);
    setup.fence.holds(Reached {
        epoch: now,
        height: processed,
        view: voted(&context, now).await?,
    })?;

    let states = Arc::new(begin_with(&setup, processed));
    let ending = watch::Sender::new(0);
    let epoch_ended = ending.subscribe();
    let last = watch::Sender::new(Instant::now());
    let heard = last.subscribe();
    let control = Control {
        context: context.child("control"),
        epochs: setup.epochs.clone(),
        marshal: marshal.clone(),
        sender: control,
        last,
    };
    let control = tokio::spawn(control.run(controls, ending.subscribe()));
    let most = setup.config.most_message;
    let gossip = tokio::spawn(side::gossip(most, gossip, setup.said, setup.heard));
    let delivery = Delivery {
        states: states.clone(),
        epochs: setup.epochs.clone(),
        marshal: marshal.clone(),
        finalised: setup.finalised,
        stored: setup.stored,
        ended: ending,
    };
    let events = Events {
        stop: setup.stop,
        nudged: setup.nudged,
        epoch_ended,
        chain_ended: chain.ended,
        network_ended: network.start(),
        delivery: tokio::spawn(delivery.run(processed, chain.updates)),
        tip: chain.tip,
        status: setup.status,
        beside: [control.abort_handle(), gossip.abort_handle()],
    };
    let running = Running {
        context,
        config: setup.config,
        epochs: setup.epochs,
        fence: setup.fence,
        marshal,
        states,
        oracle,
        pages,
        lanes,
        conflicts: Arc::default(),
        heard,
        engine: None,
        next: now,
    };
    running.attend(events).await
}

/// What may happen while an engine runs.
struct Events {
    stop: watch::Receiver<bool>,
    nudged: watch::Receiver<()>,
    epoch_ended: watch::Receiver<u64>,
    chain_ended: Handle<()>,
    network_ended: Handle<()>,
    delivery: tokio::task::JoinHandle<Result<(), Error>>,
    tip: watch::Receiver<u64>,
    status: watch::Sender<Status>,
    beside: [tokio::task::AbortHandle; 2],
}

impl Events {
    async fn delivered(&mut self) -> Result<(), Error> {
        match tokio::time::timeout(TICK, &mut self.delivery).await {
            Ok(outcome) => undelivered(outcome),
            Err(_) => Err(Error::Unacknowledged),
        }
    }
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // Whoever could tell is gone: that is to stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Delivery ends when nobody takes the blocks, or with an error of its own.
fn undelivered(outcome: Result<Result<(), Error>, tokio::task::JoinError>) -> Result<(), Error> {
    match outcome {
        Ok(Ok(())) => Err(Error::Unacknowledged),
        Ok(Err(error)) => Err(error),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.delivery.abort();
        self.beside.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

/// The state that the chain goes on from: that of the store, or of genesis when
/// this journal has not seen what the store has.
fn begin_with<M: Machine>(setup: &Setup<M>, processed: u64) -> States<M> {
    let machine = setup.machine.clone();
    match &setup.stored {
        // The store is ahead of the journal by what was not acknowledged yet.
        Some(at)
            if at.height <= processed + setup.config.window as u64
                && at.epoch <= setup.epochs.now().epoch =>
        {
            States::new(machine, at.height, at.digest.into(), at.state.clone())
        }
        _ => {
            let config = &setup.config;
            let genesis = Block::genesis(&config.namespace, &config.authorities);
            let state = machine.genesis();
            States::new(machine, 0, genesis.digest(), state)
        }
    }
}

struct Chain {
    marshal: Marshal,
    processed: u64,
    updates: mpsc::UnboundedReceiver<Update<Block, Exact>>,
    ended: Handle<()>,
    tip: watch::Receiver<u64>,
}

type Channel<S, R> = (S, R);

async fn chain<M: Machine, S, R>(
    context: &Runtime,
    setup: &Setup<M>,
    oracle: &Oracle,
    pages: &CacheRef,
    (backfill, blocks): (Channel<S, R>, Channel<S, R>),
) -> Result<Chain, Error>
where
    S: Sender<PublicKey = PublicKey>,
    R: commonware_p2p::Receiver<PublicKey = PublicKey>,
{
    let config = &setup.config;
    let resolver = resolver::p2p::init(
        context.child("backfill"),
        resolver::p2p::Config {
            public_key: setup.signer.public_key(),
            peer_provider: oracle.clone(),
            blocker: oracle.clone(),
            mailbox_size: NZUsize!(MAILBOX),
            fetch_timeout: duration(Duration::from_secs(2)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        backfill,
    );
    let (engine, buffer) = buffered::Engine::new(
        context.child("blocks"),
        buffered::Config {
            public_key: setup.signer.public_key(),
            mailbox_size: NZUsize!(MAILBOX),
            deque_size: 16,
            priority: false,
            codec_config: config.most_payload,
            peer_provider: oracle.clone(),
            strategy: Sequential,
        },
    );
    drop(engine.start(blocks));
    let failed = |_| Error::Ended("storage");
    let certificates = archive("certificates", pages, config.most_authorities);
    let certificates =
        immutable::Archive::init(context.child("certificates_archive"), certificates);
    let certificates = certificates.await.map_err(failed)?;
    let stored = archive("blocks", pages, config.most_payload);
    let stored = immutable::Archive::init(context.child("blocks_archive"), stored);
    let stored = stored.await.map_err(failed)?;
    let genesis = Block::genesis(&config.namespace, &config.authorities);
    let digest = genesis.digest();
    let settings = marshal::Config {
        provider: setup.epochs.clone(),
        epocher: setup.epochs.clone(),
        start: Start::Genesis(Digested::precomputed(genesis, digest)),
        partition_prefix: "chain".to_owned(),
        mailbox_size: NZUsize!(MAILBOX),
        view_retention: ViewDelta::new(VIEWS),
        prunable_items_per_section: NZU64!(1024),
        page_cache: pages.clone(),
        replay_buffer: NZUsize!(REPLAY),
        key_write_buffer: NZUsize!(WRITE),
        value_write_buffer: NZUsize!(REPLAY),
        block_codec_config: config.most_payload,
        max_repair: NZUsize!(64),
        max_pending_acks: NZUsize!(config.window),
        strategy: Sequential,
    };
    let (actor, marshal, floor) = Actor::<_, Standard<Block>, _, _, _, _, _>::init(
        context.child("chain"),
        certificates,
        stored,
        settings,
    )
    .await;
    let (blocks, updates) = mpsc::unbounded_channel();
    let sink = Sink {
        blocks,
        tip: watch::Sender::new(0),
    };
    let tip = sink.tip.subscribe();
    let processed = floor.processed().map_or(0, |at| at.height().get());
    let ended = actor.start(sink, buffer, resolver);
    Ok(Chain {
        marshal,
        processed,
        updates,
        ended,
        tip,
    })
}

fn archive<C>(name: &str, pages: &CacheRef, codec_config: C) -> immutable::Config<C> {
    immutable::Config {
        metadata_partition: format!("{name}-meta"),
        freezer_table_partition: format!("{name}-table"),
        freezer_table_initial_size: 1024,
        freezer_table_resize_frequency: 4,
        freezer_table_resize_chunk_size: 1024,
        freezer_key_partition: format!("{name}-keys"),
        freezer_key_page_cache: pages.clone(),
        freezer_value_partition: format!("{name}-values"),
        freezer_value_target_size: 256 << 20,
        freezer_value_compression: None,
        ordinal_partition: format!("{name}-order"),
        items_per_section: NZU64!(4096),
        freezer_key_write_buffer: NZUsize!(WRITE),
        freezer_value_write_buffer: NZUsize!(REPLAY),
        ordinal_write_buffer: NZUsize!(WRITE),
        replay_buffer: NZUsize!(REPLAY),
        codec_config,
    }
}

struct Lanes<S: Sender<PublicKey = PublicKey>> {
    votes: Lane<S>,
    certificates: Lane<S>,
    requests: Lane<S>,
}

/// The epoch that is being agreed in, if this node is one of its authorities.
struct Running<M: Machine, S: Sender<PublicKey = PublicKey>> {
    context: Runtime,
    config: Config,
    epochs: Epochs,
    fence: Fence,
    marshal: Marshal,
    states: Arc<States<M>>,
    oracle: Oracle,
    pages: CacheRef,
    lanes: Lanes<S>,
    conflicts: Arc<AtomicU64>,
    /// When another authority was heard last.
    heard: watch::Receiver<Instant>,
    engine: Option<Handle<()>>,
    /// The epochs below this have been begun.
    next: u64,
}

impl<M: Machine, S: Sender<PublicKey = PublicKey>> Running<M, S> {
    /// Until it is told to stop, or something stops by itself.
    async fn attend(mut self, mut events: Events) -> Result<(), Error> {
        self.begin().await?;
        let mut tick = tokio::time::interval(TICK);
        let mut before = Reached::default();
        loop {
            tokio::select! {
                () = told(&mut events.stop) => return Ok(()),
                Ok(()) = events.epoch_ended.changed() => self.begin().await?,
                Ok(()) = events.nudged.changed() => self.states.nudge(),
                // A block that was not acknowledged: whose doing it was, delivery tells.
                _ = &mut events.chain_ended => return events.delivered().await,
                _ = &mut events.network_ended => return Err(Error::Ended("network")),
                outcome = &mut events.delivery => return undelivered(outcome),
                () = self.ended() => return Err(Error::Ended("engine")),
                _ = tick.tick() => {
                    // What was reached a tick ago is on disk.
                    let reached = self.reached().await?;
                    self.fence.mark(std::mem::replace(&mut before, reached))?;
                }
            }
            let tip = *events.tip.borrow();
            events.status.send_replace(self.status(tip));
        }
    }

    /// Ends the engine there was and starts that of the epoch we are in now, if
    /// it is another.
    async fn begin(&mut self) -> Result<(), Error> {
        let term = self.epochs.now();
        let epoch = term.epoch;
        if epoch < self.next {
            return Ok(());
        }
        // Whoever was in an epoch that we only passed is connected too.
        for passed in (self.next..=epoch).filter_map(|epoch| self.epochs.get(epoch)) {
            network::track(&mut self.oracle, &passed, &self.config)?;
        }
        self.next = epoch + 1;
        if let Some(engine) = self.engine.take() {
            engine.abort();
            let _ = engine.await;
        }
        tracing::info!(
            epoch,
            first = term.first,
            votes = term.votes,
            "an epoch begins"
        );
        // Opened even by one who does not vote, to have the next one's ahead.
        let votes = self.lanes.votes.of(epoch).await?;
        let certificates = self.lanes.certificates.of(epoch).await?;
        let requests = self.lanes.requests.of(epoch).await?;
        if !term.votes {
            return Ok(());
        }
        self.fence.mark(Reached {
            epoch,
            ..Reached::default()
        })?;
        let agent = Agent::new(
            self.context.child("agent"),
            self.marshal.clone(),
            self.states.clone(),
            (self.epochs.clone(), term.clone()),
            Pace {
                pace: self.config.pace,
                most_payload: self.config.most_payload,
            },
            self.conflicts.clone(),
        );
        let retry = self.config.certification_timeout;
        let settings = simplex::Config {
            scheme: Scheme::clone(&term.scheme),
            elector: RoundRobin::<Sha256>::default(),
            blocker: self.oracle.clone(),
            automaton: agent.clone(),
            relay: agent.clone(),
            reporter: agent,
            track_historical_votes: false,
            strategy: Sequential,
            partition: partition(epoch),
            mailbox_size: NZUsize!(MAILBOX),
            epoch: Epoch::new(epoch),
            floor: Floor::Genesis(term.anchor),
            replay_buffer: NZUsize!(REPLAY),
            write_buffer: NZUsize!(REPLAY),
            page_cache: self.pages.clone(),
            leader_timeout: self.config.leader_timeout,
            certification_timeout: self.config.certification_timeout,
            timeout_retry: retry,
            view_retention: ViewDelta::new(VIEWS),
            skip: SkipPolicy::Enabled {
                // A leader that was silent for so long is not waited for.
                timeout: retry + self.config.leader_timeout,
                budget: SkipBudget::Participants,
            },
            fetch_timeout: duration(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            forward: ForwardPolicy::Disabled,
        };
        let engine = simplex::Engine::new(self.context.child("engine"), settings);
        self.engine = Some(engine.start(votes, certificates, requests));
        Ok(())
    }

    async fn reached(&self) -> Result<Reached, Error> {
        let epoch = self.epochs.now().epoch;
        let processed = self.marshal.get_processed().await;
        Ok(Reached {
            epoch,
            height: processed.map_or(0, |at| at.height().get()),
            view: voted(&self.context, epoch).await?,
        })
    }

    /// Ends when the engine does, which it should not.
    async fn ended(&mut self) {
        match &mut self.engine {
            Some(engine) => drop(engine.await),
            None => std::future::pending().await,
        }
    }

    fn status(&self, tip: u64) -> Status {
        let term = self.epochs.now();
        Status {
            epoch: term.epoch,
            delivered: self.states.delivered(),
            tip,
            authorities: term.authorities,
            votes: term.votes,
            contradictions: self.conflicts.load(Ordering::Relaxed),
            silent: self.heard.borrow().elapsed(),
        }
    }
}

/// Where the engine keeps an epoch's votes.
fn partition(epoch: u64) -> String {
    format!("votes-{epoch}")
}

/// The last view of an epoch that the journal has something of: it has a file for each, called
/// by its number, from before the first vote there is sent.
async fn voted(context: &Runtime, epoch: u64) -> Result<u64, Error> {
    let names = match context.scan(&partition(epoch)).await {
        Ok(names) => names,
        Err(Broken::PartitionMissing(_)) => Vec::new(),
        Err(_) => return Err(Error::Ended("storage")),
    };
    let view = |name: Vec<u8>| name.try_into().ok().map(u64::from_be_bytes);
    Ok(names.into_iter().filter_map(view).max().unwrap_or(0))
}

fn duration(time: Duration) -> NonZeroDuration {
    NonZeroDuration::new(time).expect("a time of some length")
}
