//! A node that no other authority answers: that it is so, since when and why, and the way
//! back.
//!
//! Authorities answer the keys of the last two epochs alone. One that was away while its own
//! next key was voted in, or all others', and for an epoch more, is answered by nobody under
//! the key that it had. So other members are asked over HTTP how epochs were handed over: a
//! quorum signed each handover, and nobody needs to be believed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tally_core::ledger::shared::{Authorities, Snapshot};
use tally_notary::Status;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::client::{Client, served_by};
use super::seat::Seat;
use crate::node::clock::{Clock, when};
use crate::node::keyring::{Key, Place};
use crate::node::keys::hex;

/// Where nothing has become final for so long (an idle ledger has four blocks a second),
/// members are asked; and where nobody was heard for so long, it is said.
const STILL: Duration = Duration::from_secs(10);
/// How often they are asked, then.
const ASK: Duration = Duration::from_secs(10);
/// How long one member has to answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// That no other authority answers this node. Anybody is shown it: it names no place on the
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// What is so.
    pub what: String,
    /// What to do.
    pub next: String,
}

/// How a node goes on that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With a notary that begins anew, with the key that the node has now, among the
    /// authorities of today.
    Votes,
    /// Its organisation is no authority any more: as a member that follows.
    Follows,
}

/// What other members answered.
struct Told {
    /// How many did.
    answered: usize,
    /// How many were asked.
    asked: usize,
    /// The sets of all epochs, as the one had them that has most.
    sets: Vec<Authorities>,
}

/// Looks out for whether the ledger goes on here.
pub struct Lookout {
    cut_off: Arc<watch::Sender<Option<CutOff>>>,
    /// How many blocks were given out, and since when no more.
    delivered: Option<u64>,
    still: Instant,
    asked: Option<Instant>,
    asking: Option<JoinHandle<Told>>,
}

impl Lookout {
    /// One that tells there what it sees.
    pub fn new(cut_off: Arc<watch::Sender<Option<CutOff>>>) -> Self {
        Self {
            cut_off,
            delivered: None,
            still: Instant::now(),
            asked: None,
            asking: None,
        }
    }

    /// Looks, now and then. Answers how the node is to go on, if not as it does.
    ///
    /// # Errors
    /// When a key cannot be read or its file not be written.
    pub async fn look(
        &mut self,
        status: &Status,
        at: &Snapshot,
        seat: &mut Seat,
    ) -> Result<Option<Way>> {
        if status.authorities.is_empty() {
            // It has only just begun.
            return Ok(None);
        }
        let before = self.delivered.replace(status.delivered);
        if before != Some(status.delivered) {
            self.still = Instant::now();
            if before.is_some() {
                self.tell(None);
            }
        }
        if self.still.elapsed() < STILL {
            return Ok(None);
        }
        let Some(told) = self.told(at, seat).await? else {
            return Ok(None);
        };
        let known = &at.state.authorities;
        let later = told.sets.last().filter(|last| last.epoch > known.epoch);
        let today = later.unwrap_or(known);
        let is_new = seat.today.as_ref().map(|today| today.epoch) < Some(today.epoch);
        if later.is_some() && is_new && begins(today, &told.sets, seat)? {
            tracing::warn!(
                from = known.epoch,
                to = today.epoch,
                "the ledger went on without this node, which begins anew with the key that is in force today"
            );
            seat.today = Some(today.clone());
            (self.delivered, self.still) = (None, Instant::now());
            return Ok(Some(Way::Votes));
        }
        if later.is_some() && today.of(&seat.organisation).is_none() && seat.is_served(at) {
            seat.today = Some(today.clone());
            (self.delivered, self.still) = (None, Instant::now());
            return Ok(Some(Way::Follows));
        }
        let is_alone = later.is_some() || status.silent >= STILL;
        // Where others answer, they are too few.
        let why = is_alone.then(|| why(&told, today, at, seat));
        self.tell(why);
        Ok(None)
    }

    /// Of a member that is no authority: one of them answered.
    pub fn answered(&mut self) {
        self.still = Instant::now();
        self.tell(None);
    }

    /// Of a member that is no authority: none of them answered, for this reason.
    pub fn unanswered(&self, why: &anyhow::Error) {
        if self.still.elapsed() < STILL {
            return;
        }
        let what =
            format!("no authority's node serves this one what stands on the ledger: {why:#}");
        let next = "See that this node reaches the authorities' by the `url` that the ledger has of them \
                    (`tally org list`): then it goes on by itself. Where they have moved or come since, name where \
                    they are in `ledger.peers`, and start it again (docs/shared-ledger.md#to-take-part)";
        self.tell(Some((what, next.to_owned())));
    }

    /// What members answered, when they have.
    async fn told(&mut self, at: &Snapshot, seat: &Seat) -> Result<Option<Told>> {
        if let Some(asking) = self.asking.take_if(|asking| asking.is_finished()) {
            return Ok(Some(asking.await?));
        }
        let is_due = self.asked.is_none_or(|asked| asked.elapsed() >= ASK);
        if self.asking.is_none() && is_due {
            self.asked = Some(Instant::now());
            let others = at.state.members.values().filter(|member| {
                let of = &member.organisation;
                !member.left && !of.url.is_empty() && of.id != seat.organisation
            });
            let urls = others.map(|member| member.organisation.url.clone());
            let urls = urls.chain(seat.peers.iter().cloned());
            let founders = seat.genesis.state.authorities.clone();
            let known = at.state.authorities.clone();
            let asking = ask(urls.collect(), founders, known);
            self.asking = Some(tokio::spawn(asking));
        }
        Ok(None)
    }

