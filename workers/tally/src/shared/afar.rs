//! The shared ledger as the authorities' nodes serve it, for a member that is none of them.
//!
//! Nothing is believed that cannot be checked: leaves lead to a checkpoint that a quorum
//! signed, every rule is held against them, and which blocks they came in is what more
//! authorities say, each with its signature, than may be liars. Who they are is known by the
//! handovers, which lead there from the founders: so it does not matter where one is asked.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, bail, ensure};
use serde::Deserialize;
use tally_core::canon::{Blob, Canon as _};
use tally_core::ledger::shared::{Authorities, Block, Envelope, OrganisationId, Snapshot, build};
use tally_core::ledger::tiles::{WIDTH, tile_path};
use tally_core::ledger::tree::{consistency_proof, verify_consistency};
use tally_core::ledger::{Checkpoint, Entry, Note};
use tally_store::port::SharedBlock;

use super::client::{Client, seconds, served_by};
use super::pool::Pool;
use super::relay::AGAIN;
use super::signed::{Range, verify_blocks};
use super::tiled::{Tiled, over_tiles};
use crate::node::keys::unhex;

/// How long one node has for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long it has for all that is asked of it at once.
const ROUND: Duration = Duration::from_secs(60);
/// For how long leaves are taken in at once, about: over a slow line fewer.
const BUDGET: Duration = Duration::from_secs(4);
/// Bytes of leaves that are taken in at once, about.
const AT_ONCE: usize = 4 << 20;

/// What stands beyond what was known.
#[derive(Default)]
pub struct News {
    /// Blocks, each with what stands after it and its name.
    pub blocks: Vec<(Block, Arc<Snapshot>, [u8; 32])>,
    /// The checkpoint over the last of them, as a quorum signed it.
    pub checkpoint: Option<String>,
    /// How epochs were handed over before that this node has not kept yet.
    pub handovers: Vec<String>,
}

/// Asks the authorities' nodes.
pub struct Afar {
    client: Client,
    organisation: OrganisationId,
    founders: Authorities,
    /// The authorities of the last epoch that handovers lead to: they say which blocks there
    /// are, also those of epochs before.
    today: Authorities,
    /// Nodes to ask besides those that the ledger has.
    peers: Vec<String>,
    /// Whose turn it is to be asked: another's each time, so that nobody who serves what is
    /// old, or passes nothing on, is asked for ever.
    turn: usize,
    /// Whose turn it is to be handed something.
    handed: usize,
    /// When envelopes were handed over last, by their first entry.
    said: BTreeMap<u64, Instant>,
}

impl Afar {
    /// For a node of an organisation, on the ledger that these founded; it asks these `peers`
    /// too.
    pub fn new(organisation: OrganisationId, founders: Authorities, peers: Vec<String>) -> Self {
        Self {
            client: Client::new("ledger", [0; 32]),
            organisation,
            today: founders.clone(),
            founders,
            peers,
            turn: 0,
            handed: 0,
            said: BTreeMap::new(),
        }
    }

    /// What stands beyond `at`, as far as the first that answers serves it, and the
    /// handovers from the epoch that was `reached` on.
    ///
    /// # Errors
    /// When nobody answers with what holds: why the last did not.
    pub async fn next(&mut self, at: &Arc<Snapshot>, reached: u64) -> Result<News> {
        self.learn(&at.state.authorities);
        let urls = self.urls(at);
        let mut failed = anyhow::anyhow!("no authority of {} has a `url`", at.state.origin);
        for _ in 0..urls.len() {
            let url = &urls[self.turn % urls.len()];
            self.turn = self.turn.wrapping_add(1);
            match within(ROUND, self.served_at(url, &urls, at, reached)).await {
                Ok(news) => return Ok(news),
                Err(error) => failed = error.context(format!("of {url}")),
            }
        }
        Err(failed)
    }

    /// A later set is that of today.
    fn learn(&mut self, set: &Authorities) {
        if set.epoch > self.today.epoch {
            self.today = set.clone();
        }
    }

    /// Where authorities serve the ledger, those of an epoch and those of today, and peers.
    fn urls(&self, at: &Snapshot) -> Vec<String> {
        let sets = [&at.state.authorities, &self.today];
        urls(at, &self.organisation, &sets, &self.peers)
    }

