//! Requests to other organisations' nodes, authenticated with the own signing key.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tally_core::canon::{Canon as _, Reader};
use tally_core::ledger::tiles::{WIDTH, bundle_path};
use tally_core::ledger::{Note, SigningKey};
use zeroize::Zeroizing;

use super::signed::{self, Asked, HOLDS, Kept, Unsigned, compact};
use crate::api::ROOT;
use crate::api::token::Token;
use crate::node::clock::Clock;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer, in bytes.
const LIMIT: u64 = 32 << 20;
/// The longest answer to what was sent.
const SHORT: u64 = 64 << 10;

/// An organisation that asks another's node.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    organisation: String,
    secret: Zeroizing<[u8; 32]>,
}

/// What was answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// What stands for its signature.
    signatures: Vec<String>,
}

/// What came as an organisation's answer, and may be anybody's.
pub struct Unproven {
    asked: Asked,
    /// Who asked.
    by: String,
    answer: Answer,
}

impl Unproven {
    /// The answer, if it is that of an organisation, which signs with this key as the first
    /// `size` leaves of the ledger say; and what was signed, to keep it.
    ///
    /// # Errors
    /// Why it is not.
    pub fn of(
        self,
        organisation: &str,
        key: &[u8; 32],
        size: u64,
    ) -> Result<(Answer, Kept), Unsigned> {
        let Answer { status, body, .. } = &self.answer;
        let signature = self.answer.signature()?.to_owned();
        let (between, answer) = ((organisation, &*self.by), (*status, &body[..]));
        let came = seconds();
        signed::verify(&signature, key, between, &self.asked, answer, came)?;
        let (hash, kept) = Kept::of_body(body);
        let kept = Kept {
            from: organisation.to_owned(),
            to: self.by,
            key: *key,
            size,
            came,
            asked: self.asked,
            status: *status,
            hash,
            body: kept,
            signature,
        };
        Ok((self.answer, kept))
    }

    /// The status that came.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.status
    }
}

/// Now, in seconds since 1970.
pub(super) fn seconds() -> i64 {
    Clock::now_ms().div_euclid(1000)
}

impl Answer {
    /// The signature that it bears.
    ///
    /// # Errors
    /// When it bears none, or several.
    pub fn signature(&self) -> Result<&str, Unsigned> {
        match &self.signatures[..] {
            [signature] => Ok(signature),
            _ => Err(Unsigned::Not),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("the answer is not JSON")
    }

    /// The body, if the request was done.
    ///
    /// # Errors
    /// When it was not: what the other node said.
    pub fn done(self) -> Result<Vec<u8>> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let said = self.json().unwrap_or_default();
        let detail = said["detail"].as_str().or(said["title"].as_str());
        bail!(
            "it answered {}: {}",
            self.status,
            detail.unwrap_or("without a reason")
        )
    }
}

