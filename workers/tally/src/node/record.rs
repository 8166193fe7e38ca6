//! What is kept, sealed, of a claim's adjudication: enough to give a receipt,
//! to explain every cent, and to do it all again.

use tally_core::adjudication::{Outcome, Transcript};
use tally_core::canon::{Blob, Canon, DecodeError, Reader};
use tally_core::ledger::{
    Adjudication, Commitment, Entry, Execution, ReceiptBody, Salt, Subject, TableHash, commit,
};

/// The version of the encoding, its first byte.
const VERSION: u8 = 1;

/// The context a policy was given, with the salt of its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextOpening {
    /// The salt.
    pub salt: Salt,
    /// The context's canonical bytes.
    pub bytes: Blob,
}

/// Everything that was decided of a claim. It holds protected health
/// information: no `Debug`, no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The salt of the receipt's commitment.
    pub salt: Salt,
    /// The receipt's body: the outcome, and how it was come by.
    pub body: Blob,
    /// What the policy was given; `None` when none was run.
    pub context: Option<ContextOpening>,
    /// What the policy asked and was answered.
    pub transcript: Vec<tally_core::adjudication::Exchange>,
}

tally_core::canon_record!(ContextOpening { salt, bytes });

impl Canon for Record {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.salt.put(out);
        self.body.put(out);
        self.context.put(out);
        self.transcript.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("record version", n.into())),
        }
        Ok(Self {
            salt: Canon::take(from)?,
            body: Canon::take(from)?,
            context: Canon::take(from)?,
            transcript: Canon::take(from)?,
        })
    }
}

/// What a record is made of.
pub struct Making<'a> {
    /// The outcome.
    pub outcome: &'a Outcome,
    /// The context's canonical bytes.
    pub context: Option<Vec<u8>>,
    /// The transcript.
    pub transcript: Transcript,
    /// The prefix of the log that said which policy is in force.
    pub prefix: u64,
    /// The policy's tables.
    pub tables: Vec<TableHash>,
    /// How it was come by.
    pub execution: Execution,
}

impl Record {
    /// Puts a record together, under two fresh salts.
    pub fn make(making: Making<'_>, receipt_salt: Salt, context_salt: Salt) -> Self {
        let context = making.context.map(|bytes| ContextOpening {
            salt: context_salt,
            bytes: Blob(bytes),
        });
        let body = ReceiptBody {
            outcome: Blob(making.outcome.to_canon()),
            context: context
                .as_ref()
                .map(|opening| commit(Subject::Context, &opening.salt, &opening.bytes.0)),
            transcript: ReceiptBody::committed(
                &making.transcript,
                context.as_ref().map(|opening| &opening.salt),
            ),
            prefix: making.prefix,
            tables: making.tables,
            execution: making.execution,
        };
        Self {
            salt: receipt_salt,
            body: Blob(body.to_canon()),
            context,
            transcript: making.transcript.0,
        }
    }

    /// Whether the policy, run again, asked and was answered what the receipt commits to.
    pub fn names(&self, body: &ReceiptBody, transcript: &Transcript) -> bool {
        body.names(
            transcript,
            self.context.as_ref().map(|opening| &opening.salt),
        )
    }

    /// The commitment that stands on the ledger.
    pub fn commitment(&self) -> Commitment {
        commit(Subject::Receipt, &self.salt, &self.body.0)
    }

    /// The entry that stands on the ledger.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub fn entry(&self) -> Result<Vec<u8>, DecodeError> {
        let (body, outcome) = self.open()?;
        Ok(self.entry_of(&outcome, body.prefix))
    }

    /// The same, of the outcome and the prefix that are in the body.
    pub fn entry_of(&self, outcome: &Outcome, prefix: u64) -> Vec<u8> {
        let adjudication = Adjudication {
            commitment: self.commitment(),
            policy: outcome.policy(),
            prefix,
        };
        Entry::Adjudicated(adjudication).to_canon()
    }

    /// The body and the outcome.
    ///
    /// # Errors
    /// When they cannot be read, or the outcome does not balance.
    pub fn open(&self) -> Result<(ReceiptBody, Outcome), DecodeError> {
        let body = ReceiptBody::from_canon(&self.body.0)?;
        let outcome = Outcome::from_canon(&body.outcome.0)?;
        Ok((body, outcome))
    }
}
