//! What a request is known by while it is answered: its id and its trace.
//! Whoever works for it can ask, without being handed it: [`current`].

use axum::http::HeaderMap;
use tally_store::vault;

use crate::node::keys::{self, hex};

/// The header of a request's id.
pub const REQUEST_ID: &str = "x-request-id";
/// The header of a trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// The most bytes of a request's id.
const MAX_ID: usize = 64;

/// A trace, and our place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace, over all who take part in it.
    pub id: [u8; 16],
    /// Our part.
    pub span: [u8; 8],
    /// Whose part ours is a part of.
    pub parent: Option<[u8; 8]>,
    /// Whether it is recorded, and what else the sender says of it.
    pub flags: u8,
}

impl Trace {
    /// The trace a `traceparent` names, our part in it a new one; a new trace
    /// where it names none. A version above 00 is read as 00, as the standard
    /// asks.
    fn of(header: Option<&str>, random: [u8; 24]) -> Self {
        let (mut id, mut span) = ([0; 16], [0; 8]);
        let (first, rest) = random.split_at(16);
        id.copy_from_slice(first);
        span.copy_from_slice(rest);
        match header.and_then(parse) {
            Some((id, parent, flags)) => Self {
                id,
                span,
                parent: Some(parent),
                flags,
            },
            None => Self {
                id,
                span,
                parent: None,
                flags: 0,
            },
        }
    }

    /// The same, with a part of its own: for work that is taken over by another
    /// way than HTTP, with the header that came along.
    #[must_use]
    pub fn continuing(header: Option<&str>) -> Self {
        Self::of(header, random())
    }

    /// The header for whoever takes the work over from here.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!(
            "00-{}-{}-{:02x}",
            hex(&self.id),
            hex(&self.span),
            self.flags & 1
        )
    }
}

/// All the same only where the system has no randomness; no key can be made
/// there, so nothing is taken in.
fn random() -> [u8; 24] {
    vault::random().unwrap_or([1; 24])
}

fn parse(text: &str) -> Option<([u8; 16], [u8; 8], u8)> {
    let mut parts = text.split('-');
    let [version] = unhex::<1>(parts.next()?)?;
    let id = unhex::<16>(parts.next()?)?;
    let parent = unhex::<8>(parts.next()?)?;
    let [flags] = unhex::<1>(parts.next()?)?;
    let whole = version > 0 || parts.next().is_none();
    let sound = version != 0xff && id != [0; 16] && parent != [0; 8];
    (whole && sound && text.len() <= 256).then_some((id, parent, flags))
}

/// Lower case alone, as the standard has it.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    keys::unhex(text).filter(|_| lower)
}

/// What a request is known by.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its id: the sender's, or made here.
    pub request: String,
    /// Its trace.
    pub trace: Trace,
}

tokio::task_local! {
    static CONTEXT: Context;
}

impl Context {
    /// Of a request's headers. What is malformed in them is as if it were not
    /// there.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let id = header(REQUEST_ID).filter(|id| is_id(id));
        Self {
            request: id.map_or_else(|| hex(&random()[..12]), str::to_owned),
            trace: Trace::continuing(header(TRACEPARENT)),
        }
    }

    /// Lets it be known as [`current`] while something is awaited.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CONTEXT.scope(self, work).await
    }
}

fn is_id(id: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(sound)
}

/// What the request that is being answered is known by; `None` when none is.
#[must_use]
pub fn current() -> Option<Context> {
    CONTEXT.try_with(Clone::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_goes_on_with_a_part_of_its_own() {
        let trace = Trace::of(Some(SOUND), [9; 24]);
        assert_eq!(
            trace.traceparent(),
            "00-0af7651916cd43dd8448eb211c80319c-0909090909090909-01"
        );
        assert_eq!(trace.parent, unhex("b7ad6b7169203331"));
        let later = format!("cc{}-what-comes", &SOUND[2..]);
        assert_eq!(Trace::of(Some(&later), [9; 24]), trace);
    }

    #[test]
    fn what_is_no_traceparent_begins_a_trace() {
        for text in [
            "",
            "00",
            &SOUND.to_uppercase(),
            &SOUND.replacen("00", "ff", 1),
            &format!("{SOUND}-00"),
            &SOUND[..54],
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01",
        ] {
            assert_eq!(Trace::of(Some(text), [9; 24]).parent, None, "{text}");
        }
    }

    #[test]
    fn ids_are_short_and_plain() {
        for (id, sound) in [
            ("a", true),
            ("2026-11.25_x", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("é", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(is_id(id), sound, "{id}");
        }
    }
}
