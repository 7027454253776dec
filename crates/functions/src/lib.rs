//! Owns Flink's scalar functions, casts and aggregates on Arrow arrays, and how values look as text.
//! Does not own: how expressions are evaluated and where accumulators live (`expr`, `operators`), names in scope (`planner`).

mod access;
mod aggregates;
mod arithmetic;
mod array;
mod cast;
pub mod civil;
mod clock;
mod collection;
mod compare;
mod date_pattern;
mod date_text;
mod decimal;
mod define;
mod describe;
mod extract;
pub mod format;
mod interval;
mod like;
mod logic;
mod math;
mod order;
mod pattern;
mod round;
mod split;
mod text;
mod truncate_time;
mod unit;

pub use cast::{Casts, cast};

use std::sync::Arc;

use tidemill_expr::Registry;

/// All functions: Flink's names, and the aliases it knows.
pub fn registry() -> Registry {
    let mut registry = Registry::new(Arc::new(Casts));
    let parts = [
        aggregates::register,
        arithmetic::register,
        array::register,
        clock::register,
        collection::register,
        compare::register,
        date_text::register,
        describe::register,
        extract::register,
        logic::register,
        math::register,
        pattern::register,
        round::register,
        split::register,
        text::register,
    ];
    parts.iter().for_each(|register| register(&mut registry));
    registry
}
