//! What a job goes on from: the newest completed checkpoint whose files are whole, and the output it still has to commit.
//!
//! An older checkpoint may take the place of a damaged one only if no output was prepared after it: a later checkpoint's
//! output may be visible already, and going on from before it would write that output twice. Otherwise the job is refused.

use tidemill_core::{CheckpointId, Failure, FailureClass, Result};

use crate::history::{CompletedCheckpoint, History};
use crate::job_directory::JobDirectory;
use crate::manifest::CheckpointContent;
use crate::tree::{read_checkpoint, verify_run};

/// How much is read before a checkpoint is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// All of its manifest and every byte of every run.
    #[default]
    Everything,
    /// Only its manifest; a damaged run is found when it is read.
    Manifest,
}

/// What to consider.
#[derive(Clone, Debug, Default)]
pub struct ResolveOptions {
    /// How much is read before a checkpoint is trusted.
    pub verification: Verification,
    /// Checkpoints that turned out to be damaged while they were used.
    pub damaged: Vec<CheckpointId>,
}

/// What a job goes on from.
#[derive(Clone, Debug, Default)]
pub struct Resolution {
    /// The checkpoint to restore; none if the job begins at its beginning (or at its savepoint).
    pub restore: Option<Restore>,
    /// The savepoint to begin with, where an earlier start was given one and no checkpoint was completed since.
    pub savepoint_url: Option<String>,
    /// Prepared output that the log does not call visible yet, oldest checkpoint first: to be committed before anything else.
    pub commit_again: Vec<CommitAgain>,
    /// True if the job has read all its input and committed all its output: there is nothing to do.
    pub finished: bool,
    /// The smallest number that no checkpoint of this job had.
    pub next_checkpoint: CheckpointId,
    /// Damaged checkpoints that were passed over, with the reason.
    pub passed_over: Vec<(CheckpointId, String)>,
}

/// The checkpoint to restore.
#[derive(Clone, Debug)]
pub struct Restore {
    /// What the log says about it.
    pub completed: CompletedCheckpoint,
    /// What it holds.
    pub content: CheckpointContent,
    /// Its URL, for reports.
    pub url: String,
}

/// Output to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitAgain {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Prepared items by operator (32 hex digits).
    pub committables: Vec<(String, Vec<Vec<u8>>)>,
}

/// Finds what the job goes on from. Writes nothing.
///
/// Fails with `checkpoint.damaged` (refused) if no checkpoint can be used without losing or repeating something.
pub fn resolve(directory: &JobDirectory, history: &History, options: &ResolveOptions) -> Result<Resolution> {
    let mut resolution = Resolution {
        finished: history.is_finished(),
        next_checkpoint: history.checkpoint_max + 1,
        ..Resolution::default()
    };
    if history.checkpoints.is_empty() && !history.savepoint_url.is_empty() {
        resolution.savepoint_url = Some(history.savepoint_url.clone());
    }
    for completed in history.checkpoints.values().rev() {
        match read_whole(directory, completed, options) {
            Ok(content) => {
                resolution.commit_again = uncommitted(directory, history, completed.checkpoint)?;
                let url = directory.storage().url(&completed.root.path);
                resolution.restore = Some(Restore { completed: completed.clone(), content, url });
                return Ok(resolution);
            }
            Err(failure) if failure.is_retryable() || failure.class() == FailureClass::Refused => return Err(failure),
            Err(failure) if resolution.finished => {
                // Nothing is left to restore or to commit: damage does no harm any more.
                resolution.passed_over.push((completed.checkpoint, failure.to_string()));
            }
            Err(failure) if completed.committables > 0 => {
                let text = format!(
                    "checkpoint {} cannot be read ({}), and output written before it may be visible already, so going on \
                     from an older one would write it twice: restore the file from a copy, go on from a savepoint, or \
                     start over with --fresh",
                    completed.checkpoint,
                    failure.message()
                );
                return Err(Failure::refused("checkpoint.damaged", text));
            }
            Err(failure) => resolution.passed_over.push((completed.checkpoint, failure.message().to_string())),
        }
    }
    match resolution.passed_over.first() {
        Some((checkpoint, reason)) if !resolution.finished => {
            let text = format!(
                "none of the job's {} checkpoints can be read; the newest is {checkpoint} ({reason}): restore the files \
                 from a copy, go on from a savepoint, or start over with --fresh",
                resolution.passed_over.len()
            );
            Err(Failure::refused("checkpoint.damaged", text))
        }
        _ => Ok(resolution),
    }
}

fn read_whole(
    directory: &JobDirectory,
    completed: &CompletedCheckpoint,
    options: &ResolveOptions,
) -> Result<CheckpointContent> {
    if options.damaged.contains(&completed.checkpoint) {
        return Err(Failure::fatal("checkpoint.corrupt", "its files were found damaged while they were used"));
    }
    let storage = directory.storage().as_ref();
    let content = read_checkpoint(storage, &completed.root)?;
    if options.verification == Verification::Everything {
        for run in content.runs() {
            verify_run(storage, run).map_err(|failure| damage(storage, &run.path, run.offset + run.len, failure))?;
        }
    }
    Ok(content)
}

/// A file that is too short is damaged, however often one tries; other troubles may pass.
fn damage(storage: &dyn tidemill_core::storage::Storage, path: &str, end: u64, failure: Failure) -> Failure {
    if !failure.is_retryable() {
        return failure;
    }
    match storage.get(path) {
        Ok(bytes) if (bytes.len() as u64) < end => Failure::fatal("checkpoint.corrupt", failure.message()),
        _ => failure,
    }
}

/// The prepared output of all checkpoints up to `last` that the log does not call visible.
fn uncommitted(directory: &JobDirectory, history: &History, last: CheckpointId) -> Result<Vec<CommitAgain>> {
    let pending = history.checkpoints.range(..=last).map(|(_, completed)| completed);
    pending
        .filter(|completed| !completed.committed && completed.committables > 0)
        .map(|completed| {
            let content = read_checkpoint(directory.storage().as_ref(), &completed.root).map_err(|failure| {
                if failure.is_retryable() {
                    return failure;
                }
                let text = format!(
                    "the output prepared for checkpoint {} may not be visible yet, and its manifest cannot be read ({}): \
                     restore the file from a copy, or start over with --fresh",
                    completed.checkpoint,
                    failure.message()
                );
                Failure::refused("checkpoint.damaged", text)
            })?;
            Ok(CommitAgain { checkpoint: completed.checkpoint, committables: content.committables() })
        })
        .collect()
}
