//! `'connector' = 'datagen'`: random rows and sequences, with Flink's options.
//!
//! Row n is a function of the seed and n (and, for timestamps, of the present), so that a job that goes on after a failure makes
//! the rows it has not made yet.

mod field;
mod options;
mod source;

pub use source::{DatagenConnector, DatagenSource, KIND};
