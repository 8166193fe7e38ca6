//! Each role can do its job and nothing else; history is not rewritten by
//! anybody.

use sqlx::postgres::{PgConnection, PgDatabaseError};
use sqlx::{AssertSqlSafe, Connection};

use super::{beside, open, settings};
use crate::conformance::access::shown;
use crate::conformance::acts::{act, again, done, revised};
use crate::conformance::appeals::{appeal_id, event, filing};
use crate::conformance::authorizations::{event as followed, following, request};
use crate::conformance::disputed::disputed;
use crate::conformance::payments::{payment, told};
use crate::conformance::shared::{Growing, checkpoint};
use crate::conformance::statements::marked;
use crate::conformance::world::{
    change, claim_id, contract, decided, fact, flag, group, identity, integrate_all, note, policy,
    sealed, submission, token, unit,
};
use crate::port::{
    Access, ActKind, Acts, Among, AppealEffect, AppealFilter, Appeals, Audit, Authorizations,
    Batch, ClaimFilter, DeadLetters, Detection, Disputed, Enrolment, Intake, Layout, Log,
    NewDeadLetter, PartKind, PaymentFilter, Payments, Publications, Reading, Relay,
    RequestEventKind, SharedLedger, Statements, Work,
};
use crate::postgres::{PgSettings, PostgresStore};

/// Settings for a role of a database.
fn role(settings: &PgSettings, role: &str) -> PgSettings {
    let mut settings = settings.clone();
    let mark = if settings.url.contains('?') { '&' } else { '?' };
    settings.url = format!("{}{mark}options=-c%20role%3D{role}", settings.url);
    settings.max_connections = 3;
    settings
}

async fn connect(settings: &PgSettings, name: &str) -> PostgresStore {
    PostgresStore::connect(&role(settings, name)).await.unwrap()
}

fn letter() -> NewDeadLetter {
    NewDeadLetter {
        token: token("letter", 1),
        at: 1,
        queue: "claims.intake".into(),
        code: "unsigned".into(),
        reason: "there is no signature".into(),
        submitter: None,
        sealed: sealed("letter", 1),
    }
}

