//! What the organisations' nodes say of themselves, and what anybody can check of
//! it from the outside.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tally_core::ledger::shared::{Authorities, Snapshot};
use tally_core::ledger::{Receipt, Trust, TrustedLog, Verdict, verify_receipt};

use tally_store::port::{ClaimFilter, Reading as _};

use super::organisations::{Founded, Placed};
use crate::config::PoliciesConfig;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::shared::client::Client;
use crate::shared::outside::Served;

/// The most receipts that are verified of one payer.
const RECEIPTS: usize = 100;

/// A checkpoint, as a node tells it.
#[derive(Deserialize, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The tree's size.
    pub size: u64,
    /// Its root.
    pub root: String,
    /// Who signed.
    pub signers: Vec<String>,
    /// Which witnesses cosigned.
    pub cosigners: Vec<String>,
}

/// Where the ledger stands on a node, as it says.
#[derive(Deserialize, Clone)]
pub struct Status {
    /// The authorities.
    pub authorities: Vec<String>,
    /// The height written down.
    pub height: u64,
    /// Leaves.
    pub size: u64,
    /// Entries.
    pub entries: u64,
    /// Agreed with.
    pub agreed: u64,
    /// Disputed.
    pub disputed: u64,
    /// Entries of its own that are not there yet.
    pub behind: u64,
    /// Adjudications of others that it is yet to run again.
    #[serde(default)]
    pub unchecked: u64,
    /// The last checkpoint.
    pub checkpoint: Option<Checkpoint>,
}

/// A node, looked at.
#[derive(Clone)]
pub struct Looked {
    /// Where the ledger stands there.
    pub status: Status,
    /// Claims that wait to be adjudicated.
    pub waits: u64,
}

impl Looked {
    /// All that is still to be done there.
    pub fn waits(&self) -> u64 {
        self.waits + self.status.behind + self.status.unchecked
    }
}

/// All nodes, looked at; `None` of one that does not answer.
#[derive(Default, Clone)]
pub struct Seen(pub BTreeMap<String, Option<Looked>>);

impl Seen {
    /// Looks at all nodes.
    pub async fn look(founded: &Founded) -> Self {
        let client = Client::new("network", [0; 32]);
        let mut seen = Self::default();
        for placed in &founded.placed {
            let looked = look(&client, placed).await.ok();
            seen.0.insert(placed.id.clone(), looked);
        }
        seen
    }

    fn all(&self) -> impl Iterator<Item = &Looked> {
        self.0.values().flatten()
    }

    /// Whether nothing waits, and all know the same checkpoint of all there is.
    pub fn is_settled(&self) -> bool {
        let all: Vec<&Looked> = self.all().collect();
        let Some(first) = all
            .first()
            .and_then(|looked| looked.status.checkpoint.as_ref())
        else {
            return false;
        };
        all.len() == self.0.len()
            && all.iter().all(|looked| {
                let status = &looked.status;
                let same = status
                    .checkpoint
                    .as_ref()
                    .is_some_and(|own| (own.size, &own.root) == (first.size, &first.root));
                same && status.size == first.size && looked.waits() == 0
            })
    }

    /// What keeps it from being settled, for people.
    pub fn why(&self) -> String {
        let of = |(id, looked): (&String, &Option<Looked>)| match looked {
            None => format!("{id} does not answer"),
            Some(looked) => format!(
                "{id}: height {}, {} claims wait, {} entries are not on the ledger, {} adjudications are not run again, checkpoint of {}",
                looked.status.height,
                looked.waits,
                looked.status.behind,
                looked.status.unchecked,
                looked.status.checkpoint.as_ref().map_or(0, |c| c.size)
            ),
        };
        self.0.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    fn highest(&self) -> Option<&Status> {
        self.all()
            .map(|looked| &looked.status)
            .max_by_key(|status| status.height)
    }

    /// Authorities of the epoch.
    pub fn authorities(&self) -> usize {
        self.highest().map_or(0, |status| status.authorities.len())
    }

    /// The greatest height.
    pub fn height(&self) -> u64 {
        self.highest().map_or(0, |status| status.height)
    }

    /// Entries.
    pub fn entries(&self) -> u64 {
        self.highest().map_or(0, |status| status.entries)
    }

    /// Adjudications agreed with.
    pub fn agreed(&self) -> u64 {
        self.highest().map_or(0, |status| status.agreed)
    }

    /// Adjudications disputed.
    pub fn disputed(&self) -> u64 {
        self.highest().map_or(0, |status| status.disputed)
    }

    /// What waits everywhere.
    pub fn waits(&self) -> u64 {
        self.all().map(Looked::waits).sum()
    }

    /// The largest checkpoint.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        let all = self
            .all()
            .filter_map(|looked| looked.status.checkpoint.as_ref());
        all.max_by_key(|checkpoint| checkpoint.size)
    }

