//! Intake from the broker: what outside systems publish to `claims.intake` is
//! verified, opened and submitted as from anywhere else. What cannot be is
//! buried with the reason, and its sender told where it can be reached.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::Result;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tally_core::canon::Blob;
use tally_core::interchange::Format;
use tally_queue::envelope::{self, Directory, Envelope, NodeKey, Opened, Rejected};
use tally_queue::{Batch, Consumer, Delivery as Message, Headers, Publisher, Reason, Topology};

use super::batch::Panicked;
use super::{Kind, Patience, Shared, is_missing, kind};
use crate::api::RefusalBody;
use crate::api::context::{Context, Trace};
use crate::config::Config;
use crate::failpoint;
use crate::node::{Delivery, Node, Reused, Submitted};
use tally_store::port::StoreError;
use tally_store::vault::VaultError;

/// Envelopes fetched at once.
const AT_ONCE: u16 = 16;
/// How often an envelope that the program fails at is tried again.
const HARMED: u32 = 2;
/// What an answer is.
const ANSWER: &str = "application/vnd.tallystick.acknowledgement+json; version=1";

/// A message as it came, to be kept and perhaps published again.
pub struct Letter {
    /// What it says its body is.
    pub content_type: String,
    /// Where an answer is wanted.
    pub reply_to: String,
    /// What the sender calls it.
    pub id: String,
    /// Where it was published to.
    pub routing_key: String,
    /// The body.
    pub body: Blob,
}

tally_core::canon_record!(Letter {
    content_type,
    reply_to,
    id,
    routing_key,
    body
});

impl Letter {
    /// A delivery.
    pub fn of(delivery: &Message) -> Self {
        let headers = delivery.headers();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            content_type: text(headers.content_type()),
            reply_to: text(headers.reply_to()),
            id: text(headers.message_id()),
            routing_key: headers
                .text(tally_queue::header::ORIGIN_KEY)
                .unwrap_or_else(|| delivery.routing_key().to_owned()),
            body: Blob(delivery.body().to_vec()),
        }
    }
}

/// Whom the node takes envelopes from.
///
/// # Errors
/// When a key is none.
pub fn directory(node: &Node, config: &Config) -> Result<Directory> {
    let key = NodeKey::new(&node.keys().envelope)
        .ok_or_else(|| anyhow::anyhow!("the node's envelope key is none: restore its `keys`"))?;
    let mut directory = Directory::new(key).with_limit(config.intake.limit);
    for other in node.envelope_secrets() {
        directory.also_open(other);
    }
    directory.serve(&config.node.payer);
    for organisation in &config.organisations {
        directory
            .register(&organisation.id, &organisation.key.0)
            .map_err(|error| anyhow::anyhow!("the key of `{}`: {error}", organisation.id))?;
    }
    Ok(directory)
}

/// Takes in until it is told to stop.
///
/// # Errors
/// When a registered key is none.
pub async fn run(shared: Arc<Shared>) -> Result<()> {
    let mut known = shared.node.envelope_secrets().len();
    let mut directory = self::directory(&shared.node, &shared.config)?;
    let topology = shared.topology(shared.node.partitions().get())?;
    let publisher = Publisher::new(shared.broker.clone());
    let mut consumer = Consumer::new(shared.broker.clone(), &topology.intake(), AT_ONCE);
    let mut patience = Patience::new("consuming envelopes");
    loop {
        let taken = tokio::select! {
            () = shared.stop.told() => break,
            taken = consumer.next(AT_ONCE.into()) => taken,
        };
        // A key that was made since may be in force by now.
        let now = shared.node.envelope_secrets().len();
        if now != known {
            (known, directory) = (now, self::directory(&shared.node, &shared.config)?);
        }
        let taken = match taken {
            Ok(batch) => {
                let desk = Desk {
                    shared: &shared,
                    directory: &directory,
                    topology: &topology,
                    publisher: &publisher,
                };
                desk.work(batch).await
            }
            Err(error) => {
                if is_missing(&error) {
                    let _ = topology.declare(&shared.broker).await;
                }
                Err(error.into())
            }
        };
        match taken {
            Ok(()) => patience = Patience::new("consuming envelopes"),
            Err(error) => {
                if !patience.wait(&shared.stop, &error).await {
                    break;
                }
            }
        }
    }
    consumer.close().await;
    publisher.close().await;
    Ok(())
}

/// What became of an envelope that was opened.
enum Taken {
    /// It was submitted, or is no submission: the answer to its sender.
    In(Value),
    /// It cannot be.
    Harmful(Reason),
    /// The process is to stop.
    Stopped,
}

struct Desk<'a> {
    shared: &'a Shared,
    directory: &'a Directory,
    topology: &'a Topology,
    publisher: &'a Publisher,
}

