//! The dossier, and what is held against what.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tally_types::{Code, ServiceDate};
use thiserror::Error;

use super::compare::{Agreement, Cell, Field, FirstDifference, Reexecuted, compare, differently};
use crate::adjudication::{
    Answers, Context, Exchange, Measure, NotAgain, Outcome, PolicyInForce, Question, Run, TableKey,
    TableRow, Transcript, alone_again, run_again,
};
use crate::canon::{Blob, Canon, DecodeError, Reader};
use crate::claim::{Claim, Provider};
use crate::ledger::commitment::{Salt, Subject, commit};
use crate::ledger::entry::Entry;
use crate::ledger::publication::{PolicyPublished, Published, in_force};
use crate::ledger::receipt::{Receipt, ReceiptBody, ReceiptError, Verdict, verify_receipt};
use crate::ledger::tree::leaf_hash;
use crate::ledger::trust::Trust;

/// The version of a dossier's encoding, its first byte.
const VERSION: u8 = 1;

/// Bytes that a commitment opens with.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// The salt.
    pub salt: Salt,
    /// The bytes.
    pub bytes: Blob,
}

crate::canon_record!(Opening { salt, bytes });

/// What a payer sends the provider of a claim, so that it can run the policy again. It
/// holds protected health information: no `Debug`, no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The receipt's text.
    pub receipt: String,
    /// The claim's canonical bytes.
    pub claim: Blob,
    /// The context's canonical bytes, and the salt of its commitment; none when no
    /// policy was run.
    pub context: Option<Opening>,
    /// The canonical bytes of what the policy asked and was answered.
    pub transcript: Blob,
    /// The leaf hash of the entry that published the policy; none when none was run.
    pub publication: Option<[u8; 32]>,
}

impl Canon for Dossier {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.receipt.put(out);
        self.claim.put(out);
        self.context.put(out);
        self.transcript.put(out);
        self.publication.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("dossier version", n.into())),
        }
        Ok(Self {
            receipt: Canon::take(from)?,
            claim: Canon::take(from)?,
            context: Canon::take(from)?,
            transcript: Canon::take(from)?,
            publication: Canon::take(from)?,
        })
    }
}