#[tokio::test]
async fn each_role_can_do_its_job() {
    let settings = settings().await;
    let operator = connect(&settings, "tally_operator").await;
    let api = connect(&settings, "tally_api").await;
    let worker = connect(&settings, "tally_worker").await;
    let relay = connect(&settings, "tally_relay").await;

    operator.set_up(&identity()).await.unwrap();
    for other in [&api, &worker, &relay] {
        assert_eq!(other.set_up(&identity()).await.unwrap(), identity());
    }
    let mut first = contract(2, &[2, 7], 1);
    first.touched = vec![group(5)];
    operator.put_contract(&first).await.unwrap();
    let mut second = contract(4, &[4, 7], 1);
    second.moving = true;
    operator.put_contract(&second).await.unwrap();
    operator.publish(&policy(1)).await.unwrap();

    let claims: Vec<(u64, u64)> = (1..=6).map(|n| (n, 2)).collect();
    api.accept(&submission(1, &claims)).await.unwrap();
    relay.accept(&submission(2, &[(8, 4)])).await.unwrap();
    api.note(&[note("read")]).await.unwrap();
    for keeps in [&operator, &api] {
        let drawn = sealed("patient", 2);
        let kept = keeps.keep_patient(token("member", 2), &drawn).await;
        assert_eq!(kept.unwrap(), drawn);
        keeps.keep_shown(&shown(1, 2)).await.unwrap();
    }
    let row = disputed("harbor", 7, 1);
    assert!(api.keep_disputed(&row).await.unwrap());
    assert_eq!(operator.disputed(None, 0).await.unwrap(), (vec![row], 1));
    assert_eq!(api.claims(&ClaimFilter::default()).await.unwrap().len(), 7);
    assert_eq!(api.events(unit(4)).await.unwrap().len(), 1);
    assert_eq!(api.audit(10).await.unwrap().len(), 1);
    api.totals().await.unwrap();

    let ids: Vec<_> = (1..=6).map(claim_id).collect();
    assert_eq!(
        relay
            .unpublished(10, Among::Without(&[]))
            .await
            .unwrap()
            .len(),
        7
    );
    relay.published(&ids).await.unwrap();
    assert_eq!(relay.lost(2, 0, 0, 9).await.unwrap(), 6);

    assert_eq!(worker.alive("a", 60).await.unwrap(), ["a"]);
    worker.suspect(&ids).await.unwrap();
    assert_eq!(worker.take(&ids[..2], 10).await.unwrap().ready.len(), 2);
    worker.units(&[unit(2)]).await.unwrap();
    let queued = worker.next(0, 3).await.unwrap();
    let mut claim = decided(&queued[0], 2);
    let name = crate::conformance::world::accumulator(None, "paid");
    claim.movements.push((name.clone(), 0, 5));
    let batch = Batch {
        claims: vec![claim],
        facts: vec![fact(group(1), 1, 1)],
        findings: vec![(claim_id(1), vec![flag(9, 0)])],
    };
    worker.commit(&batch).await.unwrap();
    let mut claim = decided(&queued[1], 2);
    claim.movements.push((name, 5, 7));
    let batch = Batch {
        claims: vec![claim],
        facts: vec![fact(group(1), 1, 1)],
        findings: vec![(claim_id(1), vec![])],
    };
    worker.commit(&batch).await.unwrap();
    for unjudged in worker.unjudged(10).await.unwrap() {
        let mut judged = change(1, vec![flag(1, 0)]);
        judged.group = unjudged.group;
        judged.marks = unjudged.marks;
        if judged.group != group(1) {
            judged.flags.clear();
        }
        worker.judge(&[judged]).await.unwrap();
    }
    assert!(worker.failed(claim_id(3), 1, "a fault").await.unwrap());
    assert!(worker.failed(claim_id(5), 1, "a fault").await.unwrap());
    assert_eq!(worker.held().await.unwrap().len(), 2);
    let first = worker.bury(&letter()).await.unwrap();
    assert_eq!(api.bury(&letter()).await.unwrap(), first);
    worker.make_next_partitions().await.unwrap();
    worker.ended("a").await.unwrap();

    assert_eq!(integrate_all(&relay).await.unwrap(), 4);
    assert_eq!(
        relay.results(10, Among::Without(&[])).await.unwrap().len(),
        2
    );
    let heard: Vec<i64> = relay
        .results(10, Among::Without(&[]))
        .await
        .unwrap()
        .iter()
        .map(|r| r.id)
        .collect();
    relay.told(&heard).await.unwrap();

    assert_eq!(operator.release(Some(claim_id(3))).await.unwrap(), 1);
    assert!(
        operator
            .discard(claim_id(5), &note("discarded"))
            .await
            .unwrap()
    );
    assert_eq!(operator.release(None).await.unwrap(), 0);
    assert!(
        operator
            .settle(first, "replayed", &note("replayed"))
            .await
            .unwrap()
    );
    // An act of the payer's.
    let mut sent = submission(9, &[(9, 6)]);
    sent.claims[0].act = act(9, ActKind::Readjudication, None).claims[0].act;
    operator.accept(&sent).await.unwrap();
    let mut readjudicated = done(9, 1, vec![revised(1, 9, Some(again(1, 1)))]);
    readjudicated.unit = unit(6);
    readjudicated.histories = vec![(1, sealed("lines", 1))];
    readjudicated.forgotten = vec![(group(1), claim_id(1), 1)];
    worker.commit_act(&readjudicated).await.unwrap();
    assert_eq!(integrate_all(&relay).await.unwrap(), 6);
    let results = relay.results(10, Among::Without(&[])).await.unwrap();
    assert_eq!(results.len(), 1);
    relay.told(&[results[0].id]).await.unwrap();
    assert_eq!(
        relay.results(10, Among::Without(&[])).await.unwrap().len(),
        0
    );
    assert_eq!(api.revisions(unit(6)).await.unwrap().len(), 1);

    // A request that the payer decides and its provider takes back.
    api.put_request(&request(1, 4, "a")).await.unwrap();
    let decided = vec![followed(1, 1, RequestEventKind::Decided)];
    let decided = following(4, 4, 1, decided, Some(5));
    assert_eq!(operator.follow(&decided).await.unwrap(), Some(2));
    let cancelled = vec![followed(1, 2, RequestEventKind::Cancelled)];
    let cancelled = following(4, 4, 2, cancelled, Some(6));
    assert_eq!(api.follow(&cancelled).await.unwrap(), Some(3));
    assert!(worker.request("PA1").await.unwrap().is_some());
    // What was decided is due, and an operator pays.
    let claim = operator.claim(claim_id(1)).await.unwrap().unwrap();
    let due = operator.due(claim.provider, 0, 9).await.unwrap();
    assert!(due.iter().any(|row| row.claim == claim_id(1)));
    let marks = due.iter().map(|row| row.mark).collect();
    let mut paid = payment(1, 1, vec![told(1, 1, PartKind::Payment)], marks);
    paid.payee = claim.provider;
    operator.pay(&paid).await.unwrap();
    operator.nothing_due(&[]).await.unwrap();
    assert_eq!(api.due(claim.provider, 0, 9).await.unwrap(), []);
    let listed = api.payments(&PaymentFilter::default()).await.unwrap();
    assert_eq!(api.parts(listed[0].id).await.unwrap(), paid.parts);
    assert_eq!(api.told_of(&[claim_id(1)]).await.unwrap().len(), 1);
    // A submitter appeals, and the payer decides; the payer files what comes by post.
    api.add_appeal_event(&filing(1, 1, 1)).await.unwrap();
    let upheld = event(1, 2, appeal_id(1, 1), AppealEffect::Closes);
    operator.add_appeal_event(&upheld).await.unwrap();
    operator.add_appeal_event(&filing(1, 3, 2)).await.unwrap();
    let open = AppealFilter {
        open: true,
        after: 0,
        limit: 9,
    };
    assert_eq!(api.appeals(&open).await.unwrap().len(), 1);
    assert_eq!(worker.appeal_events(&[claim_id(1)]).await.unwrap().len(), 3);

    // Every part states what it does; the relay keeps the shared ledger, and all read it.
    let before = relay.head().await.unwrap().size;
    for (n, part) in (1..).zip([&worker, &relay, &api, &operator]) {
        assert!(part.state(&[marked(6, n)]).await.unwrap()[0].is_some());
        assert_eq!(part.state(&[marked(6, n)]).await.unwrap(), [None]);
    }
    // And that a payment was advised.
    assert_eq!(integrate_all(&relay).await.unwrap(), before + 5);
    let mut ledger = Growing::default();
    for block in [
        ledger.charter(),
        ledger.block(&[("harbour", 2)]),
        ledger.block(&[]),
    ] {
        relay.append_block(&block).await.unwrap();
        relay.append_block(&block).await.unwrap();
    }
    let checkpoint = checkpoint(4, 0, false, "signed");
    relay.keep_checkpoint(&checkpoint).await.unwrap();
    relay.keep_checkpoint(&checkpoint).await.unwrap();
    for part in [&worker, &relay, &api, &operator] {
        assert_eq!(part.shared_leaves(0, 9).await.unwrap(), ledger.leaves);
        assert_eq!(part.shared_place("harbour", 1).await.unwrap(), Some(3));
        assert_eq!(
            part.shared_checkpoint().await.unwrap().as_ref(),
            Some(&checkpoint)
        );
    }

    operator.repartition(4).await.unwrap();
    for partitions in worker.former().await.unwrap() {
        worker.removed(partitions).await.unwrap();
    }

    let mut reader = PgConnection::connect(&role(&settings, "tally_reader").url)
        .await
        .unwrap();
    for view in [
        "claim",
        "queue",
        "flag",
        "log",
        "dead_letter",
        "payment",
        "appeal",
        "shared",
    ] {
        let sql = format!("SELECT count(*) FROM tally.read_{view}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut reader)
            .await
            .unwrap();
        assert!(count > 0, "{view}");
    }
}

/// The code that a statement is refused with.
async fn refused(conn: &mut PgConnection, sql: &str) -> Option<String> {
    let answer = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut *conn)
        .await;
    let sqlx::Error::Database(error) = answer.err()? else {
        return None;
    };
    Some(error.downcast_ref::<PgDatabaseError>().code().to_owned())
}

