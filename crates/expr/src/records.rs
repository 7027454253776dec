//! Group records as accumulators see them: rows of 64-bit words on pages.
//!
//! A state table owns the pages; [`RecordsMut`] is a view of all of them with plain arithmetic from row to word, so that an
//! accumulator's inner loop has no call in it.

/// A view of the records of a table: row-major, every page holds the same power of two of rows.
pub struct RecordsMut<'a> {
    pages: Vec<&'a mut [u64]>,
    rows_per_page_log2: u32,
    words_per_row: usize,
}

impl<'a> RecordsMut<'a> {
    /// A view. Each page has room for `1 << rows_per_page_log2` records of `words_per_row` words; one may have fewer.
    pub fn new(pages: Vec<&'a mut [u64]>, rows_per_page_log2: u32, words_per_row: usize) -> RecordsMut<'a> {
        RecordsMut { pages, rows_per_page_log2, words_per_row }
    }

    /// Words of a record.
    pub fn words_per_row(&self) -> usize {
        self.words_per_row
    }

    /// `N` words of a record from word `at`.
    #[inline]
    pub fn words_mut<const N: usize>(&mut self, row: u32, at: usize) -> &mut [u64; N] {
        let (page, start) = self.place(row, at);
        // The slice has N words, so the conversion cannot fail.
        match (&mut self.pages[page][start..start + N]).try_into() {
            Ok(words) => words,
            Err(_) => unreachable!("a slice of N words is an array of N words"),
        }
    }

    /// `N` words of a record from word `at`, copied.
    #[inline]
    pub fn words<const N: usize>(&self, row: u32, at: usize) -> [u64; N] {
        let (page, start) = self.place(row, at);
        let mut words = [0; N];
        words.copy_from_slice(&self.pages[page][start..start + N]);
        words
    }

    /// Words `at..at + count` of a record.
    #[inline]
    pub fn slice(&self, row: u32, at: usize, count: usize) -> &[u64] {
        let (page, start) = self.place(row, at);
        &self.pages[page][start..start + count]
    }

    #[inline]
    fn place(&self, row: u32, at: usize) -> (usize, usize) {
        let in_page = row as usize & ((1 << self.rows_per_page_log2) - 1);
        ((row >> self.rows_per_page_log2) as usize, in_page * self.words_per_row + at)
    }
}
