//! How long records are kept.

use serde::Deserialize;
use tally_core::ledger::erasure::{Kind, RetentionRule, Since};

/// From when a rule counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinceConfig {
    /// The day the record was made.
    Made,
    /// The day something last happened to it.
    LastActivity,
    /// The last day it was in effect.
    LastInEffect,
}

/// A rule of retention.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// Its name.
    pub id: String,
    /// Of which kinds of records: `claim`.
    pub kinds: Vec<String>,
    /// How many years.
    pub years: u16,
    /// From when.
    pub since: SinceConfig,
    /// Where it is written, as `42 CFR 422.504(d)`.
    pub source: String,
}

impl RetentionConfig {
    /// The rule.
    ///
    /// # Errors
    /// What cannot be used of it.
    pub fn rule(&self) -> Result<RetentionRule, String> {
        let wrong = |what: String| format!("the `[[retention]]` `{}` has {what}", self.id);
        if self.id.is_empty() || self.source.is_empty() {
            return Err(wrong("no `id`, or no `source`".to_owned()));
        }
        let kinds = self.kinds.iter().map(|word| {
            let words = Kind::ALL.map(Kind::as_str).join(", ");
            let kind = Kind::parse(word);
            kind.ok_or_else(|| wrong(format!("the kind `{word}`: one of {words}")))
        });
        let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        if kinds.is_empty() {
            return Err(wrong("no kinds".to_owned()));
        }
        Ok(RetentionRule {
            id: self.id.clone(),
            kinds,
            years: self.years,
            since: match self.since {
                SinceConfig::Made => Since::Made,
                SinceConfig::LastActivity => Since::LastActivity,
                SinceConfig::LastInEffect => Since::LastInEffect,
            },
            source: self.source.clone(),
        })
    }
}