    /// What stands beyond `at` by one node.
    async fn served_at(
        &mut self,
        url: &str,
        urls: &[String],
        at: &Arc<Snapshot>,
        reached: u64,
    ) -> Result<News> {
        let base = served_by(url);
        let (handovers, last) = self.latest(&base, at, reached).await?;
        let mut news = News {
            handovers,
            ..News::default()
        };
        let known = at.frontier.size();
        let last = last.filter(|(_, checkpoint)| checkpoint.size >= known);
        let Some((note, Checkpoint { size, root, .. })) = last else {
            // Shown to all who ask what is old, nobody would notice.
            ensure!(
                !news.handovers.is_empty(),
                "it serves what is older than what this node has read"
            );
            return Ok(news);
        };
        let listed = self.listed(urls, at).await?;
        let mut served = Served {
            client: &self.client,
            base: &base,
            size,
            next: known,
            held: VecDeque::new(),
            bytes: 0,
        };
        let (begun, mut last) = (Instant::now(), Arc::clone(at));
        for listed in listed.iter().take_while(|listed| listed.size <= size) {
            let envelopes = served.envelopes(listed.size).await?;
            let (block, next) = built(&last, &envelopes, listed)?;
            last = Arc::new(next);
            news.blocks.push((block, Arc::clone(&last), listed.id));
            if last.boundary || served.bytes > AT_ONCE || begun.elapsed() > BUDGET {
                break;
            }
        }
        // Nothing of it was written yet: what holds for the last holds for all.
        let (to, reached) = (last.frontier.size(), last.frontier.root());
        if to == size {
            ensure!(
                reached == root,
                "its leaves come to another root than a quorum signed, or a quorum signed two histories:\n{note}"
            );
        } else {
            let tiles: &Served<'_> = &served;
            let proof = over_tiles(tiles, |source| consistency_proof(source, to, size)).await?;
            verify_consistency(to, size, &proof, &reached, &root)?;
        }
        news.checkpoint = (to == size).then(|| note.to_string());
        Ok(news)
    }

    /// The last checkpoint of the epoch of `at` by one node, `None` where it is not that far;
    /// and the handovers before it, from an epoch on.
    async fn latest(
        &mut self,
        base: &str,
        at: &Snapshot,
        reached: u64,
    ) -> Result<(Vec<String>, Option<(Note, Checkpoint)>)> {
        let set = &at.state.authorities;
        let url = format!("{base}/checkpoint");
        let note = self.client.get(&url, None);
        let note = Note::parse(&String::from_utf8(within(PATIENCE, note).await?.done()?)?)?;
        if reached >= set.epoch
            && let Ok(signed) = set.verify(&note)
        {
            signed.next.iter().for_each(|next| self.learn(next));
            return Ok((Vec::new(), Some((note, signed.checkpoint))));
        }
        let handovers = within(PATIENCE, self.client.handovers(base)).await?;
        let (sets, _) = self.founders.walk(&handovers)?;
        sets.iter().for_each(|set| self.learn(set));
        let last = last_of(&sets, set.epoch, &handovers, note)?;
        let known = usize::try_from(reached)?..usize::try_from(set.epoch)?;
        let missing = handovers.get(known).unwrap_or_default();
        Ok((missing.iter().map(Note::to_string).collect(), last))
    }

    /// The next blocks, as far as more authorities of today say the same of them than may be
    /// liars, whoever passes on what they signed.
    async fn listed(&self, urls: &[String], at: &Snapshot) -> Result<Vec<SharedBlock>> {
        let enough = more_than_may_lie(&self.today);
        let (from, set) = (at.height + 1, Arc::new(self.today.clone()));
        let mut asked = tokio::task::JoinSet::new();
        for url in urls {
            let (client, url, set) = (self.client.clone(), url.clone(), Arc::clone(&set));
            asked.spawn(async move {
                let said = within(PATIENCE, blocks(&client, &url, from, &set)).await;
                said.map_err(|error| (url, error))
            });
        }
        let (mut answers, mut failed) = (BTreeMap::new(), BTreeMap::new());
        // Nobody is waited for who does not answer, where others have said enough.
        while let Some(answer) = asked.join_next().await {
            match answer? {
                Ok((by, blocks)) => {
                    let said: &mut Vec<_> = answers.entry(by).or_default();
                    if said.len() < blocks.len() {
                        *said = blocks;
                    }
                }
                Err((url, error)) => {
                    failed.insert(url, error);
                }
            }
            let nothing = answers.values().filter(|said| said.is_empty()).count();
            let agreed = agreed(&answers, enough);
            if nothing >= enough || !agreed.is_empty() {
                return Ok(agreed);
            }
        }
        ensure!(
            answers.len() >= enough,
            too_few(&self.today, &answers, &failed)
        );
        Ok(Vec::new())
    }

