//! Cells of a column while it is decoded: formats append to these, and they become Arrow arrays.
//!
//! Invariant: every append adds exactly one cell, a NULL where the value is wrong, so that columns stay equally long and a
//! format that ignores wrong values need not go back.

use std::sync::Arc;

use arrow::array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int8Builder,
    Int16Builder, Int32Builder, Int64Builder, StringViewBuilder, Time32MillisecondBuilder,
};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, NullArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidemill_core::Result;
use tidemill_expr::types::timestamp_unit;
use tidemill_expr::{SqlType, TypeKind};

use crate::text::read;

/// The value was not one of the column's type; a NULL was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong;

/// The outcome of an append.
pub type Append = std::result::Result<(), Wrong>;

/// A column being filled.
pub struct Cells {
    ty: SqlType,
    values: Values,
}

pub(super) enum Values {
    Null(usize),
    Boolean(BooleanBuilder),
    TinyInt(Int8Builder),
    SmallInt(Int16Builder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringViewBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Time(Time32MillisecondBuilder),
    /// Counted in the unit of the type.
    Timestamp(Int64Builder),
    List(Nested),
    Map(Nested),
    Row(RowCells),
}

/// A row's fields.
pub(super) struct RowCells {
    pub(super) cells: Vec<Cells>,
    pub(super) valid: Vec<bool>,
    /// For decoders that find fields by name: which ones a row had.
    pub(super) seen: Vec<bool>,
}

/// An array's elements, or a map's keys and values.
pub(super) struct Nested {
    pub(super) parts: Vec<Cells>,
    ends: Vec<i32>,
    valid: Vec<bool>,
}

impl Nested {
    fn new(parts: Vec<Cells>) -> Nested {
        Nested { parts, ends: vec![0], valid: Vec::new() }
    }

    /// Ends a cell: the elements appended to `parts` since the last end are its own.
    pub(super) fn end(&mut self, valid: bool) {
        self.ends.push(self.parts[0].len() as i32);
        self.valid.push(valid);
    }
}

impl Cells {
    /// An empty column of a type.
    pub fn new(ty: &SqlType) -> Cells {
        let values = match &ty.kind {
            TypeKind::Null => Values::Null(0),
            TypeKind::Boolean => Values::Boolean(BooleanBuilder::new()),
            TypeKind::TinyInt => Values::TinyInt(Int8Builder::new()),
            TypeKind::SmallInt => Values::SmallInt(Int16Builder::new()),
            TypeKind::Int | TypeKind::IntervalYearMonth => Values::Int(Int32Builder::new()),
            TypeKind::BigInt | TypeKind::IntervalDayTime => Values::BigInt(Int64Builder::new()),
            TypeKind::Float => Values::Float(Float32Builder::new()),
            TypeKind::Double => Values::Double(Float64Builder::new()),
            TypeKind::Decimal { .. } => Values::Decimal(Decimal128Builder::new().with_data_type(ty.arrow_type())),
            TypeKind::Char(_) | TypeKind::Varchar(_) => Values::Text(StringViewBuilder::new()),
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Values::Bytes(BinaryBuilder::new()),
            TypeKind::Date => Values::Date(Date32Builder::new()),
            TypeKind::Time(_) => Values::Time(Time32MillisecondBuilder::new()),
            TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => Values::Timestamp(Int64Builder::new()),
            TypeKind::Array(element) => Values::List(Nested::new(vec![Cells::new(element)])),
            TypeKind::Map(key, value) => Values::Map(Nested::new(vec![Cells::new(key), Cells::new(value)])),
            TypeKind::Multiset(element) => {
                Values::Map(Nested::new(vec![Cells::new(element), Cells::new(&SqlType::INT)]))
            }
            TypeKind::Row(row) => {
                let cells = row.fields.iter().map(|field| Cells::new(&field.ty)).collect();
                Values::Row(RowCells { cells, valid: Vec::new(), seen: vec![false; row.len()] })
            }
        };
        Cells { ty: ty.clone(), values }
    }

    /// The column's type.
    pub fn ty(&self) -> &SqlType {
        &self.ty
    }

    /// The type and the cells within, to be appended to.
    pub(super) fn parts_mut(&mut self) -> (&SqlType, &mut Values) {
        (&self.ty, &mut self.values)
    }

