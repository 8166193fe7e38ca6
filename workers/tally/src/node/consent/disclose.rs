//! Who asks to read a claim is answered here: decided, noted, entered, and only then
//! shown.

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::access::{
    Access, Book, By, Denied, Ledger, Patient, Purpose, Request, View, decide,
};
use tally_core::ledger::shared::OrganisationId;
use tally_core::ledger::{Commitment, Entry, kind};
use tally_store::port::{
    Access as _, ClaimRow, NewStatement, Reading as _, Statements as _, Token,
};
use tally_store::vault::{self, VaultError};

use super::book::Standing;
use super::{PATIENT, READING, Rules};
use crate::node::{ClaimRead, Node, is_fenced};

/// How often what was taken back meanwhile makes a request be decided again.
const TRIES: u8 = 8;

/// Who asks.
pub struct Asking {
    /// The organisation, as authenticated; `None` for the payer itself.
    pub who: Option<String>,
    /// Who there.
    pub person: String,
    /// For what; payment, where it is not said.
    pub purpose: Option<Purpose>,
    /// Why, where the glass is to be broken.
    pub emergency: Option<String>,
}

/// What an answer needs: it is made of all of it or not at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Need {
    /// Diagnoses and services.
    pub care: bool,
    /// Charges, payments, adjustments.
    pub amounts: bool,
    /// What the policy was given, none of it cut: for who runs it again, the payer and the
    /// organisations whose providers billed or rendered.
    pub party: bool,
    /// That what the claim came to is on the ledger.
    pub entered: bool,
}

impl Need {
    /// Whether who reads by a right is given all of it.
    pub(super) fn is_met(self, access: &Access) -> bool {
        let is_party = matches!(access.reading.by, By::Payer | By::Billing | By::Rendering);
        (access.view.care || !self.care)
            && (access.view.amounts || !self.amounts)
            && (is_party || !self.party)
    }
}

/// By what right a claim may be read, as long as what that rests on is not taken back.
#[derive(Clone)]
pub struct Allowed {
    /// What may be shown, and what is to be entered.
    pub access: Access,
    /// What was asked.
    request: Request,
    /// What it rests on: the kinds of the statements that end it, and what they are about.
    ends: Vec<(u8, Vec<u8>)>,
}

impl Allowed {
    /// The claim.
    #[must_use]
    pub fn claim(&self) -> ClaimId {
        self.access.reading.claim
    }

    /// Whether more than that it was erased is known of the claim.
    fn is_open(&self) -> bool {
        self.ends.iter().any(|(kind, _)| *kind == kind::ERASED)
    }
}

/// A claim that may be read. That it is read is entered by [`Node::enter_reads`], when it is
/// known what is shown of it, and before that is shown.
pub struct Disclosed {
    /// The claim.
    pub read: ClaimRead,
    /// What of it may be shown.
    pub view: View,
    /// By what right, and what is to be entered.
    pub allowed: Allowed,
}

/// Why a claim is not shown.
pub enum Refused {
    /// It may not be read, or is not there: what is said is [`Denied::told`].
    Denied(Denied),
    /// It may be read, and what was asked for is more than what it is read for needs.
    Beyond,
    /// It may be read, and is not on the ledger yet.
    NotYet(Box<ClaimRow>),
    /// A party asks for what was erased.
    Erased,
}

/// A decision without anything of a patient.
fn alone(
    request: &Request,
    facts: &tally_core::ledger::access::ClaimFacts,
    standing: &Standing,
) -> Result<Access, Denied> {
    let none = Book::default();
    let ledger = Ledger {
        size: standing.size,
        book: &none,
        groups: &none,
        members: standing,
    };
    decide(request, facts, &ledger)
}

