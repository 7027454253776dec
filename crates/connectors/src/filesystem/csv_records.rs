//! Where records of CSV end: at line ends outside quotes, by the rules of the decoder. A quote opens only at the beginning of a
//! field; within a field it is text; behind a quote within quotes another one means itself.

use crate::format::csv::CsvOptions;

/// Where one stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before a record.
    Record,
    /// Before a field that is not the first.
    Field,
    /// In a field without quotes, or behind the quotes of one.
    Text,
    Quoted,
    /// Behind an escape character.
    Escaped,
    /// Behind a quote within quotes.
    Quote,
    Comment,
}

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
        self.at = self.behind(byte);
        byte == b'\n' && self.at == At::Record
    }

    fn behind(&self, byte: u8) -> At {
        let CsvOptions { delimiter, quote, escape, comments, .. } = self.options;
        let is_quote = Some(byte) == *quote;
        match self.at {
            At::Comment if byte == b'\n' => At::Record,
            At::Comment => At::Comment,
            At::Quoted if is_quote => At::Quote,
            At::Quoted if Some(byte) == *escape => At::Escaped,
            At::Quoted | At::Escaped => At::Quoted,
            At::Quote if is_quote => At::Quoted,
            At::Record if *comments && byte == b'#' => At::Comment,
            At::Record | At::Field if is_quote => At::Quoted,
            _ if byte == *delimiter => At::Field,
            _ if byte == b'\n' || byte == b'\r' => At::Record,
            _ => At::Text,
        }
    }
}
