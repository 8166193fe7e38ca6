//! The evidence that a witness keeps, as files in its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tally_core::ledger::Checkpoint;
use tally_core::ledger::witness::{Evidence, Log, Signers};

use super::keep;
use crate::node::keys::hex;

/// How files of evidence begin.
pub(super) const EVIDENCE: &str = "evidence-";
/// The most files that are kept against one, whoever else signed both of their texts too.
/// So there are never more than as many of each that signs or signed for a log known here.
pub(super) const MOST: usize = 64;

/// Logs by their origin.
type Logs = BTreeMap<String, Log>;
/// Who signed both texts: a log, and who it is there; an empty name where it is nobody known.
type Accused = BTreeSet<(String, String)>;

/// What is kept.
pub(super) struct Kept {
    folder: PathBuf,
    /// By the file's name, as far as it was read.
    files: BTreeMap<String, Accused>,
    /// Against whom it was told that no more is kept.
    told: Accused,
}

impl Kept {
    /// What is in a folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: BTreeMap::new(),
            told: Accused::new(),
        }
    }

    /// Keeps evidence in a file that is named by its two texts, unless as much as may be is
    /// kept against each that signed both. Of texts that it has evidence of already, it
    /// keeps who else signed them.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn add(&mut self, evidence: &Evidence, logs: &Logs) -> Result<()> {
        let name = format!("{EVIDENCE}{}", hex(&evidence.name()));
        let path = self.folder.join(&name);
        let mut evidence = evidence.clone();
        if path.exists() {
            // What is damaged is written anew.
            if let Some(mut known) = read(&path) {
                let kept = known.clone();
                known.unite(&evidence);
                if known == kept {
                    return Ok(());
                }
                evidence = known;
            }
        } else if !self.has_room(&evidence, logs)? {
            return Ok(());
        }
        let text = evidence.to_string();
        keep(&path, &text)?;
        self.files.insert(name, accused(&evidence, logs));
        eprintln!("evidence: a log signed what cannot both be true:\n{text}");
        Ok(())
    }

    /// Whether more may be kept against one at least of those that signed both.
    fn has_room(&mut self, evidence: &Evidence, logs: &Logs) -> Result<bool> {
        self.look(logs)?;
        let of = accused(evidence, logs);
        let against = |who| self.files.values().filter(|of| of.contains(who)).count();
        if of.iter().any(|who| against(who) < MOST) {
            return Ok(true);
        }
        if !of.is_subset(&self.told) {
            let names: Vec<_> = of.iter().map(|(_, name)| name.as_str()).collect();
            tracing::warn!(
                "against `{}` {MOST} files of evidence are in {}: what else is only against them is neither kept nor told \
                 of until some are moved elsewhere, nor is this:\n{evidence}",
                names.join("`, `"),
                self.folder.display()
            );
        }
        self.told.extend(of);
        Ok(false)
    }

    /// Reads the files that are new, and forgets those that were moved elsewhere.
    fn look(&mut self, logs: &Logs) -> Result<()> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // One that was being written is called `….new`.
            if !name.starts_with(EVIDENCE) || name.contains('.') {
                continue;
            }
            let of = match self.files.remove(&name) {
                Some(known) => known,
                // What is damaged is against nobody.
                None => read(&entry.path()).map_or_else(Accused::new, |of| accused(&of, logs)),
            };
            found.insert(name, of);
        }
        self.files = found;
        Ok(())
    }
}

fn read(path: &Path) -> Option<Evidence> {
    Evidence::parse(&fs::read_to_string(path).ok()?).ok()
}

/// Whom evidence is against, of those that sign and signed for its log.
fn accused(evidence: &Evidence, logs: &Logs) -> Accused {
    let origin = Checkpoint::parse(&evidence.smaller.text).map(|of| of.origin);
    let origin = origin.unwrap_or_default();
    let names = logs.get(&origin).and_then(|log| {
        let ended = log
            .ended()
            .iter()
            .map(|of| Signers::Authorities(of.set().clone()));
        let signers: Vec<_> = ended.chain([log.signers().clone()]).collect();
        evidence.check(&signers).ok()
    });
    let names = names.unwrap_or_else(|| vec![String::new()]);
    names
        .into_iter()
        .map(|name| (origin.clone(), name))
        .collect()
}
