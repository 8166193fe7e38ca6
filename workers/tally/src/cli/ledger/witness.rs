//! `tally ledger witness` and `tally ledger evidence`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tally_core::ledger::shared::Snapshot;
use tally_core::ledger::tree::{Frontier, Hash, consistency_proof, leaf_hash};
use tally_core::ledger::witness::{Contradiction, Evidence, EvidenceError, Signers};
use tally_core::ledger::{Checkpoint, Note, VerifierKey};

use super::super::{Ended, plural, read_file, say};
use super::dispute::{facts, told as answer_told};
use crate::node::keys::hex;
use crate::shared::answer;
use crate::shared::client::{Client, notes, served_by};
use crate::shared::outside::epoch_of;
use crate::witness::{Witness, hash};

/// Who signs the logs that are meant.
#[derive(Args)]
pub struct SignersArgs {
    /// A shared ledger's charter; several times where it is several
    #[arg(long, value_name = "FILE")]
    charter: Vec<PathBuf>,
    /// The key of a log of one node, as `name+id+base64`; several times where it is several
    #[arg(long, value_name = "KEY", value_parser = parse_log)]
    log: Vec<Signers>,
}

impl SignersArgs {
    /// Who signed from the first entry on.
    fn all(&self) -> Result<Vec<Signers>> {
        let mut all = self.log.clone();
        for path in &self.charter {
            let founders = Snapshot::found(&crate::shared::read_charter(path)?)?;
            all.push(Signers::Authorities(founders.state.authorities.clone()));
        }
        Ok(all)
    }

    /// The same, of one log at least.
    fn some(&self) -> Result<Vec<Signers>> {
        let all = self.all()?;
        anyhow::ensure!(
            !all.is_empty(),
            "whose signatures are they? Say `--charter FILE` of the shared ledger, or `--log KEY`"
        );
        Ok(all)
    }
}

/// The sets of authorities that followed those known, over handovers as a node serves them:
/// each signed by a quorum of the set before it.
fn followed(signers: &mut Vec<Signers>, handovers: &[Note]) -> Result<()> {
    let walked = signers.iter().find_map(|of| match of {
        Signers::Authorities(set) => set.walk(handovers).ok(),
        Signers::Key(_) => None,
    });
    let (sets, _) =
        walked.context("one that no set signed which is known, or that hands over to none")?;
    signers.extend(sets.into_iter().skip(1).map(Signers::Authorities));
    Ok(())
}

#[derive(Args)]
pub struct WitnessArgs {
    /// The witness's folder: its key and what it cosigned last
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Its name in signature lines
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    signers: SignersArgs,
    /// Where it listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8423")]
    listen: SocketAddr,
    /// Make the key where there is none, print it, and end
    #[arg(long)]
    key: bool,
}

