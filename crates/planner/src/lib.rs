//! Owns what lies between the syntax tree and the job graph: session and catalog, binder, relational plan, its rules and
//! traits, the streaming plan.
//! Does not own: parsing (`sql-parser`), functions and their types (`expr`, `functions`), what operators do (`operators`),
//! batch execution (`batch`), running anything (`runtime`, `cli`).

mod binder;
pub mod catalog;
pub mod error;
mod expression_places;
mod plan;
pub mod rel;
mod rules;
mod session;
pub mod session_options;
mod streaming;
pub mod traits;

pub use error::{PlanError, PlanResult};
pub use expression_places::ExpressionPlaces;
pub use plan::{BoundQuery, Outcome, PlannedInsert, PlannedJob, PlannedQuery, TextTable};
pub use session::Session;

/// The kind of the sink node that ends the streaming plan of a SELECT; its config is empty. Whoever runs the plan
/// registers it.
pub const COLLECT: &str = "collect";
