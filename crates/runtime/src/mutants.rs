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
    /// A worker acknowledges what it could not upload.
    AckTooEarly,
    /// Removed rows leave no trace in a delta.
    DeleteByAbsence,
    /// A restore brings back slices that were gone.
    IgnoreOrderFloor,
    /// A restore takes every delta for all of its table.
    BelieveBase,
    /// Tables of timers are missing in the checkpoint.
    ForgetTimer,
    /// Rows that an operator holds back are missing in the checkpoint.
    ForgetBuffer,
    /// The watermark is not restored.
    ForgetWatermark,
    /// After a restore, windows that share slices count as fired for all keys where they had for some.
    FiredForAll,
    /// A watermark is the maximum of its holds.
    DropHold,
    /// Inputs that are all idle count as if they were at their end.
    IdleIsMax,
    /// Splits go on one batch too late.
    SnapshotBehindOutput,
    /// Positions of splits are taken once a batch has gone out behind the barrier.
    PositionBehindBarrier,
    /// Rows that are read to fill a table go over those that changed since.
    FillOverwrites,
    /// Rows are not waited for while a table is filled.
    FillUnawaited,
    /// Run files of a new start overwrite those of an old one.
    ReuseFileName,
    /// A deposed coordinator goes on deciding.
    AppendWithoutFence,
    /// A restore takes the newest manifest, whether or not the log says that it is complete.
    NewestManifest,
    /// Sinks commit what is prepared before the checkpoint is decided.
    CommitBeforeDecision,
    /// The log says that output is committed before it is.
    CommittedTooEarly,
    /// A new start does not commit again what the last one left.
    SkipRecommit,
    /// Collection does not look at who wrote a file, and for which checkpoint: all goes that its own retained manifests
    /// do not name.
    CollectTooMuch,
    /// Collection deletes run files of earlier checkpoints that the newest manifest still names.
    DeleteReferenced,
}

impl Mutant {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Mutant); 25] = [
        ("skip-alignment", Mutant::SkipAlignment),
        ("drop-aborted-delta", Mutant::DropAbortedDelta),
        ("drop-aborted-output", Mutant::DropAbortedOutput),
        ("ack-too-early", Mutant::AckTooEarly),
        ("delete-by-absence", Mutant::DeleteByAbsence),
        ("ignore-order-floor", Mutant::IgnoreOrderFloor),
        ("believe-base", Mutant::BelieveBase),
        ("forget-timer", Mutant::ForgetTimer),
        ("forget-buffer", Mutant::ForgetBuffer),
        ("forget-watermark", Mutant::ForgetWatermark),
        ("fired-for-all", Mutant::FiredForAll),
        ("drop-hold", Mutant::DropHold),
        ("idle-is-max", Mutant::IdleIsMax),
        ("snapshot-behind-output", Mutant::SnapshotBehindOutput),
        ("position-behind-barrier", Mutant::PositionBehindBarrier),
        ("fill-overwrites", Mutant::FillOverwrites),
        ("fill-unawaited", Mutant::FillUnawaited),
        ("reuse-file-name", Mutant::ReuseFileName),
        ("append-without-fence", Mutant::AppendWithoutFence),
        ("newest-manifest", Mutant::NewestManifest),
        ("commit-before-decision", Mutant::CommitBeforeDecision),
        ("committed-too-early", Mutant::CommittedTooEarly),
        ("skip-recommit", Mutant::SkipRecommit),
        ("collect-too-much", Mutant::CollectTooMuch),
        ("delete-referenced", Mutant::DeleteReferenced),
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
            Some(Mutant::ForgetBuffer) => Faults::only(Fault::ForgetBuffer),
            Some(Mutant::ForgetWatermark) => Faults::only(Fault::ForgetWatermark),
            Some(Mutant::DropHold) => Faults::only(Fault::DropHold),
            Some(Mutant::IdleIsMax) => Faults::only(Fault::IdleIsMax),
            Some(Mutant::SnapshotBehindOutput) => Faults::only(Fault::SnapshotBehindOutput),
            Some(Mutant::PositionBehindBarrier) => Faults::only(Fault::PositionBehindBarrier),
            Some(Mutant::FillOverwrites) => Faults::only(Fault::FillOverwrites),
            Some(Mutant::FillUnawaited) => Faults::only(Fault::FillUnawaited),
            _ => Faults::none(),
        }
    }
}
