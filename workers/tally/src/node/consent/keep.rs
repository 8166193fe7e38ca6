//! What this node grants and takes back, and what others granted that it was shown.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use tally_core::canon::Canon as _;
use tally_core::ledger::access::{
    Bestowal, Book, Custody, Grantee, Ledger, Members as _, Patient, Revocation, Stands,
};
use tally_core::ledger::shared::{OrganisationId, Role};
use tally_core::ledger::{Commitment, Salt, kind};
use tally_store::port::{
    Access as _, Enrolment as _, NewStatement, ShownRow, Statements as _, Token,
};
use tally_store::vault;
use thiserror::Error;

use super::book::{Given, Standing, group_of};
use super::{GRANT, REVOCATION, Rules};
use crate::node::Node;
use crate::node::keys::hex;

/// What is asked for and not there.
#[derive(Debug, Error)]
pub enum Unknown {
    /// Nobody of that id.
    #[error("no member of that id is enrolled on this node: `tally member import` enrols")]
    Member,
    /// No such grant.
    #[error("no grant `{0}` is on this node: `tally consent list` lists them")]
    Grant(String),
    /// Several begin so.
    #[error("several grants begin with `{0}`: say more of its digits")]
    Several(String),
}

/// Something granted that this node keeps, or was shown.
pub struct Kept {
    /// The commitment that stands on the ledger: what it is known by.
    pub commitment: Commitment,
    /// Its salt.
    pub salt: Salt,
    /// What is granted.
    pub bestowal: Bestowal,
    /// Whether it was entered here.
    pub own: bool,
    /// How it stands on the ledger that decides; `None` while it is not there.
    stands: Option<Stands>,
    /// Whether this node took it back before it was there.
    revoked: bool,
}

impl Kept {
    /// Its place on the ledger that decides; `None` while it is not there.
    #[must_use]
    pub fn place(&self) -> Option<u64> {
        self.stands.map(|stands| stands.place)
    }

    /// How it stands today, in a word: `stands` where it decides, and nowhere else.
    #[must_use]
    pub fn stands(&self) -> &'static str {
        match self.stands {
            None if self.revoked => "revoked",
            None => "not on the ledger yet",
            Some(of) if of.holds() => "stands",
            Some(of) if of.revoked => "revoked",
            Some(of) if of.over => "ended",
            Some(of) if !of.begun => "not yet",
            Some(of) if !of.kept => "its keeper may not",
            Some(_) if group_of(&self.bestowal).is_some() => "group without members",
            Some(_) => "left",
        }
    }

    /// The organisations and groups it is granted to.
    #[must_use]
    pub fn to(&self) -> String {
        match &self.bestowal {
            Bestowal::Access(grant) => match &grant.to {
                Grantee::Organisations(named) => {
                    let named: Vec<_> = named.iter().map(OrganisationId::as_str).collect();
                    named.join(", ")
                }
                Grantee::Group(group) => format!("group {} of {}", group.name, group.keeper),
            },
            Bestowal::Custody(custody) => custody.custodian.to_string(),
            Bestowal::Membership(membership) => membership.organisation.to_string(),
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match &self.bestowal {
            Bestowal::Access(_) => "grant",
            Bestowal::Custody(_) => "custodian",
            Bestowal::Membership(_) => "member of group",
        }
    }
}

