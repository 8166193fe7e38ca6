//! Messages: a body and headers.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::error::QueueError;

/// Names of headers.
pub mod header {
    /// The context of a W3C trace.
    pub const TRACEPARENT: &str = "traceparent";
    /// Why a message was buried: a stable code.
    pub const REASON: &str = "x-tally-reason";
    /// The same in words.
    pub const REASON_TEXT: &str = "x-tally-reason-text";
    /// The queue a buried message was taken from.
    pub const ORIGIN: &str = "x-tally-origin";
    /// The routing key it had there.
    pub const ORIGIN_KEY: &str = "x-tally-origin-key";
    /// When it was buried: seconds since 1970, an AMQP timestamp.
    pub const BURIED: &str = "x-tally-buried";
    /// Who sent a buried message, as far as its signature showed.
    pub const SUBMITTER: &str = "x-tally-submitter";
    /// Tells a message that an operator tried again from the one before.
    pub const REPLAYED: &str = "x-tally-replayed";
    /// How often a quorum queue gave the message out before.
    pub const DELIVERIES: &str = "x-delivery-count";
    /// Tells a returned message from its neighbours.
    pub(crate) const PUBLISH: &str = "x-tally-publish";
}

/// The most characters of a reason's words that are kept.
const REASON_CHARS: usize = 500;

/// A short string of AMQP: at most 255 bytes.
pub(crate) fn short(text: &str) -> Result<ShortString, QueueError> {
    ShortString::try_new(text).map_err(|_| {
        QueueError::Name(format!(
            "a name of {} bytes is longer than AMQP allows (255)",
            text.len()
        ))
    })
}

/// Why a message is buried or refused: a stable code, and words without
/// anything that identifies a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The code.
    pub code: String,
    /// The words.
    pub text: String,
}

