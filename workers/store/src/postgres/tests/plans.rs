//! Each statement finds what it needs by an index, whatever the tables hold and
//! whatever is known of them, so that what a claim costs does not grow with
//! what is stored.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, SqlSafeStr};
use tally_core::adjudication::Status;

use super::{beside, settings};
use crate::conformance::world::{claim_id, day, flag, token, unit};
use crate::port::{ClaimFilter, FlagFilter, PaymentFilter, StatementFilter};
use crate::postgres::lease::Lease;
use crate::postgres::{
    PgSettings, PostgresStore, access, acts, appeals, aside, audit, authorizations, commit,
    dead_letters, detection, disputed, enrolment, flags, holds, intake, log, payloads, payments,
    reading, relay, shared, statements, work,
};

/// The plan of a statement, on a connection as the store has them: the one for
/// whatever values it is given.
async fn plan(conn: &mut PgConnection, sql: impl SqlSafeStr, values: &str) -> Vec<String> {
    let sql = sql.into_sql_str().as_str().to_owned();
    let count = (1..30)
        .rev()
        .find(|n| sql.contains(&format!("${n}")))
        .unwrap_or(0);
    let values = match (values, count) {
        (_, 0) => String::new(),
        ("", count) => format!("({})", vec!["NULL"; count].join(",")),
        (values, _) => format!("({values})"),
    };
    sqlx::raw_sql(AssertSqlSafe(format!("PREPARE p AS {sql}")))
        .execute(&mut *conn)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "EXPLAIN (COSTS OFF) EXECUTE p {values}"
    )))
    .persistent(false)
    .fetch_all(&mut *conn)
    .await
    .unwrap_or_else(|error| panic!("{sql}: {error}"));
    sqlx::raw_sql("DEALLOCATE p")
        .execute(&mut *conn)
        .await
        .unwrap();
    plan
}

#[track_caller]
fn assert_searches(name: &str, plan: &[String], indexes: &[&str]) {
    assert!(!plan.is_empty(), "{name}");
    for (step, next) in plan.iter().zip(plan.iter().skip(1).chain([&String::new()])) {
        // The layout and the heads of logs have one row.
        let small = [" on layout", " on head", " on shared_head"]
            .iter()
            .any(|of| step.ends_with(of));
        assert!(
            small || !step.contains("Seq Scan"),
            "{name} walks a table: {plan:#?}"
        );
        for joins in [
            "Hash Join",
            "Merge Join",
            "Hash Left Join",
            "Merge Left Join",
        ] {
            assert!(!step.contains(joins), "{name} joins otherwise: {plan:#?}");
        }
        // An index that is walked from end to end has no condition.
        let walks = [
            "Index Scan using",
            "Index Only Scan using",
            "Bitmap Index Scan on",
        ]
        .iter()
        .any(|scan| step.contains(scan));
        let bounded = next.contains("Index Cond") || indexes.iter().any(|i| step.contains(i));
        assert!(!walks || bounded, "{name} walks an index: {plan:#?}");
    }
    for index in indexes {
        let used = plan.iter().any(|step| step.contains(index));
        assert!(used, "{name} does not use {index}: {plan:#?}");
    }
}

async fn lease(settings: &PgSettings) -> Lease {
    let store = PostgresStore::connect(settings).await.unwrap();
    store.lease("explaining").await.unwrap()
}

/// Rows enough that walking them would look cheap to nobody who counts.
const ROWS: &str = "SET search_path = tally;
INSERT INTO unit (token, sequence, last_claim, done)
    SELECT sha256(n::text::bytea), 5, 5, 4 FROM generate_series(1, 2000) AS n;
INSERT INTO member SELECT sha256(('m' || id)::bytea), id FROM unit;
INSERT INTO former SELECT token, unit FROM member;
INSERT INTO patient SELECT token, substr(token, 1, 16), '' FROM member;
INSERT INTO shown SELECT token, token, substr(token, 1, 16), '' FROM member;
INSERT INTO disputed (organisation, entry, claim, leaf, day, record, payload)
    SELECT 'harbor', id, substr(token, 1, 16), id, 1, substr(token, 1, 16), '' FROM unit;