    /// Hands over what waits of this organisation's own log, again where it was not seen on
    /// the ledger for long.
    ///
    /// # Errors
    /// When nobody takes it: it is tried again.
    pub async fn hand_over(&mut self, pool: &Pool, at: &Snapshot) -> Result<()> {
        let next = at.state.next(&self.organisation).unwrap_or_default();
        self.said.retain(|first, _| *first >= next);
        let urls = self.urls(at);
        for envelope in pool.next(&at.state, at.height) {
            let first = envelope.header.first;
            let said = self.said.get(&first);
            if said.is_some_and(|said| said.elapsed() < AGAIN) {
                continue;
            }
            self.said.insert(first, Instant::now());
            self.post(&urls, &envelope.to_canon()).await?;
        }
        Ok(())
    }

    async fn post(&mut self, urls: &[String], bytes: &[u8]) -> Result<()> {
        let mut failed = anyhow::anyhow!("no authority has a `url`");
        for _ in 0..urls.len() {
            let url = &urls[self.handed % urls.len()];
            self.handed = self.handed.wrapping_add(1);
            let to = format!("{}/envelopes", served_by(url));
            let kind = [("Content-Type", "application/octet-stream".to_owned())];
            let posted = self.client.post(&to, None, &kind, bytes.to_vec());
            match within(PATIENCE, posted)
                .await
                .and_then(super::client::Answer::done)
            {
                Ok(_) => return Ok(()),
                Err(error) => failed = error.context(format!("of {url}")),
            }
        }
        Err(failed)
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = tokio::time::timeout(limit, answer).await;
    answer.context("it does not answer in time")?
}

/// How many authorities have to say the same, so that one of them is no liar.
fn more_than_may_lie(set: &Authorities) -> usize {
    set.members.len() - set.quorum() + 1
}

/// Where the authorities of these sets serve the ledger, and peers, each once.
fn urls(
    at: &Snapshot,
    own: &OrganisationId,
    sets: &[&Authorities],
    peers: &[String],
) -> Vec<String> {
    let members = sets.iter().flat_map(|set| &set.members);
    let members = members.filter_map(|one| at.state.members.get(&one.organisation));
    let others = members.filter(|member| member.organisation.id != *own);
    let mut urls = Vec::new();
    for url in others.map(|member| &member.organisation.url).chain(peers) {
        if !url.is_empty() && !urls.contains(url) {
            urls.push(url.clone());
        }
    }
    urls
}

/// Whether there are as many to ask as have to say the same.
pub fn is_served(at: &Snapshot, own: &OrganisationId, peers: &[String]) -> bool {
    let set = &at.state.authorities;
    urls(at, own, &[set], peers).len() >= more_than_may_lie(set)
}

/// What authorities said, by who they are.
type Answers = BTreeMap<OrganisationId, Vec<SharedBlock>>;

/// That too few authorities say which blocks there are: who does not, and why not.
fn too_few(set: &Authorities, said: &Answers, failed: &BTreeMap<String, Error>) -> String {
    let names = set.members.iter().map(|one| &one.organisation);
    let silent = names.filter(|name| !said.contains_key(name));
    let silent: Vec<_> = silent.map(ToString::to_string).collect();
    let failed = failed
        .iter()
        .map(|(url, error)| format!("; of {url}: {error:#}"));
    format!(
        "{} of {} authorities of epoch {} say, each with its signature, which blocks there are, and {} have to; nothing \
         that counts came from {}{}",
        said.len(),
        set.members.len(),
        set.epoch,
        more_than_may_lie(set),
        silent.join(", "),
        failed.collect::<String>()
    )
}

/// The last checkpoint of an epoch: that by which it handed over, or the latest, which is
/// that by which it began where nothing was entered since; `None` where it is not that far.
fn last_of(
    sets: &[Authorities],
    epoch: u64,
    handovers: &[Note],
    latest: Note,
) -> Result<Option<(Note, Checkpoint)>> {
    let index = usize::try_from(epoch)?;
    let Some(set) = sets.get(index) else {
        return Ok(None);
    };
    let note = match handovers.get(index) {
        Some(handover) => handover.clone(),
        None => latest,
    };
    let begun = index
        .checked_sub(1)
        .map(|before| sets[before].verify(&note));
    match (set.verify(&note), begun) {
        (Ok(signed), _) | (Err(_), Some(Ok(signed))) => Ok(Some((note, signed.checkpoint))),
        (Err(error), _) => Err(error.into()),
    }
}

#[derive(Deserialize)]
struct Listed {
    blocks: Vec<ListedBlock>,
}

#[derive(Deserialize)]
struct ListedBlock {
    height: u64,
    size: u64,
    id: String,
}

/// The blocks from a height on, as an authority of a set lists them: what comes from one node
/// counts for the authority that signed it.
async fn blocks(
    client: &Client,
    node: &str,
    from: u64,
    set: &Authorities,
) -> Result<(OrganisationId, Vec<SharedBlock>)> {
    let url = format!("{}/blocks?from={from}", served_by(node));
    let answer = client.get(&url, None).await?;
    let signature = answer.signature().map(str::to_owned);
    let body = answer.done()?;
    let origin = set.origin.as_str();
    let by = verify_blocks(&signature?, set, Range { origin, from }, &body, seconds())?;
    let listed: Listed = serde_json::from_slice(&body)?;
    let mut blocks = Vec::new();
    for (height, block) in (from..).zip(listed.blocks) {
        ensure!(block.height == height, "{url} lists other heights");
        blocks.push(SharedBlock {
            height,
            size: block.size,
            id: unhex(&block.id).context("a block without a name")?,
        });
    }
    Ok((by, blocks))
}

/// The longest beginning that `enough` answers have in common.
fn agreed(answers: &Answers, enough: usize) -> Vec<SharedBlock> {
    let common = |one: &[SharedBlock], other: &[SharedBlock]| {
        one.iter().zip(other).take_while(|(a, b)| a == b).count()
    };
    let of = |one: &Vec<SharedBlock>| {
        let mut lengths: Vec<_> = answers.values().map(|other| common(one, other)).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let length = lengths.get(enough.saturating_sub(1)).copied();
        one[..length.unwrap_or(0)].to_vec()
    };
    let longest = answers.values().map(of).max_by_key(Vec::len);
    longest.unwrap_or_default()
}

/// The block of these envelopes, which has to be the one that is listed.
fn built(at: &Snapshot, envelopes: &[Envelope], listed: &SharedBlock) -> Result<(Block, Snapshot)> {
    let (block, next) = build(at, envelopes).context("its blocks are no blocks")?;
    ensure!(
        block.envelopes == envelopes
            && (next.height, next.frontier.size()) == (listed.height, listed.size),
        "block {} breaks a rule of the ledger",
        listed.height
    );
    Ok((block, next))
}

/// The leaves and tiles of a tree that one node serves.
struct Served<'a> {
    client: &'a Client,
    base: &'a str,
    /// Leaves of the tree.
    size: u64,
    /// The next leaf to take.
    next: u64,
    held: VecDeque<Vec<u8>>,
    /// Bytes that were taken.
    bytes: usize,
}

