//! Behaviours of the functions, casts and aggregates, with values from Flink's documentation.
#![allow(clippy::cloned_ref_to_slice_refs, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod aggregates_accumulate_and_retract;
mod arithmetic_follows_flink;
mod casts_follow_flink;
mod collections_are_made_and_taken_apart;
mod comparisons_follow_sql;
mod errors_belong_to_rows;
mod harness;
mod no_value_makes_a_function_panic;
mod patterns_match;
mod registry_knows_flinks_names;
mod text_counts_characters;
mod times_follow_the_session;
