//! What a detector remembers of a service line. It concerns a member, so it
//! has no `Debug` or `Display`, and a store keeps it sealed.

use std::collections::BTreeMap;

use core::cmp::Reverse;
use sha2::{Digest, Sha256};
use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::{Claim, ClaimId, ClaimKind, Modifiers, ServiceLine};

/// A detector of this crate; its number is stable and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DetectorId {
    /// The same service billed again, though not to the letter.
    SuspectDuplicate,
    /// More hours of service than a day has.
    ImpossibleDay,
    /// A service to someone who had died.
    ServiceAfterDeath,
}

impl DetectorId {
    /// Every detector.
    pub const ALL: [Self; 3] = [
        Self::SuspectDuplicate,
        Self::ImpossibleDay,
        Self::ServiceAfterDeath,
    ];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuspectDuplicate => "suspect-duplicate",
            Self::ImpossibleDay => "impossible-day",
            Self::ServiceAfterDeath => "service-after-death",
        }
    }

    /// The version of the rule's code: raised when the same facts and
    /// parameters could give other flags.
    #[must_use]
    pub fn version(self) -> u16 {
        1
    }
}

/// Names the group of facts that are judged together: a hash of, for
/// instance, a provider and a day. It could be guessed, so it never leaves
/// the node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FactKey(pub [u8; 32]);

impl FactKey {
    pub(super) fn of(domain: &str, parts: &[&[u8]]) -> Self {
        Self(hash(domain, parts))
    }
}