/// Why a dossier does not hold. Numbers are never used again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DossierError {
    /// The receipt.
    #[error("D101: the receipt: {0}")]
    Receipt(ReceiptError),
    /// A part cannot be read.
    #[error("D102: the {part} cannot be read: {source}")]
    Unreadable {
        /// Which.
        part: &'static str,
        /// Why.
        source: DecodeError,
    },
    /// Of another claim than the receipt is.
    #[error("D103: the receipt is of another claim")]
    Claim,
    /// Not as it was sent.
    #[error("D104: the claim is not as it was sent: another {0}")]
    Sent(&'static str),
    /// A context without a policy, or the other way round.
    #[error("D105: a policy's context belongs to an outcome of a policy, and to no other")]
    Policy,
    /// The context is another.
    #[error("D106: the context is not the one that the receipt commits to")]
    Commitment,
    /// The context is not this claim's.
    #[error("D107: the context is not what follows from the claim")]
    Context,
    /// The transcript is another.
    #[error("D108: the transcript is not the one that the receipt names")]
    Transcript,
    /// A question answered in two ways.
    #[error("D109: the transcript answers one question in two ways")]
    TwoAnswers,
    /// The publication is another.
    #[error("D110: the publication does not hold: another {0}")]
    Publication(&'static str),
    /// There is something of another provider's care.
    #[error("D111: {0} tells of the care of a provider who is not on the claim")]
    OthersCare(&'static str),
    /// Something said in the outcome does not hold.
    #[error("D112: {0}")]
    Said(#[from] NotAgain),
    /// Another policy was in force.
    #[error("D113: by what the payer had published, another policy was in force on {0}, or none")]
    NotInForce(ServiceDate),
    /// Determined by a person: no policy comes to it again.
    #[error("D114: a person decided it, by hand: there is nothing to run again")]
    ByHand,
}

impl DossierError {
    /// Its number.
    #[must_use]
    pub fn code(&self) -> String {
        self.to_string().chars().take(4).collect()
    }
}

/// What a dossier is held against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// The keys that are trusted: those of the payer's log.
    pub trust: &'a Trust,
    /// The claim as this provider sent it, where it still has it.
    pub sent: Option<&'a Claim>,
    /// The policy's publication, found on the ledger by
    /// [`Dossier::publication`]; none when no policy was run.
    pub published: Option<&'a Published>,
    /// All that the payer published, each by its index in the payer's own log, as it stands
    /// on the shared ledger: at least what is before the adjudication.
    pub publications: &'a [(u64, PolicyPublished)],
}

/// A dossier that holds: all that running it again needs, but the component.
pub struct Checked {
    /// The receipt.
    pub receipt: Receipt,
    /// Its body.
    pub body: ReceiptBody,
    /// The outcome that is told.
    pub told: Outcome,
    /// The claim.
    pub claim: Claim,
    /// What the policy was given.
    pub context: Option<Context>,
    /// What it asked and was answered.
    pub transcript: Transcript,
}

fn read<T: Canon>(part: &'static str, bytes: &Blob) -> Result<T, DossierError> {
    T::from_canon(&bytes.0).map_err(|source| DossierError::Unreadable { part, source })
}

impl Dossier {
    /// Holds every part against the receipt, and the receipt against the keys that are
    /// trusted. It runs nothing.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self, against: Against<'_>) -> Result<Checked, DossierError> {
        let receipt = Receipt::parse(&self.receipt).map_err(DossierError::Receipt)?;
        let (_, told) = verify_receipt(&receipt, Some(against.trust))
            .map_err(DossierError::Receipt)
            .and_then(|(verdict, told)| match verdict {
                Verdict::Trusted => Ok((verdict, told)),
                Verdict::Consistent => Err(DossierError::Receipt(ReceiptError::Untrusted)),
            })?;
        let (body, _) = receipt.open().map_err(DossierError::Receipt)?;
        let claim: Claim = read("claim", &self.claim)?;
        if claim.id != told.claim() {
            return Err(DossierError::Claim);
        }
        if let Some(sent) = against.sent {
            as_sent(sent, &claim)?;
        }
        if body.execution.is_by_hand() {
            return Err(DossierError::ByHand);
        }
        let context = self.context(&body, &told, &claim)?;
        let transcript = Transcript(read("transcript", &self.transcript)?);
        let salt = self.context.as_ref().map(|opening| &opening.salt);
        if !body.names(&transcript, salt) {
            return Err(DossierError::Transcript);
        }
        answers_of(&transcript)?;
        self.published(&body, &told, against.published)?;
        if let (Some(context), Some(published)) = (&context, against.published) {
            in_force_on_each_day(context, &published.publication, body.prefix, &against)?;
        }
        if let Some(context) = &context {
            others_care(&claim, context, &transcript)?;
        }
        Ok(Checked {
            receipt,
            body,
            told,
            claim,
            context,
            transcript,
        })
    }

    fn context(
        &self,
        body: &ReceiptBody,
        told: &Outcome,
        claim: &Claim,
    ) -> Result<Option<Context>, DossierError> {
        let (opening, commitment) = match (&self.context, body.context, told.policy()) {
            (None, None, None) => return Ok(None),
            (Some(opening), Some(commitment), Some(_)) => (opening, commitment),
            _ => return Err(DossierError::Policy),
        };
        if commit(Subject::Context, &opening.salt, &opening.bytes.0) != commitment {
            return Err(DossierError::Commitment);
        }
        let context: Context = read("context", &opening.bytes)?;
        let given = |number: u16| context.lines.iter().any(|line| line.number == number);
        let follows = Context::of(
            claim,
            claim.lines.iter().filter(|line| given(line.number)),
            context.member.clone(),
            (context.covered_since, context.covered_members),
            context.authorizations.clone(),
            context.balances.clone(),
        );
        if follows != context || context.lines.is_empty() {
            return Err(DossierError::Context);
        }
        Ok(Some(context))
    }

    fn published(
        &self,
        body: &ReceiptBody,
        told: &Outcome,
        published: Option<&Published>,
    ) -> Result<(), DossierError> {
        let another = DossierError::Publication;
        let (leaf, policy) = match (self.publication, told.policy()) {
            (None, None) => return Ok(()),
            (Some(leaf), Some(policy)) => (leaf, policy),
            _ => return Err(DossierError::Policy),
        };
        let published = published.ok_or(another("entry, or none"))?;
        let entry = Entry::Policy(Box::new(published.clone())).to_canon();
        if leaf_hash(&entry) != leaf {
            return Err(another("entry"));
        }
        published.verify().map_err(|_| another("signature"))?;
        let publication = &published.publication;
        let execution = &body.execution;
        let pairs = [
            (publication.policy == policy, "policy"),
            (publication.tables == body.tables, "list of tables"),
            (publication.fuel == execution.fuel_limit, "limit of fuel"),
            (
                publication.fuel_costs == execution.fuel_costs,
                "table of fuel costs",
            ),
        ];
        let mut wrong = pairs.iter().filter(|(same, _)| !same);
        wrong.next().map_or(Ok(()), |(_, what)| Err(another(what)))
    }
}

/// Whether a policy is the one in force on each day of what it was given: of its product, by
/// the publications of the prefix that the adjudication names.
fn in_force_on_each_day(
    context: &Context,
    of: &PolicyPublished,
    prefix: u64,
    against: &Against<'_>,
) -> Result<(), DossierError> {
    let known = against.publications.iter().filter(|(at, _)| *at < prefix);
    let known: Vec<_> = known.map(|(at, published)| (*at, published)).collect();
    for line in &context.lines {
        let found = in_force(&of.product, line.from, known.iter().copied());
        if found.is_none_or(|(_, published)| published.policy != of.policy) {
            return Err(DossierError::NotInForce(line.from));
        }
    }
    Ok(())
}

/// Whether a claim is the one that was sent: all but what the payer makes of it, its id,
/// the day it was received, and who a described patient is.
fn as_sent(sent: &Claim, claim: &Claim) -> Result<(), DossierError> {
    let mut theirs = claim.clone();
    theirs.id = sent.id;
    theirs.received = sent.received;
    if sent.member.dependant.is_some() {
        theirs.member.identifier.clone_from(&sent.member.identifier);
    }
    if theirs == *sent {
        return Ok(());
    }
    let parts = [
        (theirs.member == sent.member, "member"),
        (theirs.billing == sent.billing, "billing provider"),
        (theirs.diagnoses == sent.diagnoses, "diagnosis"),
        (theirs.lines == sent.lines, "line"),
    ];
    let mut wrong = parts.iter().filter(|(same, _)| !same);
    let what = wrong.next().map_or("particular", |(_, what)| what);
    Err(DossierError::Sent(what))
}

/// Refuses what tells of the care of a provider who is not on the claim. A payer asks
/// before it sends: then the provider has its receipt, and no dossier.
///
/// # Errors
/// When there is some.
pub fn others_care(
    claim: &Claim,
    context: &Context,
    transcript: &Transcript,
) -> Result<(), DossierError> {
    let circumstances = &claim.circumstances;
    let institutional = claim.institutional.iter();
    let on_claim: Vec<Code> = std::iter::once(&claim.billing)
        .chain(
            claim
                .lines
                .iter()
                .filter_map(|line| line.rendering.as_ref()),
        )
        .chain(&circumstances.referring)
        .chain(&circumstances.facility)
        .chain(institutional.filter_map(|of| of.attending.as_ref()))
        .map(Provider::code)
        .collect();
    let another = |code: &Code| !code.is_none() && !on_claim.contains(code);
    if context
        .authorizations
        .iter()
        .any(|of| another(&of.provider))
    {
        return Err(DossierError::OthersCare("an authorisation"));
    }
    let tells = |(question, answer): (&Question, &i64)| {
        (another(&question.provider) || another(&question.billing))
            && *answer != nothing(question.what)
    };
    let asked = transcript.0.iter().filter_map(|exchange| match exchange {
        Exchange::Query { questions, answers } => Some(questions.iter().zip(answers)),
        Exchange::Lookup { .. } => None,
    });
    if asked.flatten().any(tells) {
        return Err(DossierError::OthersCare("an answer of the transcript"));
    }
    Ok(())
}

/// What is answered where there is nothing.
fn nothing(what: Measure) -> i64 {
    match what {
        Measure::Units | Measure::Lines => 0,
        Measure::LastDate => i64::MIN,
    }
}

/// By question. Answers are a function of the question.
fn answers_of(transcript: &Transcript) -> Result<BTreeMap<Vec<u8>, i64>, DossierError> {
    let mut known = BTreeMap::new();
    for exchange in &transcript.0 {
        let Exchange::Query { questions, answers } = exchange else {
            continue;
        };
        for (question, answer) in questions.iter().zip(answers) {
            let before = known.insert(question.to_canon(), *answer);
            if before.is_some_and(|before| before != *answer) {
                return Err(DossierError::TwoAnswers);
            }
        }
    }
    Ok(known)
}

/// Answers a policy that is run again from the transcript, and from its own tables. What
/// was not asked before is answered with nothing; the transcript is another then, and
/// [`Checked::compare`] says so.
pub struct Recorded<T> {
    tables: T,
    answers: BTreeMap<Vec<u8>, i64>,
}

impl<T> Answers for Recorded<T>
where
    T: Fn(u16, &[TableKey]) -> Option<Vec<TableRow>> + Send + Sync,
{
    fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        (self.tables)(table, keys)
    }

    fn query(&self, questions: &[Question]) -> Vec<i64> {
        let answer = |question: &Question| {
            let known = self.answers.get(&question.to_canon());
            known.copied().unwrap_or(nothing(question.what))
        };
        questions.iter().map(answer).collect()
    }
}

