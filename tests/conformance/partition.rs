//! Which partition a unit belongs to. Frozen: workers, brokers and stores of
//! every version agree on it.

use std::num::NonZeroU32;

use tally_core::claim::{MemberReference, UnitKey};

#[test]
fn known_partitions() {
    let unknown = MemberReference::new("M-404");
    // Computed apart from this program: SHA-256, first eight bytes, remainder.
    for (unit, bytes, expected) in [
        (
            UnitKey::contract("C1"),
            "contract/C1",
            [0, 1, 7, 7, 767, 2_458_167_847],
        ),
        (
            UnitKey::contract(""),
            "contract/",
            [0, 1, 9, 9, 633, 124_666_178],
        ),
        (
            UnitKey::unknown("local", &unknown),
            "unknown/5/local/M-404",
            [0, 0, 0, 32, 664, 3_932_302_729],
        ),
        (
            UnitKey::contract("HARBOR-000017"),
            "contract/HARBOR-000017",
            [0, 1, 13, 13, 317, 1_258_106_972],
        ),
    ] {
        assert_eq!(unit.as_bytes(), bytes.as_bytes());
        let found = [1, 2, 16, 64, 1_000, u32::MAX]
            .map(|partitions| unit.partition(NonZeroU32::new(partitions).unwrap()));
        assert_eq!(found, expected, "{bytes}");
    }
}

/// No submitter and member together read as another submitter and member, nor
/// as a contract.
#[test]
fn units_are_told_apart() {
    let member = MemberReference::new;
    let units = [
        UnitKey::unknown("a", &member("b/c")),
        UnitKey::unknown("a/b", &member("c")),
        UnitKey::unknown("a/b/c", &member("")),
        UnitKey::unknown("", &member("a/b/c")),
        UnitKey::contract("a/b/c"),
        UnitKey::contract("1/a/b/c"),
    ];
    for (i, one) in units.iter().enumerate() {
        assert!(units.iter().skip(i + 1).all(|other| other != one), "{i}");
    }
}