#[tokio::test]
async fn what_a_role_must_not_do_is_refused() {
    let settings = settings().await;
    let tables = [
        "audit",
        "entry",
        "node",
        "checkpoint",
        "outcome",
        "decision",
        "history",
        "claim",
        "claim_payload",
        "contract",
        "event",
        "former",
        "discarded",
        "flag",
        "submission",
        "member",
        "accumulator",
        "fact",
        "component",
        "policy",
        "head",
        "layout",
        "unit",
        "authorization_request",
        "authorization_event",
        "payment",
        "payment_part",
        "appeal",
        "appeal_event",
        "statement",
        "patient",
        "shown",
        "disputed",
        "legal_hold",
        "shared_head",
        "shared_block",
        "shared_chunk",
        "shared_tile",
        "shared_brought",
        "shared_checkpoint",
    ];
    for name in ["worker", "relay", "api", "operator", "reader"] {
        let mut conn = PgConnection::connect(&role(&settings, &format!("tally_{name}")).url)
            .await
            .unwrap();
        let mut statements: Vec<String> = Vec::new();
        for table in tables {
            // A worker forgets facts of claims that stand no more.
            if (name, table) != ("worker", "fact") {
                statements.push(format!("DELETE FROM tally.{table}"));
            }
            statements.push(format!("TRUNCATE tally.{table}"));
            statements.push(format!("DROP TABLE tally.{table}"));
            statements.push(format!("ALTER TABLE tally.{table} DISABLE TRIGGER ALL"));
        }
        for table in [
            "entry",
            "audit",
            "node",
            "decision",
            "history",
            "revised_history",
            "appeal_event",
            "event",
            "contract",
            "authorization_request",
            "authorization_event",
        ] {
            let column: &str = match table {
                "entry" => "leaf = 0",
                "audit" => "actor = ''",
                "node" => "hash = ''",
                _ => "payload = ''",
            };
            if table != "event" {
                statements.push(format!("UPDATE tally.{table} SET {column}"));
            }
        }
        statements.push("UPDATE tally.outcome SET paid = 0".into());
        statements.push("UPDATE tally.revision SET paid = 0".into());
        statements.push("UPDATE tally.disputed SET entry = 0".into());
        statements.push("UPDATE tally.act SET kind = 1".into());
        statements.push("UPDATE tally.payment SET amount = 0".into());
        statements.push("UPDATE tally.payment_part SET paid = 0".into());
        statements.push("UPDATE tally.due SET claim = 0".into());
        statements.push("UPDATE tally.claim SET charge = 0".into());
        statements.push("UPDATE tally.appeal SET level = 1".into());
        statements.push("UPDATE tally.statement SET kind = 6".into());
        statements.push("UPDATE tally.shared_block SET size = 0".into());
        statements.push("UPDATE tally.shared_chunk SET bytes = ''".into());
        statements.push("UPDATE tally.shared_brought SET leaf = 0".into());
        statements.push("UPDATE tally.shared_checkpoint SET size = 0".into());
        if !["api", "operator"].contains(&name) {
            statements.push("INSERT INTO tally.appeal_event SELECT".into());
            statements.push("DELETE FROM tally.appeal_open".into());
        }
        statements.push("SELECT tally.make_partitions('2020-01-01', '2020-02-01')".into());
        statements.push("CREATE TABLE tally.mine (id integer)".into());
        statements.push("INSERT INTO tally._sqlx_migrations SELECT".into());
        if name != "relay" {
            statements.push("INSERT INTO tally.entry VALUES (0, '')".into());
            statements.push("INSERT INTO tally.checkpoint VALUES (0, 0, '')".into());
            statements.push("UPDATE tally.head SET size = 0".into());
            statements.push("UPDATE tally.statement SET leaf = 0".into());
            statements.push("UPDATE tally.shared_head SET size = 0".into());
            statements.push("UPDATE tally.shared_tile SET hashes = ''".into());
            for table in ["block", "chunk", "tile", "brought", "checkpoint"] {
                statements.push(format!("INSERT INTO tally.shared_{table} SELECT"));
            }
        }
        if name != "worker" {
            statements.push("INSERT INTO tally.result VALUES (1)".into());
            statements.push(
                "INSERT INTO tally.outcome (claim, charge, allowed, paid, patient, status, hash) \
                 VALUES (1, 1, 1, 1, 1, 1, '')"
                    .into(),
            );
            statements.push("UPDATE tally.accumulator SET used = 0".into());
            statements.push("INSERT INTO tally.due (claim) VALUES (1)".into());
        }
        if !matches!(name, "api" | "operator") {
            statements.push("INSERT INTO tally.patient SELECT".into());
            statements.push("INSERT INTO tally.shown SELECT".into());
        }
        if name != "api" {
            statements.push("INSERT INTO tally.disputed (entry) VALUES (0)".into());
        }
        if name != "operator" {
            statements.push("INSERT INTO tally.legal_hold (claim) VALUES ('')".into());
            statements.push("UPDATE tally.layout SET partitions = 1".into());
            statements.push("INSERT INTO tally.member VALUES ('', 1)".into());
            statements.push("INSERT INTO tally.former VALUES ('', 1)".into());
            statements.push("UPDATE tally.dead_letter SET settled = '', settled_at = 0".into());
            statements.push("INSERT INTO tally.discarded VALUES (1)".into());
            statements.push("INSERT INTO tally.payment (trace) VALUES ('')".into());
            statements.push("INSERT INTO tally.payment_part (payment) VALUES (1)".into());
            statements.push("DELETE FROM tally.due".into());
        }
        if name == "reader" {
            for table in tables {
                statements.push(format!("SELECT FROM tally.{table}"));
            }
            statements.push("SELECT tally.make_next_partitions()".into());
            statements.push("INSERT INTO tally.audit (at) VALUES (0)".into());
        }
        for sql in statements {
            let code = refused(&mut conn, &sql).await;
            assert_eq!(code.as_deref(), Some("42501"), "{name}: {sql}");
        }
    }
}

