//! Our accumulators within DataFusion's aggregation: one meaning in both modes.
//!
//! A call's words are its state between the two phases; a call that keeps more than words, or is DISTINCT, runs in one
//! phase behind the exchange.

mod distinct;
mod function;
mod groups;
mod single;
mod store;

pub(crate) use function::{Call, call, runs_in_one_phase};
