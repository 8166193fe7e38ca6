//! Which claims a grant is of.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use tally_types::{Code, ServiceDate};

use super::grant::Patient;
use crate::canon::Canon as _;
use crate::claim::{Claim, ClaimId, ClaimKind};
use crate::ledger::shared::OrganisationId;

/// Names a list of codes by its content.
pub type ListId = [u8; 32];

/// A list of codes that tells a kind of care: services of a clinic, or what the law
/// protects more than the rest, as 42 CFR Part 2 does treatment of substance use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeList {
    /// Its name, for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What its codes begin with, in ascending order: `F10` is all of F10.
    pub prefixes: Vec<Code>,
}

crate::canon_record!(CodeList {
    name,
    version,
    prefixes
});

impl CodeList {
    /// What it is referred to by: `SHA-256("tallystick/code-list/v1" ‖ list)`.
    #[must_use]
    pub fn id(&self) -> ListId {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/code-list/v1");
        hasher.update(self.to_canon());
        hasher.finalize().into()
    }

    /// Whether a code is in it, however it was written: some senders leave out dots and
    /// hyphens, or write small letters.
    fn has(&self, code: Code) -> bool {
        let written = |code: Code| {
            let text = code.to_string();
            let kept = text.chars().filter(char::is_ascii_alphanumeric);
            kept.map(|c| c.to_ascii_uppercase()).collect::<String>()
        };
        let code = written(code);
        let mut prefixes = self.prefixes.iter().map(|prefix| written(*prefix));
        prefixes.any(|prefix| !prefix.is_empty() && code.starts_with(&prefix))
    }

    /// How far the list reaches into a claim.
    #[must_use]
    pub fn reach(&self, claim: &Claim) -> Reach {
        let line = |line: &crate::claim::ServiceLine| {
            let drug = line.detail.drug.is_some_and(|drug| self.has(drug.ndc));
            let modifiers = line.modifiers.iter().any(|code| self.has((*code).into()));
            self.has(line.procedure) || self.has(line.revenue.into()) || drug || modifiers
        };
        if !claim.lines.is_empty() && claim.lines.iter().all(line) {
            return Reach::EveryLine;
        }
        let institutional = claim.institutional.iter();
        let group = claim.institutional.iter().any(|of| {
            let codes = of.conditions.iter().copied().chain([of.drg]);
            codes.into_iter().any(|code| self.has(code.into()))
        });
        let mut procedures = institutional.flat_map(|of| &of.procedures);
        let some = claim.lines.iter().any(line)
            || claim.diagnoses.iter().any(|code| self.has(*code))
            || procedures.any(|dated| self.has(dated.code))
            || group;
        if some { Reach::Some } else { Reach::None }
    }
}

/// How far a list of codes reaches into a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// None of its codes is in it.
    None,
    /// Some diagnosis or service is in it.
    Some,
    /// The service of every line is in it.
    EveryLine,
}

/// Who is a party to a claim by right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// The payer that adjudicated it. Its node keeps the records and decides.
    pub payer: OrganisationId,
    /// The organisation whose provider billed it.
    pub billing: Option<OrganisationId>,
    /// The organisations whose providers rendered it.
    pub rendering: BTreeSet<OrganisationId>,
    /// The organisation that submitted it.
    pub submitter: Option<OrganisationId>,
}

/// What is looked at of a claim when somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimFacts {
    /// The claim.
    pub claim: ClaimId,
    /// Whose it is; `None` when no member was found, and nobody can grant it.
    pub patient: Option<Patient>,
    /// What kind.
    pub kind: ClaimKind,
    /// The first date of service.
    pub from: ServiceDate,
    /// The last date of service.
    pub through: ServiceDate,
    /// Who is a party to it.
    pub parties: Parties,
    /// How far each list of codes that the node has reaches into it.
    pub lists: BTreeMap<ListId, Reach>,
    /// Those of them that are given away only where a grant names them.
    pub protected: BTreeSet<ListId>,
}

impl ClaimFacts {
    /// Looks at a claim. `protected` are the lists that are given away only where a
    /// grant names them, `lists` all others the node has.
    #[must_use]
    pub fn of(
        claim: &Claim,
        patient: Option<Patient>,
        parties: Parties,
        lists: &[CodeList],
        protected: &[CodeList],
    ) -> Self {
        let from = claim.first_service();
        let last = claim.lines.iter().map(|line| line.through).max();
        let all = lists.iter().chain(protected);
        Self {
            claim: claim.id,
            patient,
            kind: claim.kind,
            from,
            through: last.unwrap_or(from),
            parties,
            lists: all.map(|list| (list.id(), list.reach(claim))).collect(),
            protected: protected.iter().map(CodeList::id).collect(),
        }
    }
}

