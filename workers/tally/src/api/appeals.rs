//! Appeals: filed by the provider that sent the claim, and how they stand, for who may read
//! the claim.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tally_core::appeal::{Party, Refusal};
use tally_store::port::{Appeals as _, ClaimRow};
use utoipa::ToSchema;

use super::access::{AMOUNTS, Why, disclose, entered_as};
use super::caller::Caller;
use super::claims::find;
use super::problem::{Code, Problem};
use super::query::Named;
use super::submit::{body, place};
use super::{Answered, ROOT, Service, Shared, json};
use crate::appeals::{Texts, appeal_json};
use crate::node::{AppealRead, Filing};

/// An appeal to be filed.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewAppeal)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// Why: the provider's words.
    reason: String,
    /// At which level, by its name; the next when it is not said.
    level: Option<String>,
    /// Whether it cannot wait.
    #[serde(default)]
    expedited: bool,
}

/// The appeals of a claim.
#[derive(Serialize, ToSchema)]
#[schema(as = Appeals)]
pub(super) struct List {
    /// The claim.
    claim: String,
    /// Its appeals, in the order of filing, as `tally appeal show --json` prints them.
    /// Of a member's appeal, what people wrote is null, as of a provider's for who did not
    /// send the claim and is not shown what was done; and who noted what at the payer's.
    appeals: Vec<serde_json::Value>,
    /// At which level the caller may appeal the claim next, and the last day; null when it
    /// may not. For one that reads every claim: at which level anybody may.
    next: Option<Next>,
}

/// What may be filed next.
#[derive(Serialize, ToSchema)]
#[schema(as = NextAppeal)]
struct Next {
    /// The level's name.
    level: String,
    /// The last day.
    last_day: String,
}

/// Appeal what a claim comes to
///
/// By the provider that sent it. The deadlines are those of the payer's levels; one
/// appeal of a claim is open at a time, so that the same, sent again, files no second.
#[utoipa::path(
    post, path = "/claims/{id}/appeals", tag = "claims", operation_id = "appealClaim",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    request_body = New,
    responses((status = 201, description = "The appeal, as it was filed", body = serde_json::Value,
        headers(("Location" = String, description = "Where the claim's appeals are")))),
)]
pub(super) async fn file(
    State(service): Shared,
    caller: Caller,
    Named(id): Named,
    request: Request,
) -> Answered {
    let row = find(&service, &caller, &id).await?;
    if row.submitter != caller.id {
        return Err(Problem::no_claim());
    }
    readable(&service, &row).await?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            Code::MediaType,
            "An appeal is sent as application/json.",
        ));
    }
    let _place = place(&service)?;
    let bytes = body(&service, request).await?;
    let new: New = serde_json::from_slice(&bytes).map_err(|_| {
        Problem::new(
            Code::Appeal,
            "The body is an object with `reason`, and perhaps `level` and `expedited`.",
        )
    })?;
    let node = &service.api.node;
    let filing = Filing {
        claim: row.id,
        level: new.level.as_deref(),
        by: Party::Provider,
        reason: &new.reason,
        expedited: new.expedited,
        on: None,
    };
    let levels = service.api.config.payer.appeal.levels();
    let appeal = node.file_appeal(levels, &filing).await.map_err(|error| {
        match error.downcast_ref::<Refusal>() {
            Some(refusal) => Problem::new(Code::Appeal, told(refusal)),
            None => Problem::from(error),
        }
    })?;
    let read = node.read_appeal(appeal, "api:appeal").await?;
    // What it wrote itself: of the claim it is shown nothing.
    let appeals = shown(&service, &caller, (&row, false), &[read]).await?;
    let mut response = json(&appeals.first())?;
    *response.status_mut() = StatusCode::CREATED;
    let at = HeaderValue::from_str(&format!("{ROOT}/claims/{}/appeals", row.id))?;
    response.headers_mut().insert(header::LOCATION, at);
    Ok(response)
}

/// Of an erased claim nothing is told, and nothing is added to it.
async fn readable(service: &Service, row: &ClaimRow) -> Result<(), Problem> {
    let record = row.sealed.record;
    let keys = service.api.node.vault().keys(&[record]).await?;
    match keys.contains_key(&record) {
        true => Ok(()),
        false => Err(Problem::erased()),
    }
}

/// A refusal as a sentence. What the caller sent is not repeated.
fn told(refusal: &Refusal) -> String {
    let text = match refusal {
        Refusal::NoLevels => "this payer has no levels of appeal".to_owned(),
        Refusal::NoSuchLevel(_, levels) => {
            format!("there is no such level: the levels are {levels}")
        }
        refusal => refusal.to_string(),
    };
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// The appeals of a claim
#[utoipa::path(
    get, path = "/claims/{id}/appeals", tag = "claims", operation_id = "listAppeals",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "Its appeals", body = List)),
)]
pub(super) async fn list(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
    let disclosed = disclose(&service, &caller, &why, &id, ("api:appeals", AMOUNTS)).await?;
    let row = &disclosed.read.row;
    let node = &service.api.node;
    let rows = node.store().appeals_of(row.id).await?;
    let reads = node.open_appeals(rows).await?;
    let levels = service.api.config.payer.appeal.levels();
    let parties: &[Party] = match caller.reads_claims {
        true => &[Party::Member, Party::Provider],
        false if row.submitter == caller.id => &[Party::Provider],
        false => &[],
    };
    let next = node.appealable_until(levels, row, parties).await?;
    let answer = json(&List {
        claim: row.id.to_string(),
        appeals: shown(&service, &caller, (row, disclosed.view.care), &reads).await?,
        next: next.map(|(level, last)| Next {
            level,
            last_day: last.to_string(),
        }),
    })?;
    entered_as(&service, answer, &disclosed).await
}

/// Appeals of a claim as the caller is shown them, who may be shown what was done or not.
/// Which act changed what is appealed is named as in the claim's history: another's is of
/// other care.
async fn shown(
    service: &Service,
    caller: &Caller,
    (row, care): (&ClaimRow, bool),
    reads: &[AppealRead],
) -> Result<Vec<serde_json::Value>, Problem> {
    let node = &service.api.node;
    let is_party = |of: &ClaimRow| caller.is_party_to(&of.submitter);
    let named = node.named_beside(row, is_party).await?;
    let now = node.moment();
    let appeals = reads.iter().map(|read| {
        let mut appeal = appeal_json(read, now, texts(caller, (row, care), read));
        if read.changed.is_some_and(|of| !named.contains(&of.by)) {
            appeal["changed"]["by"] = serde_json::Value::Null;
        }
        appeal
    });
    Ok(appeals.collect())
}

/// A provider reads its own appeals, and so does who is shown the care that they speak of;
/// what a member wrote is between them and the payer.
fn texts(caller: &Caller, (row, care): (&ClaimRow, bool), read: &AppealRead) -> Texts {
    match read.appeal.as_filed().by {
        _ if caller.reads_claims => Texts::Told,
        Party::Provider if care || row.submitter == caller.id => Texts::WithoutNames,
        Party::Provider | Party::Member => Texts::Withheld,
    }
}
