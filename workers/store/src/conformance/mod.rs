//! The one conformance suite: what every store does, whatever its SQL. A store
//! passes it by [`crate::conformance_suite`], with a [`Fixture`] that makes it
//! an empty store for each case.

pub mod access;
pub mod acts;
pub mod appeals;
pub mod authorizations;
pub mod consistency;
pub mod detection;
pub mod disputed;
pub mod enrolment;
pub mod flags;
pub mod holds;
pub mod intake;
pub mod log;
pub mod model;
pub mod payments;
pub mod reading;
pub mod shared;
pub mod statements;
pub mod together;
pub mod work;
pub mod world;

use std::future::Future;

use crate::port::{Answer, Layout as _, Store, StoreError};

/// Makes stores to be tested.
pub trait Fixture: Send + Sync {
    /// The store.
    type Store: Store + 'static;
    /// An empty store, which stays usable as long as the fixture.
    fn fresh(&self) -> impl Future<Output = Self::Store> + Send;
}

/// An empty store that has been set up.
///
/// # Panics
/// When it cannot be.
pub async fn ready<F: Fixture>(fixture: &F) -> F::Store {
    let store = fixture.fresh().await;
    let held = store.set_up(&world::identity()).await;
    assert_eq!(held.expect("a store to set up"), world::identity());
    store
}

/// Runs a case.
///
/// # Panics
/// When the case does, or when there are no threads to run it on.
pub fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("threads to run on")
        .block_on(case);
}

/// Asserts that something was fenced.
///
/// # Panics
/// When it was not.
#[track_caller]
pub fn assert_fenced<T>(answer: Answer<T>) {
    match answer {
        Err(StoreError::Fenced { .. }) => {}
        Err(other) => panic!("fenced was expected, not {other:?}"),
        Ok(_) => panic!("fenced was expected, but it went through"),
    }
}

/// The whole suite as tests of the calling module, each on an empty store of
/// the fixture that the expression makes.
#[macro_export]
macro_rules! conformance_suite {
    ($fixture:expr) => {
        $crate::conformance_suite! { @cases $fixture;
            enrolment::versions_are_added_and_kept
            enrolment::a_member_has_one_unit
            enrolment::a_member_moves_as_an_event_of_both_units
            enrolment::where_members_were_is_known
            authorizations::a_request_is_stored_once
            authorizations::requests_are_found
            authorizations::what_follows_is_fenced
            authorizations::a_contract_knows_what_happened
            intake::a_submission_is_taken_in_once
            intake::claims_are_stated_as_they_are_taken_in
            intake::numbers_have_no_gap
            intake::a_claim_belongs_to_one_submission
            intake::a_submission_may_have_no_claims
            work::the_queue_is_in_order_of_arrival
            work::partitions_are_apart
            work::a_batch_commits_whole
            work::balances_and_histories_are_kept_in_order
            work::what_was_committed_is_fenced
            work::a_number_out_of_turn_is_fenced
            work::a_stale_balance_is_fenced
            work::a_fenced_batch_changes_nothing
            work::a_host_fault_holds_back_what_comes_later
            work::what_was_set_aside_is_released
            work::claims_are_taken_with_what_is_before_them
            work::what_is_set_aside_is_listed
            work::a_discarded_claim_closes_its_number
            work::the_number_of_partitions_can_change
            access::a_patient_is_drawn_once
            access::what_was_shown_is_kept
            disputed::what_others_dispute_is_kept_once
            holds::holds_are_kept_in_order
            holds::a_hold_and_an_erasure_never_both_stand
            holds::holds_and_erasures_at_once_do_not_cross
            acts::a_void_takes_a_claim_back
            acts::the_log_has_the_reversal_before_what_follows
            acts::an_act_is_fenced_as_a_claim_is
            acts::facts_and_findings_go_with_what_they_were_of
            appeals::events_are_kept_in_their_order
            appeals::one_appeal_of_a_claim_is_open
            appeals::an_event_out_of_turn_is_fenced
            appeals::appeals_are_listed_in_the_order_of_filing
            appeals::at_once_one_is_filed
            detection::facts_are_found_by_group
            detection::facts_are_stated_again
            detection::groups_of_new_facts_are_marked
            detection::a_group_that_was_judged_meanwhile_is_fenced
            flags::flags_of_a_group_are_replaced
            flags::a_commitment_that_is_stored_stays
            flags::a_changed_flag_is_pending_again
            flags::findings_and_facts_are_apart
            flags::pending_flags_are_given_oldest_first
            flags::a_withdrawn_flag_can_stand_again
            log::the_log_grows_from_the_outbox
            log::a_log_of_another_size_is_fenced
            log::the_outbox_is_relayed_in_order
            log::a_flag_has_one_place
            log::policies_are_published_in_order
            log::a_publication_is_stored_once
            statements::a_publication_comes_with_what_stands_of_it
            payments::what_is_settled_is_due
            payments::a_payment_is_recorded_once
            payments::payments_are_listed_latest_first
            payments::payments_at_once_pay_once
            reading::claims_are_listed_by_id
            reading::each_claim_filter_narrows
            reading::each_flag_filter_narrows
            reading::sums_are_over_all_that_was_decided
            reading::what_was_decided_is_listed_for_who_sent_or_billed_it
            reading::a_claim_is_read_as_it_was_stored
            reading::the_audit_trail_is_newest_first
            shared::a_shared_ledger_grows_by_blocks
            shared::entries_are_found_in_the_shared_ledger
            shared::a_block_is_appended_once
            shared::a_block_that_contradicts_itself_is_refused
            shared::tiles_only_grow
            shared::checkpoints_do_not_go_back
            shared::writers_at_once_append_one_ledger
            statements::statements_are_found
            statements::a_statement_is_made_once
            statements::what_cannot_be_stated_changes_nothing
            statements::statements_have_places_among_all_else
            statements::statements_at_once_are_made_once
            statements::nothing_is_stated_after_what_was_taken_back
            statements::what_is_taken_back_at_once_comes_after_what_was_stated
            together::decisions_and_contracts_at_once_know_of_each_other
            together::submissions_at_once_leave_no_gap
            together::one_submission_at_once_is_taken_in_once
            together::workers_at_once_have_one_effect
            together::relays_at_once_append_once
            together::flags_at_once_are_of_all_facts
        }
        #[test]
        fn any_schedule_comes_to_the_same_as_the_model() {
            $crate::conformance::model::any_schedule(&$fixture);
        }
    };
    (@cases $fixture:expr; $($module:ident :: $case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let fixture = $fixture;
                $crate::conformance::run(async {
                    let store = $crate::conformance::ready(&fixture).await;
                    $crate::conformance::$module::$case(store).await;
                });
            }
        )*
    };
}
