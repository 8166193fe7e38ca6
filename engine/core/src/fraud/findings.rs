//! What a policy found, as flags.

use std::collections::BTreeMap;

use tally_types::Money;

use super::fact::FactKey;
use super::flag::{Flag, FlagId, HIGHEST, Pattern, item, part};
use crate::adjudication::Outcome;
use crate::canon::Canon;
use crate::claim::{Claim, ServiceLine};

/// A flag for each finding of the policy on this claim. A finding stated twice
/// is one flag, with the higher score. An outcome of another claim, or one
/// that no policy decided, gives none.
#[must_use]
pub fn flags_of_findings(claim: &Claim, outcome: &Outcome) -> Vec<Flag> {
    let Some(policy) = outcome.policy().filter(|_| outcome.claim() == claim.id) else {
        return Vec::new();
    };
    let hash: String = policy.iter().map(|byte| format!("{byte:02x}")).collect();
    let rule_version = format!("policy/{hash}");
    let key = FactKey::of("claim", &[&claim.id.0]);
    let mut findings: BTreeMap<(&str, u16, &str), u16> = BTreeMap::new();
    for found in outcome.findings() {
        let score = findings
            .entry((&found.pattern, found.line, &found.clause))
            .or_default();
        *score = found.score.min(HIGHEST).max(*score);
    }
    findings
        .into_iter()
        .map(|((pattern, line, clause), score)| {
            let lines: Vec<&ServiceLine> = claim
                .lines
                .iter()
                .filter(|l| line == 0 || l.number == line)
                .collect();
            let mut stable = pattern.to_owned().to_canon();
            line.put(&mut stable);
            clause.to_owned().put(&mut stable);
            let first = lines.iter().map(|l| l.from).min();
            Flag {
                id: FlagId::of(&rule_version, &key, &stable),
                pattern: Pattern::Policy(pattern.to_owned()),
                rule_version: rule_version.clone(),
                score,
                parts: vec![part(score, format!("the policy's own score, {pattern}"))],
                claims: vec![(claim.id, line)],
                first_seen: first.unwrap_or_else(|| claim.first_service()),
                last_seen: lines
                    .iter()
                    .map(|l| l.through)
                    .max()
                    .unwrap_or_else(|| claim.first_service()),
                exposure: Money::checked_sum(lines.iter().map(|l| l.charge))
                    .unwrap_or(claim.charge),
                evidence: vec![item("clause", clause), item("policy", hash.as_str())],
            }
        })
        .collect()
}
