//! One authority as a process of its own: the parts of a node on a shared ledger (its
//! `shared::run`) without the node, over a database of its own. It does as the lines on
//! its standard input say, and ends with it.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tally::shared::{AGAIN, Chain, Gossip, Pool, Scribe, Taken};
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Block, Envelope, Snapshot, build};
use tally_notary::{Authority, Header, Heard, Judged, Machine, Notary, Running, Standing, Voice};
use tally_store::postgres::{PgSettings, PostgresStore};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::events::Log;
use crate::people::{self, ORIGIN};
use crate::sender::{Load, Sender};

/// As in a node.
const KEEP: Duration = Duration::from_millis(50);

/// The ledger's rules, with blocks no larger than is measured.
struct Capped {
    chain: Chain,
    /// Entries of a block; one envelope is always taken.
    most: usize,
}

/// As many envelopes of what waits as a block is to have.
fn cut(mut waiting: Vec<Envelope>, most: usize) -> Vec<Envelope> {
    let mut entries = 0;
    waiting.retain(|envelope| {
        let first = entries == 0;
        entries += envelope.entries.len();
        first || entries <= most
    });
    waiting
}

impl Machine for Capped {
    type State = Arc<Snapshot>;

    fn genesis(&self) -> Self::State {
        self.chain.genesis()
    }

    fn propose(&self, parent: &Self::State, _: Header) -> Option<Vec<u8>> {
        let waiting = self.chain.pool.next(&parent.state, parent.height);
        let (block, _) = build(parent, &cut(waiting, self.most))?;
        (!block.envelopes.is_empty()).then(|| block.to_canon())
    }

    fn empty(&self, parent: &Self::State, header: Header) -> Vec<u8> {
        self.chain.empty(parent, header)
    }

    fn judge(&self, parent: &Self::State, header: Header, payload: &[u8]) -> Judged<Self::State> {
        self.chain.judge(parent, header, payload)
    }

    fn next_authorities(&self, state: &Self::State) -> Option<Vec<Authority>> {
        self.chain.next_authorities(state)
    }
}

/// What the process is told when it starts, as `name=value`.
struct Told(HashMap<String, String>);

impl Told {
    fn get(&self, name: &str) -> Result<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.with_context(|| format!("no `{name}=`"))
    }

    fn number(&self, name: &str) -> Result<usize> {
        Ok(self.get(name)?.parse()?)
    }
}

pub fn main(arguments: impl Iterator<Item = String>) -> Result<()> {
    let pair = |word: String| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let told = Told(arguments.filter_map(pair).collect());
    // As many threads as the binary has here.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(&told))
}

async fn run(told: &Told) -> Result<()> {
    let who = told.number("who")?;
    let most = told.number("most")?;
    let folder = PathBuf::from(told.get("folder")?);
    let addresses: Vec<String> = told.get("addresses")?.split(',').map(Into::into).collect();
    let charter = people::charter(&addresses);
    let genesis = Arc::new(Snapshot::found(&charter)?);
    let store = PostgresStore::connect(&PgSettings::new(told.get("database")?)).await?;
    let pool = Arc::new(Pool::default());
    let mut scribe = Scribe::open(&store, &charter, &genesis, Arc::clone(&pool)).await?;
    let running = match addresses.len() {
        1 => None,
        _ => {
            let chain = Chain {
                genesis: Arc::clone(&genesis),
                pool: Arc::clone(&pool),
            };
            let listen = told.get("listen")?;
            let of = settings(who, &genesis, &addresses, listen, &folder)?;
            tally_notary::enter(&of.fence, &tally_notary::public_key(&of.seed))?;
            Some(Notary::start(of, Capped { chain, most }, stored(&scribe))?)
        }
    };
    let journal = folder.display().to_string();
    let key = Some(people::key(who, "authority"));
    scribe.resume(&store, key, &journal).await?;
    let (at, at_seen) = watch::channel(Arc::clone(scribe.at()));
    let (load, load_seen) = watch::channel(Load::Quiet);
    let (waits, waiting) = watch::channel(());
    let mut follower = Follower {
        who,
        store,
        pool: Arc::clone(&pool),
        log: Log::open(&folder)?,
        handed: Arc::default(),
        kept: None,
        voice: running.as_ref().map(|running| running.notary.voice()),
        scribe,
        at,
    };
    let sender = Sender {
        who,
        among: addresses.len(),
        pool,
        voice: follower.voice.clone(),
        waits,
        handed: Arc::clone(&follower.handed),
    };
    let sends = tokio::spawn(sender.run(at_seen, load_seen));
    let stop = obey(load);
    match running {
        Some(running) => follower.follow(running, stop).await?,
        None => follower.alone(most, waiting, stop).await?,
    }
    sends.abort();
    Ok(())
}

fn settings(
    who: usize,
    genesis: &Snapshot,
    addresses: &[String],
    listen: &str,
    folder: &std::path::Path,
) -> Result<tally_notary::Config> {
    let members = &genesis.state.authorities.members;
    let authorities = members.iter().map(|authority| {
        let same = |who: &usize| people::id(*who) == authority.organisation;
        let who = (0..addresses.len()).find(same).context("an authority")?;
        Ok(Authority {
            key: authority.key,
            address: addresses[who].clone(),
        })
    });
    Ok(tally_notary::Config::new(
        ORIGIN.as_bytes(),
        people::seed(who, "authority"),
        listen.parse()?,
        authorities.collect::<Result<_>>()?,
        folder.join("journal"),
        folder.join("authority.fence"),
    ))
}

