//! Deliberate defects, switched on by the simulator alone to prove that its oracles see them. A production job has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::CheckpointId;

/// One deliberate defect of the data path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A gate lets the first barrier pass without waiting for the other channels.
    SkipAlignment,
    /// A gate's watermark is the maximum of its channels.
    DropHold,
    /// Tables of timers are missing in the checkpoint.
    ForgetTimer,
    /// Removed rows leave no tombstone in the delta.
    DeleteByAbsence,
    /// Source positions in a checkpoint are one batch ahead, and that batch is lost.
    SnapshotBehindOutput,
    /// A source's positions are taken once a batch has gone out behind the barrier.
    PositionBehindBarrier,
    /// Inputs that are all idle count as if they were at their end.
    IdleIsMax,
    /// The watermark is not restored.
    ForgetWatermark,
    /// Rows that are read to fill a table go over those that changed since.
    FillOverwrites,
    /// Rows are not waited for while a table is filled.
    FillUnawaited,
    /// What an operator holds back is missing in the checkpoint.
    ForgetBuffer,
}

/// The defects that are on; usually none.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    on: Option<Fault>,
    seen: Arc<AtomicU64>,
}

impl Faults {
    /// No defect.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// One defect.
    pub fn only(fault: Fault) -> Faults {
        Faults { on: Some(fault), ..Faults::default() }
    }

    /// True if the defect is on.
    pub fn has(&self, fault: Fault) -> bool {
        self.on == Some(fault)
    }

    /// A copy with a memory of its own.
    pub fn fresh(&self) -> Faults {
        Faults { on: self.on, ..Faults::default() }
    }

    /// True at the first call with this checkpoint or a later one.
    pub(crate) fn first_sight(&self, checkpoint: CheckpointId) -> bool {
        self.seen.fetch_max(checkpoint, Ordering::Relaxed) < checkpoint
    }
}
