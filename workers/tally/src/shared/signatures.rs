//! How a quorum's signatures come together under one checkpoint.

use std::collections::BTreeMap;

use tally_core::canon::{Canon, DecodeError, Reader};
use tally_core::ledger::shared::{Authorities, Envelope, Snapshot};
use tally_core::ledger::{Note, Signature, SigningKey, VerifierKey};
use tally_store::port::SharedCheckpoint;

/// The most checkpoints whose signatures are collected at once.
const OPEN: usize = 256;
/// The most texts of one size that signatures are kept of: one is right.
const TEXTS: usize = 16;
/// The most signatures of one text.
const LINES: usize = 64;

/// What authorities tell each other beside the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gossip {
    /// An envelope that waits.
    Envelope(Box<Envelope>),
    /// An authority signed the checkpoint of a block: its size, and the note with that
    /// one signature.
    Signed(String),
    /// A checkpoint that a quorum signed.
    Checkpoint(String),
}

impl Canon for Gossip {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Envelope(envelope) => {
                out.push(1);
                envelope.put(out);
            }
            Self::Signed(note) => {
                out.push(2);
                note.put(out);
            }
            Self::Checkpoint(note) => {
                out.push(3);
                note.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::take(from)? {
            1 => Self::Envelope(Box::new(Canon::take(from)?)),
            2 => Self::Signed(Canon::take(from)?),
            3 => Self::Checkpoint(Canon::take(from)?),
            n => return Err(from.invalid("gossip", n.into())),
        })
    }
}

/// A checkpoint whose signatures are being collected.
struct Open {
    /// The text that this node's own log says is right; `None` while it has not
    /// written that block.
    text: Option<(String, Authorities)>,
    /// Signature lines by text: what is not this node's own text is a sign of harm.
    lines: BTreeMap<String, Vec<Signature>>,
}

/// Collects signatures until a quorum has signed.
#[derive(Default)]
pub struct Collector(BTreeMap<(u64, u64), Open>);

impl Collector {
    /// This node has written a block: signs its checkpoint, where it is an authority of
    /// the epoch. Answers what to tell others, and the checkpoint if a quorum has signed.
    pub fn written(
        &mut self,
        snapshot: &Snapshot,
        key: Option<&SigningKey>,
    ) -> (Option<Gossip>, Option<SharedCheckpoint>) {
        let checkpoint = snapshot.checkpoint();
        let at = (snapshot.signers.epoch, checkpoint.size);
        let text = checkpoint.text();
        let open = self.open(at);
        open.text = Some((text.clone(), (*snapshot.signers).clone()));
        let is_one = |key: &&SigningKey| {
            let public = key.verifier().public();
            snapshot.signers.members.iter().any(|a| a.key == public)
        };
        let told = key.filter(is_one).map(|key| {
            let note = checkpoint.sign(key);
            let mine = open.lines.entry(text).or_default();
            mine.extend(note.signatures.iter().cloned());
            Gossip::Signed(note.to_string())
        });
        (told, self.gathered(at))
    }

    /// Somebody signed. Answers the checkpoint if a quorum has by now.
    pub fn heard(&mut self, note: &str) -> Option<SharedCheckpoint> {
        let note = Note::parse(note).ok()?;
        let (epoch, size) = place(&note)?;
        let [line] = &note.signatures[..] else {
            return None;
        };
        let at = (epoch, size);
        // What is far ahead is said again when its time has come.
        if self.0.len() >= OPEN && self.0.last_key_value().is_some_and(|(last, _)| *last < at) {
            return None;
        }
        let lines = &mut self.open(at).lines;
        if lines.len() >= TEXTS && !lines.contains_key(&note.text) {
            return None;
        }
        let lines = lines.entry(note.text).or_default();
        if lines.len() < LINES && !lines.contains(line) {
            lines.push(line.clone());
        }
        self.gathered(at)
    }

