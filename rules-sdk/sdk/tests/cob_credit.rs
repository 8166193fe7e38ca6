//! What another tier's limit is credited after other payers.

mod common;

use common::*;
use tally_sdk::cob::{Coordination, Method, Pocket, Unpaid};
use tally_sdk::prelude::*;

/// What is credited to another tier's limit is what the patient still bears, as far as
/// there was room: what others absorbed is not taken off what the room had cut already.
#[test]
fn a_credit_is_of_what_is_borne_up_to_its_room() {
    let out = CostShare {
        deductible: None,
        out_of_pocket: Some(Embedded {
            member: accumulator::OUT,
            family: Some(accumulator::OUT_FAMILY),
        }),
    };
    // Room of the other tier, the first payer's payment, what is borne of the
    // deductible 100.00 and of the share 20.00, and what is credited.
    for (room, paid, borne, credited) in [
        ("88.00", "60.00", ["PR 1 40.00", "PR 2 20.00"], 6_000),
        ("50.00", "60.00", ["PR 1 40.00", "PR 2 20.00"], 5_000),
        // There was no room for the share before the deductible was absorbed.
        ("100.00", "75.00", ["PR 1 25.00", "PR 2 20.00"], 4_500),
        ("30.00", "75.00", ["PR 1 25.00", "PR 2 20.00"], 3_000),
    ] {
        let used = 80_000 - money(room).scaled();
        let mut claim = fresh(vec![line("120.00")]);
        for balance in &mut claim.balances {
            if balance.accumulator == accumulator::OUT {
                balance.used = used;
            }
        }
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let shares = [(Carc::DEDUCTIBLE, "100.00"), (Carc::COINSURANCE, "20.00")];
        for (carc, amount) in shares {
            let toward = Accrual::of(ONLY_POCKET).crediting(out);
            work.share(&mut balances, carc, money(amount), toward, clause::ANY);
        }
        let left = format!("PR 1 {}", money("120.00").less(money(paid)));
        let how = Coordination {
            pocket: Pocket::AsBorne,
            ..coordination(Method::NonDuplication, Unpaid::Liability)
        };
        let prior = payer("120.00", paid, &[&left]);
        work.coordinate(&mut balances, &[prior], &how);
        let line = work.finish();
        assert_eq!(shown(&line)[1..], borne, "{room}");
        let both = money("120.00").less(money(paid)).scaled();
        assert_eq!(posted(&line, accumulator::POCKET), both, "{room}");
        for (other, used) in [(accumulator::OUT, used), (accumulator::OUT_FAMILY, 0)] {
            assert_eq!(posted(&line, other), credited, "{room}");
            assert_eq!(balances.used(other, DAY), used + credited, "{room}");
        }
        assert!(line.postings.iter().all(|posting| posting.amount > 0));
    }
}
