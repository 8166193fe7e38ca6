//! When records may be erased, and that a receipt shows it.

use proptest::prelude::*;
use tally_types::ServiceDate;

use super::*;
use crate::canon::Canon;
use crate::ledger::rig::{key, proof_of, trust};
use crate::ledger::{Entry, Ground, ReceiptError, SigningKey, Trust, Verdict, tree};

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// As an operator in the United States may write them.
fn rules() -> Vec<RetentionRule> {
    let rule = |id: &str, kinds: &[Kind], years, since, source: &str| RetentionRule {
        id: id.into(),
        kinds: kinds.to_vec(),
        years,
        since,
        source: source.into(),
    };
    vec![
        rule(
            "documentation",
            &[Kind::Contract, Kind::Access],
            6,
            Since::LastInEffect,
            "45 CFR 164.316(b)(2)(i)",
        ),
        rule(
            "medicare-advantage",
            &[Kind::Claim, Kind::Payment],
            10,
            Since::LastActivity,
            "42 CFR 422.504(d)",
        ),
        rule(
            "shorter",
            &[Kind::Claim],
            7,
            Since::Made,
            "42 CFR 424.516(f)",
        ),
    ]
}

fn claim(holds: &[Hold]) -> Kept<'_> {
    Kept {
        kind: Kind::Claim,
        made: day("2016-02-20"),
        last_activity: day("2016-02-29"),
        last_in_effect: None,
        settled: true,
        holds,
    }
}

fn refused(today: &str, ground: Ground, record: &Kept<'_>) -> String {
    match may_erase(day(today), ground, record, &rules()) {
        Ok(found) => {
            assert_eq!(found, ground);
            "erased".into()
        }
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn a_record_is_kept_through_its_last_day() {
    let kept = "X103: it is kept until 2026-02-28, by `medicare-advantage` (42 CFR 422.504(d))";
    for ground in [Ground::Request, Ground::Retention] {
        assert_eq!(refused("2026-02-28", ground, &claim(&[])), kept);
        assert_eq!(refused("2026-03-01", ground, &claim(&[])), "erased");
    }
    assert_eq!(refused("2020-01-01", Ground::Order, &claim(&[])), "erased");
}

#[test]
fn each_row_is_refused_for_one_thing() {
    let code =
        |today: &str, ground, record: &Kept<'_>| refused(today, ground, record)[..4].to_owned();
    let hold = |lifted: Option<&str>| {
        [Hold {
            id: "SEC-1".into(),
            placed: day("2020-01-01"),
            lifted: lifted.map(day),
        }]
    };
    for ground in [Ground::Request, Ground::Retention, Ground::Order] {
        assert_eq!(code("2030-01-01", ground, &claim(&hold(None))), "X101");
        let lifted = hold(Some("2030-01-02"));
        assert_eq!(code("2030-01-01", ground, &claim(&lifted)), "X101");
        assert_eq!(refused("2030-01-02", ground, &claim(&lifted)), "erased");
    }
    let mut record = claim(&[]);
    record.settled = false;
    assert_eq!(code("2030-01-01", Ground::Request, &record), "X102");
    record.settled = true;
    record.kind = Kind::Flag;
    assert_eq!(code("2030-01-01", Ground::Retention, &record), "X104");
    record.kind = Kind::Contract;
    assert_eq!(code("2030-01-01", Ground::Request, &record), "X105");
    record.last_in_effect = Some(day("2024-06-30"));
    assert_eq!(code("2030-06-30", Ground::Request, &record), "X103");
    assert_eq!(refused("2030-07-01", Ground::Request, &record), "erased");
    assert_eq!(code("2016-02-25", Ground::Order, &record), "X106");
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
    }
}

proptest! {
    /// One rule more, or one hold more, never lets anything be erased; and what may be
    /// erased may be erased on any later day.
    #[test]
    fn more_rules_never_erase_more(
        today in 16_000i32..30_000, later in 0i32..4_000, made in 15_000i32..20_000,
        years in proptest::collection::vec(0u16..20, 0..4), more in 0u16..20, held in any::<bool>(),
    ) {
        let date = |days| ServiceDate::from_days(days).unwrap();
        let rule = |years| RetentionRule {
            id: "r".into(), kinds: vec![Kind::Claim], years, since: Since::Made, source: "s".into(),
        };
        let mut rules: Vec<RetentionRule> = years.into_iter().map(rule).collect();
        let hold = [Hold { id: "h".into(), placed: date(made), lifted: None }];
        let mut record = claim(&[]);
        record.made = date(made);
        record.last_activity = date(made);
        let may = |today, record: &Kept<'_>, rules: &[RetentionRule]| {
            may_erase(date(today), Ground::Retention, record, rules).is_ok()
        };
        let before = may(today, &record, &rules);
        if before {
            prop_assert!(may(today + later, &record, &rules));
        }
        let had_some = !rules.is_empty();
        rules.push(rule(more));
        prop_assert!(before || !had_some || !may(today, &record, &rules));
        if held {
            record.holds = &hold;
            prop_assert!(!may(today, &record, &rules));
        }
    }

    #[test]
    fn junk_never_panics(text in "\\PC*") {
        let _ = ErasureReceipt::parse(&text);
    }
}

