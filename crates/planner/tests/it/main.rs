//! What the planner does, seen from outside: statements in, plans, answers and errors out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod graphs_have_the_shape_of_the_query;
mod mistakes_are_shown_where_they_are;
mod nexmark_queries_are_planned;
mod plans_are_as_written_down;
mod sinks_refuse_what_they_cannot_take;
mod statements_answer;
mod support;