impl Node {
    /// How this node's organisation is called where access is decided.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn organisation_on(&self, rules: &Rules) -> Result<OrganisationId> {
        Ok(self.access_standing(rules).await?.own)
    }

    /// How grants name a member who is enrolled, drawn where it was not.
    ///
    /// # Errors
    /// [`Unknown::Member`], or when the store fails.
    pub async fn patient_of(&self, member: &str) -> Result<Patient> {
        let token = self.member_token(member);
        let unit = self.store.units_of(&[token]).await?.pop().flatten();
        unit.ok_or(Unknown::Member)?;
        let patient = self.draw_patient(token).await?;
        patient.context("what this member is called on grants was erased")
    }

    /// Enters something that this node's organisation grants. Answers how it is known.
    ///
    /// # Errors
    /// When it is not sound, another would have to enter it, or it would have no effect
    /// ([`NoEffect`](super::NoEffect)).
    pub async fn bestow(&self, rules: &Rules, bestowal: &Bestowal) -> Result<Commitment> {
        let standing = self.access_standing(rules).await?;
        if let Some(flaw) = bestowal.flaw() {
            bail!("it cannot be granted: {flaw}");
        }
        anyhow::ensure!(
            *bestowal.keeper() == standing.own,
            "it is for `{}` to grant it: this node is `{}`",
            bestowal.keeper(),
            standing.own
        );
        self.has_effect(rules, &standing, bestowal).await?;
        let salt = vault::random()?;
        let commitment = bestowal.commitment(&salt);
        let mut opening = zeroize::Zeroizing::new(salt.to_vec());
        bestowal.put(&mut opening);
        let key = self.vault.fresh_one().await?;
        self.note_of("consent-granted", &hex(&commitment)).await?;
        let statement = NewStatement {
            kind: kind::GRANTED,
            about: self.about(bestowal).0.to_vec(),
            once: None,
            entry: bestowal.entry(&salt).to_canon(),
            opening: Some(key.seal(GRANT, &opening)?),
        };
        self.store.state(&[statement]).await?;
        self.integrate(false).await?;
        Ok(commitment)
    }

    /// Takes something back, for good. Answers whether it was not taken back before.
    ///
    /// # Errors
    /// When it is for others to take it back.
    pub async fn revoke(&self, rules: &Rules, kept: &Kept, reason: &str) -> Result<bool> {
        let standing = self.access_standing(rules).await?;
        anyhow::ensure!(
            may_revoke(&standing, &kept.bestowal),
            "it is for `{}` to take it back, or for whom it is about",
            kept.bestowal.keeper()
        );
        let revocation = Revocation {
            grant: kept.commitment,
            by: standing.own,
            on: self.clock.today(),
            reason: reason.to_owned(),
        };
        let key = self.vault.fresh_one().await?;
        self.note_of("consent-revoked", &hex(&kept.commitment))
            .await?;
        let statement = NewStatement {
            kind: kind::REVOKED,
            about: kept.commitment.to_vec(),
            once: Some(kept.commitment),
            entry: revocation.entry().to_canon(),
            opening: Some(key.seal(REVOCATION, &revocation.to_canon())?),
        };
        let made = self.store.state(&[statement]).await?;
        self.integrate(false).await?;
        Ok(made.iter().any(Option::is_some))
    }

    /// What is granted about a member: grants, and who acts for them. Of everybody where
    /// none is named, memberships of groups too. It leaves an audit entry.
    ///
    /// # Errors
    /// [`Unknown::Member`], or when the store fails.
    pub async fn consents(&self, rules: &Rules, member: Option<&str>) -> Result<Vec<Kept>> {
        let about = match member {
            None => None,
            Some(member) => {
                let token = self.member_token(member);
                let unit = self.store.units_of(&[token]).await?.pop().flatten();
                unit.ok_or(Unknown::Member)?;
                match self.patient(token).await? {
                    None => return Ok(Vec::new()),
                    Some(patient) => Some(self.patient_token(&patient)),
                }
            }
        };
        let subject = about.map_or_else(|| "all".to_owned(), |about| hex(&about.0));
        self.note_of("consents-listed", &subject).await?;
        let standing = self.access_standing(rules).await?;
        let about = about.map(|about| [about]);
        let given = self
            .granted_about(about.as_ref().map(<[Token; 1]>::as_slice))
            .await?;
        self.kept(&standing, given).await
    }

    /// The one grant, custody or membership whose commitment begins with these
    /// hexadecimal digits. It leaves an audit entry.
    ///
    /// # Errors
    /// [`Unknown::Grant`], [`Unknown::Several`], or when the store fails.
    pub async fn consent(&self, rules: &Rules, digits: &str) -> Result<Kept> {
        let standing = self.access_standing(rules).await?;
        let mut given = self.granted_about(None).await?;
        let digits = digits.to_ascii_lowercase();
        let is = |commitment: &Commitment| hex(commitment).starts_with(&digits);
        let found = given.iter().map(|given| &given.opened);
        let mut found = found.filter(|opened| is(&opened.commitment));
        let (commitment, about) = match (found.next(), found.next()) {
            (Some(opened), None) => (opened.commitment, self.about(&opened.bestowal)),
            (None, _) => return Err(Unknown::Grant(digits).into()),
            (Some(_), Some(_)) => return Err(Unknown::Several(digits).into()),
        };
        self.note_of("consent-read", &hex(&commitment)).await?;
        // How it stands depends on what else there is about the same patient.
        given.retain(|given| self.about(&given.opened.bestowal) == about);
        let kept = self.kept(&standing, given).await?;
        let one = kept.into_iter().find(|kept| kept.commitment == commitment);
        one.with_context(|| format!("grant {digits} is not there any more"))
    }

    /// How each of what was granted stands, by what decides. What there is about one patient
    /// is looked at together; who is in a group, once for all whose grants are to it.
    async fn kept(&self, standing: &Standing, mut given: Vec<Given>) -> Result<Vec<Kept>> {
        let about = |given: &Given| self.about(&given.opened.bestowal);
        let here: BTreeSet<Token> = given.iter().map(about).collect();
        let group = |bestowal: &Bestowal| group_of(bestowal).map(|of| self.group_token(of));
        let groups = given.iter().filter_map(|of| group(&of.opened.bestowal));
        // Where one that is in a group is listed, all are.
        let groups: BTreeSet<Token> = groups.filter(|group| !here.contains(group)).collect();
        let listed = given.len();
        if !groups.is_empty() {
            let groups: Vec<Token> = groups.into_iter().collect();
            given.extend(self.granted_about(Some(&groups)).await?);
        }
        let (entered, size) = self.entered(standing, &given).await?;
        let here = given.iter().map(|given| given.opened.commitment);
        let here = self.revoked_here(here).await?;
        let mut books: BTreeMap<Token, (Book, Vec<Custody>)> = BTreeMap::new();
        for (given, entered) in given.iter().zip(entered) {
            let (book, custodies) = books.entry(about(given)).or_default();
            for entered in entered {
                book.enter(entered);
            }
            if let Bestowal::Custody(custody) = &given.opened.bestowal {
                custodies.push(custody.clone());
            }
        }
        given.truncate(listed);
        let today = self.clock.today();
        let kept = given.into_iter().map(|given| {
            let found = books.get(&about(&given));
            let Given { opened, own, .. } = given;
            let stands = found.and_then(|(book, custodies)| {
                let group = group(&opened.bestowal).and_then(|group| books.get(&group));
                let ledger = Ledger {
                    size,
                    book,
                    groups: group.map_or(book, |(group, _)| group),
                    members: standing,
                };
                let payer = payer_of(standing, &opened.bestowal, custodies);
                ledger.stands(&opened.commitment, payer, today)
            });
            Kept {
                commitment: opened.commitment,
                salt: opened.salt,
                own,
                stands,
                revoked: here.contains_key(&opened.commitment),
                bestowal: opened.bestowal,
            }
        });
        Ok(kept.collect())
    }

    /// Keeps what another granted and showed: salt and body. Answers whether it is new.
    ///
    /// # Errors
    /// When it does not stand on the shared ledger, in its keeper's log.
    pub async fn receive_consent(
        &self,
        rules: &Rules,
        salt: &Salt,
        bestowal: &Bestowal,
    ) -> Result<bool> {
        let standing = self.access_standing(rules).await?;
        let commitment = bestowal.commitment(salt);
        let places = self.places_of(&standing, &commitment).await?;
        let (_, by) = places.first().context(
            "no such grant stands on the shared ledger, as far as this node has it: try again \
             when it is there",
        )?;
        anyhow::ensure!(
            places.iter().any(|(_, by)| by == bestowal.keeper()),
            "it stands in the log of `{by}`, and is for `{}` to grant",
            bestowal.keeper()
        );
        let mut opening = zeroize::Zeroizing::new(salt.to_vec());
        bestowal.put(&mut opening);
        let key = self.vault.fresh_one().await?;
        self.note_of("consent-received", &hex(&commitment)).await?;
        let shown = ShownRow {
            commitment,
            about: self.about(bestowal),
            opening: key.seal(GRANT, &opening)?,
        };
        Ok(self.store.keep_shown(&shown).await?)
    }
}

