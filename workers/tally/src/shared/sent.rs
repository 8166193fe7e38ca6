//! What this organisation sent to payers, read from the files that it keeps of it, so
//! that the claim a payer decided is held against the one that was sent.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::claim::{Claim, ClaimId};
use tally_core::interchange::{FileLimits, Source, read_claims};
use tally_types::ServiceDate;

use crate::node::keys::hex;
use crate::node::positions;

/// How often a folder that nothing was put in is looked through, at most: a file of it may
/// have been written anew.
const LOOK: Duration = Duration::from_secs(1);

/// A file, and the name that it was sent under.
type Named = Arc<(PathBuf, String)>;

/// How a file stood when it was read: its length, and when it was written.
type Stamp = (u64, Option<SystemTime>);

/// The files of a folder. Of them only which claims they hold is kept: a file is read
/// again when a claim of it is asked for.
pub struct Sent {
    folder: PathBuf,
    submitter: String,
    /// The files that were read, as they were then.
    files: BTreeMap<PathBuf, Stamp>,
    /// The file that each claim is in, and under which name it was sent.
    places: BTreeMap<ClaimId, Named>,
    /// When it was looked through, and how the folder stood.
    looked: Option<(Instant, SystemTime)>,
    /// The claims of the file that was read last, by the name it was sent under.
    open: Option<(Named, BTreeMap<ClaimId, Claim>)>,
}

impl Sent {
    /// Of files that an organisation sent, in a folder.
    pub fn new(folder: &Path, submitter: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            submitter: submitter.to_owned(),
            files: BTreeMap::new(),
            places: BTreeMap::new(),
            looked: None,
            open: None,
        }
    }

    /// A claim as it was sent, when one of the files has it.
    ///
    /// # Errors
    /// When the folder or a file of it cannot be read.
    pub fn find(&mut self, id: ClaimId) -> Result<Option<Claim>> {
        match self.places.get(&id) {
            Some(named) if self.stands(&named.0) => {}
            // A file that is another by now may have the claim otherwise, or no more.
            Some(_) => {
                self.looked = None;
                self.look()?;
            }
            None => self.look()?,
        }
        let Some(named) = self.places.get(&id).cloned() else {
            return Ok(None);
        };
        // What is asked for next is mostly of the same file.
        if self.open.as_ref().is_none_or(|(open, _)| *open != named) {
            let claims = self.claims(&read(&named.0)?, &named.1);
            self.open = Some((named, claims));
        }
        let claims = self.open.as_ref().map(|(_, claims)| claims);
        Ok(claims.and_then(|claims| claims.get(&id)).cloned())
    }

    /// Whether a file is as it was when it was read.
    fn stands(&self, file: &Path) -> bool {
        let stamp = fs::metadata(file).ok().map(|about| stamp(&about));
        stamp.is_some() && stamp == self.files.get(file).copied()
    }

    /// Looks for files that are new or other than they were.
    fn look(&mut self) -> Result<()> {
        let folder = self.folder.display();
        let stood = fs::metadata(&self.folder)
            .and_then(|about| about.modified())
            .with_context(|| format!("`ledger.sent`, {folder}, is not there"))?;
        let now = Instant::now();
        if let Some((looked, then)) = self.looked
            && now.duration_since(looked) < LOOK
            && then == stood
        {
            return Ok(());
        }
        let stands = self.listed()?;
        let known = self.files.iter();
        let other = known.filter(|(file, stamp)| stands.get(*file) != Some(*stamp));
        for file in other.map(|(file, _)| file.clone()).collect::<Vec<_>>() {
            self.files.remove(&file);
            self.places.retain(|_, named| named.0 != file);
            self.open = None;
        }
        for (file, stamp) in stands {
            if !self.files.contains_key(&file) {
                self.note(&file)?;
                self.files.insert(file, stamp);
            }
        }
        self.looked = Some((now, stood));
        Ok(())
    }

    /// The files that are there.
    fn listed(&self) -> Result<BTreeMap<PathBuf, Stamp>> {
        let folder = self.folder.display();
        let listed = fs::read_dir(&self.folder)
            .with_context(|| format!("`ledger.sent`, {folder}, cannot be listed"))?;
        let mut files = BTreeMap::new();
        for entry in listed {
            let file = entry?.path();
            let about = fs::metadata(&file).context("a file of `ledger.sent`")?;
            if about.is_file() {
                files.insert(file, stamp(&about));
            }
        }
        Ok(files)
    }

    /// Notes which claims a file has: sent under its own name, or under none.
    fn note(&mut self, file: &Path) -> Result<()> {
        let bytes = read(file)?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let of_hash = hex(&Sha256::digest(&bytes));
        let read = read_claims(&bytes, None, &self.source(&stem));
        for name in [of_hash, stem.into_owned()] {
            let ids = positions(&self.source(&name), &read);
            let named = Arc::new((file.to_owned(), name));
            let places = ids.into_keys().map(|id| (id, Arc::clone(&named)));
            self.places.extend(places);
        }
        Ok(())
    }

    /// What a payer's node reads a file as that was sent under a name.
    fn source<'a>(&'a self, name: &'a str) -> Source<'a> {
        Source {
            submitter: &self.submitter,
            interchange: name,
            // Each payer has a day of its own: it is not compared.
            received: ServiceDate::MAX,
        }
    }

    /// The claims of a file that was sent under a name, by the ids that the payer's node
    /// gives them.
    fn claims(&self, bytes: &[u8], name: &str) -> BTreeMap<ClaimId, Claim> {
        let read = read_claims(bytes, None, &self.source(name));
        let claims = read.claims.into_iter();
        claims.map(|claim| (claim.id, claim)).collect()
    }
}