    pub(super) fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        match &self.values {
            Values::Null(count) => *count,
            Values::Boolean(cells) => cells.len(),
            Values::TinyInt(cells) => cells.len(),
            Values::SmallInt(cells) => cells.len(),
            Values::Int(cells) => cells.len(),
            Values::BigInt(cells) | Values::Timestamp(cells) => cells.len(),
            Values::Float(cells) => cells.len(),
            Values::Double(cells) => cells.len(),
            Values::Decimal(cells) => cells.len(),
            Values::Text(cells) => cells.len(),
            Values::Bytes(cells) => cells.len(),
            Values::Date(cells) => cells.len(),
            Values::Time(cells) => cells.len(),
            Values::List(nested) | Values::Map(nested) => nested.valid.len(),
            Values::Row(row) => row.valid.len(),
        }
    }

    /// Appends NULL.
    pub fn null(&mut self) {
        match &mut self.values {
            Values::Null(count) => *count += 1,
            Values::Boolean(cells) => cells.append_null(),
            Values::TinyInt(cells) => cells.append_null(),
            Values::SmallInt(cells) => cells.append_null(),
            Values::Int(cells) => cells.append_null(),
            Values::BigInt(cells) | Values::Timestamp(cells) => cells.append_null(),
            Values::Float(cells) => cells.append_null(),
            Values::Double(cells) => cells.append_null(),
            Values::Decimal(cells) => cells.append_null(),
            Values::Text(cells) => cells.append_null(),
            Values::Bytes(cells) => cells.append_null(),
            Values::Date(cells) => cells.append_null(),
            Values::Time(cells) => cells.append_null(),
            Values::List(nested) | Values::Map(nested) => nested.end(false),
            Values::Row(row) => {
                row.cells.iter_mut().for_each(Cells::null);
                row.valid.push(false);
            }
        }
    }

    /// Appends a truth value.
    pub fn boolean(&mut self, value: bool) -> Append {
        match &mut self.values {
            Values::Boolean(cells) => cells.append_value(value),
            Values::Text(cells) => cells.append_value(if value { "true" } else { "false" }),
            _ => return self.wrong(),
        }
        Ok(())
    }

    /// Appends a whole number.
    pub fn integer(&mut self, value: i64) -> Append {
        match &mut self.values {
            Values::BigInt(cells) => cells.append_value(value),
            Values::Int(cells) => match i32::try_from(value) {
                Ok(value) => cells.append_value(value),
                Err(_) => return self.wrong(),
            },
            Values::SmallInt(cells) => match i16::try_from(value) {
                Ok(value) => cells.append_value(value),
                Err(_) => return self.wrong(),
            },
            Values::TinyInt(cells) => match i8::try_from(value) {
                Ok(value) => cells.append_value(value),
                Err(_) => return self.wrong(),
            },
            Values::Float(cells) => cells.append_value(value as f32),
            Values::Double(cells) => cells.append_value(value as f64),
            Values::Text(cells) => cells.append_value(value.to_string()),
            _ => return self.text(&value.to_string(), ' '),
        }
        Ok(())
    }

    /// Appends a floating-point number.
    pub fn double(&mut self, value: f64) -> Append {
        match &mut self.values {
            Values::Float(cells) => cells.append_value(value as f32),
            Values::Double(cells) => cells.append_value(value),
            Values::Text(cells) => cells.append_value(tidemill_expr::java_floats::double_text(value)),
            _ => return self.wrong(),
        }
        Ok(())
    }

    /// Appends what a text stands for; `separator` is between date and time. Not for nested types.
    pub fn text(&mut self, text: &str, separator: char) -> Append {
        let ty = &self.ty;
        let done = match &mut self.values {
            Values::Text(cells) => {
                cells.append_value(text);
                Some(())
            }
            Values::Int(cells) => text.trim().parse().ok().map(|value| cells.append_value(value)),
            Values::BigInt(cells) => text.trim().parse().ok().map(|value| cells.append_value(value)),
            Values::SmallInt(cells) => text.trim().parse().ok().map(|value| cells.append_value(value)),
            Values::TinyInt(cells) => text.trim().parse().ok().map(|value| cells.append_value(value)),
            Values::Double(cells) => text.trim().parse().ok().map(|value| cells.append_value(value)),
            Values::Float(cells) => text.trim().parse().ok().map(|value| cells.append_value(value)),
            Values::Boolean(cells) => read::boolean(text).map(|value| cells.append_value(value)),
            Values::Date(cells) => read::date(text).map(|value| cells.append_value(value)),
            Values::Time(cells) => read::time(text).map(|(millis, _)| cells.append_value(millis as i32)),
            Values::Timestamp(cells) => timestamp(text, separator, ty).map(|value| cells.append_value(value)),
            Values::Bytes(cells) => BASE64.decode(text.trim()).ok().map(|value| cells.append_value(value)),
            Values::Decimal(cells) => match ty.kind {
                TypeKind::Decimal { precision, scale } => {
                    read::decimal(text, precision, scale).map(|value| cells.append_value(value))
                }
                _ => None,
            },
            Values::Null(_) | Values::List(_) | Values::Map(_) | Values::Row(_) => None,
        };
        done.map_or_else(|| self.wrong(), Ok)
    }

