//! A flag: evidence for a person. It may concern a member, so it has no
//! `Debug` or `Display`.

use tally_types::{Money, ServiceDate};

use super::fact::{DetectorId, Fact, FactKey, hash};
use super::parameters::Parameters;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;

/// The version of a flag's encoding, its first byte.
const VERSION: u8 = 1;
/// The highest score.
pub(super) const HIGHEST: u16 = 1000;
/// The most lines a flag names; the rest are counted in its evidence.
const LINES: usize = 4096;

/// Names a flag: a hash of the rule, its version, the group and what begins
/// the finding, so that the id stays as evidence grows.
///
/// * suspect duplicate: the first day of the overlapping lines and the
///   modifiers that tell services apart; an earlier line makes another id;
/// * impossible day: the provider and day;
/// * service after death: the member;
/// * a policy's finding: claim, policy, pattern, line and clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlagId(pub [u8; 16]);

impl FlagId {
    pub(super) fn of(rule: &str, key: &FactKey, stable: &[u8]) -> Self {
        let digest = hash("flag", &[rule.as_bytes(), &key.0, stable]);
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Reads 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ClaimId::parse(text).map(|id| Self(id.0))
    }
}

impl core::fmt::Display for FlagId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What was found; numbers are stable and never reused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// 1: see [`DetectorId::SuspectDuplicate`].
    SuspectDuplicate,
    /// 2: see [`DetectorId::ImpossibleDay`].
    ImpossibleDay,
    /// 3: see [`DetectorId::ServiceAfterDeath`].
    ServiceAfterDeath,
    /// 255: a pattern a policy names.
    Policy(String),
}

impl Pattern {
    /// The stable name: the detector's, or the policy's.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::SuspectDuplicate => DetectorId::SuspectDuplicate.as_str(),
            Self::ImpossibleDay => DetectorId::ImpossibleDay.as_str(),
            Self::ServiceAfterDeath => DetectorId::ServiceAfterDeath.as_str(),
            Self::Policy(name) => name,
        }
    }
}

impl From<DetectorId> for Pattern {
    fn from(detector: DetectorId) -> Self {
        match detector {
            DetectorId::SuspectDuplicate => Self::SuspectDuplicate,
            DetectorId::ImpossibleDay => Self::ImpossibleDay,
            DetectorId::ServiceAfterDeath => Self::ServiceAfterDeath,
        }
    }
}

/// A part of a score.
#[derive(Clone, PartialEq, Eq)]
pub struct ScorePart {
    /// Points of 1000.
    pub points: u16,
    /// What they are for.
    pub reason: String,
}

/// One thing a person should see.
#[derive(Clone, PartialEq, Eq)]
pub struct EvidenceItem {
    /// What it is.
    pub label: String,
    /// What it comes to, with its unit.
    pub value: String,
}

/// A finding, with all that makes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Flag {
    /// Its name.
    pub id: FlagId,
    /// What was found.
    pub pattern: Pattern,
    /// The rule's version and that of its parameters, or the policy's hash.
    pub rule_version: String,
    /// 0 to 1000: the sum of its parts, at most 1000.
    pub score: u16,
    /// How the score comes about.
    pub parts: Vec<ScorePart>,
    /// The claims and lines that make it (line zero: the whole claim), in order.
    pub claims: Vec<(ClaimId, u16)>,
    /// The earliest date of service among them.
    pub first_seen: ServiceDate,
    /// The latest date of service among them.
    pub last_seen: ServiceDate,
    /// The billed amount at stake.
    pub exposure: Money,
    /// The numbers behind it.
    pub evidence: Vec<EvidenceItem>,
}

/// What a detector says of a finding; the rest follows from its facts.
pub(super) struct Finding<'a> {
    pub detector: DetectorId,
    pub key: FactKey,
    /// What else the id depends on.
    pub stable: Vec<u8>,
    pub parts: Vec<ScorePart>,
    pub facts: Vec<&'a Fact>,
    pub exposure: Money,
    pub evidence: Vec<EvidenceItem>,
}

impl Finding<'_> {
    /// The flag; none without facts.
    pub(super) fn into_flag(self, parameters: &Parameters) -> Option<Flag> {
        let first_seen = self.facts.iter().map(|fact| fact.from).min()?;
        let last_seen = self.facts.iter().map(|fact| fact.through).max()?;
        let rule_version = parameters.rule_version(self.detector);
        let mut claims: Vec<_> = self
            .facts
            .iter()
            .map(|fact| (fact.claim, fact.line))
            .collect();
        claims.sort_unstable();
        let mut evidence = self.evidence;
        evidence.push(item("lines", claims.len().to_string()));
        claims.truncate(LINES);
        Some(Flag {
            id: FlagId::of(&rule_version, &self.key, &self.stable),
            pattern: self.detector.into(),
            rule_version,
            score: sum_of(&self.parts),
            parts: self.parts,
            claims,
            first_seen,
            last_seen,
            exposure: self.exposure,
            evidence,
        })
    }
}

/// The sum of the parts, at most [`HIGHEST`].
pub(super) fn sum_of(parts: &[ScorePart]) -> u16 {
    parts
        .iter()
        .fold(0u16, |sum, part| sum.saturating_add(part.points))
        .min(HIGHEST)
}

pub(super) fn part(points: u16, reason: impl Into<String>) -> ScorePart {
    ScorePart {
        points,
        reason: reason.into(),
    }
}

pub(super) fn item(label: &str, value: impl Into<String>) -> EvidenceItem {
    EvidenceItem {
        label: label.to_owned(),
        value: value.into(),
    }
}

/// The sum of the charges; the largest amount there is where it overflows.
pub(super) fn billed<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Money {
    Money::checked_sum(facts.into_iter().map(|fact| fact.charge))
        .unwrap_or(Money::from_scaled(i64::MAX))
}

impl Canon for FlagId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Canon::take(from)?))
    }
}

impl Canon for Pattern {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::SuspectDuplicate => out.push(1),
            Self::ImpossibleDay => out.push(2),
            Self::ServiceAfterDeath => out.push(3),
            Self::Policy(name) => {
                out.push(255);
                name.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::SuspectDuplicate),
            2 => Ok(Self::ImpossibleDay),
            3 => Ok(Self::ServiceAfterDeath),
            255 => Ok(Self::Policy(String::take(from)?)),
            n => Err(from.invalid("pattern", n.into())),
        }
    }
}

impl Canon for (ClaimId, u16) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((ClaimId::take(from)?, u16::take(from)?))
    }
}

impl Canon for Flag {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.id.put(out);
        self.pattern.put(out);
        self.rule_version.put(out);
        self.score.put(out);
        self.parts.put(out);
        self.claims.put(out);
        self.first_seen.put(out);
        self.last_seen.put(out);
        self.exposure.put(out);
        self.evidence.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("flag version", n.into())),
        }
        let flag = Self {
            id: Canon::take(from)?,
            pattern: Canon::take(from)?,
            rule_version: Canon::take(from)?,
            score: Canon::take(from)?,
            parts: Canon::take(from)?,
            claims: Canon::take(from)?,
            first_seen: Canon::take(from)?,
            last_seen: Canon::take(from)?,
            exposure: Canon::take(from)?,
            evidence: Canon::take(from)?,
        };
        if flag.score != sum_of(&flag.parts) {
            return Err(from.invalid("score that is the sum of its parts", flag.score.into()));
        }
        Ok(flag)
    }
}

crate::canon_record!(ScorePart { points, reason });
crate::canon_record!(EvidenceItem { label, value });
