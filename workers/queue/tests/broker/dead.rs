use tally_queue::envelope::{CONTENT_TYPE, Rejected};
use tally_queue::{Consumer, Inspector, QueueError, Reason, header};

use crate::site::{Site, drain, next, number, numbers};

fn reason() -> Reason {
    Reason {
        code: "Q103".to_owned(),
        text: "the envelope is malformed: not JSON".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_buried_with_its_reason_and_the_rest_goes_on() {
    let site = Site::new(1).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut messages = site.messages(0..5);
    for message in &mut messages {
        message.headers = message.headers.clone().with_traceparent(trace);
    }
    site.publisher.publish(&messages).await.unwrap();
    site.holds(&site.queue(), 5).await;
    let mut consumer = site.consumer(10);
    let mut batch = next(&mut consumer, 10).await;
    while batch.deliveries().len() < 5 {
        drop(batch);
        batch = next(&mut consumer, 10).await;
    }
    // One in the middle and the last, whose tag a later acknowledgement may
    // not name again; and one twice, which is buried once.
    for at in [1, 4, 4] {
        let reason = reason();
        let buried = batch.bury(at, &reason, &site.publisher, &site.topology);
        buried.await.unwrap();
    }
    batch.ack().await.unwrap();
    // The channel is still good.
    site.publisher.publish(&site.messages(5..6)).await.unwrap();
    let batch = next(&mut consumer, 10).await;
    assert_eq!(numbers(&batch), [5]);
    batch.ack().await.unwrap();
    consumer.close().await;
    site.holds(&site.queue(), 0).await;
    site.holds(&site.topology.dead(), 2).await;

    let mut dead = Consumer::new(site.settings.clone(), &site.topology.dead(), 10);
    let mut found = Vec::new();
    while found.len() < 2 {
        let letters = next(&mut dead, 10).await;
        for letter in letters.deliveries() {
            let headers = letter.headers();
            assert_eq!(headers.reason(), Some(reason()));
            assert_eq!(headers.text(header::ORIGIN), Some(site.queue()));
            assert_eq!(headers.text(header::ORIGIN_KEY).as_deref(), Some("1.0"));
            assert_eq!(headers.traceparent().as_deref(), Some(trace));
            assert!(
                headers
                    .number(header::BURIED)
                    .is_some_and(|at| at > 1_700_000_000)
            );
            assert_eq!(headers.message_id().unwrap().as_bytes(), letter.body());
            found.push(number(letter.body()));
        }
        letters.ack().await.unwrap();
    }
    assert_eq!(found, [1, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_buried_is_not_acknowledged() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..1)).await.unwrap();
    // The dead letters of another prefix have not been declared.
    let elsewhere = tally_queue::Topology::new("elsewhere.", 1).unwrap();
    let mut consumer = site.consumer(1);
    let mut batch = next(&mut consumer, 1).await;
    let error = batch
        .bury(0, &reason(), &site.publisher, &elsewhere)
        .await
        .unwrap_err();
    assert!(matches!(error, QueueError::Missing { .. }), "{error}");
    drop(batch);
    consumer.close().await;
    site.holds(&site.queue(), 1).await;
}

/// An operator looks at the letters, replays one, discards one and leaves the
/// others as they were.
#[tokio::test(flavor = "multi_thread")]
async fn letters_are_looked_at_replayed_and_discarded() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..6)).await.unwrap();
    let mut consumer = site.consumer(10);
    let mut buried = 0;
    while buried < 6 {
        let mut batch = next(&mut consumer, 10).await;
        for at in 0..batch.deliveries().len() {
            let why = reason();
            let bury = batch.bury(at, &why, &site.publisher, &site.topology);
            bury.await.unwrap();
            buried += 1;
        }
        batch.ack().await.unwrap();
    }
    let dead = site.topology.dead();
    site.holds(&dead, 6).await;

    let inspector = Inspector::connect(&site.settings).await.unwrap();
    for _ in 0..2 {
        let held = inspector.hold(&dead, 4).await.unwrap();
        let seen: Vec<_> = held
            .deliveries()
            .iter()
            .map(|one| number(one.body()))
            .collect();
        assert_eq!(seen, [0, 1, 2, 3]);
        held.close().await.unwrap();
        site.holds(&dead, 6).await;
    }
    let mut held = inspector.hold(&dead, 100).await.unwrap();
    assert_eq!(held.deliveries().len(), 6);
    held.replay(2, &site.publisher, &site.topology)
        .await
        .unwrap();
    held.replay(2, &site.publisher, &site.topology)
        .await
        .unwrap();
    held.discard(4).await.unwrap();
    drop(held);
    site.holds(&dead, 4).await;
    let held = inspector.hold(&dead, 100).await.unwrap();
    let left: Vec<_> = held
        .deliveries()
        .iter()
        .map(|one| number(one.body()))
        .collect();
    assert_eq!(left, [0, 1, 3, 5]);
    held.close().await.unwrap();

    let batch = next(&mut consumer, 10).await;
    assert_eq!(numbers(&batch), [2]);
    let headers = batch.deliveries()[0].headers();
    assert_eq!(headers.reason(), None);
    assert_eq!(headers.text(header::ORIGIN), None);
    assert_eq!(headers.message_id(), Some("2"));
    batch.ack().await.unwrap();
}

/// From the intake as well: refused, buried with its code, replayed.
#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_buried_and_replayed() {
    let site = Site::new(1).await;
    let intake = site.topology.intake();
    let message = site.topology.to_intake(b"7".to_vec(), "m-7").unwrap();
    site.publisher.publish_surely(&message).await.unwrap();
    let mut consumer = Consumer::new(site.settings.clone(), &intake, 4);
    let mut batch = next(&mut consumer, 4).await;
    assert_eq!(
        batch.deliveries()[0].headers().content_type(),
        Some(CONTENT_TYPE)
    );
    let why = Rejected::Unsigned.reason();
    let bury = batch.bury(0, &why, &site.publisher, &site.topology);
    bury.await.unwrap();
    batch.ack().await.unwrap();
    site.holds(&site.topology.dead(), 1).await;

    let inspector = Inspector::connect(&site.settings).await.unwrap();
    let mut held = inspector.hold(&site.topology.dead(), 1).await.unwrap();
    let code = held.deliveries()[0].headers().reason().unwrap().code;
    assert_eq!(code, "Q107");
    // Another node's letters are not put into our queues.
    let other = tally_queue::Topology::new("other.", 1).unwrap();
    let refused = held.replay(0, &site.publisher, &other).await.unwrap_err();
    assert!(matches!(refused, QueueError::Name(_)), "{refused}");
    held.replay(0, &site.publisher, &site.topology)
        .await
        .unwrap();
    held.close().await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, [7]);
    site.holds(&site.topology.dead(), 0).await;
}
