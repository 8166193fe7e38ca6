//! What nodes say under `tally::trace`, as the lines that `tally_model::check_trace`
//! takes.

use std::cell::RefCell;
use std::fmt::Debug;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    /// Whose code runs; nobody's whose word is worth nothing.
    static SPEAKER: RefCell<Option<String>> = const { RefCell::new(None) };
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs the code of a node; a liar has no name, and nothing of it is taken down.
pub fn speaking<T>(name: Option<&str>, run: impl FnOnce() -> T) -> T {
    SPEAKER.with_borrow_mut(|speaker| *speaker = name.map(str::to_owned));
    let done = run();
    SPEAKER.with_borrow_mut(|speaker| *speaker = None);
    done
}

/// Whoever killed a node says so.
pub fn killed(name: &str) {
    let line = serde_json::json!({"node": name, "event": "killed"});
    LINES.with_borrow_mut(|lines| lines.push(line.to_string()));
}

pub fn take() -> Vec<String> {
    LINES.take()
}

pub struct Taker;

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = match field.name() {
            "message" => "event",
            name => name,
        };
        self.0.insert(name.to_owned(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Subscriber for Taker {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tally::trace"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let Some(node) = SPEAKER.with_borrow(Clone::clone) else {
            return;
        };
        let mut fields = Fields(Map::new());
        fields.0.insert("node".to_owned(), node.into());
        event.record(&mut fields);
        let line = Value::Object(fields.0).to_string();
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
