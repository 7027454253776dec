//! The messages by which the planner tells operators what to do: one per operator kind, stored in the job graph.
//!
//! Expressions and SQL types are bytes as `expr` encodes them. Columns are positions. Times are milliseconds.
//! Tags are never used again for something else.

use prost::Message;
use tidemill_core::{Failure, Result};
use tidemill_expr::SqlType;

/// [`CalcConfig`]: filter and projection.
pub const CALC: &str = "calc";
/// [`WindowAggregateConfig`]: aggregates over tumbling, hopping or cumulating windows.
pub const WINDOW_AGGREGATE: &str = "window_aggregate";
/// [`WindowTvfConfig`]: attaches windows to rows.
pub const WINDOW_TVF: &str = "window_tvf";
/// [`SessionAggregateConfig`]: aggregates over session windows.
pub const SESSION_AGGREGATE: &str = "session_aggregate";
/// [`GroupAggregateConfig`]: aggregates without windows; the output is a changelog.
pub const GROUP_AGGREGATE: &str = "group_aggregate";
/// [`LimitConfig`]: the first rows.
pub const LIMIT: &str = "limit";

/// Filter, then projection.
#[derive(Clone, PartialEq, Message)]
pub struct CalcConfig {
    /// Encoded SQL types of the input's columns.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub input_types: Vec<Vec<u8>>,
    /// An encoded BOOLEAN expression over the input; empty: every row passes.
    #[prost(bytes = "vec", tag = "2")]
    pub filter: Vec<u8>,
    /// Encoded expressions over the input, one per output column.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub project: Vec<Vec<u8>>,
    /// The output column that is the event time (a TIMESTAMP(3) or TIMESTAMP_LTZ(3)); none: the output has none.
    #[prost(uint32, optional, tag = "4")]
    pub time_column: Option<u32>,
    /// True: `-U` rows are dropped (the output's readers take `+U` as an upsert by key).
    #[prost(bool, tag = "5")]
    pub drop_update_before: bool,
    /// True: a row of kind `+U` that fails the filter becomes `-D` (upsert edges: the key's last row is gone); false: it
    /// vanishes, as its `-U` says what became of the old one.
    #[prost(bool, tag = "6")]
    pub upsert_filter: bool,
    /// Names of the input's columns, for messages; may be left out.
    #[prost(string, repeated, tag = "7")]
    pub input_names: Vec<String>,
}

/// One call of an aggregate function.
#[derive(Clone, PartialEq, Message)]
pub struct AggregateCall {
    /// The function's name as `functions` registers it, e.g. `COUNT`. `COUNT(*)` is `COUNT` without arguments.
    #[prost(string, tag = "1")]
    pub function: String,
    /// Input columns of the arguments.
    #[prost(uint32, repeated, tag = "2")]
    pub args: Vec<u32>,
    /// Input column of type BOOLEAN: only rows where it is TRUE count (`FILTER (WHERE …)`).
    #[prost(uint32, optional, tag = "3")]
    pub filter: Option<u32>,
    /// True: equal arguments count once (`DISTINCT`).
    #[prost(bool, tag = "4")]
    pub distinct: bool,
    /// Encoded SQL type of the result; empty: what the function makes of the arguments' types.
    #[prost(bytes = "vec", tag = "5")]
    pub ty: Vec<u8>,
}

/// What an output column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum OutputKind {
    /// A group key; `index` counts in `keys`.
    Key = 0,
    /// An aggregate's result; `index` counts in `aggregates`.
    Aggregate = 1,
    /// First moment of the window, TIMESTAMP(3).
    WindowStart = 2,
    /// First moment after the window, TIMESTAMP(3).
    WindowEnd = 3,
    /// Last moment of the window: the event time (or processing time) of the output row.
    WindowTime = 4,
}

/// One output column.
#[derive(Clone, PartialEq, Message)]
pub struct OutputColumn {
    /// What it is.
    #[prost(enumeration = "OutputKind", tag = "1")]
    pub kind: i32,
    /// Which key or aggregate; 0 for the window's properties.
    #[prost(uint32, tag = "2")]
    pub index: u32,
}

