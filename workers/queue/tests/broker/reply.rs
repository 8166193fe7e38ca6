use tally_queue::{Consumer, Fate, Headers, bind_results, reply};

use crate::site::{Site, next, raw_queue};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_where_it_is_awaited() {
    let site = Site::new(1).await;
    raw_queue(&site.settings, "answers", &[]).await;
    let asked = Headers::new()
        .with_reply_to("answers")
        .unwrap()
        .with_message_id("m-1")
        .unwrap();
    let answer = async |to: Headers, submitter: Option<&'static str>| {
        let headers = Headers::new()
            .with_content_type("application/json")
            .unwrap();
        let body = b"{}".to_vec();
        reply(
            &site.publisher,
            &site.topology,
            &to,
            submitter,
            body,
            headers,
        )
        .await
        .unwrap()
    };
    assert_eq!(answer(asked.clone(), None).await, Fate::Confirmed);
    let mut consumer = Consumer::new(site.settings.clone(), "answers", 1);
    let batch = next(&mut consumer, 1).await;
    let headers = batch.deliveries()[0].headers();
    assert_eq!(headers.correlation_id(), Some("m-1"));
    assert_eq!(headers.content_type(), Some("application/json"));
    batch.ack().await.unwrap();

    // Nobody awaits it: no error.
    let gone = Headers::new().with_reply_to("gone").unwrap();
    assert_eq!(answer(gone, None).await, Fate::Returned);
    let silent = Headers::new();
    assert_eq!(answer(silent.clone(), None).await, Fate::Returned);
    assert_eq!(
        answer(silent.clone(), Some("mercy-clinic")).await,
        Fate::Returned
    );

    // By the submitter's id.
    bind_results(&site.settings, &site.topology, "mercy-clinic", "mercy")
        .await
        .unwrap();
    bind_results(&site.settings, &site.topology, "mercy-clinic", "mercy")
        .await
        .unwrap();
    assert_eq!(
        answer(silent.clone(), Some("mercy-clinic")).await,
        Fate::Confirmed
    );
    assert_eq!(answer(silent, Some("st-elsewhere")).await, Fate::Returned);
    site.holds("mercy", 1).await;

    // Not into a queue of ours, whoever asks.
    let ours = Headers::new().with_reply_to(&site.queue()).unwrap();
    assert_eq!(answer(ours, None).await, Fate::Returned);
    site.holds(&site.queue(), 0).await;
    for (submitter, queue) in [("*", "q"), ("a.#", "q"), ("", "q"), ("a", "claims.intake")] {
        let bound = bind_results(&site.settings, &site.topology, submitter, queue).await;
        assert!(bound.is_err(), "{submitter} {queue}");
    }
}
