//! Envelopes that members hand over. Anybody may send something, so whose it is is known by
//! its header before more is read; and each member has room of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use futures_util::StreamExt as _;
use tally_core::canon::{Canon as _, DecodeError, Reader};
use tally_core::ledger::shared::{Envelope, EnvelopeHeader, OrganisationId};
use tokio::time::{Instant, timeout_at};

use crate::api::Service;
use crate::api::problem::{Code, Problem};
use crate::shared::{Ledger as _, Member};

/// The most bytes that are read of an envelope: none has as many (`MAX_ENVELOPE_BYTES` of
/// entries, their lengths and a header).
const ENVELOPE: usize = 256 << 10;
/// How many are read to know whose it is: a header has fewer.
const HEADER: usize = 256;
/// How long the header may take to come, and the whole.
const HEADER_COMES: Duration = Duration::from_secs(3);
const COMES: Duration = Duration::from_secs(8);
/// How many envelopes of one member are read at once.
const AT_ONCE: usize = 4;
/// How many of one member are taken in a second, and how many more than that at once: its
/// node sends some twenty a second, to one authority after the other.
const A_SECOND: u32 = 32;
const BURST: u32 = 64;

/// What is read of members, by whose it is.
#[derive(Default)]
pub(in crate::api) struct Handed(Mutex<BTreeMap<OrganisationId, Share>>);

/// What one member has of it.
struct Share {
    at_once: usize,
    /// When all that it has handed over will have been its due.
    due: Instant,
}

/// One envelope of a member that is read.
struct Place<'a> {
    of: &'a Handed,
    organisation: OrganisationId,
}

impl Handed {
    fn held(&self) -> MutexGuard<'_, BTreeMap<OrganisationId, Share>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more of a member, if it has one left.
    fn place(&self, organisation: &OrganisationId, now: Instant) -> Option<Place<'_>> {
        let every = Duration::from_secs(1) / A_SECOND;
        let mut held = self.held();
        held.retain(|_, share| share.at_once > 0 || share.due > now);
        let share = held.entry(organisation.clone()).or_insert(Share {
            at_once: 0,
            due: now,
        });
        let due = share.due.max(now) + every;
        if share.at_once >= AT_ONCE || due > now + every * BURST {
            return None;
        }
        (share.at_once, share.due) = (share.at_once + 1, due);
        Some(Place {
            of: self,
            organisation: organisation.clone(),
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(share) = self.of.held().get_mut(&self.organisation) {
            share.at_once = share.at_once.saturating_sub(1);
        }
    }
}

/// Reads an envelope and takes it in. Answers whether it is taken, and the entry that is
/// next of its organisation's log.
pub(super) async fn take(
    service: &Service,
    member: &Member,
    request: Request,
) -> Result<(bool, u64), Problem> {
    if !member.orders() {
        return Err(refused(
            "This node is no authority of the ledger: ask one that is.",
        ));
    }
    let now = Instant::now();
    let within = |limit: Duration| now + limit.min(service.bounds.body);
    let mut body = Read::of(request);
    body.read(HEADER, within(HEADER_COMES)).await?;
    let header = EnvelopeHeader::take(&mut Reader::new(&body.bytes)).map_err(no_envelope)?;
    let next = next(member, &header)?;
    // What stands on the ledger anybody may have: it is read no further.
    if header.first < next {
        return Ok((false, next));
    }
    let place = service.handed.place(&header.organisation, now);
    let _place = place.ok_or_else(|| {
        Problem::new(
            Code::Busy,
            "As many envelopes of this member are taken in as the node takes of one at once.",
        )
    })?;
    body.read(ENVELOPE + 1, within(COMES)).await?;
    if body.bytes.len() > ENVELOPE {
        return Err(Problem::new(
            Code::TooLarge,
            format!("This is no envelope: none has more than {ENVELOPE} bytes."),
        ));
    }
    let envelope = Envelope::from_canon(&body.bytes).map_err(no_envelope)?;
    Ok((member.submit(envelope), next))
}

/// The entry that is next of the log of the member that signed a header.
fn next(member: &Member, header: &EnvelopeHeader) -> Result<u64, Problem> {
    let at = member.subscribe().borrow().clone();
    let known = at.state.members.get(&header.organisation);
    let next = at.state.next(&header.organisation);
    let (Some(known), Some(next)) = (known, next) else {
        return Err(refused("The envelope is of no member of this ledger."));
    };
    let signed = header.verify(&at.state.origin, &known.organisation.signing);
    signed.map_err(|_| {
        refused("The envelope is not signed with the key that the ledger has of the member.")
    })?;
    Ok(next)
}

fn refused(why: &'static str) -> Problem {
    Problem::new(Code::Forbidden, why)
}

fn no_envelope(error: DecodeError) -> Problem {
    Problem::new(Code::Body, format!("This is no envelope: {error}."))
}

/// A body, as far as it was read.
struct Read {
    stream: BodyDataStream,
    bytes: Vec<u8>,
}

impl Read {
    fn of(request: Request) -> Self {
        Self {
            stream: request.into_body().into_data_stream(),
            bytes: Vec::new(),
        }
    }

    /// Reads on until there are so many bytes, or all.
    async fn read(&mut self, least: usize, until: Instant) -> Result<(), Problem> {
        let late = |_| Problem::new(Code::BodyTimeout, "Send the envelope again.");
        while self.bytes.len() < least {
            match timeout_at(until, self.stream.next()).await.map_err(late)? {
                Some(Ok(more)) => self.bytes.extend_from_slice(&more),
                Some(Err(_)) => {
                    return Err(Problem::new(Code::Body, "The envelope did not come whole."));
                }
                None => break,
            }
        }
        Ok(())
    }
}
