//! `tally ledger verify`: receipts of adjudications, readings, claims received, payments
//! advised and erasures.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use tally_core::ledger::erasure::ErasureReceipt;
use tally_core::ledger::{Receipt, SharedProof, Shown, Trust, Verdict, verify_any};

use super::super::{Ended, chain, plural, printable, read_file, say};
use crate::consents::{by, reading_json, time};
use crate::node::keys::hex;

#[derive(Args)]
pub struct VerifyArgs {
    /// Receipts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The trust file; without one a receipt can only be consistent, not trusted
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a receipt shows, for people and for machines.
struct Shows(Shown);

impl Shows {
    /// For people. A stranger's receipt may hold any text: none of it is another line.
    fn text(&self) -> String {
        printable(&match &self.0 {
            Shown::Received(received) => format!(
                "received {} from {}, in the file of SHA-256 {}",
                received.received,
                received.submitter,
                hex(&received.submission)
            ),
            Shown::Payment(advice) => format!(
                "told of by payment {} of {}, {}, with {} in all; its 835 has the SHA-256 {}",
                advice.trace,
                advice.date,
                advice.amount,
                plural(advice.claims.len() as u64, "claim"),
                hex(&advice.remittance)
            ),
            Shown::Outcome(outcome) => format!(
                "{}, charged {}, paid {}, patient {}",
                outcome.status(),
                outcome.charge(),
                outcome.paid(),
                outcome.patient()
            ),
            Shown::Reading(reading) => format!(
                "read by {} ({}) for {}, {}, {}",
                reading.reader,
                reading.person,
                reading.purpose.code(),
                by(&reading.by),
                time(reading.at)
            ),
        })
    }

    fn json(&self) -> serde_json::Value {
        match &self.0 {
            Shown::Received(received) => json!({
                "received": received.received.to_string(),
                "submitter": received.submitter,
                "submission": hex(&received.submission),
            }),
            Shown::Payment(advice) => json!({
                "payment": advice.trace,
                "amount": advice.amount.to_string(),
                "on": advice.date.to_string(),
                "claims": advice.claims.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "remittance": hex(&advice.remittance),
            }),
            Shown::Outcome(outcome) => json!({
                "status": outcome.status().as_str(),
                "charge": outcome.charge().to_string(),
                "paid": outcome.paid().to_string(),
                "patient": outcome.patient().to_string(),
                "policy": outcome.policy().map(|hash| hex(&hash)),
            }),
            Shown::Reading(reading) => reading_json(reading),
        }
    }
}

/// What a file shows, if it holds.
struct Checked {
    verdict: Verdict,
    /// For machines.
    row: Value,
    /// For people.
    said: String,
    shared: Option<OnShared>,
}

fn checked(text: &str, trust: Option<&Trust>) -> Result<Checked> {
    if text.starts_with("tallystick-erasure/") {
        return erasure(text, trust);
    }
    let receipt = Receipt::parse(text)?;
    let (verdict, shown) = verify_any(&receipt, trust)?;
    let (shows, log, index) = (Shows(shown), receipt.key.name(), receipt.local.index);
    let mut row = shows.json();
    row["claim"] = receipt.claim.to_string().into();
    row["log"] = log.into();
    row["index"] = index.into();
    Ok(Checked {
        verdict,
        row,
        said: format!(
            "claim {} {} (entry {index} of {log})",
            receipt.claim,
            shows.text()
        ),
        shared: OnShared::of(receipt.shared.as_ref(), trust),
    })
}

fn erasure(text: &str, trust: Option<&Trust>) -> Result<Checked> {
    let receipt = ErasureReceipt::parse(text)?;
    let shown = receipt.verify(trust)?;
    let ground = shown.ground.as_str();
    let log = receipt.key.name();
    let row = json!({
        "erased": shown.index,
        "ground": ground,
        "log": log,
        "index": receipt.erased.index,
    });
    let said = format!(
        "what entry {} of {log} commits to was erased, by {ground} (entry {})",
        shown.index, receipt.erased.index
    );
    let shared = receipt.shared.as_ref().map(|shared| &shared.erased);
    Ok(Checked {
        verdict: shown.verdict,
        row,
        said,
        shared: OnShared::of(shared, trust),
    })
}

/// Why a receipt that holds is not trusted, where a trust file was given.
const UNKNOWN: &str = "the trust file names no log of it";

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Trusted => "trusted",
        Verdict::Consistent => "consistent",
    }
}

/// The verdict for people, and what it makes of how the command ends.
fn told(verdict: Verdict, ended: &mut Ended) -> &'static str {
    match verdict {
        Verdict::Trusted => "trusted",
        Verdict::Consistent => {
            if *ended == Ended::Well {
                *ended = Ended::NotTrusted;
            }
            "consistent, not trusted"
        }
    }
}

/// The largest receipt or trust file.
const LIMIT: u64 = 4 << 20;

