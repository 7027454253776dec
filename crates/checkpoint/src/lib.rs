//! Owns what makes a job durable: the decision log, manifests, what to restore and what to delete, savepoints, and the stores
//! they are written to.
//! Does not own: tables and run files (`state`), who takes a checkpoint and when (`runtime`), what a sink commits (`dataflow`).
//!
//! Everything here is called on I/O threads and talks to the world only through [`tidemill_core::storage::Storage`].
//! `docs/formats.md` describes every byte that is written.

pub mod collection;
pub mod decision;
pub mod envelope;
pub mod file_storage;
pub mod history;
pub mod identity;
pub mod job_directory;
pub mod log;
pub mod manifest;
pub mod memory_storage;
mod mistaken;
pub mod object_storage;
mod reserved;
pub mod resolver;
pub mod savepoint;
pub mod savepoint_table;
pub mod table_descriptor;
pub mod tree;

pub use collection::{Collected, collect, collect_ended};
pub use decision::Decision;
pub use file_storage::FileStorage;
pub use history::{CompletedCheckpoint, EndState, History};
pub use identity::{Claim, JobIdentity};
pub use job_directory::JobDirectory;
pub use log::{AppendError, DecisionLog};
pub use manifest::{CheckpointContent, ObjectRef, RunRef};
pub use memory_storage::MemoryStorage;
pub use object_storage::{ObjectStorage, open, open_existing};
pub use resolver::{Resolution, ResolveOptions, Verification, resolve};
pub use savepoint::{PreparedSavepoint, Savepoint, SavepointTable, read_savepoint, write_savepoint};
pub use savepoint_table::{StateEntry, TableColumns, ValueDecoder, read_table};
pub use table_descriptor::{decode_descriptor, encode_descriptor};
pub use tree::{read_checkpoint, write_checkpoint, write_part, write_root};
