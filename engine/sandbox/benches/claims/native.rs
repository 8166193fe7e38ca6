//! The same policy, compiled for this machine: what it costs without a sandbox.

use tally_core::adjudication::{Context, Exchange, Verdict};
use tally_sandbox::Ran;
use tally_sdk::Policy as _;

use crate::world::World;

pub struct Native {
    claim: tally_sdk::Claim,
}

impl Native {
    /// Puts the claim as the policy sees it together, and teaches the answers it
    /// is given in the sandbox to the stand-in that answers natively.
    pub fn new(world: &World, context: &Context) -> Self {
        tally_sdk::mock::clear();
        for exchange in world.run(&world.cranelift, context).transcript.0 {
            let Exchange::Lookup { table, keys, rows } = exchange else {
                continue;
            };
            let table = tally_sdk::TableId(table);
            for (key, row) in keys.iter().zip(rows).filter(|(_, row)| row.found) {
                tally_sdk::mock::row(table, key.a, key.b, row.values);
            }
        }
        Self {
            claim: claim(context),
        }
    }

    pub fn adjudicate(&self) -> tally_sdk::Determination {
        harbor_ppo::Harbor::adjudicate(&self.claim)
    }

    /// Amounts are the same on both sides of the wall.
    pub fn assert_same(&self, ran: &Ran) {
        let Ok(Verdict::Settled(there)) = ran.determined.as_ref().map(|d| &d.verdict) else {
            panic!("the sandbox does not settle the claim");
        };
        let tally_sdk::Verdict::Settled(here) = self.adjudicate().verdict else {
            panic!("the policy does not settle the claim natively");
        };
        assert_eq!(here.len(), there.len());
        for (here, there) in here.iter().zip(there) {
            assert_eq!((here.paid, here.allowed), (there.paid, there.allowed));
            let amounts = here.adjustments.iter().map(|a| (a.carc, a.amount));
            assert!(amounts.eq(there.adjustments.iter().map(|a| (a.carc, a.amount))));
        }
    }
}

fn claim(context: &Context) -> tally_sdk::Claim {
    tally_sdk::Claim {
        kind: tally_sdk::ClaimKind::Professional,
        received: context.received,
        billing: context.billing,
        diagnoses: context.diagnoses.clone(),
        lines: context
            .lines
            .iter()
            .map(|line| tally_sdk::Line {
                number: line.number,
                system: line.system,
                procedure: line.procedure,
                modifiers: line.modifiers,
                revenue: line.revenue,
                place: line.place,
                diagnoses: line.diagnoses,
                quantity: line.quantity,
                charge: line.charge,
                from: line.from,
                through: line.through,
                rendering: context.billing,
                emergency: line.emergency,
                unit: line.unit,
                drug: None,
                cavities: vec![],
                teeth: vec![],
                prior: vec![],
            })
            .collect(),
        member: tally_sdk::Member {
            birth: context.member.birth,
            sex: tally_sdk::Sex::Female,
            relationship: tally_sdk::Relationship::Subscriber,
        },
        covered_since: context.covered_since,
        covered_members: context.covered_members,
        authorizations: vec![],
        balances: context
            .balances
            .iter()
            .map(|balance| tally_sdk::Balance {
                accumulator: tally_sdk::AccumulatorId(balance.accumulator),
                period: balance.period,
                used: balance.used,
            })
            .collect(),
        sequence: context.sequence,
        payers: vec![],
        patient_paid: context.patient_paid,
        referral: context.referral,
        referring: context.referring,
        facility: context.facility,
        accident: None,
        institutional: None,
    }
}
