//! Asking witnesses to cosign checkpoints (C2SP tlog-witness), as their client.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tally_core::ledger::shared::Authorities;
use tally_core::ledger::tree::consistency_proof;
use tally_core::ledger::witness::{Request, merge, told_size};
use tally_core::ledger::{Note, VerifierKey};
use tally_store::port::{SharedCheckpoint, SharedLedger as _};
use tokio::sync::{mpsc, watch};

use super::client::Client;
use super::tiled::over;
use crate::node::Node;
use crate::roles::Stop;

/// How often one witness is asked, at most.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one that does not answer is left alone.
const AWAY: Duration = Duration::from_secs(5);

/// One witness, as it is asked.
pub struct Asked {
    /// Its submission prefix.
    pub url: String,
    /// The size it cosigned last, as far as is known.
    old: u64,
    /// The epoch whose handover it has not cosigned yet, as far as is known.
    epoch: u64,
}

impl Asked {
    /// A witness of which nothing is known.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            old: 0,
            epoch: 0,
        }
    }

    /// Asks for each new checkpoint, for as long as the node runs.
    ///
    /// # Errors
    /// When the node's own store fails.
    pub async fn run(
        mut self,
        node: std::sync::Arc<Node>,
        mut checkpoints: watch::Receiver<Option<SharedCheckpoint>>,
        cosigned: mpsc::Sender<SharedCheckpoint>,
        stop: Stop,
    ) -> Result<()> {
        let client = Client::new("ledger", [0; 32]);
        let mut asked: Option<(u64, u64)> = None;
        loop {
            tokio::select! {
                () = stop.told() => return Ok(()),
                changed = checkpoints.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(PAUSE) => {}
            }
            let latest = checkpoints.borrow_and_update().clone();
            let Some(latest) = latest.filter(|new| asked != Some((new.epoch, new.size))) else {
                continue;
            };
            match self.ask(&node, &client, &latest).await {
                Ok(with) => {
                    asked = Some((latest.epoch, latest.size));
                    let _ = cosigned.send(with).await;
                    stop.sleep(PAUSE).await;
                }
                Err(error) => {
                    tracing::warn!(witness = %self.url, "it did not cosign, asking again: {error:#}");
                    stop.sleep(AWAY).await;
                }
            }
        }
    }

    /// Asks for the handovers that it may lack, and then for a checkpoint.
    async fn ask(
        &mut self,
        node: &Node,
        client: &Client,
        latest: &SharedCheckpoint,
    ) -> Result<SharedCheckpoint> {
        let handovers = node.store().handovers().await?;
        for handover in &handovers {
            if (self.epoch..latest.epoch).contains(&handover.epoch) {
                let set = super::authorities_of(node.store(), handover.epoch, &handovers).await?;
                self.one(node, client, handover, &set).await?;
                self.epoch = handover.epoch + 1;
            }
        }
        let set = super::authorities_of(node.store(), latest.epoch, &handovers).await?;
        let note = self.one(node, client, latest, &set).await?;
        Ok(SharedCheckpoint {
            note: note.to_string(),
            ..latest.clone()
        })
    }

    async fn one(
        &mut self,
        node: &Node,
        client: &Client,
        checkpoint: &SharedCheckpoint,
        set: &Authorities,
    ) -> Result<Note> {
        let mut note = Note::parse(&checkpoint.note)?;
        let witnesses = set
            .witnesses
            .iter()
            .map(|witness| VerifierKey::cosigner(&witness.name, &witness.key))
            .collect::<Result<Vec<_>, _>>()?;
        for _ in 0..3 {
            if self.old > checkpoint.size {
                // It has seen more already, from another authority.
                return Ok(note);
            }
            let proof = if self.old == 0 || self.old == checkpoint.size {
                Vec::new()
            } else {
                let (old, new) = (self.old, checkpoint.size);
                over(node.store(), |source| consistency_proof(source, old, new)).await?
            };
            let mut bare = note.clone();
            bare.signatures
                .retain(|line| !witnesses.iter().any(|key| key.is_of(line)));
            let request = Request::new(self.old, proof, bare).map_err(anyhow::Error::msg)?;
            let url = format!("{}/add-checkpoint", self.url);
            let answer = client
                .post(&url, None, &[], request.to_string().into_bytes())
                .await?;
            let body = String::from_utf8(answer.body).context("its answer is not text")?;
            match answer.status {
                200 => {
                    merge(&mut note, &body, &witnesses)?;
                    self.old = checkpoint.size;
                    return Ok(note);
                }
                409 => self.old = told_size(&body).context("its size is no number")?,
                // It may be in a later epoch already, by another authority's request.
                403 if checkpoint.hands_over => return Ok(note),
                // Or it knows the authorities of before: its folder was lost, or put back.
                403 if self.epoch > 0 => {
                    self.epoch = 0;
                    bail!("it does not know who signs now: it is given all handovers again");
                }
                status => bail!("it answered {status}: {}", body.trim_end()),
            }
        }
        bail!("its size changes with every request")
    }
}
