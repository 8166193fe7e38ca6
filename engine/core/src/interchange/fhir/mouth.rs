//! Teeth, their surfaces, and areas of the mouth, in the numbering of the ADA. What
//! is numbered by the FDI (ISO 3950) is renumbered; areas have one code in both.

use std::collections::BTreeMap;

use tally_types::ShortCode;

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding::{self, Coding};
use super::sequence_of;
use super::supporting::{self, Info};
use crate::claim::{Limits, Tooth};

/// The areas of the mouth: all of it, the arches, the quadrants.
const AREAS: [&str; 9] = ["00", "01", "02", "09", "10", "20", "30", "40", "99"];

/// Where in the mouth an item was done.
#[derive(Default)]
pub(super) struct Mouth {
    pub teeth: Vec<Tooth>,
    pub cavities: Vec<ShortCode>,
}

/// What the items of a claim share: additional body sites (CARIN's supporting
/// information of the category `additionalbodysite`) by their sequence, and how its
/// teeth are numbered where no list is named.
#[derive(Default)]
pub(super) struct Sites<'a> {
    additional: BTreeMap<u16, Node<'a>>,
    numbering: Numbering,
}

/// Finds them.
pub(super) fn sites<'a>(claim: &Node<'a>) -> Result<Sites<'a>, Fault> {
    let mut sites = Sites::default();
    for info in claim.items("supportingInfo")? {
        if supporting::kind(&info)? == Some(Info::BodySite) {
            let concept = info.need("code")?;
            sites.numbering.hear(&concept)?;
            sites.additional.insert(sequence_of(&info)?, concept);
        }
    }
    for item in claim.items_within("item", Limits::LINES)? {
        if let Some(concept) = item.get("bodySite")? {
            sites.numbering.hear(&concept)?;
        }
    }
    Ok(sites)
}

/// By which numberings the teeth of a claim are told, as far as that is certain: a list
/// is named, or a number is one of only one of them.
#[derive(Clone, Copy, Default)]
struct Numbering {
    universal: bool,
    fdi: bool,
}

