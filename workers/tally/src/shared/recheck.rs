//! A provider runs the policies again on its own claims: each payer's node sends a
//! sealed dossier, the component is fetched by its hash, and what comes out is
//! entered as agreement, or as a dispute with the first difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{Outcome, PolicyInForce, TableKey, Transcript, settle};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId};
use tally_core::ledger::counterparty::{Against, Checked, Dossier, DossierError, Reexecuted};
use tally_core::ledger::shared::{Organisation, OrganisationId, Role};
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Receipt, Trust, TrustedLog, Verdict, VerifierKey, verify_receipt};
use tally_store::port::SharedLedger as _;

use super::client::{Answer, Client};
use super::published::Publications;
use super::sent::Sent;
use super::signed::Kept;
use super::{Ledger as _, Member};
use crate::node::{ENGINE, Node};
use crate::policies::Loaded;
use crate::roles::Stop;

/// How often payers are asked what is decided.
const LOOK: Duration = Duration::from_millis(500);
/// How long one that does not answer is left alone, at most.
const LONGEST: Duration = Duration::from_secs(30);
/// So many that wait are asked for again at a time.
const AGAIN: usize = 200;
/// Claims of a page.
const PAGE: usize = 200;

/// Adjudications that were not run again.
#[derive(Default)]
pub struct NotRun {
    unchecked: AtomicU64,
    withheld: AtomicU64,
    by_hand: AtomicU64,
    unsigned: AtomicU64,
    erased: Mutex<Vec<ErasedUnrun>>,
}

/// An adjudication that the payer's log says was erased, before it was run again.
#[derive(Clone)]
pub struct ErasedUnrun {
    /// The claim.
    pub claim: ClaimId,
    /// Who decided it.
    pub payer: OrganisationId,
    /// The index of the adjudication in the payer's own log.
    pub index: u64,
}

impl NotRun {
    /// Known, and not run again yet.
    pub fn unchecked(&self) -> u64 {
        self.unchecked.load(Ordering::Relaxed)
    }

    /// That the payer shows nothing for, since this process began.
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    /// That a person decided at the payer, since this process began.
    pub fn by_hand(&self) -> u64 {
        self.by_hand.load(Ordering::Relaxed)
    }

    /// Answers that were not signed by the payer they should be of, since this process began.
    pub fn unsigned(&self) -> u64 {
        self.unsigned.load(Ordering::Relaxed)
    }

    /// What was erased before it was run again, since this process began.
    pub fn erased(&self) -> Vec<ErasedUnrun> {
        self.erased.lock().map(|of| of.clone()).unwrap_or_default()
    }

    fn was_erased(&self, of: ErasedUnrun) {
        if let Ok(mut erased) = self.erased.lock() {
            erased.push(of);
        }
    }
}