/// The payer of the patient that something is about: who gave its keeper custody; else this
/// node's organisation where it is a payer, and else the keeper, which granted by right.
pub(super) fn payer_of<'a>(
    standing: &'a Standing,
    bestowal: &'a Bestowal,
    custodies: &'a [Custody],
) -> &'a OrganisationId {
    let keeper = bestowal.keeper();
    let mut given = custodies.iter().filter(|of| of.custodian == *keeper);
    let own = standing.member(&standing.own);
    match given.next() {
        Some(custody) => &custody.payer,
        None if own.is_some_and(|own| own.organisation.is(Role::Payer)) => &standing.own,
        None => keeper,
    }
}

/// Who may take something back, as far as it can be said without its book: its keeper, the
/// payer, who acts for a patient, whom it is about.
fn may_revoke(standing: &Standing, bestowal: &Bestowal) -> bool {
    let own = &standing.own;
    let is = |role| {
        let member = standing.member(own);
        member.is_some_and(|member| member.organisation.is(role))
    };
    bestowal.keeper() == own
        || match bestowal {
            Bestowal::Access(_) => is(Role::Payer) || is(Role::Custodian),
            Bestowal::Custody(custody) => custody.custodian == *own,
            Bestowal::Membership(membership) => membership.organisation == *own,
        }
}
