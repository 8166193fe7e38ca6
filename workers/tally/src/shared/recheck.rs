//! A provider runs the policies again on its own claims: each payer's node sends a
//! sealed dossier, the component is fetched by its hash, and what comes out is
//! entered as agreement, or as a dispute with the first difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tally_core::adjudication::{Outcome, PolicyInForce, TableKey, Transcript, settle};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::counterparty::{Against, Checked, Dossier, Reexecuted};
use tally_core::ledger::shared::{Organisation, OrganisationId, Role};
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, Published, Receipt, Trust, TrustedLog, kind};
use tally_store::port::{NewStatement, SharedLedger as _, StatementFilter, Statements as _};
use tally_store::vault;

use super::client::Client;
use super::{Ledger as _, Member};
use crate::node::{ENGINE, Node};
use crate::policies::Loaded;
use crate::roles::Stop;

/// How often payers are asked what is decided.
const LOOK: Duration = Duration::from_millis(500);
/// Claims of a page.
const PAGE: usize = 200;
/// The label of what is sealed of a re-execution.
pub const REEXECUTION: &str = "reexecution";
/// Kinds of the entries.
const KINDS: [u8; 2] = [kind::AGREED, kind::DISPUTED];

/// How many adjudications are known and not run again yet.
pub type Unchecked = Arc<AtomicU64>;

/// What a payer decided, as it tells.
#[derive(Deserialize)]
struct Page {
    decided: Vec<Decided>,
}

#[derive(Deserialize)]
struct Decided {
    claim: String,
    index: u64,
}

/// What a statement of a re-execution is about: the claim, and the index of the
/// adjudication in the payer's own log.
fn mark(claim: ClaimId, index: u64) -> Vec<u8> {
    [&claim.0[..], &index.to_be_bytes()].concat()
}

/// Runs policies again, for as long as the node runs.
pub struct Rechecker {
    node: Arc<Node>,
    member: Member,
    client: Client,
    unchecked: Unchecked,
    /// What was done before this process began.
    done: BTreeSet<Vec<u8>>,
    /// From where on each payer is asked: an index of its own log.
    cursors: BTreeMap<OrganisationId, u64>,
    /// Publications by leaf hash, of the ledger's first `read` leaves.
    published: BTreeMap<[u8; 32], Published>,
    read: u64,
}

