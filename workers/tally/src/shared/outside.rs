//! A shared ledger as anybody sees it from outside: what a node serves, held against every rule
//! from the charter on. The node is not believed.

use anyhow::{Context as _, Result, ensure};
use tally_core::ledger::shared::{Audit, Authorities, Charter, Handover, Signed, Snapshot};
use tally_core::ledger::tiles::WIDTH;
use tally_core::ledger::{Checkpoint, Note};

use super::client::{Client, served_by};

/// What a node serves of a ledger, up to a checkpoint that a quorum signed.
pub struct Served {
    base: String,
    first: Vec<u8>,
    handovers: Vec<Handover>,
    /// The checkpoint, and who signed it.
    pub signed: Signed,
    /// How many had to.
    pub quorum: usize,
}

/// The epoch that a checkpoint says it is of; so many handovers lead to it.
///
/// # Errors
/// When it is of no shared ledger.
pub fn epoch_of(note: &Note) -> Result<u64> {
    let lines = Checkpoint::parse(&note.text)?.extensions;
    let said = lines.iter().find_map(|line| line.strip_prefix("epoch "));
    let said = said.context("a checkpoint without its epoch: it is of no shared ledger")?;
    Ok(said.parse()?)
}

/// Who signed a checkpoint, and the sets of authorities up to that, each of which a quorum of
/// the set before it signed. Of the handovers those are kept that lead to it: one may have been
/// served since.
fn reached(
    founders: &Authorities,
    handovers: &mut Vec<Handover>,
    note: &Note,
) -> Result<(Signed, Vec<Authorities>)> {
    handovers.truncate(usize::try_from(epoch_of(note)?)?);
    Ok(founders.reach(handovers, note)?)
}

impl Served {
    /// What the node at an address serves: the checkpoint and the handovers to it, the first
    /// of which the charter's authorities signed.
    ///
    /// # Errors
    /// When it does not answer, or no quorum signed that follows from the charter.
    pub async fn by(client: &Client, node: &str, charter: &Charter) -> Result<Self> {
        let founders = Snapshot::found(charter)?.state.authorities.clone();
        let base = served_by(node);
        let url = format!("{base}/checkpoint");
        let note = client.get(&url, None).await?.done();
        let note = note.with_context(|| format!("{url} is no checkpoint"))?;
        let note = Note::parse(&String::from_utf8(note)?)?;
        let mut handovers = client.handovers(&base).await?;
        let (signed, sets) = reached(&founders, &mut handovers, &note)
            .with_context(|| format!("{url}: no quorum signed that follows from the charter"))?;
        Ok(Self {
            base,
            first: charter.leaf(),
            handovers,
            signed,
            quorum: sets.last().map_or(0, |set| set.quorum()),
        })
    }

    /// The epoch that the checkpoint is of.
    #[must_use]
    pub fn epoch(&self) -> usize {
        self.handovers.len()
    }

    /// Fetches the leaves and holds every rule against each; `each` is given those that hold,
    /// a bundle at a time. Answers how many organisations there are.
    ///
    /// # Errors
    /// The first thing that does not hold; or when the node does not answer.
    pub async fn audit(
        &self,
        client: &Client,
        mut each: impl FnMut(Vec<Vec<u8>>),
    ) -> Result<usize> {
        let size = self.signed.checkpoint.size;
        let mut audit: Option<Audit> = None;
        let mut ended = Vec::new();
        let mut at = 0_u64;
        for index in 0..size.div_ceil(WIDTH) {
            let width = (size - index * WIDTH).min(WIDTH);
            let leaves = client.bundle(&self.base, index, width).await?;
            for leaf in &leaves {
                let broken = || format!("leaf {at}");
                match &mut audit {
                    None => {
                        ensure!(*leaf == self.first, "leaf 0 is another charter");
                        audit = Some(Audit::begin(leaf).with_context(broken)?);
                    }
                    Some(audit) => ended.extend(audit.leaf(leaf).with_context(broken)?),
                }
                at += 1;
            }
            each(leaves);
        }
        let audit = audit.context("there is no leaf")?;
        let (state, tree) = audit.end().context("the last leaf")?;
        ensure!(
            tree.root() == self.signed.checkpoint.root,
            "the leaves do not give the root that a quorum signed"
        );
        let ends: Vec<_> = ended.iter().map(|(_, checkpoint)| checkpoint).collect();
        self.epochs(&ends)?;
        Ok(state.members.len())
    }

    /// Each epoch has to end where the leaves say, and hand over to whom they say.
    fn epochs(&self, ends: &[&Checkpoint]) -> Result<()> {
        for (epoch, note) in self.handovers.iter().enumerate() {
            ensure!(
                ends.get(epoch).is_some_and(|end| end.text() == note.text),
                "the handover of epoch {epoch} is not what the leaves come to"
            );
        }
        // The last checkpoint may itself be the one by which its epoch ended.
        let last = ends.get(self.handovers.len());
        ensure!(
            last.is_none_or(|end| end.text() == self.signed.checkpoint.text())
                && ends.len() <= self.handovers.len() + 1,
            "by the leaves epoch {} ended before the checkpoint that was signed",
            self.handovers.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::applying::tests::applicant;

    /// A handover that is served after the checkpoint was asked for leaves it as it is.
    #[tokio::test]
    async fn a_handover_that_came_since_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (node, application) = applicant(folder.path(), "one").await;
        let charter = crate::shared::found("ledger.example", &[application], Vec::new()).unwrap();
        let founders = Snapshot::found(&charter).unwrap().signers;
        let key = node.authority_key("ledger.example").unwrap().unwrap();
        let next = Authorities {
            epoch: 1,
            ..Authorities::clone(&founders)
        };
        let before = founders.checkpoint(6, [1; 32], None).sign(&key);
        let handover = founders.checkpoint(7, [2; 32], Some(&next)).sign(&key);
        let after = next.checkpoint(9, [3; 32], None).sign(&key);
        assert!(
            founders
                .reach(std::slice::from_ref(&handover), &before)
                .is_err()
        );
        for (note, led, epoch) in [(&before, 0, 0), (&handover, 0, 0), (&after, 1, 1)] {
            let mut served = vec![handover.clone()];
            let (signed, sets) = reached(&founders, &mut served, note).unwrap();
            assert_eq!(signed.checkpoint.text(), note.text);
            assert_eq!((served.len(), sets.last().unwrap().epoch), (led, epoch));
        }
        let mut none = Vec::new();
        assert!(reached(&founders, &mut none, &after).is_err());
    }
}
