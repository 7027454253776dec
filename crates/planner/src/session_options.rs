//! Every option of a session: what `SET` knows. Flink's keys where the option is Flink's.

use std::ops::RangeInclusive;

use tidemill_core::key_group::KEY_GROUPS_MAX;
use tidemill_core::options::{ConfigOption, Configuration, OptionType, parse_duration, unknown_key};
pub use tidemill_dataflow::job_options::{
    BATCH_ROWS_MAX, BUFFER_TIMEOUT, CHECKPOINT_DIR, CHECKPOINT_INTERVAL, CHECKPOINT_TIMEOUT, CHECKPOINTS_RETAINED,
    LOCAL_TIME_ZONE, MANAGED_MEMORY, MAX_PARALLELISM, RESTART_ATTEMPTS, REWRITE_ROWS,
};

use crate::error::{PlanError, PlanResult};

/// Rows of a batch at most: more than that no operator is offered.
const ROWS_OF_A_BATCH_MAX: i64 = 1 << 20;

/// Streaming or batch.
pub const RUNTIME_MODE: ConfigOption = ConfigOption::new(
    "execution.runtime-mode",
    OptionType::Choice(&["streaming", "batch"]),
    "How queries run: 'streaming' on operators that never end by themselves, 'batch' on bounded input with final results only.",
)
.with_default("streaming");

/// The job's name.
pub const PIPELINE_NAME: ConfigOption = ConfigOption::new(
    "pipeline.name",
    OptionType::Text,
    "The name of the next jobs; without it a job is named after its sinks, sorted.",
);

/// Subtasks of each stage.
pub const PARALLELISM: ConfigOption = ConfigOption::new(
    "parallelism.default",
    OptionType::Integer,
    "How many parallel instances each stage of a job has; by default as many as there are processors.",
);

/// How results are shown.
pub const RESULT_MODE: ConfigOption = ConfigOption::new(
    "sql-client.execution.result-mode",
    OptionType::Choice(&["changelog", "tableau", "table"]),
    "How a streaming SELECT is shown: 'changelog' and 'tableau' give every change with its kind, 'table' the final rows.",
)
.with_default("tableau");

/// When a source counts as idle.
pub const IDLE_TIMEOUT: ConfigOption = ConfigOption::new(
    "scan.watermark.idle-timeout",
    OptionType::Duration,
    "A source that was asked and had nothing for this long no longer holds the watermark back; 0: never. Also a table's option.",
)
.with_default("0 ms");

/// One or two phases.
pub const AGG_PHASE: ConfigOption = ConfigOption::new(
    "table.optimizer.agg-phase-strategy",
    OptionType::Choice(&["AUTO", "ONE_PHASE", "TWO_PHASE"]),
    "Whether aggregates are computed in one step behind the exchange or in two, one before it and one behind it.",
)
.with_default("AUTO");

/// Hashes of what sinks write.
pub const RESULT_HASH: ConfigOption = ConfigOption::new(
    "tidemill.sink.result-hash",
    OptionType::Bool,
    "Whether sinks add up a hash of the rows they write, for the report.",
)
.with_default("false");

/// What a NULL in a NOT NULL column does.
pub const NOT_NULL_ENFORCER: ConfigOption = ConfigOption::new(
    "table.exec.sink.not-null-enforcer",
    OptionType::Choice(&["ERROR"]),
    "What a sink does with a NULL in a NOT NULL column: it fails.",
)
.with_default("ERROR");

/// All options of a session.
pub const ALL: &[&ConfigOption] = &[
    &RUNTIME_MODE,
    &LOCAL_TIME_ZONE,
    &PIPELINE_NAME,
    &PARALLELISM,
    &MAX_PARALLELISM,
    &RESULT_MODE,
    &CHECKPOINT_INTERVAL,
    &CHECKPOINT_TIMEOUT,
    &CHECKPOINT_DIR,
    &CHECKPOINTS_RETAINED,
    &RESTART_ATTEMPTS,
    &BUFFER_TIMEOUT,
    &MANAGED_MEMORY,
    &IDLE_TIMEOUT,
    &AGG_PHASE,
    &BATCH_ROWS_MAX,
    &REWRITE_ROWS,
    &RESULT_HASH,
    &NOT_NULL_ENFORCER,
];

/// Checks one key and its text as `SET` does; an unknown key lists its neighbours and all keys.
pub fn check(key: &str, value: &str) -> PlanResult<()> {
    let option = ALL
        .iter()
        .find(|option| option.key == key)
        .ok_or_else(|| PlanError::from(unknown_key(key, ALL.iter().map(|option| option.key), "the session")))?;
    option.check(value)?;
    match expected(key, value.trim()) {
        None => Ok(()),
        Some(expected) => {
            Err(PlanError::from(option.refuse(format!("option '{key}' is '{value}', but must be {expected}"))))
        }
    }
}

/// What an option takes that a text of its type is not; none where the text is what it takes.
fn expected(key: &str, value: &str) -> Option<String> {
    if key == MAX_PARALLELISM.key {
        let fits = value.parse().is_ok_and(|groups: u32| groups.is_power_of_two() && groups <= KEY_GROUPS_MAX);
        return (!fits).then(|| format!("a power of two from 1 to {KEY_GROUPS_MAX}"));
    }
    if key == CHECKPOINT_TIMEOUT.key {
        let none = parse_duration(value).is_some_and(|timeout| timeout.is_zero());
        return none.then(|| "longer than 0; by default it is 10 min".to_string());
    }
    let range = range(key)?;
    let fits = value.parse().is_ok_and(|number: i64| range.contains(&number));
    (!fits).then(|| match *range.end() {
        i64::MAX => format!("a number of at least {}", range.start()),
        most => format!("a number from {} to {most}", range.start()),
    })
}

/// The numbers that an option of type integer takes.
fn range(key: &str) -> Option<RangeInclusive<i64>> {
    match key {
        key if key == PARALLELISM.key => Some(1..=i64::from(KEY_GROUPS_MAX)),
        key if key == RESTART_ATTEMPTS.key => Some(0..=i64::MAX),
        key if key == CHECKPOINTS_RETAINED.key || key == REWRITE_ROWS.key => Some(1..=i64::MAX),
        key if key == BATCH_ROWS_MAX.key => Some(1..=ROWS_OF_A_BATCH_MAX),
        _ => None,
    }
}

/// True where queries run in batch mode.
pub fn is_batch(config: &Configuration) -> bool {
    config.text(&RUNTIME_MODE).is_some_and(|mode| mode.trim().eq_ignore_ascii_case("batch"))
}

/// The session's time zone.
pub fn time_zone(config: &Configuration) -> &str {
    config.text(&LOCAL_TIME_ZONE).unwrap_or("UTC")
}
