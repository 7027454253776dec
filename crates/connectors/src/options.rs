//! Options that several connectors share.

use tidemill_core::Result;
use tidemill_core::options::{ConfigOption, Configuration, OptionType};

/// Total rows a second over all subtasks.
pub const ROWS_PER_SECOND: ConfigOption = ConfigOption::new(
    "rows-per-second",
    OptionType::Integer,
    "Rows per second over all subtasks, counted from the start of the process; by default as fast as possible.",
);

/// Instances of a source.
pub const SCAN_PARALLELISM: ConfigOption = ConfigOption::new(
    "scan.parallelism",
    OptionType::Integer,
    "How many parallel instances read the table; by default as many as the job's parallelism.",
);
/// Instances of a sink.
pub const SINK_PARALLELISM: ConfigOption = ConfigOption::new(
    "sink.parallelism",
    OptionType::Integer,
    "How many parallel instances write the table; by default as many as the job's parallelism.",
);

/// Reads [`SCAN_PARALLELISM`] or [`SINK_PARALLELISM`]; 0 where it is not set.
pub fn parallelism(options: &Configuration, option: &ConfigOption) -> Result<u32> {
    match options.integer(option)?.map(u32::try_from) {
        None => Ok(0),
        Some(Ok(instances)) if (1..=32_768).contains(&instances) => Ok(instances),
        Some(_) => {
            let value = options.text(option).unwrap_or_default();
            let text = format!("option '{}' is {value}, but must be from 1 to 32768", option.key);
            Err(option.refuse(text))
        }
    }
}

/// Reads [`ROWS_PER_SECOND`].
pub fn rows_per_second(options: &Configuration, option: &ConfigOption) -> Result<Option<u64>> {
    match options.integer(option)? {
        None => Ok(None),
        Some(rows) if rows > 0 => Ok(Some(rows as u64)),
        Some(rows) => {
            let text = format!("option '{}' is {rows}, but must be above 0", option.key);
            Err(option.refuse(text))
        }
    }
}
