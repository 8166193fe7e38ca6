//! How a quorum's signatures come together under one checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included};

use sha2::{Digest as _, Sha256};
use tally_core::ledger::shared::{Authorities, Gossip, MAX_AUTHORITIES, OrganisationId};
use tally_core::ledger::witness::Evidence;
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
/// How many epochs that have ended are remembered, the latest.
const ENDED: usize = 8;
/// The most that is kept of what was signed behind a handover, until it is taken out.
const BEHIND: usize = 64;
/// How many texts that contradict this node's log are told of one key, with evidence, and
/// as many without: who signs more of that has shown enough.
const TOLD: usize = 8;

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

/// What an authority signed that is not what this node has written.
#[derive(Debug)]
pub struct Contradiction {
    /// Who signed it.
    pub by: OrganisationId,
    /// With which key.
    pub key: [u8; 32],
    /// What, with its signature: for whoever has this ledger that is enough.
    pub note: Note,
    /// The same for whoever has the keys alone, where its signature of what is right is
    /// known here.
    pub evidence: Option<Evidence>,
}

/// An epoch that has ended, as this node has written it.
struct Ended {
    size: u64,
    set: Authorities,
    keys: Vec<VerifierKey>,
    /// The handover, with those signatures of it that are known and hold.
    handover: Note,
}

impl Ended {
    /// What a note of the epoch is that is not the handover, and not of a smaller tree, if
    /// an authority of it signed it.
    fn contradicted(&self, note: &Note) -> Option<Contradiction> {
        let holds = |key: &VerifierKey| note.verify_line(0, key).is_ok();
        let place = self.keys.iter().position(holds)?;
        let key = self.keys.get(place)?;
        let mut lines = self.handover.signatures.iter();
        Some(Contradiction {
            by: self.set.members.get(place)?.organisation.clone(),
            key: key.public(),
            note: note.clone(),
            evidence: evidence(
                &self.handover.text,
                lines.find(|line| key.is_of(line)),
                note,
            ),
        })
    }
}

/// What a signature of what is right and a note by the same key come to.
fn evidence(right: &str, signed: Option<&Signature>, note: &Note) -> Option<Evidence> {
    let right = Note {
        text: right.to_owned(),
        signatures: vec![signed?.clone()],
    };
    Evidence::of(right, note.clone(), &[]).filter(Evidence::contradicts)
}

/// What was told of each key, with evidence or without: SHA-256 of the texts.
type Told = BTreeMap<([u8; 32], bool), BTreeSet<[u8; 32]>>;

/// Collects signatures until a quorum has signed.
pub struct Collector {
    /// The ledger's name, and so that of its authorities' keys.
    origin: String,
    open: BTreeMap<(u64, u64), Open>,
    /// What is before this is not collected any more.
    from: (u64, u64),
    /// The epochs that have ended.
    ended: BTreeMap<u64, Ended>,
    /// What their authorities signed afterwards, by the epoch.
    behind: Vec<(u64, Note)>,
    /// What of it was told.
    told: Told,
}

impl Collector {
    /// One that knows of no signature yet, for the ledger of this name.
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            open: BTreeMap::new(),
            from: (0, 0),
            ended: BTreeMap::new(),
            behind: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// A handover that is kept ended an epoch of this set.
    pub fn ended(&mut self, set: &Authorities, size: u64, handover: Note) {
        let keys = set.keys().unwrap_or_default();
        let set = set.clone();
        let epoch = set.epoch;
        let ended = Ended {
            size,
            set,
            keys,
            handover,
        };
        self.ended.insert(epoch, ended);
        while self.ended.len() > ENDED {
            self.ended.pop_first();
        }
        // What was heard before this node had written it.
        let after = (Excluded((epoch, size)), Included((epoch, u64::MAX)));
        let after: Vec<_> = self.open.range(after).map(|(at, _)| *at).collect();
        let heard = after.iter().filter_map(|at| self.open.remove(at));
        let heard: Vec<_> = heard.flat_map(|open| open.lines).collect();
        for (text, lines) in heard {
            for line in lines {
                let text = text.clone();
                let signatures = vec![line];
                self.heard_behind(epoch, Note { text, signatures });
            }
        }
    }

