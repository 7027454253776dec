//! Runs a job to its end and says what it cost.

use std::sync::Arc;

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::options::Configuration;
use tidemill_core::storage::Storage;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{CounterValues, JobGraph, Registry};
use tidemill_runtime::{JobEnd, JobSpec, SystemEnv, local};

use crate::measure::{self, Cost};

/// What a job came to.
pub struct Measured {
    /// Its counters.
    pub counters: CounterValues,
    /// Completed checkpoints.
    pub checkpoints: u64,
    /// CPU, time, memory.
    pub cost: Cost,
}

/// Runs a job. With a checkpoint interval, checkpoints go to a fresh folder that is deleted afterwards.
pub fn run(
    graph: JobGraph,
    registry: Registry,
    parallelism: u32,
    checkpoint_interval_ms: Option<u64>,
) -> Result<Measured> {
    let folder = tempfile::tempdir().map_err(|error| Failure::retryable("bench.folder", error.to_string()))?;
    let mut options = Configuration::default();
    let storage: Arc<dyn Storage> = match checkpoint_interval_ms {
        Some(interval_ms) => {
            options.set("execution.checkpointing.interval", format!("{interval_ms} ms"));
            tidemill_checkpoint::open(&folder.path().to_string_lossy())?
        }
        None => Arc::new(MemoryStorage::new()),
    };
    let spec = JobSpec {
        name: graph.name.clone(),
        fingerprint: String::new(),
        graph,
        parallelism,
        options,
        fresh: false,
        from_savepoint: None,
        is_kept: false,
    };
    let (outcome, cost) = measure::of_process(|| {
        let handle = local::start(spec, registry, storage, Arc::new(SystemEnv::new()))?;
        Ok(handle.wait())
    })?;
    match outcome.end {
        JobEnd::Finished => {
            Ok(Measured { counters: outcome.counters, checkpoints: outcome.checkpoints_completed, cost })
        }
        JobEnd::Failed(failure) => Err(failure),
        other => Err(Failure::fatal("bench.end", format!("the job ended otherwise: {other:?}"))),
    }
}
