use std::time::Duration;

use tally_queue::{Consumer, Headers, Publisher, QueueError, QueueKey};
use tally_rig::Proxy;

use crate::site::{LONG, SHORT, Site, drain, next, numbers, port, through};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_never_lingers() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..1)).await.unwrap();
    let mut consumer = site.consumer(128);
    let batch = tokio::time::timeout(LONG, consumer.next(128)).await;
    let batch = batch.expect("in time").unwrap();
    assert_eq!(numbers(&batch), [0]);
    assert!(!batch.deliveries()[0].redelivered());
    assert_eq!(batch.deliveries()[0].headers().message_id(), Some("0"));
    assert_eq!(batch.deliveries()[0].routing_key(), "1.0");
    batch.ack().await.unwrap();
    // With nothing there it waits, and waiting can be given up.
    for _ in 0..2 {
        assert!(
            tokio::time::timeout(SHORT, consumer.next(128))
                .await
                .is_err()
        );
    }
    site.publisher.publish(&site.messages(1..4)).await.unwrap();
    assert_eq!(drain(&mut consumer, 3).await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn references_are_sealed_on_the_way() {
    let site = Site::new(1).await;
    let key = QueueKey::new([3; 32]);
    let mut message = site.message(0);
    let claims = [*b"0123456789abcdef", *b"fedcba9876543210"];
    message.body = key.seal(site.place(), &claims).unwrap();
    site.publisher.publish_surely(&message).await.unwrap();
    let mut consumer = site.consumer(1);
    let batch = next(&mut consumer, 1).await;
    let opened = key.open(site.place(), batch.deliveries()[0].body());
    assert_eq!(opened.unwrap(), claims);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_may_count_for_more_than_one() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..9)).await.unwrap();
    let mut consumer = site.consumer(9);
    // All have arrived when the first is looked at again.
    next(&mut consumer, 1).await.ack().await.unwrap();
    tokio::time::sleep(SHORT).await;
    let batch = consumer.next_by(5, |_| 2).await.unwrap();
    assert_eq!(numbers(&batch), [1, 2, 3]);
    batch.ack().await.unwrap();
    // One that is more than was asked for comes alone.
    let batch = consumer.next_by(5, |_| 100).await.unwrap();
    assert_eq!(numbers(&batch), [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_acknowledgement_answers_for_a_batch() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..30)).await.unwrap();
    let mut consumer = site.consumer(10);
    let first = next(&mut consumer, 10).await;
    assert!(numbers(&first).len() <= 10);
    let taken = numbers(&first).len();
    // Not before it is settled: one acknowledgement answers for all before it.
    let error = consumer.next(10).await.err().unwrap();
    assert!(matches!(error, QueueError::BatchOpen), "{error}");
    first.ack().await.unwrap();
    let second = next(&mut consumer, 10).await;
    assert_eq!(numbers(&second)[0], taken);
    drop(second);
    consumer.close().await;
    site.holds(&site.queue(), u32::try_from(30 - taken).unwrap())
        .await;
}

/// What is dropped comes again, in order, before all others.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_dropped_comes_again_in_order() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..40)).await.unwrap();
    let mut consumer = site.consumer(5);
    let batch = next(&mut consumer, 5).await;
    assert_eq!(numbers(&batch)[0], 0);
    drop(batch);
    let batch = next(&mut consumer, 5).await;
    assert_eq!(numbers(&batch)[0], 0);
    let again = &batch.deliveries()[0];
    assert!(again.redelivered());
    assert_eq!(again.delivered_before(), 1);
    drop(batch);
    assert_eq!(drain(&mut consumer, 40).await, (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_everything_comes_again_and_the_old_batch_acknowledges_nothing() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..20)).await.unwrap();
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let mut consumer = Consumer::new(through(&proxy, &site.settings), &site.queue(), 10);
    let old = next(&mut consumer, 10).await;
    assert_eq!(numbers(&old)[0], 0);
    proxy.reset_all();
    // The batch is held while the consumer connects anew: its channel number
    // and its tags are those of the new channel too.
    site.holds(&site.queue(), 20).await;
    let mut fresh = Consumer::new(through(&proxy, &site.settings), &site.queue(), 10);
    let new = next(&mut fresh, 10).await;
    assert_eq!(numbers(&new)[0], 0);
    assert!(new.deliveries()[0].redelivered());
    let error = old.ack().await.unwrap_err();
    assert!(matches!(error, QueueError::Stale), "{error}");
    assert!(error.is_transient());
    drop(new);
    fresh.close().await;
    site.holds(&site.queue(), 20).await;
    // The first consumer notices, connects anew and goes on.
    assert_eq!(drain(&mut consumer, 20).await, (0..20).collect::<Vec<_>>());
}

