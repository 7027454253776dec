//! From the types in a Parquet file to those of a table: the same, or wider without loss; anything else is refused.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::datatypes::{DataType, Field as ArrowField, Fields, Int64Type, TimeUnit};
use tidemill_core::Result;
use tidemill_expr::types::timestamp_unit;
use tidemill_expr::{SqlType, TypeKind};

/// The type to ask the Parquet reader for, given what it would read by itself (`found`) and the table's type: strings as
/// views, and timestamps of the old INT96 form (`int96`) in the table's unit.
pub fn hint(found: &DataType, wanted: Option<&SqlType>, int96: bool) -> DataType {
    let kind = wanted.map(|ty| &ty.kind);
    let child = |field: &Arc<ArrowField>, wanted: Option<&SqlType>| {
        let ty = hint(field.data_type(), wanted, int96);
        Arc::new(field.as_ref().clone().with_data_type(ty))
    };
    match (found, kind) {
        (DataType::Utf8, _) => DataType::Utf8View,
        (DataType::Timestamp(TimeUnit::Nanosecond, None), Some(TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p)))
            if int96 =>
        {
            DataType::Timestamp(timestamp_unit(*p), None)
        }
        (DataType::Struct(fields), _) => {
            let row = match kind {
                Some(TypeKind::Row(row)) => Some(row),
                _ => None,
            };
            let of = |field: &Arc<ArrowField>| row.and_then(|row| Some(&row.fields[row.position(field.name())?].ty));
            DataType::Struct(fields.iter().map(|field| child(field, of(field))).collect::<Fields>())
        }
        (DataType::List(item), _) => {
            let element = match kind {
                Some(TypeKind::Array(element)) => Some(element.as_ref()),
                _ => None,
            };
            DataType::List(child(item, element))
        }
        (DataType::Map(entries, sorted), _) => {
            let (key, value) = match kind {
                Some(TypeKind::Map(key, value)) => (Some(key.as_ref()), Some(value.as_ref())),
                _ => (None, None),
            };
            match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    let fields = Fields::from(vec![child(&fields[0], key), child(&fields[1], value)]);
                    let entries = entries.as_ref().clone().with_data_type(DataType::Struct(fields));
                    DataType::Map(Arc::new(entries), *sorted)
                }
                _ => found.clone(),
            }
        }
        _ => found.clone(),
    }
}

/// Whether values of an Arrow type are values of the SQL type, without loss.
pub fn fits(found: &DataType, wanted: &SqlType) -> bool {
    let digits: Option<u8> = match found {
        DataType::Int8 | DataType::UInt8 => Some(3),
        DataType::Int16 | DataType::UInt16 => Some(5),
        DataType::Int32 | DataType::UInt32 => Some(10),
        DataType::Int64 => Some(19),
        DataType::UInt64 => Some(20),
        _ => None,
    };
    match (&wanted.kind, found) {
        (TypeKind::Boolean, DataType::Boolean) => true,
        (TypeKind::TinyInt, DataType::Int8) => true,
        (TypeKind::SmallInt, DataType::Int8 | DataType::Int16 | DataType::UInt8) => true,
        (TypeKind::Int | TypeKind::IntervalYearMonth, found) => {
            matches!(found, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16)
        }
        (TypeKind::BigInt | TypeKind::IntervalDayTime, found) => digits.is_some() && *found != DataType::UInt64,
        (TypeKind::Float, DataType::Float32 | DataType::Float16 | DataType::Int8 | DataType::Int16) => true,
        (TypeKind::Double, DataType::Float32 | DataType::Float16 | DataType::Float64) => true,
        (TypeKind::Double, DataType::Int8 | DataType::Int16 | DataType::Int32) => true,
        (TypeKind::Decimal { precision, scale }, DataType::Decimal128(p, s)) => {
            let (precision, scale) = (i16::from(*precision), i16::from(*scale));
            scale >= i16::from(*s) && precision - scale >= i16::from(*p) - i16::from(*s)
        }
        (TypeKind::Decimal { precision, scale }, _) => digits.is_some_and(|digits| precision - scale >= digits),
        // Bytes that nobody calls text are looked at, one by one, when they are read.
        (TypeKind::Char(_) | TypeKind::Varchar(_), found) => {
            matches!(found, DataType::Utf8View | DataType::Utf8 | DataType::Binary)
        }
        (TypeKind::Binary(_) | TypeKind::Varbinary(_), found) => {
            matches!(found, DataType::Binary | DataType::FixedSizeBinary(_))
        }
        (TypeKind::Date, DataType::Date32) => true,
        (TypeKind::Time(_), DataType::Time32(TimeUnit::Millisecond)) => true,
        (TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p), DataType::Timestamp(unit, _)) => {
            fineness(*unit) <= fineness(timestamp_unit(*p))
        }
        (TypeKind::Array(element), DataType::List(item)) => fits(item.data_type(), element),
        (TypeKind::Row(row), DataType::Struct(fields)) => row
            .fields
            .iter()
            .all(|field| fields.iter().any(|found| *found.name() == field.name && fits(found.data_type(), &field.ty))),
        (TypeKind::Map(key, value), DataType::Map(entries, _)) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                fits(fields[0].data_type(), key) && fits(fields[1].data_type(), value)
            }
            _ => false,
        },
        _ => false,
    }
}

