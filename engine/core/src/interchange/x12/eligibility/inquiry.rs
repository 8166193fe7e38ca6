//! Who is asked about, when, and for which services.

use tally_types::{ServiceDate, ShortCode};
use tally_x12::ack::{self, Verdict};
use tally_x12::{Interchange, LoopRef, Tree};

use crate::claim::{Provider, Sex};
use crate::interchange::x12::reply::fit;
use crate::interchange::x12::spot::{Set, Spot};

/// Somebody as an inquiry describes them.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The identifier on the card; empty where it is not sent.
    pub identifier: String,
    /// Family name, empty where it is not sent.
    pub family: String,
    /// Given name, empty where it is not sent.
    pub given: String,
    /// Date of birth.
    pub birth: Option<ServiceDate>,
    /// Sex.
    pub sex: Sex,
}

/// A question about one patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Who asks.
    pub provider: Provider,
    /// The subscriber, or a member with an identifier of their own.
    pub subscriber: Person,
    /// The patient, where it is not the subscriber.
    pub dependant: Option<Person>,
    /// The types of service asked for (X12 list 1365), each once; `30`, the plan as
    /// a whole, where none is named.
    pub services: Vec<ShortCode>,
    /// The first day asked for.
    pub from: ServiceDate,
    /// The last.
    pub through: ServiceDate,
}

/// The service type of a plan as a whole.
pub(super) const PLAN: ShortCode = ShortCode::of("30");

/// A level that somebody is asked about in.
#[derive(Clone, Copy)]
pub(super) struct Level<'t, 'a> {
    pub receiver: LoopRef<'t, 'a>,
    pub subscriber: LoopRef<'t, 'a>,
    pub dependant: Option<LoopRef<'t, 'a>>,
}

/// The sound 270 sets of an interchange.
pub(super) fn sets<'a>(interchange: &Interchange<'a>) -> Vec<Tree<'a>> {
    let mut found = Vec::new();
    if interchange.is_rejected() {
        return found;
    }
    for group in interchange.groups.iter().filter(|g| g.faults.is_empty()) {
        for set in group.transactions.iter().filter(|set| set.set() == "270") {
            let judged = ack::judge(group, set);
            if judged.verdict() != Verdict::Rejected
                && let Some(tree) = judged.tree
            {
                found.push(tree);
            }
        }
    }
    found
}

/// Whether the subscriber is asked about, and not only somebody in the family.
pub(super) fn asks_of_subscriber(subscriber: LoopRef<'_, '_>) -> bool {
    let asked = subscriber
        .one("2100C")
        .is_some_and(|named| named.one("2110").is_some());
    asked || subscriber.one("2000D").is_none()
}

/// The levels of a set that ask about somebody, in order.
pub(super) fn levels<'t, 'a>(tree: &'t Tree<'a>) -> Vec<Level<'t, 'a>> {
    let mut found = Vec::new();
    for source in tree.root().loops("2000A") {
        for receiver in source.loops("2000B") {
            for subscriber in receiver.loops("2000C") {
                let of = |dependant| Level {
                    receiver,
                    subscriber,
                    dependant,
                };
                if asks_of_subscriber(subscriber) {
                    found.push(of(None));
                }
                found.extend(subscriber.loops("2000D").map(|d| of(Some(d))));
            }
        }
    }
    found
}

fn person(named: Option<LoopRef<'_, '_>>) -> Person {
    let spot = |tag| {
        let named = named?;
        Some(Spot::new(Set(0), named.id(), named.segment(tag)?))
    };
    let name = spot("NM1");
    let of = |element: usize, most| {
        let text = name.as_ref().map_or("", |name| name.at(element).text);
        fit(text, 1, most)
    };
    let demographics = spot("DMG");
    Person {
        identifier: of(9, 80),
        family: of(3, 60),
        given: of(4, 35),
        birth: demographics.as_ref().and_then(|d| d.at(2).day().ok()),
        sex: match demographics.as_ref().map_or("", |d| d.at(3).text) {
            "F" => Sex::Female,
            "M" => Sex::Male,
            _ => Sex::Unknown,
        },
    }
}

/// What a level asks.
pub(super) fn read(level: &Level<'_, '_>, today: ServiceDate) -> Inquiry {
    let asker = level.receiver.one("2100B").and_then(|at| at.segment("NM1"));
    let asker = asker.map_or("", |(_, name)| name.element(9));
    let named = match level.dependant {
        Some(dependant) => dependant.one("2100D"),
        None => level.subscriber.one("2100C"),
    };
    let mut services: Vec<ShortCode> = Vec::new();
    let mut days = None;
    if let Some(named) = named {
        // The day of a question, else of all of them.
        let questions = || named.loops("2110");
        for at in questions().chain([named]) {
            let dates = at.segments("DTP");
            let mut dates = dates.map(|found| Spot::new(Set(0), at.id(), found));
            let asked = dates.find(|date| ["291", "307", "472"].contains(&date.at(1).text));
            days = days.or_else(|| asked?.at(3).days().ok());
        }
        for question in questions() {
            for (_, eq) in question.segments("EQ") {
                let types = eq.repeats(1).filter_map(|text| ShortCode::parse(text).ok());
                services.extend(types.filter(|service| !service.is_none()));
            }
        }
    }
    let mut once: Vec<ShortCode> = Vec::new();
    for service in services {
        if !once.contains(&service) {
            once.push(service);
        }
    }
    if once.is_empty() {
        once.push(PLAN);
    }
    let (from, through) = days.unwrap_or((today, today));
    Inquiry {
        provider: Provider::new(asker),
        subscriber: person(level.subscriber.one("2100C")),
        dependant: level
            .dependant
            .map(|dependant| person(dependant.one("2100D"))),
        services: once,
        from,
        through,
    }
}