impl Desk<'_> {
    async fn work(&self, mut batch: Batch) -> Result<()> {
        for at in 0..batch.deliveries().len() {
            let Some(message) = batch.deliveries().get(at) else {
                break;
            };
            let content_type = message.headers().content_type();
            let opened = Envelope::open(message.body(), content_type, self.directory);
            match opened {
                Ok(opened) => {
                    let trace = message.headers().traceparent();
                    let trace = Trace::continuing(trace.as_deref());
                    let answer = match self.submit(&opened, trace).await {
                        Taken::In(answer) => answer,
                        // To stop: the rest is delivered again.
                        Taken::Stopped => return Ok(()),
                        // The same again would end the same: it must not hold
                        // up what others send.
                        Taken::Harmful(reason) => {
                            let answer = refusal(&reason);
                            self.reply(message, Some(&opened.submitter), &answer).await;
                            self.bury(&mut batch, at, Some(&opened.submitter), &reason)
                                .await?;
                            continue;
                        }
                    };
                    self.reply(message, Some(&opened.submitter), &answer).await;
                }
                Err(rejected) => {
                    let claimed = self.claimed(message, rejected);
                    let answer = refusal(&rejected.reason());
                    self.reply(message, claimed.as_deref(), &answer).await;
                    self.bury(&mut batch, at, claimed.as_deref(), &rejected.reason())
                        .await?;
                    metrics::counter!("tally_envelopes_rejected_total", "code" => rejected.code())
                        .increment(1);
                }
            }
        }
        failpoint::reach("before-intake-ack");
        batch.ack().await?;
        self.shared.queued.notify_one();
        Ok(())
    }

    async fn bury(
        &self,
        batch: &mut Batch,
        at: usize,
        submitter: Option<&str>,
        reason: &Reason,
    ) -> Result<()> {
        let buried = batch.bury_from(at, submitter, reason, self.publisher, self.topology);
        Ok(buried.await?)
    }

    /// Who signed an envelope that was rejected for something after that.
    fn claimed(&self, message: &Message, rejected: Rejected) -> Option<String> {
        if !matches!(rejected, Rejected::DoesNotOpen) {
            return None;
        }
        let content_type = message.headers().content_type();
        let read = Envelope::read(message.body(), content_type, self.directory.limit()).ok()?;
        Some(read.claimed_submitter().to_owned())
    }

    /// Submits what an envelope holds.
    async fn submit(&self, opened: &Opened, trace: Trace) -> Taken {
        let context = Context {
            request: opened.interchange.clone(),
            trace,
        };
        let mut patience = Patience::new("taking in an envelope");
        let mut harmed = 0;
        loop {
            let delivery = Delivery {
                submitter: &opened.submitter,
                interchange: Some(&opened.interchange),
                bytes: &opened.payload,
                format: Some(format(opened.format)),
                succeeds: None,
            };
            let submitting = context.clone().scope(self.shared.node.submit(delivery));
            let submitting = AssertUnwindSafe(submitting).catch_unwind();
            let submitted = match submitting.await {
                Ok(submitted) => submitted,
                Err(said) => Err(Panicked::of(said.as_ref()).into()),
            };
            match submitted {
                Ok(submitted) => return Taken::In(acknowledgement(opened, &submitted)),
                Err(error) if error.is::<Reused>() => {
                    let reason = Reason {
                        code: "Q110".to_owned(),
                        text: error.to_string(),
                    };
                    return Taken::In(refusal(&reason));
                }
                Err(error) if is_its_own(&error) && harmed >= HARMED => {
                    tracing::error!(
                        error = crate::cli::chain(&error),
                        "an envelope could not be taken in"
                    );
                    return Taken::Harmful(Reason {
                        code: "Q111".to_owned(),
                        text: crate::cli::chain(&error),
                    });
                }
                Err(error) => {
                    harmed += u32::from(is_its_own(&error));
                    if !patience.wait(&self.shared.stop, &error).await {
                        return Taken::Stopped;
                    }
                }
            }
        }
    }

    /// Answers whoever sent a message. One that cannot be reached is not told.
    async fn reply(&self, message: &Message, submitter: Option<&str>, answer: &Value) {
        let headers = match Headers::new().with_content_type(ANSWER) {
            Ok(headers) => headers,
            Err(_) => return,
        };
        let body = answer.to_string().into_bytes();
        let told = tally_queue::reply(
            self.publisher,
            self.topology,
            message.headers(),
            submitter,
            body,
            headers,
        );
        if let Err(error) = told.await {
            tracing::debug!(%error, "a submitter could not be told");
        }
    }
}

/// Whether an error is of this envelope alone: the program fails at it, or what
/// the store gave out for it is damaged. The databases are well.
fn is_its_own(error: &anyhow::Error) -> bool {
    let of_a_database = error.is::<StoreError>() || error.is::<VaultError>();
    kind(error) == Kind::Poison || !of_a_database
}

fn format(format: envelope::Format) -> Format {
    match format {
        envelope::Format::Fhir => Format::FhirJson,
        envelope::Format::FhirNdjson => Format::FhirNdjson,
        envelope::Format::Tally => Format::TallyJson,
    }
}

fn refusal(reason: &Reason) -> Value {
    json!({ "version": 1, "accepted": false, "code": reason.code, "reason": reason.text })
}

fn acknowledgement(opened: &Opened, submitted: &Submitted) -> Value {
    let refusals: Vec<RefusalBody> = submitted.refusals.iter().map(RefusalBody::from).collect();
    json!({
        "version": 1,
        "accepted": true,
        "interchange": opened.interchange,
        "again": submitted.again,
        "read": submitted.read,
        "claims": submitted.claims.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "refusals": refusals,
    })
}
