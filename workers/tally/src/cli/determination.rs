//! A file of what is determined of a claim by hand: docs/lifecycle.md.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tally_core::adjudication::{
    AccumulatorScope, Adjustment, Description, LineDetermination, Posting,
};
use tally_types::{Carc, Group, Money, ShortCode};

use super::read_file;
use crate::view;

/// The longest file.
const LONGEST: u64 = 1 << 20;

/// What is determined of each line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewFile {
    lines: Vec<LineFile>,
    /// What its reader is told of it.
    #[serde(skip)]
    notes: OnceLock<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFile {
    line: u16,
    #[serde(default)]
    denied: bool,
    allowed: String,
    paid: String,
    clause: String,
    #[serde(default)]
    adjustments: Vec<AdjustmentFile>,
    #[serde(default)]
    accumulators: Vec<PostingFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdjustmentFile {
    group: String,
    carc: String,
    rarc: Option<String>,
    amount: String,
    clause: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostingFile {
    accumulator: String,
    amount: String,
}

impl ReviewFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_file(path, LONGEST)?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is no review", path.display()))
    }

    /// What it determines, in the terms of a policy.
    ///
    /// # Errors
    /// When it names what the policy does not have, or an amount is none.
    pub fn determine(&self, description: &Description) -> Result<Vec<LineDetermination>> {
        let of = |line: &LineFile| {
            determination(line, description).with_context(|| format!("line {}", line.line))
        };
        let lines = self.lines.iter().map(of).collect::<Result<Vec<_>>>()?;
        // Whoever asks again asks of the same claim.
        let _ = self.notes.set(one_sided(&lines, description));
        Ok(lines)
    }

    /// Says what a reader of the file should know, once it was determined.
    pub fn say_notes(&self) {
        for note in self.notes.get().into_iter().flatten() {
            eprintln!("note: {note}");
        }
    }
}

/// What is posted to a member's own accumulator and not to the family's of the same name,
/// or the other way round: nothing is posted but what a file says.
fn one_sided(lines: &[LineDetermination], description: &Description) -> Vec<String> {
    let declared = || (0u16..).zip(&description.accumulators);
    let families = declared().filter(|(_, of)| of.scope == AccumulatorScope::Family);
    let pairs: Vec<_> = families
        .filter_map(|(family, of)| {
            let own = of.name.strip_suffix("-family")?;
            let (member, own) = declared().find(|(_, other)| other.name == own)?;
            (own.unit == of.unit).then_some(((member, own), (family, of)))
        })
        .collect();
    let mut notes = Vec::new();
    for line in lines {
        let posted = |at: u16| {
            let of = line.postings.iter().filter(|of| of.accumulator == at);
            of.map(|of| of.amount).fold(0i64, i64::saturating_add)
        };
        for ((member, own), (family, of)) in &pairs {
            let (one, all) = (posted(*member), posted(*family));
            if one != all {
                notes.push(format!(
                    "line {} posts {} to {} and {} to {}: nothing is posted but what the file says, and where both count, both stand there",
                    line.line,
                    view::amount(one, own.unit),
                    own.name,
                    view::amount(all, of.unit),
                    of.name
                ));
            }
        }
    }
    notes
}

fn money(text: &str) -> Result<Money> {
    Money::parse(text).with_context(|| format!("`{text}` is no amount: write 12.34"))
}

fn clause(id: &str, description: &Description) -> Result<u16> {
    let position = description
        .clauses
        .iter()
        .position(|clause| clause.id == id);
    let position = position.and_then(|position| u16::try_from(position).ok());
    position
        .with_context(|| format!("the policy has no clause `{id}`: `tally policy show` lists them"))
}

fn determination(line: &LineFile, description: &Description) -> Result<LineDetermination> {
    Ok(LineDetermination {
        line: line.line,
        denied: line.denied,
        allowed: money(&line.allowed)?,
        paid: money(&line.paid)?,
        clause: clause(&line.clause, description)?,
        adjustments: line
            .adjustments
            .iter()
            .map(|adjustment| {
                let groups = [Group::Co, Group::Pr, Group::Oa, Group::Pi];
                let group = groups
                    .into_iter()
                    .find(|g| g.to_string() == adjustment.group);
                let carc = adjustment.carc.parse().ok().map(Carc);
                let rarc = adjustment.rarc.as_deref().map(ShortCode::parse);
                Ok(Adjustment {
                    group: group.with_context(|| {
                        format!("`{}` is no group: CO, PR, OA or PI", adjustment.group)
                    })?,
                    carc: carc.with_context(|| {
                        format!("`{}` is no adjustment reason", adjustment.carc)
                    })?,
                    rarc: match rarc {
                        None => ShortCode::NONE,
                        Some(code) => code.context("a remark code")?,
                    },
                    amount: money(&adjustment.amount)?,
                    clause: clause(&adjustment.clause, description)?,
                })
            })
            .collect::<Result<_>>()?,
        postings: line
            .accumulators
            .iter()
            .map(|posting| {
                let named = &posting.accumulator;
                let position = description
                    .accumulators
                    .iter()
                    .position(|a| a.name == *named);
                let position = position.and_then(|position| u16::try_from(position).ok());
                Ok(Posting {
                    accumulator: position
                        .with_context(|| format!("the policy has no accumulator `{named}`"))?,
                    amount: amount(&posting.amount)?,
                })
            })
            .collect::<Result<_>>()?,
    })
}

/// Minor units of an amount with a point, or a count.
fn amount(text: &str) -> Result<i64> {
    if text.contains('.') {
        return Ok(money(text)?.scaled());
    }
    text.parse()
        .with_context(|| format!("`{text}` is neither an amount nor a count"))
}
