//! The forms that ask for a value only where it matters: AND, OR, COALESCE, CASE.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::compute::{and_kleene, interleave, or_kleene};
use tidemill_core::{Result, strings};

use super::Value;
use crate::errors::RowErrors;
use crate::function::Arg;

/// A way to get at the value of a node.
pub(super) type Eval<'a> = dyn FnMut(usize) -> Result<Value> + 'a;

/// AND (`decisive` is false) or OR (`decisive` is true). An error stands only in rows that no other argument decides.
pub(super) fn connective(args: &[usize], decisive: bool, rows: usize, eval: &mut Eval<'_>) -> Result<Value> {
    connected(args, decisive, rows, eval, unknown_where_failed)
}

/// The conjunction of a filter, for which NULL is as good as false: an error stands only where all other conjuncts are true.
pub(super) fn filter(conjuncts: &[usize], rows: usize, eval: &mut Eval<'_>) -> Result<Value> {
    connected(conjuncts, false, rows, eval, |value, rows| {
        let truth = unknown_where_failed(value, rows)?;
        if truth.null_count() == 0 {
            return Ok(truth);
        }
        Ok((0..rows)
            .map(|row| if value.failed(row) { None } else { Some(truth.is_valid(row) && truth.value(row)) })
            .collect())
    })
}

fn connected(
    args: &[usize],
    decisive: bool,
    rows: usize,
    eval: &mut Eval<'_>,
    truth: impl Fn(&Value, usize) -> Result<BooleanArray>,
) -> Result<Value> {
    let mut result: Option<BooleanArray> = None;
    let mut failed = Vec::new();
    let mut constant = true;
    for arg in args {
        let value = eval(*arg)?;
        constant &= value.arg.is_constant();
        let truth = truth(&value, rows)?;
        result = Some(match result {
            None => truth,
            Some(so_far) if decisive => or_kleene(&so_far, &truth)?,
            Some(so_far) => and_kleene(&so_far, &truth)?,
        });
        if !value.errors.is_empty() {
            failed.push(value);
        }
        if result.as_ref().is_some_and(|result| decided(result, decisive)) {
            break;
        }
    }
    let result = result.unwrap_or_else(|| BooleanArray::from(vec![!decisive; rows]));
    let mut errors = RowErrors::NONE;
    for value in &failed {
        let mut all = RowErrors::NONE;
        value.pass_all_errors(rows, &mut all);
        errors.merge_where(&all, |row| result.is_null(row) || result.value(row) != decisive);
    }
    if constant && errors.is_empty() && rows > 0 {
        return Ok(Value::clean(Arg::constant(Arc::new(result.slice(0, 1)))));
    }
    Ok(Value { arg: Arg::column(Arc::new(result)), errors })
}

/// Whether all rows have the value that decides.
fn decided(result: &BooleanArray, decisive: bool) -> bool {
    let count = if decisive { result.true_count() } else { result.false_count() };
    count == result.len()
}

/// Truth values as a column, NULL in rows with an error.
fn unknown_where_failed(value: &Value, rows: usize) -> Result<BooleanArray> {
    let column = truth_column(&value.arg, rows)?;
    if value.errors.is_empty() {
        return Ok(column);
    }
    let known = NullBuffer::from_iter((0..rows).map(|row| !value.failed(row)));
    let (values, nulls) = column.into_parts();
    Ok(BooleanArray::new(values, NullBuffer::union(nulls.as_ref(), Some(&known))))
}

fn truth_column(arg: &Arg, rows: usize) -> Result<BooleanArray> {
    if let Some(column) = arg.array().as_boolean_opt() {
        if !arg.is_constant() {
            return Ok(column.clone());
        }
        let value = column.is_valid(0).then(|| column.value(0));
        return Ok(BooleanArray::from(vec![value; rows]));
    }
    // An untyped NULL.
    Ok(BooleanArray::from(vec![None::<bool>; rows]))
}

/// The first value that is not NULL; errors of later ones do not matter.
pub(super) fn coalesce(args: &[usize], rows: usize, eval: &mut Eval<'_>) -> Result<Value> {
    let mut chooser = Chooser::new(rows);
    for (i, arg) in args.iter().enumerate() {
        let value = eval(*arg)?;
        if i == 0 && value.errors.is_empty() && value.arg.array().null_count() == 0 {
            return Ok(value);
        }
        let last = i + 1 == args.len();
        chooser.offer(&value, |row| last || value.failed(row) || !value.arg.is_null(row));
        if chooser.open == 0 {
            break;
        }
    }
    chooser.finish()
}

/// CASE: the value of the first branch whose condition is true.
pub(super) fn case(branches: &[(usize, usize)], otherwise: usize, rows: usize, eval: &mut Eval<'_>) -> Result<Value> {
    let mut chooser = Chooser::new(rows);
    for (when, then) in branches {
        let condition = eval(*when)?;
        chooser.fail(&condition);
        let truth = truth_column(&condition.arg, rows)?;
        if truth.true_count() > 0 {
            chooser.offer(&eval(*then)?, |row| truth.is_valid(row) && truth.value(row));
        }
        if chooser.open == 0 && !chooser.arrays.is_empty() {
            return chooser.finish();
        }
    }
    chooser.offer(&eval(otherwise)?, |_| true);
    chooser.finish()
}

/// Picks for each row a value of one of several arrays, or an error.
struct Chooser {
    arrays: Vec<ArrayRef>,
    choice: Vec<(usize, usize)>,
    errors: RowErrors,
    open: usize,
}

/// The choice of a row that has none yet.
const OPEN: (usize, usize) = (usize::MAX, 0);
/// The choice of a row with an error: any value will do.
const FAILED: (usize, usize) = (0, 0);

impl Chooser {
    fn new(rows: usize) -> Chooser {
        Chooser { arrays: Vec::new(), choice: vec![OPEN; rows], errors: RowErrors::NONE, open: rows }
    }

    /// Settles the open rows in which `condition` has an error.
    fn fail(&mut self, condition: &Value) {
        if condition.errors.is_empty() {
            return;
        }
        for (row, choice) in self.choice.iter_mut().enumerate() {
            if *choice == OPEN && condition.failed(row) {
                condition.pass_error(row, &mut self.errors);
                *choice = FAILED;
                self.open -= 1;
            }
        }
    }

    /// Settles the open rows for which `take` holds with the value or its error.
    fn offer(&mut self, value: &Value, take: impl Fn(usize) -> bool) {
        let array = self.arrays.len();
        for (row, choice) in self.choice.iter_mut().enumerate() {
            if *choice == OPEN && take(row) {
                value.pass_error(row, &mut self.errors);
                *choice = (array, value.arg.at(row));
                self.open -= 1;
            }
        }
        self.arrays.push(Arc::clone(value.arg.array()));
    }

    fn finish(self) -> Result<Value> {
        let arrays: Vec<&dyn Array> = self.arrays.iter().map(AsRef::as_ref).collect();
        let array = strings::shared_or_copied(interleave(&arrays, &self.choice)?);
        Ok(Value { arg: Arg::column(array), errors: self.errors })
    }
}
