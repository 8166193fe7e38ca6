//! Notes, checkpoints and proofs as C2SP specifies them, and its own examples.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tally_core::ledger::{Checkpoint, LogProof, Note, NoteError, SigningKey, VerifierKey};

use super::cases;

pub fn spec(name: &str) -> Option<String> {
    Some(cases::read(&cases::folder("c2sp-specs")?.join(name)))
}

/// The key of the specification's example.
pub fn example_key(text: &str) -> VerifierKey {
    text.lines()
        .find_map(|line| line.strip_prefix("    example.com/foo+"))
        .map(|rest| VerifierKey::parse(&format!("example.com/foo+{rest}")).unwrap())
        .unwrap()
}

#[test]
fn the_examples_of_signed_note() {
    let Some(text) = spec("signed-note.md") else {
        return;
    };
    let examples = cases::examples(&text);
    let [poem, signed] = &examples[..] else {
        panic!("{} examples", examples.len())
    };
    let poem_note = Note::parse(poem).unwrap();
    assert_eq!(&poem_note.to_string(), poem);
    assert_eq!(
        poem_note.text.lines().count(),
        4,
        "a note may have empty lines"
    );
    assert_eq!(poem_note.signatures[0].name, "quasimodo.example/salvatore");

    let key = example_key(&text);
    let note = Note::parse(signed).unwrap();
    assert_eq!(note.verify(&key), Ok(()));
    assert_eq!(note.text, "This is an example message.\n");
    assert_eq!(poem_note.verify(&key), Err(NoteError::NotSigned));
    let mut changed = note.clone();
    changed.text = "This is an example message!\n".into();
    assert_eq!(changed.verify(&key), Err(NoteError::Signature));
    // Signatures of unknown keys are passed over, even by a known name.
    let mut more = note;
    more.signatures.insert(0, poem_note.signatures[0].clone());
    let mut stranger = more.signatures[1].clone();
    stranger.bytes[0] ^= 1;
    more.signatures.push(stranger);
    assert_eq!(more.verify(&key), Ok(()));
}

#[test]
fn the_examples_of_checkpoints() {
    for name in ["tlog-checkpoint.md", "tlog-cosignature.md"] {
        let Some(text) = spec(name) else { return };
        let example = &cases::examples(&text)[0];
        let note = Note::parse(example).unwrap();
        assert_eq!(&note.to_string(), example);
        let checkpoint = Checkpoint::parse(&note.text).unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.text(), note.text);
        let cosigned = usize::from(name == "tlog-cosignature.md");
        assert_eq!(note.signatures.len(), 1 + cosigned);
    }
}

/// The example of a proof, which shortens its signatures: they are put back.
fn whole_proof() -> Option<String> {
    let example = cases::examples(&spec("tlog-proof.md")?).remove(0);
    let lines = example.lines().map(|line| match line.strip_prefix("— ") {
        Some(signature) => {
            let name = signature.split(' ').next().unwrap();
            format!("— {name} {}\n", BASE64.encode([7; 68]))
        }
        None => format!("{line}\n"),
    });
    Some(lines.collect())
}

/// The same without its line of extra data.
pub fn plain_proof() -> Option<String> {
    let whole = whole_proof()?;
    let lines = whole.split_inclusive('\n');
    Some(lines.filter(|line| !line.starts_with("extra ")).collect())
}

/// The line of extra data is not signed by anybody: a receipt in which any byte counts
/// has none, and refuses it.
#[test]
fn the_example_of_proofs() {
    let (Some(whole), Some(plain)) = (whole_proof(), plain_proof()) else {
        return;
    };
    assert!(LogProof::parse(&whole).is_err());
    let proof = LogProof::parse(&plain).unwrap();
    assert_eq!(proof.to_string(), plain);
    assert_eq!((proof.index, proof.path.len()), (73_894, 5));
    let checkpoint = Checkpoint::parse(&proof.checkpoint.text).unwrap();
    assert_eq!(checkpoint.size, 109_482);
}

