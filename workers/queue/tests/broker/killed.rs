use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tally_queue::{Fate, Headers, QueueError, Settings};
use tally_rig::Rabbit;

use crate::site::{LONG, Site, number};

/// The broker is killed again and again while messages are published and
/// consumed: every call is confirmed or reports an error, and what is published
/// again after an error is not lost and not out of order. A broker that has just
/// come back takes messages before it knows all of its bindings again: those it
/// says it could not route.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_is_killed() {
    const CHUNK: usize = 100;
    let mut rabbit = Rabbit::start().unwrap();
    let mut settings = Settings::new(rabbit.url());
    settings.confirm_timeout = Duration::from_secs(10);
    let site = Arc::new(Site::with(settings, 1).await);
    let stop = Arc::new(AtomicBool::new(false));
    // How many, once that is known.
    let published = Arc::new(AtomicUsize::new(0));

    let publishing = tokio::spawn({
        let (site, stop) = (Arc::clone(&site), Arc::clone(&stop));
        async move {
            let (mut from, mut errors) = (0, 0);
            while !stop.load(Ordering::Acquire) {
                match site
                    .publisher
                    .publish(&site.messages(from..from + CHUNK))
                    .await
                {
                    Ok(fates) if fates == vec![Fate::Confirmed; CHUNK] => from += CHUNK,
                    Ok(fates) => {
                        assert!(!fates.contains(&Fate::Refused), "{fates:?}");
                        errors += 1;
                    }
                    Err(error) => {
                        assert!(error.is_transient(), "{error}");
                        errors += 1;
                    }
                }
            }
            (from, errors)
        }
    });
    let consuming = tokio::spawn({
        let (site, published) = (Arc::clone(&site), Arc::clone(&published));
        async move {
            let mut consumer = site.consumer(64);
            let mut seen = BTreeSet::new();
            let mut deadline = None;
            loop {
                let published = published.load(Ordering::Acquire);
                if published > 0 {
                    let end = *deadline.get_or_insert_with(|| Instant::now() + LONG);
                    let all = (0..published).all(|number| seen.contains(&number));
                    if all || Instant::now() > end {
                        consumer.close().await;
                        return seen;
                    }
                }
                let some = Duration::from_secs(1);
                match tokio::time::timeout(some, consumer.next(64)).await {
                    Ok(Ok(batch)) => {
                        for one in batch.deliveries() {
                            let number = number(one.body());
                            // Published in order, and again from where a call
                            // failed: whatever is new is the next one.
                            if seen.insert(number) {
                                assert_eq!(number + 1, seen.len(), "out of order");
                            }
                        }
                        // When it is stale the same come again.
                        if let Err(error) = batch.ack().await {
                            assert!(error.is_transient(), "{error}");
                        }
                    }
                    Ok(Err(error)) => assert!(error.is_transient(), "{error}"),
                    Err(_) => {}
                }
            }
        }
    });

    for pause in [900, 300, 1500] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        rabbit.kill();
        rabbit = tokio::task::spawn_blocking(move || {
            rabbit.again().unwrap();
            rabbit
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Release);
    let (count, errors) = tokio::time::timeout(LONG, publishing)
        .await
        .unwrap()
        .unwrap();
    assert!(errors > 0, "no kill was felt");
    assert!(count > 0);
    published.store(count, Ordering::Release);
    let seen = consuming.await.unwrap();
    // More may have come than was confirmed, never less.
    let left = site.depth(&site.queue()).await;
    let missing = (0..count).filter(|number| !seen.contains(number));
    let lost: Vec<usize> = missing.collect();
    let none: [usize; 0] = [];
    assert_eq!(lost, none, "of {count}, {errors} errors, {left:?}");
    println!("{count} published, {errors} calls failed, none lost");
}

/// A queue that has no leader, as one without a majority has none, holds up
/// A queue that does not answer, as one without a leader does not: nothing is
/// said of its messages, and what is said of others' is not lost. (A channel
/// that meets such a queue first may hang as a whole: whoever publishes to
/// several must try it apart.)
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_leader_holds_nobody_up() {
    let rabbit = Rabbit::start().unwrap();
    let mut settings = Settings::new(rabbit.url());
    settings.confirm_timeout = Duration::from_secs(3);
    let site = Site::with(settings, 2).await;
    let places: Vec<_> = site.topology.places().collect();
    let to = |at: usize| {
        let headers = Headers::new();
        site.topology.to_partition(places[at], vec![7], headers)
    };
    let both = [to(0), to(1), to(0), to(1), to(0)];
    let publish = async |messages: &[_]| site.publisher.publish(messages).await;
    assert_eq!(publish(&both).await.unwrap(), [Fate::Confirmed; 5]);
    let stop = format!(
        "[sys:suspend(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), \
         element(4, amqqueue:get_name(Q)) =:= <<\"{}\">>].",
        site.topology.partition(places[1])
    );
    let stopped = rabbit.command("rabbitmqctl", &["eval", &stop]).unwrap();
    assert!(stopped.contains("ok"), "{stopped}");
    let fates = publish(&both).await.unwrap();
    let (taken, stuck) = (Fate::Confirmed, Fate::Unanswered);
    assert_eq!(fates, [taken, stuck, taken, stuck, taken]);
    // What is published next has answers of its own.
    assert_eq!(publish(&[to(0)]).await.unwrap(), [Fate::Confirmed]);
    // Nobody is answered: then nothing is known of the broker.
    let error = publish(&[to(1)]).await.unwrap_err();
    assert!(matches!(error, QueueError::Slow { .. }), "{error}");
}

/// A broker short of memory takes nothing; that is said, and when it is over
/// the messages are taken.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_told_and_waited_out() {
    let rabbit = Rabbit::start().unwrap();
    let mut settings = Settings::new(rabbit.url());
    settings.confirm_timeout = Duration::from_secs(2);
    let site = Site::with(settings, 1).await;
    let watermark = |of: &str| {
        let arguments = ["set_vm_memory_high_watermark", of];
        rabbit.command("rabbitmqctl", &arguments).unwrap();
    };
    site.publisher.ping().await.unwrap();
    watermark("0.000001");
    for _ in 0..2 {
        let error = site
            .publisher
            .publish(&site.messages(0..10))
            .await
            .unwrap_err();
        assert!(matches!(error, QueueError::Blocked), "{error}");
        assert!(error.is_transient());
    }
    watermark("0.4");
    let publishing = async {
        loop {
            match site.publisher.publish(&site.messages(0..10)).await {
                Ok(fates) => return fates,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
    };
    let fates = tokio::time::timeout(LONG, publishing).await.unwrap();
    assert_eq!(fates, [Fate::Confirmed; 10]);
}
