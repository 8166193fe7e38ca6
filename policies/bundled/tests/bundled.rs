//! What the binary carries is what can be published.

use tally_testing::{Sandboxes, load_policy};
use tally_types::ServiceDate;

#[test]
fn bundled_policies_are_proven_and_load_with_their_tables() {
    let sandboxes = Sandboxes::new().unwrap();
    for bundled in tally_bundled::all() {
        let policy = load_policy(bundled.component.to_vec(), &sandboxes).unwrap();
        assert_eq!(policy.description().product, bundled.name);
        assert_eq!(policy.hash(), bundled.hash);
        assert!(ServiceDate::parse(bundled.effective).is_ok());
    }
    let names: Vec<&str> = tally_bundled::all().iter().map(|b| b.name).collect();
    assert!(names.is_sorted() && !names.is_empty());
}
