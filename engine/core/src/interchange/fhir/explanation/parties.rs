//! Who is named in an explanation: the insurer, who bills, the care team, the facility.
//! They are contained, by their identifiers: a claim has no names of them.

use super::super::super::json::{Json, list, number, object, text};
use super::super::write::{carin, coding, concept, identifier, reference, unless_empty};
use super::{Insurer, Shape};
use crate::claim::{Claim, Provider};

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// The care team, each with what it is, in order of first mention.
pub(super) struct Parties {
    team: Vec<(Provider, &'static str)>,
    shape: Shape,
}

impl Parties {
    pub fn of(claim: &Claim, shape: Shape) -> Self {
        let mut parties = Self {
            team: Vec::new(),
            shape,
        };
        // The team of a drug claim is who prescribed.
        for line in claim.lines.iter().filter(|_| shape != Shape::Pharmacy) {
            if let Some(provider) = &line.rendering {
                parties.add(provider, "rendering");
            }
        }
        if let Some(provider) = &claim.circumstances.referring {
            let role = match shape {
                Shape::Pharmacy => "prescribing",
                _ => "referring",
            };
            parties.add(provider, role);
        }
        if let Some(bill) = &claim.institutional
            && let Some(provider) = &bill.attending
        {
            parties.add(provider, "attending");
        }
        parties
    }

    fn add(&mut self, provider: &Provider, role: &'static str) {
        let known = |(other, its): &(Provider, &str)| other == provider && *its == role;
        if !self.team.iter().any(known) {
            self.team.push((provider.clone(), role));
        }
    }

    /// The sequence of whoever rendered a line.
    pub fn rendering(&self, provider: &Provider) -> Option<u32> {
        (1u32..)
            .zip(&self.team)
            .find(|(_, (other, role))| other == provider && *role == "rendering")
            .map(|(sequence, _)| sequence)
    }

    pub fn team(&self) -> Json<'static> {
        unless_empty((1u32..).zip(&self.team).map(|(sequence, (_, role))| {
            object([
                ("sequence", number(sequence)),
                ("provider", reference(format!("#team-{sequence}"))),
                ("role", concept([carin("C4BBClaimCareTeamRole", role)])),
            ])
        }))
    }

    pub fn contained<'a>(&self, payer: &Insurer<'a>, claim: &'a Claim) -> Json<'a> {
        // Only what is referred to is contained.
        let facility = match self.shape.has_service_facility() {
            true => claim.circumstances.facility.as_ref(),
            false => None,
        };
        let team = (1u32..).zip(&self.team).map(|(sequence, (provider, _))| {
            practitioner(format!("team-{sequence}"), provider.clone())
        });
        list(
            [insurer(payer), organization("billing", &claim.billing)]
                .into_iter()
                .chain(facility.map(|facility| organization("facility", facility)))
                .chain(team),
        )
    }
}

/// The insurer by its identifier, where it is not contained.
pub(in super::super) fn insurer_named<'a>(insurer: &Insurer<'a>) -> Json<'a> {
    object([
        (
            "identifier",
            identifier(None, insurer.identifier.to_owned()),
        ),
        ("display", text(insurer.name)),
    ])
}

/// The insurer as an Organization.
pub(in super::super) fn insurer<'a>(insurer: &Insurer<'a>) -> Json<'a> {
    object([
        ("resourceType", text("Organization")),
        ("id", text("insurer")),
        (
            "identifier",
            list([object([
                ("type", concept([carin("C4BBIdentifierType", "payerid")])),
                ("value", text(insurer.identifier)),
            ])]),
        ),
        ("active", Json::Bool(true)),
        (
            "type",
            list([concept([coding(
                "http://terminology.hl7.org/CodeSystem/organization-type",
                "pay",
            )])]),
        ),
        ("name", text(insurer.name)),
    ])
}

fn own_identifier(provider: &Provider) -> Json<'static> {
    let system = match provider.is_npi {
        true => text(NPI),
        false => Json::Null,
    };
    object([
        ("system", system),
        ("value", text(provider.identifier.clone())),
    ])
}

fn organization(id: &'static str, provider: &Provider) -> Json<'static> {
    object([
        ("resourceType", text("Organization")),
        ("id", text(id)),
        ("identifier", list([own_identifier(provider)])),
        ("active", Json::Bool(true)),
        (
            "type",
            list([concept([coding(
                "http://terminology.hl7.org/CodeSystem/organization-type",
                "prov",
            )])]),
        ),
        ("name", text(provider.identifier.clone())),
    ])
}

fn practitioner(id: String, provider: Provider) -> Json<'static> {
    object([
        ("resourceType", text("Practitioner")),
        ("id", text(id)),
        ("identifier", list([own_identifier(&provider)])),
        (
            "name",
            list([object([("text", text(provider.identifier))])]),
        ),
    ])
}
