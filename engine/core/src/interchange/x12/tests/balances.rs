//! Remittances balance, whatever claims come to.

use proptest::collection::vec;
use proptest::prelude::*;
use tally_types::{Money, ShortCode};

use super::checker::{advices, recharged};
use super::generate::{Case, case, id_at};
use super::remittance::{remitted, sound, whole, written};
use crate::interchange::x12::{
    Forwarded, OtherPayerName, ProviderAdjustment, RemittedClaim, Standing, remittance,
};

/// As many as the format holds.
const REMARKS: [ShortCode; 5] = [
    ShortCode::of("MA01"),
    ShortCode::of("MA18"),
    ShortCode::of("N130"),
    ShortCode::of("N4"),
    ShortCode::of("M86"),
];

/// How a generated claim stands in a remittance.
#[derive(Debug, Clone, Copy)]
enum Role {
    Paid,
    Reversed,
    ReversedAhead,
    Corrected,
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        4 => Just(Role::Paid),
        1 => Just(Role::Reversed),
        1 => Just(Role::ReversedAhead),
        2 => Just(Role::Corrected),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever claims come to, their remittances balance and fit the guide; what
    /// is carried forward is taken back, and no cent is lost between them.
    #[test]
    fn every_remittance_balances(
        given in vec((case(), case(), role(), 0i64..2_000), 0..4),
        kept in -100_000i64..10_000_000,
    ) {
        let given: Vec<(Case, Case, Role, i64)> = (0u32..)
            .zip(given)
            .map(|(at, (one, two, role, interest))| {
                let at = at * 2;
                let mut two = two.0.at(at + 1);
                two.claim.replaces = Some(id_at(at));
                (one.0.at(at), two, role, interest)
            })
            .collect();
        let mut claims = Vec::new();
        let mut due = -kept;
        for (one, two, role, interest) in &given {
            let interest = Money::cents(*interest);
            let (first, second) = (one.outcome.paid().scaled(), two.outcome.paid().scaled());
            let other = OtherPayerName { name: "SECOND * LIFE", id: "SL01" };
            let first_of = RemittedClaim {
                interest,
                remarks: if interest.scaled() % 2 == 1 { &REMARKS } else { &[] },
                crossover: (interest.scaled() % 3 == 1).then_some(other),
                priority: (interest.scaled() % 5 == 1).then_some(other),
                ..remitted(one)
            };
            let reversed = RemittedClaim { standing: Standing::Reversal, ..first_of };
            match role {
                Role::Paid => {
                    claims.push(first_of);
                    due += first + interest.scaled();
                }
                Role::Reversed => {
                    claims.push(reversed);
                    due -= first + interest.scaled();
                }
                Role::ReversedAhead => {
                    claims.push(RemittedClaim { standing: Standing::ReversalAhead, ..reversed });
                    due -= interest.scaled();
                }
                Role::Corrected => {
                    claims.extend([reversed, remitted(two)]);
                    due += second - first - interest.scaled();
                }
            }
        }
        let adjustment = ProviderAdjustment {
            reason: "CS",
            reference: "X*Y",
            amount: Money::cents(kept),
        };
        let adjustments = if kept == 0 { vec![] } else { vec![adjustment] };
        let first = remittance(&whole("T-1", &claims, &adjustments, &[])).unwrap();
        sound(&first);
        let billed: Vec<(String, Vec<i128>)> = claims.iter().map(|of| {
            let charges = of.claim.lines.iter().map(|line| line.charge.scaled().into());
            (of.claim.id.to_string(), charges.collect())
        }).collect();
        let billed: Vec<(&str, &[i128])> =
            billed.iter().map(|(number, charges)| (&**number, &**charges)).collect();
        prop_assert_eq!(recharged(&first.text, &billed), [""; 0]);
        let carried = first.forwarded.as_ref().map_or(0, |of| of.amount.scaled());
        prop_assert_eq!(first.payment.scaled() - carried, due);
        prop_assert!(first.payment.is_zero() || carried == 0);
        // A reversal is the payment with its signs turned round.
        for of in &claims {
            if of.standing == Standing::Reversal {
                let paid = RemittedClaim { standing: Standing::Payment, ..*of };
                let paid = advices(&written(&[paid]).unwrap().text).remove(0);
                let turned = advices(&written(&[*of]).unwrap().text).remove(0);
                prop_assert_eq!(turned.payments[0].shape(), paid.payments[0].reversed().shape());
            }
        }
        // The next remittance takes what was carried forward.
        let brought: Vec<Forwarded> = first.forwarded.into_iter().collect();
        let next: Vec<Case> = given.iter().map(|(_, two, ..)| two.clone().at(900)).collect();
        let next: Vec<RemittedClaim<'_>> = next.iter().take(1).map(remitted).collect();
        let second = remittance(&whole("T-2", &next, &[], &brought)).unwrap();
        sound(&second);
        let left = second.forwarded.as_ref().map_or(0, |of| of.amount.scaled());
        let paid: i64 = next.iter().map(|of| of.outcome.paid().scaled()).sum();
        prop_assert_eq!(second.payment.scaled() - left, paid - carried);
    }
}