/// Whenever a connection is reset, also while it is made: whoever waits for it is
/// told, and never waits forever.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_forever_for_a_connection_that_was_reset_while_it_was_made() {
    let site = Site::new(1).await;
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let over = std::time::Instant::now() + Duration::from_secs(8);
    let mut tasks = tokio::task::JoinSet::new();
    for of in 0..6 {
        let (settings, queue) = (through(&proxy, &site.settings), site.queue());
        let message = site.message(of);
        tasks.spawn(async move {
            let mut attempts = 0;
            while std::time::Instant::now() < over {
                attempts += 1;
                let settings = settings.clone();
                if of % 2 == 0 {
                    let mut consumer = Consumer::new(settings, &queue, 1);
                    let taken = tokio::time::timeout(LONG, consumer.next(1)).await;
                    drop(taken.expect("it is told"));
                } else {
                    let publisher = Publisher::new(settings);
                    let taken = tokio::time::timeout(LONG, publisher.publish_one(&message)).await;
                    let _ = taken.expect("it is told");
                    let closed = tokio::time::timeout(LONG, publisher.close()).await;
                    closed.expect("it is closed");
                }
            }
            attempts
        });
    }
    let mut pause = 1;
    while std::time::Instant::now() < over {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = pause * 7 % 61;
        tokio::task::block_in_place(|| proxy.reset_all());
    }
    proxy.refuse(true);
    proxy.reset_all();
    let attempts: u32 = tasks.join_all().await.into_iter().sum();
    assert!(attempts > 20, "{attempts}");
}

/// However often its connection is reset, and whenever: a consumer finds back, and
/// gets what comes after.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_finds_back_from_every_reset() {
    let site = Site::new(8).await;
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    let (found, mut finding) = tokio::sync::mpsc::unbounded_channel();
    for place in site.topology.places() {
        let settings = through(&proxy, &site.settings);
        let queue = site.topology.partition(place);
        let found = found.clone();
        tasks.spawn(async move {
            let mut consumer = Consumer::new(settings, &queue, 4);
            loop {
                let Ok(batch) = consumer.next(4).await else {
                    continue;
                };
                let bodies: Vec<Vec<u8>> = batch
                    .deliveries()
                    .iter()
                    .map(|d| d.body().to_vec())
                    .collect();
                if batch.ack().await.is_ok() {
                    for body in bodies {
                        let _ = found.send((place.partition, body));
                    }
                }
            }
        });
    }
    let publish = async |body: &[u8]| {
        let to = |place| {
            let topology = &site.topology;
            topology.to_partition(place, body.to_vec(), Headers::new())
        };
        let messages: Vec<_> = site.topology.places().map(to).collect();
        site.publisher.publish(&messages).await.unwrap();
    };
    let mut pause = 1u64;
    for phase in 0..3 {
        let over = std::time::Instant::now() + Duration::from_secs(2);
        while std::time::Instant::now() < over {
            publish(b"any").await;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            pause = pause * 7 % 461;
            tokio::task::block_in_place(|| proxy.reset_all());
        }
        let last = format!("phase {phase}").into_bytes();
        publish(&last).await;
        let mut left: std::collections::BTreeSet<u16> = (0..8).collect();
        while !left.is_empty() {
            let next = tokio::time::timeout(LONG, finding.recv()).await;
            let Ok(Some((partition, body))) = next else {
                panic!("phase {phase}: partitions {left:?} get nothing");
            };
            if body == last {
                left.remove(&partition);
            }
        }
    }
}

/// The same on one consumer: it connects anew beneath a batch that is held.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_after_the_reset_is_an_error() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..20)).await.unwrap();
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let mut consumer = Consumer::new(through(&proxy, &site.settings), &site.queue(), 10);
    let batch = next(&mut consumer, 10).await;
    let count = batch.deliveries().len();
    proxy.reset_all();
    site.holds(&site.queue(), 20).await;
    // By now the library has seen the reset as well.
    tokio::time::sleep(SHORT).await;
    assert!(matches!(batch.ack().await, Err(QueueError::Stale)));
    let batch = next(&mut consumer, 10).await;
    assert_eq!(numbers(&batch)[0], 0);
    assert!(batch.deliveries().len() <= count.max(10));
    batch.ack().await.unwrap();
}

