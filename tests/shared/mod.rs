//! Stories that are told on both forges, word for word: the miniature one (`tests/stories/`), which
//! is quick and lies if it can, and a real one (`tests/live/`), which keeps it honest.
//!
//! What differs between the two is a `Ground`: where people and bot stand, how one waits, how the
//! bot is stopped and started. The stories know neither. `each_story!` names them once for both.

mod ask;
mod evidence;
mod for_agents;
pub(crate) mod ground;
mod life;
mod moves;
mod restart;
mod signed;
pub(crate) mod thread;

pub(crate) use ask::*;
pub(crate) use evidence::*;
pub(crate) use for_agents::*;
pub(crate) use life::*;
pub(crate) use moves::*;
pub(crate) use restart::*;
pub(crate) use signed::*;

/// Makes every story a test on a ground; the attributes in brackets are put on each.
macro_rules! each_story {
    ($ground:ty, $attributes:tt) => {
        each_story! { $ground, $attributes:
            an_owners_comment_issues_a_sealed_credential_and_another_takes_it_back,
            a_new_issues_text_asks_as_a_comment_does,
            a_denied_request_stays_denied,
            a_withdrawn_request_stays_withdrawn,
            closing_the_issue_pauses_and_reopening_does_not_revive,
            an_owners_comment_edited_by_a_writer_approves_nothing,
            an_edit_within_the_second_approves_nothing_though_nothing_shows_it,
            the_sites_administrator_can_speak_as_an_owner,
            a_request_whose_comment_is_deleted_is_void,
            what_was_said_while_the_bot_was_down_may_ask_and_not_approve,
            a_bot_killed_at_any_moment_issues_once,
            deleted_records_are_rebuilt_from_the_journal,
            a_journal_without_its_last_line_is_refused,
            an_agent_with_bash_and_curl_gets_its_token_by_the_script_for_agents,
            the_script_for_agents_says_why_there_is_no_token,
            the_script_for_agents_ends_when_it_is_denied,
            one_command_asks_and_its_token_is_used_with_no_file_edited,
            a_command_runs_with_a_token_and_nothing_is_on_disk,
            what_is_paused_works_again_when_an_owner_lets_it,
            a_successor_works_beside_its_predecessor_until_that_ends,
            what_is_narrowed_may_less_at_the_next_check,
            an_identity_gets_another_owner_by_the_first_ones_word,
            a_frozen_board_goes_on_when_its_owners_want_it,
            what_its_requester_gives_back_is_over,
            whoever_holds_a_token_can_stop_its_identity,
            two_owners_sign_and_the_gate_opens,
            nothing_that_a_forge_can_write_opens_a_gate_that_demands_signatures,
        }
    };
    ($ground:ty, $attributes:tt: $($story:ident,)*) => {
        $(each_story! { @one $ground, $attributes, $story })*
    };
    (@one $ground:ty, [$($attribute:meta)?], $story:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])?
        async fn $story() {
            $crate::shared::$story(&<$ground>::begin().await).await;
        }
    };
}
pub(crate) use each_story;
