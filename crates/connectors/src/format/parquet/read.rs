//! Reading a Parquet file, or some of its row groups.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field as ArrowField, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use tidemill_core::{Failure, Result};
use tidemill_expr::Field;

use super::adapt::{adapt, fits, hint};

/// An open file, read batch by batch.
pub struct ParquetFile {
    path: String,
    reader: ParquetRecordBatchReader,
    fields: Vec<Field>,
    /// For each wanted field, its place in the batches that the reader gives.
    places: Vec<usize>,
    rest: Option<RecordBatch>,
}

/// Compressed bytes of each row group.
pub fn row_group_bytes(path: &str, file: File) -> Result<Vec<u64>> {
    let metadata = ArrowReaderMetadata::load(&file, options()).map_err(|error| malformed(path, &error))?;
    Ok(metadata.metadata().row_groups().iter().map(|group| group.compressed_size().max(0) as u64).collect())
}

fn options() -> ArrowReaderOptions {
    // What other programs note about their own types must not change how the columns are read.
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

impl ParquetFile {
    /// Opens the row groups `groups` (as far as the file has them) behind the first `skip` rows of them; produces `fields`.
    pub fn open(
        path: &str,
        file: File,
        fields: &[Field],
        groups: std::ops::Range<usize>,
        skip: u64,
        rows_max: usize,
    ) -> Result<ParquetFile> {
        let failed = |error: ParquetError| malformed(path, &error);
        let loaded = ArrowReaderMetadata::load(&file, options()).map_err(failed)?;
        let found = Arc::clone(loaded.schema());
        let int96 =
            loaded.parquet_schema().columns().iter().any(|column| column.physical_type() == PhysicalType::INT96);
        let asked = |name: &str| fields.iter().find(|field| field.name == name).map(|field| &field.ty);
        let hinted: Vec<ArrowField> = found
            .fields()
            .iter()
            .map(|field| {
                let ty = hint(field.data_type(), asked(field.name()), int96);
                field.as_ref().clone().with_data_type(ty)
            })
            .collect();
        let with_hints = options().with_schema(Arc::new(Schema::new(hinted)));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(loaded.metadata()), with_hints).map_err(failed)?;
        let roots = fields.iter().map(|field| root(path, field, metadata.schema())).collect::<Result<Vec<usize>>>()?;
        let mut sorted = roots.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let places = roots.iter().map(|root| sorted.partition_point(|other| other < root)).collect();
        let groups = groups.start..groups.end.min(metadata.metadata().num_row_groups());
        let mask = ProjectionMask::roots(metadata.parquet_schema(), sorted);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(mask)
            .with_row_groups(groups.collect())
            .with_offset(skip as usize)
            .with_batch_size(rows_max)
            .build()
            .map_err(failed)?;
        Ok(ParquetFile { path: path.to_string(), reader, fields: fields.to_vec(), places, rest: None })
    }

    /// At most `rows_max` further rows; nothing at the end.
    pub fn next(&mut self, rows_max: usize) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match self.reader.next() {
                None => return Ok(None),
                Some(batch) => batch.map_err(|error| {
                    let text = format!("the file is cut short or damaged: {error}");
                    Failure::data("parquet.malformed", text).at(self.path.clone())
                })?,
            },
        };
        let rows = batch.num_rows().min(rows_max);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let batch = batch.slice(0, rows);
        let columns: Result<Vec<ArrayRef>> = self
            .fields
            .iter()
            .zip(&self.places)
            .map(|(field, place)| {
                adapt(batch.column(*place), &field.ty).map_err(|error| {
                    let text = format!("column '{}' has a value that {} cannot hold: {error}", field.name, field.ty);
                    Failure::data("parquet.value", text).at(self.path.clone())
                })
            })
            .collect();
        Ok(Some((columns?, rows)))
    }
}

/// The position of a column in the file.
fn root(path: &str, field: &Field, schema: &Schema) -> Result<usize> {
    let names = || schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    let Some((at, found)) = schema.fields().find(&field.name) else {
        let text = format!("the file has no column '{}'; its columns are {}", field.name, names());
        return Err(Failure::data("parquet.column", text).at(path));
    };
    if !fits(found.data_type(), &field.ty) {
        let text = format!(
            "column '{}' is {} in the file but {} in the table; only types that hold every value are widened",
            field.name,
            found.data_type(),
            field.ty
        );
        return Err(Failure::data("parquet.type", text).at(path));
    }
    Ok(at)
}

fn malformed(path: &str, error: &ParquetError) -> Failure {
    let text = format!("this is not a whole Parquet file, it may be cut short: {error}");
    Failure::data("parquet.malformed", text).at(path)
}