fn stored(scribe: &Scribe) -> Option<Standing<Arc<Snapshot>>> {
    let at = scribe.at();
    (at.height > 0).then(|| Standing {
        epoch: at.signers.epoch,
        height: at.height,
        digest: scribe.id(),
        state: Arc::clone(at),
    })
}

/// Passes on what the process is told; what is answered changes when it is to stop.
fn obey(load: watch::Sender<Load>) -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            match line.as_deref().map(Load::read) {
                Ok(Some(told)) => load.send_replace(told),
                _ => break,
            };
        }
        stop.send_replace(true);
    });
    stopped
}

/// Of envelopes that were handed over, by the index of their first entry: when, in µs.
pub type Handed = std::sync::Mutex<BTreeMap<u64, u64>>;

/// Writes what is final and gathers signatures, as a node's does.
struct Follower {
    who: usize,
    store: PostgresStore,
    pool: Arc<Pool>,
    scribe: Scribe,
    log: Log,
    handed: Arc<Handed>,
    /// The size of the checkpoint that was last told of.
    kept: Option<u64>,
    voice: Option<Voice>,
    at: watch::Sender<Arc<Snapshot>>,
}

impl Follower {
    async fn follow(
        &mut self,
        mut running: Running<Arc<Snapshot>>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        self.tell()?;
        let mut keep = tokio::time::interval(KEEP);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.changed() => break,
                block = running.finalised.recv() => {
                    let block = block.context("the notary stopped")?;
                    let read = Block::parse(&block.payload)?;
                    self.written(&read, &block.state, block.digest).await?;
                    block.acknowledge.done();
                }
                heard = running.heard.recv() => {
                    self.heard(&heard.context("the notary stopped")?).await?;
                }
                _ = keep.tick() => self.scribe.keep(&self.store).await?,
                _ = again.tick() => self.scribe.say_again(),
            }
            self.tell()?;
        }
        anyhow::ensure!(
            self.scribe.take_contradictions().is_empty(),
            "an authority contradicted itself"
        );
        let contradictions = running.notary.voice().status().contradictions;
        anyhow::ensure!(contradictions == 0, "an authority contradicted itself");
        tokio::task::spawn_blocking(move || running.notary.stop()).await??;
        self.scribe.keep(&self.store).await?;
        self.tell()
    }

    /// The only authority: the same rules and the same writes, and nobody to agree with.
    async fn alone(
        &mut self,
        most: usize,
        mut waiting: watch::Receiver<()>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut kept = tokio::time::Instant::now();
        while !*stop.borrow_and_update() {
            let at = Arc::clone(self.scribe.at());
            let envelopes = cut(self.pool.next(&at.state, at.height), most);
            let built = build(&at, &envelopes).filter(|(block, _)| !block.envelopes.is_empty());
            if let Some((block, next)) = built {
                let id = next.id;
                self.written(&block, &Arc::new(next), id).await?;
            } else {
                tokio::select! {
                    _ = stop.changed() => {}
                    // Who sends ends first when the process is to stop.
                    changed = waiting.changed() => if changed.is_err() { break },
                    () = tokio::time::sleep(KEEP) => {}
                }
            }
            if kept.elapsed() >= KEEP {
                self.scribe.keep(&self.store).await?;
                kept = tokio::time::Instant::now();
            }
            self.tell()?;
        }
        self.scribe.keep(&self.store).await?;
        self.tell()
    }

    async fn written(&mut self, block: &Block, next: &Arc<Snapshot>, id: [u8; 32]) -> Result<()> {
        let height = self.scribe.at().height;
        self.scribe.write(&self.store, block, next, id).await?;
        if next.height <= height {
            return Ok(());
        }
        let entries = block.envelopes.iter().map(|of| of.entries.len()).sum();
        self.log.block(next.height, next.frontier.size(), entries)?;
        let own = people::id(self.who);
        for of in block.envelopes.iter().map(|of| &of.header) {
            if of.organisation == own {
                let mut handed = self.handed.lock().expect("nobody panicked");
                let at = handed.remove(&of.first);
                let next = of.first + u64::from(of.count);
                self.log.own(next, at, self.scribe.at().frontier.size())?;
            }
        }
        Ok(())
    }

    async fn heard(&mut self, heard: &Heard) -> Result<()> {
        let taken = self.scribe.heard(&self.store, &heard.message).await??;
        match (taken, &self.voice) {
            (Taken::ToOrder, Some(voice)) => voice.nudge(),
            (Taken::Asks(from), Some(voice)) => {
                for gossip in self.scribe.handovers(&self.store, from).await? {
                    voice.tell(heard.from, gossip.to_canon());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells the others, the sender, and whoever measures.
    fn tell(&mut self) -> Result<()> {
        for gossip in self.scribe.take_outbox() {
            say(self.voice.as_ref(), &gossip);
        }
        let at = self.scribe.at();
        self.at.send_if_modified(|told| {
            let new = told.height != at.height;
            if new {
                *told = Arc::clone(at);
            }
            new
        });
        let kept = self.scribe.kept().map(|kept| kept.size);
        if let Some(size) = kept.filter(|_| kept != self.kept) {
            self.log.kept(size)?;
            self.kept = kept;
        }
        Ok(())
    }
}

/// Says something to the other authorities, if there are any.
pub fn say(voice: Option<&Voice>, gossip: &Gossip) {
    if let Some(voice) = voice {
        voice.broadcast(gossip.to_canon());
    }
}
