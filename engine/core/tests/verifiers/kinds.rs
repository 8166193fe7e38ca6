//! Receipts of every kind, sound and not, that each verifier has to judge as the engine does.

use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::access::{By, Purpose};
use tally_core::ledger::erasure::ErasureReceipt;
use tally_core::ledger::shared::Authorities;
use tally_core::ledger::{
    Adjudication, Entry, Ground, Receipt, Subject, Trust, TrustedLog, Verdict, commit, verify_any,
};

use super::made::{self, CLAIM, SALT};

/// What a receipt's entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Adjudicated,
    Received,
    Payment,
    Read,
    Emergency,
    Erased,
}

/// The engine's verdict, as `tally ledger verify` comes to it.
pub fn verdict(bytes: &[u8], trust: Option<&Trust>) -> &'static str {
    let verdict = std::str::from_utf8(bytes).ok().and_then(|text| {
        if text.starts_with("tallystick-erasure/") {
            let shown = ErasureReceipt::parse(text).ok()?.verify(trust).ok()?;
            return Some(shown.verdict);
        }
        let (verdict, _) = verify_any(&Receipt::parse(text).ok()?, trust).ok()?;
        Some(verdict)
    });
    match verdict {
        Some(Verdict::Trusted) => "trusted",
        Some(Verdict::Consistent) => "consistent, not trusted",
        None => "does not hold",
    }
}

/// A sound receipt of each kind, in the local log alone.
pub fn sound() -> Vec<(Kind, Vec<u8>)> {
    let text = |receipt: Receipt| receipt.to_string().into_bytes();
    let mut all = vec![
        (Kind::Adjudicated, text(made::local(6, 11, false))),
        (Kind::Adjudicated, text(made::local(0, 1, true))),
    ];
    for (entry, body) in made::committed() {
        let kind = match entry {
            Entry::Received(_) => Kind::Received,
            Entry::PaymentAdvised(_) => Kind::Payment,
            Entry::Read(_) => Kind::Read,
            _ => Kind::Emergency,
        };
        let receipt = made::entered(6, 11, CLAIM, entry.to_canon(), body);
        all.push((kind, text(receipt)));
    }
    for purpose in Purpose::all() {
        let reading = made::reading(By::Billing, purpose);
        let entry = reading.entry(&SALT).to_canon();
        let receipt = made::entered(2, 3, CLAIM, entry, reading.to_canon());
        all.push((Kind::Read, text(receipt)));
    }
    for ground in [Ground::Request, Ground::Retention, Ground::Order] {
        let receipt = made::erasure(2, 9, 11, made::erased(2, ground));
        all.push((Kind::Erased, receipt.to_string().into()));
    }
    all
}

/// The receipt of an erasure on the shared ledger, over these sets to so many signatures.
pub fn erased_on_shared(sets: &[Authorities], by: usize, cosigned: bool) -> Vec<u8> {
    brought_by("payer-1", (sets, by, cosigned))
}

fn brought_by(organisation: &str, signed: (&[Authorities], usize, bool)) -> Vec<u8> {
    let envelopes = [
        (21, made::header(organisation, 1, 3)),
        (30, made::header(organisation, 8, 3)),
    ];
    brought(&envelopes, signed)
}

/// What is to be told of a receipt with both proofs.
pub struct Told {
    pub file: Vec<u8>,
    pub trust: Option<Trust>,
    /// The logs that are by the receipt's own word: the trust file does not name them.
    pub own_word: &'static [&'static str],
    /// Whose log it is in, where the shared ledger proves that.
    pub organisation: Option<&'static str>,
}

/// Receipts with both proofs under trust files that name one log, both, neither, and under
/// none; the erasures are of two organisations whose logs have one name and one key.
pub fn told() -> Vec<Told> {
    let sets = [made::set(0, 0..4)];
    let signed = (&sets[..], 4, true);
    let local = TrustedLog::local(made::log_key().verifier().clone());
    let shared = TrustedLog::shared(&sets[0]);
    let claim = made::shared(&sets, 4, true).to_string().into_bytes();
    let receipts = [
        (claim, None),
        (brought_by("payer-1", signed), Some("payer-1")),
        (brought_by("payer-2", signed), Some("payer-2")),
    ];
    let named: [(Option<Vec<TrustedLog>>, &'static [&'static str]); 5] = [
        (Some(vec![local.clone()]), &[made::LEDGER]),
        (Some(vec![shared.clone()]), &[made::LOG]),
        (Some(vec![local, shared]), &[]),
        (Some(vec![]), &[made::LOG, made::LEDGER]),
        (None, &[made::LOG, made::LEDGER]),
    ];
    let mut all = Vec::new();
    for (file, organisation) in receipts {
        all.extend(named.iter().map(|(logs, own_word)| Told {
            file: file.clone(),
            trust: logs.clone().map(|logs| Trust { logs }),
            own_word,
            organisation,
        }));
    }
    all
}

