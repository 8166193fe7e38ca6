//! What a request has come to. It holds protected health information: no `Debug`, no
//! `Display`.

use core::fmt;

use tally_types::{Code, CodeSystem, Quantity, ServiceDate};

use super::decision::{Action, Decision, Grant, LineDecision, Verdict};
use super::fault::TransitionError;
use super::record::Event;
use super::request::{Certification, Earlier, Request, RequestLine};
use crate::claim::{AuthorizationKind, MemberReference, Provider};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its decision.
    Requested,
    /// It is decided, and at least one line waits for something more.
    Pended,
    /// Every line is certified as asked for.
    Approved,
    /// Something is certified, not all of it as asked for.
    InPart,
    /// No line is certified.
    Denied,
    /// The last day it is good for is over.
    Expired,
    /// All units are used.
    UsedUp,
    /// It was taken back.
    Cancelled,
    /// A revision has its place.
    Superseded,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "requested",
            Self::Pended => "pended",
            Self::Approved => "approved",
            Self::InPart => "approved in part",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::UsedUp => "used up",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        })
    }
}

/// How it ended, before its days were over.
#[derive(Clone, PartialEq, Eq)]
enum End {
    Cancelled,
    Superseded,
}

/// What became of a line.
#[derive(Clone, PartialEq, Eq)]
pub struct LineState {
    number: u16,
    decided: Option<(ServiceDate, Verdict)>,
    used: Quantity,
}

impl LineState {
    /// The line's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// What was decided last, and on which day.
    #[must_use]
    pub fn decided(&self) -> Option<(ServiceDate, &Verdict)> {
        self.decided.as_ref().map(|(day, verdict)| (*day, verdict))
    }

    /// What is certified, and since which day.
    #[must_use]
    pub fn granted(&self) -> Option<(ServiceDate, Grant)> {
        match self.decided() {
            Some((day, Verdict::Certified(grant))) => Some((day, *grant)),
            _ => None,
        }
    }

    /// Units used, of those certified.
    #[must_use]
    pub fn used(&self) -> Quantity {
        self.used
    }

    fn waits(&self) -> bool {
        matches!(self.decided, None | Some((_, Verdict::Pended(_))))
    }

    fn left(&self) -> Quantity {
        self.granted().map_or(Quantity::ZERO, |(_, grant)| {
            grant.units.checked_sub(self.used).unwrap_or(Quantity::ZERO)
        })
    }
}

/// A certified line, as the provider is told of it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizedLine {
    /// The line's number.
    pub number: u16,
    /// The list of the procedure.
    pub system: CodeSystem,
    /// The procedure; none of a referral for whatever is needed.
    pub procedure: Code,
    /// To whom; none where it may be anybody.
    pub provider: Option<Provider>,
    /// Units certified.
    pub units: Quantity,
    /// Units used.
    pub used: Quantity,
    /// First day it is good for.
    pub from: ServiceDate,
    /// Last day it is good for.
    pub through: ServiceDate,
}

/// What is certified of a request, under its number.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The number the provider quotes.
    pub number: String,
    /// An authorisation or a referral.
    pub kind: AuthorizationKind,
    /// The member as sent.
    pub member: MemberReference,
    /// The certified lines.
    pub lines: Vec<AuthorizedLine>,
}

/// What a request has come to. Made only by [`State::requested`] and
/// [`State::after`], so that one that cannot be never is.
#[derive(Clone, PartialEq, Eq)]
pub struct State {
    request: Request,
    last: ServiceDate,
    number: String,
    lines: Vec<LineState>,
    end: Option<(ServiceDate, End)>,
}

impl State {
    /// A request that was received.
    ///
    /// # Errors
    /// When it is not sound, or is a cancellation: that is an event of what it names.
    pub fn requested(request: Request, received: ServiceDate) -> Result<Self, TransitionError> {
        request.check()?;
        if request.certification == Certification::Cancel {
            return Err(TransitionError::NothingToDecide);
        }
        let lines = request.lines.iter().map(|line| LineState {
            number: line.number,
            decided: None,
            used: Quantity::ZERO,
        });
        Ok(Self {
            lines: lines.collect(),
            request,
            last: received,
            number: String::new(),
            end: None,
        })
    }

