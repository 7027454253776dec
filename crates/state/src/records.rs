//! Records of one width, row-major, one after the other.

use crate::block::Block;
use crate::index::prefetch;

/// Rows of the smallest table.
const ROWS_MIN: usize = 16;

/// Records by row number.
#[derive(Debug)]
pub(crate) struct Records {
    words: Block,
    /// Words from a record to the next.
    stride: usize,
    /// A record may lie across two cache lines.
    two_lines: bool,
    rows: usize,
    /// Most rows there have been.
    rows_most: usize,
    /// Words that may be in use before the memory has to grow, or to be asked for.
    limit: usize,
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
        Records { words: Block::zeroed(0), stride, two_lines: 8 % stride != 0, rows: 0, rows_most: 0, limit: 0 }
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.rows_most.max(self.rows) * self.stride * size_of::<u64>()
    }

    /// Adds a record, whose content is whatever was there.
    pub(crate) fn push(&mut self) -> u32 {
        let row = self.rows;
        if (row + 1) * self.stride > self.limit {
            self.grow();
        }
        self.rows += 1;
        row as u32
    }

    #[cold]
    fn grow(&mut self) {
        let needed = (self.rows + 1) * self.stride;
        if needed > self.words.len() {
            // What is not touched costs nothing.
            self.words.grow((self.rows * 2).max(ROWS_MIN) * self.stride);
        }
        self.limit = self.words.reach(needed).min(self.words.len());
    }

    /// All records, one every [`stride`](Records::stride) words.
    #[inline(always)]
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The same, to be written.
    #[inline(always)]
    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// Words from a record to the next.
    #[inline(always)]
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// A record with all its words and those that fill it up to the stride.
    #[inline(always)]
    pub(crate) fn get(&self, row: u32) -> &[u64] {
        let start = row as usize * self.stride;
        &self.words[start..start + self.stride]
    }

    /// A record, to be written.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, row: u32) -> &mut [u64] {
        let start = row as usize * self.stride;
        &mut self.words[start..start + self.stride]
    }

    /// Asks for the cache lines of a record. A row that is not there is fine.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: u32) {
        let record = self.words.as_ptr().wrapping_add(row as usize * self.stride);
        prefetch(record);
        if self.two_lines {
            prefetch(record.wrapping_add(self.stride - 1));
        }
    }

    /// Removes all records and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.rows_most = self.rows_most.max(self.rows);
        self.rows = 0;
    }
}
