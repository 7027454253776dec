//! What a subtask hands over for a checkpoint, and what it gets back after a restore.

use std::collections::BTreeMap;

use tidemill_core::{CheckpointId, EventTime, KeyGroupSet, OperatorId, SubtaskIndex};
use tidemill_state::{DeltaSink, TableDescriptor};

use crate::counters::CounterValues;
use crate::source::Split;

/// A delta counts for at least so many rows: its run file has pages that are read, however few rows are on them.
pub const DELTA_ROWS_MIN: u64 = 64;

/// A subtask's part of a checkpoint: what was true when the barrier passed each of its operators.
#[derive(Debug)]
pub struct SubtaskSnapshot {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Position of the task in the plan.
    pub task: usize,
    /// Which parallel instance.
    pub subtask: SubtaskIndex,
    /// One for each operator of the subtask, the source first.
    pub operators: Vec<OperatorSnapshot>,
}

/// An operator instance's part of a checkpoint.
#[derive(Debug)]
pub struct OperatorSnapshot {
    /// Whose state it is.
    pub operator: OperatorId,
    /// The watermark the operator had seen; [`EventTime::MIN`] where there was none.
    pub watermark: EventTime,
    /// Counts since this start of the job.
    pub counters: CounterValues,
    /// What changed in each table since the previous barrier.
    pub tables: Vec<(TableDescriptor, DeltaSink)>,
    /// Small state.
    pub blobs: Vec<(String, Vec<u8>)>,
    /// What sinks have prepared.
    pub prepared: Vec<Vec<u8>>,
    /// Sources: unfinished splits with the watermark of their generator.
    pub splits: Vec<(Split, EventTime)>,
}

/// What all instances of an operator left in a checkpoint.
#[derive(Debug, Default)]
pub struct RestoredOperator {
    /// True if there are rows of its tables to be read.
    pub has_rows: bool,
    /// The rows in the runs of each table, by its name.
    pub rows: BTreeMap<String, u64>,
    /// The blobs of all instances.
    pub blobs: Vec<RestoredBlob>,
    /// What the instances' watermarks were.
    pub watermarks: Option<RestoredWatermarks>,
}

/// A blob that one instance left.
#[derive(Clone, Debug)]
pub struct RestoredBlob {
    /// Its name.
    pub name: String,
    /// What it held.
    pub state: Vec<u8>,
    /// The key groups that the instance had.
    pub groups: KeyGroupSet,
}

/// The watermarks of an operator's instances in a checkpoint. They differ where instances have seen inputs become idle at
/// different moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoredWatermarks {
    /// The smallest.
    pub lowest: EventTime,
    /// The largest.
    pub highest: EventTime,
}

impl RestoredWatermarks {
    /// With that of another instance.
    pub fn and(all: Option<RestoredWatermarks>, one: EventTime) -> RestoredWatermarks {
        let all = all.unwrap_or(RestoredWatermarks { lowest: one, highest: one });
        RestoredWatermarks { lowest: all.lowest.min(one), highest: all.highest.max(one) }
    }
}
