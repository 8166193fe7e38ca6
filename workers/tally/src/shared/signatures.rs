//! How a quorum's signatures come together under one checkpoint.

use std::collections::BTreeMap;

use tally_core::canon::{Canon, DecodeError, Reader};
use tally_core::ledger::shared::{Authorities, Envelope, MAX_AUTHORITIES, OrganisationId};
use tally_core::ledger::{Checkpoint, Note, Signature, SigningKey, VerifierKey};
use tally_store::port::SharedCheckpoint;

use super::trace;

/// The most checkpoints whose signatures are collected at once.
const OPEN: usize = 256;
/// The most texts of one size that signatures are kept of: one is right.
const TEXTS: usize = 16;
/// The same before this node has written that size: until then nobody's signature can be
/// checked.
const TEXTS_AHEAD: usize = 4;
/// The most signatures of one text: one of each authority.
const LINES: usize = MAX_AUTHORITIES;
/// The longest text, in bytes: that by which the largest set hands over to the largest,
/// with the longest names, is a little shorter.
const TEXT: usize = 14 << 10;
/// The bytes of a signature's line: the key's id, and an ed25519 signature.
const LINE: usize = 4 + 64;

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

/// What this node's own log says is right.
struct Own {
    text: String,
    /// Who signs it, and their keys.
    set: Authorities,
    keys: Vec<VerifierKey>,
    /// Whether it hands over to the next set.
    hands_over: bool,
}

/// A checkpoint whose signatures are being collected.
#[derive(Default)]
struct Open {
    /// What is right; `None` while this node has not written that block.
    text: Option<Own>,
    /// Signature lines by text: what is not this node's own text is a sign of harm.
    lines: BTreeMap<String, Vec<Signature>>,
    /// Those of the own text that hold, by the place of who signed in the set.
    signed: BTreeMap<usize, Signature>,
}

/// A checkpoint that a quorum signed.
pub struct Gathered {
    /// As it is kept.
    pub checkpoint: SharedCheckpoint,
    /// What it says.
    pub says: Checkpoint,
    /// The keys of those who signed.
    pub signers: Vec<[u8; 32]>,
}

/// Collects signatures until a quorum has signed.
pub struct Collector {
    /// The ledger's name, and so that of its authorities' keys.
    origin: String,
    open: BTreeMap<(u64, u64), Open>,
    /// What is before this is not collected any more.
    from: (u64, u64),
}