impl Node {
    /// Opens a claim for who asks, if they may read it: an audit entry under `action` is
    /// made first. Who may not leaves an audit entry that says why. Before anything of the
    /// claim is shown, [`Self::enter_reads`] enters the reading.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn disclose(
        &self,
        rules: &Rules,
        id: ClaimId,
        asking: &Asking,
        (action, need): (&str, Need),
    ) -> Result<Result<Disclosed, Refused>> {
        let standing = self.access_standing(rules).await?;
        let request = self.request(asking, &standing)?;
        let Some(request) = request else {
            return Ok(Err(Refused::Denied(Denied::Unknown)));
        };
        let Some(row) = self.store.claim(id).await? else {
            // What they said wrong themselves is told of a claim that is not there too.
            let facts = Rules::facts_of_none(&standing.own);
            let why = alone(&request, &facts, &standing).err();
            return Ok(Err(Refused::Denied(why.unwrap_or(Denied::NoPath))));
        };
        let (read, decided) = self.decided_of(rules, &standing, &request, &row).await?;
        let allowed = match decided {
            Ok(allowed) => allowed,
            Err(why) => return self.denied(id, why).await.map(Err),
        };
        let Some(read) = read else {
            return Ok(Err(Refused::Erased));
        };
        let access = &allowed.access;
        let is_emergency = matches!(access.reading.by, By::Emergency(_));
        let waits = need.entered && !is_entered(&read.row);
        match need.is_met(access) {
            // In an emergency nothing is told of a claim without an entry, not even that it
            // is there.
            met if is_emergency && (!met || waits) => {
                self.denied(id, Denied::NoPath).await.map(Err)
            }
            false => {
                self.note("access-denied:minimum-necessary", id).await?;
                Ok(Err(Refused::Beyond))
            }
            true if waits => {
                self.note("access-denied:not-entered-yet", id).await?;
                Ok(Err(Refused::NotYet(Box::new(read.row))))
            }
            true => {
                self.note(action, id).await?;
                Ok(Ok(Disclosed {
                    read,
                    view: access.view,
                    allowed,
                }))
            }
        }
    }

    /// Enters that claims are read, all of them or, when it fails, none. Answers how each
    /// reading is known; nothing of what the payer itself reads. What was taken back or erased
    /// since it was decided counts: then it is decided again, and of a claim that may not be
    /// read any more, or not so much of it, it is said why.
    ///
    /// # Errors
    /// When the store fails: then nothing may be shown.
    pub async fn enter_reads(
        &self,
        rules: &Rules,
        allowed: &[&Allowed],
    ) -> Result<Result<Vec<(ClaimId, Commitment)>, (ClaimId, Refused)>> {
        let entered = |of: &&&Allowed| of.access.reading.by != By::Payer;
        let read = allowed.iter().filter(entered);
        let mut allowed: Vec<Allowed> = read.map(|of| (*of).clone()).collect();
        let mut tries = 0;
        loop {
            match self.state_reads(&allowed).await {
                Err(error) if is_fenced(&error) && tries < TRIES => tries += 1,
                stated => return Ok(Ok(stated?)),
            }
            for of in &mut allowed {
                match self.decided_again(rules, of).await? {
                    Ok(again) => *of = again,
                    Err(why) => return Ok(Err((of.claim(), why))),
                }
            }
        }
    }

    /// States readings where nothing they rest on was taken back.
    async fn state_reads(&self, allowed: &[Allowed]) -> Result<Vec<(ClaimId, Commitment)>> {
        let mut entered = Vec::with_capacity(allowed.len());
        let mut statements = Vec::with_capacity(allowed.len());
        let mut ends = Vec::new();
        for of in allowed {
            let (commitment, statement) = self.reading(&of.access).await?;
            entered.push((of.claim(), commitment));
            statements.push(statement);
            ends.extend_from_slice(&of.ends);
        }
        if !statements.is_empty() {
            self.store.state_unless(&statements, &ends).await?;
        }
        Ok(entered)
    }

    /// What is decided now of what was allowed before. What is shown was made by then, so
    /// that as much of it has to be allowed still.
    async fn decided_again(
        &self,
        rules: &Rules,
        before: &Allowed,
    ) -> Result<Result<Allowed, Refused>> {
        let id = before.claim();
        let row = self.store.claim(id).await?;
        let row = row.context("a claim that was there is gone")?;
        let standing = self.access_standing(rules).await?;
        let (read, decided) = self
            .decided_of(rules, &standing, &before.request, &row)
            .await?;
        match decided {
            Err(why) => self.denied(id, why).await.map(Err),
            Ok(_) if read.is_none() && before.is_open() => Ok(Err(Refused::Erased)),
            Ok(now) if now.access.view == before.access.view => Ok(Ok(now)),
            Ok(_) => {
                self.note("access-denied:minimum-necessary", id).await?;
                Ok(Err(Refused::Beyond))
            }
        }
    }

    pub(super) fn request(&self, asking: &Asking, standing: &Standing) -> Result<Option<Request>> {
        let who = match &asking.who {
            None => Some(standing.own.clone()),
            // Whoever is not the payer itself is not taken for it by its name.
            Some(id) => OrganisationId::parse(id).filter(|id| *id != standing.own),
        };
        Ok(who.map(|who| Request {
            who,
            person: asking.person.clone(),
            purpose: asking.purpose.unwrap_or(Purpose::Payment),
            at: self.clock.seconds(),
            emergency: asking.emergency.clone(),
        }))
    }

    /// What is decided of a claim, and the claim, opened; of an erased one by what is known
    /// still. Nothing is noted.
    pub(super) async fn decided_of(
        &self,
        rules: &Rules,
        standing: &Standing,
        request: &Request,
        row: &ClaimRow,
    ) -> Result<(Option<ClaimRead>, Result<Allowed, Denied>)> {
        let (read, mut ends) = (self.open_rows(vec![row.clone()]).await?.pop(), Vec::new());
        let decided = match &read {
            Some(read) => {
                ends.push((kind::ERASED, row.id.0.to_vec()));
                self.decided(rules, standing, (request, read), &mut ends)
                    .await?
            }
            None => {
                let bills = rules.payee_of(|of| self.provider_token(of) == row.provider);
                let facts = Rules::facts_of_erased(&standing.own, row, bills);
                alone(request, &facts, standing)
            }
        };
        let allowed = decided.map(|access| Allowed {
            access,
            request: request.clone(),
            ends,
        });
        Ok((read, allowed))
    }

    /// By right where that is enough, and else by what the patient allows, which ends with
    /// what of it is taken back.
    async fn decided(
        &self,
        rules: &Rules,
        standing: &Standing,
        (request, read): (&Request, &ClaimRead),
        ends: &mut Vec<(u8, Vec<u8>)>,
    ) -> Result<Result<Access, Denied>> {
        let of = (&read.row, &read.claim);
        let facts = rules.facts(&standing.own, of, None);
        let calm = Request {
            emergency: None,
            ..request.clone()
        };
        if let Ok(access) = alone(&calm, &facts, standing) {
            return Ok(Ok(access));
        }
        let patient = match (is_enrolled(&read.row), &request.emergency) {
            (false, _) => None,
            // Somebody is to be told.
            (true, Some(_)) => Some(self.draw_patient(read.row.member).await?).flatten(),
            (true, None) => self.patient(read.row.member).await?,
        };
        let (book, size) = match &patient {
            None => (Book::default(), standing.size),
            Some(patient) => {
                let (book, size, stand) = self.book_of_patient(standing, patient).await?;
                let stand = stand.into_iter();
                ends.extend(stand.map(|of| (kind::REVOKED, of.to_vec())));
                (book, size)
            }
        };
        let facts = rules.facts(&standing.own, of, patient);
        let ledger = Ledger {
            size,
            book: &book,
            groups: &book,
            members: standing,
        };
        Ok(decide(request, &facts, &ledger))
    }

    pub(super) async fn denied(&self, id: ClaimId, why: Denied) -> Result<Refused> {
        self.note(&format!("access-denied:{}", why.code()), id)
            .await?;
        Ok(Refused::Denied(why))
    }

    /// What enters a reading: stated, it is durable, and stands on the log as soon as that is
    /// appended to. With its commitment.
    async fn reading(&self, access: &Access) -> Result<(Commitment, NewStatement)> {
        let salt = vault::random()?;
        let entry = access.reading.entry(&salt);
        let commitment = match &entry {
            Entry::Read(commitment) | Entry::ReadUnderEmergency(commitment) => *commitment,
            _ => anyhow::bail!("a reading's entry is of another kind"),
        };
        let key = self.vault.fresh_one().await?;
        let mut opening = zeroize::Zeroizing::new(salt.to_vec());
        access.reading.put(&mut opening);
        let statement = NewStatement {
            kind: entry.kind(),
            about: access.reading.claim.0.to_vec(),
            once: None,
            entry: entry.to_canon(),
            opening: Some(key.seal(READING, &opening)?),
        };
        Ok((commitment, statement))
    }

    /// How grants name a member; `None` where that was not drawn, or erased.
    pub(super) async fn patient(&self, member: Token) -> Result<Option<Patient>> {
        match self.store.patient(member).await? {
            None => Ok(None),
            Some(sealed) => self.open_patient(&sealed).await,
        }
    }

    async fn open_patient(&self, sealed: &tally_store::port::Sealed) -> Result<Option<Patient>> {
        let key = match self.vault.key(sealed.record).await {
            Ok(key) => key,
            Err(VaultError::Erased) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let plain = key.open(PATIENT, sealed)?;
        let patient = plain.as_slice().try_into().ok();
        Ok(Some(patient.context("a stored patient is damaged")?))
    }

    /// How grants name a member, drawn where it was not; `None` where it was erased.
    pub(super) async fn draw_patient(&self, member: Token) -> Result<Option<Patient>> {
        if let Some(sealed) = self.store.patient(member).await? {
            return self.open_patient(&sealed).await;
        }
        let patient: Patient = vault::random()?;
        let key = self.vault.fresh_one().await?;
        let drawn = key.seal(PATIENT, &patient)?;
        // Somebody else may have been first.
        let kept = self.store.keep_patient(member, &drawn).await?;
        self.open_patient(&kept).await
    }
}

/// Whether what a claim came to is on the ledger.
fn is_entered(row: &ClaimRow) -> bool {
    let outcome = row.outcome.as_ref();
    outcome.is_some_and(|outcome| outcome.leaf.is_some())
}

/// Whether a claim is of somebody who was found in enrolment.
fn is_enrolled(row: &ClaimRow) -> bool {
    row.contract.is_some()
}
