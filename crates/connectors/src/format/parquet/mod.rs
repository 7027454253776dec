//! Apache Parquet: columns matched by name and widened where nothing is lost ([`adapt`]), read as Arrow with the projection
//! pushed into the file ([`ParquetFile`]), written with one file a roll ([`ParquetWriter`]).

pub mod adapt;
mod read;
mod write;

pub use read::{Fetch, Footer, ParquetFile, Part};
pub use write::{ParquetOptions, ParquetWriter};

use tidemill_core::options::{ConfigOption, OptionType};

/// How pages are compressed.
pub const COMPRESSION: ConfigOption = ConfigOption::new(
    "parquet.compression",
    OptionType::Choice(&["SNAPPY", "ZSTD", "UNCOMPRESSED"]),
    "How written pages are compressed.",
)
.with_default("SNAPPY");
/// How large row groups get.
pub const BLOCK_SIZE: ConfigOption =
    ConfigOption::new("parquet.block.size", OptionType::MemorySize, "Bytes of a written row group, about.")
        .with_default("128 mb");

/// The options of the format.
pub const OPTIONS: &[&ConfigOption] = &[&COMPRESSION, &BLOCK_SIZE];