fn stamp(about: &fs::Metadata) -> Stamp {
    (about.len(), about.modified().ok())
}

/// A file's bytes. Its name may be a patient's: an error does not have it.
fn read(file: &Path) -> Result<Vec<u8>> {
    let opened = fs::File::open(file).context("a file of `ledger.sent` cannot be opened")?;
    let mut bytes = Vec::new();
    let most = (FileLimits::BYTES as u64).saturating_add(1);
    opened.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(charge: &str) -> String {
        serde_json::json!({
            "format": "tallystick-claim/v1", "kind": "professional", "member": "M-1001",
            "control_number": "L-1", "billing": "1234567893", "diagnoses": ["J069"],
            "lines": [{ "procedure": "99213", "place": "11", "charge": charge, "from": "2026-01-05" }],
        })
        .to_string()
    }

    /// The id that a payer's node gives the first claim of a file.
    fn id(name: &str) -> ClaimId {
        ClaimId::of(&tally_core::claim::SubmissionKey {
            submitter: "lakeside".into(),
            interchange: name.into(),
            position: 0,
        })
    }

    fn charge(sent: &mut Sent, name: &str) -> Option<String> {
        // As if it had been a while.
        sent.looked = None;
        let found = sent.find(id(name)).unwrap();
        found.map(|claim| claim.charge.to_string())
    }

    #[test]
    fn a_claim_is_found_by_the_key_or_the_hash_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::new(folder.path(), "lakeside");
        assert_eq!(charge(&mut sent, "K-1"), None);
        let file = folder.path().join("K-1.json");
        fs::write(&file, text("120.00")).unwrap();
        let hash = hex(&Sha256::digest(text("120.00")));
        for name in ["K-1", &hash, "K-1"] {
            assert_eq!(charge(&mut sent, name).unwrap(), "120.00");
        }
        assert_eq!(charge(&mut sent, "K-2"), None);
        // Of another sender it is another claim.
        let mut others = Sent::new(folder.path(), "riverside");
        assert_eq!(charge(&mut others, "K-1"), None);
    }

    #[test]
    fn files_come_change_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Sent::new(folder.path(), "lakeside");
        let file = folder.path().join("K-1.json");
        fs::write(&file, text("120.00")).unwrap();
        assert!(charge(&mut sent, "K-1").is_some());
        fs::write(folder.path().join("K-2"), text("90.00")).unwrap();
        fs::create_dir(folder.path().join("older")).unwrap();
        assert_eq!(charge(&mut sent, "K-2").unwrap(), "90.00");
        // Written anew under the same name: what it held by its hash is not there now.
        let hash = hex(&Sha256::digest(text("120.00")));
        fs::write(&file, text("1120.00")).unwrap();
        assert_eq!(charge(&mut sent, "K-3"), None);
        assert_eq!(charge(&mut sent, "K-1").unwrap(), "1120.00");
        assert_eq!(charge(&mut sent, &hash), None);
        // Though nothing was looked for meanwhile.
        fs::write(&file, text("21120.00")).unwrap();
        let of_file = hex(&Sha256::digest(text("1120.00")));
        assert_eq!(charge(&mut sent, &of_file), None);
        assert_eq!(charge(&mut sent, "K-1").unwrap(), "21120.00");
        fs::remove_file(&file).unwrap();
        assert_eq!(charge(&mut sent, "K-3"), None);
        assert_eq!(charge(&mut sent, "K-1"), None);
        // A file that cannot be read has no claims, and stops nothing.
        fs::write(folder.path().join("K-4"), b"\xff\xfe no claims").unwrap();
        assert_eq!(charge(&mut sent, "K-2").unwrap(), "90.00");
    }
}