    fn tell(&self, why: Option<(String, String)>) {
        metrics::gauge!("tally_ledger_cut_off").set(f64::from(u8::from(why.is_some())));
        let still = i64::try_from(self.still.elapsed().as_millis()).unwrap_or_default();
        self.cut_off.send_if_modified(|known| {
            let told = known.as_ref().map(|known| (&known.what, &known.next));
            if told == why.as_ref().map(|(what, next)| (what, next)) {
                return false;
            }
            let since = known.as_ref().map(|known| known.since);
            let since = since.unwrap_or_else(|| Clock::now_ms() - still);
            match &why {
                Some((what, next)) => tracing::warn!(since = %when(since), "{what}. {next}"),
                None => tracing::info!("other authorities answer again"),
            }
            *known = why.map(|(what, next)| CutOff { since, what, next });
            true
        });
    }
}

/// Puts the key in its place that is in force today. Answers whether this node has it.
fn begins(today: &Authorities, sets: &[Authorities], seat: &Seat) -> Result<bool> {
    let Some(own) = today.of(&seat.organisation) else {
        return Ok(false);
    };
    let ring = &seat.node.keys().ring;
    match ring.place_of(Key::Authority, &own.key) {
        None => return Ok(false),
        Some(Place::Present) => return Ok(true),
        Some(_) if !seat.may_begin(sets, &own.key)? => return Ok(false),
        Some(_) => seat.node.put_in_force(Key::Authority, &own.key)?,
    }
    // Another process may have held the ring: then at the next time.
    Ok(ring.place_of(Key::Authority, &own.key) == Some(Place::Present))
}

/// Why no other authority answers, as far as it is known, and what to do.
fn why(told: &Told, today: &Authorities, at: &Snapshot, seat: &Seat) -> (String, String) {
    let (ledger, id, epoch) = (&at.state.origin, &seat.organisation, today.epoch);
    let silence = "no other authority answers this node";
    let Some(own) = today.of(id) else {
        let read = at.state.authorities.epoch;
        return (
            format!(
                "{silence}: `{id}` is no authority of epoch {epoch} of {ledger}, and this node has read as far as \
                 epoch {read}"
            ),
            "It reads no further. To take part again: `tally org init --authority`, and a member proposes that with \
             `tally org rotate`, or `tally org join` after it has left (docs/shared-ledger.md)"
                .to_owned(),
        );
    };
    let ring = &seat.node.keys().ring;
    let place = ring.place_of(Key::Authority, &own.key);
    if place == Some(Place::Present) {
        let (answered, asked) = (told.answered, told.asked);
        let own = at.state.members.get(id);
        let address = own.map_or("", |member| member.organisation.address.as_str());
        return (
            format!(
                "{silence}: its key is in force, and {answered} of {asked} members answered over HTTP that the \
                 ledger is in epoch {epoch}"
            ),
            format!(
                "See that the others run, that they reach this node at {address} and it them, and that all clocks are \
                 within 10 seconds; it goes on by itself"
            ),
        );
    }
    let key = hex(&own.key);
    let anew = "`tally org init --authority --new-key` makes another, and another organisation proposes it with \
                `tally org rotate` (docs/operations.md#keys)";
    let has =
        format!("{silence}: epoch {epoch} of {ledger} has the authority's key {key} of `{id}`");
    match place {
        None => (
            format!("{has}, which is not in this node's `keys`"),
            format!(
                "Put it there from the newest backup of `keys`, under the name that it has there or as \
                 `authority.N.key`: the node goes on with it by itself. Where it is lost, {anew}"
            ),
        ),
        Some(_) => (
            format!(
                "{has}, which is in this node's `keys` and may not vote from here: it has before, was made elsewhere, \
                 or was put aside for `authority.key`"
            ),
            format!("Do as when a disk is lost: {anew}"),
        ),
    }
}

/// Asks members how epochs were handed over.
async fn ask(urls: Vec<String>, founders: Authorities, known: Authorities) -> Told {
    let mut told = Told {
        answered: 0,
        asked: urls.len(),
        sets: Vec::new(),
    };
    let mut asked = JoinSet::new();
    for url in urls {
        let (founders, known) = (founders.clone(), known.clone());
        asked.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, sets(&url, &founders, &known)).await;
            match answer {
                Ok(Ok(sets)) => Some(sets),
                Ok(Err(error)) => {
                    tracing::debug!(
                        url,
                        "a member does not say how epochs were handed over: {error:#}"
                    );
                    None
                }
                Err(_) => None,
            }
        });
    }
    while let Some(answer) = asked.join_next().await {
        let Ok(Some(sets)) = answer else { continue };
        told.answered += 1;
        if sets.len() > told.sets.len() {
            told.sets = sets;
        }
    }
    told
}

/// The authorities of all epochs, as a member knows them: each handed over by a quorum of
/// those before, from the founders over those that this node knows.
async fn sets(url: &str, founders: &Authorities, known: &Authorities) -> Result<Vec<Authorities>> {
    let client = Client::new("ledger", [0; 32]);
    let handovers = client.handovers(&served_by(url)).await?;
    let (sets, _) = founders.walk(&handovers)?;
    let same = sets.iter().find(|set| set.epoch == known.epoch);
    ensure!(
        same.is_none_or(|same| same == known),
        "epoch {} has other authorities there",
        known.epoch
    );
    Ok(sets)
}