INSERT INTO legal_hold (claim, name, day, lifted) SELECT substr(token, 1, 16), 'case', 1, false FROM member;
INSERT INTO claim (place, id, unit, sequence, previous, submission, charge, received,
                   first_service, submitter, member, provider)
    SELECT u.id * 5 + s, substr(sha256((u.id * 5 + s)::text::bytea), 1, 16), u.id, s, s - 1, 1,
           100, 20454 + s, 20440, 'somebody', sha256(('m' || u.id)::bytea),
           sha256(('p' || u.id % 30)::bytea)
    FROM unit AS u, generate_series(1, 5) AS s;
INSERT INTO claim_payload SELECT place, received, id, id FROM claim;
INSERT INTO outcome SELECT place, 1, 1, 1, 1, NULL, 1 + place % 3, sha256('x'), NULL FROM claim
    WHERE sequence < 5;
INSERT INTO decision SELECT place, received, id, id FROM claim WHERE sequence < 5;
INSERT INTO history SELECT place, id, id FROM claim WHERE sequence < 5;
INSERT INTO queue (claim, partitions, partition, state)
    SELECT place, 8, unit % 8, (unit % 50 = 0)::integer * 2 FROM claim WHERE sequence = 5;
INSERT INTO accumulator SELECT id, 5, 20000, '', 'p', 'deductible' FROM unit;
INSERT INTO fact SELECT place, place % 1000, 1, 2, sha256((place % 1000)::text::bytea), id, id
    FROM claim WHERE sequence < 5;
INSERT INTO unjudged (detector, key) SELECT 2, sha256((n % 300)::text::bytea)
    FROM generate_series(1, 3000) AS n;
INSERT INTO outbox (claim, entry) SELECT claim, 'x' FROM outcome LIMIT 3000;
INSERT INTO result SELECT claim FROM outcome LIMIT 3000;
INSERT INTO entry SELECT n, 'x' FROM generate_series(0, 9000) AS n;
INSERT INTO node SELECT 0, n, sha256('x') FROM generate_series(0, 9000) AS n;
INSERT INTO checkpoint SELECT n, 0, 'x' FROM generate_series(0, 900) AS n;
INSERT INTO audit (at, actor, action, subject) SELECT 1767225600000 + n::bigint * 1000000, 'a', 'b', 'c'
    FROM generate_series(1, 9000) AS n;
INSERT INTO flag (flag, commitment, standing, detector, key, pattern, score, first_seen,
                  last_seen, exposure, record, payload)
    SELECT substr(sha256(n::text::bytea), 1, 16), sha256(n::text::bytea), true, 2,
           sha256((n % 1000)::text::bytea), 'impossible-day', n % 1000, 1, 2, 3,
           substr(sha256('x'), 1, 16), 'x' FROM generate_series(1, 4000) AS n;
INSERT INTO payment (trace, payee, number, day, amount, brought, forwarded, parts, submitter,
                     hash, record, payload)
    SELECT 'T' || n, sha256(('p' || n % 30)::bytea), 1 + n / 30, 20454, 1, 0, 0, 1, 'somebody',
           sha256('x'), substr(sha256('x'), 1, 16), 'x' FROM generate_series(1, 3000) AS n;
INSERT INTO payment_part (payment, number, claim, revision, kind, paid, interest, withheld,
                          record, payload)
    SELECT id, 1, id, 0, 0, 1, 0, 0, record, payload FROM payment;
INSERT INTO flag_claim SELECT id, 0, flag FROM flag;
INSERT INTO flag_member SELECT id, 0, commitment FROM flag;
INSERT INTO flag_provider SELECT id, 0, commitment FROM flag;
INSERT INTO authorization_request
    (token, content, number, submitter, member, provider, received, record, payload)
    SELECT sha256(n::text::bytea), sha256('x'), n::text, 's' || n % 9,
           sha256(('m' || n % 1500)::bytea), sha256('p'), 20454, substr(sha256('x'), 1, 16), 'x'
    FROM generate_series(1, 4000) AS n;
