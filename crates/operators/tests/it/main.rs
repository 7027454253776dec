//! Behaviours of the operators, each against a plain computation over single rows.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

mod calc_filters_projects_and_keeps_kinds;
mod grouped_aggregates_are_a_changelog_of_the_groups;
mod limit_lets_the_first_rows_pass;
mod sessions_do_not_depend_on_batches;
mod sessions_join_rows_across_gaps;
mod two_phases_give_what_one_gives;
mod window_functions_attach_every_window;
mod windows_go_on_where_instances_were_apart;
mod windows_hold_the_rows_of_their_time;