impl Served<'_> {
    async fn leaf(&mut self) -> Result<Vec<u8>> {
        if self.held.is_empty() {
            ensure!(self.next < self.size, "an envelope lacks entries");
            let index = self.next / WIDTH;
            let width = (self.size - index * WIDTH).min(WIDTH);
            let leaves = self.client.bundle(self.base, index, width);
            let mut leaves = within(PATIENCE, leaves).await?;
            leaves.drain(..usize::try_from(self.next % WIDTH)?);
            self.held.extend(leaves);
        }
        let leaf = self.held.pop_front().context("a bundle without leaves")?;
        self.next += 1;
        self.bytes += leaf.len();
        Ok(leaf)
    }

    /// The envelopes up to a leaf.
    async fn envelopes(&mut self, to: u64) -> Result<Vec<Envelope>> {
        let mut envelopes = Vec::new();
        while self.next < to {
            let Ok(Entry::Envelope(header)) = Entry::from_canon(&self.leaf().await?) else {
                bail!("a leaf that should be an envelope's header is none");
            };
            ensure!(
                self.next + u64::from(header.count) <= to,
                "an envelope is in two blocks"
            );
            let mut entries = Vec::new();
            for _ in 0..header.count {
                entries.push(Blob(self.leaf().await?));
            }
            envelopes.push(Envelope {
                header: *header,
                entries,
            });
        }
        Ok(envelopes)
    }
}

impl Tiled for Served<'_> {
    async fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>> {
        let hashes = self.size >> (u32::from(level) * 8);
        let Some(width) = hashes.checked_sub(index * WIDTH).filter(|width| *width > 0) else {
            return Ok(None);
        };
        let path = tile_path(level, index, width.min(WIDTH));
        let url = format!("{}/{path}", self.base);
        Ok(Some(
            within(PATIENCE, self.client.get(&url, None))
                .await?
                .done()?,
        ))
    }
}

#[cfg(test)]
mod tests;
