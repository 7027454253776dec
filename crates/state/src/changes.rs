//! Which rows changed since the last checkpoint, and which of them the running checkpoint still has to take.
//!
//! Two bit sets over row numbers, dirty and frozen, their words side by side. A barrier exchanges their roles; the frozen
//! one is emptied row by row as rows are gathered, so that it can be the dirty one next time.

use crate::block::Block;

/// Two bits a row, a word of each for every 64 rows side by side, in memory that grows in place.
#[derive(Debug)]
pub(crate) struct BitPairs {
    memory: Block,
    /// Words in use.
    used: usize,
}

impl BitPairs {
    pub(crate) fn new() -> BitPairs {
        BitPairs { memory: Block::zeroed(0), used: 0 }
    }

    /// Makes room for so many rows.
    #[inline(always)]
    pub(crate) fn resize(&mut self, rows: usize) {
        let words = rows.div_ceil(64) * 2;
        if words > self.used {
            self.used = words;
            if words > self.memory.len() {
                self.memory.grow(words.next_power_of_two());
            }
        }
    }

    /// All words.
    #[inline(always)]
    pub(crate) fn words(&self) -> &[[u64; 2]] {
        self.memory[..self.used].as_chunks().0
    }

    /// All words, to be changed.
    #[inline(always)]
    pub(crate) fn words_mut(&mut self) -> &mut [[u64; 2]] {
        self.memory[..self.used].as_chunks_mut().0
    }

    /// No rows; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.words_mut().fill([0; 2]);
        self.used = 0;
    }

    /// Bytes in use.
    pub(crate) fn memory(&self) -> usize {
        self.used * size_of::<u64>()
    }
}

/// The two bit sets.
#[derive(Debug)]
pub(crate) struct Changes {
    bits: BitPairs,
    /// Which of the two is dirty.
    side: usize,
    /// Rows there is room for, and how many of them are dirty.
    rows: usize,
    dirty: usize,
    gathering: bool,
    /// Words before this one have no frozen row.
    cursor: usize,
}

impl Changes {
    /// Nothing is dirty or frozen.
    pub(crate) fn new() -> Changes {
        Changes { bits: BitPairs::new(), side: 0, rows: 0, dirty: 0, gathering: false, cursor: 0 }
    }

    /// Makes room for so many rows.
    #[inline(always)]
    pub(crate) fn resize(&mut self, rows: usize) {
        self.rows = self.rows.max(rows);
        self.bits.resize(rows);
    }

    /// The row is dirty.
    #[inline(always)]
    pub(crate) fn mark(&mut self, row: u32) {
        self.mark_all(&[row]);
    }

    /// All rows are dirty.
    #[inline(always)]
    pub(crate) fn mark_all(&mut self, rows: &[u32]) {
        if self.dirty == self.rows {
            return;
        }
        let (words, side) = (self.bits.words_mut(), self.side & 1);
        for row in rows {
            let (word, bit) = (&mut words[(*row / 64) as usize][side], 1 << (*row % 64));
            // Mostly it is marked already, and what is not written need not be waited for.
            if *word & bit == 0 {
                *word |= bit;
                self.dirty += 1;
            }
        }
    }

    /// The row is not dirty, whatever was done to it.
    pub(crate) fn forget(&mut self, row: u32) {
        let (word, bit) = (&mut self.bits.words_mut()[(row / 64) as usize][self.side & 1], 1 << (row % 64));
        self.dirty -= usize::from(*word & bit != 0);
        *word &= !bit;
    }

    /// True while frozen rows may be left.
    #[inline(always)]
    pub(crate) fn is_gathering(&self) -> bool {
        self.gathering
    }

    /// True if the row is frozen.
    #[inline(always)]
    pub(crate) fn is_frozen(&self, row: u32) -> bool {
        self.bits.words()[(row / 64) as usize][!self.side & 1] >> (row % 64) & 1 == 1
    }

    /// The row is not frozen any more.
    #[inline(always)]
    pub(crate) fn thaw(&mut self, row: u32) {
        self.bits.words_mut()[(row / 64) as usize][!self.side & 1] &= !(1 << (row % 64));
    }

    /// The dirty rows become the frozen ones. No row may be frozen before.
    pub(crate) fn freeze(&mut self) {
        debug_assert!(!self.gathering);
        self.side ^= 1;
        self.dirty = 0;
        self.gathering = !self.bits.words().is_empty();
        self.cursor = 0;
    }

    /// Freezes more rows: those of `words`, a bit for each row.
    pub(crate) fn freeze_also(&mut self, words: impl Iterator<Item = u64>) {
        let frozen = !self.side & 1;
        self.bits.words_mut().iter_mut().zip(words).for_each(|(word, more)| word[frozen] |= more);
    }

    /// The next frozen row, which is thawed; none ends the gathering.
    #[inline]
    pub(crate) fn next_frozen(&mut self) -> Option<u32> {
        if !self.gathering {
            return None;
        }
        let frozen = !self.side & 1;
        while let Some(word) = self.bits.words_mut().get_mut(self.cursor) {
            let bits = word[frozen];
            if bits != 0 {
                word[frozen] = bits & (bits - 1);
                return Some(self.cursor as u32 * 64 + bits.trailing_zeros());
            }
            self.cursor += 1;
        }
        self.gathering = false;
        None
    }

    /// A frozen row that comes a little later, to be fetched into the cache meanwhile.
    #[inline]
    pub(crate) fn frozen_ahead(&self, words: usize) -> Option<u32> {
        let at = self.cursor + words;
        let bits = self.bits.words().get(at)?[!self.side & 1];
        (bits != 0).then(|| at as u32 * 64 + bits.trailing_zeros())
    }

    /// Nothing is dirty or frozen.
    pub(crate) fn clear(&mut self) {
        self.bits.clear();
        (self.rows, self.dirty) = (0, 0);
        self.gathering = false;
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.bits.memory()
    }
}
