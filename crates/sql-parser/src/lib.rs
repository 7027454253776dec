//! Owns Flink's SQL dialect: text to a syntax tree with spans, statement by statement, and the tree back to text.
//! Does not own names, types or meaning (`planner`), nor running a script (`cli`).

pub mod ast;
pub mod limits;
mod span;

pub use span::{Position, Span};
