//! A place in a JSON document: reads what is there, and says where and what
//! it was when it is not what was asked for. No error quotes a text.

use super::json::Json;
use super::refusal::{Fault, IntakeRule, Place};

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Node<'a> {
    json: &'a Json<'a>,
    place: String,
}

impl Place for Node<'_> {
    fn fault(&self, rule: IntakeRule, reason: impl Into<String>) -> Fault {
        Fault::new(rule, self.place.clone(), reason)
    }
}

impl<'a> Node<'a> {
    pub fn new(json: &'a Json<'a>, place: impl Into<String>) -> Self {
        Self {
            json,
            place: place.into(),
        }
    }

    pub fn json(&self) -> &'a Json<'a> {
        self.json
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// Where a key of this object stands.
    pub fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.place)
    }

    /// A broken rule at a key of this object.
    pub fn fault_at(&self, key: &str, rule: IntakeRule, reason: impl Into<String>) -> Fault {
        Fault::new(rule, self.at(key), reason)
    }

    fn wrong(&self, expected: &str) -> Fault {
        self.fault(
            IntakeRule::WrongType,
            format!("{expected} is expected, {} was found", self.json.kind()),
        )
    }

    fn entries(&self) -> Result<&'a [(std::borrow::Cow<'a, str>, Json<'a>)], Fault> {
        match self.json {
            Json::Object(entries) => Ok(entries),
            _ => Err(self.wrong("an object")),
        }
    }

    /// The keys of this object, in order.
    pub fn keys(&self) -> Result<impl Iterator<Item = &'a str>, Fault> {
        Ok(self.entries()?.iter().map(|(key, _)| key.as_ref()))
    }

    /// The value of a key, where it has one.
    pub fn get(&self, key: &str) -> Result<Option<Self>, Fault> {
        let entries = self.entries()?;
        Ok(entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, json)| Self {
                json,
                place: format!("{}.{key}", self.place),
            }))
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &str) -> Result<Self, Fault> {
        self.get(key)?
            .ok_or_else(|| self.fault_at(key, IntakeRule::Missing, "it is missing"))
    }

    /// The items of this list.
    pub fn list(&self) -> Result<impl Iterator<Item = Self> + use<'a>, Fault> {
        let Json::List(items) = self.json else {
            return Err(self.wrong("a list"));
        };
        let place = self.place.clone();
        Ok(items.iter().enumerate().map(move |(i, json)| Self {
            json,
            place: format!("{place}[{i}]"),
        }))
    }

    /// The items of the list at a key; none when the key is not there.
    pub fn items(&self, key: &str) -> Result<Vec<Self>, Fault> {
        match self.get(key)? {
            None => Ok(Vec::new()),
            Some(list) => Ok(list.list()?.collect()),
        }
    }

    /// The items of the list at a key, at most `limit`.
    pub fn items_within(&self, key: &str, limit: usize) -> Result<Vec<Self>, Fault> {
        let items = self.items(key)?;
        if items.len() > limit {
            return Err(self.fault_at(
                key,
                IntakeRule::TooMany,
                format!("{} where at most {limit} may stand", items.len()),
            ));
        }
        Ok(items)
    }

    pub fn text(&self) -> Result<&'a str, Fault> {
        match self.json {
            Json::Text(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    pub fn bool(&self) -> Result<bool, Fault> {
        match self.json {
            Json::Bool(value) => Ok(*value),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// The text of a number.
    pub fn number(&self) -> Result<&'a str, Fault> {
        match self.json {
            Json::Number(number) => Ok(number),
            _ => Err(self.wrong("a number")),
        }
    }

    /// The text of a number that may stand as a text too.
    pub fn number_or_text(&self) -> Result<&'a str, Fault> {
        match self.json {
            Json::Number(text) | Json::Text(text) => Ok(text),
            _ => Err(self.wrong("a decimal number, as a text or a number")),
        }
    }
}