impl Client {
    /// A client of an organisation, which is known elsewhere by `organisation` and the
    /// public key of `secret`.
    #[must_use]
    pub fn new(organisation: &str, secret: [u8; 32]) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            agent: config.into(),
            organisation: organisation.to_owned(),
            secret: Zeroizing::new(secret),
        }
    }

    /// Signs with another secret from now on.
    pub fn sign_with(&mut self, secret: Zeroizing<[u8; 32]>) {
        self.secret = secret;
    }

    /// A token for whoever is called `audience`.
    fn token(&self, audience: &str) -> Result<String> {
        let now = seconds();
        let claims = json!({
            "iss": self.organisation, "aud": audience, "iat": now, "exp": now + HOLDS,
            "jti": crate::node::keys::hex(&tally_store::vault::random::<16>()?),
        });
        let key = SigningKey::new("signing", &self.secret)?;
        Ok(compact(Token::REQUEST, &claims, &key))
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When the other node cannot be reached, or its answer is too long.
    pub async fn get(&self, url: &str, audience: Option<&str>) -> Result<Answer> {
        let token = audience.map(|audience| self.token(audience)).transpose()?;
        self.fetch(url.to_owned(), token).await
    }

    /// Asks an organisation's node for what is at an address of its API. What comes counts
    /// once it is known to be its own.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn ask(&self, node: &str, target: &str, audience: &str) -> Result<Unproven> {
        let token = self.token(audience)?;
        let answer = self.fetch(format!("{node}{ROOT}{target}"), Some(token.clone()));
        Ok(Unproven {
            answer: answer.await?,
            by: self.organisation.clone(),
            asked: Asked {
                token,
                method: "GET".to_owned(),
                target: target.to_owned(),
                purpose: Vec::new(),
                emergency: Vec::new(),
            },
        })
    }

    /// Sends an organisation's node something at an address of its API. What comes counts once
    /// it is known to be its own.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn send(
        &self,
        node: &str,
        target: &str,
        audience: &str,
        body: Vec<u8>,
    ) -> Result<Unproven> {
        let token = self.token(audience)?;
        let kind = [("Content-Type", "application/octet-stream".to_owned())];
        let url = format!("{node}{ROOT}{target}");
        let answer = self.hand(&url, Some(token.clone()), &kind, (body, SHORT));
        Ok(Unproven {
            answer: answer.await?,
            by: self.organisation.clone(),
            asked: Asked {
                token,
                method: "POST".to_owned(),
                target: target.to_owned(),
                purpose: Vec::new(),
                emergency: Vec::new(),
            },
        })
    }

    async fn fetch(&self, url: String, token: Option<String>) -> Result<Answer> {
        let agent = self.agent.clone();
        tokio::task::spawn_blocking(move || {
            let mut request = agent.get(&url);
            if let Some(token) = token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            answered(&url, request.call(), LIMIT)
        })
        .await?
    }

    /// The first leaves of a shared ledger, from where a node serves it: `…/ledger/shared`.
    ///
    /// # Errors
    /// As [`Self::get`], or when what comes is not so many leaves.
    pub async fn leaves(&self, base: &str, size: u64) -> Result<Vec<Vec<u8>>> {
        let mut leaves = Vec::new();
        for index in 0..size.div_ceil(WIDTH) {
            let width = (size - index * WIDTH).min(WIDTH);
            leaves.extend(self.bundle(base, index, width).await?);
        }
        anyhow::ensure!(
            leaves.len() as u64 == size,
            "{base} holds {} leaves of {size}",
            leaves.len()
        );
        Ok(leaves)
    }

    /// A bundle of leaves of a shared ledger, from where a node serves it.
    ///
    /// # Errors
    /// As [`Self::get`], or when what comes is not so many leaves.
    pub async fn bundle(&self, base: &str, index: u64, width: u64) -> Result<Vec<Vec<u8>>> {
        let url = format!("{base}/{}", bundle_path(index, width));
        let bytes = self.get(&url, None).await?.done()?;
        let mut leaves = Vec::new();
        let mut reader = Reader::new(&bytes);
        while reader.left() > 0 {
            let length = u16::take(&mut reader)?;
            leaves.push(reader.bytes(length.into())?.to_vec());
        }
        anyhow::ensure!(leaves.len() as u64 == width, "{url} has another width");
        Ok(leaves)
    }

    /// The handovers of a shared ledger, from where a node serves it: `…/ledger/shared`.
    ///
    /// # Errors
    /// As [`Self::get`], or when what comes is none.
    pub async fn handovers(&self, base: &str) -> Result<Vec<Note>> {
        let url = format!("{base}/handovers");
        let text = self.get(&url, None).await?.done()?;
        notes(&String::from_utf8(text)?).with_context(|| format!("{url} are no handovers"))
    }

    /// Sends something.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(
        &self,
        url: &str,
        audience: Option<&str>,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        let token = audience.map(|audience| self.token(audience)).transpose()?;
        self.hand(url, token, headers, (body, LIMIT)).await
    }

    async fn hand(
        &self,
        url: &str,
        token: Option<String>,
        headers: &[(&'static str, String)],
        (body, limit): (Vec<u8>, u64),
    ) -> Result<Answer> {
        let (agent, url) = (self.agent.clone(), url.to_owned());
        let headers = headers.to_vec();
        tokio::task::spawn_blocking(move || {
            let mut request = agent.post(&url);
            if let Some(token) = token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            for (name, value) in headers {
                request = request.header(name, value);
            }
            answered(&url, request.send(&body[..]), limit)
        })
        .await?
    }
}

/// Where a node serves the shared ledger, `…/ledger/shared`.
#[must_use]
pub fn served_by(node: &str) -> String {
    format!("{}/api/v1/ledger/shared", node.trim_end_matches('/'))
}

/// Notes, each behind a line with its length in bytes: handovers, as a node serves them.
///
/// # Errors
/// When they are no such notes.
pub fn notes(mut text: &str) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    while !text.is_empty() {
        let (length, rest) = text.split_once('\n').context("a length")?;
        let (note, rest) = rest.split_at_checked(length.parse()?).context("a note")?;
        notes.push(Note::parse(note)?);
        text = rest;
    }
    Ok(notes)
}

fn answered(
    url: &str,
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    limit: u64,
) -> Result<Answer> {
    let response = response.with_context(|| format!("{url} cannot be reached"))?;
    let status = response.status().as_u16();
    let signatures = response.headers().get_all(signed::HEADER).iter();
    let signatures = signatures
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let mut body = Vec::new();
    let mut reader = response.into_body().into_reader().take(limit + 1);
    reader.read_to_end(&mut body)?;
    anyhow::ensure!(
        body.len() as u64 <= limit,
        "the answer of {url} is too long"
    );
    Ok(Answer {
        status,
        body,
        signatures,
    })
}
