//! The list of flags: what a person should look at, the highest score first.

use std::collections::BTreeMap;

use askama::Template;
use tally_core::fraud::DetectorId;
use tally_store::port::FlagFilter;
use tally_types::ServiceDate;

use super::chart::{Svg, bar};
use super::error::Failure;
use super::show::{Shell, Tab, field, grouped, html, words};
use super::{Answered, Asked, Shared};
use crate::node::FlagRead;
use crate::policies::Book;

/// Flags on the page.
const LIMIT: u32 = 200;

/// A flag in a list.
pub(super) struct FlagRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) score: u16,
    pub(super) bar: Svg,
    pub(super) dates: String,
    pub(super) claims: String,
    pub(super) exposure: String,
    pub(super) most: String,
}

impl FlagRow {
    pub(super) fn of(read: &FlagRead) -> Self {
        let flag = &read.flag;
        let mut claims: Vec<_> = flag.claims.iter().map(|(claim, _)| claim).collect();
        claims.sort();
        claims.dedup();
        Self {
            id: flag.id.to_string(),
            name: words(flag.pattern.as_str()),
            score: flag.score,
            bar: bar(&[(0, flag.score.into(), band(flag.score))], 1000),
            dates: dates(flag.first_seen, flag.last_seen),
            claims: claims.len().to_string(),
            exposure: grouped(flag.exposure),
            most: flag
                .parts
                .iter()
                .max_by_key(|part| part.points)
                .map_or(String::new(), |part| part.reason.clone()),
        }
    }
}

/// How high a score is, in a word that is also a class.
pub(super) fn band(score: u16) -> &'static str {
    match score {
        800.. => "high",
        500.. => "medium",
        _ => "low",
    }
}

pub(super) fn dates(first: ServiceDate, last: ServiceDate) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    }
}

/// Every pattern there can be: the detectors', then the policies', each with
/// its title.
pub(super) fn patterns(book: &Book) -> Vec<(String, String)> {
    let detectors = DetectorId::ALL.map(|d| (d.as_str().to_owned(), words(d.as_str())));
    let mut own = BTreeMap::new();
    for (_, publication) in book.publications() {
        let description = book
            .loaded(&publication.policy)
            .map(|loaded| loaded.policy.description());
        for pattern in description.into_iter().flat_map(|d| &d.patterns) {
            own.insert(pattern.id.clone(), pattern.title.clone());
        }
    }
    let mut all: Vec<_> = detectors.into();
    own.retain(|id, _| all.iter().all(|(known, _)| known != id));
    all.extend(own);
    all
}

#[derive(Template)]
#[template(path = "flags.html")]
struct Flags {
    shell: Shell,
    flags: Vec<FlagRow>,
    patterns: Vec<(String, String, bool)>,
    provider: String,
    member: String,
    from: String,
    through: String,
    scores: [(&'static str, &'static str, bool); 4],
    filtered: bool,
    found: String,
}

pub(super) async fn page(site: Shared, asked: Asked) -> Answered {
    let node = &site.node;
    let text = |name| field(&asked, name).unwrap_or_default().to_owned();
    let given = |name| field(&asked, name);
    let filter = FlagFilter {
        pattern: given("pattern").map(str::to_owned),
        provider: given("provider").map(|id| node.provider_token(id)),
        member: given("member").map(|id| node.member_token(id)),
        claim: None,
        id: None,
        from: given("from").map(date).transpose()?,
        through: given("through").map(date).transpose()?,
        score: given("score").map(score).transpose()?,
        limit: LIMIT,
    };
    let reads = node.read_flags(&filter, "page:flags").await?;
    let names = ["pattern", "provider", "member", "from", "through", "score"];
    let found = match reads.len() {
        1 => "1 flag".to_owned(),
        many if many == LIMIT as usize => {
            format!("The {many} highest; narrow the filter to see others")
        }
        many => format!("{many} flags"),
    };
    html(&Flags {
        shell: Shell::new("Flags", Tab::Flags, node.origin()),
        flags: reads.iter().map(FlagRow::of).collect(),
        patterns: patterns(&node.book().await?)
            .into_iter()
            .map(|(id, title)| {
                let chosen = given("pattern") == Some(&id);
                (id, title, chosen)
            })
            .collect(),
        provider: text("provider"),
        member: text("member"),
        from: text("from"),
        through: text("through"),
        scores: [
            ("", "Any"),
            ("300", "300 and up"),
            ("500", "500 and up"),
            ("800", "800 and up"),
        ]
        .map(|(score, name)| (score, name, given("score") == Some(score))),
        filtered: names.into_iter().any(|name| given(name).is_some()),
        found,
    })
}

const ALL: (&str, &str) = ("/flags", "All flags");

fn date(text: &str) -> Result<ServiceDate, Failure> {
    ServiceDate::parse(text).map_err(|error| Failure::wrong(format!("A date: {error}."), ALL))
}

fn score(text: &str) -> Result<u16, Failure> {
    text.parse()
        .ok()
        .filter(|score| *score <= 1000)
        .ok_or_else(|| Failure::wrong("A score is a number from 0 to 1000.".into(), ALL))
}