INSERT INTO authorization_event (request, unit, number, day, kind, record, payload)
    SELECT id, 1, n, 20454, 1, record, 'x' FROM authorization_request, generate_series(1, 2) AS n;
INSERT INTO appeal (appeal, claim, level, filed)
    SELECT id, place, 1, 20460 FROM claim ORDER BY place LIMIT 3000;
INSERT INTO appeal_event SELECT a.claim, n, a.id, 1, 20460, a.appeal, a.appeal
    FROM appeal AS a, generate_series(1, 2) AS n;
INSERT INTO appeal_open SELECT id, claim FROM appeal WHERE id % 3 = 0;
INSERT INTO statement (kind, about, once, entry)
    SELECT 6 + n % 10, id, sha256(id), 'x'
    FROM (SELECT id, place AS n FROM claim ORDER BY place LIMIT 3000) AS c;
INSERT INTO shared_block SELECT n, n, sha256('x') FROM generate_series(0, 9000) AS n;
INSERT INTO shared_chunk SELECT n * 2, 2, 'xxxx' FROM generate_series(0, 9000) AS n;
INSERT INTO shared_tile SELECT 0, n, sha256('x') FROM generate_series(0, 9000) AS n;
INSERT INTO shared_brought (organisation, first, count, leaf)
    SELECT 'o' || n % 5, n, 1, n FROM generate_series(0, 9000) AS n;
INSERT INTO shared_checkpoint SELECT n, n / 90, n % 90 = 89, 'x' FROM generate_series(0, 9000) AS n;
INSERT INTO dead_letter (token, at, queue, code, reason, record, payload)
    SELECT sha256(n::text::bytea), 1, 'q', 'c', 'r', substr(sha256('x'), 1, 16), 'x'
    FROM generate_series(1, 3000) AS n;
ANALYZE;";

/// A database with nothing in it and nothing known of it; one that is full and
/// known; one where nothing waits, and one with little in it, both known.
async fn all() -> [PgSettings; 4] {
    let [new, full, drained] = [settings().await, filled().await, filled().await];
    let small = settings().await;
    let mut conn = beside(&small).await;
    // A hundred claims, and all known.
    let few = ROWS
        .replace("(1, 2000)", "(1, 20)")
        .replace("4000", "40")
        .replace("3000", "30")
        .replace("(0, 9000)", "(0, 90)")
        .replace("(0, 900)", "(0, 9)");
    sqlx::raw_sql(AssertSqlSafe(few))
        .execute(&mut conn)
        .await
        .unwrap();
    let mut conn = beside(&drained).await;
    for table in ["queue", "unjudged", "outbox", "result"] {
        drain(&mut conn, table).await;
    }
    [new, full, drained, small]
}