impl Rechecker {
    /// Begins where the statements of this node end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn new(node: Arc<Node>, member: Member, unchecked: Unchecked) -> Result<Self> {
        let secret = *node.signing_secret();
        let client = Client::new(member.organisation.as_str(), secret);
        let filter = StatementFilter {
            kinds: KINDS.to_vec(),
            ..StatementFilter::default()
        };
        let stated = node.store().statements(&filter).await?;
        Ok(Self {
            done: stated.into_iter().map(|row| row.about).collect(),
            cursors: BTreeMap::new(),
            node,
            member,
            client,
            unchecked,
            published: BTreeMap::new(),
            read: 0,
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
            if !own.is_some_and(|own| own.organisation.is(Role::Provider)) {
                continue;
            }
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
                match self.of_payer(&payer, known, &stop).await {
                    Ok(open) => left += open,
                    Err(error) => {
                        left += 1;
                        tracing::warn!(payer = %payer.id, "its claims could not be run again, trying again: {error:#}");
                    }
                }
            }
            self.unchecked.store(left, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What a payer decided since; answers how much of it is still to be done.
    async fn of_payer(&mut self, payer: &Organisation, known: u64, stop: &Stop) -> Result<u64> {
        let mut from = self.cursors.get(&payer.id).copied().unwrap_or_default();
        loop {
            let url = format!(
                "{}/api/v1/claims/decided?from={from}&limit={PAGE}",
                payer.url
            );
            let page = self
                .client
                .get(&url, Some(payer.id.as_str()))
                .await?
                .done()?;
            let page: Page = serde_json::from_slice(&page)?;
            for (done, decided) in page.decided.iter().enumerate() {
                if stop.is_told() {
                    return Ok(1);
                }
                let id = ClaimId::parse(&decided.claim).context("a claim without an id")?;
                let mark = mark(id, decided.index);
                let is_done = self.done.remove(&mark)
                    || (decided.index < known
                        && self
                            .one(payer, id, &mark)
                            .await
                            .with_context(|| format!("claim {id}"))?);
                if !is_done {
                    // In order: the ledger is not that far yet.
                    return Ok((page.decided.len() - done) as u64);
                }
                from = decided.index + 1;
                self.cursors.insert(payer.id.clone(), from);
            }
            if page.decided.len() < PAGE {
                return Ok(0);
            }
        }
    }

    /// One claim; answers whether it is done, and not to be asked for again.
    async fn one(&mut self, payer: &Organisation, id: ClaimId, mark: &[u8]) -> Result<bool> {
        let url = format!("{}/api/v1/claims/{id}/dossier", payer.url);
        let answer = self.client.get(&url, Some(payer.id.as_str())).await?;
        if matches!(answer.status, 403 | 404 | 409 | 410) {
            // Not there yet; or there is none: another's care is in it, or it was erased.
            return Ok(matches!(answer.status, 403 | 410));
        }
        let sealed = answer.done()?;
        let bytes = self
            .node
            .envelope_secret()?
            .open_between(
                payer.id.as_str(),
                self.member.organisation.as_str(),
                &sealed,
            )
            .context("the dossier is not sealed to this node's key")?;
        let dossier = Dossier::from_canon(&bytes)?;
        let receipt = Receipt::parse(&dossier.receipt)?;
        let Some(shared) = &receipt.shared else {
            return Ok(false);
        };
        // What this node itself has written down of the ledger is what counts.
        let leaves = self
            .node
            .store()
            .shared_leaves(shared.proof.index, 1)
            .await?;
        match leaves.first() {
            None => return Ok(false),
            Some(leaf) if *leaf == receipt.entry => {}
            Some(_) => bail!("the receipt's entry is not the one on this node's ledger"),
        }
        let found = self.again(payer, &dossier).await?;
        self.state(id, mark, &found).await?;
        Ok(true)
    }

    async fn again(&mut self, payer: &Organisation, dossier: &Dossier) -> Result<Reexecuted> {
        let founders = super::founders(self.node.store()).await?;
        let log = tally_core::ledger::VerifierKey::new(&payer.origin, &payer.log)?;
        let trust = Trust {
            logs: vec![TrustedLog::shared(&founders), TrustedLog::local(log)],
        };
        let published = match dossier.publication {
            None => None,
            Some(leaf) => Some(self.publication(leaf).await?),
        };
        let checked = dossier.check(Against {
            trust: &trust,
            sent: None,
            published: published.as_ref(),
        })?;
        let (outcome, asked) = match (checked.policy(), published) {
            (Some(hash), Some(published)) => {
                let loaded = self.component(payer, hash).await?;
                run(&checked, &loaded, published.publication.fuel)?
            }
            _ => (checked.alone()?, Transcript::default()),
        };
        Ok(checked.reexecuted(&outcome, &asked, ENGINE))
    }

    /// A publication on the shared ledger.
    async fn publication(&mut self, leaf: [u8; 32]) -> Result<Published> {
        loop {
            if let Some(found) = self.published.get(&leaf) {
                return Ok(found.clone());
            }
            let leaves = self.node.store().shared_leaves(self.read, 512).await?;
            if leaves.is_empty() {
                bail!("the policy's publication is not on this node's ledger yet");
            }
            self.read += leaves.len() as u64;
            for bytes in leaves {
                if Entry::kind_of(&bytes) == Some(kind::POLICY)
                    && let Ok(Entry::Policy(published)) = Entry::from_canon(&bytes)
                {
                    self.published.insert(leaf_hash(&bytes), *published);
                }
            }
        }
    }

    /// A policy by its hash: from the shelf, or from the payer.
    async fn component(&self, payer: &Organisation, hash: [u8; 32]) -> Result<Arc<Loaded>> {
        if let Some(loaded) = self.node.shelf().get(&hash) {
            return Ok(loaded);
        }
        let hex = crate::node::keys::hex(&hash);
        let url = format!("{}/api/v1/policies/{hex}", payer.url);
        let component = self.client.get(&url, None).await?.done()?;
        let node = Arc::clone(&self.node);
        let loaded = tokio::task::spawn_blocking(move || node.shelf().load(component)).await??;
        anyhow::ensure!(
            loaded.policy.hash() == hash,
            "the component that came is another than {hex}"
        );
        Ok(loaded)
    }

    /// Enters what was found.
    async fn state(&self, id: ClaimId, mark: &[u8], found: &Reexecuted) -> Result<()> {
        let salt = vault::random()?;
        let key = self
            .node
            .vault()
            .fresh(1)
            .await?
            .pop()
            .context("no record key")?;
        let entry = found.entry(&salt);
        let mut opening = salt.to_vec();
        found.put(&mut opening);
        match &found.difference {
            None => tracing::info!(claim = %id, "run again: agreed"),
            Some(difference) => tracing::warn!(claim = %id, "run again: disputed: {difference}"),
        }
        let statement = NewStatement {
            kind: entry.kind(),
            about: mark.to_vec(),
            once: Some(found.adjudication),
            entry: entry.to_canon(),
            opening: Some(key.seal(REEXECUTION, &opening)?),
        };
        self.node.store().state(&[statement]).await?;
        self.node.integrate(false).await?;
        Ok(())
    }
}

/// Runs a policy again, with the answers that are on record.
fn run(checked: &Checked, loaded: &Arc<Loaded>, fuel: u64) -> Result<(Outcome, Transcript)> {
    let policy = PolicyInForce {
        hash: loaded.policy.hash(),
        description: Arc::clone(loaded.policy.description()),
    };
    let run = checked.run(policy)?.context("a policy without a context")?;
    let tables = Arc::clone(loaded);
    let lookup = move |table: u16, keys: &[TableKey]| tables.lookup(table, keys);
    let answers = checked.answers(lookup)?;
    let ran = loaded.policy.run(&run.context, Arc::new(answers), fuel)?;
    let settled = settle(&checked.claim, &run, ran.determined)?;
    Ok((settled.outcome, ran.transcript))
}
