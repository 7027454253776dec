//! Owns what every crate shares: batches, elements, time, ids, keys and hashes, options, failures, metrics, memory and the
//! interfaces to the world outside ([`env`](mod@env), [`storage`]).
//! Does not own: SQL types and expressions (`expr`), state (`state`), anything that runs (`dataflow`, `runtime`).

pub mod batch;
mod bounds;
pub mod element;
pub mod env;
pub mod event_time;
pub mod failure;
pub mod hash;
pub mod ids;
pub mod key;
pub mod key_group;
pub mod map;
pub mod memory;
pub mod metrics;
pub mod options;
pub mod row_kind;
pub mod storage;
pub mod strings;

pub use batch::{Batch, KeyHashes, TimeBounds};
pub use bounds::bounds;
pub use element::{Barrier, CheckpointKind, Element, Progress};
pub use env::{Env, Now};
pub use event_time::EventTime;
pub use failure::{Failure, FailureClass, Result};
pub use ids::{CheckpointId, InputId, JobId, OperatorId, SubtaskIndex};
pub use key::{KeyDecoder, KeyEncoder, KeyLayout, KeyRef, Keys};
pub use key_group::{KeyGroupSet, KeyGroups, Routing};
pub use row_kind::RowKind;
