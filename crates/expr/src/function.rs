//! What a scalar function is: how it types a call, and the kernel that a typed call becomes.
//!
//! A call is bound once, when an expression is compiled: all choices by type, and work on constant arguments (a pattern to
//! compile, a unit to look up), happen there. The kernel then runs on whole columns. What goes wrong in a row is an error
//! of that row ([`RowErrors`]), never of the call.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Datum, UInt32Array};
use tidemill_core::{Failure, Result};

use crate::errors::RowErrors;
use crate::scalar::Scalar;
use crate::time_zone::TimeZone;
use crate::types::SqlType;

/// An argument as the planner sees it.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Its type.
    pub ty: &'a SqlType,
    /// Its value, if it is a constant.
    pub literal: Option<&'a Scalar>,
}

/// How a call is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The types that the arguments are cast to.
    pub args: Vec<SqlType>,
    /// The type of the result.
    pub ty: SqlType,
}

/// How often a function's value may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volatility {
    /// Equal arguments, equal values.
    Deterministic,
    /// In batch mode constant within a query (`CURRENT_TIMESTAMP`); while streaming it moves with time.
    PerQuery,
    /// Every row anew (`RAND`, `UUID`).
    Volatile,
}

/// Which arguments of a call are asked for in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of them, always.
    Eager,
    /// Of AND: none is needed once one is false.
    And,
    /// Of OR: none is needed once one is true.
    Or,
    /// Of COALESCE: those up to the first that is not NULL.
    Coalesce,
    /// Of IF(c, a, b): `c`, and `a` or `b`.
    If,
}

/// An argument of a kernel: a column, or one value for all rows.
#[derive(Clone, Debug)]
pub struct Arg {
    array: ArrayRef,
    constant: bool,
}

/// What a kernel returns: one value a row, or a single one if all arguments are constants and it was asked for one row.
#[derive(Clone, Debug)]
pub struct Output {
    /// The values.
    pub array: ArrayRef,
    /// Rows without one.
    pub errors: RowErrors,
}

/// What the world looks like to an expression.
#[derive(Clone, Debug)]
pub struct EvalContext {
    /// `table.local-time-zone`.
    pub time_zone: TimeZone,
    /// The present, in milliseconds since the epoch; in batch mode the start of the query.
    pub now_ms: i64,
    /// Where the random numbers of this batch begin; take a new one from `Env` for every batch.
    pub random_seed: u64,
    /// The current watermark of the input, in milliseconds, if it is known.
    pub watermark_ms: Option<i64>,
    /// The current database.
    pub database: Arc<str>,
}

/// A call with everything known but the rows.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The arguments' types.
    pub args: &'a [SqlType],
    /// Arguments that are constants: arrays of one value.
    pub constants: &'a [Option<ArrayRef>],
    /// The result's type.
    pub ty: &'a SqlType,
    /// Tells apart the calls of one program, so that two `RAND()` differ.
    pub site: u64,
}

/// A bound call: arguments, number of rows, context. Constant arguments hold one value, all others `rows`.
pub type Kernel = Box<dyn Fn(&[Arg], usize, &EvalContext) -> Result<Output> + Send + Sync>;

/// A scalar function.
pub trait ScalarFunction: Send + Sync {
    /// Canonical name, in capitals.
    fn name(&self) -> &str;

    /// Types a call, or says why it cannot be: `expects …, got …`.
    fn infer(&self, args: &[Operand<'_>]) -> Result<Signature, String>;

    /// How often its value may change.
    fn volatility(&self) -> Volatility {
        Volatility::Deterministic
    }

    /// Whether a row may have an error instead of a value; a constant argument may rule that out.
    fn fallible(&self, _args: &[Operand<'_>]) -> bool {
        false
    }

    /// Which arguments it asks for.
    fn form(&self) -> Form {
        Form::Eager
    }

    /// The kernel of a call. Only eager functions have one.
    fn bind(&self, call: &Binding<'_>) -> Result<Kernel>;
}

/// Casts, of which there is one implementation for the whole registry.
pub trait CastRules: Send + Sync {
    /// Whether there is an explicit cast between the types.
    fn supports(&self, from: &SqlType, to: &SqlType) -> bool;

    /// Whether the cast may fail in a row.
    fn fallible(&self, from: &SqlType, to: &SqlType) -> bool;

    /// The kernel of a cast: one argument. With `try_` a failure is NULL.
    fn bind(&self, from: &SqlType, to: &SqlType, try_: bool) -> Result<Kernel>;
}

impl Operand<'_> {
    /// The text of a constant string.
    pub fn text(&self) -> Option<&str> {
        self.literal.and_then(Scalar::as_str)
    }
}

impl Signature {
    /// A call that takes its arguments as they are.
    pub fn exact(args: &[Operand<'_>], ty: SqlType) -> Signature {
        Signature { args: args.iter().map(|arg| arg.ty.clone()).collect(), ty }
    }

    /// A call with arguments cast to `args` (each nullable as it was).
    pub fn new(args: Vec<SqlType>, ty: SqlType) -> Signature {
        Signature { args, ty }
    }
}

impl Arg {
    /// A column.
    pub fn column(array: ArrayRef) -> Arg {
        Arg { array, constant: false }
    }

    /// One value for all rows.
    pub fn constant(array: ArrayRef) -> Arg {
        debug_assert_eq!(array.len(), 1);
        Arg { array, constant: true }
    }

    /// The values: one for each row, or a single one of a constant.
    pub fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// Whether it is one value for all rows.
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    /// Where the value of a row is in the array.
    #[inline]
    pub fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// Whether the value of a row is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.at(row))
    }

    /// Whether it is a constant NULL.
    pub fn is_constant_null(&self) -> bool {
        self.constant && self.array.is_null(0)
    }

    /// A value for each of `rows` rows; a column is not copied.
    pub fn expand(&self, rows: usize) -> Result<ArrayRef> {
        if !self.constant {
            return Ok(Arc::clone(&self.array));
        }
        if rows == 1 {
            return Ok(Arc::clone(&self.array));
        }
        Ok(arrow::compute::take(&self.array, &UInt32Array::from(vec![0; rows]), None)?)
    }
}

impl Datum for Arg {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.constant)
    }
}

impl Output {
    /// Values without errors.
    pub fn new(array: ArrayRef) -> Output {
        Output { array, errors: RowErrors::NONE }
    }

    /// Values, and rows without one.
    pub fn with_errors(array: ArrayRef, errors: RowErrors) -> Output {
        Output { array, errors }
    }
}

impl EvalContext {
    /// A context in UTC at the epoch; for tests and constant folding of functions that do not ask.
    pub fn utc() -> EvalContext {
        EvalContext {
            time_zone: TimeZone::UTC,
            now_ms: 0,
            random_seed: 0,
            watermark_ms: None,
            database: Arc::from("default_database"),
        }
    }
}

/// The failure of binding a function that has no kernel of its own.
pub fn not_eager(name: &str) -> Failure {
    Failure::fatal("expr.form", format!("{name} is evaluated by the evaluator and has no kernel"))
}