/// Empties a table, down to its pages: while the database's own analysis looks at the table,
/// a vacuum leaves them, and goes by that they are there.
async fn drain(conn: &mut PgConnection, table: &str) {
    let all = AssertSqlSafe(format!("DELETE FROM tally.{table}"));
    sqlx::raw_sql(all).execute(&mut *conn).await.unwrap();
    for _ in 0..100 {
        let vacuum = AssertSqlSafe(format!("VACUUM ANALYZE tally.{table}"));
        sqlx::raw_sql(vacuum).execute(&mut *conn).await.unwrap();
        let size = AssertSqlSafe(format!("SELECT pg_relation_size('tally.{table}')"));
        let size = sqlx::query_scalar::<_, i64>(size).fetch_one(&mut *conn);
        if size.await.unwrap() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{table} keeps its pages");
}

async fn filled() -> PgSettings {
    let full = settings().await;
    let mut conn = beside(&full).await;
    sqlx::raw_sql("SELECT tally.make_partitions('2026-01-01', '2026-12-31')")
        .execute(&mut conn)
        .await
        .unwrap();
    sqlx::raw_sql(ROWS).execute(&mut conn).await.unwrap();
    full
}

#[tokio::test]
async fn the_hot_path_searches() {
    for settings in all().await {
        let mut conn = lease(&settings).await;
        for (name, sql, indexes) in [
            ("adding units", intake::ADDED, &["unit_token_key"][..]),
            ("locking units", intake::UNITS, &["unit_token_key"]),
            ("members", intake::MEMBERS, &["member_pkey"]),
            ("patients", access::PATIENT, &["patient_pkey"]),
            ("what was shown", access::SHOWN_ABOUT, &["shown_by_about"]),
            (
                "statements about",
                statements::ABOUT,
                &["statement_by_about"],
            ),
            (
                "whether something is stated",
                statements::IS_STATED,
                &["statement_by_about"],
            ),
            ("a dispute", disputed::KNOWN, &["disputed_once"]),
            (
                "a claim's disputes",
                disputed::OF_CLAIM,
                &["disputed_by_claim"],
            ),
            (
                "how many dispute a claim",
                disputed::COUNT_OF_CLAIM,
                &["disputed_by_claim"],
            ),
            ("holds", holds::OF_CLAIM, &["legal_hold_by_claim"]),
            (
                "whether a claim was erased",
                holds::IS_ERASED,
                &["statement_by_about"],
            ),
            (
                "whether a claim is held",
                holds::IS_HELD,
                &["legal_hold_by_claim"],
            ),
            ("former units", intake::FORMER, &["former_pkey"]),
            ("claims", intake::STORED, &["unit_pkey"]),
            ("seen", intake::SEEN, &["submission_token_key"]),
            ("contracts' units", enrolment::UNITS, &["unit_pkey"]),
            (
                "contracts",
                enrolment::CONTRACTS,
                &["unit_token_key", "contract_pkey"],
            ),
            (
                "units of",
                enrolment::UNITS_OF,
                &["member_pkey", "unit_pkey"],
            ),
            (
                "units before",
                enrolment::UNITS_BEFORE,
                &["former_pkey", "unit_pkey"],
            ),
            ("units", commit::UNITS, &["unit_token_key"]),
            ("taken", commit::TAKEN, &["claim_id_key", "queue_pkey"]),
            ("balances", commit::BALANCES, &["accumulator_pkey"]),
            ("new balances", commit::NEW_BALANCES, &[]),
            ("written", commit::WRITTEN, &["unit_pkey"]),
            (
                "states",
                work::UNITS,
                &[
                    "unit_token_key",
                    "accumulator_pkey",
                    "claim_unit_sequence_place_key",
                    "history_pkey",
                    "revised_history_pkey",
                ],
            ),
            (
                "found",
                work::FOUND,
                &["claim_id_key", "queue_pkey", "unit_pkey"],
            ),
            (
                "take",
                work::TAKE,
                &[
                    "claim_id_key",
                    "queue_pkey",
                    "claim_unit_sequence_place_key",
                ],
            ),
            ("acts taken", acts::TAKEN, &["claim_id_key", "queue_pkey"]),
            ("acts done", acts::DONE, &["act_pkey", "unit_pkey"]),
            ("revised", acts::REVISED, &["claim_id_key"]),
            ("revisions' entries", acts::ENTRIES, &[]),
            ("revised histories", acts::HISTORIES, &[]),
            (
                "revisions",
                acts::REVISIONS,
                &["claim_unit_sequence_place_key", "revision_by_act"],
            ),
            ("acts", intake::ACT, &["claim_id_key"]),
            ("a request put", authorizations::PUT, &[]),
            (
                "a request by number",
                authorizations::BY_NUMBER,
                &[
                    "authorization_request_number_key",
                    "authorization_event_pkey",
                ],
            ),
            (
                "a request by token",
                authorizations::BY_TOKEN,
                &[
                    "authorization_request_token_key",
                    "authorization_event_pkey",
                ],
            ),
            (
                "requests of members",
                authorizations::OF_MEMBERS,
                &[
                    "authorization_request_by_member",
                    "authorization_event_pkey",
                ],
            ),
            (
                "a request's id",
                authorizations::ID,
                &["authorization_request_number_key"],
            ),
            (
                "the latest requests",
                authorizations::LATEST,
                &["authorization_request_pkey", "authorization_event_pkey"],
            ),
            (
                "requests of a submitter",
                authorizations::OF_SUBMITTER,
                &["authorization_request_by_submitter"],
            ),
            (
                "requests of a member",
                authorizations::OF_MEMBER,
                &["authorization_request_by_member"],
            ),
            (
                "events of requests",
                authorizations::EVENTS,
                &[
                    "authorization_request_by_member",
                    "authorization_event_pkey",
                ],
            ),
            ("a unit", authorizations::UNIT, &["unit_token_key"]),
            (
                "who is enrolled",
                authorizations::ENROLLED,
                &["member_pkey"],
            ),
            (
                "an event of a request",
                authorizations::EVENT,
                &[
                    "authorization_request_number_key",
                    "authorization_event_pkey",
                ],
            ),
            (
                "a claim's last event of an appeal",
                appeals::LAST,
                &["claim_id_key", "appeal_event_pkey"],
            ),
            (
                "an appeal's number",
                appeals::NUMBERED,
                &["appeal_appeal_key"],
            ),
            ("an appeal filed", appeals::FILED, &[]),
            (
                "an open appeal",
                appeals::CLOSED,
                &["appeal_open_claim_key"],
            ),
            ("an event of an appeal", appeals::EVENT, &[]),
            (
                "an appeal",
                appeals::ONE,
                &["appeal_appeal_key", "claim_pkey", "appeal_open_pkey"],
            ),
            ("appeals", appeals::ALL, &["appeal_pkey", "claim_pkey"]),
            (
                "open appeals",
                appeals::OPEN,
                &["appeal_open_pkey", "appeal_pkey", "claim_pkey"],
            ),
            (
                "a claim's appeals",
                appeals::OF_CLAIM,
                &["claim_id_key", "appeal_by_claim"],
            ),
            (
                "events of appeals",
                appeals::EVENTS,
                &["claim_id_key", "appeal_event_pkey", "appeal_pkey"],
            ),
            ("forgotten", detection::FORGOTTEN, &["fact_pkey"]),
            ("facts", detection::FACTS, &["fact_by_group", "claim_pkey"]),
            ("marks taken", detection::TAKEN, &["unjudged_pkey"]),
            ("stated", detection::STATED, &[]),
            ("standing", flags::STANDING, &["flag_by_group"]),
            ("stored", flags::STORED, &["flag_commitment_key"]),
            ("flags held", flags::HELD, &["flag_pkey"]),
            ("stand", flags::STAND, &["flag_pkey"]),
            ("nodes", log::NODES_AT, &["node_pkey"]),
            ("entries", log::ENTRIES_FROM, &["entry_pkey"]),
            ("relayed", log::RELAYED, &["outbox_pkey"]),
            ("left out", log::LEFT_OUT, &["outbox_pkey"]),
            (
                "appended",
                log::APPENDED,
                &[
                    "outcome_pkey",
                    "policy_pkey",
                    "statement_pkey",
                    "revision_pkey",
                ],
            ),
            ("statements made", statements::MADE, &[]),
            ("a block appended", shared::APPENDED, &[]),
            ("handovers", shared::HANDOVERS, &["shared_handover"]),
            ("a block", shared::BLOCK, &["shared_block_pkey"]),
            ("blocks", shared::BLOCKS, &["shared_block_pkey"]),
            (
                "leaves of the shared ledger",
                shared::LEAVES,
                &["shared_chunk_pkey"],
            ),
            ("tiles", shared::TILES_AT, &["shared_tile_pkey"]),
            (
                "what an envelope brought",
                shared::BROUGHT,
                &["shared_brought_pkey"],
            ),
            (
                "a checkpoint kept",
                shared::KEPT,
                &["shared_checkpoint_pkey"],
            ),
            ("append", log::APPEND, &[]),
            ("flags placed", log::PLACED, &["flag_pkey"]),
            ("flags locked", log::FLAGS, &["flag_pkey"]),
            (
                "published",
                relay::PUBLISHED,
                &["claim_id_key", "queue_pkey"],
            ),
            ("lost", relay::LOST, &["queue_ready"]),
            (
                "suspects' units",
                relay::UNITS,
                &["claim_id_key", "unit_pkey"],
            ),
            (
                "suspected",
                relay::SUSPECTED,
                &["claim_id_key", "queue_pkey"],
            ),
            ("units aside", aside::UNITS, &["queue_aside"]),
            (
                "held at",
                aside::HELD_AT,
                &["claim_unit_sequence_place_key"],
            ),
            ("behind", aside::BEHIND, &["claim_unit_sequence_place_key"]),
            (
                "ready again",
                aside::READY_AGAIN,
                &["claim_unit_sequence_place_key"],
            ),
            ("held", aside::HELD_ROWS, &["queue_aside"]),
            ("who is to be paid", payments::PAYEE, &["due_by_provider"]),
            (
                "what is due",
                payments::DUE,
                &["due_by_provider", "claim_pkey"],
            ),
            (
                "claims with a mark",
                payments::MARKED,
                &["claim_id_key", "due_by_claim"],
            ),
            ("marks off", payments::OFF, &["due_pkey"]),
            (
                "what was decided",
                reading::DECIDED,
                &["outcome_by_leaf", "revision_by_leaf", "claim_pkey"],
            ),
            (
                "what was told",
                payments::TOLD,
                &["claim_id_key", "payment_part_once", "payment_pkey"],
            ),
            (
                "parts",
                payments::PARTS,
                &["payment_part_pkey", "claim_pkey"],
            ),
            ("paid", payments::PAID, &[]),
            ("parts added", payments::ADDED, &["claim_id_key"]),
            // What a trigger does with what was decided.
            (
                "marked",
                "INSERT INTO tally.due (provider, claim) \
                 SELECT c.provider, n.claim FROM unnest($1::bigint[]) AS n (claim) \
                 CROSS JOIN LATERAL (SELECT provider FROM tally.claim \
                     WHERE claim.place = n.claim OFFSET 0) AS c",
                &["claim_pkey"],
            ),
        ] {
            let plan = plan(&mut conn, sql, "").await;
            assert_searches(name, &plan, indexes);
        }
    }
}

/// What is in order in its index is taken from the front, and never sorted.
#[tokio::test]
async fn what_waits_is_taken_from_the_front() {
    for settings in all().await {
        let mut conn = lease(&settings).await;
        for (name, sql, indexes) in [
            ("next", work::NEXT, &["queue_ready"][..]),
            ("unpublished", relay::UNPUBLISHED, &["queue_unpublished"]),
            ("results", relay::RESULTS, &["result_pkey"]),
            ("outbox", log::WAITING, &["outbox_pkey"]),
            ("pending", log::PENDING, &["flag_pending"]),
            ("head", log::HEAD, &["checkpoint_pkey"]),
            (
                "the shared ledger's checkpoint",
                shared::LAST,
                &["shared_checkpoint_pkey"],
            ),
            (
                "dead letters",
                dead_letters::WAITING,
                &["dead_letter_waiting"],
            ),
            ("audit", audit::LATEST, &["audit_other_pkey", "audit_"]),
        ] {
            let plan = plan(&mut conn, sql, "").await;
            assert_searches(name, &plan, indexes);
            let sorts = plan
                .iter()
                .any(|step| step.contains("Sort  ") || step.ends_with("Sort"));
            assert!(!sorts, "{name} sorts: {plan:#?}");
        }
        let marked = plan(&mut conn, detection::UNJUDGED, "").await;
        assert_searches("unjudged", &marked, &["unjudged_pkey", "unjudged_by_group"]);
    }
}

/// Of payloads, the months of the claims asked are opened, and no others.
#[tokio::test]
async fn payloads_of_other_months_are_left_out() {
    let full = filled().await;
    let mut conn = lease(&full).await;
    for sql in [payloads::CLAIMS, payloads::DECISIONS] {
        // Two days of January 2026.
        let plan = plan(&mut conn, sql, "'{6,7}', '{20455,20456}', 20455, 20456").await;
        assert_searches("payloads", &plan, &["_2026_01_pkey"]);
        let scans = plan
            .iter()
            .filter(|step| step.contains("Index Scan"))
            .count();
        assert_eq!(scans, 1, "{plan:#?}");
        let removed = plan.iter().any(|step| step.contains("Subplans Removed"));
        assert!(removed, "{plan:#?}");
    }
}

#[tokio::test]
async fn filters_use_their_index() {
    let none = ClaimFilter::default();
    for settings in all().await {
        let mut conn = lease(&settings).await;
        for (name, filter, index) in [
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
                "claim_unit_sequence_place_key",
            ),
            (
                "after",
                ClaimFilter {
                    after: Some(claim_id(1)),
                    limit: 10,
                    ..none.clone()
                },
                "claim_id_key",
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
                    submitter: Some("somebody".into()),
                    limit: 10,
                    ..none.clone()
                },
                "claim_",
            ),
            (
                "status",
                ClaimFilter {
                    status: Some(Status::Pended),
                    limit: 10,
                    ..none.clone()
                },
                "claim_id_key",
            ),
        ] {
            let plan = plan(&mut conn, reading::filtered(&filter).sql(), "").await;
            // In the order of ids, up to the limit.
            assert_searches(name, &plan, &[index]);
        }
    }
}