    /// What it comes to by an event on a day.
    ///
    /// # Errors
    /// When the event cannot follow; the state is as it was.
    pub fn after(&self, event: &Event, day: ServiceDate) -> Result<Self, TransitionError> {
        if day < self.last {
            return Err(TransitionError::OutOfOrder);
        }
        let mut next = self.clone();
        match event {
            Event::Used { line, on, .. } if *on > day => {
                return Err(TransitionError::NotYet { line: *line });
            }
            Event::Used { line, units, on } => next.spend(*line, *units, *on)?,
            _ if self.end.is_some() => return Err(TransitionError::Ended(self.stage(day))),
            Event::Decided(decision) => next.decide(decision, day)?,
            Event::Cancelled { .. } => {
                if self.stage(day) == Stage::Denied {
                    return Err(TransitionError::NothingCertified);
                }
                next.end = Some((day, End::Cancelled));
            }
            Event::Superseded { .. } => {
                if self.stage(day) == Stage::Requested {
                    return Err(TransitionError::NotItsRevision);
                }
                next.end = Some((day, End::Superseded));
            }
        }
        next.last = day;
        Ok(next)
    }

    /// The event by which a decided revision takes the place of `self`. It restates
    /// the whole, with what is used already, so nothing of the old is left beside it.
    ///
    /// # Errors
    /// When it is no revision of this, is not decided, or certifies nothing: then the
    /// old stands.
    pub fn supersession(&self, revision: &Self) -> Result<Event, TransitionError> {
        let asked = &revision.request;
        let names_this = match &asked.earlier {
            Some(Earlier::Authorization(number)) => {
                !self.number.is_empty() && *number == self.number
            }
            Some(Earlier::Request(number)) => *number == self.request.control_number,
            None => false,
        };
        let same = asked.kind == self.request.kind && asked.member == self.request.member;
        let waits = revision.lines.iter().any(LineState::waits);
        if asked.certification != Certification::Revised || !names_this || !same || waits {
            return Err(TransitionError::NotItsRevision);
        }
        if revision.number.is_empty() || revision.end.is_some() {
            return Err(TransitionError::NothingCertified);
        }
        Ok(Event::Superseded {
            by: revision.number.clone(),
        })
    }

    fn decide(&mut self, decision: &Decision, day: ServiceDate) -> Result<(), TransitionError> {
        if !self.lines.iter().any(LineState::waits) {
            return Err(TransitionError::AlreadyDecided);
        }
        for (i, of) in decision.lines.iter().enumerate() {
            let line = of.number;
            let earlier = decision.lines.iter().take(i);
            if earlier.map(|other| other.number).any(|other| other == line) {
                return Err(TransitionError::Twice { line });
            }
            let asked = self.request.line(line);
            let asked = asked.ok_or(TransitionError::NoLine { line })?;
            check(of, asked)?;
        }
        for state in &mut self.lines {
            let line = state.number;
            let found = decision.lines.iter().find(|of| of.number == line);
            match (state.waits(), found) {
                (true, Some(of)) => state.decided = Some((day, of.verdict.clone())),
                (true, None) => return Err(TransitionError::LineLeft { line }),
                (false, Some(_)) => return Err(TransitionError::AlreadyDecided),
                (false, None) => {}
            }
        }
        let certified = |of: &LineDecision| matches!(of.verdict, Verdict::Certified(_));
        if decision.lines.iter().any(certified) {
            let number = &decision.authorization;
            let same = self.number.is_empty() || self.number == *number;
            if number.is_empty() || !same {
                return Err(TransitionError::Number);
            }
            self.number.clone_from(number);
        }
        Ok(())
    }

    fn spend(
        &mut self,
        line: u16,
        units: Quantity,
        on: ServiceDate,
    ) -> Result<(), TransitionError> {
        if units.is_zero() || units.is_negative() {
            return Err(TransitionError::Units { line });
        }
        let usable = self.usable(line, on)?;
        if units > usable {
            return Err(TransitionError::BeyondUnits { line });
        }
        if let Some(state) = self.lines.iter_mut().find(|of| of.number == line) {
            let used = state.used.checked_add(units);
            state.used = used.ok_or(TransitionError::BeyondUnits { line })?;
        }
        Ok(())
    }

    /// What may be used of a line by a service on a day. It is the day of the service
    /// that counts: a claim may come when the authorisation is over.
    ///
    /// # Errors
    /// When the line is not there, not certified, or not good for that day: outside its
    /// days, on or after the day it was taken back, or of what has been replaced.
    pub fn usable(&self, line: u16, on: ServiceDate) -> Result<Quantity, TransitionError> {
        let state = self.lines.iter().find(|of| of.number == line);
        let state = state.ok_or(TransitionError::NoLine { line })?;
        let (_, grant) = state
            .granted()
            .ok_or(TransitionError::NotCertified { line })?;
        if on < grant.from || on > grant.through {
            return Err(TransitionError::OutsideDates { line });
        }
        match &self.end {
            Some((_, End::Superseded)) => Err(TransitionError::Ended(Stage::Superseded)),
            Some((day, End::Cancelled)) if on >= *day => {
                Err(TransitionError::Ended(Stage::Cancelled))
            }
            _ => Ok(state.left()),
        }
    }

