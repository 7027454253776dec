//! The stored form of a table and of what a query reads of it: the config of every source and sink of this crate.

use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::options::Configuration;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{ReadRequest, TableSpec};
use tidemill_expr::proto::ScalarMessage;
use tidemill_expr::{Field, RowType, SqlType};

/// The version of [`TableMessage`] that this build writes.
const TABLE_FORMAT: u32 = 1;

/// A table and a request.
#[derive(Clone, PartialEq, Message)]
struct TableMessage {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    columns: Vec<ColumnMessage>,
    #[prost(uint32, repeated, tag = "4")]
    partition_keys: Vec<u32>,
    #[prost(uint32, repeated, tag = "5")]
    primary_key: Vec<u32>,
    #[prost(btree_map = "string, string", tag = "6")]
    options: BTreeMap<String, String>,
    #[prost(string, tag = "7")]
    time_zone: String,
    #[prost(message, repeated, tag = "8")]
    paths: Vec<PathMessage>,
    #[prost(message, repeated, tag = "9")]
    equals: Vec<EqualMessage>,
    #[prost(uint64, optional, tag = "10")]
    limit: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct ColumnMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    ty: Vec<u8>,
    #[prost(string, optional, tag = "3")]
    metadata: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct PathMessage {
    #[prost(uint32, repeated, tag = "1")]
    steps: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct EqualMessage {
    #[prost(message, optional, tag = "1")]
    path: Option<PathMessage>,
    #[prost(message, optional, tag = "2")]
    value: Option<ScalarMessage>,
}

/// The config of a source.
pub fn encode_read(table: &TableSpec, request: &ReadRequest) -> Vec<u8> {
    message(table, request).encode_to_vec()
}

/// The config of a sink.
pub fn encode_write(table: &TableSpec) -> Vec<u8> {
    message(table, &ReadRequest::default()).encode_to_vec()
}

fn message(table: &TableSpec, request: &ReadRequest) -> TableMessage {
    let columns = table.schema.fields.iter().enumerate().map(|(at, field)| ColumnMessage {
        name: field.name.clone(),
        ty: field.ty.to_bytes(),
        metadata: table.metadata.get(at).cloned().flatten(),
    });
    let positions = |all: &[usize]| all.iter().map(|position| *position as u32).collect();
    let path = |path: &[usize]| PathMessage { steps: positions(path) };
    TableMessage {
        format: TABLE_FORMAT,
        name: table.name.clone(),
        columns: columns.collect(),
        partition_keys: positions(&table.partition_keys),
        primary_key: positions(&table.primary_key),
        options: table.options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        time_zone: table.time_zone.clone(),
        paths: request.columns.iter().map(|column| path(column)).collect(),
        equals: request
            .equals
            .iter()
            .map(|(column, value)| EqualMessage { path: Some(path(column)), value: Some(ScalarMessage::from(value)) })
            .collect(),
        limit: request.limit,
    }
}

/// Reads a config back.
pub fn decode(config: &[u8]) -> Result<(TableSpec, ReadRequest)> {
    let message = TableMessage::decode(config).map_err(|error| {
        Failure::fatal("connector.config", format!("the stored description of a table cannot be read: {error}"))
    })?;
    if message.format > TABLE_FORMAT {
        let text = format!(
            "a table's description has format {}, this build reads up to {TABLE_FORMAT}; use a newer build",
            message.format
        );
        return Err(Failure::refused("connector.config", text));
    }
    let fields: Result<Vec<Field>> = message
        .columns
        .iter()
        .map(|column| Ok(Field::new(column.name.as_str(), SqlType::from_bytes(&column.ty)?)))
        .collect();
    let positions = |all: &[u32]| all.iter().map(|position| *position as usize).collect();
    let equals: Result<Vec<_>> = message
        .equals
        .iter()
        .map(|equal| {
            let path = equal.path.as_ref().map(|path| positions(&path.steps)).unwrap_or_default();
            Ok((path, equal.value.clone().unwrap_or_default().decode_scalar()?))
        })
        .collect();
    let table = TableSpec {
        name: message.name,
        schema: RowType::new(fields?),
        metadata: message.columns.into_iter().map(|column| column.metadata).collect(),
        partition_keys: positions(&message.partition_keys),
        primary_key: positions(&message.primary_key),
        options: message.options.into_iter().collect::<Configuration>(),
        time_zone: message.time_zone,
    };
    let columns = message.paths.iter().map(|path| positions(&path.steps)).collect();
    Ok((table, ReadRequest { columns, equals: equals?, limit: message.limit }))
}

/// The failure of a table that cannot be read or written this way.
pub fn unsupported(table: &TableSpec, text: impl std::fmt::Display) -> Failure {
    Failure::user("connector.unsupported", format!("table {}: {text}", table.name))
}

/// Refuses requests for nested fields: the connector said that it does not read them.
pub fn top_level(request: &ReadRequest) -> Result<Vec<usize>> {
    let column = |path: &Vec<usize>| match path[..] {
        [column] => Ok(column),
        _ => Err(Failure::fatal("connector.path", format!("this connector does not read the nested field {path:?}"))),
    };
    request.columns.iter().map(column).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tidemill_expr::Scalar;

    #[test]
    fn a_table_survives_its_bytes() {
        let table = TableSpec {
            name: "t".to_string(),
            schema: RowType::new(vec![Field::new("a", SqlType::INT), Field::new("b", SqlType::STRING.not_null())]),
            metadata: vec![None, Some("file.path".to_string())],
            partition_keys: vec![0],
            primary_key: vec![],
            options: [("path".to_string(), "/x".to_string())].into_iter().collect(),
            time_zone: "UTC".to_string(),
        };
        let request =
            ReadRequest { columns: vec![vec![1], vec![0, 2]], equals: vec![(vec![0], Scalar::Int(7))], limit: Some(3) };
        let (read, asked) = decode(&encode_read(&table, &request)).unwrap();
        assert_eq!(format!("{table:?} {request:?}"), format!("{read:?} {asked:?}"));
    }
}
