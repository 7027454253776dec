//! The sink: what writers and committer need to know of the table.

use std::path::PathBuf;
use std::sync::Arc;

use tidemill_core::{OperatorId, Result};
use tidemill_dataflow::{Committer, Sink, TableSpec, Writer, WriterContext};
use tidemill_expr::Field;

use super::committer::FilesCommitter;
use super::layout::file_columns;
use super::listing::local_path;
use super::names::WriterName;
use super::options::{COMMIT_POLICY, DEFAULT_PARTITION, FORMAT, PATH, ROLLING_FILE_SIZE, SUCCESS_FILE};
use super::writer::FilesWriter;
use crate::format::FormatKind;
use crate::format::csv::CsvOptions;
use crate::format::json::JsonOptions;
use crate::format::parquet::ParquetOptions;
use crate::table::{self, unsupported};

/// Writes the files of a table.
#[derive(Clone, Debug)]
pub struct FilesystemSink(Arc<Target>);

/// The table as writers and committer see it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) table: String,
    pub(super) path: PathBuf,
    pub(super) format: WriteFormat,
    pub(super) extension: &'static str,
    /// The columns in the files with their positions in the rows.
    pub(super) in_file: Vec<(usize, Field)>,
    /// The partition columns with their positions in the rows, in the order of PARTITIONED BY.
    pub(super) partition: Vec<(usize, Field)>,
    pub(super) default_partition: String,
    pub(super) roll_bytes: u64,
    pub(super) marks_partitions: bool,
    pub(super) success_file: String,
    pub(super) process: u64,
}

/// A format with its options for writing.
#[derive(Clone, Debug)]
pub(super) enum WriteFormat {
    Csv(CsvOptions),
    Json(JsonOptions),
    Parquet(ParquetOptions),
}

impl FilesystemSink {
    /// The sink of a stored config; `process` is a random number of this process.
    pub fn decode(config: &[u8], process: u64) -> Result<FilesystemSink> {
        FilesystemSink::new(&table::decode(config)?.0, process)
    }

    pub(super) fn new(table: &TableSpec, process: u64) -> Result<FilesystemSink> {
        let path = table.options.text(&PATH).ok_or_else(|| unsupported(table, "the option 'path' is missing"))?;
        if path.contains(['*', '?']) {
            let text = format!("path '{path}' is a pattern, which can be read but not written");
            return Err(unsupported(table, text).about(PATH.key));
        }
        if table.metadata.iter().any(Option::is_some) {
            return Err(unsupported(
                table,
                "metadata columns of connector 'filesystem' cannot be written; declare them VIRTUAL",
            ));
        }
        let kind = FormatKind::of(&table.options, &FORMAT, &table.name)?;
        let format = match kind {
            FormatKind::Csv => WriteFormat::Csv(CsvOptions::new(&table.options)?),
            FormatKind::Json => WriteFormat::Json(JsonOptions::new(&table.options)?),
            FormatKind::Parquet => WriteFormat::Parquet(ParquetOptions::new(&table.options)?),
        };
        let at = |at: usize| (at, table.schema.fields[at].clone());
        let in_file: Vec<(usize, Field)> = file_columns(table).into_iter().map(at).collect();
        if in_file.is_empty() {
            return Err(unsupported(table, "all columns are partition columns; at least one must be in the files"));
        }
        let partition: Vec<(usize, Field)> = table.partition_keys.iter().copied().map(at).collect();
        if let Some((_, field)) = partition.iter().find(|(_, field)| field.ty.kind.is_nested()) {
            return Err(unsupported(
                table,
                format!("'{}' is {} and cannot be a partition column", field.name, field.ty),
            ));
        }
        let success_file = table.options.text(&SUCCESS_FILE).unwrap_or_default();
        if matches!(success_file, "" | "." | "..") || success_file.contains(['/', '\0']) {
            let text = format!("option '{}' is '{success_file}', but must be the name of a file", SUCCESS_FILE.key);
            return Err(SUCCESS_FILE.refuse(text));
        }
        Ok(FilesystemSink(Arc::new(Target {
            table: table.name.clone(),
            path: local_path(path)?,
            format,
            extension: kind.extension(),
            in_file,
            partition,
            default_partition: table.options.text(&DEFAULT_PARTITION).unwrap_or_default().to_string(),
            roll_bytes: table.options.size(&ROLLING_FILE_SIZE)?.unwrap_or(128 << 20).max(1),
            marks_partitions: table.options.text(&COMMIT_POLICY).is_some(),
            success_file: success_file.to_string(),
            process,
        })))
    }
}

impl Sink for FilesystemSink {
    fn writer(&self, cx: &WriterContext) -> Result<Box<dyn Writer>> {
        let name = WriterName {
            operator: cx.operator,
            process: self.0.process,
            generation: cx.generation,
            subtask: cx.subtask,
        };
        Ok(Box::new(FilesWriter::new(Arc::clone(&self.0), name)))
    }

    fn committer(&self, operator: OperatorId) -> Result<Option<Box<dyn Committer>>> {
        Ok(Some(Box::new(FilesCommitter::new(Arc::clone(&self.0), operator))))
    }
}
