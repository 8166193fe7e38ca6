//! Flags, for those who investigate: what is flagged, with its evidence. Others
//! learn nothing, not even whether there is any (invariant 10).

use axum::extract::State;
use serde::Serialize;
use tally_store::port::FlagFilter;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Code, Problem};
use super::query::{Asked, Fields};
use super::{Answered, Shared, json};
use crate::node::FlagRead;

/// Flags of an answer, when nothing is said, and at most.
const LIMITS: (u32, u32) = (50, 500);

/// What is flagged.
#[derive(Serialize, ToSchema)]
#[schema(as = FlagList)]
pub(super) struct Flags {
    /// The highest score first.
    flags: Vec<FlagBody>,
}

/// A flag: evidence, never a verdict.
#[derive(Serialize, ToSchema)]
#[schema(as = Flag)]
pub struct FlagBody {
    /// Its id.
    flag: String,
    /// The pattern.
    #[schema(example = "impossible-day")]
    pattern: String,
    /// The rule that made it, and its version.
    rule_version: String,
    /// 0 to 1000.
    score: u16,
    /// What the score is made of.
    parts: Vec<PartBody>,
    /// The first date of service.
    first_seen: String,
    /// The last date of service.
    last_seen: String,
    /// The amount at stake.
    exposure: String,
    /// The lines it is about.
    claims: Vec<FlaggedLine>,
    /// The numbers behind it.
    evidence: Vec<EvidenceBody>,
    /// Where it is committed to; nothing while it waits for a batch.
    committed: Option<Committed>,
}

/// A part of a score.
#[derive(Serialize, ToSchema)]
pub struct PartBody {
    /// Points.
    points: i64,
    /// For what.
    reason: String,
}

/// A line that a flag is about.
#[derive(Serialize, ToSchema)]
pub struct FlaggedLine {
    /// The claim.
    claim: String,
    /// The line, or zero.
    line: u16,
}

/// A piece of evidence.
#[derive(Serialize, ToSchema)]
pub struct EvidenceBody {
    /// What it is.
    label: String,
    /// How much or which.
    value: String,
}

/// Where a flag is committed to.
#[derive(Serialize, ToSchema)]
pub struct Committed {
    /// The entry of the ledger.
    entry: u64,
    /// The slot of the batch.
    slot: u16,
}

impl FlagBody {
    /// As it is shown.
    pub fn of(read: &FlagRead) -> Self {
        let flag = &read.flag;
        Self {
            flag: flag.id.to_string(),
            pattern: flag.pattern.as_str().to_owned(),
            rule_version: flag.rule_version.clone(),
            score: flag.score,
            parts: flag
                .parts
                .iter()
                .map(|part| PartBody {
                    points: part.points.into(),
                    reason: part.reason.clone(),
                })
                .collect(),
            first_seen: flag.first_seen.to_string(),
            last_seen: flag.last_seen.to_string(),
            exposure: flag.exposure.to_string(),
            claims: flag
                .claims
                .iter()
                .map(|(claim, line)| FlaggedLine {
                    claim: claim.to_string(),
                    line: *line,
                })
                .collect(),
            evidence: flag
                .evidence
                .iter()
                .map(|item| EvidenceBody {
                    label: item.label.clone(),
                    value: item.value.clone(),
                })
                .collect(),
            committed: read.place.map(|(entry, slot)| Committed { entry, slot }),
        }
    }
}

/// List flags
///
/// For organisations that may read flags. The highest score first.
#[utoipa::path(
    get, path = "/flags", tag = "flags", operation_id = "listFlags",
    security(("organisation" = [])),
    params(
        ("pattern" = Option<String>, Query, description = "Of this pattern"),
        ("score" = Option<u16>, Query, description = "With at least this score, 0 to 1000"),
        ("from" = Option<String>, Query, description = "Last seen on or after this date"),
        ("through" = Option<String>, Query, description = "First seen on or before this date"),
        ("claim" = Option<String>, Query, description = "With this claim"),
        ("provider" = Option<String>, Query, description = "Of this provider, as sent"),
        ("member" = Option<String>, Query, description = "Of this member, as sent"),
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 500, 50 when it is not said"),
    ),
    responses((status = 200, description = "What is flagged", body = Flags)),
)]
pub(super) async fn list(State(service): Shared, caller: Caller, Asked(pairs): Asked) -> Answered {
    if !caller.reads_flags {
        return Err(Problem::new(
            Code::Forbidden,
            "Flags are for organisations that may read them.",
        ));
    }
    let known = [
        "pattern", "score", "from", "through", "claim", "provider", "member", "limit",
    ];
    let fields = Fields::of(&pairs, &known)?;
    let node = &service.api.node;
    let score = fields.number("score", 0, 0..=1000)?;
    let filter = FlagFilter {
        id: None,
        pattern: fields.get("pattern").map(str::to_owned),
        provider: fields.get("provider").map(|id| node.provider_token(id)),
        member: fields.get("member").map(|id| node.member_token(id)),
        claim: fields.claim("claim")?,
        from: fields.date("from")?,
        through: fields.date("through")?,
        score: (score > 0).then_some(score),
        limit: fields.number("limit", LIMITS.0, 1..=LIMITS.1)?,
    };
    let flags = node.read_flags(&filter, "api:flags").await?;
    json(&Flags {
        flags: flags.iter().map(FlagBody::of).collect(),
    })
}
