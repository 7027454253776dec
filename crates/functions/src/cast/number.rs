//! Casts between numbers, truth values and intervals.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, PrimitiveArray};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use tidemill_core::Result;
use tidemill_expr::{Output, TypeKind};

use crate::access::wrong_type;
use crate::decimal;

pub(super) fn cast(array: &ArrayRef, from: &TypeKind, to: &TypeKind) -> Result<Output> {
    let array: ArrayRef = match from {
        TypeKind::Boolean => {
            let truths = array.as_boolean_opt().ok_or_else(|| wrong_type("truth values", array))?;
            let numbers: PrimitiveArray<Int32Type> = truths.iter().map(|truth| truth.map(i32::from)).collect();
            from_integers(&numbers, to, i64::from)?
        }
        TypeKind::TinyInt => from_integers(array.as_primitive::<Int8Type>(), to, i64::from)?,
        TypeKind::SmallInt => from_integers(array.as_primitive::<Int16Type>(), to, i64::from)?,
        TypeKind::Int | TypeKind::IntervalYearMonth => from_integers(array.as_primitive::<Int32Type>(), to, i64::from)?,
        TypeKind::BigInt | TypeKind::IntervalDayTime => {
            from_integers(array.as_primitive::<Int64Type>(), to, |value| value)?
        }
        TypeKind::Float => from_floats(array.as_primitive::<Float32Type>(), to, f64::from, |value| {
            // The shortest digits of a FLOAT are not those of the same number as a DOUBLE.
            value.to_string().parse().unwrap_or(f64::NAN)
        })?,
        TypeKind::Double => from_floats(array.as_primitive::<Float64Type>(), to, |value| value, |value| value)?,
        TypeKind::Decimal { scale, .. } => from_decimals(array.as_primitive::<Decimal128Type>(), *scale, to)?,
        _ => return Err(wrong_type("numbers", array)),
    };
    Ok(Output::new(array))
}

fn from_integers<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    to: &TypeKind,
    wide: impl Fn(T::Native) -> i64,
) -> Result<ArrayRef> {
    Ok(match to {
        TypeKind::Boolean => truths(array, |value| wide(value) != 0),
        TypeKind::TinyInt => Arc::new(array.unary::<_, Int8Type>(|value| wide(value) as i8)),
        TypeKind::SmallInt => Arc::new(array.unary::<_, Int16Type>(|value| wide(value) as i16)),
        TypeKind::Int | TypeKind::IntervalYearMonth => {
            Arc::new(array.unary::<_, Int32Type>(|value| wide(value) as i32))
        }
        TypeKind::BigInt | TypeKind::IntervalDayTime => Arc::new(array.unary::<_, Int64Type>(wide)),
        TypeKind::Float => Arc::new(array.unary::<_, Float32Type>(|value| wide(value) as f32)),
        TypeKind::Double => Arc::new(array.unary::<_, Float64Type>(|value| wide(value) as f64)),
        TypeKind::Decimal { precision, scale } => decimals(array, *precision, *scale, |value| {
            decimal::convert(i128::from(wide(value)), 0, *scale, *precision)
        })?,
        _ => return Err(wrong_type("numbers", array)),
    })
}

fn from_floats<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    to: &TypeKind,
    wide: impl Fn(T::Native) -> f64,
    shortest: impl Fn(T::Native) -> f64,
) -> Result<ArrayRef> {
    Ok(match to {
        TypeKind::Boolean => truths(array, |value| wide(value) != 0.0),
        // Java goes through int for the small ones.
        TypeKind::TinyInt => Arc::new(array.unary::<_, Int8Type>(|value| wide(value) as i32 as i8)),
        TypeKind::SmallInt => Arc::new(array.unary::<_, Int16Type>(|value| wide(value) as i32 as i16)),
        TypeKind::Int => Arc::new(array.unary::<_, Int32Type>(|value| wide(value) as i32)),
        TypeKind::BigInt => Arc::new(array.unary::<_, Int64Type>(|value| wide(value) as i64)),
        TypeKind::Float => Arc::new(array.unary::<_, Float32Type>(|value| wide(value) as f32)),
        TypeKind::Double => Arc::new(array.unary::<_, Float64Type>(wide)),
        TypeKind::Decimal { precision, scale } => {
            decimals(array, *precision, *scale, |value| decimal::from_f64(shortest(value), *scale, *precision))?
        }
        _ => return Err(wrong_type("numbers", array)),
    })
}

fn from_decimals(array: &Decimal128Array, scale: u8, to: &TypeKind) -> Result<ArrayRef> {
    let unit = decimal::pow10(scale);
    let whole = |value: i128| (value / unit) as i64;
    Ok(match to {
        TypeKind::Boolean => truths(array, |value| value != 0),
        TypeKind::TinyInt => Arc::new(array.unary::<_, Int8Type>(|value| whole(value) as i8)),
        TypeKind::SmallInt => Arc::new(array.unary::<_, Int16Type>(|value| whole(value) as i16)),
        TypeKind::Int => Arc::new(array.unary::<_, Int32Type>(|value| whole(value) as i32)),
        TypeKind::BigInt => Arc::new(array.unary::<_, Int64Type>(whole)),
        TypeKind::Float => Arc::new(array.unary::<_, Float32Type>(|value| decimal::to_f64(value, scale) as f32)),
        TypeKind::Double => Arc::new(array.unary::<_, Float64Type>(|value| decimal::to_f64(value, scale))),
        TypeKind::Decimal { precision, scale: to } => {
            decimals(array, *precision, *to, |value| decimal::convert(value, scale, *to, *precision))?
        }
        _ => return Err(wrong_type("numbers", array)),
    })
}

fn truths<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, test: impl Fn(T::Native) -> bool) -> ArrayRef {
    Arc::new(BooleanArray::from_unary(array, test))
}

fn decimals<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    precision: u8,
    scale: u8,
    convert: impl Fn(T::Native) -> Option<i128>,
) -> Result<ArrayRef> {
    let array = array.unary_opt::<_, Decimal128Type>(convert);
    Ok(Arc::new(array.with_precision_and_scale(precision, scale as i8)?))
}
