//! What opening a job yields: all that is needed to deploy it and to go on deciding.

use std::sync::Arc;

use tidemill_core::map::Map;
use tidemill_core::{CheckpointId, EventTime, JobId, OperatorId};
use tidemill_dataflow::plan::Plan;
use tidemill_dataflow::snapshot::RestoredOperator;
use tidemill_dataflow::{CounterValues, JobGraph, Split};

use crate::content::TableChains;
use crate::coordinator::Discovered;
use crate::homes::Homes;

/// A job that is ready to be deployed, or that turned out to be finished.
#[derive(Debug, Default)]
pub struct Opened {
    /// True if an earlier start finished it: there is nothing to do.
    pub finished: bool,
    /// Which job it is.
    pub job: JobId,
    /// This start's generation.
    pub generation: u64,
    /// The graph to run: the stored one where the job goes on.
    pub graph: Arc<JobGraph>,
    /// The graph as the manifests hold it.
    pub graph_bytes: Arc<Vec<u8>>,
    /// The division of keys.
    pub key_groups: u32,
    /// The graph, cut into tasks.
    pub plan: Plan,
    /// The first number that no checkpoint has.
    pub next_checkpoint: CheckpointId,
    /// What operators left in the checkpoint.
    pub restored: Map<OperatorId, RestoredOperator>,
    /// Splits of each source to go on with.
    pub splits: Vec<(OperatorId, Vec<(Split, EventTime)>)>,
    /// What the enumerators found.
    pub discovered: Vec<Discovered>,
    /// The run files of the checkpoint.
    pub tables: TableChains,
    /// The same, to be read.
    pub homes: Option<Arc<Homes>>,
    /// Counts before this start.
    pub counters: CounterValues,
    /// Completed checkpoints before this start.
    pub checkpoints_completed: u64,
    /// URL of the checkpoint or savepoint.
    pub restored_from: Option<String>,
    /// All rows that the job has written since its first start have been hashed.
    pub hashes_results: bool,
    /// Damaged checkpoints that were passed over, for the user.
    pub notices: Vec<String>,
}
