//! What an address says: the name in its path, and the fields of its query, each
//! once, and none that is not known.

use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use tally_core::claim::ClaimId;
use tally_types::ServiceDate;

use super::ROOT;
use super::answer::encoded;
use super::problem::{Code, Problem};

/// The name in an address.
pub(super) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Problem::new(
                Code::NotFound,
                "The address is not UTF-8: nothing has such a name.",
            )),
        }
    }
}

/// A query, pair by pair.
pub(super) struct Asked(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(_) => Err(Problem::parameter("The query cannot be read.")),
        }
    }
}

/// The fields of a query.
pub(super) struct Fields<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Fields<'a> {
    /// Of a query's pairs; a field that is empty is as if it were not there.
    pub(super) fn of(
        pairs: &'a [(String, String)],
        known: &[&'static str],
    ) -> Result<Self, Problem> {
        let mut fields: Vec<(&'static str, &str)> = Vec::new();
        for (name, value) in pairs {
            let Some(name) = known.iter().find(|known| *known == name) else {
                return Err(Problem::parameter(format!(
                    "The parameters there are: {}.",
                    known.join(", ")
                )));
            };
            if fields.iter().any(|(given, _)| given == name) {
                return Err(Problem::parameter(format!("`{name}` stands twice.")));
            }
            fields.push((name, value));
        }
        fields.retain(|(_, value)| !value.is_empty());
        Ok(Self(fields))
    }

    /// The address of the next page of a list: after what, so many, and what else was
    /// asked for.
    pub(super) fn next(
        &self,
        list: &str,
        (from, last): (&str, &str),
        limit: impl std::fmt::Display,
        others: &[&str],
    ) -> String {
        let mut address = format!("{ROOT}/{list}?{from}={last}&limit={limit}");
        for name in others {
            if let Some(value) = self.get(name) {
                address.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        address
    }

    /// A field's text.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| *value)
    }

    /// A number in a range.
    pub(super) fn number<N>(
        &self,
        name: &str,
        default: N,
        range: RangeInclusive<N>,
    ) -> Result<N, Problem>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            Problem::parameter(format!(
                "`{name}` is a number from {} to {}.",
                range.start(),
                range.end()
            ))
        })
    }

    /// A claim's id.
    pub(super) fn claim(&self, name: &str) -> Result<Option<ClaimId>, Problem> {
        let read = |text| {
            ClaimId::parse(text).ok_or_else(|| {
                Problem::parameter(format!(
                    "`{name}` is the id of a claim: 32 hexadecimal digits."
                ))
            })
        };
        self.get(name).map(read).transpose()
    }

    /// A date.
    pub(super) fn date(&self, name: &str) -> Result<Option<ServiceDate>, Problem> {
        let read = |text| {
            ServiceDate::parse(text)
                .map_err(|_| Problem::parameter(format!("`{name}` is a date as 2026-03-02.")))
        };
        self.get(name).map(read).transpose()
    }
}
