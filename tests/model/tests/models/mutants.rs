//! Each rule broken, and what then fails: the models are not empty, and the rules are needed.
//! What the counterexamples do is refused where it stands in a trace.

use tally_model::rules::Refusal;
use tally_model::trace::{Reason, check_trace};

use super::common::{Log, fails};
use super::disk::{self, DiskLoss};
use super::epochs::{self, Change};
use super::quorum::{self, Act, Quorum};
use super::relay::{self, Relay};
use super::told;
use super::witness::{self, SplitView};

/// Losses do no harm, so a mutant's counterexample has none.
fn small(broken: Refusal) -> Quorum {
    Quorum {
        losses: 0,
        broken: Some(broken),
        ..Quorum::default()
    }
}

/// The counterexample, as a trace, is refused for the rule that was broken.
fn refused(model: &Quorum, steps: &[Act], refusal: Refusal) {
    refused_lines(&told::quorum(model, steps), refusal);
}

fn refused_lines(lines: &[String], refusal: Refusal) {
    let violation = check_trace(lines.iter().map(String::as_str)).expect_err("a broken rule");
    assert_eq!(violation.reason, Reason::Refused(refusal), "{violation}");
}

#[test]
fn signing_before_the_commit() {
    let model = small(Refusal::SignedUncommitted);
    let steps = fails(
        "mutant, signs before the commit",
        model.clone(),
        quorum::FINAL,
    );
    refused(&model, &steps, Refusal::SignedUncommitted);
    fails("mutant, signs before the commit", model, quorum::HELD);
}

#[test]
fn acknowledging_before_the_commit() {
    let model = small(Refusal::AcknowledgedUncommitted);
    let steps = fails(
        "mutant, acknowledges before the commit",
        model.clone(),
        quorum::KEPT,
    );
    refused(&model, &steps, Refusal::AcknowledgedUncommitted);
}

#[test]
fn committing_out_of_order() {
    let model = Quorum {
        ahead: 2,
        ..small(Refusal::Gap)
    };
    let steps = fails("mutant, leaves a height out", model.clone(), quorum::ONCE);
    refused(&model, &steps, Refusal::Gap);
}

#[test]
fn committing_twice() {
    let model = Quorum {
        forgets_heights: true,
        losses: 0,
        ..Quorum::default()
    };
    fails(
        "mutant, commits what is delivered again",
        model,
        quorum::ONCE,
    );
}

/// A majority is as good as a quorum of four, and not of seven: two of the four that signed
/// may be Byzantine, and the two others fail.
#[test]
fn a_majority_is_no_quorum() {
    let model = Quorum {
        authorities: 7,
        byzantine: 2,
        heights: 1,
        crashes: 0,
        losses: 0,
        quorum: |n| n / 2 + 1,
        ..Quorum::default()
    };
    let steps = fails("mutant, quorum n/2+1 of seven", model.clone(), quorum::HELD);
    refused(&model, &steps, Refusal::TooFew);
}

#[test]
fn a_third_is_no_quorum() {
    let model = Quorum {
        heights: 1,
        losses: 0,
        quorum: |n| n.div_ceil(3),
        ..Quorum::default()
    };
    let steps = fails("mutant, quorum n/3 of four", model.clone(), quorum::HELD);
    refused(&model, &steps, Refusal::TooFew);
}

#[test]
fn sending_a_signature_once() {
    let model = Quorum {
        withhold: true,
        resend: false,
        crashes: 0,
        heights: 1,
        ..Quorum::default()
    };
    fails("mutant, a signature is sent once", model, quorum::RESTS);
}

/// Not a mutant but the bound: of four, one may be absent.
#[test]
fn two_of_four_absent_halt() {
    let model = Quorum {
        withhold: true,
        dead: true,
        losses: 0,
        heights: 1,
        ..Quorum::default()
    };
    fails("two of four absent", model, quorum::RESTS);
}

#[test]
fn a_fork_in_a_trace() {
    let model = Quorum {
        byzantine: 2,
        losses: 0,
        crashes: 0,
        heights: 1,
        ..Quorum::default()
    };
    let [a, b] = [0, 1].map(|choice| Log::EMPTY.grow(choice));
    let steps = [Act::Commit(0, 1, a), Act::Commit(1, 1, b)];
    refused(&model, &steps, Refusal::Fork);
}

