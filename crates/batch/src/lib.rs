//! Owns batch mode: lowering a relational plan to DataFusion, running it over our sources, expressions, aggregates and
//! windows, and writing what an INSERT gives.
//! Does not own: binding and rules (`planner`), what functions compute (`functions`), connectors, streaming.
//!
//! One meaning in both modes: DataFusion moves, hashes, joins and sorts rows; every value is computed by the code that
//! computes it while streaming. Only what means exactly the same there and cannot fail (columns, constants, comparisons of
//! one type, AND, OR, NOT, IS NULL over such) is left to DataFusion's own expressions. Nothing is late: there are no
//! watermarks. Nothing of DataFusion is made before a query is run.
//!
//! Invariants: a column of a plan is called `name#id` and is nullable; tables have no constraints; only the rules in
//! `rules` are run, and no predicate that can fail or is volatile is moved.

mod aggregate;
mod canonical;
mod context;
mod execute;
mod expressions;
mod failure;
mod guard;
mod insert;
mod lower;
mod names;
mod outer;
mod physical;
mod plan_id;
mod read;
mod rules;
mod window;

pub use context::BatchContext;
pub use execute::{BatchRows, execute_bound, execute_optimized, execute_query, explain_query};
pub use insert::{InsertReport, JobReport, execute_insert, execute_job};

/// Which of the two plans of a query is lowered: their answers must be the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lowering {
    /// The plan after our rules.
    #[default]
    Optimized,
    /// The plan as it was bound: an oracle for our rules.
    Bound,
}
