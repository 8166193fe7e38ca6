//! Payers are told of the disputes with them: the ledger says that there is one, and not of
//! which claim.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::counterparty::ToldDispute;
use tally_core::ledger::shared::{Organisation, OrganisationId, Snapshot};
use tally_queue::envelope::NodePublicKey;
use tally_store::port::SharedLedger as _;

use super::client::Client;
use super::run::put_off;
use super::{Ledger as _, Member};
use crate::node::Node;
use crate::node::keys::hex;
use crate::roles::Stop;

/// How often it is looked for what is to be told.
const LOOK: Duration = Duration::from_secs(1);
/// How long a payer has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a payer that does not take what it is told is left alone, at most.
const LONGEST: Duration = Duration::from_secs(300);
/// How many disputes a payer is told at once.
const AT_ONCE: usize = 8;
/// After how long all is told once more: a payer may have lost what it was told, or have
/// taken in only now who bills for whom.
const ANEW: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells payers, for as long as the node runs. What was told before it started is told once
/// more: they know it then.
pub struct Teller {
    node: Arc<Node>,
    member: Member,
    client: Client,
    /// The last statement that was looked at.
    last: Option<i64>,
    /// Since when what was entered is looked at.
    begun: Instant,
    /// What each payer is to be told: the claim, and the index in the payer's own log.
    waits: BTreeMap<OrganisationId, VecDeque<(ClaimId, u64)>>,
    /// Those whose sending stands in the audit trail.
    noted: BTreeSet<(ClaimId, u64)>,
    /// Payers that are left alone, until when, and for how long.
    away: BTreeMap<OrganisationId, (Instant, Duration)>,
}

/// What became of telling one.
enum Told {
    /// The payer knows it, will not have it, or it was erased.
    Over,
    /// The ledger does not have it yet.
    NotYet,
    /// The payer did not take it.
    Failed(anyhow::Error),
}