/// The shape of windows that do not depend on the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum WindowKind {
    /// Side by side, `size_ms` each.
    Tumble = 0,
    /// `size_ms` each, one every `step_ms`; they overlap.
    Hop = 1,
    /// From a multiple of `size_ms`, growing by `step_ms` up to `size_ms`.
    Cumulate = 2,
}

/// Windows that do not depend on the rows.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WindowSpec {
    /// Their shape.
    #[prost(enumeration = "WindowKind", tag = "1")]
    pub kind: i32,
    /// Length; for CUMULATE the greatest.
    #[prost(int64, tag = "2")]
    pub size_ms: i64,
    /// HOP: the slide. CUMULATE: the step. TUMBLE: not read.
    #[prost(int64, tag = "3")]
    pub step_ms: i64,
    /// Shift of all windows; may be negative.
    #[prost(int64, tag = "4")]
    pub offset_ms: i64,
}

/// Where the time of a row comes from.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSource {
    /// Event time: the input column, TIMESTAMP(3) or TIMESTAMP_LTZ(3). Not read where `processing_time` is true or the windows
    /// are attached.
    #[prost(uint32, tag = "1")]
    pub column: u32,
    /// True: a row's time is the wall clock at its arrival, and the clock fires the windows.
    #[prost(bool, tag = "2")]
    pub processing_time: bool,
    /// An IANA zone or an offset such as `+02:00` where the time attribute is a TIMESTAMP_LTZ (processing time always is):
    /// windows are aligned to local time, and window start and end are local. Empty: the time attribute is a TIMESTAMP.
    #[prost(string, tag = "3")]
    pub time_zone: String,
}

/// Which part of an aggregation a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AggregatePhase {
    /// All of it.
    Single = 0,
    /// Before the exchange: folds rows and hands out partial results, one row per key and slice: the keys in the order of
    /// `keys`, the slice's end (BIGINT, `window_aggregate` only), then the accumulators' columns, all BIGINT.
    Local = 1,
    /// Behind the exchange: merges what `Local` handed out. Its `input_types`, `keys`, `args` and `filter` are those that the
    /// local node has, not positions in the partial rows.
    Global = 2,
}

/// Windows that an earlier node has attached to the rows.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AttachedWindow {
    /// Input column of the window's start, TIMESTAMP(3).
    #[prost(uint32, tag = "1")]
    pub start: u32,
    /// Input column of the window's end, TIMESTAMP(3).
    #[prost(uint32, tag = "2")]
    pub end: u32,
}

/// Aggregates over tumbling, hopping or cumulating windows. Emits `+I` rows when a window ends.
#[derive(Clone, PartialEq, Message)]
pub struct WindowAggregateConfig {
    /// Encoded SQL types of the input's columns.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub input_types: Vec<Vec<u8>>,
    /// Input columns of the group key, without the window's.
    #[prost(uint32, repeated, tag = "2")]
    pub keys: Vec<u32>,
    /// What is computed.
    #[prost(message, repeated, tag = "3")]
    pub aggregates: Vec<AggregateCall>,
    /// The windows. With `attached`, those that were attached, where they are known (then a window's start follows from its
    /// end and need not be kept with the key).
    #[prost(message, optional, tag = "4")]
    pub window: Option<WindowSpec>,
    /// Times of rows.
    #[prost(message, optional, tag = "5")]
    pub time: Option<TimeSource>,
    /// The input carries its windows in columns (a window over windowed input); none: rows are assigned here.
    #[prost(message, optional, tag = "6")]
    pub attached: Option<AttachedWindow>,
    /// Which part is done here.
    #[prost(enumeration = "AggregatePhase", tag = "7")]
    pub phase: i32,
    /// The columns that are emitted (not read for the local phase).
    #[prost(message, repeated, tag = "8")]
    pub outputs: Vec<OutputColumn>,
    /// True: the input may take rows back (`-U`, `-D`).
    #[prost(bool, tag = "9")]
    pub input_retracts: bool,
}

