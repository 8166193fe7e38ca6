use lapin::types::AMQPValue;
use tally_queue::{Inspector, QueueError, Settings, Topology, Version};
use tally_rig::shared_rabbit;

use crate::site::{Site, fresh, raw_queue};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_declared_as_often_as_one_likes() {
    let site = Site::new(4).await;
    let version = site.topology.declare(&site.settings).await.unwrap();
    assert_eq!(version, Version::of(&site.settings).await.unwrap());
    assert!(version.major >= 3, "{version}");
    let inspector = Inspector::connect(&site.settings).await.unwrap();
    let depths = inspector.depths(&site.topology).await.unwrap();
    let names: Vec<&str> = depths.iter().map(|depth| depth.queue.as_str()).collect();
    assert_eq!(
        names,
        ["0", "1", "2", "3"].map(|p| format!("t.tally.claims.4.{p}"))
    );
    assert!(depths.iter().all(|d| (d.messages, d.consumers) == (0, 0)));
    for name in [site.topology.dead(), site.topology.intake()] {
        assert_eq!(inspector.depth(&name).await.unwrap().messages, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_named() {
    let settings = fresh();
    let quorum = AMQPValue::LongString("quorum".into());
    raw_queue(&settings, "t.tally.claims.2.1", &[("x-queue-type", quorum)]).await;
    let topology = Topology::new("t.", 2).unwrap();
    let error = topology.declare(&settings).await.unwrap_err();
    assert!(!error.is_transient());
    let QueueError::Mismatch { name, said } = &error else {
        panic!("{error}");
    };
    assert_eq!(name, "t.tally.claims.2.1");
    assert!(said.contains("inequivalent arg 'x-"), "{said}");
    assert!(error.to_string().contains("drain it"), "{error}");
    // Another prefix is another topology.
    Topology::new("u.", 2)
        .unwrap()
        .declare(&settings)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_deleted_when_it_is_drained() {
    let site = Site::new(2).await;
    site.publisher.publish(&site.messages(0..3)).await.unwrap();
    let new = Topology::new("t.", 3).unwrap();
    new.declare(&site.settings).await.unwrap();

    let inspector = Inspector::connect(&site.settings).await.unwrap();
    let left = inspector.delete_if_empty(&site.topology).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].queue.clone(), left[0].messages), (site.queue(), 3));
    let gone = inspector.depth("t.tally.claims.2.1").await.unwrap_err();
    assert!(matches!(gone, QueueError::Missing { .. }), "{gone}");
    assert!(!gone.is_transient());

    let mut consumer = site.consumer(8);
    assert_eq!(crate::site::drain(&mut consumer, 3).await, [0, 1, 2]);
    let left = inspector.delete_if_empty(&site.topology).await.unwrap();
    assert_eq!(left.len(), 1, "it has a consumer still");
    consumer.close().await;
    site.holds(&site.queue(), 0).await;
    let mut left = left;
    for _ in 0..100 {
        left = inspector.delete_if_empty(&site.topology).await.unwrap();
        if left.is_empty() {
            break;
        }
    }
    assert_eq!(left, []);
    assert_eq!(inspector.depths(&new).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_broker_cannot_be_had_is_told_apart() {
    let settings = fresh();
    let topology = Topology::new("t.", 1).unwrap();

    let mut stranger = settings.clone();
    stranger.url = settings.url.replace("guest:guest", "guest:wrong-password");
    let error = Inspector::connect(&stranger).await.err().unwrap();
    assert!(matches!(error, QueueError::Denied { .. }), "{error}");
    assert!(!error.is_transient());
    assert!(!error.to_string().contains("wrong-password"), "{error}");

    let nowhere = Settings::new(shared_rabbit().vhost_url("no-such-vhost"));
    let error = Inspector::connect(&nowhere).await.err().unwrap();
    assert!(!error.is_transient(), "{error}");

    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let silent = Settings::new(format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
    let error = topology.declare(&silent).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_rabbit_is_said() {
    use std::io::Write as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let settings = Settings::new(format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
    let error = Version::of(&settings).await.unwrap_err();
    assert!(matches!(error, QueueError::NotRabbit(_)), "{error}");
    server.join().unwrap();
}
