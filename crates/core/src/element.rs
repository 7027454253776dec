//! What flows on a channel, and how far a call got with it.

use std::sync::Arc;

use crate::{Batch, CheckpointId, EventTime};

/// What flows on a channel, in order. Barriers may follow `End`; nothing follows `Closed`.
#[derive(Clone, Debug)]
pub enum Element {
    /// Rows.
    Batch(Batch),
    /// No row with a time at or below this one follows (unless it is late).
    Watermark(EventTime),
    /// True: the channel is idle and does not hold the watermark. False: it takes part again.
    Idle(bool),
    /// Everything before it belongs to the checkpoint, everything behind it does not.
    Barrier(Arc<Barrier>),
    /// No more rows; barriers may still follow.
    End,
    /// No more elements.
    Closed,
}

/// Separates what belongs to a checkpoint from what does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Why it is taken.
    pub kind: CheckpointKind,
    /// A change of the job that becomes true with this checkpoint, encoded; empty where there is none.
    pub mutation: Vec<u8>,
}

/// Why a checkpoint is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// For recovery; the job goes on.
    Checkpoint,
    /// A full, self-contained snapshot after which the job stops.
    StopWithSavepoint,
    /// The last one of a job that has read all its input.
    Final,
}

/// How far a call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All that was offered is done.
    Done,
    /// The first n rows (`on_timers`: timers) offered are done; the rest stays at the head of its queue and is offered again.
    Rows(usize),
}
