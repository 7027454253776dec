//! What the plan of a job that goes on keeps from the job's beginning, although the session's configuration may say otherwise now.
//!
//! The number of key groups has a file of its own ([`key_groups`](crate::key_groups)).

use tidemill_checkpoint::manifest::CheckpointContent;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::job_options::LOCAL_TIME_ZONE;
use tidemill_dataflow::{JobGraph, Role};

/// The plan that a checkpoint or savepoint was taken of, if it holds one.
pub fn plan_of(content: Option<&CheckpointContent>) -> Result<Option<JobGraph>> {
    let bytes = content.map(|content| content.header.job_graph.as_slice()).filter(|bytes| !bytes.is_empty());
    bytes.map(JobGraph::decode_bytes).transpose()
}

/// Refuses another time zone than the one that the job began with: it is part of the meaning of its statements, and of the rows
/// that are there already.
pub fn check_time_zone(began: &JobGraph, now: &JobGraph, url: &str) -> Result<()> {
    let key = LOCAL_TIME_ZONE.key;
    let (Some(then), Some(zone)) = (began.options.get(key), now.options.get(key)) else { return Ok(()) };
    if then == zone {
        return Ok(());
    }
    let text = format!(
        "'{key}' is '{zone}', but the job began with '{then}' ({url}), and its statements mean something else with another one: \
         set it to '{then}', or start over with --fresh and without --from-savepoint"
    );
    Err(Failure::refused("job.changed", text))
}

/// What to say of options whose value became part of the plan and is another now: the job goes on with the one it began with.
pub fn notices(began: &JobGraph, now: &JobGraph) -> Vec<String> {
    let changed = began.options.iter().filter_map(|(key, then)| {
        let now = now.options.get(key).filter(|now| *now != then)?;
        Some(format!(
            "'{key}' is '{now}', but the job goes on with '{then}', with which it began; one that starts over with --fresh \
             takes the new value"
        ))
    });
    changed.collect()
}

/// True if all rows that the plan's sinks get are hashed, which is decided when a job begins.
pub fn hashes_results(plan: &JobGraph) -> bool {
    let mut sinks = plan.nodes.iter().filter(|node| node.role() == Role::Sink);
    sinks.all(|node| node.write.as_ref().is_some_and(|write| write.result_hash))
}
