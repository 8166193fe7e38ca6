//! What happens to a request: the payer decides it, somebody takes it back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tally_core::authorization::{
    Certification, Dated, Decision, Event, LineDecision, Stage, State, Verdict,
};
use tally_core::canon::Canon as _;
use tally_store::port::{
    Authorizations as _, Enrolment as _, Following, NewRequestEvent, RequestEventKind, RequestRow,
};

use super::intake::earlier_of;
use super::on_file::restate;
use super::{AuthorizationError, AuthorizationRead, EVENT, SealedEvent, TRIES};
use crate::node::work::CONTRACT;
use crate::node::{Node, actor, is_fenced};

/// What is to happen to requests of a member: each by its position among them.
type Happening = Vec<(usize, Event)>;

impl Node {
    /// Decides a request: `lines` says what of each line that waits. What is certified
    /// has the request's number, and is on file from then on; a revision that is
    /// decided as a whole and certifies something takes the place of what it is of.
    ///
    /// # Errors
    /// [`AuthorizationError`] where there is none or the decision cannot follow; what
    /// `lines` says; when the store fails.
    pub async fn decide_authorization(
        &self,
        number: &str,
        lines: &(dyn Fn(&State) -> Result<Vec<LineDecision>> + Sync),
    ) -> Result<AuthorizationRead> {
        let happening = |reads: &[AuthorizationRead], at: usize| {
            let of = reads.get(at).ok_or(AuthorizationError::Erased)?;
            let decided = lines(&of.state)?;
            let certifies = |of: &LineDecision| matches!(of.verdict, Verdict::Certified(_));
            let certified = decided.iter().any(certifies);
            let event = Event::Decided(Decision {
                by: actor(),
                authorization: match certified {
                    true => of.number.clone(),
                    false => String::new(),
                },
                lines: decided,
            });
            let today = self.clock.today();
            let next = of.state.after(&event, today);
            let next = next.map_err(AuthorizationError::from)?;
            let mut happening = vec![(at, event)];
            let request = &of.record.request;
            let replaces = request.certification == Certification::Revised
                && !next.waits()
                && !next.number().is_empty();
            if replaces && let Some(earlier) = &request.earlier {
                let old = earlier_of(request, earlier, &of.submitter, reads);
                let old = old.ok_or(AuthorizationError::NoEarlier)?;
                let position = reads.iter().position(|read| read.number == old.number);
                let stage = old.state.stage(today);
                if matches!(stage, Stage::Cancelled | Stage::Superseded) {
                    return Err(AuthorizationError::EarlierEnded(stage).into());
                }
                let event = old.state.supersession(&next);
                let event = event.map_err(AuthorizationError::from)?;
                happening.extend(position.map(|position| (position, event)));
            }
            Ok(happening)
        };
        let read = self.follow_request(number, None, &happening).await?;
        self.audit("authorization-decided", std::slice::from_ref(&read.number))
            .await?;
        Ok(read)
    }

    /// Takes a request back, decided or not: nothing of it is good from today on.
    /// `submitter` is whose it must be, where somebody else than the payer does.
    ///
    /// # Errors
    /// [`AuthorizationError`] where there is none, nothing of it is certified, or it
    /// ended before; when the store fails.
    pub async fn cancel_authorization(
        &self,
        number: &str,
        submitter: Option<&str>,
        reason: &str,
    ) -> Result<AuthorizationRead> {
        let happening = |_: &[AuthorizationRead], at: usize| {
            let event = Event::Cancelled {
                by: actor(),
                reason: reason.to_owned(),
            };
            Ok(vec![(at, event)])
        };
        let read = self.follow_request(number, submitter, &happening).await?;
        self.audit(
            "authorization-cancelled",
            std::slice::from_ref(&read.number),
        )
        .await?;
        Ok(read)
    }

    /// Stores what happens to a member's requests, with the contract's next version
    /// where what is on file changes by it.
    async fn follow_request(
        &self,
        number: &str,
        submitter: Option<&str>,
        happening: &(dyn Fn(&[AuthorizationRead], usize) -> Result<Happening> + Sync),
    ) -> Result<AuthorizationRead> {
        let mut tries = 0;
        loop {
            let row = self.request_row(number, submitter).await?;
            let following = self.prepare_following(&row, happening).await?;
            match self.store.follow(&following).await.map_err(Into::into) {
                Ok(_) => return self.opened_request(&row.number).await,
                // Something else happened, or the contract has another version.
                Err(error) if is_fenced(&error) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn prepare_following(
        &self,
        row: &RequestRow,
        happening: &(dyn Fn(&[AuthorizationRead], usize) -> Result<Happening> + Sync),
    ) -> Result<Following> {
        let unit = self.store.units_of(&[row.member]).await?.pop().flatten();
        let unit = unit.ok_or(AuthorizationError::NotEnrolled)?;
        let found = self.contract_of(unit, None).await?;
        let (version, mut contract) = found.ok_or(AuthorizationError::NotEnrolled)?;
        let rows = self.store.requests_of(&[row.member]).await?;
        let mut reads = self.open_requests(&rows).await?;
        let at = reads.iter().position(|read| read.number == row.number);
        let at = at.ok_or(AuthorizationError::Erased)?;
        let today = self.clock.today();
        let mut events = Vec::new();
        for (position, event) in happening(&reads, at)? {
            let of = reads.get_mut(position).context("a request of the member")?;
            of.state = of
                .state
                .after(&event, today)
                .map_err(AuthorizationError::from)?;
            let row = rows.iter().find(|row| row.number == of.number);
            let row = row.context("a request of the member")?;
            let key = self.vault.key(row.sealed.record).await?;
            let kind = match &event {
                Event::Cancelled { .. } => RequestEventKind::Cancelled,
                Event::Superseded { .. } => RequestEventKind::Superseded,
                _ => RequestEventKind::Decided,
            };
            let dated = Dated { day: today, event };
            events.push(NewRequestEvent {
                request: of.number.clone(),
                number: u32::try_from(row.events.len())?.saturating_add(1),
                kind,
                day: today,
                sealed: key.seal(EVENT, &SealedEvent(dated).to_canon())?,
            });
        }
        let reads = BTreeMap::from([(row.member, reads)]);
        let changed = restate(self, &mut contract, &reads, today);
        let contract = match changed {
            false => None,
            true => {
                let key = self.vault.fresh_one().await?;
                Some(key.seal(CONTRACT, &contract.to_canon())?)
            }
        };
        Ok(Following {
            member: row.member,
            unit,
            version,
            events,
            contract,
        })
    }
}
