//! Behaviours of the checkpoint crate, a module each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod a_flipped_bit_is_found;
mod a_job_recovers_from_a_fault_at_every_operation;
mod a_savepoint_holds_the_same_as_its_checkpoint;
mod collection_keeps_what_is_needed;
mod faults;
mod mini_job;
mod of_two_writers_one_decides;
mod old_formats_are_read;
mod one_job_a_directory;
mod stores_behave_alike;
mod the_log_is_trimmed;
mod what_a_later_version_adds_is_refused;