    /// Forgets what is before a checkpoint that is kept.
    pub fn forget(&mut self, before: (u64, u64)) {
        self.0 = self.0.split_off(&before);
    }

    fn open(&mut self, at: (u64, u64)) -> &mut Open {
        while self.0.len() >= OPEN && !self.0.contains_key(&at) {
            self.0.pop_last();
        }
        self.0.entry(at).or_insert_with(|| Open {
            text: None,
            lines: BTreeMap::new(),
        })
    }

    /// The checkpoint, if a quorum has signed the text that is this node's own.
    fn gathered(&mut self, at: (u64, u64)) -> Option<SharedCheckpoint> {
        let open = self.0.get(&at)?;
        let (text, set) = open.text.as_ref()?;
        let lines = open.lines.get(text)?;
        let mut note = Note {
            text: text.clone(),
            signatures: Vec::new(),
        };
        for authority in &set.members {
            let Ok(key) = VerifierKey::new(&set.origin, &authority.key) else {
                continue;
            };
            let mut of_key = lines.iter().filter(|line| key.is_of(line));
            let holds = |line: &&Signature| {
                let one = Note {
                    text: text.clone(),
                    signatures: vec![(*line).clone()],
                };
                one.verify_line(0, &key).is_ok()
            };
            note.signatures.extend(of_key.find(holds).cloned());
        }
        let signed = set.verify(&note).ok()?;
        Some(SharedCheckpoint {
            size: at.1,
            epoch: at.0,
            hands_over: signed.next.is_some(),
            note: note.to_string(),
        })
    }

    /// Takes out what authorities signed that is not what this node has written: notes
    /// that are each evidence against who signed.
    #[must_use]
    pub fn take_contradictions(&mut self) -> Vec<Note> {
        let mut found = Vec::new();
        for open in self.0.values_mut() {
            let Some((text, set)) = &open.text else {
                continue;
            };
            let right = open.lines.remove_entry(text);
            let others = std::mem::replace(&mut open.lines, right.into_iter().collect());
            let keys: Vec<_> = set
                .members
                .iter()
                .filter_map(|authority| VerifierKey::new(&set.origin, &authority.key).ok())
                .collect();
            let notes = others.into_iter().flat_map(|(text, lines)| {
                lines.into_iter().map(move |line| Note {
                    text: text.clone(),
                    signatures: vec![line],
                })
            });
            found.extend(
                notes.filter(|note| keys.iter().any(|key| note.verify_line(0, key).is_ok())),
            );
        }
        found
    }
}

/// The epoch and size that a checkpoint's text says.
pub fn place(note: &Note) -> Option<(u64, u64)> {
    let checkpoint = tally_core::ledger::Checkpoint::parse(&note.text).ok()?;
    let epoch = checkpoint.extensions.first()?.strip_prefix("epoch ")?;
    Some((epoch.parse().ok()?, checkpoint.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(size: u64, root: u8) -> String {
        let key = SigningKey::new("ledger.example", &[1; 32]).unwrap();
        let checkpoint = tally_core::ledger::Checkpoint {
            origin: "ledger.example".into(),
            size,
            root: [root; 32],
            extensions: vec!["epoch 0".into()],
        };
        checkpoint.sign(&key).to_string()
    }

    /// Whoever signs whatever comes to mind fills no memory, and drives out nothing that
    /// comes sooner.
    #[test]
    fn what_is_heard_is_bounded() {
        let mut collector = Collector::default();
        collector.heard(&signed(5, 0));
        for size in (1_000..).take(4 * OPEN) {
            collector.heard(&signed(size, 0));
        }
        assert_eq!(collector.0.len(), OPEN);
        assert!(collector.0.contains_key(&(0, 5)));
        for root in 0..200 {
            collector.heard(&signed(5, root));
        }
        assert_eq!(collector.0[&(0, 5)].lines.len(), TEXTS);
    }
}
