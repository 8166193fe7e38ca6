//! The API over a real node: what it answers, to whom, and what it refuses.

mod acts;
mod appeals;
mod authorizations;
#[path = "../common/mod.rs"]
mod common;
mod consents;
mod fixture;
mod parties;
mod payments;
mod places;
mod problems;
mod reads;
mod receipts;
mod submissions;
#[path = "../common/x12.rs"]
mod x12;

/// The description is a contract: a change of it is seen in review.
#[test]
fn the_description_is_as_it_was() {
    insta::assert_snapshot!("openapi", tally::api::description());
}