fn brought(envelopes: &[(u64, Vec<u8>); 2], signed: (&[Authorities], usize, bool)) -> Vec<u8> {
    let receipt = made::erasure(2, 9, 11, made::erased(2, Ground::Retention));
    let receipt = made::erased_on_shared(receipt, envelopes, signed);
    receipt.to_string().into()
}

/// The same receipt, brought by other envelopes: those that could have, and those that not.
pub fn other_envelopes() -> [Vec<Vec<u8>>; 2] {
    let header = |(first, count)| made::header("payer-1", first, count);
    let stays = (21, header((1, 3)));
    let erased = (30, header((8, 3)));
    let of = |stays: &(u64, Vec<u8>), erased: &(u64, Vec<u8>)| {
        let sets = [made::set(0, 0..4)];
        brought(&[stays.clone(), erased.clone()], (&sets[..], 4, true))
    };
    let could = [
        of(&(22, header((2, 1))), &erased),
        of(&(20, header((0, u32::MAX))), &erased),
        of(&stays, &(31, header((9, 1)))),
        of(&stays, &(24, header((2, 8)))),
    ];
    let mut not = Vec::new();
    for said in [(1, 1), (1, 0), (0, 3), (2, 3), (3, 3), (u64::MAX, u32::MAX)] {
        not.push(of(&(21, header(said)), &erased));
    }
    for (at, said) in [
        (22, (1, 3)),
        (24, (4, 3)),
        (31, (8, 3)),
        (33, (9, 1)),
        (30, (8, 1)),
    ] {
        not.push(of(&stays, &(at, header(said))));
    }
    let other = made::header("payer-2", 1, 3);
    not.push(of(&(21, other), &erased));
    // No header: of another version or kind, longer, shorter, of nobody.
    let sound = &stays.1;
    let changed = |at: usize, to: u8| {
        let mut changed = sound.clone();
        changed[at] = to;
        changed
    };
    let nobody = [&sound[..2], &[0; 4], &sound[13..]].concat();
    for header in [
        changed(0, 2),
        changed(1, 16),
        changed(5, 6),
        changed(6, b'P'),
        [&sound[..], &[0]].concat(),
        sound[..sound.len() - 1].to_vec(),
        nobody,
        b"junk".to_vec(),
    ] {
        not.push(of(&(21, header), &erased));
    }
    [could.into(), not]
}

/// One of each kind.
pub fn one_of_each() -> Vec<(Kind, Vec<u8>)> {
    let mut all = sound();
    let mut seen = Vec::new();
    all.retain(|(kind, _)| {
        let new = !seen.contains(kind);
        seen.push(*kind);
        new
    });
    all
}

/// A receipt with one byte of every line changed, in its middle and at its end, and the
/// line left out, twice there, and cut; and with every signature put in another's place.
pub fn lines_changed(sound: &str) -> Vec<Vec<u8>> {
    let lines: Vec<&str> = sound.split_inclusive('\n').collect();
    let mut files = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let bytes = line.as_bytes();
        let mut change = |line: Vec<u8>| {
            let before = lines[..at].concat().into_bytes();
            files.push([before, line, lines[at + 1..].concat().into_bytes()].concat());
        };
        for place in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            for bit in [1, 2, 0x20, 0x80] {
                let mut changed = bytes.to_vec();
                changed[place] ^= bit;
                change(changed);
            }
        }
        change(vec![]);
        change(bytes.repeat(2));
        change(bytes[..bytes.len() - 1].to_vec());
        change([bytes, b"\r\n"].concat());
    }
    let signatures = lines.iter().filter(|line| line.starts_with('—'));
    for one in signatures.clone() {
        for other in signatures.clone().filter(|other| *other != one) {
            files.push(sound.replacen(one, other, 1).into_bytes());
        }
    }
    files
}