    /// A row for each organisation.
    pub fn rows(&self, founded: &Founded) -> Vec<Vec<String>> {
        let of = |placed: &Placed| {
            let mut row = vec![placed.id.clone()];
            match self.0.get(&placed.id).and_then(Option::as_ref) {
                None => {
                    row.extend(["does not answer", "", "", "", "", "", "", ""].map(str::to_owned))
                }
                Some(looked) => {
                    let status = &looked.status;
                    row.extend([
                        status.height.to_string(),
                        status.entries.to_string(),
                        looked.waits().to_string(),
                        status.agreed.to_string(),
                        status.disputed.to_string(),
                        status
                            .checkpoint
                            .as_ref()
                            .map_or(String::new(), |c| c.size.to_string()),
                        status.checkpoint.as_ref().map_or(String::new(), |c| {
                            format!("{} of {}", c.signers.len(), status.authorities.len())
                        }),
                        status
                            .checkpoint
                            .as_ref()
                            .map_or(String::new(), |c| c.cosigners.len().to_string()),
                    ]);
                }
            }
            row
        };
        founded.placed.iter().map(of).collect()
    }
}

async fn look(client: &Client, placed: &Placed) -> Result<Looked> {
    let url = format!("http://{}/api/v1/ledger/shared/status", placed.api);
    let status = client.get(&url, None).await?.done()?;
    let url = format!("http://{}/health", placed.pages);
    let health = client.get(&url, None).await?.json()?;
    let waiting = |what: &str| health["waiting"][what].as_u64().unwrap_or_default();
    Ok(Looked {
        status: serde_json::from_slice(&status)?,
        waits: waiting("ready") + waiting("behind"),
    })
}

/// A dispute, as the organisation that raised it tells its own people.
#[derive(Deserialize, Serialize, Clone)]
pub struct Dispute {
    /// Who disputes.
    #[serde(default)]
    pub by: String,
    /// Whom.
    pub payer: String,
    /// Which claim.
    pub claim: String,
    /// The first thing that differs.
    pub difference: String,
}

/// All disputes; each organisation is asked as itself.
///
/// # Errors
/// When a node answers with something else.
pub async fn disputes(founded: &Founded) -> Result<Vec<Dispute>> {
    let mut all = Vec::new();
    for placed in &founded.placed {
        let client = Client::new(&placed.id, *placed.signing);
        let url = format!("http://{}/api/v1/ledger/shared/disputes", placed.api);
        let answer = client.get(&url, Some(&placed.id)).await?.done()?;
        let own: Vec<Dispute> = serde_json::from_slice(&answer)?;
        all.extend(own.into_iter().map(|dispute| Dispute {
            by: placed.id.clone(),
            ..dispute
        }));
    }
    Ok(all)
}

/// What was checked from the outside.
#[derive(Default)]
pub struct Verified {
    /// Nodes whose ledger contradicts another's.
    pub forks: u64,
    /// Leaves of the ledger.
    pub leaves: u64,
    /// Receipts that are trusted by the founders' keys alone.
    pub receipts: u64,
    /// What does not hold.
    pub faults: Vec<String>,
}

impl Verified {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.forks == 0 && self.faults.is_empty()
    }
}

