//! From keys back to columns.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, Decimal128Array, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, ListArray, MapArray, NullArray, StringArray, StringViewArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;

use super::{KeyRef, encode, fixed};
use crate::{Failure, Result};

/// Collects keys and makes columns of them. What was one and the same key comes back as one value: `-0.0` as `0.0`.
#[derive(Debug)]
pub struct KeyDecoder {
    columns: Vec<Column>,
    rows: usize,
}

#[derive(Debug)]
struct Column {
    data_type: DataType,
    valid: Vec<bool>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Numbers { numbers: Vec<u64>, width: usize },
    Decimals(Vec<i128>),
    Bytes { bytes: Vec<u8>, ends: Vec<usize> },
    Fields(Vec<Column>),
    Elements { element: Box<Column>, ends: Vec<i32> },
    Nulls,
}

fn damaged() -> Failure {
    Failure::fatal("key.damaged", "stored key bytes do not have the format of their types; the state is damaged")
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(len).ok_or_else(damaged)?;
    *bytes = tail;
    Ok(head)
}

fn flag(bytes: &mut &[u8]) -> Result<bool> {
    match take(bytes, 1)? {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(damaged()),
    }
}

impl KeyDecoder {
    /// A decoder for key columns of these types.
    pub fn new(types: &[DataType]) -> Result<KeyDecoder> {
        let columns: Result<Vec<Column>> = types
            .iter()
            .map(|data_type| {
                encode::check(data_type)?;
                Ok(Column::new(data_type))
            })
            .collect();
        Ok(KeyDecoder { columns: columns?, rows: 0 })
    }

    /// Adds a key. Fails if the bytes are not those of a key of these types.
    pub fn push(&mut self, key: KeyRef<'_>) -> Result<()> {
        self.rows += 1;
        match (key, self.columns.as_mut_slice()) {
            (KeyRef::Bytes(mut bytes), columns) => {
                columns.iter_mut().try_for_each(|column| column.read(&mut bytes))?;
                if bytes.is_empty() { Ok(()) } else { Err(damaged()) }
            }
            (KeyRef::Null, [column]) => {
                column.push_null();
                Ok(())
            }
            (KeyRef::Fixed { value, .. }, [Column { valid, values: Values::Numbers { numbers, .. }, .. }]) => {
                valid.push(true);
                numbers.push(value);
                Ok(())
            }
            _ => Err(damaged()),
        }
    }

    /// Number of keys added.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// True before the first key.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The columns of the keys added so far, in the order in which they were added; then it is empty again.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows = 0;
        self.columns.iter_mut().map(Column::finish).collect()
    }
}

impl Column {
    fn new(data_type: &DataType) -> Column {
        let values = match data_type {
            DataType::Null => Values::Nulls,
            DataType::Decimal128(..) => Values::Decimals(Vec::new()),
            DataType::Struct(fields) => {
                Values::Fields(fields.iter().map(|field| Column::new(field.data_type())).collect())
            }
            DataType::List(element) | DataType::Map(element, _) => {
                Values::Elements { element: Box::new(Column::new(element.data_type())), ends: Vec::new() }
            }
            other => match fixed::width(other) {
                Some(width) => Values::Numbers { numbers: Vec::new(), width },
                None => Values::Bytes { bytes: Vec::new(), ends: Vec::new() },
            },
        };
        Column { data_type: data_type.clone(), valid: Vec::new(), values }
    }

