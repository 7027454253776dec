//! What the interpreter says of queries whose answers are known.
#![allow(clippy::unwrap_used)]

mod answers_are_those_of_flink;