impl Checked {
    /// The component to fetch, by its hash.
    #[must_use]
    pub fn policy(&self) -> Option<[u8; 32]> {
        self.told.policy()
    }

    /// The claim ready for its policy: run it, and [`crate::adjudication::settle`] what
    /// it determines. `None` when no policy was run: see [`Self::alone`].
    ///
    /// # Errors
    /// When something that the outcome says does not hold.
    pub fn run(&self, policy: PolicyInForce) -> Result<Option<Run>, DossierError> {
        let Some(context) = self.context.clone() else {
            return Ok(None);
        };
        if Some(policy.hash) != self.policy() {
            return Err(DossierError::Publication("policy"));
        }
        Ok(Some(run_again(&self.claim, policy, context, &self.told)?))
    }

    /// The outcome once more where no policy was run: the engine's own rules.
    ///
    /// # Errors
    /// When something that the outcome says does not hold.
    pub fn alone(&self) -> Result<Outcome, DossierError> {
        Ok(alone_again(&self.claim, &self.told)?)
    }

    /// What answers the policy: the transcript, and its own tables.
    ///
    /// # Errors
    /// When the transcript answers one question in two ways.
    pub fn answers<T>(&self, tables: T) -> Result<Recorded<T>, DossierError> {
        Ok(Recorded {
            tables,
            answers: answers_of(&self.transcript)?,
        })
    }

