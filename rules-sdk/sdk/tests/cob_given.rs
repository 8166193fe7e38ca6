//! What a claim says of payers before this one, as a policy reads it.

use tally_sdk::cob::Standing;
use tally_sdk::cob::prior::{PriorError, before_us};
use tally_sdk::prelude::*;
use tally_sdk::{Accident, Payer, PriorAdjustment, PriorLine, mock};

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn payer(sequence: u8, paid: Option<&str>) -> Payer {
    Payer {
        sequence,
        filing: ShortCode::of("CI"),
        paid: paid.map(money),
        remaining: None,
        decided: None,
        adjustments: vec![],
    }
}

fn adjusted(group: Group, reason: &str, amount: &str) -> PriorAdjustment {
    PriorAdjustment {
        group,
        reason: ShortCode::of(reason),
        amount: money(amount),
    }
}

fn prior(payer: u8, paid: &str, adjustments: Vec<PriorAdjustment>) -> PriorLine {
    PriorLine {
        payer,
        paid: money(paid),
        units: Quantity::ONE,
        remaining: None,
        decided: None,
        adjustments,
    }
}

/// A claim of 100.00 and 50.00 that this payer is third for.
fn claim() -> Claim {
    let on = date(2026, 3, 2);
    let lines = ["100.00", "50.00"].map(|charge| mock::line(Code::of("99213"), money(charge), on));
    let mut claim = mock::claim(lines.into());
    claim.sequence = 3;
    claim
}

#[test]
fn payers_come_in_their_order_whatever_the_claim_lists_first() {
    let mut claim = claim();
    claim.payers = vec![payer(2, Some("30.00")), payer(1, Some("90.00"))];
    let contract = |amount| adjusted(Group::Co, "45", amount);
    claim.lines[0].prior = vec![
        prior(0, "20.00", vec![adjusted(Group::Oa, "23", "80.00")]),
        prior(
            1,
            "60.00",
            vec![contract("20.00"), adjusted(Group::Pr, "1", "20.00")],
        ),
    ];
    claim.lines[1].prior = vec![
        prior(0, "10.00", vec![adjusted(Group::Oa, "23", "40.00")]),
        prior(
            1,
            "30.00",
            vec![contract("10.00"), adjusted(Group::Pr, "2", "10.00")],
        ),
    ];
    let lines = before_us(&claim).unwrap();
    let seen: Vec<Vec<(Money, Money, Money)>> = lines
        .iter()
        .map(|line| line.iter().map(|p| (p.allowed, p.paid, p.left)).collect())
        .collect();
    let amounts = |a, b, c| (money(a), money(b), money(c));
    assert!(
        seen == [
            [
                amounts("80.00", "60.00", "20.00"),
                amounts("80.00", "20.00", "0.00")
            ],
            [
                amounts("40.00", "30.00", "10.00"),
                amounts("40.00", "10.00", "0.00")
            ],
        ]
    );
}

#[test]
fn adjustments_of_the_whole_claim_are_spread() {
    let mut claim = claim();
    claim.sequence = 2;
    let mut primary = payer(1, Some("90.00"));
    primary.adjustments = vec![adjusted(Group::Pr, "1", "60.00")];
    claim.payers = vec![primary];
    let lines = before_us(&claim).unwrap();
    let paid: Vec<Money> = lines.iter().map(|line| line[0].paid).collect();
    assert_eq!(paid, [money("60.00"), money("30.00")]);
}

#[test]
fn a_payer_that_says_nothing_is_named() {
    let mut claim = claim();
    claim.payers = vec![payer(1, None), payer(4, None)];
    let error = before_us(&claim).err().unwrap();
    assert_eq!(error, PriorError::Silent { sequence: 1 });
    claim.lines[0].prior = vec![prior(0, "100.00", vec![])];
    assert_eq!(
        before_us(&claim).err(),
        Some(PriorError::Silent { sequence: 1 })
    );
    // First, or not told: there is nobody before.
    for sequence in [0, 1] {
        claim.sequence = sequence;
        assert!(before_us(&claim).unwrap().iter().all(Vec::is_empty));
    }
}

