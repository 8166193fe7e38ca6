//! Answers that an organisation signs. Whoever stands between two nodes, a proxy or who ends
//! TLS, can keep an answer from coming, and can give none in another's name.
//!
//! The signature is in the form of the tokens that requests bear: a JWT of a `typ` of its
//! own, whose `jti` names what was asked and what is answered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tally_core::canon::{Blob, Canon as _};
use tally_core::canon_record;
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Authorities, OrganisationId};
use thiserror::Error;

use crate::api::token::{Token, TokenError};
use crate::node::keys::hex;

/// The header that the signature stands in.
pub const HEADER: &str = "tally-signature";
/// How long tokens and signatures hold, in seconds.
pub const HOLDS: i64 = 120;

/// A request, by all that its answer depends on.
#[derive(Clone)]
pub struct Asked {
    /// The token: another one with each request.
    pub token: String,
    /// The method.
    pub method: String,
    /// The address below the API's root, with the query.
    pub target: String,
    /// What stands in `Purpose-Of-Use`.
    pub purpose: Vec<Blob>,
    /// What stands in `Break-Glass`.
    pub emergency: Vec<Blob>,
}

canon_record!(Asked {
    token,
    method,
    target,
    purpose,
    emergency,
});

impl Asked {
    /// The name of an answer to it, whose body has a hash.
    fn answered(&self, status: u16, body: &[u8; 32]) -> String {
        let mut answer = b"tallystick/answer/v1".to_vec();
        self.put(&mut answer);
        status.put(&mut answer);
        answer.extend_from_slice(body);
        hex(&Sha256::digest(answer))
    }
}

/// Which blocks an authority's node is asked for: all that its answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    /// The ledger's name.
    pub origin: &'a str,
    /// The height of the first.
    pub from: u64,
}

impl Range<'_> {
    /// The name of an answer to it.
    fn answered(&self, body: &[u8]) -> String {
        let mut answer = b"tallystick/blocks/v1".to_vec();
        Blob(self.origin.as_bytes().to_vec()).put(&mut answer);
        self.from.put(&mut answer);
        answer.extend_from_slice(&Sha256::digest(body));
        hex(&Sha256::digest(answer))
    }
}

/// Why what came is not an organisation's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unsigned {
    /// There is no signature, or more than one.
    #[error("it is not signed")]
    Not,
    /// Another key signed it.
    #[error("it is not signed with the key that the ledger has of that organisation")]
    Key,
    /// It answers something else, or is something else than was signed.
    #[error("its signature is that of another answer")]
    Other,
    /// The signature is none that counts.
    #[error("its signature does not count: {0}")]
    Signature(TokenError),
}

/// Signs what an organisation answers another, at a time in seconds since 1970.
#[must_use]
pub fn sign(
    key: &SigningKey,
    (from, to): (&str, &str),
    asked: &Asked,
    (status, body): (u16, &[u8]),
    now: i64,
) -> String {
    let claims = json!({
        "iss": from, "aud": to, "iat": now, "exp": now + HOLDS,
        "jti": asked.answered(status, &Sha256::digest(body).into()),
    });
    compact(Token::ANSWER, &claims, key)
}

/// Whether it is what an organisation answers another, and signed with this key.
///
/// # Errors
/// Why it is not.
pub fn verify(
    signature: &str,
    key: &[u8; 32],
    between: (&str, &str),
    asked: &Asked,
    (status, body): (u16, &[u8]),
    now: i64,
) -> Result<(), Unsigned> {
    let hash = Sha256::digest(body).into();
    verify_hash(signature, key, between, asked, (status, &hash), now)
}

/// The same, of a body that has a hash.
fn verify_hash(
    signature: &str,
    key: &[u8; 32],
    (from, to): (&str, &str),
    asked: &Asked,
    (status, body): (u16, &[u8; 32]),
    now: i64,
) -> Result<(), Unsigned> {
    let token = Token::of_type(signature, Token::ANSWER).map_err(Unsigned::Signature)?;
    held(&token, key, to, now)?;
    match token.issuer() == from && token.name() == asked.answered(status, body) {
        true => Ok(()),
        false => Err(Unsigned::Other),
    }
}

