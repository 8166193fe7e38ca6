//! Remittances of claims that other formats let in: they balance, and fit the guide,
//! whatever their texts. The checker is that of the core's own tests, which shares
//! nothing with what writes remittances.

#[allow(dead_code)] // the core checks reversals with the rest of it
#[path = "../../engine/core/src/interchange/x12/tests/checker.rs"]
mod checker;

use proptest::prelude::*;
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::Claim;
use tally_core::interchange::x12::{
    Address, Method, PatientName, Payee, Payer, ProviderAdjustment, Remittance, RemittanceError,
    Remitted, RemittedClaim, Stamp, remittance,
};
use tally_types::Money;

use super::frozen::{sample_claim, sample_outcome, sample_pended};
use super::generate::{Shown, claims, day, id_at, outcomes};
use checker::{advices, unbalanced};

const PATIENT: PatientName<'static> = PatientName {
    family: "EXAMPLE",
    given: "ALEX",
};

fn written(
    claims: &[(&Claim, &Outcome)],
    adjustments: &[ProviderAdjustment<'_>],
) -> Result<Remitted, RemittanceError> {
    let address = Address {
        street: "1 QUAY",
        city: "HARBOR",
        state: "ME",
        zip: "04000",
    };
    let claims: Vec<RemittedClaim<'_>> = claims
        .iter()
        .map(|(claim, outcome)| RemittedClaim::new(claim, outcome, PATIENT))
        .collect();
    remittance(&Remittance {
        payer: Payer {
            name: "HARBOR HEALTH",
            id: "HARBOR",
            tax: "123456789",
            address,
            telephone: "5550100",
        },
        payee: Payee {
            name: "LAKESIDE CLINIC",
            id: "LAKESIDE",
            npi: "1234567893",
            tax: "",
            address: Address::default(),
        },
        method: Method::Cheque,
        stamp: Stamp {
            date: day(2026, 1, 22),
            time: "1015",
            control: 31,
            trace: "T-0001",
        },
        claims: &claims,
        adjustments,
        brought: &[],
        recovered: &[],
    })
}

/// Nothing in it is against the guide.
fn assert_sound(text: &str) {
    let file = tally_x12::read(text);
    let [interchange] = &file.interchanges[..] else {
        panic!("one interchange");
    };
    assert_eq!(interchange.faults, []);
    let group = &interchange.groups[0];
    assert_eq!(group.faults, []);
    let judged = tally_x12::ack::judge(group, &group.transactions[0]);
    assert_eq!(judged.codes, [], "{text}");
    assert_eq!(judged.faults(), [], "{text}");
}

#[test]
fn a_remittance_as_x12() {
    let (claim, outcome) = (sample_claim(), sample_outcome());
    let text = written(&[(&claim, &outcome)], &[]).unwrap().text;
    assert_eq!(unbalanced(&text), [""; 0]);
    assert_sound(&text);
    assert_eq!(advices(&text)[0].payments[0].lines.len(), claim.lines.len());
    insta::assert_snapshot!(text);
}

#[test]
fn a_claim_that_waits_is_not_remitted() {
    let (claim, outcome) = (sample_claim(), sample_pended());
    let refused = written(&[(&claim, &outcome)], &[]).unwrap_err();
    assert_eq!(refused, RemittanceError::Pended(0));
}

#[test]
fn what_would_be_negative_is_carried_forward() {
    let (claim, outcome) = (sample_claim(), sample_outcome());
    let more = outcome.paid().checked_add(Money::cents(1234)).unwrap();
    let recouped = ProviderAdjustment {
        reason: "CS",
        reference: "EARLIER",
        amount: more,
    };
    let remitted = written(&[(&claim, &outcome)], &[recouped]).unwrap();
    let text = &remitted.text;
    assert_eq!(remitted.forwarded.unwrap().amount, Money::cents(1234));
    assert!(text.contains("BPR*H*0.00*C*NON"), "{text}");
    assert!(text.contains("FB:T-0001*-12.34~"), "{text}");
    assert_eq!(unbalanced(text), [""; 0]);
    assert_sound(text);
}

proptest! {
    /// Whatever claims come to, their remittance balances and is sound.
    #[test]
    fn every_remittance_balances(
        pairs in prop::collection::vec((claims(), outcomes()), 0..4),
        kept in -1_000_000i64..1_000_000,
    ) {
        let settled = pairs
            .into_iter()
            .filter(|(_, outcome)| outcome.status() != Status::Pended);
        let pairs: Vec<(Claim, Outcome)> = (0u32..)
            .zip(settled)
            .map(|(at, (Shown(mut claim), outcome))| {
                claim.id = id_at(at);
                claim.billing = sample_claim().billing;
                let settlement = outcome.settlement().clone();
                let outcome = Outcome::new(claim.id, None, settlement, vec![]).unwrap();
                let service = claim.lines[0].clone();
                let lines = outcome.lines().iter();
                claim.lines = lines
                    .map(|line| {
                        let mut service = service.clone();
                        service.number = line.number();
                        // A number twice would say that one line was split.
                        service.detail.control_number = format!("L{}", line.number());
                        service.charge = line.charge();
                        service
                    })
                    .collect();
                (claim, outcome)
            })
            .collect();
        let borrowed: Vec<(&Claim, &Outcome)> = pairs.iter().map(|(c, o)| (c, o)).collect();
        let adjustment = ProviderAdjustment {
            reason: "CS",
            reference: "X",
            amount: Money::cents(kept),
        };
        let adjustments = if kept == 0 { vec![] } else { vec![adjustment] };
        let text = written(&borrowed, &adjustments).unwrap().text;
        prop_assert_eq!(&unbalanced(&text), &Vec::<String>::new(), "{}", text);
        assert_sound(&text);
    }
}
