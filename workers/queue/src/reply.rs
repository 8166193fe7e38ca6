//! Answers to submitters.

use crate::error::QueueError;
use crate::message::{Headers, Outgoing, short};
use crate::publisher::{Fate, Publisher};
use crate::settings::{Settings, goodbye, within};
use crate::topology::{Topology, bind, queue, quorum};
use crate::version::Version;

/// Answers a message: to the queue its sender named in `reply_to`, or else to
/// the results exchange under the submitter's id. An answer that nobody awaits
/// is no error: its fate is [`Fate::Returned`].
///
/// A `reply_to` that names a queue of ours is not used: the default exchange
/// would put whatever we say there.
///
/// # Errors
/// As [`Publisher::publish`].
pub async fn reply(
    publisher: &Publisher,
    topology: &Topology,
    to: &Headers,
    submitter: Option<&str>,
    body: Vec<u8>,
    mut headers: Headers,
) -> Result<Fate, QueueError> {
    if let Some(id) = to.correlation_id().or(to.message_id()) {
        headers = headers.with_correlation_id(id)?;
    }
    if let Some(traceparent) = to.traceparent() {
        headers = headers.with_traceparent(&traceparent);
    }
    let asked = to
        .reply_to()
        .filter(|name| !name.is_empty() && !Topology::owns(name));
    let (exchange, routing_key) = match (asked, submitter) {
        (Some(queue), _) => (String::new(), queue.to_owned()),
        (None, Some(submitter)) => (topology.results(), submitter.to_owned()),
        (None, None) => return Ok(Fate::Returned),
    };
    let answer = Outgoing {
        exchange,
        routing_key,
        body,
        headers,
        unheard: false,
    };
    publisher.publish_one(&answer).await
}

/// Declares a durable queue and binds it to a submitter's results.
///
/// # Errors
/// When the id or the name cannot be used, or the broker refuses.
pub async fn bind_results(
    settings: &Settings,
    topology: &Topology,
    submitter: &str,
    name: &str,
) -> Result<(), QueueError> {
    if submitter.is_empty() || submitter.contains(['*', '#']) {
        return Err(QueueError::Name(
            "a submitter's id is not empty and has no `*` or `#`: these would \
             match the results of others"
                .to_owned(),
        ));
    }
    if Topology::owns(name) || name.is_empty() {
        return Err(QueueError::Name(format!("`{name}` is a name of our own")));
    }
    short(name)?;
    let version = Version::of(settings).await?;
    let connection = settings.connect("results").await?;
    let doing = format!("declaring `{name}`");
    let binding = async {
        let channel = connection
            .create_channel()
            .await
            .map_err(|error| QueueError::of("opening a channel", error))?;
        queue(&channel, name, quorum(version)).await?;
        bind(&channel, name, &topology.results(), submitter).await
    };
    let bound = within(settings.connect_timeout, &doing, binding).await;
    goodbye(&connection, "bound").await;
    bound
}
