//! What batch mode does: answers with one meaning from either plan, at any parallelism, written once or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aggregates_mean_what_they_mean_while_streaming;
mod errors_of_rows_stay_with_their_rows;
mod flights_add_up;
mod inserts_commit_all_or_nothing;
mod joins_follow_three_valued_logic;
mod nexmark_queries_have_one_answer;
mod order_puts_null_first;
mod queries_give_the_same_rows_from_either_plan;
mod sources_are_read_to_their_end;
mod support;
mod windows_are_attached;
