//! Behaviours of the in-process cluster, a module each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod a_directory_belongs_to_one_job;
mod a_savepoint_comes_before_its_output;
mod a_stopped_job_goes_on_where_it_was;
mod damaged_files_lead_to_older_checkpoints;
mod support;
mod the_key_groups_of_a_job_stay;