/// Which claims of a patient a grant is of. All that is said must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// One claim; all of them when none is named.
    pub claim: Option<ClaimId>,
    /// Kinds of claim, in ascending order; every kind when none is named.
    pub kinds: Vec<ClaimKind>,
    /// Services on or after this date.
    pub from: ServiceDate,
    /// Services up to and on this date.
    pub through: ServiceDate,
    /// Only services of this list.
    pub only: Option<ListId>,
    /// No claim that touches these lists, in ascending order.
    pub except: Vec<ListId>,
    /// Also claims that touch these protected lists, in ascending order: without it
    /// they are not given away.
    pub expressly: Vec<ListId>,
}

crate::canon_record!(Scope {
    claim,
    kinds,
    from,
    through,
    only,
    except,
    expressly,
});

/// Why a claim is not in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outside {
    /// Another claim, kind, date or service.
    Scope,
    /// A list that the node does not have.
    UnknownList,
    /// Excluded, or protected and not named.
    Sensitive,
}

fn ascends<T: Ord>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair.first() < pair.last())
}

impl Scope {
    /// All claims but those that are protected.
    #[must_use]
    pub fn all() -> Self {
        Self {
            claim: None,
            kinds: Vec::new(),
            from: ServiceDate::MIN,
            through: ServiceDate::MAX,
            only: None,
            except: Vec::new(),
            expressly: Vec::new(),
        }
    }

    /// What is not sound about it, if anything.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        if self.from > self.through {
            return Some("its dates of service end before they begin");
        }
        let ordered = ascends(&self.kinds) && ascends(&self.except) && ascends(&self.expressly);
        (!ordered).then_some("a list that is not in ascending order")
    }

    /// Whether a claim is in it. A list that the node does not have keeps every claim
    /// out: nobody can tell what it would have excluded.
    pub(super) fn holds(&self, facts: &ClaimFacts) -> Result<(), Outside> {
        let named = self.claim.is_none_or(|claim| claim == facts.claim);
        let kind = self.kinds.is_empty() || self.kinds.contains(&facts.kind);
        if !named || !kind || facts.from < self.from || facts.through > self.through {
            return Err(Outside::Scope);
        }
        if let Some(only) = &self.only {
            match facts.lists.get(only) {
                None => return Err(Outside::UnknownList),
                Some(Reach::EveryLine) => {}
                Some(_) => return Err(Outside::Scope),
            }
        }
        for list in &self.except {
            match facts.lists.get(list) {
                None => return Err(Outside::UnknownList),
                Some(Reach::None) => {}
                Some(_) => return Err(Outside::Sensitive),
            }
        }
        let reached = |list: &&ListId| facts.lists.get(*list).is_none_or(|r| *r != Reach::None);
        let mut protected = facts.protected.iter().filter(reached);
        if protected.any(|list| !self.expressly.contains(list)) {
            return Err(Outside::Sensitive);
        }
        Ok(())
    }

    /// Whether every claim in it is in `other` too, whatever the claims.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let kinds = |scope: &Self, kind| scope.kinds.is_empty() || scope.kinds.contains(kind);
        let all = |of: &[ListId], others: &[ListId]| of.iter().all(|list| others.contains(list));
        (other.claim.is_none() || self.claim == other.claim)
            && (other.kinds.is_empty() || !self.kinds.is_empty())
            && self.kinds.iter().all(|kind| kinds(other, kind))
            && other.from <= self.from
            && self.through <= other.through
            && (other.only.is_none() || self.only == other.only)
            && all(&other.except, &self.except)
            && all(&self.expressly, &other.expressly)
    }

    /// How wide it is: what is within another is never wider.
    pub(super) fn breadth(&self) -> impl Ord + use<> {
        let kinds = match self.kinds.len() {
            0 => usize::MAX,
            some => some,
        };
        (
            self.claim.is_none(),
            self.only.is_none(),
            kinds,
            self.expressly.len(),
            usize::MAX.saturating_sub(self.except.len()),
            i64::from(self.through.days()).saturating_sub(i64::from(self.from.days())),
        )
    }
}
