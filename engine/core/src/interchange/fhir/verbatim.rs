//! Any FHIR R4 resource, on one line: what a bulk file holds, and what is kept of
//! resources that are not read further.

use super::super::json::{self, Budget};
use super::super::node::Node;
use super::super::refusal::{Fault, Refusal};
use super::super::{check_file, utf8};
use super::{kind, name};

/// A FHIR R4 resource or Bundle on one line. Nothing is lost or rounded: keys stand in
/// their order, and numbers as they are written.
///
/// # Errors
/// When it is no JSON, no resource of R4, or has a key twice in one object; with the
/// place.
pub fn resource_line(bytes: &[u8]) -> Result<String, Refusal> {
    read(bytes).map_err(|fault| fault.at(0))
}

fn read(bytes: &[u8]) -> Result<String, Fault> {
    check_file(bytes)?;
    let document = json::read(utf8(bytes, "file")?, "file", &mut Budget::new())?;
    let root = Node::new(&document, name(&document));
    kind(&root)?;
    document.check_keys(root.place(), &|_| false)?;
    Ok(document.to_string())
}