/// Not even who owns the tables rewrites history without taking a guard off
/// first.
#[tokio::test]
async fn history_is_guarded_from_its_owner() {
    let settings = settings().await;
    let store = open(&settings).await;
    let mut first = contract(2, &[2, 7], 1);
    store.put_contract(&first).await.unwrap();
    first = contract(4, &[7], 1);
    first.moving = true;
    store.put_contract(&first).await.unwrap();
    store
        .accept(&submission(1, &[(1, 2), (2, 2)]))
        .await
        .unwrap();
    let queued = store.next(0, 1).await.unwrap();
    let batch = Batch {
        claims: vec![decided(&queued[0], 2)],
        facts: vec![],
        findings: vec![(claim_id(1), vec![flag(1, 1)])],
    };
    store.commit(&batch).await.unwrap();
    store.failed(claim_id(2), 1, "").await.unwrap();
    store
        .discard(claim_id(2), &note("discarded"))
        .await
        .unwrap();
    integrate_all(&store).await.unwrap();
    assert_eq!(store.head().await.unwrap().size, 2);
    store
        .accept(&act(3, ActKind::Readjudication, None))
        .await
        .unwrap();
    let mut readjudicated = done(3, 4, vec![revised(1, 3, Some(again(1, 1)))]);
    readjudicated.histories = vec![(1, sealed("lines", 1))];
    store.commit_act(&readjudicated).await.unwrap();
    store.put_request(&request(1, 2, "a")).await.unwrap();
    let decided = vec![followed(1, 1, RequestEventKind::Decided)];
    let decided = following(2, 2, 1, decided, None);
    store.follow(&decided).await.unwrap();
    let paid = payment(1, 1, vec![told(1, 1, PartKind::Payment)], vec![]);
    store.pay(&paid).await.unwrap();
    store.add_appeal_event(&filing(1, 1, 1)).await.unwrap();
    store.state(&[marked(6, 1)]).await.unwrap();
    integrate_all(&store).await.unwrap();
    let mut ledger = Growing::default();
    for block in [ledger.charter(), ledger.block(&[("harbour", 2)])] {
        store.append_block(&block).await.unwrap();
    }
    let kept = checkpoint(4, 0, true, "signed");
    store.keep_checkpoint(&kept).await.unwrap();
    let mut conn = beside(&settings).await;
    for sql in [
        "DELETE FROM tally.statement",
        "UPDATE tally.statement SET entry = ''",
        "UPDATE tally.statement SET leaf = 0",
        "UPDATE tally.statement SET leaf = NULL",
        "TRUNCATE tally.statement",
        "DELETE FROM tally.shared_head",
        "UPDATE tally.shared_head SET snapshot = ''",
        "UPDATE tally.shared_head SET height = height + 1, size = size - 1",
        "TRUNCATE tally.shared_head",
        "DELETE FROM tally.shared_block",
        "UPDATE tally.shared_block SET size = 9",
        "DELETE FROM tally.shared_chunk",
        "UPDATE tally.shared_chunk SET bytes = 'xx'",
        "TRUNCATE tally.shared_chunk",
        "DELETE FROM tally.shared_tile",
        "UPDATE tally.shared_tile SET hashes = sha256('x')",
        "UPDATE tally.shared_tile SET place = place + 1",
        "DELETE FROM tally.shared_brought",
        "UPDATE tally.shared_brought SET leaf = 9",
        "DELETE FROM tally.shared_checkpoint",
        "UPDATE tally.shared_checkpoint SET size = 9",
        "DELETE FROM tally.former",
        "UPDATE tally.former SET unit = 1",
        "TRUNCATE tally.former",
        "DELETE FROM tally.payment",
        "UPDATE tally.payment SET amount = 1",
        "DELETE FROM tally.payment_part",
        "UPDATE tally.payment_part SET paid = 1",
        "TRUNCATE tally.payment",
        "DELETE FROM tally.appeal",
        "UPDATE tally.appeal SET level = 2",
        "DELETE FROM tally.appeal_event",
        "UPDATE tally.appeal_event SET payload = ''",
        "TRUNCATE tally.appeal_event",
        "DELETE FROM tally.audit",
        "UPDATE tally.audit SET actor = ''",
        "DELETE FROM tally.entry",
        "UPDATE tally.entry SET bytes = ''",
        "DELETE FROM tally.node",
        "UPDATE tally.node SET level = 1",
        "DELETE FROM tally.checkpoint",
        "DELETE FROM tally.outcome",
        "UPDATE tally.outcome SET paid = 1",
        "DELETE FROM tally.decision",
        "UPDATE tally.decision SET payload = ''",
        "DELETE FROM tally.history",
        "UPDATE tally.history SET payload = ''",
        "DELETE FROM tally.claim",
        "DELETE FROM tally.claim_payload",
        "UPDATE tally.claim_payload SET payload = ''",
        "UPDATE tally.contract SET payload = ''",
        "DELETE FROM tally.contract",
        "DELETE FROM tally.event",
        "DELETE FROM tally.discarded",
        "DELETE FROM tally.flag",
        "DELETE FROM tally.act",
        "UPDATE tally.act SET payload = ''",
        "DELETE FROM tally.revision",
        "UPDATE tally.revision SET paid = 1",
        "DELETE FROM tally.revised_history",
        "UPDATE tally.revised_history SET payload = ''",
        "DELETE FROM tally.authorization_request",
        "UPDATE tally.authorization_request SET number = ''",
        "TRUNCATE tally.authorization_request",
        "DELETE FROM tally.authorization_event",
        "UPDATE tally.authorization_event SET payload = ''",
        "TRUNCATE tally.authorization_event",
        "TRUNCATE tally.revision",
        "TRUNCATE tally.audit",
        "TRUNCATE tally.entry",
        "TRUNCATE tally.outcome CASCADE",
        "TRUNCATE tally.claim CASCADE",
    ] {
        let code = refused(&mut conn, sql).await;
        assert_eq!(code.as_deref(), Some("23001"), "{sql}");
    }
}
