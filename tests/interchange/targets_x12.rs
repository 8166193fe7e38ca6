//! What the fuzz targets of X12 do with their input.

use tally_core::interchange::x12::{
    Address, Asked, Enrolment, Payer, Stamp, answer_eligibility, claim_acknowledgements, text_of,
};
use tally_core::interchange::{Benefits, Format, Source, read_claims};
use tally_types::{Money, ServiceDate};
use tally_x12::ack::{self, Judged};

/// Nothing in what was written is against its guide.
fn sound(text: &str) {
    for interchange in &tally_x12::read(text).interchanges {
        assert!(interchange.faults.is_empty());
        for group in &interchange.groups {
            assert!(group.faults.is_empty());
            for set in &group.transactions {
                let judged = ack::judge(group, set);
                assert!(judged.codes.is_empty() && judged.faults().is_empty());
            }
        }
    }
}

/// Syntax, guides and acknowledgements: whatever it is, the 999 fits its own guide.
pub fn syntax(bytes: &[u8]) {
    let text = &*text_of(bytes);
    let stamp = ack::Stamp {
        date: "20260111",
        time: "0930",
        control: 5,
    };
    for interchange in &tally_x12::read(text).interchanges {
        // Acknowledgements have none.
        if interchange.only_acknowledges() {
            continue;
        }
        let groups = interchange.groups.iter();
        let judged: Vec<Vec<Judged<'_>>> = groups
            .map(|group| {
                let sets = group.transactions.iter();
                sets.map(|set| ack::judge(group, set)).collect()
            })
            .collect();
        let answer = ack::acknowledge(interchange, &judged, stamp);
        for ours in &tally_x12::read(&answer).interchanges {
            assert!(ours.faults.is_empty());
            for group in &ours.groups {
                assert!(group.faults.is_empty());
                for set in &group.transactions {
                    let judged = ack::judge(group, set);
                    assert!(judged.codes.is_empty() && judged.faults().is_empty());
                }
            }
        }
    }
}

/// Nobody is a member.
struct Nobody;

impl Enrolment for Nobody {
    fn contract(
        &self,
        _: &str,
        _: tally_types::ServiceDate,
    ) -> Option<&tally_core::claim::Contract> {
        None
    }
    fn benefits(&self, _: &Asked<'_>) -> Benefits {
        Benefits::default()
    }
}

/// Claims and inquiries, with their answers.
pub fn claims(bytes: &[u8]) {
    let source = Source {
        submitter: "fuzz",
        interchange: "0",
        received: ServiceDate::MAX,
    };
    let reading = read_claims(bytes, Some(Format::X12), &source);
    assert!(reading.read >= 1);
    assert_eq!(
        reading.read as usize,
        reading.claims.len() + reading.refusals.len()
    );
    for claim in &reading.claims {
        let sum = Money::checked_sum(claim.lines.iter().map(|line| line.charge));
        assert_eq!(sum, Some(claim.charge));
    }
    let text = &*text_of(bytes);
    let payer = Payer {
        name: "HARBOR HEALTH",
        id: "HARBOR",
        tax: "123456789",
        address: Address::default(),
        telephone: "5550100",
    };
    let stamp = Stamp {
        date: ServiceDate::MAX,
        time: "1015",
        control: 31,
        trace: "F-1",
    };
    let told = claim_acknowledgements(text, &source, &reading, &payer, &stamp);
    assert!(told.is_ok());
    told.iter().flatten().for_each(|text| sound(text));
    let answers = answer_eligibility(text, &Nobody, &payer, &stamp);
    assert!(answers.is_ok());
    answers
        .iter()
        .flat_map(|a| &a.texts)
        .for_each(|text| sound(text));
}
