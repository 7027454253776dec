//! Owns what operators remember: tables of rows by key, what of them changed since the last checkpoint, and the run files
//! in which changes are stored.
//! Does not own: when a checkpoint is taken and where its files go (`checkpoint`), what the rows mean (`operators`).
//!
//! | table | finds a row by | for |
//! |---|---|---|
//! | [`KeyedTable`] | key | group aggregation, deduplication |
//! | [`SlicedTable`] | end of a slice of time, then key | windows |
//! | [`OrderedTable`] | key, then bytes in order | retractable MIN and MAX, sessions, Top-N |
//! | [`TimerTable`] | time, then key | timers |
//! | [`ListState`] | nothing | small state of sources and sinks |
//!
//! A checkpoint calls [`StateTable::freeze`] at the barrier, then [`StateTable::gather`] between batches until it is done,
//! and hands the [`DeltaSink`] to [`run_file::write`] on another thread. After a restore the run files are the [`Home`] of the
//! tables' rows: [`Filling`] knows which are in memory, and puts what has been read into the tables.

mod arena;
mod block;
mod buckets;
mod changes;
mod delta;
mod descriptor;
mod failure;
mod filling;
mod group_table;
mod home;
mod index;
mod keyed;
mod list;
mod ordered;
mod records;
mod rewrite;
mod rows;
pub mod run_file;
mod sliced;
mod sort_key;
mod timers;
mod touch;

pub use buckets::Buckets;
pub use delta::{DeltaSink, Entry};
pub use descriptor::{Distribution, Scope, StateTable, TableDescriptor, ValueField, ValueKind};
pub use filling::Filling;
pub use group_table::{BLOCK_ROWS, GroupTable};
pub use home::{Home, HomeRows, HomeRun, HomeTable, RunSource};
pub use keyed::KeyedTable;
pub use list::ListState;
pub use ordered::OrderedTable;
pub use rewrite::Rewrite;
pub use rows::{BytesMut, RecordParts, RecordsMut};
pub use sliced::SlicedTable;
pub use sort_key::time_of as time_of_order;
pub use timers::TimerTable;
pub use touch::{stop_touching, touch_fresh_memory};
