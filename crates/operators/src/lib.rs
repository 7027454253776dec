//! Owns what SQL's streaming plan runs: filters and projections, windows, sessions, grouped aggregates, limits.
//! Does not own: what functions compute (`functions`), where state lives (`state`), how elements move (`dataflow`).

pub mod aggregates;
pub mod calc;
pub mod config;
pub mod group;
pub mod harness;
pub mod limit;
pub mod local;
mod register;
pub mod session;
pub mod window;

pub use register::register;
