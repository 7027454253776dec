//! What the interpreter says of queries whose answers are known, and what the engine says of those whose are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers_are_those_of_flink;
mod engine;
mod expressions;
mod generator;
mod jobs_get_the_options_of_their_session;
mod joins;
mod queries_mean_the_same_everywhere;
mod random;
mod sessions_do_not_depend_on_batches;
mod world;