/// The properties of a message. Foreign ones are kept as they came.
#[derive(Clone, Default)]
pub struct Headers {
    pub(crate) properties: BasicProperties,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The message's id.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.properties
            .message_id()
            .as_ref()
            .map(ShortString::as_str)
    }

    /// Sets the message's id.
    ///
    /// # Errors
    /// When it is longer than 255 bytes.
    pub fn with_message_id(mut self, id: &str) -> Result<Self, QueueError> {
        self.properties = self.properties.with_message_id(short(id)?);
        Ok(self)
    }

    /// What the body is.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.properties
            .content_type()
            .as_ref()
            .map(ShortString::as_str)
    }

    /// Says what the body is.
    ///
    /// # Errors
    /// When it is longer than 255 bytes.
    pub fn with_content_type(mut self, content_type: &str) -> Result<Self, QueueError> {
        self.properties = self.properties.with_content_type(short(content_type)?);
        Ok(self)
    }

    /// The queue the sender awaits an answer on.
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        self.properties.reply_to().as_ref().map(ShortString::as_str)
    }

    /// Names the queue an answer is awaited on.
    ///
    /// # Errors
    /// When it is longer than 255 bytes.
    pub fn with_reply_to(mut self, queue: &str) -> Result<Self, QueueError> {
        self.properties = self.properties.with_reply_to(short(queue)?);
        Ok(self)
    }

    /// What ties an answer to its question.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.properties
            .correlation_id()
            .as_ref()
            .map(ShortString::as_str)
    }

    /// Ties an answer to its question.
    ///
    /// # Errors
    /// When it is longer than 255 bytes.
    pub fn with_correlation_id(mut self, id: &str) -> Result<Self, QueueError> {
        self.properties = self.properties.with_correlation_id(short(id)?);
        Ok(self)
    }

    /// A header that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            AMQPValue::ShortString(text) => Some(text.to_string()),
            _ => None,
        }
    }

    /// Sets a header of text. A name longer than 255 bytes is left out.
    #[must_use]
    pub fn with_text(self, name: &str, text: &str) -> Self {
        self.with_value(name, AMQPValue::LongString(text.into()))
    }

    /// A header that is a whole number or a time.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match *self.value(name)? {
            AMQPValue::ShortShortInt(n) => Some(n.into()),
            AMQPValue::ShortShortUInt(n) => Some(n.into()),
            AMQPValue::ShortInt(n) => Some(n.into()),
            AMQPValue::ShortUInt(n) => Some(n.into()),
            AMQPValue::LongInt(n) => Some(n.into()),
            AMQPValue::LongUInt(n) => Some(n.into()),
            AMQPValue::LongLongInt(n) => Some(n),
            AMQPValue::Timestamp(n) => i64::try_from(n).ok(),
            _ => None,
        }
    }

    /// The W3C trace context, when it is well formed.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.text(header::TRACEPARENT)
            .filter(|text| is_traceparent(text))
    }

    /// Passes a trace context on; one that is not well formed is left out.
    #[must_use]
    pub fn with_traceparent(self, traceparent: &str) -> Self {
        if is_traceparent(traceparent) {
            self.with_text(header::TRACEPARENT, traceparent)
        } else {
            self
        }
    }

    /// Why it was buried or refused.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Some(Reason {
            code: self.text(header::REASON)?,
            text: self.text(header::REASON_TEXT).unwrap_or_default(),
        })
    }

    /// Says why it is buried or refused.
    #[must_use]
    pub fn with_reason(self, reason: &Reason) -> Self {
        let words: String = reason.text.chars().take(REASON_CHARS).collect();
        self.with_text(header::REASON, &reason.code)
            .with_text(header::REASON_TEXT, &words)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&AMQPValue> {
        self.properties.headers().as_ref()?.inner().get(name)
    }

    pub(crate) fn with_value(mut self, name: &str, value: AMQPValue) -> Self {
        if let Ok(name) = ShortString::try_new(name) {
            let mut table = self.properties.headers().clone().unwrap_or_default();
            table.insert(name, value);
            self.properties = self.properties.with_headers(table);
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        if let Some(table) = self.properties.headers() {
            let kept = table.inner().iter().filter(|(key, _)| key.as_str() != name);
            let kept: FieldTable = kept
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()
                .into();
            self.properties = self.properties.with_headers(kept);
        }
        self
    }
}

/// `version-trace-parent-flags` in lower-case hexadecimal, neither id all zero.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let id = |part: &str, length| hex(part, length) && part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else {
        return false;
    };
    hex(version, 2) && version != "ff" && id(trace, 32) && id(parent, 16) && hex(flags, 2)
}

/// A message to publish. It is kept on disk by the broker.
#[derive(Clone, Default)]
pub struct Outgoing {
    /// The exchange; empty for the default one, which routes to a queue's name.
    pub exchange: String,
    /// Where the exchange routes it.
    pub routing_key: String,
    /// The body.
    pub body: Vec<u8>,
    /// Its headers.
    pub headers: Headers,
    /// Whether it is for whoever listens: with nobody there it is dropped, and
    /// counts as confirmed.
    pub unheard: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_a_sound_trace_context_is_passed_on() {
        let headers = Headers::new().with_traceparent(TRACE);
        assert_eq!(headers.traceparent().as_deref(), Some(TRACE));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Headers::new().with_traceparent(bad).traceparent(), None);
            let forged = Headers::new().with_text(header::TRACEPARENT, bad);
            assert_eq!(forged.traceparent(), None);
        }
    }

    #[test]
    fn a_reason_is_cut_and_a_long_name_refused() {
        let reason = Reason {
            code: "Q103".to_owned(),
            text: "é".repeat(900),
        };
        let read = Headers::new().with_reason(&reason).reason().unwrap();
        assert_eq!(read.code, "Q103");
        assert_eq!(read.text.chars().count(), REASON_CHARS);
        let long = Headers::new().with_message_id(&"m".repeat(256));
        assert!(matches!(long, Err(QueueError::Name(_))));
    }

    #[test]
    fn a_header_is_removed_alone() {
        let headers = Headers::new().with_text("a", "1").with_text("b", "2");
        let headers = headers.without("a");
        assert_eq!(headers.text("a"), None);
        assert_eq!(headers.text("b").as_deref(), Some("2"));
    }
}
