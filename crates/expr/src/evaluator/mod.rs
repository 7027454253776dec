//! Runs expressions on batches.
//!
//! [`Program::compile`] turns expressions into nodes, equal subexpressions into one node, and binds every call to its
//! kernel. Evaluation computes a node at most once a batch, on all rows. A row's error travels with the column
//! ([`RowErrors`]) until someone asks for the row: AND, OR, CASE, COALESCE and IF ask only where the value matters, so
//! `x <> 0 AND 10 / x > 1` never fails, in either order and however the rows are batched.
//!
//! Invariants: a plain column is passed on without copying; a value made of constants is computed once, on one row, and
//! stays a constant; a node's children come before it.

mod compile;
mod lazy;
mod program;

use tidemill_core::{Failure, Result};

use crate::errors::RowErrors;
use crate::function::{Arg, Kernel};
pub use program::{Calc, Program, filter_batch};

/// A step of a program; numbers are places of earlier steps.
pub(crate) enum Node {
    /// A column of the input.
    Column(usize),
    /// A constant.
    Constant(Arg),
    /// A kernel on earlier values. `per_row`: also constant arguments give a new value for every row.
    Call { kernel: Kernel, args: Vec<usize>, per_row: bool },
    /// A field of a row.
    Field { row: usize, index: usize },
    /// AND of several.
    And(Vec<usize>),
    /// OR of several.
    Or(Vec<usize>),
    /// The first that is not NULL.
    Coalesce(Vec<usize>),
    /// Condition and value in turn, then the value for all other rows.
    Case { branches: Vec<(usize, usize)>, otherwise: usize },
}

/// What a node is worth: values, and rows that have none. The error of a constant is at row 0.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub arg: Arg,
    pub errors: RowErrors,
}

impl Value {
    fn clean(arg: Arg) -> Value {
        Value { arg, errors: RowErrors::NONE }
    }

    /// Whether a row has an error.
    fn failed(&self, row: usize) -> bool {
        !self.errors.is_empty() && self.errors.get(self.arg.at(row)).is_some()
    }

    /// Adds the error of a row to those of another column.
    fn pass_error(&self, row: usize, errors: &mut RowErrors) {
        if let Some(error) = self.errors.get(self.arg.at(row)) {
            errors.add(row, error.clone());
        }
    }

    /// All errors as of `rows` rows.
    fn pass_all_errors(&self, rows: usize, errors: &mut RowErrors) {
        if self.errors.is_empty() {
            return;
        }
        if self.arg.is_constant() {
            (0..rows).for_each(|row| self.pass_error(row, errors));
        } else {
            errors.merge_where(&self.errors, |_| true);
        }
    }
}

fn broken(what: impl Into<String>) -> Failure {
    Failure::fatal("expr.program", what)
}

/// The failure of the first row with an error that was asked for.
fn fail<T>(message: &str, code: &str, expr: &str, row: &str) -> Result<T> {
    let text = format!("{message} ({code}), in {expr} for the row {row}");
    Err(Failure::data("expression", text).of_expression(expr))
}