/// What a standing is, in a word, and what it says of lines.
fn word(claim: &Claim) -> (&'static str, u16) {
    match Standing::of(claim) {
        Standing::First => ("first", 0),
        Standing::After(lines) => ("after", u16::try_from(lines[0].len()).unwrap()),
        Standing::TooEarly => ("too early", 0),
        Standing::Unclear(line) => ("unclear", line),
        Standing::Liable(Accident::Employment) => ("employer", 0),
        Standing::Liable(_) => ("vehicle", 0),
    }
}

#[test]
fn where_a_plan_stands_is_read_from_the_claim() {
    let mut claim = claim();
    claim.sequence = 2;
    assert_eq!(word(&claim), ("too early", 0), "nobody is named");
    claim.payers = vec![payer(1, None)];
    assert_eq!(word(&claim), ("too early", 0), "the first has not decided");
    let primary = |paid: &str| {
        let mut primary = payer(1, Some(paid));
        primary.adjustments = vec![adjusted(Group::Pr, "1", "60.00")];
        primary
    };
    claim.payers = vec![primary("90.00")];
    assert_eq!(word(&claim), ("after", 1));
    assert_eq!(Standing::of(&claim).before(0).len(), 1);
    assert!(Standing::of(&claim).before(2).is_empty(), "no such line");
    claim.payers = vec![primary("80.00")];
    assert_eq!(
        word(&claim),
        ("unclear", 0),
        "150.00 less 60.00 is not 80.00"
    );
    claim.payers = vec![payer(1, Some("90.00"))];
    claim.lines[0].prior = vec![prior(0, "60.00", vec![adjusted(Group::Co, "45", "40.00")])];
    claim.lines[1].prior = vec![prior(0, "30.00", vec![adjusted(Group::Co, "45", "10.00")])];
    assert_eq!(
        word(&claim),
        ("unclear", 2),
        "the second line does not add up"
    );
    for line in &mut claim.lines {
        line.prior.clear();
    }
    claim.payers = vec![primary("90.00"), payer(0, Some("1.00"))];
    assert_eq!(word(&claim), ("unclear", 0), "one has no place");
    claim.payers = vec![primary("90.00")];
    claim.sequence = 3;
    assert_eq!(
        word(&claim),
        ("unclear", 0),
        "the second of three is not told of"
    );
    // Two secondaries of three: what was left to one of them is not known.
    claim.payers = vec![primary("90.00"), payer(1, Some("30.00"))];
    assert_eq!(word(&claim), ("unclear", 0), "two have the first place");
    assert_eq!(
        before_us(&claim).err(),
        Some(PriorError::Twice { sequence: 1 })
    );
    // Another that decided has this plan's own place: one of them is told wrongly.
    claim.sequence = 2;
    claim.payers = vec![primary("90.00"), payer(2, Some("30.00"))];
    assert_eq!(word(&claim), ("unclear", 0), "two have the second place");
    claim.payers = vec![primary("90.00"), payer(2, None)];
    assert_eq!(word(&claim), ("after", 1), "it decided nothing");
    claim.sequence = 1;
    assert_eq!(word(&claim), ("unclear", 0), "two have the first place");
    claim.payers = vec![payer(1, None), payer(2, Some("30.00"))];
    assert_eq!(word(&claim), ("first", 0), "the other comes later");
    claim.lines[0].prior = vec![prior(0, "0.00", vec![adjusted(Group::Co, "45", "100.00")])];
    assert_eq!(word(&claim), ("unclear", 0), "it decided a line");
    claim.lines[0].prior.clear();
    // Somebody paid, and this plan's own place is not said.
    claim.payers = vec![primary("90.00"), payer(1, Some("30.00"))];
    claim.sequence = 0;
    assert_eq!(word(&claim), ("unclear", 0), "somebody decided, somewhere");
    claim.payers = vec![payer(1, None)];
    // What is first asks who answers for an accident; what is later was told.
    for sequence in [0, 1] {
        claim.sequence = sequence;
        claim.accident = Some(Accident::Employment);
        assert_eq!(word(&claim), ("employer", 0));
        claim.accident = Some(Accident::Vehicle);
        assert_eq!(word(&claim), ("vehicle", 0));
        claim.accident = Some(Accident::Other);
        assert_eq!(word(&claim), ("first", 0));
    }
}
