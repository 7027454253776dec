//! What a job decides: the entries of the decision log.

use prost::{Message, Oneof};
use tidemill_core::CheckpointId;

use crate::history::EndState;
use crate::manifest::{ObjectRef, StoredKind};

/// An entry of the log, as it is stored.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Drawn by each process that opens the log: tells its own entries from those of others.
    #[prost(fixed64, tag = "1")]
    pub nonce: u64,
    /// The generation that decided.
    #[prost(uint64, tag = "2")]
    pub generation: u64,
    /// The oldest entry that a reader of the log still needs.
    #[prost(uint64, tag = "3")]
    pub base: u64,
    /// What was decided.
    #[prost(oneof = "Decision", tags = "4, 5, 6, 7, 8")]
    pub decision: Option<Decision>,
}

/// What was decided.
#[derive(Clone, PartialEq, Oneof)]
pub enum Decision {
    /// A coordinator has taken over; all earlier ones are deposed.
    #[prost(message, tag = "4")]
    GenerationStarted(GenerationStarted),
    /// A checkpoint is complete: restore may use it.
    #[prost(message, tag = "5")]
    CheckpointCompleted(CheckpointCompleted),
    /// What the sinks had prepared for a checkpoint, and for all before it, is visible.
    #[prost(message, tag = "6")]
    Committed(Committed),
    /// The job has another shape from a checkpoint on.
    #[prost(message, tag = "7")]
    ShapeChanged(ShapeChanged),
    /// The job has ended.
    #[prost(message, tag = "8")]
    Ended(Ended),
}

/// See [`Decision::GenerationStarted`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct GenerationStarted {
    /// Its number, from 1; never used twice.
    #[prost(uint64, tag = "1")]
    pub generation: u64,
    /// The parallelism it starts with.
    #[prost(uint32, tag = "2")]
    pub parallelism: u32,
    /// The checkpoint it goes on from; 0 for none. Later ones are given up.
    #[prost(uint64, tag = "3")]
    pub restored_from: CheckpointId,
    /// The savepoint it begins with; empty for none.
    #[prost(string, tag = "4")]
    pub savepoint_url: String,
}

/// See [`Decision::CheckpointCompleted`].
#[derive(Clone, PartialEq, Message)]
pub struct CheckpointCompleted {
    /// The checkpoint.
    #[prost(uint64, tag = "1")]
    pub checkpoint: CheckpointId,
    /// Its manifest.
    #[prost(message, optional, tag = "2")]
    pub root: Option<ObjectRef>,
    /// Why it was taken.
    #[prost(enumeration = "StoredKind", tag = "3")]
    pub kind: i32,
    /// How many prepared items its manifest holds for committers.
    #[prost(uint64, tag = "4")]
    pub committables: u64,
    /// Where its savepoint is being written; empty for none.
    #[prost(string, tag = "5")]
    pub savepoint_url: String,
}

/// See [`Decision::Committed`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Committed {
    /// The checkpoint.
    #[prost(uint64, tag = "1")]
    pub checkpoint: CheckpointId,
}

/// See [`Decision::ShapeChanged`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ShapeChanged {
    /// The checkpoint with which the shape became true.
    #[prost(uint64, tag = "1")]
    pub checkpoint: CheckpointId,
    /// The new parallelism.
    #[prost(uint32, tag = "2")]
    pub parallelism: u32,
}

/// See [`Decision::Ended`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Ended {
    /// How.
    #[prost(enumeration = "EndState", tag = "1")]
    pub state: i32,
    /// The failure that ended it; empty for none.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl Decision {
    /// A checkpoint is complete, with the manifest at `root`.
    pub fn checkpoint_completed(
        checkpoint: CheckpointId,
        root: ObjectRef,
        kind: StoredKind,
        committables: u64,
    ) -> Decision {
        Decision::CheckpointCompleted(CheckpointCompleted {
            checkpoint,
            root: Some(root),
            kind: kind.into(),
            committables,
            savepoint_url: String::new(),
        })
    }

    /// The output of a checkpoint is visible.
    pub fn committed(checkpoint: CheckpointId) -> Decision {
        Decision::Committed(Committed { checkpoint })
    }

    /// The job has ended.
    pub fn ended(state: EndState, message: impl Into<String>) -> Decision {
        Decision::Ended(Ended { state: state.into(), message: message.into() })
    }
}
