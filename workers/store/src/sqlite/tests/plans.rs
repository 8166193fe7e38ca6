//! No statement of the hot path walks a table: what it takes does not grow
//! with what is stored.

use sqlx::{AssertSqlSafe, Row, SqlSafeStr};
use tally_core::adjudication::Status;

use super::Folder;
use crate::conformance::Fixture;
use crate::conformance::world::{claim_id, day, flag, token, unit};
use crate::port::{ClaimFilter, FlagFilter, PaymentFilter, StatementFilter};
use crate::sqlite::{
    SqliteStore, access, acts, appeals, aside, authorizations, commit, detection, disputed,
    enrolment, flags, holds, intake, log, payments, reading, shared, statements, work,
};

async fn plan(store: &SqliteStore, sql: impl SqlSafeStr) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {}", sql.into_sql_str().as_str());
    let mut reader = store.reader().await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

/// A step that walks a table. Not those that walk what was given (the elements
/// of a list, rows of values) nor an index in the order that is asked for,
/// which stops at the limit.
fn walks(step: &str, in_order: &[&str]) -> bool {
    step.starts_with("SCAN")
        && !step.contains(" VIRTUAL TABLE ")
        && !step.ends_with("CONSTANT ROW")
        && !step.ends_with("CONSTANT ROWS")
        && step != "SCAN m"
        && !in_order.contains(&step)
}

#[track_caller]
fn assert_searches(name: &str, plan: &[String], in_order: &[&str]) {
    assert!(!plan.is_empty(), "{name}");
    for step in plan {
        assert!(!walks(step, in_order), "{name} walks a table: {plan:#?}");
        assert!(
            !step.contains("AUTOMATIC"),
            "{name} lacks an index: {plan:#?}"
        );
    }
}

#[tokio::test]
async fn the_hot_path_searches() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    for (name, sql) in [
        ("contracts", enrolment::CONTRACTS),
        ("units of", enrolment::UNITS_OF),
        ("units before", enrolment::UNITS_BEFORE),
        ("units", work::UNITS),
        ("facts", detection::FACTS),
        ("sought", work::SOUGHT),
        ("balances", work::BALANCES),
        ("histories", work::HISTORIES),
        ("placed", commit::PLACED),
        ("done", commit::DONE),
        ("taken", commit::TAKEN),
        ("standing", flags::STANDING),
        ("stored", flags::STORED),
        ("nodes", log::NODES_AT),
        ("entries", log::ENTRIES_FROM),
        ("claims' places", log::PLACE_CLAIMS),
        ("policies' places", log::PLACE_POLICIES),
        ("flags' places", log::PLACE_FLAGS),
        ("patients", access::PATIENT),
        ("what was shown", access::SHOWN_ABOUT),
        ("statements about", statements::ABOUT),
        ("whether something is stated", statements::IS_STATED),
        ("a dispute", disputed::KNOWN),
        ("a claim's disputes", disputed::OF_CLAIM),
        ("how many dispute a claim", disputed::COUNT_OF_CLAIM),
        ("whether a claim was erased", holds::IS_ERASED),
        ("whether a claim is held", holds::IS_HELD),
        ("statements' places", log::PLACE_STATEMENTS),
        ("statements' marks", statements::MARKED),
        ("the last statement", statements::LAST),
        ("a block", shared::BLOCK),
        ("blocks", shared::BLOCKS),
        ("leaves of the shared ledger", shared::LEAVES),
        ("tiles", shared::TILES_AT),
        ("what an envelope brought", shared::BROUGHT),
        ("a checkpoint kept", shared::KEPT),
        ("relayed", log::RELAYED),
        ("numbered", intake::NUMBERED),
        ("seen", intake::SEEN),
        ("a submission's claims", intake::CLAIMS_AT),
        ("units of claims", intake::UNITS_OF),
        ("the last place", intake::LAST),
        ("an act", intake::ACT),
        ("an act's place", acts::PLACED),
        ("a request by number", authorizations::BY_NUMBER),
        ("a request by token", authorizations::BY_TOKEN),
        ("requests of members", authorizations::OF_MEMBERS),
        ("a request's id", authorizations::ID),
        ("requests of a submitter", authorizations::OF_SUBMITTER),
        ("requests of a member", authorizations::OF_MEMBER),
        ("events of requests", authorizations::EVENTS),
        ("who is enrolled", authorizations::ENROLLED),
        ("an event of a request", authorizations::EVENT),
        ("revised", acts::REVISED),
        ("revisions", acts::REVISIONS),
        ("a claim's last event of an appeal", appeals::LAST),
        ("an open appeal", appeals::CLOSED),
        ("an appeal", appeals::ONE),
        ("appeals", appeals::ALL),
        ("open appeals", appeals::OPEN),
        ("a claim's appeals", appeals::OF_CLAIM),
        ("events of appeals", appeals::EVENTS),
        ("revisions' places", log::PLACE_REVISIONS),
        ("reversals' places", log::PLACE_REVERSALS),
        ("who is to be paid", payments::PAYEE),
        ("what is due", payments::DUE),
        ("claims with a mark", payments::MARKED),
        ("marks off", payments::OFF),
        ("what was told", payments::TOLD),
        ("parts", payments::PARTS),
        ("claims of a payment", payments::PLACES),
    ] {
        let plan = plan(&store, sql).await;
        assert_searches(name, &plan, &[]);
    }
    // The entries of a range, and no others, whosever they are.
    let decided = plan(&store, reading::DECIDED).await;
    let given = "SCAN json_each VIRTUAL TABLE INDEX 1:";
    assert_searches("what was decided", &decided, &[given]);
    for index in ["outcome_by_leaf", "revision_by_leaf"] {
        let range = format!("{index} (leaf>? AND leaf<?)");
        let used = decided.iter().any(|step| step.contains(&range));
        assert!(used, "{index}: {decided:#?}");
    }
    let stale = plan(&store, AssertSqlSafe(commit::STALE.sql(4))).await;
    assert_searches("stale", &stale, &[]);
    // The marks of groups: the first by their order, the rest by their group.
    let marked = plan(&store, detection::UNJUDGED).await;
    let found = marked
        .iter()
        .any(|step| step.contains("unjudged_by_group (detector=? AND key=?)"));
    assert!(found, "{marked:#?}");
    // What is ready before a claim: of its unit, from the last that is done.
    let up_to = plan(&store, work::UP_TO).await;
    assert_searches("up to", &up_to, &[]);
    let found = up_to
        .iter()
        .any(|step| step.contains("unit=? AND sequence>? AND sequence<?"));
    assert!(found, "{up_to:#?}");
}