/// The same, and every byte another.
pub fn bytes_changed(sound: &[u8]) -> Vec<Vec<u8>> {
    let mut files = lines_changed(std::str::from_utf8(sound).unwrap());
    for at in 0..sound.len() {
        let mut changed = sound.to_vec();
        changed[at] ^= [1, 2, 4, 0x20][at % 4];
        files.push(changed);
    }
    files
}

/// Receipts of a log that has the name of the ledger of one: with its key, and another's.
pub fn named_as_the_ledger() -> Vec<Vec<u8>> {
    let receipt = made::shared(&[made::set(0, 0..1)], 1, false);
    let of = |key| made::in_log_of(&key, receipt.clone()).to_string();
    [0, 1].map(|n| of(made::authority(n)).into_bytes()).into()
}

/// Receipts that pass the ledger of one authority off as its own log, and that have a line
/// after the root in their own; and the trust file that would have them trusted. None holds.
pub fn passed_off() -> (Vec<Vec<u8>>, Trust) {
    let (claim, erasure) = made::passed_off();
    let mut own = made::local(6, 11, false);
    made::extend(&mut own.local);
    let mut of_erasure = made::erasure(2, 9, 11, made::erased(2, Ground::Order));
    made::extend(&mut of_erasure.stays);
    made::extend(&mut of_erasure.erased);
    let logs = vec![
        TrustedLog::shared(&made::set(0, 0..1)),
        TrustedLog::local(made::log_key().verifier().clone()),
    ];
    let texts = [
        claim.to_string(),
        erasure.to_string(),
        own.to_string(),
        of_erasure.to_string(),
    ];
    (texts.map(String::into_bytes).into(), Trust { logs })
}

/// A receipt whose form, commitment, proof and signature hold, whatever is in its body.
fn committing(kind: u8, body: Vec<u8>) -> Vec<u8> {
    let commitment = commit(subject(kind), &SALT, &body);
    let entry = [&[1, kind], &commitment[..]].concat();
    made::entered(0, 1, CLAIM, entry, body).to_string().into()
}

const SUBJECTS: [Subject; 10] = [
    Subject::Receipt,
    Subject::Context,
    Subject::Flag,
    Subject::Reversal,
    Subject::Received,
    Subject::Reexecution,
    Subject::Grant,
    Subject::Reading,
    Subject::Payment,
    Subject::Transcript,
];

/// Every byte of every body but an outcome's changed, lost, doubled, and the body cut
/// there, under an entry that commits to just that: what then holds is up to the body.
pub fn other_bodies() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (entry, body) in made::committed() {
        let kind = entry.kind();
        let mut push = |body: Vec<u8>| all.push(committing(kind, body));
        for at in 0..body.len() {
            for bit in [0, 1, 5, 7] {
                let mut changed = body.clone();
                changed[at] ^= 1 << bit;
                push(changed);
            }
            let mut changed = body.clone();
            changed.remove(at);
            push(changed);
            let mut changed = body.clone();
            changed.insert(at, body[at]);
            push(changed);
            push(body[..at].to_vec());
        }
        push([&body[..], &[0]].concat());
    }
    all
}

/// Days at the ends of the calendar, numbers of purposes and rights, and as many claims
/// as a list may have, and one more.
pub fn bounds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let received = made::received().to_canon();
    for day in [-719_163, -719_162, 2_932_896, 2_932_897, i32::MIN, i32::MAX] {
        let mut body = received.clone();
        body[17..21].copy_from_slice(&day.to_be_bytes());
        all.push(committing(6, body));
    }
    for name in ["", "\u{feff}lakeside", "two\nlines", "\0", "'\"\\", "höher"] {
        let mut of = made::received();
        of.submitter = name.into();
        all.push(committing(6, of.to_canon()));
    }
    for number in 0..=u8::MAX {
        // Of a purpose, of a right without more, and of an emergency, by what is behind it.
        let emergency = By::Emergency("x".into());
        for (behind, by) in [(10, By::Payer), (9, By::Payer), (14, emergency)] {
            let mut body = made::reading(by, Purpose::Treatment).to_canon();
            let at = body.len() - behind;
            body[at] = number;
            for kind in [11, 12] {
                all.push(committing(kind, body.clone()));
            }
        }
    }
    for count in [65_535u128, 65_536] {
        let mut advice = made::advice();
        advice.claims = (0..count).map(|n| ClaimId(n.to_be_bytes())).collect();
        advice.claims.push(CLAIM);
        all.push(committing(13, advice.to_canon()));
    }
    all
}

