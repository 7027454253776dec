//! Writing a Parquet file.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tidemill_core::Result;
use tidemill_core::options::Configuration;
use tidemill_expr::{Field, TypeKind};

use super::{BLOCK_SIZE, COMPRESSION};

/// Bytes that are encoded before a row group's size is looked at again.
const ROW_GROUP_ROWS_MAX: usize = 1 << 20;

/// How Parquet is written.
#[derive(Clone, Debug)]
pub struct ParquetOptions {
    compression: Compression,
    block_bytes: u64,
}

impl ParquetOptions {
    /// Reads the options.
    pub fn new(options: &Configuration) -> Result<ParquetOptions> {
        let compression = match options.text(&COMPRESSION).map(str::to_ascii_uppercase).as_deref() {
            Some("ZSTD") => Compression::ZSTD(ZstdLevel::default()),
            Some("UNCOMPRESSED") => Compression::UNCOMPRESSED,
            _ => Compression::SNAPPY,
        };
        Ok(ParquetOptions { compression, block_bytes: options.size(&BLOCK_SIZE)?.unwrap_or(128 << 20) })
    }
}

/// A file being written. Moments (TIMESTAMP_LTZ) are marked as UTC, local times (TIMESTAMP) are not.
pub struct ParquetWriter {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    block_bytes: u64,
}

impl ParquetWriter {
    /// Begins a file.
    pub fn new(file: File, fields: &[&Field], options: &ParquetOptions) -> Result<ParquetWriter, ParquetError> {
        let fields: Vec<ArrowField> = fields
            .iter()
            .map(|field| {
                let ty = match (&field.ty.kind, field.ty.arrow_type()) {
                    (TypeKind::TimestampLtz(_), DataType::Timestamp(unit, _)) => {
                        DataType::Timestamp(unit, Some("UTC".into()))
                    }
                    (_, ty) => ty,
                };
                ArrowField::new(field.name.as_str(), ty, true)
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(options.compression)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?;
        Ok(ParquetWriter { writer, schema, block_bytes: options.block_bytes })
    }

    /// Writes rows.
    pub fn write(&mut self, columns: Vec<ArrayRef>, rows: usize) -> Result<(), ParquetError> {
        let columns: Result<Vec<ArrayRef>, ParquetError> = columns
            .into_iter()
            .zip(self.schema.fields())
            .map(|(column, field)| match column.data_type() == field.data_type() {
                true => Ok(column),
                false => Ok(arrow::compute::cast(&column, field.data_type())?),
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns?, &options)?;
        self.writer.write(&batch)?;
        if self.writer.in_progress_size() as u64 >= self.block_bytes {
            self.writer.flush()?;
        }
        Ok(())
    }

    /// Bytes of the file so far, with those still in memory.
    pub fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Writes the footer and gives the file back.
    pub fn finish(self) -> Result<File, ParquetError> {
        self.writer.into_inner()
    }
}
