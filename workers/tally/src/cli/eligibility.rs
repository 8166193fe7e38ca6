//! `tally eligibility`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;
use tally_core::interchange::x12::text_of;
use tally_core::interchange::{self, Format, detect, read_eligibility_request};

use super::{Ended, NodeArgs, say};

#[derive(Args)]
pub struct EligibilityArgs {
    /// A file of X12 270 inquiries, or a FHIR R4 CoverageEligibilityRequest
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// What the file holds; recognised when not said
    #[arg(long, value_enum)]
    format: Option<Asks>,
    /// Print JSON: the FHIR answer as it is; of X12 the 271 and the 999, with counts
    #[arg(long)]
    json: bool,
}

/// How eligibility is asked about.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Asks {
    /// X12 270
    X12,
    /// FHIR R4 CoverageEligibilityRequest
    Fhir,
}

pub async fn run(args: &EligibilityArgs) -> Result<Ended> {
    let bytes = super::read_file(&args.file, interchange::FileLimits::BYTES as u64)?;
    let payer = args.node.parties()?.payer;
    let recognised = match detect(&bytes) {
        Some(Format::X12) => Asks::X12,
        _ => Asks::Fhir,
    };
    let name = args.file.display();
    match args.format.unwrap_or(recognised) {
        Asks::X12 => {
            let node = args.node.open().await?;
            let answered = node.eligibility_x12(&text_of(&bytes), &payer).await?;
            if args.json {
                say(json!({
                    "asked": answered.asked,
                    "unanswered": answered.unanswered,
                    "271": answered.text,
                    "999": answered.receipts,
                }))?;
            } else if !answered.text.is_empty() {
                say(answered.text.trim_end_matches('\n'))?;
            }
            if answered.text.is_empty() {
                eprintln!(
                    "error: {name} holds no eligibility inquiry (270 005010X279A1) that fits its guide. Its acknowledgement says where and why (IK3: segment; IK4: element):"
                );
                eprintln!("{}", answered.receipts.trim_end_matches('\n'));
                return Ok(Ended::Refused);
            }
            if answered.unanswered > 0 {
                eprintln!(
                    "unanswered: {} of {} asked about: the AAA segments of the 271 say why",
                    answered.unanswered, answered.asked
                );
                return Ok(Ended::Refused);
            }
        }
        Asks::Fhir => {
            let request = match read_eligibility_request(&bytes) {
                Ok(request) => request,
                Err(refusal) => {
                    if args.json {
                        say(
                            json!({ "refused": { "place": refusal.place, "reason": format!("{} {}", refusal.rule.id(), refusal.reason) } }),
                        )?;
                    }
                    eprintln!(
                        "refused: {name}: {}: {} {}",
                        refusal.place,
                        refusal.rule.id(),
                        refusal.reason
                    );
                    return Ok(Ended::Refused);
                }
            };
            let node = args.node.open().await?;
            let (response, known) = node.eligibility_fhir(&request, &payer).await?;
            say(response)?;
            if !known {
                eprintln!("unanswered: the member is not known: `tally member import` enrols");
                return Ok(Ended::Refused);
            }
        }
    }
    Ok(Ended::Well)
}
