//! Group records as accumulators see them: rows of 64-bit words, one after the other.
//!
//! A state table owns the memory; [`RecordsMut`] is a view of it with plain arithmetic from row to word, so that an
//! accumulator's inner loop has no call in it.

/// A view of the records of a table.
pub struct RecordsMut<'a> {
    words: &'a mut [u64],
    words_per_row: usize,
    /// Words of the rows before the first one in `words`.
    skipped: usize,
}

impl<'a> RecordsMut<'a> {
    /// A view of records of `words_per_row` words, of which the first is that of row `first_row`.
    pub fn new(words: &'a mut [u64], words_per_row: usize, first_row: u32) -> RecordsMut<'a> {
        RecordsMut { words, words_per_row, skipped: first_row as usize * words_per_row }
    }

    /// Words of a record.
    pub fn words_per_row(&self) -> usize {
        self.words_per_row
    }

    /// `N` words of a record from word `at`.
    #[inline(always)]
    pub fn words_mut<const N: usize>(&mut self, row: u32, at: usize) -> &mut [u64; N] {
        let start = self.start(row, at);
        // The slice has N words, so the conversion cannot fail.
        match (&mut self.words[start..][..N]).try_into() {
            Ok(words) => words,
            Err(_) => unreachable!("a slice of N words is an array of N words"),
        }
    }

    /// `N` words of a record from word `at`, copied.
    #[inline(always)]
    pub fn words<const N: usize>(&self, row: u32, at: usize) -> [u64; N] {
        let mut words = [0; N];
        words.copy_from_slice(self.slice(row, at, N));
        words
    }

    /// Words `at..at + count` of a record.
    #[inline(always)]
    pub fn slice(&self, row: u32, at: usize, count: usize) -> &[u64] {
        &self.words[self.start(row, at)..][..count]
    }

    #[inline(always)]
    fn start(&self, row: u32, at: usize) -> usize {
        (row as usize * self.words_per_row).wrapping_add(at.wrapping_sub(self.skipped))
    }
}
