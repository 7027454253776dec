//! Where records of CSV end: at line ends outside quotes, by the rules of the decoder.

use crate::format::csv::CsvOptions;
use crate::format::csv_escape::At;

/// Follows the bytes of a file.
#[derive(Debug)]
pub struct CsvRecords<'a> {
    options: &'a CsvOptions,
    at: At,
}

impl CsvRecords<'_> {
    /// At the beginning of a file.
    pub fn new(options: &CsvOptions) -> CsvRecords<'_> {
        CsvRecords { options, at: At::Record }
    }

    /// True if a record may begin behind this byte, a line feed.
    pub fn ends_with(&mut self, byte: u8) -> bool {
        self.at = self.at.behind(byte, self.options);
        byte == b'\n' && self.at == At::Record
    }
}
