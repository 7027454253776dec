//! CAST and TRY_CAST between all types.
//!
//! As in Flink: numbers narrow as in Java (integers wrap, floating point saturates), a DECIMAL that does not fit is NULL,
//! text that cannot be read is an error of its row, a timestamp is cut to its precision, and the session's time zone stands
//! between TIMESTAMP and TIMESTAMP_LTZ.

mod from_text;
mod nested;
mod number;
mod time;
mod to_text;

pub(crate) use time::out_of_range;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use tidemill_core::{Failure, Result};
use tidemill_expr::{CastRules, EvalContext, Kernel, Output, RowErrors, SqlType, TypeKind};

/// Flink's casts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Casts;

impl CastRules for Casts {
    fn supports(&self, from: &SqlType, to: &SqlType) -> bool {
        supports(&from.kind, &to.kind)
    }

    fn fallible(&self, from: &SqlType, to: &SqlType) -> bool {
        fallible(&from.kind, &to.kind)
    }

    fn bind(&self, from: &SqlType, to: &SqlType, try_: bool) -> Result<Kernel> {
        if !self.supports(from, to) {
            let text = format!("a value of type {} cannot be cast to {}", from.kind, to.kind);
            return Err(Failure::user("cast.unsupported", text));
        }
        let (from, to) = (from.kind.clone(), to.kind.clone());
        Ok(Box::new(move |args, _rows, cx| {
            let output = cast(args[0].array(), &from, &to, cx)?;
            if try_ { null_where_failed(output) } else { Ok(output) }
        }))
    }
}

fn supports(from: &TypeKind, to: &TypeKind) -> bool {
    use TypeKind::*;
    match (from, to) {
        (Null, _) => true,
        (_, Null) => false,
        (from, to) if from == to => true,
        (Row(from), Row(to)) => {
            from.len() == to.len() && from.fields.iter().zip(&to.fields).all(|(f, t)| supports(&f.ty.kind, &t.ty.kind))
        }
        (Array(from), Array(to)) | (Multiset(from), Multiset(to)) => supports(&from.kind, &to.kind),
        (Map(k, v), Map(tk, tv)) => supports(&k.kind, &tk.kind) && supports(&v.kind, &tv.kind),
        (_, to) if to.is_character() => true,
        (from, to) if from.is_nested() || to.is_nested() => false,
        (from, _) if from.is_character() => !to.is_interval(),
        (from, to) if from.is_numeric() && (to.is_numeric() || *to == Boolean) => true,
        (Boolean, to) => to.is_numeric(),
        (from, to) if from.is_binary() => to.is_binary(),
        (from, to) if from.is_interval() => to.is_integer(),
        (from, to) if to.is_interval() => from.is_integer(),
        (Date, to) => to.is_timestamp(),
        (Time(_), to) => to.is_timestamp() || matches!(to, Time(_)),
        (from, to) if from.is_timestamp() => to.is_datetime(),
        _ => false,
    }
}

/// Whether a value may have no counterpart in the other type.
pub(crate) fn fallible(from: &TypeKind, to: &TypeKind) -> bool {
    use TypeKind::*;
    match (from, to) {
        (from, to) if from.is_character() => !to.is_character() && !to.is_binary(),
        (Row(from), Row(to)) => {
            from.fields.iter().zip(&to.fields).any(|(from, to)| fallible(&from.ty.kind, &to.ty.kind))
        }
        (Array(from), Array(to)) | (Multiset(from), Multiset(to)) => fallible(&from.kind, &to.kind),
        (Map(k, v), Map(tk, tv)) => fallible(&k.kind, &tk.kind) || fallible(&v.kind, &tv.kind),
        // Nanoseconds reach from 1677 to 2262 only.
        (from, Timestamp(7..) | TimestampLtz(7..)) if from.is_timestamp() || *from == Date => {
            !matches!(from, Timestamp(7..) | TimestampLtz(7..))
        }
        _ => false,
    }
}

/// An array of one type as another. A value that cannot be converted is an error of its row.
pub fn cast(array: &ArrayRef, from: &TypeKind, to: &TypeKind, cx: &EvalContext) -> Result<Output> {
    use TypeKind::*;
    match (from, to) {
        // A length is what is said of a column, not what was checked.
        (from, to) if from.is_character() && to.is_character() => to_text::fit(array, to),
        (from, to) if from.is_binary() && to.is_binary() => to_text::fit_bytes(array, to),
        (from, to) if from == to => Ok(Output::new(Arc::clone(array))),
        (Null, to) => Ok(Output::new(new_null_array(&to.clone().nullable().arrow_type(), array.len()))),
        (from, to) if to.is_character() => to_text::cast(array, from, to, cx),
        (from, to) if from.is_character() => from_text::cast(array, to, cx),
        (from, to) if is_number(from) && is_number(to) => number::cast(array, from, to),
        (from, to) if from.is_nested() && to.is_nested() => nested::cast(array, from, to, cx),
        (from, to) => time::cast(array, from, to, cx),
    }
}

/// Numbers, truth values and intervals, which convert among each other as numbers.
fn is_number(kind: &TypeKind) -> bool {
    kind.is_numeric() || kind.is_interval() || *kind == TypeKind::Boolean
}

fn null_where_failed(output: Output) -> Result<Output> {
    if output.errors.is_empty() {
        return Ok(output);
    }
    let keep: arrow::array::BooleanArray =
        (0..output.array.len()).map(|row| Some(output.errors.get(row).is_some())).collect();
    Ok(Output { array: arrow::compute::nullif(&output.array, &keep)?, errors: RowErrors::NONE })
}
