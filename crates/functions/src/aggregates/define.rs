//! How aggregate functions are written down here, and the loop over the rows that count.

use arrow::array::Array;
use tidemill_core::Result;
use tidemill_expr::{Accumulator, AggregateFunction, AggregateInput, Operand, Signature, SqlType, TypeKind};

/// Makes the accumulator of a call with arguments of these types, a result of this type, and perhaps rows taken back.
pub type BindAggregate = fn(&[SqlType], &SqlType, bool) -> Result<Box<dyn Accumulator>>;

/// An aggregate function made of plain functions.
pub struct Aggregate {
    name: &'static str,
    infer: fn(&[Operand<'_>]) -> Result<Signature, String>,
    bind: BindAggregate,
    ignores_distinct: bool,
}

impl Aggregate {
    /// A function.
    pub const fn new(
        name: &'static str,
        infer: fn(&[Operand<'_>]) -> Result<Signature, String>,
        bind: BindAggregate,
    ) -> Aggregate {
        Aggregate { name, infer, bind, ignores_distinct: false }
    }

    /// One for which DISTINCT changes nothing.
    pub const fn ignoring_distinct(mut self) -> Aggregate {
        self.ignores_distinct = true;
        self
    }
}

impl AggregateFunction for Aggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn infer(&self, args: &[Operand<'_>]) -> Result<Signature, String> {
        (self.infer)(args)
    }

    fn bind(&self, args: &[SqlType], ty: &SqlType, retracting: bool) -> Result<Box<dyn Accumulator>> {
        (self.bind)(args, ty, retracting)
    }

    fn ignores_distinct(&self) -> bool {
        self.ignores_distinct
    }
}

/// The one argument of a call, which must be a number; an untyped NULL counts as INT.
pub fn one_number(args: &[Operand<'_>]) -> Result<SqlType, String> {
    match args {
        [arg] if arg.ty.kind.is_numeric() => Ok(arg.ty.clone()),
        [arg] if arg.ty.kind == TypeKind::Null => Ok(SqlType::INT),
        [arg] => Err(format!("it takes a number, not {}", arg.ty.kind)),
        _ => Err("it takes one number".to_owned()),
    }
}

/// Calls `take` with row of the batch, record and sign for each row that counts and whose argument is not NULL. The common case, a
/// column without NULL, no filter and only inserts, has a loop of its own.
#[inline(always)]
pub fn for_each_row(input: &AggregateInput<'_>, array: Option<&dyn Array>, mut take: impl FnMut(usize, u32, i64)) {
    let nulls = array.and_then(|array| array.nulls()).filter(|nulls| nulls.null_count() > 0);
    if nulls.is_none() && input.filter.is_none() && input.kinds.is_none() {
        for (row, record) in input.rows().zip(input.records) {
            take(row, *record, 1);
        }
        return;
    }
    for (row, record) in input.rows().zip(input.records) {
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) && input.counts(row) {
            take(row, *record, input.sign(row));
        }
    }
}
