//! `tally ledger verify`: receipts of adjudications, readings, claims received, payments
//! advised and erasures.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use tally_core::ledger::erasure::ErasureReceipt;
use tally_core::ledger::shared::OrganisationId;
use tally_core::ledger::{Receipt, SharedProof, Shown, Trust, Verdict, verify_any};

use super::super::{Ended, chain, plural, read_file, say};
use crate::consents::{by, reading_json, time};
use crate::node::keys::hex;
use crate::printable::printable;

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
    row["log_trusted"] = is_named(log, trust).into();
    row["index"] = index.into();
    Ok(Checked {
        verdict,
        row,
        said: format!(
            "claim {} {} (entry {index} of {})",
            receipt.claim,
            shows.text(),
            called(log, trust)
        ),
        shared: OnShared::of(receipt.shared.as_ref(), None, trust),
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
        "log_trusted": is_named(log, trust),
        "index": receipt.erased.index,
    });
    let said = format!(
        "what entry {} commits to was erased, by {ground} (entry {} of {})",
        shown.index,
        receipt.erased.index,
        called(log, trust)
    );
    let shared = receipt.shared.as_ref().map(|shared| &shared.erased);
    Ok(Checked {
        verdict: shown.verdict,
        row,
        said,
        shared: OnShared::of(shared, shown.organisation, trust),
    })
}

/// Whether the trust file says who signs for this log: a receipt that holds is then right of it.
fn is_named(log: &str, trust: Option<&Trust>) -> bool {
    trust.is_some_and(|trust| trust.log(log).is_some())
}

/// A log's name for people, which is but what the receipt calls it where no trust file does.
fn called(log: &str, trust: Option<&Trust>) -> String {
    match is_named(log, trust) {
        true => log.to_owned(),
        false => format!("{log}, by its own word"),
    }
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
    /// Its name for people.
    called: String,
    /// Whose log the entry is in, where envelopes prove it.
    organisation: Option<OrganisationId>,
    size: u64,
    index: u64,
    signers: Vec<String>,
    witnesses: Vec<String>,
}

impl OnShared {
    fn of(
        shared: Option<&SharedProof>,
        organisation: Option<OrganisationId>,
        trust: Option<&Trust>,
    ) -> Option<Self> {
        let shared = shared?;
        let (signed, _) = shared
            .authorities
            .reach(&shared.handovers, &shared.proof.checkpoint)
            .ok()?;
        let log = signed.checkpoint.origin;
        Some(Self {
            is_trusted: is_named(&log, trust),
            called: called(&log, trust),
            log,
            organisation,
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
            "organisation": self.organisation.as_ref().map(ToString::to_string),
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
        let whose = match &self.organisation {
            Some(organisation) => format!(", in the log of {organisation}"),
            None => String::new(),
        };
        format!(
            "  leaf {} of {} on the shared ledger {}{whose}, signed by {}, cosigned by {witnesses}",
            self.index,
            self.size,
            self.called,
            self.signers.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use tally_core::claim::ClaimId;
    use tally_core::ledger::{ReceivedClaim, TrustedLog};
    use tally_types::ServiceDate;

    use super::*;

    const ERASED: &str = include_str!("../../../../../fuzz/seeds/ledger/erasure-shared");
    const DECIDED: &str = include_str!("../../../../../fuzz/seeds/receipt/both");

    /// What the trust file does not name is by the receipt's own word; the ledger says whose
    /// log an erasure is in, since a log's name says nothing of that.
    #[test]
    fn whose_word_it_is() {
        let decided = Receipt::parse(DECIDED).unwrap();
        let local = TrustedLog::local(decided.key.clone());
        let shared = TrustedLog::shared(&decided.shared.unwrap().authorities);
        let given = [
            (Some(vec![local.clone()]), true, false),
            (Some(vec![shared.clone()]), false, true),
            (Some(vec![local.clone(), shared.clone()]), true, true),
            (Some(vec![]), false, false),
            (None, false, false),
        ];
        for (text, whose) in [(DECIDED, None), (ERASED, Some("harbor"))] {
            for (logs, has_local, has_shared) in &given {
                let trust = logs.clone().map(|logs| Trust { logs });
                let found = checked(text, trust.as_ref()).unwrap();
                let on = found.shared.unwrap();
                let is_trusted = found.verdict == Verdict::Trusted;
                assert_eq!(is_trusted, *has_local || *has_shared);
                assert_eq!(found.row["log_trusted"], *has_local);
                assert_eq!(on.json()["trusted"], *has_shared);
                assert_eq!(on.json()["organisation"].as_str(), whose);
                for (said, log, has) in [
                    (found.said, &local.origin, has_local),
                    (on.told(), &shared.origin, has_shared),
                ] {
                    assert!(said.contains(&**log), "{said}");
                    let own = said.contains(&format!("{log}, by its own word"));
                    assert_eq!(own, !has, "{said}");
                }
                let whose = whose.map(|of| format!(", in the log of {of}, signed by "));
                assert!(
                    whose.is_none_or(|of| on.told().contains(&of)),
                    "{}",
                    on.told()
                );
            }
        }
    }

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
