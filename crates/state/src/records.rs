//! Records of one width, row-major, in chunks: growing never copies more than the first chunk.

use crate::block::{Block, HUGE_PAGE};
use crate::index::prefetch;

/// Rows of the smallest table.
const ROWS_MIN: usize = 16;

/// Records by row number.
#[derive(Debug)]
pub(crate) struct Records {
    chunks: Vec<Block>,
    /// Words from a record to the next.
    stride: usize,
    /// A chunk has two to the power of this many rows; only the first may have fewer.
    chunk_bits: u32,
    rows: usize,
}

impl Records {
    /// Records of so many words.
    pub(crate) fn new(words: usize) -> Records {
        // A word more where that keeps records within cache lines.
        let stride = match words {
            0 => 1,
            3 => 4,
            7 => 8,
            words => words,
        };
        let chunk_bits = (HUGE_PAGE / 8 / stride).next_power_of_two().trailing_zeros().max(4);
        Records { chunks: Vec::new(), stride, chunk_bits, rows: 0 }
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.chunks.iter().map(Block::memory).sum()
    }

    /// Adds a record, whose content is whatever was there.
    pub(crate) fn push(&mut self) -> u32 {
        let row = self.rows;
        let chunk = row >> self.chunk_bits;
        let held = self.chunks.get(chunk).map_or(0, |chunk| chunk.len() / self.stride);
        if row - (chunk << self.chunk_bits) >= held {
            self.grow(chunk, held);
        }
        self.rows += 1;
        row as u32
    }

    #[cold]
    fn grow(&mut self, chunk: usize, held: usize) {
        if chunk > 0 {
            self.chunks.push(Block::zeroed(self.stride << self.chunk_bits));
            return;
        }
        let rows = (held * 2).clamp(ROWS_MIN, 1 << self.chunk_bits);
        let mut larger = Block::zeroed(rows * self.stride);
        if let Some(first) = self.chunks.first_mut() {
            larger[..first.len()].copy_from_slice(first);
            *first = larger;
        } else {
            self.chunks.push(larger);
        }
    }

    #[inline(always)]
    fn place(&self, row: u32) -> (usize, usize) {
        let row = row as usize;
        (row >> self.chunk_bits, (row & ((1 << self.chunk_bits) - 1)) * self.stride)
    }

    /// A record with all its words and those that fill it up to the stride.
    #[inline(always)]
    pub(crate) fn get(&self, row: u32) -> &[u64] {
        let (chunk, start) = self.place(row);
        &self.chunks[chunk][start..start + self.stride]
    }

    /// A record, to be written.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, row: u32) -> &mut [u64] {
        let (chunk, start) = self.place(row);
        let stride = self.stride;
        &mut self.chunks[chunk][start..start + stride]
    }

    /// All memory, chunk by chunk, each with two to the power of [`chunk_bits`](Records::chunk_bits) records of
    /// [`stride`](Records::stride) words (the first may have fewer).
    pub(crate) fn chunks_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [u64]> {
        self.chunks.iter_mut().map(|chunk| &mut chunk[..])
    }

    /// Binary logarithm of the records of a chunk.
    pub(crate) fn chunk_bits(&self) -> u32 {
        self.chunk_bits
    }

    /// Words from a record to the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Asks for a record's cache lines.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: u32) {
        let (chunk, start) = self.place(row);
        if let Some(chunk) = self.chunks.get(chunk) {
            let first = chunk.as_ptr().wrapping_add(start);
            prefetch(first);
            if 8 % self.stride != 0 {
                prefetch(first.wrapping_add(self.stride - 1));
            }
        }
    }

    /// Removes all records and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.rows = 0;
    }
}
