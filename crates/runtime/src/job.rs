//! A job from the outside: what is asked for, how it can be stopped, what became of it.

use tidemill_core::options::Configuration;
use tidemill_core::{CheckpointId, EventTime, Failure};
use tidemill_dataflow::{CounterValues, JobGraph};

/// A job to be run.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// The job's name: with it a checkpoint directory knows its job.
    pub name: String,
    /// Changes whenever the job's meaning changes (its SQL text); a directory is refused under another one.
    pub fingerprint: String,
    /// The graph. A job that goes on runs the graph it has stored.
    pub graph: JobGraph,
    /// Slots.
    pub parallelism: u32,
    /// Options of the job: checkpoint interval and the like.
    pub options: Configuration,
    /// Start over in a directory that holds the job already.
    pub fresh: bool,
    /// Go on from this savepoint.
    pub from_savepoint: Option<String>,
    /// True if its storage outlives the process: another start can commit what this one leaves.
    pub is_kept: bool,
}

/// How a job is asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At once, but after the running checkpoint is completed or aborted.
    Cancel,
    /// With a savepoint under this URL, its output committed.
    WithSavepoint(String),
}

/// What became of a job.
#[derive(Clone, Debug)]
pub enum JobEnd {
    /// All input read, all output committed.
    Finished,
    /// It had been finished before this start; nothing was done.
    AlreadyFinished,
    /// Stopped by request.
    Canceled,
    /// Stopped with a complete savepoint at this URL.
    Savepoint(String),
    /// It failed.
    Failed(Failure),
}

/// A job's end with its figures since its first start.
#[derive(Clone, Debug)]
pub struct JobOutcome {
    /// What became of it.
    pub end: JobEnd,
    /// Counts since the first start.
    pub counters: CounterValues,
    /// Completed checkpoints since the first start.
    pub checkpoints_completed: u64,
    /// The checkpoint or savepoint that this start went on from.
    pub restored_from: Option<String>,
    /// The counters' hash is that of all rows since the first start; else the job began without
    /// `tidemill.sink.result-hash`, and the hash means nothing.
    pub has_result_hash: bool,
}

/// A running job at a glance.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// Counts since the first start.
    pub counters: CounterValues,
    /// The smallest watermark over the subtasks, if any has one.
    pub watermark: Option<EventTime>,
    /// The last completed checkpoint; 0 for none.
    pub checkpoint: CheckpointId,
    /// Bytes that the tables of its operators hold.
    pub state_bytes: u64,
}
