//! Typed access to the arguments of a kernel, by row, and builders for what it returns.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, PrimitiveArray, PrimitiveBuilder,
    StringViewArray, StringViewBuilder,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{ArrowTimestampType, DataType, TimeUnit};
use arrow::datatypes::{TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType};
use std::sync::Arc;
use tidemill_core::{Failure, Result};
use tidemill_expr::{Arg, Output, RowError, RowErrors};

/// The failure of a kernel that was given another type than it was bound for.
pub fn wrong_type(expected: &str, array: &dyn Array) -> Failure {
    Failure::fatal("functions.type", format!("a function expected {expected} and was given {}", array.data_type()))
}

/// A column or constant of text.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    array: &'a StringViewArray,
    constant: bool,
}

impl<'a> Texts<'a> {
    /// The argument as text.
    pub fn of(arg: &'a Arg) -> Result<Texts<'a>> {
        let array = arg.array().as_string_view_opt().ok_or_else(|| wrong_type("text", arg.array()))?;
        Ok(Texts { array, constant: arg.is_constant() })
    }

    /// The text of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        let row = if self.constant { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// A column or constant of bytes.
#[derive(Clone, Copy)]
pub struct Blobs<'a> {
    array: &'a BinaryArray,
    constant: bool,
}

impl<'a> Blobs<'a> {
    /// The argument as bytes.
    pub fn of(arg: &'a Arg) -> Result<Blobs<'a>> {
        let array = arg.array().as_binary_opt::<i32>().ok_or_else(|| wrong_type("bytes", arg.array()))?;
        Ok(Blobs { array, constant: arg.is_constant() })
    }

    /// The bytes of a row.
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        let row = if self.constant { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// A column or constant of numbers of one Arrow type.
#[derive(Clone, Copy)]
pub struct Numbers<'a, T: ArrowPrimitiveType> {
    array: &'a PrimitiveArray<T>,
    constant: bool,
}

impl<'a, T: ArrowPrimitiveType> Numbers<'a, T> {
    /// The argument as numbers of this type.
    pub fn of(arg: &'a Arg) -> Result<Numbers<'a, T>> {
        let array =
            arg.array().as_primitive_opt::<T>().ok_or_else(|| wrong_type(&T::DATA_TYPE.to_string(), arg.array()))?;
        Ok(Numbers { array, constant: arg.is_constant() })
    }

    /// The number of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Native> {
        let row = if self.constant { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// A column or constant of timestamps of any unit.
pub struct Stamps<'a> {
    values: &'a ScalarBuffer<i64>,
    arg: &'a Arg,
    /// Units in a second: 1,000, 1,000,000 or 1,000,000,000.
    pub per_second: i64,
}

impl<'a> Stamps<'a> {
    /// The argument as timestamps.
    pub fn of(arg: &'a Arg) -> Result<Stamps<'a>> {
        let array = arg.array();
        let (values, per_second) = match array.data_type() {
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                (array.as_primitive::<TimestampMillisecondType>().values(), 1_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                (array.as_primitive::<TimestampMicrosecondType>().values(), 1_000_000)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                (array.as_primitive::<TimestampNanosecondType>().values(), 1_000_000_000)
            }
            _ => return Err(wrong_type("timestamps", array)),
        };
        Ok(Stamps { values, arg, per_second })
    }

    /// All values, shared.
    pub fn buffer(&self) -> ScalarBuffer<i64> {
        self.values.clone()
    }

    /// The timestamp of a row, in its own unit.
    #[inline]
    pub fn get(&self, row: usize) -> Option<i64> {
        let row = self.arg.at(row);
        self.arg.array().is_valid(row).then(|| self.values[row])
    }

    /// The timestamp of a row in milliseconds and nanoseconds within the millisecond.
    #[inline]
    pub fn millis(&self, row: usize) -> Option<(i64, u32)> {
        let per_milli = self.per_second / 1000;
        let nanos_per_unit = 1_000_000_000 / self.per_second;
        self.get(row).map(|value| (value.div_euclid(per_milli), (value.rem_euclid(per_milli) * nanos_per_unit) as u32))
    }
}

/// An array of timestamps in the unit of `data_type`.
pub fn stamps_array(values: impl ExactSizeIterator<Item = Option<i64>>, data_type: &DataType) -> Result<ArrayRef> {
    fn build<T: ArrowTimestampType>(values: impl ExactSizeIterator<Item = Option<i64>>) -> ArrayRef {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(values.len());
        values.for_each(|value| builder.append_option(value));
        Arc::new(builder.finish())
    }
    match data_type {
        DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(build::<TimestampMillisecondType>(values)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(build::<TimestampMicrosecondType>(values)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Ok(build::<TimestampNanosecondType>(values)),
        other => Err(Failure::fatal("functions.type", format!("{other} is no timestamp"))),
    }
}

/// Numbers by row.
pub fn numbers<T: ArrowPrimitiveType>(rows: usize, mut value: impl FnMut(usize) -> Option<T::Native>) -> Output {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(rows);
    (0..rows).for_each(|row| builder.append_option(value(row)));
    Output::new(Arc::new(builder.finish()))
}

/// Numbers by row, some of which fail.
pub fn try_numbers<T: ArrowPrimitiveType>(
    rows: usize,
    mut value: impl FnMut(usize) -> Result<Option<T::Native>, RowError>,
) -> Output {
    let mut errors = RowErrors::NONE;
    let mut output = numbers::<T>(rows, |row| note(value(row), row, &mut errors));
    output.errors = errors;
    output
}

/// The value of a row; its error is noted and stands as NULL.
pub fn note<T>(value: Result<Option<T>, RowError>, row: usize, errors: &mut RowErrors) -> Option<T> {
    value.unwrap_or_else(|error| {
        errors.add(row, error);
        None
    })
}

/// Truth values by row.
pub fn truths(rows: usize, value: impl FnMut(usize) -> Option<bool>) -> Output {
    Output::new(Arc::new((0..rows).map(value).collect::<BooleanArray>()))
}

/// Texts by row.
pub fn texts<S: AsRef<str>>(rows: usize, mut value: impl FnMut(usize) -> Option<S>) -> Output {
    let mut builder = StringViewBuilder::with_capacity(rows);
    (0..rows).for_each(|row| builder.append_option(value(row)));
    Output::new(Arc::new(builder.finish()))
}

/// Texts by row, written into a buffer that is cleared before each row; false means NULL.
pub fn written_texts(rows: usize, mut write: impl FnMut(usize, &mut String) -> bool) -> Output {
    let mut builder = StringViewBuilder::with_capacity(rows);
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        if write(row, &mut text) {
            builder.append_value(&text);
        } else {
            builder.append_null();
        }
    }
    Output::new(Arc::new(builder.finish()))
}

/// Texts by row, some of which fail.
pub fn try_texts<S: AsRef<str>>(rows: usize, mut value: impl FnMut(usize) -> Result<Option<S>, RowError>) -> Output {
    let mut errors = RowErrors::NONE;
    let mut output = texts(rows, |row| note(value(row), row, &mut errors));
    output.errors = errors;
    output
}
