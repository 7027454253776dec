//! `'connector' = 'filesystem'`: files in a directory as a table.
//!
//! Reading: an enumerator lists files ([`listing`]) and cuts large ones into splits ([`split`]); a reader decodes one split
//! after the other, from bytes that are read away from the slot's thread ([`blocks`]). Writing, exactly once: a writer writes files whose names begin with `.` (so that no reader sees them) and
//! closes them at every checkpoint; the committer renames them once the checkpoint is complete. A rename that was done already
//! is left alone, so commits may be repeated.

mod alive;
mod blocks;
mod committer;
mod connector;
mod csv_records;
mod enumerator;
mod io;
mod layout;
mod listing;
mod names;
mod options;
mod partition;
mod reader;
mod sink;
mod split;
mod stream;
mod writer;

pub use connector::{FilesystemConnector, KIND};
pub use enumerator::FilesystemSource;
pub use sink::FilesystemSink;
