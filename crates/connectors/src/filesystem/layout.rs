//! Where a table's columns are: in the file, in the names of directories, or in what the file system says about the file.

use std::path::Path;

use arrow::array::ArrayRef;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::TableSpec;
use tidemill_expr::{Field, Scalar, SqlType, TypeKind};

use super::options::{DEFAULT_PARTITION, FORMAT};
use super::partition;
use super::split::FileSplit;
use crate::format::cells::Cells;
use crate::format::csv::CsvOptions;
use crate::format::json::JsonOptions;
use crate::format::{FormatKind, csv, json};
use crate::table::unsupported;

/// A format with its options for reading.
#[derive(Clone, Debug)]
pub enum ReadFormat {
    /// CSV.
    Csv(CsvOptions),
    /// JSON lines.
    Json(JsonOptions),
    /// Parquet.
    Parquet,
}

impl ReadFormat {
    /// The format of a table.
    pub fn new(table: &TableSpec) -> Result<ReadFormat> {
        Ok(match FormatKind::of(&table.options, &FORMAT, &table.name)? {
            FormatKind::Csv => ReadFormat::Csv(CsvOptions::new(&table.options)?),
            FormatKind::Json => ReadFormat::Json(JsonOptions::new(&table.options)?),
            FormatKind::Parquet => ReadFormat::Parquet,
        })
    }
}

/// The columns that are in the files: all but metadata and partition columns, in order.
pub fn file_columns(table: &TableSpec) -> Vec<usize> {
    let in_file =
        |at: &usize| table.metadata.get(*at).is_none_or(Option::is_none) && !table.partition_keys.contains(at);
    (0..table.schema.len()).filter(in_file).collect()
}

/// Refuses types that the format has no form for.
pub fn check_types(table: &TableSpec, kind: FormatKind) -> Result<()> {
    let fields: Vec<&Field> = file_columns(table).into_iter().map(|at| &table.schema.fields[at]).collect();
    match kind {
        FormatKind::Csv => csv::check_types(&fields),
        FormatKind::Json => json::check_types(&fields),
        FormatKind::Parquet => Ok(()),
    }
}

/// Where each produced column comes from.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The columns of a record in the file.
    pub in_file: Vec<Field>,
    /// Positions in `in_file` of what is decoded, each once.
    pub decoded: Vec<usize>,
    produced: Vec<Place>,
    default_partition: String,
}

#[derive(Clone, Debug)]
enum Place {
    /// A position in `decoded`.
    Decoded(usize),
    Partition(Field),
    Metadata(Metadata, SqlType),
}

#[derive(Clone, Copy, Debug)]
enum Metadata {
    Path,
    Name,
    Size,
    Modified,
}

impl Layout {
    /// The layout of a table of which `columns` are produced.
    pub fn new(table: &TableSpec, columns: &[usize]) -> Result<Layout> {
        let positions = file_columns(table);
        let mut decoded: Vec<usize> = Vec::new();
        let mut produced = Vec::new();
        for column in columns {
            let field = &table.schema.fields[*column];
            produced.push(match (table.metadata.get(*column).cloned().flatten(), positions.binary_search(column)) {
                (Some(key), _) => Place::Metadata(metadata(table, &key, &field.ty)?, field.ty.clone()),
                (None, Err(_)) => Place::Partition(field.clone()),
                (None, Ok(at)) => {
                    let known = decoded.iter().position(|other| *other == at);
                    Place::Decoded(known.unwrap_or_else(|| {
                        decoded.push(at);
                        decoded.len() - 1
                    }))
                }
            });
        }
        let default_partition = table.options.text(&DEFAULT_PARTITION).unwrap_or_default().to_string();
        let in_file = positions.into_iter().map(|at| table.schema.fields[at].clone()).collect();
        Ok(Layout { in_file, decoded, produced, default_partition })
    }

    /// The decoded fields.
    pub fn decoded_fields(&self) -> Vec<Field> {
        self.decoded.iter().map(|at| self.in_file[*at].clone()).collect()
    }

    /// What is the same for all rows of a file: an array of one for each such column.
    pub fn constants(&self, split: &FileSplit) -> Result<Vec<Option<ArrayRef>>> {
        let path = Path::new(&split.path);
        let constant = |place: &Place| match place {
            Place::Decoded(_) => Ok(None),
            Place::Partition(field) => self.partition_value(path, field).map(Some),
            Place::Metadata(what, ty) => {
                let value = match what {
                    Metadata::Path => Scalar::string(split.path.as_str()),
                    Metadata::Name => Scalar::string(path.file_name().unwrap_or_default().to_string_lossy().as_ref()),
                    Metadata::Size => Scalar::Int(split.size as i64),
                    Metadata::Modified => Scalar::timestamp_ms(split.modified_ms),
                };
                value.to_array(ty).map(Some)
            }
        };
        self.produced.iter().map(constant).collect()
    }

    fn partition_value(&self, path: &Path, field: &Field) -> Result<ArrayRef> {
        let mut cells = Cells::new(&field.ty);
        match partition::value_of(path, &field.name, &self.default_partition) {
            Some(None) => cells.null(),
            Some(Some(value)) => cells.text(&value, ' ').map_err(|_| {
                let text = format!(
                    "'{value}' in the directory of partition '{}' is not {}",
                    field.name,
                    csv::article(&field.ty)
                );
                Failure::data("filesystem.partition", text).at(path.display().to_string())
            })?,
            None => {
                let text =
                    format!("the file is in no directory '{}=…', but the table is partitioned by it", field.name);
                return Err(Failure::data("filesystem.partition", text).at(path.display().to_string()));
            }
        }
        cells.finish()
    }

    /// Puts decoded columns and constants (as long as the batch) together.
    pub fn assemble(&self, decoded: &[ArrayRef], constants: &[Option<ArrayRef>], rows: usize) -> Result<Vec<ArrayRef>> {
        let column = |(place, constant): (&Place, &Option<ArrayRef>)| match (place, constant) {
            (Place::Decoded(at), _) => Ok(decoded[*at].clone()),
            (_, Some(one)) => repeat(one, rows),
            (_, None) => Err(Failure::fatal("filesystem.layout", "a constant column has no value")),
        };
        self.produced.iter().zip(constants).map(column).collect()
    }
}

fn repeat(one: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let first = arrow::array::UInt32Array::from(vec![0u32; rows]);
    Ok(arrow::compute::take(one, &first, None)?)
}

fn metadata(table: &TableSpec, key: &str, ty: &SqlType) -> Result<Metadata> {
    let (what, fits) = match key {
        "file.path" => (Metadata::Path, ty.kind.is_character()),
        "file.name" => (Metadata::Name, ty.kind.is_character()),
        "file.size" => (Metadata::Size, ty.kind == TypeKind::BigInt),
        "file.modification-time" => (Metadata::Modified, matches!(ty.kind, TypeKind::TimestampLtz(_))),
        _ => {
            let text = format!(
                "there is no metadata '{key}'; connector 'filesystem' has file.path STRING, file.name STRING, \
                 file.size BIGINT, file.modification-time TIMESTAMP_LTZ(3)"
            );
            return Err(unsupported(table, text));
        }
    };
    if fits { Ok(what) } else { Err(unsupported(table, format!("metadata '{key}' is not {}", csv::article(ty)))) }
}