#[tokio::test]
async fn what_waits_is_taken_from_the_front() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    for (name, sql, in_order) in [
        ("next", work::NEXT, ""),
        ("outbox", log::WAITING, "SCAN outbox"),
        (
            "pending",
            log::PENDING,
            "SCAN flag USING INDEX flag_pending",
        ),
        ("head", log::HEAD, "SCAN checkpoint"),
        (
            "the shared ledger's checkpoint",
            shared::LAST,
            "SCAN shared_checkpoint USING INDEX sqlite_autoindex_shared_checkpoint_1",
        ),
        (
            "handovers",
            shared::HANDOVERS,
            "SCAN shared_checkpoint USING INDEX shared_handover",
        ),
    ] {
        let plan = plan(&store, sql).await;
        assert_searches(name, &plan, &[in_order]);
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{name} sorts: {plan:#?}");
    }
    // Counts walk an index of nothing but what they count.
    for (sql, index) in [
        (work::READY_COUNT, "queue_ready"),
        (work::ASIDE_COUNT, "queue_aside"),
    ] {
        let plan = plan(&store, sql).await;
        assert!(plan[0].contains(index), "{plan:#?}");
        assert_eq!(plan.len(), 1, "{plan:#?}");
    }
    // What is released is found by the same index.
    for sql in [aside::LET_GO, aside::RELEASED] {
        let plan = plan(&store, sql).await;
        let found = plan.iter().any(|step| step.contains("queue_aside"));
        assert!(found, "{plan:#?}");
        let walks_all = plan
            .iter()
            .any(|step| walks(step, &[]) && !step.contains("queue_aside"));
        assert!(!walks_all, "{plan:#?}");
    }
    let next = plan(&store, work::NEXT).await;
    assert!(next[0].contains("queue_ready"), "{next:#?}");
}

