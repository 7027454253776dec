//! Which files of a job may go, and deleting them.
//!
//! A file is deleted only if no retained manifest names it **and** nobody can name it any more:
//! * files of earlier generations: their coordinators are fenced, so no manifest of theirs will be completed;
//! * files of this generation that were written for a checkpoint below the newest manifest's floor;
//! * all files of this generation once the job has ended: none is on its way any more;
//! * never files of a later generation, and never anything whose name is not of our making.
//!
//! If a retained manifest cannot be read, nothing is deleted: what it names is not known. Doing it twice, or being killed in
//! the middle, does no harm.

use tidemill_core::map::Set;
use tidemill_core::{CheckpointId, Result};

use crate::job_directory::{JobDirectory, Origin};
use crate::log::DecisionLog;
use crate::manifest::CheckpointContent;
use crate::tree::read_tree;

/// How many completed checkpoints are kept by default (`execution.checkpointing.num-retained`): two, so that one is left when
/// the newest turns out to be damaged.
pub const RETAINED_DEFAULT: usize = 2;

/// What [`collect`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Files deleted.
    pub files: u64,
    /// Entries of the decision log deleted.
    pub decisions: u64,
    /// The oldest checkpoint that is kept; 0 for none.
    pub oldest_retained: CheckpointId,
}

/// Deletes what is no longer needed if the newest `retained_max` checkpoints are kept. Only the job's coordinator calls it,
/// after it has started its generation.
pub fn collect(directory: &JobDirectory, log: &mut DecisionLog, retained_max: usize) -> Result<Collected> {
    collect_below(directory, log, retained_max, CheckpointContent::floor)
}

/// The same once the job has ended: of this generation, too, only what a retained manifest names stays.
pub fn collect_ended(directory: &JobDirectory, log: &mut DecisionLog, retained_max: usize) -> Result<Collected> {
    collect_below(directory, log, retained_max, |_| CheckpointId::MAX)
}

fn collect_below(
    directory: &JobDirectory,
    log: &mut DecisionLog,
    retained_max: usize,
    floor_of: fn(&CheckpointContent) -> CheckpointId,
) -> Result<Collected> {
    let storage = directory.storage().as_ref();
    let history = log.history();
    let oldest = history.oldest_retained(retained_max).map(|completed| completed.checkpoint);
    let mut named: Set<String> = Set::default();
    let mut floor = 0;
    for completed in history.checkpoints.values().filter(|completed| Some(completed.checkpoint) >= oldest) {
        let (content, own) = read_tree(storage, &completed.root)?;
        named.extend(own);
        named.extend(content.runs().map(|run| run.path.clone()));
        floor = floor_of(&content);
    }
    let generation = log.generation();
    let may_go = |origin: Origin| {
        origin.generation < generation || (origin.generation == generation && origin.checkpoint < floor)
    };
    let mut collected = Collected { oldest_retained: oldest.unwrap_or(0), ..Collected::default() };
    for prefix in ["chk-", "state/"] {
        for path in storage.list(prefix)? {
            if JobDirectory::origin(&path).is_some_and(may_go) && !named.contains(&path) {
                storage.delete(&path)?;
                collected.files += 1;
            }
        }
    }
    if let Some(oldest) = oldest {
        collected.decisions = log.trim(oldest)?;
    }
    Ok(collected)
}
