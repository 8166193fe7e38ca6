//! A witness as a process of its own: it cosigns the checkpoints of the logs that it
//! knows (C2SP tlog-witness), keeps what it cosigned last, and what contradicts it.

mod kept;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Asked, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use sha2::{Digest as _, Sha256};
use tally_core::ledger::witness::{Ended, Log, MAX_REQUEST, Signers, add_checkpoint};
use tally_core::ledger::{Note, SigningKey};

use self::kept::Kept;
use crate::node::clock::Clock;
use crate::node::keyring::Keyring;
use crate::node::keys::{hex, secret};

/// How the files of epochs that have ended begin; the epoch follows.
const ENDED: &str = "ended-";

/// How its key is called in its folder.
const WITNESS: &str = "witness";
/// The file of the name under which it cosigns.
const CALLED: &str = "called";

/// What a witness is.
pub struct Witness {
    folder: PathBuf,
    key: SigningKey,
    logs: Mutex<BTreeMap<String, Log>>,
    evidence: Mutex<Kept>,
}

/// Holds a witness's folder, from before it is opened to cosign from until nothing more is
/// cosigned: of two that read it, neither would know what the other signed since.
///
/// # Errors
/// When another process holds it, or it cannot be made.
pub fn hold(folder: &Path) -> Result<fs::File> {
    secret(folder, WITNESS)?;
    Keyring::new(folder).try_lock()?.with_context(|| {
        format!(
            "another witness runs from {}: stop that one, or say another folder with `--data`, \
             which makes another key",
            folder.display()
        )
    })
}

impl Witness {
    /// Opens a witness's folder; its key is made when it is missing. The logs are those
    /// that it knew and those given: a verifier key, or the text of a set of authorities.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, name: &str, logs: &[Signers]) -> Result<Self> {
        let key = SigningKey::cosigner(name, &*secret(folder, WITNESS)?)?;
        let called = folder.join(CALLED);
        match fs::read_to_string(&called) {
            Ok(before) => anyhow::ensure!(
                before.trim_end() == name,
                "the witness of {} is called `{}`: say that name, or another folder",
                folder.display(),
                before.trim_end()
            ),
            Err(_) => keep(&called, &format!("{name}\n"))?,
        }
        let mut known = BTreeMap::new();
        for signers in logs {
            known.insert(signers.origin().to_owned(), Log::new(signers.clone()));
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let (Ok(signers), Ok(note)) = (
                fs::read_to_string(path.join("signers")),
                fs::read_to_string(path.join("checkpoint")),
            ) else {
                continue;
            };
            let damaged = || format!("{} is damaged", path.display());
            let signers = Signers::parse(&signers).with_context(damaged)?;
            let origin = signers.origin().to_owned();
            let log = Log::resume(signers, Note::parse(&note)?).with_context(damaged)?;
            let ended = ended(&path).with_context(damaged)?;
            known.insert(origin, log.with_ended(ended));
        }
        Ok(Self {
            folder: folder.to_owned(),
            key,
            logs: Mutex::new(known),
            evidence: Mutex::new(Kept::new(folder)),
        })
    }

    /// Its key, as `name+id+base64`.
    #[must_use]
    pub fn verifier(&self) -> String {
        self.key.verifier().to_string()
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.verifier().public()
    }

    fn add(&self, body: &[u8]) -> Result<Response> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let time = u64::try_from(Clock::now_ms() / 1000).unwrap_or_default();
        let keys = std::slice::from_ref(&self.key);
        let decision = add_checkpoint(body, |origin| logs.get(origin), keys, time);
        if let Some(evidence) = &decision.evidence {
            let mut kept = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
            kept.add(evidence, &logs)?;
        }
        if let Some(record) = decision.record {
            let origin = record.signers().origin().to_owned();
            let folder = self.folder.join(hash(&origin));
            fs::create_dir_all(&folder)?;
            if let Some(ended) = record.ended().last() {
                let name = format!("{ENDED}{}", ended.set().epoch);
                keep(&folder.join(name), &ended.to_string())?;
            }
            // The checkpoint last: without it the signers are the ones that were given.
            let note = record.last().context("a record without a checkpoint")?;
            keep(&folder.join("signers"), &record.signers().to_string())?;
            keep(&folder.join("checkpoint"), &note.to_string())?;
            logs.insert(origin, record);
        }
        let status = StatusCode::from_u16(decision.answer.status)?;
        let kind = [(header::CONTENT_TYPE, decision.answer.content_type())];
        Ok((status, kind, decision.answer.body).into_response())
    }

    fn of<T>(&self, of: &str, told: impl FnOnce(&Log) -> T) -> Option<T> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = logs.iter().filter(|(origin, _)| hash(origin) == of);
        known.next().map(|(_, log)| told(log))
    }

    fn last(&self, of: &str) -> Option<String> {
        self.of(of, |log| log.last().map(ToString::to_string))?
    }

    /// The handovers that it cosigned, as a node serves those of its ledger.
    fn handovers(&self, of: &str) -> Option<String> {
        self.of(of, |log| {
            let notes = log.ended().iter().map(|ended| ended.handover().to_string());
            let behind_length = notes.map(|note| format!("{}\n{note}", note.len()));
            behind_length.collect()
        })
    }
}

/// The epochs of a log that have ended, as its folder has them.
fn ended(folder: &Path) -> Result<Vec<Ended>> {
    let mut ended = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let epoch = name.to_str().and_then(|name| name.strip_prefix(ENDED));
        if epoch.is_some_and(|epoch| epoch.parse::<u64>().is_ok()) {
            ended.push(Ended::parse(&fs::read_to_string(entry.path())?)?);
        }
    }
    Ok(ended)
}

/// What a log is called by in a witness's folder and addresses.
pub(crate) fn hash(origin: &str) -> String {
    hex(&Sha256::digest(origin))
}

/// Writes a file whole or not at all, and for good.
fn keep(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_extension("new");
    let mut file = fs::File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let folder = path.parent().context("a file in no folder")?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Serves a witness until Ctrl-C.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(witness: Witness, at: SocketAddr) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(at)
        .await
        .with_context(|| format!("{at} cannot be had"))?;
    let stop = crate::pages::stopped()?;
    eprintln!(
        "The witness {} on http://{} — stop with Ctrl-C",
        witness.verifier(),
        listener.local_addr()?
    );
    let router = Router::new()
        .route("/add-checkpoint", post(add))
        .route("/{origin}/checkpoint", get(last))
        .route("/{origin}/handovers", get(handovers))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(Arc::new(witness));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop);
    served.await.context("the witness could not be served")
}

async fn add(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let decided = tokio::task::spawn_blocking(move || witness.add(&body)).await;
    match decided {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!("a checkpoint could not be kept: {error:#}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn last(State(witness): State<Arc<Witness>>, Asked(origin): Asked<String>) -> Response {
    text(witness.last(&origin))
}

async fn handovers(State(witness): State<Arc<Witness>>, Asked(origin): Asked<String>) -> Response {
    text(witness.handovers(&origin))
}

fn text(text: Option<String>) -> Response {
    match text {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
