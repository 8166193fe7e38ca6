use tally_queue::{Consumer, QueueError, Reason, header};

use crate::site::{Site, next, number, numbers};

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
