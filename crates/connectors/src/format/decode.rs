//! What decoders of byte streams have in common: bytes go in, rows come out, and the position is always between two records.

use arrow::array::ArrayRef;
use tidemill_core::Result;

/// Decodes records from a stream of bytes.
pub trait Decode: Send {
    /// Decodes from `data`, which begins with a record, until `rows_max` rows are there or no whole record is left. `last`: the
    /// input ends with `data`.
    fn decode(&mut self, data: &[u8], last: bool, rows_max: usize) -> Result<Decoded, Problem>;

    /// The bytes to leave out of data that begins with a record too long to be one; none: that is a mistake.
    fn skip(&self, _data: &[u8]) -> Option<usize> {
        None
    }

    /// Takes the rows decoded so far: as many columns as were asked for.
    fn finish(&mut self) -> Result<Vec<ArrayRef>>;
}

/// What comes next of a file.
pub enum Next {
    /// Columns and how many rows they have.
    Rows(Vec<ArrayRef>, usize),
    /// Bytes are on their way; the slot is woken when they are there.
    Waiting,
    /// Nothing follows.
    End,
}

/// How far a decoder got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Rows made.
    pub rows: usize,
    /// Bytes used, up to the beginning of the next record.
    pub bytes: usize,
}

/// A record that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the record begins in the data that was given.
    pub byte: usize,
    /// Further lines into the record.
    pub lines: u64,
    /// Number, from 1, and name of the column, if it is one column's.
    pub column: Option<(usize, String)>,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong and what was expected.
    pub text: String,
}
