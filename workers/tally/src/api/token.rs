//! The token an organisation authenticates with: a JWT in compact form, signed
//! with its ed25519 key (RFC 7515, 7519, 8037; RFC 8725 for what to refuse).
//!
//! One algorithm, one form, no choices left to the sender. The reasons for a
//! reader of our own are in `docs/decisions/0024-own-jwt-verifier.md`. This file
//! stands alone, so that a fuzz target can read it as it is.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use thiserror::Error;

/// The most bytes of a token.
pub const MAX_BYTES: usize = 4096;
/// The longest a token may hold, in seconds.
pub const MAX_LIFE: i64 = 3_600;
/// How far clocks may be apart, in seconds.
pub const LEEWAY: i64 = 60;
/// The most bytes of a name in a token.
const MAX_NAME: usize = 128;

/// Why a token is not accepted. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Longer than any token.
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not three parts of unpadded base64url.
    #[error("it is not three parts of base64url without padding")]
    Form,
    /// The header is not what it has to be.
    #[error("its header is not {{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}}, with or without a `kid`")]
    Header,
    /// The claims are no JSON object, or a name stands in it twice.
    #[error("its claims are not one JSON object without duplicate names")]
    Claims,
    /// A claim is missing or of a wrong kind.
    #[error("its `{0}` is missing or not what it has to be")]
    Claim(&'static str),
    /// Signed by nobody that is known under that name.
    #[error("it is not signed by an organisation that is known here")]
    Signature,
    /// Meant for somebody else.
    #[error("it is meant for another payer")]
    Audience,
    /// Not yet to be used.
    #[error("it is of the future: see to the clock")]
    Future,
    /// Not any more to be used.
    #[error("it has expired")]
    Expired,
    /// To be used for longer than is allowed.
    #[error("it is to hold for longer than {MAX_LIFE} seconds")]
    TooLongLived,
}

/// A compact JWS, taken apart; nothing is verified yet.
pub struct Compact<'a> {
    header: Vec<u8>,
    payload: Vec<u8>,
    signed: &'a str,
    signature: [u8; 64],
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`TokenError::TooLong`], [`TokenError::Form`].
    pub fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Form)?;
        let decode = |part: &str| BASE64.decode(part).map_err(|_| TokenError::Form);
        Ok(Self {
            header: decode(header)?,
            payload: decode(payload)?,
            signed,
            signature: decode(signature)?
                .try_into()
                .map_err(|_| TokenError::Form)?,
        })
    }

    /// Verifies the signature, strictly: no weak key, no second encoding.
    ///
    /// # Errors
    /// [`TokenError::Signature`].
    pub fn verify(&self, key: &[u8; 32]) -> Result<(), TokenError> {
        let key = VerifyingKey::from_bytes(key).map_err(|_| TokenError::Signature)?;
        key.verify_strict(
            self.signed.as_bytes(),
            &Signature::from_bytes(&self.signature),
        )
        .map_err(|_| TokenError::Signature)
    }
}

/// A token that can be read; nothing is verified yet.
pub struct Token<'a> {
    compact: Compact<'a>,
    name: String,
    issuer: String,
    subject: Option<String>,
    audience: String,
    issued: i64,
    expires: i64,
    not_before: Option<i64>,
}

impl<'a> Token<'a> {
    /// The type of what a request bears.
    pub const REQUEST: &'static str = "JWT";
    /// The type of what an answer bears: neither can be shown as the other.
    pub const ANSWER: &'static str = "answer+jwt";
    /// The type of what an authority's list of blocks bears.
    pub const BLOCKS: &'static str = "blocks+jwt";

    /// Reads a request's token. What it says counts only after [`Self::verify`].
    ///
    /// # Errors
    /// What is not as it has to be.
    pub fn parse(text: &'a str) -> Result<Self, TokenError> {
        Self::of_type(text, Self::REQUEST)
    }

    /// Reads a token of a type, as [`Self::parse`].
    ///
    /// # Errors
    /// What is not as it has to be.
    pub fn of_type(text: &'a str, kind: &str) -> Result<Self, TokenError> {
        let compact = Compact::parse(text)?;
        let header = Members::read(&compact.header).ok_or(TokenError::Header)?;
        // No other member is understood, so none is passed over: not `crit`,
        // nor a key that the token would bring along.
        let known = header.0.iter().all(|(name, value)| match name.as_str() {
            "alg" => value == "EdDSA",
            "typ" => value == kind,
            "kid" => value.is_string(),
            _ => false,
        });
        if !known || !header.0.contains_key("alg") || !header.0.contains_key("typ") {
            return Err(TokenError::Header);
        }
        let claims = Members::read(&compact.payload).ok_or(TokenError::Claims)?;
        Ok(Self {
            name: claims.text("jti")?.to_owned(),
            issuer: claims.text("iss")?.to_owned(),
            subject: match claims.0.contains_key("sub") {
                true => Some(claims.text("sub")?.to_owned()),
                false => None,
            },
            audience: claims.audience()?.to_owned(),
            issued: claims.time("iat")?,
            expires: claims.time("exp")?,
            not_before: match claims.0.contains_key("nbf") {
                true => Some(claims.time("nbf")?),
                false => None,
            },
            compact,
        })
    }

