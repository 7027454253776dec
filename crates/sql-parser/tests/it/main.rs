//! What the parser promises, through its public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod errors_point_at_the_place;
mod hostile_text_is_refused_not_fatal;
mod printed_sql_parses_to_the_same_tree;
mod scripts_are_cut_into_statements;
mod trees_say_what_the_text_says;