#[tokio::test]
async fn flags_are_found_by_what_is_in_them() {
    let none = FlagFilter::default();
    let full = filled().await;
    let mut conn = lease(&full).await;
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
                limit: 10,
                ..none.clone()
            },
            "flag_by_",
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
                limit: 10,
                ..none
            },
            "flag_by_score",
        ),
    ] {
        let plan = plan(&mut conn, flags::filtered(&filter).sql(), "").await;
        assert_searches(name, &plan, &[index]);
    }
}

#[tokio::test]
async fn statements_are_found_by_what_they_are_about() {
    let about = Some(claim_id(1).0.to_vec());
    for settings in all().await {
        let mut conn = lease(&settings).await;
        for (kinds, about, index) in [
            (vec![6, 11], None, "statement_by_kind"),
            (vec![], about.clone(), "statement_by_about"),
            (vec![6, 11], about.clone(), "statement_by_about"),
            (vec![], None, "statement_pkey"),
        ] {
            let filter = StatementFilter {
                kinds,
                about,
                after: Some(9),
                limit: 10,
            };
            let plan = plan(&mut conn, statements::filtered(&filter).sql(), "").await;
            assert_searches("statements", &plan, &[index]);
        }
    }
}

#[tokio::test]
async fn payments_are_found_by_whose_they_are() {
    let none = PaymentFilter::default();
    for settings in all().await {
        let mut conn = lease(&settings).await;
        for (name, filter, index) in [
            (
                "payee",
                PaymentFilter {
                    payee: Some(token("provider", 1)),
                    limit: 10,
                    ..none.clone()
                },
                "payment_payee_number_key",
            ),
            (
                "submitter",
                PaymentFilter {
                    submitter: Some("somebody".into()),
                    limit: 10,
                    ..none.clone()
                },
                "payment_",
            ),
            (
                "all",
                PaymentFilter {
                    since: Some(day(1)),
                    limit: 10,
                    ..none.clone()
                },
                "payment_pkey",
            ),
        ] {
            let plan = plan(&mut conn, payments::filtered(&filter).sql(), "").await;
            assert_searches(name, &plan, &[index]);
        }
    }
}
