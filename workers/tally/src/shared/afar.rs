//! The shared ledger as the authorities' nodes serve it, for a member that is none of them.
//!
//! Nothing is believed that cannot be checked: leaves lead to a checkpoint that a quorum
//! signed, every rule is held against them, and which blocks they came in is what more
//! authorities say than may be liars.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tally_core::canon::{Blob, Canon as _};
use tally_core::ledger::shared::{
    Authorities, Block, Envelope, OrganisationId, Signed, Snapshot, build,
};
use tally_core::ledger::tiles::{WIDTH, tile_path};
use tally_core::ledger::tree::{consistency_proof, verify_consistency};
use tally_core::ledger::{Entry, Note};
use tally_store::port::SharedBlock;

use super::client::{Client, served_by};
use super::pool::Pool;
use super::relay::AGAIN;
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
    /// Whose turn it is to be asked: another's each time, so that nobody who serves what is
    /// old, or passes nothing on, is asked for ever.
    turn: usize,
    /// Whose turn it is to be handed something.
    handed: usize,
    /// When envelopes were handed over last, by their first entry.
    said: BTreeMap<u64, Instant>,
}

impl Afar {
    /// For a node of an organisation, on the ledger that these founded.
    pub fn new(organisation: OrganisationId, founders: Authorities) -> Self {
        Self {
            client: Client::new("ledger", [0; 32]),
            organisation,
            founders,
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
        let urls = urls(at, &self.organisation);
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

    /// What stands beyond `at` by one node.
    async fn served_at(
        &self,
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
        let Some((note, signed)) = last else {
            return Ok(news);
        };
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        if size < at.frontier.size() {
            return Ok(news);
        }
        let mut served = Served {
            client: &self.client,
            base: &base,
            size,
            next: at.frontier.size(),
            held: VecDeque::new(),
            bytes: 0,
        };
        let listed = self.listed(urls, at).await?;
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
        &self,
        base: &str,
        at: &Snapshot,
        reached: u64,
    ) -> Result<(Vec<String>, Option<(Note, Signed)>)> {
        let set = &at.state.authorities;
        let url = format!("{base}/checkpoint");
        let note = self.client.get(&url, None);
        let note = Note::parse(&String::from_utf8(within(PATIENCE, note).await?.done()?)?)?;
        if reached >= set.epoch
            && let Ok(signed) = set.verify(&note)
        {
            return Ok((Vec::new(), Some((note, signed))));
        }
        let handovers = within(PATIENCE, self.client.handovers(base)).await?;
        let last = last_of(&self.founders, set.epoch, &handovers, note)?;
        let known = usize::try_from(reached)?..usize::try_from(set.epoch)?;
        let missing = handovers.get(known).unwrap_or_default();
        Ok((missing.iter().map(Note::to_string).collect(), last))
    }

    /// The next blocks, as far as more authorities say the same of them than may be liars.
    async fn listed(&self, urls: &[String], at: &Snapshot) -> Result<Vec<SharedBlock>> {
        let set = &at.state.authorities;
        let enough = more_than_may_lie(at);
        let from = at.height + 1;
        let mut asked = tokio::task::JoinSet::new();
        for url in urls {
            let (client, base) = (self.client.clone(), served_by(url));
            asked.spawn(async move { within(PATIENCE, blocks(&client, &base, from)).await });
        }
        let (mut answers, mut failed) = (Vec::new(), None);
        // Nobody is waited for who does not answer, where others have said enough.
        while let Some(answer) = asked.join_next().await {
            match answer? {
                Ok(blocks) => answers.push(blocks),
                Err(error) => failed = Some(error),
            }
            let nothing = answers.iter().filter(|answer| answer.is_empty()).count();
            if nothing >= enough || !agreed(&answers, enough).is_empty() {
                break;
            }
        }
        if answers.len() < enough {
            let why = format!(
                "{} of {} authorities say which blocks there are, {enough} have to",
                answers.len(),
                set.members.len()
            );
            return Err(
                failed.map_or_else(|| anyhow::anyhow!(why.clone()), |e| e.context(why.clone()))
            );
        }
        Ok(agreed(&answers, enough))
    }

    /// Hands over what waits of this organisation's own log, again where it was not seen on
    /// the ledger for long.
    ///
    /// # Errors
    /// When nobody takes it: it is tried again.
    pub async fn hand_over(&mut self, pool: &Pool, at: &Snapshot) -> Result<()> {
        let next = at.state.next(&self.organisation).unwrap_or_default();
        self.said.retain(|first, _| *first >= next);
        let urls = urls(at, &self.organisation);
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
fn more_than_may_lie(at: &Snapshot) -> usize {
    let set = &at.state.authorities;
    set.members.len() - set.quorum() + 1
}

/// Where the authorities of today serve the ledger.
fn urls(at: &Snapshot, own: &OrganisationId) -> Vec<String> {
    let state = &at.state;
    let members = state.authorities.members.iter();
    let members = members.filter_map(|authority| state.members.get(&authority.organisation));
    members
        .map(|member| &member.organisation)
        .filter(|of| of.id != *own && !of.url.is_empty())
        .map(|of| of.url.clone())
        .collect()
}

/// Whether there are as many to ask as have to say the same.
pub fn is_served(at: &Snapshot, own: &OrganisationId) -> bool {
    urls(at, own).len() >= more_than_may_lie(at)
}

/// The last checkpoint of an epoch: that by which it handed over, or the latest; `None`
/// where it is not that far.
fn last_of(
    founders: &Authorities,
    epoch: u64,
    handovers: &[Note],
    latest: Note,
) -> Result<Option<(Note, Signed)>> {
    let (sets, _) = founders.walk(handovers)?;
    let index = usize::try_from(epoch)?;
    let Some(set) = sets.get(index) else {
        return Ok(None);
    };
    let note = match handovers.get(index) {
        Some(handover) => handover.clone(),
        None => latest,
    };
    // The latest may be from before a handover that came meanwhile.
    match set.verify(&note) {
        Ok(signed) => Ok(Some((note, signed))),
        Err(_) if index > 0 && sets[index - 1].verify(&note).is_ok() => Ok(None),
        Err(error) => Err(error.into()),
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

/// The blocks from a height on, as one node lists them.
async fn blocks(client: &Client, base: &str, from: u64) -> Result<Vec<SharedBlock>> {
    let url = format!("{base}/blocks?from={from}");
    let listed: Listed = serde_json::from_slice(&client.get(&url, None).await?.done()?)?;
    let mut blocks = Vec::new();
    for (height, block) in (from..).zip(listed.blocks) {
        ensure!(block.height == height, "{url} lists other heights");
        blocks.push(SharedBlock {
            height,
            size: block.size,
            id: unhex(&block.id).context("a block without a name")?,
        });
    }
    Ok(blocks)
}

/// The longest beginning that `enough` answers have in common.
fn agreed(answers: &[Vec<SharedBlock>], enough: usize) -> Vec<SharedBlock> {
    let common = |one: &[SharedBlock], other: &[SharedBlock]| {
        one.iter().zip(other).take_while(|(a, b)| a == b).count()
    };
    let of = |one: &Vec<SharedBlock>| {
        let mut lengths: Vec<_> = answers.iter().map(|other| common(one, other)).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let length = lengths.get(enough.saturating_sub(1)).copied();
        one[..length.unwrap_or(0)].to_vec()
    };
    let longest = answers.iter().map(of).max_by_key(Vec::len);
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
mod tests {
    use super::*;

    fn block(height: u64, id: u8) -> SharedBlock {
        SharedBlock {
            height,
            id: [id; 32],
            size: height,
        }
    }

    /// What too few say is not believed, however far it goes.
    #[test]
    fn blocks_are_what_enough_say() {
        let honest = [block(1, 1), block(2, 2), block(3, 3)];
        let liar = [block(1, 1), block(2, 9), block(3, 9), block(4, 9)];
        let answers = |of: &[&[SharedBlock]]| of.iter().map(|one| one.to_vec()).collect::<Vec<_>>();
        let of_three = answers(&[&honest, &liar, &honest[..2]]);
        assert_eq!(agreed(&of_three, 2), honest[..2]);
        assert_eq!(agreed(&of_three, 1), liar);
        assert_eq!(agreed(&of_three, 3), honest[..1]);
        assert_eq!(agreed(&of_three, 4), []);
        assert_eq!(agreed(&[], 1), []);
    }
}
