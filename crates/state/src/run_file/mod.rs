//! Run files: what a delta is stored as. Every byte is described in `docs/formats.md`.
//!
//! Sorted by (top 16 bits of the key's hash, key, order), in units of whole 4 KiB pages with a checksum each; an index
//! with the first key of every unit, searched by interpolation over the hash bits, which are evenly spread. Any
//! range of key groups is one contiguous part of the file, whatever their number.

mod format;
mod read;
mod write;

pub use format::{FORMAT, PAGE};
pub use read::{ReadAt, RunReader, StoredRun};
pub use write::{RunPart, append, write};