impl Collector {
    /// One that knows of no signature yet, for the ledger of this name.
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            open: BTreeMap::new(),
            from: (0, 0),
        }
    }

    /// This node's own log says that a checkpoint of a set is right: signs it, where the
    /// node is an authority of the epoch. Answers what to tell others, and the checkpoint
    /// if a quorum has signed.
    pub fn written(
        &mut self,
        set: &Authorities,
        checkpoint: &Checkpoint,
        key: Option<&SigningKey>,
    ) -> (Option<Gossip>, Option<Gathered>) {
        let at = (set.epoch, checkpoint.size);
        let text = checkpoint.text();
        // What is smaller and not of this log will never be.
        self.open
            .retain(|of, open| open.text.is_some() || *of >= at);
        let mine = |(of, open): (&(u64, u64), &Open)| {
            let hands_over = open.text.as_ref().map(|own| own.hands_over);
            (hands_over == Some(false)).then_some(*of)
        };
        if self.open.len() >= OPEN
            && let Some(oldest) = self.open.iter().find_map(mine)
        {
            self.open.remove(&oldest);
        }
        let open = self.open.entry(at).or_default();
        open.text = Some(Own {
            text: text.clone(),
            set: set.clone(),
            keys: set.keys().unwrap_or_default(),
            // Behind the lines that name the epoch and its set.
            hands_over: checkpoint.extensions.len() > 2,
        });
        let is_one = |key: &&SigningKey| {
            let public = key.verifier().public();
            set.members.iter().any(|a| a.key == public)
        };
        let told = key.filter(is_one).map(|key| {
            trace::signed(at.0, checkpoint);
            let note = checkpoint.sign(key);
            let mine = open.lines.entry(text).or_default();
            mine.extend(note.signatures.iter().cloned());
            Gossip::Signed(note.to_string())
        });
        (told, self.gathered(at))
    }

    /// Somebody signed. Answers the checkpoint if a quorum has by now.
    pub fn heard(&mut self, note: &str) -> Option<Gathered> {
        let note = Note::parse(note).ok()?;
        let at = place(&note)?;
        let [line] = &note.signatures[..] else {
            return None;
        };
        if at < self.from || !self.may_be(&note, line) {
            return None;
        }
        // What is far ahead is said again when its time has come.
        let strange = self.open.iter().filter(|(_, open)| open.text.is_none());
        if !self.open.contains_key(&at) && strange.clone().count() >= OPEN {
            let last = strange.map(|(of, _)| *of).next_back()?;
            if last < at {
                return None;
            }
            self.open.remove(&last);
        }
        let open = self.open.entry(at).or_default();
        let is_own = open.text.as_ref().is_some_and(|own| own.text == note.text);
        // Once it is known what is right, anything else is kept as evidence alone.
        let signs = |own: &Own| own.keys.iter().any(|key| note.verify_line(0, key).is_ok());
        if !is_own && open.text.as_ref().is_some_and(|own| !signs(own)) {
            return None;
        }
        let texts = match open.text {
            Some(_) => TEXTS,
            None => TEXTS_AHEAD,
        };
        let lines = &mut open.lines;
        if !is_own && lines.len() >= texts && !lines.contains_key(&note.text) {
            return None;
        }
        let lines = lines.entry(note.text).or_default();
        if lines.len() < LINES && !lines.contains(line) {
            lines.push(line.clone());
        }
        self.gathered(at)
    }

    /// Whether a line is in the form of an authority's signature, of a text that may be
    /// one of this ledger: whoever signed it, it is no longer than such a one.
    fn may_be(&self, note: &Note, line: &Signature) -> bool {
        let of_ledger = note.text.lines().next() == Some(self.origin.as_str());
        let is_line = line.name == self.origin && line.bytes.len() == LINE;
        of_ledger && is_line && note.text.len() <= TEXT
    }

    /// Forgets what is before a checkpoint that is kept.
    pub fn forget(&mut self, before: (u64, u64)) {
        self.from = self.from.max(before);
        self.open = self.open.split_off(&self.from);
    }

    /// The checkpoint, if a quorum has signed the text that is this node's own and one of
    /// them was not known before.
    fn gathered(&mut self, at: (u64, u64)) -> Option<Gathered> {
        let open = self.open.get_mut(&at)?;
        let Own {
            text, set, keys, ..
        } = open.text.as_ref()?;
        let says = Checkpoint::parse(text).ok()?;
        let mut new = false;
        for line in open.lines.remove(text).unwrap_or_default() {
            let Some(place) = keys.iter().position(|key| key.is_of(&line)) else {
                continue;
            };
            let one = Note {
                text: text.clone(),
                signatures: vec![line.clone()],
            };
            if !open.signed.contains_key(&place) && one.verify_line(0, &keys[place]).is_ok() {
                trace::collected(&keys[place].public(), &says);
                open.signed.insert(place, line);
                new = true;
            }
        }
        if !new || open.signed.len() < set.quorum() {
            return None;
        }
        let note = Note {
            text: text.clone(),
            signatures: open.signed.values().cloned().collect(),
        };
        let signed = set.verify(&note).ok()?;
        let signers = open.signed.keys().map(|place| keys[*place].public());
        Some(Gathered {
            checkpoint: SharedCheckpoint {
                size: at.1,
                epoch: at.0,
                hands_over: signed.next.is_some(),
                note: note.to_string(),
            },
            says,
            signers: signers.collect(),
        })
    }

    /// Takes out what authorities signed that is not what this node has written: who,
    /// and the notes, which are each evidence against who signed.
    #[must_use]
    pub fn take_contradictions(&mut self) -> Vec<(OrganisationId, Note)> {
        let mut found = Vec::new();
        for open in self.open.values_mut() {
            let Some(Own {
                text, set, keys, ..
            }) = &open.text
            else {
                continue;
            };
            let right = open.lines.remove_entry(text);
            let others = std::mem::replace(&mut open.lines, right.into_iter().collect());
            for (text, lines) in others {
                for line in lines {
                    let note = Note {
                        text: text.clone(),
                        signatures: vec![line],
                    };
                    let by = keys.iter().position(|key| note.verify_line(0, key).is_ok());
                    if let Some(by) = by.and_then(|by| set.members.get(by)) {
                        found.push((by.organisation.clone(), note));
                    }
                }
            }
        }
        found
    }
}

