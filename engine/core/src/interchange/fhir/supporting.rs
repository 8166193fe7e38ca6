//! Supporting information of a Claim, by the categories of CARIN Blue Button and HL7.

use super::super::node::Node;
use super::super::refusal::Fault;
use super::coding;

/// What a piece of supporting information is about, of what is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Info {
    Admission,
    AdmissionType,
    Origin,
    Discharge,
    Group,
    BillType,
    BodySite,
}

/// What a piece is about, in any of the codings of its category; none where that is
/// nothing that is read by its category.
pub(super) fn kind(info: &Node<'_>) -> Result<Option<Info>, Fault> {
    coding::meaning_at(info, "category", |coding| match coding.code {
        "admissionperiod" | "hospitalized" => Some(Info::Admission),
        "admtype" => Some(Info::AdmissionType),
        "pointoforigin" => Some(Info::Origin),
        "discharge-status" | "discharge" => Some(Info::Discharge),
        "drg" => Some(Info::Group),
        "typeofbill" => Some(Info::BillType),
        "additionalbodysite" => Some(Info::BodySite),
        _ => None,
    })
}
