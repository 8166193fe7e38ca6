use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tally_queue::{Fate, QueueError, Settings};
use tally_rig::Rabbit;

use crate::site::{LONG, Site, number};

/// The broker is killed again and again while messages are published and
/// consumed: every call is confirmed or reports an error, and what is published
/// again after an error is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_is_killed() {
    const CHUNK: usize = 100;
    let mut rabbit = Rabbit::start().unwrap();
    let mut settings = Settings::new(rabbit.url());
    settings.confirm_timeout = Duration::from_secs(10);
    let site = Arc::new(Site::with(settings, 1).await);
    let stop = Arc::new(AtomicBool::new(false));

    let publishing = tokio::spawn({
        let (site, stop) = (Arc::clone(&site), Arc::clone(&stop));
        async move {
            let (mut from, mut errors) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                match site
                    .publisher
                    .publish(&site.messages(from..from + CHUNK))
                    .await
                {
                    Ok(fates) => {
                        assert_eq!(fates, vec![Fate::Confirmed; CHUNK]);
                        from += CHUNK;
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
        let (site, stop) = (Arc::clone(&site), Arc::clone(&stop));
        async move {
            let mut consumer = site.consumer(64);
            let mut seen = BTreeSet::new();
            loop {
                let quiet = Duration::from_secs(5);
                match tokio::time::timeout(quiet, consumer.next(64)).await {
                    Ok(Ok(batch)) => {
                        seen.extend(batch.deliveries().iter().map(|one| number(one.body())));
                        // When it is stale the same come again.
                        if let Err(error) = batch.ack().await {
                            assert!(error.is_transient(), "{error}");
                        }
                    }
                    Ok(Err(error)) => assert!(error.is_transient(), "{error}"),
                    Err(_) if stop.load(Ordering::Relaxed) => return seen,
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
    tokio::time::sleep(Duration::from_secs(6)).await;
    stop.store(true, Ordering::Relaxed);
    let (published, errors) = tokio::time::timeout(LONG, publishing)
        .await
        .unwrap()
        .unwrap();
    let seen = tokio::time::timeout(LONG, consuming)
        .await
        .unwrap()
        .unwrap();
    assert!(errors > 0, "no kill was felt");
    assert!(published > 0);
    // More may have come than was confirmed, never less.
    let lost = (0..published)
        .filter(|number| !seen.contains(number))
        .count();
    assert_eq!(lost, 0, "of {published}, after {errors} errors");
    println!("{published} published, {errors} calls failed, none lost");
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
