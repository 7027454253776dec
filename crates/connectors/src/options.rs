//! Options that several connectors share.

use tidemill_core::options::{ConfigOption, Configuration, OptionType};
use tidemill_core::{Failure, Result};

/// Total rows a second over all subtasks.
pub const ROWS_PER_SECOND: ConfigOption = ConfigOption::new(
    "rows-per-second",
    OptionType::Integer,
    "Rows per second over all subtasks, counted from the start of the process; by default as fast as possible.",
);

/// Reads [`ROWS_PER_SECOND`].
pub fn rows_per_second(options: &Configuration, option: &ConfigOption) -> Result<Option<u64>> {
    match options.integer(option)? {
        None => Ok(None),
        Some(rows) if rows > 0 => Ok(Some(rows as u64)),
        Some(rows) => {
            let text = format!("option '{}' is {rows}, but must be above 0", option.key);
            Err(Failure::user("option.value", text))
        }
    }
}