/// What the specifications say MUST NOT be.
#[test]
fn what_is_refused() {
    let key = SigningKey::new("example.com/log", &[1; 32]).unwrap();
    let note = key.sign_note("text\n".into()).to_string();
    assert!(Note::parse(&note).is_ok());
    let (head, line) = note.split_once("\n\n").unwrap();
    let one = line.trim_end();
    let sixteen = format!("{head}\n\n{}", format!("{one}\n").repeat(16));
    assert!(
        Note::parse(&sixteen).is_ok(),
        "at least 16 signatures must be read"
    );
    for (what, text) in [
        ("no signatures", format!("{head}\n\n")),
        ("no empty line", format!("{head}\n{one}\n")),
        ("no last newline", format!("{head}\n\n{one}")),
        ("two last newlines", format!("{head}\n\n{one}\n\n")),
        ("a carriage return", format!("{head}\r\n\n{one}\n")),
        ("a tab", format!("{head}\t\n\n{one}\n")),
        ("a null", format!("{head}\0\n\n{one}\n")),
        ("another dash", note.replace('—', "-")),
        (
            "a line that is no signature",
            format!("{head}\n\n{one}\nx\n"),
        ),
        ("a space in a name", note.replace("com/log ", "com log ")),
        ("a plus in a name", note.replace("com/log ", "com+log ")),
        (
            "another space in a name",
            note.replace("com/log ", "com\u{2003}log "),
        ),
        (
            "base64 of another alphabet",
            note.replace("— example.com/log ", "— example.com/log _"),
        ),
        ("too short a signature", format!("{head}\n\n— a AAAA\n")),
        (
            "too many signatures",
            format!("{head}\n\n{}", format!("{one}\n").repeat(1_000)),
        ),
    ] {
        assert!(Note::parse(&text).is_err(), "{what}");
    }

    let vkey = key.verifier().to_string();
    assert_eq!(VerifierKey::parse(&vkey).unwrap(), *key.verifier());
    let (name, rest) = vkey.split_once('+').unwrap();
    let (id, public) = rest.split_once('+').unwrap();
    let mut other = BASE64.decode(public).unwrap();
    other[0] = 2;
    let upper = id.to_uppercase();
    for text in [
        format!("{name}+{id}"),
        format!("{name}+00000000+{public}"),
        format!("{name}+{id}+{}", BASE64.encode(&other)),
        format!("+{id}+{public}"),
        format!("{name}+{id}+{public}\n"),
        format!("{name} +{id}+{public}"),
    ] {
        assert!(VerifierKey::parse(&text).is_err(), "{text}");
    }
    assert!(upper == id || VerifierKey::parse(&format!("{name}+{upper}+{public}")).is_err());

    let root = BASE64.encode([5; 32]);
    let good = format!("example.com/log\n7\n{root}\n");
    assert!(Checkpoint::parse(&good).is_ok());
    assert!(Checkpoint::parse(&format!("{good}extension\n")).is_ok());
    for (what, text) in [
        ("no origin", format!("\n7\n{root}\n")),
        ("a leading zero", format!("example.com/log\n07\n{root}\n")),
        ("a sign", format!("example.com/log\n+7\n{root}\n")),
        ("a negative size", format!("example.com/log\n-7\n{root}\n")),
        (
            "too large a size",
            format!("example.com/log\n18446744073709551616\n{root}\n"),
        ),
        (
            "a root without padding",
            format!("example.com/log\n7\n{}\n", root.trim_end_matches('=')),
        ),
        (
            "a root of 31 bytes",
            format!("example.com/log\n7\n{}\n", BASE64.encode([5; 31])),
        ),
        ("no root", "example.com/log\n7\n".into()),
        ("an empty extension", format!("{good}\n")),
        ("no last newline", good.trim_end().into()),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{what}");
    }
}

/// A checkpoint of one log, signed by the key of another, is nobody's.
#[test]
fn a_checkpoint_is_of_its_own_log() {
    let key = SigningKey::new("example.com/log", &[1; 32]).unwrap();
    let other = SigningKey::new("example.com/other", &[2; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: "example.com/log".into(),
        size: 7,
        root: [5; 32],
        extensions: vec![],
    };
    assert!(Checkpoint::open(&checkpoint.sign(&key), key.verifier()).is_ok());
    assert!(Checkpoint::open(&checkpoint.sign(&other), other.verifier()).is_err());
    assert!(Checkpoint::open(&checkpoint.sign(&key), other.verifier()).is_err());
}