    /// Holds what was found, and what the policy asked meanwhile, against what is told.
    /// `read` says how a value of the policy's tables reads, by its table and its place in
    /// the row.
    #[must_use]
    pub fn compare(
        &self,
        found: &Outcome,
        asked: &Transcript,
        read: impl Fn(u16, usize, i64) -> Option<Cell>,
    ) -> Agreement {
        match compare(&self.told, found) {
            Agreement::Agreed => match differently(&self.transcript, asked, read) {
                None => Agreement::Agreed,
                Some((theirs, ours)) => {
                    let field = Field::Asked;
                    Agreement::Differs(FirstDifference::new(0, field, &theirs, &ours, ""))
                }
            },
            differs => differs,
        }
    }

    /// What is entered of it: an agreement, or a dispute with the first difference. `read`
    /// as in [`Self::compare`].
    #[must_use]
    pub fn reexecuted(
        &self,
        found: &Outcome,
        asked: &Transcript,
        read: impl Fn(u16, usize, i64) -> Option<Cell>,
        engine: &str,
    ) -> Reexecuted {
        Reexecuted {
            adjudication: leaf_hash(&self.receipt.entry),
            found: Sha256::digest(found.to_canon()).into(),
            engine: engine.to_owned(),
            difference: match self.compare(found, asked, read) {
                Agreement::Agreed => None,
                Agreement::Differs(difference) => Some(difference),
            },
        }
    }
}
