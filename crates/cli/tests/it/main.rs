//! Drives the built binary as a user does: arguments, stdin and signals in; stdout, stderr and the exit code out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod a_directory_belongs_to_one_job;
mod a_result_in_three_formats;
mod a_signal_stops_cleanly;
mod bad_input_is_refused;
mod checkpoints_live_in_s3;
mod configuration_has_layers;
mod mistakes_are_pointed_at;
mod nexmark_is_one_answer;
mod old_formats_are_restored;
mod savepoints_are_shown_and_verified;
mod state_has_a_budget;
mod support;
mod tables_have_a_parallelism_of_their_own;
mod the_report_says_what_was_done;
mod the_shell_goes_on;