/// The longest body that is kept of an answer, in bytes.
const KEPT: usize = 1 << 20;

/// An answer as it is kept: what an organisation signed, and all that it takes to see that it
/// did. A body that was sealed stays so.
#[derive(Clone)]
pub struct Kept {
    /// Who answered.
    pub from: String,
    /// Who had asked.
    pub to: String,
    /// The key that it is signed with.
    pub key: [u8; 32],
    /// How many leaves of the ledger were read when it came: so far, the key is that of who
    /// answered.
    pub size: u64,
    /// When it came, in seconds since 1970.
    pub came: i64,
    /// What was asked.
    pub asked: Asked,
    /// The status.
    pub status: u16,
    /// SHA-256 of the body.
    pub hash: [u8; 32],
    /// The body; none when it was longer than is kept.
    pub body: Option<Blob>,
    /// The signature.
    pub signature: String,
}

canon_record!(Kept {
    from,
    to,
    key,
    size,
    came,
    asked,
    status,
    hash,
    body,
    signature,
});

impl Kept {
    /// The body as it is kept, and its hash.
    #[must_use]
    pub fn of_body(body: &[u8]) -> ([u8; 32], Option<Blob>) {
        let kept = (body.len() <= KEPT).then(|| Blob(body.to_vec()));
        (Sha256::digest(body).into(), kept)
    }

    /// Whether it is what was signed with the key. Whose that is, the ledger says.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self) -> Result<(), Unsigned> {
        let between = (&*self.from, &*self.to);
        let answer = (self.status, &self.hash);
        let (signature, key) = (&self.signature, &self.key);
        verify_hash(signature, key, between, &self.asked, answer, self.came)?;
        let of_body = |body: &Blob| Sha256::digest(&body.0)[..] == self.hash;
        match self.body.as_ref().is_none_or(of_body) {
            true => Ok(()),
            false => Err(Unsigned::Other),
        }
    }
}

/// Signs which blocks there are by an authority's node, with the authority's key, at a time in
/// seconds since 1970.
#[must_use]
pub fn sign_blocks(key: &SigningKey, by: &str, range: Range<'_>, body: &[u8], now: i64) -> String {
    let claims = json!({
        "iss": by, "aud": range.origin, "iat": now, "exp": now + HOLDS,
        "jti": range.answered(body),
    });
    compact(Token::BLOCKS, &claims, key)
}

/// Which authority of a set says that there are these blocks: it signed that with its key of
/// that epoch.
///
/// # Errors
/// Why none does.
pub fn verify_blocks(
    signature: &str,
    set: &Authorities,
    range: Range<'_>,
    body: &[u8],
    now: i64,
) -> Result<OrganisationId, Unsigned> {
    let token = Token::of_type(signature, Token::BLOCKS).map_err(Unsigned::Signature)?;
    let by = OrganisationId::parse(token.issuer()).ok_or(Unsigned::Key)?;
    let authority = set.of(&by).ok_or(Unsigned::Key)?;
    held(&token, &authority.key, range.origin, now)?;
    match token.name() == range.answered(body) {
        true => Ok(by),
        false => Err(Unsigned::Other),
    }
}

/// Whether a key signed it, for an audience.
fn held(token: &Token<'_>, key: &[u8; 32], audience: &str, now: i64) -> Result<(), Unsigned> {
    let verified = token.verify(key, audience, now);
    verified.map_err(|error| match error {
        TokenError::Signature => Unsigned::Key,
        TokenError::Audience => Unsigned::Other,
        error => Unsigned::Signature(error),
    })
}