/// What a payer decided, as it tells.
#[derive(Deserialize)]
struct Page {
    decided: Vec<Decided>,
    /// From where on to ask next. One that does not say it lists all that there is.
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Decided {
    claim: String,
    index: u64,
}

/// How far a payer's decisions were looked at.
#[derive(Default)]
struct Round {
    /// From where on it is asked: an index of its own log.
    from: u64,
    /// What could not be done yet, by its index.
    open: BTreeMap<u64, ClaimId>,
    /// After which of these it is gone on.
    last: u64,
    /// Whether there is more than was looked at.
    more: bool,
}

impl Round {
    /// The next of what could not be done yet: all of it in turn, a few at a time.
    fn again(&mut self) -> Vec<(u64, ClaimId)> {
        let after = self.open.range(self.last + 1..);
        let before = self.open.range(..=self.last);
        let next = after.chain(before).take(AGAIN);
        let next: Vec<_> = next.map(|(index, id)| (*index, *id)).collect();
        self.last = next.last().map_or(0, |(index, _)| *index);
        next
    }
}

/// What a payer shows for an adjudication.
enum Shown {
    /// It was run again.
    Found(Box<Reexecuted>),
    /// It does not hold.
    Broken(String),
    /// The payer's ledger is not that far.
    NotYet,
    /// It shows what the claim came to later.
    Later,
    /// A person decided it.
    ByHand,
}

/// A payer that is left alone.
struct Away {
    until: Instant,
    pause: Duration,
}

/// Runs policies again, for as long as the node runs.
pub struct Rechecker {
    node: Arc<Node>,
    member: Member,
    client: Client,
    not_run: Arc<NotRun>,
    /// What was done before this process began.
    done: BTreeSet<(ClaimId, u64)>,
    /// How far each payer's decisions were looked at.
    cursors: BTreeMap<OrganisationId, Round>,
    /// Payers that did not answer.
    away: BTreeMap<OrganisationId, Away>,
    published: Publications,
    /// What was sent to payers, where it is kept.
    sent: Option<Arc<Mutex<Sent>>>,
}

impl Rechecker {
    /// Begins where the statements of this node end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn new(node: Arc<Node>, member: Member, sent: Option<Sent>) -> Result<Self> {
        let secret = *node.signing_secret();
        let client = Client::new(member.organisation.as_str(), secret);
        Ok(Self {
            done: node.reexecuted().await?,
            cursors: BTreeMap::new(),
            node,
            not_run: Arc::clone(&member.not_run),
            member,
            client,
            away: BTreeMap::new(),
            published: Publications::default(),
            sent: sent.map(|sent| Arc::new(Mutex::new(sent))),
        })
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// When the node's own store fails.
    pub async fn run(mut self, stop: Stop) -> Result<()> {
        while stop.sleep(LOOK).await {
            let at = Arc::clone(&self.member.subscribe().borrow());
            let own = at.state.members.get(&self.member.organisation);
            let Some(own) = own.filter(|own| own.organisation.is(Role::Provider)) else {
                continue;
            };
            // Others know it by the key that the ledger has.
            let secret = self.node.signing_secret_on(&own.organisation);
            self.client.sign_with(secret);
            let payers: Vec<(Organisation, u64)> = at
                .state
                .members
                .values()
                .filter(|member| !member.left && member.organisation.is(Role::Payer))
                .map(|member| (member.organisation.clone(), member.next))
                .filter(|(payer, _)| !payer.url.is_empty() && payer.id != self.member.organisation)
                .collect();
            let mut left = 0;
            for (payer, known) in payers {
                if self
                    .away
                    .get(&payer.id)
                    .is_some_and(|away| away.until > Instant::now())
                {
                    left += 1;
                    continue;
                }
                match self.of_payer(&payer, known, &stop).await {
                    Ok(open) => {
                        left += open;
                        self.away.remove(&payer.id);
                    }
                    Err(error) => {
                        left += 1;
                        let pause = self.leave_alone(&payer.id);
                        tracing::warn!(payer = %payer.id, "its claims could not be run again, trying again in {} s: {error:#}", pause.as_secs_f32());
                    }
                }
            }
            self.not_run.unchecked.store(left, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Leaves a payer alone, each time for longer.
    fn leave_alone(&mut self, payer: &OrganisationId) -> Duration {
        let known = self.away.get(payer).map(|away| away.pause);
        let pause = known.map_or(LOOK, |pause| (pause * 2).min(LONGEST));
        let until = Instant::now() + pause;
        self.away.insert(payer.clone(), Away { until, pause });
        pause
    }

    /// What a payer decided since; answers how much of it is still to be done. What cannot
    /// be had now holds up nothing that follows it, however much there is of it.
    async fn of_payer(&mut self, payer: &Organisation, known: u64, stop: &Stop) -> Result<u64> {
        let mut failed = None;
        let mut round = self.cursors.remove(&payer.id).unwrap_or_default();
        for (index, id) in round.again() {
            if stop.is_told() {
                break;
            }
            match self.one(payer, id, index).await {
                Ok(true) => {
                    round.open.remove(&index);
                }
                Ok(false) => {}
                Err(error) => failed = Some(error.context(format!("claim {id}"))),
            }
        }
        let paged = self.page(payer, known, &mut round, stop).await;
        let left = round.open.len() as u64 + u64::from(round.more);
        self.cursors.insert(payer.id.clone(), round);
        match (paged, failed) {
            (Err(error), _) | (Ok(()), Some(error)) => Err(error),
            (Ok(()), None) => Ok(left),
        }
    }

    /// What a payer answers, as it signed it: all that it leads to is laid to the payer. What
    /// is another's, or was changed on the way, is no answer.
    async fn ask(&self, payer: &Organisation, target: &str) -> Result<(Answer, Kept)> {
        let (id, url) = (payer.id.as_str(), &payer.url);
        let came = self.client.ask(url, target, id).await?;
        let status = came.status();
        // It may have taken another key since it was looked up.
        let at = Arc::clone(&self.member.subscribe().borrow());
        let known = at.state.members.get(&payer.id);
        let key = known.map_or(payer.signing, |known| known.organisation.signing);
        came.of(id, &key, at.frontier.size()).map_err(|why| {
            self.not_run.unsigned.fetch_add(1, Ordering::Relaxed);
            anyhow::anyhow!("what {url} answers ({status}) is not taken for {id}'s: {why}. See who answers there, and whether {id}'s node is of a version that signs")
        })
    }

    /// The next page of what a payer decided.
    async fn page(
        &mut self,
        payer: &Organisation,
        known: u64,
        round: &mut Round,
        stop: &Stop,
    ) -> Result<()> {
        let target = format!("/claims/decided?from={}&limit={PAGE}", round.from);
        let page = self.ask(payer, &target).await?.0.done()?;
        let page: Page = serde_json::from_slice(&page)?;
        let mut failed = None;
        // No further than the ledger is: what follows there is to be looked at.
        let next = page.next.map(|next| next.min(known));
        let is_full = page.decided.len() >= PAGE;
        round.more = next.map_or(is_full, |next| next < known);
        let mut is_whole = true;
        for decided in page.decided {
            if stop.is_told() {
                (round.more, is_whole) = (true, false);
                break;
            }
            anyhow::ensure!(decided.index >= round.from, "it lists entries out of order");
            let id = ClaimId::parse(&decided.claim).context("a claim without an id")?;
            if decided.index >= known {
                // The ledger is not that far yet.
                (round.more, is_whole) = (true, false);
                break;
            }
            if !self.done.remove(&(id, decided.index)) {
                let done = self.one(payer, id, decided.index).await;
                if !matches!(done, Ok(true)) {
                    round.open.insert(decided.index, id);
                }
                if let Err(error) = done {
                    failed = Some(error.context(format!("claim {id}")));
                }
            }
            round.from = decided.index + 1;
        }
        if let Some(next) = next.filter(|_| is_whole) {
            round.from = round.from.max(next);
        }
        failed.map_or(Ok(()), Err)
    }

    /// One adjudication, as this node has written it down of the ledger; answers whether it
    /// is done, and not to be asked for again.
    async fn one(&mut self, payer: &Organisation, id: ClaimId, index: u64) -> Result<bool> {
        let Some((place, entry)) = self.entry_of(payer, index).await? else {
            return Ok(false);
        };
        let target = format!("/claims/{id}/dossier");
        let (answer, kept) = self.ask(payer, &target).await?;
        match answer.status {
            404 | 409 => return Ok(false),
            // Another's care is in it, as the payer says: it is counted.
            403 => {
                tracing::warn!(claim = %id, payer = %payer.id, "cannot be run again: the payer shows nothing for it");
                self.not_run.withheld.fetch_add(1, Ordering::Relaxed);
                return Ok(true);
            }
            410 => return self.was_erased(payer, id, index).await,
            _ => {}
        }
        let sealed = answer.done()?;
        let bytes = self
            .node
            .envelope_secrets()
            .iter()
            .find_map(|key| {
                let to = self.member.organisation.as_str();
                key.open_between(payer.id.as_str(), to, &sealed)
            })
            .context("the dossier is not sealed to this node's key")?;
        let found = match self
            .shown(payer, id, (index, place, &entry), &bytes)
            .await?
        {
            Shown::NotYet => return Ok(false),
            Shown::Later => return Ok(true),
            Shown::ByHand => {
                tracing::info!(claim = %id, payer = %payer.id, "was decided by a person: there is nothing to run again");
                self.not_run.by_hand.fetch_add(1, Ordering::Relaxed);
                return Ok(true);
            }
            Shown::Found(found) => *found,
            Shown::Broken(why) => Reexecuted::unproven(leaf_hash(&entry), ENGINE, &why),
        };
        self.node
            .enter_reexecuted(&payer.id, (id, index), &found, kept)
            .await?;
        Ok(true)
    }

    /// Whether the payer's log has it on the ledger that an adjudication was erased, as the
    /// payer says; until then it is asked for again. What was erased before it was run again
    /// is counted, and named: whoever decided otherwise than its policy could say so.
    async fn was_erased(&mut self, payer: &Organisation, id: ClaimId, index: u64) -> Result<bool> {
        let size = self.member.subscribe().borrow().frontier.size();
        let of = self.published.of(self.node.store(), payer, size).await?;
        if !of.is_erased(index) {
            tracing::warn!(claim = %id, payer = %payer.id, "the payer says that it was erased, and the ledger has no such entry");
            return Ok(false);
        }
        tracing::warn!(claim = %id, payer = %payer.id, index, "cannot be run again: the payer erased it before this node could");
        self.not_run.was_erased(ErasedUnrun {
            claim: id,
            payer: payer.id.clone(),
            index,
        });
        Ok(true)
    }

    /// An entry of a payer's own log, as it stands on this node's ledger, and where.
    async fn entry_of(&self, payer: &Organisation, index: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let store = self.node.store();
        let place = store.shared_place(payer.id.as_str(), index).await?;
        match place {
            None => Ok(None),
            Some(place) => {
                let entry = store.shared_leaves(place, 1).await?.pop();
                Ok(entry.map(|entry| (place, entry)))
            }
        }
    }

    /// What a payer shows for an adjudication, held against its entry.
    async fn shown(
        &mut self,
        payer: &Organisation,
        id: ClaimId,
        (index, place, entry): (u64, u64, &[u8]),
        bytes: &[u8],
    ) -> Result<Shown> {
        let broken = |why: String| Ok(Shown::Broken(why));
        let dossier = match Dossier::from_canon(bytes) {
            Ok(dossier) => dossier,
            Err(error) => return broken(error.to_string()),
        };
        let receipt = match Receipt::parse(&dossier.receipt) {
            Ok(receipt) => receipt,
            Err(error) => return broken(error.to_string()),
        };
        if receipt.shared.is_none() {
            return Ok(Shown::NotYet);
        }
        if receipt.claim == id && receipt.local.index > index {
            return self.later(payer, &receipt).await;
        }
        if receipt.claim != id || receipt.local.index != index || receipt.entry != entry {
            return broken("the receipt is of another adjudication".to_owned());
        }
        self.again(payer, id, &dossier, place).await
    }

    /// Whether a claim was decided anew since, as a receipt says: that is an adjudication of
    /// its own. What stands at its place in the payer's log has to be what is shown.
    async fn later(&self, payer: &Organisation, receipt: &Receipt) -> Result<Shown> {
        let Some((_, entry)) = self.entry_of(payer, receipt.local.index).await? else {
            return Ok(Shown::NotYet);
        };
        let trust = self.trust(payer).await?;
        let verified = verify_receipt(receipt, Some(&trust));
        let held = verified.is_ok_and(|(verdict, told)| {
            verdict == Verdict::Trusted && told.claim() == receipt.claim
        });
        Ok(match held && receipt.entry == entry {
            true => Shown::Later,
            false => Shown::Broken("the receipt is of another adjudication".to_owned()),
        })
    }

    /// The keys that a payer's receipts are held against.
    async fn trust(&self, payer: &Organisation) -> Result<Trust> {
        let founders = super::founders(self.node.store()).await?;
        let log = VerifierKey::new(&payer.origin, &payer.log)?;
        Ok(Trust {
            logs: vec![TrustedLog::shared(&founders), TrustedLog::local(log)],
        })
    }

    /// Runs it again; `place` is where the adjudication stands on the ledger.
    async fn again(
        &mut self,
        payer: &Organisation,
        id: ClaimId,
        dossier: &Dossier,
        place: u64,
    ) -> Result<Shown> {
        let trust = self.trust(payer).await?;
        let sent = self.as_sent(payer, id).await?;
        let known = self.published.of(self.node.store(), payer, place).await?;
        let published = match dossier.publication {
            None => None,
            Some(leaf) => known.find(&leaf),
        };
        let checked = dossier.check(Against {
            trust: &trust,
            sent: sent.as_ref(),
            published,
            publications: known.by_index(),
        });
        let checked = match checked {
            Ok(checked) => checked,
            Err(DossierError::ByHand) => return Ok(Shown::ByHand),
            Err(error) => return Ok(Shown::Broken(error.to_string())),
        };
        let mut policy = None;
        let ran = match (checked.policy(), published) {
            (Some(hash), Some(published)) => {
                let fuel = published.publication.fuel;
                let loaded = policy.insert(self.component(payer, hash).await?);
                run(&checked, loaded, fuel)?
            }
            _ => checked
                .alone()
                .map(|outcome| (outcome, Transcript::default()))
                .map_err(|error| error.to_string()),
        };
        let (outcome, asked) = match ran {
            Ok(ran) => ran,
            Err(why) => return Ok(Shown::Broken(why)),
        };
        let read = |table, column, value| policy.as_ref()?.cell(table, column, value);
        let found = checked.reexecuted(&outcome, &asked, read, ENGINE);
        Ok(Shown::Found(Box::new(found)))
    }

    /// A claim as this organisation sent it, where it keeps what it sends.
    async fn as_sent(&self, payer: &Organisation, id: ClaimId) -> Result<Option<Claim>> {
        let Some(files) = self.sent.clone() else {
            return Ok(None);
        };
        let find = move || {
            let files = files.lock();
            let mut files = files
                .ok()
                .context("the files of `ledger.sent` cannot be read")?;
            files.find(id)
        };
        let found = tokio::task::spawn_blocking(find).await??;
        if found.is_none() {
            tracing::warn!(claim = %id, payer = %payer.id, "is in none of the files of `ledger.sent`: run again as the payer shows it");
        }
        Ok(found)
    }

    /// A policy by its hash: from the shelf, or from the payer.
    async fn component(&self, payer: &Organisation, hash: [u8; 32]) -> Result<Arc<Loaded>> {
        if let Some(loaded) = self.node.shelf().get(&hash) {
            return Ok(loaded);
        }
        let hex = crate::node::keys::hex(&hash);
        let url = format!("{}/api/v1/policies/{hex}", payer.url);
        let component = self.client.get(&url, None).await?.done()?;
        anyhow::ensure!(
            Sha256::digest(&component)[..] == hash,
            "the component that came is another than {hex}"
        );
        let node = Arc::clone(&self.node);
        Ok(tokio::task::spawn_blocking(move || node.shelf().load(component)).await??)
    }
}

/// What a run came to, and what the policy asked; or what the payer shows that does not hold.
type Ran = Result<(Outcome, Transcript), String>;

/// Runs a policy again, with the answers that are on record.
///
/// # Errors
/// When this node cannot run it. What does not hold of the payer's is in the answer.
fn run(checked: &Checked, loaded: &Arc<Loaded>, fuel: u64) -> Result<Ran> {
    let policy = PolicyInForce {
        hash: loaded.policy.hash(),
        description: Arc::clone(loaded.policy.description()),
    };
    let tables = Arc::clone(loaded);
    let lookup = move |table: u16, keys: &[TableKey]| tables.lookup(table, keys);
    let ready = checked.run(policy).and_then(|run| {
        let run = run.ok_or(DossierError::Policy)?;
        Ok((run, checked.answers(lookup)?))
    });
    let (run, answers) = match ready {
        Ok(ready) => ready,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let ran = loaded.policy.run(&run.context, Arc::new(answers), fuel)?;
    let settled = settle(&checked.claim, &run, ran.determined);
    Ok(match settled {
        Ok(settled) => Ok((settled.outcome, ran.transcript)),
        Err(error) => Err(error.to_string()),
    })
}
