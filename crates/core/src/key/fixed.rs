//! Columns of a fixed width as numbers that have their order, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, make_array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::*;

use crate::{Failure, Result};

/// Bytes of a column of the type in a key, without the null byte; none if it is not a number of up to 8 bytes.
pub(super) fn width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Boolean | DataType::Int8 | DataType::UInt8 => Some(1),
        DataType::Int16 | DataType::UInt16 => Some(2),
        DataType::Int32 | DataType::UInt32 | DataType::Float32 | DataType::Date32 | DataType::Time32(_) => Some(4),
        DataType::Interval(IntervalUnit::YearMonth) => Some(4),
        DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Date64 | DataType::Time64(_) => Some(8),
        DataType::Timestamp(..) | DataType::Duration(_) => Some(8),
        _ => None,
    }
}

const FLIP_64: u64 = 1 << 63;
const FLIP_32: u64 = 1 << 31;

fn float64_number(value: f64) -> u64 {
    let bits = if value.is_nan() { 0x7ff8 << 48 } else { (value + 0.0).to_bits() };
    if bits & FLIP_64 == 0 { bits | FLIP_64 } else { !bits }
}

fn float64_value(number: u64) -> f64 {
    f64::from_bits(if number & FLIP_64 == 0 { !number } else { number & !FLIP_64 })
}

fn float32_number(value: f32) -> u64 {
    let bits = if value.is_nan() { 0x7fc0 << 16 } else { (value + 0.0).to_bits() };
    u64::from(if bits & 1 << 31 == 0 { bits | 1 << 31 } else { !bits })
}

fn float32_value(number: u64) -> f32 {
    let number = number as u32;
    f32::from_bits(if number & 1 << 31 == 0 { !number } else { number & !(1 << 31) })
}

/// A column's buffer as numbers of its native type, whatever its unit of time or time zone is.
fn native<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<PrimitiveArray<T>> {
    let data = array.to_data().into_builder().data_type(T::DATA_TYPE).build()?;
    Ok(PrimitiveArray::from(data))
}

/// Appends the numbers of a column; what stands where a value is NULL is 0.
pub(super) fn append_numbers(array: &dyn Array, out: &mut Vec<u64>) -> Result<()> {
    let start = out.len();
    match array.data_type() {
        DataType::Boolean => out.extend(array.as_boolean().values().iter().map(u64::from)),
        DataType::Int8 => {
            let values = array.as_primitive::<Int8Type>().values();
            out.extend(values.iter().map(|value| u64::from(*value as u8 ^ 1 << 7)));
        }
        DataType::Int16 => {
            let values = array.as_primitive::<Int16Type>().values();
            out.extend(values.iter().map(|value| u64::from(*value as u16 ^ 1 << 15)));
        }
        DataType::UInt8 => out.extend(array.as_primitive::<UInt8Type>().values().iter().map(|value| u64::from(*value))),
        DataType::UInt16 => {
            out.extend(array.as_primitive::<UInt16Type>().values().iter().map(|value| u64::from(*value)))
        }
        DataType::UInt32 => {
            out.extend(array.as_primitive::<UInt32Type>().values().iter().map(|value| u64::from(*value)))
        }
        DataType::UInt64 => out.extend_from_slice(array.as_primitive::<UInt64Type>().values()),
        DataType::Float32 => {
            out.extend(array.as_primitive::<Float32Type>().values().iter().map(|value| float32_number(*value)));
        }
        DataType::Float64 => {
            out.extend(array.as_primitive::<Float64Type>().values().iter().map(|value| float64_number(*value)));
        }
        other => match width(other) {
            Some(4) => {
                let values = native::<Int32Type>(array)?;
                out.extend(values.values().iter().map(|value| u64::from(*value as u32) ^ FLIP_32));
            }
            Some(8) => {
                let values = native::<Int64Type>(array)?;
                out.extend(values.values().iter().map(|value| *value as u64 ^ FLIP_64));
            }
            _ => return Err(Failure::fatal("key.type", format!("{other} is not a number in a key"))),
        },
    }
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        for row in (0..array.len()).filter(|row| nulls.is_null(*row)) {
            out[start + row] = 0;
        }
    }
    Ok(())
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    numbers: &[u64],
    nulls: Option<NullBuffer>,
    value: impl Fn(u64) -> T::Native,
) -> Result<ArrayRef> {
    let array = PrimitiveArray::<T>::new(numbers.iter().map(|number| value(*number)).collect(), nulls);
    if *data_type == T::DATA_TYPE {
        return Ok(Arc::new(array));
    }
    Ok(make_array(array.to_data().into_builder().data_type(data_type.clone()).build()?))
}

/// A column of the type from its numbers.
pub(super) fn column(data_type: &DataType, numbers: &[u64], nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    match data_type {
        DataType::Boolean => {
            let values = BooleanBuffer::collect_bool(numbers.len(), |row| numbers[row] != 0);
            Ok(Arc::new(BooleanArray::new(values, nulls)))
        }
        DataType::Int8 => primitive::<Int8Type>(data_type, numbers, nulls, |number| (number as u8 ^ 1 << 7) as i8),
        DataType::Int16 => primitive::<Int16Type>(data_type, numbers, nulls, |number| (number as u16 ^ 1 << 15) as i16),
        DataType::UInt8 => primitive::<UInt8Type>(data_type, numbers, nulls, |number| number as u8),
        DataType::UInt16 => primitive::<UInt16Type>(data_type, numbers, nulls, |number| number as u16),
        DataType::UInt32 => primitive::<UInt32Type>(data_type, numbers, nulls, |number| number as u32),
        DataType::UInt64 => primitive::<UInt64Type>(data_type, numbers, nulls, |number| number),
        DataType::Float32 => primitive::<Float32Type>(data_type, numbers, nulls, float32_value),
        DataType::Float64 => primitive::<Float64Type>(data_type, numbers, nulls, float64_value),
        other => match width(other) {
            Some(4) => primitive::<Int32Type>(other, numbers, nulls, |number| (number ^ FLIP_32) as u32 as i32),
            Some(8) => primitive::<Int64Type>(other, numbers, nulls, |number| (number ^ FLIP_64) as i64),
            _ => Err(Failure::fatal("key.type", format!("{other} is not a number in a key"))),
        },
    }
}