/// A JWT in compact form.
pub(super) fn compact(kind: &str, claims: &Value, key: &SigningKey) -> String {
    let header = BASE64.encode(format!(r#"{{"alg":"EdDSA","typ":"{kind}"}}"#));
    let signed = format!("{header}.{}", BASE64.encode(claims.to_string()));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const BETWEEN: (&str, &str) = ("harbor", "lakeside");

    fn key(seed: u8) -> SigningKey {
        SigningKey::new("signing", &[seed; 32]).unwrap()
    }

    fn asked() -> Asked {
        Asked {
            token: "a.b.c".to_owned(),
            method: "GET".to_owned(),
            target: "/claims/decided?from=0&limit=200".to_owned(),
            purpose: Vec::new(),
            emergency: Vec::new(),
        }
    }

    fn check(signature: &str, asked: &Asked, answer: (u16, &[u8])) -> Result<(), Unsigned> {
        let public = key(1).verifier().public();
        verify(signature, &public, BETWEEN, asked, answer, NOW)
    }

    #[test]
    fn what_was_signed_is_that_answer_to_that_request_alone() {
        let signature = sign(&key(1), BETWEEN, &asked(), (200, b"body"), NOW);
        let held = |asked: &Asked, answer| check(&signature, asked, answer);
        assert_eq!(held(&asked(), (200, b"body")), Ok(()));
        for answer in [(403, &b"body"[..]), (200, b"bodY"), (200, b"")] {
            assert_eq!(held(&asked(), answer), Err(Unsigned::Other));
        }
        let changes: [fn(&mut Asked); 5] = [
            |asked| asked.token = "a.b.d".to_owned(),
            |asked| asked.method = "HEAD".to_owned(),
            |asked| asked.target = "/claims/decided?from=9&limit=200".to_owned(),
            |asked| asked.purpose = vec![Blob(b"HRESCH".to_vec())],
            |asked| asked.emergency = vec![Blob(b"HRESCH".to_vec())],
        ];
        for change in changes {
            let mut other = asked();
            change(&mut other);
            assert_eq!(held(&other, (200, b"body")), Err(Unsigned::Other));
        }
    }

    #[test]
    fn only_the_organisation_signs_for_whom_it_answers_and_when() {
        let (asked, answer) = (asked(), (200, &b"body"[..]));
        let by = |seed, between, now| {
            check(
                &sign(&key(seed), between, &asked, answer, now),
                &asked,
                answer,
            )
        };
        assert_eq!(by(2, BETWEEN, NOW), Err(Unsigned::Key));
        for between in [("cedar", "lakeside"), ("harbor", "riverside")] {
            assert_eq!(by(1, between, NOW), Err(Unsigned::Other));
        }
        // Clocks may be as far apart as for tokens.
        for (at, expected) in [
            (NOW + 60, Ok(())),
            (NOW + 61, Err(Unsigned::Signature(TokenError::Future))),
            (NOW - HOLDS - 59, Ok(())),
            (
                NOW - HOLDS - 60,
                Err(Unsigned::Signature(TokenError::Expired)),
            ),
        ] {
            assert_eq!(by(1, BETWEEN, at), expected);
        }
    }

    /// Years later it is still what was signed when it came; and nothing else is.
    #[test]
    fn what_is_kept_holds_as_it_came_and_in_no_other_way() {
        let body = b"sealed";
        let (hash, kept) = Kept::of_body(body);
        let kept = Kept {
            from: BETWEEN.0.to_owned(),
            to: BETWEEN.1.to_owned(),
            key: key(1).verifier().public(),
            size: 12,
            came: NOW + 1,
            asked: asked(),
            status: 200,
            hash,
            body: kept,
            signature: sign(&key(1), BETWEEN, &asked(), (200, body), NOW),
        };
        let kept = Kept::from_canon(&kept.to_canon()).unwrap();
        assert_eq!(kept.verify(), Ok(()));
        let changes: [fn(&mut Kept); 8] = [
            |kept| kept.from = "cedar".to_owned(),
            |kept| kept.to = "riverside".to_owned(),
            |kept| kept.key = key(2).verifier().public(),
            |kept| kept.came += 1_000,
            |kept| kept.asked.target.push('0'),
            |kept| kept.status = 403,
            |kept| kept.hash[0] ^= 1,
            |kept| kept.body = Some(Blob(b"other".to_vec())),
        ];
        for change in changes {
            let mut other = kept.clone();
            change(&mut other);
            assert!(other.verify().is_err());
        }
        // A long body is known by its hash.
        let long = vec![7; KEPT + 1];
        let (hash, body) = Kept::of_body(&long);
        assert!(body.is_none());
        let signature = sign(&key(1), BETWEEN, &asked(), (200, &long), NOW);
        let long = Kept {
            hash,
            body,
            signature,
            ..kept
        };
        assert_eq!(long.verify(), Ok(()));
    }

    /// Who holds an answer cannot ask with it, and a token answers nothing.
    #[test]
    fn an_answer_is_no_token_and_a_token_no_answer() {
        let answer = (200, &b"body"[..]);
        let signature = sign(&key(1), BETWEEN, &asked(), answer, NOW);
        assert_eq!(Token::parse(&signature).err(), Some(TokenError::Header));
        let claims = json!({
            "iss": "harbor", "aud": "lakeside", "iat": NOW, "exp": NOW + HOLDS,
            "jti": asked().answered(200, &Sha256::digest(b"body").into()),
        });
        let token = compact(Token::REQUEST, &claims, &key(1));
        assert!(Token::parse(&token).is_ok());
        let expected = Err(Unsigned::Signature(TokenError::Header));
        assert_eq!(check(&token, &asked(), answer), expected);
    }

    const RANGE: Range<'_> = Range {
        origin: "ledger.example",
        from: 7,
    };

    /// The authorities of an epoch: each with the key of a seed.
    fn set(of: &[(&str, u8)]) -> Authorities {
        use tally_core::ledger::shared::Authority;
        let authority = |(name, seed): &(&str, u8)| Authority {
            organisation: OrganisationId::parse(name).unwrap(),
            key: key(*seed).verifier().public(),
        };
        Authorities {
            origin: RANGE.origin.into(),
            epoch: 0,
            members: of.iter().map(authority).collect(),
            witnesses: Vec::new(),
        }
    }

    #[test]
    fn blocks_are_said_by_an_authority_with_its_key_of_the_epoch() {
        let set = set(&[("cedar", 1), ("harbor", 2)]);
        let by = |seed, name: &str, now| {
            let signature = sign_blocks(&key(seed), name, RANGE, b"body", now);
            verify_blocks(&signature, &set, RANGE, b"body", NOW)
        };
        let harbor = OrganisationId::parse("harbor").unwrap();
        assert_eq!(by(2, "harbor", NOW), Ok(harbor));
        // With another's key, one of another epoch, as nobody of them, and as none.
        for (seed, name) in [(1, "harbor"), (3, "harbor"), (2, "lakeside"), (2, "?")] {
            assert_eq!(by(seed, name, NOW), Err(Unsigned::Key));
        }
        let expired = Err(Unsigned::Signature(TokenError::Expired));
        assert_eq!(by(2, "harbor", NOW - HOLDS - 60), expired);

        let signature = sign_blocks(&key(2), "harbor", RANGE, b"body", NOW);
        let held = |range, body| verify_blocks(&signature, &set, range, body, NOW);
        let later = Range { from: 8, ..RANGE };
        let elsewhere = Range {
            origin: "other.example",
            ..RANGE
        };
        for (range, body) in [
            (RANGE, &b"bodY"[..]),
            (later, b"body"),
            (elsewhere, b"body"),
        ] {
            assert_eq!(held(range, body), Err(Unsigned::Other));
        }
    }

    /// What an organisation signs of a claim, and a token, are no list of blocks.
    #[test]
    fn only_a_list_of_blocks_is_one() {
        let set = set(&[("harbor", 1)]);
        for kind in [Token::REQUEST, Token::ANSWER] {
            let claims = json!({
                "iss": "harbor", "aud": RANGE.origin, "iat": NOW, "exp": NOW + HOLDS,
                "jti": RANGE.answered(b"body"),
            });
            let other = compact(kind, &claims, &key(1));
            let expected = Err(Unsigned::Signature(TokenError::Header));
            assert_eq!(verify_blocks(&other, &set, RANGE, b"body", NOW), expected);
        }
    }
}