impl Teller {
    /// Of a node on a shared ledger.
    pub fn new(node: Arc<Node>, member: Member) -> Self {
        let secret = *node.signing_secret();
        Self {
            client: Client::new(member.organisation.as_str(), secret),
            node,
            member,
            last: None,
            begun: Instant::now(),
            waits: BTreeMap::new(),
            noted: BTreeSet::new(),
            away: BTreeMap::new(),
        }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// When the node's own store fails.
    pub async fn run(mut self, stop: Stop) -> Result<()> {
        while stop.sleep(LOOK).await {
            put_off("telling payers of disputes", self.round(&stop).await)?;
        }
        Ok(())
    }

    async fn round(&mut self, stop: &Stop) -> Result<()> {
        if self.begun.elapsed() > ANEW {
            (self.last, self.begun) = (None, Instant::now());
            self.waits.clear();
            self.noted.clear();
        }
        while !stop.is_told() {
            let more = self.node.disputes_after(&mut self.last).await?;
            if more.is_empty() {
                break;
            }
            for (payer, dispute) in more {
                self.waits.entry(payer).or_default().push_back(dispute);
            }
        }
        let at = Arc::clone(&self.member.subscribe().borrow());
        let Some(own) = at.state.members.get(&self.member.organisation) else {
            return Ok(());
        };
        // Others know it by the key that the ledger has.
        let secret = self.node.signing_secret_on(&own.organisation);
        self.client.sign_with(secret);
        let payers: Vec<OrganisationId> = self.waits.keys().cloned().collect();
        for payer in payers {
            if stop.is_told() {
                break;
            }
            self.of_payer(&at, &payer).await?;
        }
        self.waits.retain(|_, waits| !waits.is_empty());
        Ok(())
    }

    /// The next of what a payer is to be told.
    async fn of_payer(&mut self, at: &Snapshot, id: &OrganisationId) -> Result<()> {
        let is_away = |(until, _): &(Instant, Duration)| *until > Instant::now();
        let known = at.state.members.get(id).filter(|member| !member.left);
        let known = known.map(|member| &member.organisation);
        let Some(payer) = known.filter(|payer| !payer.url.is_empty()) else {
            return Ok(());
        };
        if self.away.get(id).is_some_and(is_away) {
            return Ok(());
        }
        for _ in 0..AT_ONCE {
            let Some(dispute) = self.waits.get_mut(id).and_then(VecDeque::pop_front) else {
                break;
            };
            let told = self.one(at, payer, dispute).await;
            // Others are not held up by it.
            if !matches!(told, Ok(Told::Over)) {
                self.waits.entry(id.clone()).or_default().push_back(dispute);
            }
            match told? {
                Told::Over => drop(self.away.remove(id)),
                Told::NotYet => break,
                Told::Failed(why) => {
                    let pause = self.leave_alone(id);
                    tracing::warn!(payer = %id, "could not be told of a dispute, trying again in {} s: {why:#}", pause.as_secs());
                    break;
                }
            }
        }
        Ok(())
    }

    /// Leaves a payer alone, each time for longer.
    fn leave_alone(&mut self, payer: &OrganisationId) -> Duration {
        let pause = self.away.get(payer).map(|(_, pause)| *pause);
        let pause = pause.map_or(LOOK, |pause| (pause * 2).min(LONGEST));
        self.away
            .insert(payer.clone(), (Instant::now() + pause, pause));
        pause
    }

    /// Tells one.
    async fn one(
        &mut self,
        at: &Snapshot,
        payer: &Organisation,
        dispute: (ClaimId, u64),
    ) -> Result<Told> {
        let told = match self.node.dispute_to_tell(dispute).await {
            Ok(Some(told)) => told,
            Ok(None) => return Ok(Told::Over),
            Err(error) if crate::node::passes(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(claim = %dispute.0, "the dispute is not told: {error:#}");
                return Ok(Told::Over);
            }
        };
        let own = self.member.organisation.as_str();
        let stands = self.node.store().shared_place(own, told.entry).await?;
        if stands.is_none() {
            return Ok(Told::NotYet);
        }
        // Said first, and once however often it is tried.
        if self.noted.insert(dispute) {
            self.node.note("dispute-sent", told.claim).await?;
        }
        let answered = tokio::time::timeout(PATIENCE, self.tell(at, payer, &told)).await;
        match answered.unwrap_or_else(|_| Err(anyhow::anyhow!("it does not answer in time"))) {
            Ok(()) => Ok(Told::Over),
            Err(why) => Ok(Told::Failed(why)),
        }
    }

    async fn tell(&self, at: &Snapshot, payer: &Organisation, told: &ToldDispute) -> Result<()> {
        let key = NodePublicKey::new(&payer.sealing);
        let key = key.context("the ledger has no key of it that anything could be sealed to")?;
        let (own, id) = (self.member.organisation.as_str(), payer.id.as_str());
        let sealed = key.seal_between(own, id, &told.to_canon())?;
        let hash = hex(&Sha256::digest(&sealed));
        let target = format!("/ledger/shared/disputes?sha256={hash}");
        let came = self.client.send(&payer.url, &target, id, sealed).await?;
        let status = came.status();
        let answered = came.of(id, &payer.signing, at.frontier.size());
        let (answer, _) = answered.map_err(|why| {
            anyhow::anyhow!("what {} answers ({status}) is not taken for {id}'s: {why}. Its node may be of a version that is not told of disputes", payer.url)
        })?;
        match answer.status {
            200 | 201 => {
                tracing::info!(claim = %told.claim, payer = %payer.id, "is told of the dispute");
                Ok(())
            }
            // It holds otherwise, or has erased it: told again at once changes nothing.
            status @ (404 | 410 | 422) => {
                tracing::warn!(claim = %told.claim, payer = %payer.id, "does not keep the dispute: it answers {status}");
                Ok(())
            }
            status => Err(anyhow::anyhow!("{} answers {status}", payer.url)),
        }
    }
}