fn fineness(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}

/// Turns an array whose type [`fits`] into one of the table's type. A value that the wider type cannot hold after all (a
/// timestamp out of range) is an error.
pub fn adapt(array: &ArrayRef, wanted: &SqlType) -> Result<ArrayRef> {
    let ty = wanted.arrow_type();
    if let TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p) = wanted.kind {
        return cut_digits(&widened(array, &ty)?, p);
    }
    if *array.data_type() == ty && !wanted.kind.is_nested() {
        return Ok(Arc::clone(array));
    }
    match (&wanted.kind, &ty) {
        (TypeKind::Array(element), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = adapt(list.values(), element)?;
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned())?))
        }
        (TypeKind::Row(row), DataType::Struct(fields)) => {
            let found = array.as_struct();
            let columns: Result<Vec<ArrayRef>> = row
                .fields
                .iter()
                .map(|field| match found.column_by_name(&field.name) {
                    Some(column) => adapt(column, &field.ty),
                    None => Ok(arrow::array::new_null_array(&field.ty.arrow_type(), array.len())),
                })
                .collect();
            let nulls = found.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns?, nulls, array.len())?))
        }
        (TypeKind::Map(key, value), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let DataType::Struct(fields) = entries.data_type() else { return Ok(Arc::clone(array)) };
            let columns = vec![adapt(map.keys(), key)?, adapt(map.values(), value)?];
            let pairs = StructArray::try_new(fields.clone(), columns, None)?;
            let nulls = map.nulls().cloned();
            Ok(Arc::new(MapArray::try_new(Arc::clone(entries), map.offsets().clone(), pairs, nulls, *sorted)?))
        }
        _ => widened(array, &ty),
    }
}

fn widened(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    if array.data_type() == ty {
        return Ok(Arc::clone(array));
    }
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    Ok(arrow::compute::cast_with_options(array, ty, &options)?)
}

