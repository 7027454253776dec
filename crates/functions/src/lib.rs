//! Owns Flink's scalar functions, casts and aggregates on Arrow arrays, and how values look as text.
//! Does not own: how expressions are evaluated and where accumulators live (`expr`, `operators`), names in scope (`planner`).

mod access;
mod aggregates;
mod arithmetic;
mod cast;
pub mod civil;
mod compare;
mod decimal;
mod define;
pub mod format;
mod interval;
mod order;

pub use cast::{Casts, cast};

use std::sync::Arc;

use tidemill_expr::Registry;

/// All functions: Flink's names, and the aliases it knows.
pub fn registry() -> Registry {
    let mut registry = Registry::new(Arc::new(Casts));
    arithmetic::register(&mut registry);
    compare::register(&mut registry);
    aggregates::register(&mut registry);
    registry
}