    fn push_null(&mut self) {
        self.valid.push(false);
        match &mut self.values {
            Values::Numbers { numbers, .. } => numbers.push(0),
            Values::Decimals(values) => values.push(0),
            Values::Bytes { bytes, ends } => ends.push(bytes.len()),
            Values::Fields(fields) => fields.iter_mut().for_each(Column::push_null),
            Values::Elements { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
            Values::Nulls => {}
        }
    }

    fn read(&mut self, key: &mut &[u8]) -> Result<()> {
        if !flag(key)? {
            self.push_null();
            return Ok(());
        }
        self.valid.push(true);
        match &mut self.values {
            Values::Numbers { numbers, width } => {
                let number = take(key, *width)?;
                numbers.push(number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
            }
            Values::Decimals(values) => {
                let number = take(key, 16)?.iter().fold(0, |value: u128, byte| value << 8 | u128::from(*byte));
                values.push(encode::decimal_number(number as i128) as i128);
            }
            Values::Bytes { bytes, ends } => {
                unescape(key, bytes)?;
                ends.push(bytes.len());
            }
            Values::Fields(fields) => fields.iter_mut().try_for_each(|field| field.read(key))?,
            Values::Elements { element, ends } => {
                let mut end = ends.last().copied().unwrap_or(0);
                while flag(key)? {
                    element.read(key)?;
                    end = end.checked_add(1).ok_or_else(damaged)?;
                }
                ends.push(end);
            }
            Values::Nulls => return Err(damaged()),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let rows = self.valid.len();
        let valid = std::mem::take(&mut self.valid);
        let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
        match &mut self.values {
            Values::Nulls => Ok(Arc::new(NullArray::new(rows))),
            Values::Numbers { numbers, .. } => fixed::column(&self.data_type, &std::mem::take(numbers), nulls),
            Values::Decimals(values) => {
                let column = Decimal128Array::new(std::mem::take(values).into(), nulls);
                Ok(Arc::new(column.with_data_type(self.data_type.clone())))
            }
            Values::Bytes { bytes, ends } => {
                bytes_column(&self.data_type, &std::mem::take(bytes), &std::mem::take(ends), nulls)
            }
            Values::Fields(fields) => {
                let DataType::Struct(types) = &self.data_type else { return Err(damaged()) };
                let columns: Result<Vec<ArrayRef>> = fields.iter_mut().map(Column::finish).collect();
                Ok(Arc::new(StructArray::try_new_with_length(types.clone(), columns?, nulls, rows)?))
            }
            Values::Elements { element, ends } => {
                let values = element.finish()?;
                let offsets = OffsetBuffer::new(std::iter::once(0).chain(std::mem::take(ends)).collect());
                match &self.data_type {
                    DataType::List(field) => {
                        Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
                    }
                    DataType::Map(field, sorted) => {
                        let entries = values.as_any().downcast_ref::<StructArray>().ok_or_else(damaged)?.clone();
                        Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)?))
                    }
                    _ => Err(damaged()),
                }
            }
        }
    }
}

fn unescape(key: &mut &[u8], out: &mut Vec<u8>) -> Result<()> {
    loop {
        let zero = key.iter().position(|byte| *byte == 0).ok_or_else(damaged)?;
        out.extend_from_slice(take(key, zero)?);
        match take(key, 2)? {
            [0, 0] => return Ok(()),
            [0, 0xff] => out.push(0),
            _ => return Err(damaged()),
        }
    }
}

fn bytes_column(data_type: &DataType, bytes: &[u8], ends: &[usize], nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let starts = std::iter::once(&0).chain(ends);
    let valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let values = starts.zip(ends).enumerate().map(|(row, (start, end))| valid(row).then_some(&bytes[*start..*end]));
    if matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        let strings: Result<Vec<Option<&str>>> = values
            .map(|value| value.map(|value| std::str::from_utf8(value).map_err(|_| damaged())).transpose())
            .collect();
        let strings = strings?;
        return Ok(match data_type {
            DataType::Utf8 => Arc::new(StringArray::from_iter(strings)),
            DataType::LargeUtf8 => Arc::new(LargeStringArray::from_iter(strings)),
            _ => Arc::new(StringViewArray::from_iter(strings)),
        });
    }
    Ok(match data_type {
        DataType::Binary => Arc::new(BinaryArray::from_iter(values)),
        DataType::LargeBinary => Arc::new(LargeBinaryArray::from_iter(values)),
        DataType::BinaryView => Arc::new(BinaryViewArray::from_iter(values)),
        DataType::FixedSizeBinary(size) => {
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, *size)?)
        }
        _ => return Err(damaged()),
    })
}
