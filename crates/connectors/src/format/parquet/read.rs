//! Reading a Parquet file, or some of its row groups: the decoder says which bytes it needs, they are read away from the slot's
//! thread, and decoded on it.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field as ArrowField, Schema};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::basic::{Compression, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{Offload, Pending};
use tidemill_expr::Field;

use super::adapt::{adapt, fits, hint};
use crate::format::decode::Next;

/// What a file says of itself.
pub struct Footer(ArrowReaderMetadata);

/// Reads a range of the file's bytes. Blocks.
pub type Fetch = Arc<dyn Fn(&Range<u64>) -> Result<Bytes> + Send + Sync>;

/// Ranges of bytes with their bytes.
type Ranges = (Vec<Range<u64>>, Vec<Bytes>);

enum Decoded {
    Batch(RecordBatch),
    Waiting,
    End,
}

/// An open file, read batch by batch.
pub struct ParquetFile {
    path: String,
    fetch: Fetch,
    offload: Offload,
    decoder: ParquetPushDecoder,
    /// What the decoder needs is being read.
    fetching: Option<Pending<Result<Ranges>>>,
    fields: Vec<Field>,
    /// For each wanted field, its place in the batches that the reader gives.
    places: Vec<usize>,
    rest: Option<RecordBatch>,
}

/// Which part of a file is read, and how.
pub struct Part {
    /// Row groups, as far as the file has them.
    pub groups: Range<usize>,
    /// Rows of them that were read before.
    pub skip: u64,
    /// Rows of a batch at most.
    pub rows_max: usize,
}

impl Footer {
    /// Reads it. Blocks.
    pub fn load(path: &str, file: &File) -> Result<Footer> {
        ArrowReaderMetadata::load(file, options()).map(Footer).map_err(|error| malformed(path, &error))
    }

    /// Compressed bytes of each row group.
    pub fn row_group_bytes(&self) -> Vec<u64> {
        self.0.metadata().row_groups().iter().map(|group| group.compressed_size().max(0) as u64).collect()
    }
}

fn options() -> ArrowReaderOptions {
    // What other programs note about their own types must not change how the columns are read.
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

impl ParquetFile {
    /// Produces `fields` of a part of a file.
    pub fn new(
        path: &str,
        fetch: Fetch,
        footer: Footer,
        fields: &[Field],
        part: Part,
        offload: Offload,
    ) -> Result<ParquetFile> {
        let failed = |error: ParquetError| malformed(path, &error);
        let loaded = footer.0;
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
        let groups = part.groups.start..part.groups.end.min(metadata.metadata().num_row_groups());
        check_codecs(path, metadata.metadata(), &sorted, groups.clone())?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), sorted);
        let decoder = ParquetPushDecoderBuilder::new_with_metadata(metadata)
            .with_projection(mask)
            .with_row_groups(groups.collect())
            .with_offset(part.skip as usize)
            .with_batch_size(part.rows_max)
            .build()
            .map_err(failed)?;
        let (path, fields) = (path.to_string(), fields.to_vec());
        Ok(ParquetFile { path, fetch, offload, decoder, fetching: None, fields, places, rest: None })
    }

    /// At most `rows_max` further rows.
    pub fn next(&mut self, rows_max: usize) -> Result<Next> {
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match self.decode()? {
                Decoded::Batch(batch) => batch,
                Decoded::Waiting => return Ok(Next::Waiting),
                Decoded::End => return Ok(Next::End),
            },
        };
        let rows = batch.num_rows().min(rows_max);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        self.columns(&batch.slice(0, rows))
    }

    /// The next batch of the decoder, which gets the bytes that it needs as they arrive.
    fn decode(&mut self) -> Result<Decoded> {
        loop {
            if let Some(fetching) = &self.fetching {
                let Some(fetched) = fetching.take()? else { return Ok(Decoded::Waiting) };
                self.fetching = None;
                let (ranges, bytes) = fetched?;
                self.decoder.push_ranges(ranges, bytes).map_err(|error| damaged(&self.path, &error))?;
            }
            match self.decoder.try_decode().map_err(|error| damaged(&self.path, &error))? {
                DecodeResult::Data(batch) => return Ok(Decoded::Batch(batch)),
                DecodeResult::Finished => return Ok(Decoded::End),
                DecodeResult::NeedsData(ranges) => {
                    let fetch = Arc::clone(&self.fetch);
                    self.fetching = Some(self.offload.start(move || {
                        let bytes: Result<Vec<Bytes>> = ranges.iter().map(|range| fetch(range)).collect();
                        Ok((ranges, bytes?))
                    }));
                }
            }
        }
    }

    fn columns(&self, batch: &RecordBatch) -> Result<Next> {
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
        Ok(Next::Rows(columns?, batch.num_rows()))
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
            "column '{}' is {} in the file but {} in the table; only types that hold every value are widened: \
             declare the column as one that does",
            field.name,
            found.data_type(),
            field.ty
        );
        return Err(Failure::data("parquet.type", text).at(path));
    }
    Ok(at)
}

/// Refuses columns that are compressed in a way that this build does not know.
fn check_codecs(path: &str, metadata: &ParquetMetaData, roots: &[usize], groups: Range<usize>) -> Result<()> {
    let schema = metadata.file_metadata().schema_descr();
    let groups = metadata.row_groups().iter().take(groups.end).skip(groups.start);
    for (leaf, column) in groups.flat_map(|group| group.columns().iter().enumerate()) {
        let codec = match column.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => continue,
            Compression::GZIP(_) => "GZIP",
            Compression::BROTLI(_) => "BROTLI",
            Compression::LZO => "LZO",
            Compression::LZ4 => "LZ4",
            Compression::LZ4_RAW => "LZ4_RAW",
        };
        if roots.contains(&schema.get_column_root_idx(leaf)) {
            let text = format!(
                "column '{}' is compressed with {codec}; UNCOMPRESSED, SNAPPY and ZSTD can be read: write the file anew with one \
                 of them",
                column.column_path().string()
            );
            return Err(Failure::data("parquet.codec", text).at(path));
        }
    }
    Ok(())
}

fn damaged(path: &str, error: &ParquetError) -> Failure {
    Failure::data("parquet.malformed", format!("the file is cut short or damaged: {error}")).at(path)
}

fn malformed(path: &str, error: &ParquetError) -> Failure {
    let text = format!("this is not a whole Parquet file, it may be cut short: {error}");
    Failure::data("parquet.malformed", text).at(path)
}