    /// Where it stands on a day.
    #[must_use]
    pub fn stage(&self, day: ServiceDate) -> Stage {
        match self.end {
            Some((_, End::Cancelled)) => return Stage::Cancelled,
            Some((_, End::Superseded)) => return Stage::Superseded,
            None => {}
        }
        if self.lines.iter().all(|line| line.decided.is_none()) {
            return Stage::Requested;
        }
        if self.lines.iter().any(LineState::waits) {
            return Stage::Pended;
        }
        let certified = || self.lines.iter().filter_map(|l| Some((l, l.granted()?.1)));
        if certified().next().is_none() {
            return Stage::Denied;
        }
        if certified().all(|(line, _)| line.left().is_zero()) {
            return Stage::UsedUp;
        }
        if certified().all(|(_, grant)| day > grant.through) {
            return Stage::Expired;
        }
        let mut actions = self.lines.iter().map(|line| self.action(line.number));
        match actions.all(|action| action == Some(Action::InTotal)) {
            true => Stage::Approved,
            false => Stage::InPart,
        }
    }

    /// How the decision of a line is told; none where there is none.
    #[must_use]
    pub fn action(&self, line: u16) -> Option<Action> {
        let asked: &RequestLine = self.request.line(line)?;
        let state = self.lines.iter().find(|of| of.number == line)?;
        let action = state.decided().map(|(_, verdict)| verdict.action(asked));
        let taken_back = matches!(self.end, Some((_, End::Cancelled)));
        match action {
            Some(Action::NotCertified) => action,
            _ if taken_back => Some(Action::Cancelled),
            action => action,
        }
    }

    /// What is certified; none where nothing is, or it has been replaced.
    #[must_use]
    pub fn authorization(&self) -> Option<Authorization> {
        if self.number.is_empty() || matches!(self.end, Some((_, End::Superseded))) {
            return None;
        }
        let lines = self.lines.iter().filter_map(|line| {
            let (_, grant) = line.granted()?;
            let asked = self.request.line(line.number)?;
            Some(AuthorizedLine {
                number: line.number,
                system: asked.system,
                procedure: asked.procedure,
                provider: asked.servicing.clone(),
                units: grant.units,
                used: line.used,
                from: grant.from,
                through: grant.through,
            })
        });
        Some(Authorization {
            number: self.number.clone(),
            kind: self.request.kind,
            member: self.request.member.clone(),
            lines: lines.collect(),
        })
    }

    /// The number of what is certified; empty where nothing is.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Whether a line waits for a decision.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.lines.iter().any(LineState::waits)
    }

    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What became of the lines, by number.
    #[must_use]
    pub fn lines(&self) -> &[LineState] {
        &self.lines
    }

    /// The day of the last event.
    #[must_use]
    pub fn last(&self) -> ServiceDate {
        self.last
    }

    /// The day it was taken back.
    #[must_use]
    pub fn cancelled(&self) -> Option<ServiceDate> {
        match self.end {
            Some((day, End::Cancelled)) => Some(day),
            _ => None,
        }
    }

    /// The day a revision took its place.
    #[must_use]
    pub fn superseded(&self) -> Option<ServiceDate> {
        match self.end {
            Some((day, End::Superseded)) => Some(day),
            _ => None,
        }
    }
}

fn check(of: &LineDecision, asked: &RequestLine) -> Result<(), TransitionError> {
    let line = of.number;
    let blank = |text: &String| text.trim().is_empty();
    match &of.verdict {
        Verdict::Certified(grant) => {
            if grant.units.is_zero() || grant.units.is_negative() {
                return Err(TransitionError::Units { line });
            }
            if grant.units > asked.quantity {
                return Err(TransitionError::MoreThanRequested { line });
            }
            if grant.through < grant.from {
                return Err(TransitionError::Span { line });
            }
        }
        Verdict::NotCertified(reason) => {
            if reason.code.is_none() || blank(&reason.text) {
                return Err(TransitionError::NoReason { line });
            }
        }
        Verdict::Pended(needs) => {
            if needs.is_empty() || needs.iter().any(blank) {
                return Err(TransitionError::NoNeed { line });
            }
        }
    }
    Ok(())
}
