//! Which rows changed since the last checkpoint, and which of them the running checkpoint still has to take.
//!
//! Two bit sets over row numbers, dirty and frozen, their words side by side. A barrier exchanges their roles; the frozen
//! one is emptied row by row as rows are gathered, so that it can be the dirty one next time.

/// The two bit sets.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    words: Vec<[u64; 2]>,
    /// Which of the two is dirty.
    side: usize,
    gathering: bool,
    /// Words before this one have no frozen row.
    cursor: usize,
}

impl Changes {
    /// Makes room for so many rows.
    #[inline]
    pub(crate) fn resize(&mut self, rows: usize) {
        let words = rows.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, [0; 2]);
        }
    }

    /// The row is dirty.
    #[inline(always)]
    pub(crate) fn mark(&mut self, row: u32) {
        self.words[(row / 64) as usize][self.side & 1] |= 1 << (row % 64);
    }

    /// All rows are dirty.
    #[inline(always)]
    pub(crate) fn mark_all(&mut self, rows: &[u32]) {
        let (words, side) = (&mut self.words[..], self.side & 1);
        for row in rows {
            let (word, bit) = (&mut words[(*row / 64) as usize][side], 1 << (*row % 64));
            // Mostly it is marked already, and what is not written need not be waited for.
            if *word & bit == 0 {
                *word |= bit;
            }
        }
    }

    /// The row is not dirty, whatever was done to it.
    pub(crate) fn forget(&mut self, row: u32) {
        self.words[(row / 64) as usize][self.side & 1] &= !(1 << (row % 64));
    }

    /// True while frozen rows may be left.
    #[inline(always)]
    pub(crate) fn is_gathering(&self) -> bool {
        self.gathering
    }

    /// True if the row is frozen.
    #[inline(always)]
    pub(crate) fn is_frozen(&self, row: u32) -> bool {
        self.words[(row / 64) as usize][!self.side & 1] >> (row % 64) & 1 == 1
    }

    /// The row is not frozen any more.
    #[inline(always)]
    pub(crate) fn thaw(&mut self, row: u32) {
        self.words[(row / 64) as usize][!self.side & 1] &= !(1 << (row % 64));
    }

    /// The dirty rows become the frozen ones. No row may be frozen before.
    pub(crate) fn freeze(&mut self) {
        debug_assert!(!self.gathering);
        self.side ^= 1;
        self.gathering = !self.words.is_empty();
        self.cursor = 0;
    }

    /// Freezes more rows: those of `words`, a bit for each row.
    pub(crate) fn freeze_also(&mut self, words: impl Iterator<Item = u64>) {
        let frozen = !self.side & 1;
        self.words.iter_mut().zip(words).for_each(|(word, more)| word[frozen] |= more);
    }

    /// The next frozen row, which is thawed; none ends the gathering.
    #[inline]
    pub(crate) fn next_frozen(&mut self) -> Option<u32> {
        if !self.gathering {
            return None;
        }
        let frozen = !self.side & 1;
        while let Some(word) = self.words.get_mut(self.cursor) {
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
        let bits = self.words.get(at)?[!self.side & 1];
        (bits != 0).then(|| at as u32 * 64 + bits.trailing_zeros())
    }

    /// Nothing is dirty or frozen.
    pub(crate) fn clear(&mut self) {
        self.words.fill([0; 2]);
        self.gathering = false;
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.words.capacity() * 16
    }
}
