//! For tests only: owns a second, independent answer to a query, computed row by row in the simplest way that is
//! obviously right: its own binding, types, values, functions, regular expressions, calendar and decimals.
//! Does not own, and does not use, anything of the engine but the syntax tree (`sql-parser`).
//!
//! Batch meaning: all rows are there, no row is late, every window is complete. Flink decides what a value is.

mod aggregate;
mod arithmetic;
mod calendar;
mod cast;
mod decimal;
mod error;
mod expr;
mod from;
mod functions;
mod literal;
mod oracle;
mod query;
mod regex;
mod text;
mod time;
mod types;
mod value;
mod window;

pub use error::{Error, Result};
pub use oracle::{Answer, Oracle};
pub use types::{LENGTH_MAX, Type};
pub use value::{Row, Value};
