//! What a checkpoint holds: the messages of which manifests are made.
//!
//! A manifest is a tree: one root, one part per worker, in it one snapshot per subtask, in it one per operator. Whatever
//! restore needs is in it or named by it. The messages are prost's, so fields may be added; a field's number and meaning never
//! change.

use std::fmt;

use prost::Message;
use tidemill_core::{CheckpointId, CheckpointKind, Failure, OperatorId, Result};

/// Everything a completed checkpoint (or a savepoint) holds, apart from the rows in its run files.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CheckpointContent {
    /// What concerns the whole job.
    pub header: Header,
    /// What each worker has.
    pub workers: Vec<WorkerPart>,
    /// The manifest of the checkpoint before, if there was one.
    pub previous: Option<ObjectRef>,
}

/// An object with the checksum its bytes must have.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ObjectRef {
    /// Path below the job's or savepoint's directory.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Bytes.
    #[prost(uint64, tag = "2")]
    pub len: u64,
    /// xxh3-128 of the bytes, little-endian.
    #[prost(bytes = "vec", tag = "3")]
    pub checksum: Vec<u8>,
}

/// What concerns the whole job.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// The checkpoint.
    #[prost(uint64, tag = "1")]
    pub checkpoint: CheckpointId,
    /// The generation that took it.
    #[prost(uint64, tag = "2")]
    pub generation: u64,
    /// Why it was taken.
    #[prost(enumeration = "StoredKind", tag = "3")]
    pub kind: i32,
    /// The job's parallelism.
    #[prost(uint32, tag = "4")]
    pub parallelism: u32,
    /// How many key groups the job has.
    #[prost(uint32, tag = "5")]
    pub key_groups: u32,
    /// The job graph, encoded.
    #[prost(bytes = "vec", tag = "6")]
    pub job_graph: Vec<u8>,
    /// A change of the job that becomes true with this checkpoint; empty for none.
    #[prost(bytes = "vec", tag = "7")]
    pub mutation: Vec<u8>,
    /// The sources' enumerators.
    #[prost(message, repeated, tag = "8")]
    pub enumerators: Vec<EnumeratorState>,
    /// Completed checkpoints since the job's first start, this one included.
    #[prost(uint64, tag = "9")]
    pub checkpoints_completed: u64,
}

/// State of a source's enumerator.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EnumeratorState {
    /// The source operator, 32 hex digits.
    #[prost(string, tag = "1")]
    pub operator: String,
    /// What the enumerator said.
    #[prost(bytes = "vec", tag = "2")]
    pub state: Vec<u8>,
    /// Splits that it had found and no reader had yet.
    #[prost(message, repeated, tag = "3")]
    pub unassigned: Vec<SplitState>,
    /// True once it will find no more.
    #[prost(bool, tag = "4")]
    pub exhausted: bool,
}

/// What one worker has in a checkpoint.
#[derive(Clone, PartialEq, Message)]
pub struct WorkerPart {
    /// The worker's number.
    #[prost(uint32, tag = "1")]
    pub worker: u32,
    /// Its subtasks.
    #[prost(message, repeated, tag = "2")]
    pub subtasks: Vec<SubtaskSnapshot>,
}

/// What one subtask, a chain of operators, has in a checkpoint.
#[derive(Clone, PartialEq, Message)]
pub struct SubtaskSnapshot {
    /// The stage (chain) of the job graph.
    #[prost(uint32, tag = "1")]
    pub stage: u32,
    /// Which of its parallel instances.
    #[prost(uint32, tag = "2")]
    pub subtask: u32,
    /// Its operators, in the order of the chain.
    #[prost(message, repeated, tag = "3")]
    pub operators: Vec<OperatorSnapshot>,
    /// Elements that the barrier overtook, per channel.
    #[prost(message, repeated, tag = "4")]
    pub in_flight: Vec<ChannelElements>,
    /// The oldest checkpoint for which the subtask wrote a file that it may still name in a later manifest; 0 for none but
    /// those named here.
    #[prost(uint64, tag = "5")]
    pub floor: CheckpointId,
    /// True if the subtask had read all its input before the barrier.
    #[prost(bool, tag = "6")]
    pub ended: bool,
}