impl Numbering {
    fn hear(&mut self, concept: &Node<'_>) -> Result<(), Fault> {
        let codings = coding::codings(concept)?;
        let mut listed = false;
        for coding in &codings {
            let scheme = scheme(coding.system);
            let is_tooth = matches!(of_list(scheme, coding.code), Some(Site::Tooth(_)));
            self.universal |= is_tooth && scheme == Scheme::Universal;
            self.fdi |= is_tooth && scheme == Scheme::Fdi;
            listed |= scheme != Scheme::Unknown;
        }
        if let Some(first) = codings.first().filter(|_| !listed) {
            match readings(first.code) {
                (Some(_), None) => self.universal = true,
                (None, Some(_)) => self.fdi = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads `bodySite` and `subSite` of an item, and the additional body sites it
/// points to. The surfaces are of every tooth of the item.
pub(super) fn read(item: &Node<'_>, sites: &Sites<'_>) -> Result<Mouth, Fault> {
    let mut mouth = Mouth::default();
    let surfaces = surfaces(item)?;
    if let Some(concept) = item.get("bodySite")? {
        mouth.add(&concept, surfaces, sites.numbering)?;
    }
    for pointer in item.items("informationSequence")? {
        if let Some(concept) = sites.additional.get(&scalar::whole(&pointer)?) {
            mouth.add(concept, surfaces, sites.numbering)?;
        }
    }
    let most = Limits::TEETH;
    if mouth.teeth.len() > most || mouth.cavities.len() > most {
        return Err(item.fault(IntakeRule::TooMany, format!("more than {most} body sites")));
    }
    Ok(mouth)
}

impl Mouth {
    fn add(
        &mut self,
        concept: &Node<'_>,
        surfaces: ShortCode,
        numbering: Numbering,
    ) -> Result<(), Fault> {
        let Some(site) = named(concept, numbering)? else {
            return Ok(());
        };
        match site {
            Site::Area(code) => self.cavities.push(code),
            Site::Tooth(code) => self.teeth.push(Tooth { code, surfaces }),
        }
        Ok(())
    }
}

/// The place that the codings of a concept name: all that are of known lists are of one
/// place; without any, it is the first coding's.
fn named(concept: &Node<'_>, numbering: Numbering) -> Result<Option<Site>, Fault> {
    let codings = coding::codings(concept)?;
    let mut found = None;
    for coding in &codings {
        let scheme = scheme(coding.system);
        if scheme == Scheme::Unknown {
            continue;
        }
        let site = of_list(scheme, coding.code).ok_or_else(|| nowhere(coding))?;
        if found.is_some_and(|found| found != site) {
            return Err(coding::differ(coding));
        }
        found = Some(site);
    }
    match (found, codings.first()) {
        (None, Some(first)) => unlisted(first, numbering).map(Some),
        (found, _) => Ok(found),
    }
}

/// How a list numbers teeth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Universal,
    Areas,
    Fdi,
    Unknown,
}

fn scheme(system: Option<&str>) -> Scheme {
    let Some(system) = system else {
        return Scheme::Unknown;
    };
    let system = system.to_ascii_lowercase();
    let has = |word: &str| system.contains(word);
    if has("areaoralcavity") || has("oral-cavity") {
        Scheme::Areas
    } else if has("universaltooth") || has("universal-tooth") {
        Scheme::Universal
    } else if has("fdi") || has("ex-tooth") || has("iso3950") {
        Scheme::Fdi
    } else {
        Scheme::Unknown
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    Tooth(ShortCode),
    Area(ShortCode),
}

/// What a code of a known list names.
fn of_list(scheme: Scheme, code: &str) -> Option<Site> {
    let area = || {
        let code = AREAS.contains(&code).then(|| ShortCode::parse(code).ok());
        code.flatten().map(Site::Area)
    };
    match scheme {
        Scheme::Universal => universal(code).map(Site::Tooth),
        Scheme::Areas => area(),
        Scheme::Fdi => of_fdi(code).map(Site::Tooth).or_else(area),
        Scheme::Unknown => None,
    }
}

fn nowhere(coding: &Coding<'_>) -> Fault {
    coding.node.fault(
        IntakeRule::BadCode,
        "it is no tooth, and no area of the mouth",
    )
}

/// What a code is by the universal numbering, and by the FDI's; areas are of both.
fn readings(code: &str) -> (Option<Site>, Option<Site>) {
    let area = of_list(Scheme::Areas, code);
    let by_universal = of_list(Scheme::Universal, code).or(area);
    (by_universal, of_list(Scheme::Fdi, code))
}

/// What a code of no known list names. A number may be of one tooth by the universal
/// numbering and of another by the FDI's: then the other teeth of the claim tell, if
/// they are of one numbering, and else it is refused.
fn unlisted(coding: &Coding<'_>, numbering: Numbering) -> Result<Site, Fault> {
    let (by_universal, by_fdi) = readings(coding.code);
    if by_universal == by_fdi {
        return by_universal.ok_or_else(|| nowhere(coding));
    }
    let by_claim = match (numbering.universal, numbering.fdi) {
        (true, false) => by_universal,
        (false, true) => by_fdi,
        _ => None,
    };
    by_claim.ok_or_else(|| {
        coding.node.fault(
            IntakeRule::BadCode,
            "it names no list, and is not the same tooth in the universal numbering and the FDI's",
        )
    })
}

/// A tooth of the universal numbering: 1 to 32, A to T, and supernumerary teeth
/// (51 to 82, AS to TS).
fn universal(code: &str) -> Option<ShortCode> {
    let is_tooth = match code.as_bytes() {
        [b'A'..=b'T'] | [b'A'..=b'T', b'S'] => true,
        [b'1'..=b'9'] => true,
        [b'1'..=b'9', b'0'..=b'9'] => {
            let number: u8 = code.parse().ok()?;
            (10..=32).contains(&number) || (51..=82).contains(&number)
        }
        _ => false,
    };
    is_tooth.then(|| ShortCode::parse(code).ok()).flatten()
}

/// A tooth of the FDI's numbering in the universal one: quadrants 1 to 4 of the
/// permanent teeth, 5 to 8 of the others, counted from the middle.
fn of_fdi(code: &str) -> Option<ShortCode> {
    let [quadrant, place] = code.as_bytes() else {
        return None;
    };
    let place = place.checked_sub(b'0')?;
    let teeth = match quadrant {
        b'1'..=b'4' => 8,
        b'5'..=b'8' => 5,
        _ => return None,
    };
    if place == 0 || place > teeth {
        return None;
    }
    let number = match quadrant {
        b'1' => 9u8.checked_sub(place)?,
        b'2' => 8u8.checked_add(place)?,
        b'3' => 25u8.checked_sub(place)?,
        b'4' => 24u8.checked_add(place)?,
        b'5' => 6u8.checked_sub(place)?,
        b'6' => 5u8.checked_add(place)?,
        b'7' => 16u8.checked_sub(place)?,
        _ => 15u8.checked_add(place)?,
    };
    let text = match quadrant {
        b'1'..=b'4' => number.to_string(),
        _ => char::from(b'A'.checked_add(number)?.checked_sub(1)?).to_string(),
    };
    ShortCode::parse(&text).ok()
}

/// The surfaces of an item's teeth, a letter each; FDI's V is F.
fn surfaces(item: &Node<'_>) -> Result<ShortCode, Fault> {
    let mut letters = String::new();
    let mut at = None;
    let is_surface = |system: &str| system.to_ascii_lowercase().contains("surface");
    for concept in item.items("subSite")? {
        if let Some(coding) = coding::choose(&concept, is_surface)? {
            letters.extend(coding.code.chars().map(|c| match c.to_ascii_uppercase() {
                'V' => 'F',
                other => other,
            }));
            at = Some(coding.node);
        }
    }
    match at {
        Some(at) => scalar::short_code(&at, &letters),
        None => Ok(ShortCode::NONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teeth_are_renumbered() {
        for (fdi, ada) in [
            ("18", "1"),
            ("11", "8"),
            ("21", "9"),
            ("28", "16"),
            ("38", "17"),
            ("36", "19"),
            ("31", "24"),
            ("41", "25"),
            ("48", "32"),
            ("55", "A"),
            ("51", "E"),
            ("61", "F"),
            ("65", "J"),
            ("75", "K"),
            ("71", "O"),
            ("81", "P"),
            ("85", "T"),
        ] {
            assert_eq!(of_fdi(fdi), ShortCode::parse(ada).ok(), "{fdi}");
        }
        for none in ["10", "19", "56", "91", "1", "", "A", "1:"] {
            assert!(of_fdi(none).is_none(), "{none}");
        }
    }

    #[test]
    fn universal_numbers_are_those_of_the_ada() {
        for tooth in ["1", "9", "10", "32", "A", "T", "51", "82", "AS"] {
            assert!(universal(tooth).is_some(), "{tooth}");
        }
        for none in ["0", "01", "33", "50", "83", "U", "a", "", "AT"] {
            assert!(universal(none).is_none(), "{none}");
        }
    }
}
