//! What the generator promises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tally_core::claim::{Claim, ClaimId, Limits, Provider};
use tally_core::fraud::{DetectorId, Parameters, facts_of, flags_of};
use tally_core::interchange::{Format, IntakeRule, ReadClaims, Source, detect, read_claims};

use super::bill::{Bill, BillId};
use super::families::{HARBOR, MERIDIAN};
use super::{Population, generate, providers, schemes};

fn same(a: &Population, b: &Population) -> bool {
    a.contracts == b.contracts && a.files == b.files && a.planted == b.planted && a.star == b.star
}

/// What intake makes of a file.
fn read(file: &super::DemoFile) -> ReadClaims {
    let source = Source {
        submitter: "local",
        interchange: &file.name,
        received: file.received,
    };
    read_claims(&file.bytes, None, &source)
}

/// Claims as they are counted: an unreadable file as one.
fn claims_in(population: &Population) -> usize {
    let files = population.files.iter();
    files
        .map(|file| usize::try_from(read(file).read).unwrap())
        .sum()
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_gives_others() {
    let one = generate(7, 1_000);
    assert!(same(&one, &generate(7, 1_000)));
    assert!(!same(&one, &generate(8, 1_000)));
}

#[test]
fn there_are_as_many_claims_as_asked_for() {
    for (seed, claims) in [(1, 120), (2, 1_000), (3, 1_000), (4, 3_000)] {
        let population = generate(seed, claims);
        let found = claims_in(&population);
        assert!(
            found.abs_diff(claims) <= claims / 50 + 40,
            "{found} of {claims}"
        );
        if claims >= 1_000 {
            assert_eq!(found, claims);
        }
    }
    assert!(!generate(5, 0).contracts.is_empty());
}

#[test]
fn contracts_are_sound_and_ids_differ() {
    for (seed, claims) in [(11, 1_000), (42, 20_000)] {
        let population = generate(seed, claims);
        let mut ids = BTreeSet::new();
        for contract in &population.contracts {
            assert_eq!(contract.check(), Ok(()));
            for member in &contract.members {
                assert!(ids.insert(member.id.clone()), "an id used twice");
            }
        }
    }
}

#[test]
fn the_clock_never_runs_backwards() {
    let population = generate(12, 1_000);
    assert!(
        population
            .files
            .windows(2)
            .all(|w| w[0].received <= w[1].received)
    );
    let names: BTreeSet<_> = population.files.iter().map(|file| &file.name).collect();
    assert_eq!(names.len(), population.files.len());
}

#[test]
fn files_are_of_a_size_and_format_and_mostly_sound() {
    let population = generate(16, 1_000);
    let mut formats = BTreeMap::new();
    let (mut read_in_all, mut refused) = (0, 0);
    let mut numbers = BTreeSet::new();
    for file in &population.files {
        let reading = read(file);
        read_in_all += reading.read;
        refused += reading.refusals.len();
        if file.name.starts_with("file-") {
            assert_eq!(
                (reading.read, reading.claims.len()),
                (1, 0),
                "{}",
                file.name
            );
            continue;
        }
        *formats.entry(detect(&file.bytes)).or_insert(0) += 1;
        assert!(
            (3..=45).contains(&reading.read),
            "{}: {}",
            file.name,
            reading.read
        );
        for claim in reading.claims {
            assert!(numbers.insert(claim.control_number), "a number used twice");
        }
    }
    let wanted = [Format::FhirJson, Format::FhirNdjson, Format::TallyJson];
    assert_eq!(
        formats.keys().copied().collect::<Vec<_>>(),
        wanted.map(Some)
    );
    assert_eq!((read_in_all, refused), (1_000, 25));
    // Every claim that was planted to be adjudicated can be.
    for planted in population
        .planted
        .iter()
        .filter(|p| p.pattern != "malformed")
    {
        assert!(
            planted
                .control_numbers
                .iter()
                .all(|number| numbers.contains(number))
        );
    }
    assert!(numbers.contains(&population.star));
}

/// Each kind of malformed claim is refused by the rule it was made for, at a
/// place.
#[test]
fn what_is_malformed_is_refused_as_intended() {
    let population = generate(17, 1_000);
    let mut found = BTreeMap::new();
    for file in &population.files {
        for refusal in read(file).refusals {
            assert!(!refusal.place.is_empty() && !refusal.reason.is_empty());
            *found.entry(refusal.rule).or_insert(0) += 1;
        }
    }
    for rule in [
        IntakeRule::TotalDiffers,
        IntakeRule::SubCent,
        IntakeRule::DuplicateKey,
        IntakeRule::Currency,
        IntakeRule::Negative,
        IntakeRule::OverLimit,
        IntakeRule::DatesOutOfOrder,
        IntakeRule::NotAClaim,
        IntakeRule::NoReplaced,
        IntakeRule::NoAmount,
        IntakeRule::BadDate,
        IntakeRule::ServiceInFuture,
        IntakeRule::Missing,
        IntakeRule::BadQuantity,
        IntakeRule::BadCode,
        IntakeRule::NotActive,
        IntakeRule::NoProvider,
        IntakeRule::Empty,
        IntakeRule::UnknownFormat,
        IntakeRule::NotUtf8,
        IntakeRule::ByteOrderMark,
        IntakeRule::TooDeep,
    ] {
        assert!(
            found.remove(&rule).is_some(),
            "{} is not among them",
            rule.id()
        );
    }
    // A cut line, a file cut short; a text for a number.
    assert_eq!(found.remove(&IntakeRule::NotJson), Some(2));
    let number = [IntakeRule::WrongType, IntakeRule::BadNumber];
    assert!(number.iter().any(|rule| found.remove(rule).is_some()));
    assert!(found.is_empty(), "{found:?}");
}

/// What is read of a file is what was meant: a bill and its claim agree.
#[test]
fn a_claim_says_what_its_bill_said() {
    let mut bills = bills(18, 600);
    for bill in &mut bills {
        bill.fault = None;
    }
    let (files, bills) = super::files::write(&mut super::Dice::new(18, 1), bills, 0);
    let claims: BTreeMap<String, Claim> = files
        .iter()
        .flat_map(|file| read(file).claims)
        .map(|claim| (claim.control_number.clone(), claim))
        .collect();
    assert_eq!(claims.len(), bills.len());
    let ids: BTreeSet<ClaimId> = claims.values().map(|claim| claim.id).collect();
    assert_eq!(ids.len(), claims.len());
    for bill in bills {
        let claim = &claims[&bill.control];
        assert_eq!(claim.member.identifier, bill.member);
        assert_eq!(claim.billing.identifier, bill.billing);
        assert_eq!(claim.charge, bill.total());
        assert_eq!(claim.lines.len(), bill.lines.len());
        assert!(claim.charge <= Limits::CHARGE && claim.received > bill.through());
        for (read, meant) in claim.lines.iter().zip(&bill.lines) {
            assert_eq!(read.procedure.to_string(), meant.billed());
            assert_eq!(read.charge, meant.charge);
            assert_eq!(read.quantity, meant.units);
            assert_eq!((read.from, read.through), (meant.from, meant.through));
            assert_eq!(read.place.to_string(), meant.place);
            assert_eq!(read.emergency, meant.emergency);
            let rendering = read.rendering.as_ref().map(|npi| npi.identifier.as_str());
            assert_eq!(rendering, meant.rendering);
            let modifiers = read.modifiers.iter().filter(|code| !code.is_none());
            assert!(
                modifiers
                    .map(ToString::to_string)
                    .eq(meant.modifiers.iter().copied())
            );
            let pointers = (1..=32).filter(|i| read.diagnoses >> (i - 1) & 1 == 1);
            assert!(pointers.eq(meant.pointers.iter().copied()));
        }
    }
}

#[test]
fn what_is_planted_is_named() {
    let population = generate(13, 1_000);
    let count = |pattern| {
        population
            .planted
            .iter()
            .filter(|p| p.pattern == pattern)
            .count()
    };
    for (pattern, least) in [
        (schemes::SUSPECT_DUPLICATE, 5),
        (schemes::IMPOSSIBLE_DAY, 2),
        (schemes::AFTER_DEATH, 2),
        (schemes::CONTROL, 2),
        ("high-level-visit", 2),
        ("weekend-office-surgery", 1),
        ("separated-pair", 2),
        ("exact-duplicate", 8),
        ("malformed", 15),
    ] {
        assert!(count(pattern) >= least, "{pattern}: {}", count(pattern));
    }
    let named = population.planted.iter().flat_map(|p| &p.control_numbers);
    assert!(
        named
            .chain([&population.star])
            .all(|number| !number.is_empty())
    );
}

/// The injector is written apart from the detectors; here they meet. Every
/// scheme across claims is found, once, with its claims, and nothing else is.
#[test]
fn detectors_find_what_is_planted_and_nothing_else() {
    for (seed, claims) in [(21, 1_000), (22, 1_000), (23, 6_000)] {
        let population = generate(seed, claims);
        let members = population.contracts.iter().flat_map(|c| &c.members);
        let deaths: BTreeMap<&str, _> = members.map(|m| (m.id.as_str(), m.death)).collect();
        let mut numbers = BTreeMap::new();
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for claim in population.files.iter().flat_map(|file| read(file).claims) {
            let member = claim.member.identifier.as_str();
            let death = deaths.get(member).copied().flatten();
            for fact in facts_of(&claim, member, death) {
                groups
                    .entry((fact.detector, fact.key))
                    .or_default()
                    .push(fact);
            }
            numbers.insert(claim.id, claim.control_number);
        }
        let parameters = Parameters::default();
        let mut found = Vec::new();
        for ((detector, _), facts) in &groups {
            for flag in flags_of(*detector, facts, &parameters) {
                let claims: BTreeSet<_> = flag
                    .claims
                    .iter()
                    .map(|(id, _)| numbers[id].clone())
                    .collect();
                found.push((detector.as_str(), claims));
            }
        }
        let across = DetectorId::ALL.map(DetectorId::as_str);
        let planted = population
            .planted
            .iter()
            .filter(|p| across.contains(&p.pattern));
        let mut planted: Vec<_> = planted
            .map(|p| (p.pattern, p.control_numbers.iter().cloned().collect()))
            .collect();
        found.sort();
        planted.sort();
        assert!(
            found == planted,
            "seed {seed}: {} found, {} planted",
            found.len(),
            planted.len()
        );
    }
}

#[test]
fn npis_have_check_digits_and_none_is_in_use() {
    for npi in providers::listed()
        .into_iter()
        .chain(providers::STRANGERS.iter().copied())
    {
        assert!(Provider::new(npi).is_npi, "{npi}");
        assert!(npi.starts_with('2'), "those in use begin with 1");
    }
}

#[test]
fn no_clinician_works_round_the_clock_but_those_of_the_schemes() {
    let bills = bills(14, 5_000);
    let mut patients: BTreeMap<_, BTreeSet<BillId>> = BTreeMap::new();
    for bill in bills
        .iter()
        .filter(|bill| !providers::is_firm(bill.billing))
    {
        for line in &bill.lines {
            patients
                .entry((bill.billing, line.from))
                .or_default()
                .insert(bill.id);
        }
    }
    for ((npi, _), day) in patients {
        let most = if [providers::TIRELESS, providers::BUSY].contains(&npi) {
            13
        } else {
            12
        };
        assert!(
            day.len() <= most,
            "{} patients of {npi} on one day",
            day.len()
        );
    }
}

/// The bills as they go into files.
fn bills(seed: u64, claims: usize) -> Vec<Bill> {
    let mut desk = super::Desk::new(super::Dice::new(seed, super::DESK));
    let (mut homes, _) = super::star::household(&mut desk);
    super::everyone(seed, &mut desk, &mut homes, claims);
    super::irregular::add(&mut desk, &homes, claims);
    schemes::plant(&mut desk, &homes, claims);
    desk.into_bills()
}

/// The first column of a product's table.
fn column(product: &str, table: &str) -> Option<BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let path: PathBuf = root
        .join(product)
        .join("tables")
        .join(format!("{table}.csv"));
    let text = std::fs::read_to_string(path).ok()?;
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    Some(
        rows.skip(1)
            .filter_map(|row| row.split(',').next())
            .map(str::to_owned)
            .collect(),
    )
}

#[test]
fn codes_and_providers_are_those_of_the_products() {
    let (Some(services), Some(fees), Some(harbor), Some(meridian)) = (
        column(HARBOR, "services"),
        column(MERIDIAN, "fees"),
        column(HARBOR, "network"),
        column(MERIDIAN, "network"),
    ) else {
        eprintln!("skipped: the products' tables are not in this tree");
        return;
    };
    for bill in bills(15, 4_000) {
        let senior = bill.member.starts_with("MB-");
        let table = if senior { &fees } else { &services };
        for line in &bill.lines {
            let code = line.billed();
            // A vision claim is of a kind that no table lists.
            let listed = table.contains(code) || (!senior && fees.contains(code));
            assert!(listed, "{code} is in no table of its product");
        }
    }
    for npi in providers::listed() {
        assert!(harbor.contains(npi) && meridian.contains(npi), "{npi}");
    }
    for npi in providers::STRANGERS {
        assert!(!harbor.contains(*npi) && !meridian.contains(*npi), "{npi}");
    }
}
