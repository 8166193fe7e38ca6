//! The file of a signed answer, `tallystick-answer/v1`, and whose the key was that signed it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use tally_core::canon::Blob;
use tally_core::ledger::shared::{Audit, OrganisationId};
use tally_store::port::SharedLedger;

use super::signed::{Asked, Kept};
use crate::node::keys::{hex, unhex};

/// The format's name.
const FORMAT: &str = "tallystick-answer/v1";
/// Leaves that are read at a time.
const PAGE: u32 = 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    from: String,
    to: String,
    key: String,
    size: u64,
    came: i64,
    asked: AskedFile,
    status: u16,
    body_sha256: String,
    body: Option<String>,
    signature: String,
}

/// The headers' values in base64: they may be any bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedFile {
    token: String,
    method: String,
    target: String,
    purpose: Vec<String>,
    emergency: Vec<String>,
}

fn values(of: &[Blob]) -> Vec<String> {
    of.iter().map(|value| BASE64.encode(&value.0)).collect()
}

fn blobs(of: &[String]) -> Result<Vec<Blob>> {
    let blob = |text: &String| Ok(Blob(BASE64.decode(text)?));
    of.iter().map(blob).collect()
}

/// A signed answer as a file.
///
/// # Errors
/// Never, as far as is known.
pub fn write(kept: &Kept) -> Result<String> {
    let asked = &kept.asked;
    let file = File {
        format: FORMAT.to_owned(),
        from: kept.from.clone(),
        to: kept.to.clone(),
        key: hex(&kept.key),
        size: kept.size,
        came: kept.came,
        asked: AskedFile {
            token: asked.token.clone(),
            method: asked.method.clone(),
            target: asked.target.clone(),
            purpose: values(&asked.purpose),
            emergency: values(&asked.emergency),
        },
        status: kept.status,
        body_sha256: hex(&kept.hash),
        body: kept.body.as_ref().map(|body| BASE64.encode(&body.0)),
        signature: kept.signature.clone(),
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

/// Reads such a file. Nothing is verified yet.
///
/// # Errors
/// When it is none.
pub fn read(text: &str) -> Result<Kept> {
    let file: File = serde_json::from_str(text)?;
    ensure!(file.format == FORMAT, "its format is not `{FORMAT}`");
    let asked = file.asked;
    Ok(Kept {
        from: file.from,
        to: file.to,
        key: unhex(&file.key).context("`key` is not 64 hexadecimal digits")?,
        size: file.size,
        came: file.came,
        asked: Asked {
            purpose: blobs(&asked.purpose).context("`purpose`")?,
            emergency: blobs(&asked.emergency).context("`emergency`")?,
            token: asked.token,
            method: asked.method,
            target: asked.target,
        },
        status: file.status,
        hash: unhex(&file.body_sha256).context("`body_sha256` is not 64 hexadecimal digits")?,
        body: match file.body {
            Some(body) => Some(Blob(BASE64.decode(body).context("`body`")?)),
            None => None,
        },
        signature: file.signature,
    })
}

/// The key that an organisation signs with by the first leaves of the ledger; every rule and
/// signature of them is checked again.
///
/// # Errors
/// When the store fails, does not have so many, or they do not hold.
pub async fn key_at(
    store: &impl SharedLedger,
    organisation: &str,
    size: u64,
) -> Result<Option<[u8; 32]>> {
    let mut audit: Option<Audit> = None;
    let mut from = 0;
    while from < size {
        let limit = u32::try_from(size - from).unwrap_or(PAGE).min(PAGE);
        let leaves = store.shared_leaves(from, limit).await?;
        ensure!(
            !leaves.is_empty(),
            "this node has {from} leaves of the ledger, and {size} are needed"
        );
        from += leaves.len() as u64;
        for leaf in &leaves {
            match &mut audit {
                None => audit = Some(Audit::begin(leaf)?),
                Some(audit) => drop(audit.leaf(leaf)?),
            }
        }
    }
    let Some(audit) = audit else {
        return Ok(None);
    };
    let (state, _) = audit.end()?;
    let id = OrganisationId::parse(organisation).context("an organisation's id")?;
    let member = state.members.get(&id);
    Ok(member.map(|member| member.organisation.signing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_as_it_was_written() {
        let (hash, body) = Kept::of_body(b"sealed");
        let kept = Kept {
            from: "harbor".to_owned(),
            to: "lakeside".to_owned(),
            key: [1; 32],
            size: 12,
            came: 1_800_000_000,
            asked: Asked {
                token: "a.b.c".to_owned(),
                method: "GET".to_owned(),
                target: "/claims/1/dossier".to_owned(),
                purpose: vec![Blob(b"HPAYMT\xff".to_vec())],
                emergency: Vec::new(),
            },
            status: 200,
            hash,
            body,
            signature: "d.e.f".to_owned(),
        };
        use tally_core::canon::Canon as _;
        let text = write(&kept).unwrap();
        assert_eq!(read(&text).unwrap().to_canon(), kept.to_canon());
        let other = text.replace(FORMAT, "tallystick-answer/v2");
        assert!(read(&other).is_err());
        assert!(read(&text.replacen("\"status\"", "\"statu\"", 1)).is_err());
    }
}
