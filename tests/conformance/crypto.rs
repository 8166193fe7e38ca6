//! The primitives the product uses, against Project Wycheproof: Ed25519 verified
//! strictly, XChaCha20-Poly1305 and HMAC-SHA256 as the store seals and makes tokens with
//! them.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use tally_core::ledger::VerifierKey;

use super::{cases, strict};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<Group> {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

fn vectors<Group: for<'de> Deserialize<'de>>(name: &str) -> Option<File<Group>> {
    let path = cases::folder("wycheproof")?
        .join("testvectors_v1")
        .join(name);
    Some(serde_json::from_str(&cases::read(&path)).unwrap())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verify {
    public_key: PublicKey,
    tests: Vec<Signed>,
}

#[derive(Deserialize)]
struct PublicKey {
    pk: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    tc_id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

/// All authorities must accept the same signatures: malleable, truncated and
/// otherwise encoded ones are refused by all.
#[test]
fn ed25519() {
    let Some(file) = vectors::<Verify>("ed25519_test.json") else {
        return;
    };
    let mut count = 0;
    for group in &file.test_groups {
        let public: [u8; 32] = cases::unhex(&group.public_key.pk).try_into().unwrap();
        let key = VerifierKey::new("key", &public).unwrap();
        for test in &group.tests {
            let signature: Result<[u8; 64], _> = cases::unhex(&test.sig).try_into();
            let holds = signature
                .is_ok_and(|signature| key.verify(&cases::unhex(&test.msg), &signature).is_ok());
            assert_eq!(
                holds,
                test.result == "valid",
                "{}: {}",
                test.tc_id,
                test.comment
            );
            count += 1;
        }
    }
    assert_eq!(count, file.number_of_tests);
}

/// What is no point, is not in its one form, or is of small order, so that signatures can be
/// made that hold for any message, is no key.
#[test]
fn keys_that_are_none() {
    for (what, key) in strict::no_keys() {
        assert!(VerifierKey::new("key", &key).is_err(), "{what}: {key:?}");
    }
}

#[derive(Deserialize)]
struct Aeads {
    tests: Vec<Sealed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    tc_id: u32,
    key: String,
    iv: String,
    aad: String,
    msg: String,
    ct: String,
    tag: String,
    result: String,
}

#[test]
fn xchacha20_poly1305() {
    let Some(file) = vectors::<Aeads>("xchacha20_poly1305_test.json") else {
        return;
    };
    let mut count = 0;
    for test in file.test_groups.iter().flat_map(|group| &group.tests) {
        count += 1;
        let key: [u8; 32] = cases::unhex(&test.key).try_into().unwrap();
        let cipher = XChaCha20Poly1305::new(&Key::from(key));
        let (aad, msg) = (cases::unhex(&test.aad), cases::unhex(&test.msg));
        let sealed = [cases::unhex(&test.ct), cases::unhex(&test.tag)].concat();
        let Ok(nonce) = <[u8; 24]>::try_from(cases::unhex(&test.iv)) else {
            assert_eq!(
                test.result, "invalid",
                "{}: a nonce of another size",
                test.tc_id
            );
            continue;
        };
        let nonce = XNonce::from(nonce);
        let opened = cipher.decrypt(
            &nonce,
            Payload {
                msg: &sealed,
                aad: &aad,
            },
        );
        match test.result.as_str() {
            "valid" => {
                assert_eq!(opened.as_ref(), Ok(&msg), "{}", test.tc_id);
                let again = cipher.encrypt(
                    &nonce,
                    Payload {
                        msg: &msg,
                        aad: &aad,
                    },
                );
                assert_eq!(again, Ok(sealed), "{}", test.tc_id);
            }
            _ => assert!(opened.is_err(), "{}", test.tc_id),
        }
    }
    assert_eq!(count, file.number_of_tests);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Macs {
    tag_size: usize,
    tests: Vec<Mac>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mac {
    tc_id: u32,
    key: String,
    msg: String,
    tag: String,
    result: String,
}

/// What the store's tokens are made with.
#[test]
fn hmac_sha256() {
    let Some(file) = vectors::<Macs>("hmac_sha256_test.json") else {
        return;
    };
    let mut count = 0;
    for group in &file.test_groups {
        for test in &group.tests {
            let mut mac = Hmac::<Sha256>::new_from_slice(&cases::unhex(&test.key)).unwrap();
            mac.update(&cases::unhex(&test.msg));
            let made = mac.finalize().into_bytes();
            let holds = made[..group.tag_size / 8] == cases::unhex(&test.tag);
            assert_eq!(holds, test.result == "valid", "{}", test.tc_id);
            count += 1;
        }
    }
    assert_eq!(count, file.number_of_tests);
}