/// Two consumers of a partition: one is active. When it stops, what it had
/// fetched goes to the other, in order, behind what it acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_consumer_takes_over_in_order() {
    let site = Site::new(1).await;
    let mut first = site.consumer(10);
    assert!(tokio::time::timeout(SHORT, first.next(1)).await.is_err());
    let mut second = site.consumer(10);
    assert!(tokio::time::timeout(SHORT, second.next(1)).await.is_err());
    // The one that waits does not count.
    assert_eq!(site.depth(&site.queue()).await.consumers, 1);

    site.publisher.publish(&site.messages(0..40)).await.unwrap();
    let batch = next(&mut first, 5).await;
    let taken = batch.deliveries().len();
    assert!(tokio::time::timeout(SHORT, second.next(1)).await.is_err());
    batch.ack().await.unwrap();
    first.close().await;
    let rest = drain(&mut second, 40 - taken).await;
    assert_eq!(rest, (taken..40).collect::<Vec<_>>());
}

/// The same when it goes without a word, its batch unacknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_consumer_takes_over_from_one_that_was_cut_off() {
    let site = Site::new(1).await;
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let mut first = Consumer::new(through(&proxy, &site.settings), &site.queue(), 10);
    assert!(tokio::time::timeout(SHORT, first.next(1)).await.is_err());
    let mut second = site.consumer(10);
    assert!(tokio::time::timeout(SHORT, second.next(1)).await.is_err());
    site.publisher.publish(&site.messages(0..40)).await.unwrap();
    let held = next(&mut first, 5).await;
    proxy.refuse(true);
    proxy.reset_all();
    let all = drain(&mut second, 40).await;
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert!(matches!(held.ack().await, Err(QueueError::Stale)));
}

/// A peer that falls silent is noticed by its missing heartbeats.
#[tokio::test(flavor = "multi_thread")]
async fn silence_is_noticed() {
    let site = Site::new(1).await;
    let proxy = Proxy::start(port(&site.settings)).unwrap();
    let mut consumer = Consumer::new(through(&proxy, &site.settings), &site.queue(), 10);
    assert!(tokio::time::timeout(SHORT, consumer.next(1)).await.is_err());
    proxy.swallow(true);
    let lost = tokio::time::timeout(LONG, consumer.next(1)).await;
    let error = lost.expect("noticed").err().unwrap();
    assert!(error.is_transient(), "{error}");
    proxy.swallow(false);
    site.publisher.publish(&site.messages(0..1)).await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, [0]);
}

/// A batch held for many heartbeats is still good.
#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_go_on_while_a_batch_is_held() {
    let site = Site::new(1).await;
    site.publisher.publish(&site.messages(0..1)).await.unwrap();
    let mut settings = site.settings.clone();
    settings.heartbeat = 1;
    let mut consumer = Consumer::new(settings, &site.queue(), 1);
    let batch = next(&mut consumer, 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    batch.ack().await.unwrap();
    consumer.close().await;
    site.holds(&site.queue(), 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_missing_is_said() {
    let site = Site::new(1).await;
    let mut consumer = Consumer::new(site.settings.clone(), "no-such-queue", 1);
    let error = consumer.next(1).await.err().unwrap();
    assert!(matches!(error, QueueError::Missing { .. }), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_up_while_it_connects_keeps_nothing() {
    let site = Site::new(1).await;
    site.publisher
        .publish(&site.messages(0..200))
        .await
        .unwrap();
    // Given up at all moments of connecting and subscribing, and soon after.
    for step in 0..120u64 {
        let mut consumer = site.consumer(16);
        let pause = std::time::Duration::from_micros(200 * step);
        let given_up = tokio::time::timeout(pause, consumer.next(16)).await;
        drop(given_up);
        match step % 2 {
            0 => consumer.close().await,
            _ => drop(consumer),
        }
    }
    let mut consumer = site.consumer(128);
    let all: Vec<usize> = (0..200).collect();
    assert_eq!(drain(&mut consumer, 200).await, all);
}