    /// Keeps what an authority signed in an epoch that had ended.
    fn heard_behind(&mut self, epoch: u64, note: Note) {
        let of = (epoch, note);
        if self.behind.len() >= BEHIND || self.behind.contains(&of) {
            return;
        }
        if self
            .ended
            .get(&epoch)
            .and_then(|ended| ended.contradicted(&of.1))
            .is_some()
        {
            self.behind.push(of);
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
        // Behind the lines that name the epoch and its set.
        let hands_over = checkpoint.extensions.len() > 2;
        open.text = Some(Own {
            text: text.clone(),
            set: set.clone(),
            keys: set.keys().unwrap_or_default(),
            hands_over,
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
        if hands_over && !self.ended.contains_key(&at.0) {
            let text = checkpoint.text();
            let signatures = Vec::new();
            self.ended(set, at.1, Note { text, signatures });
        }
        (told, self.gathered(at))
    }

    /// Somebody signed. Answers the checkpoint if a quorum has by now.
    pub fn heard(&mut self, note: &str) -> Option<Gathered> {
        let (at, note) = self.read(note)?;
        let [_] = &note.signatures[..] else {
            return None;
        };
        self.take(at, note)
    }

    /// Somebody says what a quorum signed: read once, whatever it has. Answers which
    /// checkpoint that is of, and it if a quorum has signed by now.
    pub fn told(&mut self, note: &str) -> Option<((u64, u64), Option<Gathered>)> {
        let (at, note) = self.read(note)?;
        let mut gathered = None;
        for line in note.signatures {
            let text = note.text.clone();
            let signatures = vec![line];
            // Each that there is has the signatures of those before it.
            gathered = self.take(at, Note { text, signatures }).or(gathered);
        }
        Some((at, gathered))
    }

    /// A note that may be of this ledger: it is no longer than one of its, whoever wrote it,
    /// and has those lines alone that are in the form of an authority's signature, no more
    /// than there may be authorities.
    fn read(&self, note: &str) -> Option<((u64, u64), Note)> {
        let text = note.rfind("\n\n")?;
        let of_ledger = note.split('\n').next() == Some(self.origin.as_str());
        if !of_ledger || text >= TEXT {
            return None;
        }
        let mut note = Note::parse(note).ok()?;
        let is_line = |line: &Signature| line.name == self.origin && line.bytes.len() == LINE;
        note.signatures.retain(is_line);
        note.signatures.truncate(LINES);
        Some((place(&note)?, note))
    }

    /// Takes in a note of one line.
    fn take(&mut self, at: (u64, u64), note: Note) -> Option<Gathered> {
        let line = note.signatures.first()?;
        if let Some(ended) = self.ended.get(&at.0) {
            let collected = self.open.get(&at).is_some_and(|open| open.text.is_some());
            let late = !collected && note.text != ended.handover.text;
            if at.1 > ended.size || (at.1 == ended.size && late) {
                self.heard_behind(at.0, note);
                return None;
            }
        }
        if at < self.from {
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
                if let Some(ended) = self.ended.get_mut(&at.0)
                    && ended.handover.text == *text
                {
                    ended.handover.signatures.push(line.clone());
                }
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

    /// Takes out what authorities signed that is not what this node has written.
    #[must_use]
    pub fn take_contradictions(&mut self) -> Vec<Contradiction> {
        let behind = std::mem::take(&mut self.behind).into_iter();
        let behind = behind.filter_map(|(epoch, note)| self.ended.get(&epoch)?.contradicted(&note));
        let mut found: Vec<_> = behind.collect();
        for open in self.open.values_mut() {
            let Some(Own {
                text, set, keys, ..
            }) = &open.text
            else {
                continue;
            };
            let right = open.lines.remove_entry(text);
            let others = std::mem::replace(&mut open.lines, right.into_iter().collect());
            for (other, lines) in others {
                for line in lines {
                    let note = Note {
                        text: other.clone(),
                        signatures: vec![line],
                    };
                    let by = keys.iter().position(|key| note.verify_line(0, key).is_ok());
                    let Some((place, by)) = by.and_then(|by| Some((by, set.members.get(by)?)))
                    else {
                        continue;
                    };
                    found.push(Contradiction {
                        by: by.organisation.clone(),
                        key: by.key,
                        evidence: evidence(text, open.signed.get(&place), &note),
                        note,
                    });
                }
            }
        }
        found.retain(|found| is_new(&mut self.told, found));
        found
    }
}

/// Whether something is to be told: it was not yet, and its key has not shown enough.
fn is_new(told: &mut Told, found: &Contradiction) -> bool {
    let kind = (found.key, found.evidence.is_some());
    let told = told.entry(kind).or_default();
    told.len() < TOLD && told.insert(Sha256::digest(&found.note.text).into())
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
    use tally_core::ledger::witness::Signers;

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

    /// Of a size that is being collected too: a text once, and a few of one key.
    #[test]
    fn what_contradicts_is_told_once_and_not_for_ever() {
        let [set, _] = sets();
        let mut collector = Collector::new("ledger.example");
        let right = set.checkpoint(5, [99; 32], None);
        collector.written(&set, &right, Some(&key(1)));
        let wrong = |root| {
            set.checkpoint(5, [root; 32], None)
                .sign(&key(1))
                .to_string()
        };
        for _ in 0..3 {
            collector.heard(&wrong(0));
            collector.heard(&wrong(0));
        }
        assert_eq!(collector.take_contradictions().len(), 1);
        collector.heard(&wrong(0));
        assert_eq!(collector.take_contradictions().len(), 0);
        let mut told = 1;
        for round in 0..20 {
            for root in 0..10 {
                collector.heard(&wrong(10 * round + root));
            }
            told += collector.take_contradictions().len();
        }
        assert_eq!(told, TOLD);
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
    /// What an authority signs in an epoch that its handover has ended, to this node's
    /// knowledge before or after, and another handover: evidence that the keys alone show.
    #[test]
    fn what_is_signed_behind_a_handover_is_evidence() {
        let [set, next] = sets();
        let mut other = next.clone();
        other.members[0].key = key(2).verifier().public();
        let known = [Signers::Authorities(set.clone())];
        let handover = set.checkpoint(9, [9; 32], Some(&next));
        let signed = |of: &Checkpoint| of.sign(&key(1)).to_string();
        let behind = |size| set.checkpoint(size, [8; 32], None);
        let another = set.checkpoint(9, [9; 32], Some(&other));
        let taken = |collector: &mut Collector| {
            let mut texts = Vec::new();
            for of in collector.take_contradictions() {
                let evidence = of.evidence.unwrap();
                assert_eq!(evidence.check(&known).unwrap(), ["one"]);
                texts.push(of.note.text);
            }
            texts
        };
        let mut collector = Collector::new("ledger.example");
        assert!(collector.heard(&signed(&behind(12))).is_none());
        collector.written(&set, &handover, Some(&key(1)));
        assert_eq!(taken(&mut collector), [behind(12).text()]);
        for past in [false, true] {
            if past {
                collector.written(&next, &next.checkpoint(20, [7; 32], None), None);
                collector.forget((1, 20));
            }
            // Each once.
            let fresh = behind(10 + u64::from(past));
            for _ in 0..2 {
                assert!(collector.heard(&signed(&fresh)).is_none());
                assert!(collector.heard(&signed(&another)).is_none());
            }
            let once = [another.text()];
            let wanted = [fresh.text()].into_iter();
            let wanted: Vec<_> = wanted.chain(once.into_iter().filter(|_| !past)).collect();
            assert_eq!(taken(&mut collector), wanted);
            // The handover itself again, what is before it, and what nobody signed.
            collector.heard(&signed(&handover));
            collector.heard(&signed(&behind(8)));
            collector.heard(&behind(10).sign(&key(3)).to_string());
            assert_eq!(taken(&mut collector), [""; 0]);
        }
        // However much more one signs, it is told a few times: four times till now.
        for left in [TOLD - 4, 0] {
            for size in 0..2 * BEHIND as u64 {
                collector.heard(&signed(&behind(100 + size)));
            }
            assert_eq!(collector.behind.len(), BEHIND);
            assert_eq!(taken(&mut collector).len(), left);
        }

        // After a start, by the handovers that are kept.
        let mut collector = Collector::new("ledger.example");
        collector.ended(&set, 9, handover.sign(&key(1)));
        collector.heard(&signed(&behind(10)));
        collector.heard(&signed(&another));
        assert_eq!(taken(&mut collector), [behind(10).text(), another.text()]);
    }
}