/// The epoch and size that a checkpoint's text says.
pub fn place(note: &Note) -> Option<(u64, u64)> {
    let checkpoint = Checkpoint::parse(&note.text).ok()?;
    let epoch = checkpoint.extensions.first()?.strip_prefix("epoch ")?;
    Some((epoch.parse().ok()?, checkpoint.size))
}

#[cfg(test)]
mod tests {
    use tally_core::ledger::shared::{Authority, Witness};

    use super::*;

    fn signed(size: u64, root: u8) -> String {
        let key = SigningKey::new("ledger.example", &[1; 32]).unwrap();
        let checkpoint = Checkpoint {
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
        let mut collector = Collector::new("ledger.example");
        collector.heard(&signed(5, 0));
        for size in (1_000..).take(4 * OPEN) {
            collector.heard(&signed(size, 0));
        }
        assert_eq!(collector.open.len(), OPEN);
        assert!(collector.open.contains_key(&(0, 5)));
        for root in 0..200 {
            collector.heard(&signed(5, root));
        }
        assert_eq!(collector.open[&(0, 5)].lines.len(), TEXTS_AHEAD);
    }

    /// How many bytes are kept of a place.
    fn kept(open: &Open) -> usize {
        let line = |line: &Signature| {
            size_of::<Signature>() + line.name.capacity() + line.bytes.capacity()
        };
        let lines = |lines: &Vec<Signature>| lines.iter().map(line).sum::<usize>();
        let texts = open.lines.iter();
        texts.map(|(text, of)| text.capacity() + lines(of)).sum()
    }

    /// Nor by the bytes: of texts as long as may be, each with as many signatures as may be,
    /// what nobody can check yet comes to less than 32 MiB.
    #[test]
    fn what_is_heard_is_bounded_in_bytes() {
        let mut collector = Collector::new("ledger.example");
        let long = |n: usize, bytes: usize| Checkpoint {
            origin: "ledger.example".into(),
            size: 5,
            root: [0; 32],
            extensions: vec!["epoch 0".into(), format!("{n:0>bytes$}")],
        };
        let said = |checkpoint: &Checkpoint, name: &str, bytes: Vec<u8>| {
            let name = name.to_owned();
            let signatures = vec![Signature { name, bytes }];
            let text = checkpoint.text();
            Note { text, signatures }.to_string()
        };
        for n in 0..2 * TEXTS_AHEAD {
            for line in 0..3 * LINES {
                let bytes = vec![u8::try_from(line).unwrap(); 68];
                collector.heard(&said(&long(n, TEXT - 200), "ledger.example", bytes));
            }
        }
        let open = &collector.open[&(0, 5)];
        assert_eq!(open.lines.len(), TEXTS_AHEAD);
        assert!(open.lines.values().all(|lines| lines.len() == LINES));
        assert!(kept(open) * OPEN < 32 << 20, "{}", kept(open));

        // What is no signature by a key of the ledger, of its checkpoint, is not kept at all.
        let mut other = long(0, 9);
        other.origin = "another.example".into();
        let mut collector = Collector::new("ledger.example");
        for wrong in [
            said(&long(0, 9), "ledger.example", vec![1; 5]),
            said(&long(0, 9), "ledger.example", vec![1; 67]),
            said(&long(0, 9), "ledger.example", vec![1; 30_000]),
            said(&long(0, 9), "another.example", vec![1; 68]),
            said(&long(0, TEXT), "ledger.example", vec![1; 68]),
            said(&other, "ledger.example", vec![1; 68]),
        ] {
            collector.heard(&wrong);
        }
        assert!(collector.open.is_empty());
    }

    /// The longest checkpoint that there may be is heard: of the longest names, by which the
    /// largest set hands over to the largest.
    #[test]
    fn the_longest_checkpoint_is_heard() {
        let origin = "o".repeat(200);
        let key = |seed: usize, cosigns: bool| {
            let secret = &[u8::try_from(seed).unwrap() + 1; 32];
            let of = if cosigns {
                SigningKey::cosigner
            } else {
                SigningKey::new
            };
            of(&origin, secret).unwrap()
        };
        let member = |n: usize| Authority {
            organisation: OrganisationId::parse(&format!("{n:0>64}")).unwrap(),
            key: key(n, false).verifier().public(),
        };
        let named = |n: usize| Witness {
            name: format!("{n:w>200}"),
            key: key(99 + n, true).verifier().public(),
        };
        let set = Authorities {
            origin: origin.clone(),
            epoch: u64::MAX - 1,
            members: (0..MAX_AUTHORITIES).map(member).collect(),
            witnesses: (0..32).map(named).collect(),
        };
        let mut next = set.clone();
        next.epoch = u64::MAX;
        assert_eq!(Authorities::parse(&set.text()).as_ref(), Ok(&set));
        let checkpoint = set.checkpoint(u64::MAX, [255; 32], Some(&next));
        let mut collector = Collector::new(&origin);
        collector.written(&set, &checkpoint, None);
        let mut gathered = None;
        for n in 0..set.quorum() {
            assert!(gathered.is_none());
            gathered = collector.heard(&checkpoint.sign(&key(n, false)).to_string());
        }
        assert!(gathered.unwrap().checkpoint.hands_over);
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::new("ledger.example", &[seed; 32]).unwrap()
    }

    /// A set of one, and the next.
    fn sets() -> [Authorities; 2] {
        [0, 1].map(|epoch| Authorities {
            origin: "ledger.example".into(),
            epoch,
            members: vec![Authority {
                organisation: OrganisationId::parse("one").unwrap(),
                key: key(1).verifier().public(),
            }],
            witnesses: Vec::new(),
        })
    }

    /// What nobody signed keeps out nothing that is right.
    #[test]
    fn junk_keeps_out_nothing() {
        let [set, _] = sets();
        let mut collector = Collector::new("ledger.example");
        let right = set.checkpoint(5, [9; 32], None);
        let fill = |collector: &mut Collector, key: &SigningKey| {
            for root in 0..2 * TEXTS {
                let root = u8::try_from(root).unwrap();
                let junk = set.checkpoint(5, [root; 32], None).sign(key);
                collector.heard(&junk.to_string());
            }
        };
        // Before the block is written, and behind it.
        fill(&mut collector, &key(7));
        assert!(collector.written(&set, &right, None).1.is_none());
        fill(&mut collector, &key(8));
        let gathered = collector.heard(&right.sign(&key(1)).to_string());
        assert_eq!(gathered.unwrap().says, right);
        // What an authority signed is evidence all the same.
        let wrong = set.checkpoint(5, [8; 32], None).sign(&key(1));
        let _ = collector.take_contradictions();
        collector.heard(&wrong.to_string());
        assert_eq!(collector.take_contradictions().len(), 1);
    }

    /// A handover is waited for through all that is caught up with behind it, however much
    /// that is; and signatures of sizes that there never were drive out nothing.
    #[test]
    fn a_handover_is_waited_for() {
        let [set, next] = sets();
        let mut collector = Collector::new("ledger.example");
        let handover = set.checkpoint(900, [9; 32], Some(&next));
        for size in (2..900).step_by(2) {
            let checkpoint = set.checkpoint(size, [1; 32], None);
            assert!(collector.written(&set, &checkpoint, None).1.is_none());
        }
        assert!(collector.written(&set, &handover, None).1.is_none());
        for size in 901..2_000 {
            collector.written(&next, &next.checkpoint(size, [2; 32], None), None);
        }
        for size in 0..3 * OPEN as u64 {
            let strange = set.checkpoint(2 * size + 1, [3; 32], None);
            collector.heard(&strange.sign(&key(1)).to_string());
        }
        let gathered = collector.heard(&handover.sign(&key(1)).to_string());
        assert!(gathered.unwrap().checkpoint.hands_over);
    }
}