/// Receipts whose parts do not belong together, each for one reason: none holds.
pub fn mismatched() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut push = |claim: u8, entry: &[u8], body: &[u8]| {
        let receipt = made::entered(0, 1, ClaimId([claim; 16]), entry.into(), body.into());
        all.push(receipt.to_string().into_bytes());
    };
    let adjudicated = made::local(0, 1, false);
    push(8, &adjudicated.entry, &adjudicated.body);
    for (policy, prefix) in [(None, 3), (Some([2; 32]), 3), (Some([1; 32]), 4)] {
        let entry = Entry::Adjudicated(Adjudication {
            commitment: commit(Subject::Receipt, &SALT, &adjudicated.body),
            policy,
            prefix,
        });
        push(9, &entry.to_canon(), &adjudicated.body);
    }
    let mut bodies: Vec<_> = made::committed()
        .into_iter()
        .map(|(entry, body)| (entry.to_canon(), body))
        .collect();
    bodies.push((adjudicated.entry, adjudicated.body));
    for (entry, body) in &bodies {
        // Of another claim than its head says, of another version, with more behind it.
        push(8, entry, body);
        push(9, &[&[0], &entry[1..]].concat(), body);
        push(9, &[&[2], &entry[1..]].concat(), body);
        push(9, &[&entry[..], &[0]].concat(), body);
        push(9, &entry[..entry.len() - 1], body);
        // Under the commitment of another subject, and as an entry of another kind.
        for under in SUBJECTS {
            let mut other = entry.clone();
            other[2..34].copy_from_slice(&commit(under, &SALT, body));
            let right = (entry[1], subject(entry[1]));
            for kind in (0..=20).filter(|kind| (*kind, under) != right) {
                other[1] = kind;
                push(9, &other, body);
            }
        }
        // Under the entry of another body.
        for (other, _) in bodies.iter().filter(|(other, _)| other != entry) {
            push(9, other, body);
        }
    }
    all.extend(mismatched_erasures());
    all
}

/// The subject of what an entry of this kind commits to.
fn subject(kind: u8) -> Subject {
    match kind {
        3 => Subject::Receipt,
        6 => Subject::Received,
        13 => Subject::Payment,
        _ => Subject::Reading,
    }
}

fn mismatched_erasures() -> Vec<Vec<u8>> {
    let sound = made::erased(2, Ground::Request);
    let made = |stays, erased, entry: &[u8]| made::erasure(stays, erased, 11, entry.into());
    let mut all = vec![
        made(3, 9, &sound),
        made(2, 1, &sound),
        made(2, 9, &[&sound[..], &[0]].concat()),
        made(2, 9, &sound[..sound.len() - 1]),
    ];
    for ground in [0, 4, 255] {
        let mut entry = sound.clone();
        *entry.last_mut().unwrap() = ground;
        all.push(made(2, 9, &entry));
    }
    for (at, other) in [(0, 0), (0, 2), (1, 3), (1, 13), (1, 15), (2, 1), (9, 3)] {
        let mut entry = sound.clone();
        entry[at] = other;
        all.push(made(2, 9, &entry));
    }
    let mut changed = |change: &dyn Fn(&mut ErasureReceipt)| {
        let mut receipt = made(2, 9, &sound);
        change(&mut receipt);
        all.push(receipt);
    };
    let smaller = made::erasure(2, 9, 10, sound.clone());
    changed(&|of| of.leaf = [0; 32]);
    changed(&|of| std::mem::swap(&mut of.stays, &mut of.erased));
    changed(&|of| of.erased = of.stays.clone());
    changed(&|of| of.stays = smaller.stays.clone());
    changed(&|of| {
        for proof in [&mut of.stays, &mut of.erased] {
            let twice = proof.checkpoint.signatures[0].clone();
            proof.checkpoint.signatures.push(twice);
        }
    });
    let text = |receipt: ErasureReceipt| receipt.to_string().into_bytes();
    all.into_iter().map(text).collect()
}
