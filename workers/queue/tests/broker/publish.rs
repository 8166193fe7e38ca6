use lapin::types::AMQPValue;
use tally_queue::{Fate, Outgoing, Publisher, QueueError};
use tally_rig::Proxy;

use crate::site::{Site, drain, port, raw_queue, through};

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_messages_comes_out_in_order() {
    let site = Site::new(2).await;
    let fates = site
        .publisher
        .publish(&site.messages(0..2000))
        .await
        .unwrap();
    assert_eq!(fates, vec![Fate::Confirmed; 2000]);
    site.holds(&site.queue(), 2000).await;
    let mut consumer = site.consumer(128);
    let came = drain(&mut consumer, 2000).await;
    assert_eq!(came, (0..2000).collect::<Vec<_>>());
    consumer.close().await;
    site.holds(&site.queue(), 0).await;
    assert_eq!(site.publisher.publish(&[]).await.unwrap(), []);
}

/// The library hands returned messages over with the wrong confirms; which came
/// back must be told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_unroutable_are_returned_and_no_others() {
    let site = Site::new(1).await;
    for window in [1, 7, 512] {
        let mut settings = site.settings.clone();
        settings.window = window;
        let publisher = Publisher::new(settings);
        let mut messages = site.messages(0..300);
        let lost = |at: usize| at.is_multiple_of(7) || at % 50 > 45;
        for (at, message) in messages.iter_mut().enumerate() {
            if lost(at) {
                message.routing_key = "1.99".to_owned();
            }
        }
        for _ in 0..2 {
            let fates = publisher.publish(&messages).await.unwrap();
            for (at, fate) in fates.into_iter().enumerate() {
                let expected = if lost(at) {
                    Fate::Returned
                } else {
                    Fate::Confirmed
                };
                assert_eq!(fate, expected, "message {at}, window {window}");
            }
        }
        publisher.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_queue_refuses_is_said() {
    let site = Site::new(1).await;
    let overflow = AMQPValue::LongString("reject-publish".into());
    let full = [
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-overflow", overflow),
    ];
    raw_queue(&site.settings, "full", &full).await;
    let message = Outgoing {
        routing_key: "full".to_owned(),
        ..Outgoing::default()
    };
    let mut fates = Vec::new();
    for _ in 0..4 {
        fates.push(site.publisher.publish_one(&message).await.unwrap());
    }
    assert_eq!(
        fates,
        [
            Fate::Confirmed,
            Fate::Confirmed,
            Fate::Refused,
            Fate::Refused
        ]
    );
    let error = site.publisher.publish_surely(&message).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_is_missing_does_not_stop_the_next_message() {
    let site = Site::new(1).await;
    let mut astray = site.message(0);
    astray.exchange = "nowhere".to_owned();
    let error = site.publisher.publish_one(&astray).await.unwrap_err();
    assert!(matches!(error, QueueError::Missing { .. }), "{error}");
    let fate = site.publisher.publish_one(&site.message(1)).await.unwrap();
    assert_eq!(fate, Fate::Confirmed);
    let mut long = site.message(2);
    long.routing_key = "k".repeat(256);
    let error = site.publisher.publish_one(&long).await.unwrap_err();
    assert!(matches!(error, QueueError::Name(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let site = Site::new(1).await;
    let many = site.messages(0..3000);
    let cut = std::time::Duration::from_millis(20);
    let dropped = tokio::time::timeout(cut, site.publisher.publish(&many)).await;
    assert!(dropped.is_err(), "it was too quick to be dropped");
    let fates = site.publisher.publish(&site.messages(0..10)).await.unwrap();
    assert_eq!(fates, [Fate::Confirmed; 10]);
}

/// A reset costs the call, not the publisher; nothing is lost when it is made
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_it_publishes_again() {
    let site = Site::new(1).await;
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let publisher = Publisher::new(through(&proxy, &site.settings));
    publisher.ping().await.unwrap();
    proxy.reset_all();
    let mut tries = 0;
    let fates = loop {
        tries += 1;
        match publisher.publish(&site.messages(0..50)).await {
            Ok(fates) => break fates,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        assert!(tries < 20);
    };
    assert_eq!(fates, [Fate::Confirmed; 50]);
    publisher.close().await;
}

/// A broker that says nothing is not waited for forever.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_given_up() {
    let site = Site::new(1).await;
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let mut settings = through(&proxy, &site.settings);
    settings.heartbeat = 60;
    settings.confirm_timeout = std::time::Duration::from_secs(1);
    settings.connect_timeout = std::time::Duration::from_secs(1);
    let publisher = Publisher::new(settings);
    publisher.ping().await.unwrap();
    proxy.swallow(true);
    let error = publisher.publish_one(&site.message(0)).await.unwrap_err();
    assert!(matches!(error, QueueError::Slow { .. }), "{error}");
    assert!(error.is_transient());
    let error = publisher.ping().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    proxy.swallow(false);
    let mut fate = publisher.publish_one(&site.message(0)).await;
    for _ in 0..20 {
        if fate.is_ok() {
            break;
        }
        fate = publisher.publish_one(&site.message(0)).await;
    }
    assert_eq!(fate.unwrap(), Fate::Confirmed);
}
