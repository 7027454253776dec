//! The connector and its source.

use arrow::array::ArrayRef;
use tidemill_core::options::ConfigOption;
use tidemill_core::{Batch, Now, Result};
use tidemill_dataflow::{
    Connector, Enumerator, ReadRequest, Reader, ReaderContext, SinkPlan, Source, SourcePlan, TableSpec,
};

use super::field::FieldGenerator;
use super::options::{NUMBER_OF_ROWS, ROWS_PER_SECOND, SEED, of_column};
use crate::options::{SCAN_PARALLELISM, parallelism, rows_per_second};
use crate::strides::{Generate, StrideEnumerator, StrideReader, Strides};
use crate::table::{self, top_level, unsupported};

/// The kind of the source in a job graph.
pub const KIND: &str = "datagen";
/// Rows in a chunk of a split.
const CHUNK_ROWS: u64 = 1024;

/// The connector.
#[derive(Debug)]
pub struct DatagenConnector;

impl Connector for DatagenConnector {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn options(&self, table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        let mut options = vec![&ROWS_PER_SECOND, &NUMBER_OF_ROWS, &SEED, &SCAN_PARALLELISM];
        table.schema.fields.iter().for_each(|field| of_column(&field.name, &field.ty, &mut options));
        Ok(options)
    }

    fn plan_source(&self, table: &TableSpec, request: &ReadRequest) -> Result<SourcePlan> {
        let source = DatagenSource::new(table, request)?;
        let config = table::encode_read(table, request);
        let bounded = source.strides.numbers.is_some();
        let parallelism = parallelism(&table.options, &SCAN_PARALLELISM)?;
        Ok(SourcePlan { kind: KIND.to_string(), config, bounded, parallelism })
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        Err(unsupported(table, "connector 'datagen' only generates, it cannot be written to"))
    }
}

/// Generates rows.
#[derive(Clone, Debug)]
pub struct DatagenSource {
    columns: Vec<FieldGenerator>,
    strides: Strides,
    rows_per_second: Option<u64>,
}

impl DatagenSource {
    /// The source of a stored config.
    pub fn decode(config: &[u8]) -> Result<DatagenSource> {
        let (table, request) = table::decode(config)?;
        DatagenSource::new(&table, &request)
    }

    fn new(table: &TableSpec, request: &ReadRequest) -> Result<DatagenSource> {
        let wanted = top_level(request)?;
        let seed = table.options.integer(&SEED)?.unwrap_or_default() as u64;
        let mut rows = match table.options.integer(&NUMBER_OF_ROWS)? {
            None => None,
            Some(rows) => Some(u64::try_from(rows).map_err(|_| {
                NUMBER_OF_ROWS.refuse(format!("option 'number-of-rows' is {rows}, but must not be negative"))
            })?),
        };
        let mut fields = Vec::new();
        for field in &table.schema.fields {
            let (generator, sequence) = FieldGenerator::new(&field.name, &field.ty, &table.options, seed)?;
            // The shortest sequence ends the source, read or not.
            rows = rows.into_iter().chain(sequence).min();
            fields.push(generator);
        }
        let rows_per_second = rows_per_second(&table.options, &ROWS_PER_SECOND)?;
        Ok(DatagenSource {
            columns: wanted.into_iter().map(|at| fields[at].clone()).collect(),
            strides: Strides::new(rows, CHUNK_ROWS, 1, rows_per_second, false),
            rows_per_second,
        })
    }
}

impl Source for DatagenSource {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(StrideEnumerator::new(self.strides)))
    }

    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        Ok(Box::new(StrideReader::new(self.strides, Rows(self.columns.clone()))))
    }

    fn rows_per_second(&self) -> Option<u64> {
        self.rows_per_second
    }
}

struct Rows(Vec<FieldGenerator>);

impl Generate for Rows {
    fn rows(&self, first: u64, end: u64) -> usize {
        (end - first) as usize
    }

    fn batch(&self, ranges: &[(u64, u64)], now: Now) -> Result<Batch> {
        let numbers: Vec<u64> = ranges.iter().flat_map(|(first, end)| *first..*end).collect();
        let columns: Result<Vec<ArrayRef>> = self.0.iter().map(|field| field.array(&numbers, now.wall_ms)).collect();
        Ok(Batch::new(columns?, numbers.len()))
    }
}