fn receipt() -> ErasureReceipt {
    let gone = Entry::Adjudicated(crate::ledger::Adjudication {
        commitment: [6; 32],
        policy: None,
        prefix: 1,
    })
    .to_canon();
    let entry = Entry::Erased {
        index: 2,
        ground: Ground::Retention,
    }
    .to_canon();
    let leaves = [
        vec![0],
        vec![1],
        gone.clone(),
        vec![3],
        entry.clone(),
        vec![5],
    ];
    ErasureReceipt {
        leaf: tree::leaf_hash(&gone),
        entry,
        key: key().verifier().clone(),
        stays: proof_of(&leaves, 2),
        erased: proof_of(&leaves, 4),
        shared: None,
    }
}

#[test]
fn a_receipt_shows_what_was_erased() {
    let receipt = receipt();
    let text = receipt.to_string();
    assert_eq!(ErasureReceipt::parse(&text).unwrap(), receipt);
    let shown = receipt.verify(Some(&trust())).unwrap();
    assert_eq!((shown.index, shown.ground), (2, Ground::Retention));
    assert_eq!(shown.verdict, Verdict::Trusted);
    assert_eq!(receipt.verify(None).unwrap().verdict, Verdict::Consistent);
    let mut other = trust();
    let stranger = SigningKey::new(crate::ledger::rig::ORIGIN, &[8; 32]).unwrap();
    other.logs[0].keys = vec![stranger.verifier().clone()];
    let not = ErasureError::Receipt(ReceiptError::Untrusted);
    assert_eq!(receipt.verify(Some(&other)).unwrap_err(), not);
    // Of a trust file that does not know the log nothing is refused, nor trusted.
    other.logs[0].origin = "elsewhere.example/log".into();
    for unknown in [other, Trust { logs: vec![] }] {
        let shown = receipt.verify(Some(&unknown)).unwrap();
        assert_eq!(shown.verdict, Verdict::Consistent);
    }
    // Who asks for cosignatures is not content with the log's own word.
    let mut cosigned = trust();
    cosigned.logs[0].cosignatures = 1;
    assert_eq!(receipt.verify(Some(&cosigned)).unwrap_err(), not);
    insta::assert_snapshot!(text);
}

#[test]
fn any_changed_byte_is_caught() {
    let text = receipt().to_string();
    for at in 0..text.len() {
        for change in [1u8, 2, 4, 0x20, 0x80] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let held = String::from_utf8(bytes)
                .ok()
                .and_then(|text| ErasureReceipt::parse(&text).ok())
                .is_some_and(|receipt| receipt.verify(Some(&trust())).is_ok());
            assert!(!held, "byte {at} changed by {change}");
        }
    }
}

#[test]
fn proofs_of_other_entries_are_refused() {
    let why = |change: fn(&mut ErasureReceipt)| {
        let mut receipt = receipt();
        change(&mut receipt);
        receipt.verify(Some(&trust())).unwrap_err()
    };
    assert_eq!(
        why(|r| r.entry = Entry::Read([1; 32]).to_canon()),
        ErasureError::Kind
    );
    let of = |index| {
        Entry::Erased {
            index,
            ground: Ground::Retention,
        }
        .to_canon()
    };
    let mut other = receipt();
    other.entry = of(3);
    assert_eq!(other.verify(None).unwrap_err(), ErasureError::Index);
    assert_eq!(
        why(|r| std::mem::swap(&mut r.stays, &mut r.erased)),
        ErasureError::Index
    );
    assert!(matches!(
        why(|r| r.leaf = [0; 32]),
        ErasureError::Inclusion { .. }
    ));
    assert_eq!(
        why(|r| r.stays = proof_of(&[vec![0], vec![1], vec![2]], 2)),
        ErasureError::Checkpoints
    );
}
