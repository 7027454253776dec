//! The options of a job: what whoever plans it sets and whoever runs it reads. Flink's keys where the option is Flink's.

use tidemill_core::options::{ConfigOption, OptionType};

/// Time between the starts of two checkpoints; none: no periodic checkpoints.
pub const CHECKPOINT_INTERVAL: ConfigOption = ConfigOption::new(
    "execution.checkpointing.interval",
    OptionType::Duration,
    "Time between checkpoints; 1 s where only a directory is set.",
);

/// How long a checkpoint may take.
pub const CHECKPOINT_TIMEOUT: ConfigOption = ConfigOption::new(
    "execution.checkpointing.timeout",
    OptionType::Duration,
    "A checkpoint that takes longer is aborted; the next one takes up what it had.",
)
.with_default("10 min");

/// Where checkpoints go.
pub const CHECKPOINT_DIR: ConfigOption = ConfigOption::new(
    "execution.checkpointing.dir",
    OptionType::Text,
    "The folder of checkpoints: a path or a URL. Without it nothing outlives the process.",
);

/// Checkpoints that are kept.
pub const CHECKPOINTS_RETAINED: ConfigOption = ConfigOption::new(
    "execution.checkpointing.num-retained",
    OptionType::Integer,
    "How many completed checkpoints are kept; an older one is used where the latest is damaged.",
)
.with_default("2");

/// Number of key groups.
pub const MAX_PARALLELISM: ConfigOption = ConfigOption::new(
    "pipeline.max-parallelism",
    OptionType::Integer,
    "The number of key groups, a power of two: no job can have more parallel instances. Fixed when a job first starts.",
);

/// Restarts of a failed job.
pub const RESTART_ATTEMPTS: ConfigOption = ConfigOption::new(
    "restart-strategy.fixed-delay.attempts",
    OptionType::Integer,
    "How often a job is started again after failures that may pass, without a completed checkpoint in between; 0: never.",
)
.with_default("3");

/// How long rows wait for others before they are sent.
pub const BUFFER_TIMEOUT: ConfigOption = ConfigOption::new(
    "execution.buffer-timeout",
    OptionType::Duration,
    "How long rows that are few may wait to be sent with others while their receivers are busy; 0: not at all.",
)
.with_default("100 ms");

/// What the tables of a job may hold.
pub const MANAGED_MEMORY: ConfigOption = ConfigOption::new(
    "taskmanager.memory.managed.size",
    OptionType::MemorySize,
    "How much memory the state of a job may take in this process: one that needs more fails and says which operator holds how \
     much. Without it there is no limit.",
);

/// Rows of a batch.
pub const BATCH_ROWS_MAX: ConfigOption =
    ConfigOption::new("tidemill.batch.rows-max", OptionType::Integer, "How many rows a batch has at most.")
        .with_default("4096");

/// Rows of a table that are written anew at once.
pub const REWRITE_ROWS: ConfigOption = ConfigOption::new(
    "tidemill.state.rewrite-rows",
    OptionType::Integer,
    "A table of a subtask with more rows is not written anew at once where its changes outweigh it, but in parts of about so \
     many rows, one with each checkpoint.",
)
.with_default("131072");

/// The zone of TIMESTAMP_LTZ.
pub const LOCAL_TIME_ZONE: ConfigOption = ConfigOption::new(
    "table.local-time-zone",
    OptionType::Text,
    "The time zone of the session, an IANA name such as 'Europe/Berlin' or an offset such as '+02:00'.",
)
.with_default("UTC");