fn change(broken: Refusal) -> Change {
    Change {
        broken: Some(broken),
        ..Change::default()
    }
}

#[test]
fn accepting_the_old_set_past_its_boundary() {
    let model = change(Refusal::PastBoundary);
    fails(
        "mutant, the old set past its boundary",
        model,
        epochs::FINAL,
    );
}

/// The boundary is not enough: retired keys can sign what lies before it.
#[test]
fn accepting_the_past_without_a_proof() {
    let model = change(Refusal::OtherThanHeld);
    fails(
        "mutant, no consistency with what is held",
        model,
        epochs::FORK,
    );
}

#[test]
fn a_new_epoch_with_a_tree_of_its_own() {
    let model = change(Refusal::Shrinks);
    let steps = fails("mutant, the size shrinks", model.clone(), epochs::SHRINKS);
    refused_lines(&told::epochs(&model, &steps), Refusal::Shrinks);
}

#[test]
fn a_checkpoint_by_too_few() {
    let model = change(Refusal::TooFew);
    fails("mutant, a checkpoint by one", model, epochs::FINAL);
}

#[test]
fn signing_for_an_epoch_of_others() {
    let model = change(Refusal::NotOfTheSet);
    let steps = fails(
        "mutant, signs in an epoch of others",
        model.clone(),
        epochs::OWN,
    );
    refused_lines(&told::epochs(&model, &steps), Refusal::NotOfTheSet);
}

#[test]
fn leaving_before_the_handover_is_signed() {
    let model = Change {
        withhold: true,
        leavers_hurry: true,
        ..Change::default()
    };
    fails(
        "mutant, who leaves does not sign the handover",
        model,
        epochs::RESTS,
    );
}

/// Not a mutant but a limit: from the genesis set alone, retired keys can lead astray.
#[test]
fn a_late_reader_without_a_witness() {
    let model = Change {
        early: true,
        ..Change::default()
    };
    fails("a late reader without a witness", model, epochs::FINAL);
}

/// A witness that counts signatures and looks at sizes and roots alone cosigns a handover to
/// anyone: the log is the same, and only the lines about who is next are others.
#[test]
fn a_late_reader_with_a_foreign_witness() {
    let model = Change {
        early: true,
        witnessed: true,
        foreign: true,
        dead: true,
        ..Change::default()
    };
    fails(
        "a late reader with a foreign witness",
        model,
        epochs::HANDED,
    );
}

#[test]
fn a_wiped_journal_under_the_same_key() {
    let model = DiskLoss {
        broken: Some(Refusal::OtherJournal),
    };
    fails("mutant, no fence", model.clone(), disk::FENCED);
    fails("mutant, no fence", model.clone(), disk::FORK);
    fails("mutant, no fence", model, disk::PUBLIC);
}

#[test]
fn a_witness_that_breaks_a_rule() {
    for (refusal, property) in [
        (Refusal::CosignedWithoutQuorum, witness::QUORUM),
        (Refusal::CosignedShrinks, witness::GROWS),
        (Refusal::CosignedOtherRoot, witness::ONE_LOG),
        (Refusal::CosignedInconsistent, witness::ONE_LOG),
    ] {
        let model = SplitView {
            broken: Some(refusal),
            ..SplitView::default()
        };
        fails(&format!("mutant, {refusal}"), model, property);
    }
    let model = SplitView {
        remembers_after: true,
        ..SplitView::default()
    };
    fails(
        "mutant, a witness remembers after it answers",
        model,
        witness::ONE_LOG,
    );
}

#[test]
fn a_relay_that_breaks_a_rule() {
    for refusal in [Refusal::NoEntries, Refusal::Again, Refusal::EntriesMissing] {
        let model = Relay {
            broken: Some(refusal),
            ..Relay::default()
        };
        fails(&format!("mutant, {refusal}"), model, relay::ONCE);
    }
    let model = Relay {
        entries: 2,
        resend: false,
        ..Relay::default()
    };
    fails("mutant, an envelope is sent once", model, relay::RESTS);
}