/// Attaches the windows of each row: all input columns, then window start, window end, window time. HOP and CUMULATE give a
/// row per window.
#[derive(Clone, PartialEq, Message)]
pub struct WindowTvfConfig {
    /// Encoded SQL types of the input's columns.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub input_types: Vec<Vec<u8>>,
    /// The windows.
    #[prost(message, optional, tag = "2")]
    pub window: Option<WindowSpec>,
    /// Times of rows.
    #[prost(message, optional, tag = "3")]
    pub time: Option<TimeSource>,
    /// True: window time is the event time of the output; false: the input's event time still is.
    #[prost(bool, tag = "4")]
    pub window_time_is_event_time: bool,
}

/// Aggregates over session windows. Emits `+I` rows when a session ends.
#[derive(Clone, PartialEq, Message)]
pub struct SessionAggregateConfig {
    /// Encoded SQL types of the input's columns.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub input_types: Vec<Vec<u8>>,
    /// Input columns of the group key without the window's: the columns that sessions are partitioned by.
    #[prost(uint32, repeated, tag = "2")]
    pub keys: Vec<u32>,
    /// What is computed.
    #[prost(message, repeated, tag = "3")]
    pub aggregates: Vec<AggregateCall>,
    /// A session ends when no row came for this long.
    #[prost(int64, tag = "4")]
    pub gap_ms: i64,
    /// Times of rows.
    #[prost(message, optional, tag = "5")]
    pub time: Option<TimeSource>,
    /// The columns that are emitted.
    #[prost(message, repeated, tag = "6")]
    pub outputs: Vec<OutputColumn>,
    /// True: the input may take rows back (`-U`, `-D`).
    #[prost(bool, tag = "7")]
    pub input_retracts: bool,
}

/// Aggregates without windows, also `SELECT DISTINCT` (no aggregates). Emits a changelog of keys, then aggregates.
#[derive(Clone, PartialEq, Message)]
pub struct GroupAggregateConfig {
    /// Encoded SQL types of the input's columns.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub input_types: Vec<Vec<u8>>,
    /// Input columns of the group key; empty: one group of all rows.
    #[prost(uint32, repeated, tag = "2")]
    pub keys: Vec<u32>,
    /// What is computed.
    #[prost(message, repeated, tag = "3")]
    pub aggregates: Vec<AggregateCall>,
    /// True: a change is `-U` and `+U`; false: `+U` alone.
    #[prost(bool, tag = "4")]
    pub emit_update_before: bool,
    /// True: the input may take rows back (`-U`, `-D`).
    #[prost(bool, tag = "5")]
    pub input_retracts: bool,
    /// Which part is done here.
    #[prost(enumeration = "AggregatePhase", tag = "6")]
    pub phase: i32,
}

/// The first rows, in order of arrival; runs at parallelism 1.
#[derive(Clone, PartialEq, Message)]
pub struct LimitConfig {
    /// Rows to leave out first.
    #[prost(uint64, tag = "1")]
    pub offset: u64,
    /// Rows to let pass then.
    #[prost(uint64, tag = "2")]
    pub limit: u64,
    /// True: the input may take rows back; false: it is insert-only.
    #[prost(bool, tag = "3")]
    pub input_retracts: bool,
    /// Encoded SQL types of the input's columns.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub input_types: Vec<Vec<u8>>,
}

/// The types of an operator's input.
pub fn decode_types(types: &[Vec<u8>]) -> Result<Vec<SqlType>> {
    types.iter().map(|bytes| SqlType::from_bytes(bytes)).collect()
}

/// Types for a message.
pub fn encode_types(types: &[SqlType]) -> Vec<Vec<u8>> {
    types.iter().map(SqlType::to_bytes).collect()
}

/// Reads the message of an operator of this kind.
pub fn decode<M: Message + Default>(kind: &str, bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|error| {
        Failure::fatal("graph.malformed", format!("the config of an operator of kind '{kind}' cannot be read: {error}"))
    })
}

impl OutputColumn {
    /// A column of that kind.
    pub fn new(kind: OutputKind, index: usize) -> OutputColumn {
        OutputColumn { kind: kind as i32, index: index as u32 }
    }
}

impl AggregateCall {
    /// A call over all rows, duplicates included.
    pub fn new(function: &str, args: &[usize]) -> AggregateCall {
        let args = args.iter().map(|column| *column as u32).collect();
        AggregateCall { function: function.to_string(), args, filter: None, distinct: false, ty: Vec::new() }
    }
}
