use proptest::prelude::*;

use super::*;

static_assertions::assert_not_impl_any!(Opened: core::fmt::Debug, core::fmt::Display);
static_assertions::assert_not_impl_any!(Envelope: core::fmt::Debug, core::fmt::Display);
static_assertions::assert_not_impl_any!(NodeKey: core::fmt::Debug, core::fmt::Display, Clone);
static_assertions::assert_not_impl_any!(Directory: core::fmt::Debug, core::fmt::Display);

const PAYLOAD: &[u8] = br#"{"resourceType":"Claim"}"#;

fn node() -> NodeKey {
    NodeKey::new(&[9; 32]).unwrap()
}

fn signer() -> SigningKey {
    SigningKey::new("submitter", &[5; 32]).unwrap()
}

fn directory() -> Directory {
    let mut directory = Directory::new(node());
    directory.serve("harbor-health");
    directory
        .register("mercy-clinic", &signer().verifier().public())
        .unwrap();
    directory
}

fn sealing() -> Sealing<'static> {
    Sealing {
        payer: "harbor-health",
        submitter: "mercy-clinic",
        interchange: "000000905",
        format: Format::Fhir,
        created: "2026-03-02T09:30:00Z",
        payload: PAYLOAD,
    }
}

fn sealed() -> Vec<u8> {
    Envelope::seal(&sealing(), &node().public(), &signer()).unwrap()
}

fn rejected(bytes: &[u8], content_type: Option<&str>) -> Rejected {
    let Err(rejected) = Envelope::open(bytes, content_type, &directory()) else {
        panic!("it opened");
    };
    rejected
}

/// The envelope with other texts in it, signed as it stands.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(sealed()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn an_envelope_opens_as_it_was_sealed() {
    let opened = Envelope::open(&sealed(), Some(CONTENT_TYPE), &directory());
    let Ok(opened) = opened else { panic!() };
    assert_eq!(opened.payer, "harbor-health");
    assert_eq!(opened.submitter, "mercy-clinic");
    assert_eq!(opened.interchange, "000000905");
    assert_eq!(opened.format, Format::Fhir);
    assert_eq!(opened.created, "2026-03-02T09:30:00Z");
    assert_eq!(*opened.payload, PAYLOAD);
}

#[test]
fn q101_another_content_type() {
    for bad in [
        None,
        Some(""),
        Some("application/json"),
        Some("application/vnd.tallystick.envelope+json"),
        Some("application/vnd.tallystick.envelope+json; charset=utf-8"),
        Some("application/vnd.tallystick.envelope+json; version=1; version=1"),
    ] {
        let rejected = rejected(&sealed(), bad);
        assert_eq!((rejected, rejected.code()), (Rejected::ContentType, "Q101"));
    }
    for good in [
        "Application/vnd.Tallystick.envelope+JSON;version=1",
        "application/vnd.tallystick.envelope+json ; Version=\"1\"",
    ] {
        assert!(Envelope::open(&sealed(), Some(good), &directory()).is_ok());
    }
}

#[test]
fn q102_too_large() {
    let bytes = sealed();
    let narrow = directory().with_limit(bytes.len() - 1);
    let Err(rejected) = Envelope::open(&bytes, Some(CONTENT_TYPE), &narrow) else {
        panic!()
    };
    assert_eq!(rejected.code(), "Q102");
    let exact = directory().with_limit(bytes.len());
    assert!(Envelope::open(&bytes, Some(CONTENT_TYPE), &exact).is_ok());

    let payload = vec![b' '; MAX_BYTES];
    let large = Sealing {
        payload: &payload,
        ..sealing()
    };
    let refused = Envelope::seal(&large, &node().public(), &signer());
    assert!(matches!(refused, Err(SealError::TooLarge { .. })));
}

