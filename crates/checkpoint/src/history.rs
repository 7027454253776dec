//! What the entries of the decision log say together. Pure: a fold over entries in order.

use std::collections::BTreeMap;

use tidemill_core::{CheckpointId, Failure, Result};

use crate::decision::{CheckpointCompleted, Decision, Entry};
use crate::manifest::{ObjectRef, StoredKind};

/// How a job has ended. The numbers are stored: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum EndState {
    /// Not ended.
    Unspecified = 0,
    /// All input is read and all output committed; the job never runs again.
    Finished = 1,
    /// Stopped with a savepoint; may go on.
    Stopped = 2,
    /// Stopped by the user; may go on.
    Canceled = 3,
    /// Given up after a failure; may be tried again.
    Failed = 4,
}

/// A completed checkpoint that was not given up.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletedCheckpoint {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// The log entry that completed it.
    pub number: u64,
    /// Its manifest.
    pub root: ObjectRef,
    /// Why it was taken.
    pub kind: StoredKind,
    /// How many prepared items it holds for committers.
    pub committables: u64,
    /// True once the log says that they are visible.
    pub committed: bool,
    /// Where its savepoint is; empty for none.
    pub savepoint_url: String,
}

/// What the log says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The newest generation; 0 before the first.
    pub generation: u64,
    /// The parallelism it was started with or changed to; 0 before the first, or if that entry is no longer needed (manifests
    /// hold it too).
    pub parallelism: u32,
    /// The savepoint the job began with; empty for none.
    pub savepoint_url: String,
    /// The largest checkpoint number ever completed.
    pub checkpoint_max: CheckpointId,
    /// The completed checkpoints, oldest first; those that collection has dropped are gone.
    pub checkpoints: BTreeMap<CheckpointId, CompletedCheckpoint>,
    /// How the job has ended, if it has, with the failure's text.
    pub ended: Option<(EndState, String)>,
}

impl History {
    /// Adds what entry `number` says.
    pub fn apply(&mut self, number: u64, entry: &Entry) -> Result<()> {
        let unknown = || {
            let text =
                format!("decision {number} is of a kind this version does not know: use a newer version of Tidemill");
            Failure::refused("checkpoint.format", text)
        };
        self.generation = self.generation.max(entry.generation);
        match entry.decision.as_ref().ok_or_else(unknown)? {
            Decision::GenerationStarted(started) => {
                self.generation = started.generation;
                self.parallelism = started.parallelism;
                self.savepoint_url.clone_from(&started.savepoint_url);
                self.ended = None;
                self.checkpoints.retain(|checkpoint, _| *checkpoint <= started.restored_from);
            }
            Decision::CheckpointCompleted(completed) => {
                let completed = completed_checkpoint(number, completed).ok_or_else(unknown)?;
                self.checkpoint_max = self.checkpoint_max.max(completed.checkpoint);
                self.checkpoints.insert(completed.checkpoint, completed);
            }
            Decision::Committed(committed) => {
                for (_, checkpoint) in self.checkpoints.range_mut(..=committed.checkpoint) {
                    checkpoint.committed = true;
                }
            }
            Decision::ShapeChanged(changed) => self.parallelism = changed.parallelism,
            Decision::Ended(ended) => {
                let state = EndState::try_from(ended.state).map_err(|_| unknown())?;
                self.ended = Some((state, ended.message.clone()));
            }
        }
        Ok(())
    }

    /// The newest completed checkpoint.
    pub fn latest(&self) -> Option<&CompletedCheckpoint> {
        self.checkpoints.values().next_back()
    }

    /// True once the job has read all its input and committed all its output.
    pub fn is_finished(&self) -> bool {
        matches!(self.ended, Some((EndState::Finished, _)))
    }

    /// The oldest checkpoint to keep, if the newest `retained_max` (at least one) are kept and all whose output may not be
    /// visible yet.
    pub fn oldest_retained(&self, retained_max: usize) -> Option<&CompletedCheckpoint> {
        let newest =
            self.checkpoints.values().rev().nth(retained_max.max(1) - 1).or(self.checkpoints.values().next())?;
        let uncommitted =
            self.checkpoints.values().find(|checkpoint| !checkpoint.committed && checkpoint.committables > 0);
        Some(uncommitted.filter(|checkpoint| checkpoint.checkpoint < newest.checkpoint).unwrap_or(newest))
    }
}

fn completed_checkpoint(number: u64, completed: &CheckpointCompleted) -> Option<CompletedCheckpoint> {
    Some(CompletedCheckpoint {
        checkpoint: completed.checkpoint,
        number,
        root: completed.root.clone()?,
        kind: StoredKind::try_from(completed.kind).ok()?,
        committables: completed.committables,
        committed: false,
        savepoint_url: completed.savepoint_url.clone(),
    })
}
