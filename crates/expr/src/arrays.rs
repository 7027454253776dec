//! Between single values and Arrow arrays.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, NullArray, StringViewArray, StructArray,
    Time32MillisecondArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field as ArrowField, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use tidemill_core::{Failure, Result};

use crate::scalar::Scalar;
use crate::types::{SqlType, TypeKind, map_entry_fields, timestamp_unit};

/// An array of values of one type. A value that the type does not have (text in an INT) is an error.
pub fn scalars_to_array(values: &[Scalar], ty: &SqlType) -> Result<ArrayRef> {
    let wrong = |value: &Scalar| Failure::fatal("expr.scalar", format!("{value} is not a value of type {}", ty.kind));
    macro_rules! collect {
        ($array:ty, $($pattern:pat => $value:expr),+) => {{
            let values: Result<$array> = values
                .iter()
                .map(|value| match value {
                    Scalar::Null => Ok(None),
                    $($pattern => Ok(Some($value)),)+
                    other => Err(wrong(other)),
                })
                .collect::<Result<Vec<_>>>()
                .map(<$array>::from);
            Arc::new(values?) as ArrayRef
        }};
    }
    Ok(match &ty.kind {
        TypeKind::Null => Arc::new(NullArray::new(values.len())),
        TypeKind::Boolean => collect!(BooleanArray, Scalar::Boolean(value) => *value),
        TypeKind::TinyInt => collect!(Int8Array, Scalar::Int(value) => *value as i8),
        TypeKind::SmallInt => collect!(Int16Array, Scalar::Int(value) => *value as i16),
        TypeKind::Int => collect!(Int32Array, Scalar::Int(value) => *value as i32),
        TypeKind::BigInt => collect!(Int64Array, Scalar::Int(value) => *value),
        TypeKind::Float => collect!(Float32Array, Scalar::Double(value) => *value as f32),
        TypeKind::Double => collect!(Float64Array, Scalar::Double(value) => *value),
        TypeKind::Decimal { precision, scale } => {
            let array = values
                .iter()
                .map(|value| match value {
                    Scalar::Null => Ok(None),
                    Scalar::Decimal { value, scale: from } => rescale(*value, *from, *scale).map(Some),
                    Scalar::Int(value) => rescale(i128::from(*value), 0, *scale).map(Some),
                    other => Err(wrong(other)),
                })
                .collect::<Result<Vec<Option<i128>>>>()?;
            Arc::new(Decimal128Array::from(array).with_precision_and_scale(*precision, *scale as i8)?)
        }
        TypeKind::Char(_) | TypeKind::Varchar(_) => collect!(StringViewArray, Scalar::String(text) => text.as_ref()),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            let mut builder = BinaryBuilder::new();
            for value in values {
                match value {
                    Scalar::Null => builder.append_null(),
                    Scalar::Bytes(bytes) => builder.append_value(bytes),
                    other => return Err(wrong(other)),
                }
            }
            Arc::new(builder.finish())
        }
        TypeKind::Date => collect!(Date32Array, Scalar::Date(days) => *days),
        TypeKind::Time(_) => collect!(Time32MillisecondArray, Scalar::Time(millis) => *millis),
        TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => match timestamp_unit(*precision) {
            TimeUnit::Microsecond => collect!(TimestampMicrosecondArray, Scalar::Timestamp { millis, nanos } =>
                millis.saturating_mul(1000).saturating_add(i64::from(*nanos / 1000))),
            TimeUnit::Nanosecond => collect!(TimestampNanosecondArray, Scalar::Timestamp { millis, nanos } =>
                millis.saturating_mul(1_000_000).saturating_add(i64::from(*nanos))),
            _ => collect!(TimestampMillisecondArray, Scalar::Timestamp { millis, .. } => *millis),
        },
        TypeKind::IntervalYearMonth => collect!(Int32Array, Scalar::Months(months) => *months),
        TypeKind::IntervalDayTime => collect!(Int64Array, Scalar::Millis(millis) => *millis),
        TypeKind::Array(element) => {
            let mut items = Vec::new();
            let (lengths, nulls) = nested(values, |value| match value {
                Scalar::Array(elements) => {
                    items.extend(elements.iter().cloned());
                    Some(elements.len())
                }
                _ => None,
            })
            .ok_or_else(|| wrong(&Scalar::Array(values.to_vec())))?;
            let field = Arc::new(ArrowField::new("item", element.arrow_type(), true));
            Arc::new(ListArray::try_new(field, lengths, scalars_to_array(&items, element)?, nulls)?)
        }
        TypeKind::Map(key, value) => map_array(values, ty, key, value)?,
        TypeKind::Multiset(element) => map_array(values, ty, element, &SqlType::INT)?,
        TypeKind::Row(row) => {
            let nulls = NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
            let columns: Result<Vec<ArrayRef>> = row
                .fields
                .iter()
                .enumerate()
                .map(|(i, field)| {
                    let column: Vec<Scalar> = values
                        .iter()
                        .map(|value| match value {
                            Scalar::Row(fields) => fields.get(i).cloned().unwrap_or(Scalar::Null),
                            _ => Scalar::Null,
                        })
                        .collect();
                    scalars_to_array(&column, &field.ty)
                })
                .collect();
            let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
            Arc::new(StructArray::try_new_with_length(row.arrow_fields(), columns?, nulls, values.len())?)
        }
    })
}

