//! Cosignatures, witnesses and tiles as C2SP specifies them, by its own examples.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use tally_core::ledger::witness::{Request, merge, told_size};
use tally_core::ledger::{Checkpoint, Note, SigningKey, VerifierKey, tiles};

use super::cases;

fn spec(name: &str) -> Option<String> {
    Some(cases::read(&cases::folder("c2sp-specs")?.join(name)))
}

/// The indented block that begins so.
pub fn block(text: &str, first: &str) -> String {
    let from = text.find(&format!("    {first}")).unwrap();
    let lines = text[from..].lines();
    let mut block = String::new();
    for line in lines.take_while(|line| line.is_empty() || line.starts_with("    ")) {
        block.push_str(line.strip_prefix("    ").unwrap_or(line));
        block.push('\n');
    }
    format!("{}\n", block.trim_end())
}

/// The example's line has the time that its message names, and a cosignature of ours
/// is over that very message.
#[test]
fn the_example_of_cosignatures() {
    let Some(text) = spec("tlog-cosignature.md") else {
        return;
    };
    let note = Note::parse(&cases::examples(&text)[0]).unwrap();
    let cosignature = &note.signatures[1];
    assert_eq!(cosignature.name, "witness.example.com/w1");
    assert_eq!(cosignature.bytes.len(), 4 + 8 + 64);
    let time = u64::from_be_bytes(cosignature.bytes[4..12].try_into().unwrap());
    let message = block(&text, "cosignature/v1");
    assert!(message.starts_with(&format!("cosignature/v1\ntime {time}\n")));
    assert!(message.ends_with(&note.text));

    let key = SigningKey::cosigner("witness.example.com/w1", &[3; 32]).unwrap();
    let ours = key.cosign(&note.text, time);
    let signature: &[u8; 64] = ours.bytes[12..].try_into().unwrap();
    assert_eq!(ours.bytes[4..12], cosignature.bytes[4..12]);
    let verifier = key.verifier();
    assert_eq!(verifier.verify(message.as_bytes(), signature), Ok(()));
    // A bare signature over the text is none, nor one over another time.
    assert!(verifier.verify(note.text.as_bytes(), signature).is_err());
    let mut cosigned = note.clone();
    cosigned.signatures.push(ours);
    assert_eq!(cosigned.verify_cosignature(2, verifier), Ok(time));
    cosigned.signatures[2].bytes[11] ^= 1;
    assert!(cosigned.verify_cosignature(2, verifier).is_err());
    for never in [0, 1 << 63, u64::MAX] {
        cosigned.signatures[2] = key.cosign(&note.text, never);
        assert!(cosigned.verify_cosignature(2, verifier).is_err());
    }
}

/// The id of a witness's key is over the type of its signatures, 4.
#[test]
fn keys_of_witnesses() {
    let key = SigningKey::cosigner("witness.example/w1", &[3; 32]).unwrap();
    let (key, public) = (key.verifier(), key.verifier().public());
    let hashed = [b"witness.example/w1\n\x04", &public[..]].concat();
    let id: [u8; 32] = Sha256::digest(hashed).into();
    let id: String = id[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let typed = BASE64.encode([&[4], &public[..]].concat());
    assert_eq!(key.to_string(), format!("witness.example/w1+{id}+{typed}"));
    assert_eq!(&VerifierKey::parse_cosigner(&key.to_string()).unwrap(), key);
    // A log's key is no witness's, and the other way round.
    assert!(VerifierKey::parse(&key.to_string()).is_err());
    let log = SigningKey::new("witness.example/w1", &[3; 32]).unwrap();
    assert!(VerifierKey::parse_cosigner(&log.verifier().to_string()).is_err());
}

#[test]
fn the_examples_of_witnesses() {
    let Some(text) = spec("tlog-witness.md") else {
        return;
    };
    let body = block(&text, "old 20852014");
    let request = Request::parse(body.as_bytes()).unwrap();
    assert_eq!(request.to_string(), body);
    assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
    assert_eq!(request.checkpoint.size, 20_852_163);
    assert_eq!(request.checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(request.note.signatures.len(), 2);
    // Three lines of witnesses whom this client does not know.
    let answer = block(&text, "— witness.example/w1 CMp+6L");
    let mut note = request.note.clone();
    assert_eq!(merge(&mut note, &answer, &[]), Ok(0));
    assert_eq!(note, request.note);
    let known = SigningKey::cosigner("witness.example/w3", &[3; 32]).unwrap();
    let line = known.cosign(&note.text, 1);
    let answer = format!("{answer}{line}\n");
    let witnesses = [known.verifier().clone()];
    assert_eq!(merge(&mut note, &answer, &witnesses), Ok(1));
    assert_eq!(note.signatures.len(), 3);
    assert_eq!(told_size("20852014\n"), Some(20_852_014));
}

/// The paths that the specification gives.
#[test]
fn the_examples_of_tiles() {
    let Some(text) = spec("tlog-tiles.md") else {
        return;
    };
    assert!(text.contains("x001/x234/067"));
    assert_eq!(tiles::tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(
        tiles::bundle_path(1_234_067, 256),
        "tile/entries/x001/x234/067"
    );
    // What a log of 70,000 entries has, by the specification's own count.
    assert!(text.contains("70,000"));
    let of = |level, full| {
        let tiles = tiles::tiles(70_000);
        let of = tiles.iter().filter(|tile| tile.level == level);
        of.filter(|tile| (tile.width == 256) == full)
            .map(|tile| tile.width)
            .collect::<Vec<_>>()
    };
    assert_eq!((of(0, true).len(), of(0, false)), (273, vec![112]));
    assert_eq!((of(1, true).len(), of(1, false)), (1, vec![17]));
    assert_eq!((of(2, true).len(), of(2, false)), (0, vec![1]));
}

/// A checkpoint's own examples are requests' too.
#[test]
fn a_checkpoint_is_submitted() {
    let Some(text) = spec("tlog-checkpoint.md") else {
        return;
    };
    let note = Note::parse(&cases::examples(&text)[0]).unwrap();
    let size = Checkpoint::parse(&note.text).unwrap().size;
    let request = Request::new(0, vec![], note).unwrap();
    let read = Request::parse(request.to_string().as_bytes()).unwrap();
    assert_eq!((read.checkpoint.size, read.old), (size, 0));
}
