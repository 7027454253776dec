//! The options of `filesystem`, Flink's where it has them.

use tidemill_core::options::{ConfigOption, OptionType};

/// Where the files are.
pub const PATH: ConfigOption = ConfigOption::new(
    "path",
    OptionType::Text,
    "A file, a directory (with those below it), or a pattern with *, ? and [ ]; `file://` may stand in front.",
);
/// The format.
pub const FORMAT: ConfigOption = ConfigOption::new("format", OptionType::Text, "csv, json or parquet.");
/// Watching.
pub const MONITOR_INTERVAL: ConfigOption = ConfigOption::new(
    "source.monitor-interval",
    OptionType::Duration,
    "Look for new files this often, without end; by default the files are listed once.",
);
/// What stands for NULL in directory names.
pub const DEFAULT_PARTITION: ConfigOption = ConfigOption::new(
    "partition.default-name",
    OptionType::Text,
    "The name that stands for NULL or an empty string in the directory of a partition.",
)
.with_default("__DEFAULT_PARTITION__");
/// When a file is closed.
pub const ROLLING_FILE_SIZE: ConfigOption =
    ConfigOption::new("sink.rolling-policy.file-size", OptionType::MemorySize, "A file of this size is closed.")
        .with_default("128 mb");
/// What happens when a partition is committed.
pub const COMMIT_POLICY: ConfigOption = ConfigOption::new(
    "sink.partition-commit.policy.kind",
    OptionType::Choice(&["success-file"]),
    "success-file: an empty file is put into every partition once rows in it are committed.",
);
/// The name of that file.
pub const SUCCESS_FILE: ConfigOption = ConfigOption::new(
    "sink.partition-commit.success-file.name",
    OptionType::Text,
    "The name of the empty file of a committed partition, and of the table when a bounded job has ended.",
)
.with_default("_SUCCESS");

/// All of them, without those of the formats.
pub const OPTIONS: [&ConfigOption; 7] =
    [&PATH, &FORMAT, &MONITOR_INTERVAL, &DEFAULT_PARTITION, &ROLLING_FILE_SIZE, &COMMIT_POLICY, &SUCCESS_FILE];
