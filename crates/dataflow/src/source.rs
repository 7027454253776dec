//! Sources: an enumerator finds splits, readers read them.
//!
//! Invariants: a split's payload is opaque to everyone but its source and says where to go on; a reader that is given a split
//! from a snapshot continues behind the last row it had handed out before that snapshot.

use tidemill_core::{Batch, Now, Result, SubtaskIndex};

use crate::offload::Offload;

/// A part of the input with the position to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Unique within the source and the same in every run, so that its state finds it again.
    pub id: String,
    /// What the source needs to read it, with the position.
    pub payload: Vec<u8>,
}

/// A source as the plan describes it.
pub trait Source: Send + Sync {
    /// Finds the splits. Runs beside the coordinator; may block.
    fn enumerator(&self) -> Result<Box<dyn Enumerator>>;

    /// Reads splits, on a slot.
    fn reader(&self, cx: &ReaderContext) -> Result<Box<dyn Reader>>;

    /// Rows a second, over all subtasks and counted from the start of the process; none is full speed.
    fn rows_per_second(&self) -> Option<u64> {
        None
    }
}

/// What a reader learns about its place.
#[derive(Clone, Debug)]
pub struct ReaderContext {
    /// Which of the parallel instances it is.
    pub subtask: SubtaskIndex,
    /// How many there are.
    pub parallelism: u32,
    /// How many rows a batch has at most.
    pub rows_max: usize,
    /// Does what may wait for a disk or a network.
    pub offload: Offload,
}

/// Finds splits.
pub trait Enumerator: Send {
    /// Splits not reported before. The first call of a bounded source reports all of them.
    fn discover(&mut self) -> Result<Discovery>;

    /// What it has reported already, to go into the checkpoint.
    fn snapshot(&self) -> Vec<u8>;

    /// Takes back what an earlier one has reported.
    fn restore(&mut self, state: &[u8]) -> Result<()>;
}

/// What [`Enumerator::discover`] found.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// New splits, in a stable order.
    pub splits: Vec<Split>,
    /// Ask again after this many milliseconds; none: there will be no more.
    pub again_in_ms: Option<u64>,
}

/// Reads the splits of one subtask.
pub trait Reader: Send {
    /// Takes a split to read. `handle` names it in [`Poll`] and [`Reader::snapshot`].
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()>;

    /// Hands out at most `rows_max` rows, without waiting for anything: what may wait is offloaded.
    fn poll(&mut self, rows_max: usize, now: Now) -> Result<Poll>;

    /// The unfinished splits, each with the position behind the last row handed out.
    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>>;
}

/// What [`Reader::poll`] found.
#[derive(Debug)]
pub enum Poll {
    /// Rows of one split.
    Batch(u32, Batch),
    /// A split is read to its end.
    Finished(u32),
    /// Rows are being fetched; the slot is woken when they are there. Time spent so does not make a source idle.
    Waiting,
    /// Nothing now; ask again at `wake_at_ns` (monotonic) or when a split is added.
    Pending {
        /// When to ask again; none: only when a split is added.
        wake_at_ns: Option<u64>,
    },
}