    /// Who it says that it is from: whose key has to verify it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whom it is meant for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Who there it is for, as that organisation names them.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Verifies the token: signed with a key, meant for an audience, and good
    /// at a time, in seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// Why it does not count. The signature is looked at first.
    pub fn verify(&self, key: &[u8; 32], audience: &str, now: i64) -> Result<(), TokenError> {
        self.compact.verify(key)?;
        if self.audience != audience {
            return Err(TokenError::Audience);
        }
        let life = self.expires.saturating_sub(self.issued);
        if life > MAX_LIFE {
            return Err(TokenError::TooLongLived);
        }
        let latest = now.saturating_add(LEEWAY);
        if life < 0 || self.issued > latest || self.not_before.is_some_and(|at| at > latest) {
            return Err(TokenError::Future);
        }
        if self.expires <= now.saturating_sub(LEEWAY) {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

/// The members of a JSON object, no name twice.
struct Members(BTreeMap<String, Value>);

impl Members {
    fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty() && text.len() <= MAX_NAME)
            .ok_or(TokenError::Claim(name))
    }

    /// A whole number of seconds.
    fn time(&self, name: &'static str) -> Result<i64, TokenError> {
        let time = self.0.get(name).and_then(Value::as_i64);
        time.filter(|time| *time >= 0)
            .ok_or(TokenError::Claim(name))
    }

    /// The one audience: a token that is good elsewhere too could be used by
    /// whoever is elsewhere.
    fn audience(&self) -> Result<&str, TokenError> {
        let one = match self.0.get("aud") {
            Some(Value::String(one)) => Some(one.as_str()),
            Some(Value::Array(list)) => match list.as_slice() {
                [Value::String(one)] => Some(one.as_str()),
                _ => None,
            },
            _ => None,
        };
        one.ok_or(TokenError::Claim("aud"))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

    /// RFC 8037, appendix A.
    const RFC_SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const RFC_PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const RFC_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn key(text: &str) -> [u8; 32] {
        BASE64.decode(text).unwrap().try_into().unwrap()
    }

    fn signing() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn sign(header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = signing().sign(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature.to_bytes()))
    }

    fn claims() -> Value {
        json!({ "iss": "riverside", "aud": "harbor", "iat": NOW, "exp": NOW + 600, "jti": "1" })
    }

    /// Claims, one of them changed.
    fn with(name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        sign(HEADER, &claims.to_string())
    }

    fn check_at(text: &str, now: i64) -> Result<(), TokenError> {
        let public = signing().verifying_key().to_bytes();
        Token::parse(text)?.verify(&public, "harbor", now)
    }

    fn check(text: &str) -> Result<(), TokenError> {
        check_at(text, NOW)
    }

    #[test]
    fn the_example_of_rfc_8037_verifies() {
        let signing = SigningKey::from_bytes(&key(RFC_SECRET));
        assert_eq!(signing.verifying_key().to_bytes(), key(RFC_PUBLIC));
        let compact = Compact::parse(RFC_TOKEN).unwrap();
        assert_eq!(compact.payload, b"Example of Ed25519 signing");
        compact.verify(&key(RFC_PUBLIC)).unwrap();
        let other = signing_key_of(9);
        assert_eq!(compact.verify(&other), Err(TokenError::Signature));
        // It is no token of ours: it has no `typ` and no claims.
        assert_eq!(Token::parse(RFC_TOKEN).err(), Some(TokenError::Header));
    }

    fn signing_key_of(seed: u8) -> [u8; 32] {
        SigningKey::from_bytes(&[seed; 32])
            .verifying_key()
            .to_bytes()
    }

    #[test]
    fn a_sound_token_is_accepted() {
        let sound = sign(HEADER, &claims().to_string());
        assert_eq!(Token::parse(&sound).unwrap().issuer(), "riverside");
        assert_eq!(check(&sound), Ok(()));
        for header in [
            r#"{"typ":"JWT","alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","kid":"2026-01","typ":"JWT"}"#,
        ] {
            assert_eq!(check(&sign(header, &claims().to_string())), Ok(()));
        }
        assert_eq!(check(&with("aud", json!(["harbor"]))), Ok(()));
        assert_eq!(check(&with("scope", json!({ "a": [1] }))), Ok(()));
        assert_eq!(check(&with("nbf", json!(NOW))), Ok(()));
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused() {
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"None","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"alg":"eddsa","typ":"JWT"}"#,
            r#"{"alg":"Ed25519","typ":"JWT"}"#,
            r#"{"alg":["EdDSA"],"typ":"JWT"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","crit":["exp"]}"#,
            r#"{"alg":"EdDSA","typ":"JWT","b64":false}"#,
            r#"{"alg":"EdDSA","typ":"JWT","jwk":{"kty":"OKP"}}"#,
            r#"{"alg":"EdDSA","typ":"JWT","kid":7}"#,
            r#"{"alg":"none","typ":"JWT","alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"JWT","alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"JWT"} "x""#,
            r#"["EdDSA","JWT"]"#,
            "",
        ] {
            let token = sign(header, &claims().to_string());
            assert_eq!(check(&token), Err(TokenError::Header), "{header}");
        }
    }

    #[test]
    fn claims_that_are_not_sound_are_refused() {
        for (name, value) in [
            ("iss", json!("")),
            ("iss", json!(7)),
            ("iss", json!("x".repeat(MAX_NAME + 1))),
            ("aud", json!([])),
            ("aud", json!(["harbor", "elsewhere"])),
            ("aud", json!({ "harbor": 1 })),
            ("jti", json!("")),
            ("jti", json!(null)),
            ("iat", json!("1800000000")),
            ("iat", json!(1_800_000_000.5)),
            ("exp", json!(-1)),
            ("exp", json!(1e300)),
            ("nbf", json!("soon")),
        ] {
            assert_eq!(
                check(&with(name, value)),
                Err(TokenError::Claim(name)),
                "{name}"
            );
        }
        for name in ["iss", "aud", "iat", "exp", "jti"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            let token = sign(HEADER, &claims.to_string());
            assert_eq!(check(&token), Err(TokenError::Claim(name)), "{name}");
        }
        let sound = claims().to_string();
        for text in [
            sound.replacen('{', r#"{"iss":"other","#, 1),
            format!("{sound}{sound}"),
            format!("{sound}x"),
            format!("[{sound}]"),
            "null".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                check(&sign(HEADER, &text)),
                Err(TokenError::Claims),
                "{text}"
            );
        }
    }

    #[test]
    fn a_token_holds_for_its_time_and_its_audience() {
        let sound = sign(HEADER, &claims().to_string());
        for (after, expected) in [
            (-61, Err(TokenError::Future)),
            (-60, Ok(())),
            (600, Ok(())),
            (659, Ok(())),
            (660, Err(TokenError::Expired)),
            (1_000_000, Err(TokenError::Expired)),
        ] {
            assert_eq!(check_at(&sound, NOW + after), expected, "{after}");
        }
        assert_eq!(check(&with("exp", json!(NOW + MAX_LIFE))), Ok(()));
        let long = with("exp", json!(NOW + MAX_LIFE + 1));
        assert_eq!(check(&long), Err(TokenError::TooLongLived));
        let longest = with("exp", json!(i64::MAX));
        assert_eq!(check(&longest), Err(TokenError::TooLongLived));
        let backwards = with("exp", json!(NOW - 1));
        assert_eq!(check(&backwards), Err(TokenError::Future));
        let later = with("nbf", json!(NOW + 61));
        assert_eq!(check(&later), Err(TokenError::Future));
        for audience in ["elsewhere", "harbor ", "HARBOR", ""] {
            let token = with("aud", json!(audience));
            assert_eq!(check(&token), Err(TokenError::Audience));
        }
    }

    #[test]
    fn only_its_own_key_and_its_own_bytes_verify() {
        let sound = sign(HEADER, &claims().to_string());
        let token = Token::parse(&sound).unwrap();
        let other = signing_key_of(8);
        assert_eq!(
            token.verify(&other, "harbor", NOW),
            Err(TokenError::Signature)
        );
        // A key of small order would verify what nobody signed.
        let mut weak = [0u8; 32];
        weak[0] = 1;
        assert_eq!(
            token.verify(&weak, "harbor", NOW),
            Err(TokenError::Signature)
        );
        for at in 0..sound.len() {
            let mut bytes = sound.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(check(&changed).is_err(), "byte {at}");
        }
        // A signature of other claims, put under these.
        let (signed, _) = sound.rsplit_once('.').unwrap();
        let other = with("iss", json!("elsewhere"));
        let (_, signature) = other.rsplit_once('.').unwrap();
        let mixed = format!("{signed}.{signature}");
        assert_eq!(check(&mixed), Err(TokenError::Signature));
    }

    #[test]
    fn what_is_no_compact_form_is_refused() {
        let sound = sign(HEADER, &claims().to_string());
        for text in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "a.b".to_owned(),
            format!("{sound}."),
            format!("{sound}.e30"),
            format!("{sound}="),
            format!("{sound} "),
            format!(" {sound}"),
            format!("{sound}\n"),
            sound.replace('.', ".."),
            sound.rsplit_once('.').unwrap().0.to_owned(),
            format!("{}.", sound.rsplit_once('.').unwrap().0),
            // The last character of 64 bytes has four bits to spare.
            format!("{}{}", &sound[..sound.len() - 1], 'x'),
        ] {
            assert_eq!(check(&text), Err(TokenError::Form), "{text}");
        }
        let long = with("more", json!("x".repeat(MAX_BYTES)));
        assert_eq!(check(&long), Err(TokenError::TooLong));
    }
}
