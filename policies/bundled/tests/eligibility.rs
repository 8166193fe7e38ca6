//! What an inquiry about eligibility is told is what a claim is decided by: each row of
//! a policy's table `eligibility` against its table of benefits, on every day of both.

use std::collections::BTreeMap;

use tally_table::{MAX_COLUMNS, Table, Tables};
use tally_testing::{Sandboxes, load_policy};
use tally_types::{Code, ServiceDate};

fn column(table: &Table, wanted: &str) -> Option<usize> {
    table.columns().position(|(name, _)| name == wanted)
}

/// Tables of every bundled policy, by its name.
fn all() -> BTreeMap<&'static str, Tables> {
    let sandboxes = Sandboxes::new().unwrap();
    let bundled = tally_bundled::all().iter();
    bundled
        .map(|of| {
            let policy = load_policy(of.component.to_vec(), &sandboxes).unwrap();
            (of.name, Tables::clone(policy.tables()))
        })
        .collect()
}

/// Of which category of the table of benefits a type of service (X12 list 1365) is.
fn category(product: &str, service: &str) -> Option<&'static str> {
    Some(match (product, service) {
        ("cedar-hmo" | "harbor-ppo", "98") | ("cedar-hmo", "MH") => "PRIMARY",
        ("cedar-hmo" | "harbor-ppo", "UC") => "URGENT",
        ("summit-hdhp", "98" | "MH") => "VISIT",
        ("harbor-ppo", "MH") => "MENTAL",
        ("harbor-ppo", "33") => "CHIROPRACTIC",
        ("brook-dental", "23" | "41") => "PREVENTIVE",
        ("brook-dental", "24" | "25" | "26" | "40") => "BASIC",
        ("brook-dental", "36" | "39") => "MAJOR",
        ("brook-dental", "38") => "ORTHO",
        ("brook-dental" | "meridian-b" | "aspen-rx", _) => return None,
        (_, "80" | "81") => "PREVENTIVE",
        ("cedar-hmo", "4" | "5") => "DIAGNOSTIC",
        ("summit-hdhp", "4" | "62") | (_, "4") => "IMAGING",
        (_, "5") => "LAB",
        (_, "62") => "ADVANCED",
        (_, "2") => "SURGERY",
        (_, "PT" | "AD" | "AF") => "THERAPY",
        (_, "12" | "18") => "EQUIPMENT",
        ("harbor-ppo", "48") => "INPATIENT",
        (_, "48") => "STAY",
        (_, "59") => "TRANSPORT",
        (_, "69") => "DELIVERY",
        (_, "86") => "EMERGENCY",
        _ => return None,
    })
}

/// The days on which a row of either begins or ends, and the days after.
fn days(of: &Table) -> impl Iterator<Item = ServiceDate> + '_ {
    of.rows().flat_map(|row| {
        let after = row.through.plus_days(1);
        [Some(row.from), Some(row.through), after]
            .into_iter()
            .flatten()
    })
}

/// What is told of a type of service, one of the columns.
fn told(
    eligibility: &Table,
    service: Code,
    what: &str,
    network: &str,
    on: ServiceDate,
) -> Option<[i64; MAX_COLUMNS]> {
    let exact = Code::parse(&format!("{what}-{network}")).unwrap();
    let any = Code::parse(what).unwrap();
    let of = |second| eligibility.lookup(service, second, on);
    of(exact).or_else(|| of(any))
}

