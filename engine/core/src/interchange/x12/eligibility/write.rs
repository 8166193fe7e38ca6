//! The segments of an eligibility response.

use tally_types::{Rate, ShortCode};
use tally_x12::{Interchange, LoopRef, Tree, Writer};

use super::Eligibilities;
use super::answer::{Cover, Eligibility, Enrolment, eligibility_of};
use super::inquiry::{Level, PLAN, Person, asks_of_subscriber, read};
use crate::claim::{Member, Relationship, Sex};
use crate::interchange::benefit::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork, Benefits, CopayPer,
    ServiceBenefit,
};
use crate::interchange::x12::reply::{Payer, Stamp, close, day, fit, fit_or, open_answer};

const VERSION: &str = "005010X279A1";

/// What all levels of an answer need.
struct Answering<'a> {
    enrolment: &'a dyn Enrolment,
    stamp: &'a Stamp<'a>,
    all: &'a mut Eligibilities,
    out: Writer,
    /// The number of the last level.
    level: u32,
}

/// Writes the answer to the inquiries of an interchange, a set for each of its.
pub(super) fn write(
    trees: &[Tree<'_>],
    asked: &Interchange<'_>,
    enrolment: &dyn Enrolment,
    payer: &Payer<'_>,
    stamp: &Stamp<'_>,
    all: &mut Eligibilities,
) -> String {
    let mut out = Writer::default();
    open_answer(&mut out, asked, payer, stamp, "HB", VERSION);
    let mut answering = Answering {
        enrolment,
        stamp,
        all,
        out,
        level: 0,
    };
    let mut sets = 0usize;
    for tree in trees {
        sets = sets.saturating_add(1);
        let control = format!("{sets:04}");
        answering.level = 0;
        answering.out.begin("271", &control, VERSION);
        answering.set(tree);
        answering.out.end(&control);
    }
    close(answering.out, sets, stamp)
}

impl Answering<'_> {
    fn set(&mut self, tree: &Tree<'_>) {
        let root = tree.root();
        let reference = root.segment("BHT").map_or("", |(_, bht)| bht.element(3));
        let reference = fit(reference, 1, 50);
        let date = day(self.stamp.date);
        self.out
            .simple("BHT", &["0022", "11", &reference, &date, self.stamp.time]);
        for source in root.loops("2000A") {
            let asks = source.one("2000B").is_some();
            let number = self.begin("", "20", asks);
            if !asks {
                // Nobody asks, of nobody.
                self.out.simple("AAA", &["Y", "", "42", "C"]);
            }
            self.named(source.one("2100A"));
            for receiver in source.loops("2000B") {
                self.receiver(receiver, &number);
            }
        }
    }

    /// Begins a level; answers its number.
    fn begin(&mut self, within: &str, kind: &str, children: bool) -> String {
        self.level = self.level.saturating_add(1);
        let number = self.level.to_string();
        let children = if children { "1" } else { "0" };
        self.out.simple("HL", &[&number, within, kind, children]);
        number
    }

    /// The name of who is asked, or asks, as it was sent.
    fn named(&mut self, at: Option<LoopRef<'_, '_>>) {
        let Some((_, name)) = at.and_then(|at| at.segment("NM1")) else {
            return;
        };
        let bounds = [
            (2, 3),
            (1, 1),
            (1, 60),
            (1, 35),
            (1, 25),
            (1, 10),
            (1, 10),
            (1, 2),
            (2, 80),
        ];
        let elements: Vec<String> = (1usize..)
            .zip(bounds)
            .map(|(number, (least, most))| match name.element(number) {
                "" => String::new(),
                // A prefix is not used.
                _ if number == 6 => String::new(),
                // Of another's delimiters nothing is left.
                text => fit_or(text, least, most, "UNKNOWN"),
            })
            .collect();
        let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
        self.out.simple("NM1", &elements);
    }

    fn receiver(&mut self, receiver: LoopRef<'_, '_>, within: &str) {
        let asks = receiver.one("2000C").is_some();
        let number = self.begin(within, "21", asks);
        self.named(receiver.one("2100B"));
        if !asks {
            self.out.simple("AAA", &["Y", "", "42", "C"]);
        }
        for subscriber in receiver.loops("2000C") {
            let of = |dependant| Level {
                receiver,
                subscriber,
                dependant,
            };
            let children = subscriber.one("2000D").is_some();
            let number = self.begin(&number, "22", children);
            self.traces(subscriber);
            let level = of(None);
            match asks_of_subscriber(subscriber) {
                true => self.level(&level),
                false => {
                    let inquiry = read(&level, self.stamp.date);
                    self.person("IL", &inquiry.subscriber);
                }
            }
            for dependant in subscriber.loops("2000D") {
                self.begin(&number, "23", false);
                self.traces(dependant);
                self.level(&of(Some(dependant)));
            }
        }
    }

    /// The asker's traces, given back.
    fn traces(&mut self, at: LoopRef<'_, '_>) {
        for (_, trace) in at.segments("TRN") {
            let number = fit_or(trace.element(2), 1, 50, "0");
            let company = fit_or(trace.element(3), 10, 10, "0000000000");
            let part = fit(trace.element(4), 1, 50);
            self.out.simple("TRN", &["2", &number, &company, &part]);
        }
    }

    fn person(&mut self, role: &str, of: &Person) {
        let identifier = fit(&of.identifier, 2, 80);
        let kind = match (role, identifier.is_empty()) {
            ("IL", false) => "MI",
            _ => "",
        };
        let identifier = if kind.is_empty() { "" } else { &identifier };
        self.out.simple(
            "NM1",
            &[
                role, "1", &of.family, &of.given, "", "", "", kind, identifier,
            ],
        );
    }

    /// Answers what a level asks.
    fn level(&mut self, level: &Level<'_, '_>) {
        self.all.asked = self.all.asked.saturating_add(1);
        let inquiry = read(level, self.stamp.date);
        let (role, asked) = match &inquiry.dependant {
            None => ("IL", &inquiry.subscriber),
            Some(dependant) => ("03", dependant),
        };
        match eligibility_of(&inquiry, self.enrolment) {
            Err(why) => {
                self.all.unanswered = self.all.unanswered.saturating_add(1);
                self.person(role, asked);
                self.out.simple("AAA", &["Y", "", why.code(), why.action()]);
                if let Some(birth) = asked.birth {
                    self.out.simple("DMG", &["D8", &day(birth)]);
                }
            }
            Ok(found) => {
                let named = on_file(asked, found.member);
                self.person(role, &named);
                let changed = is_another(asked, &named);
                self.found(role, &found, &inquiry.services, changed);
            }
        }
    }

    /// Of whom it is, and what they have. `changed` says that the name is another than was
    /// sent (INS03 and INS04: a change in identifying elements).
    fn found(&mut self, role: &str, found: &Eligibility<'_>, asked: &[ShortCode], changed: bool) {
        let member = found.member;
        let sex = match member.sex {
            Sex::Female => "F",
            Sex::Male => "M",
            Sex::Other | Sex::Unknown => "U",
        };
        self.out.simple("DMG", &["D8", &day(member.birth), sex]);
        let relationship = match (role, member.relationship) {
            ("IL", _) | (_, Relationship::Subscriber) => "18",
            (_, Relationship::Spouse) => "01",
            (_, Relationship::Child) => "19",
            (_, Relationship::Other) => "G8",
        };
        let is_subscriber = if role == "IL" { "Y" } else { "N" };
        match (role, changed) {
            (_, true) => self
                .out
                .simple("INS", &[is_subscriber, relationship, "001", "25"]),
            ("IL", false) => {}
            (_, false) => self.out.simple("INS", &[is_subscriber, relationship]),
        }
        match &found.cover {
            Cover::Active {
                from,
                through,
                benefits,
                services,
            } => {
                self.out.simple("DTP", &["346", "D8", &day(*from)]);
                if let Some(end) = through {
                    self.out.simple("DTP", &["347", "D8", &day(*end)]);
                }
                self.active(benefits, services);
            }
            Cover::Inactive { ended } => {
                if let Some(end) = ended {
                    self.out.simple("DTP", &["347", "D8", &day(*end)]);
                }
                for service in asked {
                    let service = service.to_string();
                    // A type of service has two characters at most.
                    let service = if service.chars().count() > 2 {
                        "30"
                    } else {
                        &service
                    };
                    self.out.simple("EB", &["6", "", service]);
                }
            }
        }
    }

    fn active(&mut self, benefits: &Benefits, services: &[ShortCode]) {
        let plan = fit(&benefits.plan, 1, 50);
        let mut told = services.to_vec();
        if services.contains(&PLAN) {
            // Who asks for the plan is told of all that has terms of its own.
            for service in benefits.told() {
                if !told.contains(&service) {
                    told.push(service);
                }
            }
        }
        for service in &told {
            let code = fit_or(&service.to_string(), 1, 2, "30");
            let terms = || benefits.services.iter().filter(|of| of.service == *service);
            if terms().next().is_none() || terms().any(|of| of.covered) {
                self.out.simple("EB", &["1", "", &code, "", &plan]);
            }
            for of in terms() {
                self.terms(&code, &plan, of);
            }
            for of in benefits.limits.iter().filter(|of| of.service == *service) {
                let unit = match of.per {
                    CopayPer::Visit => "VS",
                    CopayPer::Day => "DY",
                    CopayPer::Admission | CopayPer::Service => "P6",
                };
                self.balance(&code, &plan, unit, &of.balance);
            }
        }
        let plans = PLAN.to_string();
        for of in &benefits.balances {
            self.balance(&plans, &plan, "VS", of);
        }
    }

    fn terms(&mut self, code: &str, plan: &str, of: &ServiceBenefit) {
        let network = network(of.network);
        let authorization = match of.authorization {
            Some(true) => "Y",
            Some(false) => "N",
            None => "",
        };
        let mut put = |kind: &str, period: &str, amount: &str, percent: &str| {
            let at = if kind == "I" { "" } else { "IND" };
            self.out.simple(
                "EB",
                &[
                    kind,
                    at,
                    code,
                    "",
                    plan,
                    period,
                    amount,
                    percent,
                    "",
                    "",
                    authorization,
                    network,
                ],
            );
        };
        if !of.covered {
            put("I", "", "", "");
            return;
        }
        if let Some(copay) = of.copay {
            let per = match of.per {
                CopayPer::Visit => "27",
                CopayPer::Day => "7",
                CopayPer::Admission => "36",
                CopayPer::Service => "",
            };
            put("B", per, &copay.to_string(), "");
        }
        if let Some(share) = of.coinsurance {
            put("A", "", "", &percent(share));
        }
    }

    /// The whole of a balance and what is left of it; of one without a limit, what is
    /// used this year. A maximum goes by its name: a plan may have several.
    fn balance(&mut self, service: &str, plan: &str, unit: &str, of: &BenefitBalance) {
        let kind = match of.kind {
            BalanceKind::Deductible => "C",
            BalanceKind::OutOfPocket => "G",
            BalanceKind::Maximum => "F",
        };
        let level = if of.family { "FAM" } else { "IND" };
        let (period, left) = match of.period {
            BalancePeriod::CalendarYear => ("23", "29"),
            BalancePeriod::ContractYear => ("25", "29"),
            BalancePeriod::Lifetime => ("32", "33"),
        };
        let told = match (of.amount.limit(), of.amount.remaining()) {
            (Some(limit), Some(remaining)) => vec![(period, limit), (left, remaining)],
            // Year to date. There is no word for a life to date.
            _ if of.period != BalancePeriod::Lifetime => vec![("24", of.amount)],
            _ => Vec::new(),
        };
        let name = match of.kind {
            BalanceKind::Maximum => fit(&of.name, 1, 264),
            _ => String::new(),
        };
        for (period, amount) in told {
            let (money, unit, count) = match amount {
                BenefitAmount::Money { used, .. } => (used.to_string(), "", String::new()),
                BenefitAmount::Count { used, .. } => (String::new(), unit, used.to_string()),
            };
            self.out.simple(
                "EB",
                &[
                    kind,
                    level,
                    service,
                    "",
                    plan,
                    period,
                    &money,
                    "",
                    unit,
                    &count,
                    "",
                    network(of.network),
                ],
            );
            if !name.is_empty() {
                self.out.simple("MSG", &[&name]);
            }
        }
    }
}

fn network(of: BenefitNetwork) -> &'static str {
    match of {
        BenefitNetwork::In => "Y",
        BenefitNetwork::Out => "N",
        BenefitNetwork::Any => "W",
    }
}

/// A share as X12 has it: 20 per cent is `0.2`.
fn percent(share: Rate) -> String {
    let text = share.to_string();
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Whoever is answered of, under the name that is on file. What an inquiry calls them is
/// told where none is.
fn on_file(asked: &Person, member: &Member) -> Person {
    let (family, given) = member.family_and_given();
    if family.is_empty() {
        return asked.clone();
    }
    Person {
        family: fit(family, 1, 60),
        given: fit(given, 1, 35),
        ..asked.clone()
    }
}

/// Whether somebody was asked about under another name: family and first given name,
/// as far as they were sent.
fn is_another(asked: &Person, named: &Person) -> bool {
    let first = |text: &str| text.split_whitespace().next().unwrap_or("").to_lowercase();
    let differs =
        |asked: &str, named: &str| !asked.trim().is_empty() && first(asked) != first(named);
    differs(&asked.given, &named.given)
        || !asked.family.trim().is_empty()
            && asked.family.trim().to_lowercase() != named.family.to_lowercase()
}
