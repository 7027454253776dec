//! Values as bytes whose order is the values' order, for the ordered tables of accumulators, and back.
//!
//! Fixed-width values are big-endian with the sign bit turned over; text and bytes are themselves. There is no NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringViewBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use tidemill_core::{Failure, Result};

use crate::access::wrong_type;

/// Writes the value of a row, which is not NULL.
pub type Encode<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

/// The bytes of the values of an array.
pub fn encoder(array: &dyn Array) -> Result<Encode<'_>> {
    fn signed<'a, T: ArrowPrimitiveType>(array: &'a dyn Array, wide: impl Fn(T::Native) -> i64 + 'a) -> Encode<'a> {
        let array = array.as_primitive::<T>();
        Box::new(move |row, out| {
            out.extend_from_slice(&(wide(array.value(row)) as u64 ^ 1 << 63).to_be_bytes());
        })
    }
    Ok(match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, out| out.push(u8::from(array.value(row))))
        }
        DataType::Int8 => signed::<Int8Type>(array, i64::from),
        DataType::Int16 => signed::<Int16Type>(array, i64::from),
        DataType::Int32 => signed::<Int32Type>(array, i64::from),
        DataType::Int64 => signed::<Int64Type>(array, |value| value),
        DataType::Date32 => signed::<Date32Type>(array, i64::from),
        DataType::Time32(_) => signed::<Time32MillisecondType>(array, i64::from),
        DataType::Timestamp(TimeUnit::Microsecond, _) => signed::<TimestampMicrosecondType>(array, |value| value),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => signed::<TimestampNanosecondType>(array, |value| value),
        DataType::Timestamp(..) => signed::<TimestampMillisecondType>(array, |value| value),
        DataType::Float32 => signed::<Float32Type>(array, |value| float_order_bits(f64::from(value))),
        DataType::Float64 => signed::<Float64Type>(array, float_order_bits),
        DataType::Decimal128(..) => {
            let array = array.as_primitive::<Decimal128Type>();
            Box::new(move |row, out| {
                out.extend_from_slice(&(array.value(row) as u128 ^ 1 << 127).to_be_bytes());
            })
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            Box::new(move |row, out| out.extend_from_slice(array.value(row).as_bytes()))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |row, out| out.extend_from_slice(array.value(row)))
        }
        _ => return Err(wrong_type("values with an order", array)),
    })
}

/// A number whose order among all is that of the floating-point numbers: one zero, one NaN, which is the greatest.
pub fn float_order_bits(value: f64) -> i64 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The floating-point number of order bits.
pub fn float_of_order_bits(bits: i64) -> f64 {
    f64::from_bits((bits ^ (((bits >> 63) as u64) >> 1) as i64) as u64)
}

/// An array from such bytes; `None` is NULL.
pub fn decode<'a>(values: impl ExactSizeIterator<Item = Option<&'a [u8]>>, data_type: &DataType) -> Result<ArrayRef> {
    fn signed<'a, T: ArrowPrimitiveType>(
        values: impl ExactSizeIterator<Item = Option<&'a [u8]>>,
        data_type: &DataType,
        narrow: impl Fn(i64) -> T::Native,
    ) -> Result<ArrayRef> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(values.len());
        for value in values {
            let word = value.map(fixed::<8>).transpose()?;
            builder.append_option(word.map(|word| narrow((u64::from_be_bytes(word) ^ 1 << 63) as i64)));
        }
        Ok(Arc::new(builder.finish().with_data_type(data_type.clone())))
    }
    match data_type {
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(values.len());
            values.for_each(|value| builder.append_option(value.map(|value| value == [1])));
            Ok(Arc::new(builder.finish()))
        }
        DataType::Int8 => signed::<Int8Type>(values, data_type, |word| word as i8),
        DataType::Int16 => signed::<Int16Type>(values, data_type, |word| word as i16),
        DataType::Int32 => signed::<Int32Type>(values, data_type, |word| word as i32),
        DataType::Int64 => signed::<Int64Type>(values, data_type, |word| word),
        DataType::Date32 => signed::<Date32Type>(values, data_type, |word| word as i32),
        DataType::Time32(_) => signed::<Time32MillisecondType>(values, data_type, |word| word as i32),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            signed::<TimestampMicrosecondType>(values, data_type, |word| word)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            signed::<TimestampNanosecondType>(values, data_type, |word| word)
        }
        DataType::Timestamp(..) => signed::<TimestampMillisecondType>(values, data_type, |word| word),
        DataType::Float32 => signed::<Float32Type>(values, data_type, |word| float_of_order_bits(word) as f32),
        DataType::Float64 => signed::<Float64Type>(values, data_type, float_of_order_bits),
        DataType::Decimal128(..) => {
            let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(values.len());
            for value in values {
                let word = value.map(fixed::<16>).transpose()?;
                builder.append_option(word.map(|word| (u128::from_be_bytes(word) ^ 1 << 127) as i128));
            }
            Ok(Arc::new(builder.finish().with_data_type(data_type.clone())))
        }
        DataType::Utf8View => {
            let mut builder = StringViewBuilder::with_capacity(values.len());
            for value in values {
                let text = value.map(std::str::from_utf8).transpose().map_err(|_| damaged())?;
                builder.append_option(text);
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            values.for_each(|value| builder.append_option(value));
            Ok(Arc::new(builder.finish()))
        }
        other => Err(Failure::fatal("functions.type", format!("{other} has no order"))),
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| damaged())
}

fn damaged() -> Failure {
    Failure::fatal("aggregate.state", "a value kept by an aggregate function is damaged")
}