#[test]
fn what_an_inquiry_is_told_is_what_a_claim_is_decided_by() {
    let mut compared = 0;
    for (product, tables) in all() {
        let eligibility = tables.named("eligibility").unwrap();
        let Some(benefits) = tables.named("benefits") else {
            continue;
        };
        let two_tiers = benefits.rows().any(|row| !row.second.is_none());
        let [amount, share] = ["amount", "share"].map(|name| column(eligibility, name).unwrap());
        let [copay, coinsurance] = ["copay", "coinsurance"].map(|name| column(benefits, name));
        let mut days: Vec<_> = days(eligibility).chain(days(benefits)).collect();
        days.sort_unstable();
        days.dedup();
        days.retain(|day| *day >= ServiceDate::parse("2025-01-01").unwrap());
        let mut services: Vec<Code> = eligibility.rows().map(|row| row.code).collect();
        services.dedup();
        for (service, on) in services
            .iter()
            .flat_map(|s| days.iter().map(move |on| (*s, *on)))
        {
            let Some(category) = category(product, &service.to_string()) else {
                continue;
            };
            for network in ["IN", "OUT"] {
                let at = format!("{product} {service} {network} {on}");
                // Emergencies are shared out of the network as in it.
                let tier = if category == "EMERGENCY" {
                    "IN"
                } else {
                    network
                };
                let second = match two_tiers {
                    true => Code::parse(tier).unwrap(),
                    false => Code::NONE,
                };
                let closed = product == "cedar-hmo" && tier == "OUT";
                let paid = benefits.lookup(Code::parse(category).unwrap(), second, on);
                let paid = paid.filter(|_| !closed);
                let is = |what| told(eligibility, service, what, network, on);
                assert_eq!(is("COVERED").is_some(), paid.is_some(), "{at}");
                assert_eq!(is("EXCLUDED").is_some(), paid.is_none(), "{at}");
                let Some(paid) = paid else { continue };
                let value = |column: Option<usize>| column.map_or(0, |at| paid[at]);
                let said = |what, column: usize| is(what).map_or(0, |row| row[column]);
                assert_eq!(said("COPAY", amount), value(copay), "{at}");
                assert_eq!(said("SHARE", share), value(coinsurance), "{at}");
                compared += 1;
            }
        }
    }
    assert!(compared > 200, "{compared}");
}

/// Meridian's share stands with its rates.
#[test]
fn meridian_tells_its_rate_of_coinsurance() {
    let all = all();
    let tables = &all["meridian-b"];
    let [eligibility, rates] = ["eligibility", "rates"].map(|name| tables.named(name).unwrap());
    let share = column(eligibility, "share").unwrap();
    let on = ServiceDate::parse("2026-03-01").unwrap();
    let rate = rates.lookup(Code::parse("COINSURANCE").unwrap(), Code::NONE, on);
    let visit = told(eligibility, Code::parse("98").unwrap(), "SHARE", "IN", on);
    assert_eq!(visit.unwrap()[share], rate.unwrap()[0]);
}

/// The limits of types of service, by the names of what counts for them, as the clauses
/// have them.
#[test]
fn limits_are_those_of_the_clauses() {
    let sandboxes = Sandboxes::new().unwrap();
    let mut told = Vec::new();
    for of in tally_bundled::all() {
        let policy = load_policy(of.component.to_vec(), &sandboxes).unwrap();
        let limits = policy.tables().named("eligibility-limits");
        let declared = &policy.description().accumulators;
        for row in limits.into_iter().flat_map(Table::rows) {
            let [accumulator, per, ..] = row.values;
            let accumulator = &declared[usize::try_from(accumulator).unwrap() - 1];
            told.push(format!(
                "{} {} {} by {per}",
                of.name, row.code, accumulator.name
            ));
        }
    }
    told.sort();
    let expected = [
        "brook-dental 23 bitewings by 0",
        "brook-dental 23 examinations by 0",
        "brook-dental 38 orthodontics by 0",
        "brook-dental 41 cleanings by 0",
        "brook-dental 41 fluoride by 0",
        "cedar-hmo AD therapy-units by 0",
        "cedar-hmo AF therapy-units by 0",
        "cedar-hmo PT therapy-units by 0",
        "harbor-ppo 33 chiropractic-visits by 27",
        "harbor-ppo AD therapy-units by 0",
        "harbor-ppo AF therapy-units by 0",
        "harbor-ppo PT therapy-units by 0",
    ];
    assert_eq!(told, expected);
}

/// Every row is one that the node reads: of a type of service of two characters, of a
/// thing that may be said, in columns by their names.
#[test]
fn every_row_is_read() {
    for (product, tables) in all() {
        let eligibility = tables.named("eligibility").unwrap();
        let columns: Vec<&str> = eligibility.columns().map(|(name, _)| name).collect();
        assert_eq!(
            columns,
            ["amount", "per", "share", "authorization"],
            "{product}"
        );
        for row in eligibility.rows() {
            let said = row.second.to_string();
            let what = said.trim_end_matches("-IN").trim_end_matches("-OUT");
            assert!(row.code.to_string().len() <= 2, "{product} {}", row.code);
            assert!(
                ["COVERED", "EXCLUDED", "COPAY", "SHARE"].contains(&what),
                "{product} {said}"
            );
            assert!([0, 7, 27, 36].contains(&row.values[1]), "{product} {said}");
        }
    }
}