    fn wrong(&mut self) -> Append {
        self.null();
        Err(Wrong)
    }

    /// Takes the cells as an array of the type's Arrow type; the column is empty afterwards.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match &mut self.values {
            Values::Null(count) => Arc::new(NullArray::new(std::mem::take(count))),
            Values::Boolean(cells) => Arc::new(cells.finish()),
            Values::TinyInt(cells) => Arc::new(cells.finish()),
            Values::SmallInt(cells) => Arc::new(cells.finish()),
            Values::Int(cells) => Arc::new(cells.finish()),
            Values::BigInt(cells) => Arc::new(cells.finish()),
            Values::Float(cells) => Arc::new(cells.finish()),
            Values::Double(cells) => Arc::new(cells.finish()),
            Values::Decimal(cells) => Arc::new(cells.finish()),
            Values::Text(cells) => Arc::new(cells.finish()),
            Values::Bytes(cells) => Arc::new(cells.finish()),
            Values::Date(cells) => Arc::new(cells.finish()),
            Values::Time(cells) => Arc::new(cells.finish()),
            Values::Timestamp(cells) => {
                let array: ArrayRef = Arc::new(cells.finish());
                timestamps(&array, &self.ty)?
            }
            Values::List(nested) => {
                let item = nested.parts[0].finish()?;
                let field = Arc::new(Field::new("item", item.data_type().clone(), true));
                let (offsets, nulls) = (offsets(&mut nested.ends), nulls(&mut nested.valid));
                Arc::new(ListArray::try_new(field, offsets, item, nulls)?)
            }
            Values::Map(nested) => {
                let (keys, values) = (nested.parts[0].finish()?, nested.parts[1].finish()?);
                let ty = self.ty.arrow_type();
                let DataType::Map(entries, _) = &ty else { return Ok(arrow::array::new_null_array(&ty, 0)) };
                let DataType::Struct(fields) = entries.data_type() else {
                    return Ok(arrow::array::new_null_array(&ty, 0));
                };
                let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
                let (offsets, nulls) = (offsets(&mut nested.ends), nulls(&mut nested.valid));
                Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, false)?)
            }
            Values::Row(row) => {
                let DataType::Struct(fields) = self.ty.arrow_type() else { return Ok(Arc::new(NullArray::new(0))) };
                let columns: Result<Vec<ArrayRef>> = row.cells.iter_mut().map(Cells::finish).collect();
                let rows = row.valid.len();
                Arc::new(StructArray::try_new_with_length(fields, columns?, nulls(&mut row.valid), rows)?)
            }
        })
    }
}

fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(std::mem::replace(ends, vec![0]).into())
}

fn nulls(valid: &mut Vec<bool>) -> Option<NullBuffer> {
    let nulls = NullBuffer::from(std::mem::take(valid));
    (nulls.null_count() > 0).then_some(nulls)
}

/// The number that stands for a timestamp in the unit of its type. TIMESTAMP_LTZ may have a `Z` behind it.
fn timestamp(text: &str, separator: char, ty: &SqlType) -> Option<i64> {
    let (precision, text) = match ty.kind {
        TypeKind::Timestamp(precision) => (precision, text),
        TypeKind::TimestampLtz(precision) => (precision, text.trim().trim_end_matches(['Z', 'z'])),
        _ => return None,
    };
    let (millis, nanos) = read::timestamp(text, separator)?;
    // Digits that the type does not have are cut, as in Flink.
    let (millis, nanos) = match precision {
        0..=2 => (millis - millis.rem_euclid(10i64.pow(3 - u32::from(precision))), 0),
        3 | 9.. => (millis, nanos),
        _ => (millis, nanos - nanos % 10u32.pow(9 - u32::from(precision))),
    };
    match timestamp_unit(precision) {
        TimeUnit::Microsecond => millis.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000)),
        TimeUnit::Nanosecond => millis.checked_mul(1_000_000)?.checked_add(i64::from(nanos)),
        _ => Some(millis),
    }
}

fn timestamps(array: &ArrayRef, ty: &SqlType) -> Result<ArrayRef> {
    use arrow::datatypes::{TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType};
    let numbers = array.as_primitive::<Int64Type>();
    Ok(match ty.arrow_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Arc::new(numbers.reinterpret_cast::<TimestampMicrosecondType>())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Arc::new(numbers.reinterpret_cast::<TimestampNanosecondType>()),
        _ => Arc::new(numbers.reinterpret_cast::<TimestampMillisecondType>()),
    })
}
