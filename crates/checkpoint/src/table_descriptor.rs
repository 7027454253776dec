//! How a table's descriptor is stored, and which typed columns follow from it for readers of a savepoint.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::ipc::convert::{IpcSchemaEncoder, fb_to_schema};
use arrow::ipc::root_as_schema;
use prost::Message;
use tidemill_core::{Failure, Result};
use tidemill_state::{Distribution, TableDescriptor, ValueField, ValueKind};

use crate::savepoint_table::{TableColumns, ValueDecoder};

/// Length of a value of bytes that is not there.
const NO_BYTES: u32 = u32::MAX;

#[derive(Clone, PartialEq, Message)]
struct StoredDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(enumeration = "StoredDistribution", tag = "2")]
    distribution: i32,
    /// The key's types, as an Arrow schema in Arrow's IPC format.
    #[prost(bytes = "vec", tag = "3")]
    key_types: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    order_types: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    fields: Vec<StoredField>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredField {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(enumeration = "StoredValueKind", tag = "3")]
    kind: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum StoredDistribution {
    Unspecified = 0,
    Keyed = 1,
    Split = 2,
    Union = 3,
    Broadcast = 4,
    Transient = 5,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum StoredValueKind {
    Unspecified = 0,
    Int64 = 1,
    UInt64 = 2,
    Float64 = 3,
    Int128 = 4,
    Bytes = 5,
}

/// A table's descriptor as it is stored in manifests.
pub fn encode_descriptor(descriptor: &TableDescriptor) -> Vec<u8> {
    let distribution = match descriptor.distribution {
        Distribution::Keyed => StoredDistribution::Keyed,
        Distribution::Split => StoredDistribution::Split,
        Distribution::Union => StoredDistribution::Union,
        Distribution::Broadcast => StoredDistribution::Broadcast,
        Distribution::Transient => StoredDistribution::Transient,
    };
    let fields = descriptor.fields.iter().map(|field| {
        let kind = match field.kind {
            ValueKind::Int64 => StoredValueKind::Int64,
            ValueKind::UInt64 => StoredValueKind::UInt64,
            ValueKind::Float64 => StoredValueKind::Float64,
            ValueKind::Int128 => StoredValueKind::Int128,
            ValueKind::Bytes => StoredValueKind::Bytes,
        };
        StoredField { id: field.id, name: field.name.clone(), kind: kind.into() }
    });
    let stored = StoredDescriptor {
        name: descriptor.name.clone(),
        distribution: distribution.into(),
        key_types: encode_types(&descriptor.key_types),
        order_types: encode_types(&descriptor.order_types),
        fields: fields.collect(),
    };
    stored.encode_to_vec()
}

/// The descriptor in the bytes of a manifest.
pub fn decode_descriptor(bytes: &[u8]) -> Result<TableDescriptor> {
    let stored = StoredDescriptor::decode(bytes).map_err(|error| wrong(&error.to_string()))?;
    let distribution = match StoredDistribution::try_from(stored.distribution) {
        Ok(StoredDistribution::Keyed) => Distribution::Keyed,
        Ok(StoredDistribution::Split) => Distribution::Split,
        Ok(StoredDistribution::Union) => Distribution::Union,
        Ok(StoredDistribution::Broadcast) => Distribution::Broadcast,
        Ok(StoredDistribution::Transient) => Distribution::Transient,
        _ => return Err(wrong("its distribution is unknown; use a newer version of Tidemill")),
    };
    let fields: Result<Vec<ValueField>> = stored
        .fields
        .into_iter()
        .map(|field| {
            let kind = match StoredValueKind::try_from(field.kind) {
                Ok(StoredValueKind::Int64) => ValueKind::Int64,
                Ok(StoredValueKind::UInt64) => ValueKind::UInt64,
                Ok(StoredValueKind::Float64) => ValueKind::Float64,
                Ok(StoredValueKind::Int128) => ValueKind::Int128,
                Ok(StoredValueKind::Bytes) => ValueKind::Bytes,
                _ => return Err(wrong("a field's kind is unknown; use a newer version of Tidemill")),
            };
            Ok(ValueField::new(field.id, field.name, kind))
        })
        .collect();
    Ok(TableDescriptor {
        name: stored.name,
        distribution,
        key_types: decode_types(&stored.key_types)?,
        order_types: decode_types(&stored.order_types)?,
        fields: fields?,
    })
}

fn encode_types(types: &[DataType]) -> Vec<u8> {
    let schema = Schema::new(columns("", types));
    IpcSchemaEncoder::new().schema_to_fb(&schema).finished_data().to_vec()
}

fn decode_types(bytes: &[u8]) -> Result<Vec<DataType>> {
    let schema = root_as_schema(bytes).map_err(|error| wrong(&error.to_string()))?;
    Ok(fb_to_schema(schema).fields().iter().map(|field| field.data_type().clone()).collect())
}

fn wrong(what: &str) -> Failure {
    Failure::fatal("checkpoint.corrupt", format!("the description of a state table cannot be read: {what}"))
}

fn columns(name: &str, types: &[DataType]) -> Vec<FieldRef> {
    let numbered = |number: usize| if types.len() == 1 { name.to_string() } else { format!("{name}_{number}") };
    (0..)
        .zip(types)
        .map(|(number, data_type)| Arc::new(Field::new(numbered(number), data_type.clone(), true)))
        .collect()
}

impl TableColumns {
    /// The typed columns of a table: `key` (or `key_0`, `key_1` …), `order` likewise, and its fields by name.
    pub fn of(descriptor: &TableDescriptor) -> TableColumns {
        TableColumns {
            key: columns("key", &descriptor.key_types),
            order: columns("order", &descriptor.order_types),
            value: Some(Box::new(RecordDecoder { fields: descriptor.fields.clone() })),
        }
    }
}

/// Makes columns of the values of a table's entries.
struct RecordDecoder {
    fields: Vec<ValueField>,
}

impl ValueDecoder for RecordDecoder {
    fn fields(&self) -> Vec<FieldRef> {
        let data_type = |kind| match kind {
            ValueKind::Int64 => DataType::Int64,
            ValueKind::UInt64 => DataType::UInt64,
            ValueKind::Float64 => DataType::Float64,
            ValueKind::Int128 => DataType::Decimal128(38, 0),
            ValueKind::Bytes => DataType::Binary,
        };
        self.fields.iter().map(|field| Arc::new(Field::new(&field.name, data_type(field.kind), true))).collect()
    }

    fn decode(&self, values: &[&[u8]]) -> Result<Vec<ArrayRef>> {
        let mut rest = values.to_vec();
        self.fields.iter().map(|field| column(field.kind, &mut rest)).collect()
    }
}

/// Takes a field off the head of every value.
fn column(kind: ValueKind, values: &mut [&[u8]]) -> Result<ArrayRef> {
    let numbers = |values: &mut [&[u8]]| values.iter_mut().map(word).collect::<Result<Vec<u64>>>();
    Ok(match kind {
        ValueKind::Int64 => Arc::new(Int64Array::from_iter_values(numbers(values)?.into_iter().map(|n| n as i64))),
        ValueKind::UInt64 => Arc::new(UInt64Array::from(numbers(values)?)),
        ValueKind::Float64 => {
            Arc::new(Float64Array::from_iter_values(numbers(values)?.into_iter().map(f64::from_bits)))
        }
        ValueKind::Int128 => {
            let wide: Result<Vec<i128>> = values
                .iter_mut()
                .map(|value| Ok((u128::from(word(value)?) | u128::from(word(value)?) << 64) as i128))
                .collect();
            // A reader that cannot hold all 128 bits sees nothing; restore has the bytes.
            let fits = |number: i128| (number.unsigned_abs() < 10u128.pow(38)).then_some(number);
            let column: Decimal128Array = wide?.into_iter().map(fits).collect();
            Arc::new(column.with_precision_and_scale(38, 0)?)
        }
        ValueKind::Bytes => {
            let bytes: Result<Vec<Option<&[u8]>>> = values.iter_mut().map(byte_value).collect();
            Arc::new(BinaryArray::from_iter(bytes?))
        }
    })
}

fn word(value: &mut &[u8]) -> Result<u64> {
    let (head, tail) = value.split_first_chunk::<8>().ok_or_else(|| wrong("a value ends too early"))?;
    *value = tail;
    Ok(u64::from_le_bytes(*head))
}

fn byte_value<'a>(value: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let ends_early = || wrong("a value ends too early");
    let (head, tail) = value.split_first_chunk::<4>().ok_or_else(ends_early)?;
    let len = u32::from_le_bytes(*head);
    if len == NO_BYTES {
        *value = tail;
        return Ok(None);
    }
    let (bytes, tail) = tail.split_at_checked(len as usize).ok_or_else(ends_early)?;
    *value = tail;
    Ok(Some(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::{Decimal128Type, Int64Type, TimeUnit};

    #[test]
    fn a_descriptor_comes_back_as_it_was() {
        let struct_type = DataType::Struct(vec![Field::new("x", DataType::Utf8View, true)].into());
        let key_types = vec![DataType::Int32, DataType::Decimal128(10, 2), struct_type];
        let fields = vec![ValueField::new(1, "count", ValueKind::Int64), ValueField::new(7, "best", ValueKind::Bytes)];
        let descriptor = TableDescriptor::keyed("accumulators", key_types, fields)
            .with_order(vec![DataType::Timestamp(TimeUnit::Millisecond, None)]);
        assert_eq!(decode_descriptor(&encode_descriptor(&descriptor)).unwrap(), descriptor);
    }

    #[test]
    fn values_become_columns() {
        let fields = vec![
            ValueField::new(1, "count", ValueKind::Int64),
            ValueField::new(2, "name", ValueKind::Bytes),
            ValueField::new(3, "sum", ValueKind::Int128),
        ];
        let mut value = (-5i64).to_le_bytes().to_vec();
        value.extend_from_slice(&2u32.to_le_bytes());
        value.extend_from_slice(b"ab");
        value.extend_from_slice(&(-7i128).to_le_bytes());
        let columns = RecordDecoder { fields }.decode(&[&value]).unwrap();
        assert_eq!(columns[0].as_primitive::<Int64Type>().value(0), -5);
        assert_eq!(columns[1].as_binary::<i32>().value(0), b"ab");
        assert_eq!(columns[2].as_primitive::<Decimal128Type>().value(0), -7);
    }
}
