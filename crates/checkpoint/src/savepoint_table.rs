//! A state table as Parquet: typed columns for readers, and the state's own bytes for restore.
//!
//! The typed columns come first, named as in the table. The last four columns are what restore reads and what keeps every bit:
//! `__hash` (the key's hash), `__key`, `__order` and `__value` (bytes as `state` has them).

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt64Type};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tidemill_core::key::{KeyDecoder, KeyRef};
use tidemill_core::map::Set;
use tidemill_core::storage::Storage;
use tidemill_core::{Failure, Result};

use crate::manifest::{RunFormat, RunRef};
use crate::tree::verify_run;

const RAW_COLUMNS: [&str; 4] = ["__hash", "__key", "__order", "__value"];
const ROWS_PER_BATCH: usize = 8_192;

/// A live row of a state table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateEntry {
    /// The hash of the key bytes.
    pub hash: u64,
    /// The key, in key format v1.
    pub key: Vec<u8>,
    /// The order within the key; empty for tables without order.
    pub order: Vec<u8>,
    /// The value, as `state` encodes it.
    pub value: Vec<u8>,
}

/// Makes columns of values, for readers of a savepoint.
pub trait ValueDecoder {
    /// The columns.
    fn fields(&self) -> Vec<FieldRef>;
    /// The columns of some values.
    fn decode(&self, values: &[&[u8]]) -> Result<Vec<ArrayRef>>;
}

/// Which typed columns a table's file has. Those without a description are in the file as bytes only.
#[derive(Default)]
pub struct TableColumns {
    /// The key's columns.
    pub key: Vec<FieldRef>,
    /// The order's columns, if its bytes can be decoded.
    pub order: Vec<FieldRef>,
    /// The value's columns.
    pub value: Option<Box<dyn ValueDecoder>>,
}

impl TableColumns {
    fn schema(&self) -> SchemaRef {
        let values = self.value.as_ref().map(|decoder| decoder.fields()).unwrap_or_default();
        let typed = self.key.iter().chain(&self.order).chain(&values);
        let mut taken: Set<String> = RAW_COLUMNS.iter().map(|name| (*name).to_string()).collect();
        let mut fields: Vec<FieldRef> = typed
            .map(|field| {
                let mut name = field.name().clone();
                while !taken.insert(name.clone()) {
                    name.push('_');
                }
                Arc::new(field.as_ref().clone().with_name(name).with_nullable(true))
            })
            .collect();
        fields.push(Arc::new(Field::new(RAW_COLUMNS[0], DataType::UInt64, false)));
        fields.extend(RAW_COLUMNS[1..].iter().map(|name| Arc::new(Field::new(*name, DataType::Binary, false))));
        Arc::new(Schema::new(fields))
    }

    fn batch(&self, schema: &SchemaRef, entries: &[StateEntry]) -> Result<RecordBatch> {
        let mut columns = decode(&self.key, entries.iter().map(|entry| entry.key.as_slice()))?;
        columns.extend(decode(&self.order, entries.iter().map(|entry| entry.order.as_slice()))?);
        if let Some(decoder) = &self.value {
            let values: Vec<&[u8]> = entries.iter().map(|entry| entry.value.as_slice()).collect();
            columns.extend(decoder.decode(&values)?);
        }
        columns.push(Arc::new(UInt64Array::from_iter_values(entries.iter().map(|entry| entry.hash))));
        columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|entry| &entry.key))));
        columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|entry| &entry.order))));
        columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|entry| &entry.value))));
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

fn decode<'a>(fields: &[FieldRef], keys: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
    let mut decoder = KeyDecoder::new(&types)?;
    for key in keys {
        decoder.push(KeyRef::Bytes(key))?;
    }
    decoder.finish()
}

/// Collects the rows of a table into the bytes of one Parquet file.
pub(crate) struct TableWriter<'a> {
    columns: &'a TableColumns,
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    waiting: Vec<StateEntry>,
    rows: u64,
    bytes: u64,
}

/// A file that a [`TableWriter`] has made.
pub(crate) struct TableFile {
    pub file: Vec<u8>,
    pub rows: u64,
    pub bytes: u64,
}

impl<'a> TableWriter<'a> {
    pub fn new(columns: &'a TableColumns) -> Result<TableWriter<'a>> {
        let schema = columns.schema();
        let level = ZstdLevel::try_new(1).map_err(cannot_write)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("tidemill ", env!("CARGO_PKG_VERSION")).to_string())
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).map_err(cannot_write)?;
        Ok(TableWriter { columns, schema, writer, waiting: Vec::new(), rows: 0, bytes: 0 })
    }

    pub fn push(&mut self, entry: StateEntry) -> Result<()> {
        self.rows += 1;
        self.bytes += (entry.key.len() + entry.order.len() + entry.value.len()) as u64;
        self.waiting.push(entry);
        if self.waiting.len() >= ROWS_PER_BATCH { self.flush() } else { Ok(()) }
    }

    /// Bytes of keys and values so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn flush(&mut self) -> Result<()> {
        let batch = self.columns.batch(&self.schema, &self.waiting)?;
        self.waiting.clear();
        self.writer.write(&batch).map_err(cannot_write)
    }

    pub fn finish(mut self) -> Result<TableFile> {
        self.flush()?;
        let file = self.writer.into_inner().map_err(cannot_write)?;
        Ok(TableFile { file, rows: self.rows, bytes: self.bytes })
    }
}

fn cannot_write(error: ParquetError) -> Failure {
    Failure::fatal("savepoint.write", format!("cannot write state as Parquet: {error}"))
}

/// Hands every row of a savepoint's table file to `take`, after its checksum was verified.
///
/// Fails with `checkpoint.corrupt` if the file is damaged.
pub fn read_table(storage: &dyn Storage, run: &RunRef, take: &mut dyn FnMut(StateEntry) -> Result<()>) -> Result<()> {
    let url = storage.url(&run.path);
    let wrong = |what: &str| Failure::fatal("checkpoint.corrupt", format!("{url}: {what}; the file is damaged"));
    if run.format != i32::from(RunFormat::Parquet) {
        return Err(wrong("is not a savepoint's table"));
    }
    let bytes = Bytes::from(verify_run(storage, run)?);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| wrong(&error.to_string()))?;
    let reader = reader.with_batch_size(ROWS_PER_BATCH).build().map_err(|error| wrong(&error.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|error| wrong(&error.to_string()))?;
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| wrong(&format!("has no column {name}")));
        let binary = |name: &str| -> Result<&BinaryArray> {
            column(name)?.as_binary_opt::<i32>().ok_or_else(|| wrong(&format!("column {name} does not hold bytes")))
        };
        let hashes = column(RAW_COLUMNS[0])?;
        let hashes = hashes.as_primitive_opt::<UInt64Type>().ok_or_else(|| wrong("column __hash holds no numbers"))?;
        let (keys, orders, values) = (binary(RAW_COLUMNS[1])?, binary(RAW_COLUMNS[2])?, binary(RAW_COLUMNS[3])?);
        for row in 0..batch.num_rows() {
            take(StateEntry {
                hash: hashes.value(row),
                key: keys.value(row).to_vec(),
                order: orders.value(row).to_vec(),
                value: values.value(row).to_vec(),
            })?;
        }
    }
    Ok(())
}
