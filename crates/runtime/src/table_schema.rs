//! A table's description as bytes, an Arrow IPC schema, and its rows as the columns of a savepoint.
//!
//! Fields are named `key0…`, `order0…` and by the values' own names; a value's id and kind are in the field's metadata.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use tidemill_checkpoint::savepoint_table::{TableColumns, ValueDecoder};
use tidemill_core::{Failure, Result};
use tidemill_state::{Distribution, TableDescriptor, ValueField, ValueKind};

const DISTRIBUTIONS: [(&str, Distribution); 5] = [
    ("keyed", Distribution::Keyed),
    ("split", Distribution::Split),
    ("union", Distribution::Union),
    ("broadcast", Distribution::Broadcast),
    ("transient", Distribution::Transient),
];
const KINDS: [(&str, ValueKind); 5] = [
    ("i64", ValueKind::Int64),
    ("u64", ValueKind::UInt64),
    ("f64", ValueKind::Float64),
    ("i128", ValueKind::Int128),
    ("bytes", ValueKind::Bytes),
];

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> String {
    names.iter().find(|(_, other)| other == value).map_or("", |(name, _)| name).to_string()
}

fn parse<T: Copy>(names: &[(&'static str, T)], text: Option<&String>) -> Result<T> {
    let found = text.and_then(|text| names.iter().find(|(name, _)| name == text));
    found.map(|(_, value)| *value).ok_or_else(damaged)
}

fn damaged() -> Failure {
    Failure::fatal("checkpoint.descriptor", "a table's description in the manifest cannot be read")
}

/// The description as a manifest holds it.
pub fn to_bytes(table: &TableDescriptor) -> Result<Vec<u8>> {
    let part = |role: &str, position: usize, ty: &DataType| Field::new(format!("{role}{position}"), ty.clone(), true);
    let mut fields: Vec<Field> = table.key_types.iter().enumerate().map(|(at, ty)| part("key", at, ty)).collect();
    fields.extend(table.order_types.iter().enumerate().map(|(at, ty)| part("order", at, ty)));
    for value in &table.fields {
        let metadata =
            [("id".to_string(), value.id.to_string()), ("kind".to_string(), name_of(&KINDS, &value.kind))].into();
        fields.push(Field::new(&value.name, data_type(value.kind), true).with_metadata(metadata));
    }
    let metadata: BTreeMap<&str, String> = BTreeMap::from([
        ("name", table.name.clone()),
        ("distribution", name_of(&DISTRIBUTIONS, &table.distribution)),
        ("keys", table.key_types.len().to_string()),
        ("orders", table.order_types.len().to_string()),
    ]);
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    let schema = Schema::new(fields).with_metadata(metadata);
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// Reads the description back.
pub fn from_bytes(bytes: &[u8]) -> Result<TableDescriptor> {
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(|_| damaged())?;
    let schema = reader.schema();
    let metadata = schema.metadata();
    let count = |key: &str| metadata.get(key).and_then(|text| text.parse::<usize>().ok()).ok_or_else(damaged);
    let (keys, orders) = (count("keys")?, count("orders")?);
    let types = |from: usize, count: usize| {
        schema.fields().iter().skip(from).take(count).map(|field| field.data_type().clone())
    };
    let value = |field: &FieldRef| {
        let id = field.metadata().get("id").and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
        Ok(ValueField::new(id, field.name(), parse(&KINDS, field.metadata().get("kind"))?))
    };
    let fields: Result<Vec<ValueField>> = schema.fields().iter().skip(keys + orders).map(value).collect();
    Ok(TableDescriptor {
        name: metadata.get("name").cloned().ok_or_else(damaged)?,
        distribution: parse(&DISTRIBUTIONS, metadata.get("distribution"))?,
        key_types: types(0, keys).collect(),
        order_types: types(keys, orders).collect(),
        fields: fields?,
    })
}

fn data_type(kind: ValueKind) -> DataType {
    match kind {
        ValueKind::Int64 => DataType::Int64,
        ValueKind::UInt64 => DataType::UInt64,
        ValueKind::Float64 => DataType::Float64,
        ValueKind::Int128 => DataType::Decimal128(38, 0),
        ValueKind::Bytes => DataType::Binary,
    }
}

/// The typed columns of a table in a savepoint.
pub fn columns(table: &TableDescriptor) -> TableColumns {
    let part = |role: &str, types: &[DataType]| {
        types.iter().enumerate().map(|(at, ty)| Arc::new(Field::new(format!("{role}{at}"), ty.clone(), true))).collect()
    };
    TableColumns {
        key: part("key", &table.key_types),
        order: part("order", &table.order_types),
        value: Some(Box::new(Values(table.fields.clone()))),
    }
}

/// Decodes the values of entries: fields one after the other, words little-endian, bytes behind their length.
struct Values(Vec<ValueField>);

impl ValueDecoder for Values {
    fn fields(&self) -> Vec<FieldRef> {
        self.0.iter().map(|field| Arc::new(Field::new(&field.name, data_type(field.kind), true))).collect()
    }

    fn decode(&self, values: &[&[u8]]) -> Result<Vec<ArrayRef>> {
        let mut rests: Vec<&[u8]> = values.to_vec();
        self.0.iter().map(|field| column(field.kind, &mut rests)).collect()
    }
}

fn column(kind: ValueKind, rests: &mut [&[u8]]) -> Result<ArrayRef> {
    if kind == ValueKind::Bytes {
        let values: Result<Vec<Option<&[u8]>>> = rests.iter_mut().map(take_bytes).collect();
        return Ok(Arc::new(BinaryArray::from_iter(values?)));
    }
    if kind == ValueKind::Int128 {
        let values: Result<Vec<i128>> = rests
            .iter_mut()
            .map(|rest| Ok(i128::from(take_word(rest)?) | i128::from(take_word(rest)? as i64) << 64))
            .collect();
        return Ok(Arc::new(Decimal128Array::from(values?).with_precision_and_scale(38, 0)?));
    }
    let words: Result<Vec<u64>> = rests.iter_mut().map(take_word).collect();
    let words = words?.into_iter();
    Ok(match kind {
        ValueKind::Int64 => Arc::new(Int64Array::from_iter_values(words.map(|word| word as i64))),
        ValueKind::Float64 => Arc::new(Float64Array::from_iter_values(words.map(f64::from_bits))),
        _ => Arc::new(UInt64Array::from_iter_values(words)),
    })
}

fn take_word(rest: &mut &[u8]) -> Result<u64> {
    let (word, behind) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    *rest = behind;
    Ok(u64::from_le_bytes(*word))
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let (len, behind) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    *rest = behind;
    let len = u32::from_le_bytes(*len);
    if len == u32::MAX {
        return Ok(None);
    }
    let (bytes, behind) = behind.split_at_checked(len as usize).ok_or_else(damaged)?;
    *rest = behind;
    Ok(Some(bytes))
}
