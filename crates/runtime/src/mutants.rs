//! Deliberately broken variants of the protocol. The simulator must catch each; a production job has none.

use tidemill_dataflow::faults::{Fault, Faults};

/// A broken variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A gate lets a barrier pass without waiting for its other channels.
    SkipAlignment,
    /// A worker forgets the deltas of an aborted checkpoint.
    DropAbortedDelta,
    /// A worker forgets the output that was prepared for an aborted checkpoint.
    DropAbortedOutput,
    /// Removed rows leave no trace in a delta.
    DeleteByAbsence,
    /// Open windows are missing in the checkpoint.
    ForgetTimer,
    /// A watermark is the maximum of its holds.
    DropHold,
    /// Run files of a new start overwrite those of an old one.
    ReuseFileName,
    /// A deposed coordinator goes on deciding.
    AppendWithoutFence,
    /// Sinks commit what is prepared before the checkpoint is decided.
    CommitBeforeDecision,
    /// A new start does not commit again what the last one left.
    SkipRecommit,
    /// Splits go on one batch too late.
    SnapshotBehindOutput,
    /// The watermark is not restored.
    ForgetWatermark,
    /// Collection does not look at the floor.
    CollectTooMuch,
    /// Rows that are read to fill a table go over those that changed since.
    FillOverwrites,
    /// Rows are not waited for while a table is filled.
    FillUnawaited,
    /// Rows that an operator holds back are missing in the checkpoint.
    ForgetBuffer,
}

impl Mutant {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Mutant); 16] = [
        ("skip-alignment", Mutant::SkipAlignment),
        ("drop-aborted-delta", Mutant::DropAbortedDelta),
        ("drop-aborted-output", Mutant::DropAbortedOutput),
        ("delete-by-absence", Mutant::DeleteByAbsence),
        ("forget-timer", Mutant::ForgetTimer),
        ("drop-hold", Mutant::DropHold),
        ("reuse-file-name", Mutant::ReuseFileName),
        ("append-without-fence", Mutant::AppendWithoutFence),
        ("commit-before-decision", Mutant::CommitBeforeDecision),
        ("skip-recommit", Mutant::SkipRecommit),
        ("snapshot-behind-output", Mutant::SnapshotBehindOutput),
        ("forget-watermark", Mutant::ForgetWatermark),
        ("collect-too-much", Mutant::CollectTooMuch),
        ("fill-overwrites", Mutant::FillOverwrites),
        ("fill-unawaited", Mutant::FillUnawaited),
        ("forget-buffer", Mutant::ForgetBuffer),
    ];

    /// The variant of a name.
    pub fn parse(name: &str) -> Option<Mutant> {
        Mutant::ALL.iter().find(|(other, _)| *other == name).map(|(_, mutant)| *mutant)
    }

    /// The defect of the data path that it is, if it is one.
    pub fn faults(mutant: Option<Mutant>) -> Faults {
        match mutant {
            Some(Mutant::SkipAlignment) => Faults::only(Fault::SkipAlignment),
            Some(Mutant::DeleteByAbsence) => Faults::only(Fault::DeleteByAbsence),
            Some(Mutant::ForgetTimer) => Faults::only(Fault::ForgetTimer),
            Some(Mutant::DropHold) => Faults::only(Fault::DropHold),
            Some(Mutant::SnapshotBehindOutput) => Faults::only(Fault::SnapshotBehindOutput),
            Some(Mutant::ForgetWatermark) => Faults::only(Fault::ForgetWatermark),
            Some(Mutant::FillOverwrites) => Faults::only(Fault::FillOverwrites),
            Some(Mutant::FillUnawaited) => Faults::only(Fault::FillUnawaited),
            Some(Mutant::ForgetBuffer) => Faults::only(Fault::ForgetBuffer),
            _ => Faults::none(),
        }
    }
}