/// Verifies receipts, each by what it is.
pub(super) fn verify(args: &VerifyArgs) -> Result<Ended> {
    let trust = match &args.trust {
        None => None,
        Some(path) => {
            let bytes = read_file(path, LIMIT)?;
            let text = String::from_utf8(bytes)
                .ok()
                .with_context(|| format!("{} is not text", path.display()))?;
            let trust = Trust::parse(&text);
            Some(trust.with_context(|| format!("{} cannot be used", path.display()))?)
        }
    };
    let mut ended = Ended::Well;
    let mut rows = Vec::new();
    for path in &args.files {
        // What cannot be read says nothing of any receipt.
        let bytes = match read_file(path, LIMIT) {
            Ok(bytes) => bytes,
            Err(error) => {
                ended = Ended::Refused;
                let (file, reason) = (path.display().to_string(), chain(&error));
                eprintln!("error: nothing was verified: {reason}");
                rows.push(json!({ "file": file, "verdict": "unread", "reason": reason }));
                continue;
            }
        };
        let checked = (|| -> Result<_> {
            let text = String::from_utf8(bytes).ok().context("a receipt is text")?;
            checked(&text, trust.as_ref())
        })();
        let file = path.display().to_string();
        match checked {
            Ok(Checked {
                verdict,
                mut row,
                said,
                shared,
            }) => {
                let word = told(verdict, &mut ended);
                let unknown = trust.is_some() && verdict == Verdict::Consistent;
                if args.json {
                    row["file"] = file.into();
                    row["verdict"] = verdict_word(verdict).into();
                    row["shared"] = shared.map(|shared| shared.json()).into();
                    if unknown {
                        row["reason"] = UNKNOWN.into();
                    }
                    rows.push(row);
                } else {
                    let why = if unknown {
                        format!("; {UNKNOWN}")
                    } else {
                        String::new()
                    };
                    say(format!("{file}: {word}: {said}{why}"))?;
                    if let Some(shared) = shared {
                        say(shared.told())?;
                    }
                }
            }
            Err(error) => {
                ended = Ended::Refused;
                if args.json {
                    rows.push(json!({ "file": file, "verdict": "false", "reason": chain(&error) }));
                }
                eprintln!("error: {file}: does not hold: {}", chain(&error));
            }
        }
    }
    if args.json {
        say(json!(rows))?;
    } else if ended == Ended::NotTrusted {
        eprintln!(
            "note: consistent, not trusted: say `--trust trust.json` with a trust file you have from elsewhere{}",
            match trust {
                None => "",
                Some(_) =>
                    ", which names the log, or the shared ledger (a receipt that is asked for again \
                     has the shared ledger's proof as soon as it stands there)",
            }
        );
    }
    Ok(ended)
}

/// What a receipt that holds shows of the shared ledger.
struct OnShared {
    /// Whether the trust file says who signs there: else it is the receipt's own word.
    is_trusted: bool,
    log: String,
    size: u64,
    index: u64,
    signers: Vec<String>,
    witnesses: Vec<String>,
}

impl OnShared {
    fn of(shared: Option<&SharedProof>, trust: Option<&Trust>) -> Option<Self> {
        let shared = shared?;
        let (signed, _) = shared
            .authorities
            .reach(&shared.handovers, &shared.proof.checkpoint)
            .ok()?;
        let is_trusted = trust.is_some_and(|trust| trust.log(&signed.checkpoint.origin).is_some());
        Some(Self {
            is_trusted,
            log: signed.checkpoint.origin,
            size: signed.checkpoint.size,
            index: shared.proof.index,
            signers: signed.signers.iter().map(ToString::to_string).collect(),
            witnesses: signed.cosigners.into_iter().map(|(name, _)| name).collect(),
        })
    }

    fn json(&self) -> Value {
        json!({
            "log": self.log,
            "trusted": self.is_trusted,
            "size": self.size,
            "index": self.index,
            "signers": self.signers,
            "witnesses": self.witnesses,
        })
    }

    fn told(&self) -> String {
        let witnesses = match &self.witnesses[..] {
            [] => "no witness".to_owned(),
            some => some.join(", "),
        };
        let word = match self.is_trusted {
            true => "",
            false => " (by its own word: no trust file says who signs there)",
        };
        format!(
            "  leaf {} of {} on the shared ledger {}, signed by {}, cosigned by {witnesses}{word}",
            self.index,
            self.size,
            self.log,
            self.signers.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use tally_core::claim::ClaimId;
    use tally_core::ledger::ReceivedClaim;
    use tally_types::ServiceDate;

    use super::*;

    /// What a receipt says is of whoever made it, who may be anybody.
    #[test]
    fn no_text_of_a_receipt_passes_for_a_verdict() {
        let shows = Shows(Shown::Received(ReceivedClaim {
            claim: ClaimId([9; 16]),
            received: ServiceDate::parse("2026-03-01").unwrap(),
            submitter: "a\nother: trusted: claim\u{1b}[2K".into(),
            submission: [0; 32],
        }));
        let text = shows.text();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains("other: trusted"), "the rest stays: {text}");
    }
}