fn map_array(values: &[Scalar], ty: &SqlType, key: &SqlType, value: &SqlType) -> Result<ArrayRef> {
    let (mut keys, mut items) = (Vec::new(), Vec::new());
    let (offsets, nulls) = nested(values, |scalar| match scalar {
        Scalar::Map(entries) => {
            keys.extend(entries.iter().map(|(key, _)| key.clone()));
            items.extend(entries.iter().map(|(_, value)| value.clone()));
            Some(entries.len())
        }
        _ => None,
    })
    .ok_or_else(|| Failure::fatal("expr.scalar", format!("a value is not of type {}", ty.kind)))?;
    let fields = map_entry_fields(key.arrow_type(), value.arrow_type());
    let entries =
        StructArray::try_new(fields, vec![scalars_to_array(&keys, key)?, scalars_to_array(&items, value)?], None)?;
    let field = match ty.arrow_type() {
        DataType::Map(field, _) => field,
        other => return Err(Failure::fatal("expr.scalar", format!("{other} is not a map"))),
    };
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, nulls, false)?))
}

fn nested(
    values: &[Scalar],
    mut length: impl FnMut(&Scalar) -> Option<usize>,
) -> Option<(OffsetBuffer<i32>, Option<NullBuffer>)> {
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        lengths.push(if value.is_null() { 0 } else { length(value)? });
    }
    let nulls = NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
    Some((OffsetBuffer::from_lengths(lengths), Some(nulls).filter(|nulls| nulls.null_count() > 0)))
}

fn rescale(value: i128, from: u8, to: u8) -> Result<i128> {
    let factor = 10i128.pow(u32::from(from.abs_diff(to)));
    let scaled = if from <= to { value.checked_mul(factor) } else { Some(value / factor) };
    scaled.ok_or_else(|| Failure::user("expr.decimal", format!("{value} does not fit into a DECIMAL of scale {to}")))
}

impl Scalar {
    /// The value as an array of one.
    pub fn to_array(&self, ty: &SqlType) -> Result<ArrayRef> {
        scalars_to_array(std::slice::from_ref(self), ty)
    }

