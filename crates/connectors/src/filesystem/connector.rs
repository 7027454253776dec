//! What the planner asks of `filesystem`.

use tidemill_core::Result;
use tidemill_core::options::ConfigOption;
use tidemill_dataflow::{Connector, ReadRequest, SinkChanges, SinkPlan, SourcePlan, TableSpec};

use super::enumerator::FilesystemSource;
use super::layout::check_types;
use super::options::{FORMAT, OPTIONS};
use super::sink::FilesystemSink;
use crate::format::FormatKind;
use crate::options::{ROWS_PER_SECOND, SINK_PARALLELISM, parallelism};
use crate::table;

/// The kind of source and sink in a job graph.
pub const KIND: &str = "filesystem";

/// The connector.
#[derive(Debug)]
pub struct FilesystemConnector;

impl Connector for FilesystemConnector {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn options(&self, table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        // Without a valid format its options are unknown; the format itself is refused when the table is used.
        let format = FormatKind::of(&table.options, &FORMAT, &table.name);
        let of_format = match format {
            Ok(format) => format.options(),
            Err(failure) if table.options.raw(FORMAT.key).is_some() => return Err(failure),
            Err(_) => &[],
        };
        Ok(OPTIONS.iter().chain([&&ROWS_PER_SECOND, &&SINK_PARALLELISM]).chain(of_format).copied().collect())
    }

    fn plan_source(&self, table: &TableSpec, request: &ReadRequest) -> Result<SourcePlan> {
        check_types(table, FormatKind::of(&table.options, &FORMAT, &table.name)?)?;
        let source = FilesystemSource::new(table, request)?;
        let config = table::encode_read(table, request);
        Ok(SourcePlan { kind: KIND.to_string(), config, bounded: source.is_bounded(), parallelism: 0 })
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        check_types(table, FormatKind::of(&table.options, &FORMAT, &table.name)?)?;
        FilesystemSink::new(table, 0)?;
        Ok(SinkPlan {
            kind: KIND.to_string(),
            config: table::encode_write(table),
            accepts: SinkChanges::InsertOnly,
            may_block: true,
            parallelism: parallelism(&table.options, &SINK_PARALLELISM)?,
        })
    }
}