#[tokio::test]
async fn filters_use_their_index() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    let none = ClaimFilter::default();
    for (name, filter, index) in [
        (
            "status",
            ClaimFilter {
                status: Some(Status::Pended),
                ..none.clone()
            },
            "outcome_by_status",
        ),
        (
            "member",
            ClaimFilter {
                member: Some(token("member", 1)),
                ..none.clone()
            },
            "claim_by_member",
        ),
        (
            "unit",
            ClaimFilter {
                unit: Some(unit(1)),
                ..none.clone()
            },
            "(unit=?)",
        ),
        (
            "provider",
            ClaimFilter {
                provider: Some(token("provider", 1)),
                ..none.clone()
            },
            "claim_by_provider",
        ),
        (
            "submitter",
            ClaimFilter {
                submitter: Some("harbour-clinic".into()),
                ..none.clone()
            },
            "claim_by_submitter",
        ),
        (
            "after",
            ClaimFilter {
                after: Some(claim_id(1)),
                ..none
            },
            "(id>?)",
        ),
    ] {
        let plan = plan(&store, reading::filtered(&filter).sql()).await;
        // What has a status is found first, up to the limit.
        assert_searches(name, &plan, &["SCAN f"]);
        let used = plan.iter().any(|step| step.contains(index));
        assert!(used, "{name} does not use {index}: {plan:#?}");
    }
}

#[tokio::test]
async fn flags_are_found_by_what_is_in_them() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    let none = FlagFilter::default();
    for (name, filter, index) in [
        (
            "id",
            FlagFilter {
                id: Some(flag(1, 1).id),
                ..none.clone()
            },
            "flag_standing",
        ),
        (
            "pattern",
            FlagFilter {
                pattern: Some("impossible-day".into()),
                from: Some(day(1)),
                ..none.clone()
            },
            "flag_by_pattern",
        ),
        (
            "claim",
            FlagFilter {
                claim: Some(claim_id(1)),
                ..none.clone()
            },
            "flag_claim_by_claim",
        ),
        (
            "member",
            FlagFilter {
                member: Some(token("member", 1)),
                ..none.clone()
            },
            "flag_member_by_member",
        ),
        (
            "provider",
            FlagFilter {
                provider: Some(token("provider", 1)),
                score: Some(500),
                ..none.clone()
            },
            "flag_provider_by_provider",
        ),
        (
            "score",
            FlagFilter {
                score: Some(500),
                ..none
            },
            "flag_by_score",
        ),
    ] {
        let plan = plan(&store, flags::filtered(&filter).sql()).await;
        assert_searches(name, &plan, &[]);
        let used = plan.iter().any(|step| step.contains(index));
        assert!(used, "{name} does not use {index}: {plan:#?}");
    }
}

#[tokio::test]
async fn statements_are_found_by_what_they_are_about() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    let none = StatementFilter::default();
    let about = Some(claim_id(1).0.to_vec());
    let by_kind = "statement_by_kind (kind=? AND id>?)";
    let by_about = "statement_by_about (about=? AND id>?)";
    for (kinds, about, times, index) in [
        (vec![6, 11], None, 2, by_kind),
        (vec![], about.clone(), 1, by_about),
        (vec![6, 11], about, 1, by_about),
        (vec![], None, 1, "(rowid>?)"),
    ] {
        let filter = StatementFilter {
            kinds,
            about,
            ..none.clone()
        };
        let plan = plan(&store, statements::filtered(&filter).sql()).await;
        // What was found of each kind, up to the limit, is put in order.
        let mut scans = plan.iter().filter(|step| step.starts_with("SCAN"));
        assert!(scans.all(|step| step.starts_with("SCAN (")), "{plan:#?}");
        let searches = plan.iter().filter(|step| step.contains(index)).count();
        assert_eq!(searches, times, "{plan:#?}");
    }
}

#[tokio::test]
async fn payments_are_found_by_whose_they_are() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    let none = PaymentFilter::default();
    for (name, filter, index) in [
        (
            "payee",
            PaymentFilter {
                payee: Some(token("provider", 1)),
                before: Some(9),
                ..none.clone()
            },
            "(payee=?)",
        ),
        (
            "submitter",
            PaymentFilter {
                submitter: Some("somebody".into()),
                ..none.clone()
            },
            "payment_by_submitter",
        ),
        (
            "before",
            PaymentFilter {
                before: Some(9),
                since: Some(day(1)),
                ..none.clone()
            },
            "(rowid<?)",
        ),
        // In their order, up to the limit.
        ("all", none, "SCAN payment"),
    ] {
        let plan = plan(&store, payments::filtered(&filter).sql()).await;
        assert_searches(name, &plan, &["SCAN payment"]);
        let used = plan.iter().any(|step| step.contains(index));
        assert!(used, "{name} does not use {index}: {plan:#?}");
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{name} sorts: {plan:#?}");
    }
}