/// SHA-256 over a domain and length-prefixed parts.
pub(super) fn hash(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"tallystick/fraud/v1/");
    for part in core::iter::once(&domain.as_bytes()).chain(parts) {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hasher.update(length.to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What one detector remembers of one service line.
#[derive(Clone, PartialEq, Eq)]
pub struct Fact {
    /// Whose fact it is.
    pub detector: DetectorId,
    /// The group it is judged in.
    pub key: FactKey,
    /// The claim.
    pub claim: ClaimId,
    /// The line's number on the claim.
    pub line: u16,
    /// A hash of what makes two lines exact duplicates of each other (Medicare
    /// Claims Processing Manual ch. 1 §120): member, billing provider, kind,
    /// dates, procedure, revenue code, modifiers as a set, place, charge, drug, place
    /// in the mouth, of a pharmacy's line its units and, but on institutional claims,
    /// the rendering provider.
    pub twin: [u8; 32],
    /// A hash of the member's pseudonym.
    pub member: [u8; 32],
    /// The procedure, or none.
    pub procedure: Code,
    /// The modifiers.
    pub modifiers: Modifiers,
    /// The revenue code, or none.
    pub revenue: ShortCode,
    /// Units of service.
    pub units: Quantity,
    /// The submitted charge.
    pub charge: Money,
    /// First date of service.
    pub from: ServiceDate,
    /// Last date of service.
    pub through: ServiceDate,
    /// The drug that the line bills for giving, or none.
    pub ndc: Code,
    /// Areas of the mouth, sorted, each once.
    pub areas: Vec<ShortCode>,
    /// Teeth, sorted, each once.
    pub teeth: Vec<ShortCode>,
    /// The member's date of death as enrolment knew it.
    pub death: Option<ServiceDate>,
}

impl Fact {
    /// Whether the dates of service share a day.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.through && other.from <= self.through
    }

    /// Whether both say where in the mouth, or which drug, and it is not the same:
    /// another service, however alike the lines are.
    pub(super) fn elsewhere(&self, other: &Self) -> bool {
        let apart = |a: &[ShortCode], b: &[ShortCode]| {
            !a.is_empty() && !b.is_empty() && !a.iter().any(|code| b.contains(code))
        };
        let drugs = !self.ndc.is_none() && !other.ndc.is_none() && self.ndc != other.ndc;
        drugs || apart(&self.areas, &other.areas) || apart(&self.teeth, &other.teeth)
    }

    /// The modifiers as a set.
    pub(super) fn modifier_set(&self) -> Vec<ShortCode> {
        sorted(&self.modifiers)
    }

    /// The procedure, or the revenue code where there is none.
    pub(super) fn service(&self) -> String {
        if self.procedure.is_none() {
            format!("revenue code {}", self.revenue)
        } else {
            self.procedure.to_string()
        }
    }
}

fn sorted(modifiers: &Modifiers) -> Vec<ShortCode> {
    let mut set: Vec<ShortCode> = modifiers
        .iter()
        .copied()
        .filter(|modifier| !modifier.is_none())
        .collect();
    set.sort_unstable();
    set.dedup();
    set
}

/// The facts of one adjudicated claim: up to one per line and detector.
///
/// `member_key` is an opaque pseudonym, the same for the same member. What is
/// billed counts, paid or not: which of two exact duplicates was denied
/// depends on their order, and flags must not.
#[must_use]
pub fn facts_of(claim: &Claim, member_key: &str, death: Option<ServiceDate>) -> Vec<Fact> {
    let member = hash("member", &[member_key.as_bytes()]);
    let mut facts = Vec::new();
    for line in &claim.lines {
        let fact = |detector, key| Fact {
            detector,
            key,
            claim: claim.id,
            line: line.number,
            twin: twin_of(claim, line, &member),
            member,
            procedure: line.procedure,
            modifiers: line.modifiers,
            revenue: line.revenue,
            units: line.quantity,
            charge: line.charge,
            from: line.from,
            through: line.through,
            ndc: line.detail.drug.map_or(Code::NONE, |drug| drug.ndc),
            areas: line.detail.areas(),
            teeth: teeth_of(line),
            death,
        };
        facts.push(fact(
            DetectorId::SuspectDuplicate,
            service_key(claim, line, &member),
        ));
        if let Some(key) = day_key(claim, line) {
            facts.push(fact(DetectorId::ImpossibleDay, key));
        }
        facts.push(fact(DetectorId::ServiceAfterDeath, death_key(member_key)));
    }
    facts
}

/// The group in which all services to a member are judged when a death
/// becomes known. `member_key` is as [`facts_of`] takes it.
#[must_use]
pub fn death_key(member_key: &str) -> FactKey {
    FactKey::of("death", &[&hash("member", &[member_key.as_bytes()])])
}

/// The same facts with what enrolment knows now of the member's death. A
/// caller that learns of one, or of its correction, stores these for the
/// member's group of [`DetectorId::ServiceAfterDeath`] and calls
/// [`super::flags_of`] again.
#[must_use]
pub fn with_death(facts: &[Fact], death: Option<ServiceDate>) -> Vec<Fact> {
    facts
        .iter()
        .map(|fact| Fact {
            death,
            ..fact.clone()
        })
        .collect()
}

/// The teeth of a line without their surfaces.
fn teeth_of(line: &ServiceLine) -> Vec<ShortCode> {
    let sorted = line.detail.sorted_teeth();
    let mut teeth: Vec<ShortCode> = sorted.iter().map(|tooth| tooth.code).collect();
    teeth.dedup();
    teeth
}

fn twin_of(claim: &Claim, line: &ServiceLine, member: &[u8; 32]) -> [u8; 32] {
    // As `PastLine::is_repeated_by` tells duplicates.
    let rendering = match claim.kind {
        ClaimKind::Institutional => "",
        _ => &line.rendering.as_ref().unwrap_or(&claim.billing).identifier,
    };
    let units = (claim.kind == ClaimKind::Pharmacy).then_some(line.quantity);
    hash(
        "twin",
        &[
            member,
            claim.billing.identifier.as_bytes(),
            rendering.as_bytes(),
            &claim.kind.to_canon(),
            &line.from.to_canon(),
            &line.through.to_canon(),
            &line.system.to_canon(),
            &line.procedure.to_canon(),
            &line.revenue.to_canon(),
            &sorted(&line.modifiers).to_canon(),
            &line.place.to_canon(),
            &line.charge.to_canon(),
            &units.to_canon(),
            &line.detail.drug.to_canon(),
            &line.detail.areas().to_canon(),
            &line.detail.sorted_teeth().to_canon(),
        ],
    )
}

/// Member, billing provider and procedure, or revenue code and charge. The
/// code system is left out: senders name it or do not.
fn service_key(claim: &Claim, line: &ServiceLine, member: &[u8; 32]) -> FactKey {
    let provider = claim.billing.identifier.as_bytes();
    if line.procedure.is_none() || line.system == CodeSystem::Revenue {
        let (revenue, charge) = (line.revenue.to_canon(), line.charge.to_canon());
        let code = line.procedure.to_canon();
        FactKey::of("revenue", &[member, provider, &revenue, &code, &charge])
    } else {
        let procedure = line.procedure.to_canon();
        FactKey::of("procedure", &[member, provider, &procedure])
    }
}

/// Rendering provider and day. A line over several days does not say on which
/// it was rendered, and a facility is not one person: neither counts.
fn day_key(claim: &Claim, line: &ServiceLine) -> Option<FactKey> {
    if line.from != line.through || line.procedure.is_none() {
        return None;
    }
    let provider = match (&line.rendering, claim.kind) {
        (Some(rendering), _) => rendering,
        (None, ClaimKind::Professional | ClaimKind::Oral | ClaimKind::Vision) => &claim.billing,
        (None, ClaimKind::Institutional | ClaimKind::Pharmacy) => return None,
    };
    let day = line.from.to_canon();
    Some(FactKey::of("day", &[provider.identifier.as_bytes(), &day]))
}

/// A group without repetitions and without all but one of each set of exact
/// duplicates, ordered by date, claim and line.
///
/// Of exact duplicates the claim stays that has the most such lines, then the
/// one with the lowest id: not the one that came first, which is the one that
/// adjudication denies.
pub(super) fn ordered(mut group: Vec<&Fact>) -> Vec<&Fact> {
    group.sort_by_cached_key(|fact| (fact.claim, fact.line, fact.to_canon()));
    group.dedup_by_key(|fact| (fact.claim, fact.line));
    let mut twins: BTreeMap<[u8; 32], BTreeMap<ClaimId, usize>> = BTreeMap::new();
    for fact in &group {
        let count = twins
            .entry(fact.twin)
            .or_default()
            .entry(fact.claim)
            .or_default();
        *count = count.saturating_add(1);
    }
    group.retain(|fact| {
        twins.get(&fact.twin).is_some_and(|claims| {
            let kept = claims
                .iter()
                .max_by_key(|(claim, count)| (**count, Reverse(**claim)))
                .map(|(claim, _)| *claim);
            kept == Some(fact.claim)
        })
    });
    group.sort_by_key(|fact| (fact.from, fact.through, fact.claim, fact.line));
    group
}

impl Canon for FactKey {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Canon::take(from)?))
    }
}

crate::canon_enum!(DetectorId {
    SuspectDuplicate = 1,
    ImpossibleDay = 2,
    ServiceAfterDeath = 3,
});
crate::canon_record!(Fact {
    detector,
    key,
    claim,
    line,
    twin,
    member,
    procedure,
    modifiers,
    revenue,
    units,
    charge,
    from,
    through,
    ndc,
    areas,
    teeth,
    death,
});