/// What one operator instance has in a checkpoint.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSnapshot {
    /// The operator, 32 hex digits.
    #[prost(string, tag = "1")]
    pub operator: String,
    /// Its tables, timers included.
    #[prost(message, repeated, tag = "2")]
    pub tables: Vec<TableSnapshot>,
    /// State that is no table.
    #[prost(message, repeated, tag = "3")]
    pub blobs: Vec<Blob>,
    /// Splits that a source reads.
    #[prost(message, repeated, tag = "4")]
    pub splits: Vec<SplitState>,
    /// The watermark of each input channel.
    #[prost(message, repeated, tag = "5")]
    pub input_watermarks: Vec<InputWatermark>,
    /// Counts since the job's first start.
    #[prost(message, optional, tag = "6")]
    pub counters: Option<CounterSnapshot>,
    /// What a sink has prepared and a committer makes visible.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub committables: Vec<Vec<u8>>,
}

/// A state table: the files that together hold its rows.
#[derive(Clone, PartialEq, Message)]
pub struct TableSnapshot {
    /// Its name, unique in the operator.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its columns and order, encoded by `state`.
    #[prost(bytes = "vec", tag = "2")]
    pub descriptor: Vec<u8>,
    /// Its runs, oldest first: for each key the newest run that has it decides.
    #[prost(message, repeated, tag = "3")]
    pub runs: Vec<RunRef>,
}

/// A run: sorted rows of a table, a range of a file.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RunRef {
    /// The file, below the job's or savepoint's directory.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Where it begins in the file.
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    /// Its bytes.
    #[prost(uint64, tag = "3")]
    pub len: u64,
    /// xxh3-128 of these bytes, little-endian.
    #[prost(bytes = "vec", tag = "4")]
    pub checksum: Vec<u8>,
    /// The first key group it may hold.
    #[prost(uint32, tag = "5")]
    pub first_key_group: u32,
    /// The last key group it may hold.
    #[prost(uint32, tag = "6")]
    pub last_key_group: u32,
    /// Rows, removed ones included.
    #[prost(uint64, tag = "7")]
    pub rows: u64,
    /// Bytes of keys and values before encoding, for the choice of what to rewrite.
    #[prost(uint64, tag = "8")]
    pub bytes: u64,
    /// True if it holds every live row of its key groups, so that older runs are not needed for them.
    #[prost(bool, tag = "9")]
    pub is_base: bool,
    /// Rows of this run and of older ones with an order (a slice's end) at or below it are gone; none: no such range.
    #[prost(sint64, optional, tag = "10")]
    pub order_floor: Option<i64>,
    /// How the bytes are to be read.
    #[prost(enumeration = "RunFormat", tag = "11")]
    pub format: i32,
}

/// How a run's bytes are to be read. The numbers are stored: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum RunFormat {
    /// A run file of `state`.
    Native = 0,
    /// A Parquet file of a savepoint: see `savepoint::read_table`.
    Parquet = 1,
}

/// State that is no table.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Blob {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its bytes, which only the operator reads.
    #[prost(bytes = "vec", tag = "2")]
    pub state: Vec<u8>,
}

/// A split with the position to go on from.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SplitState {
    /// Unique within the source.
    #[prost(string, tag = "1")]
    pub id: String,
    /// What only the source reads: the position is in it.
    #[prost(bytes = "vec", tag = "2")]
    pub payload: Vec<u8>,
    /// The state of the split's watermark generator: the largest event time so far; `i64::MIN` for none.
    #[prost(sint64, tag = "3")]
    pub event_time_max: i64,
    /// True if the split was idle.
    #[prost(bool, tag = "4")]
    pub idle: bool,
}

/// The watermark of an operator's input channel.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct InputWatermark {
    /// The input.
    #[prost(uint32, tag = "1")]
    pub input: u32,
    /// The channel of that input.
    #[prost(uint32, tag = "2")]
    pub channel: u32,
    /// Milliseconds; `i64::MIN` for none, `i64::MAX` for the end.
    #[prost(sint64, tag = "3")]
    pub watermark: i64,
    /// True if the channel was idle.
    #[prost(bool, tag = "4")]
    pub idle: bool,
}

/// Counts of an operator instance since the job's first start.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CounterSnapshot {
    /// Rows that sources have read.
    #[prost(uint64, tag = "1")]
    pub rows_in: u64,
    /// Rows that sinks have written.
    #[prost(uint64, tag = "2")]
    pub rows_out: u64,
    /// Rows dropped because they were late.
    #[prost(uint64, tag = "3")]
    pub late_rows_dropped: u64,
    /// The low half of the sum of the hashes of all net rows.
    #[prost(fixed64, tag = "4")]
    pub result_hash_low: u64,
    /// The high half.
    #[prost(fixed64, tag = "5")]
    pub result_hash_high: u64,
}

/// Elements on a channel that a barrier overtook.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ChannelElements {
    /// The receiving operator, 32 hex digits.
    #[prost(string, tag = "1")]
    pub operator: String,
    /// Its input.
    #[prost(uint32, tag = "2")]
    pub input: u32,
    /// The channel of that input.
    #[prost(uint32, tag = "3")]
    pub channel: u32,
    /// The elements, encoded, in order.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub elements: Vec<Vec<u8>>,
}