/// Checks every node's ledger from its public bytes, and receipts, with nothing but the
/// charter.
///
/// # Errors
/// When a node does not answer.
pub async fn verify(founded: &Founded, seen: &Seen) -> Result<Verified> {
    let client = Client::new("network", [0; 32]);
    let founders = Snapshot::found(&founded.charter)?.state.authorities.clone();
    let mut verified = Verified::default();
    let mut longest: Vec<Vec<u8>> = Vec::new();
    let mut views = Vec::new();
    for placed in &founded.placed {
        if seen.0.get(&placed.id).is_none_or(Option::is_none) {
            continue;
        }
        match leaves(&client, founded, placed).await {
            Ok(leaves) => {
                if leaves.len() > longest.len() {
                    longest.clone_from(&leaves);
                }
                views.push((placed, leaves));
            }
            Err(error) => verified.faults.push(format!("{}: {error:#}", placed.id)),
        }
    }
    for (placed, leaves) in &views {
        let same = longest.get(..leaves.len()) == Some(&leaves[..]);
        if !same {
            verified.forks += 1;
            verified
                .faults
                .push(format!("{} shows another history than others", placed.id));
        }
    }
    verified.leaves = longest.len() as u64;
    receipts(founded, &founders, &mut verified).await?;
    Ok(verified)
}

/// A node's ledger as it serves it to everybody, audited.
async fn leaves(client: &Client, founded: &Founded, placed: &Placed) -> Result<Vec<Vec<u8>>> {
    let node = format!("http://{}", placed.api);
    let served = Served::by(client, &node, &founded.charter).await?;
    let mut all = Vec::new();
    served.audit(client, |leaves| all.extend(leaves)).await?;
    Ok(all)
}

/// Receipts of the payers' claims, verified with the founders' keys alone.
async fn receipts(
    founded: &Founded,
    founders: &Authorities,
    verified: &mut Verified,
) -> Result<()> {
    let trust = Trust {
        logs: vec![TrustedLog::shared(founders)],
    };
    fs::write(founded.trust_file(), trust.to_string())?;
    fs::create_dir_all(founded.receipts())?;
    for payer in founded.payers() {
        let given = match founded.providers().next() {
            Some(_) => asked_for(founded, payer).await?,
            None => its_own(founded, payer).await?,
        };
        for (id, text) in given {
            let name = format!("{}-{id}.receipt", payer.id);
            fs::write(founded.receipts().join(name), &text)?;
            let checked = Receipt::parse(&text).and_then(|r| verify_receipt(&r, Some(&trust)));
            match checked {
                Ok((Verdict::Trusted, _)) => verified.receipts += 1,
                Ok((Verdict::Consistent, _)) => verified.faults.push(format!(
                    "the receipt of claim {id} is consistent, not trusted"
                )),
                Err(error) => verified
                    .faults
                    .push(format!("the receipt of claim {id}: {error}")),
            }
        }
    }
    Ok(())
}

/// What providers are given of their claims, by claim.
async fn asked_for(founded: &Founded, payer: &Placed) -> Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    for sender in founded.providers() {
        let client = Client::new(&sender.id, *sender.signing);
        let base = format!("http://{}/api/v1/claims", payer.api);
        let listed = client
            .get(&format!("{base}?limit=100"), Some(&payer.id))
            .await?;
        let listed: serde_json::Value = serde_json::from_slice(&listed.done()?)?;
        let claims = listed["claims"].as_array().cloned().unwrap_or_default();
        for claim in claims {
            let Some(id) = claim["claim"].as_str().map(str::to_owned) else {
                continue;
            };
            if given.len() >= RECEIPTS || given.contains_key(&id) {
                continue;
            }
            let url = format!("{base}/{id}/receipt");
            let text = client.get(&url, Some(&payer.id)).await?;
            given.insert(id, String::from_utf8(text.done()?)?);
        }
    }
    Ok(given)
}

/// A payer's own, by claim: where there is no provider its people take them from its node.
async fn its_own(founded: &Founded, payer: &Placed) -> Result<BTreeMap<String, String>> {
    let clock = Clock::simulated(founded.day);
    let node = Node::open_with(&payer.folder, clock, PoliciesConfig::Bundled).await?;
    let filter = ClaimFilter {
        limit: RECEIPTS as u32,
        ..ClaimFilter::default()
    };
    let mut given = BTreeMap::new();
    for row in node.store().claims(&filter).await? {
        given.insert(row.id.to_string(), node.receipt(row.id).await?.to_string());
    }
    Ok(given)
}