#[derive(Args)]
pub struct EvidenceArgs {
    /// What a witness kept: `evidence-…` in its folder; or what `tally ledger dispute
    /// --evidence` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    signers: SignersArgs,
    /// What a node answers at `/api/v1/ledger/shared/handovers`, where authorities changed
    /// since the charter
    #[arg(long, value_name = "FILE")]
    handovers: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct CompareArgs {
    /// Where witnesses answer: two or more
    #[arg(required = true, num_args = 2.., value_name = "URL")]
    witnesses: Vec<String>,
    #[command(flatten)]
    signers: SignersArgs,
    /// A node that serves the ledger, `http://HOST:PORT`: needed where witnesses know it at
    /// two sizes, and where authorities changed since the charter
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_log(text: &str) -> Result<Signers, String> {
    Signers::parse(text).map_err(|error| error.to_string())
}

/// Runs a witness, or prints its key.
pub(super) async fn run(args: &WitnessArgs) -> Result<Ended> {
    let logs = args.signers.all()?;
    let open = || Witness::open(&args.data, &args.name, &logs);
    if args.key {
        say(open()?.verifier())?;
        return Ok(Ended::Well);
    }
    let _held = crate::witness::hold(&args.data)?;
    crate::witness::serve(open()?, args.listen).await?;
    Ok(Ended::Well)
}

/// The longest evidence, in bytes.
const LIMIT: u64 = 2 << 20;

/// Checks evidence with nothing but keys that are known from elsewhere.
pub(super) fn evidence(args: &EvidenceArgs) -> Result<Ended> {
    let file = args.file.display();
    let bytes = read_file(&args.file, LIMIT)?;
    let text = String::from_utf8(bytes).ok();
    let text = text.with_context(|| format!("{file} is not text"))?;
    if text.starts_with('{') {
        return answered(args, &text);
    }
    let evidence = Evidence::parse(&text).with_context(|| format!("{file} shows nothing"))?;
    let mut signers = args.signers.some()?;
    if let Some(path) = &args.handovers {
        let text = String::from_utf8(read_file(path, LIMIT)?)?;
        notes(&text)
            .and_then(|handovers| followed(&mut signers, &handovers))
            .with_context(|| format!("{} are not the handovers", path.display()))?;
    }
    let who = evidence.check(&signers).map_err(|error| {
        let why = anyhow::Error::new(error).context(format!("{file} shows nothing"));
        match error {
            EvidenceError::Nobody if args.handovers.is_none() => why.context(
                "Authorities that came after the charter are known by `--handovers FILE`: what a \
                 node answers at /api/v1/ledger/shared/handovers",
            ),
            _ => why,
        }
    })?;
    let about = evidence.contradiction()?;
    let smaller = Checkpoint::parse(&evidence.smaller.text)?;
    let larger = Checkpoint::parse(&evidence.larger.text)?;
    let sizes = [smaller.size, larger.size];
    if args.json {
        say(json!({
            "origin": smaller.origin,
            "signed_both": who,
            "sizes": sizes,
            "what": about.name(),
        }))?;
    } else {
        say(format!(
            "{file}: {} signed {}.",
            who.join(", "),
            signed(about, &smaller.origin, sizes)
        ))?;
    }
    Ok(Ended::Well)
}

/// Checks an answer that is kept with a dispute: that it is what a founder of the ledger
/// signed, with the key of the charter.
fn answered(args: &EvidenceArgs, text: &str) -> Result<Ended> {
    let file = args.file.display();
    let shows = || format!("{file} shows nothing");
    let kept = answer::read(text).with_context(shows)?;
    kept.verify().with_context(shows)?;
    anyhow::ensure!(
        !args.signers.charter.is_empty(),
        "whose key is it? Say `--charter FILE` of the shared ledger"
    );
    let mut knows = false;
    for path in &args.signers.charter {
        let charter = crate::shared::read_charter(path)?;
        let mut all = charter.organisations.iter();
        knows |= all.any(|of| of.id.as_str() == kept.from && of.signing == kept.key);
    }
    anyhow::ensure!(
        knows,
        "{file} is signed with the key {}, which the charter does not have of `{}`. If it came later, the first {} \
         leaves of the ledger have it: `tally ledger dispute` holds it against them, on a node of the ledger",
        hex(&kept.key),
        kept.from,
        kept.size
    );
    match args.json {
        true => say(facts(&kept))?,
        false => say(format!("{file}: {}", answer_told(&kept)))?,
    }
    Ok(Ended::Well)
}

/// What those signed whom evidence names.
fn signed(about: Contradiction, origin: &str, [small, large]: [u64; 2]) -> String {
    match about {
        Contradiction::Histories => format!(
            "two histories of {origin}: one of {small} entries, and one of {large} that does not begin with it"
        ),
        Contradiction::Handovers => {
            format!("two handovers of {origin} at {small} entries, to two sets of authorities")
        }
        Contradiction::AfterHandover => format!(
            "two histories of {origin}: one in which their epoch ended at {small} entries, and one in which it went on to {large}"
        ),
    }
}

/// What a witness cosigned last of a log.
async fn last(client: &Client, witness: &str, origin: &str) -> Result<Option<Note>> {
    let url = format!(
        "{}/{}/checkpoint",
        witness.trim_end_matches('/'),
        hash(origin)
    );
    let answer = client.get(&url, None).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let text = String::from_utf8(answer.done()?)?;
    let note = Note::parse(&text);
    Ok(Some(note.with_context(|| {
        format!("{witness} does not answer with a checkpoint")
    })?))
}

/// What a witness, or a node, shows of one log.
#[derive(Default)]
struct Shown {
    /// Where it answers.
    url: String,
    /// What it cosigned last.
    last: Option<Note>,
    /// The handovers that it knows.
    handovers: Vec<Note>,
}

impl Shown {
    async fn by(client: &Client, witness: &str, origin: &str) -> Result<Self> {
        let last = last(client, witness, origin).await?;
        if last.is_none() {
            eprintln!("note: {witness} knows nothing of {origin}");
            return Ok(Self::default());
        }
        // Not of the protocol: ours have them.
        let url = format!("{}/{}", witness.trim_end_matches('/'), hash(origin));
        let handovers = client.handovers(&url).await.unwrap_or_default();
        Ok(Self {
            url: witness.to_owned(),
            last,
            handovers,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Note> {
        self.handovers.iter().chain(&self.last)
    }

    /// What contradicts what another shows, where the texts say it by themselves.
    fn against(&self, other: &Self) -> Vec<Evidence> {
        let pairs = self
            .all()
            .flat_map(|one| other.all().map(move |other| (one, other)));
        let found = pairs.filter_map(|(one, other)| told(one, other, &[]));
        found.collect()
    }
}

/// A key as signature lines call it: its name and its id.
type Called<'a> = (&'a str, &'a [u8]);

/// Who cosigned a checkpoint, as its lines say: all but the log's own. A line of a key that is
/// known counts if it holds. Of others nobody can tell, and need not: it hides no evidence.
fn cosigners<'a>(note: &'a Note, known: &[VerifierKey]) -> BTreeSet<Called<'a>> {
    let origin = note.text.lines().next();
    let lines = note.signatures.iter().enumerate();
    let lines = lines.filter(|(place, line)| {
        let mut keys = known.iter().filter(|key| key.is_of(line));
        Some(&*line.name) != origin && keys.all(|key| note.verify_cosignature(*place, key).is_ok())
    });
    let called = lines.filter_map(|(_, line)| Some((&*line.name, line.bytes.get(..4)?)));
    called.collect()
}

/// The keys of the witnesses that sets of authorities name.
fn known(signers: &[Signers]) -> Vec<VerifierKey> {
    let named = signers.iter().filter_map(|of| match of {
        Signers::Authorities(set) => set.cosigners().ok(),
        Signers::Key(_) => None,
    });
    named.flatten().collect()
}

/// What two checkpoints and a proof come to, if they contradict each other.
fn told(one: &Note, other: &Note, proof: &[Hash]) -> Option<Evidence> {
    let evidence = Evidence::of(one.clone(), other.clone(), proof);
    evidence.filter(Evidence::contradicts)
}

/// How two checkpoints of one log stand to each other.
enum Compared {
    Agree,
    Untold,
    Contradict(Box<Evidence>),
}

/// Holds two checkpoints against each other.
async fn held(client: &Client, node: Option<&str>, one: &Note, other: &Note) -> Result<Compared> {
    let (a, b) = (
        Checkpoint::parse(&one.text)?,
        Checkpoint::parse(&other.text)?,
    );
    let (small, large) = (a.size.min(b.size), a.size.max(b.size));
    if let Some(evidence) = told(one, other, &[]) {
        return Ok(Compared::Contradict(Box::new(evidence)));
    }
    if small == large || small == 0 {
        return Ok(Compared::Agree);
    }
    let Some(node) = node else {
        return Ok(Compared::Untold);
    };
    let base = served_by(node);
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    for leaf in client.leaves(&base, large).await? {
        let grown = frontier.append(leaf_hash(&leaf));
        nodes.extend(
            grown
                .into_iter()
                .map(|node| ((node.level, node.index), node.hash)),
        );
    }
    let larger = if a.size == large { &a } else { &b };
    if frontier.root() != larger.root {
        // It serves another history than the larger is of: that says nothing yet.
        return Ok(Compared::Untold);
    }
    let proof = consistency_proof(&nodes, small, large)?;
    Ok(match told(one, other, &proof) {
        Some(evidence) => Compared::Contradict(Box::new(evidence)),
        None => Compared::Agree,
    })
}

/// What came of comparing.
#[derive(Default)]
struct Found {
    /// How many pairs of witnesses were compared, and of how many nothing can be told.
    compared: u64,
    untold: u64,
    /// How many pairs are one witness, named twice: of those that do not contradict each other.
    same: u64,
    /// Evidence, by its name.
    evidence: BTreeMap<Hash, Evidence>,
}

impl Found {
    fn add(&mut self, evidence: impl IntoIterator<Item = Evidence>) {
        for one in evidence {
            let known = self.evidence.entry(one.name());
            known.and_modify(|of| of.unite(&one)).or_insert(one);
        }
    }

    fn holds(&self) -> bool {
        self.evidence.is_empty() && self.untold == 0 && self.same == 0 && self.compared > 0
    }
}

/// Holds what witnesses show of a log against each other, and against the handovers that a
/// node serves. What one witness shows twice agrees, whatever it was shown, and says nothing;
/// that it is one is told by whose cosignature both checkpoints bear, wherever it answers.
async fn compare_one(
    client: &Client,
    node: Option<&str>,
    shown: &[Shown],
    served: &Shown,
    known: &[VerifierKey],
    found: &mut Found,
) -> Result<()> {
    for (at, one) in shown.iter().enumerate() {
        found.add(one.against(served));
        for other in shown.iter().skip(at + 1) {
            found.add(one.against(other));
            let (Some(last), Some(others)) = (&one.last, &other.last) else {
                continue;
            };
            match held(client, node, last, others).await? {
                Compared::Agree => {}
                Compared::Untold => found.untold += 1,
                Compared::Contradict(evidence) => {
                    found.compared += 1;
                    found.add([*evidence]);
                    continue;
                }
            }
            let both = &cosigners(last, known) & &cosigners(others, known);
            match both.first() {
                None => found.compared += 1,
                Some((name, _)) => {
                    found.same += 1;
                    say_same(one, other, name);
                }
            }
        }
    }
    Ok(())
}

fn say_same(one: &Shown, other: &Shown, name: &str) {
    eprintln!(
        "error: {} and {} are one witness: both answer with a cosignature of one key, `{name}`. Compared with itself it \
         always agrees, and two histories stay unseen: nothing was compared between them. Name another that cosigns the \
         log, best one of another operator",
        one.url, other.url
    );
}

/// Says of a witness that its last checkpoint is of authorities that nothing here leads to.
fn note_unknown(
    signers: &[Signers],
    (witness, origin): (&str, &str),
    by: &Shown,
    node: Option<&str>,
) {
    let epoch = by.last.as_ref().and_then(|note| epoch_of(note).ok());
    let sets = signers.iter().filter_map(|of| match of {
        Signers::Authorities(set) if set.origin == origin => Some(set.epoch),
        _ => None,
    });
    let (Some(epoch), Some(known)) = (epoch, sets.max()) else {
        return;
    };
    if epoch > known {
        let next = match node {
            None => "say `--node URL` of a node of the ledger, which has the handovers".to_owned(),
            Some(node) => {
                format!("{node} does not have the handovers: say `--node URL` of another")
            }
        };
        eprintln!(
            "note: {witness} cosigned a checkpoint of epoch {epoch} of {origin}, and the authorities are known to epoch \
             {known} alone: who signed it cannot be told; {next}"
        );
    }
}

/// Holds what witnesses cosigned, and the handovers that they and a node know, against each
/// other.
pub(super) async fn compare(args: &CompareArgs) -> Result<Ended> {
    let client = Client::new("ledger", [0; 32]);
    let mut signers = args.signers.some()?;
    let node = args.node.as_deref();
    let origins: BTreeSet<String> = signers.iter().map(|of| of.origin().to_owned()).collect();
    let mut served = Shown::default();
    if let Some(node) = node.filter(|_| !args.signers.charter.is_empty()) {
        served.handovers = client.handovers(&served_by(node)).await?;
        followed(&mut signers, &served.handovers)
            .with_context(|| format!("{node} does not serve the handovers of these logs"))?;
    }
    let mut found = Found::default();
    for origin in &origins {
        let mut shown = Vec::new();
        for witness in &args.witnesses {
            let by = Shown::by(&client, witness, origin).await?;
            // Where they part, each leads to a set of its own.
            let _ = followed(&mut signers, &by.handovers);
            shown.push(by);
        }
        for (witness, by) in args.witnesses.iter().zip(&shown) {
            note_unknown(&signers, (witness, origin), by, node);
        }
        let known = known(&signers);
        compare_one(&client, node, &shown, &served, &known, &mut found).await?;
    }
    // Of another epoch than is known here nobody can be named.
    let who = |of: &Evidence| of.check(&signers).unwrap_or_default();
    if args.json {
        let evidence = found.evidence.values().map(|of| {
            let what = of.contradiction().map(Contradiction::name).ok();
            json!({ "evidence": of.to_string(), "signed_both": who(of), "what": what })
        });
        say(json!({
            "compared": found.compared,
            "untold": found.untold,
            "same": found.same,
            "contradictions": evidence.collect::<Vec<_>>(),
        }))?;
    } else {
        tell(&found, who)?;
    }
    Ok(if found.holds() {
        Ended::Well
    } else {
        Ended::Refused
    })
}

/// Says what came of comparing. One piece of evidence is printed, as a file of it is.
fn tell(found: &Found, who: impl Fn(&Evidence) -> Vec<String>) -> Result<()> {
    for (at, of) in found.evidence.values().enumerate() {
        let who = match who(of) {
            none if none.is_empty() => "somebody who is not among the signers that were said (authorities that came after the charter: `--node URL`)".to_owned(),
            some => some.join(", "),
        };
        let two = match of.contradiction()? {
            Contradiction::Histories | Contradiction::AfterHandover => "two histories",
            Contradiction::Handovers => "two handovers of one epoch",
        };
        if at == 0 {
            eprintln!("error: {who} signed {two}; this is the evidence:");
            print!("{of}");
        } else {
            eprintln!("error: {who} signed {two}, too: `--json` has the evidence of all");
        }
    }
    if found.untold > 0 {
        eprintln!(
            "note: of two sizes nothing can be told without the entries of the larger: say `--node URL` of a node that has them"
        );
    }
    if found.compared == 0 && found.same == 0 {
        eprintln!("error: fewer than two of the witnesses know the log: nothing was compared");
    } else if found.holds() {
        say(format!(
            "{}: one history.",
            plural(found.compared, "comparison")
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tally_core::ledger::SigningKey;

    use super::*;

    /// A checkpoint of a root, with the signature of its log.
    fn signed(root: u8) -> Note {
        let checkpoint = Checkpoint {
            origin: "log.example".to_owned(),
            size: 7,
            root: [root; 32],
            extensions: Vec::new(),
        };
        checkpoint.sign(&SigningKey::new("log.example", &[1; 32]).unwrap())
    }

    fn shown(mut last: Note, cosigned: &[(&SigningKey, &str)]) -> Shown {
        let lines = cosigned.iter().map(|(key, text)| key.cosign(text, 1));
        last.signatures.extend(lines);
        Shown {
            last: Some(last),
            ..Shown::default()
        }
    }

    /// Whoever puts another witness's line under a checkpoint hides no evidence by it, and where
    /// that witness's key is known makes no two of them one.
    #[tokio::test]
    async fn a_line_of_another_witness_hides_nothing() {
        let [left, right] = ["left.example", "right.example"]
            .map(|name| SigningKey::cosigner(name, &[2; 32]).unwrap());
        let compare = async |shown: &[Shown], known: &[VerifierKey]| {
            let client = Client::new("ledger", [0; 32]);
            let (served, mut found) = (Shown::default(), Found::default());
            let done = compare_one(&client, None, shown, &served, known, &mut found).await;
            done.unwrap();
            (found.compared, found.same, found.evidence.len())
        };
        let known = [left.verifier().clone()];
        let (one, other) = (signed(1), signed(2));
        let of_left = || shown(one.clone(), &[(&left, &one.text)]);
        let forged = |note: &Note| shown(note.clone(), &[(&right, &note.text), (&left, "another")]);
        let told = compare(&[of_left(), forged(&one)], &known).await;
        assert_eq!(told, (1, 0, 0));
        let told = compare(&[of_left(), forged(&one)], &[]).await;
        assert_eq!(told, (0, 1, 0));
        for known in [&known[..], &[]] {
            let told = compare(&[of_left(), forged(&other)], known).await;
            assert_eq!(told, (1, 0, 1));
        }
    }
}