/// Why a checkpoint was taken, as it is stored. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum StoredKind {
    /// For recovery.
    Checkpoint = 0,
    /// The job stops with a savepoint.
    StopWithSavepoint = 1,
    /// The last one of a bounded job.
    Final = 2,
}

impl From<CheckpointKind> for StoredKind {
    fn from(kind: CheckpointKind) -> StoredKind {
        match kind {
            CheckpointKind::Checkpoint => StoredKind::Checkpoint,
            CheckpointKind::StopWithSavepoint => StoredKind::StopWithSavepoint,
            CheckpointKind::Final => StoredKind::Final,
        }
    }
}

/// The operator whose id is written as 32 hex digits.
pub fn operator_id(text: &str) -> Result<OperatorId> {
    let wrong = || Failure::fatal("checkpoint.corrupt", format!("'{text}' in a manifest is not an operator id"));
    OperatorId::parse(text).ok_or_else(wrong)
}

impl CheckpointContent {
    /// All subtasks of all workers.
    pub fn subtasks(&self) -> impl Iterator<Item = &SubtaskSnapshot> {
        self.workers.iter().flat_map(|worker| &worker.subtasks)
    }

    /// The snapshots of all instances of an operator, in the order of the subtasks.
    pub fn operator(&self, operator: OperatorId) -> Vec<(&SubtaskSnapshot, &OperatorSnapshot)> {
        let id = operator.to_string();
        let all = self.subtasks().flat_map(|subtask| subtask.operators.iter().map(move |snapshot| (subtask, snapshot)));
        let mut found: Vec<_> = all.filter(|(_, snapshot)| snapshot.operator == id).collect();
        found.sort_by_key(|(subtask, _)| subtask.subtask);
        found
    }

    /// All runs of all tables.
    pub fn runs(&self) -> impl Iterator<Item = &RunRef> {
        let operators = self.subtasks().flat_map(|subtask| &subtask.operators);
        operators.flat_map(|operator| &operator.tables).flat_map(|table| &table.runs)
    }

    /// What sinks have prepared, by operator in the order of the manifest.
    pub fn committables(&self) -> Vec<(String, Vec<Vec<u8>>)> {
        let mut all: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
        for snapshot in self.subtasks().flat_map(|subtask| &subtask.operators) {
            if snapshot.committables.is_empty() {
                continue;
            }
            match all.iter_mut().find(|(operator, _)| *operator == snapshot.operator) {
                Some((_, items)) => items.extend_from_slice(&snapshot.committables),
                None => all.push((snapshot.operator.clone(), snapshot.committables.clone())),
            }
        }
        all
    }

    /// The sum of all counters.
    pub fn counters(&self) -> CounterSnapshot {
        let mut sum = CounterSnapshot::default();
        let operators = self.subtasks().flat_map(|subtask| &subtask.operators);
        for counters in operators.filter_map(|operator| operator.counters.as_ref()) {
            sum.add(counters);
        }
        sum
    }

    /// The oldest checkpoint whose files may still be named by a later manifest: everything older that no retained manifest
    /// names can go.
    pub fn floor(&self) -> CheckpointId {
        let floors = self.subtasks().map(|subtask| subtask.floor).filter(|floor| *floor > 0);
        floors.min().unwrap_or(self.header.checkpoint).min(self.header.checkpoint)
    }
}

impl RunRef {
    /// A run that is `bytes`, at `offset` of the file at `path`. What is in it is still to be said.
    pub fn of_bytes(path: impl Into<String>, offset: u64, bytes: &[u8]) -> RunRef {
        RunRef {
            path: path.into(),
            offset,
            len: bytes.len() as u64,
            checksum: crate::envelope::checksum(bytes),
            ..RunRef::default()
        }
    }
}

impl CounterSnapshot {
    /// Adds the counts of another instance.
    pub fn add(&mut self, other: &CounterSnapshot) {
        self.rows_in += other.rows_in;
        self.rows_out += other.rows_out;
        self.late_rows_dropped += other.late_rows_dropped;
        let sum = self.result_hash().wrapping_add(other.result_hash());
        (self.result_hash_low, self.result_hash_high) = (sum as u64, (sum >> 64) as u64);
    }

    /// The sum of the hashes of all net rows, modulo 2^128.
    pub fn result_hash(&self) -> u128 {
        u128::from(self.result_hash_high) << 64 | u128::from(self.result_hash_low)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