/// Timestamps with so many digits of a second, as in Flink; a column that has no more is not copied.
fn cut_digits(array: &ArrayRef, precision: u8) -> Result<ArrayRef> {
    let digits = match timestamp_unit(precision) {
        TimeUnit::Nanosecond => 9,
        TimeUnit::Microsecond => 6,
        _ => 3,
    };
    let unit = 10i64.pow(u32::from(u8::saturating_sub(digits, precision)));
    if unit == 1 {
        return Ok(Arc::clone(array));
    }
    let numbers = arrow::compute::cast(array, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    if numbers.iter().flatten().all(|value| value % unit == 0) {
        return Ok(Arc::clone(array));
    }
    let cut = numbers.unary::<_, Int64Type>(|value| value.wrapping_sub(value.rem_euclid(unit)));
    Ok(arrow::compute::cast(&cut, array.data_type())?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{Int32Array, TimestampMillisecondArray, UInt64Array};

    #[test]
    fn only_lossless_widening_fits() {
        assert!(fits(&DataType::Int32, &SqlType::BIGINT));
        assert!(!fits(&DataType::Int64, &SqlType::INT));
        assert!(fits(&DataType::Int32, &SqlType::DOUBLE));
        assert!(!fits(&DataType::Int64, &SqlType::DOUBLE));
        assert!(fits(&DataType::Int32, &SqlType::decimal(12, 2)));
        assert!(!fits(&DataType::Int32, &SqlType::decimal(11, 2)));
        assert!(
            fits(&DataType::UInt64, &SqlType::decimal(20, 0)) && !fits(&DataType::UInt64, &SqlType::decimal(20, 1))
        );
        assert!(fits(&DataType::UInt32, &SqlType::BIGINT) && !fits(&DataType::UInt64, &SqlType::BIGINT));
        assert!(fits(&DataType::Decimal128(10, 2), &SqlType::decimal(12, 3)));
        assert!(!fits(&DataType::Decimal128(10, 2), &SqlType::decimal(10, 3)));
        assert!(!fits(&DataType::Timestamp(TimeUnit::Microsecond, None), &SqlType::timestamp(3)));
        assert!(fits(&DataType::Timestamp(TimeUnit::Millisecond, None), &SqlType::timestamp(6)));
        assert!(!fits(&DataType::Utf8View, &SqlType::INT));
    }

    #[test]
    fn the_largest_unsigned_number_is_a_decimal() {
        let array: ArrayRef = Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]));
        let decimals = adapt(&array, &SqlType::decimal(22, 2)).unwrap();
        let decimals = decimals.as_primitive::<arrow::datatypes::Decimal128Type>();
        assert_eq!(decimals.iter().collect::<Vec<_>>(), [Some(i128::from(u64::MAX) * 100), None]);
    }

    #[test]
    fn digits_that_the_type_does_not_have_are_cut() {
        use arrow::datatypes::TimestampMillisecondType;
        let array: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![Some(1_999), Some(-1), None]));
        let whole = adapt(&array, &SqlType::timestamp(0)).unwrap();
        let whole = whole.as_primitive::<TimestampMillisecondType>();
        assert_eq!(whole.iter().collect::<Vec<_>>(), [Some(1_000), Some(-1_000), None]);
        let tenths = adapt(&array, &SqlType::timestamp(1)).unwrap();
        assert_eq!(tenths.as_primitive::<TimestampMillisecondType>().value(0), 1_900);
        assert_eq!(&adapt(&array, &SqlType::timestamp(3)).unwrap(), &array);
    }

    #[test]
    fn values_keep_their_meaning() {
        let array: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
        let wide = adapt(&array, &SqlType::decimal(12, 2)).unwrap();
        assert_eq!(wide.as_primitive::<arrow::datatypes::Decimal128Type>().value(0), 700);
        let array: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![i64::MAX]));
        assert!(adapt(&array, &SqlType::timestamp(6)).is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        let bytes = |values: &[&[u8]]| Arc::new(arrow::array::BinaryArray::from_iter_values(values)) as ArrayRef;
        assert!(fits(&DataType::Binary, &SqlType::STRING));
        assert_eq!(hint(&DataType::Binary, Some(&SqlType::STRING), false), DataType::Binary);
        let text = adapt(&bytes(&[b"x", "é".as_bytes()]), &SqlType::STRING).unwrap();
        assert_eq!(text.as_string_view().value(1), "é");
        assert!(adapt(&bytes(&[b"x", b"\xff"]), &SqlType::STRING).is_err());
    }
}
