//! Formats: from bytes to columns and back. Decoders fill Arrow builders directly, and only the columns that are asked for.

pub mod cells;
pub mod csv;
pub mod csv_escape;
pub mod decode;
pub mod encode;
pub mod json;
pub mod parquet;

use tidemill_core::options::{ConfigOption, Configuration};
use tidemill_core::{Failure, Result};

/// A format by its name in `'format' = '…'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatKind {
    /// Lines of separated fields, without a header.
    Csv,
    /// An object a line.
    Json,
    /// Apache Parquet.
    Parquet,
}

impl FormatKind {
    /// All formats with their names.
    pub const ALL: [(&'static str, FormatKind); 3] =
        [("csv", FormatKind::Csv), ("json", FormatKind::Json), ("parquet", FormatKind::Parquet)];

    /// The format that a table names; an unknown one lists all that are known.
    pub fn of(options: &Configuration, option: &ConfigOption, table: &str) -> Result<FormatKind> {
        let known: Vec<&str> = FormatKind::ALL.iter().map(|(name, _)| *name).collect();
        let known = known.join(", ");
        let Some(name) = options.raw(option.key) else {
            let text = format!("table {table} has no '{}' option; the formats are {known}", option.key);
            return Err(Failure::user("format.missing", text));
        };
        FormatKind::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
            Failure::user(
                "format.unknown",
                format!("table {table}: there is no format '{name}'; the formats are {known}"),
            )
            .about(option.key)
        })
    }

    /// The options of the format.
    pub fn options(self) -> &'static [&'static ConfigOption] {
        match self {
            FormatKind::Csv => csv::OPTIONS,
            FormatKind::Json => json::OPTIONS,
            FormatKind::Parquet => parquet::OPTIONS,
        }
    }

    /// How names of its files end.
    pub fn extension(self) -> &'static str {
        match self {
            FormatKind::Csv => "csv",
            FormatKind::Json => "json",
            FormatKind::Parquet => "parquet",
        }
    }
}
