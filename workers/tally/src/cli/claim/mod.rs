//! `tally claim`.

mod eob;
mod erase;
mod estimate;
mod explanation;
mod export;
mod history;
mod receipt;
mod remittance;
mod review;
mod status;
mod submit;
mod void;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use tally_core::interchange::Format;

use super::Ended;
pub use eob::explain;
pub use estimate::estimate_json;
pub use void::see_through;

#[derive(Subcommand)]
pub enum ClaimCommand {
    /// Submit files of claims: X12 837, FHIR R4 (resource, Bundle, ndjson) or our JSON
    Submit(submit::SubmitArgs),
    /// What a file of claims would come to, were it submitted now; nothing is stored
    Estimate(estimate::EstimateArgs),
    /// What a claim came to, or how many came to what
    Status(status::StatusArgs),
    /// Print every outcome, one JSON object a line; or write FHIR for a bulk export
    Export(export::ExportArgs),
    /// Explain a claim line by line, with clauses and accumulators
    Eob(eob::EobArgs),
    /// Take a claim back: it is reversed, and what depends on it is corrected
    Void(void::VoidArgs),
    /// Put another claim in the place of one
    Replace(void::ReplaceArgs),
    /// Decide claims anew, by what is known of members, policies and prices by now
    Readjudicate(void::ReadjudicateArgs),
    /// Settle a claim by hand, checked as its policy is
    Review(review::ReviewArgs),
    /// All that a claim ever came to, with what took it back
    History(history::HistoryArgs),
    /// Print a claim's ExplanationOfBenefit, as members' applications are given it
    Explanation(explanation::ExplanationArgs),
    /// Print a claim's receipt: what it came to; that it was received; that it was paid
    Receipt(receipt::ReceiptArgs),
    /// Erase what is known of a claim, by destroying its keys: unless a hold or a rule of
    /// retention stands against it
    Erase(erase::EraseArgs),
    /// Place a legal hold on a claim, or lift it
    Hold(erase::HoldArgs),
    /// Remit settled claims to who is paid: X12 835, FHIR or our JSON
    Remittance(remittance::RemittanceArgs),
}

/// An input format by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum FormatArg {
    /// A FHIR R4 Claim or Bundle
    Fhir,
    /// FHIR R4 resources, one a line
    Ndjson,
    /// Our own JSON (docs/claim-json.md)
    Json,
    /// X12 005010: 837 professional, institutional or dental
    X12,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Fhir => Self::FhirJson,
            FormatArg::Ndjson => Self::FhirNdjson,
            FormatArg::Json => Self::TallyJson,
            FormatArg::X12 => Self::X12,
        }
    }
}

pub async fn run(command: ClaimCommand) -> Result<Ended> {
    match command {
        ClaimCommand::Erase(args) => erase::erase(&args).await,
        ClaimCommand::Receipt(args) => receipt::receipt(&args).await,
        ClaimCommand::Hold(args) => erase::hold(&args).await,
        ClaimCommand::Submit(args) => submit::submit(&args).await,
        ClaimCommand::Estimate(args) => estimate::estimate(&args).await,
        ClaimCommand::Status(args) => status::status(&args).await,
        ClaimCommand::Export(args) => export::export(&args).await,
        ClaimCommand::Eob(args) => eob::eob(&args).await,
        ClaimCommand::Void(args) => void::void(&args).await,
        ClaimCommand::Replace(args) => void::replace(&args).await,
        ClaimCommand::Readjudicate(args) => void::readjudicate(&args).await,
        ClaimCommand::Review(args) => review::review(&args).await,
        ClaimCommand::History(args) => history::history(&args).await,
        ClaimCommand::Explanation(args) => explanation::explanation(&args).await,
        ClaimCommand::Remittance(args) => remittance::remittance(&args).await,
    }
}