    /// The value in a row of an array of type `ty`.
    pub fn at(array: &dyn Array, ty: &SqlType, row: usize) -> Scalar {
        if array.is_null(row) {
            return Scalar::Null;
        }
        match &ty.kind {
            TypeKind::Null => Scalar::Null,
            TypeKind::Boolean => Scalar::Boolean(array.as_boolean().value(row)),
            TypeKind::TinyInt => Scalar::Int(i64::from(array.as_primitive::<Int8Type>().value(row))),
            TypeKind::SmallInt => Scalar::Int(i64::from(array.as_primitive::<Int16Type>().value(row))),
            TypeKind::Int => Scalar::Int(i64::from(array.as_primitive::<Int32Type>().value(row))),
            TypeKind::BigInt => Scalar::Int(array.as_primitive::<Int64Type>().value(row)),
            TypeKind::Float => Scalar::Double(f64::from(array.as_primitive::<Float32Type>().value(row))),
            TypeKind::Double => Scalar::Double(array.as_primitive::<Float64Type>().value(row)),
            TypeKind::Decimal { scale, .. } => {
                Scalar::Decimal { value: array.as_primitive::<Decimal128Type>().value(row), scale: *scale }
            }
            TypeKind::Char(_) | TypeKind::Varchar(_) => Scalar::string(array.as_string_view().value(row)),
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Scalar::Bytes(array.as_binary::<i32>().value(row).into()),
            TypeKind::Date => Scalar::Date(array.as_primitive::<Date32Type>().value(row)),
            TypeKind::Time(_) => Scalar::Time(array.as_primitive::<Time32MillisecondType>().value(row)),
            TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => match timestamp_unit(*precision) {
                TimeUnit::Microsecond => {
                    let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                    Scalar::Timestamp { millis: micros.div_euclid(1000), nanos: micros.rem_euclid(1000) as u32 * 1000 }
                }
                TimeUnit::Nanosecond => {
                    let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
                    let millis = nanos.div_euclid(1_000_000);
                    Scalar::Timestamp { millis, nanos: nanos.rem_euclid(1_000_000) as u32 }
                }
                _ => Scalar::timestamp_ms(array.as_primitive::<TimestampMillisecondType>().value(row)),
            },
            TypeKind::IntervalYearMonth => Scalar::Months(array.as_primitive::<Int32Type>().value(row)),
            TypeKind::IntervalDayTime => Scalar::Millis(array.as_primitive::<Int64Type>().value(row)),
            TypeKind::Array(element) => {
                let items = array.as_list::<i32>().value(row);
                Scalar::Array((0..items.len()).map(|i| Scalar::at(&items, element, i)).collect())
            }
            TypeKind::Map(key, value) => map_at(array, key, value, row),
            TypeKind::Multiset(element) => map_at(array, element, &SqlType::INT, row),
            TypeKind::Row(fields) => {
                let columns = array.as_struct().columns();
                let fields = fields.fields.iter().zip(columns);
                Scalar::Row(fields.map(|(field, column)| Scalar::at(column, &field.ty, row)).collect())
            }
        }
    }
}

fn map_at(array: &dyn Array, key: &SqlType, value: &SqlType, row: usize) -> Scalar {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    Scalar::Map((0..entries.len()).map(|i| (Scalar::at(keys, key, i), Scalar::at(values, value, i))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::types::Field;

    #[test]
    fn nested_values_survive_the_way_through_an_array() {
        let ty = SqlType::row(vec![
            Field::new("a", SqlType::array(SqlType::INT)),
            Field::new("m", SqlType::map(SqlType::STRING, SqlType::decimal(10, 2))),
            Field::new("t", SqlType::timestamp(9)),
        ]);
        let values = vec![
            Scalar::Row(vec![
                Scalar::Array(vec![Scalar::Int(1), Scalar::Null]),
                Scalar::Map(vec![(Scalar::string("k"), Scalar::Decimal { value: -150, scale: 2 })]),
                Scalar::Timestamp { millis: -1, nanos: 999_999 },
            ]),
            Scalar::Null,
            Scalar::Row(vec![Scalar::Null, Scalar::Map(vec![]), Scalar::Null]),
        ];
        let array = scalars_to_array(&values, &ty).unwrap();
        assert_eq!(array.data_type(), &ty.arrow_type());
        let back: Vec<Scalar> = (0..3).map(|row| Scalar::at(&array, &ty, row)).collect();
        assert_eq!(back, values);
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert!(Scalar::string("x").to_array(&SqlType::INT).is_err());
    }
}
