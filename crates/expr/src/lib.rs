//! Owns SQL types, values, expressions and their stored form, what a function is, and the evaluator that runs expressions
//! on batches with the functions of a registry.
//! Does not own: the functions themselves (`functions`), names and scopes (`planner`), anything that keeps state.

pub mod aggregate;
pub mod arrays;
pub mod coercion;
pub mod display;
pub mod errors;
pub mod evaluator;
pub mod expr;
mod forms;
pub mod function;
pub mod java_floats;
pub mod proto;
pub mod records;
pub mod registry;
pub mod scalar;
pub mod time_zone;
pub mod types;

pub use aggregate::{
    Accumulator, AggregateFunction, AggregateInput, AggregateStore, Extra, NoStore, OtherState, PartialStates,
};
pub use errors::{RowError, RowErrors};
pub use evaluator::{Calc, Program};
pub use expr::Expr;
pub use function::{
    Arg, Binding, CastRules, EvalContext, Form, Kernel, Operand, Output, ScalarFunction, Signature, Volatility,
};
pub use records::RecordsMut;
pub use registry::{AggregateCall, Registry};
pub use scalar::Scalar;
pub use time_zone::TimeZone;
pub use types::{Field, RowType, SqlType, TypeKind};
