//! A witness beside the authorities, as the product has it: who is honest shows it the
//! checkpoints of the chain, and a liar whatever it signed.

use std::collections::BTreeMap;

use tally_core::ledger::shared::{Authorities, Block, Charter, Envelope, Snapshot};
use tally_core::ledger::tree::{Frontier, Hash, consistency_proof, leaf_hash};
use tally_core::ledger::witness::{
    Decision, Ended, Evidence, Log, Request, Signers, add_checkpoint,
};
use tally_core::ledger::{Note, SigningKey, VerifierKey};
use tally_store::port::{SharedCheckpoint, SharedLedger as _};

use crate::disk::{Store, ready};
use crate::mutants::Mutant;
use crate::people::{self, NAMES, id};
use crate::world::World;

pub struct Witness {
    log: Log,
    /// The epochs that have ended, as they are seen from outside.
    ended: Vec<Ended>,
    key: SigningKey,
    frontier: Frontier,
    nodes: BTreeMap<(u8, u64), Hash>,
}

impl Witness {
    pub fn new(charter: &Charter, genesis: &Snapshot) -> Self {
        let signers = Signers::Authorities(genesis.state.authorities.clone());
        let mut witness = Self {
            log: Log::new(signers),
            ended: Vec::new(),
            key: SigningKey::cosigner("witness.example", &[9; 32]).unwrap(),
            frontier: Frontier::default(),
            nodes: BTreeMap::new(),
        };
        witness.grow([charter.leaf()]);
        witness
    }

    fn grow(&mut self, leaves: impl IntoIterator<Item = Vec<u8>>) {
        for leaf in leaves {
            let grown = self.frontier.append(leaf_hash(&leaf));
            let grown = grown.into_iter();
            self.nodes
                .extend(grown.map(|of| ((of.level, of.index), of.hash)));
        }
    }

    /// A block is final: proofs lead to it.
    pub fn finalised(&mut self, block: &Block) {
        self.grow(block.envelopes.iter().flat_map(Envelope::leaves));
    }

    fn set(&self) -> &Authorities {
        match self.log.signers() {
            Signers::Authorities(set) => set,
            Signers::Key(_) => panic!("it began with a set"),
        }
    }

    fn asked(&self, note: Note, proof: Vec<Hash>) -> Decision {
        let request = Request::new(self.log.size(), proof, note)
            .unwrap()
            .to_string();
        let keys = std::slice::from_ref(&self.key);
        add_checkpoint(request.as_bytes(), |_| Some(&self.log), keys, 1)
    }

    /// A checkpoint of the chain: it has to be cosigned.
    fn follows(&mut self, kept: &SharedCheckpoint, mutant: Option<Mutant>) -> Result<(), String> {
        let (old, new) = (self.log.size(), kept.size);
        let proof = match old {
            0 => Vec::new(),
            _ => consistency_proof(&self.nodes, old, new).map_err(|error| error.to_string())?,
        };
        let note = Note::parse(&kept.note).map_err(|error| error.to_string())?;
        let decision = self.asked(note, proof);
        let Some(record) = decision.record else {
            let why = decision.answer.body;
            return Err(format!("a witness refuses {old} to {new}: {why}"));
        };
        if kept.hands_over {
            self.ended.extend(record.ended().last().cloned());
        }
        self.log = match mutant {
            Some(Mutant::WitnessForgets) => record.with_ended(Vec::new()),
            _ => record,
        };
        Ok(())
    }

    /// What an honest node kept: with the handovers before it, in their order.
    pub fn kept(
        &mut self,
        kept: &SharedCheckpoint,
        store: &Store,
        mutant: Option<Mutant>,
    ) -> Result<(), String> {
        if (kept.epoch, kept.size) <= (self.set().epoch, self.log.size()) {
            return Ok(());
        }
        for handover in ready(store.handovers()).unwrap() {
            if (self.set().epoch..kept.epoch).contains(&handover.epoch) {
                self.follows(&handover, mutant)?;
            }
        }
        match kept.epoch == self.set().epoch {
            true => self.follows(kept, mutant),
            false => Ok(()),
        }
    }

    /// What one signed by itself: it is never cosigned. Answers whether it is evidence,
    /// which it has to be behind a handover that the same signed; then it names who.
    fn shown(&self, who: usize, note: &Note, all: &[Signers]) -> Result<bool, String> {
        let decision = self.asked(note.clone(), Vec::new());
        let name = NAMES[who];
        if decision.record.is_some() {
            return Err(format!("a witness cosigned what {name} alone signed"));
        }
        let Some(evidence) = decision.evidence else {
            let mut ended = self.ended.iter();
            return match ended.any(|of| contradicts(of, note)) {
                true => Err(format!(
                    "a split view of {name} is not caught by the witness"
                )),
                false => Ok(false),
            };
        };
        match evidence.check(all) {
            Ok(names) if names == [id(who).to_string()] => Ok(true),
            other => Err(format!("a witness's evidence names {other:?}, not {name}")),
        }
    }

    /// A quorum shows it another history of the size that it knows: refused, with evidence
    /// that names nobody but them.
    fn split(&self, all: &[Signers]) -> Result<(), String> {
        let set = self.set().clone();
        let root = self.frontier.root().map(|byte| !byte);
        let checkpoint = set.checkpoint(self.log.size(), root, None);
        let by = &set.members[..set.quorum()];
        let lines = by.iter().map(|of| people::key_of(&of.key));
        let lines = lines.flat_map(|key| checkpoint.sign(&key).signatures);
        let note = Note {
            text: checkpoint.text(),
            signatures: lines.collect(),
        };
        let decision = self.asked(note, Vec::new());
        let evidence = decision.evidence.filter(|_| decision.record.is_none());
        let evidence = evidence.ok_or("a split view of a quorum is not caught by the witness")?;
        // The set that it was handed over to may have entered nothing yet.
        let mut all = all.to_vec();
        all.push(Signers::Authorities(set.clone()));
        // Who did not sign the chain's is not named.
        let by: Vec<_> = by.iter().map(|of| of.organisation.to_string()).collect();
        match evidence.check(&all) {
            Ok(names) if names.iter().all(|name| by.contains(name)) => Ok(()),
            other => Err(format!(
                "a witness's evidence names {other:?}, not some of {by:?}"
            )),
        }
    }
}

/// Whether a note cannot be true beside a handover, and whoever signed it signed that too.
fn contradicts(ended: &Ended, note: &Note) -> bool {
    let keys = ended.set().keys().unwrap();
    let lines = &ended.handover().signatures;
    let both = |key: &VerifierKey| {
        note.verify_line(0, key).is_ok() && lines.iter().any(|line| key.is_of(line))
    };
    let evidence = Evidence::of(ended.handover().clone(), note.clone(), &[]);
    keys.iter().any(both) && evidence.is_some_and(|of| of.contradicts())
}

/// At the end of a seed: the witness is where the chain is, and is shown all that liars
/// signed, and what a quorum could sign.
pub fn end(world: &mut World) -> Result<(), String> {
    let size = world.tip.frontier.size();
    let at = (world.witness.set().epoch, world.witness.log.size());
    if at.1 != size {
        return Err(format!("the witness is at {at:?}, not {size}"));
    }
    let all = world.watch.signers();
    for (who, note) in world.watch.signed_by(&world.plan.liars) {
        if world.witness.shown(who, &note, &all)? {
            world.watch.named(world.plan.liars[&who]);
        }
    }
    world.witness.split(&all)
}
