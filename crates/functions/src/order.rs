//! The order of SQL values within arrays of one type: `-0.0` equals `0.0`, NaN is the greatest number.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use tidemill_core::Result;
use tidemill_expr::SqlType;

use crate::access::wrong_type;

/// Compares values by (array, row). The values must not be NULL.
pub type Comparator<'a> = Box<dyn Fn((usize, usize), (usize, usize)) -> Ordering + 'a>;

/// The order of the values in `arrays`, all of type `ty`.
pub fn comparator<'a>(arrays: &'a [ArrayRef], ty: &SqlType) -> Result<Comparator<'a>> {
    let data_type = ty.arrow_type();
    match &data_type {
        DataType::Int8 => by::<Int8Type>(arrays, Ord::cmp),
        DataType::Int16 => by::<Int16Type>(arrays, Ord::cmp),
        DataType::Int32 => by::<Int32Type>(arrays, Ord::cmp),
        DataType::Int64 => by::<Int64Type>(arrays, Ord::cmp),
        DataType::Float32 => by::<Float32Type>(arrays, |a, b| float_order(f64::from(*a), f64::from(*b))),
        DataType::Float64 => by::<Float64Type>(arrays, |a, b| float_order(*a, *b)),
        DataType::Decimal128(..) => by::<Decimal128Type>(arrays, Ord::cmp),
        DataType::Date32 => by::<Date32Type>(arrays, Ord::cmp),
        DataType::Time32(_) => by::<Time32MillisecondType>(arrays, Ord::cmp),
        DataType::Timestamp(TimeUnit::Microsecond, _) => by::<TimestampMicrosecondType>(arrays, Ord::cmp),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => by::<TimestampNanosecondType>(arrays, Ord::cmp),
        DataType::Timestamp(..) => by::<TimestampMillisecondType>(arrays, Ord::cmp),
        DataType::Utf8View => {
            let typed: Option<Vec<_>> = arrays.iter().map(|array| array.as_string_view_opt()).collect();
            let typed = typed.ok_or_else(|| wrong_type("text", &arrays[0]))?;
            Ok(Box::new(move |(a, i), (b, j)| typed[a].value(i).cmp(typed[b].value(j))))
        }
        DataType::Binary => {
            let typed: Option<Vec<_>> = arrays.iter().map(|array| array.as_binary_opt::<i32>()).collect();
            let typed = typed.ok_or_else(|| wrong_type("bytes", &arrays[0]))?;
            Ok(Box::new(move |(a, i), (b, j)| typed[a].value(i).cmp(typed[b].value(j))))
        }
        DataType::Boolean => {
            let typed: Option<Vec<_>> = arrays.iter().map(|array| array.as_boolean_opt()).collect();
            let typed = typed.ok_or_else(|| wrong_type("truth values", &arrays[0]))?;
            Ok(Box::new(move |(a, i), (b, j)| typed[a].value(i).cmp(&typed[b].value(j))))
        }
        DataType::Null => Ok(Box::new(|_, _| Ordering::Equal)),
        _ => Err(wrong_type("values with an order", &arrays[0])),
    }
}

fn by<'a, T: ArrowPrimitiveType>(
    arrays: &'a [ArrayRef],
    order: impl Fn(&T::Native, &T::Native) -> Ordering + 'a,
) -> Result<Comparator<'a>> {
    let typed: Option<Vec<&PrimitiveArray<T>>> = arrays.iter().map(|array| array.as_primitive_opt::<T>()).collect();
    let typed = typed.ok_or_else(|| wrong_type(&T::DATA_TYPE.to_string(), &arrays[0]))?;
    Ok(Box::new(move |(a, i), (b, j)| order(&typed[a].value(i), &typed[b].value(j))))
}

/// The order of floating-point numbers: one zero, one NaN, which is the greatest.
pub fn float_order(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (false, false) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        (left, right) => left.cmp(&right),
    }
}
