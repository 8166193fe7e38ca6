use tally_queue::{Consumer, Inspector, QueueError, Settings, Version};
use tally_rig::{Rabbit, RabbitOptions};

use crate::site::{Site, drain};

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_the_given_authority_is_trusted() {
    let rabbit = Rabbit::start_in(RabbitOptions::default().tls()).unwrap();
    let mut settings = Settings::new(rabbit.tls_url().unwrap());
    settings.ca = Some(rabbit.ca_path().unwrap().to_owned());
    let site = Site::with(settings.clone(), 1).await;
    site.publisher.publish(&site.messages(0..10)).await.unwrap();
    let mut consumer = Consumer::new(settings.clone(), &site.queue(), 10);
    assert_eq!(drain(&mut consumer, 10).await, (0..10).collect::<Vec<_>>());

    // The authority of another node.
    let other = Rabbit::start_in(RabbitOptions::default().tls()).unwrap();
    settings.ca = Some(other.ca_path().unwrap().to_owned());
    let version = Version::of(&settings).await.map(|_| ());
    let declared = site.topology.declare(&settings).await.map(|_| ());
    let connected = Inspector::connect(&settings).await.map(|_| ());
    for refused in [version, declared, connected] {
        let error = refused.unwrap_err();
        assert!(matches!(error, QueueError::Untrusted { .. }), "{error}");
        assert!(!error.is_transient());
    }
}