#[test]
fn q103_malformed() {
    let twice = r#""payer":"harbor-health","payer":"harbor-health""#;
    for bytes in [
        b"".to_vec(),
        b"ISA*00*".to_vec(),
        b"{}".to_vec(),
        b"[1]".to_vec(),
        b"\xff\xfe".to_vec(),
        changed(r#""version":1"#, r#""version":"1""#),
        changed(r#""version":1"#, r#""version":1,"version":1"#),
        changed(r#""payer":"harbor-health""#, twice),
        changed(r#""payer":"harbor-health","#, ""),
        changed(r#""payer""#, r#""comment":"","payer""#),
        changed(r#""harbor-health""#, r#""""#),
        changed(r#""mercy-clinic""#, r#""mercy clinic""#),
        changed("000000905", &"9".repeat(65)),
        changed("000000905", "Jos\\u00e9"),
        changed(r#""fhir""#, r#""x12""#),
        changed("2026-03-02T", "2026-13-02T"),
        changed(r#""sealed":""#, r#""sealed":"="#),
        changed(r#""signature":""#, r#""signature":"="#),
        changed("{", "[{"),
        [sealed(), b"{}".to_vec()].concat(),
    ] {
        let rejected = rejected(&bytes, Some(CONTENT_TYPE));
        assert_eq!(
            rejected.code(),
            "Q103",
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn q104_unknown_version() {
    let next = changed(r#""version":1"#, r#""version":2,"new":[]"#);
    let found = rejected(&next, Some(CONTENT_TYPE));
    assert_eq!((found, found.code()), (Rejected::UnknownVersion, "Q104"));
    let typed = CONTENT_TYPE.replace("version=1", "version=2");
    assert_eq!(rejected(&sealed(), Some(&typed)), Rejected::UnknownVersion);
}

#[test]
fn q105_unknown_payer() {
    let other = Sealing {
        payer: "meridian",
        ..sealing()
    };
    let bytes = Envelope::seal(&other, &node().public(), &signer()).unwrap();
    let found = rejected(&bytes, Some(CONTENT_TYPE));
    assert_eq!((found, found.code()), (Rejected::UnknownPayer, "Q105"));
}

#[test]
fn q106_unknown_submitter() {
    let other = Sealing {
        submitter: "st-elsewhere",
        ..sealing()
    };
    let bytes = Envelope::seal(&other, &node().public(), &signer()).unwrap();
    let found = rejected(&bytes, Some(CONTENT_TYPE));
    assert_eq!((found, found.code()), (Rejected::UnknownSubmitter, "Q106"));

    let mut forgetful = directory();
    forgetful.forget("mercy-clinic");
    let refused = Envelope::open(&sealed(), Some(CONTENT_TYPE), &forgetful);
    assert!(matches!(refused, Err(Rejected::UnknownSubmitter)));
}

#[test]
fn q107_unsigned() {
    let mut envelope = Envelope::read(&sealed(), Some(CONTENT_TYPE), MAX_BYTES)
        .ok()
        .unwrap();
    envelope.signature = None;
    let found = rejected(&envelope.to_json(), Some(CONTENT_TYPE));
    assert_eq!((found, found.code()), (Rejected::Unsigned, "Q107"));
    envelope.signature = Some(Vec::new());
    let found = rejected(&envelope.to_json(), Some(CONTENT_TYPE));
    assert_eq!(found, Rejected::Unsigned);
}

#[test]
fn q108_wrongly_signed() {
    let stranger = SigningKey::new("submitter", &[6; 32]).unwrap();
    let forged = Envelope::seal(&sealing(), &node().public(), &stranger).unwrap();
    let found = rejected(&forged, Some(CONTENT_TYPE));
    assert_eq!((found, found.code()), (Rejected::WronglySigned, "Q108"));
    for (from, to) in [
        ("000000905", "000000906"),
        (r#""fhir""#, r#""tally""#),
        ("09:30:00Z", "09:30:01Z"),
    ] {
        let found = rejected(&changed(from, to), Some(CONTENT_TYPE));
        assert_eq!(found, Rejected::WronglySigned, "{from}");
    }
    let mut short = Envelope::read(&sealed(), Some(CONTENT_TYPE), MAX_BYTES)
        .ok()
        .unwrap();
    short.signature = Some(vec![0; 63]);
    let found = rejected(&short.to_json(), Some(CONTENT_TYPE));
    assert_eq!(found, Rejected::WronglySigned);
}

#[test]
fn q109_sealed_to_another() {
    let other = NodeKey::new(&[10; 32]).unwrap().public();
    let bytes = Envelope::seal(&sealing(), &other, &signer()).unwrap();
    let found = rejected(&bytes, Some(CONTENT_TYPE));
    assert_eq!((found, found.code()), (Rejected::DoesNotOpen, "Q109"));

    // Signed by its sender, but sealed for another interchange, or cut.
    let signed_anew = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = Envelope::read(&sealed(), Some(CONTENT_TYPE), MAX_BYTES)
            .ok()
            .unwrap();
        change(&mut envelope);
        envelope.signature = Some(signer().sign(&envelope.signed()).to_vec());
        rejected(&envelope.to_json(), Some(CONTENT_TYPE))
    };
    let moved = signed_anew(&|envelope| envelope.interchange = "000000906".to_owned());
    assert_eq!(moved, Rejected::DoesNotOpen);
    let cut = signed_anew(&|envelope| envelope.sealed.truncate(31));
    assert_eq!(cut, Rejected::DoesNotOpen);
    // A point of small order, which gives a secret that everybody knows.
    let weak = signed_anew(&|envelope| envelope.sealed[..32].fill(0));
    assert_eq!(weak, Rejected::DoesNotOpen);
}

#[test]
fn what_cannot_be_sealed_is_said() {
    let refused = |what: Sealing<'_>| Envelope::seal(&what, &node().public(), &signer());
    let long = "9".repeat(65);
    for (field, what) in [
        (
            "payer",
            Sealing {
                payer: "",
                ..sealing()
            },
        ),
        (
            "submitter",
            Sealing {
                submitter: "a b",
                ..sealing()
            },
        ),
        (
            "interchange",
            Sealing {
                interchange: &long,
                ..sealing()
            },
        ),
        (
            "created",
            Sealing {
                created: "today",
                ..sealing()
            },
        ),
    ] {
        let Err(SealError::Field { field: found, .. }) = refused(what) else {
            panic!("{field}")
        };
        assert_eq!(found, field);
    }
}

#[test]
fn weak_keys_are_not_registered() {
    assert!(directory().register("weak", &[0; 32]).is_err());
}

#[test]
fn the_words_of_a_rejection_quote_nothing() {
    let bytes = changed(r#""fhir""#, r#""Jane Roe 1970-01-01""#);
    let rejected = rejected(&bytes, Some(CONTENT_TYPE));
    assert!(!rejected.reason().text.contains("Jane"));
    assert_eq!(rejected.reason().code, "Q103");
}

/// The bytes in the documentation are those the code makes and opens.
#[test]
fn the_documented_example_holds() {
    let example = Envelope::seal_from(&sealing(), &node().public(), &signer(), &[1; 32]).unwrap();
    let example = String::from_utf8(example).unwrap();
    let document = include_str!("../../../../docs/queue.md");
    let shown = |label: &str| {
        let (_, rest) = document
            .split_once(label)
            .unwrap_or_else(|| panic!("no {label}"));
        let (_, rest) = rest.split_once("```").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("\n```").unwrap().0.to_owned()
    };
    let one_line: String = shown("<!-- example: envelope -->")
        .lines()
        .map(str::trim_start)
        .collect();
    assert_eq!(one_line, example);
    let envelope = Envelope::read(example.as_bytes(), Some(CONTENT_TYPE), MAX_BYTES)
        .ok()
        .unwrap();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let shown_hex = |label| shown(label).split_whitespace().collect::<String>();
    assert_eq!(
        shown_hex("<!-- example: signed -->"),
        hex(&envelope.signed())
    );
    assert_eq!(shown_hex("<!-- example: info -->"), hex(&envelope.info()));
    assert!(envelope.verify(&directory()).is_ok());
}

#[test]
fn every_single_byte_that_is_changed_is_refused() {
    let bytes = sealed();
    for at in 0..bytes.len() {
        for flip in [1, 2, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let opened = Envelope::open(&changed, Some(CONTENT_TYPE), &directory());
            assert!(opened.is_err(), "byte {at} flipped by {flip}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_is_sealed_opens(
        payload in proptest::collection::vec(any::<u8>(), 0..2000),
        interchange in "[!-~]{1,64}",
        format in proptest::sample::select(&Format::ALL[..]),
    ) {
        let what = Sealing { interchange: &interchange, format, payload: &payload, ..sealing() };
        let bytes = Envelope::seal(&what, &node().public(), &signer()).unwrap();
        let opened = Envelope::open(&bytes, Some(CONTENT_TYPE), &directory());
        let same = opened.is_ok_and(|opened| {
            *opened.payload == payload
                && opened.interchange == interchange
                && opened.format == format
        });
        prop_assert!(same);
    }

    #[test]
    fn every_changed_byte_is_refused(at: proptest::sample::Index, to: u8) {
        let mut bytes = sealed();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        prop_assert!(Envelope::open(&bytes, Some(CONTENT_TYPE), &directory()).is_err());
    }

    #[test]
    fn nothing_that_is_read_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Envelope::open(&bytes, Some(CONTENT_TYPE), &directory()).is_err());
    }
}
