//! The supporting information of an explanation, by the slices of its profile.

use std::collections::BTreeMap;

use tally_types::{ServiceDate, ShortCode};

use super::super::super::json::{Json, list, number, object, text};
use super::super::write::{absent, carin, coding, concept, day, period, reference};
use super::Shape;
use crate::claim::{Claim, Frequency, Institutional, ServiceLine};

const TEETH: &str = "http://terminology.hl7.org/CodeSystem/ADAUniversalToothDesignationSystem";
const AREAS: &str = "http://terminology.hl7.org/CodeSystem/ADAAreaOralCavitySystem";
/// A newborn's type of admission (NUBC), whose point of origin has a list of its own.
const NEWBORN: ShortCode = ShortCode::of("4");

/// The supporting information, and which of it lines point to.
pub(super) struct Supporting<'a> {
    pub infos: Vec<Json<'a>>,
    /// By the number of a line: its body sites beyond the first.
    pub sites: BTreeMap<u16, Vec<u32>>,
}

impl<'a> Supporting<'a> {
    fn add<const N: usize>(
        &mut self,
        category: &'static str,
        rest: [(&'static str, Json<'a>); N],
    ) -> u32 {
        let sequence = u32::try_from(self.infos.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let mut info = object([
            ("sequence", number(sequence)),
            (
                "category",
                concept([carin("C4BBSupportingInfoType", category)]),
            ),
        ]);
        if let (Json::Object(entries), Json::Object(more)) = (&mut info, object(rest)) {
            entries.extend(more);
        }
        self.infos.push(info);
        sequence
    }

    fn coded(&mut self, category: &'static str, system: &'static str, code: ShortCode) {
        if !code.is_none() {
            self.add(category, [("code", concept([coding(system, code)]))]);
        }
    }
}

pub(super) fn of(claim: &Claim, shape: Shape) -> Supporting<'_> {
    let mut all = Supporting {
        infos: Vec::new(),
        sites: BTreeMap::new(),
    };
    all.add("clmrecvddate", [("timingDate", day(claim.received))]);
    if !claim.control_number.is_empty() {
        all.add(
            "patientaccountnumber",
            [("valueString", text(&claim.control_number))],
        );
    }
    if shape.has_service_facility() && claim.circumstances.facility.is_some() {
        all.add(
            "servicefacility",
            [("valueReference", reference("#facility".to_owned()))],
        );
    }
    if let Some(bill) = &claim.institutional
        && shape.is_institutional()
    {
        institutional(&mut all, claim, bill, shape);
    }
    match shape {
        Shape::Pharmacy => pharmacy(&mut all),
        Shape::Oral => {
            for line in &claim.lines {
                mouth(&mut all, line);
            }
        }
        _ => {}
    }
    all
}

fn institutional(all: &mut Supporting<'_>, claim: &Claim, bill: &Institutional, shape: Shape) {
    if shape == Shape::Inpatient || bill.admission.is_some() {
        let from: ServiceDate = bill.admission.unwrap_or(bill.from);
        all.add(
            "admissionperiod",
            [("timingPeriod", period(from, Some(bill.through.max(from))))],
        );
    }
    if !bill.bill_type.is_none() {
        let frequency = match claim.frequency {
            Frequency::Original => '1',
            Frequency::Replacement => '7',
            Frequency::Void => '8',
        };
        let code = format!("0{}{frequency}", bill.bill_type);
        all.add(
            "typeofbill",
            [(
                "code",
                concept([coding("https://www.nubc.org/CodeSystem/TypeOfBill", code)]),
            )],
        );
    }
    let origin = match bill.admission_type == NEWBORN {
        true => "https://www.nubc.org/CodeSystem/PointOfOriginNewborn",
        false => "https://www.nubc.org/CodeSystem/PointOfOrigin",
    };
    all.coded("pointoforigin", origin, bill.origin);
    all.coded(
        "admtype",
        "https://www.nubc.org/CodeSystem/PriorityTypeOfAdmitOrVisit",
        bill.admission_type,
    );
    all.coded(
        "discharge-status",
        "https://www.nubc.org/CodeSystem/PatDischargeStatus",
        bill.discharge,
    );
    all.coded(
        "drg",
        "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software",
        bill.drg,
    );
}

/// What the profile requires of a drug claim, and a claim does not say.
fn pharmacy(all: &mut Supporting<'_>) {
    let unknown = || object([("extension", absent())]);
    all.add("dayssupply", [("valueQuantity", unknown())]);
    all.add("dawcode", [("code", unknown())]);
    all.add("refillnum", [("valueQuantity", unknown())]);
}

/// The body sites of a line: teeth, then areas.
pub(super) fn sites(line: &ServiceLine) -> Vec<Json<'static>> {
    let teeth = line.detail.teeth.iter().map(|tooth| (TEETH, tooth.code));
    let areas = line.detail.cavities.iter().map(|code| (AREAS, *code));
    teeth
        .chain(areas)
        .filter(|(_, code)| !code.is_none())
        .map(|(system, code)| concept([coding(system, code)]))
        .collect()
}

fn mouth(all: &mut Supporting<'_>, line: &ServiceLine) {
    let mut added = Vec::new();
    for site in sites(line).into_iter().skip(1) {
        added.push(all.add("additionalbodysite", [("code", site)]));
    }
    if !added.is_empty() {
        all.sites.insert(line.number, added);
    }
}

/// The sequences of a line's additional body sites.
pub(super) fn pointers(sites: &BTreeMap<u16, Vec<u32>>, line: u16) -> Json<'static> {
    sites
        .get(&line)
        .map_or(Json::Null, |pointers| list(pointers.iter().map(number)))
}
